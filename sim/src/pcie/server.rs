//! Serves the function on a unix socket, to one client after another.
//!
//! A client may do what it likes. When it goes, the server clears away what it has left behind. The crate `vfio_user`
//! panics on messages with impossible lengths: that ends the connection to this client, and the next one is served. One
//! thing a client can do is use memory: that crate allocates as much as a message announces, up to 4 GiB.

use std::fs::remove_file;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use handclasp_layout::register::COUNTERS;
use nix::sys::socket::{shutdown, Shutdown};
use vfio_user::{Error, Server};

use super::backend::{interrupts, regions, Backend};
use super::counts::Counts;
use super::dma_table::DmaTable;
use super::function::Function;
use super::msix::Msix;
use crate::dut::Width;
use crate::nic::{NicConfig, NicError};
use crate::world::WorldConfig;
use handclasp_wires::clock::Clock;
use handclasp_wires::Wire;

/// How long [`PcieServer::stop`] waits for a client that is still there.
const PATIENCE: Duration = Duration::from_millis(500);
/// Rest after a failure to accept a client (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the function cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Somebody answers at this socket.
    #[error("{0} is served by a running process: end that one, or take another path")]
    InUse(PathBuf),
    /// What is there is not ours to remove.
    #[error("{0} exists and is not a socket: take another path")]
    NotASocket(PathBuf),
    /// The socket cannot be made.
    #[error("the socket {path} cannot be made: {error}; check that its folder is there and writable, and that the path has less than 108 bytes")]
    Socket {
        /// Its path.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The gateware cannot be started.
    #[error("the simulated NIC cannot be started: {0}")]
    Gateware(io::Error),
}

/// A function that is being served, until [`PcieServer::stop`].
pub struct PcieServer {
    path: PathBuf,
    listener: UnixListener,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    function: Arc<Function>,
    dma: Arc<DmaTable>,
    counts: Arc<Counts>,
}

impl PcieServer {
    /// Starts the gateware, plugged into `wire`, and serves it at `path`. A socket that a killed server left there is
    /// removed. `clock` is the time that the wire's other end lives in.
    ///
    /// # Errors
    /// Each says what to do.
    pub fn start(
        path: &Path,
        width: Width,
        clock: Clock,
        wire: Box<dyn Wire>,
    ) -> Result<Self, ServeError> {
        let listener = listen(path)?;
        let accepting = listener.try_clone().map_err(ServeError::Gateware)?;
        let counts = Arc::new(Counts::default());
        let dma = Arc::new(DmaTable::new(Arc::clone(&counts)));
        let msix = Arc::new(Msix::new(Arc::clone(&counts)));
        let nic = NicConfig::from(&WorldConfig::new(width));
        let function = Function::start(&nic, wire, clock, &dma, &msix, &counts)
            .map_err(ServeError::Gateware)?;
        let function = Arc::new(function);
        let stopping = Arc::new(AtomicBool::new(false));
        let mut backend = Backend::new(
            Arc::clone(&function),
            Arc::clone(&dma),
            msix,
            Arc::clone(&counts),
        );
        let server = Server::from_owned_fd(accepting.into(), true, interrupts(), regions());
        let stop = Arc::clone(&stopping);
        let thread = thread::Builder::new()
            .name("vfio-user".into())
            .spawn(move || serve(&server, &mut backend, &stop))
            .map_err(ServeError::Gateware)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            stopping,
            thread: Some(thread),
            function,
            dma,
            counts,
        })
    }

    /// The function's own counters.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        self.counts.values()
    }

    /// Number of mappings there are.
    pub fn maps(&self) -> usize {
        self.dma.len()
    }

    /// Ends it. The gateware's counters, summed up over its resets, and the function's own, by name.
    ///
    /// A client that is still there finds the function gone: it reads all ones.
    ///
    /// # Errors
    /// [`NicError`] when the gateware had failed.
    pub fn stop(mut self) -> Result<Vec<(&'static str, u64)>, NicError> {
        self.close();
        // No transfer is under way when the memory goes.
        let totals = self.function.stop()?;
        let left = self.dma.clear();
        if left > 0 {
            self.counts.maps_left.store(left as u64, Ordering::Relaxed);
        }
        let names = COUNTERS.iter().map(|counter| counter.name);
        Ok(names.zip(totals).chain(self.counts.values()).collect())
    }

    /// No further client; waits for the one that there is, a while.
    fn close(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.stopping.store(true, Ordering::Release);
        // Ends an accept that waits. Nothing is to be done about a failure: the process is about to end.
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        let _ = remove_file(&self.path);
        let step = Duration::from_millis(1);
        for _ in 0..PATIENCE.as_millis() {
            if thread.is_finished() {
                return;
            }
            thread::sleep(step);
        }
        tracing::warn!("a client is still connected; it finds the function gone");
    }
}

impl Drop for PcieServer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Listens at `path`, where nobody else may.
fn listen(path: &Path) -> Result<UnixListener, ServeError> {
    let failed = |error| ServeError::Socket {
        path: path.to_owned(),
        error,
    };
    if let Ok(metadata) = path.symlink_metadata() {
        if !metadata.file_type().is_socket() {
            return Err(ServeError::NotASocket(path.to_owned()));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(ServeError::InUse(path.to_owned()));
        }
        remove_file(path).map_err(failed)?;
    }
    UnixListener::bind(path).map_err(failed)
}

/// One client after another.
fn serve(server: &Server, backend: &mut Backend, stopping: &AtomicBool) {
    while !stopping.load(Ordering::Acquire) {
        let end = catch_unwind(AssertUnwindSafe(|| server.run(backend)));
        backend.clear();
        match end {
            Ok(Ok(())) => {}
            Ok(Err(Error::SocketAccept(error))) => {
                if !stopping.load(Ordering::Acquire) {
                    tracing::warn!("no client can be accepted: {error}");
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
            Ok(Err(error)) => tracing::info!("the connection broke: {error}"),
            Err(_) => tracing::warn!(
                "a client sent a message with an impossible length; its connection is closed"
            ),
        }
    }
}
