//! Runs blocks in Rust and their emitted Verilog in Verilator on the same random stimulus, and compares every output in every cycle.
//!
//! ```no_run
//! # use handclasp_verilog::equivalence::Equivalence;
//! # use handclasp_verilog::Ram;
//! # use rust_hdl::prelude::*;
//! Equivalence::new("ram")
//!     .clocked("ram_w8", Ram::<Bits<8>, 4>::default, |ram| &mut ram.clock, |ram, random| {
//!         ram.read_address.next = random.bits();
//!         ram.read_enable.next = random.chance(3, 4);
//!         ram.write_address.next = random.bits();
//!         ram.write_data.next = random.corner();
//!         ram.write_enable.next = random.chance(3, 4);
//!     })
//!     .run(1, 2000)
//!     .unwrap();
//! ```
//!
//! The stimulus is called once a cycle, while the clock is low: it sets every input (and sees the outputs that the last edge left, so it can
//! hold `tvalid` until `tready`). All cases of one [`Equivalence`] go into one Verilated model, which is built again only when the Verilog
//! changes. The Verilog must be free of Verilator's `-Wall` warnings (`DECLFILENAME` and `UNUSED*` aside). Registers and memories start at
//! 0 on both sides: what depends on a missing reset is for the simulator's seeds to find.

mod case;
mod model;
mod random;

pub use random::Random;

use crate::{EmitError, Moves, Port, PortDirection};
use case::{Case, Trace, TypedCase};
use num_bigint::BigUint;
use rust_hdl::core::block::Block;
use rust_hdl::prelude::{Clock, In, Signal};
use std::path::PathBuf;
use std::{io, thread};
use thiserror::Error;

/// Arrays of wide registers are built on the stack.
const STACK_BYTES: usize = 256 << 20;

/// Why the two sides could not be shown equal.
#[derive(Debug, Error)]
pub enum EquivalenceError {
    /// The printer refused a block.
    #[error("case `{case}`: {error}")]
    Emit {
        /// Name of the case.
        case: String,
        /// The refusal.
        error: Box<EmitError>,
    },
    /// The Rust model oscillates.
    #[error("case `{case}`, cycle {cycle}: the Rust model does not settle")]
    Unsettled {
        /// Name of the case.
        case: String,
        /// Cycle, from 0.
        cycle: usize,
    },
    /// Verilator warned, failed, or is not installed.
    #[error("{what} failed (is verilator installed?):\n{output}")]
    Tool {
        /// The command.
        what: String,
        /// What it printed.
        output: String,
    },
    /// The two sides differ: the first difference of each case.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Mismatches(Vec<Mismatch>),
    /// The Rust model of a case panicked.
    #[error("case `{case}`: the Rust model panicked")]
    Panicked {
        /// Name of the case.
        case: String,
    },
    /// The build directory could not be written or read.
    #[error("equivalence directory {path}: {error}")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

/// An output that differs.
#[derive(Debug, Error)]
#[error("case `{case}`, cycle {cycle}, output `{port}`: Rust says {rust:#x}, Verilog says {verilog:#x}; inputs: {inputs}")]
pub struct Mismatch {
    /// Name of the case.
    pub case: String,
    /// Cycle, from 0.
    pub cycle: usize,
    /// Verilog name of the output.
    pub port: String,
    /// Its value in Rust.
    pub rust: BigUint,
    /// Its value in Verilator.
    pub verilog: BigUint,
    /// All inputs of the case in that cycle.
    pub inputs: String,
}

/// What a run has seen.
#[derive(Debug)]
pub struct Report {
    /// Cycles that were compared, in each case.
    pub cycles: usize,
    /// Outputs (`case.port`) that kept one value throughout: the stimulus did not reach them.
    pub constant_outputs: Vec<String>,
}

/// Blocks to compare, all in one Verilated model.
pub struct Equivalence {
    name: String,
    cases: Vec<Box<dyn Case>>,
    moves: Moves,
}

impl Equivalence {
    /// An empty set; `name` names its build directory, so it must be unique among the tests of a crate.
    pub fn new(name: &str) -> Self {
        Equivalence {
            name: name.to_owned(),
            cases: vec![],
            moves: Moves::Concatenations,
        }
    }

    /// Compares what [`crate::emit_operators`] prints, instead of [`crate::emit`].
    pub fn with_operators(mut self) -> Self {
        self.moves = Moves::Operators;
        self
    }

    /// Adds a block with a clock. `name` becomes the top module's name: unique, and a Verilog identifier.
    pub fn clocked<B: Block + 'static>(
        mut self,
        name: &str,
        new: impl Fn() -> B + Send + Sync + 'static,
        clock: impl Fn(&mut B) -> &mut Signal<In, Clock> + Send + Sync + 'static,
        stimulus: impl Fn(&mut B, &mut Random) + Send + Sync + 'static,
    ) -> Self {
        self.add(name, new, Some(clock), stimulus);
        self
    }

