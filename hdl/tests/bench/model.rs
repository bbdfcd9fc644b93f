//! A Verilated block behind two pipes: a cycle costs microseconds, where rust-hdl's own simulation takes a hundred times that.

use handclasp_verilog::{emit, ports, Port, PortDirection};
use rust_hdl::prelude::*;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// A running model; all ports by name.
pub struct Model {
    child: Child,
    stdin: BufWriter<ChildStdin>,
    stdout: ChildStdout,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
    places: HashMap<String, (PortDirection, usize, usize)>,
    /// Cycles so far.
    pub cycle: u64,
}

impl Model {
    /// Prints the block's Verilog, builds it unless that is already done, and starts it. Registers begin with random values (`seed`).
    pub fn start<B: Block + Default + 'static>(name: &'static str, seed: u64) -> Self {
        Self::start_with(name, seed, B::default)
    }

    /// The same for a block that is made by `make`.
    pub fn start_with<B: Block + 'static>(
        name: &'static str,
        seed: u64,
        make: impl FnOnce() -> B + Send + 'static,
    ) -> Self {
        let described = std::thread::Builder::new()
            .stack_size(256 << 20)
            .spawn(move || {
                let block = make();
                let text = emit(name, &block).unwrap_or_else(|error| panic!("{name}: {error}"));
                (
                    text,
                    ports(&block).unwrap_or_else(|error| panic!("{name}: {error}")),
                )
            });
        let (text, ports) = described
            .expect("a thread can be started")
            .join()
            .expect("the block can be printed");
        let (mut places, mut bits) = (HashMap::new(), [0, 0]);
        let mut connections = String::from(".clk(clk)");
        for port in ports.iter().filter(|port| !port.is_clock) {
            let side = usize::from(port.direction == PortDirection::Output);
            places.insert(port.name.clone(), (port.direction, bits[side], port.width));
            let _ = write!(connections, ",\n    {}", connection(port, bits[side]));
            bits[side] += port.width;
        }
        // Three words at least, so that Verilator makes arrays of all vectors.
        let words = bits.map(|bits| (bits / 32 + 1).max(3));
        let program = build(
            name,
            &text,
            &wrapper(name, words, bits[1], &connections),
            &main_cpp(words),
        );
        let mut child = Command::new(program)
            .arg(seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the model starts");
        let (stdin, stdout) = (
            child.stdin.take().expect("piped"),
            child.stdout.take().expect("piped"),
        );
        let (inputs, outputs) = (vec![0; words[0] * 4], vec![0; words[1] * 4]);
        Self {
            child,
            stdin: BufWriter::new(stdin),
            stdout,
            inputs,
            outputs,
            places,
            cycle: 0,
        }
    }

    /// Sets an input from little-endian bytes.
    pub fn set_bytes(&mut self, name: &str, bytes: &[u8]) {
        let (direction, offset, width) = self.places[name];
        assert!(direction == PortDirection::Input, "{name}");
        for i in 0..width {
            let value = bytes
                .get(i / 8)
                .is_some_and(|byte| byte >> (i % 8) & 1 == 1);
            let (byte, bit) = ((offset + i) / 8, (offset + i) % 8);
            self.inputs[byte] = self.inputs[byte] & !(1 << bit) | u8::from(value) << bit;
        }
    }

    pub fn set(&mut self, name: &str, value: u64) {
        self.set_bytes(name, &value.to_le_bytes());
    }

    /// An output, as the last cycle showed it before its edge.
    pub fn get_bytes(&self, name: &str) -> Vec<u8> {
        let (direction, offset, width) = self.places[name];
        assert!(direction == PortDirection::Output, "{name}");
        let mut bytes = vec![0; width.div_ceil(8)];
        for i in 0..width {
            bytes[i / 8] |= (self.outputs[(offset + i) / 8] >> ((offset + i) % 8) & 1) << (i % 8);
        }
        bytes
    }

    pub fn get(&self, name: &str) -> u64 {
        let bytes = self.get_bytes(name);
        bytes
            .iter()
            .take(8)
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// An input as it is set.
    pub fn input(&self, name: &str) -> u64 {
        let (_, offset, width) = self.places[name];
        (0..width.min(64)).fold(0, |value, i| {
            value | u64::from(self.inputs[(offset + i) / 8] >> ((offset + i) % 8) & 1) << i
        })
    }

    pub fn is_high(&self, name: &str) -> bool {
        self.get(name) == 1
    }

    /// Lets the inputs settle, samples the outputs, and gives one rising edge.
    pub fn step(&mut self) {
        self.stdin.write_all(&self.inputs).expect("the model lives");
        self.stdin.flush().expect("the model lives");
        self.stdout
            .read_exact(&mut self.outputs)
            .expect("the model lives");
        self.cycle += 1;
    }

    /// One cycle of reset.
    pub fn reset(&mut self) {
        self.set("rst", 1);
        self.step();
        self.set("rst", 0);
    }

    /// Steps until `port` is high, at most `limit` times; returns the number of steps.
    pub fn step_until(&mut self, port: &str, limit: u64) -> u64 {
        for steps in 1..=limit {
            self.step();
            if self.is_high(port) {
                return steps;
            }
        }
        panic!("{port} stays low");
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connection(port: &Port, offset: usize) -> String {
    let vector = if port.direction == PortDirection::Input {
        "in"
    } else {
        "out"
    };
    format!(
        ".{}({vector}[{}:{offset}])",
        port.name,
        offset + port.width - 1
    )
}

fn wrapper(name: &str, words: [usize; 2], output_bits: usize, connections: &str) -> String {
    let [input, output] = words.map(|words| words * 32);
    format!(
        "module bench (\n  input wire clk,\n  input wire [{}:0] in,\n  output wire [{}:0] out\n);\n  {name} dut (\n    {connections}\n  );\n  \
         assign out[{}:{output_bits}] = {}'h0;\nendmodule\n",
        input - 1,
        output - 1,
        output - 1,
        output - output_bits
    )
}

fn main_cpp(words: [usize; 2]) -> String {
    format!(
        r#"#include "Vbench.h"
#include "verilated.h"
#include <cstdio>
#include <cstdlib>
int main(int argc, char** argv) {{
  VerilatedContext context;
  context.randReset(2);
  context.randSeed(argc > 1 ? atoi(argv[1]) + 1 : 1);
  Vbench top{{&context}};
  uint32_t in[{0}], out[{1}];
  while (fread(in, 4, {0}, stdin) == {0}) {{
    for (int i = 0; i < {0}; ++i) top.in[i] = in[i];
    top.clk = 0;
    top.eval();
    for (int i = 0; i < {1}; ++i) out[i] = top.out[i];
    fwrite(out, 4, {1}, stdout);
    fflush(stdout);
    top.clk = 1;
    top.eval();
  }}
}}
"#,
        words[0], words[1]
    )
}

/// Verilates the text, unless the same has been built before; returns the program.
fn build(name: &str, text: &str, wrapper: &str, main: &str) -> PathBuf {
    // Tests run in threads.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let program = directory.join("Vbench");
    let files = [
        ("bench.v", format!("{text}\n{wrapper}")),
        ("main.cpp", main.to_owned()),
    ];
    let is_same = files
        .iter()
        .all(|(file, text)| fs::read_to_string(directory.join(file)).is_ok_and(|old| old == *text));
    if is_same && program.exists() {
        return program;
    }
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("the target directory can be written");
    for (file, text) in &files {
        fs::write(directory.join(file), text).expect("the target directory can be written");
    }
    let output = Command::new("verilator")
        .current_dir(&directory)
        .args([
            "--cc",
            "--exe",
            "--build",
            "-Wall",
            "-Wno-DECLFILENAME",
            "-Wno-UNUSED",
        ])
        .args([
            "--x-initial",
            "unique",
            "--x-assign",
            "unique",
            "--top-module",
            "bench",
            "-Mdir",
            ".",
        ])
        .args([
            "-MAKEFLAGS",
            "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O1",
            "bench.v",
            "main.cpp",
        ])
        .output()
        .expect("verilator is installed");
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}
