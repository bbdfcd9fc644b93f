//! The gateware printed as it is, beside the same with the kernels' shifts and ORs: what the printer's concatenations save.
//!
//! Both models are built here, by Verilator's own makefile: no ordinary build pays for the second one.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, thread};

use handclasp_sim::dut::Width;

#[path = "../../build/flags.rs"]
mod flags;

/// Cycles of one measurement.
const CYCLES: u32 = 20_000;
/// Measurements of each model, taken in turn; the least counts, since other programs only ever add time.
const ROUNDS: usize = 7;
/// Blocks with wide registers are built on the stack.
const STACK_BYTES: usize = 256 << 20;

/// ns a cycle of both models.
pub struct Comparison {
    pub width: Width,
    pub what: &'static str,
    pub operators_ns: f64,
    pub concatenations_ns: f64,
}

impl Comparison {
    /// How many times fewer ns the concatenations need.
    pub fn ratio(&self) -> f64 {
        self.operators_ns / self.concatenations_ns
    }
}

/// Measures both models of a width, idle and with random inputs; their outputs must be the same.
pub fn compare(width: Width) -> Result<Vec<Comparison>, Box<dyn Error>> {
    let operators = build(width, "operators", handclasp_hdl::emit_operators)?;
    let concatenations = build(width, "concatenations", handclasp_hdl::emit)?;
    let mut least = [[f64::INFINITY; 2]; 2];
    for _ in 0..ROUNDS {
        let (old, new) = (run(&operators)?, run(&concatenations)?);
        if old.outputs_hash != new.outputs_hash {
            return Err(format!("the two models of {} bits differ", width.bits()).into());
        }
        for (least, measured) in least.iter_mut().zip([old.ns, new.ns]) {
            for (least, ns) in least.iter_mut().zip(measured) {
                *least = least.min(ns);
            }
        }
    }
    let [operators_ns, concatenations_ns] = least;
    let whats = ["idle", "random inputs"].into_iter().enumerate();
    Ok(whats
        .map(|(index, what)| Comparison {
            width,
            what,
            operators_ns: operators_ns[index],
            concatenations_ns: concatenations_ns[index],
        })
        .collect())
}

type Emit<E> = fn(usize) -> Result<String, E>;

/// The program that runs a model; built again only when the Verilog or the program has changed.
fn build<E: Error + Send + Sync + 'static>(
    width: Width,
    name: &str,
    emit: Emit<E>,
) -> Result<PathBuf, Box<dyn Error>> {
    let bits = width.bits();
    let emitted = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || emit(bits))?;
    let verilog = emitted.join().map_err(|_| "the emission panicked")??;
    let prefix = format!("V{name}");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("emission/{name}_w{bits}"));
    let (source, main) = (directory.join("nic.v"), directory.join("replay.cpp"));
    let program = directory.join(&prefix);
    let replay = include_str!("replay.cpp");
    let is_same = |path: &Path, text: &str| fs::read_to_string(path).is_ok_and(|old| old == text);
    if program.exists() && is_same(&source, &verilog) && is_same(&main, replay) {
        return Ok(program);
    }
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    fs::write(&source, verilog)?;
    fs::write(&main, replay)?;
    let keep_bits = width.bytes();
    let defines =
        format!("-DMODEL={prefix} -DMODEL_HEADER=\\\"{prefix}.h\\\" -DKEEP_BITS={keep_bits}");
    let output = Command::new(std::env::var("VERILATOR").unwrap_or("verilator".into()))
        .current_dir(&directory)
        .args(["--cc", "--exe", "--build", "-j", "2"])
        .args(flags::VERILATOR_FLAGS)
        .args(["--top-module", "handclasp_nic", "--prefix", &prefix])
        .args(["-Mdir", ".", "-CFLAGS", &defines])
        // As the crate's own models are compiled.
        .args(["-MAKEFLAGS", "OPT_FAST=-O3 OPT_SLOW=-O1 OPT_GLOBAL=-O3"])
        .args(["nic.v", "replay.cpp"])
        .output()?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        return Err(format!("building {}:\n{text}", program.display()).into());
    }
    Ok(program)
}

struct Run {
    /// ns a cycle: idle, random inputs.
    ns: [f64; 2],
    outputs_hash: String,
}

fn run(program: &Path) -> Result<Run, Box<dyn Error>> {
    let output = Command::new(program).arg(CYCLES.to_string()).output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [idle, random, hash] if output.status.success() => Ok(Run {
            ns: [idle.parse()?, random.parse()?],
            outputs_hash: hash.to_owned(),
        }),
        _ => Err(format!("{}: {}, printed {text:?}", program.display(), output.status).into()),
    }
}
