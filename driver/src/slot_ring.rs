//! Receive slots: memory for payloads on their way from the NIC.
//!
//! ```text
//!   filled   held                              posted = held + slots
//!      | the driver's |  the NIC's                |
//!   ---+--------------+---------------------------+---->  free-running 32-bit indices, slot = index modulo slots
//! ```
//!
//! # Ownership
//! - Up to `posted`, slots are the NIC's to fill. It fills them in order, one for each event with a payload.
//! - The slot of the event that was read last is the driver's ("held"), until the next event is asked for. Then it is
//!   posted again, which the NIC learns from the doorbell. At most one slot is held at a time.
//!
//! # Memory barriers
//! - From the NIC: the payload is complete before its event; reading the event (acquire, [`crate::event_ring`]) makes
//!   the payload visible.
//! - To the NIC: the payload has been copied out before the doorbell is rung; [`Bus::write32`] orders the two (release).

use handclasp_layout::register::{SLOT_BYTES, SLOT_PRODUCER};

use crate::bus::Bus;
use crate::dma::{DmaRegion, OutOfRange};
use crate::error::{DriverError, Lie};

/// Where the payload of an event lies. It can be read through [`crate::Nic::read_payload`] until the next event is
/// asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// Free-running index of its slot.
    index: u32,
    /// 0: no payload, and no slot.
    len_bytes: u32,
}

impl Payload {
    /// No payload.
    pub(crate) const NONE: Payload = Payload {
        index: 0,
        len_bytes: 0,
    };

    /// Length in bytes, at most [`SLOT_BYTES`].
    pub fn len_bytes(&self) -> usize {
        self.len_bytes as usize
    }

    /// Whether there is no payload.
    pub fn is_empty(&self) -> bool {
        self.len_bytes == 0
    }
}

/// The receive slots; see the module for who owns what.
#[derive(Debug)]
pub(crate) struct SlotRing {
    region: DmaRegion,
    /// Number of slots, a power of two, less one. The slot with a free-running index has the number `index & mask`.
    mask: u32,
    /// Index of the next slot that the NIC fills.
    filled: u32,
    /// Index of the slot that is being read, which is the one before; or `filled`, when none is.
    held: u32,
}

impl SlotRing {
    /// Allocates the slots and posts them all; the NIC learns of them from the first [`Self::ring`].
    pub(crate) fn new(bus: &dyn Bus, log2: u32) -> Result<Self, DriverError> {
        let slots = 1 << log2;
        Ok(Self {
            region: bus.allocate(slots as usize * SLOT_BYTES)?,
            mask: slots - 1,
            filled: 0,
            held: 0,
        })
    }

    pub(crate) fn iova(&self) -> u64 {
        self.region.iova()
    }

    /// The slot with a free-running index.
    #[inline]
    fn number(&self, index: u32) -> u32 {
        index & self.mask
    }

    /// The number that the next event with a payload must carry.
    #[inline]
    pub(crate) fn expect(&self, slot: u16) -> Result<(), Lie> {
        let expected = self.number(self.filled) as u16;
        if slot == expected {
            Ok(())
        } else {
            Err(Lie::Slot {
                found: slot,
                expected,
            })
        }
    }

    /// Takes the next slot from the NIC, with a payload whose length has been checked.
    #[inline]
    pub(crate) fn hold(&mut self, len_bytes: u32) -> Payload {
        let index = self.filled;
        self.filled = index.wrapping_add(1);
        self.held = index;
        Payload { index, len_bytes }
    }

    /// Posts the held slot again.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.held = self.filled;
    }

    /// Passes all posted slots on to the NIC.
    pub(crate) fn ring(&self, bus: &dyn Bus) -> Result<(), DriverError> {
        let posted = self.held.wrapping_add(self.mask).wrapping_add(1);
        Ok(bus.write32(SLOT_PRODUCER.offset, posted)?)
    }

    /// Place of the payload's byte `offset` in the slots' memory, when all `len_bytes` from there are held.
    #[inline]
    pub(crate) fn locate(
        &self,
        payload: &Payload,
        offset: usize,
        len_bytes: usize,
    ) -> Result<(&DmaRegion, usize), DriverError> {
        if payload.index != self.held && !payload.is_empty() {
            return Err(DriverError::PayloadGone);
        }
        match offset.checked_add(len_bytes) {
            Some(end) if end <= payload.len_bytes() => {
                let slot = self.number(payload.index) as usize;
                Ok((&self.region, slot * SLOT_BYTES + offset))
            }
            _ => Err(OutOfRange {
                offset,
                len_bytes,
                size_bytes: payload.len_bytes(),
            }
            .into()),
        }
    }
}
