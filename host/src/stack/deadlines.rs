//! When each connection has to be looked at again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// In the place of a time: none.
const NEVER: u64 = u64::MAX;

/// Which connection is to be asked for its deadline when.
///
/// Nearly every segment moves a connection's deadline to a later time, and deadlines hardly ever pass. So moving one to a
/// later time does nothing here: the connection stays in `order` at the earlier time. When that has come, the connection is
/// asked for its deadline, and entered again. Only a deadline that moves before that time is entered at once.
#[derive(Debug)]
pub struct Deadlines {
    /// By connection id: the time at which the connection stands in `order`, at or before its deadline.
    waited_ns: Vec<u64>,
    /// Times and connection ids, the earliest on top. Only what `waited_ns` agrees with counts.
    order: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Deadlines {
    /// No deadlines, for ids below `connections`.
    pub fn new(connections: usize) -> Self {
        Self {
            waited_ns: vec![NEVER; connections],
            order: BinaryHeap::with_capacity(connections),
        }
    }

    /// The ids are below `connections` from now on, which are more than before.
    pub fn grow(&mut self, connections: usize) {
        self.waited_ns.resize(connections, NEVER);
    }

    /// The connection has a deadline then, or none.
    #[inline(always)]
    pub fn set(&mut self, connection: u32, at_ns: Option<u64>) {
        let at_ns = at_ns.unwrap_or(NEVER);
        if let Some(waited_ns) = self.waited_ns.get_mut(connection as usize) {
            if at_ns < *waited_ns {
                *waited_ns = at_ns;
                self.order.push(Reverse((at_ns, connection)));
            }
        }
    }

    /// A time before which nothing is due. It may be too early, never too late.
    #[inline]
    pub fn earliest_ns(&self) -> Option<u64> {
        self.order.peek().map(|Reverse((at_ns, _))| *at_ns)
    }

    /// A connection whose deadline may have passed; if not, it is to be [set](Self::set) again. Call until `None`.
    #[inline]
    pub fn next_due(&mut self, now_ns: u64) -> Option<u32> {
        if self.earliest_ns()? <= now_ns {
            self.pop_due(now_ns)
        } else {
            None
        }
    }

    #[cold]
    fn pop_due(&mut self, now_ns: u64) -> Option<u32> {
        while self.earliest_ns()? <= now_ns {
            let Reverse((at_ns, connection)) = self.order.pop()?;
            let waited_ns = self.waited_ns.get_mut(connection as usize)?;
            if *waited_ns == at_ns {
                *waited_ns = NEVER;
                return Some(connection);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_out_once() {
        let mut deadlines = Deadlines::new(4);
        deadlines.set(1, Some(30));
        deadlines.set(2, Some(10));
        deadlines.set(3, Some(20));
        deadlines.set(3, Some(15));
        assert_eq!(deadlines.earliest_ns(), Some(10));
        assert_eq!(deadlines.next_due(9), None);
        assert_eq!(deadlines.next_due(29), Some(2));
        assert_eq!(deadlines.next_due(29), Some(3), "at its new time");
        assert_eq!(deadlines.next_due(29), None, "and not at its old one");
        assert_eq!(deadlines.earliest_ns(), Some(30));
        assert_eq!(deadlines.next_due(30), Some(1));
        assert_eq!(deadlines.next_due(30), None);
        assert_eq!(deadlines.earliest_ns(), None);
    }

    #[test]
    fn a_deadline_put_off_is_asked_for_at_its_old_time() {
        let mut deadlines = Deadlines::new(1);
        deadlines.set(0, Some(10));
        deadlines.set(0, Some(50));
        assert_eq!(deadlines.next_due(10), Some(0));
        deadlines.set(0, Some(50));
        assert_eq!(deadlines.next_due(49), None);
        assert_eq!(deadlines.next_due(50), Some(0));
        assert_eq!(deadlines.earliest_ns(), None);
    }
}
