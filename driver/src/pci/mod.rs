//! Finding NICs among the PCI functions of this machine, and handing them to user space.

mod address;
mod error;
mod nic;
mod sysfs;

pub use address::PciAddress;
pub use error::PciError;
pub use nic::{GroupMember, Link, PciNic};
pub use sysfs::Sysfs;
