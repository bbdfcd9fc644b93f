//! Sequence numbers: 32 bits, modulo 2^32 (RFC 9293 3.4).

use std::ops::{Add, Sub};

/// A sequence number. Comparisons are those of RFC 9293 3.4, and mean something for numbers less than 2^31 apart.
///
/// There is no `Ord`: the order is circular, and a sort would be wrong without a word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// `self < other`.
    pub const fn lt(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// `self =< other`.
    pub const fn le(self, other: Self) -> bool {
        !other.lt(self)
    }

    /// `self > other`.
    pub const fn gt(self, other: Self) -> bool {
        other.lt(self)
    }

    /// `self >= other`.
    pub const fn ge(self, other: Self) -> bool {
        !self.lt(other)
    }

    /// The later of two.
    pub const fn max(self, other: Self) -> Self {
        if self.lt(other) {
            other
        } else {
            self
        }
    }

    /// The earlier of two.
    pub const fn min(self, other: Self) -> Self {
        if self.lt(other) {
            self
        } else {
            other
        }
    }

    /// Octets from `earlier` up to here; 0 when `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> u32 {
        if self.lt(earlier) {
            0
        } else {
            self.distance(earlier)
        }
    }

    /// As [`Self::since`], where `earlier` is known not to be the later one; else the number is one that no window holds
    /// (2^31 or more).
    pub const fn distance(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;

    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;

    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

impl std::fmt::Debug for SeqNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}
