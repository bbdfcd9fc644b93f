//! What crosses the queues: 64-byte commands (host to NIC) and 64-byte events (NIC to host).
//!
//! Each list of fields is a macro that hands itself to another macro (`segment_command_fields!(descriptor)`): here it
//! becomes the driver's struct, in the gateware the signal bundle of the same names and places.
//!
//! Numbers are little-endian in memory. Addresses and ports are numbers (192.0.2.1 is 0xc000_0201; a MAC address is a
//! 48-bit number whose most significant byte is sent first): nobody but the gateware's edge swaps bytes.

use crate::table::{codes, descriptor};

/// Size of every command and every event, in bytes.
pub const ENTRY_BYTES: usize = 64;

/// Fields of [`SegmentCommand`].
#[macro_export]
macro_rules! segment_command_fields { ($callback:ident) => { $callback! {
    /// Send one TCP segment on a connection, or (opcode `Raw`) one whole frame from memory.
    ///
    /// Addresses, ports and MAC addresses are not here: the NIC has them from the connection's [`FlowCommand`].
    SegmentCommand: 64 bytes, LittleEndian, get_little_endian, set_little_endian;
    0x00 + 0 opcode: u8, 8, "An Opcode: Segment or Raw.";
    0x01 + 0 want_completion: bool, 1, "Write a CompletionEvent when the frame has left.";
    0x01 + 1 has_timestamps: bool, 1, "Put a timestamps option (RFC 7323) with ts_val and ts_ecr into the header.";
    0x01 + 2 has_mss: bool, 1, "Put an MSS option into the header (SYN only).";
    0x01 + 3 has_window_scale: bool, 1, "Put a window scale option into the header (SYN only).";
    0x01 + 4 has_sack_permitted: bool, 1, "Put a SACK-permitted option into the header (SYN only).";
    0x01 + 5 has_payload_sum: bool, 1, "payload_sum holds the payload's checksum, so that the header can leave before the NIC has read the payload.";
    0x01 + 6 reserved0: u8, 2, "Zero.";
    0x02 + 0 connection: u16, 16, "Connection id, as inserted by a FlowCommand. Ignored by Raw.";
    0x04 + 0 payload_len_bytes: u32, 24, "Bytes of payload at payload_addr; 0 for a control segment. One command is one segment.";
    0x07 + 0 window_scale: u8, 4, "Shift count of the window scale option.";
    0x07 + 4 sack_count: u8, 4, "SACK blocks to send, 0 to 3 (RFC 2018); at most 3 fit beside timestamps.";
    0x08 + 0 payload_addr: u64, 64, "I/O address of the payload (of the frame, for Raw). Any alignment.";
    0x10 + 0 seq: u32, 32, "Sequence number.";
    0x14 + 0 ack: u32, 32, "Acknowledgement number.";
    0x18 + 0 tcp_flags: u16, 9, "The header's flags, FIN in bit 0 to CWR in bit 7, AE in bit 8.";
    0x19 + 1 reserved1: u8, 7, "Zero.";
    0x1a + 0 window: u16, 16, "Window field as it goes on the wire (already scaled).";
    0x1c + 0 mss: u16, 16, "Value of the MSS option.";
    0x1e + 0 payload_sum: u16, 16, "Ones' complement sum of the payload's 16-bit words in network order, an odd last byte with a zero behind it (RFC 1071); see has_payload_sum.";
    0x20 + 0 ts_val: u32, 32, "TSval.";
    0x24 + 0 ts_ecr: u32, 32, "TSecr.";
    0x28 + 0 sack0_left: u32, 32, "First SACK block: left edge.";
    0x2c + 0 sack0_right: u32, 32, "First SACK block: right edge.";
    0x30 + 0 sack1_left: u32, 32, "Second SACK block: left edge.";
    0x34 + 0 sack1_right: u32, 32, "Second SACK block: right edge.";
    0x38 + 0 sack2_left: u32, 32, "Third SACK block: left edge.";
    0x3c + 0 sack2_right: u32, 32, "Third SACK block: right edge.";
} } }

