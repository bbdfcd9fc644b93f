//! Carries a hyper connection on one of our sockets, with one thread and no runtime: a read or a write that would wait is
//! noted, and when hyper has nothing else to do, the thread waits for just that.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::{pin, Pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use handclasp_host::{Interest, TcpStream};
use hyper::rt::{Read, ReadBufCursor, Write};

/// Most bytes that are read at a time.
const READ_MAX_BYTES: usize = 64 * 1024;

/// Most bytes that are read and thrown away after the last answer.
const DISCARD_MAX_BYTES: usize = 16 << 20;

/// A nonblocking stream that a thread can wait for.
pub trait Socket: 'static {
    /// Reads what is there; `WouldBlock` when that is nothing.
    fn read(&self, out: &mut [u8]) -> io::Result<usize>;
    /// Takes what there is room for; `WouldBlock` when that is nothing.
    fn write(&self, data: &[u8]) -> io::Result<usize>;
    /// Waits until `interest` would not block, at most for `timeout` (`None`: for ever); says whether it would not.
    fn wait(&self, interest: Interest, timeout: Option<Duration>) -> io::Result<bool>;
    /// Sends a FIN after what was written.
    fn close_write(&self) -> io::Result<()>;
    /// Ends the connection with a RST.
    fn abort(&self);
    /// A number that changes when the peer has acknowledged something.
    fn acknowledged(&self) -> u32;
}

impl Socket for TcpStream {
    fn read(&self, out: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut &*self, out)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut &*self, data)
    }

    fn wait(&self, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
        Ok(!TcpStream::wait(self, interest, timeout)?.is_empty())
    }

    fn close_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn abort(&self) {
        // It fails only when there is no connection any more.
        let _ = TcpStream::abort(self);
    }

    fn acknowledged(&self) -> u32 {
        self.variables().map_or(0, |variables| variables.snd_una.0)
    }
}

/// What the thread and hyper's side of it share.
struct State<S> {
    socket: S,
    /// What would have blocked since the last wait.
    blocked_on: Cell<Option<Interest>>,
    /// When the connection last got on, and how much was acknowledged then.
    progress: Cell<(Instant, u32)>,
}

impl<S> State<S> {
    /// The connection gets on.
    fn gets_on(&self) {
        self.progress.set((Instant::now(), self.progress.get().1));
    }

    /// A call that would block is noted, for [`Carrier::run`] to wait for.
    fn poll<T>(&self, result: io::Result<T>, interest: Interest) -> Poll<io::Result<T>> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let before = self.blocked_on.get();
                self.blocked_on
                    .set(Some(before.map_or(interest, |before| before | interest)));
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// Nothing came of it in the time allowed.
    #[error("the peer was idle for {} s", .0.as_secs_f64())]
    Idle(Duration),
    /// The socket failed.
    #[error(transparent)]
    Socket(#[from] io::Error),
}

/// One connection's socket, and the thread that waits for it.
pub struct Carrier<S>(Rc<State<S>>);

impl<S: Socket> Carrier<S> {
    /// Carries on `socket`, which must be nonblocking.
    pub fn new(socket: S) -> Self {
        let now = (Instant::now(), socket.acknowledged());
        Self(Rc::new(State {
            socket,
            blocked_on: Cell::new(None),
            progress: Cell::new(now),
        }))
    }

    /// hyper's side of it.
    pub fn io(&self) -> Io<S> {
        Io {
            state: Rc::clone(&self.0),
            chunk: vec![0; READ_MAX_BYTES].into(),
        }
    }

    /// The connection gets on: from now on it may be idle for the whole time again. What was written, and what the peer
    /// acknowledges, counts by itself; what was read does not, or a head that never ends would hold the connection.
    pub fn gets_on(&self) {
        self.0.gets_on();
    }

    /// Runs `future` to its end, on this thread.
    ///
    /// # Errors
    /// [`CarrierError::Idle`] when the connection has not got on for `idle_max` (`None`: that may last for ever).
    pub fn run<F: Future>(
        &self,
        future: F,
        idle_max: Option<Duration>,
    ) -> Result<F::Output, CarrierError> {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            self.0.blocked_on.set(None);
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Ok(output);
            }
            if woken.0.swap(false, Ordering::Relaxed) {
                continue;
            }
            let Some(interest) = self.0.blocked_on.get() else {
                return Err(io::Error::other("the exchange waits, but not for its socket").into());
            };
            self.wait(interest, idle_max)?;
        }
    }

    /// Waits until the socket is ready; gives up when the connection has not got on for `idle_max`.
    fn wait(&self, interest: Interest, idle_max: Option<Duration>) -> Result<(), CarrierError> {
        let socket = &self.0.socket;
        loop {
            let idle = self.0.progress.get().0.elapsed();
            let left = idle_max.map(|idle_max| idle_max.saturating_sub(idle));
            if socket.wait(interest, left)? {
                return Ok(());
            }
            // What was written may still be on its way to a slow peer: that is no idle one.
            let acknowledged = socket.acknowledged();
            if acknowledged != self.0.progress.get().1 {
                self.0.progress.set((Instant::now(), acknowledged));
            } else if let Some(idle_max) = idle_max {
                return Err(CarrierError::Idle(idle_max));
            }
        }
    }

    /// Closes the connection without harm to the last answer (RFC 9112 9.6): a FIN, then what the peer still sends is read
    /// and thrown away. A close with data unread would be a RST, which may take the answer away from the peer's
    /// application. A peer that neither closes nor acknowledges anything for `idle_max` is reset.
    pub fn finish(&self, idle_max: Duration) {
        let socket = &self.0.socket;
        if socket.close_write().is_err() {
            return;
        }
        self.gets_on();
        let mut chunk = [0; 4096];
        let mut discarded = 0;
        while discarded < DISCARD_MAX_BYTES {
            match socket.read(&mut chunk) {
                Ok(0) => return,
                Ok(length) => discarded += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.wait(Interest::READABLE, Some(idle_max)).is_err() {
                        break;
                    }
                }
                Err(_) => return,
            }
        }
        socket.abort();
    }
}

/// Whether hyper has asked to be polled again.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A socket as hyper wants it. It never blocks.
pub struct Io<S> {
    state: Rc<State<S>>,
    /// Where reads go: what hyper gives is not initialized, and only unsafe code could read into it.
    chunk: Box<[u8]>,
}

impl<S: Socket> Read for Io<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { state, chunk } = self.get_mut();
        let room = out.remaining().min(chunk.len());
        let read = state.socket.read(&mut chunk[..room]);
        state
            .poll(read, Interest::READABLE)
            .map_ok(|length| out.put_slice(&chunk[..length]))
    }
}

impl<S: Socket> Write for Io<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.state.socket.write(data);
        if written.is_ok() {
            self.state.gets_on();
        }
        self.state.poll(written, Interest::WRITABLE)
    }

    /// What was written is on its way.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Left to [`Carrier::finish`].
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
