//! Writes what every block of gateware repeats: `Default`, clock and reset of its parts, and its documentation for the Verilog.
//!
//! `handclasp-verilog` exports the macros, and has what they expand to: [`macro@block`] stands before a block's struct, [`macro@kernel`] before
//! its `impl Logic`, [`macro@bundle`] before a bundle of signals. rust-hdl gets ordinary statements of all, so its simulation and the printed Verilog see the same.
#![forbid(unsafe_code)]

mod block;
mod bundle;
mod documentation;
mod kernel;
mod number;
mod wire;

use proc_macro::TokenStream;

/// A block: derives `LogicBlock` and `Default`, and tells the kernel which fields are parts with a clock.
///
/// The arguments are conditions on const generics, which the compiler checks: `#[block(K * 8 == W, N == A + 1)]`.
///
/// The documentation of the struct and its fields, and that of its file without drawings, stand in the Verilog as comments.
///
/// Public fields are ports: signals, arrays of signals, and bundles. Of the private ones all but `Signal` and `Constant` are parts: registers and child blocks, alone, in an array
/// or in a `Vec`. A field gets its `Default`, but for
/// - `#[value(expr)]` before a `Constant`: its value; before an array of them: the array of the values; before a `Vec`: an iterator.
///   (A number of up to 64 bits stands in the kernel, as `let`.)
/// - `#[len(expr)]` before a `Vec`: how many elements it has.
#[proc_macro_attribute]
pub fn block(conditions: TokenStream, item: TokenStream) -> TokenStream {
    let file = proc_macro::Span::call_site().local_file();
    let head = file.map_or_else(Vec::new, |file| documentation::of_file(&file));
    expand(block::expand(conditions.into(), item.into(), &head))
}

/// A bundle of signals, with the name of its other end, if it has one: `#[bundle(StreamSink)]` derives `LogicInterface` with
/// `join` for it.
#[proc_macro_attribute]
pub fn bundle(partner: TokenStream, item: TokenStream) -> TokenStream {
    expand(bundle::expand(partner.into(), item.into()))
}

/// The kernel of a block: `#[kernel] impl Logic for X { fn update(&mut self) { .. } }` with rust-hdl's statements and four things more.
///
/// - Registers keep their value and children get clock and reset, without a statement. A later assignment prevails.
/// - **Numbers**: the first statements may be `let name: Bits<N> = expr;`, with constants and const generics of Rust in the
///   expression, and numbers before it. `name` is a number of N bits in the kernel, and a `localparam` in Verilog.
/// - **Const generics** are numbers without a width: `self.stages[N - 1]`, `x.get_bits::<W>(W * i)`.
/// - **Wires**: `wire!(a -> b: x, y as z);` connects `a.x` to `b.x` and `a.y` to `b.z`, where `a` and `b` are fields, `self`, or bundles
///   (`a.m_axi`, `self.m_axi`).
#[proc_macro_attribute]
pub fn kernel(_: TokenStream, item: TokenStream) -> TokenStream {
    expand(kernel::expand(item.into()))
}

fn expand(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
