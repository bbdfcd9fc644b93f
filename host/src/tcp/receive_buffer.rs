//! The ring of octets that have arrived: in order, to be read by the user; and beyond holes.

use super::ranges::Ranges;
use super::segment::{PayloadSource, SackBlock, SackBlocks};
use super::send_buffer::{wrap, RING_MAX_BYTES};
use super::seq::SeqNumber;
use handclasp_driver::dma::DmaRegion;

/// How an arriving text fitted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// In order, and nothing waits beyond it.
    InOrder,
    /// In order, and it filled (a part of) a hole.
    FilledHole,
    /// Beyond a hole: kept.
    OutOfOrder,
    /// Not kept: there are too many holes, or it could not be read.
    Refused,
}

/// Ring over the receive memory. An octet's place is fixed by its sequence number, so data beyond a hole is already
/// where it belongs; `held` knows which.
#[derive(Debug)]
pub(super) struct ReceiveBuffer {
    region: DmaRegion,
    capacity: usize,
    /// Place of the oldest octet that the user has not read.
    head: usize,
    /// Octets that the user may read: those before RCV.NXT.
    len: usize,
    held: Ranges,
    /// An octet of each range last reported, newest first (RFC 2018 4): a range is found by it though it grows.
    newest: [Option<SeqNumber>; SackBlocks::MAX],
}

impl ReceiveBuffer {
    /// An empty ring over the region.
    pub(super) fn new(region: DmaRegion) -> Self {
        Self {
            capacity: region.size_bytes().min(RING_MAX_BYTES),
            region,
            head: 0,
            len: 0,
            held: Ranges::new(),
            newest: [None; SackBlocks::MAX],
        }
    }

    #[inline]
    pub(super) fn region(&self) -> &DmaRegion {
        &self.region
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Room behind RCV.NXT, held ranges included: the largest window that can be offered, in bytes.
    pub(super) fn free(&self) -> u32 {
        self.capacity.saturating_sub(self.len) as u32
    }

    /// The peer has sent its FIN, and all before it is here.
    pub(super) fn release_holes(&mut self) {
        self.held.release();
    }

    pub(super) fn has_holes(&self) -> bool {
        !self.held.is_empty()
    }

    /// Copies the `len` octets from `left` on, which lie `skip` bytes into the payload, to their place; `rcv_nxt` moves over
    /// all that is now in order. The caller has trimmed them to the window, which is never larger than the room.
    #[inline(never)]
    pub(super) fn place<P: PayloadSource + ?Sized>(
        &mut self,
        rcv_nxt: &mut SeqNumber,
        left: SeqNumber,
        len: u32,
        payload: &P,
        skip: usize,
    ) -> Placed {
        // Nearly always it is the next text, and one piece.
        let len_bytes = len as usize;
        let at = wrap(self.head + self.len, self.capacity);
        if left != *rcv_nxt || self.has_holes() || len_bytes > self.capacity - self.len.max(at) {
            return self.place_anywhere(rcv_nxt, left, len, payload, skip);
        }
        if payload.copy_to(skip, &self.region, at, len_bytes).is_err() {
            return Placed::Refused;
        }
        self.len += len_bytes;
        *rcv_nxt = left + len;
        Placed::InOrder
    }

    #[inline(never)]
    fn place_anywhere<P: PayloadSource + ?Sized>(
        &mut self,
        rcv_nxt: &mut SeqNumber,
        left: SeqNumber,
        len: u32,
        payload: &P,
        skip: usize,
    ) -> Placed {
        let (right, len) = (left + len, len as usize);
        let from_nxt = left.since(*rcv_nxt) as usize;
        if from_nxt + len > self.capacity - self.len {
            return Placed::Refused;
        }
        let at = wrap(self.head + self.len + from_nxt, self.capacity);
        let first = len.min(self.capacity - at);
        let mut copied = payload.copy_to(skip, &self.region, at, first);
        if first < len && copied.is_ok() {
            copied = payload.copy_to(skip + first, &self.region, 0, len - first);
        }
        if copied.is_err() {
            return Placed::Refused;
        }
        if left != *rcv_nxt {
            return self.hold(left, right);
        }
        let (end, placed) = match self.has_holes() {
            true => (self.fill_hole(right), Placed::FilledHole),
            false => (right, Placed::InOrder),
        };
        self.len += end.since(left) as usize;
        *rcv_nxt = end;
        placed
    }

    /// Keeps what lies beyond a hole.
    #[cold]
    fn hold(&mut self, left: SeqNumber, right: SeqNumber) -> Placed {
        if !self.held.insert(left, right) {
            return Placed::Refused;
        }
        self.report(left);
        Placed::OutOfOrder
    }

    /// All before `right` is here: says up to where there is no hole now.
    #[cold]
    fn fill_hole(&mut self, right: SeqNumber) -> SeqNumber {
        let next = self.held.containing(right);
        let end = next.map_or(right, |next| next.right);
        self.held.remove_before(end);
        end
    }

    /// Takes the oldest octets out; says how many.
    // Inlined always: the compiler would not do it, because the pieces call this function again.
    #[inline(always)]
    pub(super) fn read(&mut self, out: &mut [u8]) -> usize {
        // Nearly always it does not wrap around the end of the ring.
        let count = out.len().min(self.len);
        if count > self.capacity - self.head {
            return self.read_in_pieces(out);
        }
        if self.region.read(self.head, &mut out[..count]).is_err() {
            return 0;
        }
        self.head = wrap(self.head + count, self.capacity);
        self.len -= count;
        count
    }

    #[inline(never)]
    fn read_in_pieces(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.len);
        let (first, second) = out[..count].split_at_mut(count.min(self.capacity - self.head));
        self.read(first) + self.read(second)
    }

    /// Throws the octets away that could be read.
    pub(super) fn skip_unread(&mut self) {
        self.head = wrap(self.head + self.len, self.capacity);
        self.len = 0;
    }

    /// The range with the octet `seq` is the newest.
    fn report(&mut self, seq: SeqNumber) {
        let Some(range) = self.held.containing(seq) else {
            return;
        };
        let mut kept = [None; SackBlocks::MAX];
        kept[0] = Some(seq);
        let others = self
            .newest
            .iter()
            .flatten()
            .filter(|other| other.lt(range.left) || other.ge(range.right));
        for (place, other) in kept[1..].iter_mut().zip(others) {
            *place = Some(*other);
        }
        self.newest = kept;
    }

    /// The blocks to report, at most `most`, the range that changed last first (RFC 2018 4).
    pub(super) fn sack_blocks(&self, most: usize) -> SackBlocks {
        if self.held.is_empty() {
            return SackBlocks::default();
        }
        let mut blocks = SackBlocks::default();
        let ranges = self.newest.iter().flatten();
        for block in ranges.filter_map(|seq| self.held.containing(*seq)) {
            let known = |known: &SackBlock| known.left == block.left;
            if blocks.as_slice().len() < most && !blocks.as_slice().iter().any(known) {
                blocks.push(block);
            }
        }
        blocks
    }
}
