//! What the buses of a world share: its simulation, and what is known of the hosts without holding it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use handclasp_driver::BusError;
use handclasp_reference::io_space::IoSpace;
use handclasp_wires::clock::Clock;
use nix::sys::eventfd::EventFd;

use crate::parking::Parking;
use crate::simulation::Simulation;

/// Cycles that a wait advances the world by before it looks around.
pub(crate) const WAIT_CYCLES: u64 = 256;

/// What the buses of a world share.
pub(crate) struct Shared {
    pub(crate) simulation: Mutex<Simulation>,
    /// In virtual time: signalled when it may be another host's turn.
    pub(crate) changed: Condvar,
    pub(crate) clock: Clock,
    pub(crate) hosts: Vec<Host>,
    /// How long a host may have its turn without anything happening.
    pub(crate) patience: Duration,
}

/// What a NIC's host needs without holding the simulation.
pub(crate) struct Host {
    pub(crate) io: Arc<IoSpace>,
    pub(crate) parking: Arc<Parking>,
    /// In wall time: readable when the threads that sleep here are to advance the world.
    pub(crate) stir: EventFd,
    /// A copy of the wire's descriptor, to sleep on.
    pub(crate) wire_fd: Option<OwnedFd>,
    /// How many buses of this NIC there are.
    pub(crate) buses: AtomicUsize,
}

impl Shared {
    /// A thread that panics while it holds the simulation (in an observer) does not end it for the others.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Simulation> {
        self.simulation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the simulation, and wakes the threads that then have to advance it.
    pub(crate) fn with<T>(&self, action: impl FnOnce(&mut Simulation) -> T) -> T {
        let mut simulation = self.lock();
        let result = action(&mut simulation);
        self.stir(&mut simulation);
        result
    }

    /// In wall time, wakes the sleeping threads when the world has something to do before they would wake by themselves.
    /// They advance the world, and sleep again: no [`handclasp_driver::Bus::wait`] returns because of it.
    pub(crate) fn stir(&self, simulation: &mut Simulation) {
        if simulation.sleepers.iter().all(|sleepers| *sleepers == 0) {
            return;
        }
        let due_ns = simulation.due_ns();
        if due_ns >= simulation.sleepers_know_ns {
            return;
        }
        simulation.sleepers_know_ns = due_ns;
        for (host, sleepers) in self.hosts.iter().zip(&simulation.sleepers) {
            if *sleepers > 0 {
                // Fails only when the counter is full, and then it is readable anyway.
                let _ = host.stir.write(1);
            }
        }
    }

    /// In wall time, when the world has nothing to do before `due_ns`: sleeps until `until_ns`, or until there is something
    /// to do or somebody wakes the NIC's host.
    pub(crate) fn sleep<'a>(
        &'a self,
        mut simulation: MutexGuard<'a, Simulation>,
        nic: usize,
        due_ns: u64,
        until_ns: u64,
    ) -> Result<(), BusError> {
        let host = &self.hosts[nic];
        // The threads that sleep already must know of this time too: this thread may leave before it comes.
        self.stir(&mut simulation);
        simulation.sleepers[nic] += 1;
        simulation.sleepers_know_ns = due_ns;
        let sleep_ns = due_ns.min(until_ns).saturating_sub(self.clock.now_ns());
        drop(simulation);
        let wire = host.wire_fd.as_ref().map(AsFd::as_fd);
        let timeout = Duration::from_nanos(sleep_ns);
        let slept = host.parking.sleep(host.stir.as_fd(), wire, timeout);
        let mut simulation = self.lock();
        simulation.sleepers[nic] -= 1;
        if simulation.sleepers[nic] == 0 {
            // All who were stirred have woken. Fails when nobody was stirred, and then there is nothing to reset.
            let _ = host.stir.read();
        }
        slept
    }
}
