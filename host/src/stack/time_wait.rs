//! Connections in TIME-WAIT that no socket looks at. They wait a minute for segments that hardly ever come, so they do
//! so outside the NIC: a connection id and buffers are for those that carry data.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::slot::Slot;
use super::Tuple;
use crate::tcp::State;

/// Connections kept at most: at 200 closes a second a minute's worth, and some. Beyond it the oldest goes early, as in
/// Linux (tcp_max_tw_buckets).
const CAPACITY: usize = 16_384;

/// The connections, and the order in which they end.
#[derive(Debug, Default)]
pub(super) struct TimeWaits {
    by_tuple: HashMap<Tuple, Box<Slot>>,
    /// Deadlines as they were when entered: in order, since all wait equally long. A retransmitted FIN starts the wait
    /// anew (RFC 9293 3.10.7.4), which is seen when the old deadline has come.
    order: VecDeque<(u64, Tuple)>,
}

impl TimeWaits {
    pub(super) fn contains(&self, tuple: &Tuple) -> bool {
        self.by_tuple.contains_key(tuple)
    }

    pub(super) fn get_mut(&mut self, tuple: &Tuple) -> Option<&mut Slot> {
        self.by_tuple.get_mut(tuple).map(|slot| &mut **slot)
    }

    /// Takes a connection; true when another one had to go for it.
    pub(super) fn insert(&mut self, deadline_ns: u64, slot: Box<Slot>) -> bool {
        let tuple = slot.tuple;
        let mut dropped = false;
        while self.by_tuple.len() >= CAPACITY {
            match self.order.pop_front() {
                Some((_, oldest)) => dropped |= self.remove(&oldest),
                None => break,
            }
        }
        self.by_tuple.insert(tuple, slot);
        self.order.push_back((deadline_ns, tuple));
        dropped
    }

    /// Forgets a connection; false when there is none.
    pub(super) fn remove(&mut self, tuple: &Tuple) -> bool {
        self.by_tuple.remove(tuple).is_some()
    }

    /// A time before which no connection ends.
    pub(super) fn earliest_ns(&self) -> Option<u64> {
        self.order.front().map(|(deadline_ns, _)| *deadline_ns)
    }

    /// Ends a connection whose time is over; call until `None`.
    pub(super) fn expire(&mut self, now_ns: u64) -> Option<Box<Slot>> {
        while let Some((deadline_ns, tuple)) = self.order.front().copied() {
            if deadline_ns > now_ns {
                return None;
            }
            self.order.pop_front();
            let Some(mut slot) = self.by_tuple.remove(&tuple) else {
                continue;
            };
            slot.connection.timeout(now_ns);
            match slot.connection.deadline() {
                Some(later_ns) if slot.connection.state() != State::Closed => {
                    self.by_tuple.insert(tuple, slot);
                    self.order.push_back((later_ns, tuple));
                }
                _ => return Some(slot),
            }
        }
        None
    }
}
