//! The Verilated model of all cases: a wrapper around them, a program that replays inputs, its build and its runs.

use super::case::Trace;
use super::EquivalenceError;
use crate::{Port, PortDirection};
use num_bigint::BigUint;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// Verilates the cases, unless the same text has been built before; returns the program.
pub(super) fn build(
    name: &str,
    cases: &[&str],
    modules: &str,
    ports: &[Vec<Port>],
) -> Result<PathBuf, EquivalenceError> {
    let directory = build_directory().join(name);
    let model = directory.join("Vequivalence");
    let verilog = format!("{modules}\n{}", wrapper(cases, ports));
    let main = main_cpp(ports);
    let (verilog_file, main_file) = (directory.join("equivalence.v"), directory.join("main.cpp"));
    let is_same = |file: &Path, text: &str| fs::read_to_string(file).is_ok_and(|old| old == text);
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
        // What `.v` means to synthesis tools.
        "--language",
        "1364-2001",
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
fn wrapper(cases: &[&str], ports: &[Vec<Port>]) -> String {
    let mut header = vec!["input wire clk".to_owned()];
    let mut body = String::new();
    for (index, (case, ports)) in cases.iter().zip(ports).enumerate() {
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
            case,
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

/// The program around the model.
fn main_cpp(ports: &[Vec<Port>]) -> String {
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
pub(super) fn replay(
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
