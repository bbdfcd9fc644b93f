//! Frames of TCP segments that software builds: byte for byte what the NIC builds from the command for the same segment.
//!
//! Only connections that have no place in the NIC's flow table are served so.
//!
//! ```text
//!   Ethernet 14 | IPv4 20 | TCP 20 | options 0 to 40 | payload      (bytes)
//! ```

use handclasp_layout::header::{
    tcp_option, EthernetHeader, Ipv4Header, TcpHeader, ETHERTYPE_IPV4, MTU_BYTES, PROTOCOL_TCP,
};

use crate::icmp::checksum;
use crate::stack::Tuple;
use crate::tcp::{Options, Segment};

const ETHERNET_BYTES: usize = EthernetHeader::SIZE_BYTES;
const IPV4_BYTES: usize = Ipv4Header::SIZE_BYTES;
const TCP_BYTES: usize = TcpHeader::SIZE_BYTES;

/// Longest frame that [`write_headers`] completes, in bytes.
pub const FRAME_MAX_BYTES: usize = ETHERNET_BYTES + MTU_BYTES;

/// What the headers say beyond the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Own MAC address.
    pub src_mac: u64,
    /// MAC address of the next hop.
    pub dst_mac: u64,
    /// The connection.
    pub tuple: Tuple,
    /// Time to live.
    pub ttl: u8,
    /// DSCP and ECN.
    pub tos: u8,
    /// Identification of the IPv4 header. It need not be unique: nobody fragments the packet (RFC 6864 4.1).
    pub identification: u16,
}

/// Bytes of a segment's frame that stand before its payload.
pub fn headers_len_bytes(segment: &Segment) -> usize {
    ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES + usize::from(segment.options.len_bytes())
}

/// Completes a frame in which the payload already stands, behind [`headers_len_bytes`] bytes: writes these, with both checksums.
///
/// `None` when that cannot be: the frame is shorter than its headers or longer than [`FRAME_MAX_BYTES`], or the options are too
/// long for a TCP header. (The NIC answers such a command with BadCommand.)
pub fn write_headers(frame: &mut [u8], envelope: &Envelope, segment: &Segment) -> Option<()> {
    let header_bytes = TCP_BYTES + usize::from(segment.options.len_bytes());
    let data_offset_words = u8::try_from(header_bytes / 4).ok().filter(|w| *w <= 15)?;
    if frame.len() > FRAME_MAX_BYTES {
        return None;
    }
    let tuple = &envelope.tuple;
    let (ethernet, packet) = frame.split_first_chunk_mut()?;
    *ethernet = EthernetHeader {
        dst_mac: envelope.dst_mac,
        src_mac: envelope.src_mac,
        ethertype: ETHERTYPE_IPV4,
    }
    .encode();

    // At most the MTU.
    let total_len_bytes = packet.len() as u16;
    let (ip, tcp) = packet.split_first_chunk_mut::<IPV4_BYTES>()?;
    let mut header = Ipv4Header {
        version: 4,
        ihl_words: (IPV4_BYTES / 4) as u8,
        tos: envelope.tos,
        total_len_bytes,
        identification: envelope.identification,
        dont_fragment: true,
        ttl: envelope.ttl,
        protocol: PROTOCOL_TCP,
        src_ip: tuple.local_ip,
        dst_ip: tuple.remote_ip,
        ..Ipv4Header::default()
    };
    header.checksum = checksum(&header.encode());
    *ip = header.encode();

    let mut header = TcpHeader {
        src_port: tuple.local_port,
        dst_port: tuple.remote_port,
        seq: segment.seq.0,
        ack: segment.ack.0,
        data_offset_words,
        tcp_flags: segment.flags,
        window: segment.window,
        ..TcpHeader::default()
    };
    write_options(tcp.get_mut(TCP_BYTES..header_bytes)?, &segment.options)?;
    *tcp.first_chunk_mut()? = header.encode();
    header.checksum = tcp_checksum(tuple, tcp);
    *tcp.first_chunk_mut()? = header.encode();
    Some(())
}

/// Checksum over the pseudo-header and a segment whose checksum field is 0 (RFC 9293 3.1).
fn tcp_checksum(tuple: &Tuple, segment: &[u8]) -> u16 {
    let mut pseudo = [0; 12];
    pseudo[..4].copy_from_slice(&tuple.local_ip.to_be_bytes());
    pseudo[4..8].copy_from_slice(&tuple.remote_ip.to_be_bytes());
    pseudo[9] = PROTOCOL_TCP;
    pseudo[10..].copy_from_slice(&(segment.len() as u16).to_be_bytes());
    let (sum, carry) = (!checksum(&pseudo)).overflowing_add(!checksum(segment));
    !(sum.wrapping_add(carry.into()))
}

/// Fills `place`, as long as [`Options::len_bytes`] says: each option padded in front to whole words, in the NIC's order.
fn write_options(place: &mut [u8], options: &Options) -> Option<()> {
    use tcp_option::*;
    let mut rest = place;
    let mut put = |bytes: &[u8]| {
        let (place, behind) = std::mem::take(&mut rest).split_at_mut_checked(bytes.len())?;
        place.copy_from_slice(bytes);
        rest = behind;
        Some(())
    };
    if let Some(mss) = options.mss {
        put(&[MSS, MSS_BYTES])?;
        put(&mss.to_be_bytes())?;
    }
    if let Some(shift) = options.window_scale {
        put(&[NOP, WINDOW_SCALE, WINDOW_SCALE_BYTES, shift])?;
    }
    if options.sack_permitted {
        put(&[NOP, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES])?;
    }
    if let Some((ts_val, ts_ecr)) = options.timestamps {
        put(&[NOP, NOP, TIMESTAMPS, TIMESTAMPS_BYTES])?;
        put(&ts_val.to_be_bytes())?;
        put(&ts_ecr.to_be_bytes())?;
    }
    if let blocks @ [_, ..] = options.sack.as_slice() {
        put(&[NOP, NOP, SACK, 2 + SACK_BLOCK_BYTES * blocks.len() as u8])?;
        for block in blocks {
            put(&block.left.0.to_be_bytes())?;
            put(&block.right.0.to_be_bytes())?;
        }
    }
    Some(())
}
