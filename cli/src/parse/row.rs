//! One row of `handclasp parse`: what the gateware decoded of one frame.

use std::fmt::{Display, Formatter, Result};
use std::net::Ipv4Addr;

use handclasp_driver::{Received, SackBlock};
use handclasp_layout::header::{EthernetHeader, Ipv4Header, VlanTag};
use handclasp_layout::queue::{DropReason, RxEvent, Verdict};
use handclasp_layout::register::CounterInfo;

/// The header line.
pub const HEADER: &str =
    "frame\tverdict\tvlan\tsrc\tdst\tproto\tsport\tdport\tseq\tack\tflags\twindow\toptions\t\
                          payload_len\tip_csum\ttcp_csum";

/// Bits of the VLAN identifier in the tag control information (IEEE 802.1Q clause 9.6).
const VLAN_ID_MASK: u16 = 0x0fff;

/// Columns behind the verdict.
const FIELDS: usize = 14;

/// What became of a frame.
pub enum Row {
    /// The NIC wrote an event.
    Event {
        /// What it says.
        received: Box<Received>,
        /// Whether all of the IPv4 packet is there.
        is_whole: bool,
    },
    /// The NIC dropped the frame before it could be decoded; only this counter rose.
    Dropped(CounterInfo),
    /// The frame has no Ethernet header, so no NIC can be given it.
    OtherLinkType,
}

impl Row {
    /// The row of a frame and its event.
    pub fn of(received: Received, frame: &[u8]) -> Self {
        let is_whole = match received.drop_reason {
            DropReason::IpHeader => false,
            // Here the event says nothing of the packet's length.
            DropReason::Oversize => is_packet_whole(frame, received.event().has_vlan),
            _ => true,
        };
        Self::Event {
            received: Box::new(received),
            is_whole,
        }
    }
}

/// Whether the IPv4 packet in a frame ends within it.
fn is_packet_whole(frame: &[u8], has_vlan: bool) -> bool {
    let vlan_bytes = if has_vlan { VlanTag::SIZE_BYTES } else { 0 };
    let packet = (frame.get(EthernetHeader::SIZE_BYTES + vlan_bytes..)).unwrap_or_default();
    let header = packet.first_chunk().map(Ipv4Header::decode);
    header.is_some_and(|header| usize::from(header.total_len_bytes) <= packet.len())
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Row::Event { received, is_whole } => event(f, received, *is_whole),
            Row::Dropped(counter) => write!(f, "{}{}", verdict_of(counter), "\t-".repeat(FIELDS)),
            Row::OtherLinkType => write!(f, "skip:link_type{}", "\t-".repeat(FIELDS)),
        }
    }
}

/// "drop:mac_filter" for the counter `rx_drop_mac_filter`.
fn verdict_of(counter: &CounterInfo) -> String {
    format!("drop:{}", counter.name.trim_start_matches("rx_drop_"))
}

/// The value, or "-" when the frame has none.
fn field(f: &mut Formatter<'_>, present: bool, value: impl Display) -> Result {
    if present {
        write!(f, "\t{value}")
    } else {
        f.write_str("\t-")
    }
}

fn event(f: &mut Formatter<'_>, received: &Received, is_whole: bool) -> Result {
    let event = &received.event();
    let address = received.address().copied().unwrap_or_default();
    match received.drop_reason.counter() {
        Some(counter) => f.write_str(&verdict_of(counter))?,
        None => f.write_str(match received.verdict {
            Verdict::Flow => "flow",
            Verdict::Listen => "listen",
            Verdict::Miss => "miss",
            Verdict::Raw => "raw",
            Verdict::Drop => "drop:unknown",
        })?,
    }
    field(f, event.has_vlan, event.vlan_tci & VLAN_ID_MASK)?;
    field(f, event.is_ipv4, Ipv4Addr::from_bits(address.src_ip))?;
    field(f, event.is_ipv4, Ipv4Addr::from_bits(address.dst_ip))?;
    field(f, event.is_ipv4, event.ip_proto)?;
    field(f, event.is_tcp, address.src_port)?;
    field(f, event.is_tcp, address.dst_port)?;
    field(f, event.is_tcp, event.seq)?;
    field(f, event.is_tcp, event.ack)?;
    field(f, event.is_tcp, format_args!("{:#06x}", event.tcp_flags))?;
    field(f, event.is_tcp, event.window)?;
    f.write_str("\t")?;
    options(f, event, received.sack_blocks())?;
    field(f, event.is_tcp, event.payload_len_bytes)?;
    field(f, event.is_ipv4, checksum(event.ip_checksum_ok))?;
    // Of a segment that is not all there, nobody can say whether its checksum is right.
    field(f, event.is_tcp && is_whole, checksum(event.tcp_checksum_ok))
}

fn checksum(ok: bool) -> &'static str {
    if ok {
        "ok"
    } else {
        "bad"
    }
}

/// The decoded options in a fixed order; each SACK block is an item of its own.
fn options(f: &mut Formatter<'_>, event: &RxEvent, sack: &[SackBlock]) -> Result {
    let mut separator = "";
    let mut item = |f: &mut Formatter<'_>, item: std::fmt::Arguments<'_>| {
        let result = write!(f, "{separator}{item}");
        separator = ",";
        result
    };
    if event.has_mss {
        item(f, format_args!("mss={}", event.mss))?;
    }
    if event.has_window_scale {
        item(f, format_args!("ws={}", event.window_scale))?;
    }
    if event.has_sack_permitted {
        item(f, format_args!("sackok"))?;
    }
    if event.has_timestamps {
        item(f, format_args!("ts={}:{}", event.ts_val, event.ts_ecr))?;
    }
    for block in sack {
        item(f, format_args!("sack={}-{}", block.left, block.right))?;
    }
    if separator.is_empty() {
        f.write_str("-")?;
    }
    Ok(())
}
