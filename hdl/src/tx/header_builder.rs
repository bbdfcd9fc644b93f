//! Builds the headers of a segment, Ethernet to TCP options, as one wide value with both checksums in place.
//!
//! ```text
//!          ┌────────┐   ┌───────────────┐   ┌──────────────────────────┐
//!  job ───>│ layout ├──>│ checksum      ├──>│ insert, Ethernet, byte   ├──> frame, header
//!          └────────┘   │ (two cycles)  │   │ order of the lanes       │
//!  payload summary ────>└───────────────┘   └──────────────────────────┘
//!              16-bit words throughout, as the RFCs draw them
//! ```
//!
//! IPv4 (RFC 791 3.1): no options, DF set, identification from a counter of this NIC's segments (RFC 6864 4.1 would allow any value with
//! DF set). TCP (RFC 9293 3.1): options MSS, window scale, SACK permitted, timestamps, SACK, in this order, each group padded with NOPs
//! in front to whole 32-bit words; urgent pointer 0. A job without segment (Raw, or no frame at all) passes through with an empty header.
//!
//! Latency: 3 cycles from the job's acceptance to `frame_valid`. Throughput: one job every 4 cycles. A job with payload waits for its
//! payload's summary. One clock; reset drops the job under way and starts the identification at 0. A bus error in the summary turns the
//! frame's status into ReadError. No counters.

use crate::fields::{Ipv4Header, SegmentCommand, TcpHeader};
use crate::tx::checksum::{Checksum, PACKET_WORDS};
use crate::tx::context::ConnectionContext;
use crate::tx::job::{Frame, Job};
use crate::tx::options::Options;
use handclasp_layout::header::{
    self, ETHERTYPE_IPV4, ETHERTYPE_VLAN, FRAME_MIN_BYTES, PROTOCOL_TCP,
};
use handclasp_layout::queue::{Opcode, Status};
use rust_hdl::prelude::*;

/// Width of the header value in bits: the longest header is 98 bytes, filled up to whole beats of 512 bits.
pub const HEADER_BITS: usize = 1024;

/// 16-bit words of the header value.
const HEADER_WORDS: usize = HEADER_BITS / 16;
/// The header value is put together from lines of eight words.
const LINES: usize = HEADER_WORDS / 8;

/// What the header builder is doing.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum HeaderState {
    /// Waits for a job, and its payload's summary if it has a payload.
    Idle,
    /// The words are in place, checksums zero; partial sums are taken.
    Sum,
    /// Totals are taken.
    Total,
    /// The checksums are there; frame and header are offered.
    Offer,
}

/// The header builder.
#[derive(LogicBlock)]
pub struct HeaderBuilder {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// What to build.
    pub job: Signal<In, Job>,
    /// There is a job.
    pub job_valid: Signal<In, Bit>,
    /// The job is taken at this clock edge.
    pub job_ready: Signal<Out, Bit>,
    /// Ones' complement sum of the payload of the first job that has one.
    pub summary_sum: Signal<In, Bits<16>>,
    /// The bus answered the payload's read with an error.
    pub summary_error: Signal<In, Bit>,
    /// Sum and error are there.
    pub summary_valid: Signal<In, Bit>,
    /// They are taken at this clock edge.
    pub summary_ready: Signal<Out, Bit>,
    /// Lengths and tag of the frame.
    pub frame: Signal<Out, Frame>,
    /// Its headers: first byte in the lowest lane, zeros behind the last.
    pub header: Signal<Out, Bits<HEADER_BITS>>,
    /// Frame and header are there.
    pub frame_valid: Signal<Out, Bit>,
    /// They are taken at this clock edge.
    pub frame_ready: Signal<In, Bit>,
    state: DFF<HeaderState>,
    identification: DFF<Bits<16>>,
    held: DFF<Frame>,
    is_segment: DFF<Bit>,
    remote_mac: DFF<Bits<48>>,
    has_vlan: DFF<Bit>,
    vlan_tci: DFF<Bits<16>>,
    tcp_len_bytes: DFF<Bits<16>>,
    payload_sum: DFF<Bits<16>>,
    packet: [DFF<Bits<16>>; PACKET_WORDS],
    checksum: Checksum,
    options: Options,
    command: Signal<Local, SegmentCommand>,
    connection: Signal<Local, ConnectionContext>,
    has_payload: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    tcp_words: Signal<Local, Bits<4>>,
    tcp_header_bytes: Signal<Local, Bits<16>>,
    headers_len_bytes: Signal<Local, Bits<7>>,
    unpadded_len_bytes: Signal<Local, Bits<11>>,
    ip: Signal<Local, Ipv4Header>,
    ip_bits: Signal<Local, Bits<160>>,
    tcp: Signal<Local, TcpHeader>,
    tcp_bits: Signal<Local, Bits<160>>,
    final_packet: [Signal<Local, Bits<16>>; PACKET_WORDS],
    words: [Signal<Local, Bits<16>>; HEADER_WORDS],
    word: Signal<Local, Bits<16>>,
    line: Signal<Local, Bits<128>>,
    ip_version: Constant<Bits<4>>,
    ip_ihl_words: Constant<Bits<4>>,
    protocol_tcp: Constant<Bits<8>>,
    ip_header_bytes: Constant<Bits<16>>,
    tcp_fixed_words: Constant<Bits<4>>,
    untagged_bytes: Constant<Bits<7>>,
    tagged_bytes: Constant<Bits<7>>,
    frame_min_bytes: Constant<Bits<11>>,
    ethertype_ipv4: Constant<Bits<16>>,
    ethertype_vlan: Constant<Bits<16>>,
    opcode_segment: Constant<Bits<8>>,
    status_ok: Constant<Bits<8>>,
    status_read_error: Constant<Bits<8>>,
}

