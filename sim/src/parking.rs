//! Where the threads that wait for a NIC's interrupt sleep.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use handclasp_driver::BusError;
use nix::errno::Errno;
use nix::poll::{ppoll, PollFd, PollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

/// Wakes every thread that waits; a wake that finds none is kept for the next one that wants to wait.
#[derive(Debug)]
pub(crate) struct Parking {
    state: Mutex<State>,
    /// Readable while threads that have been woken are still here.
    event: EventFd,
}

#[derive(Debug, Default)]
struct State {
    /// Counts the wakes.
    generation: u64,
    waiting: usize,
    /// Those of `waiting` that have been woken and have not left yet.
    woken: usize,
    kept: bool,
}

/// A thread that waits.
#[derive(Debug)]
pub(crate) struct Ticket {
    generation: u64,
}

impl Parking {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            event: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake(&self) {
        let mut state = self.state();
        state.generation += 1;
        if state.waiting == 0 {
            state.kept = true;
        } else {
            state.woken = state.waiting;
            // Fails only when the counter is full, and then it is readable anyway.
            let _ = self.event.write(1);
        }
    }

    /// `None` when a wake had been kept: there is nothing to wait for.
    pub(crate) fn enter(&self) -> Option<Ticket> {
        let mut state = self.state();
        if std::mem::take(&mut state.kept) {
            return None;
        }
        state.waiting += 1;
        Some(Ticket {
            generation: state.generation,
        })
    }

    pub(crate) fn is_woken(&self, ticket: &Ticket) -> bool {
        self.state().generation != ticket.generation
    }

    /// Whether threads wait here and none of them has been woken.
    pub(crate) fn is_asleep(&self) -> bool {
        let state = self.state();
        state.waiting > 0 && state.woken == 0
    }

    pub(crate) fn leave(&self, ticket: Ticket) {
        let mut state = self.state();
        state.waiting -= 1;
        if state.generation != ticket.generation {
            state.woken = state.woken.saturating_sub(1);
            if state.woken == 0 {
                // Fails when nothing has been written, and then there is nothing to reset.
                let _ = self.event.read();
            }
        }
    }

    /// Sleeps until a wake, until `stir` or `wire` is readable, or at most `timeout`.
    pub(crate) fn sleep(
        &self,
        stir: BorrowedFd<'_>,
        wire: Option<BorrowedFd<'_>>,
        timeout: Duration,
    ) -> Result<(), BusError> {
        let event = PollFd::new(self.event.as_fd(), PollFlags::POLLIN);
        let stir = PollFd::new(stir, PollFlags::POLLIN);
        let wire = wire.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let timeout = Some(TimeSpec::from_duration(timeout));
        let result = match wire {
            Some(wire) => ppoll(&mut [event, stir, wire], timeout, None),
            None => ppoll(&mut [event, stir], timeout, None),
        };
        match result {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(BusError::Gone(format!("ppoll failed: {errno}"))),
        }
    }
}
