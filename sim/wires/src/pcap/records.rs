//! The older of the two formats, pcap (draft-ietf-opsawg-pcap): a file header, then a record a frame.

use pcap_parser::pcap::parse_pcap_header;

use super::input::{Input, Stop};
use super::{cut_to_frame, Captured, FRAME_BYTES_MAX};

/// Size of the file header.
const FILE_HEADER_BYTES: usize = 24;
/// Size of a record's header: seconds, fraction, captured length, length on the wire.
const RECORD_HEADER_BYTES: usize = 16;
/// What a "modified" file, as old Linux distributions wrote them, has in each record's header behind that.
const MODIFIED_HEADER_BYTES: usize = 8;

/// The first bytes of the files that big-endian machines write: microseconds, and "modified".
const MAGIC_BIG_ENDIAN: [u8; 4] = [0xa1, 0xb2, 0xc3, 0xd4];
const MAGIC_MODIFIED_BIG_ENDIAN: [u8; 4] = [0xa1, 0xb2, 0xcd, 0x34];

/// The link type's bits in the file header's last word; above them is what follows of the FCS.
const LINK_TYPE_MASK: u32 = 0x03ff_ffff;
/// Set when the word's upper 4 bits say how long the FCS is, in units of 16 bits.
const FCS_PRESENT: u32 = 0x0400_0000;

/// The records of a pcap file.
pub(super) struct Records {
    is_big_endian: bool,
    /// What the fraction of a second counts.
    fraction_ns: u64,
    record_header_bytes: usize,
    /// The format's version: major, minor.
    version: (u16, u16),
    /// The link type of all frames.
    pub(super) link_type: u32,
    fcs_len_bytes: usize,
}

impl Records {
    /// Reads the file header; none if it is not that of a pcap file.
    pub(super) fn open(input: &mut Input) -> Result<Option<Self>, Stop> {
        let mut header = [0; FILE_HEADER_BYTES];
        input.fill(&mut header)?;
        let is_modified_big_endian = header.starts_with(&MAGIC_MODIFIED_BIG_ENDIAN);
        if is_modified_big_endian {
            // The parser knows this one only from little-endian machines.
            header[..4].copy_from_slice(&MAGIC_BIG_ENDIAN);
        }
        let Ok((_, header)) = parse_pcap_header(&header) else {
            return Ok(None);
        };
        let is_modified = is_modified_big_endian || header.is_modified_format();
        let network = header.network.0 as u32;
        let fcs_len_bytes = match network & FCS_PRESENT {
            0 => 0,
            _ => 2 * (network >> 28) as usize,
        };
        Ok(Some(Self {
            is_big_endian: header.is_bigendian(),
            fraction_ns: if header.is_nanosecond_precision() {
                1
            } else {
                1000
            },
            record_header_bytes: if is_modified {
                RECORD_HEADER_BYTES + MODIFIED_HEADER_BYTES
            } else {
                RECORD_HEADER_BYTES
            },
            version: (header.version_major, header.version_minor),
            link_type: network & LINK_TYPE_MASK,
            fcs_len_bytes,
        }))
    }

    /// Length of the record that starts here, as far as its header is there.
    pub(super) fn record_len_bytes(&self, bytes: &[u8]) -> Option<usize> {
        let header = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        let [_, _, captured_len, _] = self.numbers(header);
        Some(self.record_header_bytes + captured_len as usize)
    }

    /// Reads the next frame; none at the end.
    pub(super) fn next(
        &self,
        input: &mut Input,
        frame: &mut Vec<u8>,
    ) -> Result<Option<Captured>, Stop> {
        let mut header = [0; RECORD_HEADER_BYTES];
        if !input.fill_or_end(&mut header)? {
            return Ok(None);
        }
        input.skip(self.record_header_bytes - RECORD_HEADER_BYTES)?;
        let [seconds, fraction, captured_len, original_len] = self.numbers(&header);
        // The header's snapshot length is no limit: captures in the wild get it wrong.
        if captured_len as usize > FRAME_BYTES_MAX {
            return Err(Stop::Damaged(format!(
                "a record says that it holds {captured_len} bytes of a frame, more than {FRAME_BYTES_MAX}"
            )));
        }
        frame.resize(captured_len as usize, 0);
        input.fill(frame)?;
        cut_to_frame(frame, original_len, self.fcs_len_bytes);
        Ok(Some(Captured {
            time_ns: u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.fraction_ns,
            link_type: self.link_type,
        }))
    }

    /// Seconds, fraction, captured length and length on the wire out of a record's header.
    fn numbers(&self, header: &[u8; RECORD_HEADER_BYTES]) -> [u32; 4] {
        let word = |at: usize| {
            let bytes = std::array::from_fn(|byte| header[at + byte]);
            if self.is_big_endian {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            }
        };
        let (captured_len, original_len) = (word(8), word(12));
        // Before version 2.3 the two lengths stood in the other order. Some programs kept it in 2.3, where it shows only when
        // more was captured than there was.
        let is_swapped = match self.version {
            (2, 0..=2) => true,
            (2, 3) => captured_len > original_len,
            _ => false,
        };
        if is_swapped {
            [word(0), word(4), original_len, captured_len]
        } else {
            [word(0), word(4), captured_len, original_len]
        }
    }
}
