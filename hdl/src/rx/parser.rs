//! Finds out which headers a frame holds: Ethernet, IPv4 with options, TCP.
//!
//! ```text
//!  headers, length ──> lengths, flags, usual options ──> lengths compared ──> flags, parsed
//!                      first cycle                       second cycle
//! ```
//!
//! A header counts only when it lies whole within the frame, and within the IPv4 packet. A packet may be
//! longer than its frame, as in a capture that was cut: then its headers are decoded, and `bad_ip_header` is set. Headers: IEEE 802.3 clause
//! 3.1.1, IEEE 802.1Q clause 9.6, RFC 791 3.1, RFC 9293 3.1.
//!
//! Latency: 2 cycles from `load` to `done`. Throughput: one frame a cycle. One clock; reset forgets the frames under way. No errors:
//! `flags` says what is wrong with the frame.

use crate::fields::{Ipv4Header, TcpHeader};
use crate::rx::frame::{FrameEnd, HeaderFlags, Headers, Parsed};
use crate::rx::multicast_number::MulticastNumber;
use crate::rx::usual_options::UsualOptions;
use handclasp_layout::header::{self, VlanTag, MAC_BROADCAST, PROTOCOL_TCP};
use rust_hdl::prelude::*;

/// The parser.
#[derive(LogicBlock)]
pub struct Parser {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The frame's headers.
    pub headers: Signal<In, Headers>,
    /// Its end.
    pub frame_end: Signal<In, FrameEnd>,
    /// Parse it now.
    pub load: Signal<In, Bit>,
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// Which numbers of group addresses are ours, see `MulticastNumber`.
    pub multicast: Signal<In, Bits<64>>,
    /// Own IPv4 address.
    pub local_ip: Signal<In, Bits<32>>,
    /// What is wrong with the frame, and what it is.
    pub flags: Signal<Out, HeaderFlags>,
    /// What else it is.
    pub parsed: Signal<Out, Parsed>,
    /// Both are there.
    pub done: Signal<Out, Bit>,
    /// A frame is in the first stage.
    pub busy: Signal<Out, Bit>,
    usual: UsualOptions,
    multicast_number: MulticastNumber,
    /// The destination is a group address of this number.
    is_group: DFF<Bit>,
    group_number: DFF<Bits<6>>,
    stage_valid: DFF<Bit>,
    /// What the frame holds behind the Ethernet header, padding included.
    packet_bytes: DFF<Bits<16>>,
    total_len_bytes: DFF<Bits<16>>,
    segment_bytes: DFF<Bits<16>>,
    ip_bytes: DFF<Bits<8>>,
    tcp_bytes: DFF<Bits<8>>,
    /// IPv4 and TCP headers.
    headers_bytes: DFF<Bits<8>>,
    has_ethernet: DFF<Bit>,
    has_vlan: DFF<Bit>,
    is_tagged: DFF<Bit>,
    is_ip: DFF<Bit>,
    /// The version is 4 and the ihl possible.
    is_sound_ip: DFF<Bit>,
    /// The total length leaves room for the header.
    has_length: DFF<Bit>,
    /// The data offset is possible.
    is_sound_tcp: DFF<Bit>,
    first_flags: DFF<HeaderFlags>,
    first_parsed: DFF<Parsed>,
    flags_register: DFF<HeaderFlags>,
    parsed_register: DFF<Parsed>,
    done_register: DFF<Bit>,
    ipv4: Signal<Local, Ipv4Header>,
    tcp: Signal<Local, TcpHeader>,
    options_bytes: Signal<Local, Bits<8>>,
    has_ipv4: Signal<Local, Bit>,
    /// The frame is as long as the total length says.
    has_packet: Signal<Local, Bit>,
    has_tcp: Signal<Local, Bit>,
    no_flags: Constant<HeaderFlags>,
    nothing: Constant<Parsed>,
    mac_broadcast: Constant<Bits<48>>,
    group_bit: Constant<Bits<48>>,
    protocol_tcp: Constant<Bits<8>>,
    /// Lengths of an Ethernet header without and with tag, and numbers of their last bytes.
    ethernet_bytes: Constant<Bits<8>>,
    tagged_bytes: Constant<Bits<8>>,
    ethernet_last: Constant<Bits<16>>,
    tagged_last: Constant<Bits<16>>,
    least_header_bytes: Constant<Bits<8>>,
}

