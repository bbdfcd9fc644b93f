//! Captures as wires: frames from a pcap or pcapng file arrive at their recorded times.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError, TsResolution};

use super::Wire;

/// What a pcapng file starts with: the type of a section header block.
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Why a capture cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be opened or made.
    #[error("capture {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The file is not a capture, or damaged from here on.
    #[error("capture {} after {frames} frames: {error}; it must be a pcap or pcapng file", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Frames that were read or written before.
        frames: u64,
        /// What is wrong.
        error: PcapError,
    },
    /// The frames have no Ethernet header.
    #[error("capture {} holds frames of link type {found:?}: only Ethernet can be used", path.display())]
    NotEthernet {
        /// The file.
        path: PathBuf,
        /// What they are.
        found: DataLink,
    },
}

enum Format {
    Pcap(PcapReader<File>),
    PcapNg(PcapNgReader<File>),
}

/// The frames of a pcap or pcapng file, in the file's order.
pub struct CaptureReader {
    path: PathBuf,
    format: Format,
    frames: u64,
}

impl CaptureReader {
    /// Opens a capture of Ethernet frames; which of the two formats it has is seen from its first bytes.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref().to_owned();
        let opened = open(&path);
        let (file, is_pcapng) = opened.map_err(|error| CaptureError::File {
            path: path.clone(),
            error,
        })?;
        let format = if is_pcapng {
            PcapNgReader::new(file).map(Format::PcapNg)
        } else {
            PcapReader::new(file).map(Format::Pcap)
        };
        let format = format.map_err(|error| CaptureError::Format {
            path: path.clone(),
            frames: 0,
            error,
        })?;
        let reader = Self {
            path,
            format,
            frames: 0,
        };
        if let Format::Pcap(pcap) = &reader.format {
            reader.check_ethernet(pcap.header().datalink)?;
        }
        Ok(reader)
    }

    fn check_ethernet(&self, found: DataLink) -> Result<(), CaptureError> {
        if found == DataLink::ETHERNET {
            Ok(())
        } else {
            Err(CaptureError::NotEthernet {
                path: self.path.clone(),
                found,
            })
        }
    }

    /// Reads the next frame into `frame` (as much as was captured of it) and returns its time in ns since 1970 (0 where
    /// the file holds none); `None` at the end.
    ///
    /// # Errors
    /// [`CaptureError`]: then the file is damaged from here on.
    pub fn next(&mut self, frame: &mut Vec<u8>) -> Result<Option<u64>, CaptureError> {
        let read = match &mut self.format {
            Format::Pcap(reader) => {
                read_pcap(reader, frame).map(|time| time.map(|time| (time, None)))
            }
            Format::PcapNg(reader) => read_pcapng(reader, frame),
        };
        let read = read.map_err(|error| CaptureError::Format {
            path: self.path.clone(),
            frames: self.frames,
            error,
        })?;
        let Some((time_ns, link)) = read else {
            return Ok(None);
        };
        if let Some(link) = link {
            self.check_ethernet(link)?;
        }
        self.frames += 1;
        Ok(Some(time_ns))
    }
}

fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut file = File::open(path)?;
    let mut magic = [0; 4];
    let is_pcapng = match file.read_exact(&mut magic) {
        Ok(()) => magic == PCAPNG_MAGIC,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(error),
    };
    file.rewind()?;
    Ok((file, is_pcapng))
}

fn read_pcap(reader: &mut PcapReader<File>, frame: &mut Vec<u8>) -> Result<Option<u64>, PcapError> {
    let unit_ns = match reader.header().ts_resolution {
        TsResolution::MicroSecond => 1000,
        TsResolution::NanoSecond => 1,
    };
    // The raw packet: its lengths are checked against the file, but not against the header's snapshot length, which
    // captures in the wild get wrong.
    let Some(packet) = reader.next_raw_packet().transpose()? else {
        return Ok(None);
    };
    replace(frame, &packet.data);
    let seconds_ns = u64::from(packet.ts_sec) * 1_000_000_000;
    Ok(Some(seconds_ns + u64::from(packet.ts_frac) * unit_ns))
}

