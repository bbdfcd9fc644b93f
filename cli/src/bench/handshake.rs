//! `handclasp bench handshake`: connect, accept, close, one connection after another, against the Linux kernel, or from a
//! card with a server elsewhere.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use handclasp_benches::record::{OverNic, Rate};
use handclasp_benches::Work;
use handclasp_host::Host;
use handclasp_wires::kernel::{with_kernel, KERNEL_IP};

use super::card::Card;
use super::session::{self, connect, Limit, Times};
use crate::station::Args as StationArgs;
use crate::width::Width;

/// Connections before the first that counts: ARP is resolved, and buffers are mapped.
pub const WARM_UP: usize = 20;

/// Arguments of `handclasp bench handshake`.
#[derive(clap::Args)]
pub struct Args {
    /// How long to measure, in seconds
    #[arg(long, default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// End after so many connections, if that is sooner
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    samples: Option<u32>,
    /// Width of the simulated gateware's data paths in bits
    #[arg(long, default_value = "64", conflicts_with = "device")]
    width: Width,
    #[command(flatten)]
    card: Option<Card>,
    /// Print the result as JSON, with quantiles for plots
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
    session::print(&record, args.json)
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
    let measured = session::measure(&station, nic, peer, &[Work::Handshake], limit);
    stop.store(true, Ordering::Relaxed);
    // One more connection, from the kernel itself, ends the acceptor's wait.
    let _ = std::net::TcpStream::connect_timeout(&server, Duration::from_secs(1));
    let _ = acceptor.join();
    measured
}

/// Connects to the server, one connection after another.
pub fn connect_often(
    host: &Host,
    server: SocketAddr,
    mut times: Times,
) -> (Times, Result<Option<Rate>>) {
    let mut all = || -> Result<()> {
        while times.wants_more() {
            let begin = Instant::now();
            let stream = connect(host, server)?;
            times.push(begin.elapsed());
            drop(stream);
        }
        Ok(())
    };
    let rate = all().map(|()| {
        Some(Rate {
            work: Work::Handshake.name().into(),
            size_bytes: None,
            count: times.measured().len(),
            seconds: times.elapsed().as_secs_f64(),
            back_bytes: 0,
        })
    });
    (times, rate)
}
