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
use rust_hdl::prelude::*;

/// The command check.
#[derive(LogicBlock)]
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
    no_words: Constant<Bits<5>>,
    option_words_max: Constant<Bits<5>>,
    sack_count_max: Constant<Bits<4>>,
    tcp_fixed_words: Constant<Bits<4>>,
    headers_min_bytes: Constant<Bits<12>>,
    mtu_bytes: Constant<Bits<12>>,
    raw_min_bytes: Constant<Bits<11>>,
    raw_max_bytes: Constant<Bits<11>>,
    connections: Constant<Bits<17>>,
    opcode_segment: Constant<Bits<8>>,
    opcode_raw: Constant<Bits<8>>,
    opcode_flow_insert: Constant<Bits<8>>,
    opcode_flow_remove: Constant<Bits<8>>,
    opcode_listen_add: Constant<Bits<8>>,
    opcode_listen_remove: Constant<Bits<8>>,
}

impl Default for CommandCheck {
    fn default() -> Self {
        let opcode = |opcode: Opcode| Constant::new(bits(opcode as u64));
        let headers_min_bytes = Ipv4Header::SIZE_BYTES + TcpHeader::SIZE_BYTES;
        Self {
            command: Default::default(),
            context_is_known: Default::default(),
            is_segment: Default::default(),
            is_raw: Default::default(),
            is_flow: Default::default(),
            is_remove: Default::default(),
            is_listen: Default::default(),
            tcp_words: Default::default(),
            total_len_bytes: Default::default(),
            is_bad: Default::default(),
            segment: Default::default(),
            flow: Default::default(),
            sack_words: Default::default(),
            timestamp_words: Default::default(),
            words: Default::default(),
            is_too_long: Default::default(),
            is_bad_connection: Default::default(),
            no_words: Constant::new(bits(0)),
            option_words_max: Constant::new(bits(OPTIONS_MAX_BYTES as u64 / 4)),
            sack_count_max: Constant::new(bits(SACK_BLOCKS_MAX as u64)),
            tcp_fixed_words: Constant::new(bits(TcpHeader::SIZE_BYTES as u64 / 4)),
            headers_min_bytes: Constant::new(bits(headers_min_bytes as u64)),
            mtu_bytes: Constant::new(bits(MTU_BYTES as u64)),
            raw_min_bytes: Constant::new(bits(RAW_MIN_BYTES as u64)),
            raw_max_bytes: Constant::new(bits(RAW_MAX_BYTES as u64)),
            connections: Constant::new(bits(CONNECTIONS as u64)),
            opcode_segment: opcode(Opcode::Segment),
            opcode_raw: opcode(Opcode::Raw),
            opcode_flow_insert: opcode(Opcode::FlowInsert),
            opcode_flow_remove: opcode(Opcode::FlowRemove),
            opcode_listen_add: opcode(Opcode::ListenAdd),
            opcode_listen_remove: opcode(Opcode::ListenRemove),
        }
    }
}

impl Logic for CommandCheck {
    #[hdl_gen]
    fn update(&mut self) {
        self.segment.next = self.command.val().into();
        self.flow.next = self.command.val().into();
        self.is_segment.next = self.segment.val().opcode == self.opcode_segment.val();
        self.is_raw.next = self.segment.val().opcode == self.opcode_raw.val();
        self.is_flow.next = (self.flow.val().opcode == self.opcode_flow_insert.val())
            | (self.flow.val().opcode == self.opcode_flow_remove.val());
        self.is_listen.next = (self.flow.val().opcode == self.opcode_listen_add.val())
            | (self.flow.val().opcode == self.opcode_listen_remove.val());
        self.is_remove.next = (self.flow.val().opcode == self.opcode_flow_remove.val())
            | (self.flow.val().opcode == self.opcode_listen_remove.val());

        // Each option is padded to whole 32-bit words; the data offset leaves room for ten (RFC 9293 3.1).
        self.sack_words.next = 0.into();
        if self.segment.val().sack_count.any() {
            self.sack_words.next = (bit_cast::<5, 4>(self.segment.val().sack_count) << 1) + 1;
        }
        self.timestamp_words.next = 0.into();
        if self.segment.val().has_timestamps {
            self.timestamp_words.next = 3.into();
        }
        self.words.next = self.no_words.val()
            + self.segment.val().has_mss
            + self.segment.val().has_window_scale
            + self.segment.val().has_sack_permitted;
        self.words.next = self.words.val() + self.timestamp_words.val() + self.sack_words.val();
        self.tcp_words.next = self.tcp_fixed_words.val() + bit_cast::<4, 5>(self.words.val());
        // At most the MTU (RFC 894), so that the IPv4 header's total length is right and nobody has to fragment.
        self.total_len_bytes.next = self.headers_min_bytes.val()
            + (bit_cast::<12, 5>(self.words.val()) << 2)
            + bit_cast::<12, 11>(self.segment.val().payload_len_bytes.get_bits::<11>(0));
        self.is_too_long.next = self
            .segment
            .val()
            .payload_len_bytes
            .get_bits::<13>(11)
            .any();

        self.is_bad_connection.next =
            bit_cast::<17, 16>(self.flow.val().connection) >= self.connections.val();
        self.is_bad.next = !self.is_listen.val();
        if self.is_segment.val() {
            self.is_bad.next = self.is_bad_connection.val()
                | !self.context_is_known.val()
                | (self.segment.val().sack_count > self.sack_count_max.val())
                | (self.words.val() > self.option_words_max.val())
                | self.is_too_long.val()
                | (self.total_len_bytes.val() > self.mtu_bytes.val());
        }
        if self.is_raw.val() {
            self.is_bad.next = self.is_too_long.val()
                | (self.segment.val().payload_len_bytes.get_bits::<11>(0)
                    < self.raw_min_bytes.val())
                | (self.segment.val().payload_len_bytes.get_bits::<11>(0)
                    > self.raw_max_bytes.val());
        }
        if self.is_flow.val() {
            // IPv6 and steering are laid out and not built.
            self.is_bad.next = self.is_bad_connection.val()
                | self.flow.val().is_ipv6
                | self.flow.val().queue.any();
        }
    }
}
