//! `handclasp demo`: the journey of a connection, packet by packet.

pub mod cable;
mod journey;
mod kernel;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::width::Width;

/// Arguments of `handclasp demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Width of the gateware's data paths in bits
    #[arg(long, default_value = "64")]
    width: Width,
    /// Directory to write demo.pcapng, demo.fst and demo.svg into
    #[arg(short, long, default_value = ".")]
    output: PathBuf,
}

/// What the client asks.
const REQUEST: &[u8] = b"What does a connection look like on the wire? Show me, please.\r\n\r\n";
/// How long the server's answer is: more than two segments.
const ANSWER_LEN_BYTES: usize = 4000;

/// The server's answer: bytes of which no stretch repeats.
fn answer() -> Vec<u8> {
    (0..ANSWER_LEN_BYTES as u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

/// Runs the demo on the cable, then against the kernel where that is allowed.
pub fn run(args: &Args) -> Result<()> {
    fs::create_dir_all(&args.output)
        .with_context(|| format!("creating the directory {}", args.output.display()))?;
    cable::run(args.width, &args.output).context("two simulated NICs on a cable")?;
    kernel::run(args.width)
}
