//! Which commands can be carried out: reads a command's opcode and refuses what a frame or a table cannot hold.
//!
//! ```text
//!  command ──> │ opcode, lengths and what is wrong with them │──> is_segment, is_raw, is_flow, is_listen, is_remove, has_payload
//!  (take)      └───────────────────────────────┬─────────────┘──> tcp_words, total_len_bytes
//!  context_is_known ───────────────────────────┴──> is_bad
//! ```
//!
//! Refused are: an unknown opcode, or one that is not built; a flow command with IPv6 addresses or a queue; a connection id out of range; a
//! segment on a connection that was not inserted, with more than three SACK
//! blocks, more than 40 bytes of options, or longer than the MTU; a Raw frame without a whole Ethernet header, or longer than a tagged frame of
//! the MTU. So nobody can make the NIC send what the wire cannot carry.
//!
//! Latency: 1 cycle, the cycle with `take`; `is_bad` follows `context_is_known` at once. Throughput: one command a cycle. One clock; no
//! reset, no counters.

use crate::fields::{FlowCommand, SegmentCommand};
use handclasp_layout::frame::{OPTIONS_MAX_BYTES, RAW_MAX_BYTES, RAW_MIN_BYTES, SACK_BLOCKS_MAX};
use handclasp_layout::header::{Ipv4Header, TcpHeader, MTU_BYTES};
use handclasp_layout::queue::Opcode;
use handclasp_layout::register::CONNECTIONS;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Headers of a packet without options, in 32-bit words.
const HEADER_WORDS: u64 = (Ipv4Header::SIZE_BYTES as u64 + TcpHeader::SIZE_BYTES as u64) / 4;
/// A packet of 4 * `words` + `len` bytes is too long when 4 * (`words` + this) + 3 + `len` has a bit 11.
const TOO_LONG_WORDS: u64 = (2048 - MTU_BYTES as u64 - 1) / 4;
const _: () = assert!((2048 - MTU_BYTES as u64 - 1) % 4 == 3);

/// The command check.
#[block]
pub struct CommandCheck {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// The next command, as it lies in the ring.
    pub command: Signal<In, Bits<512>>,
    /// Take it at this clock edge; all that follows is of the command taken last.
    pub take: Signal<In, Bit>,
    /// Its connection has been inserted, and not been removed.
    pub context_is_known: Signal<In, Bit>,
    /// Opcode Segment.
    pub is_segment: Signal<Out, Bit>,
    /// Opcode Raw.
    pub is_raw: Signal<Out, Bit>,
    /// Opcode FlowInsert or FlowRemove.
    pub is_flow: Signal<Out, Bit>,
    /// Opcode FlowRemove or ListenRemove.
    pub is_remove: Signal<Out, Bit>,
    /// There is a payload, in a segment or Raw frame.
    pub has_payload: Signal<Out, Bit>,
    /// Length of the TCP header in 32-bit words; of no meaning when `is_bad`.
    pub tcp_words: Signal<Out, Bits<4>>,
    /// Length of the IPv4 packet, or of the Raw frame; of no meaning when `is_bad`.
    pub total_len_bytes: Signal<Out, Bits<12>>,
    /// The command is refused.
    pub is_bad: Signal<Out, Bit>,
    /// The same of a command for the tables, sooner.
    pub is_bad_for_tables: Signal<Out, Bit>,
    /// The command at the input is one for the tables.
    pub is_for_tables: Signal<Out, Bit>,
    segment_taken: DFF<Bit>,
    raw_taken: DFF<Bit>,
    flow_taken: DFF<Bit>,
    remove_taken: DFF<Bit>,
    payload_taken: DFF<Bit>,
    /// What is wrong with it whatever its context is.
    is_wrong: DFF<Bit>,
    /// Headers of the packet in 32-bit words; none of a Raw frame.
    header_words: DFF<Bits<5>>,
    /// The same, and what shows that the packet is too long.
    limit_words: DFF<Bits<8>>,
    len_bytes: DFF<Bits<11>>,
    segment: Signal<Local, SegmentCommand>,
    flow: Signal<Local, FlowCommand>,
    opcode_is_segment: Signal<Local, Bit>,
    opcode_is_raw: Signal<Local, Bit>,
    opcode_is_flow: Signal<Local, Bit>,
    opcode_is_listen: Signal<Local, Bit>,
    sack_words: Signal<Local, Bits<5>>,
    timestamp_words: Signal<Local, Bits<5>>,
    words: Signal<Local, Bits<5>>,
    /// The payload's length has bits that no frame can hold.
    is_too_long: Signal<Local, Bit>,
    is_bad_connection: Signal<Local, Bit>,
    reach: Signal<Local, Bits<12>>,
}

