//! Who polls the stack, and who sleeps.
//!
//! A packet must not wait until a thread has been woken for it. So a blocking call that waits polls the stack itself
//! ("leads"). Others who wait meanwhile ("follow") sleep, and the stack wakes each of them when what it waits for is
//! there ([`Stack::watch`]), so that a thousand idle connections cost nothing. When no call waits, the background thread
//! leads, so that timers run and segments are answered while the application computes.
//!
//! ```text
//!   Nobody --- a call must wait ---> Call --- it is done ---> Nobody
//!     |                               ^                         (one follower is woken to lead; without followers
//!     | no call for GRACE             | a call must wait         the thread does, after GRACE)
//!     v                               |
//!   Thread ---------------------------+
//! ```
//!
//! Who leads polls, lets the bus relax a number of times, and then sleeps in [`Bus::wait`] until the next interrupt or
//! deadline. An idle host uses no CPU.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Wake, Waker};
use std::time::Duration;

use handclasp_driver::Bus;

use super::followers::{Follower, Followers};
use crate::clock::Clock;
use crate::stack::{Awaited, Progress, Stack, StackError};

/// Polls without anything to do before a leader sleeps: they take about as long as waking a thread.
const POLLS_BEFORE_SLEEP: u32 = 200;
/// The background thread takes over when there has been no call for this long: calls in quick succession cost no hand-over.
const GRACE: Duration = Duration::from_millis(1);
/// How often a leader looks, at most, whether those who want the lock have it: far longer than a thread takes to wake.
const YIELDS_MAX: u32 = 1000;
/// Longest sleep without a deadline.
const SLEEP_MAX_NS: u64 = 3_600_000_000_000;

/// Who polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leader {
    Nobody,
    Thread,
    Call,
}

/// What the lock guards.
struct State {
    stack: Stack,
    leader: Leader,
    /// The leader sleeps on the bus until then, at the latest.
    sleeps_until_ns: Option<u64>,
    /// Calls that wait while another one leads.
    followers: Followers,
    /// The background thread is in [`Bus::wait`]. While it is, no call goes there: an interrupt wakes only one of them.
    thread_sleeps: bool,
    /// The background thread waits for calls to end.
    thread_is_parked: bool,
    /// Number of calls so far: by it the background thread sees whether there was one.
    calls: u64,
    stop: bool,
}

/// Wakes the call that sleeps on the bus.
struct BusSleep(Arc<dyn Bus>);

impl Wake for BusSleep {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

/// A stack that several threads share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Threads that sleep until they have the lock.
    wanting: AtomicUsize,
    /// No call leads any more.
    call_left: Condvar,
    bus: Arc<dyn Bus>,
    /// [`BusSleep`] of this bus.
    bus_waker: Waker,
    clock: Arc<dyn Clock>,
    polls_before_sleep: u32,
}

