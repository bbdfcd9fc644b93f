//! Two hosts on a cable in simulated time: what depends on who is first, on timers, or on full tables, repeats exactly.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex};

use handclasp_driver::Bus;
use handclasp_host::tcp::State;
use handclasp_host::{Host, Observation, Socket, StackConfig, TcpListener, TcpStream};
use handclasp_reference::{ReferenceNic, Tables};
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;
use handclasp_wires::Wire;

/// Where the server listens.
pub const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 4000);
/// Where the client connects from, when it says so.
pub const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 5000);
/// A second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// The simulation's clock as the hosts see it.
struct HostClock(Clock);

impl handclasp_host::Clock for HostClock {
    fn now_ns(&self) -> u64 {
        self.0.now_ns()
    }
}

/// A host and what it told its observer.
pub struct End {
    /// The host.
    pub host: Host,
    bus: Arc<ReferenceNic>,
    /// All that was observed.
    pub log: Arc<Mutex<Vec<Observation>>>,
}

impl End {
    fn new(wire: Box<dyn Wire>, clock: &Clock, tables: Tables, config: StackConfig) -> Self {
        let bus = Arc::new(ReferenceNic::with_tables(wire, clock.clone(), tables).unwrap());
        let host = Host::manual(bus.clone(), config, Arc::new(HostClock(clock.clone()))).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&log);
        host.observe(Some(Box::new(move |seen| to.lock().unwrap().push(*seen))));
        Self { host, bus, log }
    }

    /// A nonblocking socket.
    pub fn socket(&self) -> Socket {
        let mut socket = Socket::new(&self.host);
        socket.set_nonblocking(true);
        socket
    }

    /// The states that its connections have been in.
    ///
    /// # Panics
    /// When the observer has.
    pub fn states(&self) -> HashSet<State> {
        let log = self.log.lock().unwrap();
        let both = |seen: &Observation| match *seen {
            Observation::Arrived { before, after, .. }
            | Observation::Sent { before, after, .. }
            | Observation::Changed { before, after, .. } => [before, after],
            Observation::Left { .. } => [None, None],
        };
        log.iter().flat_map(both).flatten().collect()
    }
}

/// What both hosts of a [`Pair`] have.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Sizes of the NICs' tables.
    pub tables: Tables,
    /// See [`StackConfig::connections_max`].
    pub connections_max: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            tables: Tables::default(),
            connections_max: 4096,
        }
    }
}

/// Server, client, and their time.
pub struct Pair {
    /// At [`SERVER`].
    pub server: End,
    /// At [`CLIENT`].
    pub client: End,
    /// Of both.
    pub clock: Clock,
}

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair {
    /// Two hosts that do not know each other.
    pub fn new() -> Self {
        Self::with(&Setup::default(), |wire| Box::new(wire))
    }

    /// As [`Pair::new`], with this setup and what `wrap` makes of each end of the cable.
    ///
    /// # Panics
    /// When a host cannot be started.
    pub fn with(setup: &Setup, mut wrap: impl FnMut(Cable) -> Box<dyn Wire>) -> Self {
        let (near, far) = Cable::pair(500);
        let clock = Clock::simulated(SECOND_NS);
        let mut end = |wire, address: SocketAddrV4| {
            let number = u64::from(address.ip().octets()[3]);
            let mut config = StackConfig::new(0x0200_0000_0000 + number, *address.ip(), 24);
            config.seed = Some(number);
            config.connections_max = setup.connections_max;
            End::new(wrap(wire), &clock, setup.tables, config)
        };
        Self {
            server: end(near, SERVER),
            client: end(far, CLIENT),
            clock,
        }
    }

    /// One microsecond; says whether anything happened.
    ///
    /// # Panics
    /// When a host fails.
    pub fn step(&self) -> bool {
        let mut moved = false;
        for end in [&self.server, &self.client] {
            end.bus.relax();
            moved |= !end.host.poll().unwrap().is_idle();
        }
        self.clock.advance_to(self.clock.now_ns() + 1000);
        moved
    }

    /// Until nothing happens any more without a timer.
    pub fn settle(&self) {
        let mut quiet = 0;
        while quiet < 10 {
            quiet = if self.step() { 0 } else { quiet + 1 };
        }
    }

    /// Lets this much time pass, timers included.
    pub fn pass(&self, ns: u64) {
        let end = self.clock.now_ns() + ns;
        loop {
            self.settle();
            let deadlines = [&self.server, &self.client].map(|end| end.host.deadline_ns());
            match deadlines.into_iter().flatten().min() {
                Some(at) if at < end => self.clock.advance_to(at),
                _ => break,
            }
        }
        self.clock.advance_to(end);
        self.settle();
    }

    /// At [`SERVER`], nonblocking.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn listen(&self, backlog: usize) -> TcpListener {
        let mut socket = self.server.socket();
        socket.bind(SERVER).unwrap();
        socket.listen(backlog).unwrap()
    }

    /// From the client's fixed port.
    ///
    /// # Errors
    /// As for [`Socket::connect`].
    ///
    /// # Panics
    /// When a host fails.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let mut socket = self.client.socket();
        socket.bind(CLIENT).unwrap();
        let stream = socket.connect(SERVER)?;
        self.settle();
        Ok(stream)
    }

    /// The client's end, from its fixed port, and the server's; nonblocking.
    ///
    /// # Panics
    /// When there is none.
    pub fn connection(&self, listener: &TcpListener) -> (TcpStream, TcpStream) {
        let near = self.connect().unwrap();
        (near.try_clone().unwrap(), accepted(listener, &near))
    }
}

/// The end of `near` at the listener; nonblocking.
///
/// # Panics
/// When the handshake is not over.
pub fn accepted(listener: &TcpListener, near: &TcpStream) -> TcpStream {
    near.connected().unwrap();
    let (far, peer) = listener.accept().unwrap();
    assert_eq!(peer, near.local_addr().unwrap());
    far.set_nonblocking(true).unwrap();
    far
}
