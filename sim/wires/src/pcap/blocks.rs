//! The newer of the two formats, pcapng (draft-ietf-opsawg-pcapng): blocks, some of which hold frames.
//!
//! A block that holds neither a frame nor what is needed to read one is passed over unread, whatever is in it and however
//! long it is. Of the others, options are read only where they concern frames: what is wrong in the rest (a name that is not
//! UTF-8, an address of the wrong length, a list without end) is no reason to keep the frames back.

use pcap_parser::pcapng::{
    parse_block_be, parse_block_le, parse_option_be, parse_option_le, Block,
    InterfaceDescriptionBlock, OptionCode, PcapNGOption,
};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::PcapError;

use super::input::{Input, Stop};
use super::{cut_to_frame, Captured, FRAME_BYTES_MAX};

/// What a pcapng file starts with: the type of a section header block, the same in both byte orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Types of the blocks that are read, besides the section header block.
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// The byte order mark behind a section header block's length, on a big-endian machine.
const BIG_ENDIAN_MARK: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];

/// The least that each block has: type, length, and the length once more at its end.
const EMPTY_BLOCK_BYTES: usize = 12;

/// A longer block that is to be read is damage, to Wireshark as well.
const BLOCK_BYTES_MAX: usize = 16 << 20;

/// Options that the parser has no names for: of an interface, see [`Interface`];
const IF_FCSLEN: OptionCode = OptionCode(13);
/// and of a frame, in both kinds of packet block that have options.
const PACKET_FLAGS: OptionCode = OptionCode(2);

/// What the frames of an interface have in common.
struct Interface {
    link_type: u32,
    /// How much of each frame is captured; 0: all.
    snap_len_bytes: u32,
    /// if_tsresol: the power of 10 of the ticks in a second, or with the top bit the power of 2.
    resolution: u8,
    /// if_tsoffset: added to each time.
    offset_s: i64,
    /// if_fcslen, which is in bits.
    fcs_len_bytes: usize,
}

/// A frame as its block has it.
struct Packet<'a> {
    interface: u32,
    ticks: u64,
    original_len_bytes: u32,
    data: &'a [u8],
    /// Its FCS, if the block says so itself.
    fcs_len_bytes: Option<usize>,
}

/// The blocks of a pcapng file.
#[derive(Default)]
pub(super) struct Blocks {
    is_big_endian: bool,
    /// Those of the section, by their numbers.
    interfaces: Vec<Interface>,
    /// The block that is read.
    block: Vec<u8>,
}

impl Blocks {
    /// Length of the block that starts here, as far as its header is there.
    pub(super) fn block_len_bytes(&self, bytes: &[u8]) -> Option<usize> {
        let len = bytes.get(4..)?.first_chunk()?;
        Some(u32_of(*len, self.is_big_endian) as usize)
    }

