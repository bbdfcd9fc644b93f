//! `handclasp bench handshake`: connect, accept, close, one connection after another, against the Linux kernel, or from a
//! card with a server elsewhere.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use handclasp_benches::record::OverNic;
use handclasp_benches::Work;
use handclasp_wires::kernel::{with_kernel, KERNEL_IP};

use super::card::Card;
use super::session::Limit;
use super::{over_nic, table};
use crate::station::Args as StationArgs;
use crate::width::Width;

/// Arguments of `handclasp bench handshake`.
#[derive(clap::Args)]
pub struct Args {
    /// Stop after this many seconds
    #[arg(long, default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// Stop after this many connections, even if --seconds are not over
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    samples: Option<u32>,
    /// Width of the simulated gateware's data paths in bits
    #[arg(long, default_value = "64", conflicts_with = "device")]
    width: Width,
    #[command(flatten)]
    card: Option<Card>,
    /// Print the result as JSON, with many quantiles, for plots
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    (text.parse().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{text:?} is no number of seconds"))
}

/// Measures and prints; the last line is the rate.
pub fn run(args: &Args) -> Result<()> {
    let limit = Limit {
        samples: args.samples.map_or(usize::MAX, |samples| samples as usize),
        time: Some(args.seconds),
    };
    let record = match &args.card {
        Some(card) => card.measure(&[Work::Handshake], limit)?,
        None => with_kernel(|tap| {
            // The station opens the device itself.
            drop(tap);
            measure_simulated(args.width, limit)
        })
        .context("the benchmark needs the Linux kernel as peer")??,
    };
    table::print(&record, args.json)
}

/// Connects from simulated gateware to the kernel of this machine.
fn measure_simulated(width: Width, limit: Limit) -> Result<OverNic> {
    let listener = TcpListener::bind((KERNEL_IP, 0)).context("the kernel's listener")?;
    let server = listener.local_addr()?;
    let stop = Arc::new(AtomicBool::new(false));
    let acceptor = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            while !stop.load(Ordering::Relaxed) {
                if listener.accept().is_err() {
                    break;
                }
            }
        }
    });
    let nic = format!("W = {}, Verilated gateware", width.bits());
    let peer = ("Linux kernel over TAP".to_owned(), server);
    let station = StationArgs::to_kernel(width);
    let measured = over_nic::measure(&station, nic, peer, &[Work::Handshake], limit);
    stop.store(true, Ordering::Relaxed);
    // One more connection, from the kernel itself, ends the acceptor's wait.
    let _ = std::net::TcpStream::connect_timeout(&server, Duration::from_secs(1));
    let _ = acceptor.join();
    measured
}
