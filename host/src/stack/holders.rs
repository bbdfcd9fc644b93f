//! Who has which 4-tuple: a connection, or one in TIME-WAIT that no socket looks at. The latter waits a minute for
//! segments that hardly ever come, so it does so outside the NIC, as a small record: a connection id, a slot and buffers
//! are for connections that carry data.

use std::collections::hash_map::{Entry, OccupiedEntry};
use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};

use super::Tuple;
use crate::tcp::TimeWait;

/// Connections in TIME-WAIT kept at most: enough for 270 closes a second, since each lasts a minute. Beyond it the oldest is
/// dropped early, as in Linux (tcp_max_tw_buckets).
const CAPACITY: usize = 16_384;

/// Who has a 4-tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// The connection with this id.
    Connection(u32),
    /// A connection that has left its id: the number of its record.
    TimeWait(u64),
}

/// A connection in TIME-WAIT.
#[derive(Debug)]
struct Waiting {
    tuple: Tuple,
    time_wait: TimeWait,
    /// When it was to end when it was entered. Its end may be later now, never earlier.
    listed_ns: u64,
}

/// All 4-tuples that are held, and the connections in TIME-WAIT in the order in which they end.
#[derive(Debug)]
pub(super) struct Holders {
    /// The hash function is a fast one with a random key, as for every table of the stack that a peer can fill: a peer that
    /// chooses its ports cannot know which of them collide.
    by_tuple: HashMap<Tuple, Holder>,
    /// In the order in which they were entered. All wait equally long, so that is the order of their ends (one whose socket
    /// was closed late may end late). A retransmitted FIN starts the wait anew (RFC 9293 3.10.7.4): the record stays where it
    /// is, and is entered again when its old end has come. A record counts only if `by_tuple` has its number.
    waiting: VecDeque<Waiting>,
    /// Number of the first of `waiting`; the others count on from it.
    first: u64,
}

impl Holders {
    /// None yet; there is room for so many connections.
    pub(super) fn new(connections: usize) -> Self {
        Self {
            by_tuple: HashMap::with_capacity(connections),
            waiting: VecDeque::new(),
            first: 0,
        }
    }

    pub(super) fn contains(&self, tuple: &Tuple) -> bool {
        self.by_tuple.contains_key(tuple)
    }

    pub(super) fn get(&self, tuple: &Tuple) -> Option<Holder> {
        self.by_tuple.get(tuple).copied()
    }

    pub(super) fn time_wait_mut(&mut self, tuple: &Tuple) -> Option<&mut TimeWait> {
        match self.by_tuple.get(tuple) {
            Some(Holder::TimeWait(number)) => {
                let place = number.wrapping_sub(self.first);
                Some(&mut self.waiting.get_mut(place as usize)?.time_wait)
            }
            _ => None,
        }
    }

    /// The 4-tuple is a connection's.
    pub(super) fn connect(&mut self, tuple: Tuple, id: u32) {
        self.by_tuple.insert(tuple, Holder::Connection(id));
    }

    /// The 4-tuple is nobody's any more.
    pub(super) fn remove(&mut self, tuple: &Tuple) {
        self.by_tuple.remove(tuple);
    }

    /// The 4-tuple's connection waits; true when another one had to go for it.
    pub(super) fn wait(&mut self, tuple: Tuple, time_wait: TimeWait) -> bool {
        let mut dropped = false;
        if self.waiting.len() >= CAPACITY {
            if let Some((number, oldest)) = self.pop_front() {
                if let Some(entry) = entry_of(&mut self.by_tuple, number, oldest.tuple) {
                    entry.remove();
                    dropped = true;
                }
            }
        }
        let number = self.push_back(Waiting {
            tuple,
            time_wait,
            listed_ns: time_wait.end_ns(),
        });
        self.by_tuple.insert(tuple, Holder::TimeWait(number));
        dropped
    }

    /// A time before which no TIME-WAIT ends.
    pub(super) fn earliest_ns(&self) -> Option<u64> {
        self.waiting.front().map(|waiting| waiting.listed_ns)
    }

    /// Ends a TIME-WAIT whose time is over; call until `None`.
    pub(super) fn expire(&mut self, now_ns: u64) -> Option<Tuple> {
        while self.earliest_ns()? <= now_ns {
            let (number, mut waiting) = self.pop_front()?;
            let next_number = self.next_number();
            let Some(mut entry) = entry_of(&mut self.by_tuple, number, waiting.tuple) else {
                continue;
            };
            let end_ns = waiting.time_wait.end_ns();
            if end_ns <= now_ns {
                entry.remove();
                return Some(waiting.tuple);
            }
            entry.insert(Holder::TimeWait(next_number));
            waiting.listed_ns = end_ns;
            self.push_back(waiting);
        }
        None
    }

    /// The first record and its number.
    fn pop_front(&mut self) -> Option<(u64, Waiting)> {
        let waiting = self.waiting.pop_front()?;
        let number = self.first;
        self.first = number.wrapping_add(1);
        Some((number, waiting))
    }

