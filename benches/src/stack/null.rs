//! No stack: what the harness and its meter cost by themselves.

use super::in_memory::{Ends, InMemory};
use crate::meter::End;
use crate::BenchError;

pub(super) const NAME: &str = "null";

/// Ends that do nothing, in as many sections as a handshake, an echo, a transfer or a close has.
#[derive(Debug, Default)]
pub struct Null {
    client: NullEnd,
    server: NullEnd,
    /// Segments of the handshake that are still to be pretended.
    handshake: u32,
}

#[derive(Debug, Default)]
struct NullEnd {
    arriving: bool,
    readable_bytes: usize,
}

impl Null {
    /// Two ends of nothing.
    pub fn new() -> InMemory<Self> {
        InMemory::new(Self::default())
    }

    fn end(&mut self, end: End) -> &mut NullEnd {
        match end {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        }
    }
}

impl Ends for Null {
    const NAME: &'static str = NAME;
    const MOVES_BYTES: bool = false;

    fn prepare(&mut self, _: u64) -> Result<(), BenchError> {
        Ok(())
    }

    fn connect(&mut self, _: u64) -> Result<(), BenchError> {
        self.server.arriving = true;
        self.handshake = 2;
        Ok(())
    }

    fn is_established(&mut self, _: End) -> Result<bool, BenchError> {
        Ok(self.handshake == 0)
    }

    fn poll(&mut self, end: End, _: u64) -> Result<(), BenchError> {
        if self.handshake > 0 {
            self.handshake -= 1;
            self.end(end.peer()).arriving = true;
        }
        Ok(())
    }

    fn send(&mut self, end: End, _: u64, data: &[u8]) -> Result<usize, BenchError> {
        let peer = self.end(end.peer());
        peer.arriving = true;
        peer.readable_bytes += data.len();
        Ok(data.len())
    }

    fn receive(&mut self, end: End, out: &mut [u8]) -> Result<usize, BenchError> {
        let end = self.end(end);
        let count = end.readable_bytes.min(out.len());
        end.readable_bytes -= count;
        Ok(count)
    }

    fn is_at_end(&mut self, _: End) -> Result<bool, BenchError> {
        Ok(true)
    }

    fn close(&mut self, end: End, _: u64) -> Result<(), BenchError> {
        self.end(end.peer()).arriving = true;
        Ok(())
    }

    fn carry(&mut self, to: End, _: u64) -> Result<bool, BenchError> {
        Ok(std::mem::take(&mut self.end(to).arriving))
    }
}
