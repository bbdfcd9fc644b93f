//! User-space driver of the Handclasp NIC.
//!
//! - [`bus`]: the trait that VFIO and the simulator implement;
//! - [`dma`]: memory shared with the device;
//! - [`command_ring`], [`event_ring`], [`slot_ring`]: who owns which entry, and when it changes hands;
//! - [`event`]: what the device says, believed only after it has been checked;
//! - [`nic`]: all of these behind one door, [`Nic`];
//! - [`pci`]: which NICs there are, and handing one to user space;
//! - [`vfio`]: the bus of a NIC on PCI Express.
//!
//! `unsafe` is only in [`dma`], and where [`vfio`] talks to the kernel.
//!
//! One NIC, polled:
//!
//! ```no_run
//! # fn run(bus: std::sync::Arc<dyn handclasp_driver::Bus>) -> Result<(), handclasp_driver::DriverError> {
//! use handclasp_driver::{Command, Event, Nic, NicConfig};
//!
//! let config = NicConfig::new(0x02_00_00_00_00_01, [192, 0, 2, 1].into(), 0x5eed);
//! let mut nic = Nic::open(bus, &config)?;
//! nic.submit(&Command::ListenAdd { port: 80, want_completion: false })?;
//! nic.flush()?;
//! loop {
//!     while let Some(event) = nic.next_event()? {
//!         if let Event::Rx(received) = event {
//!             let mut head = [0; 16];
//!             let len = head.len().min(received.payload.len_bytes());
//!             nic.read_payload(&received.payload, 0, &mut head[..len])?;
//!         }
//!     }
//!     nic.flush()?;
//!     nic.bus().relax();
//! }
//! # }
//! ```

pub mod bus;
pub mod command_ring;
mod config;
mod device;
pub mod dma;
mod error;
pub mod event;
pub mod event_ring;
pub mod nic;
pub mod pci;
pub mod slot_ring;
pub mod vfio;

pub use bus::{Bus, BusError};
pub use command_ring::Command;
pub use config::NicConfig;
pub use dma::{DmaMemory, DmaRegion};
pub use error::{DriverError, Lie};
pub use event::{Completion, Event, Next, Received, SackBlock, Stopped};
pub use nic::Nic;
pub use slot_ring::Payload;
