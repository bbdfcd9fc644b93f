//! Records what another wire carries, both directions, as pcapng with times in ns.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, PcapError};

use super::pcap::CaptureError;
use super::Wire;

/// Which way a frame went, as seen by the NIC: epb_flags, bits 0 and 1 (pcapng, section 4.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the wire to the NIC.
    Inbound = 1,
    /// From the NIC to the wire.
    Outbound = 2,
}

/// A pcapng file that is being written. Clones write to the same file.
#[derive(Clone)]
pub struct CaptureFile {
    state: Arc<Mutex<State>>,
}

struct State {
    path: PathBuf,
    writer: PcapNgWriter<BufWriter<File>>,
    epoch_ns: u64,
    frames: u64,
    /// The first error; nothing is written after it.
    error: Option<io::Error>,
}

impl CaptureFile {
    /// Makes the file. `epoch_ns` is the time of the frames' 0 in ns since 1970; 0 for simulated time.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn create(path: impl AsRef<Path>, epoch_ns: u64) -> Result<Self, CaptureError> {
        let path = path.as_ref().to_owned();
        let file = File::create(&path).map_err(|error| CaptureError::File {
            path: path.clone(),
            error,
        })?;
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName("handclasp0".into()),
                // 10^-9 s.
                InterfaceDescriptionOption::IfTsResol(9),
            ],
        };
        let writer = PcapNgWriter::new(BufWriter::new(file)).and_then(|mut writer| {
            writer.write_block(&interface.into_block())?;
            Ok(writer)
        });
        let writer = writer.map_err(|error| CaptureError::File {
            path: path.clone(),
            error: io_error(error),
        })?;
        let state = State {
            path,
            writer,
            epoch_ns,
            frames: 0,
            error: None,
        };
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a frame. An error is kept for [`CaptureFile::finish`].
    pub fn write(&self, frame: &[u8], at_ns: u64, direction: Direction) {
        let mut state = self.state();
        if state.error.is_some() {
            return;
        }
        let packet = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_nanos(state.epoch_ns.saturating_add(at_ns)),
            original_len: frame.len() as u32,
            data: Cow::Borrowed(frame),
            options: vec![EnhancedPacketOption::Flags(direction as u32)],
        };
        match state.writer.write_pcapng_block(packet) {
            Ok(_) => state.frames += 1,
            Err(error) => state.error = Some(io_error(error)),
        }
    }

    /// Brings all that was written so far to the file, and returns the number of frames.
    ///
    /// # Errors
    /// The first error since the file was made.
    pub fn finish(&self) -> Result<u64, CaptureError> {
        let mut state = self.state();
        let flushed = match state.error.take() {
            Some(error) => Err(error),
            None => state.writer.get_mut().flush(),
        };
        flushed.map_err(|error| CaptureError::File {
            path: state.path.clone(),
            error,
        })?;
        Ok(state.frames)
    }
}

/// The system's answer out of the writer's error.
fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        error => io::Error::other(error),
    }
}

/// A wire whose frames are recorded: those sent as outbound, those received as inbound.
pub struct Capture<W> {
    inner: W,
    file: CaptureFile,
}

impl<W: Wire> Capture<W> {
    /// Records what `inner` carries.
    pub fn new(inner: W, file: CaptureFile) -> Self {
        Self { inner, file }
    }
}

impl<W: Wire> Wire for Capture<W> {
    fn send(&mut self, frame: &[u8], at_ns: u64) {
        self.file.write(frame, at_ns, Direction::Outbound);
        self.inner.send(frame, at_ns);
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, at_ns: u64) -> bool {
        let arrived = self.inner.receive(buffer, at_ns);
        if arrived {
            self.file.write(buffer, at_ns, Direction::Inbound);
        }
        arrived
    }

    fn deadline(&self) -> Option<u64> {
        self.inner.deadline()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.poll_fd()
    }
}
