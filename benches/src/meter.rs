//! Meters: what sees the sections in which an end works, and nothing else.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// It connects, asks, and closes first.
    Client,
    /// It accepts, answers, and closes when the client has.
    Server,
}

impl End {
    /// Both, the client first.
    pub const BOTH: [End; 2] = [End::Client, End::Server];

    /// The other one.
    pub fn peer(self) -> Self {
        match self {
            End::Client => End::Server,
            End::Server => End::Client,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            End::Client => "client",
            End::Server => "server",
        }
    }
}

/// Sees sections of work.
pub trait Meter {
    /// Does `work`, as work of `end`.
    fn section<R>(&mut self, end: End, work: impl FnOnce() -> R) -> R;
}

/// Sees nothing: for warming up, and for what a work needs before and after.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn section<R>(&mut self, _: End, work: impl FnOnce() -> R) -> R {
        work()
    }
}

/// Adds up the time in each end's sections. Reading the clock twice a section is in it: the null stack shows how much.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stopwatch {
    client: Duration,
    server: Duration,
}

impl Stopwatch {
    /// The time in one end's sections so far.
    pub fn spent(&self, end: End) -> Duration {
        match end {
            End::Client => self.client,
            End::Server => self.server,
        }
    }

    /// The time in both ends' sections so far.
    pub fn spent_both(&self) -> Duration {
        self.client + self.server
    }
}

impl Meter for Stopwatch {
    fn section<R>(&mut self, end: End, work: impl FnOnce() -> R) -> R {
        let begin = Instant::now();
        let result = work();
        let spent = begin.elapsed();
        match end {
            End::Client => self.client += spent,
            End::Server => self.server += spent,
        }
        result
    }
}

/// Gives sections names that callgrind can be told to collect in; see [`crate::instructions`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Named;

impl Named {
    /// The function that one end's sections are in, as a pattern for callgrind.
    pub fn pattern(end: End) -> &'static str {
        match end {
            End::Client => "*named_client_section*",
            End::Server => "*named_server_section*",
        }
    }
}

impl Meter for Named {
    fn section<R>(&mut self, end: End, work: impl FnOnce() -> R) -> R {
        match end {
            End::Client => named_client_section(work),
            End::Server => named_server_section(work),
        }
    }
}

// The two differ by what they pass to `black_box`: the compiler makes one function of two that are equal.

#[inline(never)]
fn named_client_section<R>(work: impl FnOnce() -> R) -> R {
    black_box(End::Client);
    work()
}

#[inline(never)]
fn named_server_section<R>(work: impl FnOnce() -> R) -> R {
    black_box(End::Server);
    work()
}
