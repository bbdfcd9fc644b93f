//! `#[kernel]`: an `impl Logic` with our statements to one with rust-hdl's.

use crate::number::Numbers;
use crate::wire;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl};

pub(crate) fn expand(item: TokenStream) -> syn::Result<TokenStream> {
    let item: ItemImpl = syn::parse2(item)?;
    let Some((_, logic, _)) = &item.trait_ else {
        return Err(syn::Error::new_spanned(
            item.self_ty,
            "#[kernel] stands before an `impl Logic`",
        ));
    };
    let [ImplItem::Fn(function)] = &item.items[..] else {
        return Err(syn::Error::new_spanned(
            logic,
            "a kernel has one function: `fn update(&mut self)`",
        ));
    };
    let mut function = function.clone();
    let numbers = Numbers::take(&mut function.block)?;
    wire::expand(&mut function.block)?;
    numbers.give_width(&mut function.block);
    let names: Vec<_> = numbers.names().collect();
    let texts = names.iter().map(|name| name.to_string());
    let (values, widths) = (numbers.values(), numbers.widths());
    let too_large = names
        .iter()
        .map(|name| format!("`{name}` does not fit its width"));
    let parameters: Vec<_> = item.generics.const_params().map(|p| &p.ident).collect();
    let parameter_texts = parameters.iter().map(|p| p.to_string());
    let (generics, _, bounds) = item.generics.split_for_impl();
    let block = &item.self_ty;
    Ok(quote! {
        const _: () = {
            /// What rust-hdl makes of the kernel's own statements.
            #[allow(non_upper_case_globals)]
            trait Kernel {
                #(const #names: u64;)*
                fn update(&mut self);
                fn connect(&mut self);
                fn hdl(&self) -> ::rust_hdl::prelude::Verilog;
            }

            #[allow(non_upper_case_globals)]
            impl #generics Kernel for #block #bounds {
                #(const #names: u64 = {
                    let value = (#values) as u64;
                    assert!(#widths >= 64 || value >> #widths == 0, #too_large);
                    value
                };)*

                #[::rust_hdl::prelude::hdl_gen]
                #function
            }

            impl #generics #logic for #block #bounds {
                fn update(&mut self) {
                    ::handclasp_verilog::Parts::clock_parts(self);
                    Kernel::update(self);
                }

                fn connect(&mut self) {
                    ::handclasp_verilog::Parts::connect_parts(self);
                    Kernel::connect(self);
                }

                fn hdl(&self) -> ::rust_hdl::prelude::Verilog {
                    let numbers = [#((#texts, <Self as Kernel>::#names)),*];
                    let parameters = [#((#parameter_texts, #parameters as u64)),*];
                    ::handclasp_verilog::with_setup(self, &numbers, &parameters, Kernel::hdl(self))
                }
            }
        };
    })
}
