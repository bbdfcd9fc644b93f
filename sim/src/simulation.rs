//! The NICs of a world and the cycle they are in: goes on cycle by cycle, or jumps when all of them are idle.

use crate::dut::Width;
use crate::nic::{NicError, SimNic};
use crate::observation::{Moment, Observation};
use crate::turns::Turns;
use handclasp_wires::clock::Clock;

/// Why a world stopped. It is over then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("NIC {nic} in cycle {cycle}: {error}")]
pub struct WorldError {
    /// Number of the NIC.
    pub nic: usize,
    /// Cycle in which it happened.
    pub cycle: u64,
    /// What happened.
    pub error: NicError,
}

/// Called for each observation, with the number of the NIC. It must not call the world.
pub type Observer = Box<dyn FnMut(usize, &Observation) + Send>;

/// The NICs, and the cycle they are in.
pub(crate) struct Simulation {
    pub(crate) nics: Vec<SimNic>,
    pub(crate) cycle: u64,
    clock: Clock,
    width: Width,
    pub(crate) observer: Option<Observer>,
    failed: Option<WorldError>,
    /// In virtual time.
    pub(crate) turns: Turns,
    /// In wall time, for each NIC: how many threads sleep until its host is woken or the world has something to do.
    pub(crate) sleepers: Vec<usize>,
    /// When the world has something to do next, as far as all sleepers know that have not been stirred.
    pub(crate) sleepers_know_ns: u64,
}

impl Simulation {
    pub(crate) fn new(nics: Vec<SimNic>, clock: Clock, width: Width) -> Self {
        Self {
            turns: Turns::new(nics.len()),
            sleepers: vec![0; nics.len()],
            sleepers_know_ns: u64::MAX,
            nics,
            cycle: 0,
            clock,
            width,
            observer: None,
            failed: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), WorldError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The world is over.
    pub(crate) fn fail(&mut self, nic: usize, error: NicError) -> WorldError {
        let cycle = self.cycle;
        let error = WorldError { nic, cycle, error };
        self.failed.get_or_insert(error).clone()
    }

    /// The first cycle that begins at `ns` or later.
    pub(crate) fn cycle_at(&self, ns: u64) -> u64 {
        let ps = u128::from(ns) * 1000;
        let cycle = ps.div_ceil(u128::from(self.width.period_ps()));
        u64::try_from(cycle).unwrap_or(u64::MAX)
    }

    fn moment(&self) -> Moment {
        Moment {
            cycle: self.cycle,
            now_ns: self.clock.now_ns(),
        }
    }

    fn set_cycle(&mut self, cycle: u64) {
        self.cycle = cycle;
        let ps = u128::from(cycle) * u128::from(self.width.period_ps());
        self.clock
            .advance_to(u64::try_from(ps / 1000).unwrap_or(u64::MAX));
    }

    /// One cycle of every NIC that is not asleep. Returns the value of a register access that ended in it.
    pub(crate) fn step(&mut self) -> Result<Option<u32>, WorldError> {
        self.check()?;
        let at = self.moment();
        let mut ended = None;
        for (number, nic) in self.nics.iter_mut().enumerate() {
            nic.poll_wire(at);
            if nic.is_asleep() {
                continue;
            }
            let observer = &mut self.observer;
            let mut report = |observation: &Observation| {
                if let Some(observer) = observer {
                    observer(number, observation);
                }
            };
            match nic.step(at, &mut report) {
                Ok(value) => ended = ended.or(value),
                Err(error) => return Err(self.fail(number, error)),
            }
        }
        self.set_cycle(self.cycle + 1);
        Ok(ended)
    }

    /// When nothing changes before, the next cycle in which something may; in virtual time only.
    fn next_cycle(&self) -> u64 {
        let now_ns = self.clock.now_ns();
        let next = self.nics.iter().map(|nic| {
            if !nic.is_asleep() {
                return self.cycle;
            }
            match nic.wire_deadline(now_ns) {
                Some(deadline_ns) => self.cycle_at(deadline_ns).max(nic.line_free_cycle()),
                None => u64::MAX,
            }
        });
        next.min().unwrap_or(u64::MAX)
    }

    /// Goes on until a cycle, an interrupt or a failure, or until `max_cycles` have been evaluated. In wall time also
    /// until there is nothing to do.
    pub(crate) fn advance(&mut self, max_cycles: u64, until_cycle: u64) {
        let interrupts = self.interrupts();
        for _ in 0..max_cycles {
            if self.clock.is_simulated() {
                let next = self.next_cycle().min(until_cycle);
                if next > self.cycle {
                    self.set_cycle(next);
                }
                if self.cycle >= until_cycle {
                    return;
                }
            }
            if self.step().is_err() || self.interrupts() != interrupts {
                return;
            }
            if !self.clock.is_simulated() && self.is_idle() {
                return;
            }
        }
    }

    /// Whether no NIC is going to change by itself.
    pub(crate) fn is_idle(&self) -> bool {
        self.nics.iter().all(SimNic::is_asleep)
    }

    /// When the world next has something to do, as far as it is known: 0 when now.
    pub(crate) fn due_ns(&self) -> u64 {
        if self.failed.is_some() || !self.is_idle() {
            return 0;
        }
        let now_ns = self.clock.now_ns();
        let deadlines = self.nics.iter().filter_map(|nic| nic.wire_deadline(now_ns));
        deadlines.min().unwrap_or(u64::MAX)
    }

    fn interrupts(&self) -> u64 {
        self.nics.iter().map(SimNic::interrupts).sum()
    }

    /// A register access, from beginning to end.
    pub(crate) fn access(
        &mut self,
        nic: usize,
        offset: u16,
        write: Option<u32>,
    ) -> Result<u32, WorldError> {
        self.check()?;
        if let Some(nic) = self.nics.get_mut(nic) {
            nic.start_access(offset, write);
        }
        loop {
            // Ends: the master gives up on an access that takes too long.
            if let Some(value) = self.step()? {
                return Ok(value);
            }
        }
    }
}