    /// Adds a block without a clock.
    pub fn combinational<B: Block + 'static>(
        mut self,
        name: &str,
        new: impl Fn() -> B + Send + Sync + 'static,
        stimulus: impl Fn(&mut B, &mut Random) + Send + Sync + 'static,
    ) -> Self {
        self.add(
            name,
            new,
            None::<fn(&mut B) -> &mut Signal<In, Clock>>,
            stimulus,
        );
        self
    }

    fn add<B: Block + 'static>(
        &mut self,
        name: &str,
        new: impl Fn() -> B + Send + Sync + 'static,
        clock: Option<impl Fn(&mut B) -> &mut Signal<In, Clock> + Send + Sync + 'static>,
        stimulus: impl Fn(&mut B, &mut Random) + Send + Sync + 'static,
    ) {
        let block = std::marker::PhantomData;
        self.cases.push(Box::new(TypedCase {
            name: name.to_owned(),
            new,
            clock,
            stimulus,
            block,
        }));
    }

    /// Compares all cases over `cycles` cycles of the stimulus that `seed` gives.
    ///
    /// # Errors
    /// The first difference of each case, or what kept the two sides from being compared.
    pub fn run(self, seed: u64, cycles: usize) -> Result<Report, EquivalenceError> {
        let described: Vec<_> = self.in_threads(|_, case| {
            let refused = |error| EquivalenceError::Emit {
                case: case.name().to_owned(),
                error: Box::new(error),
            };
            case.describe(self.moves).map_err(refused)
        })?;
        let (texts, ports): (Vec<_>, Vec<_>) = described.into_iter().unzip();
        let names: Vec<_> = self.cases.iter().map(|case| case.name()).collect();
        let model = model::build(&self.name, &names, &texts.concat(), &ports)?;
        let traces =
            self.in_threads(|index, case| case.trace(seed.wrapping_add(index as u64), cycles))?;
        let replies = model::replay(&model, &traces, &ports, cycles)?;
        self.compare(&ports, &traces, &replies, cycles)
    }

    fn in_threads<T: Send>(
        &self,
        work: impl Fn(usize, &dyn Case) -> Result<T, EquivalenceError> + Sync,
    ) -> Result<Vec<T>, EquivalenceError> {
        thread::scope(|scope| {
            let work = &work;
            // All are started before the first is waited for.
            let mut started = vec![];
            for (index, case) in self.cases.iter().enumerate() {
                let builder = thread::Builder::new().stack_size(STACK_BYTES);
                let thread = builder.spawn_scoped(scope, move || work(index, case.as_ref()));
                let path = || PathBuf::from(case.name());
                started.push((
                    case.name(),
                    thread.map_err(|error| EquivalenceError::Io {
                        path: path(),
                        error,
                    })?,
                ));
            }
            let joined = started.into_iter().map(|(name, thread)| {
                thread.join().unwrap_or_else(|_| {
                    Err(EquivalenceError::Panicked {
                        case: name.to_owned(),
                    })
                })
            });
            joined.collect()
        })
    }

    fn compare(
        &self,
        ports: &[Vec<Port>],
        traces: &[Trace],
        replies: &[Vec<Vec<BigUint>>],
        cycles: usize,
    ) -> Result<Report, EquivalenceError> {
        let (mut constant_outputs, mut mismatches) = (vec![], vec![]);
        for (index, case) in self.cases.iter().enumerate() {
            let (trace, replies) = (&traces[index], &replies[index]);
            let of = |direction| {
                ports[index]
                    .iter()
                    .filter(move |p| !p.is_clock && p.direction == direction)
            };
            let outputs: Vec<_> = of(PortDirection::Output).collect();
            let places = (0..cycles).flat_map(|c| (0..outputs.len()).map(move |o| (c, o)));
            let differs = |(c, o): &(usize, usize)| trace.outputs[*c][*o] != replies[*c][*o];
            if let Some((cycle, output)) = places.into_iter().find(differs) {
                let inputs = of(PortDirection::Input).zip(&trace.inputs[cycle]);
                let inputs: Vec<_> = inputs.map(|(p, v)| format!("{}={v:#x}", p.name)).collect();
                mismatches.push(Mismatch {
                    case: case.name().to_owned(),
                    cycle,
                    port: outputs[output].name.clone(),
                    rust: trace.outputs[cycle][output].clone(),
                    verilog: replies[cycle][output].clone(),
                    inputs: inputs.join(" "),
                });
            }
            for (number, port) in outputs.iter().enumerate() {
                let first = trace.outputs.first().map(|row| &row[number]);
                if trace.outputs.iter().all(|row| Some(&row[number]) == first) {
                    constant_outputs.push(format!("{}.{}", case.name(), port.name));
                }
            }
        }
        match mismatches.is_empty() {
            true => Ok(Report {
                cycles,
                constant_outputs,
            }),
            false => Err(EquivalenceError::Mismatches(mismatches)),
        }
    }
}
