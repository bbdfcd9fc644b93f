//! [`Sysfs`]: the kernel's files about PCI functions.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use handclasp_layout::pci::{DEVICE_ID, VENDOR_ID};
use nix::unistd::User;

use super::{GroupMember, Link, PciAddress, PciError, PciNic};

/// The kernel's driver that hands functions to user space.
const VFIO_DRIVER: &str = "vfio-pci";

/// The files in which Linux tells of PCI functions, and through which it is told what to do with them.
#[derive(Debug, Clone)]
pub struct Sysfs {
    pci: PathBuf,
    vfio: PathBuf,
    write: fn(&Path, &str) -> io::Result<()>,
}

impl Default for Sysfs {
    /// This machine's.
    fn default() -> Self {
        Self {
            pci: "/sys/bus/pci".into(),
            vfio: "/dev/vfio".into(),
            write,
        }
    }
}

/// Writes into a file that must be there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(text.as_bytes())
}

impl Sysfs {
    /// All Handclasp NICs, by address.
    ///
    /// # Errors
    /// `File` when the kernel's list cannot be read; a machine without PCI has no NICs.
    pub fn nics(&self) -> Result<Vec<PciNic>, PciError> {
        let path = self.pci.join("devices");
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(reason) => return Err(PciError::File { path, reason }),
        };
        let mut nics = Vec::new();
        for entry in entries.flatten() {
            let Some(address) = address_of(&entry.path()) else {
                continue;
            };
            // A function that goes away meanwhile is not there any more.
            if self.check_ids(address).is_ok() {
                nics.extend(self.nic(address));
            }
        }
        nics.sort_by_key(|nic| nic.address);
        Ok(nics)
    }

    /// What the kernel knows of one function, whatever its IDs.
    ///
    /// # Errors
    /// `NoSuchFunction`.
    pub fn nic(&self, address: PciAddress) -> Result<PciNic, PciError> {
        let path = self.path(address);
        if !path.exists() {
            return Err(PciError::NoSuchFunction(address));
        }
        let group_path = path.join("iommu_group");
        let group = link_name(&group_path).and_then(|name| name.parse().ok());
        let mut group_members: Vec<_> = fs::read_dir(group_path.join("devices"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| address_of(&entry.path()))
            .filter(|&member| member != address)
            .map(|member| GroupMember {
                address: member,
                driver: self.driver(member),
            })
            .collect();
        group_members.sort_by_key(|member| member.address);
        let read = |name| read(&path.join(name));
        let link = read("current_link_speed")
            .filter(|speed| !speed.starts_with("Unknown"))
            .zip(read("current_link_width").and_then(|lanes| lanes.parse().ok()))
            .map(|(speed, lanes)| Link { speed, lanes });
        Ok(PciNic {
            address,
            driver: self.driver(address),
            group,
            group_members,
            // The kernel writes -1 where there are no nodes.
            numa_node: read("numa_node").and_then(|node| node.parse().ok()),
            link,
            layout_version: read("revision")
                .and_then(|revision| parse_hex(&revision))
                .and_then(|revision| revision.try_into().ok())
                .unwrap_or_default(),
        })
    }

    /// The device file of the function's IOMMU group, when the function is ready for user space.
    ///
    /// # Errors
    /// `NoSuchFunction`, `NoIommuGroup`, `NoVfioDriver`, `NotBound`, `GroupNotViable`.
    pub fn group_file(&self, address: PciAddress) -> Result<PathBuf, PciError> {
        let nic = self.nic(address)?;
        if nic.group.is_none() {
            return Err(PciError::NoIommuGroup(address));
        }
        if !is_vfio(&nic.driver) {
            self.check_vfio_driver()?;
            return Err(PciError::NotBound {
                address,
                driver: nic.driver,
            });
        }
        Ok(self.vfio.join(nic.viable_group()?.to_string()))
    }

    /// Takes a NIC from the driver it has, binds it to vfio-pci, and returns the device file of its group.
    ///
    /// # Errors
    /// `NoSuchFunction`, `NotANic`, `NoIommuGroup`, `NoVfioDriver`, `GroupNotViable`: nothing was changed. `File`,
    /// `ProbeFailed`: it may be left without driver; [`Sysfs::unbind`] gives it back.
    pub fn bind(&self, address: PciAddress) -> Result<PathBuf, PciError> {
        let nic = self.nic(address)?;
        self.check_ids(address)?;
        let group = nic.viable_group()?;
        self.check_vfio_driver()?;
        if !is_vfio(&nic.driver) {
            let path = self.path(address);
            self.write(path.join("driver_override"), VFIO_DRIVER)?;
            if nic.driver.is_some() {
                self.write(path.join("driver/unbind"), &address.to_string())?;
            }
            self.write(self.pci.join("drivers_probe"), &address.to_string())?;
            let driver = self.driver(address);
            if !is_vfio(&driver) {
                return Err(PciError::ProbeFailed { address, driver });
            }
        }
        Ok(self.vfio.join(group.to_string()))
    }

    /// Takes a function from vfio-pci and lets the kernel choose its driver again, which is returned. Waits until no
    /// process has it open. A function without driver, as a [`Sysfs::bind`] that failed may leave it, is given back as well.
    ///
    /// # Errors
    /// `NoSuchFunction`; `NotBound` when another driver has it; `File`.
    pub fn unbind(&self, address: PciAddress) -> Result<Option<String>, PciError> {
        let driver = self.nic(address)?.driver;
        if driver.is_some() && !is_vfio(&driver) {
            return Err(PciError::NotBound { address, driver });
        }
        let path = self.path(address);
        self.write(path.join("driver_override"), "\n")?;
        if driver.is_some() {
            self.write(path.join("driver/unbind"), &address.to_string())?;
        }
        self.write(self.pci.join("drivers_probe"), &address.to_string())?;
        Ok(self.driver(address))
    }

    /// Gives a group's device file to a user, by name or number: who then opens the NIC without being root.
    ///
    /// # Errors
    /// `NoSuchUser`, `File`.
    pub fn give(&self, group_file: &Path, user: &str) -> Result<(), PciError> {
        let by_name = User::from_name(user).ok().flatten();
        let uid = by_name
            .map(|user| user.uid.as_raw())
            .or_else(|| user.parse().ok())
            .ok_or_else(|| PciError::NoSuchUser(user.into()))?;
        chown(group_file, Some(uid), None).map_err(|reason| PciError::File {
            path: group_file.into(),
            reason,
        })
    }

    /// The function's folder.
    pub(crate) fn path(&self, address: PciAddress) -> PathBuf {
        self.pci.join("devices").join(address.to_string())
    }

    fn driver(&self, address: PciAddress) -> Option<String> {
        link_name(&self.path(address).join("driver"))
    }

    fn check_ids(&self, address: PciAddress) -> Result<(), PciError> {
        let id = |name| read(&self.path(address).join(name)).unwrap_or_default();
        let (vendor, device) = (id("vendor"), id("device"));
        if parse_hex(&vendor) == Some(VENDOR_ID.into())
            && parse_hex(&device) == Some(DEVICE_ID.into())
        {
            return Ok(());
        }
        Err(PciError::NotANic {
            address,
            vendor,
            device,
        })
    }

    fn check_vfio_driver(&self) -> Result<(), PciError> {
        if self.pci.join("drivers").join(VFIO_DRIVER).exists() {
            Ok(())
        } else {
            Err(PciError::NoVfioDriver)
        }
    }

    fn write(&self, path: PathBuf, text: &str) -> Result<(), PciError> {
        (self.write)(&path, text).map_err(|reason| PciError::File { path, reason })
    }
}

fn is_vfio(driver: &Option<String>) -> bool {
    driver.as_deref() == Some(VFIO_DRIVER)
}

/// The last part of what a symbolic link points to.
fn link_name(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

fn address_of(path: &Path) -> Option<PciAddress> {
    path.file_name()?.to_str()?.parse().ok()
}

fn read(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn parse_hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests;
