//! Reads a frame's headers: Ethernet, IPv4 with options, TCP.
//!
//! ```text
//!  frame ──┬─> Ethernet ─> IPv4 ─┬─> lengths checked ──┬──> event, flags
//!          │                     │ ihl                 ├──> flow key, payload's place
//!          └─────────────────────┴─> TCP shifted up ───┴──> TCP options
//! ```
//!
//! A field is set only when its header lies whole within the frame, and within the IPv4 packet; all other fields are zero. A packet may be
//! longer than its frame, as in a capture that was cut: then its headers are decoded, and `bad_ip_header` is set. Headers: IEEE 802.3 clause
//! 3.1.1, IEEE 802.1Q clause 9.6, RFC 791 3.1, RFC 9293 3.1.
//!
//! Latency: 1 cycle from `load`. Throughput: one frame a cycle. One clock; no reset: the outputs mean something only after a `load`. No errors:
//! `flags` says what is wrong with the frame.

use crate::fields::{AddressEvent, EthernetHeader, Ipv4Header, RxEvent, TcpHeader};
use crate::rx::frame::{Frame, HeaderBlock, HeaderFlags, BEHIND_IPV4_BITS};
use handclasp_layout::header::{self, VlanTag, ETHERTYPE_IPV4, MAC_BROADCAST, PROTOCOL_TCP};
use handclasp_layout::queue::EventKind;
use handclasp_layout::register::SLOT_BYTES;
use rust_hdl::prelude::*;

/// Bits of the longest TCP options.
pub const OPTIONS_BITS: usize =
    (header::IP_OR_TCP_HEADER_MAX_BYTES - header::TcpHeader::SIZE_BYTES) * 8;

/// The parser.
#[derive(LogicBlock)]
pub struct Parser {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// The frame to parse.
    pub frame: Signal<In, Frame>,
    /// Parse it now; the outputs stay until the next `load`.
    pub load: Signal<In, Bit>,
    /// The receive event, as far as headers tell.
    pub rx_event: Signal<Out, RxEvent>,
    /// The frame's addresses, as far as headers tell.
    pub address: Signal<Out, AddressEvent>,
    /// What is wrong with the frame, and what it is.
    pub flags: Signal<Out, HeaderFlags>,
    /// Key for the flow table: source and destination address, source and destination port.
    pub key: Signal<Out, Bits<96>>,
    /// TCP options, first byte most significant.
    pub options: Signal<Out, Bits<OPTIONS_BITS>>,
    /// Bytes of them, 0 to 40; 0 when there is no TCP header.
    pub options_len_bytes: Signal<Out, Bits<6>>,
    /// Where the TCP payload begins in the frame.
    pub payload_at_bytes: Signal<Out, Bits<16>>,
    event_register: DFF<RxEvent>,
    flags_register: DFF<HeaderFlags>,
    address_register: DFF<AddressEvent>,
    options_register: DFF<Bits<OPTIONS_BITS>>,
    options_len_register: DFF<Bits<6>>,
    payload_at_register: DFF<Bits<16>>,
    block: Signal<Local, HeaderBlock>,
    ethernet: Signal<Local, EthernetHeader>,
    ipv4: Signal<Local, Ipv4Header>,
    /// The longest TCP header, its first byte most significant.
    transport: Signal<Local, Bits<480>>,
    tcp: Signal<Local, TcpHeader>,
    ip_at_bytes: Signal<Local, Bits<16>>,
    ip_bytes: Signal<Local, Bits<16>>,
    /// What the frame holds behind the Ethernet header, padding included.
    packet_bytes: Signal<Local, Bits<16>>,
    segment_bytes: Signal<Local, Bits<16>>,
    tcp_bytes: Signal<Local, Bits<16>>,
    has_vlan: Signal<Local, Bit>,
    has_ethernet: Signal<Local, Bit>,
    is_ip: Signal<Local, Bit>,
    has_ipv4: Signal<Local, Bit>,
    /// The total length leaves room for the header.
    has_length: Signal<Local, Bit>,
    /// It does, and the frame is as long as the total length says.
    has_packet: Signal<Local, Bit>,
    is_fragment: Signal<Local, Bit>,
    is_tcp: Signal<Local, Bit>,
    has_tcp: Signal<Local, Bit>,
    parsed: Signal<Local, RxEvent>,
    parsed_address: Signal<Local, AddressEvent>,
    found: Signal<Local, HeaderFlags>,
    nothing: Constant<RxEvent>,
    no_address: Constant<AddressEvent>,
    slot_bytes: Constant<Bits<16>>,
    ethernet_bytes: Constant<Bits<16>>,
    tagged_bytes: Constant<Bits<16>>,
    least_header_bytes: Constant<Bits<16>>,
    ethertype_ipv4: Constant<Bits<16>>,
    mac_broadcast: Constant<Bits<48>>,
    protocol_tcp: Constant<Bits<8>>,
    kind_rx: Constant<Bits<8>>,
    kind_address: Constant<Bits<8>>,
    transport_at: Constant<Bits<16>>,
}

