//! [`KernelFunction`]: a PCI function by way of the kernel's vfio-pci.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use handclasp_layout::pci::REGISTER_BAR;
use handclasp_layout::register::BAR_BYTES;
use memmap2::{MmapOptions, MmapRaw};
use nix::errno::Errno;
use nix::sys::resource::{getrlimit, Resource};
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_REGION_INFO_FLAG_MMAP,
};
use vfio_ioctls::{VfioContainer, VfioDevice, VfioError};
use vmm_sys_util::eventfd::EventFd;

use super::bus::check_bar;
use super::{Function, OpenError, Pages};
use crate::bus::{register_offset, BusError};
use crate::pci::{PciAddress, PciError, Sysfs};

/// A function bound to vfio-pci, alone in its process: its IOMMU group, in a container (an I/O address space) of its own.
///
/// The kernel closes it, with a reset and every mapping down, when the process ends in whatever way.
pub struct KernelFunction {
    name: String,
    // Dropped in this order: a group leaves its container only when nothing of its device is open or mapped.
    bar: MmapRaw,
    /// The device once more, for its configuration space: what vfio-ioctls offers says nothing of errors.
    file: File,
    device: OpenDevice,
    container: Arc<VfioContainer>,
    /// All that is mapped, which counts as locked memory.
    mapped_bytes: AtomicU64,
}

/// A device that is dropped only while that works: vfio-ioctls panics when the function's folder has vanished.
struct OpenDevice {
    device: ManuallyDrop<VfioDevice>,
    path: PathBuf,
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        // A function that was removed is left open: the kernel closes it when the process ends.
        if self.path.join("iommu_group").exists() {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.device) }
        }
    }
}

impl KernelFunction {
    /// Opens the function at `address`, which must be bound to vfio-pci.
    ///
    /// # Errors
    /// `Pci`, `NoPermission`, `Busy`, `BarTooSmall`, `Vfio`; each says what to do.
    pub fn open(address: PciAddress) -> Result<Self, OpenError> {
        let sysfs = Sysfs::default();
        let group_file = sysfs.group_file(address)?;
        let explain = |error| explain(error, &sysfs, address, &group_file);
        let name = address.to_string();
        let failed = |operation: &str, reason: io::Error| OpenError::Vfio {
            function: name.clone(),
            operation: operation.into(),
            reason: reason.to_string(),
        };
        let path = sysfs.path(address);
        let container = Arc::new(VfioContainer::new(None).map_err(explain)?);
        let device = VfioDevice::new(&path, container.clone(), true).map_err(explain)?;
        let device = OpenDevice {
            device: ManuallyDrop::new(device),
            path,
        };
        check_bar(&name, device.device.get_region_size(REGISTER_BAR))?;
        if device.device.get_region_flags(REGISTER_BAR) & VFIO_REGION_INFO_FLAG_MMAP == 0 {
            let reason = io::Error::other("the kernel does not allow it");
            return Err(failed("mapping BAR0", reason));
        }
        // SAFETY: `device` keeps its descriptor open beyond the borrow.
        let descriptor = unsafe { BorrowedFd::borrow_raw(device.device.as_raw_fd()) };
        let file = descriptor
            .try_clone_to_owned()
            .map_err(|error| failed("duplicating its descriptor", error))?;
        let bar = MmapOptions::new()
            .offset(device.device.get_region_offset(REGISTER_BAR))
            .len(BAR_BYTES)
            .map_raw(&file)
            .map_err(|error| failed("mapping BAR0", error))?;
        Ok(Self {
            name,
            bar,
            file: file.into(),
            device,
            container,
            mapped_bytes: AtomicU64::new(0),
        })
    }

    /// Place of a register in the mapped BAR.
    fn register(&self, offset: u32) -> Result<*mut u32, BusError> {
        let place = usize::from(register_offset(offset)?);
        // SAFETY: within BAR0 (checked), all of which is mapped.
        Ok(unsafe { self.bar.as_mut_ptr().add(place) }.cast())
    }

    /// Place of `len_bytes` of the configuration space in the device's file.
    fn config_place(&self, offset: u16, len_bytes: usize) -> Result<u64, BusError> {
        let device = &self.device.device;
        let end = u64::from(offset) + len_bytes as u64;
        if end > device.get_region_size(VFIO_PCI_CONFIG_REGION_INDEX) {
            let reason = "it is not that long";
            return Err(self.refused(
                &format!("access to configuration space at {offset:#x}"),
                &reason,
            ));
        }
        Ok(device.get_region_offset(VFIO_PCI_CONFIG_REGION_INDEX) + u64::from(offset))
    }

    fn refused(&self, operation: &str, reason: &dyn std::fmt::Display) -> BusError {
        BusError::Refused {
            operation: format!("{}: {operation}", self.name),
            reason: reason.to_string(),
        }
    }
}

