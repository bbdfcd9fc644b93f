//! `#[block]`: a struct to a block.

use crate::documentation;
use proc_macro2::TokenStream;
use quote::{quote, ToTokens};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, Field, Fields, Ident, ItemStruct, Token, Type, Visibility};

/// `head` is what the source file says of itself.
pub(crate) fn expand(
    conditions: TokenStream,
    item: TokenStream,
    head: &[String],
) -> syn::Result<TokenStream> {
    let conditions = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(conditions)?;
    let mut item: ItemStruct = syn::parse2(item)?;
    let doc = documentation::of(&item.attrs);
    let mut fields = vec![];
    if let Fields::Named(named) = &mut item.fields {
        for field in &mut named.named {
            fields.extend(BlockField::take(field)?);
        }
    }
    let name = &item.ident;
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    let checks = conditions.iter().map(|c| quote!(const { assert!(#c) };));
    let defaults = fields.iter().map(BlockField::default_value);
    let descriptions = fields.iter().map(BlockField::description);
    let parts: Vec<_> = fields.iter().filter(|f| f.is_part()).collect();
    let names: Vec<_> = parts.iter().map(|f| &f.name).collect();
    let paths: Vec<_> = names.iter().map(|name| name.to_string()).collect();
    let port = |port: &str| fields.iter().any(|f| f.name == port).then_some(());
    let (clk, rst) = (port("clk"), port("rst"));
    let reset = match rst {
        Some(()) => quote!(Some(self.rst.val())),
        None => quote!(None),
    };
    let has_reset = rst.is_some();
    let clock_parts = clk.map(|()| {
        quote! {
            let (clk, rst) = (self.clk.val(), #reset);
            #(::handclasp_verilog::Clocked::clock(&mut self.#names, clk, rst);)*
        }
    });
    if let (None, Some(part)) = (clk, parts.first()) {
        let message = "a block with registers or children needs a port `clk`";
        return Err(syn::Error::new(part.name.span(), message));
    }
    let ports: Vec<Ident> = [("clk", clk), ("rst", rst)]
        .into_iter()
        .filter_map(|(name, port)| port.map(|()| quote::format_ident!("{name}")))
        .collect();
    let own_clock = clk.map(|()| quote!(self.clk.next = clk;));
    let own_reset = rst.map(|()| {
        quote! {
            if let Some(rst) = rst {
                self.rst.next = rst;
            }
        }
    });
    let port_names: Vec<_> = ports.iter().map(|p| p.to_string()).collect();
    Ok(quote! {
        #[derive(::rust_hdl::prelude::LogicBlock)]
        #item

        impl #generics Default for #name #arguments #bounds {
            fn default() -> Self {
                #(#checks)*
                Self { #(#defaults),* }
            }
        }

        impl #generics ::handclasp_verilog::Clocked for #name #arguments #bounds {
            #[allow(unused_variables)]
            fn clock(&mut self, clk: ::rust_hdl::prelude::Clock, rst: Option<::rust_hdl::prelude::Bit>) {
                #own_clock
                #own_reset
            }

            fn connect_clock(&mut self) {
                #(::rust_hdl::prelude::Logic::connect(&mut self.#ports);)*
            }

            fn clock_statements(&self, path: &str, has_reset: bool, out: &mut ::handclasp_verilog::Setup) {
                #(out.port(path, #port_names, has_reset);)*
            }
        }

        impl #generics ::handclasp_verilog::Parts for #name #arguments #bounds {
            fn describe(out: &mut ::handclasp_verilog::Description) {
                out.block(#doc, file!(), &[#(#head),*]);
                #(#descriptions)*
            }

            fn clock_parts(&mut self) {
                #clock_parts
            }

            fn connect_parts(&mut self) {
                #(::handclasp_verilog::Clocked::connect_clock(&mut self.#names);)*
            }

            fn part_statements(&self, out: &mut ::handclasp_verilog::Setup) {
                #(::handclasp_verilog::Clocked::clock_statements(&self.#names, #paths, #has_reset, out);)*
            }
        }
    })
}

/// A field, and what the attributes say that only `#[block]` knows.
struct BlockField {
    name: Ident,
    ty: Type,
    is_public: bool,
    doc: String,
    value: Option<Expr>,
    len: Option<Expr>,
}

impl BlockField {
    /// Takes the attributes of `#[block]` away from `field`.
    fn take(field: &mut Field) -> syn::Result<Option<Self>> {
        let Some(name) = field.ident.clone() else {
            return Ok(None);
        };
        let mut take = |attribute: &str| {
            let at = field
                .attrs
                .iter()
                .position(|a| a.path().is_ident(attribute))?;
            Some(field.attrs.remove(at).parse_args::<Expr>())
        };
        let (value, len) = (take("value").transpose()?, take("len").transpose()?);
        Ok(Some(Self {
            name,
            ty: field.ty.clone(),
            is_public: !matches!(field.vis, Visibility::Inherited),
            doc: documentation::of(&field.attrs),
            value,
            len,
        }))
    }

    fn description(&self) -> TokenStream {
        let (name, doc, ty) = (self.name.to_string(), &self.doc, &self.ty);
        let bundle = self
            .is_bundle()
            .then(|| quote!(out.bundle(#name, <#ty as ::handclasp_verilog::Bundle>::SIGNALS);));
        quote!(out.field(#name, #doc); #bundle)
    }

    fn default_value(&self) -> TokenStream {
        let name = &self.name;
        match (&self.value, &self.len, &self.ty) {
            (Some(value), _, Type::Array(_)) => {
                quote!(#name: (#value).map(::rust_hdl::prelude::Constant::new))
            }
            (Some(value), _, ty) if is_vec(ty) => {
                quote!(#name: (#value).map(::rust_hdl::prelude::Constant::new).collect())
            }
            (Some(value), _, _) => quote!(#name: ::rust_hdl::prelude::Constant::new(#value)),
            (None, Some(len), _) => {
                quote!(#name: (0..(#len)).map(|_| Default::default()).collect())
            }
            // The standard library has no `Default` for arrays of more than 32.
            (None, None, Type::Array(_)) => {
                quote!(#name: ::std::array::from_fn(|_| Default::default()))
            }
            (None, None, _) => quote!(#name: Default::default()),
        }
    }

    /// Whether the field is a register or a child, or several.
    fn is_part(&self) -> bool {
        !self.is_public && !self.is_signal() && !self.name.to_string().starts_with('_')
    }

    /// Whether the field is a port of several signals.
    fn is_bundle(&self) -> bool {
        self.is_public && !self.is_signal()
    }

    fn is_signal(&self) -> bool {
        let element = element(&self.ty);
        element == "Signal" || element == "Constant"
    }
}

fn is_vec(ty: &Type) -> bool {
    let last = match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    last.is_some_and(|segment| segment.ident == "Vec")
}

/// Name of a type, or of what an array or a `Vec` of it holds.
fn element(ty: &Type) -> String {
    match ty {
        Type::Array(array) => element(&array.elem),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "Vec" => match &last.arguments {
                syn::PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                    Some(syn::GenericArgument::Type(ty)) => element(ty),
                    _ => String::new(),
                },
                _ => String::new(),
            },
            Some(last) => last.ident.to_string(),
            None => String::new(),
        },
        other => other.to_token_stream().to_string(),
    }
}
