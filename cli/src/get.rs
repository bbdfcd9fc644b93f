//! `handclasp get`: a file from an HTTP server, over our sockets.

use std::io;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use handclasp_host::TcpStream;
use indicatif::{ProgressBar, ProgressStyle};
use url::Url;

use crate::http::client;
use crate::interrupt;
use crate::output::{self, Output, Unfinished};
use crate::station::{self, Station};

/// How long a server may take to shake hands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Arguments of `handclasp get`.
#[derive(clap::Args)]
pub struct Args {
    /// What to get, like `http://192.0.2.1:8000/FILE`
    url: Url,
    /// File to write; - is standard output
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    station: station::Args,
}

/// Gets one file; it appears under its name only when it is whole.
pub fn run(args: &Args) -> Result<()> {
    let server = address(&args.url)?;
    let transfer = Transfer::default();
    interrupt::on_first({
        let transfer = transfer.clone();
        move || transfer.interrupt()
    })?;
    let output = Output::create(&args.output, &transfer.unfinished)?;
    let station = Station::start(&args.station)?;
    let begin = Instant::now();
    let stream = TcpStream::connect_timeout(&station.host, &server, CONNECT_TIMEOUT)
        .with_context(|| format!("connecting to {server}"))?;
    transfer.enter(&stream)?;
    let result = download(args, stream, output);
    let result = match transfer.interrupted.load(Ordering::Relaxed) {
        true => result.context("ended by a signal"),
        false => result,
    };
    // The last handle to it: only without one the connection ends.
    transfer.leave();
    let nic = station.to_string();
    let finished = station.finish();
    // What went wrong first says more.
    let length = result?;
    finished?;
    let seconds = begin.elapsed().as_secs_f64();
    let message = format!(
        "{}: {length} bytes in {seconds:.2} s ({:.1} Mbit/s, real time, {nic})",
        args.output.display(),
        length as f64 * 8e-6 / seconds
    );
    if output::is_standard(&args.output) {
        eprintln!("{message}");
    } else {
        println!("{message}");
    }
    Ok(())
}

/// What a signal ends.
#[derive(Clone, Default)]
struct Transfer {
    interrupted: Arc<AtomicBool>,
    unfinished: Unfinished,
    stream: Arc<Mutex<Option<TcpStream>>>,
}

impl Transfer {
    fn stream(&self) -> MutexGuard<'_, Option<TcpStream>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, stream: &TcpStream) -> io::Result<()> {
        *self.stream() = Some(stream.try_clone()?);
        Ok(())
    }

    fn leave(&self) {
        *self.stream() = None;
    }

    /// Leaves no part of the file, and wakes the download, which then ends.
    fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.unfinished.remove();
        match &*self.stream() {
            // It fails only when the connection is over.
            Some(stream) => drop(stream.shutdown(Shutdown::Both)),
            // Nothing is open that a peer would have to learn of.
            None => interrupt::exit(),
        }
    }
}

fn download(args: &Args, stream: TcpStream, mut output: Output) -> Result<u64> {
    stream.set_nonblocking(true)?;
    let style = ProgressStyle::with_template("{bytes} {bytes_per_sec} {elapsed}")?;
    let progress = ProgressBar::no_length().with_style(style);
    let mut out = progress.wrap_write(&mut output);
    let host = args.url.host_str().unwrap_or_default();
    let host = match args.url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let target = &args.url[url::Position::BeforePath..url::Position::AfterQuery];
    let got = client::get(stream, &host, target, &mut out);
    progress.finish_and_clear();
    let length = got?;
    output.finish()?;
    Ok(length)
}

/// The server's address; names are resolved by the system, not over our NIC.
fn address(url: &Url) -> Result<SocketAddr> {
    if url.scheme() != "http" {
        bail!("{url} is not an http URL: there is no TLS here");
    }
    let host = url
        .host_str()
        .with_context(|| format!("{url} names no host"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses: io::Result<Vec<SocketAddr>> =
        (host, port).to_socket_addrs().map(Iterator::collect);
    addresses
        .with_context(|| format!("resolving {host}"))?
        .into_iter()
        .find(SocketAddr::is_ipv4)
        .with_context(|| format!("{host} has no IPv4 address"))
}
