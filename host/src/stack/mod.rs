//! The stack: one NIC, its connections, listeners and neighbours. It has no clock and no thread: [`Stack::poll`] does
//! what is to be done now.
//!
//! A segment's way, in the order of the files:
//!
//! - `receive`: events come out of the NIC and find their connection, listener, or nobody;
//! - `open`: connections begin, by [`Stack::connect`] or by a peer's SYN;
//! - [`crate::tcp`]: the connection itself;
//! - `transmit`: segments of connections that have something to send become commands;
//! - `frame_sender`: of those that the NIC has no id for they become whole frames;
//! - `end`: connections go: into TIME-WAIT, out of the NIC's table; id and memory are the next one's;
//! - `calls`: what a socket asks for.
//!
//! What they work on: `slot` (one connection), `holders` (who has which 4-tuple), `nic_ids` (who has which id of the NIC),
//! `listener`, `deadlines`, `raw_frames` (what is sent whole), `arrival` (the driver's events as TCP takes them), `waiters` (who is to be woken), `unresolved`
//! (answers that wait for ARP).

mod arrival;
mod calls;
mod deadlines;
mod end;
mod error;
mod frame_sender;
mod holders;
mod listener;
mod nic_ids;
mod observer;
mod open;
mod ports;
mod raw_frames;
mod readiness;
mod receive;
mod reset_limit;
mod slot;
mod statistics;
mod transmit;
mod tuple;
mod unresolved;
mod waiters;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use handclasp_driver::{Bus, Command, Nic, NicConfig};
use handclasp_layout::register::{CounterInfo, SLOT_BYTES};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::config::StackConfig;
use crate::neighbour::Neighbours;
use crate::tcp::{self, IsnGenerator, State};
use deadlines::Deadlines;
use frame_sender::FrameSender;
use holders::Holders;
use listener::Listener;
use nic_ids::NicIds;
use raw_frames::RawFrames;
use reset_limit::ResetLimit;
use slot::Slot;
use unresolved::Unresolved;
use waiters::Waiters;

pub use error::StackError;
pub use observer::{Observation, Observer};
pub use open::ListenerId;
pub use readiness::{Interest, Readiness};
pub use slot::SocketId;
pub use statistics::Statistics;
pub use tuple::Tuple;
pub use waiters::Awaited;

/// The NIC's connection id for answers that belong to no connection: its headers are told to the NIC anew each time.
const NO_CONNECTION: u16 = 0;

/// Most connections that ids can tell apart; one number is left for none.
const CONNECTIONS_LIMIT: usize = u32::MAX as usize;

/// ARP and ICMP frames under way at most. More are dropped: they are requests and answers, which are repeated.
const RAW_FRAMES: usize = 16;

/// What a [`Stack::poll`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events taken from the NIC.
    pub events: usize,
    /// Commands given to the NIC.
    pub commands: u32,
}

