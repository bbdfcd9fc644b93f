//! What the NIC does with frames: the checks that a received one goes through, and what stands in a sent one.

use crate::header::{
    tcp_option, EthernetHeader, Ipv4Header, TcpHeader, VlanTag, IP_OR_TCP_HEADER_MAX_BYTES,
    MTU_BYTES,
};
use crate::queue::{DropReason, Verdict};

/// What becomes of a received frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is dropped and counted.
    Drop(DropReason),
    /// It is delivered, if there is room.
    Deliver(Verdict),
}

/// One step of what a received frame goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The first step whose condition holds decides.
    pub outcome: Outcome,
    /// The condition.
    pub when: &'static str,
}

macro_rules! steps {
    ($list:ident, $list_doc:literal; $($outcome:ident $what:ident $when:literal;)*) => {
        #[doc = $list_doc]
        pub const $list: &[Step] = &[$(Step { outcome: steps!(@ $outcome $what), when: $when },)*];
    };
    (@ Drop $reason:ident) => { Outcome::Drop(DropReason::$reason) };
    (@ Deliver $verdict:ident) => { Outcome::Deliver(Verdict::$verdict) };
}

steps! {
    RECEIVE_STEPS, "What a received frame goes through, in this order; the first that applies decides.";
    Drop BadFrame "`s_axis_rx_tuser` was high with `tlast`.";
    Drop FifoOverflow "The receive FIFO had no room for the whole frame.";
    Drop Oversize "It is longer than a receive slot.";
    Drop Runt "It is shorter than an Ethernet header.";
    Drop Disabled "CONTROL.rx_enable is clear, or QUEUE_ENABLE is, or the queue has stopped.";
    Drop MacFilter "The destination is neither our MAC address nor broadcast, nor a group address that the multicast filter lets pass, and CONTROL.promiscuous is clear.";
    Deliver Raw "The EtherType, behind one 802.1Q tag if there is one, is not IPv4.";
    Drop IpHeader "The IPv4 header is cut off, its version is not 4, its ihl is below 5, or its total length is shorter than the header or longer than what the frame holds.";
    Drop IpChecksum "The checksum of the IPv4 header is wrong.";
    Drop IpFilter "The destination is not LOCAL_IP, and CONTROL.promiscuous is clear. IPv4 broadcast and multicast are not ours.";
    Drop Fragment "MF is set, or the fragment offset is not 0.";
    Deliver Raw "The protocol is not TCP.";
    Drop TcpHeader "The TCP header is cut off, its data offset is below 5, or it is longer than the segment.";
    Drop TcpChecksum "The TCP checksum is wrong.";
    Drop TcpOptions "An option has a length that is impossible, or not its kind's.";
    Deliver Flow "The 4-tuple is in the flow table.";
    Deliver Listen "The destination port is open for connections.";
    Deliver Miss "In every other case.";
}

steps! {
    DELIVERY_STEPS, "What a frame that is to be delivered goes through, in this order.";
    Drop NoEvent "The event ring has fewer free places than RX_ROOM_ENTRIES.";
    Drop NoSlot "The frame needs a receive slot (it is Raw, or has payload), and none is free.";
    Drop Disabled "The bus answered the write of the payload, or of a payload before it, with an error, or the queue has stopped before the event was handed over. There is no event even in monitor mode: the queue has stopped.";
}

/// Free places in the event ring that a frame needs: one for each of its events (AddressEvent, SackEvent, RxEvent), and 4 that
/// receive leaves to completions.
pub const RX_ROOM_ENTRIES: usize = FRAME_ENTRIES_MAX + 4;

/// Events of one frame at most.
pub const FRAME_ENTRIES_MAX: usize = 3;

/// Shortest payload of a Raw command, in bytes.
pub const RAW_MIN_BYTES: usize = EthernetHeader::SIZE_BYTES;
/// Longest payload of a Raw command, in bytes: a tagged frame that is as long as the MTU allows.
pub const RAW_MAX_BYTES: usize = EthernetHeader::SIZE_BYTES + VlanTag::SIZE_BYTES + MTU_BYTES;
/// Longest TCP options of a Segment command, their NOPs included, in bytes.
pub const OPTIONS_MAX_BYTES: usize = IP_OR_TCP_HEADER_MAX_BYTES - TcpHeader::SIZE_BYTES;
/// Longest TCP options and payload of a Segment command together, in bytes.
pub const SEGMENT_MAX_BYTES: usize = MTU_BYTES - Ipv4Header::SIZE_BYTES - TcpHeader::SIZE_BYTES;
/// SACK blocks that a Segment command has room for.
pub const SACK_BLOCKS_MAX: usize = 3;

