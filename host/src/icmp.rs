//! ICMP (RFC 792): echo is answered, and errors about our connections are read.
//!
//! Frames of ICMP come and go whole, through memory: the gateware has checked the IPv4 header, and nothing else.

use handclasp_layout::header::{
    EthernetHeader, Ipv4Header, ETHERTYPE_IPV4, PROTOCOL_ICMP, PROTOCOL_TCP, TTL_DEFAULT,
};

use crate::neighbour::{is_group, is_station};

const ETHERNET_BYTES: usize = EthernetHeader::SIZE_BYTES;
const IPV4_BYTES: usize = Ipv4Header::SIZE_BYTES;
/// Type, code, checksum and four bytes whose meaning depends on the type.
const ICMP_BYTES: usize = 8;
/// Of the packet that an error is about, the IPv4 header and at least this much is quoted (RFC 792): of a TCP header
/// the ports and the sequence number.
const QUOTED_TCP_BYTES: usize = 8;

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;

/// Code of a Destination Unreachable that may pass.
const NETWORK_UNREACHABLE: u8 = 0;
/// Code: the packet was too long and may not be fragmented.
const TOO_BIG: u8 = 4;

/// An ICMP message that means something to this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// An echo request; [`echo_reply`] answers it.
    EchoRequest,
    /// A segment of ours did not arrive.
    Error(SegmentError),
}

/// What an ICMP error says about a TCP segment that we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentError {
    /// Code of a Destination Unreachable (RFC 792). Time Exceeded and Parameter Problem stand here as code 0: trouble on
    /// the way that may pass (RFC 9293 3.9.2.2 counts them among the soft errors).
    pub code: u8,
    /// With code 4: the most bytes of IPv4 that the next link carries; 0 where the router is too old to say (RFC 1191).
    pub mtu_bytes: u16,
    /// Peer's address.
    pub remote_ip: u32,
    /// Own address.
    pub local_ip: u32,
    /// Peer's port.
    pub remote_port: u16,
    /// Own port.
    pub local_port: u16,
    /// Sequence number of the segment.
    pub seq: u32,
}

/// Sum of big-endian 16-bit words, folded, ones' complement: the Internet checksum (RFC 1071). Over data that holds
/// its own right checksum it is 0.
pub fn checksum(data: &[u8]) -> u16 {
    let mut sum = 0u64;
    for pair in data.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Reads an IPv4 header and gives back what follows it, cut to the header's total length.
fn parse_ipv4(packet: &[u8]) -> Option<(Ipv4Header, &[u8])> {
    let header = Ipv4Header::decode(packet.first_chunk()?);
    let header_bytes = usize::from(header.ihl_words) * 4;
    let good = header.version == 4 && header_bytes >= IPV4_BYTES;
    let payload = packet.get(header_bytes..)?;
    good.then_some((header, payload))
}

/// Reads the ICMP message in an Ethernet frame (without a tag); `None` for what is not for us, damaged, or to be
/// ignored in silence (RFC 1122 3.2.2; source quench: RFC 9293 MUST-55).
pub fn parse(frame: &[u8], local_ip: u32) -> Option<Message> {
    let ethernet = EthernetHeader::decode(frame.first_chunk()?);
    if ethernet.ethertype != ETHERTYPE_IPV4 {
        return None;
    }
    let (header, payload) = parse_ipv4(frame.get(ETHERNET_BYTES..)?)?;
    let header_bytes = usize::from(header.ihl_words) * 4;
    let len_bytes = usize::from(header.total_len_bytes).checked_sub(header_bytes)?;
    let message = payload.get(..len_bytes)?;
    let whole = !header.more_fragments && header.fragment_offset == 0;
    // RFC 1122 3.2.1.3: a source must be one host's; 3.2.2: never answer a broadcast's or multicast's sender.
    let from_host = header.src_ip != 0 && !is_group(header.src_ip) && header.src_ip != local_ip;
    if header.protocol != PROTOCOL_ICMP
        || header.dst_ip != local_ip
        || !whole
        || !from_host
        || message.len() < ICMP_BYTES
        || checksum(message) != 0
    {
        return None;
    }
    let (code, mtu_bytes) = match (message[0], message[1]) {
        (ECHO_REQUEST, 0) => return Some(Message::EchoRequest),
        (UNREACHABLE, TOO_BIG) => (TOO_BIG, u16::from_be_bytes([message[6], message[7]])),
        (UNREACHABLE, code) => (code, 0),
        (TIME_EXCEEDED | PARAMETER_PROBLEM, _) => (NETWORK_UNREACHABLE, 0),
        _ => return None,
    };
    // The quoted packet is the one that we sent: its source is us.
    let (quoted, tcp) = parse_ipv4(&message[ICMP_BYTES..])?;
    let tcp: &[u8; QUOTED_TCP_BYTES] = tcp.first_chunk()?;
    if quoted.protocol != PROTOCOL_TCP || quoted.src_ip != local_ip || quoted.fragment_offset != 0 {
        return None;
    }
    Some(Message::Error(SegmentError {
        code,
        mtu_bytes,
        remote_ip: quoted.dst_ip,
        local_ip,
        local_port: u16::from_be_bytes([tcp[0], tcp[1]]),
        remote_port: u16::from_be_bytes([tcp[2], tcp[3]]),
        seq: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]),
    }))
}

