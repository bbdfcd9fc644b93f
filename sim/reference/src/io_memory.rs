//! What a device's DMA reaches.

use std::fmt::Debug;

/// An access to an address with no memory behind it, or none that it may reach. On AXI it is answered with DECERR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("I/O address {address:#x} is not mapped")]
pub struct IoFault {
    /// The address.
    pub address: u64,
}

/// Memory at I/O addresses, as the device sees it.
pub trait IoMemory: Send + Sync + Debug {
    /// Reads as a device does.
    ///
    /// # Errors
    /// [`IoFault`] when a part of the range is out of reach; then nothing is read.
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), IoFault>;

    /// Writes as a device does, in ascending order.
    ///
    /// # Errors
    /// [`IoFault`] when a part of the range is out of reach; then nothing is written.
    fn write(&self, address: u64, data: &[u8]) -> Result<(), IoFault>;
}
