//! What the blocks of the transmit path hand on: a [`Job`] from the executor to the assembler, a [`Done`] from there to the completion.
//!
//! Every command becomes one job, in order, even when nothing goes to the wire: so completions are in order by construction.
// rust-hdl's derive writes public methods without documentation; every field here has its own.
#![allow(missing_docs)]

use crate::tx::context::ConnectionContext;
use rust_hdl::prelude::*;

/// A command that has been checked and, unless it sends something, carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct Job {
    /// What the segment's connection has in its headers.
    pub context: ConnectionContext,
    /// Sequence number.
    pub seq: Bits<32>,
    /// Acknowledgement number.
    pub ack: Bits<32>,
    /// Flags.
    pub tcp_flags: Bits<9>,
    /// Window, scaled.
    pub window: Bits<16>,
    /// TCP header in 32-bit words, options included.
    pub tcp_words: Bits<4>,
    /// TCP options in network order: the first byte on top, zeros behind the last.
    pub options: Bits<320>,
    /// Length of the IPv4 packet.
    pub total_len_bytes: Bits<16>,
    /// IPv4 identification.
    pub identification: Bits<16>,
    /// Bytes before the payload; 0 for Raw.
    pub header_len_bytes: Bits<7>,
    /// Place of the payload's last byte in the payload; of no meaning without one.
    pub payload_last_byte: Bits<11>,
    /// Place of the frame's last byte in the frame, padding included.
    pub frame_last_byte: Bits<11>,
    /// There are bytes to send; else only the completion is to be written, if it was asked for or the status is not Ok.
    pub is_frame: Bit,
    /// They begin with headers.
    pub is_segment: Bit,
    /// A payload has been asked for.
    pub has_payload: Bit,
    /// Its sum was in the command.
    pub has_payload_sum: Bit,
    /// Write a completion.
    pub has_completion: Bit,
    /// What stands in the completion.
    pub done: Done,
}

/// What a completion tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct Done {
    /// A `Status` of the layout.
    pub status: Bits<8>,
    /// The command's opcode.
    pub opcode: Bits<8>,
    /// The command's connection id, or port.
    pub connection: Bits<16>,
    /// The command's free-running index.
    pub command_index: Bits<32>,
    /// I/O address of the payload.
    pub payload_addr: Bits<64>,
}
