//! What a run leaves: one file that tells what every work cost every stack.
//!
//! # The file
//! [`Run`] as JSON. Four kinds of figures, in four lists, so that none is taken for another:
//! - `costs`: time in the sections of one end or of both, one thread, no waiting ([`Cost`]);
//! - `latencies`: time that a client waits for a server in another thread, Linux only ([`Latency`]);
//! - `instructions`: counted under callgrind ([`Count`]);
//! - `left_out`: what could not be measured here, and why ([`LeftOut`]).
//!
//! The stack `null` in `costs` and `instructions` is the harness itself: as much of every other figure is not the stack's.

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::instructions::Count;
use crate::latency::Waiting;
use crate::machine::Machine;

/// Version of [`Run`]'s form.
pub const VERSION: u32 = 1;

/// The result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`VERSION`].
    pub version: u32,
    /// Where and when.
    pub machine: Machine,
    /// The CPU that did all that one thread does; `None` when the system would not keep it there.
    pub pinned_cpu: Option<usize>,
    /// Host costs.
    pub costs: Vec<Cost>,
    /// Waiting times between two threads.
    pub latencies: Vec<Latency>,
    /// Instructions.
    pub instructions: Vec<Count>,
    /// What is missing.
    pub left_out: Vec<LeftOut>,
}

/// What one work costs at the ends of one stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// `ours`, `smoltcp`, `null`, `linux-loopback` or `linux-veth`.
    pub stack: String,
    /// `handshake`, `echo`, `stream` or `close`.
    pub work: String,
    /// Bytes of an echo (each way) or of a piece of the stream.
    pub size_bytes: Option<usize>,
    /// Time in the client's sections: `connect`, `send`, half an echo.
    pub client: Distribution,
    /// Time in the server's sections: `accept`, `receive`, half an echo. For Linux the border between the ends is
    /// blurred, see [`crate::stack::linux`].
    pub server: Distribution,
    /// Both together, measurement by measurement.
    pub both: Distribution,
}

/// What a client of the kernel waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// `linux-loopback` or `linux-veth`.
    pub stack: String,
    /// How the threads wait.
    pub waiting: Waiting,
    /// `handshake` (the time of `connect()`) or `echo` (the round trip).
    pub work: String,
    /// Bytes each way.
    pub size_bytes: Option<usize>,
    /// The times.
    pub time: Distribution,
}

/// Something that this machine does not let us measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why, and what is needed.
    pub reason: String,
}
