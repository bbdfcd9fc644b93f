//! `handclasp serve`: a file server over our sockets.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result};
use handclasp_host::TcpListener;

use crate::http::server;
use crate::station::{self, Station};

/// Arguments of `handclasp serve`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    station: station::Args,
    /// Port to listen on
    #[arg(long, default_value_t = 80)]
    port: u16,
    /// Directory whose files are served
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

/// Serves until SIGINT or SIGTERM.
pub fn run(args: &Args) -> Result<()> {
    let root = args
        .dir
        .canonicalize()
        .with_context(|| format!("the directory {}", args.dir.display()))?;
    let station = Station::start(&args.station)?;
    let listener = TcpListener::bind(&station.host, (args.station.ip.ip, args.port))
        .with_context(|| format!("listening on port {}", args.port))?;
    let (stop, stopped) = mpsc::channel();
    let interrupt = stop.clone();
    ctrlc::set_handler(move || {
        let _ = interrupt.send(Ok(()));
    })
    .context("waiting for SIGINT and SIGTERM")?;
    println!(
        "serving {} on http://{}:{}/ (stop with Ctrl-C)",
        root.display(),
        args.station.ip.ip,
        args.port
    );
    thread::spawn(move || {
        let _ = stop.send(accept(&listener, &root));
    });
    let result = stopped.recv().context("waiting for the end")?;
    station.finish()?;
    result
}

/// A thread a connection; returns only when the device has failed.
fn accept(listener: &TcpListener, root: &std::path::Path) -> Result<()> {
    loop {
        let (stream, peer) = listener.accept().context("accepting a connection")?;
        let root = root.to_owned();
        thread::spawn(move || {
            if let Err(error) = server::serve(stream, &root) {
                tracing::warn!(%peer, "{error:#}");
            }
        });
    }
}
