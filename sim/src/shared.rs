//! What the buses of a world share: its simulation, and what is known of the hosts without holding it.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use handclasp_reference::io_space::IoSpace;
use handclasp_wires::clock::Clock;

use crate::parking::Parking;
use crate::simulation::Simulation;

/// Cycles that a wait advances the world by before it looks around.
pub(crate) const WAIT_CYCLES: u64 = 256;

/// What the buses of a world share.
pub(crate) struct Shared {
    pub(crate) simulation: Mutex<Simulation>,
    /// Signalled when a host begins to wait, or goes.
    pub(crate) changed: Condvar,
    pub(crate) clock: Clock,
    pub(crate) hosts: Vec<Host>,
}

/// What a NIC's host needs without holding the simulation.
pub(crate) struct Host {
    pub(crate) io: Arc<IoSpace>,
    pub(crate) parking: Arc<Parking>,
    /// A copy of the wire's descriptor, to sleep on.
    pub(crate) wire_fd: Option<OwnedFd>,
    /// How many buses of this NIC there are.
    pub(crate) buses: AtomicUsize,
}

impl Shared {
    /// A simulation that a panicking thread held goes on: its failure shows in `failed`, or not at all.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Simulation> {
        self.simulation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every host but `me` waits, for later than now, and has not been woken.
    pub(crate) fn others_wait(&self, simulation: &Simulation, me: usize) -> bool {
        let mut others = self.hosts.iter().zip(&simulation.wait_until).enumerate();
        others.all(|(nic, (host, until))| {
            nic == me
                || host.buses.load(Ordering::Acquire) == 0
                || (host.parking.is_asleep() && *until > simulation.cycle)
        })
    }
}
