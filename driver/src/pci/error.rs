//! [`PciError`].

use std::io;
use std::path::PathBuf;

use super::PciAddress;

/// Why a PCI function cannot be found, bound or used from user space.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PciError {
    /// Not an address.
    #[error("{0:?} is no PCI address: it must be like 0000:03:00.0, or 03:00.0 for short")]
    BadAddress(String),
    /// There is nothing at this address.
    #[error("there is no PCI function {0}; `handclasp devices` lists the NICs, `lspci -D` all functions")]
    NoSuchFunction(PciAddress),
    /// Something else is at this address, which its driver may need.
    #[error("{address} is no Handclasp NIC (its IDs are {vendor}:{device}); `handclasp devices` lists the NICs")]
    NotANic {
        /// The function.
        address: PciAddress,
        /// Its vendor ID, as Linux writes it.
        vendor: String,
        /// Its device ID, as Linux writes it.
        device: String,
    },
    /// Nothing confines the function's DMA.
    #[error(
        "{0} has no IOMMU group: the IOMMU is off, and without it a device reaches all memory. Turn it on in the firmware \
         (VT-d or AMD-Vi) and add intel_iommu=on or amd_iommu=on to the kernel's command line"
    )]
    NoIommuGroup(PciAddress),
    /// The kernel's driver that hands functions to user space is not there.
    #[error("the kernel's driver vfio-pci is not loaded; as root, run `modprobe vfio-pci`")]
    NoVfioDriver,
    /// The function has another driver, or none.
    #[error("{address} is bound to {}, not to vfio-pci; as root, run `handclasp bind {address}`", name(.driver))]
    NotBound {
        /// The function.
        address: PciAddress,
        /// What it is bound to.
        driver: Option<String>,
    },
    /// The function cannot be told from others by the IOMMU, and those are in the kernel's hands.
    #[error(
        "{address} shares its IOMMU group {group} with {others}, and a group is used from user space only as a whole: bind \
         these to vfio-pci too, unbind them, or move the card to another slot"
    )]
    GroupNotViable {
        /// The function.
        address: PciAddress,
        /// Number of its IOMMU group.
        group: u32,
        /// The other functions in it that stand in the way, with their drivers.
        others: String,
    },
    /// The kernel was asked to probe, and did not do as asked.
    #[error("{address} is bound to {} after the kernel was asked to bind it to vfio-pci; `dmesg` may say why", name(.driver))]
    ProbeFailed {
        /// The function.
        address: PciAddress,
        /// What it is bound to.
        driver: Option<String>,
    },
    /// There is no such user.
    #[error("there is no user {0:?} on this machine")]
    NoSuchUser(String),
    /// A file of the kernel could not be read or written.
    #[error("{} failed: {reason}{}", path.display(), hint(.reason))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

fn name(driver: &Option<String>) -> String {
    match driver {
        Some(driver) => format!("the driver {driver}"),
        None => "no driver".into(),
    }
}

fn hint(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::PermissionDenied => "; this needs root",
        _ => "",
    }
}
