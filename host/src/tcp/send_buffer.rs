//! The ring of octets that are to be sent, or were sent and are not acknowledged.

use super::segment::SendSlice;
use super::seq::SeqNumber;
use handclasp_driver::dma::DmaRegion;

/// Largest window (RFC 7323 2.3), and so the most of a region that a ring uses, in bytes.
pub(super) const RING_MAX_BYTES: usize = 1 << 30;

/// `at` modulo `capacity`, for `at` below twice that: without a division.
pub(super) fn wrap(at: usize, capacity: usize) -> usize {
    if at < capacity {
        at
    } else {
        at - capacity
    }
}

/// Ring over memory that the NIC reads payload from. The octet with sequence number [`SendBuffer::base`] is the
/// oldest one; it lies at `head`.
#[derive(Debug)]
pub(super) struct SendBuffer {
    region: DmaRegion,
    capacity: usize,
    head: usize,
    len: usize,
    base: SeqNumber,
}

impl SendBuffer {
    /// An empty ring over the region, whose first octet will be `base`.
    pub(super) fn new(region: DmaRegion, base: SeqNumber) -> Self {
        Self {
            capacity: region.size_bytes().min(RING_MAX_BYTES),
            region,
            head: 0,
            len: 0,
            base,
        }
    }

    #[inline]
    pub(super) fn region(&self) -> &DmaRegion {
        &self.region
    }

    /// Sequence number behind the last octet: where a FIN stands.
    pub(super) fn end(&self) -> SeqNumber {
        // len <= RING_MAX_BYTES fits.
        self.base + self.len as u32
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn room(&self) -> usize {
        self.capacity - self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn clear(&mut self) {
        self.base = self.end();
        self.len = 0;
    }

    /// Puts as much of `data` behind the last octet as there is room for; says how much.
    // Inlined always: the compiler would not do it, because the pieces call this function again.
    #[inline(always)]
    pub(super) fn push(&mut self, data: &[u8]) -> usize {
        // Nearly always it does not wrap around the end of the ring.
        let at = wrap(self.head + self.len, self.capacity);
        if data.len() > self.capacity - self.len.max(at) {
            return self.push_in_pieces(data);
        }
        if self.region.write(at, data).is_err() {
            return 0;
        }
        self.len += data.len();
        data.len()
    }

    #[inline(never)]
    fn push_in_pieces(&mut self, data: &[u8]) -> usize {
        let data = &data[..data.len().min(self.room())];
        let at = wrap(self.head + self.len, self.capacity);
        let (first, second) = data.split_at(data.len().min(self.capacity - at));
        self.push(first) + self.push(second)
    }

    /// Gives back the octets before `seq`.
    #[inline]
    pub(super) fn acknowledge(&mut self, seq: SeqNumber) {
        let gone = (seq.since(self.base) as usize).min(self.len);
        self.len -= gone;
        self.base = self.base + gone as u32;
        // An empty ring starts again at its first byte, so that its end cuts no segment soon.
        self.head = match self.len {
            0 => 0,
            _ => wrap(self.head + gone, self.capacity),
        };
    }

    /// Octets from `seq` to the end.
    pub(super) fn available(&self, seq: SeqNumber) -> u32 {
        // len <= RING_MAX_BYTES fits.
        self.end().since(seq).min(self.len as u32)
    }

    /// The octets from `seq` to the end, as far as they lie in one piece, and how many they are in all.
    #[inline]
    pub(super) fn rest(&self, seq: SeqNumber) -> (SendSlice, u32) {
        let available = self.available(seq);
        let len_bytes = available as usize;
        let offset = wrap(self.head + (self.len - len_bytes), self.capacity);
        let piece = SendSlice {
            offset,
            len_bytes: len_bytes.min(self.capacity - offset),
        };
        (piece, available)
    }

    /// At most `len_bytes` octets from `seq`, as far as they lie in one piece: a segment ends where the ring wraps.
    pub(super) fn slice(&self, seq: SeqNumber, len_bytes: u32) -> Option<SendSlice> {
        let (mut piece, _) = self.rest(seq);
        piece.len_bytes = piece.len_bytes.min(len_bytes as usize);
        (piece.len_bytes != 0).then_some(piece)
    }
}