/// Turns the frame of an [`Message::EchoRequest`] into its reply, in place, and gives back the reply's length.
///
/// It goes back to the station that it came from, which spares a lookup. Options of the request's IPv4 header are left
/// out (RFC 1122 3.2.2.6 asks for a reversed source route, which no one may use any more: RFC 6274).
pub fn echo_reply(frame: &mut [u8], local_mac: u64) -> Option<usize> {
    let ethernet = EthernetHeader::decode(frame.first_chunk()?);
    let request = Ipv4Header::decode(frame.get(ETHERNET_BYTES..)?.first_chunk()?);
    let old_start = ETHERNET_BYTES + usize::from(request.ihl_words) * 4;
    let end = ETHERNET_BYTES + usize::from(request.total_len_bytes);
    if !is_station(ethernet.src_mac) || old_start > end || end > frame.len() {
        return None;
    }
    let start = ETHERNET_BYTES + IPV4_BYTES;
    frame.copy_within(old_start..end, start);
    let end = start + (end - old_start);
    let message = frame.get_mut(start..end)?;
    *message.first_mut()? = ECHO_REPLY;
    message.get_mut(2..4)?.fill(0);
    let sum = checksum(message);
    message.get_mut(2..4)?.copy_from_slice(&sum.to_be_bytes());

    let mut header = Ipv4Header {
        version: 4,
        ihl_words: (IPV4_BYTES / 4) as u8,
        tos: request.tos,
        total_len_bytes: u16::try_from(end - ETHERNET_BYTES).ok()?,
        dont_fragment: true,
        ttl: TTL_DEFAULT,
        protocol: PROTOCOL_ICMP,
        src_ip: request.dst_ip,
        dst_ip: request.src_ip,
        ..Ipv4Header::default()
    };
    header.checksum = checksum(&header.encode());
    frame[ETHERNET_BYTES..start].copy_from_slice(&header.encode());
    let ethernet = EthernetHeader {
        dst_mac: ethernet.src_mac,
        src_mac: local_mac,
        ethertype: ETHERTYPE_IPV4,
    };
    frame[..ETHERNET_BYTES].copy_from_slice(&ethernet.encode());
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: u64 = 0x0200_0000_0001;
    const IP: u32 = 0xc000_0201;

    /// Written by hand from RFC 791 and 792: echo request of 3 bytes "abc" from 192.0.2.2 to 192.0.2.1, padded to 60
    /// bytes. The checksums, here and in the reply, were worked out outside this crate.
    fn request() -> Vec<u8> {
        let mut frame = vec![
            2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, // Ethernet
            0x45, 0, 0, 31, 0, 1, 0, 0, 64, 1, 0xf6, 0xd9, 192, 0, 2, 2, 192, 0, 2, 1, // IPv4
            8, 0, 0x21, 0x60, 0x12, 0x34, 0, 9, b'a', b'b', b'c', // ICMP
        ];
        frame.resize(60, 0xee);
        frame
    }

    /// An error about a segment from 192.0.2.1:1000 to 198.51.100.7:80, seq 0x01020304.
    fn error(kind: u8, code: u8, rest: [u8; 4]) -> Vec<u8> {
        let mut message = vec![kind, code, 0, 0];
        message.extend(rest);
        message.extend([
            0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7,
        ]);
        message.extend([0x03, 0xe8, 0, 80, 1, 2, 3, 4]);
        let sum = checksum(&message).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
        let mut frame = request()[..34].to_vec();
        frame[17] = (20 + message.len()) as u8;
        frame.extend(message);
        frame
    }

    #[test]
    fn the_rfc_1071_example_sums_up() {
        assert_eq!(
            checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            !0xddf2
        );
        assert_eq!(checksum(&[0xff]), !0xff00, "an odd byte is the high one");
    }

    #[test]
    fn an_echo_request_is_turned_round() {
        let mut frame = request();
        assert_eq!(parse(&frame, IP), Some(Message::EchoRequest));
        let len = echo_reply(&mut frame, MAC).unwrap();
        let expected = [
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, // Ethernet
            0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 1, 0xb6, 0xda, 192, 0, 2, 1, 192, 0, 2,
            2, // IPv4
            0, 0, 0x29, 0x60, 0x12, 0x34, 0, 9, b'a', b'b', b'c', // ICMP
        ];
        assert_eq!(frame[..len], expected);
    }

    #[test]
    fn options_of_the_request_are_left_out_of_the_reply() {
        let mut frame = request();
        frame[14] = 0x46; // one word of options
        frame[17] += 4;
        frame.splice(34..34, [1, 1, 1, 0]);
        assert_eq!(parse(&frame, IP), Some(Message::EchoRequest));
        let len = echo_reply(&mut frame, MAC).unwrap();
        assert_eq!(len, 14 + 20 + 11);
        assert_eq!(&frame[len - 3..len], b"abc");
        assert_eq!(checksum(&frame[14..34]), 0);
        assert_eq!(checksum(&frame[34..len]), 0);
    }

    #[test]
    fn errors_name_the_segment_they_are_about() {
        let expected = |code, mtu_bytes| {
            Some(Message::Error(SegmentError {
                code,
                mtu_bytes,
                remote_ip: 0xc633_6407,
                local_ip: IP,
                remote_port: 80,
                local_port: 1000,
                seq: 0x0102_0304,
            }))
        };
        for code in [0, 1, 2, 3, 5] {
            assert_eq!(parse(&error(3, code, [0; 4]), IP), expected(code, 0));
        }
        assert_eq!(parse(&error(3, 4, [0, 0, 5, 0]), IP), expected(4, 1280));
        assert_eq!(parse(&error(11, 1, [0; 4]), IP), expected(0, 0));
        assert_eq!(parse(&error(12, 2, [0; 4]), IP), expected(0, 0));
        assert_eq!(parse(&error(4, 0, [0; 4]), IP), None, "source quench");
    }

    #[test]
    fn no_cut_or_damaged_frame_is_believed() {
        for frame in [request(), error(3, 3, [0; 4])] {
            let message_end = 14 + usize::from(frame[17]);
            for len in 0..message_end {
                assert_eq!(parse(&frame[..len], IP), None, "cut to {len}");
                echo_reply(&mut frame[..len].to_vec(), MAC);
            }
            for byte in 34..message_end {
                let mut damaged = frame.clone();
                damaged[byte] ^= 0x10;
                assert_eq!(parse(&damaged, IP), None, "bit flipped in byte {byte}");
            }
        }
        for (byte, value) in [
            (20, 0x20), // more fragments
            (21, 1),    // fragment offset
            (23, 17),   // UDP
            (26, 224),  // multicast source
            (30, 10),   // another host's
            (14, 0x65), // version 6
            (14, 0x44), // header too short
        ] {
            let mut frame = request();
            frame[byte] = value;
            assert_eq!(parse(&frame, IP), None, "byte {byte} = {value}");
        }
    }
}
