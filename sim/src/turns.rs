//! Turns: in virtual time one host runs at a time, so that what happens does not depend on how the system schedules their
//! threads.
//!
//! A host that waits, or polls once, passes its turn on to the next one in the order of the NICs that does not wait. When all
//! hosts wait, time goes on until one of them is woken or has waited long enough. How long a host computes during its turn
//! does not matter: no virtual time passes.
//!
//! One thread may drive several hosts. It does not wait for its own turn: while it waits for one of its NICs, its other
//! hosts do nothing.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use crate::nic::NicError;
use crate::shared::Shared;
use crate::simulation::{Simulation, WorldError};

/// How often, within its patience, a thread that waits for its turn looks whether anything happens. When the whole process
/// is held up, that counts as one look.
const LOOKS: u32 = 16;

/// Whose turn it is.
pub(crate) struct Turns {
    /// The turn is this host's or, if it waits, the next one's that does not.
    turn: usize,
    hosts: Vec<HostTurn>,
    /// Threads in a wait.
    waiting_threads: Vec<ThreadId>,
    /// Threads that want to know when something changes.
    pub(crate) blocked: usize,
}

#[derive(Default)]
struct HostTurn {
    /// The thread that was the last to use the host's bus, or to want to, or made it; `None` when the host has been handed
    /// over and its bus not been used since.
    driver: Option<ThreadId>,
    /// For each thread that waits, the cycle until which it does.
    wait_until: Vec<u64>,
}

impl Turns {
    pub(crate) fn new(hosts: usize) -> Self {
        Self {
            turn: 0,
            hosts: (0..hosts).map(|_| HostTurn::default()).collect(),
            waiting_threads: Vec::new(),
            blocked: 0,
        }
    }

    /// The calling thread drives this host from now on.
    pub(crate) fn drive(&mut self, nic: usize) {
        self.hosts[nic].driver = Some(thread::current().id());
    }

    /// A thread that has not used the host's bus yet is going to drive it.
    pub(crate) fn hand_over(&mut self, nic: usize) {
        if let Some(host) = self.hosts.get_mut(nic) {
            host.driver = None;
        }
    }

    /// The calling thread waits. The next host has its turn.
    pub(crate) fn begin_wait(&mut self, nic: usize, until_cycle: u64) {
        self.hosts[nic].wait_until.push(until_cycle);
        self.waiting_threads.push(thread::current().id());
        self.pass_on(nic);
    }

    /// The calling thread no longer waits.
    pub(crate) fn end_wait(&mut self, nic: usize, until_cycle: u64) {
        remove(&mut self.hosts[nic].wait_until, &until_cycle);
        remove(&mut self.waiting_threads, &thread::current().id());
    }

    /// The next host has its turn.
    pub(crate) fn pass_on(&mut self, nic: usize) {
        self.turn = (nic + 1) % self.hosts.len();
    }

    /// The first cycle after this one until which a host waits.
    pub(crate) fn first_until(&self, cycle: u64) -> u64 {
        let until = self.hosts.iter().flat_map(|host| &host.wait_until);
        let later = until.filter(|until| **until > cycle);
        later.min().copied().unwrap_or(u64::MAX)
    }
}

/// Takes one `value` out of `list`.
fn remove<T: PartialEq>(list: &mut Vec<T>, value: &T) {
    if let Some(at) = list.iter().position(|other| other == value) {
        list.swap_remove(at);
    }
}

impl Shared {
    /// Whether this host has something to do: it has a bus, does not wait, and its thread does not wait for another NIC.
    fn is_awake(&self, simulation: &Simulation, nic: usize) -> bool {
        let (host, turns) = (&self.hosts[nic], &simulation.turns);
        let HostTurn { driver, wait_until } = &turns.hosts[nic];
        let waits = host.parking.is_asleep()
            && !wait_until.is_empty()
            && wait_until.iter().all(|until| *until > simulation.cycle);
        let is_elsewhere = || driver.is_some_and(|driver| turns.waiting_threads.contains(&driver));
        let is_used = host.buses.load(Ordering::Acquire) > 0;
        is_used && !waits && !(wait_until.is_empty() && is_elsewhere())
    }

    /// The host whose turn it is; `None` when all wait.
    pub(crate) fn whose_turn(&self, simulation: &Simulation) -> Option<usize> {
        let hosts = self.hosts.len();
        let mut in_order = (0..hosts).map(|after| (simulation.turns.turn + after) % hosts);
        in_order.find(|nic| self.is_awake(simulation, *nic))
    }

    /// Waits until it is this host's turn, however long the system holds the others up.
    ///
    /// # Errors
    /// [`WorldError`] when the world is over: also when another host keeps its turn and does nothing.
    pub(crate) fn take_turn<'a>(
        &'a self,
        mut simulation: MutexGuard<'a, Simulation>,
        nic: usize,
    ) -> Result<MutexGuard<'a, Simulation>, WorldError> {
        let me = thread::current().id();
        // At once: the thread that had this bus before may go on with another one, and never wait for this host otherwise.
        simulation.turns.drive(nic);
        loop {
            simulation.check()?;
            match self.whose_turn(&simulation) {
                Some(other) if other != nic && simulation.turns.hosts[other].driver != Some(me) => {
                    simulation = self.block(simulation, other);
                }
                _ => break,
            }
        }
        simulation.turns.turn = nic;
        Ok(simulation)
    }

    /// Sleeps until something changes. When for too long nothing has happened although it is the turn of host `other`, the
    /// world is over.
    pub(crate) fn block<'a>(
        &'a self,
        mut simulation: MutexGuard<'a, Simulation>,
        other: usize,
    ) -> MutexGuard<'a, Simulation> {
        let cycle = simulation.cycle;
        for _ in 0..LOOKS {
            simulation.turns.blocked += 1;
            let (guard, timeout) = self
                .changed
                .wait_timeout(simulation, self.patience / LOOKS)
                .unwrap_or_else(PoisonError::into_inner);
            simulation = guard;
            simulation.turns.blocked -= 1;
            let stuck = simulation.cycle == cycle && self.whose_turn(&simulation) == Some(other);
            if !timeout.timed_out() || !stuck {
                return simulation;
            }
        }
        simulation.fail(
            other,
            NicError::HostStuck {
                patience: self.patience,
            },
        );
        self.tell(&simulation);
        simulation
    }

    /// Lets the threads that wait for their turn look again.
    pub(crate) fn tell(&self, simulation: &Simulation) {
        if simulation.turns.blocked > 0 {
            self.changed.notify_all();
        }
    }
}
