//! Which commands can be carried out: reads a command's opcode and refuses what a frame or a table cannot hold.
//!
//! ```text
//!  command ──────────> ┌───────┐──> is_segment, is_raw, is_flow, is_listen, is_remove
//!                      │ check │──> tcp_words, total_len_bytes
//!  context_is_known ─> └───────┘──> is_bad
//! ```
//!
//! Refused are: an unknown opcode, or one that is not built; a flow command with IPv6 addresses or a queue; a connection id out of range; a
//! segment on a connection that was not inserted, with more than three SACK
//! blocks, more than 40 bytes of options, or longer than the MTU; a Raw frame without a whole Ethernet header, or longer than a tagged frame of
//! the MTU. So nobody can make the NIC send what the wire cannot carry.
//!
//! Combinational: no clock, no reset, no counters.

use crate::fields::{FlowCommand, SegmentCommand};
use handclasp_layout::frame::{OPTIONS_MAX_BYTES, RAW_MAX_BYTES, RAW_MIN_BYTES, SACK_BLOCKS_MAX};
use handclasp_layout::header::{Ipv4Header, TcpHeader, MTU_BYTES};
use handclasp_layout::queue::Opcode;
use handclasp_layout::register::CONNECTIONS;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The command check.
#[block]
pub struct CommandCheck {
    /// The command, as it lies in the ring.
    pub command: Signal<In, Bits<512>>,
    /// Its connection has been inserted, and not been removed.
    pub context_is_known: Signal<In, Bit>,
    /// Opcode Segment.
    pub is_segment: Signal<Out, Bit>,
    /// Opcode Raw.
    pub is_raw: Signal<Out, Bit>,
    /// Opcode FlowInsert or FlowRemove.
    pub is_flow: Signal<Out, Bit>,
    /// Opcode ListenAdd or ListenRemove.
    pub is_listen: Signal<Out, Bit>,
    /// Opcode FlowRemove or ListenRemove.
    pub is_remove: Signal<Out, Bit>,
    /// Length of the TCP header in 32-bit words; of no meaning when `is_bad`.
    pub tcp_words: Signal<Out, Bits<4>>,
    /// Length of the IPv4 packet; of no meaning when `is_bad`.
    pub total_len_bytes: Signal<Out, Bits<12>>,
    /// The command is refused.
    pub is_bad: Signal<Out, Bit>,
    segment: Signal<Local, SegmentCommand>,
    flow: Signal<Local, FlowCommand>,
    sack_words: Signal<Local, Bits<5>>,
    timestamp_words: Signal<Local, Bits<5>>,
    words: Signal<Local, Bits<5>>,
    /// The payload's length has bits that no frame can hold.
    is_too_long: Signal<Local, Bit>,
    is_bad_connection: Signal<Local, Bit>,
}

#[kernel]
impl Logic for CommandCheck {
    fn update(&mut self) {
        let no_words: Bits<5> = 0;
        let option_words_max: Bits<5> = OPTIONS_MAX_BYTES as u64 / 4;
        let sack_count_max: Bits<4> = SACK_BLOCKS_MAX;
        let tcp_fixed_words: Bits<4> = TcpHeader::SIZE_BYTES as u64 / 4;
        let headers_min_bytes: Bits<12> = Ipv4Header::SIZE_BYTES + TcpHeader::SIZE_BYTES;
        let mtu_bytes: Bits<12> = MTU_BYTES;
        let raw_min_bytes: Bits<11> = RAW_MIN_BYTES;
        let raw_max_bytes: Bits<11> = RAW_MAX_BYTES;
        let connections: Bits<17> = CONNECTIONS;
        let opcode_segment: Bits<8> = Opcode::Segment;
        let opcode_raw: Bits<8> = Opcode::Raw;
        let opcode_flow_insert: Bits<8> = Opcode::FlowInsert;
        let opcode_flow_remove: Bits<8> = Opcode::FlowRemove;
        let opcode_listen_add: Bits<8> = Opcode::ListenAdd;
        let opcode_listen_remove: Bits<8> = Opcode::ListenRemove;

        self.segment.next = self.command.val().into();
        self.flow.next = self.command.val().into();
        self.is_segment.next = self.segment.val().opcode == opcode_segment;
        self.is_raw.next = self.segment.val().opcode == opcode_raw;
        self.is_flow.next = (self.flow.val().opcode == opcode_flow_insert)
            | (self.flow.val().opcode == opcode_flow_remove);
        self.is_listen.next = (self.flow.val().opcode == opcode_listen_add)
            | (self.flow.val().opcode == opcode_listen_remove);
        self.is_remove.next = (self.flow.val().opcode == opcode_flow_remove)
            | (self.flow.val().opcode == opcode_listen_remove);

        // Each option is padded to whole 32-bit words; the data offset leaves room for ten (RFC 9293 3.1).
        self.sack_words.next = 0.into();
        if self.segment.val().sack_count.any() {
            self.sack_words.next = (bit_cast::<5, 4>(self.segment.val().sack_count) << 1) + 1;
        }
        self.timestamp_words.next = 0.into();
        if self.segment.val().has_timestamps {
            self.timestamp_words.next = 3.into();
        }
        self.words.next = no_words
            + self.segment.val().has_mss
            + self.segment.val().has_window_scale
            + self.segment.val().has_sack_permitted;
        self.words.next = self.words.val() + self.timestamp_words.val() + self.sack_words.val();
        self.tcp_words.next = tcp_fixed_words + bit_cast::<4, 5>(self.words.val());
        // At most the MTU (RFC 894), so that the IPv4 header's total length is right and nobody has to fragment.
        self.total_len_bytes.next = headers_min_bytes
            + (bit_cast::<12, 5>(self.words.val()) << 2)
            + bit_cast::<12, 11>(self.segment.val().payload_len_bytes.get_bits::<11>(0));
        self.is_too_long.next = self
            .segment
            .val()
            .payload_len_bytes
            .get_bits::<13>(11)
            .any();

        self.is_bad_connection.next = bit_cast::<17, 16>(self.flow.val().connection) >= connections;
        self.is_bad.next = !self.is_listen.val();
        if self.is_segment.val() {
            self.is_bad.next = self.is_bad_connection.val()
                | !self.context_is_known.val()
                | (self.segment.val().sack_count > sack_count_max)
                | (self.words.val() > option_words_max)
                | self.is_too_long.val()
                | (self.total_len_bytes.val() > mtu_bytes);
        }
        if self.is_raw.val() {
            self.is_bad.next = self.is_too_long.val()
                | (self.segment.val().payload_len_bytes.get_bits::<11>(0) < raw_min_bytes)
                | (self.segment.val().payload_len_bytes.get_bits::<11>(0) > raw_max_bytes);
        }
        if self.is_flow.val() {
            // IPv6 and steering are laid out and not built.
            self.is_bad.next = self.is_bad_connection.val()
                | self.flow.val().is_ipv6
                | self.flow.val().queue.any();
        }
    }
}
