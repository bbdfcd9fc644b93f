//! Frames that software builds whole, on their way to the NIC.

use std::collections::VecDeque;

use handclasp_driver::{Command, DmaRegion, DriverError, Nic};
use handclasp_layout::register::SLOT_BYTES;

/// Memory that the NIC reads raw frames from; a frame's place is used again when the NIC says that it has left.
#[derive(Debug)]
pub(super) struct RawFrames {
    region: DmaRegion,
    /// Frames under way at most.
    frames: usize,
    /// Place of the next frame.
    next: usize,
    /// Command indices of the frames that have not left, oldest first; they lie in the places before `next`.
    under_way: VecDeque<u32>,
}

impl RawFrames {
    /// Places for so many frames.
    pub(super) fn new(nic: &Nic, frames: usize) -> Result<Self, DriverError> {
        Ok(Self {
            region: nic.allocate(frames * SLOT_BYTES)?,
            frames,
            next: 0,
            under_way: VecDeque::with_capacity(frames),
        })
    }

    /// There is a place for one more.
    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < self.frames
    }

    /// Sends a frame and says its command's index; `None` when it must wait or be dropped, since too many are under way.
    pub(super) fn send(&mut self, nic: &mut Nic, frame: &[u8]) -> Result<Option<u32>, DriverError> {
        let Ok(frame_len_bytes) = u32::try_from(frame.len()) else {
            return Ok(None);
        };
        if !self.has_room() || nic.command_room() == 0 || frame.len() > SLOT_BYTES {
            return Ok(None);
        }
        let offset = self.next * SLOT_BYTES;
        self.region.write(offset, frame)?;
        let index = nic.submit(&Command::Raw {
            frame_addr: self.region.iova() + offset as u64,
            frame_len_bytes,
            want_completion: true,
        })?;
        self.under_way.push_back(index);
        self.next = (self.next + 1) % self.frames;
        Ok(Some(index))
    }

    /// The memory.
    pub(super) fn region(&self) -> &DmaRegion {
        &self.region
    }

    /// Command index of the youngest frame that has not left.
    pub(super) fn youngest(&self) -> Option<u32> {
        self.under_way.back().copied()
    }

    /// All commands up to this one have been carried out.
    pub(super) fn completed(&mut self, command_index: u32) {
        while let Some(index) = self.under_way.front() {
            if !is_done(*index, command_index) {
                break;
            }
            self.under_way.pop_front();
        }
    }
}

/// Whether the command `index` has been carried out when `completed` has.
pub(super) fn is_done(index: u32, completed: u32) -> bool {
    // Free-running indices: less than half the range apart, so the difference tells which is earlier.
    completed.wrapping_sub(index) <= u32::MAX / 2
}
