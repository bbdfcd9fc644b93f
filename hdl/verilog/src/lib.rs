//! Prints Verilog from the kernel AST of rust-hdl.
//!
//! rust-hdl's stock printer miscompiles ordinary expressions in silence; this one gives every operand the width it has in Rust and refuses
//! what it cannot print right. `equivalence` (a feature, for tests) compares a block with its Verilog. [`emit`] prints a design, [`ports`] lists its ports, [`Ram`] is the block RAM to use.
//!
//! # Writing kernels (`#[kernel]`, of a struct with [`macro@block`])
//! | wanted | write |
//! |---|---|
//! | register | `DFF<T>`: the macros connect its clock, and let it keep its value |
//! | child | a private field: the macros connect clock and reset; `wire!(a -> b: x, y as z)` connects the rest |
//! | reset | the kernel's last statement: `if self.rst.val() { self.state.d.next = State::Idle; }` (a DFF has no initial value in Verilog) |
//! | any other signal | a default before the first `if` or `match`; every path must assign every bit |
//! | number | literal, takes the width of its neighbour; named, or from a const generic: `let x: Bits<8> = K;` at the start; sized: `bits::<8>(5)` |
//! | number of more than 64 bits, array of numbers | a `Constant` field with `#[value(..)]` |
//! | loop variable | as array index, as argument of `get_bit`/`get_bits`; `i.to_bits::<8>()` beside a signal in `for i in 0_usize..4` |
//! | slice | `x.val().get_bits::<8>(16)`; at a signal: `get_bits::<8>(n.val().index())`, reads 0 beyond the end |
//! | concatenation | `bit_cast::<16, 8>(lo) \| (bit_cast::<16, 8>(hi) << 8)`, or a `LogicStruct` (first field lowest) and `.into()` |
//! | truncation, extension | `bit_cast::<M, N>(x)`; carry: `bit_cast::<17, 16>(a) + bit_cast::<17, 16>(b)` |
//! | sequence comparison | `(a - b) < 0x8000` is right here: the difference wraps at its own width |
//! | bundle | `#[derive(LogicInterface)]`, `link` (same side), `join` (other side); ports become `s_axis_tdata` |
//! | memory | [`Ram`], cleared by a state machine; [`ApartRam`] where no word is read as it is written |
//!
//! Order matters as in Rust: `.val()` of a `Local` or `Out` that the kernel has written reads what was written so far; `.val()` of a child's
//! input reads its settled value.
//!
//! Refused: signals without a value on some path (latches), undriven or circular signals, numbers that do not fit, widths that differ (a
//! `.into()` that is no identity), constant slices beyond the end, clocks that are no plain input, `Signed`, `InOut`, `Blackbox`,
//! keywords as names, `a$b` beside `a_b`, array indices with constants (`self.x[LEN - 1]`).
//!
//! Not visible in the AST, hence not refused by [`emit`]: a function whose name starts with `bits` prints as a cast
//! (`source::check_kernels` finds it, with its line), a hand-written `From` of equal width as identity (it must be one; `equivalence`
//! finds the difference).
#![forbid(unsafe_code)]

mod describe;
mod description;
mod design;
mod drivers;
#[cfg(feature = "equivalence")]
pub mod equivalence;
mod error;
mod expression;
mod fold;
mod kernel;
mod names;
mod part;
mod print;
mod ram;
mod scope;
mod setup;
mod sized;
#[cfg(feature = "equivalence")]
pub mod source;

pub use description::{Bundle, Description};
pub use error::{EmitError, Refusal};
pub use handclasp_hdl_derive::{block, bundle, kernel};
pub use ram::{ApartRam, Memory, Ram};
pub use setup::{with_setup, Clocked, Parts, Setup};

use design::Design;
use rust_hdl::core::atom::AtomKind;
use rust_hdl::core::block::Block;
use std::collections::BTreeSet;

/// How what only moves bits (shifts by constants, ANDs, ORs and XORs of operands that do not meet) is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moves {
    /// As a concatenation of slices.
    Concatenations,
    /// As the kernel's operator.
    Operators,
}

/// Prints the whole hierarchy below `block` as Verilog-2001, the top module `top_name` first, children as `<top_name>_<path>`.
///
/// `block` must be fresh: not simulated before. It needs no `connect_all()`: what drives what is checked here. The text depends on
/// nothing but the design: two calls give identical bytes.
///
/// # Errors
/// The first construct that has no Verilog with the meaning it has in Rust, and the module it stands in.
pub fn emit<B: Block>(top_name: &str, block: &B) -> Result<String, EmitError> {
    emit_moves(top_name, block, Moves::Concatenations)
}

/// Prints the same design with the operators of its kernels: what [`emit`] prints as a concatenation of slices is a shift or an OR here.
///
/// Synthesis makes the same of both; a simulator is slower on this one. Tests and benches compare the two.
///
/// # Errors
/// Those of [`emit`].
pub fn emit_operators<B: Block>(top_name: &str, block: &B) -> Result<String, EmitError> {
    emit_moves(top_name, block, Moves::Operators)
}

fn emit_moves<B: Block>(top_name: &str, block: &B, moves: Moves) -> Result<String, EmitError> {
    let design = Design::collect(top_name, block);
    let mut taken = names::Scope::default();
    let mut module_names = vec![];
    for module in &design.modules {
        let name = match print::is_printed(module) {
            true => taken.take(&module.path).map_err(|refusal| EmitError {
                module: module.path.clone(),
                refusal,
            })?,
            false => String::new(),
        };
        module_names.push(name);
    }
    let mut text = String::from("// Printed from rust-hdl by handclasp-verilog. Do not edit.\n");
    let mut cores = BTreeSet::new();
    for (index, _) in design
        .modules
        .iter()
        .enumerate()
        .filter(|(_, m)| print::is_printed(m))
    {
        let refused = |refusal| EmitError {
            module: module_names[index].clone(),
            refusal,
        };
        let (module_text, core) =
            print::module_text(&design, index, &module_names, moves).map_err(refused)?;
        text.push('\n');
        text.push_str(&module_text);
        cores.extend(core);
    }
    for core in cores {
        text.push_str(&format!("\n{}\n", core.trim_matches('\n')));
    }
    Ok(text)
}

/// A port of a module, as Verilog sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Verilog name.
    pub name: String,
    /// Which way it points.
    pub direction: PortDirection,
    /// Width in bits.
    pub width: usize,
    /// Whether it is a clock.
    pub is_clock: bool,
}

/// Which way a port points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortDirection {
    /// Driven from outside.
    Input,
    /// Driven by the module.
    Output,
}

/// The ports of `block`, in order of declaration.
///
/// # Errors
/// A port that has no Verilog name, or is an inout.
pub fn ports<B: Block>(block: &B) -> Result<Vec<Port>, EmitError> {
    let design = Design::collect("top", block);
    let mut ports = vec![];
    for signal in design.modules.iter().take(1).flat_map(|top| &top.signals) {
        let refused = |refusal| EmitError {
            module: "top".to_owned(),
            refusal,
        };
        let direction = match signal.kind {
            AtomKind::InputParameter => PortDirection::Input,
            AtomKind::OutputParameter => PortDirection::Output,
            AtomKind::Constant | AtomKind::LocalSignal => continue,
            _ => {
                return Err(refused(Refusal::Unsupported(format!(
                    "`{}`: inout signals have no Verilog here",
                    signal.name
                ))))
            }
        };
        let name = names::verilog_name(&signal.name).map_err(refused)?;
        ports.push(Port {
            name,
            direction,
            width: signal.width,
            is_clock: signal.is_clock,
        });
    }
    Ok(ports)
}
