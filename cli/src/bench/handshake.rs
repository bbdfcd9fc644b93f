//! `handclasp bench handshake`: connect, accept, close, one connection after another, against the Linux kernel, or from a
//! card against a server elsewhere.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use comfy_table::Table;
use handclasp_benches::distribution::Distribution;
use handclasp_host::TcpStream;
use handclasp_sim::wire::kernel::{with_kernel, KERNEL_IP};
use indicatif::ProgressBar;
use serde::Serialize;

use super::card::Card;
use crate::station::{Args as StationArgs, Station};
use crate::width::Width;

/// Connections before the measured ones: ARP is resolved, and buffers are mapped.
const WARM_UP: u32 = 20;

/// Arguments of `handclasp bench handshake`.
#[derive(clap::Args)]
pub struct Args {
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Width of the simulated gateware's data paths in bits
    #[arg(long, default_value = "64", conflicts_with = "device")]
    width: Width,
    #[command(flatten)]
    card: Option<Card>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was measured, in real time.
#[derive(Serialize)]
struct Report {
    bench: &'static str,
    nic: String,
    peer: String,
    #[serde(flatten)]
    times: Times,
}

/// How long connecting took.
#[derive(Serialize)]
struct Times {
    connections: usize,
    seconds: f64,
    handshakes_per_s: f64,
    connect_p50_us: f64,
    connect_p99_us: f64,
    connect_max_us: f64,
}

/// Measures and prints; the last line is the rate.
pub fn run(args: &Args) -> Result<()> {
    let (seconds, width, json) = (args.seconds, args.width, args.json);
    let report = match &args.card {
        Some(card) => Report {
            bench: "handshake",
            nic: format!("NIC {}", card.device),
            peer: card.peer.to_string(),
            times: measure(&card.station(), card.peer, seconds, json)?,
        },
        None => Report {
            bench: "handshake",
            nic: format!("W = {}, Verilated gateware", width.bits()),
            peer: "Linux kernel over TAP".into(),
            times: with_kernel(|tap| {
                // The station opens the device itself.
                drop(tap);
                measure_simulated(seconds, width, json)
            })
            .context("the benchmark needs the Linux kernel as peer")??,
        },
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    let Report {
        nic, peer, times, ..
    } = report;
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["connect() in real time", "us"]);
    table.add_row(["P50".into(), format!("{:.0}", times.connect_p50_us)]);
    table.add_row(["P99".into(), format!("{:.0}", times.connect_p99_us)]);
    table.add_row(["maximum".into(), format!("{:.0}", times.connect_max_us)]);
    println!("{table}");
    println!(
        "{} connections in {:.2} s: {nic}, {peer}, {} CPUs",
        times.connections,
        times.seconds,
        thread::available_parallelism().map_or(0, usize::from)
    );
    println!("{:.0} handshakes/s", times.handshakes_per_s);
    Ok(())
}

/// Connects from simulated gateware to the kernel of this machine.
fn measure_simulated(seconds: f64, width: Width, quiet: bool) -> Result<Times> {
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
    let measured = measure(&StationArgs::to_kernel(width), server, seconds, quiet);
    stop.store(true, Ordering::Relaxed);
    // One more connection, from the kernel itself, ends the acceptor's wait.
    let _ = std::net::TcpStream::connect_timeout(&server, Duration::from_secs(1));
    let _ = acceptor.join();
    measured
}

/// Connects to a server, one connection after another.
fn measure(station: &StationArgs, server: SocketAddr, seconds: f64, quiet: bool) -> Result<Times> {
    let station = Station::start(station)?;
    let connect = || -> Result<Duration> {
        let begin = Instant::now();
        let stream =
            TcpStream::connect(&station.host, server).context("connecting to the server")?;
        let took = begin.elapsed();
        drop(stream);
        Ok(took)
    };
    for _ in 0..WARM_UP {
        connect()?;
    }
    let progress = if quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new_spinner().with_message("connecting, one connection after another")
    };
    let mut durations = Vec::new();
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < seconds {
        durations.push(connect()?);
        progress.tick();
    }
    let elapsed = begin.elapsed().as_secs_f64();
    progress.finish_and_clear();
    station.finish()?;

    let connections = durations.len();
    let took = Distribution::of(durations);
    let us = |ns: fn(&Distribution) -> f64| took.as_ref().map_or(f64::NAN, |took| ns(took) / 1e3);
    Ok(Times {
        connections,
        seconds: elapsed,
        handshakes_per_s: connections as f64 / elapsed,
        connect_p50_us: us(|took| took.p50_ns),
        connect_p99_us: us(|took| took.p99_ns),
        connect_max_us: us(|took| took.quantiles_ns.last().copied().unwrap_or(f64::NAN)),
    })
}