/// Fields of [`FlowCommand`].
#[macro_export]
macro_rules! flow_command_fields { ($callback:ident) => { $callback! {
    /// Teach the NIC a connection's addresses (opcode `FlowInsert`), or take them out again (`FlowRemove`).
    FlowCommand: 64 bytes, LittleEndian, get_little_endian, set_little_endian;
    0x00 + 0 opcode: u8, 8, "An Opcode: FlowInsert or FlowRemove.";
    0x01 + 0 want_completion: bool, 1, "Write a CompletionEvent.";
    0x01 + 1 lookup: bool, 1, "Enter the 4-tuple into (take it out of) the table that arriving frames are looked up in; without it only the headers to send are recorded.";
    0x01 + 2 has_vlan: bool, 1, "Send this connection's frames with an 802.1Q tag.";
    0x01 + 3 is_ipv6: bool, 1, "Addresses are IPv6. Laid out, not built: refused when set.";
    0x01 + 4 reserved0: u8, 4, "Zero.";
    0x02 + 0 connection: u16, 16, "Connection id, below the capability register's number of connections.";
    0x04 + 0 remote_ip: u32, 32, "Peer's IPv4 address.";
    0x08 + 0 local_ip: u32, 32, "Own IPv4 address.";
    0x0c + 0 remote_port: u16, 16, "Peer's port.";
    0x0e + 0 local_port: u16, 16, "Own port.";
    0x10 + 0 remote_mac: u64, 48, "MAC address of the next hop.";
    0x16 + 0 ttl: u8, 8, "Time to live of the frames sent (RFC 9293 MUST-49).";
    0x17 + 0 tos: u8, 8, "DSCP and ECN of the frames sent (RFC 9293 MUST-48).";
    0x18 + 0 vlan_tci: u16, 16, "Tag control information, when has_vlan.";
    0x1a + 0 generation: u8, 8, "Given back in the connection's events, see RxEvent.";
    0x1b + 0 queue: u8, 8, "Queue for the connection's events. Laid out, not built: refused unless zero.";
    0x1c + 0 reserved1: u32, 32, "Zero.";
    0x20 + 0 remote_ip6_low: u64, 64, "Peer's IPv6 address, low half. Laid out, not built.";
    0x28 + 0 remote_ip6_high: u64, 64, "High half. Laid out, not built.";
    0x30 + 0 local_ip6_low: u64, 64, "Own IPv6 address, low half. Laid out, not built.";
    0x38 + 0 local_ip6_high: u64, 64, "High half. Laid out, not built.";
} } }

/// Fields of [`StreamCommand`].
#[macro_export]
macro_rules! stream_command_fields { ($callback:ident) => { $callback! {
    /// Send a run of a connection's bytes as segments of at most `mss` bytes (opcode `Stream`). Laid out, not built: refused as BadCommand.
    ///
    /// The bytes lie in one piece or, where a ring wraps, in two. Each segment has the command's acknowledgement, window and timestamps; the last one has its
    /// flags, the others those without PSH and FIN.
    StreamCommand: 64 bytes, LittleEndian, get_little_endian, set_little_endian;
    0x00 + 0 opcode: u8, 8, "Opcode::Stream.";
    0x01 + 0 want_completion: bool, 1, "Write a CompletionEvent when the last segment has left.";
    0x01 + 1 has_timestamps: bool, 1, "As in SegmentCommand.";
    0x01 + 2 reserved0: u8, 6, "Zero.";
    0x02 + 0 connection: u16, 16, "Connection id, as inserted by a FlowCommand.";
    0x04 + 0 first_len_bytes: u32, 32, "Bytes at first_addr.";
    0x08 + 0 first_addr: u64, 64, "I/O address of the first piece. Any alignment.";
    0x10 + 0 seq: u32, 32, "Sequence number of the first byte.";
    0x14 + 0 ack: u32, 32, "Acknowledgement number.";
    0x18 + 0 tcp_flags: u16, 9, "As in SegmentCommand.";
    0x19 + 1 reserved1: u8, 7, "Zero.";
    0x1a + 0 window: u16, 16, "Window field as it goes on the wire (already scaled).";
    0x1c + 0 mss: u16, 16, "Most bytes of payload in one segment.";
    0x1e + 0 reserved2: u16, 16, "Zero.";
    0x20 + 0 ts_val: u32, 32, "TSval.";
    0x24 + 0 ts_ecr: u32, 32, "TSecr.";
    0x28 + 0 second_addr: u64, 64, "I/O address of the second piece. Any alignment.";
    0x30 + 0 second_len_bytes: u32, 32, "Bytes at second_addr; 0 when there is one piece.";
    0x34 + 0 reserved3: u32, 32, "Zero.";
    0x38 + 0 reserved4: u64, 64, "Zero.";
} } }

