//! What the blocks of the transmit path hand on: a [`Job`] from the executor to the header builder, a [`Frame`] from there to the assembler.
//!
//! Every command becomes one job and one frame, in order, even when nothing goes to the wire: so completions are in order by construction.
// rust-hdl's derive writes public methods without documentation; every field here has its own.
#![allow(missing_docs)]

use crate::fields::SegmentCommand;
use crate::tx::context::ConnectionContext;
use rust_hdl::prelude::*;

/// A command that has been checked and, unless it sends something, carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct Job {
    /// The command. Opcode, want_completion and connection lie at the same places in all commands.
    pub command: SegmentCommand,
    /// Its free-running index.
    pub command_index: Bits<32>,
    /// What the segment's connection has in its headers.
    pub context: ConnectionContext,
    /// Length of its TCP options in 32-bit words, 0 to 10.
    pub option_words: Bits<4>,
    /// A frame is to be sent; else only the completion is to be written, if it was asked for or the status is not Ok.
    pub is_frame: Bit,
    /// How it has ended so far: a `Status` of the layout.
    pub status: Bits<8>,
}

/// A job with its lengths known.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct Frame {
    /// There are bytes to send (status Ok), or to discard (ReadError).
    pub is_frame: Bit,
    /// A `Status` of the layout.
    pub status: Bits<8>,
    /// Write a completion.
    pub has_completion: Bit,
    /// The command's opcode.
    pub opcode: Bits<8>,
    /// The command's connection id, or port.
    pub connection: Bits<16>,
    /// The command's free-running index.
    pub command_index: Bits<32>,
    /// I/O address of the payload.
    pub payload_addr: Bits<64>,
    /// Bytes before the payload; 0 for Raw.
    pub header_len_bytes: Bits<7>,
    /// Bytes that stand in the payload buffer.
    pub payload_len_bytes: Bits<11>,
    /// Bytes on the wire, padding included.
    pub frame_len_bytes: Bits<11>,
}
