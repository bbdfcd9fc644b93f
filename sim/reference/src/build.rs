//! From a segment command to the frame on the wire.

use handclasp_layout::header::{
    tcp_option, EthernetHeader, Ipv4Header, TcpHeader, VlanTag, ETHERTYPE_IPV4, ETHERTYPE_VLAN,
    FRAME_MIN_BYTES, MTU_BYTES, PROTOCOL_TCP,
};
use handclasp_layout::queue::{FlowCommand, SegmentCommand};

/// Longest TCP options: the data offset counts to 15 words, 5 of which are the fixed header (RFC 9293 3.1).
const OPTIONS_MAX_BYTES: usize = 40;

/// Ones' complement sum (RFC 1071) of big-endian 16-bit words; an odd last byte is the upper half of a word.
/// A sum that includes a right checksum is 0xffff.
pub(super) fn sum(start: u16, bytes: &[u8]) -> u16 {
    let mut total = u64::from(start);
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        total += u64::from(u16::from_be_bytes([pair[0], low]));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// Sum of the pseudo-header (RFC 9293 3.1).
pub(super) fn pseudo_header_sum(src_ip: u32, dst_ip: u32, segment_len_bytes: u16) -> u16 {
    let mut pseudo = [0; 12];
    pseudo[..4].copy_from_slice(&src_ip.to_be_bytes());
    pseudo[4..8].copy_from_slice(&dst_ip.to_be_bytes());
    pseudo[9] = PROTOCOL_TCP;
    pseudo[10..].copy_from_slice(&segment_len_bytes.to_be_bytes());
    sum(0, &pseudo)
}

/// The options of a command in the datasheet's order, each group padded in front to whole 32-bit words; `None` when they
/// do not fit, or there are more SACK blocks than the command holds.
fn options(command: &SegmentCommand) -> Option<([u8; OPTIONS_MAX_BYTES], usize)> {
    use tcp_option::*;
    let mut bytes = [0; OPTIONS_MAX_BYTES];
    let mut len = 0;
    let mut put = |part: &[u8]| {
        bytes.get_mut(len..len + part.len())?.copy_from_slice(part);
        len += part.len();
        Some(())
    };
    if command.has_mss {
        put(&[MSS, MSS_BYTES])?;
        put(&command.mss.to_be_bytes())?;
    }
    if command.has_window_scale {
        put(&[NOP, WINDOW_SCALE, WINDOW_SCALE_BYTES, command.window_scale])?;
    }
    if command.has_sack_permitted {
        put(&[NOP, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES])?;
    }
    if command.has_timestamps {
        put(&[NOP, NOP, TIMESTAMPS, TIMESTAMPS_BYTES])?;
        put(&command.ts_val.to_be_bytes())?;
        put(&command.ts_ecr.to_be_bytes())?;
    }
    let blocks = [
        (command.sack0_left, command.sack0_right),
        (command.sack1_left, command.sack1_right),
        (command.sack2_left, command.sack2_right),
    ];
    if command.sack_count > 0 {
        let blocks = blocks.get(..usize::from(command.sack_count))?;
        let option_len = 2 + SACK_BLOCK_BYTES * command.sack_count;
        put(&[NOP, NOP, SACK, option_len])?;
        for (left, right) in blocks {
            put(&left.to_be_bytes())?;
            put(&right.to_be_bytes())?;
        }
    }
    Some((bytes, len))
}

/// What does not stand in the command itself.
pub(super) struct Sender<'a> {
    /// The connection's addresses.
    pub context: &'a FlowCommand,
    /// Own MAC address.
    pub mac: u64,
    /// Identification of the IPv4 header.
    pub identification: u16,
}

/// Length of the TCP header if the segment can be built; `None` makes it a BadCommand.
pub(super) fn tcp_header_len(command: &SegmentCommand) -> Option<usize> {
    let (_, options_len) = options(command)?;
    let header_len = TcpHeader::SIZE_BYTES + options_len;
    let total_len =
        Ipv4Header::SIZE_BYTES + header_len + usize::try_from(command.payload_len_bytes).ok()?;
    (total_len <= MTU_BYTES).then_some(header_len)
}

/// Builds the frame in `frame`; `None` when [`tcp_header_len`] says that it cannot be built.
pub(super) fn build(
    sender: &Sender<'_>,
    command: &SegmentCommand,
    payload: &[u8],
    frame: &mut Vec<u8>,
) -> Option<()> {
    let header_len = tcp_header_len(command)?;
    let (options, options_len) = options(command)?;
    let segment_len = header_len + payload.len();
    let context = sender.context;

    frame.clear();
    let ethertype = if context.has_vlan {
        ETHERTYPE_VLAN
    } else {
        ETHERTYPE_IPV4
    };
    let ethernet = EthernetHeader {
        dst_mac: context.remote_mac,
        src_mac: sender.mac,
        ethertype,
    };
    frame.extend_from_slice(&ethernet.encode());
    if context.has_vlan {
        let tag = VlanTag {
            tci: context.vlan_tci,
            ethertype: ETHERTYPE_IPV4,
        };
        frame.extend_from_slice(&tag.encode());
    }

    let mut ip = Ipv4Header {
        version: 4,
        ihl_words: (Ipv4Header::SIZE_BYTES / 4) as u8,
        tos: context.tos,
        total_len_bytes: (Ipv4Header::SIZE_BYTES + segment_len) as u16,
        identification: sender.identification,
        dont_fragment: true,
        ttl: context.ttl,
        protocol: PROTOCOL_TCP,
        src_ip: context.local_ip,
        dst_ip: context.remote_ip,
        ..Ipv4Header::default()
    };
    ip.checksum = !sum(0, &ip.encode());
    frame.extend_from_slice(&ip.encode());

    let mut tcp = TcpHeader {
        src_port: context.local_port,
        dst_port: context.remote_port,
        seq: command.seq,
        ack: command.ack,
        data_offset_words: (header_len / 4) as u8,
        tcp_flags: command.tcp_flags,
        window: command.window,
        ..TcpHeader::default()
    };
    // The options are whole words and the header is too, so the parts can be summed one after the other.
    let mut total = pseudo_header_sum(context.local_ip, context.remote_ip, segment_len as u16);
    total = sum(total, &tcp.encode());
    total = sum(total, &options[..options_len]);
    total = sum(total, payload);
    tcp.checksum = !total;
    frame.extend_from_slice(&tcp.encode());
    frame.extend_from_slice(&options[..options_len]);
    frame.extend_from_slice(payload);
    pad(frame);
    Some(())
}

/// Pads with zeros to the shortest frame (IEEE 802.3 clause 4.2.3.3).
pub(super) fn pad(frame: &mut Vec<u8>) {
    if frame.len() < FRAME_MIN_BYTES {
        frame.resize(FRAME_MIN_BYTES, 0);
    }
}
