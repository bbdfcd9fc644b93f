//! Connections begin: by a call (active open), or by a peer's SYN to a listening port (passive open).

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use handclasp_driver::Command;

use super::arrival::Arrival;
use super::listener::Listener;
use super::slot::{Flow, Owner, Slot, SocketId, NO_GENERATION};
use super::{ports, Stack, StackError, Tuple};
use crate::tcp::{Beginning, Buffers, Connection, Segment, SeqNumber, State};

/// A listening port as seen from outside the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId {
    pub(super) port: u16,
    pub(super) generation: u64,
}

impl ListenerId {
    /// The local port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Stack {
    /// Active open (RFC 9293 3.10.1): takes a connection id and memory, and has a SYN sent as soon as the next hop's MAC
    /// address is known; [`Stack::push`] passes it on. Whether it succeeds, [`Stack::connected`] tells.
    ///
    /// # Errors
    /// `NoHost`, `NoRoute`, `NoConnection`, `NoPort`, `PortInUse` (of `local_port`, to this peer), `Driver` without memory,
    /// or when the device failed.
    pub fn connect(
        &mut self,
        now_ns: u64,
        remote: SocketAddrV4,
        local_port: Option<u16>,
    ) -> Result<SocketId, StackError> {
        self.check_device()?;
        let remote_ip = remote.ip().to_bits();
        let local_ip = self.config.ip.to_bits();
        // RFC 9293 MUST-46: not to a group; and our NIC does not hear itself.
        if !self.config.is_host(remote_ip) || remote_ip == local_ip || remote.port() == 0 {
            return Err(StackError::NoHost(*remote.ip()));
        }
        let next_hop = self
            .config
            .next_hop(remote_ip)
            .ok_or(StackError::NoRoute(*remote.ip()))?;
        let tuple = |local_port| Tuple {
            remote_ip,
            local_ip,
            remote_port: remote.port(),
            local_port,
        };
        let holders = &self.holders;
        let is_free = |port| !holders.contains(&tuple(port));
        let local_port = match local_port {
            Some(port) if is_free(port) => port,
            Some(port) => return Err(StackError::PortInUse(port)),
            None => {
                let listeners = &self.listeners;
                let is_free = |port| !listeners.contains_key(&port) && is_free(port);
                match ports::ephemeral(&mut self.rng, is_free) {
                    Some(port) => port,
                    None => return Err(StackError::NoPort),
                }
            }
        };
        let tuple = tuple(local_port);
        let begin = self.begin(now_ns, &tuple);
        let socket = self.install(now_ns, tuple, next_hop, begin, None)?;
        self.tell_changed(now_ns, tuple, None, Some(State::SynSent));
        let sent = self.transmit_syn(now_ns, socket.connection);
        self.or_fail(sent)?;
        Ok(socket)
    }

    /// Opens a local port for connections; 0: any free one. `backlog` connections may wait.
    ///
    /// # Errors
    /// `PortInUse`, `NoPort`.
    pub fn listen(&mut self, port: u16, backlog: usize) -> Result<ListenerId, StackError> {
        self.check_device()?;
        let port = match port {
            0 => {
                let listeners = &self.listeners;
                ports::ephemeral(&mut self.rng, |port| !listeners.contains_key(&port))
                    .ok_or(StackError::NoPort)?
            }
            port if self.listeners.contains_key(&port) => return Err(StackError::PortInUse(port)),
            port => port,
        };
        let generation = self.next_generation();
        // No more connections can wait than there can be, and with a backlog of 0 nobody could connect.
        let backlog = backlog.clamp(1, self.connections_max);
        self.listeners
            .insert(port, Listener::new(generation, backlog));
        self.port_commands.push_back(Command::ListenAdd {
            port,
            want_completion: false,
        });
        Ok(ListenerId { port, generation })
    }