/// Fields of [`ListenCommand`].
#[macro_export]
macro_rules! listen_command_fields {
    ($callback:ident) => {
        $callback! {
            /// Open a local port for connections (opcode `ListenAdd`), or close it (`ListenRemove`).
            ListenCommand: 64 bytes, LittleEndian, get_little_endian, set_little_endian;
            0x00 + 0 opcode: u8, 8, "An Opcode: ListenAdd or ListenRemove.";
            0x01 + 0 want_completion: bool, 1, "Write a CompletionEvent.";
            0x01 + 1 reserved0: u8, 7, "Zero.";
            0x02 + 0 port: u16, 16, "The local port.";
            0x04 + 0 reserved1: u32, 32, "Zero.";
            0x08 + 0 reserved2: u64, 64, "Zero.";
            0x10 + 0 reserved3: u64, 64, "Zero.";
            0x18 + 0 reserved4: u64, 64, "Zero.";
            0x20 + 0 reserved5: u64, 64, "Zero.";
            0x28 + 0 reserved6: u64, 64, "Zero.";
            0x30 + 0 reserved7: u64, 64, "Zero.";
            0x38 + 0 reserved8: u64, 64, "Zero.";
        }
    };
}

/// Fields of [`RxEvent`].
#[macro_export]
macro_rules! rx_event_fields { ($callback:ident) => { $callback! {
    /// One frame arrived: everything the gateware decoded but its addresses, and where its payload lies.
    ///
    /// A field whose `has_` or `is_` bit is clear is zero. Directly before this event stand, in this order, the [`AddressEvent`] with the frame's
    /// addresses when `has_address` is set, and the [`SackEvent`] with its blocks when `sack_count` is not zero.
    RxEvent: 64 bytes, LittleEndian, get_little_endian, set_little_endian;
    0x00 + 0 verdict: u8, 8, "A Verdict: what the frame is to this NIC.";
    0x01 + 0 drop_reason: u8, 8, "A DropReason; None unless the verdict is Drop (such events are written in monitor mode only).";
    0x02 + 0 has_vlan: bool, 1, "One 802.1Q tag was present; vlan_tci holds it.";
    0x02 + 1 is_ipv4: bool, 1, "An IPv4 header was there, whole and of version 4: ip_proto and tos are valid.";
    0x02 + 2 is_tcp: bool, 1, "A TCP header was there, whole with its options, even if the packet behind it is cut off: seq, ack, tcp_flags, window, urgent, options, payload_len_bytes are valid.";
    0x02 + 3 ip_checksum_ok: bool, 1, "The IPv4 header's checksum is right (RFC 791); only with is_ipv4.";
    0x02 + 4 tcp_checksum_ok: bool, 1, "The TCP checksum is right (RFC 9293 MUST-3); only with is_tcp, and never when the packet is cut off.";
    0x02 + 5 has_slot: bool, 1, "slot holds payload_len_bytes of payload (of a Raw frame: the whole frame).";
    0x02 + 6 has_mss: bool, 1, "MSS option present; mss holds it.";
    0x02 + 7 has_window_scale: bool, 1, "Window scale option present; window_scale holds it.";
    0x03 + 0 has_sack_permitted: bool, 1, "SACK-permitted option present.";
    0x03 + 1 has_timestamps: bool, 1, "Timestamps option present; ts_val and ts_ecr hold it.";
    0x03 + 2 bad_options: bool, 1, "A TCP option had an illegal length (RFC 9293 MUST-7); the options before it are decoded.";
    0x03 + 3 has_address: bool, 1, "An AddressEvent stands before this event: whenever the frame has an IPv4 header, unless the verdict is Flow, for which the host knows the addresses.";
    0x03 + 4 is_ipv6: bool, 1, "An IPv6 header was there. Laid out, not built: zero.";
    0x03 + 5 reserved0: u8, 3, "Zero.";
    0x04 + 0 connection: u16, 16, "Connection id, when the verdict is Flow.";
    0x06 + 0 generation: u8, 8, "When the verdict is Flow: the generation that the FlowInsert had which entered the 4-tuple. An event may be written behind the completion of a FlowRemove that came after its lookup: by this number the host tells the id's connections apart.";
    0x07 + 0 queue: u8, 8, "Queue that the frame was steered to. Laid out, not built: zero.";
    0x08 + 0 slot: u16, 16, "Number of the receive slot, when has_slot.";
    0x0a + 0 frame_len_bytes: u16, 16, "Length of the frame as received, without preamble and FCS; 65535 if it is longer. What lies beyond is never looked at.";
    0x0c + 0 payload_len_bytes: u32, 24, "Bytes of TCP payload by the IPv4 total length, even if the frame was cut off before their end (of a Raw frame: frame_len_bytes).";
    0x0f + 0 ip_proto: u8, 8, "Protocol field of the IPv4 header.";
    0x10 + 0 rss_hash: u32, 32, "Toeplitz hash of the 4-tuple under HASH_KEY; only with is_tcp.";
    0x14 + 0 seq: u32, 32, "Sequence number.";
    0x18 + 0 ack: u32, 32, "Acknowledgement number field.";
    0x1c + 0 tcp_flags: u16, 12, "The header's 12 bits behind the data offset: FIN in bit 0 to CWR in bit 7, AE in bit 8, reserved above.";
    0x1d + 4 reserved1: u8, 4, "Zero.";
    0x1e + 0 window: u16, 16, "Window field as on the wire (not scaled).";
    0x20 + 0 ts_val: u32, 32, "TSval.";
    0x24 + 0 ts_ecr: u32, 32, "TSecr.";
    0x28 + 0 mss: u16, 16, "MSS option.";
    0x2a + 0 window_scale: u8, 8, "Window scale option, as sent (may exceed 14).";
    0x2b + 0 tos: u8, 8, "DSCP and ECN.";
    0x2c + 0 vlan_tci: u16, 16, "Tag control information.";
    0x2e + 0 urgent: u16, 16, "Urgent pointer field.";
    0x30 + 0 timestamp: u64, 64, "The now input when the frame's first beat arrived.";
    0x38 + 0 mac_timestamp: u64, 40, "The MAC's own time of the frame, in ns. Laid out, not built: zero.";
    0x3d + 0 sack_count: u8, 4, "SACK blocks in the event before this one, 0 to 4.";
    0x3d + 4 coalesced_count: u8, 4, "Further segments whose payloads follow on in the same slot. Laid out, not built: zero.";
    0x3e + 0 kind: u8, 8, "EventKind::Rx.";
    0x3f + 0 phase: bool, 1, "1 on the first pass through the ring, 0 on the second, and so on.";
    0x3f + 1 reserved2: u8, 7, "Zero.";
} } }

