//! The headers of a frame, Ethernet to TCP options, one beat at a time.
//!
//! ```text
//!  job, sums ──> words, as the RFCs draw them ──> bytes ──> beat number `beat` ──> tag put in ──> data
//!                                                               │     (has_vlan)      ^
//!                                                               └── last four bytes ──┘ of the beat before
//! ```
//!
//! Ethernet II (IEEE 802.3 3.1.1), with the tag of IEEE 802.1Q 9.6 if the connection has one. IPv4 (RFC 791 3.1): no options, DF set.
//! TCP (RFC 9293 3.1): options MSS, window scale, SACK permitted, timestamps, SACK, in this order, each group padded with NOPs in front
//! to whole 32-bit words; urgent pointer 0. A Raw frame has no headers: all beats are zero, as are bytes behind the headers' end.
//!
//! Combinational: no clock, no reset, no errors, no counters.

use crate::fields::{Ipv4Header, TcpHeader};
use crate::tx::context::ConnectionContext;
use crate::tx::job::Job;
use handclasp_layout::header::{
    self, EthernetHeader, ETHERTYPE_IPV4, ETHERTYPE_VLAN, PROTOCOL_TCP,
};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Headers without tag, filled up to whole beats of 512 bits.
const HEADER_BITS: usize = 1024;
/// 16-bit words of them.
const HEADER_WORDS: usize = HEADER_BITS / 16;
/// The value is put together from lines of eight words.
const LINES: usize = HEADER_WORDS / 8;

/// The headers: W bits (K bytes) a beat.
// The tag stands before the EtherType, and fits into its beat.
#[block(K * 8 == W, K.is_power_of_two(), HEADER_BITS.is_multiple_of(W))]
pub struct Header<const W: usize, const K: usize> {
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// What the headers tell.
    pub job: Signal<In, Job>,
    /// Ones' complement sum of the IPv4 header.
    pub sum_ip: Signal<In, Bits<16>>,
    /// Ones' complement sum of pseudo-header and segment.
    pub sum_tcp: Signal<In, Bits<16>>,
    /// Which beat of the frame; 15 for all behind that as well.
    pub beat: Signal<In, Bits<4>>,
    /// `carry_out` of the beat before.
    pub carry_in: Signal<In, Bits<32>>,
    /// That beat, first byte in the lowest lane.
    pub data: Signal<Out, Bits<W>>,
    /// Its last four bytes, had there been no tag.
    pub carry_out: Signal<Out, Bits<32>>,
    connection: Signal<Local, ConnectionContext>,
    ip: Signal<Local, Ipv4Header>,
    ip_bits: Signal<Local, Bits<160>>,
    tcp: Signal<Local, TcpHeader>,
    tcp_bits: Signal<Local, Bits<160>>,
    option_bits: Signal<Local, Bits<320>>,
    words: [Signal<Local, Bits<16>>; HEADER_WORDS],
    word: Signal<Local, Bits<16>>,
    line: Signal<Local, Bits<128>>,
    headers: Signal<Local, Bits<HEADER_BITS>>,
    plain: Signal<Local, Bits<W>>,
    shifted: Signal<Local, Bits<W>>,
    tag: Signal<Local, Bits<32>>,
    /// Bits of that beat before it.
    #[value(!ones_from(Self::TAG_BIT))]
    before_tag: Constant<Bits<W>>,
    /// Bits of that beat behind it.
    #[value(if Self::TAG_BIT + 32 < W {
                ones_from(Self::TAG_BIT + 32)
            } else {
                0_u64.into()
            })]
    behind_tag: Constant<Bits<W>>,
}

impl<const W: usize, const K: usize> Header<W, K> {
    /// Bit of its beat at which the tag begins: before the EtherType, and within the beat.
    const TAG_BIT: usize = (EthernetHeader::SIZE_BYTES - 2) % K * 8;
}

/// All bits from `from` on.
fn ones_from<const W: usize>(from: usize) -> Bits<W> {
    Bits::mask() << (from as u64)
}

