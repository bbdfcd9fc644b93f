//! The driver's bus to one NIC of a world, and how its host waits.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use handclasp_driver::bus::register_offset;
use handclasp_driver::{Bus, BusError, DmaRegion};

use crate::shared::{Host, Shared, WAIT_CYCLES};
use crate::simulation::{WorldError, NOT_WAITING};

/// Cycles that one [`Bus::relax`] advances the world by.
const RELAX_CYCLES: u64 = 32;
/// In virtual time, how long (by the computer's clock) a host that waits lets another one work before time goes on.
const PATIENCE: Duration = Duration::from_millis(20);

/// The driver's bus to one NIC of a world.
pub(crate) struct SimBus {
    pub(crate) shared: Arc<Shared>,
    pub(crate) nic: usize,
}

fn gone(error: WorldError) -> BusError {
    BusError::Gone(error.to_string())
}

impl SimBus {
    fn host(&self) -> &Host {
        &self.shared.hosts[self.nic]
    }

    fn access(&self, offset: u32, write: Option<u32>) -> Result<u32, BusError> {
        let offset = register_offset(offset)?;
        // Taking the lock orders what the host wrote to DMA memory before what the model reads there.
        self.shared
            .lock()
            .access(self.nic, offset, write)
            .map_err(gone)
    }

    /// In virtual time: the world goes on when all hosts wait, and stops in the very cycle in which one is woken.
    fn wait_virtual(&self, timeout_ns: u64, is_woken: impl Fn() -> bool) -> Result<(), BusError> {
        let mut simulation = self.shared.lock();
        let until_ns = self.shared.clock.now_ns().saturating_add(timeout_ns);
        let until_cycle = simulation.cycle_at(until_ns);
        simulation.wait_until[self.nic] = until_cycle;
        let mut patient = true;
        loop {
            self.shared.changed.notify_all();
            simulation.check().map_err(gone)?;
            if is_woken() || simulation.cycle >= until_cycle {
                // Whoever waits next is seen to wait only when it has said until when.
                simulation.wait_until[self.nic] = NOT_WAITING;
                return Ok(());
            }
            if !patient || self.shared.others_wait(&simulation, self.nic) {
                let first = simulation
                    .wait_until
                    .iter()
                    .filter(|until| **until > simulation.cycle);
                let first = first.min().map_or(until_cycle, |first| *first);
                simulation.advance(WAIT_CYCLES, first.min(until_cycle));
            } else {
                let (guard, timeout) = self
                    .shared
                    .changed
                    .wait_timeout(simulation, PATIENCE)
                    .unwrap_or_else(PoisonError::into_inner);
                simulation = guard;
                patient = !timeout.timed_out();
            }
        }
    }

    /// In wall time: the world goes on as long as there is something to do, and then the thread sleeps.
    fn wait_wall(&self, timeout_ns: u64, is_woken: impl Fn() -> bool) -> Result<(), BusError> {
        let host = self.host();
        let until_ns = self.shared.clock.now_ns().saturating_add(timeout_ns);
        loop {
            let (idle, next_ns) = {
                let mut simulation = self.shared.lock();
                simulation.advance(WAIT_CYCLES, u64::MAX);
                simulation.check().map_err(gone)?;
                let idle = simulation.is_idle();
                let now_ns = self.shared.clock.now_ns();
                let deadlines = simulation
                    .nics
                    .iter()
                    .filter_map(|nic| nic.wire_deadline(now_ns));
                (idle, deadlines.min().unwrap_or(u64::MAX))
            };
            let now_ns = self.shared.clock.now_ns();
            if is_woken() || now_ns >= until_ns {
                return Ok(());
            }
            if idle {
                let sleep_ns = next_ns.min(until_ns).saturating_sub(now_ns);
                let wire_fd = host.wire_fd.as_ref().map(AsFd::as_fd);
                host.parking
                    .sleep(wire_fd, Duration::from_nanos(sleep_ns))?;
            }
        }
    }
}

impl Bus for SimBus {
    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        self.access(offset, None)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        self.access(offset, Some(value)).map(|_| ())
    }

    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError> {
        self.host().io.allocate(len_bytes)
    }

    fn relax(&self) {
        // A failure is kept, and the next access of a register tells.
        let mut simulation = self.shared.lock();
        let until_cycle = simulation.cycle.saturating_add(RELAX_CYCLES);
        simulation.advance(RELAX_CYCLES, until_cycle);
    }

    fn wait(&self, timeout_ns: u64) -> Result<(), BusError> {
        let parking = &self.host().parking;
        let Some(ticket) = parking.enter() else {
            return Ok(());
        };
        let is_woken = || parking.is_woken(&ticket);
        let result = if self.shared.clock.is_simulated() {
            self.wait_virtual(timeout_ns, is_woken)
        } else {
            self.wait_wall(timeout_ns, is_woken)
        };
        parking.leave(ticket);
        result
    }

    fn wake(&self) {
        self.host().parking.wake();
        self.shared.changed.notify_all();
    }
}

impl Drop for SimBus {
    fn drop(&mut self) {
        self.host().buses.fetch_sub(1, Ordering::AcqRel);
        self.shared.changed.notify_all();
    }
}
