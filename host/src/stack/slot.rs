//! What the stack keeps of one connection.

use handclasp_layout::header::TTL_DEFAULT;

use super::waiters::Waiters;
use super::Tuple;
use crate::tcp::{Connection, ConnectionError, State};

/// A connection as seen from outside the stack. A later connection may have the same id, but never the same generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketId {
    /// The host's connection id.
    pub(super) connection: u32,
    pub(super) generation: u64,
}

/// How far the NIC knows a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Not at all: the next hop's MAC address is still unknown, so nothing can be sent.
    Unknown,
    /// The NIC has its 4-tuple, under this id, and these headers to send with.
    Known { nic_id: u16, headers: Headers },
    /// The NIC has no id for it: software builds its frames, with these headers.
    Uncached(Headers),
    /// The order to forget it is under way, or the last of its frames. Until that is carried out, commands before it may still
    /// read the send buffer, and the id cannot be used again.
    Leaving,
    /// Forgotten; a socket may still look at what is left of the connection.
    Gone,
    /// There is no connection: the slot waits, with its id and its memory, for the next one.
    Free,
}

/// [`Slot::generation`] of no connection.
pub(super) const NO_GENERATION: u64 = 0;

/// What the headers of a connection's frames say beyond its 4-tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Headers {
    /// MAC address of the next hop.
    pub(super) mac: u64,
    /// Time to live (RFC 9293 MUST-49).
    pub(super) ttl: u8,
    /// DSCP and ECN (RFC 9293 MUST-48).
    pub(super) tos: u8,
}

/// Who is to be told of a connection's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A socket.
    Socket,
    /// The listener of the connection's local port, until a socket accepts it. `queued`: it waits to be accepted (else
    /// its handshake is under way).
    Listener { queued: bool },
    /// Nobody any more: the stack frees the connection as soon as it is over.
    Nobody,
}

/// One connection. It stays with its id for good, and so does its memory: the next connection with that id is put here.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) connection: Connection,
    pub(super) tuple: Tuple,
    /// Tells it from the connections that had its id before; [`NO_GENERATION`] when it is free.
    pub(super) generation: u64,
    pub(super) owner: Owner,
    pub(super) flow: Flow,
    /// The NIC may have to be told the connection's headers: it does not have them yet, or a field of them has changed.
    pub(super) headers_due: bool,
    /// Time to live of its packets, as the socket wants it.
    pub(super) ttl: u8,
    /// DSCP and ECN of its packets, as the socket wants it.
    pub(super) tos: u8,
    /// Neighbour that its packets are handed to.
    pub(super) next_hop: u32,
    /// MAC address of that neighbour, once it is known. It stays when the neighbour no longer answers ARP: frames then go
    /// where they went before.
    pub(super) next_hop_mac: Option<u64>,
    /// It is in the list of connections with something to send.
    pub(super) dirty: bool,
    /// Its state when last looked at.
    pub(super) state: State,
    /// Why the stack ended it, when it was not the connection that failed.
    pub(super) failure: Option<ConnectionError>,
    /// A socket has been told why it failed (`SO_ERROR` is told once).
    pub(super) error_taken: bool,
    /// Calls that wait to read or to write.
    pub(super) waiters: Waiters,
}

impl Slot {
    /// A connection that begins.
    #[inline(always)]
    pub(super) fn new(
        connection: Connection,
        tuple: Tuple,
        generation: u64,
        owner: Owner,
        next_hop: u32,
        next_hop_mac: Option<u64>,
    ) -> Self {
        Self {
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
            waiters: Waiters::default(),
        }
    }

    /// Ends the connection for a reason that it cannot know of itself.
    pub(super) fn fail(&mut self, reason: ConnectionError) {
        self.failure = self.failure.or(Some(reason));
        self.connection.abort();
    }

    /// Why the connection failed, if it did.
    pub(super) fn error(&self) -> Option<ConnectionError> {
        self.failure.or(self.connection.error())
    }

    /// Its id in the NIC, if the NIC knows it with the headers that it is to have.
    #[inline]
    pub(super) fn introduced(&self) -> Option<u16> {
        match self.flow {
            Flow::Known { nic_id, .. } if !self.headers_due => Some(nic_id),
            _ => None,
        }
    }

    /// Software builds its frames.
    #[inline]
    pub(super) fn is_uncached(&self) -> bool {
        matches!(self.flow, Flow::Uncached(_))
    }

    /// Arriving segments with its 4-tuple belong to it. Once the NIC has been told to forget the connection they do not: the
    /// 4-tuple may be another connection's then.
    pub(super) fn is_live(&self) -> bool {
        matches!(
            self.flow,
            Flow::Unknown | Flow::Known { .. } | Flow::Uncached(_)
        )
    }
}
