//! The device's events, in types that can only hold what the datasheet allows.
//!
//! Every field of an event is checked here before it is used. Checks that depend on the state of a ring ask that ring.

use std::fmt;

use handclasp_layout::queue::{
    AddressEvent, CompletionEvent, DropReason, EventKind, Opcode, RxEvent, SackEvent, Status,
    Verdict, ENTRY_BYTES,
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

/// What the next event is, to one who waits for segments.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// There is none.
    Nothing,
    /// A segment of a connection, in which everything is as [`Received`] says of Flow, and without SACK blocks.
    Segment {
        /// An [`RxEvent`].
        event: &'a [u8; ENTRY_BYTES],
        /// Where the payload lies.
        payload: Payload,
    },
    /// A segment of no connection that the NIC knows, in which everything is as [`Received`] says of Listen and Miss, and without
    /// SACK blocks. The event, an [`RxEvent`], is the NIC's [`last_segment`](crate::Nic::last_segment), and the one before, an
    /// [`AddressEvent`], its [`last_address`](crate::Nic::last_address).
    Stranger {
        /// Where the payload lies.
        payload: Payload,
    },
    /// Another one, which has not been taken.
    Other,
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
/// Checked, so a caller can rely on it: `verdict` Flow, Listen and Miss have `is_tcp`; Flow's connection id exists; Raw has
/// the whole frame as payload; unless it was dropped, `frame_len_bytes` is at most a slot, and the payload no longer than the
/// frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// What the frame is to this NIC.
    pub verdict: Verdict,
    /// Why it was dropped; `None` unless the verdict is Drop.
    pub drop_reason: DropReason,
    /// Where the payload lies (of a Raw frame: the frame).
    pub payload: Payload,
    entry: [u8; ENTRY_BYTES],
    address: Option<AddressEvent>,
    sack: [SackBlock; SACK_BLOCKS_MAX],
}

impl Received {
    /// All that the gateware decoded.
    pub fn event(&self) -> RxEvent {
        RxEvent::decode(&self.entry)
    }

    /// The event as it came, an [`RxEvent`], for who needs a few of its fields.
    #[inline]
    pub fn entry(&self) -> &[u8; ENTRY_BYTES] {
        &self.entry
    }

    /// The frame's addresses: of every frame with an IPv4 header but those of the verdict Flow, whose connection the host knows.
    pub fn address(&self) -> Option<&AddressEvent> {
        self.address.as_ref()
    }

    /// The SACK blocks in the order in which they were sent.
    pub fn sack_blocks(&self) -> &[SackBlock] {
        let count = usize::from(RxEvent::sack_count(&self.entry)).min(SACK_BLOCKS_MAX);
        &self.sack[..count]
    }

    /// A frame whose event has been [`check`]ed.
    #[inline]
    pub(crate) fn new(
        verdict: Verdict,
        drop_reason: DropReason,
        entry: &[u8; ENTRY_BYTES],
        payload: Payload,
        address: Option<AddressEvent>,
        sack: Option<SackEvent>,
    ) -> Self {
        Self {
            verdict,
            drop_reason,
            payload,
            entry: *entry,
            address,
            sack: sack.as_ref().map(blocks).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("verdict", &self.verdict)
            .field("drop_reason", &self.drop_reason)
            .field("event", &self.event())
            .field("address", &self.address)
            .field("payload", &self.payload)
            .field("sack", &self.sack_blocks())
            .finish()
    }
}

/// A segment of a connection, without SACK blocks, in which everything is right that [`check`] looks at: nearly every event is
/// one, and it is seen in a few comparisons.
#[inline]
pub(crate) fn is_right_segment(entry: &[u8; ENTRY_BYTES], connections: usize) -> bool {
    is_right(entry)
        && RxEvent::verdict(entry) == Verdict::Flow as u8
        && !RxEvent::has_address(entry)
        && usize::from(RxEvent::connection(entry)) < connections
}

/// The same of a segment of no connection, behind an address event.
#[inline]
pub(crate) fn is_right_stranger(entry: &[u8; ENTRY_BYTES]) -> bool {
    let verdict = RxEvent::verdict(entry);
    is_right(entry)
        && (verdict == Verdict::Listen as u8 || verdict == Verdict::Miss as u8)
        && RxEvent::has_address(entry)
}

/// What both have in common.
#[inline]
fn is_right(entry: &[u8; ENTRY_BYTES]) -> bool {
    let payload_len = RxEvent::payload_len_bytes(entry);
    let frame_len = RxEvent::frame_len_bytes(entry);
    RxEvent::kind(entry) == EventKind::Rx as u8
        && RxEvent::sack_count(entry) == 0
        && RxEvent::drop_reason(entry) == DropReason::None as u8
        && RxEvent::is_ipv4(entry)
        && RxEvent::is_tcp(entry)
        && usize::from(frame_len) <= SLOT_BYTES
        && payload_len <= u32::from(frame_len)
        && RxEvent::has_slot(entry) == (payload_len > 0)
}

/// Checks all of a frame's event that does not depend on the rings.
pub(crate) fn check(
    event: &RxEvent,
    has_address_event: bool,
    sack: Option<&SackEvent>,
    connections: usize,
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
    let needs_address = event.is_ipv4 && verdict != Verdict::Flow;
    if event.has_address != needs_address || has_address_event != needs_address {
        return Err(Lie::Address {
            verdict: event.verdict,
            is_ipv4: event.is_ipv4,
            has_address: event.has_address,
            found: has_address_event,
        });
    }
    if verdict == Verdict::Flow && usize::from(event.connection) >= connections {
        return Err(Lie::Connection {
            found: event.connection,
            connections,
        });
    }
    let (frame_len, payload_len) = (event.frame_len_bytes, event.payload_len_bytes);
    let lengths_fit = match verdict {
        // It may have been dropped for its lengths.
        Verdict::Drop => true,
        Verdict::Raw => usize::from(frame_len) <= SLOT_BYTES && payload_len == u32::from(frame_len),
        _ => usize::from(frame_len) <= SLOT_BYTES && payload_len <= u32::from(frame_len),
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
