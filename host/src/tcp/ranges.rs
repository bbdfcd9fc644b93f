//! Sets of octets: what the receiver holds beyond a hole, what the peer says that it holds.

use super::segment::SackBlock;
use super::seq::SeqNumber;

/// Ranges of sequence numbers, disjoint and not touching, in ascending order; bounded, so that no peer decides how
/// much memory they take.
#[derive(Clone, Debug)]
pub(super) struct Ranges {
    ranges: Vec<SackBlock>,
}

impl Ranges {
    /// Most ranges in a set. A window of 2 MiB at the usual MSS with every third segment lost has about this many.
    pub(super) const MAX: usize = 512;

    /// An empty set.
    pub(super) fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Gives the memory back: nothing will be added any more.
    pub(super) fn release(&mut self) {
        self.ranges = Vec::new();
    }

    pub(super) fn as_slice(&self) -> &[SackBlock] {
        &self.ranges
    }

    pub(super) fn last_right(&self) -> Option<SeqNumber> {
        self.ranges.last().map(|range| range.right)
    }

    /// The range that `seq` lies in.
    pub(super) fn containing(&self, seq: SeqNumber) -> Option<SackBlock> {
        let at = self.ranges.partition_point(|range| range.right.le(seq));
        self.ranges
            .get(at)
            .copied()
            .filter(|range| range.left.le(seq))
    }

    /// The first range that ends behind `seq`.
    pub(super) fn first_beyond(&self, seq: SeqNumber) -> Option<SackBlock> {
        let at = self.ranges.partition_point(|range| range.right.le(seq));
        self.ranges.get(at).copied()
    }

    /// Adds `left..right`, joined with what it touches. `false`, and nothing is added, when the set is full.
    pub(super) fn insert(&mut self, left: SeqNumber, right: SeqNumber) -> bool {
        if !left.lt(right) {
            return true;
        }
        // `first..last` are the ranges that the new one touches.
        let first = self.ranges.partition_point(|range| range.right.lt(left));
        let last = self.ranges.partition_point(|range| range.left.le(right));
        if first == last {
            if self.ranges.len() == Self::MAX {
                return false;
            }
            // With the first range, once for all: most connections lose nothing and need no memory here.
            self.ranges.reserve_exact(Self::MAX - self.ranges.len());
            self.ranges.insert(first, SackBlock { left, right });
            return true;
        }
        let joined = SackBlock {
            left: self.ranges[first].left.min(left),
            right: self.ranges[last - 1].right.max(right),
        };
        self.ranges[first] = joined;
        self.ranges.drain(first + 1..last);
        true
    }

    /// Forgets all before `seq`.
    pub(super) fn remove_before(&mut self, seq: SeqNumber) {
        let gone = self.ranges.partition_point(|range| range.right.le(seq));
        self.ranges.drain(..gone);
        if let Some(range) = self.ranges.first_mut() {
            range.left = range.left.max(seq);
        }
    }
}
