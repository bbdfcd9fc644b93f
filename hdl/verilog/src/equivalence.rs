//! Runs blocks in Rust and their emitted Verilog in Verilator on the same random stimulus, and compares every output in every cycle.
//!
//! ```no_run
//! # use handclasp_verilog::equivalence::Equivalence;
//! # use handclasp_verilog::Ram;
//! # use rust_hdl::prelude::*;
//! Equivalence::new("ram")
//!     .clocked("ram_w8", Ram::<Bits<8>, 4>::default, |ram| &mut ram.clock, |ram, random| {
//!         ram.read_address.next = random.bits();
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

use crate::design::literal_value;
use crate::{emit, ports, EmitError, Port, PortDirection};
use num_bigint::BigUint;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::core::atom::{Atom, AtomKind};
use rust_hdl::core::block::Block;
use rust_hdl::core::probe::Probe;
use rust_hdl::prelude::{simulate, Bits, Clock, In, Signal};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io, thread};
use thiserror::Error;

/// Rust-hdl settles a block by evaluating it until nothing changes; a block that needs more rounds than this oscillates.
const MAX_ROUNDS: usize = 1000;
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
    /// The two sides differ.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
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

/// The source of random inputs: the same for the same seed.
pub struct Random {
    rng: ChaCha8Rng,
    cycle: usize,
}

impl Random {
    fn new(seed: u64) -> Self {
        Random {
            rng: ChaCha8Rng::seed_from_u64(seed),
            cycle: 0,
        }
    }

    /// The current cycle, from 0.
    pub fn cycle(&self) -> usize {
        self.cycle
    }

    /// High in the first two cycles, and once in 256 cycles after that.
    pub fn reset(&mut self) -> bool {
        self.cycle < 2 || self.chance(1, 256)
    }

    /// True in `n` of `of` cases.
    pub fn chance(&mut self, n: u64, of: u64) -> bool {
        self.below(of) < n
    }

    /// A number below `limit` (0 when that is 0).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.rng.next_u64().checked_rem(limit).unwrap_or(0)
    }

    /// One of `choices`, none of which is more likely. Panics when there are none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A value of `N` bits, all equally likely.
    pub fn bits<const N: usize>(&mut self) -> Bits<N> {
        let words: Vec<u32> = (0..N.div_ceil(32)).map(|_| self.rng.next_u32()).collect();
        let surplus = words.len() * 32 - N;
        Bits::from(BigUint::new(words) >> surplus)
    }

    /// A value of `N` bits where carries and comparisons go wrong: near 0, near the top, near the middle, else any.
    pub fn corner<const N: usize>(&mut self) -> Bits<N> {
        let near = BigUint::from(self.below(3)) % (BigUint::from(1_u8) << N);
        let top = (BigUint::from(1_u8) << N) - 1_u8;
        Bits::from(match self.below(6) {
            0 => near,
            1 => top - near,
            2 => top >> 1,
            3 => (top >> 1) + 1_u8,
            _ => return self.bits(),
        })
    }
}

/// Values of a case's inputs and outputs, one row a cycle.
struct Trace {
    inputs: Vec<Vec<BigUint>>,
    outputs: Vec<Vec<BigUint>>,
}

trait Case: Send + Sync {
    fn name(&self) -> &str;
    /// Verilog text and ports.
    fn describe(&self) -> Result<(String, Vec<Port>), EmitError>;
    fn trace(&self, seed: u64, cycles: usize) -> Result<Trace, EquivalenceError>;
}

struct TypedCase<B, N, K, S> {
    name: String,
    new: N,
    clock: Option<K>,
    stimulus: S,
    block: std::marker::PhantomData<fn() -> B>,
}

