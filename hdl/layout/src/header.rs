//! Headers on the wire, in network order, as the RFCs draw them, and the numbers that stand in them.

use crate::table::descriptor;

/// Fields of [`EthernetHeader`].
#[macro_export]
macro_rules! ethernet_header_fields {
    ($callback:ident) => {
        $callback! {
            /// Ethernet II header (IEEE 802.3 clause 3.1.1).
            EthernetHeader: 14 bytes, Network, get_network, set_network;
            0x00 + 0 dst_mac: u64, 48, "Destination address.";
            0x06 + 0 src_mac: u64, 48, "Source address.";
            0x0c + 0 ethertype: u16, 16, "EtherType (0x0600 and up; below it is an 802.3 length).";
        }
    };
}
/// Fields of [`VlanTag`].
#[macro_export]
macro_rules! vlan_tag_fields {
    ($callback:ident) => {
        $callback! {
            /// What an 802.1Q tag puts behind its EtherType 0x8100 (IEEE 802.1Q clause 9.6).
            VlanTag: 4 bytes, Network, get_network, set_network;
            0x00 + 0 tci: u16, 16, "Priority, drop eligibility, VLAN identifier.";
            0x02 + 0 ethertype: u16, 16, "EtherType of what follows.";
        }
    };
}
/// Fields of [`ArpPacket`].
#[macro_export]
macro_rules! arp_packet_fields {
    ($callback:ident) => {
        $callback! {
            /// ARP for IPv4 over Ethernet (RFC 826).
            ArpPacket: 28 bytes, Network, get_network, set_network;
            0x00 + 0 hardware_type: u16, 16, "1: Ethernet.";
            0x02 + 0 protocol_type: u16, 16, "0x0800: IPv4.";
            0x04 + 0 hardware_len_bytes: u8, 8, "6.";
            0x05 + 0 protocol_len_bytes: u8, 8, "4.";
            0x06 + 0 operation: u16, 16, "1: request, 2: reply.";
            0x08 + 0 sender_mac: u64, 48, "Sender's MAC address.";
            0x0e + 0 sender_ip: u32, 32, "Sender's IPv4 address.";
            0x12 + 0 target_mac: u64, 48, "Target's MAC address.";
            0x18 + 0 target_ip: u32, 32, "Target's IPv4 address.";
        }
    };
}
/// Fields of [`Ipv4Header`].
#[macro_export]
macro_rules! ipv4_header_fields {
    ($callback:ident) => {
        $callback! {
            /// IPv4 header without options (RFC 791 3.1).
            Ipv4Header: 20 bytes, Network, get_network, set_network;
            0x00 + 0 version: u8, 4, "4.";
            0x00 + 4 ihl_words: u8, 4, "Header length in 32-bit words, 5 to 15.";
            0x01 + 0 tos: u8, 8, "DSCP and ECN.";
            0x02 + 0 total_len_bytes: u16, 16, "Length of header and data.";
            0x04 + 0 identification: u16, 16, "Identification.";
            0x06 + 0 reserved_flag: bool, 1, "Zero.";
            0x06 + 1 dont_fragment: bool, 1, "DF.";
            0x06 + 2 more_fragments: bool, 1, "MF.";
            0x06 + 3 fragment_offset: u16, 13, "Fragment offset in 8-byte units.";
            0x08 + 0 ttl: u8, 8, "Time to live.";
            0x09 + 0 protocol: u8, 8, "Protocol.";
            0x0a + 0 checksum: u16, 16, "Header checksum.";
            0x0c + 0 src_ip: u32, 32, "Source address.";
            0x10 + 0 dst_ip: u32, 32, "Destination address.";
        }
    };
}
/// Fields of [`TcpHeader`].
#[macro_export]
macro_rules! tcp_header_fields {
    ($callback:ident) => {
        $callback! {
            /// TCP header without options (RFC 9293 3.1).
            TcpHeader: 20 bytes, Network, get_network, set_network;
            0x00 + 0 src_port: u16, 16, "Source port.";
            0x02 + 0 dst_port: u16, 16, "Destination port.";
            0x04 + 0 seq: u32, 32, "Sequence number.";
            0x08 + 0 ack: u32, 32, "Acknowledgement number.";
            0x0c + 0 data_offset_words: u8, 4, "Header length in 32-bit words, 5 to 15.";
            0x0c + 4 reserved: u8, 3, "Zero.";
            0x0c + 7 tcp_flags: u16, 9, "AE, CWR, ECE, URG, ACK, PSH, RST, SYN, FIN.";
            0x0e + 0 window: u16, 16, "Window.";
            0x10 + 0 checksum: u16, 16, "Checksum over pseudo-header, header and payload.";
            0x12 + 0 urgent: u16, 16, "Urgent pointer.";
        }
    };
}
/// Fields of [`IcmpEcho`].
#[macro_export]
macro_rules! icmp_echo_fields {
    ($callback:ident) => {
        $callback! {
            /// ICMP echo request and reply (RFC 792).
            IcmpEcho: 8 bytes, Network, get_network, set_network;
            0x00 + 0 kind: u8, 8, "8: request, 0: reply.";
            0x01 + 0 code: u8, 8, "0.";
            0x02 + 0 checksum: u16, 16, "Checksum over the ICMP message.";
            0x04 + 0 identifier: u16, 16, "Identifier, echoed.";
            0x06 + 0 sequence: u16, 16, "Sequence number, echoed.";
        }
    };
}