/// Fields of [`AddressEvent`].
#[macro_export]
macro_rules! address_event_fields {
    ($callback:ident) => {
        $callback! {
            /// The addresses of the frame whose [`RxEvent`] follows, behind its [`SackEvent`] if it has one.
            ///
            /// An IPv6 address, once built, fills all four words of its place, the most significant last; an IPv4 address stands in the first.
            AddressEvent: 64 bytes, LittleEndian, get_little_endian, set_little_endian;
            0x00 + 0 src_ip: u32, 32, "Source address.";
            0x04 + 0 reserved0: u32, 32, "Zero (IPv6).";
            0x08 + 0 reserved1: u64, 64, "Zero (IPv6).";
            0x10 + 0 dst_ip: u32, 32, "Destination address.";
            0x14 + 0 reserved2: u32, 32, "Zero (IPv6).";
            0x18 + 0 reserved3: u64, 64, "Zero (IPv6).";
            0x20 + 0 src_port: u16, 16, "Source port; only with is_tcp.";
            0x22 + 0 dst_port: u16, 16, "Destination port; only with is_tcp.";
            0x24 + 0 reserved4: u32, 32, "Zero.";
            0x28 + 0 src_mac: u64, 48, "Source MAC address.";
            0x2e + 0 reserved5: u16, 16, "Zero.";
            0x30 + 0 dst_mac: u64, 48, "Destination MAC address.";
            0x36 + 0 reserved6: u64, 64, "Zero.";
            0x3e + 0 kind: u8, 8, "EventKind::Address.";
            0x3f + 0 phase: bool, 1, "See RxEvent.";
            0x3f + 1 reserved7: u8, 7, "Zero.";
        }
    };
}

