//! `handclasp bench`: what the gateware takes in cycles, what the whole chain does in real time, and what a connection
//! costs the host.

mod all;
mod card;
mod compare;
mod connect;
mod cost;
pub mod cycles;
mod handshake;
mod over_nic;
mod rtt;
mod session;
mod stream;
mod table;

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
    /// Count the clock cycles that the gateware needs for a packet, and how many packets a second it can take
    Cycles(cycles::Args),
    /// Open connections one after another, and show how long each takes and how many there are a second
    ///
    /// Our end is simulated gateware, in real time; the other end is this machine's Linux kernel, over a TAP device. With
    /// --device, our end is a card, and the other end is the server that --peer names.
    Handshake(handshake::Args),
    /// Send requests and wait for their answers, and show what that costs the host's CPU, and how long it takes
    ///
    /// The cost is that of our stack, of smoltcp and of Linux, each alone, with neither gateware nor wire. With --device, the
    /// time from a card to the server that --peer names and back is shown instead.
    Rtt(cost::Args),
    /// Send a stream of data, and show what that costs the host's CPU, or how fast it is
    ///
    /// The cost is that of our stack, of smoltcp and of Linux, each alone, with neither gateware nor wire. With --device, the
    /// speed from a card to the server that --peer names is shown instead.
    Stream(cost::Args),
    /// Measure all of this, calculate latencies from application to application, and write a report
    ///
    /// With --device, latencies over that card are measured instead of calculated.
    All(all::Args),
    /// Compare two reports, and show what became slower or faster by more than the noise
    Compare(compare::Args),
    /// Do the work of a benchmark without measuring it, so that callgrind can count its instructions
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
        Bench::Workload(args) => cost::do_workload(args),
    }
}
