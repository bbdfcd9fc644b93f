//! What `#[block]` and `#[kernel]` expand to: clock and reset of a block's parts.

use crate::ram::Memory;
use crate::Description;
use rust_hdl::core::ast::{Verilog, VerilogExpression as E, VerilogLoop, VerilogStatement as S};
use rust_hdl::prelude::{Bit, Clock, Logic, Synth};
use rust_hdl::widgets::dff::DFF;

/// What gets clock and reset from the block around it: a register, or a child.
pub trait Clocked {
    /// Drives clock and reset, as far as there are ports for them. A register keeps its value.
    fn clock(&mut self, clk: Clock, rst: Option<Bit>);
    /// Tells rust-hdl what [`Clocked::clock`] drives.
    fn connect_clock(&mut self);
    /// The same as kernel statements, for what stands at `path` in a block, which has a reset or not.
    fn clock_statements(&self, path: &str, has_reset: bool, out: &mut Setup);
}

/// A block whose kernel is a `#[kernel]`.
pub trait Parts {
    /// Says what the block and its fields are.
    fn describe(out: &mut Description);
    /// Drives clock and reset of all parts.
    fn clock_parts(&mut self);
    /// Tells rust-hdl what [`Parts::clock_parts`] drives.
    fn connect_parts(&mut self);
    /// The same as kernel statements.
    fn part_statements(&self, out: &mut Setup);
}

/// The statements that come before a kernel's own.
#[derive(Debug, Default)]
pub struct Setup(Vec<S>);

impl Setup {
    /// Connects the port `clk` or `rst` of the part at `path` to the block's.
    pub fn port(&mut self, path: &str, port: &str, has_reset: bool) {
        if port == "clk" || has_reset {
            self.assign(&format!("{path}${port}"), port);
        }
    }

    fn assign(&mut self, target: &str, source: &str) {
        let signal = |name: &str| E::Signal(name.to_owned());
        self.0.push(S::Assignment(signal(target), signal(source)));
    }
}

/// The kernel of `block` behind the setup of its parts, with what its `numbers` and the const generics among its `parameters` are.
pub fn with_setup<B: Parts>(
    block: &B,
    numbers: &[(&str, u64)],
    parameters: &[(&str, u64)],
    kernel: Verilog,
) -> Verilog {
    let Verilog::Combinatorial(statements) = kernel else {
        return kernel;
    };
    let mut setup = Setup::default();
    block.part_statements(&mut setup);
    setup.0.extend(statements);
    // A name with a value is the variable of a loop of one turn: rust-hdl's statements have no other.
    let bind = |statements, (name, value): (String, u64)| {
        vec![S::Loop(VerilogLoop {
            index: name,
            from: value.into(),
            to: (u128::from(value) + 1).into(),
            block: statements,
        })]
    };
    let numbers = numbers
        .iter()
        .map(|(name, value)| (format!("{NUMBER_PREFIX}{name}"), *value));
    let parameters = parameters
        .iter()
        .map(|(name, value)| (name.to_string(), *value));
    let statements = numbers.chain(parameters).fold(setup.0, bind);
    let mut description = Description::default();
    B::describe(&mut description);
    Verilog::Combinatorial([description.comments(), statements].concat())
}

/// What stands in rust-hdl's statements before the name of a number: it is a constant of the kernel's trait.
pub(crate) const NUMBER_PREFIX: &str = "Self$";

impl<T: Synth> Clocked for DFF<T> {
    fn clock(&mut self, clk: Clock, _rst: Option<Bit>) {
        self.clock.next = clk;
        self.d.next = self.q.val();
    }

    fn connect_clock(&mut self) {
        self.clock.connect();
        self.d.connect();
    }

    fn clock_statements(&self, path: &str, _has_reset: bool, out: &mut Setup) {
        out.assign(&format!("{path}$clock"), "clk");
        out.assign(&format!("{path}$d"), &format!("{path}$q"));
    }
}

impl<D: Synth, const A: usize, const IS_APART: bool> Clocked for Memory<D, A, IS_APART> {
    fn clock(&mut self, clk: Clock, _rst: Option<Bit>) {
        self.clock.next = clk;
    }

    fn connect_clock(&mut self) {
        self.clock.connect();
    }

    fn clock_statements(&self, path: &str, _has_reset: bool, out: &mut Setup) {
        out.assign(&format!("{path}$clock"), "clk");
    }
}

impl<C: Clocked, const N: usize> Clocked for [C; N] {
    fn clock(&mut self, clk: Clock, rst: Option<Bit>) {
        self.iter_mut().for_each(|part| part.clock(clk, rst));
    }

    fn connect_clock(&mut self) {
        self.iter_mut().for_each(Clocked::connect_clock);
    }

    fn clock_statements(&self, path: &str, has_reset: bool, out: &mut Setup) {
        each_statement(self, path, has_reset, out);
    }
}

impl<C: Clocked> Clocked for Vec<C> {
    fn clock(&mut self, clk: Clock, rst: Option<Bit>) {
        self.iter_mut().for_each(|part| part.clock(clk, rst));
    }

    fn connect_clock(&mut self) {
        self.iter_mut().for_each(Clocked::connect_clock);
    }

    fn clock_statements(&self, path: &str, has_reset: bool, out: &mut Setup) {
        each_statement(self, path, has_reset, out);
    }
}

fn each_statement<C: Clocked>(parts: &[C], path: &str, has_reset: bool, out: &mut Setup) {
    for (n, part) in parts.iter().enumerate() {
        part.clock_statements(&format!("{path}${n}"), has_reset, out);
    }
}