/// Fields of [`SackEvent`].
#[macro_export]
macro_rules! sack_event_fields {
    ($callback:ident) => {
        $callback! {
            /// The SACK blocks (RFC 2018) of the segment whose [`RxEvent`] follows directly, in the order they were sent.
            SackEvent: 64 bytes, LittleEndian, get_little_endian, set_little_endian;
            0x00 + 0 sack0_left: u32, 32, "First block: left edge.";
            0x04 + 0 sack0_right: u32, 32, "First block: right edge.";
            0x08 + 0 sack1_left: u32, 32, "Second block: left edge.";
            0x0c + 0 sack1_right: u32, 32, "Second block: right edge.";
            0x10 + 0 sack2_left: u32, 32, "Third block: left edge.";
            0x14 + 0 sack2_right: u32, 32, "Third block: right edge.";
            0x18 + 0 sack3_left: u32, 32, "Fourth block: left edge.";
            0x1c + 0 sack3_right: u32, 32, "Fourth block: right edge.";
            0x20 + 0 reserved0: u64, 64, "Zero.";
            0x28 + 0 reserved1: u64, 64, "Zero.";
            0x30 + 0 reserved2: u64, 64, "Zero.";
            0x38 + 0 reserved3: u64, 48, "Zero.";
            0x3e + 0 kind: u8, 8, "EventKind::Sack.";
            0x3f + 0 phase: bool, 1, "See RxEvent.";
            0x3f + 1 reserved4: u8, 7, "Zero.";
        }
    };
}

/// Fields of [`CompletionEvent`].
#[macro_export]
macro_rules! completion_event_fields { ($callback:ident) => { $callback! {
    /// A command that asked for it is done, or a command could not be carried out (then whether it asked or not).
    ///
    /// Commands complete in order, so it also says that every command before it has been taken out of the ring.
    CompletionEvent: 64 bytes, LittleEndian, get_little_endian, set_little_endian;
    0x00 + 0 status: u8, 8, "A Status.";
    0x01 + 0 opcode: u8, 8, "The command's opcode.";
    0x02 + 0 connection: u16, 16, "The command's connection id (a ListenCommand's port).";
    0x04 + 0 command_index: u32, 32, "Free-running index of the command: its place in the ring is this modulo the ring's size.";
    0x08 + 0 timestamp: u64, 64, "The now input when the command was done (a segment: when its last beat left).";
    0x10 + 0 address: u64, 64, "With a DMA error: the I/O address that was refused.";
    0x18 + 0 reserved0: u64, 64, "Zero.";
    0x20 + 0 reserved1: u64, 64, "Zero.";
    0x28 + 0 reserved2: u64, 64, "Zero.";
    0x30 + 0 reserved3: u64, 64, "Zero.";
    0x38 + 0 reserved4: u64, 48, "Zero.";
    0x3e + 0 kind: u8, 8, "EventKind::Completion, or EventKind::QueueStopped when a DMA error stopped the queue (address says where).";
    0x3f + 0 phase: bool, 1, "See RxEvent.";
    0x3f + 1 reserved5: u8, 7, "Zero.";
} } }

