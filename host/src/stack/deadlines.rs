//! When each connection has to be looked at again.

/// One deadline a connection id. Setting one costs a store; all are scanned only when the earliest is due.
#[derive(Debug)]
pub struct Deadlines {
    /// By connection id; `u64::MAX` is none.
    at_ns: Vec<u64>,
    /// No deadline is before this. It may be too early, never too late: a deadline put off leaves it as it is.
    earliest_ns: u64,
}

impl Deadlines {
    /// No deadlines, for ids below `connections`.
    pub fn new(connections: usize) -> Self {
        Self {
            at_ns: vec![u64::MAX; connections],
            earliest_ns: u64::MAX,
        }
    }

    /// Sets or clears the deadline of a connection.
    pub fn set(&mut self, connection: u16, at_ns: Option<u64>) {
        let at_ns = at_ns.unwrap_or(u64::MAX);
        if let Some(place) = self.at_ns.get_mut(usize::from(connection)) {
            *place = at_ns;
            self.earliest_ns = self.earliest_ns.min(at_ns);
        }
    }

    /// A time before which nothing is due.
    pub fn earliest_ns(&self) -> Option<u64> {
        (self.earliest_ns != u64::MAX).then_some(self.earliest_ns)
    }

    /// A connection whose deadline has passed; its deadline is cleared. Call until `None`.
    pub fn next_due(&mut self, now_ns: u64) -> Option<u16> {
        if now_ns < self.earliest_ns {
            return None;
        }
        match self.at_ns.iter().position(|at| *at <= now_ns) {
            Some(connection) => {
                self.at_ns[connection] = u64::MAX;
                u16::try_from(connection).ok()
            }
            None => {
                self.earliest_ns = self.at_ns.iter().copied().min().unwrap_or(u64::MAX);
                None
            }
        }
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
