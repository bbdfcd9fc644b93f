//! Gateware of the Handclasp NIC, one block a file, in data-path order: [`nic`] wires the blocks together, [`rx`] goes from the wire to the
//! receive event, [`tx`] from the command to the wire; [`queue`] has the rings, [`dma`] the way to the host's memory, [`control`] the registers.
//!
//! # Reading a kernel
//!
//! The `update` of a block (its *kernel*) is hardware: every statement holds in every clock cycle, and `handclasp-verilog` prints it as
//! Verilog. Five habits look odd in Rust:
//!
//! - **A loop of one turn**, `for last in (LEN - 1)..LEN { ... }`, only gives a number a name. A kernel has no `let`, and rust-hdl prints an
//!   array index as it stands, with names that Verilog does not know (`self.words[LEN - 1]` is refused for that). The bounds of a loop are
//!   evaluated in Rust, so a loop variable may be computed from constants and const generics.
//! - **A number is a `let`** at the start: `let depth: Bits<N> = 1 << A;` names a number of N bits, computed in Rust. One of more than 64 bits, or an array,
//!   is a field of type `Constant` with `#[value(..)]`: a kernel prints the name of a Rust constant as it stands. For the same reason a
//!   loop over an array of fixed length has its length as a literal.
//! - **Nothing is said of clocks**: `#[block]` knows the registers and the child blocks, and `#[kernel]` gives them clock and reset.
//!   A register keeps its value unless a statement changes it. `wire!(a -> b: x, y as z)` connects signals of blocks.
//! - **The reset comes last**: the last assignment to a signal is the one that holds. It covers only what decides about others, such as
//!   states and valid bits; data behind a valid bit that is low may be anything.
#![forbid(unsafe_code)]

pub mod control;
pub mod dma;
pub mod emit;
pub mod fields;
pub mod nic;
pub mod queue;
pub mod rx;
pub mod stream;
pub mod tx;

pub use emit::{emit, emit_operators, NicError};

/// The example of the README compiles, and does what it says.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
