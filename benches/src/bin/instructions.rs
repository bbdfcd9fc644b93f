//! Counts the instructions that a handshake, an echo, a stream and a close cost the host: ours beside smoltcp.
//!
//! `cargo run --release -p handclasp-benches --bin instructions`; needs valgrind.
#![forbid(unsafe_code)]

use std::env;

use anyhow::{anyhow, Result};
use clap::{Parser, Subcommand};
use handclasp_benches::instructions::{self, Program};
use handclasp_benches::stack::Library;
use handclasp_benches::Work;

/// What is counted.
const WORKS: [Work; 5] = [
    Work::Handshake,
    Work::Echo(64),
    Work::Stream(1460),
    Work::Stream(16384),
    Work::Close,
];

/// Count the instructions of each stack's ends under callgrind
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    mode: Option<Mode>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Only this stack: ours, smoltcp or null
    #[arg(long)]
    stack: Option<Library>,
}

#[derive(Subcommand)]
enum Mode {
    /// Only do the work, without counting: what is run under callgrind
    Workload {
        /// ours, smoltcp or null
        stack: Library,
        /// handshake, echo, stream or close
        work: String,
        /// How often
        count: usize,
        /// Bytes of an echo or of a piece of the stream
        size_bytes: Option<usize>,
    },
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Mode::Workload {
        stack,
        work,
        count,
        size_bytes,
    }) = args.mode
    {
        let work = Work::parse(&work, size_bytes).map_err(|reason| anyhow!(reason))?;
        return Ok(instructions::workload(stack, work, count)?);
    }
    let program = Program {
        path: env::current_exe()?,
        arguments: vec!["workload".into()],
    };
    let mut counts = Vec::new();
    for work in WORKS {
        for library in Library::ALL {
            if args.stack.is_some_and(|only| only != library) {
                continue;
            }
            eprintln!("{}: {work}", library.name());
            counts.push(instructions::count(&program, library, work)?);
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&counts)?);
    } else {
        println!("{}", instructions::table(&counts));
    }
    Ok(())
}