    /// A segment of no connection, perhaps to a listening port (RFC 9293 3.10.7.2). `least_iss`: the new connection takes
    /// the place of one in TIME-WAIT, and must not begin below this sequence number (RFC 9293 3.6.1, MAY-2).
    pub(super) fn listener_takes(
        &mut self,
        now_ns: u64,
        arrival: &Arrival,
        least_iss: Option<SeqNumber>,
    ) -> Result<(), StackError> {
        let (tuple, segment) = (&arrival.tuple, &arrival.segment);
        let Some(listener) = self.listeners.get_mut(&tuple.local_port) else {
            return self.nobody_takes(now_ns, arrival);
        };
        // First, a RST is ignored: nothing was sent that it could answer. Second, an ACK is answered by a RST, for the same
        // reason. Third, a SYN opens a connection. Fourth, anything else is dropped (RFC 9293 3.10.7.2).
        if segment.rst() || segment.has_ack() || !segment.syn() {
            if segment.has_ack() {
                return self.nobody_takes(now_ns, arrival);
            }
            return Ok(());
        }
        let Some(next_hop) = self.config.next_hop(tuple.remote_ip) else {
            return Ok(());
        };
        if !listener.open() {
            self.statistics.syn_dropped_backlog += 1;
            return Ok(());
        }
        let mut begin = self.begin(now_ns, tuple);
        if let Some(least) = least_iss {
            begin.iss = begin.iss.max(least);
        }
        let Ok(socket) = self.install(now_ns, *tuple, next_hop, begin, Some(segment)) else {
            self.statistics.syn_dropped_no_room += 1;
            if let Some(listener) = self.listeners.get_mut(&tuple.local_port) {
                listener.fail();
            }
            return Ok(());
        };
        self.tell(|| arrival.observed(now_ns, None, Some(State::SynReceived)));
        self.transmit_syn(now_ns, socket.connection)
    }

    /// Takes a free connection id, and puts a connection there: into the slot and the memory that the id has, or gets now. An id
    /// of the NIC comes with the first segment.
    #[inline(always)]
    fn install(
        &mut self,
        now_ns: u64,
        tuple: Tuple,
        next_hop: u32,
        begin: Beginning,
        syn: Option<&Segment>,
    ) -> Result<SocketId, StackError> {
        if self.free.is_empty() {
            self.make_slot(begin, tuple, next_hop)?;
        }
        let Some(id) = self.free.last().copied() else {
            return Err(StackError::NoConnection(self.connections_max));
        };
        let generation = self.next_generation();
        let next_hop_mac = self.neighbours.retain(next_hop, now_ns);
        let config = self.tcp.clone();
        if let Some(slot) = self.slots.get_mut(id as usize) {
            let buffers = slot.connection.buffers();
            let (connection, owner) = match syn {
                None => (
                    Connection::connect(config, now_ns, begin, buffers),
                    Owner::Socket,
                ),
                Some(syn) => (
                    Connection::accept(config, now_ns, begin, buffers, syn),
                    Owner::Listener { queued: false },
                ),
            };
            *slot = Slot::new(connection, tuple, generation, owner, next_hop, next_hop_mac);
        }
        self.free.pop();
        self.holders.connect(tuple, id);
        Ok(SocketId {
            connection: id,
            generation,
        })
    }

    /// Makes the slot of the next id, with the memory that it keeps, and no connection yet; none when there are enough.
    #[cold]
    fn make_slot(
        &mut self,
        begin: Beginning,
        tuple: Tuple,
        next_hop: u32,
    ) -> Result<(), StackError> {
        if self.slots.len() >= self.connections_max {
            return Ok(());
        }
        let buffers = Buffers {
            send: self.nic.allocate(self.config.send_buffer_bytes)?,
            receive: self.nic.allocate(self.config.receive_buffer_bytes)?,
        };
        let nothing = Connection::connect(self.tcp.clone(), 0, begin, buffers);
        // Fits: `connections_max` does.
        self.free.push(self.slots.len() as u32);
        self.slots.push(Slot {
            flow: Flow::Free,
            ..Slot::new(nothing, tuple, NO_GENERATION, Owner::Nobody, next_hop, None)
        });
        self.deadlines.grow(self.slots.len());
        Ok(())
    }

    /// Where a new connection's numbers begin. Its timestamps begin anywhere, so that they tell nobody how long we have been
    /// up; but always there, so that a connection in TIME-WAIT can be told from the next one (RFC 7323 7.1; RFC 6191).
    fn begin(&self, now_ns: u64, tuple: &Tuple) -> Beginning {
        self.isn.begin(
            now_ns,
            (tuple.local_ip, tuple.local_port),
            (tuple.remote_ip, tuple.remote_port),
        )
    }
}

/// If a passive open has come to its end: the listener queues the connection, or forgets it.
#[inline(always)]
pub(super) fn handshake_may_be_over(
    listeners: &mut BTreeMap<u16, Listener>,
    id: u32,
    slot: &mut Slot,
) {
    if slot.owner == (Owner::Listener { queued: false }) && slot.state != State::SynReceived {
        handshake_is_over(listeners, id, slot);
    }
}

fn handshake_is_over(listeners: &mut BTreeMap<u16, Listener>, id: u32, slot: &mut Slot) {
    match listeners.get_mut(&slot.tuple.local_port) {
        Some(listener) if slot.state == State::Closed => {
            listener.fail();
            slot.owner = Owner::Nobody;
        }
        Some(listener) => {
            listener.establish(id);
            slot.owner = Owner::Listener { queued: true };
        }
        None => {
            slot.connection.abort();
            slot.owner = Owner::Nobody;
        }
    }
}
