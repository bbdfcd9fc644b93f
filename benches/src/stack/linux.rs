//! The Linux kernel's TCP, by the system calls of a client and a server in one thread.
//!
//! The kernel handles a segment where it arrives: on a path without hardware that is in the sender's own call. So the time
//! of one end's calls holds work of the other end, and only both together can be compared with other stacks. No call
//! ever sleeps here; what waking a thread adds, [`crate::latency`] measures.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::time::{TimeVal, TimeValLike};

use super::namespace::{Namespaces, Place, SERVER_IP};
use super::traffic::Traffic;
use super::Stack;
use crate::meter::{End, Meter, Unmetered};
use crate::BenchError;

/// Ports that the server listens on, one after the other: each pair of addresses has 28,000 ports for clients, which
/// TIME-WAIT keeps for a minute.
const LISTENERS: usize = 32;
/// Longest wait for anything.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How segments get from the kernel to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// The loopback device.
    Loopback,
    /// A veth pair between two network namespaces.
    Veth,
}

impl Path {
    /// Both.
    pub const BOTH: [Path; 2] = [Path::Loopback, Path::Veth];

    /// Its stack's name.
    pub fn name(self) -> &'static str {
        match self {
            Path::Loopback => "linux-loopback",
            Path::Veth => "linux-veth",
        }
    }
}

/// Sockets of the kernel.
#[derive(Debug)]
pub struct Linux {
    path: Path,
    namespaces: Option<Namespaces>,
    listeners: Vec<TcpListener>,
    next_listener: usize,
    client: Option<TcpStream>,
    server: Option<TcpStream>,
    traffic: Traffic,
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::Socket { doing, source }
}

impl Linux {
    /// Listening sockets on this path.
    ///
    /// # Errors
    /// Why this path cannot be had here.
    pub fn new(path: Path) -> Result<Self, String> {
        let namespaces = match path {
            Path::Loopback => None,
            Path::Veth => Some(Namespaces::new()?),
        };
        let mut linux = Self {
            path,
            namespaces,
            listeners: Vec::with_capacity(LISTENERS),
            next_listener: 0,
            client: None,
            server: None,
            traffic: Traffic::default(),
        };
        linux.enter(Place::Server)?;
        let listened = linux.listen();
        linux.enter(Place::Home)?;
        listened.map_err(|error| format!("the kernel's listener: {error}"))?;
        // Now it shows whether the path carries anything, and not when half of the others are measured.
        linux
            .open(&mut Unmetered)
            .and_then(|()| linux.close(&mut Unmetered))
            .map_err(|error| format!("its first connection: {error}; is the device up?"))?;
        Ok(linux)
    }

    fn listen(&mut self) -> io::Result<()> {
        let ip = match self.path {
            Path::Loopback => Ipv4Addr::LOCALHOST,
            Path::Veth => SERVER_IP,
        };
        for _ in 0..LISTENERS {
            let listener = TcpListener::bind((ip, 0))?;
            setsockopt(
                &listener,
                ReceiveTimeout,
                &TimeVal::seconds(TIMEOUT.as_secs() as i64),
            )?;
            self.listeners.push(listener);
        }
        Ok(())
    }

    fn enter(&self, place: Place) -> Result<(), String> {
        match &self.namespaces {
            Some(namespaces) => namespaces.enter(place),
            None => Ok(()),
        }
    }

    /// Does `work` where clients connect from, with the listener whose turn it is.
    ///
    /// # Errors
    /// As of `work`; the namespace cannot be entered.
    pub fn connecting<R>(
        &mut self,
        work: impl FnOnce(&TcpListener, SocketAddr) -> Result<R, BenchError>,
    ) -> Result<R, BenchError> {
        self.next_listener = (self.next_listener + 1) % LISTENERS;
        let enter = |place| {
            self.enter(place).map_err(|reason| BenchError::Socket {
                doing: "entering a network namespace",
                source: io::Error::other(reason),
            })
        };
        let listener = &self.listeners[self.next_listener];
        let address = listener.local_addr().map_err(failed("listening"))?;
        enter(Place::Client)?;
        let result = work(listener, address);
        enter(Place::Home)?;
        result
    }

    fn both(&mut self) -> Result<(&mut TcpStream, &mut TcpStream, &mut Traffic), BenchError> {
        match (&mut self.client, &mut self.server) {
            (Some(client), Some(server)) => Ok((client, server, &mut self.traffic)),
            _ => Err(failed("using the connection")(
                io::ErrorKind::NotConnected.into(),
            )),
        }
    }
}

/// What both ends of a measured connection are set to.
///
/// # Errors
/// The system's.
pub fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))
}

impl Stack for Linux {
    fn name(&self) -> &'static str {
        self.path.name()
    }

    fn open(&mut self, meter: &mut impl Meter) -> Result<(), BenchError> {
        let (client, server) = self.connecting(|listener, address| {
            let client = meter
                .section(End::Client, || TcpStream::connect(address))
                .map_err(failed("connecting"))?;
            let (server, _) = meter
                .section(End::Server, || listener.accept())
                .map_err(failed("accepting"))?;
            Ok((client, server))
        })?;
        set_up(&client)
            .and(set_up(&server))
            .map_err(failed("setting socket options"))?;
        (self.client, self.server) = (Some(client), Some(server));
        Ok(())
    }

    fn echo(&mut self, size_bytes: usize, meter: &mut impl Meter) -> Result<(), BenchError> {
        let name = self.name();
        self.traffic.prepare(size_bytes);
        let (client, server, traffic) = self.both()?;
        let sent = meter.section(End::Client, || client.write_all(traffic.to_send()));
        sent.map_err(failed("asking"))?;
        let answered = meter.section(End::Server, || {
            server.read_exact(&mut traffic.at_server)?;
            server.write_all(&traffic.at_server)
        });
        answered.map_err(failed("answering"))?;
        let received = meter.section(End::Client, || client.read_exact(&mut traffic.at_client));
        received.map_err(failed("receiving the answer"))?;
        traffic.check(name, End::Client)
    }

    fn transfer(&mut self, size_bytes: usize, meter: &mut impl Meter) -> Result<(), BenchError> {
        let name = self.name();
        self.traffic.prepare(size_bytes);
        let (client, server, traffic) = self.both()?;
        let sent = meter.section(End::Client, || client.write_all(traffic.to_send()));
        sent.map_err(failed("sending"))?;
        let received = meter.section(End::Server, || server.read_exact(&mut traffic.at_server));
        received.map_err(failed("receiving"))?;
        traffic.check(name, End::Server)
    }

    fn close(&mut self, meter: &mut impl Meter) -> Result<(), BenchError> {
        let client = self.client.take();
        meter.section(End::Client, || drop(client));
        let server = self.server.take();
        let ended = meter.section(End::Server, || match server {
            Some(mut server) => server.read(&mut [0]),
            None => Ok(0),
        });
        match ended {
            Ok(0) => Ok(()),
            Ok(_) => Err(failed("closing")(io::ErrorKind::InvalidData.into())),
            Err(error) => Err(failed("closing")(error)),
        }
    }
}
