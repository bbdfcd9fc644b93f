//! Wires of a kernel: `wire!(a -> b: x, y as z);`.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Ident, Stmt, Token};

/// Replaces each `wire!` in `block` by one assignment a signal.
pub(crate) fn expand(block: &mut Block) -> syn::Result<()> {
    let mut wires = Wires(Ok(()));
    wires.visit_block_mut(block);
    wires.0
}

/// What stands in the brackets.
struct Wire {
    from: Vec<Ident>,
    to: Vec<Ident>,
    signals: Punctuated<Renamed, Token![,]>,
}

/// `source as target`, or one name for both.
struct Renamed {
    source: Ident,
    target: Ident,
}

impl Parse for Wire {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let from = end(input)?;
        input.parse::<Token![->]>()?;
        let to = end(input)?;
        input.parse::<Token![:]>()?;
        Ok(Wire {
            from,
            to,
            signals: Punctuated::parse_terminated(input)?,
        })
    }
}

/// `self`, `a`, `a.b`, `self.a`: the fields on the way.
fn end(input: ParseStream) -> syn::Result<Vec<Ident>> {
    let path =
        Punctuated::<Ident, Token![.]>::parse_separated_nonempty_with(input, Ident::parse_any)?;
    Ok(path.into_iter().filter(|field| field != "self").collect())
}

impl Parse for Renamed {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let source: Ident = input.parse()?;
        let target = match input.parse::<Option<Token![as]>>()? {
            Some(_) => input.parse()?,
            None => source.clone(),
        };
        Ok(Renamed { source, target })
    }
}

impl Wire {
    fn statements(&self) -> Vec<Stmt> {
        let (from, to) = (&self.from, &self.to);
        let assign = |Renamed { source, target }: &Renamed| syn::parse_quote!(self #(.#to)* .#target.next = self #(.#from)* .#source.val(););
        self.signals.iter().map(assign).collect()
    }
}

struct Wires(syn::Result<()>);

impl VisitMut for Wires {
    fn visit_block_mut(&mut self, block: &mut Block) {
        for statement in std::mem::take(&mut block.stmts) {
            match &statement {
                Stmt::Macro(call) if call.mac.path.is_ident("wire") => {
                    match call.mac.parse_body::<Wire>() {
                        Ok(wire) => block.stmts.extend(wire.statements()),
                        Err(error) => self.0 = Err(error),
                    }
                }
                _ => block.stmts.push(statement),
            }
        }
        visit_mut::visit_block_mut(self, block);
    }
}
