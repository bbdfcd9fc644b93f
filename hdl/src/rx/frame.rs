//! What travels beside a frame through the receive path: the signal bundles between its blocks.
// The derive writes public methods without documentation.
#![allow(missing_docs)]

use crate::rx::option_walker::OPTIONS_BITS;
use rust_hdl::prelude::*;

/// The headers of a frame, each at a fixed place and as the RFCs draw it: first byte most significant. Where the frame does not hold a header whole, its bits are arbitrary.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct Headers {
    /// TCP options, as many as there could be.
    pub options: Bits<OPTIONS_BITS>,
    /// TCP header without options.
    pub tcp: Bits<160>,
    /// IPv4 header without options.
    pub ipv4: Bits<160>,
    /// Source MAC address.
    pub src_mac: Bits<48>,
    /// Destination MAC address.
    pub dst_mac: Bits<48>,
    /// Control information of the 802.1Q tag.
    pub vlan_tci: Bits<16>,
    /// What stands behind the addresses is an 802.1Q tag.
    pub is_tagged: Bit,
    /// The EtherType, behind the tag if there is one, is IPv4.
    pub is_ip: Bit,
}

/// What is known of a frame when its last beat has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct FrameEnd {
    /// Number of its last byte, from 0; 65535 if it is longer.
    pub last_byte: Bits<16>,
    /// It is longer than a receive slot.
    pub is_oversize: Bit,
    /// `now` when its first beat arrived.
    pub timestamp: Bits<64>,
}

/// What waits of a frame's headers until its event is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct HeaderFields {
    /// TCP options, as many as there could be.
    pub options: Bits<OPTIONS_BITS>,
    /// TCP header without options.
    pub tcp: Bits<160>,
    /// Type of service.
    pub tos: Bits<8>,
    /// IPv4 protocol.
    pub protocol: Bits<8>,
    /// IPv4 source address.
    pub src_ip: Bits<32>,
    /// IPv4 destination address.
    pub dst_ip: Bits<32>,
    /// Source MAC address.
    pub src_mac: Bits<48>,
    /// Destination MAC address.
    pub dst_mac: Bits<48>,
    /// Control information of the 802.1Q tag.
    pub vlan_tci: Bits<16>,
    /// Length of the frame; 65535 if it is longer.
    pub len_bytes: Bits<16>,
    /// `now` when its first beat arrived.
    pub timestamp: Bits<64>,
}

/// What the headers alone say about a frame, in the order in which it matters for the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct HeaderFlags {
    /// Longer than a receive slot.
    pub is_oversize: Bit,
    /// Shorter than an Ethernet header.
    pub is_runt: Bit,
    /// The destination is our MAC address, the broadcast address, or a group address that the multicast filter lets pass.
    pub is_ours: Bit,
    /// The EtherType is IPv4.
    pub is_ip: Bit,
    /// The IPv4 header is impossible or cut off, or the packet is.
    pub bad_ip_header: Bit,
    /// The destination is our IPv4 address.
    pub is_our_ip: Bit,
    /// An IPv4 fragment.
    pub is_fragment: Bit,
    /// The protocol is TCP.
    pub is_tcp: Bit,
    /// The TCP header is impossible or cut off.
    pub bad_tcp_header: Bit,
}

/// What the parser finds out about a frame besides its flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct Parsed {
    /// A tag is there, whole.
    pub has_vlan: Bit,
    /// An IPv4 header is there, whole.
    pub has_ipv4: Bit,
    /// A TCP header is there, whole with its options.
    pub has_tcp: Bit,
    /// Bytes of TCP payload, else 0.
    pub payload_len_bytes: Bits<16>,
    /// Where it begins in the frame.
    pub payload_at_bytes: Bits<8>,
    /// Bytes of TCP options, else 0.
    pub options_len_bytes: Bits<6>,
    /// They have to be walked through.
    pub has_rare_options: Bit,
    /// Else: what there is, as `UsualOptions` says it.
    pub has_mss: Bit,
    /// See `UsualOptions`.
    pub has_sack_permitted: Bit,
    /// See `UsualOptions`.
    pub window_scale_place: Bits<2>,
    /// See `UsualOptions`.
    pub timestamps_place: Bits<2>,
}

/// What waits of a frame's judgement until its event is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct Judged {
    /// A `Verdict`, but for bad options.
    pub verdict: Bits<3>,
    /// A `DropReason`, but for bad options.
    pub drop_reason: Bits<5>,
    /// When it is delivered, something goes into a slot.
    pub needs_slot: Bit,
    /// The IPv4 header's checksum is right.
    pub ip_checksum_ok: Bit,
    /// The TCP checksum is right.
    pub tcp_checksum_ok: Bit,
    /// Its connection, else 0.
    pub connection: Bits<16>,
    /// Its generation, else 0.
    pub generation: Bits<8>,
    /// Hash of its 4-tuple.
    pub rss_hash: Bits<32>,
    /// As in `Parsed`.
    pub has_vlan: Bit,
    /// As in `Parsed`.
    pub has_ipv4: Bit,
    /// As in `Parsed`.
    pub has_tcp: Bit,
    /// As in `Parsed`.
    pub payload_len_bytes: Bits<16>,
    /// As in `Parsed`.
    pub payload_at_bytes: Bits<8>,
    /// As in `Parsed`.
    pub options_len_bytes: Bits<6>,
    /// As in `Parsed`.
    pub has_rare_options: Bit,
    /// As in `Parsed`.
    pub has_mss: Bit,
    /// As in `Parsed`.
    pub has_sack_permitted: Bit,
    /// As in `Parsed`.
    pub window_scale_place: Bits<2>,
    /// As in `Parsed`.
    pub timestamps_place: Bits<2>,
}

/// The TCP options that were met.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct TcpOptions {
    /// An option of illegal length ended the walk.
    pub bad_options: Bit,
    /// MSS (RFC 9293 3.7.1).
    pub has_mss: Bit,
    /// Its value, else 0.
    pub mss: Bits<16>,
    /// Window scale (RFC 7323 2.2).
    pub has_window_scale: Bit,
    /// Its value, else 0.
    pub window_scale: Bits<8>,
    /// SACK-permitted (RFC 2018 2).
    pub has_sack_permitted: Bit,
    /// Timestamps (RFC 7323 3.2).
    pub has_timestamps: Bit,
    /// TSval and TSecr as they stand in the option, else 0.
    pub timestamps: Bits<64>,
    /// SACK blocks (RFC 2018 3), 0 to 4.
    pub sack_count: Bits<4>,
    /// Their edges as they stand in the option, the first one most significant, else 0.
    pub sack_edges: Bits<256>,
}
