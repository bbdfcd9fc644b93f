//! Connections begin: by a call (active open), or by a peer's SYN to a listening port (passive open).

use std::net::SocketAddrV4;

use foldhash::HashMap;
use handclasp_driver::Command;
use handclasp_layout::header::TTL_DEFAULT;

use super::arrival::Arrival;
use super::listener::Listener;
use super::slot::{Flow, Owner, Slot, SocketId};
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
        let (by_tuple, time_waits) = (&self.by_tuple, &self.time_waits);
        let is_free = |port| {
            let tuple = tuple(port);
            !by_tuple.contains_key(&tuple) && !time_waits.contains(&tuple)
        };
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
        let (id, buffers) = self.take_connection()?;
        let begin = self.begin(now_ns, &tuple);
        self.tell_changed(now_ns, tuple, None, Some(State::SynSent));
        let socket = self.install(now_ns, id, tuple, next_hop, buffers, begin, None);
        let sent = self.transmit_syn(now_ns, id);
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
        // More than there are connection ids cannot wait; none at all would be a port that nobody can reach.
        let backlog = backlog.clamp(1, self.slots.len());
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
        // First, RST: it cannot be about anything that we sent. Second, ACK: neither can it, and that is answered.
        // Third, SYN. Fourth, anything else: not reached by a connection that began right, so dropped without answer.
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
        let Ok((id, buffers)) = self.take_connection() else {
            self.statistics.syn_dropped_no_room += 1;
            if let Some(listener) = self.listeners.get_mut(&tuple.local_port) {
                listener.fail();
            }
            return Ok(());
        };
        let mut begin = self.begin(now_ns, tuple);
        if let Some(least) = least_iss {
            begin.iss = begin.iss.max(least);
        }
        self.tell(|| arrival.observed(now_ns, None, Some(State::SynReceived)));
        self.install(now_ns, id, *tuple, next_hop, buffers, begin, Some(segment));
        self.transmit_syn(now_ns, id)
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // One call makes one record; the arguments are its fields.
    fn install(
        &mut self,
        now_ns: u64,
        id: u16,
        tuple: Tuple,
        next_hop: u32,
        buffers: Buffers,
        begin: Beginning,
        syn: Option<&Segment>,
    ) -> SocketId {
        let next_hop_mac = self.neighbours.retain(next_hop, now_ns);
        let generation = self.next_generation();
        let config = self.tcp.clone();
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
        let slot = Slot {
            state: connection.state(),
            connection,
            tuple,
            generation,
            owner,
            flow: Flow::Unknown,
            headers_due: true,
            ttl: TTL_DEFAULT,
            tos: 0,
            next_hop,
            next_hop_mac,
            dirty: false,
            failure: None,
            error_taken: false,
        };
        self.slots[usize::from(id)] = Some(match self.spare_slots.pop() {
            Some(mut spare) => {
                *spare = slot;
                spare
            }
            None => Box::new(slot),
        });
        self.by_tuple.insert(tuple, id);
        SocketId {
            connection: id,
            generation,
        }
    }

    /// A free connection id, and memory: used before if there is any, or new.
    #[inline(always)]
    fn take_connection(&mut self) -> Result<(u16, Buffers), StackError> {
        let Some(id) = self.free.pop() else {
            return Err(StackError::NoConnection(self.slots.len().saturating_sub(1)));
        };
        let buffers = match self.spare_buffers.pop() {
            Some(buffers) => Ok(buffers),
            None => self.allocate_buffers(),
        };
        if buffers.is_err() {
            self.free.push(id);
        }
        Ok((id, buffers?))
    }

    #[cold]
    fn allocate_buffers(&self) -> Result<Buffers, StackError> {
        Ok(Buffers {
            send: self.nic.allocate(self.config.send_buffer_bytes)?,
            receive: self.nic.allocate(self.config.receive_buffer_bytes)?,
        })
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
    listeners: &mut HashMap<u16, Listener>,
    id: u16,
    slot: &mut Slot,
) {
    if slot.owner == (Owner::Listener { queued: false }) && slot.state != State::SynReceived {
        handshake_is_over(listeners, id, slot);
    }
}

fn handshake_is_over(listeners: &mut HashMap<u16, Listener>, id: u16, slot: &mut Slot) {
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
