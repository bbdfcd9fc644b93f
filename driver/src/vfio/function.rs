//! One PCI function, as narrow as [`VfioBus`](super::VfioBus) needs it.

use std::os::fd::BorrowedFd;

use super::Pages;
use crate::bus::BusError;

/// One PCI function that this process owns: configuration space, BAR0, its I/O address space, its interrupts.
///
/// No policy here: in which order things are done, and what is checked, is [`VfioBus`](super::VfioBus)'s business. All
/// methods take `&self` and may be called by several threads at once. Dropping the function gives it back.
pub trait Function: Send + Sync {
    /// Name for messages, like `0000:03:00.0`.
    fn name(&self) -> &str;

    /// Reads 1, 2 or 4 bytes of the configuration space, at an offset that is a multiple of their number.
    ///
    /// # Errors
    /// [`BusError::Refused`], [`BusError::Gone`].
    fn config_read(&self, offset: u16, data: &mut [u8]) -> Result<(), BusError>;

    /// Writes 1, 2 or 4 bytes of the configuration space, at an offset that is a multiple of their number.
    ///
    /// # Errors
    /// As for [`Function::config_read`].
    fn config_write(&self, offset: u16, data: &[u8]) -> Result<(), BusError>;

    /// Size of a BAR in bytes; 0: there is none.
    fn bar_bytes(&self, bar: u32) -> u64;

    /// Number of MSI-X vectors that [`Function::enable_interrupts`] takes.
    fn vectors(&self) -> u32;

    /// Reads 32 bits of BAR0. The offset is a multiple of 4 within the BAR, and memory space is on.
    ///
    /// # Errors
    /// [`BusError::Gone`] when it can be told; else a function that is gone reads all ones.
    fn read32(&self, offset: u32) -> Result<u32, BusError>;

    /// Writes 32 bits of BAR0; offset as for [`Function::read32`]. May return before the function has seen the write.
    ///
    /// # Errors
    /// [`BusError::Gone`] when it can be told; else a function that is gone ignores the write.
    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError>;

    /// Function Level Reset. The caller checks by reading back that it has happened.
    ///
    /// # Errors
    /// [`BusError::Refused`] when the function cannot be reset; [`BusError::Gone`].
    fn reset(&self) -> Result<(), BusError>;

    /// Lets the function read and write all of `pages` at the I/O addresses from `iova` on, a multiple of 2 MiB.
    ///
    /// The caller keeps the pages until it has unmapped them, or has dropped the function.
    ///
    /// # Errors
    /// [`BusError::NoMemory`] with what to do about it; [`BusError::Refused`], [`BusError::Gone`].
    fn map(&self, iova: u64, pages: &Pages) -> Result<(), BusError>;

    /// Takes a mapping down: when this returns `Ok`, the function reaches that memory no more.
    ///
    /// # Errors
    /// [`BusError::Refused`], [`BusError::Gone`].
    fn unmap(&self, iova: u64, len_bytes: usize) -> Result<(), BusError>;

    /// Has MSI-X vector n signal the n-th of these eventfds, from now on. The caller keeps them open until it has ended that.
    ///
    /// # Errors
    /// [`BusError::Refused`], [`BusError::Gone`].
    fn enable_interrupts(&self, vectors: &[BorrowedFd<'_>]) -> Result<(), BusError>;

    /// Ends what [`Function::enable_interrupts`] began.
    ///
    /// # Errors
    /// [`BusError::Refused`], [`BusError::Gone`].
    fn disable_interrupts(&self) -> Result<(), BusError>;
}
