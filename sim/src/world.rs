//! A simulated world: NICs on wires, one clock for all of them, and a [`Bus`] for each.
//!
//! Time is one of two. *Virtual*: the cycles of the NICs' clock; it goes on only while somebody polls
//! ([`Bus::relax`]), accesses a register or waits, and jumps when all NICs are idle. *Wall*: the computer's clock, for
//! wires with a peer outside.
//!
//! # The same seeds give the same run
//!
//! In virtual time, to the cycle, if one thread drives all hosts, or if each host has a thread of its own. Then one host
//! runs at a time: it has its turn until it waits or polls once ([`Bus::relax`]), and the others wait for it, however long
//! the system holds its thread up. A host that has ended drops its bus; one that keeps its turn and does nothing for
//! [`WorldConfig::patience`] ends the world with an error that names it. What is left to the caller:
//!
//! - A host counts as driven by the thread that called [`World::bus`] until another one uses its bus. A thread that drives
//!   a host itself, and gives another one to a new thread, calls [`World::hand_over`] before it goes on.
//! - Two threads on one bus, [`Bus::wake`] from another thread and the methods of [`World`] come when the system lets them.
//!
//! An idle NIC is not evaluated at all. That is exact: its model has been shown not to change until an input does.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use handclasp_driver::Bus;
use handclasp_reference::io_space::IoSpace;
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;
use handclasp_wires::Wire;
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::axi_memory::MemoryTiming;
use crate::bus::SimBus;
use crate::dut::{ModelError, Width};
use crate::handshake::StallConfig;
use crate::nic::{Evaluation, NicConfig, SimNic, RESET_CYCLES};
use crate::parking::Parking;
use crate::shared::{Host, Shared, WAIT_CYCLES};
use crate::simulation::Simulation;
pub use crate::simulation::{Observer, WorldError};

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
    /// In virtual time: how long, by the computer's clock, a host may keep the others waiting without using its bus.
    pub patience: Duration,
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
            patience: Duration::from_secs(60),
        }
    }
}

impl From<&WorldConfig> for NicConfig {
    fn from(config: &WorldConfig) -> Self {
        Self {
            width: config.width,
            seed: config.seed,
            reset_seed: config.reset_seed,
            memory: config.memory,
            stall: config.stall,
            skip_idle: config.skip_idle,
        }
    }
}

/// One or more simulated NICs. Clones are the same world.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
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
                seed: config.seed.wrapping_add(nic as u64),
                reset_seed: config.reset_seed.wrapping_add(nic as u32),
                ..NicConfig::from(config)
            };
            let sleepers = Arc::clone(&parking);
            let msix = Box::new(move |_| sleepers.wake());
            let made = SimNic::new(&nic_config, Arc::clone(&io) as _, msix, wire);
            nics.push(made.map_err(|error| WorldError {
                nic,
                cycle: 0,
                error: error.into(),
            })?);
            hosts.push(Host {
                io,
                parking,
                stir: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
                    .map_err(std::io::Error::from)?,
                wire_fd,
                buses: AtomicUsize::new(0),
            });
        }
        let mut simulation = Simulation::new(nics, clock.clone(), config.width);
        for _ in 0..RESET_CYCLES {
            simulation.step()?;
        }
        Ok(World {
            shared: Arc::new(Shared {
                simulation: Mutex::new(simulation),
                changed: Condvar::new(),
                clock,
                hosts,
                patience: config.patience,
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
        self.shared.lock().turns.drive(nic);
        host.buses.fetch_add(1, Ordering::AcqRel);
        Some(Arc::new(SimBus {
            shared: Arc::clone(&self.shared),
            nic,
        }))
    }

    /// Another thread is going to drive this NIC's host. In virtual time the other hosts wait until it has used the bus, so
    /// that it does not matter when the system starts it. Nothing happens if there is no such NIC.
    pub fn hand_over(&self, nic: usize) {
        self.shared.lock().turns.hand_over(nic);
    }

    /// The I/O addresses that a NIC's DMA sees; `None` if there is no such NIC.
    pub fn io_space(&self, nic: usize) -> Option<Arc<IoSpace>> {
        self.shared.hosts.get(nic).map(|host| Arc::clone(&host.io))
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
        self.shared.with(|simulation| {
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
        })
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
        let last = self.shared.lock().observer.replace(observer);
        // Not under the lock: it may own a bus, whose drop takes the lock.
        drop(last);
    }

    /// Puts a frame on the way into a NIC, ahead of what comes from its wire; `bad` as if its FCS were wrong.
    /// Nothing happens if there is no such NIC.
    pub fn inject(&self, nic: usize, frame: &[u8], bad: bool) {
        self.shared.with(|simulation| {
            if let Some(nic) = simulation.nics.get_mut(nic) {
                nic.inject(frame, bad);
            }
        });
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
