//! Who has which 4-tuple: a connection, or one in TIME-WAIT that no socket looks at. The latter waits a minute for
//! segments that hardly ever come, so it does so outside the NIC, as a small record: a connection id, a slot and buffers
//! are for connections that carry data.

use std::collections::hash_map::{Entry, OccupiedEntry};
use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};

use super::Tuple;
use crate::tcp::TimeWait;

/// Connections in TIME-WAIT kept at most: at 200 closes a second a minute's worth, and some. Beyond it the oldest goes
/// early, as in Linux (tcp_max_tw_buckets).
const CAPACITY: usize = 16_384;

/// Who has a 4-tuple.
#[derive(Debug)]
pub(super) enum Holder {
    /// The connection with this id.
    Connection(u16),
    /// A connection that has left its id.
    TimeWait {
        time_wait: TimeWait,
        /// Where it stands in `order`: not after its end.
        listed_ns: u64,
    },
}

/// All 4-tuples that are held, and the order in which TIME-WAITs end.
#[derive(Debug)]
pub(super) struct Holders {
    /// Its hash, like that of all tables of the stack, is a short one, keyed at random: a peer that chooses ports does not
    /// know which ones collide.
    by_tuple: HashMap<Tuple, Holder>,
    /// Ends as they were when entered: in order, since all wait equally long (one whose socket was slow to go may end late).
    /// A retransmitted FIN starts the wait anew (RFC 9293 3.10.7.4), which is seen when the old end has come. Only what
    /// `listed_ns` agrees with counts.
    order: VecDeque<(u64, Tuple)>,
}

impl Holders {
    /// None yet; there is room for so many connections.
    pub(super) fn new(connections: usize) -> Self {
        Self {
            by_tuple: HashMap::with_capacity(connections),
            order: VecDeque::new(),
        }
    }

    pub(super) fn contains(&self, tuple: &Tuple) -> bool {
        self.by_tuple.contains_key(tuple)
    }

    pub(super) fn get(&self, tuple: &Tuple) -> Option<&Holder> {
        self.by_tuple.get(tuple)
    }

    pub(super) fn time_wait_mut(&mut self, tuple: &Tuple) -> Option<&mut TimeWait> {
        match self.by_tuple.get_mut(tuple) {
            Some(Holder::TimeWait { time_wait, .. }) => Some(time_wait),
            _ => None,
        }
    }

    /// The 4-tuple is a connection's.
    pub(super) fn connect(&mut self, tuple: Tuple, id: u16) {
        self.by_tuple.insert(tuple, Holder::Connection(id));
    }

    /// The 4-tuple is nobody's any more.
    pub(super) fn remove(&mut self, tuple: &Tuple) {
        self.by_tuple.remove(tuple);
    }

    /// The 4-tuple's connection waits; true when another one had to go for it.
    pub(super) fn wait(&mut self, tuple: Tuple, time_wait: TimeWait) -> bool {
        let mut dropped = false;
        if self.order.len() >= CAPACITY {
            if let Some((listed_ns, oldest)) = self.order.pop_front() {
                if let Some(entry) = listed(&mut self.by_tuple, listed_ns, oldest) {
                    entry.remove();
                    dropped = true;
                }
            }
        }
        let listed_ns = time_wait.end_ns();
        let holder = Holder::TimeWait {
            time_wait,
            listed_ns,
        };
        self.by_tuple.insert(tuple, holder);
        self.order.push_back((listed_ns, tuple));
        dropped
    }

    /// A time before which no TIME-WAIT ends.
    pub(super) fn earliest_ns(&self) -> Option<u64> {
        self.order.front().map(|(listed_ns, _)| *listed_ns)
    }

    /// Ends a TIME-WAIT whose time is over; call until `None`.
    pub(super) fn expire(&mut self, now_ns: u64) -> Option<Tuple> {
        while self.earliest_ns()? <= now_ns {
            let (listed_ns, tuple) = self.order.pop_front()?;
            let Some(mut entry) = listed(&mut self.by_tuple, listed_ns, tuple) else {
                continue;
            };
            if let Holder::TimeWait {
                time_wait,
                listed_ns,
            } = entry.get_mut()
            {
                let end_ns = time_wait.end_ns();
                if end_ns > now_ns {
                    *listed_ns = end_ns;
                    self.order.push_back((end_ns, tuple));
                    continue;
                }
            }
            entry.remove();
            return Some(tuple);
        }
        None
    }
}

/// What an entry of `order` is about, unless that has gone since.
fn listed(
    by_tuple: &mut HashMap<Tuple, Holder>,
    at_ns: u64,
    tuple: Tuple,
) -> Option<OccupiedEntry<'_, Tuple, Holder>> {
    match by_tuple.entry(tuple) {
        Entry::Occupied(entry) => match entry.get() {
            Holder::TimeWait { listed_ns, .. } if *listed_ns == at_ns => Some(entry),
            _ => None,
        },
        Entry::Vacant(_) => None,
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
            assert!(holders.order.len() <= 61, "{}", holders.order.len());
        }
        let end_ns = 199_000_000_000 + MINUTE_NS;
        assert_eq!(holders.expire(end_ns - 1), None);
        assert_eq!(holders.order.len(), 1);
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