    /// Enters a record; says its number.
    fn push_back(&mut self, waiting: Waiting) -> u64 {
        let number = self.next_number();
        self.waiting.push_back(waiting);
        number
    }

    /// Number of the next record.
    fn next_number(&self) -> u64 {
        self.first.wrapping_add(self.waiting.len() as u64)
    }
}

/// The entry of a record's 4-tuple; `None` when the 4-tuple has another holder by now, or none.
fn entry_of(
    by_tuple: &mut HashMap<Tuple, Holder>,
    number: u64,
    tuple: Tuple,
) -> Option<OccupiedEntry<'_, Tuple, Holder>> {
    match by_tuple.entry(tuple) {
        Entry::Occupied(entry) if *entry.get() == Holder::TimeWait(number) => Some(entry),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{Beginning, Buffers, Config, Connection, Segment, SeqNumber};
    use handclasp_driver::DmaRegion;
    use handclasp_layout::header::tcp_flags::{ACK, FIN, SYN};

    const MINUTE_NS: u64 = 60_000_000_000;

    fn tuple(number: u32) -> Tuple {
        Tuple {
            remote_ip: number,
            local_ip: 1,
            remote_port: 2,
            local_port: 3,
        }
    }

    fn peers(seq: u32, ack: u32, flags: u16) -> Segment {
        Segment {
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            flags,
            window: 1000,
            ..Segment::default()
        }
    }

    /// Of a connection that has entered TIME-WAIT at `now_ns`, with RCV.NXT 302.
    fn time_wait(now_ns: u64) -> TimeWait {
        let buffers = Buffers {
            send: DmaRegion::heap(4096).unwrap(),
            receive: DmaRegion::heap(4096).unwrap(),
        };
        let begin = Beginning {
            iss: SeqNumber(100),
            timestamp_offset: 0,
        };
        let mut connection = Connection::connect(Config::default().into(), now_ns, begin, buffers);
        let mut exchange = |segment: Segment| {
            while connection.next_segment(now_ns).is_some() {}
            connection.segment_arrives(now_ns, &segment, &[0; 0]);
            connection.shutdown_write();
        };
        exchange(peers(300, 101, SYN | ACK));
        exchange(peers(301, 102, FIN | ACK));
        connection.time_wait().unwrap()
    }

    #[test]
    fn each_ends_after_a_minute_and_a_fin_begins_it_anew() {
        let mut holders = Holders::new(4);
        holders.connect(tuple(1), 7);
        assert!(!holders.wait(tuple(1), time_wait(10)));
        assert!(!holders.wait(tuple(2), time_wait(20)));
        assert_eq!(holders.earliest_ns(), Some(10 + MINUTE_NS));
        let fin = peers(301, 102, FIN | ACK);
        let first = holders.time_wait_mut(&tuple(1)).unwrap();
        first.segment_arrives(30, &fin, &Config::default());
        assert_eq!(holders.expire(MINUTE_NS + 19), None);
        let ends = [1, 2].map(|number| {
            let time_wait = holders.time_wait_mut(&tuple(number)).unwrap();
            time_wait.end_ns()
        });
        assert_eq!(
            ends,
            [MINUTE_NS + 30, MINUTE_NS + 20],
            "at their new places"
        );
        assert_eq!(holders.expire(MINUTE_NS + 29), Some(tuple(2)));
        assert_eq!(holders.expire(MINUTE_NS + 29), None);
        assert_eq!(holders.expire(MINUTE_NS + 30), Some(tuple(1)));
        assert!(!holders.contains(&tuple(1)));
        assert_eq!(holders.earliest_ns(), None);
    }

    #[test]
    fn a_tuple_that_is_used_again_and_again_stands_in_the_order_once() {
        let mut holders = Holders::new(4);
        for second in 0..200 {
            let now_ns = second * 1_000_000_000;
            assert_eq!(holders.expire(now_ns), None, "the last one is young");
            holders.connect(tuple(1), 7);
            holders.wait(tuple(1), time_wait(now_ns));
            assert!(holders.waiting.len() <= 61, "{}", holders.waiting.len());
        }
        let end_ns = 199_000_000_000 + MINUTE_NS;
        assert_eq!(holders.expire(end_ns - 1), None);
        assert_eq!(holders.waiting.len(), 1);
        assert_eq!(holders.expire(end_ns), Some(tuple(1)));
    }

    #[test]
    fn the_oldest_goes_for_one_too_many() {
        let mut holders = Holders::new(4);
        let record = time_wait(0);
        for number in 0..CAPACITY as u32 {
            assert!(!holders.wait(tuple(number), record));
        }
        assert!(holders.wait(tuple(1_000_000), record));
        assert!(!holders.contains(&tuple(0)));
        assert!(holders.contains(&tuple(1)));
        // The place of one that has gone by itself.
        holders.remove(&tuple(1));
        assert!(!holders.wait(tuple(2_000_000), record));
        assert!(holders.contains(&tuple(2)));
    }
}
