//! TCP connections, sockets and what IPv4 needs beside them, over the driver's queues.
//!
//! From wire to socket:
//! - [`socket`]: what an application sees, shaped like `std::net`;
//! - [`stack`]: takes the driver's events to the connections they are for, and the connections' segments to the driver;
//! - [`tcp`]: a connection, as RFC 9293 has it;
//! - [`frame`]: frames of segments of connections that the NIC has no place for;
//! - [`neighbour`] and [`icmp`]: ARP and ICMP, the only protocols that software still reads and builds.
#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
pub mod frame;
pub mod icmp;
pub mod neighbour;
pub mod socket;
pub mod stack;
pub mod tcp;

pub use clock::{Clock, WallClock};
pub use config::StackConfig;
pub use socket::{Host, Socket, TcpListener, TcpStream};
pub use stack::{Interest, Observation, Observer, Readiness, Stack, StackError, Statistics, Tuple};