/// A TCP option as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentOption {
    /// Field of the SegmentCommand that asks for it.
    pub asked_by: &'static str,
    /// Its bytes before the value, with the NOPs that pad it to whole 32-bit words.
    pub begins: &'static [u8],
    /// Fields of the SegmentCommand that follow as its value.
    pub value: &'static [&'static str],
}

/// The options that a Segment command can ask for, in the order in which they are sent.
pub const SENT_OPTIONS: &[SentOption] = &[
    SentOption {
        asked_by: "has_mss",
        begins: &[tcp_option::MSS, tcp_option::MSS_BYTES],
        value: &["mss"],
    },
    SentOption {
        asked_by: "has_window_scale",
        begins: &[
            tcp_option::NOP,
            tcp_option::WINDOW_SCALE,
            tcp_option::WINDOW_SCALE_BYTES,
        ],
        value: &["window_scale"],
    },
    SentOption {
        asked_by: "has_sack_permitted",
        begins: &[
            tcp_option::NOP,
            tcp_option::NOP,
            tcp_option::SACK_PERMITTED,
            tcp_option::SACK_PERMITTED_BYTES,
        ],
        value: &[],
    },
    SentOption {
        asked_by: "has_timestamps",
        begins: &[
            tcp_option::NOP,
            tcp_option::NOP,
            tcp_option::TIMESTAMPS,
            tcp_option::TIMESTAMPS_BYTES,
        ],
        value: &["ts_val", "ts_ecr"],
    },
    // Its length byte, 2 and 8 a block, follows: it depends on the command.
    SentOption {
        asked_by: "sack_count",
        begins: &[tcp_option::NOP, tcp_option::NOP, tcp_option::SACK],
        value: &[
            "sack0_left",
            "sack0_right",
            "sack1_left",
            "sack1_right",
            "sack2_left",
            "sack2_right",
        ],
    },
];

/// Where a field of a sent header comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentField {
    /// Name of the header's table.
    pub header: &'static str,
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub value: &'static str,
}

macro_rules! sent_fields {
    ($($header:ident { $($field:ident $value:literal;)* })*) => {
        /// Every field of the headers of a Segment command's frame, in the order in which they are sent.
        pub const SENT_FIELDS: &[SentField] = &[$($(SentField {
            header: stringify!($header),
            field: stringify!($field),
            value: $value,
        },)*)*];
    };
}

sent_fields! {
    EthernetHeader {
        dst_mac "FlowCommand.remote_mac.";
        src_mac "The registers MAC_HIGH and MAC_LOW, as they are when the frame is built.";
        ethertype "0x0800; with FlowCommand.has_vlan 0x8100.";
    }
    VlanTag {
        tci "FlowCommand.vlan_tci. The tag is there only with has_vlan.";
        ethertype "0x0800.";
    }
    Ipv4Header {
        version "4.";
        ihl_words "5: no options.";
        tos "FlowCommand.tos.";
        total_len_bytes "The packet's length, without padding.";
        identification "A counter: 0 after reset, one more for each Segment command that is not refused, wrapping.";
        reserved_flag "0.";
        dont_fragment "1.";
        more_fragments "0.";
        fragment_offset "0.";
        ttl "FlowCommand.ttl.";
        protocol "6.";
        checksum "Computed.";
        src_ip "FlowCommand.local_ip; LOCAL_IP is not looked at.";
        dst_ip "FlowCommand.remote_ip.";
    }
    TcpHeader {
        src_port "FlowCommand.local_port.";
        dst_port "FlowCommand.remote_port.";
        seq "SegmentCommand.seq.";
        ack "SegmentCommand.ack, also when the flag ACK is clear.";
        data_offset_words "5 and the options' words.";
        reserved "0.";
        tcp_flags "SegmentCommand.tcp_flags.";
        window "SegmentCommand.window.";
        checksum "Computed, also over the payload.";
        urgent "0.";
    }
}
