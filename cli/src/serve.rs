//! `handclasp serve`: a file server over our sockets.

use std::collections::HashMap;
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use handclasp_host::{TcpListener, TcpStream};

use crate::http::server;
use crate::interrupt;
use crate::station::{self, Station};

/// How long connections may take to end after a signal.
const CONNECTIONS_END: Duration = Duration::from_millis(500);

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
    /// Seconds after which a connection is closed that has sent no whole request, or takes nothing of its answer. While the
    /// NIC has no room for another connection, new ones wait for that
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle_timeout: u64,
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
    let listener = Arc::new(listener);
    let connections = Arc::new(Connections::default());
    interrupt::on_first({
        let (listener, connections) = (Arc::clone(&listener), Arc::clone(&connections));
        move || {
            connections.stop();
            // Ends the wait for a connection.
            listener.close();
        }
    })?;
    println!(
        "serving {} on http://{}:{}/ (stop with Ctrl-C)",
        root.display(),
        args.station.ip.ip,
        args.port
    );
    let idle_max = Duration::from_secs(args.idle_timeout);
    let result = accept(&listener, &connections, &root.into(), idle_max);
    // Peers of what is left see a RST from `finish`.
    connections.wait_until_over(CONNECTIONS_END);
    station.finish()?;
    result
}

/// A thread a connection; returns when a signal or the device has ended it.
fn accept(
    listener: &TcpListener,
    connections: &Arc<Connections>,
    root: &Arc<Path>,
    idle_max: Duration,
) -> Result<()> {
    loop {
        let (stream, peer) = match listener.accept() {
            Err(_) if connections.is_stopped() => return Ok(()),
            accepted => accepted.context("accepting a connection")?,
        };
        let (connections, root) = (Arc::clone(connections), Arc::clone(root));
        let serving = thread::Builder::new().spawn(move || {
            let served = prepare(&stream).and_then(|()| {
                let _open = connections.enter(&stream)?;
                server::serve(stream, &root, idle_max)
            });
            if let Err(error) = served {
                tracing::warn!(%peer, "{error:#}");
            }
        });
        if let Err(error) = serving {
            tracing::warn!(%peer, "refused, for there is no thread for it: {error}");
        }
    }
}

/// No write of an answer waits for an ACK, and no call for the peer: the carrier waits.
fn prepare(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(())
}

/// The connections that are served now.
#[derive(Default)]
struct Connections {
    state: Mutex<State>,
    /// One is over.
    over: Condvar,
}

#[derive(Default)]
struct State {
    open: HashMap<u64, TcpStream>,
    next: u64,
    stopped: bool,
}

impl Connections {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Enters a connection for as long as the result lives.
    fn enter(&self, stream: &TcpStream) -> Result<Entry<'_>> {
        let mut state = self.state();
        anyhow::ensure!(!state.stopped, "refused, for the server is being stopped");
        let number = state.next;
        state.next += 1;
        state.open.insert(number, stream.try_clone()?);
        Ok(Entry {
            connections: self,
            number,
        })
    }

    /// Ends all connections, and lets no other begin: what was written before is followed by a FIN.
    fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        for stream in state.open.values() {
            // It fails only when it is over.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn wait_until_over(&self, timeout: Duration) {
        let wait = self
            .over
            .wait_timeout_while(self.state(), timeout, |state| !state.open.is_empty());
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }
}

/// A connection's place among the open ones.
struct Entry<'a> {
    connections: &'a Connections,
    number: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.connections.state().open.remove(&self.number);
        self.connections.over.notify_all();
    }
}
