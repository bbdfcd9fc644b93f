//! Where the host's time comes from.

use std::time::Instant;

/// Monotonic time in ns since some fixed point. Nothing below the sockets asks a clock: they are told.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now_ns(&self) -> u64;
}

/// The machine's monotonic clock.
#[derive(Debug)]
pub struct WallClock {
    start: Instant,
}

impl Default for WallClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for WallClock {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
