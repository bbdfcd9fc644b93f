//! `handclasp sim pcie`: the simulated NIC as a PCI Express function on a socket, for QEMU or for our own driver.

use std::path::PathBuf;
use std::sync::mpsc;

use anyhow::{Context, Result};
use clap::Subcommand;
use handclasp_sim::pcie::PcieServer;
use handclasp_wires::clock::Clock;

use crate::{counters, wire};

/// Arguments of `handclasp sim`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    face: Face,
}

/// How the simulated NIC shows itself.
#[derive(Subcommand)]
enum Face {
    /// Serve the simulated NIC as a PCI Express function over vfio-user, until SIGINT or SIGTERM
    Pcie(PcieArgs),
}

#[derive(clap::Args)]
struct PcieArgs {
    /// Socket to make, to which QEMU connects (`-device vfio-user-pci`)
    #[arg(long)]
    socket: PathBuf,
    #[command(flatten)]
    wire: wire::Args,
    /// Write the counters of the NIC and of its PCI Express face to this file at exit: a line each, name and value
    #[arg(long)]
    counters: Option<PathBuf>,
}

/// Serves until SIGINT or SIGTERM.
pub fn run(args: &Args) -> Result<()> {
    let Face::Pcie(args) = &args.face;
    pcie(args)
}

fn pcie(args: &PcieArgs) -> Result<()> {
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = stop.send(());
    })
    .context("waiting for SIGINT and SIGTERM")?;
    let (wire, recording) = args.wire.plug()?;
    let width = args.wire.width.into();
    let server = PcieServer::start(&args.socket, width, Clock::wall(), wire)?;
    println!("serving a Handclasp NIC on {}", args.socket.display());
    stopped.recv().context("waiting for the end")?;
    let values = server.stop().context("the simulated NIC stopped");
    recording.finish()?;
    let values = values?;
    if let Some(path) = &args.counters {
        counters::write(path, values)?;
    }
    Ok(())
}
