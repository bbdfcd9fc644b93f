//! From a frame's bytes to what its receive event says, and what is wrong with the frame.

use std::ops::Range;

use handclasp_layout::header::{
    tcp_option, EthernetHeader, Ipv4Header, TcpHeader, VlanTag, ETHERTYPE_IPV4, ETHERTYPE_VLAN,
    PROTOCOL_TCP,
};
use handclasp_layout::queue::{AddressEvent, DropReason, EventKind, RxEvent, SackEvent};

use super::build::{pseudo_header_sum, sum};

/// Width of `TcpHeader::tcp_flags`; above it stand the reserved bits.
const TCP_FLAGS_BITS: u32 = 9;

/// What the bytes alone tell: no filter and no table has been asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    /// All decoded fields; verdict, slot and connection are still to be set.
    pub event: RxEvent,
    /// The SACK blocks, `event.sack_count` of them.
    pub sack: SackEvent,
    /// The addresses, as far as the frame has them.
    pub address: AddressEvent,
    /// The frame is for the host as it is, unless a flaw is found: neither IPv4 TCP nor pretending to be.
    pub is_raw: bool,
    /// What is wrong up to the IPv4 checksum, which is before the address filter in the order of verdicts.
    pub flaw_before_ip_filter: Option<DropReason>,
    /// What is wrong behind it.
    pub flaw_after_ip_filter: Option<DropReason>,
    /// Where the TCP payload lies in the frame.
    pub payload: Range<usize>,
}

/// Decodes a frame of at least an Ethernet header; `None` for a runt.
pub(super) fn decode(frame: &[u8], timestamp: u64) -> Option<Decoded> {
    let ethernet = EthernetHeader::decode(frame.first_chunk()?);
    let mut decoded = Decoded::undecoded(frame.len(), timestamp);
    decoded.address.src_mac = ethernet.src_mac;
    decoded.address.dst_mac = ethernet.dst_mac;
    let mut ethertype = ethernet.ethertype;
    let mut rest = &frame[EthernetHeader::SIZE_BYTES..];
    if ethertype == ETHERTYPE_VLAN {
        if let Some((tag, behind)) = rest.split_first_chunk() {
            let tag = VlanTag::decode(tag);
            decoded.event.has_vlan = true;
            decoded.event.vlan_tci = tag.tci;
            ethertype = tag.ethertype;
            rest = behind;
        }
    }
    if ethertype == ETHERTYPE_IPV4 {
        decoded.ipv4(rest, frame.len() - rest.len());
    } else {
        decoded.is_raw = true;
    }
    Some(decoded)
}

impl Decoded {
    /// A frame of which only the length is known, as of a runt.
    pub(super) fn undecoded(frame_len_bytes: usize, timestamp: u64) -> Self {
        Self {
            event: RxEvent {
                kind: EventKind::Rx as u8,
                frame_len_bytes: frame_len_bytes as u16,
                timestamp,
                ..RxEvent::default()
            },
            sack: SackEvent {
                kind: EventKind::Sack as u8,
                ..SackEvent::default()
            },
            address: AddressEvent {
                kind: EventKind::Address as u8,
                ..AddressEvent::default()
            },
            is_raw: false,
            flaw_before_ip_filter: None,
            flaw_after_ip_filter: None,
            payload: 0..0,
        }
    }

    /// `packet` is the rest of the frame, padding included; it starts at byte `at` of the frame.
    fn ipv4(&mut self, packet: &[u8], at: usize) {
        let Some(header) = packet.first_chunk().map(Ipv4Header::decode) else {
            self.flaw_before_ip_filter = Some(DropReason::IpHeader);
            return;
        };
        let header_len = usize::from(header.ihl_words) * 4;
        let total_len = usize::from(header.total_len_bytes);
        if header.version != 4 || header_len < Ipv4Header::SIZE_BYTES || header_len > packet.len() {
            self.flaw_before_ip_filter = Some(DropReason::IpHeader);
            return;
        }
        let event = &mut self.event;
        event.is_ipv4 = true;
        self.address.src_ip = header.src_ip;
        self.address.dst_ip = header.dst_ip;
        event.ip_proto = header.protocol;
        event.tos = header.tos;
        event.ip_checksum_ok = sum(0, &packet[..header_len]) == 0xffff;
        if total_len < header_len {
            // RFC 1122 3.2.1.1; where the TCP segment ends is unknown, so it is not looked at.
            self.flaw_before_ip_filter = Some(DropReason::IpHeader);
            return;
        }
        if total_len > packet.len() {
            // The packet is cut off, but its first headers may be there.
            self.flaw_before_ip_filter = Some(DropReason::IpHeader);
        } else if !event.ip_checksum_ok {
            self.flaw_before_ip_filter = Some(DropReason::IpChecksum);
        }
        if header.more_fragments || header.fragment_offset != 0 {
            self.flaw_after_ip_filter = Some(DropReason::Fragment);
        } else if header.protocol == PROTOCOL_TCP {
            let end = total_len.min(packet.len());
            self.tcp(
                &packet[header_len..end],
                total_len - header_len,
                at + header_len,
            );
        } else {
            self.is_raw = true;
        }
    }

