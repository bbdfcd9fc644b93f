//! Ours: driver and host, each end on a prepared NIC.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use handclasp_host::stack::{ListenerId, SocketId};
use handclasp_host::{Stack, StackConfig};
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;

use super::in_memory::{Ends, InMemory};
use super::BUFFER_BYTES;
use crate::meter::End;
use crate::prepared::PreparedNic;
use crate::BenchError;

pub(super) const NAME: &str = "ours";

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 7);
const PREFIX_LEN: u8 = 24;

/// Two hosts with a NIC each, and a cable between them.
#[derive(Debug)]
pub struct Ours {
    client: Host,
    server: Host,
    listener: ListenerId,
    clock: Clock,
}

/// A stack, its NIC, and its connection.
struct Host {
    stack: Stack,
    nic: Arc<PreparedNic>,
    /// Events that the stack has been told of by a poll.
    seen_events: u32,
    socket: Option<SocketId>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("stack", &self.stack)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Host {
    fn new(wire: Cable, clock: &Clock, ip: Ipv4Addr) -> Result<Self, BenchError> {
        let nic = PreparedNic::new(Box::new(wire), clock.clone());
        let nic = Arc::new(nic.map_err(|source| BenchError::Socket {
            doing: "opening a prepared NIC",
            source,
        })?);
        // STATUS.ready comes with the first step.
        nic.work()?;
        let mut config =
            StackConfig::new(0x0200_0000_0000 | u64::from(ip.octets()[3]), ip, PREFIX_LEN);
        config.send_buffer_bytes = BUFFER_BYTES;
        config.receive_buffer_bytes = BUFFER_BYTES;
        config.tcp.nodelay = true;
        // The same random numbers in each run, so that instructions can be compared.
        config.seed = Some(u64::from(ip.to_bits()));
        let stack = Stack::new(Arc::clone(&nic) as Arc<_>, config)?;
        Ok(Self {
            stack,
            nic,
            seen_events: 0,
            socket: None,
        })
    }

    fn socket(&self) -> Result<SocketId, BenchError> {
        self.socket.ok_or_else(|| BenchError::Socket {
            doing: "using the connection",
            source: io::ErrorKind::NotConnected.into(),
        })
    }
}

/// What would block is nothing yet.
fn unless_blocked<T>(doing: &'static str, result: io::Result<T>) -> Result<Option<T>, BenchError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(source) => Err(BenchError::Socket { doing, source }),
    }
}

impl Ours {
    /// Two hosts; the server listens.
    ///
    /// # Errors
    /// The system has no memory or no file descriptors left.
    pub fn new() -> Result<InMemory<Self>, BenchError> {
        Ok(InMemory::new(Self::ends()?))
    }

    /// The two hosts alone.
    ///
    /// # Errors
    /// As for [`Ours::new`].
    pub fn ends() -> Result<Self, BenchError> {
        let (near, far) = Cable::pair(0);
        let clock = Clock::simulated(0);
        let client = Host::new(near, &clock, CLIENT)?;
        let mut server = Host::new(far, &clock, *SERVER.ip())?;
        let listener = server.stack.listen(SERVER.port(), 16)?;
        server.stack.push(0)?;
        Ok(Self {
            client,
            server,
            listener,
            clock,
        })
    }

    fn host(&mut self, end: End) -> &mut Host {
        match end {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        }
    }
}

impl Ends for Ours {
    const NAME: &'static str = NAME;

    fn prepare(&mut self, _: u64) -> Result<(), BenchError> {
        Ok(())
    }

    fn connect(&mut self, now_ns: u64) -> Result<(), BenchError> {
        let client = &mut self.client;
        client.socket = Some(client.stack.connect(now_ns, SERVER, None)?);
        Ok(client.stack.push(now_ns)?)
    }

    fn is_established(&mut self, end: End) -> Result<bool, BenchError> {
        match end {
            End::Client => {
                let socket = self.client.socket()?;
                let connected = self.client.stack.connected(socket);
                Ok(unless_blocked("connecting", connected)?.is_some())
            }
            End::Server => {
                let accepted = self.server.stack.accept(self.listener);
                self.server.socket =
                    unless_blocked("accepting", accepted)?.map(|(socket, _)| socket);
                Ok(self.server.socket.is_some())
            }
        }
    }

    fn poll(&mut self, end: End, now_ns: u64) -> Result<(), BenchError> {
        self.host(end).stack.poll(now_ns)?;
        Ok(())
    }

    fn send(&mut self, end: End, now_ns: u64, data: &[u8]) -> Result<usize, BenchError> {
        let host = self.host(end);
        let sent = host.stack.send(now_ns, host.socket()?, data);
        Ok(unless_blocked("sending", sent)?.unwrap_or(0))
    }

    fn receive(&mut self, end: End, out: &mut [u8]) -> Result<usize, BenchError> {
        let host = self.host(end);
        let received = host.stack.receive(host.socket()?, out);
        Ok(unless_blocked("receiving", received)?.unwrap_or(0))
    }

    fn is_at_end(&mut self, end: End) -> Result<bool, BenchError> {
        let host = self.host(end);
        let received = host.stack.receive(host.socket()?, &mut [0]);
        Ok(unless_blocked("receiving the end", received)? == Some(0))
    }

    fn close(&mut self, end: End, now_ns: u64) -> Result<(), BenchError> {
        let host = self.host(end);
        let socket = host.socket()?;
        host.socket = None;
        host.stack.release(now_ns, socket);
        Ok(host.stack.push(now_ns)?)
    }

    fn carry(&mut self, to: End, now_ns: u64) -> Result<bool, BenchError> {
        self.clock.advance_to(now_ns);
        self.host(to.peer()).nic.work()?;
        let host = self.host(to);
        host.nic.work()?;
        let events = host.nic.events()?;
        Ok(std::mem::replace(&mut host.seen_events, events) != events)
    }
}
