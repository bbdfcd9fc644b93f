//! The checksums of a packet's IPv4 and TCP headers, summed beside the command's way to its job.
//!
//! ```text
//!  command ─> pairs of words ─┬─> groups of pairs ──> totals ──> folded ──> sum_ip, sum_tcp
//!                  (advance)  │      (enter)
//!  context, lengths ──────────┘
//! ```
//!
//! The Internet checksum (RFC 1071 1): the complement of the ones' complement sum of 16-bit words, in which the checksum's own word is zero.
//! IPv4 sums its header (RFC 791 3.1), TCP a pseudo-header, its header and the payload (RFC 9293 3.1). The order of the summands
//! does not matter (RFC 1071 2(A)), nor when the carries are added (RFC 1071 2, 1). So the options' words are summed as they lie in the
//! command, wherever they will stand in the header. Complement, and a payload's sum that is not in the command, are the assembler's.
//!
//! Latency: `sum_valid` 2 cycles after `enter`. Throughput: one packet a cycle. One clock; reset forgets the packets under way. No errors,
//! no counters.

use crate::fields::SegmentCommand;
use crate::tx::context::ConnectionContext;
use handclasp_layout::header::{tcp_option::*, Ipv4Header as Ipv4Layout, PROTOCOL_TCP};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The checksum block.
#[block]
pub struct Checksum {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The next command.
    pub command: Signal<In, SegmentCommand>,
    /// Take the command at this clock block_edge.
    pub advance: Signal<In, Bit>,
    /// Context of the command taken last.
    pub connection: Signal<In, ConnectionContext>,
    /// Its TCP header in 32-bit words.
    pub tcp_words: Signal<In, Bits<4>>,
    /// Length of its packet.
    pub total_len_bytes: Signal<In, Bits<16>>,
    /// Its packet's IPv4 identification.
    pub identification: Signal<In, Bits<16>>,
    /// The command taken last becomes a job at this clock block_edge: sum its packet.
    pub enter: Signal<In, Bit>,
    /// Ones' complement sum of the IPv4 header.
    pub sum_ip: Signal<Out, Bits<16>>,
    /// Ones' complement sum of pseudo-header, TCP header and, if it was in the command, the payload.
    pub sum_tcp: Signal<Out, Bits<16>>,
    /// Two cycles after `enter`.
    pub sum_valid: Signal<Out, Bit>,
    seq: DFF<Bits<17>>,
    ack: DFF<Bits<17>>,
    window: DFF<Bits<17>>,
    ts_val: DFF<Bits<17>>,
    ts_ecr: DFF<Bits<17>>,
    sack: [DFF<Bits<17>>; 6],
    /// First words of the options, with MSS, scale and SACK length: MSS, the other two of a SYN, timestamps and SACK.
    mss: DFF<Bits<17>>,
    syn_options: DFF<Bits<17>>,
    other_options: DFF<Bits<17>>,
    payload_sum: DFF<Bits<16>>,
    group: [DFF<Bits<20>>; 5],
    addresses: DFF<Bits<20>>,
    ip_rest: DFF<Bits<20>>,
    group_valid: DFF<Bit>,
    tcp_total: DFF<Bits<24>>,
    ip_total: DFF<Bits<24>>,
    total_valid: DFF<Bit>,
    block_edge: [Signal<Local, Bits<32>>; 6],
    has_block: [Signal<Local, Bit>; 6],
    pair: Signal<Local, Bits<32>>,
    remote_ip: Signal<Local, Bits<32>>,
    local_ip: Signal<Local, Bits<32>>,
    scale: Signal<Local, Bits<17>>,
    permitted: Signal<Local, Bits<17>>,
    stamps: Signal<Local, Bits<17>>,
    blocks: Signal<Local, Bits<17>>,
    tos_word: Signal<Local, Bits<16>>,
    ttl_word: Signal<Local, Bits<16>>,
    ip_once: Signal<Local, Bits<17>>,
    tcp_once: Signal<Local, Bits<17>>,
}

/// Sum of the 16-bit words of an option's first four bytes.
const fn kind(bytes: [u8; 4]) -> u32 {
    let word = u32::from_be_bytes(bytes);
    (word >> 16) + (word & 0xffff)
}

