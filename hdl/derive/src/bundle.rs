//! `#[bundle]`: a struct of signals to a bundle.

use crate::documentation;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ItemStruct};

pub(crate) fn expand(partner: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let item: ItemStruct = syn::parse2(item)?;
    let partner: Option<Ident> = syn::parse2(partner)?;
    let join = partner.map(|partner| {
        let partner = partner.to_string();
        quote!(#[join = #partner])
    });
    let fields = item.fields.iter().filter_map(|field| {
        let (name, doc) = (
            field.ident.as_ref()?.to_string(),
            documentation::of(&field.attrs),
        );
        Some(quote!((#name, #doc)))
    });
    let name = &item.ident;
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    Ok(quote! {
        #[derive(Clone, Debug, Default, ::rust_hdl::prelude::LogicInterface)]
        #join
        #item

        impl #generics ::handclasp_verilog::Bundle for #name #arguments #bounds {
            const SIGNALS: &'static [(&'static str, &'static str)] = &[#(#fields),*];
        }
    })
}
