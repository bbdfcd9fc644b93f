//! The stacks, behind one face.
//!
//! - [`in_memory`]: how two ends in one process do the works, for the stacks that are a library:
//!   [`ours`], [`smoltcp`] and [`null`];
//! - [`linux`]: the kernel's, by system calls; [`namespace`]: a network of its own for it.

pub mod in_memory;
pub mod linux;
pub mod namespace;
pub mod null;
pub mod ours;
pub mod smoltcp;
mod traffic;

use std::str::FromStr;

use crate::meter::Meter;
use crate::BenchError;

pub use in_memory::InMemory;
pub use linux::{Linux, Path};
pub use null::Null;
pub use ours::Ours;
pub use smoltcp::Smoltcp;

/// Send and receive buffer of every end, but Linux's: it sizes its own as it sees fit.
pub const BUFFER_BYTES: usize = 256 * 1024;

/// A client and a server of one TCP. All bytes that arrive are compared with those that were sent, outside of sections.
pub trait Stack {
    /// Its name in tables and files.
    fn name(&self) -> &'static str;

    /// A connection is opened: the client connects, the server accepts, until both are ESTABLISHED.
    ///
    /// # Errors
    /// The stack failed, or got stuck.
    fn open(&mut self, meter: &mut impl Meter) -> Result<(), BenchError>;

    /// The client sends so many bytes, the server receives them and sends them back, the client receives them.
    ///
    /// # Errors
    /// As for [`Stack::open`]; `WrongBytes`.
    fn echo(&mut self, size_bytes: usize, meter: &mut impl Meter) -> Result<(), BenchError>;

    /// The client sends so many bytes, the server receives them.
    ///
    /// # Errors
    /// As for [`Stack::echo`].
    fn transfer(&mut self, size_bytes: usize, meter: &mut impl Meter) -> Result<(), BenchError>;

    /// The connection is closed, by the client first.
    ///
    /// # Errors
    /// As for [`Stack::open`].
    fn close(&mut self, meter: &mut impl Meter) -> Result<(), BenchError>;
}

/// The stacks that run in one process: their instructions can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// Driver and host of this workspace.
    Ours,
    /// smoltcp, with timestamps and congestion control, as ours has them.
    Smoltcp,
    /// No stack: what the harness itself costs.
    Null,
}

impl Library {
    /// All of them.
    pub const ALL: [Library; 3] = [Library::Ours, Library::Smoltcp, Library::Null];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Library::Ours => ours::NAME,
            Library::Smoltcp => smoltcp::NAME,
            Library::Null => null::NAME,
        }
    }
}

impl FromStr for Library {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Library::ALL
            .into_iter()
            .find(|library| library.name() == name)
            .ok_or_else(|| format!("{name} is none of ours, smoltcp, null"))
    }
}