impl Default for HeaderBuilder {
    fn default() -> Self {
        let untagged_bytes = header::EthernetHeader::SIZE_BYTES + header::Ipv4Header::SIZE_BYTES;
        let tagged_bytes = untagged_bytes + header::VlanTag::SIZE_BYTES;
        Self {
            clk: Default::default(),
            rst: Default::default(),
            mac: Default::default(),
            job: Default::default(),
            job_valid: Default::default(),
            job_ready: Default::default(),
            summary_sum: Default::default(),
            summary_error: Default::default(),
            summary_valid: Default::default(),
            summary_ready: Default::default(),
            frame: Default::default(),
            header: Default::default(),
            frame_valid: Default::default(),
            frame_ready: Default::default(),
            state: Default::default(),
            identification: Default::default(),
            held: Default::default(),
            is_segment: Default::default(),
            remote_mac: Default::default(),
            has_vlan: Default::default(),
            vlan_tci: Default::default(),
            tcp_len_bytes: Default::default(),
            payload_sum: Default::default(),
            packet: std::array::from_fn(|_| DFF::default()),
            checksum: Default::default(),
            options: Default::default(),
            command: Default::default(),
            connection: Default::default(),
            has_payload: Default::default(),
            take: Default::default(),
            tcp_words: Default::default(),
            tcp_header_bytes: Default::default(),
            headers_len_bytes: Default::default(),
            unpadded_len_bytes: Default::default(),
            ip: Default::default(),
            ip_bits: Default::default(),
            tcp: Default::default(),
            tcp_bits: Default::default(),
            final_packet: std::array::from_fn(|_| Signal::default()),
            words: std::array::from_fn(|_| Signal::default()),
            word: Default::default(),
            line: Default::default(),
            ip_version: Constant::new(bits(4)),
            ip_ihl_words: Constant::new(bits((header::Ipv4Header::SIZE_BYTES / 4) as u64)),
            protocol_tcp: Constant::new(bits(PROTOCOL_TCP.into())),
            ip_header_bytes: Constant::new(bits(header::Ipv4Header::SIZE_BYTES as u64)),
            tcp_fixed_words: Constant::new(bits((header::TcpHeader::SIZE_BYTES / 4) as u64)),
            untagged_bytes: Constant::new(bits(untagged_bytes as u64)),
            tagged_bytes: Constant::new(bits(tagged_bytes as u64)),
            frame_min_bytes: Constant::new(bits(FRAME_MIN_BYTES as u64)),
            ethertype_ipv4: Constant::new(bits(ETHERTYPE_IPV4.into())),
            ethertype_vlan: Constant::new(bits(ETHERTYPE_VLAN.into())),
            opcode_segment: Constant::new(bits(Opcode::Segment as u64)),
            status_ok: Constant::new(bits(Status::Ok as u64)),
            status_read_error: Constant::new(bits(Status::ReadError as u64)),
        }
    }
}