ethernet_header_fields!(descriptor);
vlan_tag_fields!(descriptor);
arp_packet_fields!(descriptor);
ipv4_header_fields!(descriptor);
tcp_header_fields!(descriptor);
icmp_echo_fields!(descriptor);

/// EtherType of IPv4 (RFC 894).
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP (RFC 826).
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// EtherType of an 802.1Q tag.
pub const ETHERTYPE_VLAN: u16 = 0x8100;
/// Broadcast MAC address.
pub const MAC_BROADCAST: u64 = 0xffff_ffff_ffff;
/// IPv4 protocol number of ICMP.
pub const PROTOCOL_ICMP: u8 = 1;
/// IPv4 protocol number of TCP.
pub const PROTOCOL_TCP: u8 = 6;
/// Shortest frame on the wire without FCS, in bytes (IEEE 802.3 clause 4.4.2: 64 with it).
pub const FRAME_MIN_BYTES: usize = 60;
/// Longest IPv4 packet sent on Ethernet, in bytes (RFC 894).
pub const MTU_BYTES: usize = 1500;
/// Longest header block of a TCP frame: Ethernet, one tag, IPv4 and TCP with all options, in bytes.
pub const HEADERS_MAX_BYTES: usize = 14 + 4 + 60 + 60;
/// Longest IPv4 or TCP header, in bytes.
pub const IP_OR_TCP_HEADER_MAX_BYTES: usize = 60;
/// Time to live of what we send by default (RFC 9293 MUST-49; RFC 1700: 64).
pub const TTL_DEFAULT: u8 = 64;
/// Window scale above this is taken for this (RFC 7323 2.3).
pub const WINDOW_SCALE_MAX: u8 = 14;
/// MSS of a peer that sends no MSS option (RFC 9293 MUST-15).
pub const MSS_DEFAULT: u16 = 536;

/// TCP header flags, as in `tcp_flags`.
pub mod tcp_flags {
    /// No more data from the sender.
    pub const FIN: u16 = 1 << 0;
    /// Synchronize sequence numbers.
    pub const SYN: u16 = 1 << 1;
    /// Reset the connection.
    pub const RST: u16 = 1 << 2;
    /// Push.
    pub const PSH: u16 = 1 << 3;
    /// The acknowledgement number is valid.
    pub const ACK: u16 = 1 << 4;
    /// The urgent pointer is valid.
    pub const URG: u16 = 1 << 5;
    /// ECN echo (RFC 3168).
    pub const ECE: u16 = 1 << 6;
    /// Congestion window reduced (RFC 3168).
    pub const CWR: u16 = 1 << 7;
    /// Accurate ECN (RFC 9768), NS before.
    pub const AE: u16 = 1 << 8;
}

/// TCP options: kind and length in bytes as they stand in the header.
pub mod tcp_option {
    /// End of option list (one byte, no length).
    pub const END: u8 = 0;
    /// No operation (one byte, no length).
    pub const NOP: u8 = 1;
    /// Maximum segment size (RFC 9293 3.7.1).
    pub const MSS: u8 = 2;
    /// Length of the MSS option.
    pub const MSS_BYTES: u8 = 4;
    /// Window scale (RFC 7323 2.2).
    pub const WINDOW_SCALE: u8 = 3;
    /// Length of the window scale option.
    pub const WINDOW_SCALE_BYTES: u8 = 3;
    /// SACK permitted (RFC 2018 2).
    pub const SACK_PERMITTED: u8 = 4;
    /// Length of the SACK-permitted option.
    pub const SACK_PERMITTED_BYTES: u8 = 2;
    /// SACK (RFC 2018 3): 2 bytes and 8 a block.
    pub const SACK: u8 = 5;
    /// Length of one SACK block.
    pub const SACK_BLOCK_BYTES: u8 = 8;
    /// Timestamps (RFC 7323 3.2).
    pub const TIMESTAMPS: u8 = 8;
    /// Length of the timestamps option.
    pub const TIMESTAMPS_BYTES: u8 = 10;
}
