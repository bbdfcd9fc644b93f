//! A simulated world: NICs on wires, one clock for all of them, and a [`Bus`] for each.
//!
//! Time is one of two. *Virtual*: the cycles of the NICs' clock; it goes on only while somebody polls
//! ([`Bus::relax`]), accesses a register or waits, and jumps when all NICs are idle. The same seeds give the same run, to
//! the cycle. *Wall*: the computer's clock, for wires with a peer outside.
//!
//! An idle NIC is not evaluated at all. That is exact: its model has been shown not to change until an input does.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use handclasp_driver::{Bus, BusError, DmaRegion};
use handclasp_layout::register::BAR_BYTES;

use crate::axi_memory::MemoryTiming;
use crate::dut::{ModelError, Width};
use crate::handshake::StallConfig;
use crate::nic::{Evaluation, NicConfig, NicError, SimNic, RESET_CYCLES};
use crate::observation::{Moment, Observation};
use crate::parking::Parking;
use crate::reference::{Clock, IoSpace};
use crate::wire::cable::Cable;
use crate::wire::Wire;

/// Cycles that one [`Bus::relax`] advances the world by.
const RELAX_CYCLES: u64 = 32;
/// Cycles that a [`Bus::wait`] advances the world by before it looks around.
const WAIT_CYCLES: u64 = 256;
/// In virtual time, how long (by the computer's clock) a host that waits lets another one work before time goes on.
const PATIENCE: Duration = Duration::from_millis(20);

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

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The model cannot be made, or does not come out of reset.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The system has no file descriptors left.
    #[error("no file descriptor is to be had: {0}")]
    Descriptor(#[from] std::io::Error),
}

/// What time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// The cycles of the NICs' clock.
    Virtual,
    /// The computer's clock.
    Wall,
}

/// How a world is made.
#[derive(Debug, Clone, Copy)]
pub struct WorldConfig {
    /// Width of the NICs' data paths.
    pub width: Width,
    /// What time is.
    pub time: TimeSource,
    /// Where random waiting comes from.
    pub seed: u64,
    /// Where the random values of registers before reset come from. No result depends on it, unless a reset is missing.
    pub reset_seed: u32,
    /// How long memory takes.
    pub memory: MemoryTiming,
    /// How much the NIC's surroundings let it wait.
    pub stall: StallConfig,
    /// Skip the cycles in which nothing changes. No result depends on it.
    pub skip_idle: bool,
}

impl WorldConfig {
    /// Virtual time, memory that takes 32 cycles to read and 16 to write, and no random waiting.
    pub fn new(width: Width) -> Self {
        Self {
            width,
            time: TimeSource::Virtual,
            seed: 1,
            reset_seed: 1,
            memory: MemoryTiming {
                read_latency_cycles: 32,
                write_latency_cycles: 16,
            },
            stall: StallConfig::default(),
            skip_idle: true,
        }
    }
}

/// Called for each observation, with the number of the NIC. It must not call the world.
pub type Observer = Box<dyn FnMut(usize, &Observation) + Send>;

/// One or more simulated NICs. Clones are the same world.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

struct Shared {
    simulation: Mutex<Simulation>,
    /// Signalled when a host begins to wait, or goes.
    changed: Condvar,
    clock: Clock,
    hosts: Vec<Host>,
}

/// What a NIC's host needs without holding the simulation.
struct Host {
    io: Arc<IoSpace>,
    parking: Arc<Parking>,
    /// A copy of the wire's descriptor, to sleep on.
    wire_fd: Option<OwnedFd>,
    /// How many buses of this NIC there are.
    buses: AtomicUsize,
}