impl Default for Parser {
    fn default() -> Self {
        let ethernet_bytes = header::EthernetHeader::SIZE_BYTES;
        Self {
            clk: Default::default(),
            frame: Default::default(),
            load: Default::default(),
            rx_event: Default::default(),
            flags: Default::default(),
            address: Default::default(),
            key: Default::default(),
            options: Default::default(),
            options_len_bytes: Default::default(),
            payload_at_bytes: Default::default(),
            event_register: Default::default(),
            flags_register: Default::default(),
            address_register: Default::default(),
            options_register: Default::default(),
            options_len_register: Default::default(),
            payload_at_register: Default::default(),
            block: Default::default(),
            ethernet: Default::default(),
            ipv4: Default::default(),
            transport: Default::default(),
            tcp: Default::default(),
            ip_at_bytes: Default::default(),
            ip_bytes: Default::default(),
            packet_bytes: Default::default(),
            segment_bytes: Default::default(),
            tcp_bytes: Default::default(),
            has_vlan: Default::default(),
            has_ethernet: Default::default(),
            is_ip: Default::default(),
            has_ipv4: Default::default(),
            has_length: Default::default(),
            has_packet: Default::default(),
            is_fragment: Default::default(),
            is_tcp: Default::default(),
            has_tcp: Default::default(),
            parsed: Default::default(),
            parsed_address: Default::default(),
            found: Default::default(),
            nothing: Constant::new(RxEvent::default()),
            no_address: Constant::new(AddressEvent::default()),
            slot_bytes: Constant::new(SLOT_BYTES.to_bits()),
            ethernet_bytes: Constant::new(ethernet_bytes.to_bits()),
            tagged_bytes: Constant::new((ethernet_bytes + VlanTag::SIZE_BYTES).to_bits()),
            least_header_bytes: Constant::new(header::Ipv4Header::SIZE_BYTES.to_bits()),
            ethertype_ipv4: Constant::new(u64::from(ETHERTYPE_IPV4).into()),
            mac_broadcast: Constant::new(MAC_BROADCAST.into()),
            protocol_tcp: Constant::new(u64::from(PROTOCOL_TCP).into()),
            kind_rx: Constant::new((EventKind::Rx as u64).into()),
            kind_address: Constant::new((EventKind::Address as u64).into()),
            transport_at: Constant::new((BEHIND_IPV4_BITS - 480).to_bits()),
        }
    }
}