impl<B, N, K, S> Case for TypedCase<B, N, K, S>
where
    B: Block,
    N: Fn() -> B + Send + Sync,
    K: Fn(&mut B) -> &mut Signal<In, Clock> + Send + Sync,
    S: Fn(&mut B, &mut Random) + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn describe(&self) -> Result<(String, Vec<Port>), EmitError> {
        let block = (self.new)();
        Ok((emit(&self.name, &block)?, ports(&block)?))
    }

    fn trace(&self, seed: u64, cycles: usize) -> Result<Trace, EquivalenceError> {
        let mut block = (self.new)();
        block.connect_all();
        let mut random = Random::new(seed);
        let mut trace = Trace {
            inputs: vec![],
            outputs: vec![],
        };
        for cycle in 0..cycles {
            random.cycle = cycle;
            (self.stimulus)(&mut block, &mut random);
            for level in [false, true] {
                if let Some(clock) = &self.clock {
                    clock(&mut block).next = level.into();
                }
                if !simulate(&mut block, MAX_ROUNDS) {
                    return Err(EquivalenceError::Unsettled {
                        case: self.name.clone(),
                        cycle,
                    });
                }
                if !level {
                    let mut values = PortValues::default();
                    block.accept("top", &mut values);
                    trace.inputs.push(values.inputs);
                    trace.outputs.push(values.outputs);
                }
            }
        }
        Ok(trace)
    }
}

/// Reads the settled values of a block's own ports, clocks aside.
#[derive(Default)]
struct PortValues {
    depth: usize,
    inputs: Vec<BigUint>,
    outputs: Vec<BigUint>,
}

impl Probe for PortValues {
    fn visit_start_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth += 1;
    }

    fn visit_atom(&mut self, _name: &str, atom: &dyn Atom) {
        let values = match atom.kind() {
            _ if self.depth != 1 => return,
            AtomKind::InputParameter if atom.descriptor().name != "clock" => &mut self.inputs,
            AtomKind::OutputParameter => &mut self.outputs,
            _ => return,
        };
        values.push(literal_value(&atom.verilog().to_string()).unwrap_or_default());
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth -= 1;
    }
}

/// Blocks to compare, all in one Verilated model.
pub struct Equivalence {
    name: String,
    cases: Vec<Box<dyn Case>>,
}