#[kernel]
impl Logic for CommandCheck {
    fn update(&mut self) {
        let no_words: Bits<5> = 0;
        let words_max: Bits<5> = HEADER_WORDS + OPTIONS_MAX_BYTES as u64 / 4;
        let sack_count_max: Bits<4> = SACK_BLOCKS_MAX;
        let header_words: Bits<5> = HEADER_WORDS;
        let limit_words: Bits<8> = HEADER_WORDS + TOO_LONG_WORDS;
        let ip_words: Bits<5> = Ipv4Header::SIZE_BYTES as u64 / 4;
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
        self.opcode_is_segment.next = self.segment.val().opcode == opcode_segment;
        self.opcode_is_raw.next = self.segment.val().opcode == opcode_raw;
        self.opcode_is_flow.next = (self.flow.val().opcode == opcode_flow_insert)
            | (self.flow.val().opcode == opcode_flow_remove);
        self.opcode_is_listen.next = (self.flow.val().opcode == opcode_listen_add)
            | (self.flow.val().opcode == opcode_listen_remove);
        self.is_for_tables.next = self.opcode_is_flow.val() | self.opcode_is_listen.val();

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
        self.is_too_long.next = self
            .segment
            .val()
            .payload_len_bytes
            .get_bits::<13>(11)
            .any();
        self.is_bad_connection.next = bit_cast::<17, 16>(self.flow.val().connection) >= connections;

        // From the input into the registers.
        if self.take.val() {
            self.segment_taken.d.next = self.opcode_is_segment.val();
            self.raw_taken.d.next = self.opcode_is_raw.val();
            self.flow_taken.d.next = self.opcode_is_flow.val();
            self.remove_taken.d.next = (self.flow.val().opcode == opcode_flow_remove)
                | (self.flow.val().opcode == opcode_listen_remove);
            self.payload_taken.d.next = self.segment.val().payload_len_bytes.any()
                & (self.opcode_is_segment.val() | self.opcode_is_raw.val());
            self.len_bytes.d.next = self.segment.val().payload_len_bytes.get_bits::<11>(0);
            self.header_words.d.next = self.words.val() + header_words;
            self.limit_words.d.next = bit_cast::<8, 5>(self.words.val()) + limit_words;
            if self.opcode_is_raw.val() {
                self.header_words.d.next = 0.into();
            }
            self.is_wrong.d.next = !self.opcode_is_listen.val();
            if self.opcode_is_segment.val() {
                self.is_wrong.d.next = self.is_bad_connection.val()
                    | (self.segment.val().sack_count > sack_count_max)
                    | self.is_too_long.val();
            }
            if self.opcode_is_raw.val() {
                self.is_wrong.d.next = self.is_too_long.val()
                    | (self.segment.val().payload_len_bytes.get_bits::<11>(0) < raw_min_bytes)
                    | (self.segment.val().payload_len_bytes.get_bits::<11>(0) > raw_max_bytes);
            }
            if self.opcode_is_flow.val() {
                // IPv6 and steering are laid out and not built.
                self.is_wrong.d.next = self.is_bad_connection.val()
                    | self.flow.val().is_ipv6
                    | self.flow.val().queue.any();
            }
        }
        self.is_segment.next = self.segment_taken.q.val();
        self.is_raw.next = self.raw_taken.q.val();
        self.is_flow.next = self.flow_taken.q.val();
        self.is_remove.next = self.remove_taken.q.val();
        self.has_payload.next = self.payload_taken.q.val();

        // At most the MTU (RFC 894), so that the IPv4 header's total length is right and nobody has to fragment. The comparison stands beside
        // the sum: behind it, it would be the longest path.
        self.tcp_words.next = bit_cast::<4, 5>(self.header_words.q.val() - ip_words);
        self.total_len_bytes.next = (bit_cast::<12, 5>(self.header_words.q.val()) << 2)
            + bit_cast::<12, 11>(self.len_bytes.q.val());
        self.reach.next = ((bit_cast::<12, 8>(self.limit_words.q.val()) << 2) | 3)
            + bit_cast::<12, 11>(self.len_bytes.q.val());
        self.is_bad_for_tables.next = self.is_wrong.q.val();
        self.is_bad.next = self.is_wrong.q.val()
            | (self.segment_taken.q.val()
                & (!self.context_is_known.val()
                    | (self.header_words.q.val() > words_max)
                    | self.reach.val().get_bit(11)));
    }
}
