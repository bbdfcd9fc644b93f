//! Calls that wait while another call leads.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

/// One call that waits. It is woken only by who holds the lock that it sleeps on, so that no wake-up is lost between its
/// last look at the stack and its sleep.
#[derive(Debug, Default)]
pub(super) struct Follower {
    news: Condvar,
}

impl Follower {
    /// What wakes it.
    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        Arc::clone(self).into()
    }

    /// Sleeps until it is woken, or the time is over; may return early.
    pub(super) fn sleep<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        let (guard, _) = self
            .news
            .wait_timeout(guard, timeout)
            .unwrap_or_else(PoisonError::into_inner);
        guard
    }
}

impl Wake for Follower {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.news.notify_one();
    }
}

/// All calls that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Followers {
    by_number: BTreeMap<u64, Arc<Follower>>,
    /// Number of the next one.
    next: u64,
}

impl Followers {
    /// Enters a call; gives the number by which it leaves.
    pub(super) fn enter(&mut self, follower: &Arc<Follower>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.by_number.insert(number, Arc::clone(follower));
        number
    }

    pub(super) fn leave(&mut self, number: u64) {
        self.by_number.remove(&number);
    }

    /// Wakes one, so that it leads; false when there is none. It is the one that has waited longest, since its connection is
    /// probably idle: it will wait and lead for long, and leadership changes seldom.
    pub(super) fn wake_one(&self) -> bool {
        let first = self.by_number.values().next();
        first.inspect(|follower| follower.wake_by_ref()).is_some()
    }

    /// Wakes all: the device has failed, which each of them is to say.
    pub(super) fn wake_all(&self) {
        for follower in self.by_number.values() {
            follower.wake_by_ref();
        }
    }
}