impl World {
    /// A world with a NIC on each wire, just out of reset.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn new(config: &WorldConfig, wires: Vec<Box<dyn Wire>>) -> Result<World, BuildError> {
        let clock = match config.time {
            TimeSource::Virtual => Clock::simulated(0),
            TimeSource::Wall => Clock::wall(),
        };
        let mut hosts = Vec::new();
        let mut nics = Vec::new();
        for (nic, wire) in wires.into_iter().enumerate() {
            let wire_fd = wire
                .poll_fd()
                .map(|fd| fd.try_clone_to_owned())
                .transpose()?;
            let io = Arc::new(IoSpace::new());
            let parking = Arc::new(Parking::new()?);
            let nic_config = NicConfig {
                width: config.width,
                seed: config.seed.wrapping_add(nic as u64),
                reset_seed: config.reset_seed.wrapping_add(nic as u32),
                memory: config.memory,
                stall: config.stall,
                skip_idle: config.skip_idle,
            };
            let made = SimNic::new(&nic_config, Arc::clone(&io), Arc::clone(&parking), wire);
            nics.push(made.map_err(|error| WorldError {
                nic,
                cycle: 0,
                error: error.into(),
            })?);
            hosts.push(Host {
                io,
                parking,
                wire_fd,
                buses: AtomicUsize::new(0),
            });
        }
        let mut simulation = Simulation {
            wait_until: vec![u64::MAX; nics.len()],
            nics,
            cycle: 0,
            clock: clock.clone(),
            width: config.width,
            observer: None,
            failed: None,
        };
        for _ in 0..RESET_CYCLES {
            simulation.step()?;
        }
        Ok(World {
            shared: Arc::new(Shared {
                simulation: Mutex::new(simulation),
                changed: Condvar::new(),
                clock,
                hosts,
            }),
        })
    }

    /// A world of two NICs, number 0 and number 1, on a cable. What has left one arrives `delay_ns` after its last beat.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn cable(config: &WorldConfig, delay_ns: u64) -> Result<World, BuildError> {
        let (near, far) = Cable::pair(delay_ns);
        World::new(config, vec![Box::new(near), Box::new(far)])
    }

    /// The bus of a NIC; `None` if there is no such NIC.
    pub fn bus(&self, nic: usize) -> Option<Arc<dyn Bus>> {
        let host = self.shared.hosts.get(nic)?;
        host.buses.fetch_add(1, Ordering::AcqRel);
        Some(Arc::new(SimBus {
            shared: Arc::clone(&self.shared),
            nic,
        }))
    }

    /// The clock: the NICs' `now` input, and the time for host code. Clones show the same time.
    pub fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// The time.
    pub fn now_ns(&self) -> u64 {
        self.shared.clock.now_ns()
    }

    /// Clock cycles so far; in virtual time with those that were skipped.
    pub fn cycle(&self) -> u64 {
        self.shared.lock().cycle
    }

    /// Advances the world to a time, but no further than to an interrupt; in wall time, as long as there is something
    /// to do. For hosts that are all driven by one thread, when none of them has anything to do before `until_ns`.
    ///
    /// # Errors
    /// [`WorldError`] when a NIC cannot go on.
    pub fn advance_until(&self, until_ns: u64) -> Result<(), WorldError> {
        let mut simulation = self.shared.lock();
        if self.shared.clock.is_simulated() {
            let until_cycle = simulation.cycle_at(until_ns);
            simulation.advance(u64::MAX, until_cycle);
            return simulation.check();
        }
        // Wall time may run out in the middle of a long burst.
        loop {
            simulation.advance(WAIT_CYCLES, u64::MAX);
            simulation.check()?;
            if simulation.is_idle() || self.now_ns() >= until_ns {
                return Ok(());
            }
        }
    }

    /// Why the world is over, if it is.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn check(&self) -> Result<(), WorldError> {
        self.shared.lock().check()
    }

    /// Lets `observer` see everything that happens at the NICs' ports from now on, in place of the last observer.
    pub fn observe(&self, observer: Observer) {
        self.shared.lock().observer = Some(observer);
    }

    /// Puts a frame on the way into a NIC, ahead of what comes from its wire; `bad` as if its FCS were wrong.
    /// Nothing happens if there is no such NIC.
    pub fn inject(&self, nic: usize, frame: &[u8], bad: bool) {
        if let Some(nic) = self.shared.lock().nics.get_mut(nic) {
            nic.inject(frame, bad);
        }
    }

    /// Writes a waveform (FST) of everything in a NIC from now on.
    ///
    /// # Errors
    /// [`ModelError`] when the file cannot be written, or there is no such NIC.
    pub fn open_trace(&self, nic: usize, path: &Path) -> Result<(), ModelError> {
        match self.shared.lock().nics.get_mut(nic) {
            Some(nic) => nic.dut().open_trace(path),
            None => Err(ModelError(format!("there is no NIC {nic} to trace"))),
        }
    }

    /// Ends the waveforms.
    pub fn close_traces(&self) {
        for nic in &mut self.shared.lock().nics {
            nic.dut().close_trace();
        }
    }

    /// How much of a NIC's time was evaluated; `None` if there is no such NIC.
    pub fn evaluation(&self, nic: usize) -> Option<Evaluation> {
        self.shared.lock().nics.get(nic).map(SimNic::evaluation)
    }
}

