//! What a connection costs the host: ours, smoltcp and the Linux kernel doing the same work.
//!
//! A *work* ([`work`]) is a handshake, an echo, a piece of a stream, or a close. It is done by a *stack* ([`stack`]) with
//! both its ends, client and server, in one thread, and a *meter* ([`meter`]) sees only the sections in which an end
//! works: by the clock, or as instructions under callgrind. What carries frames between the ends is outside of all
//! sections:
//!
//! ```text
//!     client's section              not measured                server's section
//!   +------------------+   +---------------------------+   +------------------+
//!   | host, driver     |===| prepared NIC, cable, NIC  |===| driver, host     |   ours
//!   | smoltcp          |---| frames change queues      |---| smoltcp          |   smoltcp
//!   | nothing          |---| nothing                   |---| nothing          |   null: the harness itself
//!   +------------------+   +---------------------------+   +------------------+
//! ```
//!
//! [`run`](mod@run) does it all and leaves a [`record`]. The Linux kernel does the same works in a thread of its own calls, and
//! between two threads ([`latency`]).
//!
//! These are costs of the host, on the machine that ran them. They say nothing about the wire, PCI Express or the
//! gateware: `handclasp bench cycles` counts that one.
//!
//! # What is compared, and what differs
//! All ends: MTU 1500, buffers of 256 KiB a direction, Nagle's algorithm off, timestamps on (RFC 7323), congestion control by
//! Reno or what follows from it, ARP resolved before, connections one after another. Ours besides chooses the local port, makes
//! initial sequence numbers that nobody can guess (RFC 6528), finds the socket in a table, keeps connections in TIME-WAIT and
//! has a listener that queues them; smoltcp is told the port, has one socket, which is used again at once and listens again
//! outside of the sections.
//!
//! smoltcp is compiled as its users compile it, without overflow checks; ours keeps them, which costs it about three in a hundred
//! instructions.
//!
//! The prepared NIC does its work on the same CPU as our host. Between two sections it pushes the host's code out of the
//! first-level cache, which frames that change queues do not: nearly every line of code of a handshake has to be fetched anew
//! (callgrind's `--cache-sim=yes` shows it). And it leaves its events in a cache of that CPU, where a card would write into the
//! last-level one. So times are hard on ours in code, most of all those of a handshake, and kind to it in data; instructions
//! ([`instructions`]) do not know of caches at all.
#![forbid(unsafe_code)]

pub mod compare;
pub mod distribution;
mod error;
pub mod gateware;
pub mod instructions;
pub mod latency;
pub mod machine;
pub mod meter;
pub mod model;
pub mod pin;
pub mod prepared;
pub mod record;
pub mod report;
pub mod run;
pub mod stack;
pub mod study;
pub mod work;

pub use error::BenchError;
pub use record::Run;
pub use run::{run, Plan, Progress};
pub use study::Study;
pub use work::Work;
