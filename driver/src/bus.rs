//! The narrow waist between driver and device: one driver runs on VFIO and on the simulator, and nothing above
//! [`Bus`] knows which one it is on.

use handclasp_layout::register::BAR_BYTES;

use crate::dma::DmaRegion;

/// Why the bus refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The offset is not a register: not a multiple of 4, or beyond BAR0.
    #[error("register offset {offset:#x} is not a multiple of 4 below {bar_bytes:#x}")]
    BadOffset {
        /// What was asked for.
        offset: u32,
        /// Size of BAR0.
        bar_bytes: usize,
    },
    /// No DMA memory of this size is to be had.
    #[error("{len_bytes} bytes of DMA memory cannot be had: {reason}")]
    NoMemory {
        /// What was asked for.
        len_bytes: usize,
        /// What stood in the way, and what to do.
        reason: String,
    },
    /// The bus did not do as asked, although the device is there.
    #[error("{operation} failed: {reason}")]
    Refused {
        /// What was asked for, and of whom.
        operation: String,
        /// What stood in the way.
        reason: String,
    },
    /// The device does not answer any more.
    #[error("the device is gone: {0}")]
    Gone(String),
}

/// Checks that `offset` is a register's, and returns it: offsets within BAR0 have 16 bits.
///
/// # Errors
/// [`BusError::BadOffset`].
pub fn register_offset(offset: u32) -> Result<u16, BusError> {
    u16::try_from(offset)
        .ok()
        .filter(|short| short % 4 == 0)
        .ok_or(BusError::BadOffset {
            offset,
            bar_bytes: BAR_BYTES,
        })
}

// Every offset of 16 bits lies in BAR0, and no other.
const _: () = assert!(BAR_BYTES == 1 << u16::BITS);

/// Register access, DMA memory and interrupts of one NIC.
///
/// All methods take `&self`: a bus is shared by the thread that polls and the threads that wait.
pub trait Bus: Send + Sync {
    /// Reads a 32-bit register of BAR0 at `offset` bytes.
    ///
    /// # Errors
    /// [`BusError::BadOffset`], or [`BusError::Gone`] when the device no longer answers.
    fn read32(&self, offset: u32) -> Result<u32, BusError>;

    /// Writes a 32-bit register of BAR0. All earlier writes to DMA memory are visible to the device before it.
    ///
    /// # Errors
    /// As for [`Bus::read32`].
    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError>;

    /// Memory that the device can reach: zeroed, page aligned, contiguous in I/O addresses, mapped until the last
    /// clone of the region is dropped.
    ///
    /// # Errors
    /// [`BusError::NoMemory`], with what to do about it.
    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError>;

    /// Called in every polling loop. On hardware a spin hint; a simulated device advances a bounded number of cycles.
    fn relax(&self);

    /// Sleeps until an interrupt, a [`Bus::wake`] or the time-out; may return early.
    ///
    /// # Errors
    /// [`BusError::Gone`] when the device can no longer interrupt.
    fn wait(&self, timeout_ns: u64) -> Result<(), BusError>;

    /// Ends a [`Bus::wait`] in another thread.
    fn wake(&self);
}
