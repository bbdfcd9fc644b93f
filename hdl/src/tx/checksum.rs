//! The checksums of a packet's IPv4 and TCP headers, summed beside the command's way to its job.
//!
//! ```text
//!  command ─> fours of words ─┬─> fours of those ──> totals ──> folded ──> sum_ip, sum_tcp
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
use crate::tx::sum4::Sum4;
use handclasp_layout::header::{tcp_option::*, Ipv4Header as Ipv4Layout, PROTOCOL_TCP};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Which options a segment has.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
struct OptionSet {
    has_mss: Bit,
    has_window_scale: Bit,
    has_sack_permitted: Bit,
    has_timestamps: Bit,
    has_sack: Bit,
}

/// The checksum block.
#[block]
pub struct Checksum {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The next command.
    pub command: Signal<In, SegmentCommand>,
    /// Its TCP header in 32-bit words.
    pub tcp_words: Signal<In, Bits<4>>,
    /// It has a payload.
    pub has_payload: Signal<In, Bit>,
    /// Take the command at this clock edge.
    pub advance: Signal<In, Bit>,
    /// Context of the command taken last.
    pub connection: Signal<In, ConnectionContext>,
    /// Length of its packet.
    pub total_len_bytes: Signal<In, Bits<16>>,
    /// Its packet's IPv4 identification.
    pub identification: Signal<In, Bits<16>>,
    /// The command taken last becomes a job at this clock edge: sum its packet.
    pub enter: Signal<In, Bit>,
    /// Ones' complement sum of the IPv4 header.
    pub sum_ip: Signal<Out, Bits<16>>,
    /// Ones' complement sum of pseudo-header, TCP header and, if it was in the command, the payload.
    pub sum_tcp: Signal<Out, Bits<16>>,
    /// Two cycles after `enter`.
    pub sum_valid: Signal<Out, Bit>,
    /// Sequence and acknowledgement number; timestamps; SACK blocks.
    numbers: [DFF<Bits<20>>; 5],
    /// Window, data offset and flags.
    window: DFF<Bits<20>>,
    /// Values in the options' first words: MSS and scale.
    values: DFF<Bits<20>>,
    /// What else is in them, and what is constant in the pseudo-header.
    kinds: DFF<Bits<20>>,
    payload_sum: DFF<Bits<16>>,
    group: [DFF<Bits<20>>; 3],
    addresses: DFF<Bits<20>>,
    ip_rest: DFF<Bits<20>>,
    group_valid: DFF<Bit>,
    tcp_total: DFF<Bits<24>>,
    ip_total: DFF<Bits<24>>,
    total_valid: DFF<Bit>,
    number_sums: [Sum4<20>; 5],
    group_sums: [Sum4<20>; 3],
    address_sum: Sum4<20>,
    ip_sum: Sum4<20>,
    tcp_sum: Sum4<24>,
    first: [Signal<Local, Bits<32>>; 5],
    second: [Signal<Local, Bits<32>>; 5],
    has_numbers: [Signal<Local, Bit>; 5],
    one: Signal<Local, Bits<32>>,
    other: Signal<Local, Bits<32>>,
    remote_ip: Signal<Local, Bits<32>>,
    local_ip: Signal<Local, Bits<32>>,
    mss: Signal<Local, Bits<16>>,
    scale: Signal<Local, Bits<16>>,
    blocks: Signal<Local, Bits<16>>,
    set: Signal<Local, OptionSet>,
    set_place: Signal<Local, Bits<10>>,
    constant: Signal<Local, Bits<20>>,
    #[value(constants())]
    constants: Constant<Bits<1024>>,
    offset_word: Signal<Local, Bits<16>>,
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

/// For each set of options 32 bits: what is constant in their first words, with the pseudo-header's protocol and the TCP length less the
/// packet's.
fn constants() -> Bits<1024> {
    let kinds = [
        kind([MSS, MSS_BYTES, 0, 0]),
        kind([NOP, WINDOW_SCALE, 0, 0]),
        kind([NOP, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES]),
        kind([NOP, NOP, TIMESTAMPS, TIMESTAMPS_BYTES]),
        kind([NOP, NOP, 0, 0]),
    ];
    let pseudo_header = 0xffff - Ipv4Layout::SIZE_BYTES as u32 + u32::from(PROTOCOL_TCP);
    (0..32).rev().fold(Bits::from(0_u64), |all, set| {
        let options = (0..5).filter(|i| set >> i & 1 == 1).map(|i| kinds[i]);
        (all << 32_u64) | Bits::from(u64::from(pseudo_header + options.sum::<u32>()))
    })
}

#[kernel]
impl Logic for Checksum {
    fn update(&mut self) {
        let scale_option: Bits<16> = (WINDOW_SCALE_BYTES as u64) << 8;
        let sack_option: Bits<16> = ((SACK as u64) << 8) | 2;
        // With DF in the word behind it.
        let version_ihl_and_flags: Bits<16> =
            0x4000 + (0x4000 | ((Ipv4Layout::SIZE_BYTES as u64) / 4) << 8);
        let protocol_tcp: Bits<16> = PROTOCOL_TCP;

        // First stage: the four halves of two 32-bit words, zero where the option is not there.
        self.first[0].next = self.command.val().seq;
        self.second[0].next = self.command.val().ack;
        self.first[1].next = self.command.val().ts_val;
        self.second[1].next = self.command.val().ts_ecr;
        self.first[2].next = self.command.val().sack0_left;
        self.second[2].next = self.command.val().sack0_right;
        self.first[3].next = self.command.val().sack1_left;
        self.second[3].next = self.command.val().sack1_right;
        self.first[4].next = self.command.val().sack2_left;
        self.second[4].next = self.command.val().sack2_right;
        self.has_numbers[0].next = true;
        self.has_numbers[1].next = self.command.val().has_timestamps;
        self.has_numbers[2].next = self.command.val().sack_count.any();
        self.has_numbers[3].next = self.command.val().sack_count > 1;
        self.has_numbers[4].next = self.command.val().sack_count > 2;
        for i in 0..5 {
            self.one.next = self.first[i].val();
            self.other.next = self.second[i].val();
            self.number_sums[i].a.next = bit_cast::<20, 16>(self.one.val().get_bits::<16>(16));
            self.number_sums[i].b.next = bit_cast::<20, 16>(self.one.val().get_bits::<16>(0));
            self.number_sums[i].c.next = bit_cast::<20, 16>(self.other.val().get_bits::<16>(16));
            self.number_sums[i].d.next = bit_cast::<20, 16>(self.other.val().get_bits::<16>(0));
            if self.advance.val() {
                self.numbers[i].d.next = self.number_sums[i].sum.val();
                if !self.has_numbers[i].val() {
                    self.numbers[i].d.next = 0.into();
                }
            }
        }
        // What is in the options' first words: values, and a constant for each set of options.
        self.mss.next = 0.into();
        if self.command.val().has_mss {
            self.mss.next = self.command.val().mss;
        }
        self.scale.next = 0.into();
        if self.command.val().has_window_scale {
            self.scale.next = scale_option | bit_cast::<16, 4>(self.command.val().window_scale);
        }
        self.blocks.next = 0.into();
        if self.command.val().sack_count.any() {
            self.blocks.next =
                sack_option | (bit_cast::<16, 4>(self.command.val().sack_count) << 3);
        }
        self.set.next.has_mss = self.command.val().has_mss;
        self.set.next.has_window_scale = self.command.val().has_window_scale;
        self.set.next.has_sack_permitted = self.command.val().has_sack_permitted;
        self.set.next.has_timestamps = self.command.val().has_timestamps;
        self.set.next.has_sack = self.command.val().sack_count.any();
        self.set_place.next = bit_cast::<10, 5>(self.set.val().into()) << 5;
        self.constant.next = self
            .constants
            .val()
            .get_bits::<20>(self.set_place.val().index());
        self.offset_word.next = (bit_cast::<16, 4>(self.tcp_words.val()) << 12)
            | bit_cast::<16, 9>(self.command.val().tcp_flags);
        if self.advance.val() {
            self.values.d.next =
                bit_cast::<20, 16>(self.mss.val()) + bit_cast::<20, 16>(self.scale.val());
            self.kinds.d.next = self.constant.val() + bit_cast::<20, 16>(self.blocks.val());
            self.window.d.next = bit_cast::<20, 16>(self.command.val().window)
                + bit_cast::<20, 16>(self.offset_word.val());
            self.payload_sum.d.next = 0.into();
            if self.command.val().has_payload_sum & self.has_payload.val() {
                self.payload_sum.d.next = self.command.val().payload_sum;
            }
        }

        // Second stage: four of those at most.
        self.group_sums[0].a.next = self.numbers[0].q.val();
        self.group_sums[0].b.next = self.numbers[1].q.val();
        self.group_sums[0].c.next = self.numbers[2].q.val();
        self.group_sums[0].d.next = self.numbers[3].q.val();
        self.group_sums[1].a.next = self.numbers[4].q.val();
        self.group_sums[1].b.next = self.window.q.val();
        self.group_sums[1].c.next = self.values.q.val();
        self.group_sums[1].d.next = bit_cast::<20, 16>(self.payload_sum.q.val());
        self.group_sums[2].a.next = bit_cast::<20, 16>(self.connection.val().remote_port);
        self.group_sums[2].b.next = bit_cast::<20, 16>(self.connection.val().local_port);
        self.group_sums[2].c.next = bit_cast::<20, 16>(self.total_len_bytes.val());
        self.group_sums[2].d.next = self.kinds.q.val();
        for i in 0..3 {
            self.group[i].d.next = self.group_sums[i].sum.val();
        }
        self.remote_ip.next = self.connection.val().remote_ip;
        self.local_ip.next = self.connection.val().local_ip;
        self.address_sum.a.next = bit_cast::<20, 16>(self.remote_ip.val().get_bits::<16>(16));
        self.address_sum.b.next = bit_cast::<20, 16>(self.remote_ip.val().get_bits::<16>(0));
        self.address_sum.c.next = bit_cast::<20, 16>(self.local_ip.val().get_bits::<16>(16));
        self.address_sum.d.next = bit_cast::<20, 16>(self.local_ip.val().get_bits::<16>(0));
        self.addresses.d.next = self.address_sum.sum.val();
        self.tos_word.next = version_ihl_and_flags | bit_cast::<16, 8>(self.connection.val().tos);
        self.ttl_word.next = protocol_tcp | (bit_cast::<16, 8>(self.connection.val().ttl) << 8);
        self.ip_sum.a.next = bit_cast::<20, 16>(self.tos_word.val());
        self.ip_sum.b.next = bit_cast::<20, 16>(self.ttl_word.val());
        self.ip_sum.c.next = bit_cast::<20, 16>(self.total_len_bytes.val());
        self.ip_sum.d.next = bit_cast::<20, 16>(self.identification.val());
        self.ip_rest.d.next = self.ip_sum.sum.val();
        self.group_valid.d.next = self.enter.val();

        // Third stage: totals.
        self.tcp_sum.a.next = bit_cast::<24, 20>(self.group[0].q.val());
        self.tcp_sum.b.next = bit_cast::<24, 20>(self.group[1].q.val());
        self.tcp_sum.c.next = bit_cast::<24, 20>(self.group[2].q.val());
        self.tcp_sum.d.next = bit_cast::<24, 20>(self.addresses.q.val());
        self.tcp_total.d.next = self.tcp_sum.sum.val();
        self.ip_total.d.next =
            bit_cast::<24, 20>(self.addresses.q.val()) + bit_cast::<24, 20>(self.ip_rest.q.val());
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