#[kernel]
impl Logic for Checksum {
    fn update(&mut self) {
        let mss_kind: Bits<17> = kind([MSS, MSS_BYTES, 0, 0]);
        let window_scale_kind: Bits<17> = kind([NOP, WINDOW_SCALE, WINDOW_SCALE_BYTES, 0]);
        let sack_permitted_kind: Bits<17> = kind([NOP, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES]);
        let timestamps_kind: Bits<17> = kind([NOP, NOP, TIMESTAMPS, TIMESTAMPS_BYTES]);
        let sack_kind: Bits<17> = kind([NOP, NOP, SACK, 2]);
        let version_and_ihl: Bits<16> = 0x4000 | ((Ipv4Layout::SIZE_BYTES as u64) / 4) << 8;
        let protocol_tcp: Bits<16> = PROTOCOL_TCP;
        let dont_fragment: Bits<24> = 0x4000;
        let protocol_less_ip_header: Bits<20> =
            0xffff - (Ipv4Layout::SIZE_BYTES as u64) + PROTOCOL_TCP as u64;

        // First stage: the two halves of each 32-bit word, zero where the option is not there.
        self.block_edge[0].next = self.command.val().sack0_left;
        self.block_edge[1].next = self.command.val().sack0_right;
        self.block_edge[2].next = self.command.val().sack1_left;
        self.block_edge[3].next = self.command.val().sack1_right;
        self.block_edge[4].next = self.command.val().sack2_left;
        self.block_edge[5].next = self.command.val().sack2_right;
        self.has_block[0].next = self.command.val().sack_count.any();
        self.has_block[1].next = self.command.val().sack_count.any();
        self.has_block[2].next = self.command.val().sack_count > 1;
        self.has_block[3].next = self.command.val().sack_count > 1;
        self.has_block[4].next = self.command.val().sack_count > 2;
        self.has_block[5].next = self.command.val().sack_count > 2;
        for i in 0..6 {
            self.pair.next = self.block_edge[i].val();
            if self.advance.val() {
                self.sack[i].d.next = bit_cast::<17, 16>(self.pair.val().get_bits::<16>(16))
                    + bit_cast::<17, 16>(self.pair.val().get_bits::<16>(0));
                if !self.has_block[i].val() {
                    self.sack[i].d.next = 0.into();
                }
            }
        }
        self.scale.next = 0.into();
        if self.command.val().has_window_scale {
            self.scale.next =
                window_scale_kind + bit_cast::<17, 4>(self.command.val().window_scale);
        }
        self.permitted.next = 0.into();
        if self.command.val().has_sack_permitted {
            self.permitted.next = sack_permitted_kind;
        }
        self.stamps.next = 0.into();
        if self.command.val().has_timestamps {
            self.stamps.next = timestamps_kind;
        }
        self.blocks.next = 0.into();
        if self.command.val().sack_count.any() {
            self.blocks.next = sack_kind + (bit_cast::<17, 4>(self.command.val().sack_count) << 3);
        }
        if self.advance.val() {
            self.pair.next = self.command.val().seq;
            self.seq.d.next = bit_cast::<17, 16>(self.pair.val().get_bits::<16>(16))
                + bit_cast::<17, 16>(self.pair.val().get_bits::<16>(0));
            self.pair.next = self.command.val().ack;
            self.ack.d.next = bit_cast::<17, 16>(self.pair.val().get_bits::<16>(16))
                + bit_cast::<17, 16>(self.pair.val().get_bits::<16>(0));
            self.window.d.next = bit_cast::<17, 16>(self.command.val().window)
                + bit_cast::<17, 9>(self.command.val().tcp_flags);
            self.ts_val.d.next = 0.into();
            self.ts_ecr.d.next = 0.into();
            if self.command.val().has_timestamps {
                self.pair.next = self.command.val().ts_val;
                self.ts_val.d.next = bit_cast::<17, 16>(self.pair.val().get_bits::<16>(16))
                    + bit_cast::<17, 16>(self.pair.val().get_bits::<16>(0));
                self.pair.next = self.command.val().ts_ecr;
                self.ts_ecr.d.next = bit_cast::<17, 16>(self.pair.val().get_bits::<16>(16))
                    + bit_cast::<17, 16>(self.pair.val().get_bits::<16>(0));
            }
            self.mss.d.next = 0.into();
            if self.command.val().has_mss {
                self.mss.d.next = mss_kind + bit_cast::<17, 16>(self.command.val().mss);
            }
            self.syn_options.d.next = self.scale.val() + self.permitted.val();
            self.other_options.d.next = self.stamps.val() + self.blocks.val();
            self.payload_sum.d.next = 0.into();
            if self.command.val().has_payload_sum & self.command.val().payload_len_bytes.any() {
                self.payload_sum.d.next = self.command.val().payload_sum;
            }
        }

        // Second stage: groups of at most four.
        self.group[0].d.next = bit_cast::<20, 17>(self.seq.q.val())
            + bit_cast::<20, 17>(self.ack.q.val())
            + bit_cast::<20, 17>(self.window.q.val())
            + bit_cast::<20, 17>(self.other_options.q.val());
        self.group[1].d.next = bit_cast::<20, 17>(self.ts_val.q.val())
            + bit_cast::<20, 17>(self.ts_ecr.q.val())
            + bit_cast::<20, 17>(self.sack[0].q.val())
            + bit_cast::<20, 17>(self.sack[1].q.val());
        self.group[2].d.next = bit_cast::<20, 17>(self.sack[2].q.val())
            + bit_cast::<20, 17>(self.sack[3].q.val())
            + bit_cast::<20, 17>(self.sack[4].q.val())
            + bit_cast::<20, 17>(self.sack[5].q.val());
        self.group[3].d.next = bit_cast::<20, 17>(self.mss.q.val())
            + (bit_cast::<20, 4>(self.tcp_words.val()) << 12)
            + bit_cast::<20, 16>(self.connection.val().remote_port)
            + bit_cast::<20, 16>(self.connection.val().local_port);
        // Of the pseudo-header protocol and TCP length.
        self.group[4].d.next = bit_cast::<20, 16>(self.total_len_bytes.val())
            + bit_cast::<20, 16>(self.payload_sum.q.val())
            + bit_cast::<20, 17>(self.syn_options.q.val())
            + protocol_less_ip_header;
        self.remote_ip.next = self.connection.val().remote_ip;
        self.local_ip.next = self.connection.val().local_ip;
        self.addresses.d.next = bit_cast::<20, 16>(self.remote_ip.val().get_bits::<16>(16))
            + bit_cast::<20, 16>(self.remote_ip.val().get_bits::<16>(0))
            + bit_cast::<20, 16>(self.local_ip.val().get_bits::<16>(16))
            + bit_cast::<20, 16>(self.local_ip.val().get_bits::<16>(0));
        self.tos_word.next = version_and_ihl | bit_cast::<16, 8>(self.connection.val().tos);
        self.ttl_word.next = protocol_tcp | (bit_cast::<16, 8>(self.connection.val().ttl) << 8);
        self.ip_rest.d.next = bit_cast::<20, 16>(self.tos_word.val())
            + bit_cast::<20, 16>(self.ttl_word.val())
            + bit_cast::<20, 16>(self.total_len_bytes.val())
            + bit_cast::<20, 16>(self.identification.val());
        self.group_valid.d.next = self.enter.val();

        // Third stage: totals.
        self.tcp_total.d.next = bit_cast::<24, 20>(self.group[0].q.val())
            + bit_cast::<24, 20>(self.group[1].q.val())
            + bit_cast::<24, 20>(self.group[2].q.val())
            + bit_cast::<24, 20>(self.group[3].q.val())
            + bit_cast::<24, 20>(self.group[4].q.val())
            + bit_cast::<24, 20>(self.addresses.q.val());
        self.ip_total.d.next = bit_cast::<24, 20>(self.addresses.q.val())
            + bit_cast::<24, 20>(self.ip_rest.q.val())
            + dont_fragment;
        self.total_valid.d.next = self.group_valid.q.val();

        // Fourth stage: carries are added at the low end; a second folding takes the carry that the first may leave.
        self.ip_once.next = bit_cast::<17, 16>(self.ip_total.q.val().get_bits::<16>(0))
            + bit_cast::<17, 8>(self.ip_total.q.val().get_bits::<8>(16));
        self.tcp_once.next = bit_cast::<17, 16>(self.tcp_total.q.val().get_bits::<16>(0))
            + bit_cast::<17, 8>(self.tcp_total.q.val().get_bits::<8>(16));
        self.sum_ip.next = self.ip_once.val().get_bits::<16>(0) + self.ip_once.val().get_bit(16);
        self.sum_tcp.next = self.tcp_once.val().get_bits::<16>(0) + self.tcp_once.val().get_bit(16);
        self.sum_valid.next = self.total_valid.q.val();

        if self.rst.val() {
            self.group_valid.d.next = false;
            self.total_valid.d.next = false;
        }
    }
}
