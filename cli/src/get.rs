//! `handclasp get`: a file from an HTTP server, over our sockets.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use handclasp_host::TcpStream;
use indicatif::{ProgressBar, ProgressStyle};
use url::Url;

use crate::http::client;
use crate::station::{self, Station};

/// How long a server may take to shake hands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Arguments of `handclasp get`.
#[derive(clap::Args)]
pub struct Args {
    /// What to get, like `http://192.0.2.1:8000/FILE`
    url: Url,
    /// File to write
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    station: station::Args,
}

/// Gets one file; it appears under its name only when it is whole.
pub fn run(args: &Args) -> Result<()> {
    let server = address(&args.url)?;
    let station = Station::start(&args.station)?;
    let begin = Instant::now();
    let stream = TcpStream::connect_timeout(&station.host, &server, CONNECT_TIMEOUT)
        .with_context(|| format!("connecting to {server}"))?;
    let result = download(args, stream);
    let nic = station.to_string();
    let finished = station.finish();
    // What went wrong first says more.
    let length = result?;
    finished?;
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{}: {length} bytes in {seconds:.2} s ({:.1} Mbit/s, real time, {nic})",
        args.output.display(),
        length as f64 * 8e-6 / seconds
    );
    Ok(())
}

fn download(args: &Args, stream: TcpStream) -> Result<u64> {
    let part = part_of(&args.output)?;
    let file = File::create(&part).with_context(|| format!("creating {}", part.display()))?;
    let style = ProgressStyle::with_template("{bytes} {bytes_per_sec} {elapsed}")?;
    let progress = ProgressBar::no_length().with_style(style);
    let mut out = progress.wrap_write(BufWriter::new(file));
    let host = args.url.host_str().unwrap_or_default();
    let host = match args.url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let target = &args.url[url::Position::BeforePath..url::Position::AfterQuery];
    let got = client::get(stream, &host, target, &mut out)
        .and_then(|length| out.flush().context("writing the file").map(|()| length));
    progress.finish_and_clear();
    match got {
        Ok(length) => {
            fs::rename(&part, &args.output).with_context(|| {
                format!("renaming {} to {}", part.display(), args.output.display())
            })?;
            Ok(length)
        }
        Err(error) => {
            // What is there is not the file; that it cannot be removed is the lesser trouble.
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

/// Where the file is written until it is whole: beside it.
fn part_of(output: &Path) -> Result<PathBuf> {
    let mut name = output
        .file_name()
        .with_context(|| format!("{} is not the name of a file", output.display()))?
        .to_owned();
    name.push(".part");
    Ok(output.with_file_name(name))
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