/// Time and link type of the next frame.
fn read_pcapng(
    reader: &mut PcapNgReader<File>,
    frame: &mut Vec<u8>,
) -> Result<Option<(u64, Option<DataLink>)>, PcapError> {
    loop {
        let Some(block) = reader.next_block().transpose()? else {
            return Ok(None);
        };
        let (interface, ticks) = match block {
            Block::EnhancedPacket(packet) => {
                replace(frame, &packet.data);
                // The crate hands the file's ticks on as if they were ns.
                (packet.interface_id, packet.timestamp.as_nanos() as u64)
            }
            Block::SimplePacket(packet) => {
                // It may be padded to a whole number of words; the frame is not.
                let len = packet.data.len().min(packet.original_len as usize);
                replace(frame, &packet.data[..len]);
                (0, 0)
            }
            _ => continue,
        };
        let interface = reader
            .interfaces()
            .get(interface as usize)
            .ok_or(PcapError::InvalidInterfaceId(interface))?;
        return Ok(Some((
            ticks_to_ns(ticks, interface),
            Some(interface.linktype),
        )));
    }
}

fn replace(frame: &mut Vec<u8>, data: &[u8]) {
    frame.clear();
    frame.extend_from_slice(data);
}

/// if_tsresol (pcapng, section 4.2): the power of 10 of the ticks in a second, or with the top bit the power of 2;
/// microseconds without it.
fn ticks_to_ns(ticks: u64, interface: &InterfaceDescriptionBlock<'_>) -> u64 {
    let mut resolution = 6;
    for option in &interface.options {
        if let InterfaceDescriptionOption::IfTsResol(value) = option {
            resolution = *value;
        }
    }
    let exponent = u32::from(resolution & 0x7f);
    let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
    // Ticks so fine that a second does not fit into 128 bits: all times are 0.
    let ns = base.checked_pow(exponent).map_or(0, |ticks_per_second| {
        u128::from(ticks) * 1_000_000_000 / ticks_per_second
    });
    u64::try_from(ns).unwrap_or(u64::MAX)
}

/// A capture played back: frames arrive spaced as recorded, the first one when first asked for. What is sent is lost.
pub struct Replay {
    reader: CaptureReader,
    next: Vec<u8>,
    /// Recorded time of `next`; none at the end.
    next_ns: Option<u64>,
    first_ns: u64,
    /// When the first frame arrived.
    start_ns: Option<u64>,
    error: Option<CaptureError>,
}

impl Replay {
    /// Opens the capture and reads its first frame.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let mut reader = CaptureReader::open(path)?;
        let mut next = Vec::new();
        let next_ns = reader.next(&mut next)?;
        Ok(Self {
            reader,
            next,
            next_ns,
            first_ns: next_ns.unwrap_or(0),
            start_ns: None,
            error: None,
        })
    }

    /// Why the replay ended before the end of the file, if it did.
    pub fn error(&self) -> Option<&CaptureError> {
        self.error.as_ref()
    }

    fn due_ns(&self) -> Option<u64> {
        // A capture need not be in the order of its times: a frame from before the first is due at once.
        let since_first = self.next_ns?.saturating_sub(self.first_ns);
        Some(self.start_ns.unwrap_or(0).saturating_add(since_first))
    }
}

impl Wire for Replay {
    fn send(&mut self, _frame: &[u8], _at_ns: u64) {}

    fn receive(&mut self, buffer: &mut Vec<u8>, at_ns: u64) -> bool {
        self.start_ns.get_or_insert(at_ns);
        if self.due_ns().is_none_or(|due_ns| due_ns > at_ns) {
            return false;
        }
        std::mem::swap(buffer, &mut self.next);
        self.next_ns = self.reader.next(&mut self.next).unwrap_or_else(|error| {
            self.error = Some(error);
            None
        });
        true
    }

    fn deadline(&self) -> Option<u64> {
        self.due_ns()
    }
}