impl Shared {
    /// A simulation that a panicking thread held goes on: its failure shows in `failed`, or not at all.
    fn lock(&self) -> MutexGuard<'_, Simulation> {
        self.simulation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every host but `me` waits, for later than now, and has not been woken.
    fn others_wait(&self, simulation: &Simulation, me: usize) -> bool {
        let mut others = self.hosts.iter().zip(&simulation.wait_until).enumerate();
        others.all(|(nic, (host, until))| {
            nic == me
                || host.buses.load(Ordering::Acquire) == 0
                || (host.parking.is_asleep() && *until > simulation.cycle)
        })
    }
}

/// The NICs, and the cycle they are in.
struct Simulation {
    nics: Vec<SimNic>,
    cycle: u64,
    clock: Clock,
    width: Width,
    observer: Option<Observer>,
    failed: Option<WorldError>,
    /// For each NIC, the cycle until which its host waits.
    wait_until: Vec<u64>,
}

impl Simulation {
    fn check(&self) -> Result<(), WorldError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The first cycle that begins at `ns` or later.
    fn cycle_at(&self, ns: u64) -> u64 {
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
    fn step(&mut self) -> Result<Option<u32>, WorldError> {
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
                Err(error) => {
                    let (nic, cycle) = (number, at.cycle);
                    let error = WorldError { nic, cycle, error };
                    self.failed = Some(error.clone());
                    return Err(error);
                }
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
    fn advance(&mut self, max_cycles: u64, until_cycle: u64) {
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
    fn is_idle(&self) -> bool {
        self.nics.iter().all(SimNic::is_asleep)
    }

    fn interrupts(&self) -> u64 {
        self.nics.iter().map(SimNic::interrupts).sum()
    }

    /// A register access, from beginning to end.
    fn access(&mut self, nic: usize, offset: u16, write: Option<u32>) -> Result<u32, WorldError> {
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

/// The driver's bus to one NIC of a world.
struct SimBus {
    shared: Arc<Shared>,
    nic: usize,
}

fn gone(error: WorldError) -> BusError {
    BusError::Gone(error.to_string())
}

impl SimBus {
    fn host(&self) -> &Host {
        &self.shared.hosts[self.nic]
    }

    fn access(&self, offset: u32, write: Option<u32>) -> Result<u32, BusError> {
        let short = u16::try_from(offset).ok().filter(|offset| offset % 4 == 0);
        let Some(short) = short else {
            return Err(BusError::BadOffset {
                offset,
                bar_bytes: BAR_BYTES,
            });
        };
        // Taking the lock orders what the host wrote to DMA memory before what the model reads there.
        self.shared
            .lock()
            .access(self.nic, short, write)
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
