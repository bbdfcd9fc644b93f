//! Who waits for which connection or listener. The stack wakes them when that is ready, and nobody else.
//!
//! ```text
//!   the call cannot be done yet ---> watch ---> (segments, timers, other calls) ---> ready: woken, once ---> it tries again
//!                                      |
//!                                      +-----> it gives up: unwatch
//! ```

use std::task::Waker;

use super::slot::Slot;
use super::{Interest, ListenerId, Readiness, SocketId, Stack};

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// That a connection can be read or written.
    Stream(SocketId, Interest),
    /// That a listener has a connection to accept, or is closed.
    Listener(ListenerId),
    /// That a closed connection comes nearer to its end: [`Stack::lingering`] may have changed.
    Lingering,
}

/// Those who wait for one thing, and what of it they wait for.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    wakers: Vec<(Interest, Waker)>,
}

impl Waiters {
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    fn enter(&mut self, interest: Interest, waker: &Waker) {
        self.wakers.push((interest, waker.clone()));
    }

    fn leave(&mut self, waker: &Waker) {
        self.wakers.retain(|(_, other)| !other.will_wake(waker));
    }

    /// Wakes those who wait for some of `ready`, and forgets them: a call that still cannot be done watches again.
    #[cold]
    fn wake(&mut self, ready: Readiness) {
        self.wakers.retain(|(interest, waker)| {
            let waits = ready.of(*interest).is_empty();
            if !waits {
                waker.wake_by_ref();
            }
            waits
        });
    }

    /// Wakes all.
    #[inline(always)]
    pub(super) fn wake_all(&mut self) {
        if !self.is_empty() {
            self.wake(Readiness {
                readable: true,
                writable: true,
            });
        }
    }
}

impl Slot {
    /// Which calls would not wait.
    pub(super) fn readiness(&self) -> Readiness {
        Readiness {
            readable: self.connection.readable(),
            writable: self.connection.writable(),
        }
    }

    /// Something happened to the connection: wakes those who waited for it.
    #[inline(always)]
    pub(super) fn wake_waiters(&mut self) {
        if !self.waiters.is_empty() {
            self.wake_ready();
        }
    }

    #[cold]
    fn wake_ready(&mut self) {
        self.waiters.wake(self.readiness());
    }
}

impl Stack {
    /// Wakes `waker`, once, when a later call of the stack has made this ready. What is ready now wakes nobody: try first.
    pub fn watch(&mut self, awaited: Awaited, waker: &Waker) {
        let interest = match awaited {
            Awaited::Stream(_, interest) => interest,
            Awaited::Listener(_) | Awaited::Lingering => Interest::READABLE,
        };
        if let Some(waiters) = self.waiters_mut(awaited) {
            waiters.enter(interest, waker);
        }
    }

    /// Forgets a [`Stack::watch`] that has not woken yet.
    pub fn unwatch(&mut self, awaited: Awaited, waker: &Waker) {
        if let Some(waiters) = self.waiters_mut(awaited) {
            waiters.leave(waker);
        }
    }

    fn waiters_mut(&mut self, awaited: Awaited) -> Option<&mut Waiters> {
        match awaited {
            Awaited::Stream(id, _) => {
                let slot = self.slot_mut(id.connection)?;
                (slot.generation == id.generation).then_some(&mut slot.waiters)
            }
            Awaited::Listener(id) => {
                let listener = self.listeners.get_mut(&id.port)?;
                (listener.generation == id.generation).then_some(&mut listener.waiters)
            }
            Awaited::Lingering => Some(&mut self.lingering_waiters),
        }
    }
}
