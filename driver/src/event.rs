//! What the device says, in types that only hold what the datasheet allows.
//!
//! The checks are here, and nothing of an event is believed before them; what the checks need to know of the rings is
//! asked of the rings.

use std::fmt;

use handclasp_layout::queue::{
    CompletionEvent, DropReason, Opcode, RxEvent, SackEvent, Status, Verdict,
};
use handclasp_layout::register::SLOT_BYTES;

use crate::error::Lie;
use crate::slot_ring::Payload;

/// Something happened in the NIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A frame arrived.
    Rx(Received),
    /// A command is done, or failed.
    Completion(Completion),
    /// A DMA error stopped the queue.
    Stopped(Stopped),
}

/// One SACK block (RFC 2018): the bytes from `left` to before `right` have arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SackBlock {
    /// First sequence number of the block.
    pub left: u32,
    /// The sequence number behind the block's last.
    pub right: u32,
}

/// Most SACK blocks that fit into one header.
pub const SACK_BLOCKS_MAX: usize = 4;

/// A frame that arrived.
///
/// Certain of it: `verdict` Flow, Listen and Miss have `is_tcp`; Flow's connection id exists; Raw has the whole frame as
/// payload; unless it was dropped, `frame_len_bytes` is at most a slot, and the payload no longer than the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// What the frame is to this NIC.
    pub verdict: Verdict,
    /// Why it was dropped; `None` unless the verdict is Drop.
    pub drop_reason: DropReason,
    /// All that the gateware decoded.
    pub event: RxEvent,
    /// Where the payload lies (of a Raw frame: the frame).
    pub payload: Payload,
    sack: [SackBlock; SACK_BLOCKS_MAX],
}

impl Received {
    /// The SACK blocks in the order in which they were sent.
    pub fn sack_blocks(&self) -> &[SackBlock] {
        let count = usize::from(self.event.sack_count).min(SACK_BLOCKS_MAX);
        &self.sack[..count]
    }

    /// A frame whose event has been [`check`]ed.
    pub(crate) fn new(
        verdict: Verdict,
        drop_reason: DropReason,
        event: RxEvent,
        payload: Payload,
        sack: Option<SackEvent>,
    ) -> Self {
        Self {
            verdict,
            drop_reason,
            event,
            payload,
            sack: sack.as_ref().map(blocks).unwrap_or_default(),
        }
    }
}

/// Checks all of a frame's event that does not depend on the rings.
pub(crate) fn check(
    event: &RxEvent,
    sack: Option<&SackEvent>,
    connections: u16,
    monitor: bool,
) -> Result<(Verdict, DropReason), Lie> {
    let verdict = Verdict::try_from(event.verdict).map_err(Lie::Verdict)?;
    let drop_reason = DropReason::try_from(event.drop_reason).map_err(Lie::DropReason)?;
    if (verdict == Verdict::Drop) != (drop_reason != DropReason::None) {
        return Err(Lie::VerdictAndReason {
            verdict: event.verdict,
            drop_reason: event.drop_reason,
        });
    }
    if verdict == Verdict::Drop && !monitor {
        return Err(Lie::UnwantedDrop);
    }
    let headers_fit = match verdict {
        Verdict::Flow | Verdict::Listen | Verdict::Miss => event.is_ipv4 && event.is_tcp,
        Verdict::Raw => !event.is_tcp,
        Verdict::Drop => event.is_ipv4 || !event.is_tcp,
    };
    if !headers_fit {
        return Err(Lie::VerdictAndHeaders {
            verdict: event.verdict,
            is_ipv4: event.is_ipv4,
            is_tcp: event.is_tcp,
        });
    }
    if verdict == Verdict::Flow && event.connection >= connections {
        return Err(Lie::Connection {
            found: event.connection,
            connections,
        });
    }
    let (frame_len, payload_len) = (event.frame_len_bytes, event.payload_len_bytes);
    let lengths_fit = match verdict {
        // It may have been dropped for its lengths.
        Verdict::Drop => true,
        Verdict::Raw => usize::from(frame_len) <= SLOT_BYTES && payload_len == frame_len,
        _ => usize::from(frame_len) <= SLOT_BYTES && payload_len <= frame_len,
    };
    if !lengths_fit {
        return Err(Lie::Length {
            frame_len_bytes: frame_len,
            payload_len_bytes: payload_len,
        });
    }
    if event.has_slot != (verdict != Verdict::Drop && payload_len > 0) {
        return Err(Lie::SlotAndPayload {
            payload_len_bytes: payload_len,
            has_slot: event.has_slot,
        });
    }
    if usize::from(event.sack_count) > SACK_BLOCKS_MAX || (event.sack_count > 0) != sack.is_some() {
        return Err(Lie::SackCount {
            sack_count: event.sack_count,
            has_sack_event: sack.is_some(),
        });
    }
    Ok((verdict, drop_reason))
}

fn blocks(event: &SackEvent) -> [SackBlock; SACK_BLOCKS_MAX] {
    let block = |left, right| SackBlock { left, right };
    [
        block(event.sack0_left, event.sack0_right),
        block(event.sack1_left, event.sack1_right),
        block(event.sack2_left, event.sack2_right),
        block(event.sack3_left, event.sack3_right),
    ]
}

/// A command is done, and so are all before it; or it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// How it ended.
    pub status: Status,
    /// What it was.
    pub opcode: Opcode,
    /// Its connection id; the port of a listen command.
    pub connection: u16,
    /// The index that [`crate::Nic::submit`] returned for it.
    pub command_index: u32,
    /// The `now` input when it was done.
    pub timestamp: u64,
    /// With a DMA error: the I/O address that was refused.
    pub address: u64,
}

impl Completion {
    /// Checks all but the command's index.
    pub(crate) fn check(event: &CompletionEvent) -> Result<Self, Lie> {
        Ok(Self {
            status: Status::try_from(event.status).map_err(Lie::Status)?,
            opcode: Opcode::try_from(event.opcode).map_err(Lie::Opcode)?,
            connection: event.connection,
            command_index: event.command_index,
            timestamp: event.timestamp,
            address: event.address,
        })
    }
}

/// The queue stopped: it takes no commands and delivers no frames until the NIC is opened anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Whether a read or a write was refused.
    pub status: Status,
    /// The I/O address that was refused.
    pub address: u64,
    /// The `now` input when it was refused.
    pub timestamp: u64,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.status {
            Status::WriteError => "write",
            _ => "read",
        };
        write!(
            f,
            "the bus refused to let it {access} at I/O address {:#x}",
            self.address
        )
    }
}

impl Stopped {
    pub(crate) fn check(event: &CompletionEvent) -> Result<Self, Lie> {
        match Status::try_from(event.status) {
            Ok(status @ (Status::ReadError | Status::WriteError)) => Ok(Self {
                status,
                address: event.address,
                timestamp: event.timestamp,
            }),
            _ => Err(Lie::Status(event.status)),
        }
    }
}
