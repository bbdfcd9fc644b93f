//! Register map, commands, events and headers of the Handclasp NIC: each number written once.
//!
//! From the tables here come the driver's accessors, the gateware's fields, the simulator's decoding and the
//! datasheet (`DATASHEET.md`, written by [`datasheet::render`]). Gaps, overlaps and sizes are checked when this crate
//! compiles.
//!
//! - [`queue`]: commands and events, 64 bytes each;
//! - [`register`]: BAR0 with registers, counters, doorbells;
//! - [`pci`]: the PCI Express function that carries BAR0;
//! - [`port`]: the ports of the top module;
//! - [`frame`]: what becomes of received frames, what stands in sent ones;
//! - [`header`]: Ethernet, 802.1Q, ARP, IPv4, TCP, ICMP echo;
//! - [`table`]: what a table is.
#![forbid(unsafe_code)]

pub mod datasheet;
pub mod frame;
pub mod header;
pub mod pci;
pub mod port;
pub mod queue;
pub mod register;
pub mod table;