impl Logic for HeaderBuilder {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            state,
            identification,
            held,
            is_segment,
            remote_mac,
            has_vlan,
            vlan_tci,
            tcp_len_bytes,
            payload_sum
        );
        for i in 0..PACKET_WORDS {
            self.packet[i].clock.next = self.clk.val();
            self.packet[i].d.next = self.packet[i].q.val();
        }
        self.command.next = self.job.val().command;
        self.connection.next = self.job.val().context;
        self.has_payload.next =
            self.job.val().is_frame & self.command.val().payload_len_bytes.any();
        self.tcp_words.next = self.tcp_fixed_words.val() + self.job.val().option_words;
        self.tcp_header_bytes.next = bit_cast::<16, 4>(self.tcp_words.val()) << 2;

        self.ip.next.version = self.ip_version.val();
        self.ip.next.ihl_words = self.ip_ihl_words.val();
        self.ip.next.tos = self.connection.val().tos;
        self.ip.next.total_len_bytes = self.ip_header_bytes.val()
            + self.tcp_header_bytes.val()
            + bit_cast::<16, 24>(self.command.val().payload_len_bytes);
        self.ip.next.identification = self.identification.q.val();
        self.ip.next.reserved_flag = false;
        // DF: a router that cannot forward the packet must report that instead of cutting it into fragments (RFC 1191 2).
        self.ip.next.dont_fragment = true;
        self.ip.next.more_fragments = false;
        self.ip.next.fragment_offset = 0.into();
        self.ip.next.ttl = self.connection.val().ttl;
        self.ip.next.protocol = self.protocol_tcp.val();
        self.ip.next.checksum = 0.into();
        self.ip.next.src_ip = self.connection.val().local_ip;
        self.ip.next.dst_ip = self.connection.val().remote_ip;
        self.ip_bits.next = self.ip.val().into();

        self.tcp.next.src_port = self.connection.val().local_port;
        self.tcp.next.dst_port = self.connection.val().remote_port;
        self.tcp.next.seq = self.command.val().seq;
        self.tcp.next.ack = self.command.val().ack;
        self.tcp.next.data_offset_words = self.tcp_words.val();
        self.tcp.next.reserved = 0.into();
        self.tcp.next.tcp_flags = self.command.val().tcp_flags;
        self.tcp.next.window = self.command.val().window;
        self.tcp.next.checksum = 0.into();
        self.tcp.next.urgent = 0.into();
        self.tcp_bits.next = self.tcp.val().into();

        self.options.command.next = self.job.val().command;

        self.checksum.clk.next = self.clk.val();
        self.checksum.tcp_len_bytes.next = self.tcp_len_bytes.q.val();
        self.checksum.payload_sum.next = self.payload_sum.q.val();
        for i in 0..PACKET_WORDS {
            self.checksum.packet[i].next = self.packet[i].q.val();
            self.final_packet[i].next = self.packet[i].q.val();
        }
        self.final_packet[5].next = self.checksum.ip_checksum.val();
        self.final_packet[18].next = self.checksum.tcp_checksum.val();

        // Ethernet II (IEEE 802.3 3.1.1), with the tag of IEEE 802.1Q 9.6 if the connection has one.
        for i in 0..HEADER_WORDS {
            self.words[i].next = 0.into();
        }
        if self.is_segment.q.val() {
            for i in 0..3 {
                self.words[i].next = self.remote_mac.q.val().get_bits::<16>(32 - 16 * i);
                self.words[i + 3].next = self.mac.val().get_bits::<16>(32 - 16 * i);
            }
            if self.has_vlan.q.val() {
                self.words[6].next = self.ethertype_vlan.val();
                self.words[7].next = self.vlan_tci.q.val();
                self.words[8].next = self.ethertype_ipv4.val();
                for i in 0..PACKET_WORDS {
                    self.words[i + 9].next = self.final_packet[i].val();
                }
            } else {
                self.words[6].next = self.ethertype_ipv4.val();
                for i in 0..PACKET_WORDS {
                    self.words[i + 7].next = self.final_packet[i].val();
                }
            }
        }
        // Network order: the high byte of each word goes first, so into the lower lane. Each word enters at the top and pushes those before
        // it down.
        self.header.next = 0.into();
        for n in 0..LINES {
            self.line.next = 0.into();
            for i in 0..8 {
                self.word.next =
                    (self.words[8 * n + i].val() << 8) | (self.words[8 * n + i].val() >> 8);
                self.line.next =
                    (self.line.val() >> 16) | (bit_cast::<128, 16>(self.word.val()) << 112);
            }
            self.header.next =
                (self.header.val() >> 128) | (bit_cast::<HEADER_BITS, 128>(self.line.val()) << 896);
        }

        self.headers_len_bytes.next = 0.into();
        if self.job.val().is_frame & (self.command.val().opcode == self.opcode_segment.val()) {
            self.headers_len_bytes.next =
                self.untagged_bytes.val() + bit_cast::<7, 16>(self.tcp_header_bytes.val());
            if self.connection.val().has_vlan {
                self.headers_len_bytes.next =
                    self.tagged_bytes.val() + bit_cast::<7, 16>(self.tcp_header_bytes.val());
            }
        }
        self.unpadded_len_bytes.next = bit_cast::<11, 7>(self.held.q.val().header_len_bytes)
            + self.held.q.val().payload_len_bytes;

        self.frame.next = self.held.q.val();
        self.frame_valid.next = false;
        self.job_ready.next = false;

        match self.state.q.val() {
            HeaderState::Idle => {
                self.job_ready.next = !self.has_payload.val() | self.summary_valid.val();
                if self.job_valid.val() & self.job_ready.val() {
                    self.state.d.next = HeaderState::Sum;
                }
            }
            HeaderState::Sum => {
                // Short frames are padded (IEEE 802.3 4.2.3.3).
                if self.unpadded_len_bytes.val() > self.frame_min_bytes.val() {
                    self.held.d.next.frame_len_bytes = self.unpadded_len_bytes.val();
                }
                self.state.d.next = HeaderState::Total;
            }
            HeaderState::Total => {
                self.state.d.next = HeaderState::Offer;
            }
            HeaderState::Offer => {
                self.frame_valid.next = true;
                if self.frame_ready.val() {
                    self.state.d.next = HeaderState::Idle;
                }
            }
        }

        self.take.next = self.job_valid.val() & self.job_ready.val();
        self.summary_ready.next = self.take.val() & self.has_payload.val();
        if self.take.val() {
            for i in 0..10 {
                self.packet[i].d.next = self.ip_bits.val().get_bits::<16>(144 - 16 * i);
                self.packet[i + 10].d.next = self.tcp_bits.val().get_bits::<16>(144 - 16 * i);
            }
            for i in 0..20 {
                self.packet[i + 20].d.next = self.options.bytes.val().get_bits::<16>(304 - 16 * i);
            }
            self.tcp_len_bytes.d.next = self.tcp_header_bytes.val()
                + bit_cast::<16, 24>(self.command.val().payload_len_bytes);
            self.payload_sum.d.next = 0.into();
            self.is_segment.d.next = self.headers_len_bytes.val().any();
            self.remote_mac.d.next = self.connection.val().remote_mac;
            self.has_vlan.d.next = self.connection.val().has_vlan;
            self.vlan_tci.d.next = self.connection.val().vlan_tci;
            self.held.d.next.is_frame = self.job.val().is_frame;
            self.held.d.next.status = self.job.val().status;
            self.held.d.next.opcode = self.command.val().opcode;
            self.held.d.next.connection = self.command.val().connection;
            self.held.d.next.command_index = self.job.val().command_index;
            self.held.d.next.payload_addr = self.command.val().payload_addr;
            self.held.d.next.header_len_bytes = self.headers_len_bytes.val();
            self.held.d.next.payload_len_bytes = 0.into();
            self.held.d.next.frame_len_bytes = self.frame_min_bytes.val();
            self.held.d.next.has_completion = self.command.val().want_completion
                | (self.job.val().status != self.status_ok.val());
            if self.has_payload.val() {
                self.payload_sum.d.next = self.summary_sum.val();
                self.held.d.next.payload_len_bytes =
                    bit_cast::<11, 24>(self.command.val().payload_len_bytes);
                if self.summary_error.val() {
                    self.held.d.next.status = self.status_read_error.val();
                    self.held.d.next.has_completion = true;
                }
            }
            if self.headers_len_bytes.val().any() {
                self.identification.d.next = self.identification.q.val() + 1;
            }
        }

        if self.rst.val() {
            self.state.d.next = HeaderState::Idle;
            self.identification.d.next = 0.into();
        }
    }
}
