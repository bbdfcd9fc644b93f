//! Frames that software builds whole: ARP and ICMP.

use std::collections::VecDeque;

use handclasp_driver::{Command, DmaRegion, DriverError, Nic};
use handclasp_layout::register::SLOT_BYTES;

/// Frames under way at most. More are dropped: they are requests and answers of ARP and ICMP, which are repeated.
const FRAMES: usize = 16;

/// Memory that the NIC reads raw frames from; a frame's place is used again when the NIC says that it has left.
#[derive(Debug)]
pub(super) struct RawFrames {
    region: DmaRegion,
    /// Place of the next frame.
    next: usize,
    /// Command indices of the frames that have not left, oldest first; they lie in the places before `next`.
    under_way: VecDeque<u32>,
}

impl RawFrames {
    pub(super) fn new(nic: &Nic) -> Result<Self, DriverError> {
        Ok(Self {
            region: nic.allocate(FRAMES * SLOT_BYTES)?,
            next: 0,
            under_way: VecDeque::with_capacity(FRAMES),
        })
    }

    /// Sends a frame; false when it must be dropped since too many are under way.
    pub(super) fn send(&mut self, nic: &mut Nic, frame: &[u8]) -> Result<bool, DriverError> {
        let Ok(frame_len_bytes) = u32::try_from(frame.len()) else {
            return Ok(false);
        };
        if self.under_way.len() >= FRAMES || nic.command_room() == 0 || frame.len() > SLOT_BYTES {
            return Ok(false);
        }
        let offset = self.next * SLOT_BYTES;
        self.region.write(offset, frame)?;
        let index = nic.submit(&Command::Raw {
            frame_addr: self.region.iova() + offset as u64,
            frame_len_bytes,
            want_completion: true,
        })?;
        self.under_way.push_back(index);
        self.next = (self.next + 1) % FRAMES;
        Ok(true)
    }

    /// The memory.
    pub(super) fn region(&self) -> &DmaRegion {
        &self.region
    }

    /// All commands up to this one have been carried out.
    pub(super) fn completed(&mut self, command_index: u32) {
        // Free-running indices: less than half the range apart, so the difference tells which is earlier.
        while let Some(index) = self.under_way.front() {
            if command_index.wrapping_sub(*index) > u32::MAX / 2 {
                break;
            }
            self.under_way.pop_front();
        }
    }
}