impl Equivalence {
    /// An empty set; `name` names its build directory, so it must be unique among the tests of a crate.
    pub fn new(name: &str) -> Self {
        Equivalence {
            name: name.to_owned(),
            cases: vec![],
        }
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
    /// The first difference, or what kept the two sides from being compared.
    pub fn run(self, seed: u64, cycles: usize) -> Result<Report, EquivalenceError> {
        let described: Vec<_> = self.in_threads(|_, case| {
            let refused = |error| EquivalenceError::Emit {
                case: case.name().to_owned(),
                error: Box::new(error),
            };
            case.describe().map_err(refused)
        })?;
        let (texts, ports): (Vec<_>, Vec<_>) = described.into_iter().unzip();
        let model = self.build(&texts.concat(), &ports)?;
        let traces =
            self.in_threads(|index, case| case.trace(seed.wrapping_add(index as u64), cycles))?;
        let replies = replay(&model, &traces, &ports, cycles)?;
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

    /// Verilates the cases, unless the same text has been built before; returns the program.
    fn build(&self, modules: &str, ports: &[Vec<Port>]) -> Result<PathBuf, EquivalenceError> {
        let directory = build_directory().join(&self.name);
        let model = directory.join("Vequivalence");
        let verilog = format!("{modules}\n{}", self.wrapper(ports));
        let main = self.main_cpp(ports);
        let (verilog_file, main_file) =
            (directory.join("equivalence.v"), directory.join("main.cpp"));
        let is_same =
            |file: &Path, text: &str| fs::read_to_string(file).is_ok_and(|old| old == text);
        if model.exists() && is_same(&verilog_file, &verilog) && is_same(&main_file, &main) {
            return Ok(model);
        }
        let io = |path: &Path, result: io::Result<()>| {
            result.map_err(|error| EquivalenceError::Io {
                path: path.to_owned(),
                error,
            })
        };
        if directory.exists() {
            io(&directory, fs::remove_dir_all(&directory))?;
        }
        io(&directory, fs::create_dir_all(&directory))?;
        io(&verilog_file, fs::write(&verilog_file, &verilog))?;
        io(&main_file, fs::write(&main_file, &main))?;
        let mut command = Command::new("verilator");
        command.current_dir(&directory).args([
            "--cc",
            "--exe",
            "--build",
            "-j",
            "2",
            "-Wall",
            "-Wno-DECLFILENAME",
            "-Wno-UNUSED",
            "--x-initial",
            "unique",
            "--x-assign",
            "unique",
            "--top-module",
            "equivalence",
            "-Mdir",
            ".",
            "-MAKEFLAGS",
            "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O1",
            "equivalence.v",
            "main.cpp",
        ]);
        execute(&mut command)?;
        Ok(model)
    }

    /// One module around all cases: a vector of inputs and a vector of outputs each.
    fn wrapper(&self, ports: &[Vec<Port>]) -> String {
        let mut header = vec!["input wire clk".to_owned()];
        let mut body = String::new();
        for (index, (case, ports)) in self.cases.iter().zip(ports).enumerate() {
            let (inputs, outputs) = (
                words(ports, PortDirection::Input) * 32,
                words(ports, PortDirection::Output) * 32,
            );
            header.push(format!("input wire [{}:0] in_{index}", inputs - 1));
            header.push(format!("output wire [{}:0] out_{index}", outputs - 1));
            let (mut input, mut output) = (0, 0);
            let connect = |port: &Port| {
                if port.is_clock {
                    return format!(".{}(clk)", port.name);
                }
                let (vector, offset) = match port.direction {
                    PortDirection::Input => ("in", &mut input),
                    PortDirection::Output => ("out", &mut output),
                };
                *offset += port.width;
                format!(
                    ".{}({vector}_{index}[{}:{}])",
                    port.name,
                    *offset - 1,
                    *offset - port.width
                )
            };
            let connections: Vec<_> = ports.iter().map(connect).collect();
            let _ = writeln!(
                body,
                "  {} case_{index} (\n    {}\n  );",
                case.name(),
                connections.join(",\n    ")
            );
            let _ = writeln!(
                body,
                "  assign out_{index}[{}:{output}] = {}'h0;",
                outputs - 1,
                outputs - output
            );
        }
        format!(
            "module equivalence (\n  {}\n);\n{body}endmodule\n",
            header.join(",\n  ")
        )
    }

    fn main_cpp(&self, ports: &[Vec<Port>]) -> String {
        let (mut read, mut write) = (String::new(), String::new());
        for (index, ports) in ports.iter().enumerate() {
            let (inputs, outputs) = (
                words(ports, PortDirection::Input),
                words(ports, PortDirection::Output),
            );
            let _ = writeln!(
                read,
                "    for (int i = 0; i < {inputs}; ++i) if (!get(in, top.in_{index}[i])) return 0;"
            );
            let _ = writeln!(
                write,
                "    for (int i = 0; i < {outputs}; ++i) put(out, top.out_{index}[i]);"
            );
        }
        format!(
            r#"#include "Vequivalence.h"
#include "verilated.h"
#include <cstdio>
template <class T> static bool get(FILE* file, T& word) {{ uint32_t w; bool ok = fread(&w, 4, 1, file) == 1; word = w; return ok; }}
static void put(FILE* file, uint32_t word) {{ fwrite(&word, 4, 1, file); }}
int main(int argc, char** argv) {{
  if (argc != 3) return 2;
  VerilatedContext context;
  context.randReset(0);
  Vequivalence top{{&context}};
  FILE* in = fopen(argv[1], "rb");
  FILE* out = fopen(argv[2], "wb");
  if (!in || !out) return 3;
  for (;;) {{
{read}    top.clk = 0;
    top.eval();
{write}    top.clk = 1;
    top.eval();
  }}
}}
"#
        )
    }

    fn compare(
        &self,
        ports: &[Vec<Port>],
        traces: &[Trace],
        replies: &[Vec<Vec<BigUint>>],
        cycles: usize,
    ) -> Result<Report, EquivalenceError> {
        let mut constant_outputs = vec![];
        for (index, case) in self.cases.iter().enumerate() {
            let (trace, replies) = (&traces[index], &replies[index]);
            let of = |direction| {
                ports[index]
                    .iter()
                    .filter(move |p| !p.is_clock && p.direction == direction)
            };
            for (number, port) in of(PortDirection::Output).enumerate() {
                let column = |rows: &[Vec<BigUint>], cycle: usize| rows[cycle][number].clone();
                for cycle in 0..cycles {
                    let (rust, verilog) = (column(&trace.outputs, cycle), column(replies, cycle));
                    if rust != verilog {
                        let inputs = of(PortDirection::Input).zip(&trace.inputs[cycle]);
                        let inputs: Vec<_> =
                            inputs.map(|(p, v)| format!("{}={v:#x}", p.name)).collect();
                        return Err(EquivalenceError::Mismatch(Box::new(Mismatch {
                            case: case.name().to_owned(),
                            cycle,
                            port: port.name.clone(),
                            rust,
                            verilog,
                            inputs: inputs.join(" "),
                        })));
                    }
                }
                if (0..cycles)
                    .all(|cycle| column(&trace.outputs, cycle) == column(&trace.outputs, 0))
                {
                    constant_outputs.push(format!("{}.{}", case.name(), port.name));
                }
            }
        }
        Ok(Report {
            cycles,
            constant_outputs,
        })
    }
}

/// 32-bit words that hold the ports of one direction: three at least, so that Verilator gives every vector the same C++ type.
fn words(ports: &[Port], direction: PortDirection) -> usize {
    let bits: usize = ports
        .iter()
        .filter(|p| !p.is_clock && p.direction == direction)
        .map(|p| p.width)
        .sum();
    (bits / 32 + 1).max(3)
}

/// Beside the test programs, so that `cargo clean` removes it.
fn build_directory() -> PathBuf {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.parent()?.join("equivalence")));
    beside.unwrap_or_else(|| std::env::temp_dir().join("handclasp-equivalence"))
}