impl Shared {
    /// `spins`: a leader polls for a while before it sleeps. Not so in simulated time, which would pass meanwhile: there
    /// [`Bus::wait`] returns exactly when there is something to do.
    pub(super) fn new(stack: Stack, clock: Arc<dyn Clock>, spins: bool) -> Self {
        let bus = Arc::clone(stack.bus());
        Self {
            polls_before_sleep: if spins { POLLS_BEFORE_SLEEP } else { 0 },
            bus_waker: Arc::new(BusSleep(Arc::clone(&bus))).into(),
            bus,
            clock,
            state: Mutex::new(State {
                stack,
                leader: Leader::Nobody,
                sleeps_until_ns: None,
                followers: Followers::default(),
                thread_sleeps: false,
                thread_is_parked: false,
                calls: 0,
                stop: false,
            }),
            wanting: AtomicUsize::new(0),
            call_left: Condvar::new(),
        }
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// The time that is `timeout` from now; `None`: never.
    pub(super) fn after(&self, timeout: Option<Duration>) -> Option<u64> {
        let timeout_ns = u64::try_from(timeout?.as_nanos()).unwrap_or(u64::MAX);
        Some(self.now_ns().saturating_add(timeout_ns))
    }

    /// A panic in another thread (an observer's) leaves the stack between two segments: it can go on.
    fn lock(&self) -> MutexGuard<'_, State> {
        match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.wanting.fetch_add(1, Ordering::Relaxed);
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                self.wanting.fetch_sub(1, Ordering::Relaxed);
                state
            }
        }
    }

    /// A leader's pause between two polls, without the lock. Whoever wants the lock has it next: it is not fair, and the
    /// leader would take it again before a thread that sleeps for it has woken, poll after poll.
    fn relax(&self) {
        self.bus.relax();
        for _ in 0..YIELDS_MAX {
            if self.wanting.load(Ordering::Relaxed) == 0 {
                break;
            }
            std::thread::yield_now();
        }
    }

    /// Takes what the NIC has and does what is due. The stack wakes who waited for what has come of it.
    fn poll_locked(&self, state: &mut State) -> Result<Progress, StackError> {
        let result = state.stack.poll(self.clock.now_ns());
        if result.is_err() {
            state.followers.wake_all();
        }
        result
    }

    /// Takes what the NIC has and does what is due.
    pub(super) fn poll(&self) -> Result<Progress, StackError> {
        self.poll_locked(&mut self.lock())
    }

    /// A call that only reads the stack, or changes what neither the NIC nor another call has to learn.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Stack) -> T) -> T {
        look(&mut self.lock().stack)
    }

    /// A call that does not wait: with the stack as it is now, and what the call made is given to the NIC at once.
    pub(super) fn call<T>(&self, action: impl FnOnce(&mut Stack, u64) -> T) -> T {
        let mut state = self.lock();
        // A failed device shows in what the action returns.
        let _ = self.poll_locked(&mut state);
        let result = action(&mut state.stack, self.clock.now_ns());
        self.finish(&mut state);
        result
    }

    /// A call that waits until `attempt` says something else than `WouldBlock`, or `give_up_ns` has come; then it says
    /// `WouldBlock` itself. While the call sleeps, `attempt` is made again only when `awaited` is there.
    pub(super) fn wait_for<T>(
        &self,
        awaited: Awaited,
        give_up_ns: Option<u64>,
        mut attempt: impl FnMut(&mut Stack, u64) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.lock();
        let mut leads = false;
        let mut fruitless = 0_u32;
        let result = loop {
            let moved = self
                .poll_locked(&mut state)
                .map_or(true, |progress| !progress.is_idle());
            let now_ns = self.clock.now_ns();
            match attempt(&mut state.stack, now_ns) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => break result,
            }
            if give_up_ns.is_some_and(|at| now_ns >= at) {
                break Err(io::ErrorKind::WouldBlock.into());
            }
            if !leads && state.leader == Leader::Call {
                state = self.follow(state, awaited, give_up_ns, now_ns);
                continue;
            }
            if !leads {
                leads = true;
                if state.thread_sleeps {
                    self.bus.wake();
                }
                state.leader = Leader::Call;
            }
            fruitless = if moved {
                0
            } else {
                fruitless.saturating_add(1)
            };
            if fruitless < self.polls_before_sleep || state.thread_sleeps {
                drop(state);
                self.relax();
                state = self.lock();
            } else {
                state = self.sleep_until(state, awaited, give_up_ns);
            }
        };
        if leads {
            state.leader = Leader::Nobody;
        }
        // A call that returns while nobody leads wakes a follower, which then leads. A call that only followed does so as
        // well: it may be the one that was woken to lead, but found that it could return.
        if state.leader == Leader::Nobody && !state.followers.wake_one() && state.thread_is_parked {
            self.call_left.notify_one();
        }
        self.finish(&mut state);
        result
    }

    /// Waits until what the call waits for is there, or it is to lead.
    fn follow<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        awaited: Awaited,
        give_up_ns: Option<u64>,
        now_ns: u64,
    ) -> MutexGuard<'a, State> {
        let timeout_ns = give_up_ns.map_or(SLEEP_MAX_NS, |at| at.saturating_sub(now_ns));
        let follower = Arc::new(Follower::default());
        let waker = follower.waker();
        state.stack.watch(awaited, &waker);
        let number = state.followers.enter(&follower);
        let mut state = follower.sleep(state, Duration::from_nanos(timeout_ns));
        state.followers.leave(number);
        state.stack.unwatch(awaited, &waker);
        state
    }

    /// Sleeps as [`Shared::sleep`] does, for a call that leads: what another thread's call makes of what it waits for ends
    /// the sleep as well.
    fn sleep_until<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        awaited: Awaited,
        give_up_ns: Option<u64>,
    ) -> MutexGuard<'a, State> {
        state.stack.watch(awaited, &self.bus_waker);
        let mut state = self.sleep(state, give_up_ns);
        state.stack.unwatch(awaited, &self.bus_waker);
        state
    }

    /// Sleeps until an interrupt, the stack's next deadline or `until_ns`.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        until_ns: Option<u64>,
    ) -> MutexGuard<'a, State> {
        // From here on an event that is there already, or comes, ends the wait at once.
        if let Err(error) = state.stack.arm_interrupt() {
            state.stack.fail(&error);
            return state;
        }
        let now_ns = self.clock.now_ns();
        let until_ns = [until_ns, state.stack.deadline_ns()]
            .into_iter()
            .flatten()
            .fold(now_ns.saturating_add(SLEEP_MAX_NS), u64::min);
        state.sleeps_until_ns = Some(until_ns);
        drop(state);
        let waited = self.bus.wait(until_ns.saturating_sub(now_ns));
        let mut state = self.lock();
        state.sleeps_until_ns = None;
        if let Err(error) = waited {
            state.stack.fail(&error);
        }
        state
    }

    /// Gives the NIC what a call made. Wakes a sleeping leader that would sleep past the deadline that the call has set.
    fn finish(&self, state: &mut State) {
        // A failed device shows in the next call, and in those that wait.
        let failed = state.stack.push(self.clock.now_ns()).is_err();
        state.calls += 1;
        let deadline_ns = state.stack.deadline_ns().unwrap_or(u64::MAX);
        let too_long = |until_ns| failed || deadline_ns < until_ns;
        if state.sleeps_until_ns.is_some_and(too_long) {
            self.bus.wake();
        }
    }

    /// The background thread.
    pub(super) fn run(&self) {
        let mut state = self.lock();
        let mut fruitless = 0_u32;
        while !state.stop {
            if state.leader == Leader::Call {
                state.thread_is_parked = true;
                state = self
                    .call_left
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.thread_is_parked = false;
                let mut calls;
                loop {
                    calls = state.calls;
                    (state, _) = self
                        .call_left
                        .wait_timeout(state, GRACE)
                        .unwrap_or_else(PoisonError::into_inner);
                    if state.stop || state.leader == Leader::Call || state.calls == calls {
                        break;
                    }
                }
                continue;
            }
            state.leader = Leader::Thread;
            match self.poll_locked(&mut state) {
                Ok(progress) if progress.is_idle() => fruitless = fruitless.saturating_add(1),
                Ok(_) => fruitless = 0,
                // The device has failed. Every call says so, and the thread has nothing left to do.
                Err(_) => break,
            }
            if fruitless < self.polls_before_sleep {
                drop(state);
                self.relax();
                state = self.lock();
            } else {
                state.thread_sleeps = true;
                state = self.sleep(state, None);
                state.thread_sleeps = false;
            }
            if state.leader == Leader::Thread {
                state.leader = Leader::Nobody;
            }
        }
    }

    /// Ends [`Shared::run`].
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.call_left.notify_one();
        self.bus.wake();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