segment_command_fields!(descriptor);
flow_command_fields!(descriptor);
stream_command_fields!(descriptor);
listen_command_fields!(descriptor);
rx_event_fields!(descriptor);
address_event_fields!(descriptor);
sack_event_fields!(descriptor);
completion_event_fields!(descriptor);

codes! {
    /// What a command asks for: its first byte.
    Opcode;
    1 Segment, "SegmentCommand: build and send one TCP segment.";
    2 Raw, "SegmentCommand: send payload_len_bytes at payload_addr as a frame (padded to 60 bytes).";
    3 FlowInsert, "FlowCommand: record a connection's addresses.";
    4 FlowRemove, "FlowCommand: forget them.";
    5 ListenAdd, "ListenCommand: open a port.";
    6 ListenRemove, "ListenCommand: close a port.";
    7 Stream, "StreamCommand: send a run of bytes as segments. Laid out, not built: refused.";
}

codes! {
    /// What an event is: its byte 0x3e.
    EventKind;
    1 Rx, "RxEvent.";
    2 Sack, "SackEvent; the RxEvent it belongs to follows.";
    3 Completion, "CompletionEvent.";
    4 QueueStopped, "CompletionEvent whose status is a DMA error: the queue takes no more commands and delivers no more frames until it is enabled anew. When the bus refused an event, it stands at that event's place, and events that were under way may follow; when it is refused there as well, only STATUS.stopped tells.";
    5 Address, "AddressEvent; the RxEvent that it belongs to follows.";
}

codes! {
    /// What a frame is to this NIC.
    Verdict;
    1 Flow, "A TCP segment of a known connection.";
    2 Listen, "A TCP segment to a listening port, of no known connection.";
    3 Miss, "A TCP segment of no known connection to no listening port.";
    4 Raw, "Not TCP: the whole frame is in the slot.";
    5 Drop, "Dropped, see drop_reason (monitor mode only).";
}

codes! {
    /// How a command ended.
    Status;
    0 Ok, "Done.";
    1 TableFull, "FlowInsert: no place for this 4-tuple. It can still be sent on; its frames arrive as Miss or Listen.";
    2 NotFound, "FlowRemove: no such 4-tuple.";
    3 BadCommand, "Unknown opcode, a connection id out of range or (Segment) not inserted, something that is laid out and not built, options or SACK blocks that do not fit the header, or a length the frame cannot hold. Nothing was done.";
    4 ReadError, "The bus answered a read with SLVERR or DECERR.";
    5 WriteError, "The bus answered a write with SLVERR or DECERR.";
}

codes! {
    /// Why a frame was dropped; each reason has the counter of the same name (`rx_drop_…`).
    DropReason;
    0 None, "Not dropped.";
    1 BadFrame, "The MAC marked it bad (tuser): wrong FCS or aborted. No event even in monitor mode.";
    2 FifoOverflow, "The receive FIFO was full. No event even in monitor mode.";
    3 Oversize, "Longer than a receive slot. The event in monitor mode still tells of its headers and checksums.";
    4 Runt, "Shorter than an Ethernet header.";
    5 MacFilter, "Neither our MAC address, nor broadcast, nor a group address that the multicast filter lets pass.";
    6 IpHeader, "IPv4 version, header length or total length impossible, or the header is cut off (RFC 1122 3.2.1.1).";
    7 IpChecksum, "IPv4 header checksum wrong (RFC 1122 3.2.1.2).";
    8 IpFilter, "IPv4 destination is not our address.";
    9 Fragment, "An IPv4 fragment: reassembly is not offloaded.";
    10 TcpHeader, "TCP header cut off or its data offset impossible.";
    11 TcpChecksum, "TCP checksum wrong (RFC 9293 MUST-3).";
    12 TcpOptions, "A TCP option of illegal length (RFC 9293 MUST-7).";
    13 NoSlot, "The host has posted no free receive slot.";
    14 NoEvent, "The event ring has no room.";
    15 Disabled, "Receive is off, or the queue is not enabled or has stopped.";
}
