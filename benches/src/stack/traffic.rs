//! What is sent, and what arrived.

use crate::meter::End;
use crate::BenchError;

/// Windows of the source that are not alike.
const WINDOWS: usize = 4096;

/// Bytes to send, and where they arrive.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Bytes that do not repeat; what is sent is a window of them.
    source: Vec<u8>,
    /// Where the window begins: moved each time, so that nothing left behind looks like what was sent.
    begin: usize,
    pub(super) at_client: Vec<u8>,
    pub(super) at_server: Vec<u8>,
}

impl Traffic {
    /// Other bytes than the last time.
    pub(super) fn prepare(&mut self, size_bytes: usize) {
        // A counter times the golden ratio: its top bytes lie as if by chance.
        let random = |counter: usize| ((counter as u32).wrapping_mul(0x9e37_79b1) >> 24) as u8;
        let filled = self.source.len();
        self.source
            .extend((filled..size_bytes + WINDOWS).map(random));
        self.begin = (self.begin + 1) % WINDOWS;
        self.at_client.resize(size_bytes, 0);
        self.at_server.resize(size_bytes, 0);
    }

    pub(super) fn to_send(&self) -> &[u8] {
        &self.source[self.begin..self.begin + self.at_server.len()]
    }

    /// Compares what arrived at an end with what was sent.
    pub(super) fn check(&self, stack: &'static str, arrived_at: End) -> Result<(), BenchError> {
        let arrived = match arrived_at {
            End::Client => &self.at_client,
            End::Server => &self.at_server,
        };
        match self.to_send().iter().zip(arrived).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(at) => Err(BenchError::WrongBytes {
                stack,
                size_bytes: arrived.len(),
                at,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_and_bytes_of_the_time_before_show() {
        let mut traffic = Traffic::default();
        traffic.prepare(256);
        traffic.at_server = traffic.to_send().to_vec();
        assert!(traffic.check("test", End::Server).is_ok());
        assert!(traffic.check("test", End::Client).is_err());
        traffic.at_server[255] ^= 1;
        assert!(matches!(
            traffic.check("test", End::Server),
            Err(BenchError::WrongBytes { at: 255, .. })
        ));
        traffic.at_server[255] ^= 1;
        traffic.prepare(256);
        assert!(traffic.check("test", End::Server).is_err());
    }
}