#[kernel]
impl<const W: usize, const K: usize> Logic for Header<W, K> {
    fn update(&mut self) {
        let ip_version: Bits<4> = 4;
        let ip_ihl_words: Bits<4> = header::Ipv4Header::SIZE_BYTES / 4;
        let protocol_tcp: Bits<8> = PROTOCOL_TCP;
        let ethertype_ipv4: Bits<16> = ETHERTYPE_IPV4;
        let ethertype_vlan: Bits<16> = ETHERTYPE_VLAN;
        let log2_beat_bits: Bits<4> = W.ilog2();
        let top_word: Bits<10> = W as u64 - 32;
        // Beat in which the tag stands.
        let tag_beat: Bits<4> = (EthernetHeader::SIZE_BYTES - 2) / K;
        // Bit of that beat at which it begins.
        let tag_bit: Bits<10> = Self::TAG_BIT;

        self.connection.next = self.job.val().context;
        self.ip.next.version = ip_version;
        self.ip.next.ihl_words = ip_ihl_words;
        self.ip.next.tos = self.connection.val().tos;
        self.ip.next.total_len_bytes = self.job.val().total_len_bytes;
        self.ip.next.identification = self.job.val().identification;
        self.ip.next.reserved_flag = false;
        // DF: a router that cannot forward the packet must report that instead of cutting it into fragments (RFC 1191 2).
        self.ip.next.dont_fragment = true;
        self.ip.next.more_fragments = false;
        self.ip.next.fragment_offset = 0.into();
        self.ip.next.ttl = self.connection.val().ttl;
        self.ip.next.protocol = protocol_tcp;
        self.ip.next.checksum = !self.sum_ip.val();
        self.ip.next.src_ip = self.connection.val().local_ip;
        self.ip.next.dst_ip = self.connection.val().remote_ip;
        self.ip_bits.next = self.ip.val().into();

        self.tcp.next.src_port = self.connection.val().local_port;
        self.tcp.next.dst_port = self.connection.val().remote_port;
        self.tcp.next.seq = self.job.val().seq;
        self.tcp.next.ack = self.job.val().ack;
        self.tcp.next.data_offset_words = self.job.val().tcp_words;
        self.tcp.next.reserved = 0.into();
        self.tcp.next.tcp_flags = self.job.val().tcp_flags;
        self.tcp.next.window = self.job.val().window;
        self.tcp.next.checksum = !self.sum_tcp.val();
        self.tcp.next.urgent = 0.into();
        self.tcp_bits.next = self.tcp.val().into();
        self.option_bits.next = self.job.val().options;

        for i in 0..HEADER_WORDS {
            self.words[i].next = 0.into();
        }
        for i in 0..3 {
            self.words[i].next = self.connection.val().remote_mac.get_bits::<16>(32 - 16 * i);
            self.words[i + 3].next = self.mac.val().get_bits::<16>(32 - 16 * i);
        }
        self.words[6].next = ethertype_ipv4;
        for i in 0..10 {
            self.words[i + 7].next = self.ip_bits.val().get_bits::<16>(144 - 16 * i);
            self.words[i + 17].next = self.tcp_bits.val().get_bits::<16>(144 - 16 * i);
        }
        for i in 0..20 {
            self.words[i + 27].next = self.option_bits.val().get_bits::<16>(304 - 16 * i);
        }
        // Network order: the high byte of each word goes first, so into the lower lane. Each word enters at the top and pushes those before
        // it down.
        self.headers.next = 0.into();
        for n in 0..LINES {
            self.line.next = 0.into();
            for i in 0..8 {
                self.word.next =
                    (self.words[8 * n + i].val() << 8) | (self.words[8 * n + i].val() >> 8);
                self.line.next =
                    (self.line.val() >> 16) | (bit_cast::<128, 16>(self.word.val()) << 112);
            }
            self.headers.next = (self.headers.val() >> 128)
                | (bit_cast::<HEADER_BITS, 128>(self.line.val()) << 896);
        }

        // The beat, and the four bytes that a tag moves into the next one.
        self.plain.next = (self.headers.val()
            >> (bit_cast::<13, 4>(self.beat.val()) << log2_beat_bits))
            .get_bits::<W>(0);
        self.carry_out.next = bit_cast::<32, W>(self.plain.val() >> top_word);
        self.shifted.next = (self.plain.val() << 32) | bit_cast::<W, 32>(self.carry_in.val());
        self.tag.next = (bit_cast::<32, 16>((ethertype_vlan << 8) | (ethertype_vlan >> 8)))
            | (bit_cast::<32, 16>(
                (self.connection.val().vlan_tci << 8) | (self.connection.val().vlan_tci >> 8),
            ) << 16);
        self.data.next = self.plain.val();
        if self.connection.val().has_vlan {
            if self.beat.val() == tag_beat {
                self.data.next = (self.plain.val() & self.before_tag.val())
                    | (bit_cast::<W, 32>(self.tag.val()) << tag_bit)
                    | (self.shifted.val() & self.behind_tag.val());
            } else if self.beat.val() > tag_beat {
                self.data.next = self.shifted.val();
            }
        }
        if !self.job.val().is_segment {
            self.data.next = 0.into();
        }
    }
}
