//! The driver's bus to one NIC of a world, and how its host waits.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use handclasp_driver::bus::register_offset;
use handclasp_driver::{Bus, BusError, DmaRegion};

use crate::shared::{Host, Shared, WAIT_CYCLES};
use crate::simulation::{Simulation, WorldError};

/// Cycles that one [`Bus::relax`] advances the world by.
const RELAX_CYCLES: u64 = 32;

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
        self.act(|simulation| simulation.access(self.nic, offset, write))
            .and_then(|result| result)
            .map_err(gone)
    }

    /// Does something to the simulation: in virtual time when it is this host's turn.
    fn act<T>(&self, action: impl FnOnce(&mut Simulation) -> T) -> Result<T, WorldError> {
        if !self.shared.clock.is_simulated() {
            return Ok(self.shared.with(action));
        }
        let mut simulation = self.shared.take_turn(self.shared.lock(), self.nic)?;
        let result = action(&mut simulation);
        self.shared.tell(&simulation);
        Ok(result)
    }

    /// Lets the other hosts have their turn.
    fn pass_turn_on(&self) -> Result<(), WorldError> {
        let mut simulation = self.shared.lock();
        simulation.turns.pass_on(self.nic);
        self.shared.tell(&simulation);
        self.shared.take_turn(simulation, self.nic).map(drop)
    }

    /// In virtual time: the world goes on when all hosts wait, and stops in the very cycle in which one is woken. Returns
    /// when it is this host's turn.
    fn wait_virtual(&self, timeout_ns: u64, is_woken: impl Fn() -> bool) -> Result<(), WorldError> {
        let shared = &self.shared;
        let mut simulation = shared.take_turn(shared.lock(), self.nic)?;
        let until_ns = shared.clock.now_ns().saturating_add(timeout_ns);
        let until_cycle = simulation.cycle_at(until_ns);
        simulation.turns.begin_wait(self.nic, until_cycle);
        shared.tell(&simulation);
        while simulation.check().is_ok() && !is_woken() && simulation.cycle < until_cycle {
            if let Some(other) = shared.whose_turn(&simulation) {
                simulation = shared.block(simulation, other);
            } else {
                let first = simulation
                    .turns
                    .first_until(simulation.cycle)
                    .min(until_cycle);
                simulation.advance(WAIT_CYCLES, first);
                shared.tell(&simulation);
            }
        }
        simulation.turns.end_wait(self.nic, until_cycle);
        shared.tell(&simulation);
        shared.take_turn(simulation, self.nic).map(drop)
    }

    /// In wall time: the world goes on as long as there is something to do, and then the thread sleeps.
    fn wait_wall(&self, timeout_ns: u64, is_woken: impl Fn() -> bool) -> Result<(), BusError> {
        let until_ns = self.shared.clock.now_ns().saturating_add(timeout_ns);
        loop {
            let mut simulation = self.shared.lock();
            simulation.advance(WAIT_CYCLES, u64::MAX);
            let result = simulation.check().map_err(gone);
            let due_ns = simulation.due_ns();
            let now_ns = self.shared.clock.now_ns();
            if result.is_err() || is_woken() || now_ns >= until_ns {
                // Others may sleep, and leave it to this thread to advance the world.
                self.shared.stir(&mut simulation);
                return result;
            }
            if due_ns > now_ns {
                self.shared.sleep(simulation, self.nic, due_ns, until_ns)?;
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
        let _ = self.act(|simulation| {
            let until_cycle = simulation.cycle.saturating_add(RELAX_CYCLES);
            simulation.advance(RELAX_CYCLES, until_cycle);
        });
        if self.shared.clock.is_simulated() {
            let _ = self.pass_turn_on();
        }
    }

    fn wait(&self, timeout_ns: u64) -> Result<(), BusError> {
        let parking = &self.host().parking;
        let Some(ticket) = parking.enter() else {
            return Ok(());
        };
        let is_woken = || parking.is_woken(&ticket);
        let result = if self.shared.clock.is_simulated() {
            self.wait_virtual(timeout_ns, is_woken).map_err(gone)
        } else {
            self.wait_wall(timeout_ns, is_woken)
        };
        parking.leave(ticket);
        result
    }

    fn wake(&self) {
        self.host().parking.wake();
        if self.shared.clock.is_simulated() {
            self.shared.tell(&self.shared.lock());
        }
    }
}

impl Drop for SimBus {
    fn drop(&mut self) {
        let simulation = self.shared.lock();
        self.host().buses.fetch_sub(1, Ordering::AcqRel);
        self.shared.tell(&simulation);
    }
}