impl Progress {
    /// Nothing was to be done.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// A host's TCP on one NIC.
pub struct Stack {
    config: StackConfig,
    /// `config.tcp`, as connections share it.
    tcp: Arc<tcp::Config>,
    nic: Nic,
    rng: StdRng,
    isn: IsnGenerator,
    /// By the host's connection id; made when the id is first used, and then used again by each connection that has it.
    slots: Vec<Slot>,
    /// Most slots.
    connections_max: usize,
    /// Connection ids that are not in use.
    free: Vec<u32>,
    /// The NIC has fewer ids, perhaps.
    nic_ids: NicIds,
    /// For segments that the NIC could not tell the connection of.
    holders: Holders,
    listeners: BTreeMap<u16, Listener>,
    /// Those who wait for the ends of closed connections.
    lingering_waiters: Waiters,
    neighbours: Neighbours,
    unresolved: Unresolved,
    deadlines: Deadlines,
    /// Connections that may have something to send.
    dirty: VecDeque<u32>,
    /// Commands that open and close ports, waiting for room in the ring.
    port_commands: VecDeque<Command>,
    raw_frames: RawFrames,
    frame_sender: FrameSender,
    /// Where a raw frame is looked at and turned into its answer.
    frame: Box<[u8; SLOT_BYTES]>,
    reset_limit: ResetLimit,
    statistics: Statistics,
    observer: Option<Observer>,
    generation: u64,
    /// Why the device is of no use any more.
    failed: Option<Box<str>>,
}

impl Stack {
    /// Opens the NIC on `bus` and starts a host on it.
    ///
    /// # Errors
    /// `BadAddress`; `Driver` when the NIC cannot be opened.
    pub fn new(bus: Arc<dyn Bus>, config: StackConfig) -> Result<Self, StackError> {
        config.check()?;
        let mut rng = match config.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => StdRng::from_os_rng(),
        };
        let mut nic_config = NicConfig::new(config.mac, config.ip, rng.random());
        nic_config.event_log2 = 10;
        let nic = Nic::open(bus, &nic_config)?;
        let connections = nic.connections();
        Ok(Self {
            isn: IsnGenerator::new(rng.random()),
            rng,
            slots: Vec::new(),
            connections_max: config.connections_max.min(CONNECTIONS_LIMIT),
            free: Vec::new(),
            nic_ids: NicIds::new(connections),
            holders: Holders::new(connections),
            listeners: BTreeMap::new(),
            lingering_waiters: Waiters::default(),
            neighbours: Neighbours::new(config.mac, config.ip.to_bits()),
            unresolved: Unresolved::default(),
            deadlines: Deadlines::new(0),
            dirty: VecDeque::with_capacity(connections),
            port_commands: VecDeque::new(),
            raw_frames: RawFrames::new(&nic, RAW_FRAMES)?,
            frame_sender: FrameSender::new(&nic, config.mac)?,
            frame: Box::new([0; SLOT_BYTES]),
            reset_limit: ResetLimit::default(),
            statistics: Statistics::default(),
            observer: None,
            generation: 0,
            failed: None,
            nic,
            tcp: Arc::new(config.tcp),
            config,
        })
    }

    /// Takes what the NIC has, does what is due at `now_ns`, and gives the NIC what there is to send.
    ///
    /// # Errors
    /// The device failed; from then on every call fails.
    pub fn poll(&mut self, now_ns: u64) -> Result<Progress, StackError> {
        self.check_device()?;
        // Not by `or_fail`, which would copy the result: this runs for every segment.
        match self.try_poll(now_ns) {
            Ok(progress) => Ok(progress),
            Err(error) => {
                self.fail(&error);
                Err(error)
            }
        }
    }

    #[inline(always)]
    fn try_poll(&mut self, now_ns: u64) -> Result<Progress, StackError> {
        let commands = self.nic.commands();
        let events = self.take_events(now_ns)?;
        self.run_timers(now_ns)?;
        self.run_neighbours(now_ns)?;
        self.transmit(now_ns)?;
        self.nic.flush()?;
        Ok(Progress {
            events,
            commands: self.nic.commands().wrapping_sub(commands),
        })
    }

    /// Only gives the NIC what there is to send: after a call that may have made something.
    ///
    /// # Errors
    /// As for [`Stack::poll`].
    pub fn push(&mut self, now_ns: u64) -> Result<(), StackError> {
        self.check_device()?;
        let result = self.run_neighbours(now_ns).and_then(|()| {
            self.transmit(now_ns)?;
            Ok(self.nic.flush()?)
        });
        self.or_fail(result)
    }