    /// `segment` is what there is of the `len` bytes that the IPv4 packet should hold; it starts at byte `at` of the frame.
    fn tcp(&mut self, segment: &[u8], len: usize, at: usize) {
        let Some(header) = segment.first_chunk().map(TcpHeader::decode) else {
            self.flaw_after_ip_filter = Some(DropReason::TcpHeader);
            return;
        };
        let header_len = usize::from(header.data_offset_words) * 4;
        if header_len < TcpHeader::SIZE_BYTES || header_len > segment.len() {
            self.flaw_after_ip_filter = Some(DropReason::TcpHeader);
            return;
        }
        let event = &mut self.event;
        event.is_tcp = true;
        self.address.src_port = header.src_port;
        self.address.dst_port = header.dst_port;
        event.seq = header.seq;
        event.ack = header.ack;
        event.tcp_flags = u16::from(header.reserved) << TCP_FLAGS_BITS | header.tcp_flags;
        event.window = header.window;
        event.urgent = header.urgent;
        event.payload_len_bytes = (len - header_len) as u32;
        self.payload = at + header_len..at + segment.len();
        let pseudo = pseudo_header_sum(self.address.src_ip, self.address.dst_ip, len as u16);
        // The checksum of a segment that is cut off is not known.
        event.tcp_checksum_ok = segment.len() == len && sum(pseudo, segment) == 0xffff;
        let tcp_checksum_ok = event.tcp_checksum_ok;
        self.options(&segment[TcpHeader::SIZE_BYTES..header_len]);
        if !tcp_checksum_ok {
            self.flaw_after_ip_filter = Some(DropReason::TcpChecksum);
        } else if self.event.bad_options {
            self.flaw_after_ip_filter = Some(DropReason::TcpOptions);
        }
    }

    /// RFC 9293 3.1: a list of options, each with its length, but for END and NOP. An option seen twice counts as it was
    /// seen last. An option whose length is not what its kind demands ends the walk (MUST-7); unknown kinds are skipped
    /// by their length (MUST-6, MUST-68).
    fn options(&mut self, options: &[u8]) {
        let event = &mut self.event;
        let mut rest = options;
        loop {
            let (kind, len) = match rest {
                [] | [tcp_option::END, ..] => return,
                [tcp_option::NOP, behind @ ..] => {
                    rest = behind;
                    continue;
                }
                [_] => {
                    event.bad_options = true;
                    return;
                }
                [kind, len, ..] => (*kind, *len),
            };
            let body = match rest.get(2..usize::from(len)) {
                Some(body) => body,
                None => {
                    event.bad_options = true;
                    return;
                }
            };
            match (kind, body) {
                (tcp_option::MSS, &[high, low]) => {
                    event.has_mss = true;
                    event.mss = u16::from_be_bytes([high, low]);
                }
                (tcp_option::WINDOW_SCALE, &[shift]) => {
                    event.has_window_scale = true;
                    event.window_scale = shift;
                }
                (tcp_option::SACK_PERMITTED, []) => event.has_sack_permitted = true,
                (tcp_option::TIMESTAMPS, &[v0, v1, v2, v3, e0, e1, e2, e3]) => {
                    event.has_timestamps = true;
                    event.ts_val = u32::from_be_bytes([v0, v1, v2, v3]);
                    event.ts_ecr = u32::from_be_bytes([e0, e1, e2, e3]);
                }
                (tcp_option::SACK, blocks) if matches!(blocks.len(), 8 | 16 | 24 | 32) => {
                    event.sack_count = (blocks.len() / 8) as u8;
                    let edge = |n: usize| {
                        blocks[..]
                            .get(4 * n..)
                            .and_then(|from| from.first_chunk())
                            .map_or(0, |edge| u32::from_be_bytes(*edge))
                    };
                    self.sack = SackEvent {
                        sack0_left: edge(0),
                        sack0_right: edge(1),
                        sack1_left: edge(2),
                        sack1_right: edge(3),
                        sack2_left: edge(4),
                        sack2_right: edge(5),
                        sack3_left: edge(6),
                        sack3_right: edge(7),
                        kind: EventKind::Sack as u8,
                        ..SackEvent::default()
                    };
                }
                (
                    tcp_option::MSS
                    | tcp_option::WINDOW_SCALE
                    | tcp_option::SACK_PERMITTED
                    | tcp_option::TIMESTAMPS
                    | tcp_option::SACK,
                    _,
                ) => {
                    event.bad_options = true;
                    return;
                }
                _ => {}
            }
            rest = &rest[usize::from(len)..];
        }
    }
}
