//! When each connection has to be looked at again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// In the place of a time: none.
const NEVER: u64 = u64::MAX;

/// One deadline a connection id.
///
/// Deadlines are put off with nearly every segment and hardly ever come, so that is what costs next to nothing: a
/// connection is waited for in `order` at one time at most, and put there anew only when that time has come too early, or
/// when its deadline moves before it.
#[derive(Debug)]
pub struct Deadlines {
    /// By connection id.
    connections: Vec<Deadline>,
    /// Times and connection ids, the earliest on top. Only what `Deadline::waited_ns` agrees with counts.
    order: BinaryHeap<Reverse<(u64, u16)>>,
}

#[derive(Clone, Copy, Debug)]
struct Deadline {
    at_ns: u64,
    /// Where the connection stands in `order`: not after `at_ns`.
    waited_ns: u64,
}

impl Deadlines {
    /// No deadlines, for ids below `connections`.
    pub fn new(connections: usize) -> Self {
        let none = Deadline {
            at_ns: NEVER,
            waited_ns: NEVER,
        };
        Self {
            connections: vec![none; connections],
            order: BinaryHeap::with_capacity(connections),
        }
    }

    /// Sets or clears the deadline of a connection.
    pub fn set(&mut self, connection: u16, at_ns: Option<u64>) {
        let at_ns = at_ns.unwrap_or(NEVER);
        if let Some(deadline) = self.connections.get_mut(usize::from(connection)) {
            deadline.at_ns = at_ns;
            if at_ns < deadline.waited_ns {
                deadline.waited_ns = at_ns;
                self.order.push(Reverse((at_ns, connection)));
            }
        }
    }

    /// A time before which nothing is due. It may be too early, never too late.
    pub fn earliest_ns(&self) -> Option<u64> {
        self.order.peek().map(|Reverse((at_ns, _))| *at_ns)
    }

    /// A connection whose deadline has passed; its deadline is cleared. Call until `None`.
    pub fn next_due(&mut self, now_ns: u64) -> Option<u16> {
        while self.earliest_ns()? <= now_ns {
            let Reverse((waited_ns, connection)) = self.order.pop()?;
            let deadline = self.connections.get_mut(usize::from(connection))?;
            if deadline.waited_ns != waited_ns {
                continue;
            }
            let at_ns = std::mem::replace(&mut deadline.at_ns, NEVER);
            deadline.waited_ns = NEVER;
            if at_ns <= now_ns {
                return Some(connection);
            }
            self.set(connection, Some(at_ns));
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
        deadlines.set(3, None);
        assert_eq!(deadlines.earliest_ns(), Some(10));
        assert_eq!(deadlines.next_due(9), None);
        assert_eq!(deadlines.next_due(29), Some(2));
        assert_eq!(deadlines.next_due(29), None);
        assert_eq!(deadlines.earliest_ns(), Some(30));
        assert_eq!(deadlines.next_due(30), Some(1));
        assert_eq!(deadlines.next_due(30), None);
        assert_eq!(deadlines.earliest_ns(), None);
    }

    #[test]
    fn a_deadline_put_off_is_not_due_at_its_old_time() {
        let mut deadlines = Deadlines::new(1);
        deadlines.set(0, Some(10));
        deadlines.set(0, Some(50));
        assert_eq!(deadlines.next_due(10), None);
        assert_eq!(deadlines.earliest_ns(), Some(50));
    }
}