fn execute(command: &mut Command) -> Result<(), EquivalenceError> {
    let what = format!("{command:?}");
    let failed = |output| EquivalenceError::Tool {
        what: what.clone(),
        output,
    };
    let output = command
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(failed(String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(())
}

/// Runs the Verilated model on the recorded inputs; returns the outputs by case, cycle and port.
fn replay(
    model: &Path,
    traces: &[Trace],
    ports: &[Vec<Port>],
    cycles: usize,
) -> Result<Vec<Vec<Vec<BigUint>>>, EquivalenceError> {
    let widths = |index: usize, direction| {
        let ports = ports[index]
            .iter()
            .filter(move |p: &&Port| !p.is_clock && p.direction == direction);
        ports.map(|p| p.width).collect::<Vec<_>>()
    };
    let mut stimulus: Vec<u8> = vec![];
    for cycle in 0..cycles {
        for (index, trace) in traces.iter().enumerate() {
            let mut offset = 0;
            let mut packed = BigUint::default();
            for (value, width) in trace.inputs[cycle]
                .iter()
                .zip(widths(index, PortDirection::Input))
            {
                packed |= value << offset;
                offset += width;
            }
            let mut bytes = packed.to_bytes_le();
            bytes.resize(4 * words(&ports[index], PortDirection::Input), 0);
            stimulus.extend(bytes);
        }
    }
    let (stimulus_file, reply_file) = (
        model.with_file_name("stimulus.bin"),
        model.with_file_name("reply.bin"),
    );
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| EquivalenceError::Io { path, error }
    };
    fs::write(&stimulus_file, stimulus).map_err(io(&stimulus_file))?;
    execute(Command::new(model).arg(&stimulus_file).arg(&reply_file))?;
    let reply = fs::read(&reply_file).map_err(io(&reply_file))?;
    let mut rest = &reply[..];
    let mut replies: Vec<Vec<Vec<BigUint>>> = vec![vec![]; traces.len()];
    for _ in 0..cycles {
        for (index, replies) in replies.iter_mut().enumerate() {
            let bytes = 4 * words(&ports[index], PortDirection::Output);
            let Some((mine, others)) = rest.split_at_checked(bytes) else {
                let output = "the model stopped early".to_owned();
                return Err(EquivalenceError::Tool {
                    what: model.display().to_string(),
                    output,
                });
            };
            rest = others;
            let mut packed = BigUint::from_bytes_le(mine);
            let mut row = vec![];
            for width in widths(index, PortDirection::Output) {
                row.push(&packed & crate::expression::mask(width));
                packed >>= width;
            }
            replies.push(row);
        }
    }
    Ok(replies)
}
