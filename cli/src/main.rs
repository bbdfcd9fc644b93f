//! The command `handclasp`: a TCP connection through gateware, simulated or on a card, to look at and to use.
#![forbid(unsafe_code)]

mod bench;
mod bind;
mod counters;
mod demo;
mod devices;
mod emit;
mod get;
mod http;
mod ladder;
mod parse;
mod serve;
mod sim;
mod station;
mod width;
mod wire;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A TCP NIC: gateware, driver and sockets. Its gateware is on a card, or simulated cycle by cycle.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Open, use and close a connection over the gateware, and show each packet of it
    Demo(demo::Args),
    /// Serve files over HTTP/1.1 from our sockets
    Serve(serve::Args),
    /// Get a file from an HTTP server through our sockets
    Get(get::Args),
    /// List the NICs on this machine's PCI bus
    Devices(devices::Args),
    /// Hand a NIC to user space: bind it to the kernel's vfio-pci (needs root)
    Bind(bind::BindArgs),
    /// Give a NIC back to the kernel; waits until no program uses it (needs root)
    Unbind(bind::UnbindArgs),
    /// Show what the gateware decodes of each frame of a capture
    Parse(parse::Args),
    /// Serve the simulated NIC to other programs
    Sim(sim::Args),
    /// Write the gateware as Verilog
    Emit(emit::Args),
    /// Measure
    Bench(bench::Args),
}

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(tracing::Level::WARN.into())
                .with_env_var("HANDCLASP_LOG")
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .init();
    match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Bind(args) => bind::bind(&args),
        Command::Unbind(args) => bind::unbind(&args),
        Command::Parse(args) => parse::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Emit(args) => emit::run(&args),
        Command::Bench(args) => bench::run(&args),
    }
}