    /// Reads up to the next frame; none at the end.
    pub(super) fn next(
        &mut self,
        input: &mut Input,
        frame: &mut Vec<u8>,
    ) -> Result<Option<Captured>, Stop> {
        while self.read_block(input)? {
            let parse = if self.is_big_endian {
                parse_block_be
            } else {
                parse_block_le
            };
            let Ok((_, block)) = parse(&self.block) else {
                return Err(Stop::Damaged(
                    "a block is too short for what it holds".into(),
                ));
            };
            let packet = match &block {
                Block::SectionHeader(section) => {
                    // Another version may have other blocks.
                    if section.major_version != 1 {
                        return Err(Stop::Damaged(format!(
                            "version {}.{} of pcapng is unknown",
                            section.major_version, section.minor_version
                        )));
                    }
                    self.interfaces.clear();
                    continue;
                }
                Block::InterfaceDescription(description) => {
                    let interface = Interface::of(description, self.is_big_endian);
                    self.interfaces.push(interface);
                    continue;
                }
                Block::EnhancedPacket(packet) => Packet {
                    interface: packet.if_id,
                    ticks: u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low),
                    original_len_bytes: packet.origlen,
                    data: packet.packet_data(),
                    fcs_len_bytes: fcs_len_bytes(&packet.options, self.is_big_endian),
                },
                Block::SimplePacket(packet) => {
                    // It does not say how much of the frame was captured, but for the interface's limit; what it has may be padded.
                    let snap_len_bytes = match self.interfaces.first() {
                        Some(first) if first.snap_len_bytes > 0 => first.snap_len_bytes,
                        _ => u32::MAX,
                    };
                    let len_bytes = packet.origlen.min(snap_len_bytes) as usize;
                    Packet {
                        interface: 0,
                        ticks: 0,
                        original_len_bytes: packet.origlen,
                        data: packet.data.get(..len_bytes).unwrap_or(packet.data),
                        fcs_len_bytes: None,
                    }
                }
                Block::Unknown(block) => obsolete_packet(block.data, self.is_big_endian)
                    .ok_or_else(|| {
                        Stop::Damaged("a packet block is too short for its frame".into())
                    })?,
                _ => continue,
            };
            return captured(&self.interfaces, &packet, frame).map(Some);
        }
        Ok(None)
    }

    /// Reads up to the end of the next block that matters; false at the end.
    fn read_block(&mut self, input: &mut Input) -> Result<bool, Stop> {
        let mut start = [0; EMPTY_BLOCK_BYTES];
        while input.fill_or_end(&mut start)? {
            let [kind, len, mark] =
                std::array::from_fn(|word| [0, 1, 2, 3].map(|byte| start[4 * word + byte]));
            let is_section = kind == MAGIC;
            if is_section {
                self.is_big_endian = mark == BIG_ENDIAN_MARK;
            }
            let len_bytes = u32_of(len, self.is_big_endian) as usize;
            // Each block ends with its length, and none is shorter than what is read of it already.
            let Some(rest_bytes) = len_bytes.checked_sub(EMPTY_BLOCK_BYTES) else {
                return Err(Stop::Damaged(format!(
                    "a block of {len_bytes} bytes, where the least is {EMPTY_BLOCK_BYTES}"
                )));
            };
            let matters = is_section
                || matches!(
                    u32_of(kind, self.is_big_endian),
                    INTERFACE_DESCRIPTION | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
                );
            let mut end = mark;
            if matters {
                if len_bytes > BLOCK_BYTES_MAX {
                    return Err(Stop::Damaged(format!(
                        "a block of {len_bytes} bytes, more than {BLOCK_BYTES_MAX}"
                    )));
                }
                self.block.resize(len_bytes, 0);
                let (head, rest) = self.block.split_at_mut(EMPTY_BLOCK_BYTES);
                head.copy_from_slice(&start);
                input.fill(rest)?;
                if let Some(last) = rest.last_chunk() {
                    end = *last;
                }
            } else if rest_bytes > 0 {
                input.skip(rest_bytes.saturating_sub(end.len()))?;
                input.fill(&mut end)?;
            }
            if end != len {
                return Err(Stop::Damaged(
                    "a block ends with another length than it starts with".into(),
                ));
            }
            if matters {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Puts the packet's frame into `frame`.
fn captured(
    interfaces: &[Interface],
    packet: &Packet<'_>,
    frame: &mut Vec<u8>,
) -> Result<Captured, Stop> {
    let Some(interface) = interfaces.get(packet.interface as usize) else {
        return Err(Stop::Damaged(format!(
            "a frame is of interface {}, which the file does not describe",
            packet.interface
        )));
    };
    if packet.data.len() > FRAME_BYTES_MAX {
        return Err(Stop::Damaged(format!(
            "a block holds {} bytes of a frame, more than {FRAME_BYTES_MAX}",
            packet.data.len()
        )));
    }
    frame.clear();
    frame.extend_from_slice(packet.data);
    let fcs_len_bytes = packet.fcs_len_bytes.unwrap_or(interface.fcs_len_bytes);
    cut_to_frame(frame, packet.original_len_bytes, fcs_len_bytes);
    Ok(Captured {
        time_ns: interface.time_ns(packet.ticks),
        link_type: interface.link_type,
    })
}

/// The frame of the block that the enhanced packet block took the place of, which the parser does not read: interface and
/// lost frames of 16 bits each, then ticks, lengths and the frame.
fn obsolete_packet(body: &[u8], is_big_endian: bool) -> Option<Packet<'_>> {
    let word = |index: usize| {
        let bytes = body.get(4 * index..)?.first_chunk()?;
        Some(u32_of(*bytes, is_big_endian))
    };
    let interface = match word(0)? {
        numbers if is_big_endian => numbers >> 16,
        numbers => numbers & 0xffff,
    };
    let ticks = u64::from(word(1)?) << 32 | u64::from(word(2)?);
    let len_bytes = word(3)? as usize;
    let original_len_bytes = word(4)?;
    let behind = body.get(20..)?;
    let data = behind.get(..len_bytes)?;
    let mut options = Vec::new();
    let mut rest = behind
        .get(len_bytes.next_multiple_of(4)..)
        .unwrap_or_default();
    let parse = if is_big_endian {
        parse_option_be::<PcapError<&[u8]>>
    } else {
        parse_option_le::<PcapError<&[u8]>>
    };
    while let Ok((behind, option)) = parse(rest) {
        options.push(option);
        rest = behind;
    }
    Some(Packet {
        interface,
        ticks,
        original_len_bytes,
        data,
        fcs_len_bytes: fcs_len_bytes(&options, is_big_endian),
    })
}

impl Interface {
    fn of(description: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> Self {
        let mut interface = Self {
            link_type: description.linktype.0 as u32,
            snap_len_bytes: description.snaplen,
            // Microseconds.
            resolution: 6,
            offset_s: 0,
            fcs_len_bytes: 0,
        };
        for option in up_to_end(&description.options) {
            match (option.code, option.as_bytes()) {
                (OptionCode::IfTsresol, Ok([resolution])) => interface.resolution = *resolution,
                (OptionCode::IfTsoffset, Ok(offset)) => {
                    if let Ok(offset) = offset.try_into() {
                        interface.offset_s = if is_big_endian {
                            i64::from_be_bytes(offset)
                        } else {
                            i64::from_le_bytes(offset)
                        };
                    }
                }
                (IF_FCSLEN, Ok([bits])) => interface.fcs_len_bytes = usize::from(*bits / 8),
                _ => {}
            }
        }
        interface
    }

    /// So many ticks in ns since 1970. A time before that is 0, one beyond what 64 bits hold the latest that they do.
    fn time_ns(&self, ticks: u64) -> u64 {
        let exponent = u32::from(self.resolution & 0x7f);
        let base: i128 = if self.resolution & 0x80 == 0 { 10 } else { 2 };
        // Ticks so fine that a second does not fit into 128 bits: no time is left of them.
        let since_offset_ns = base.checked_pow(exponent).map_or(0, |ticks_per_second| {
            i128::from(ticks) * 1_000_000_000 / ticks_per_second
        });
        let ns = since_offset_ns + i128::from(self.offset_s) * 1_000_000_000;
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }
}

/// The options up to opt_endofopt, which may be missing.
fn up_to_end<'a, 'b>(
    options: &'a [PcapNGOption<'b>],
) -> impl Iterator<Item = &'a PcapNGOption<'b>> {
    (options.iter()).take_while(|option| option.code != OptionCode::EndOfOpt)
}

/// How long a frame's FCS is by the frame's own flags: bits 5 to 8, if they are not 0.
fn fcs_len_bytes(options: &[PcapNGOption<'_>], is_big_endian: bool) -> Option<usize> {
    let flags = up_to_end(options).find(|option| option.code == PACKET_FLAGS)?;
    let flags = u32_of(flags.as_bytes().ok()?.try_into().ok()?, is_big_endian);
    match flags >> 5 & 0xf {
        0 => None,
        len_bytes => Some(len_bytes as usize),
    }
}

fn u32_of(bytes: [u8; 4], is_big_endian: bool) -> u32 {
    if is_big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}
