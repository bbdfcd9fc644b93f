//! Why a design was refused.

use thiserror::Error;

/// A construct that has no Verilog with the same meaning, and the module it stands in.
///
/// rust-hdl's kernel AST carries no line numbers, so the place is named by module, signal and statement text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("module `{module}`: {refusal}")]
pub struct EmitError {
    /// Verilog name of the module.
    pub module: String,
    /// What was refused there.
    pub refusal: Refusal,
}

/// What the printer refuses, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A signal keeps its value in Rust on some path: in Verilog that is a latch.
    #[error("`{0}` is not assigned on every path (in Rust it holds its value, in Verilog that is a latch): give it a default before any `if` or `match`")]
    Latch(String),
    /// A signal that nothing drives.
    #[error("`{0}` is never driven: assign it in the kernel")]
    Undriven(String),
    /// A kernel reads a signal that its own statement drives, before it has a value.
    #[error(
        "`{0}` depends on itself within one kernel: break the loop with a DFF or another Local"
    )]
    CombinationalLoop(String),
    /// A kernel assigns what it may not: an input, a child's output or a constant.
    #[error(
        "`{0}` must not be assigned here: it is an input, a constant or the output of a child"
    )]
    NotAssignable(String),
    /// No such signal.
    #[error("`{0}` is not a signal, constant, loop variable or enum label of this module{1}")]
    UnknownName(String, &'static str),
    /// Two names become one in Verilog.
    #[error("`{0}` and `{1}` both become `{2}` in Verilog: rename one of them")]
    NameCollision(String, String, String),
    /// A name that Verilog reserves or cannot spell.
    #[error("`{0}` cannot be a Verilog name (keyword or not an identifier): rename it")]
    ReservedName(String),
    /// Two enums of one name with different variants.
    #[error("two enums named `{0}` with different variants meet here: rename one of them")]
    EnumConflict(String),
    /// Operands whose widths differ: a conversion that the AST does not show (`.into()`) changed the width.
    #[error("widths differ in `{statement}`: {left} and {right} bits (`.into()` prints as identity: use `bit_cast`)")]
    WidthMismatch {
        /// The expression or statement.
        statement: String,
        /// Width on the left, in bits.
        left: usize,
        /// Width on the right, in bits.
        right: usize,
    },
    /// A number without a width of its own.
    #[error(
        "the width of `{0}` cannot be inferred: give it one with `bits::<N>(..)` or a sized Local"
    )]
    UnknownWidth(String),
    /// A number that is too large for its place (Rust panics there as well, or cuts it silently).
    #[error("{value} does not fit {width} bits in `{statement}`")]
    LiteralTooWide {
        /// The number.
        value: String,
        /// The width of its place, in bits.
        width: usize,
        /// The expression or statement.
        statement: String,
    },
    /// A constant bit or slice beyond the signal's width.
    #[error("bits {offset}..{end} are beyond the {width} bits of `{signal}`")]
    OutOfRange {
        /// The signal or expression sliced.
        signal: String,
        /// Its width, in bits.
        width: usize,
        /// First bit of the slice.
        offset: usize,
        /// One past its last bit.
        end: usize,
    },
    /// A clock that is not a plain input of the module.
    #[error(
        "the clock of `{0}` must be assigned once, unconditionally, from an input of the module"
    )]
    Clock(String),
    /// An array index that cannot be computed at emission.
    #[error("array index in `{0}` is not made of loop variables and integers")]
    ArrayIndex(String),
    /// A match whose arms are neither exhaustive nor closed by `_`.
    #[error("`match {0}` is not exhaustive: end it with `_ => {{}}`")]
    MatchNotExhaustive(String),
    /// A match arm that is neither a label of the matched enum, a number, a boolean nor `_`.
    #[error("match pattern `{0}` is not an enum label, a number, a boolean or `_`")]
    MatchPattern(String),
    /// Anything else without a faithful translation.
    #[error("{0}")]
    Unsupported(String),
}
