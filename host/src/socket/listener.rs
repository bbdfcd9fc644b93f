//! A listening socket.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Host, TcpStream};
use crate::stack::{Awaited, ListenerId};

/// A local port that is open for connections, as `std::net::TcpListener` has it. Dropping it closes the port, and
/// resets the connections that nobody accepted.
#[derive(Debug)]
pub struct TcpListener {
    host: Host,
    id: ListenerId,
    nonblocking: AtomicBool,
}

impl TcpListener {
    pub(super) fn new(host: Host, id: ListenerId, nonblocking: bool) -> Self {
        Self {
            host,
            id,
            nonblocking: AtomicBool::new(nonblocking),
        }
    }

    /// The next connection, and its peer.
    ///
    /// # Errors
    /// `WouldBlock` when there is none and the listener is nonblocking; `NotConnected` after [`TcpListener::close`];
    /// `NetworkDown` when the device failed.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (shared, id) = (self.host.shared(), self.id);
        let (socket, peer) = if self.nonblocking.load(Ordering::Relaxed) {
            shared.call(|stack, _| stack.accept(id))
        } else {
            shared.wait_for(Awaited::Listener(id), None, |stack, _| stack.accept(id))
        }?;
        // As with std, the stream does not inherit the listener's mode.
        Ok((
            TcpStream::new(self.host.clone(), socket, false),
            peer.into(),
        ))
    }

    /// Waits until [`TcpListener::accept`] would not wait, or `timeout` is over (`None`: never); says whether it would
    /// not. Also when the listener is nonblocking.
    ///
    /// # Errors
    /// `NotConnected` after [`TcpListener::close`], and at once when that is called meanwhile; `NetworkDown` when the
    /// device failed.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let (shared, id) = (self.host.shared(), self.id);
        let ready =
            shared.wait_for(
                Awaited::Listener(id),
                shared.after(timeout),
                |stack, _| match stack.may_accept(id)? {
                    true => Ok(()),
                    false => Err(io::ErrorKind::WouldBlock.into()),
                },
            );
        match ready {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Closes the port now, as dropping the listener does: connections that nobody accepted are reset, and
    /// [`TcpListener::accept`] and [`TcpListener::wait`] say `NotConnected`, those that wait in other threads as well.
    pub fn close(&self) {
        let id = self.id;
        self.host.shared().call(|stack, _| stack.unlisten(id));
    }

    /// The connections, one after the other, without end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The local address and port.
    ///
    /// # Errors
    /// None today.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddrV4::new(self.host.ip(), self.id.port()).into())
    }

    /// [`TcpListener::accept`] says `WouldBlock` instead of waiting.
    ///
    /// # Errors
    /// None today.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.nonblocking.store(nonblocking, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.close();
    }
}

/// The connections of a listener; see [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}