impl Function for KernelFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn config_read(&self, offset: u16, data: &mut [u8]) -> Result<(), BusError> {
        let place = self.config_place(offset, data.len())?;
        self.file
            .read_exact_at(data, place)
            .map_err(|error| self.refused("reading its configuration space", &error))
    }

    fn config_write(&self, offset: u16, data: &[u8]) -> Result<(), BusError> {
        let place = self.config_place(offset, data.len())?;
        self.file
            .write_all_at(data, place)
            .map_err(|error| self.refused("writing its configuration space", &error))
    }

    fn bar_bytes(&self, bar: u32) -> u64 {
        self.device.device.get_region_size(bar)
    }

    fn vectors(&self) -> u32 {
        let irq = self.device.device.get_irq_info(VFIO_PCI_MSIX_IRQ_INDEX);
        irq.map_or(0, |irq| irq.count)
    }

    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        let register = self.register(offset)?;
        // SAFETY: within the mapping, aligned, and memory of the device's that any value may be read from. The kernel
        // maps it as long as this process does not switch memory space off.
        let value = unsafe { register.read_volatile() };
        // BARs are little endian.
        Ok(u32::from_le(value))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        let register = self.register(offset)?;
        // SAFETY: as for `read32`. What the write makes the device do is confined by the IOMMU.
        unsafe { register.write_volatile(value.to_le()) };
        Ok(())
    }

    fn reset(&self) -> Result<(), BusError> {
        self.device.device.reset();
        Ok(())
    }

    fn map(&self, iova: u64, pages: &Pages) -> Result<(), BusError> {
        let size_bytes = pages.size_bytes();
        // SAFETY: the memory is only reached by volatile access; it is shared pages of a file, which stay locked, and
        // away from every other use, for as long as they are mapped here, even if this process unmaps them.
        let mapped = unsafe {
            self.container
                .vfio_dma_map(iova, size_bytes, pages.as_ptr())
        };
        match mapped {
            Ok(()) => {
                self.mapped_bytes
                    .fetch_add(size_bytes as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(VfioError::IommuDmaMap(error)) if error.errno() == Errno::ENOMEM as i32 => {
                let before = self.mapped_bytes.load(Ordering::Relaxed);
                let (limit, _) =
                    getrlimit(Resource::RLIMIT_MEMLOCK).unwrap_or((u64::MAX, u64::MAX));
                Err(BusError::NoMemory {
                    len_bytes: size_bytes,
                    reason: no_locked_memory(before + size_bytes as u64, limit),
                })
            }
            Err(error) => Err(self.refused(
                &format!("mapping {size_bytes} bytes at I/O address {iova:#x}"),
                &error,
            )),
        }
    }

    fn unmap(&self, iova: u64, len_bytes: usize) -> Result<(), BusError> {
        self.container
            .vfio_dma_unmap(iova, len_bytes)
            .map_err(|error| {
                self.refused(
                    &format!("unmapping {len_bytes} bytes at I/O address {iova:#x}"),
                    &error,
                )
            })?;
        self.mapped_bytes
            .fetch_sub(len_bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    fn enable_interrupts(&self, vectors: &[BorrowedFd<'_>]) -> Result<(), BusError> {
        let failed = |error: &dyn std::fmt::Display| self.refused("switching MSI-X on", error);
        let mut eventfds = Vec::new();
        for vector in vectors {
            let vector = vector
                .try_clone_to_owned()
                .map_err(|error| failed(&error))?;
            // SAFETY: an open descriptor that is given away here.
            eventfds.push(unsafe { EventFd::from_raw_fd(vector.into_raw_fd()) });
        }
        // The kernel keeps the eventfds; the descriptors have done their work then.
        self.device
            .device
            .enable_msix(eventfds.iter().collect())
            .map_err(|error| failed(&error))
    }

    fn disable_interrupts(&self) -> Result<(), BusError> {
        self.device
            .device
            .disable_msix()
            .map_err(|error| self.refused("switching MSI-X off", &error))
    }
}

/// What to do when the kernel does not lock memory for DMA: `needed_bytes` is all so far, with
/// what is mapped already; who asks for it may ask for more.
fn no_locked_memory(needed_bytes: u64, limit_bytes: u64) -> String {
    let kib = |bytes: u64| bytes.div_ceil(1024);
    if needed_bytes <= limit_bytes {
        return "the machine has no memory left".into();
    }
    format!(
        "memory for DMA is locked, this needs at least {} KiB of it in all, and this process may lock {} KiB; raise the limit \
         (`ulimit -l {}` in root's shell, LimitMEMLOCK= in a systemd unit, or memlock in /etc/security/limits.conf)",
        kib(needed_bytes),
        kib(limit_bytes),
        kib(needed_bytes)
    )
}

/// What a failure of vfio-ioctls while opening means, and what to do about it.
fn explain(error: VfioError, sysfs: &Sysfs, address: PciAddress, group_file: &Path) -> OpenError {
    let function = address.to_string();
    let reason = match &error {
        VfioError::OpenContainer(error) if error.kind() == io::ErrorKind::NotFound => {
            return PciError::NoVfioDriver.into();
        }
        VfioError::OpenGroup(error, _) if error.kind() == io::ErrorKind::PermissionDenied => {
            let path = group_file.display().to_string();
            return OpenError::NoPermission { function, path };
        }
        VfioError::OpenGroup(error, _) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
            let path = group_file.display().to_string();
            return OpenError::Busy { function, path };
        }
        VfioError::GroupViable => match sysfs.nic(address).and_then(|nic| nic.viable_group()) {
            Err(error) => return error.into(),
            Ok(_) => "the kernel says that its IOMMU group is not viable: a function in it has a driver",
        },
        VfioError::VfioExtension => {
            "the kernel's VFIO has no driver for the IOMMU; as root, run `modprobe vfio_iommu_type1`"
        }
        VfioError::ContainerSetIOMMU(error) if error.errno() == Errno::EPERM as i32 => {
            "the IOMMU does not remap interrupts; turn that on in the firmware, or, if you trust the card, load \
             vfio_iommu_type1 with allow_unsafe_interrupts=1"
        }
        other => &other.to_string(),
    };
    OpenError::Vfio {
        function,
        operation: "opening it".into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_locked_memory_says_how_much_is_needed() {
        let reason = no_locked_memory(600 * 1024 + 1, 64 * 1024);
        assert!(
            reason.contains("601 KiB") && reason.contains("may lock 64 KiB"),
            "{reason}"
        );
        assert!(reason.contains("ulimit -l 601"), "{reason}");
        assert!(!no_locked_memory(4096, 8 << 20).contains("ulimit"));
    }
}