    /// When [`Stack::poll`] has something to do even if nothing arrives; `None`: never.
    pub fn deadline_ns(&self) -> Option<u64> {
        [
            self.deadlines.earliest_ns(),
            self.holders.earliest_ns(),
            self.neighbours.deadline_ns(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Asks for an interrupt with the next event, or at once when there is one already.
    ///
    /// # Errors
    /// `Driver`.
    pub fn arm_interrupt(&self) -> Result<(), StackError> {
        Ok(self.nic.arm_interrupt()?)
    }

    /// What came of a call that has the device do something: when it failed, all later ones do.
    #[inline]
    fn or_fail<T>(&mut self, result: Result<T, StackError>) -> Result<T, StackError> {
        result.inspect_err(|error| self.fail(error))
    }

    /// The device is of no use any more: every call says so from now on.
    #[cold]
    pub(crate) fn fail(&mut self, reason: &dyn std::fmt::Display) {
        self.failed.get_or_insert_with(|| reason.to_string().into());
    }

    /// Sets or removes what is told of every segment and every change of state.
    pub fn observe(&mut self, observer: Option<Observer>) {
        self.observer = observer;
    }

    /// What the stack did that no socket sees.
    pub fn statistics(&self) -> Statistics {
        let uncached = self.slots.iter().filter(|slot| slot.is_uncached());
        Statistics {
            connections_uncached: uncached.count() as u64,
            ..self.statistics
        }
    }

    /// The NIC's counters with their names.
    ///
    /// # Errors
    /// `Driver`.
    pub fn nic_counters(&self) -> Result<Vec<(CounterInfo, u32)>, StackError> {
        Ok(self.nic.counters()?)
    }

    /// Addresses and sizes.
    pub fn config(&self) -> &StackConfig {
        &self.config
    }

    /// The NIC's bus.
    pub fn bus(&self) -> &Arc<dyn Bus> {
        self.nic.bus()
    }

    fn check_device(&self) -> Result<(), StackError> {
        match &self.failed {
            Some(reason) => Err(StackError::Failed(reason.to_string())),
            None => Ok(()),
        }
    }

    /// Connections whose timers have run out (RFC 9293 3.10.8), TIME-WAIT included.
    #[inline]
    fn run_timers(&mut self, now_ns: u64) -> Result<(), StackError> {
        while let Some(id) = self.deadlines.next_due(now_ns) {
            let Some(slot) = self.slot_mut(id).filter(|slot| slot.is_live()) else {
                continue;
            };
            let deadline_ns = slot.connection.deadline();
            if deadline_ns.is_some_and(|at_ns| at_ns <= now_ns) {
                slot.connection.timeout(now_ns);
                self.mark_dirty(id);
            } else {
                self.deadlines.set(id, deadline_ns);
            }
        }
        if self
            .holders
            .earliest_ns()
            .is_some_and(|at_ns| at_ns <= now_ns)
        {
            self.expire_time_waits(now_ns);
        }
        Ok(())
    }

    fn slot(&self, id: u32) -> Option<&Slot> {
        self.slots.get(id as usize)
    }

    fn slot_mut(&mut self, id: u32) -> Option<&mut Slot> {
        self.slots.get_mut(id as usize)
    }

    /// Something happened to the connection, and it may have something to send, or be over: `transmit` looks at it.
    fn mark_dirty(&mut self, id: u32) {
        if let Some(slot) = self.slot_mut(id) {
            slot.wake_waiters();
            if !slot.dirty {
                slot.dirty = true;
                self.dirty.push_back(id);
            }
        }
    }

    /// Never [`slot::NO_GENERATION`].
    fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    #[inline(always)]
    fn tell(&mut self, observation: impl FnOnce() -> Observation) {
        if let Some(observer) = &mut self.observer {
            observer(&observation());
        }
    }

    #[inline]
    fn tell_changed(
        &mut self,
        at_ns: u64,
        tuple: Tuple,
        before: Option<State>,
        after: Option<State>,
    ) {
        if before != after {
            self.tell(|| Observation::Changed {
                at_ns,
                tuple,
                before,
                after,
            });
        }
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("ip", &self.config.ip)
            .field("free", &self.free.len())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
