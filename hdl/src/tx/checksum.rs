//! The checksums of a packet's IPv4 and TCP headers, over a pipelined adder tree.
//!
//! ```text
//!              ┌────────────────────────┐   ┌────────┐   ┌──────────────────┐
//!  packet ────>│ partial sums of 5 words├──>│ totals ├──>│ fold, complement ├──> ip_checksum, tcp_checksum
//!  lengths,    │ and the pseudo-header's│   └────────┘   └──────────────────┘
//!  payload ───>└────────────────────────┘
//! ```
//!
//! The Internet checksum (RFC 1071 1): the complement of the ones' complement sum of 16-bit words, in which the checksum's own word is zero.
//! IPv4 sums its header (RFC 791 3.1), TCP a pseudo-header, its header and the payload (RFC 9293 3.1). The order of the summands
//! does not matter (RFC 1071 2(A)), nor when the carries are added (RFC 1071 2, 1).
//!
//! Latency: 2 cycles from the words to the checksums. Throughput: one packet a cycle. One clock; no reset, since nothing but the
//! last two cycles' inputs is kept. No errors, no counters.

use handclasp_layout::header::PROTOCOL_TCP;
use rust_hdl::prelude::*;

/// 16-bit words of an IPv4 header without options and the longest TCP header.
pub const PACKET_WORDS: usize = 40;

/// Partial sums of five words each: two are of the IPv4 header, the other six of the TCP header.
const PARTIAL_SUMS: usize = 8;

/// The checksum block.
#[derive(LogicBlock)]
pub struct Checksum {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// The headers, both checksums zero, zeros behind the TCP header's end.
    pub packet: [Signal<In, Bits<16>>; PACKET_WORDS],
    /// Length of TCP header and payload.
    pub tcp_len_bytes: Signal<In, Bits<16>>,
    /// Ones' complement sum of the payload.
    pub payload_sum: Signal<In, Bits<16>>,
    /// IPv4 header checksum.
    pub ip_checksum: Signal<Out, Bits<16>>,
    /// TCP checksum.
    pub tcp_checksum: Signal<Out, Bits<16>>,
    partial: [DFF<Bits<24>>; PARTIAL_SUMS],
    /// Partial sum of the addresses and the protocol in the pseudo-header.
    partial_addresses: DFF<Bits<24>>,
    /// Partial sum of the length in the pseudo-header and the payload.
    partial_payload: DFF<Bits<24>>,
    ip_total: DFF<Bits<24>>,
    tcp_total: DFF<Bits<24>>,
    word: Signal<Local, Bits<16>>,
    wide: [Signal<Local, Bits<24>>; PACKET_WORDS],
    ip_folded_once: Signal<Local, Bits<24>>,
    ip_folded: Signal<Local, Bits<24>>,
    tcp_folded_once: Signal<Local, Bits<24>>,
    tcp_folded: Signal<Local, Bits<24>>,
    protocol_tcp: Constant<Bits<24>>,
}

impl Default for Checksum {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            packet: std::array::from_fn(|_| Signal::default()),
            tcp_len_bytes: Default::default(),
            payload_sum: Default::default(),
            ip_checksum: Default::default(),
            tcp_checksum: Default::default(),
            partial: Default::default(),
            partial_addresses: Default::default(),
            partial_payload: Default::default(),
            ip_total: Default::default(),
            tcp_total: Default::default(),
            word: Default::default(),
            wide: std::array::from_fn(|_| Signal::default()),
            ip_folded_once: Default::default(),
            ip_folded: Default::default(),
            tcp_folded_once: Default::default(),
            tcp_folded: Default::default(),
            protocol_tcp: Constant::new(bits(PROTOCOL_TCP.into())),
        }
    }
}

impl Logic for Checksum {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            partial_addresses,
            partial_payload,
            ip_total,
            tcp_total
        );

        // 24 bits hold every carry.
        for i in 0..PACKET_WORDS {
            self.word.next = self.packet[i].val();
            self.wide[i].next = bit_cast::<24, 16>(self.word.val());
        }
        for i in 0..PARTIAL_SUMS {
            self.partial[i].clock.next = self.clk.val();
            self.partial[i].d.next = self.wide[5 * i].val()
                + self.wide[5 * i + 1].val()
                + self.wide[5 * i + 2].val()
                + self.wide[5 * i + 3].val()
                + self.wide[5 * i + 4].val();
        }
        // The pseudo-header (RFC 9293 3.1): source, destination, zero and protocol, TCP length.
        self.partial_addresses.d.next = self.wide[6].val()
            + self.wide[7].val()
            + self.wide[8].val()
            + self.wide[9].val()
            + self.protocol_tcp.val();
        self.partial_payload.d.next = bit_cast::<24, 16>(self.tcp_len_bytes.val())
            + bit_cast::<24, 16>(self.payload_sum.val());

        self.ip_total.d.next = self.partial[0].q.val() + self.partial[1].q.val();
        self.tcp_total.d.next = self.partial[2].q.val()
            + self.partial[3].q.val()
            + self.partial[4].q.val()
            + self.partial[5].q.val()
            + self.partial[6].q.val()
            + self.partial[7].q.val()
            + self.partial_addresses.q.val()
            + self.partial_payload.q.val();

        // A second folding takes the carry that the first may leave.
        self.ip_folded_once.next = bit_cast::<24, 16>(self.ip_total.q.val().get_bits::<16>(0))
            + (self.ip_total.q.val() >> 16);
        self.ip_folded.next = bit_cast::<24, 16>(self.ip_folded_once.val().get_bits::<16>(0))
            + (self.ip_folded_once.val() >> 16);
        self.tcp_folded_once.next = bit_cast::<24, 16>(self.tcp_total.q.val().get_bits::<16>(0))
            + (self.tcp_total.q.val() >> 16);
        self.tcp_folded.next = bit_cast::<24, 16>(self.tcp_folded_once.val().get_bits::<16>(0))
            + (self.tcp_folded_once.val() >> 16);
        self.ip_checksum.next = !self.ip_folded.val().get_bits::<16>(0);
        self.tcp_checksum.next = !self.tcp_folded.val().get_bits::<16>(0);
    }
}
