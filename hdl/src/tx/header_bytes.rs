//! The bytes of a segment's headers, Ethernet to TCP options, as they leave when no tag stands between them.
//!
//! ```text
//!  job, sum ──> words, as the RFCs draw them ──> bytes
//! ```
//!
//! Ethernet II (IEEE 802.3 3.1.1). IPv4 (RFC 791 3.1): no options, DF set. TCP (RFC 9293 3.1): options MSS, window scale, SACK
//! permitted, timestamps, SACK, in this order, each group padded with NOPs in front to whole 32-bit words; urgent pointer 0. TCP's checksum
//! is left zero, since a payload's sum comes late; bytes behind the headers' end are zero.
//!
//! Combinational: no clock, no reset, no errors, no counters.

use crate::fields::{Ipv4Header, TcpHeader};
use crate::tx::context::ConnectionContext;
use crate::tx::job::Job;
use handclasp_layout::header::{self, ETHERTYPE_IPV4, PROTOCOL_TCP};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Headers, filled up to whole beats of 512 bits.
pub const HEADER_BITS: usize = 1024;
/// 16-bit words of them.
const HEADER_WORDS: usize = HEADER_BITS / 16;
/// The value is put together from lines of eight words.
const LINES: usize = HEADER_WORDS / 8;

/// The header's bytes.
#[block]
pub struct HeaderBytes {
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// What the headers tell.
    pub job: Signal<In, Job>,
    /// Ones' complement sum of the IPv4 header.
    pub sum_ip: Signal<In, Bits<16>>,
    /// The headers, first byte lowest.
    pub bytes: Signal<Out, Bits<HEADER_BITS>>,
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
}

#[kernel]
impl Logic for HeaderBytes {
    fn update(&mut self) {
        let ip_version: Bits<4> = 4;
        let ip_ihl_words: Bits<4> = header::Ipv4Header::SIZE_BYTES / 4;
        let protocol_tcp: Bits<8> = PROTOCOL_TCP;
        let ethertype_ipv4: Bits<16> = ETHERTYPE_IPV4;

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
        self.tcp.next.checksum = 0.into();
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
        self.bytes.next = self.headers.val();
    }
}
