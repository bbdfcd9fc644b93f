//! Sends the segments of connections that the NIC has no id for, as whole frames.
//!
//! ```text
//!   segment, payload in the send buffer --> scratch: headers, checksums --> a place in DMA memory --> command Raw --> NIC
//!   connection that finds no place free --> waiting                              ^--- free again: the completion ---'
//! ```
//!
//! The payload is copied, so the send buffer is the connection's alone.

use std::collections::VecDeque;

use handclasp_driver::{DmaRegion, DriverError, Nic};

use super::raw_frames::{is_done, RawFrames};
use super::slot::Headers;
use super::transmit::Outcome;
use super::{Stack, StackError, Tuple};
use crate::frame::{headers_len_bytes, write_headers, Envelope, FRAME_MAX_BYTES};
use crate::tcp::Outgoing;

/// Frames under way at most.
const FRAMES: usize = 64;

/// Frames of segments, and the connections that have something to do with them.
#[derive(Debug)]
pub(super) struct FrameSender {
    frames: RawFrames,
    /// Where a frame is built.
    scratch: Box<[u8; FRAME_MAX_BYTES]>,
    src_mac: u64,
    /// Of the next frame's IPv4 header: counts up by one a frame, as the NIC's own does.
    identification: u16,
    /// Connections that wait for a place, in this order. All are marked dirty.
    pub(super) waiting: VecDeque<u32>,
    /// Connections that are over, each with the command index that the last of its frames has or comes before.
    leaving: VecDeque<(u32, u32)>,
}

impl FrameSender {
    pub(super) fn new(nic: &Nic, src_mac: u64) -> Result<Self, DriverError> {
        Ok(Self {
            frames: RawFrames::new(nic, FRAMES)?,
            scratch: Box::new([0; FRAME_MAX_BYTES]),
            src_mac,
            identification: 0,
            waiting: VecDeque::new(),
            leaving: VecDeque::new(),
        })
    }

    /// There is a place for one more frame.
    pub(super) fn has_room(&self) -> bool {
        self.frames.has_room()
    }

    /// Sends a segment whose payload lies in `send`; says its command's index. There must be room, here and in the command
    /// ring; without it, or when the segment cannot be built, `None`: as if the network had lost it.
    pub(super) fn send(
        &mut self,
        nic: &mut Nic,
        tuple: &Tuple,
        headers: &Headers,
        outgoing: &Outgoing,
        send: &DmaRegion,
    ) -> Result<Option<u32>, DriverError> {
        let payload_at = headers_len_bytes(&outgoing.segment);
        let payload_len_bytes = outgoing.payload.map_or(0, |slice| slice.len_bytes);
        let end = payload_at + payload_len_bytes;
        let Some(frame) = self.scratch.get_mut(..end) else {
            return Ok(None);
        };
        if let Some(slice) = outgoing.payload {
            send.read(slice.offset, &mut frame[payload_at..])?;
        }
        let envelope = Envelope {
            src_mac: self.src_mac,
            dst_mac: headers.mac,
            tuple: *tuple,
            ttl: headers.ttl,
            tos: headers.tos,
            identification: self.identification,
        };
        if write_headers(frame, &envelope, &outgoing.segment).is_none() {
            return Ok(None);
        }
        let sent = self.frames.send(nic, frame)?;
        self.identification = self.identification.wrapping_add(sent.is_some().into());
        Ok(sent)
    }

    /// The connection is over; false when it has frames under way perhaps, and [`FrameSender::next_gone`] tells when they have
    /// left.
    pub(super) fn is_gone(&mut self, connection: u32) -> bool {
        let youngest = self.frames.youngest();
        if let Some(index) = youngest {
            self.leaving.push_back((index, connection));
        }
        youngest.is_none()
    }

    /// All commands up to this one have been carried out.
    pub(super) fn completed(&mut self, command_index: u32) {
        self.frames.completed(command_index);
    }

    /// A connection that is over and whose frames have left; call until `None`.
    pub(super) fn next_gone(&mut self, command_index: u32) -> Option<u32> {
        let (index, connection) = *self.leaving.front()?;
        if !is_done(index, command_index) {
            return None;
        }
        self.leaving.pop_front();
        Some(connection)
    }
}

impl Stack {
    /// An uncached connection finds no place for its frame, or others wait for one already. The cached ones are not held up.
    #[cold]
    pub(super) fn wait_for_frames(&mut self, id: u32) {
        if let Some(slot) = self.slots.get_mut(id as usize) {
            // Not in the list of dirty ones, but in this one.
            slot.dirty = true;
            self.frame_sender.waiting.push_back(id);
        }
    }

    /// Sends what uncached connections have, in the order in which they wait, as far as there are places.
    pub(super) fn transmit_frames(&mut self, now_ns: u64) -> Result<(), StackError> {
        while self.frame_sender.has_room() && self.nic.command_room() > 0 {
            let Some(id) = self.frame_sender.waiting.pop_front() else {
                break;
            };
            if let Some(slot) = self.slots.get_mut(id as usize) {
                slot.dirty = false;
            }
            match self.transmit_connection(now_ns, id)? {
                Outcome::Done => {}
                Outcome::RingFull => self.mark_dirty(id),
                Outcome::FramesFull => self.wait_for_frames(id),
            }
        }
        Ok(())
    }

    /// All frames up to this command have left, and connections may be gone with them.
    pub(super) fn frames_have_left(&mut self, command_index: u32) {
        self.frame_sender.completed(command_index);
        while let Some(id) = self.frame_sender.next_gone(command_index) {
            self.connection_is_gone(id);
        }
    }
}
