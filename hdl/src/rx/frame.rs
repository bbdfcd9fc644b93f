//! What travels beside a frame through the receive path: the signal bundles between its blocks.
// The derive writes public methods without documentation.
#![allow(missing_docs)]

use handclasp_layout::header::{VlanTag, HEADERS_MAX_BYTES};
use rust_hdl::prelude::*;

/// Bits of the longest headers with their tag.
pub const TAGGED_BITS: usize = HEADERS_MAX_BYTES * 8;
/// Bits of a header block: the longest headers without a tag.
pub const HEADER_BITS: usize = TAGGED_BITS - VlanTag::SIZE_BYTES * 8;
/// Bits behind the IPv4 header without options.
pub const BEHIND_IPV4_BITS: usize = HEADER_BITS - 112 - 160;

/// The parts of a header block that are always at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct HeaderBlock {
    /// IPv4 options, and everything behind them.
    pub behind_ipv4: Bits<BEHIND_IPV4_BITS>,
    /// IPv4 header without options.
    pub ipv4: Bits<160>,
    /// Ethernet header; its EtherType is that behind the tag, if there is one.
    pub ethernet: Bits<112>,
}

impl From<Bits<HEADER_BITS>> for HeaderBlock {
    fn from(bits: Bits<HEADER_BITS>) -> Self {
        Self {
            behind_ipv4: bits.get_bits(0),
            ipv4: bits.get_bits(BEHIND_IPV4_BITS),
            ethernet: bits.get_bits(BEHIND_IPV4_BITS + 160),
        }
    }
}

/// What travels beside the sums of a beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct BeatTag {
    /// It is the frame's last.
    pub last: Bit,
    /// The frame is kept.
    pub keep: Bit,
    /// Words of the pseudo-header that are not in the frame: protocol and segment length, added.
    pub pseudo_sum: Bits<16>,
}

/// What is known of a frame besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct Frame {
    /// The header block, without tag.
    pub header: Bits<HEADER_BITS>,
    /// What stands behind the addresses is an 802.1Q tag.
    pub is_tagged: Bit,
    /// Its control information.
    pub vlan_tci: Bits<16>,
    /// Length of the frame; 65535 if it is longer.
    pub len_bytes: Bits<16>,
    /// `now` when the first beat arrived.
    pub timestamp: Bits<64>,
}

/// Results of the checksum verifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct ChecksumResult {
    /// The IPv4 header's checksum is right.
    pub ip_ok: Bit,
    /// The TCP checksum is right.
    pub tcp_ok: Bit,
}

/// What the headers alone say about a frame, in the order in which it matters for the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct HeaderFlags {
    /// Longer than a receive slot.
    pub is_oversize: Bit,
    /// Shorter than an Ethernet header.
    pub is_runt: Bit,
    /// The destination is the broadcast address.
    pub is_broadcast: Bit,
    /// The EtherType is IPv4.
    pub is_ip: Bit,
    /// The IPv4 header is impossible or cut off, or the packet is.
    pub bad_ip_header: Bit,
    /// An IPv4 fragment.
    pub is_fragment: Bit,
    /// The protocol is TCP.
    pub is_tcp: Bit,
    /// The TCP header is impossible or cut off.
    pub bad_tcp_header: Bit,
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
