//! [`PciNic`]: what the kernel knows of a NIC without touching it.

use super::{PciAddress, PciError};

/// A PCI function as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PciNic {
    /// Where it is.
    pub address: PciAddress,
    /// The driver it is bound to.
    pub driver: Option<String>,
    /// Number of its IOMMU group; `None`: the IOMMU is off.
    pub group: Option<u32>,
    /// The other functions of its group.
    pub group_members: Vec<GroupMember>,
    /// The memory and processors it is close to; `None` when the machine has only one such node, or does not say.
    pub numa_node: Option<u32>,
    /// Its link; `None` when the kernel does not say.
    pub link: Option<Link>,
    /// Version of the layout that its gateware was built from: its revision ID.
    pub layout_version: u8,
}

/// A function in the same IOMMU group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Where it is.
    pub address: PciAddress,
    /// The driver it is bound to.
    pub driver: Option<String>,
}

/// Speed and width of a PCI Express link, as negotiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Like `8.0 GT/s PCIe`.
    pub speed: String,
    /// Number of lanes.
    pub lanes: u8,
}

impl GroupMember {
    /// Whether the group can be used from user space nevertheless: the member has no driver, or one that does no DMA on
    /// the kernel's behalf.
    fn is_harmless(&self) -> bool {
        self.driver.as_deref().is_none_or(|driver| {
            matches!(driver, "pci-stub" | "pcieport") || driver.starts_with("vfio")
        })
    }
}

impl PciNic {
    /// The number of its IOMMU group, when that can be used from user space.
    ///
    /// # Errors
    /// `NoIommuGroup`, `GroupNotViable`.
    pub fn viable_group(&self) -> Result<u32, PciError> {
        let group = self.group.ok_or(PciError::NoIommuGroup(self.address))?;
        let others: Vec<_> = self
            .group_members
            .iter()
            .filter(|member| !member.is_harmless())
            .map(|member| {
                let driver = member.driver.as_deref().unwrap_or("none");
                format!("{} (driver {driver})", member.address)
            })
            .collect();
        if others.is_empty() {
            return Ok(group);
        }
        Err(PciError::GroupNotViable {
            address: self.address,
            group,
            others: others.join(", "),
        })
    }
}
