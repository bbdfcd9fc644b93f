//! A connection's socket.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use super::Host;
use crate::stack::{Awaited, Interest, Readiness, SocketId, Stack};
use crate::tcp::Variables;

/// In the place of a time-out: none.
const FOR_EVER: u64 = u64::MAX;

/// A connection, as `std::net::TcpStream` has it. Dropping the last clone closes it: what was written is still sent,
/// but data that nobody has read ends it with a RST.
#[derive(Debug)]
pub struct TcpStream {
    inner: Arc<Inner>,
}

/// What clones share.
#[derive(Debug)]
struct Inner {
    host: Host,
    id: SocketId,
    nonblocking: AtomicBool,
    read_timeout_ns: AtomicU64,
    write_timeout_ns: AtomicU64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let id = self.id;
        self.host
            .shared()
            .call(|stack, now_ns| stack.release(now_ns, id));
    }
}

impl TcpStream {
    pub(super) fn new(host: Host, id: SocketId, nonblocking: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                host,
                id,
                nonblocking: AtomicBool::new(nonblocking),
                read_timeout_ns: AtomicU64::new(FOR_EVER),
                write_timeout_ns: AtomicU64::new(FOR_EVER),
            }),
        }
    }

    /// An attempt, once or until it succeeds, as the socket's mode and time-out say.
    fn attempt<T>(
        &self,
        interest: Interest,
        timeout_ns: &AtomicU64,
        mut attempt: impl FnMut(&mut Stack, u64, SocketId) -> io::Result<T>,
    ) -> io::Result<T> {
        let (shared, id) = (self.inner.host.shared(), self.inner.id);
        if self.inner.nonblocking.load(Ordering::Relaxed) {
            return shared.call(|stack, now_ns| attempt(stack, now_ns, id));
        }
        let give_up_ns = match timeout_ns.load(Ordering::Relaxed) {
            FOR_EVER => None,
            timeout_ns => Some(shared.now_ns().saturating_add(timeout_ns)),
        };
        let awaited = Awaited::Stream(id, interest);
        shared.wait_for(awaited, give_up_ns, |stack, now_ns| {
            attempt(stack, now_ns, id)
        })
    }

    fn call<T>(&self, action: impl FnOnce(&mut Stack, SocketId) -> T) -> T {
        let id = self.inner.id;
        self.inner.host.shared().call(|stack, _| action(stack, id))
    }

    fn look<T>(&self, look: impl FnOnce(&mut Stack, SocketId) -> T) -> T {
        let id = self.inner.id;
        self.inner.host.shared().look(|stack| look(stack, id))
    }

    pub(super) fn wait_connected(&self, timeout: Option<Duration>) -> io::Result<()> {
        let (shared, id) = (self.inner.host.shared(), self.inner.id);
        // A connection becomes writable when its handshake succeeds or fails.
        let awaited = Awaited::Stream(id, Interest::WRITABLE);
        let give_up_ns = shared.after(timeout);
        match shared.wait_for(awaited, give_up_ns, |stack, _| stack.connected(id)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer has not answered in the time allowed",
            )),
            result => result,
        }
    }

    /// How the opening of a nonblocking socket's connection went.
    ///
    /// # Errors
    /// `WouldBlock` while the handshake lasts; why it failed, once.
    pub fn connected(&self) -> io::Result<()> {
        self.call(|stack, id| stack.connected(id))
    }

    /// The peer's address and port.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.look(|stack, id| stack.tuple(id))?.remote().into())
    }

    /// The own address and port.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.look(|stack, id| stack.tuple(id))?.local().into())
    }

    /// Closes one direction or both: reads give the end of the stream, or a FIN follows what was written.
    ///
    /// # Errors
    /// `NotConnected` when the connection is over.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.call(|stack, id| {
            if how != Shutdown::Write {
                stack.shutdown_read(id)?;
            }
            if how != Shutdown::Read {
                stack.shutdown_write(id)?;
            }
            Ok(())
        })
    }

    /// Ends the connection at once, with a RST where the peer knows of it (RFC 9293 3.10.5): what was written and has not
    /// been acknowledged is lost.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn abort(&self) -> io::Result<()> {
        self.call(|stack, id| stack.abort(id))
    }

    /// Waits until a read or a write, as `interest` says, would not wait, or `timeout` is over (`None`: never); says
    /// which of them would not, neither when the time is over. Also when the stream is nonblocking.
    ///
    /// [`TcpStream::shutdown`] of both directions by another handle ends the wait.
    ///
    /// # Errors
    /// `NotConnected`; `NetworkDown` when the device failed. Why the connection failed is for the read or the write to
    /// say, which then do not wait.
    pub fn wait(&self, interest: Interest, timeout: Option<Duration>) -> io::Result<Readiness> {
        let (shared, id) = (self.inner.host.shared(), self.inner.id);
        let awaited = Awaited::Stream(id, interest);
        let ready = shared.wait_for(awaited, shared.after(timeout), |stack, _| {
            match stack.readiness(id)?.of(interest) {
                none if none.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
                ready => Ok(ready),
            }
        });
        match ready {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Readiness::default()),
            result => result,
        }
    }

    /// Another handle to the same connection.
    ///
    /// # Errors
    /// None today.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            inner: Arc::clone(&self.inner),
        })
    }

    /// Small writes go at once (true), or may wait for more (Nagle's algorithm).
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.call(|stack, id| stack.set_nodelay(id, nodelay))
    }

    /// What [`TcpStream::set_nodelay`] set.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.look(|stack, id| stack.nodelay(id))
    }

    /// Sets the time to live of the packets sent from now on (RFC 9293 MUST-49). Default 64.
    ///
    /// # Errors
    /// `InvalidInput` unless it is 1 to 255; `NotConnected`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        match u8::try_from(ttl) {
            Ok(ttl) if ttl > 0 => self.call(|stack, id| stack.set_ttl(id, ttl)),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a time to live is 1 to 255",
            )),
        }
    }

    /// What [`TcpStream::set_ttl`] set.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.look(|stack, id| stack.ttl(id))?.into())
    }

    /// Sets the type of service of the packets sent from now on: DSCP in the upper six bits (RFC 9293 MUST-48). Default 0.
    ///
    /// # Errors
    /// `InvalidInput` when the lower two bits, which are ECN's (RFC 3168), are not 0; `NotConnected`.
    pub fn set_tos(&self, tos: u8) -> io::Result<()> {
        if tos & 3 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the lower two bits of the type of service are not the application's",
            ));
        }
        self.call(|stack, id| stack.set_tos(id, tos))
    }

    /// What [`TcpStream::set_tos`] set.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn tos(&self) -> io::Result<u8> {
        self.look(|stack, id| stack.tos(id))
    }

    /// Calls that would wait say `WouldBlock` instead. Of all clones.
    ///
    /// # Errors
    /// None today.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.inner.nonblocking.store(nonblocking, Ordering::Relaxed);
        Ok(())
    }

    /// Longest wait of a read, which then says `WouldBlock` as on Linux; `None`: for ever. Of all clones.
    ///
    /// # Errors
    /// `InvalidInput` for zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        set_timeout(&self.inner.read_timeout_ns, timeout)
    }

    /// Longest wait of a write, which then says `WouldBlock` as on Linux; `None`: for ever. Of all clones.
    ///
    /// # Errors
    /// `InvalidInput` for zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        set_timeout(&self.inner.write_timeout_ns, timeout)
    }

    /// What [`TcpStream::set_read_timeout`] set.
    ///
    /// # Errors
    /// None today.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(timeout(&self.inner.read_timeout_ns))
    }

    /// What [`TcpStream::set_write_timeout`] set.
    ///
    /// # Errors
    /// None today.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(timeout(&self.inner.write_timeout_ns))
    }

    /// Why the connection failed, if it did and no call has said so yet.
    ///
    /// # Errors
    /// `NotConnected`; `NetworkDown` when the device failed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.call(|stack, id| stack.take_error(id))
    }

    /// The connection's variables, to look at.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn variables(&self) -> io::Result<Variables> {
        self.look(|stack, id| stack.variables(id))
    }
}

fn as_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(FOR_EVER)
}

fn set_timeout(place: &AtomicU64, timeout: Option<Duration>) -> io::Result<()> {
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a time-out cannot be zero; use set_nonblocking",
        ));
    }
    place.store(timeout.map_or(FOR_EVER, as_ns), Ordering::Relaxed);
    Ok(())
}

fn timeout(place: &AtomicU64) -> Option<Duration> {
    match place.load(Ordering::Relaxed) {
        FOR_EVER => None,
        ns => Some(Duration::from_nanos(ns)),
    }
}

impl Read for &TcpStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.attempt(
            Interest::READABLE,
            &self.inner.read_timeout_ns,
            |stack, _, id| stack.receive(id, out),
        )
    }
}

impl Write for &TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.attempt(
            Interest::WRITABLE,
            &self.inner.write_timeout_ns,
            |stack, now_ns, id| stack.send(now_ns, id, data),
        )
    }

    /// Does nothing: what was written is on its way.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        (&*self).read(out)
    }
}

impl Write for TcpStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    /// Does nothing: what was written is on its way.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
