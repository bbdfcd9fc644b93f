//! What a run leaves: one file that tells what every work cost every stack.
//!
//! # The file
//! [`Run`] as JSON. Four kinds of figures, in four lists, so that none is taken for another:
//! - `costs`: time in the sections of one end or of both, one thread, no waiting ([`Cost`]);
//! - `latencies`: time that a client waits for a server in another thread, Linux only ([`Latency`]);
//! - `instructions`: counted under callgrind ([`Count`]);
//! - `left_out`: what could not be measured here, and why ([`LeftOut`]).
//!
//! What was measured over a NIC is a record of its own ([`OverNic`]): nothing there is one machine's host code alone.
//!
//! The stack `null` in `costs` and `instructions` is the harness itself: as much of every other figure is not the stack's.

use std::collections::BTreeMap;

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

/// How long a client waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// `linux-loopback`, `linux-veth`, or a NIC ([`OverNic::nic`]).
    pub stack: String,
    /// How the threads wait.
    pub waiting: Waiting,
    /// `handshake` (the time of `connect()`), `echo` (the round trip) or, over a NIC, `stream` (the time of a piece's
    /// `write()`: until the piece is in the send buffer, so a full one makes it wait for the server).
    pub work: String,
    /// Bytes of an echo (each way) or of a piece of the stream.
    pub size_bytes: Option<usize>,
    /// The times.
    pub time: Distribution,
}

/// What an application measured over a NIC, with a server elsewhere: the whole way there and back, by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverNic {
    /// The NIC: the card with its PCI address, or which gateware is simulated.
    pub nic: String,
    /// The server.
    pub peer: String,
    /// The machine that the NIC is in, and when.
    pub machine: Machine,
    /// How long the application waited.
    pub latencies: Vec<Latency>,
    /// How much there was in how long.
    pub rates: Vec<Rate>,
    /// The NIC's counters at the end; none when it had failed by then.
    pub counters: BTreeMap<String, u32>,
    /// Why it ended before everything was measured, if it did. What had been measured by then is kept.
    pub cut_short: Option<String>,
}

/// How often a work was done in a time, one after the other on one connection or, for handshakes, one connection after
/// the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// `handshake` or `stream`.
    pub work: String,
    /// Bytes of a piece of the stream.
    pub size_bytes: Option<usize>,
    /// How often.
    pub count: usize,
    /// For a stream from its first byte until the server, which has read everything, has closed.
    pub seconds: f64,
    /// Bytes of the stream that the server sent back meanwhile: none by one that only reads, all by one that answers.
    pub back_bytes: u64,
}

impl Rate {
    /// Works a second.
    pub fn per_s(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// Of a stream: MB a second from the application to the server; what came back is not counted.
    pub fn mb_per_s(&self) -> Option<f64> {
        Some(self.per_s() * self.size_bytes? as f64 / 1e6)
    }
}

/// Something that this machine does not let us measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why, and what is needed.
    pub reason: String,
}
