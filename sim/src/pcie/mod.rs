//! The Verilated NIC as a PCI Express function, served over vfio-user: to QEMU, whose guest's kernel binds vfio-pci to
//! it, or to our own driver without any kernel.
//!
//! ```text
//!   client (QEMU, or pcie::client)
//!     | unix socket: vfio-user messages, with descriptors of memory and eventfds
//!   server, backend ---- config_space     a thread: answers every message at once
//!     |     \---------- dma_table, msix <-+
//!     | requests                          | DMA, messages
//!   function --- nic (RTL, models) -------+ a thread: the gateware, cycle by cycle
//!                  |
//!                 wire
//! ```
//!
//! - [`server`]: begin here; one client after another, and nothing of one is left for the next;
//! - `backend`: what the client's messages do;
//! - [`config_space`]: IDs, BARs, capabilities, FLR;
//! - [`function`]: the gateware in its thread;
//! - [`dma_table`]: the memory that the client lends;
//! - [`msix`]: the eventfds that the client wants signalled;
//! - [`counts`]: what the function tells of itself;
//! - [`client`]: the other end of the socket, for the driver's `VfioBus`.

mod backend;
pub mod client;
pub mod config_space;
pub mod counts;
pub mod dma_table;
pub mod function;
pub mod msix;
pub mod server;

pub use client::Client;
pub use server::{PcieServer, ServeError};
