//! A socket of which nothing is known yet.

use std::io;
use std::net::{SocketAddrV4, ToSocketAddrs};
use std::time::Duration;

use super::{ipv4_addresses, Host, TcpListener, TcpStream, BACKLOG};
use crate::stack::StackError;

/// What `socket()` gives: a descriptor. Nothing is recorded and nothing sent before [`Socket::connect`] or
/// [`Socket::listen`].
#[derive(Debug)]
pub struct Socket {
    host: Host,
    local_port: Option<u16>,
    nonblocking: bool,
}

impl Socket {
    /// A new socket of this host.
    pub fn new(host: &Host) -> Self {
        Self {
            host: host.clone(),
            local_port: None,
            nonblocking: false,
        }
    }

    /// Sets the local address; the unspecified one (0.0.0.0) stands for the host's, port 0 for any free one.
    ///
    /// # Errors
    /// `AddrNotAvailable` when the address is not the host's; `InvalidInput` without an IPv4 address.
    pub fn bind(&mut self, local: impl ToSocketAddrs) -> io::Result<()> {
        let local = ipv4_addresses(local)?[0];
        if !local.ip().is_unspecified() && *local.ip() != self.host.ip() {
            return Err(StackError::NotOurs(*local.ip()).into());
        }
        self.local_port = Some(local.port()).filter(|port| *port != 0);
        Ok(())
    }

    /// Calls that would wait say `WouldBlock` instead; the stream or listener made from this socket inherits it.
    pub fn set_nonblocking(&mut self, nonblocking: bool) {
        self.nonblocking = nonblocking;
    }

    /// Opens a connection. A nonblocking socket gives its stream at once, and [`TcpStream::connected`] tells how it went.
    ///
    /// # Errors
    /// Those of `std::net::TcpStream::connect`: `ConnectionRefused`, `TimedOut`, `HostUnreachable`, `NetworkUnreachable`,
    /// `AddrInUse` when the local port is taken, `AddrNotAvailable` for a peer that no host can be.
    pub fn connect(self, remote: SocketAddrV4) -> io::Result<TcpStream> {
        self.start(remote, None)
    }

    /// As [`Socket::connect`], with a limit to the time it takes.
    ///
    /// # Errors
    /// As for [`Socket::connect`]; `InvalidInput` for a limit of zero.
    pub fn connect_timeout(self, remote: SocketAddrV4, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the time-out of a connect cannot be zero",
            ));
        }
        self.start(remote, Some(timeout))
    }

    fn start(self, remote: SocketAddrV4, timeout: Option<Duration>) -> io::Result<TcpStream> {
        let local_port = self.local_port;
        let id = self
            .host
            .shared()
            .call(|stack, now_ns| stack.connect(now_ns, remote, local_port))?;
        let stream = TcpStream::new(self.host, id, self.nonblocking);
        if !self.nonblocking {
            stream.wait_connected(timeout)?;
        }
        Ok(stream)
    }

    /// Opens the local port for connections; `backlog` of them may wait to be accepted.
    ///
    /// # Errors
    /// `AddrInUse`.
    pub fn listen(self, backlog: usize) -> io::Result<TcpListener> {
        let port = self.local_port.unwrap_or(0);
        let id = self
            .host
            .shared()
            .call(|stack, _| stack.listen(port, backlog))?;
        Ok(TcpListener::new(self.host, id, self.nonblocking))
    }
}

impl TcpStream {
    /// Opens a connection to the first of these addresses that answers.
    ///
    /// # Errors
    /// As for [`Socket::connect`], of the last address.
    pub fn connect(host: &Host, remote: impl ToSocketAddrs) -> io::Result<Self> {
        let mut last = None;
        for remote in ipv4_addresses(remote)? {
            match Socket::new(host).connect(remote) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    /// Opens a connection, with a limit to the time it takes.
    ///
    /// # Errors
    /// As for [`Socket::connect_timeout`].
    pub fn connect_timeout(
        host: &Host,
        remote: &std::net::SocketAddr,
        timeout: Duration,
    ) -> io::Result<Self> {
        let remote = ipv4_addresses(remote)?[0];
        Socket::new(host).connect_timeout(remote, timeout)
    }
}

impl TcpListener {
    /// Opens a local port for connections, with the backlog of `std::net::TcpListener::bind`.
    ///
    /// # Errors
    /// `AddrInUse`; `AddrNotAvailable` when the address is not the host's.
    pub fn bind(host: &Host, local: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with_backlog(host, local, BACKLOG)
    }

    /// Opens a local port for connections, of which `backlog` may wait.
    ///
    /// # Errors
    /// As for [`TcpListener::bind`].
    pub fn bind_with_backlog(
        host: &Host,
        local: impl ToSocketAddrs,
        backlog: usize,
    ) -> io::Result<Self> {
        let mut socket = Socket::new(host);
        socket.bind(local)?;
        socket.listen(backlog)
    }
}
