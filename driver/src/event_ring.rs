//! Events on their way from the NIC.
//!
//! ```text
//!   returned          consumed                        returned + entries
//!      |  the driver's    |   the NIC's                   |
//!   ---+------------------+-------------------------------+---->  free-running 32-bit indices
//! ```
//!
//! # Ownership
//! - `consumed..returned + entries` is the NIC's to write. The driver looks only at the phase bit of entry `consumed`:
//!   the NIC writes 1 there on its first pass through the ring, 0 on the second, and so on; the memory starts as 0.
//! - The entry with the expected phase bit is the driver's. It stays so until the doorbell gives it back.
//!
//! # Memory barriers
//! - From the NIC: the last word, which holds the phase bit and which the NIC writes last, is read first; then an acquire
//!   fence; then the entry. The NIC has written an event's payload before the event, so the same fence
//!   covers the slot.
//! - To the NIC: the entry has been copied out before the doorbell is rung; [`Bus::write32`] orders the two (release).

use handclasp_layout::queue::{RxEvent, ENTRY_BYTES};
use handclasp_layout::register::EVENT_CONSUMER;

use crate::bus::Bus;
use crate::dma::{DmaRegion, OutOfRange};
use crate::error::DriverError;

/// The ring of events; see the module for who owns what.
#[derive(Debug)]
pub(crate) struct EventRing {
    region: DmaRegion,
    /// Number of entries less one. The entry with a free-running index lies at place `index & mask`.
    mask: u32,
    /// First event that the doorbell has not given back.
    returned: u32,
    /// Index of the next event to read.
    consumed: u32,
}

impl EventRing {
    pub(crate) fn new(bus: &dyn Bus, log2: u32) -> Result<Self, DriverError> {
        Ok(Self {
            region: bus.allocate(ENTRY_BYTES << log2)?,
            mask: (1 << log2) - 1,
            returned: 0,
            consumed: 0,
        })
    }

    pub(crate) fn iova(&self) -> u64 {
        self.region.iova()
    }

    /// Free-running index of the next event.
    #[inline]
    pub(crate) fn next_index(&self) -> u32 {
        self.consumed
    }

    /// Copies the next event into `entry`, if the NIC has written it; it stays the next one until [`Self::advance`]. False:
    /// there is none yet.
    #[inline]
    pub(crate) fn peek(&self, entry: &mut [u8; ENTRY_BYTES]) -> Result<bool, OutOfRange> {
        self.peek_at(self.consumed, entry)
    }

    /// As [`Self::peek`] of the event behind the next one, which the NIC has written.
    #[inline]
    pub(crate) fn peek_behind(&self, entry: &mut [u8; ENTRY_BYTES]) -> Result<bool, OutOfRange> {
        self.peek_at(self.consumed.wrapping_add(1), entry)
    }

    #[inline]
    fn peek_at(&self, index: u32, entry: &mut [u8; ENTRY_BYTES]) -> Result<bool, OutOfRange> {
        // The phase bit is 1 on the first pass through the ring. That has a power of two of entries: the bit above an index's
        // place counts the passes.
        let expected_phase = index & self.mask.wrapping_add(1) == 0;
        let place = (index & self.mask) as usize;
        self.region.read_entry(place, entry, |entry| {
            RxEvent::phase(entry) == expected_phase
        })
    }

    /// The next event has been read.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.consumed = self.consumed.wrapping_add(1);
    }

    /// Events that have been read and not given back.
    #[inline]
    pub(crate) fn kept(&self) -> u32 {
        self.consumed.wrapping_sub(self.returned)
    }

    /// Gives all read events back to the NIC.
    pub(crate) fn ring(&mut self, bus: &dyn Bus) -> Result<(), DriverError> {
        bus.write32(EVENT_CONSUMER.offset, self.consumed)?;
        self.returned = self.consumed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The phase keeps alternating where the index wraps, after 2^32 events.
    #[test]
    fn phase_survives_the_wrap() -> Result<(), Box<dyn std::error::Error>> {
        let region = DmaRegion::heap(8 * ENTRY_BYTES).ok_or("no memory")?;
        let mut ring = EventRing {
            region: region.clone(),
            mask: 7,
            returned: u32::MAX - 7,
            consumed: u32::MAX - 7,
        };
        // The last pass before the wrap has an odd number: its phase is 0, and the next pass's is 1.
        let mut entry = [0; ENTRY_BYTES];
        assert!(ring.peek(&mut entry)?, "zeroed memory is phase 0");
        for _ in 0..8 {
            ring.advance();
        }
        assert_eq!(ring.next_index(), 0);
        assert!(!ring.peek(&mut entry)?);
        region.write(ENTRY_BYTES - 1, &[1])?;
        assert!(ring.peek(&mut entry)?);
        Ok(())
    }
}
