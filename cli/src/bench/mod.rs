//! `handclasp bench`: what the gateware takes in cycles, and what the whole chain does in real time.

mod cycles;
mod handshake;

use anyhow::Result;

/// Arguments of `handclasp bench`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(clap::Subcommand)]
enum Bench {
    /// Latency and throughput of the gateware, in simulated clock cycles
    Cycles(cycles::Args),
    /// Connections a second against the Linux kernel over TAP, one after another, in real time
    Handshake(handshake::Args),
}

/// Runs one benchmark.
pub fn run(args: &Args) -> Result<()> {
    match &args.bench {
        Bench::Cycles(args) => cycles::run(args),
        Bench::Handshake(args) => handshake::run(args),
    }
}
