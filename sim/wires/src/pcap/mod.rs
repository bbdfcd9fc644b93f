//! Captures, pcap or pcapng, packed with gzip or not: read from their start to their end in constant memory, and as wires.

mod blocks;
mod input;
mod records;
mod replay;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use replay::Replay;

use blocks::Blocks;
use input::{Input, Stop};
use records::Records;

/// The link type of frames with an Ethernet header, among those of <https://www.tcpdump.org/linktypes.html>.
pub const LINKTYPE_ETHERNET: u32 = 1;

/// More than this of a frame is damage, to Wireshark as well (its WTAP_MAX_PACKET_SIZE_STANDARD).
const FRAME_BYTES_MAX: usize = 262_144;

/// Why a capture cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be opened or made, read or written.
    #[error("capture {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The file is something else.
    #[error("{} is no capture: it must be a pcap or pcapng file, which may be packed with gzip", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
    },
    /// The file ends in the middle of a frame or block. All frames before were whole.
    #[error("capture {} is cut off behind {frames} whole frames: what follows them is not all there", path.display())]
    Cut {
        /// The file.
        path: PathBuf,
        /// Frames that were read before.
        frames: u64,
    },
    /// The file does not keep to its format from here on.
    #[error("capture {} is damaged behind {frames} frames: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Frames that were read before.
        frames: u64,
        /// What is wrong.
        what: String,
    },
    /// None of its frames has an Ethernet header.
    #[error("capture {} holds frames of link type {link_type}: only Ethernet (1) can be used", path.display())]
    NotEthernet {
        /// The file.
        path: PathBuf,
        /// What the first of them is.
        link_type: u32,
    },
}

/// What a capture says of a frame besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured {
    /// When, in ns since 1970; 0 where the file holds no time.
    pub time_ns: u64,
    /// What the frame's first header is, see [`LINKTYPE_ETHERNET`].
    pub link_type: u32,
}

enum Format {
    Pcap(Records),
    PcapNg(Blocks),
}

/// The frames of a pcap or pcapng file, in the file's order.
pub struct CaptureReader {
    path: PathBuf,
    input: Input,
    format: Format,
    /// Frames that were read.
    frames: u64,
    /// Whether one of them was Ethernet.
    has_ethernet: bool,
    /// The link type of the first that was not.
    other_link_type: Option<u32>,
    /// Nothing more comes: the end, or an error.
    is_over: bool,
}

impl CaptureReader {
    /// Opens a capture; what it is shows in its first bytes. The file may be a pipe.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        match File::open(path) {
            Ok(file) => Self::new(path, file),
            Err(error) => Err(CaptureError::File {
                path: path.to_owned(),
                error,
            }),
        }
    }

    /// Reads a capture from somewhere; errors name it `path`.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn new(
        path: impl Into<PathBuf>,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, CaptureError> {
        let path = path.into();
        let opened =
            Input::open(Box::new(reader))
                .map_err(Stop::from)
                .and_then(|(magic, mut input)| {
                    let format = if magic == blocks::MAGIC {
                        Some(Format::PcapNg(Blocks::default()))
                    } else {
                        Records::open(&mut input)?.map(Format::Pcap)
                    };
                    Ok((input, format))
                });
        let (input, format) = match opened {
            Ok((input, Some(format))) => (input, format),
            // Shorter than the header of a file.
            Ok((_, None)) | Err(Stop::Cut) => return Err(CaptureError::NotACapture { path }),
            Err(stop) => return Err(stop.in_capture(path, 0)),
        };
        match format {
            Format::Pcap(Records { link_type, .. }) if link_type != LINKTYPE_ETHERNET => {
                Err(CaptureError::NotEthernet { path, link_type })
            }
            format => Ok(Self {
                path,
                input,
                format,
                frames: 0,
                has_ethernet: false,
                other_link_type: None,
                is_over: false,
            }),
        }
    }

    /// Whether the next frame is yet to be read from the file, which takes long if that is a pipe.
    pub fn is_drained(&self) -> bool {
        let buffered = self.input.buffered();
        let next_bytes = match &self.format {
            Format::Pcap(records) => records.record_len_bytes(buffered),
            Format::PcapNg(blocks) => blocks.block_len_bytes(buffered),
        };
        next_bytes.is_none_or(|next_bytes| next_bytes > buffered.len())
    }

    /// Reads the next frame into `frame`: as much as was captured of it, without its FCS. `None` at the end, and after an
    /// error.
    ///
    /// A pcapng file may hold frames of several link types; which one this has is in the result.
    ///
    /// # Errors
    /// [`CaptureError`]; at the end also when there were frames, and none of Ethernet.
    pub fn next(&mut self, frame: &mut Vec<u8>) -> Result<Option<Captured>, CaptureError> {
        if self.is_over {
            return Ok(None);
        }
        let read = match &mut self.format {
            Format::Pcap(records) => records.next(&mut self.input, frame),
            Format::PcapNg(blocks) => blocks.next(&mut self.input, frame),
        };
        self.is_over = !matches!(read, Ok(Some(_)));
        let read = read.map_err(|stop| stop.in_capture(self.path.clone(), self.frames))?;
        match (read, self.other_link_type) {
            (Some(captured), _) => {
                self.frames += 1;
                if captured.link_type == LINKTYPE_ETHERNET {
                    self.has_ethernet = true;
                } else {
                    self.other_link_type.get_or_insert(captured.link_type);
                }
                Ok(Some(captured))
            }
            (None, Some(link_type)) if !self.has_ethernet => Err(CaptureError::NotEthernet {
                path: self.path.clone(),
                link_type,
            }),
            (None, _) => Ok(None),
        }
    }
}

impl Stop {
    fn in_capture(self, path: PathBuf, frames: u64) -> CaptureError {
        match self {
            Self::Cut => CaptureError::Cut { path, frames },
            Self::Damaged(what) => CaptureError::Damaged { path, frames, what },
            Self::Io(error) => CaptureError::File { path, error },
        }
    }
}

/// Takes away the FCS, or what was captured of it.
fn cut_to_frame(frame: &mut Vec<u8>, original_len_bytes: u32, fcs_len_bytes: usize) {
    if fcs_len_bytes > 0 {
        frame.truncate((original_len_bytes as usize).saturating_sub(fcs_len_bytes));
    }
}
