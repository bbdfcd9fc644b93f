//! Answers that belong to no connection, and wait until their next hop's MAC address is known.

use std::collections::VecDeque;

use super::Tuple;
use crate::tcp::{Segment, State};

/// Answers that wait at most. Each asks for one address, so this also bounds the ARP requests that strangers, or who forges
/// their addresses, can draw from us.
const CAPACITY: usize = 16;

/// A segment that belongs to no connection of the NIC: a RST to a stranger, an ACK from TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) tuple: Tuple,
    pub(super) segment: Segment,
    /// State of the connection that the stack has for it.
    pub(super) state: Option<State>,
}

/// Answers that wait for ARP, each with its next hop, oldest first (RFC 1122 2.3.2.2).
#[derive(Debug, Default)]
pub(super) struct Unresolved {
    answers: VecDeque<(u32, Answer)>,
}

impl Unresolved {
    /// One more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.answers.len() < CAPACITY
    }

    pub(super) fn wait(&mut self, next_hop: u32, answer: Answer) {
        self.answers.push_back((next_hop, answer));
    }

    /// The oldest answer that goes to this next hop; call until `None`.
    pub(super) fn take(&mut self, next_hop: u32) -> Option<Answer> {
        let place = self.answers.iter().position(|(hop, _)| *hop == next_hop)?;
        self.answers.remove(place).map(|(_, answer)| answer)
    }
}