impl Default for Parser {
    fn default() -> Self {
        let ethernet_bytes = header::EthernetHeader::SIZE_BYTES;
        let tagged_bytes = ethernet_bytes + VlanTag::SIZE_BYTES;
        Self {
            clk: Default::default(),
            rst: Default::default(),
            headers: Default::default(),
            frame_end: Default::default(),
            load: Default::default(),
            mac: Default::default(),
            multicast: Default::default(),
            local_ip: Default::default(),
            flags: Default::default(),
            parsed: Default::default(),
            done: Default::default(),
            busy: Default::default(),
            usual: Default::default(),
            multicast_number: Default::default(),
            is_group: Default::default(),
            group_number: Default::default(),
            stage_valid: Default::default(),
            packet_bytes: Default::default(),
            total_len_bytes: Default::default(),
            segment_bytes: Default::default(),
            ip_bytes: Default::default(),
            tcp_bytes: Default::default(),
            headers_bytes: Default::default(),
            has_ethernet: Default::default(),
            has_vlan: Default::default(),
            is_tagged: Default::default(),
            is_ip: Default::default(),
            is_sound_ip: Default::default(),
            has_length: Default::default(),
            is_sound_tcp: Default::default(),
            first_flags: Default::default(),
            first_parsed: Default::default(),
            flags_register: Default::default(),
            parsed_register: Default::default(),
            done_register: Default::default(),
            ipv4: Default::default(),
            tcp: Default::default(),
            options_bytes: Default::default(),
            has_ipv4: Default::default(),
            has_packet: Default::default(),
            has_tcp: Default::default(),
            no_flags: Constant::new(HeaderFlags::default()),
            nothing: Constant::new(Parsed::default()),
            mac_broadcast: Constant::new(MAC_BROADCAST.into()),
            group_bit: Constant::new((1_u64 << 40).into()),
            protocol_tcp: Constant::new(u64::from(PROTOCOL_TCP).into()),
            ethernet_bytes: Constant::new(ethernet_bytes.to_bits()),
            tagged_bytes: Constant::new(tagged_bytes.to_bits()),
            ethernet_last: Constant::new((ethernet_bytes - 1).to_bits()),
            tagged_last: Constant::new((tagged_bytes - 1).to_bits()),
            least_header_bytes: Constant::new(header::Ipv4Header::SIZE_BYTES.to_bits()),
        }
    }
}

