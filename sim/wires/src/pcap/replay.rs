//! A capture as a wire: its frames arrive at their recorded times.

use std::path::Path;

use super::{CaptureError, CaptureReader, LINKTYPE_ETHERNET};
use crate::Wire;

/// A capture played back: its Ethernet frames arrive spaced as recorded, the first one when first asked for. What is sent is
/// lost.
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
        let next_ns = next_ethernet(&mut reader, &mut next)?;
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
        let next_ns = next_ethernet(&mut self.reader, &mut self.next);
        self.next_ns = next_ns.unwrap_or_else(|error| {
            self.error = Some(error);
            None
        });
        true
    }

    fn deadline(&self) -> Option<u64> {
        self.due_ns()
    }
}

/// Reads the next frame that a NIC can be given, and returns its time.
fn next_ethernet(
    reader: &mut CaptureReader,
    frame: &mut Vec<u8>,
) -> Result<Option<u64>, CaptureError> {
    while let Some(captured) = reader.next(frame)? {
        if captured.link_type == LINKTYPE_ETHERNET {
            return Ok(Some(captured.time_ns));
        }
    }
    Ok(None)
}
