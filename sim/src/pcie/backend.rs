//! What the client's messages do to the function.

use std::fs::File;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use handclasp_layout::pci::{
    MSIX_BAR, MSIX_BAR_BYTES, MSIX_PENDING_OFFSET, MSIX_TABLE_OFFSET, MSIX_VECTORS, REGISTER_BAR,
    REGISTER_BAR_BYTES,
};
use nix::errno::Errno;
use vfio_bindings::bindings::vfio::{
    vfio_region_info, VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_SET_ACTION_TRIGGER,
    VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_DATA_NONE, VFIO_PCI_CONFIG_REGION_INDEX,
    VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS, VFIO_REGION_INFO_FLAG_READ,
    VFIO_REGION_INFO_FLAG_WRITE,
};
use vfio_user::{DmaMapFlags, DmaUnmapFlags, IrqInfo, ServerBackend, ServerRegion};

use super::config_space::{ConfigSpace, Effect, EXTENDED_CONFIG_BYTES};
use super::counts::{count, Counts};
use super::dma_table::{DmaTable, Rights};
use super::function::Function;
use super::msix::Msix;

/// The kinds of interrupt that there are, by VFIO's index.
pub(super) fn interrupts() -> Vec<IrqInfo> {
    let vectors = |index| match index {
        VFIO_PCI_MSIX_IRQ_INDEX => u32::from(MSIX_VECTORS),
        _ => 0,
    };
    let info = |index| IrqInfo {
        index,
        flags: VFIO_IRQ_INFO_EVENTFD,
        count: vectors(index),
    };
    (0..VFIO_PCI_NUM_IRQS).map(info).collect()
}

/// The regions that there are, by VFIO's index.
pub(super) fn regions() -> Vec<ServerRegion> {
    let region = |index| {
        let size = match index {
            REGISTER_BAR => REGISTER_BAR_BYTES,
            MSIX_BAR => MSIX_BAR_BYTES,
            VFIO_PCI_CONFIG_REGION_INDEX => EXTENDED_CONFIG_BYTES,
            _ => 0,
        };
        let flags = match size {
            0 => 0,
            _ => VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
        };
        ServerRegion {
            region_info: vfio_region_info {
                argsz: size_of::<vfio_region_info>() as u32,
                flags,
                index,
                size,
                ..Default::default()
            },
            sparse_areas: Vec::new(),
            mmap_fd: None,
        }
    };
    (0..VFIO_PCI_NUM_REGIONS).map(region).collect()
}

/// Size of the MSI-X table: 16 bytes a vector (PCI Express Base Specification 7.7.2.5).
const MSIX_TABLE_BYTES: usize = 16 * MSIX_VECTORS as usize;

/// The function as its client sees it, message by message.
pub(super) struct Backend {
    config: ConfigSpace,
    /// Holds what the client writes, and is not used: messages go to the eventfds.
    msix_table: [u8; MSIX_TABLE_BYTES],
    function: Arc<Function>,
    dma: Arc<DmaTable>,
    msix: Arc<Msix>,
    counts: Arc<Counts>,
    /// A client has come, and sent something for this function.
    in_use: bool,
}

impl Backend {
    /// The function out of reset, without a client.
    pub(super) fn new(
        function: Arc<Function>,
        dma: Arc<DmaTable>,
        msix: Arc<Msix>,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            config: ConfigSpace::new(),
            msix_table: [0; MSIX_TABLE_BYTES],
            function,
            dma,
            msix,
            counts,
            in_use: false,
        }
    }

    /// Called for each message: the first one of a connection is the only sign that a client has come.
    fn enter(&mut self) {
        if !self.in_use {
            self.in_use = true;
            count(&self.counts.clients);
            tracing::info!("a client has come");
        }
    }

    /// Resets the function (PCI Express Base Specification 6.6.2). Mappings and eventfds stay: they are the client's.
    fn reset_function(&mut self) {
        // The gateware first: it may be in the middle of a transfer. Without bus mastering that would be counted as a fault.
        self.function.reset();
        self.config = ConfigSpace::new();
        self.msix_table = [0; MSIX_TABLE_BYTES];
        self.dma.set_bus_master(false);
        self.msix.reset();
    }

    /// Forgets a client that has gone.
    pub(super) fn clear(&mut self) {
        if !std::mem::take(&mut self.in_use) {
            return;
        }
        self.reset_function();
        let left = self.dma.clear();
        self.counts.maps_left.store(left as u64, Ordering::Relaxed);
        self.msix.disconnect_all();
        tracing::info!("the client has gone; it left {left} mappings");
    }

    fn write_config(&mut self, offset: u64, data: &[u8]) {
        let before = self.config.command();
        if self.config.write(offset, data) == Effect::FunctionReset {
            tracing::info!("function level reset");
            self.reset_function();
        } else if self.config.command() != before {
            // No configuration write overtakes a posted write (PCI Express Base Specification 2.4.1).
            self.function.flush();
            let on = self.config.is_bus_master();
            self.dma.set_bus_master(on);
            self.msix.set_bus_master(on);
        }
    }

    /// Registers are read and written 32 bits at a time: what is read between, or is shorter, is cut out of them.
    fn read_registers(&self, offset: u64, data: &mut [u8]) {
        let mut word = None;
        for (at, byte) in (offset..).zip(data) {
            // Within the BAR, whose offsets are 16 bits.
            let (register, lane) = (at as u16 & !3, at as usize & 3);
            let bytes = match word {
                Some((of, bytes)) if of == register => bytes,
                _ => self.function.read32(register).to_le_bytes(),
            };
            word = Some((register, bytes));
            *byte = bytes[lane];
        }
    }

    /// Writes of less than a register are ignored.
    fn write_registers(&self, offset: u64, data: &[u8]) {
        if offset % 4 != 0 {
            return;
        }
        for (at, word) in (offset..).step_by(4).zip(data.chunks_exact(4)) {
            let value = u32::from_le_bytes(word.try_into().unwrap_or_default());
            self.function.write32(at as u16, value);
        }
    }

    fn read_msix(&self, offset: u64, data: &mut [u8]) {
        let pending = self.msix.pending_bits().to_le_bytes();
        for (at, byte) in (offset..).zip(data) {
            let in_table = at.checked_sub(MSIX_TABLE_OFFSET.into());
            let in_pending = at.checked_sub(MSIX_PENDING_OFFSET.into());
            let table = in_table.and_then(|at| self.msix_table.get(at as usize));
            let pending = in_pending.and_then(|at| pending.get(at as usize));
            *byte = *table.or(pending).unwrap_or(&0);
        }
    }

    fn write_msix(&mut self, offset: u64, data: &[u8]) {
        for (at, value) in (offset..).zip(data) {
            let in_table = at.checked_sub(MSIX_TABLE_OFFSET.into());
            if let Some(byte) = in_table.and_then(|at| self.msix_table.get_mut(at as usize)) {
                *byte = *value;
            }
        }
    }
}

