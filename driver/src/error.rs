//! What can go wrong in the driver, and what to do about it.

use handclasp_layout::register::{LAYOUT_VERSION, MAGIC_VALUE};

use crate::bus::BusError;
use crate::dma::OutOfRange;

/// Why the driver could not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The bus refused.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The device is something else.
    #[error("register MAGIC reads {found:#010x} instead of {MAGIC_VALUE:#010x}: this is no Handclasp NIC; check which device was opened")]
    WrongMagic {
        /// What the register reads.
        found: u32,
    },
    /// Gateware and driver were built from different layouts.
    #[error("the gateware has layout version {found}, this driver {LAYOUT_VERSION}: build gateware and driver from the same sources")]
    WrongVersion {
        /// What the register reads.
        found: u32,
    },
    /// The data path has a width that no gateware is built with.
    #[error("register WIDTH reads {found}, which is neither 64 nor 512: the gateware is damaged or not ours")]
    WrongWidth {
        /// What the register reads.
        found: u32,
    },
    /// The gateware has no queue or no connections, or more than the layout allows.
    #[error("the gateware says it has {queues} queues and 2^{connections_log2} connections, which it cannot: it is damaged or not ours")]
    WrongCapabilities {
        /// Number of queues.
        queues: u8,
        /// log2 of the number of connection ids.
        connections_log2: u8,
    },
    /// The tables were not cleared in time after reset.
    #[error("the NIC is not ready after {polls} reads of STATUS: check that it has a clock and is out of reset")]
    NotReady {
        /// How often STATUS was read.
        polls: u32,
    },
    /// Someone else runs this queue, or died running it.
    #[error("the queue is already enabled: another process uses this NIC, or one ended without closing it; end that process or reset the device")]
    InUse,
    /// Someone else reset the NIC, or switched its queue off.
    #[error("the NIC was reset (or its queue was switched off) while in use; open it again")]
    WasReset,
    /// The NIC's access to memory was refused, and it could not write the event that says where.
    #[error("the NIC has stopped, for it can no longer reach its rings: bus mastering is off, or their memory is not mapped; open it again")]
    Halted,
    /// Transfers are still under way although the queue was disabled.
    #[error("the NIC is still busy {polls} reads of STATUS after its queue was disabled: reset the device before its memory is used again")]
    StillBusy {
        /// How often STATUS was read.
        polls: u32,
    },
    /// A value of [`crate::NicConfig`] is out of range.
    #[error("{name} is {value}, it must be {min} to {max}")]
    BadConfig {
        /// Name of the field.
        name: &'static str,
        /// What it was set to.
        value: u64,
        /// Smallest value allowed.
        min: u64,
        /// Largest value allowed.
        max: u64,
    },
    /// Every entry of the command ring waits for the NIC. The command was not taken: flush, read events, submit it again.
    #[error("the command ring is full ({entries} commands wait for the NIC): flush, read events, and submit again")]
    RingFull {
        /// Size of the ring.
        entries: u32,
    },
    /// The slot of this payload has been given back to the NIC by a later `next_event`.
    #[error("the payload's slot has been given back: read a payload before the next event")]
    PayloadGone,
    /// The bytes asked for do not lie in the payload, or not in the memory.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// The device wrote an event that the datasheet does not allow. The queue cannot be trusted any more.
    #[error(
        "event {index}: {lie}; the device does not keep to its datasheet: close it and reset it"
    )]
    Lied {
        /// Free-running index of the event.
        index: u32,
        /// What is wrong with it.
        lie: Lie,
    },
}

/// What is wrong with an event that the datasheet does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lie {
    /// No such event.
    #[error("unknown event kind {0}")]
    EventKind(u8),
    /// No such verdict.
    #[error("unknown verdict {0}")]
    Verdict(u8),
    /// No such drop reason.
    #[error("unknown drop reason {0}")]
    DropReason(u8),
    /// No such status.
    #[error("unknown status {0}")]
    Status(u8),
    /// No such opcode.
    #[error("completion of an unknown opcode {0}")]
    Opcode(u8),
    /// A drop without reason, or a reason without drop.
    #[error("verdict {verdict} with drop reason {drop_reason}")]
    VerdictAndReason {
        /// The verdict.
        verdict: u8,
        /// The drop reason.
        drop_reason: u8,
    },
    /// A drop event although monitor mode is off.
    #[error("a drop event, but monitor mode is off")]
    UnwantedDrop,
    /// The verdict needs a TCP header, or forbids one, and `is_ipv4`/`is_tcp` say otherwise.
    #[error("verdict {verdict} with is_ipv4={is_ipv4}, is_tcp={is_tcp}")]
    VerdictAndHeaders {
        /// The verdict.
        verdict: u8,
        /// The event's bit.
        is_ipv4: bool,
        /// The event's bit.
        is_tcp: bool,
    },
    /// No such connection id.
    #[error("connection id {found}, but there are only {connections}")]
    Connection {
        /// The id.
        found: u16,
        /// Number of connection ids.
        connections: usize,
    },
    /// Slots are filled in order; this one was not the next.
    #[error("receive slot {found} was filled, the next one is {expected}")]
    Slot {
        /// The slot's number.
        found: u16,
        /// The number of the next slot.
        expected: u16,
    },
    /// A payload without slot, or a slot without payload.
    #[error("{payload_len_bytes} bytes of payload with has_slot={has_slot}")]
    SlotAndPayload {
        /// Length of the payload.
        payload_len_bytes: u32,
        /// The event's bit.
        has_slot: bool,
    },
    /// Frame or payload is longer than it can be.
    #[error("a frame of {frame_len_bytes} bytes with {payload_len_bytes} bytes of payload")]
    Length {
        /// Length of the frame.
        frame_len_bytes: u16,
        /// Length of the payload.
        payload_len_bytes: u32,
    },
    /// A SACK event that its segment does not announce, or the reverse, or more blocks than four.
    #[error("{sack_count} SACK blocks announced, with has_sack_event={has_sack_event}")]
    SackCount {
        /// Blocks that the segment's event announces.
        sack_count: u8,
        /// Whether the event before it was a SACK event.
        has_sack_event: bool,
    },
    /// An address event that its frame does not announce, or may not have, or the reverse.
    #[error("verdict {verdict} with is_ipv4={is_ipv4}, has_address={has_address}, and the address event before it: {found}")]
    Address {
        /// The verdict.
        verdict: u8,
        /// The event's bit.
        is_ipv4: bool,
        /// The event's bit.
        has_address: bool,
        /// Whether there was an address event before it.
        found: bool,
    },
    /// An address or SACK event was not followed by the event of the frame it belongs to.
    #[error("the events of a frame do not follow each other")]
    FrameTorn,
    /// A command completed that is not under way.
    #[error("command {found} is done, but only commands from {oldest} to before {producer} are under way")]
    CommandIndex {
        /// The completed command's free-running index.
        found: u32,
        /// Oldest command under way.
        oldest: u32,
        /// First command that the NIC has not been given.
        producer: u32,
    },
}
