//! Ports that connections may be opened to.

use std::collections::VecDeque;

use super::waiters::Waiters;

/// A listening port: connections whose handshake is under way, and those that wait to be accepted.
#[derive(Debug)]
pub(super) struct Listener {
    /// Tells this listener from an earlier one on the same port.
    pub(super) generation: u64,
    /// Most connections of both kinds together. What comes beyond is dropped; the peer tries again.
    backlog: usize,
    /// Connections in SYN-RECEIVED.
    half_open: usize,
    /// Connection ids in the order in which they were established.
    queue: VecDeque<u32>,
    /// Calls that wait to accept.
    pub(super) waiters: Waiters,
}

impl Listener {
    pub(super) fn new(generation: u64, backlog: usize) -> Self {
        Self {
            generation,
            backlog,
            half_open: 0,
            queue: VecDeque::with_capacity(backlog),
            waiters: Waiters::default(),
        }
    }

    /// Takes a SYN, if there is room for it.
    pub(super) fn open(&mut self) -> bool {
        let has_room = self.half_open + self.queue.len() < self.backlog;
        self.half_open += usize::from(has_room);
        has_room
    }

    /// A handshake failed.
    pub(super) fn fail(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    /// A handshake is complete.
    pub(super) fn establish(&mut self, connection: u32) {
        self.half_open = self.half_open.saturating_sub(1);
        self.queue.push_back(connection);
        self.waiters.wake_all();
    }

    /// A connection waits to be accepted.
    pub(super) fn has_connection(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The connection that has waited longest.
    pub(super) fn accept(&mut self) -> Option<u32> {
        self.queue.pop_front()
    }
}
