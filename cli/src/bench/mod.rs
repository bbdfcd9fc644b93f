//! `handclasp bench`: what the gateware takes in cycles, what the whole chain does in real time, and what a connection
//! costs the host.

mod all;
mod card;
mod compare;
mod cost;
mod cycles;
mod handshake;
mod readme;
mod rtt;
mod session;
mod stream;

use anyhow::Result;
use handclasp_benches::Work;

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
    /// Connections one after another, in real time, with the Linux kernel over TAP; from a card with a server elsewhere
    Handshake(handshake::Args),
    /// What a request and its answer cost the host: ours, smoltcp and Linux; how long they take between Linux's threads, or
    /// from a card to a server and back
    Rtt(cost::Args),
    /// What a stream costs the host: ours, smoltcp and Linux; or how fast it is from a card to a server
    Stream(cost::Args),
    /// All of it, with a latency model from application to application, as a report of HTML; from a card it is measured
    /// instead of modelled
    All(all::Args),
    /// Compare two reports' runs: what became slower, beyond the noise
    Compare(compare::Args),
    /// Write the README's section on latency from a stored run
    #[command(hide = true)]
    Readme(readme::Args),
    /// Only do a work, without measuring it: what is run under callgrind
    #[command(hide = true)]
    Workload(cost::Workload),
}

/// Runs one benchmark.
pub fn run(args: &Args) -> Result<()> {
    match &args.bench {
        Bench::Cycles(args) => cycles::run(args),
        Bench::Handshake(args) => handshake::run(args),
        Bench::Rtt(args) => cost::run(args, Work::Echo),
        Bench::Stream(args) => cost::run(args, Work::Stream),
        Bench::All(args) => all::run(args),
        Bench::Compare(args) => compare::run(args),
        Bench::Readme(args) => readme::run(args),
        Bench::Workload(args) => cost::do_workload(args),
    }
}