impl Logic for Parser {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            stage_valid,
            packet_bytes,
            total_len_bytes,
            segment_bytes
        );
        dff_setup!(self, clk, ip_bytes, tcp_bytes, headers_bytes);
        dff_setup!(
            self,
            clk,
            has_ethernet,
            has_vlan,
            is_tagged,
            is_ip,
            is_sound_ip
        );
        dff_setup!(
            self,
            clk,
            has_length,
            is_sound_tcp,
            first_flags,
            first_parsed
        );
        dff_setup!(self, clk, is_group, group_number);
        dff_setup!(self, clk, flags_register, parsed_register, done_register);

        // First cycle: take the headers apart as if each were there.
        self.ipv4.next = self.headers.val().ipv4.into();
        self.tcp.next = self.headers.val().tcp.into();
        self.options_bytes.next = (bit_cast::<8, 4>(self.tcp.val().data_offset_words) << 2)
            - self.least_header_bytes.val();
        self.usual.options.next = self.headers.val().options;
        self.usual.len_bytes.next = bit_cast::<6, 8>(self.options_bytes.val());
        self.multicast_number.address.next = self.headers.val().dst_mac;
        self.stage_valid.d.next = self.load.val();
        if self.load.val() {
            self.has_ethernet.d.next = self.frame_end.val().last_byte >= self.ethernet_last.val();
            self.is_tagged.d.next = self.headers.val().is_tagged;
            self.has_vlan.d.next = self.headers.val().is_tagged
                & (self.frame_end.val().last_byte >= self.tagged_last.val());
            self.is_ip.d.next = self.headers.val().is_ip;
            self.packet_bytes.d.next = self.frame_end.val().last_byte - self.ethernet_last.val();
            if self.headers.val().is_tagged {
                self.packet_bytes.d.next = self.frame_end.val().last_byte - self.tagged_last.val();
            }
            self.total_len_bytes.d.next = self.ipv4.val().total_len_bytes;
            self.segment_bytes.d.next = self.ipv4.val().total_len_bytes
                - (bit_cast::<16, 4>(self.ipv4.val().ihl_words) << 2);
            // RFC 1122 3.2.1.1: what the header says about lengths must be possible.
            self.has_length.d.next = self.ipv4.val().total_len_bytes
                >= (bit_cast::<16, 4>(self.ipv4.val().ihl_words) << 2);
            self.is_sound_ip.d.next =
                (self.ipv4.val().version == 4) & (self.ipv4.val().ihl_words >= 5);
            self.is_sound_tcp.d.next = self.tcp.val().data_offset_words >= 5;
            self.ip_bytes.d.next = bit_cast::<8, 4>(self.ipv4.val().ihl_words) << 2;
            self.tcp_bytes.d.next = bit_cast::<8, 4>(self.tcp.val().data_offset_words) << 2;
            self.headers_bytes.d.next = (bit_cast::<8, 4>(self.ipv4.val().ihl_words) << 2)
                + (bit_cast::<8, 4>(self.tcp.val().data_offset_words) << 2);
            self.first_flags.d.next = self.no_flags.val();
            self.first_parsed.d.next = self.nothing.val();
            self.first_flags.d.next.is_oversize = self.frame_end.val().is_oversize;
            self.first_flags.d.next.is_ours = (self.headers.val().dst_mac == self.mac.val())
                | (self.headers.val().dst_mac == self.mac_broadcast.val());
            // The first bit on the wire tells group addresses.
            self.is_group.d.next = (self.headers.val().dst_mac & self.group_bit.val()).any();
            self.group_number.d.next = self.multicast_number.number.val();
            self.first_flags.d.next.is_our_ip = self.ipv4.val().dst_ip == self.local_ip.val();
            self.first_flags.d.next.is_fragment =
                self.ipv4.val().more_fragments | self.ipv4.val().fragment_offset.any();
            self.first_flags.d.next.is_tcp = self.ipv4.val().protocol == self.protocol_tcp.val();
            self.first_parsed.d.next.options_len_bytes = bit_cast::<6, 8>(self.options_bytes.val());
            self.first_parsed.d.next.has_mss = self.usual.has_mss.val();
            self.first_parsed.d.next.has_sack_permitted = self.usual.has_sack_permitted.val();
            self.first_parsed.d.next.window_scale_place = self.usual.window_scale_place.val();
            self.first_parsed.d.next.timestamps_place = self.usual.timestamps_place.val();
        }

        // Second cycle: which of them lie whole within the frame.
        self.has_ipv4.next = self.has_ethernet.q.val()
            & (self.has_vlan.q.val() | !self.is_tagged.q.val())
            & self.is_ip.q.val()
            & self.is_sound_ip.q.val()
            & (self.packet_bytes.q.val() >= bit_cast::<16, 8>(self.ip_bytes.q.val()));
        self.has_packet.next = self.has_ipv4.val()
            & self.has_length.q.val()
            & (self.total_len_bytes.q.val() <= self.packet_bytes.q.val());
        self.has_tcp.next = self.has_ipv4.val()
            & self.has_length.q.val()
            & !self.first_flags.q.val().is_fragment
            & self.first_flags.q.val().is_tcp
            & self.is_sound_tcp.q.val()
            & (self.segment_bytes.q.val() >= bit_cast::<16, 8>(self.tcp_bytes.q.val()))
            & (self.packet_bytes.q.val() >= bit_cast::<16, 8>(self.headers_bytes.q.val()));
        self.done_register.d.next = self.stage_valid.q.val();
        if self.stage_valid.q.val() {
            self.flags_register.d.next = self.first_flags.q.val();
            self.flags_register.d.next.is_runt = !self.has_ethernet.q.val();
            self.flags_register.d.next.is_ip = self.has_ethernet.q.val()
                & (self.has_vlan.q.val() | !self.is_tagged.q.val())
                & self.is_ip.q.val();
            self.flags_register.d.next.is_ours = self.first_flags.q.val().is_ours
                | (self.is_group.q.val()
                    & self
                        .multicast
                        .val()
                        .get_bit(self.group_number.q.val().index()));
            self.flags_register.d.next.bad_ip_header = !self.has_packet.val();
            self.flags_register.d.next.bad_tcp_header = !self.has_tcp.val();
            self.parsed_register.d.next = self.first_parsed.q.val();
            // Usual options have a length or timestamps, or there are none.
            self.parsed_register.d.next.has_rare_options =
                self.first_parsed.q.val().options_len_bytes.any()
                    & !self.first_parsed.q.val().has_mss
                    & !self.first_parsed.q.val().timestamps_place.any();
            self.parsed_register.d.next.has_vlan = self.has_vlan.q.val();
            self.parsed_register.d.next.has_ipv4 = self.has_ipv4.val();
            self.parsed_register.d.next.has_tcp = self.has_tcp.val();
            self.parsed_register.d.next.payload_len_bytes =
                self.segment_bytes.q.val() - bit_cast::<16, 8>(self.tcp_bytes.q.val());
            self.parsed_register.d.next.payload_at_bytes =
                self.headers_bytes.q.val() + self.ethernet_bytes.val();
            if self.is_tagged.q.val() {
                self.parsed_register.d.next.payload_at_bytes =
                    self.headers_bytes.q.val() + self.tagged_bytes.val();
            }
            if !self.has_tcp.val() {
                self.parsed_register.d.next.payload_len_bytes = 0.into();
                self.parsed_register.d.next.options_len_bytes = 0.into();
                self.parsed_register.d.next.has_rare_options = false;
                self.parsed_register.d.next.has_mss = false;
                self.parsed_register.d.next.has_sack_permitted = false;
                self.parsed_register.d.next.window_scale_place = 0.into();
                self.parsed_register.d.next.timestamps_place = 0.into();
            }
        }

        self.flags.next = self.flags_register.q.val();
        self.parsed.next = self.parsed_register.q.val();
        self.done.next = self.done_register.q.val();
        self.busy.next = self.stage_valid.q.val() | self.done_register.q.val();

        if self.rst.val() {
            self.stage_valid.d.next = false;
            self.done_register.d.next = false;
        }
    }
}
