//! Numbers of a kernel: `let name: Bits<N> = expr;`.
//!
//! rust-hdl's kernels have no `let`, and print the name of a Rust constant as it stands. So a number becomes a constant of the kernel's
//! trait, `Self::name`, which Rust evaluates in the simulation; the printer is told its value beside the statements.

use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeMap;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, Ident, Local, Pat, PatType, Stmt, Type};

/// A kernel's numbers, in order.
pub(crate) struct Numbers(Vec<Number>);

struct Number {
    name: Ident,
    /// The width, as it stands between the angle brackets.
    width: TokenStream,
    value: Expr,
}

impl Numbers {
    /// Takes the `let`s away from the start of `block`.
    pub(crate) fn take(block: &mut Block) -> syn::Result<Self> {
        let mut numbers = vec![];
        while matches!(block.stmts.first(), Some(Stmt::Local(_))) {
            if let Stmt::Local(local) = block.stmts.remove(0) {
                numbers.push(Number::parse(&local)?);
            }
        }
        Ok(Self(numbers))
    }

    /// Gives the numbers their width where `block` uses them.
    pub(crate) fn give_width(&self, block: &mut Block) {
        let widths = self.0.iter().map(|n| (n.name.to_string(), n.width.clone()));
        Uses(widths.collect()).visit_block_mut(block);
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        self.0.iter().map(|n| &n.name)
    }

    /// The widths, as const expressions.
    pub(crate) fn widths(&self) -> impl Iterator<Item = TokenStream> + '_ {
        self.0.iter().map(|n| {
            let width = &n.width;
            quote!({ #width })
        })
    }

    /// The values, as const expressions: a number in one is a `usize`.
    pub(crate) fn values(&self) -> impl Iterator<Item = Expr> + '_ {
        self.0.iter().map(|n| {
            let mut value = n.value.clone();
            Constants(self).visit_expr_mut(&mut value);
            value
        })
    }
}

impl Number {
    fn parse(local: &Local) -> syn::Result<Self> {
        let shape = "a kernel knows only `let name: Bits<N> = expr;`";
        let refused = || syn::Error::new_spanned(local, shape);
        let (Pat::Type(PatType { pat, ty, .. }), Some(init)) = (&local.pat, &local.init) else {
            return Err(refused());
        };
        let (Pat::Ident(name), Type::Path(path)) = (&**pat, &**ty) else {
            return Err(refused());
        };
        match path.path.segments.last() {
            Some(last) if last.ident == "Bits" => match &last.arguments {
                syn::PathArguments::AngleBracketed(width) => {
                    let width = &width.args;
                    Ok(Self {
                        name: name.ident.clone(),
                        width: quote!(#width),
                        value: (*init.expr).clone(),
                    })
                }
                _ => Err(refused()),
            },
            _ => Err(refused()),
        }
    }
}

/// Replaces the names of numbers in the values of others.
struct Constants<'a>(&'a Numbers);

impl VisitMut for Constants<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Path(path) = expr {
            let name = path.path.get_ident();
            if let Some(name) = name.filter(|name| self.0.names().any(|n| n == *name)) {
                *expr = syn::parse_quote!((Self::#name as usize));
                return;
            }
        }
        visit_mut::visit_expr_mut(self, expr);
    }
}

/// Replaces the names by numbers of their width, by name.
struct Uses(BTreeMap<String, TokenStream>);

impl VisitMut for Uses {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Path(path) = expr {
            if let Some(name) = path.path.get_ident() {
                if let Some(width) = self.0.get(&name.to_string()) {
                    *expr = syn::parse_quote!(bits::<#width>(Self::#name));
                    return;
                }
            }
        }
        visit_mut::visit_expr_mut(self, expr);
    }
}
