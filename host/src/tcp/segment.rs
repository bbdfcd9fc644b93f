//! What a segment says, decoded: the NIC has parsed it, or is to build it.

use super::seq::SeqNumber;
use handclasp_driver::dma::{DmaRegion, OutOfRange};
use handclasp_layout::header::tcp_flags;

/// A range of octets that the receiver holds (RFC 2018 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SackBlock {
    /// First octet.
    pub left: SeqNumber,
    /// First octet behind it.
    pub right: SeqNumber,
}

/// The SACK blocks of a segment, in the order on the wire; at most [`SackBlocks::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SackBlocks {
    blocks: [SackBlock; Self::MAX],
    count: u8,
}

impl SackBlocks {
    /// Most blocks that fit into the options of a TCP header (RFC 2018 3).
    pub const MAX: usize = 4;

    /// Adds a block at the end; does nothing when there is no room.
    pub fn push(&mut self, block: SackBlock) {
        if let Some(place) = self.blocks.get_mut(usize::from(self.count)) {
            *place = block;
            self.count += 1;
        }
    }

    /// The blocks.
    pub fn as_slice(&self) -> &[SackBlock] {
        &self.blocks[..usize::from(self.count)]
    }

    /// No block.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl FromIterator<SackBlock> for SackBlocks {
    fn from_iter<I: IntoIterator<Item = SackBlock>>(blocks: I) -> Self {
        let mut all = Self::default();
        for block in blocks.into_iter().take(Self::MAX) {
            all.push(block);
        }
        all
    }
}

/// The options of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// Maximum segment size, in bytes (RFC 9293 3.7.1; only with SYN).
    pub mss: Option<u16>,
    /// Window scale: the shift count as sent, so it may exceed 14 (RFC 7323 2.2; only with SYN).
    pub window_scale: Option<u8>,
    /// SACK permitted (RFC 2018 2; only with SYN).
    pub sack_permitted: bool,
    /// TSval and TSecr (RFC 7323 3.2).
    pub timestamps: Option<(u32, u32)>,
    /// SACK blocks (RFC 2018 3).
    pub sack: SackBlocks,
}

impl Options {
    /// Bytes that these options take in a header that the NIC builds: each is padded to whole words.
    pub fn len_bytes(&self) -> u16 {
        let sack = match self.sack.as_slice().len() {
            0 => 0,
            blocks => 4 + 8 * blocks as u16,
        };
        4 * (u16::from(self.mss.is_some())
            + u16::from(self.window_scale.is_some())
            + u16::from(self.sack_permitted))
            + 12 * u16::from(self.timestamps.is_some())
            + sack
    }
}

/// One segment, without the bytes of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Segment {
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK; means something only with the flag ACK.
    pub ack: SeqNumber,
    /// Flags, as in `handclasp_layout::header::tcp_flags`.
    pub flags: u16,
    /// Window field as on the wire, not scaled.
    pub window: u16,
    /// Urgent pointer; means something only with the flag URG.
    pub urgent: u16,
    /// Options.
    pub options: Options,
    /// Bytes of payload.
    pub payload_len_bytes: u16,
}

impl Segment {
    /// The flag SYN.
    pub const fn syn(&self) -> bool {
        self.flags & tcp_flags::SYN != 0
    }

    /// The flag FIN.
    pub const fn fin(&self) -> bool {
        self.flags & tcp_flags::FIN != 0
    }

    /// The flag RST.
    pub const fn rst(&self) -> bool {
        self.flags & tcp_flags::RST != 0
    }

    /// The flag ACK.
    pub const fn has_ack(&self) -> bool {
        self.flags & tcp_flags::ACK != 0
    }

    /// The flag URG.
    pub const fn urg(&self) -> bool {
        self.flags & tcp_flags::URG != 0
    }

    /// SEG.LEN: octets of sequence space, SYN and FIN included (RFC 9293 3.4).
    pub const fn len(&self) -> u32 {
        self.payload_len_bytes as u32 + self.syn() as u32 + self.fin() as u32
    }

    /// SEG.LEN is 0.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sequence number behind its last octet.
    pub fn end(&self) -> SeqNumber {
        self.seq + self.len()
    }

    /// Sequence number of the first octet of the payload (a SYN stands before it).
    pub fn text_seq(&self) -> SeqNumber {
        self.seq + u32::from(self.syn())
    }
}

/// Where payload to send lies in the connection's send buffer: contiguous, so that the NIC reads it in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendSlice {
    /// First byte, counted from the start of the send buffer's region.
    pub offset: usize,
    /// Bytes.
    pub len_bytes: usize,
}

/// A segment to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its header.
    pub segment: Segment,
    /// Its payload; `None` when there is none.
    pub payload: Option<SendSlice>,
}

/// The payload of an arriving segment, wherever it lies.
pub trait PayloadSource {
    /// Copies `len_bytes` that begin at `offset` of the payload to `to_offset` of `to`.
    ///
    /// # Errors
    /// [`OutOfRange`]; the connection then treats the segment's text as lost, and the peer sends it again.
    fn copy_to(
        &self,
        offset: usize,
        to: &DmaRegion,
        to_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange>;
}

impl PayloadSource for &[u8] {
    fn copy_to(
        &self,
        offset: usize,
        to: &DmaRegion,
        to_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange> {
        let part = offset
            .checked_add(len_bytes)
            .and_then(|end| self.get(offset..end))
            .ok_or(OutOfRange {
                offset,
                len_bytes,
                size_bytes: self.len(),
            })?;
        to.write(to_offset, part)
    }
}

impl<const N: usize> PayloadSource for [u8; N] {
    fn copy_to(
        &self,
        offset: usize,
        to: &DmaRegion,
        to_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange> {
        self.as_slice().copy_to(offset, to, to_offset, len_bytes)
    }
}

impl PayloadSource for Vec<u8> {
    fn copy_to(
        &self,
        offset: usize,
        to: &DmaRegion,
        to_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange> {
        self.as_slice().copy_to(offset, to, to_offset, len_bytes)
    }
}
