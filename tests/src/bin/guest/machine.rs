//! What the scenarios find in the guest: the NIC as the kernel shows it, and what they need to know of their surroundings.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};
use handclasp_layout::pci::{DEVICE_ID, VENDOR_ID};
use handclasp_wires::kernel::{OUR_IP, PREFIX_LEN};

const DEVICES: &str = "/sys/bus/pci/devices";

/// Where programs write, whoever runs them.
pub const HOME: &str = "/home";

/// The guest with its NIC.
#[derive(Debug)]
pub struct Machine {
    /// PCI address of the NIC, like `0000:01:00.0`.
    pub address: String,
}

impl Machine {
    /// Finds the NIC by its IDs.
    pub fn find() -> Result<Self> {
        for entry in fs::read_dir(DEVICES).context(DEVICES)? {
            let entry = entry.context(DEVICES)?;
            let ids = (
                number(&entry.path(), "vendor")?,
                number(&entry.path(), "device")?,
            );
            if ids == (u64::from(VENDOR_ID), u64::from(DEVICE_ID)) {
                let address = entry.file_name().to_string_lossy().into_owned();
                return Ok(Self { address });
            }
        }
        bail!("the guest has no PCI function with the NIC's IDs {VENDOR_ID:04x}:{DEVICE_ID:04x}")
    }

    /// A file of the NIC in sysfs.
    pub fn sysfs(&self, file: &str) -> PathBuf {
        Path::new(DEVICES).join(&self.address).join(file)
    }

    /// The driver that the NIC is bound to.
    pub fn driver(&self) -> Option<String> {
        let link = fs::read_link(self.sysfs("driver")).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    }

    /// Path of the device file of the NIC's IOMMU group.
    pub fn group(&self) -> Result<PathBuf> {
        let link =
            fs::read_link(self.sysfs("iommu_group")).context("the NIC has no IOMMU group")?;
        let number = link.file_name().context("the IOMMU group has no number")?;
        Ok(Path::new("/dev/vfio").join(number))
    }

    /// Binds the NIC to a driver by the kernel's own files, past `handclasp bind`.
    pub fn bind_to(&self, driver: &str) -> Result<()> {
        if self.driver().is_some() {
            write(&self.sysfs("driver/unbind"), &self.address)?;
        }
        write(&self.sysfs("driver_override"), driver)?;
        write(Path::new("/sys/bus/pci/drivers_probe"), &self.address)?;
        ensure!(
            self.driver().as_deref() == Some(driver),
            "the NIC is bound to {:?} instead of {driver}",
            self.driver()
        );
        Ok(())
    }

    /// Resets the NIC (FLR), whoever uses it.
    pub fn reset(&self) -> Result<()> {
        write(&self.sysfs("reset"), "1")
    }

    /// Our address with the length of its prefix.
    pub fn cidr() -> String {
        format!("{OUR_IP}/{PREFIX_LEN}")
    }
}

/// Writes a file of sysfs; the kernel's refusal is the error.
pub fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {text:?} to {}", path.display()))
}

fn number(device: &Path, file: &str) -> Result<u64> {
    let path = device.join(file);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let digits = text.trim().trim_start_matches("0x");
    u64::from_str_radix(digits, 16).with_context(|| format!("{}: {text:?}", path.display()))
}