/// Whether an access lies in a region of this size.
fn check(offset: u64, len_bytes: usize, size: u64) -> io::Result<()> {
    match offset.checked_add(len_bytes as u64) {
        Some(end) if end <= size => Ok(()),
        _ => Err(Errno::EINVAL.into()),
    }
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        self.enter();
        match region {
            VFIO_PCI_CONFIG_REGION_INDEX => {
                check(offset, data.len(), EXTENDED_CONFIG_BYTES)?;
                self.config.read(offset, data);
            }
            REGISTER_BAR => {
                check(offset, data.len(), REGISTER_BAR_BYTES)?;
                if self.config.has_memory_space() {
                    self.read_registers(offset, data);
                } else {
                    data.fill(0xff);
                }
            }
            MSIX_BAR => {
                check(offset, data.len(), MSIX_BAR_BYTES)?;
                if self.config.has_memory_space() {
                    self.read_msix(offset, data);
                } else {
                    data.fill(0xff);
                }
            }
            _ => return Err(Errno::EINVAL.into()),
        }
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        self.enter();
        match region {
            VFIO_PCI_CONFIG_REGION_INDEX => {
                check(offset, data.len(), EXTENDED_CONFIG_BYTES)?;
                self.write_config(offset, data);
            }
            REGISTER_BAR => {
                check(offset, data.len(), REGISTER_BAR_BYTES)?;
                if self.config.has_memory_space() {
                    self.write_registers(offset, data);
                }
            }
            MSIX_BAR => {
                check(offset, data.len(), MSIX_BAR_BYTES)?;
                if self.config.has_memory_space() {
                    self.write_msix(offset, data);
                }
            }
            _ => return Err(Errno::EINVAL.into()),
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        flags: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        fd: Option<File>,
    ) -> io::Result<()> {
        self.enter();
        let rights = Rights {
            read: flags.contains(DmaMapFlags::READ),
            write: flags.contains(DmaMapFlags::WRITE),
        };
        let result = self.dma.map(rights, offset, address, size, fd);
        if let Err(error) = &result {
            tracing::warn!("{size:#x} bytes at {address:#x} are not mapped: {error}");
        }
        result
    }

    fn dma_unmap(&mut self, flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        self.enter();
        if flags.contains(DmaUnmapFlags::UNMAP_ALL) {
            self.dma.unmap_all();
            return Ok(());
        }
        self.dma.unmap(address, size)
    }

    fn reset(&mut self) -> io::Result<()> {
        self.enter();
        tracing::info!("reset by the client");
        self.reset_function();
        Ok(())
    }

    fn set_irqs(
        &mut self,
        index: u32,
        flags: u32,
        start: u32,
        number: u32,
        fds: Vec<File>,
    ) -> io::Result<()> {
        self.enter();
        const CONNECT: u32 = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
        const DISCONNECT: u32 = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
        match (index, flags) {
            (VFIO_PCI_MSIX_IRQ_INDEX, CONNECT) if fds.len() == number as usize => {
                self.msix.connect(start, fds)
            }
            // QEMU's way of giving some vectors none.
            (VFIO_PCI_MSIX_IRQ_INDEX, CONNECT) if fds.is_empty() => {
                self.msix.disconnect(start, number);
                Ok(())
            }
            (VFIO_PCI_MSIX_IRQ_INDEX, DISCONNECT) if number == 0 => {
                self.msix.disconnect_all();
                Ok(())
            }
            // There are no interrupts of this kind, so they are off already.
            (_, DISCONNECT) if number == 0 => Ok(()),
            _ => Err(Errno::EINVAL.into()),
        }
    }
}
