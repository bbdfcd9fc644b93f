//! Where a NIC's `now` input comes from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Instant;

/// Time in ns since some start; clones show the same time.
#[derive(Debug, Clone)]
pub enum Clock {
    /// Runs by itself: for a wire with a real peer.
    Wall(Instant),
    /// Stands still until [`Clock::advance_to`]: for simulations that repeat exactly.
    Simulated(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that runs, and starts now.
    pub fn wall() -> Self {
        Clock::Wall(Instant::now())
    }

    /// A clock that shows `start_ns` until it is advanced.
    pub fn simulated(start_ns: u64) -> Self {
        Clock::Simulated(Arc::new(AtomicU64::new(start_ns)))
    }

    /// The time.
    pub fn now_ns(&self) -> u64 {
        match self {
            // 2^64 ns are 584 years.
            Clock::Wall(start) => u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            Clock::Simulated(now_ns) => now_ns.load(Ordering::Acquire),
        }
    }

    /// Sets a simulated clock forward; never back, and a wall clock not at all.
    pub fn advance_to(&self, ns: u64) {
        if let Clock::Simulated(now_ns) = self {
            now_ns.fetch_max(ns, Ordering::AcqRel);
        }
    }

    /// Whether the time stands still by itself.
    pub fn is_simulated(&self) -> bool {
        matches!(self, Clock::Simulated(_))
    }
}
