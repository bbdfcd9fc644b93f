//! When something is due.

/// A time in ns at which something is due, or never. Two of them compare in one step, which an `Option` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due(u64);

impl Due {
    /// It is not due at all.
    pub(super) const NEVER: Self = Self(u64::MAX);

    /// `delay_ns` from `now_ns` on.
    pub(super) const fn after(now_ns: u64, delay_ns: u64) -> Self {
        Self(now_ns.saturating_add(delay_ns))
    }

    /// It will be due.
    pub(super) fn is_set(self) -> bool {
        self != Self::NEVER
    }

    /// It is due at `now_ns`.
    pub(super) fn has_come(self, now_ns: u64) -> bool {
        self.is_set() && self.0 <= now_ns
    }

    /// The time, unless it is never.
    #[inline]
    pub(super) fn at_ns(self) -> Option<u64> {
        self.is_set().then_some(self.0)
    }
}

impl Default for Due {
    fn default() -> Self {
        Self::NEVER
    }
}
