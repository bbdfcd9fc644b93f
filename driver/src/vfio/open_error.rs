//! Why a NIC on PCI Express could not be opened, and what to do about it.

use handclasp_layout::register::BAR_BYTES;

use crate::bus::BusError;
use crate::error::DriverError;
use crate::pci::PciError;

/// Why a PCI function could not be opened as a NIC.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The function is not there, not bound to vfio-pci, or not isolated.
    #[error(transparent)]
    Pci(#[from] PciError),
    /// Another process has the function's IOMMU group open.
    #[error("{function}: another process has {path} open; end it (`fuser -v {path}` names it)")]
    Busy {
        /// Address of the function.
        function: String,
        /// The group's device file.
        path: String,
    },
    /// This user may not open the group's device file.
    #[error("{function}: no permission to open {path}; as root, run `handclasp bind {function} --user NAME`")]
    NoPermission {
        /// Address of the function.
        function: String,
        /// The device file.
        path: String,
    },
    /// A call of the kernel's VFIO failed.
    #[error("{function}: {operation} failed: {reason}")]
    Vfio {
        /// Address of the function.
        function: String,
        /// What was asked of the kernel.
        operation: String,
        /// What it said.
        reason: String,
    },
    /// BAR0 cannot hold the registers.
    #[error("{function}: BAR0 has {bar_bytes} bytes, a Handclasp NIC has {BAR_BYTES}; check which device was opened")]
    BarTooSmall {
        /// Address of the function.
        function: String,
        /// Its size.
        bar_bytes: u64,
    },
    /// A capability is missing from the configuration space.
    #[error(
        "{function}: its configuration space has no {capability}; check which device was opened"
    )]
    NoCapability {
        /// Address of the function.
        function: String,
        /// What is missing.
        capability: &'static str,
    },
    /// There are fewer interrupts than queues.
    #[error("{function}: {found} MSI-X vectors, but {needed} queues; the gateware is damaged or not ours")]
    TooFewVectors {
        /// Address of the function.
        function: String,
        /// Number of vectors.
        found: u32,
        /// Number of queues.
        needed: usize,
    },
    /// The register Command does not hold what was written.
    #[error("{function}: the PCI register Command reads {found:#06x} after {wanted:#06x} was written; is another program changing it?")]
    CommandNotHeld {
        /// Address of the function.
        function: String,
        /// What was written.
        wanted: u16,
        /// What it reads.
        found: u16,
    },
    /// The reset was asked for, but what it must clear is still there.
    #[error("{function}: its reset has no effect: {remains}; power-cycle the card")]
    NotReset {
        /// Address of the function.
        function: String,
        /// What is still there.
        remains: String,
    },
    /// It is no Handclasp NIC.
    #[error("{function}: {reason}")]
    NotOurs {
        /// Address of the function.
        function: String,
        /// What is wrong with it.
        reason: DriverError,
    },
    /// The bus refused.
    #[error("{function}: {reason}")]
    Bus {
        /// Address of the function.
        function: String,
        /// Why.
        reason: BusError,
    },
}