impl Logic for Parser {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, event_register, flags_register, address_register);
        dff_setup!(
            self,
            clk,
            options_register,
            options_len_register,
            payload_at_register
        );

        // Take the header block apart as if every header were there.
        self.block.next = self.frame.val().header.into();
        self.ethernet.next = self.block.val().ethernet.into();
        self.ipv4.next = self.block.val().ipv4.into();
        self.ip_bytes.next = bit_cast::<16, 4>(self.ipv4.val().ihl_words) << 2;
        // IPv4 options push TCP back by 32-bit words (RFC 791 3.1: ihl is 5 to 15).
        self.transport.next = bit_cast::<480, BEHIND_IPV4_BITS>(
            (self.block.val().behind_ipv4
                << ((self.ip_bytes.val() - self.least_header_bytes.val()) << 3))
                >> self.transport_at.val(),
        );
        self.tcp.next = self.transport.val().get_bits::<160>(320).into();
        self.tcp_bytes.next = bit_cast::<16, 4>(self.tcp.val().data_offset_words) << 2;
        self.segment_bytes.next = self.ipv4.val().total_len_bytes - self.ip_bytes.val();

        // Which headers lie whole within the frame.
        self.has_ethernet.next = self.frame.val().len_bytes >= self.ethernet_bytes.val();
        self.has_vlan.next =
            self.frame.val().is_tagged & (self.frame.val().len_bytes >= self.tagged_bytes.val());
        self.ip_at_bytes.next = self.ethernet_bytes.val();
        if self.frame.val().is_tagged {
            self.ip_at_bytes.next = self.tagged_bytes.val();
        }
        self.packet_bytes.next = self.frame.val().len_bytes - self.ip_at_bytes.val();
        self.is_ip.next = (self.frame.val().len_bytes >= self.ip_at_bytes.val())
            & (self.ethernet.val().ethertype == self.ethertype_ipv4.val());
        self.has_ipv4.next = self.is_ip.val()
            & (self.packet_bytes.val() >= self.least_header_bytes.val())
            & (self.ipv4.val().version == 4)
            & (self.ip_bytes.val() >= self.least_header_bytes.val())
            & (self.packet_bytes.val() >= self.ip_bytes.val());
        // RFC 1122 3.2.1.1: what the header says about lengths must be possible.
        self.has_length.next =
            self.has_ipv4.val() & (self.ipv4.val().total_len_bytes >= self.ip_bytes.val());
        self.has_packet.next =
            self.has_length.val() & (self.ipv4.val().total_len_bytes <= self.packet_bytes.val());
        self.is_fragment.next =
            self.ipv4.val().more_fragments | self.ipv4.val().fragment_offset.any();
        self.is_tcp.next = self.ipv4.val().protocol == self.protocol_tcp.val();
        self.has_tcp.next = self.has_length.val()
            & !self.is_fragment.val()
            & self.is_tcp.val()
            & (self.segment_bytes.val() >= self.least_header_bytes.val())
            & (self.tcp_bytes.val() >= self.least_header_bytes.val())
            & (self.segment_bytes.val() >= self.tcp_bytes.val())
            & ((self.packet_bytes.val() - self.ip_bytes.val()) >= self.tcp_bytes.val());

        self.found.next.is_oversize = self.frame.val().len_bytes > self.slot_bytes.val();
        self.found.next.is_runt = !self.has_ethernet.val();
        self.found.next.is_broadcast = self.ethernet.val().dst_mac == self.mac_broadcast.val();
        self.found.next.is_ip = self.is_ip.val();
        self.found.next.bad_ip_header = !self.has_packet.val();
        self.found.next.is_fragment = self.is_fragment.val();
        self.found.next.is_tcp = self.is_tcp.val();
        self.found.next.bad_tcp_header = !self.has_tcp.val();

        // Fill the event from those that do.
        self.parsed.next = self.nothing.val();
        self.parsed.next.kind = self.kind_rx.val();
        self.parsed_address.next = self.no_address.val();
        self.parsed_address.next.kind = self.kind_address.val();
        self.parsed_address.next.src_mac = self.ethernet.val().src_mac;
        self.parsed_address.next.dst_mac = self.ethernet.val().dst_mac;
        self.parsed.next.frame_len_bytes = self.frame.val().len_bytes;
        self.parsed.next.timestamp = self.frame.val().timestamp;
        if self.has_vlan.val() {
            self.parsed.next.has_vlan = true;
            self.parsed.next.vlan_tci = self.frame.val().vlan_tci;
        }
        if self.has_ipv4.val() {
            self.parsed.next.is_ipv4 = true;
            self.parsed_address.next.src_ip = self.ipv4.val().src_ip;
            self.parsed_address.next.dst_ip = self.ipv4.val().dst_ip;
            self.parsed.next.ip_proto = self.ipv4.val().protocol;
            self.parsed.next.tos = self.ipv4.val().tos;
        }
        if self.has_tcp.val() {
            self.parsed.next.is_tcp = true;
            self.parsed_address.next.src_port = self.tcp.val().src_port;
            self.parsed_address.next.dst_port = self.tcp.val().dst_port;
            self.parsed.next.seq = self.tcp.val().seq;
            self.parsed.next.ack = self.tcp.val().ack;
            self.parsed.next.tcp_flags = (bit_cast::<12, 3>(self.tcp.val().reserved) << 9)
                | bit_cast::<12, 9>(self.tcp.val().tcp_flags);
            self.parsed.next.window = self.tcp.val().window;
            self.parsed.next.urgent = self.tcp.val().urgent;
            self.parsed.next.payload_len_bytes =
                bit_cast::<24, 16>(self.segment_bytes.val() - self.tcp_bytes.val());
        }

        if self.load.val() {
            self.event_register.d.next = self.parsed.val();
            self.flags_register.d.next = self.found.val();
            self.address_register.d.next = self.parsed_address.val();
            self.payload_at_register.d.next =
                self.ip_at_bytes.val() + self.ip_bytes.val() + self.tcp_bytes.val();
            self.options_register.d.next = bit_cast::<OPTIONS_BITS, 480>(self.transport.val());
            self.options_len_register.d.next = 0.into();
            if self.has_tcp.val() {
                self.options_len_register.d.next =
                    bit_cast::<6, 16>(self.tcp_bytes.val() - self.least_header_bytes.val());
            }
        }

        self.rx_event.next = self.event_register.q.val();
        self.flags.next = self.flags_register.q.val();
        self.address.next = self.address_register.q.val();
        self.options.next = self.options_register.q.val();
        self.options_len_bytes.next = self.options_len_register.q.val();
        self.payload_at_bytes.next = self.payload_at_register.q.val();
        self.key.next = (bit_cast::<96, 32>(self.address_register.q.val().src_ip) << 64)
            | (bit_cast::<96, 32>(self.address_register.q.val().dst_ip) << 32)
            | (bit_cast::<96, 16>(self.address_register.q.val().src_port) << 16)
            | bit_cast::<96, 16>(self.address_register.q.val().dst_port);
    }
}
