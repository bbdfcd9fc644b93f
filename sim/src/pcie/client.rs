//! The driver's end of the socket: the function behind it, as `VfioBus` wants one.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use handclasp_driver::vfio::{Function, Pages};
use handclasp_driver::BusError;
use handclasp_layout::pci::REGISTER_BAR;
use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_DATA_NONE,
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX,
};
use vfio_user::{Client as Connection, Error};

/// A function served over vfio-user, by this workspace's server or another one.
///
/// The crate `vfio_user` does not check the replies to mappings and interrupts: what the server refuses is noticed only
/// when it is used.
pub struct Client {
    name: String,
    connection: Mutex<Connection>,
    vectors: u32,
}

impl Client {
    /// Connects to the server that listens at `path`, once it is done with the client before.
    ///
    /// # Errors
    /// [`BusError::Refused`] when nobody listens there, or it is no PCI function.
    pub fn connect(path: &Path) -> Result<Self, BusError> {
        let name = path.display().to_string();
        let refused = |error: Error| BusError::Refused {
            operation: format!("connecting to {name}"),
            reason: format!("{error}; start `handclasp sim pcie --socket {name}` first"),
        };
        let mut connection = Connection::new(path).map_err(refused)?;
        let vectors = connection
            .get_irq_info(VFIO_PCI_MSIX_IRQ_INDEX)
            .map_err(refused)?
            .count;
        Ok(Self {
            connection: Mutex::new(connection),
            vectors,
            name,
        })
    }

    /// Cuts the connection in the middle of whatever is going on, as the death of the process would.
    pub fn cut(&self) {
        // It may be cut already.
        let _ = self.connection().shutdown();
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(
        &self,
        operation: &str,
        ask: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, BusError> {
        ask(&mut self.connection())
            .map_err(|error| BusError::Gone(format!("{operation} over {}: {error}", self.name)))
    }

    fn set_vectors(&self, data: u32, fds: &[RawFd]) -> Result<(), BusError> {
        let (index, count) = (VFIO_PCI_MSIX_IRQ_INDEX, fds.len() as u32);
        let flags = data | VFIO_IRQ_SET_ACTION_TRIGGER;
        self.ask("setting interrupts", |connection| {
            connection.set_irqs(index, flags, 0, count, fds)
        })
    }
}

impl Function for Client {
    fn name(&self) -> &str {
        &self.name
    }

    fn config_read(&self, offset: u16, data: &mut [u8]) -> Result<(), BusError> {
        self.ask("reading the configuration space", |connection| {
            connection.region_read(VFIO_PCI_CONFIG_REGION_INDEX, offset.into(), data)
        })
    }

    fn config_write(&self, offset: u16, data: &[u8]) -> Result<(), BusError> {
        self.ask("writing the configuration space", |connection| {
            connection.region_write(VFIO_PCI_CONFIG_REGION_INDEX, offset.into(), data)
        })
    }

    fn bar_bytes(&self, bar: u32) -> u64 {
        self.connection()
            .region(bar)
            .map_or(0, |region| region.size)
    }

    fn vectors(&self) -> u32 {
        self.vectors
    }

    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        let mut bytes = [0; 4];
        self.ask("reading a register", |connection| {
            connection.region_read(REGISTER_BAR, offset.into(), &mut bytes)
        })?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        self.ask("writing a register", |connection| {
            connection.region_write(REGISTER_BAR, offset.into(), &value.to_le_bytes())
        })
    }

    fn reset(&self) -> Result<(), BusError> {
        self.ask("resetting", Connection::reset)
    }

    fn map(&self, iova: u64, pages: &Pages) -> Result<(), BusError> {
        let size = pages.size_bytes() as u64;
        self.ask("mapping memory", |connection| {
            connection.dma_map(0, iova, size, pages.as_fd().as_raw_fd())
        })
    }

    fn unmap(&self, iova: u64, len_bytes: usize) -> Result<(), BusError> {
        self.ask("unmapping memory", |connection| {
            connection.dma_unmap(iova, len_bytes as u64)
        })
    }

    fn enable_interrupts(&self, vectors: &[BorrowedFd<'_>]) -> Result<(), BusError> {
        let fds: Vec<RawFd> = vectors.iter().map(|event| event.as_raw_fd()).collect();
        self.set_vectors(VFIO_IRQ_SET_DATA_EVENTFD, &fds)
    }

    fn disable_interrupts(&self) -> Result<(), BusError> {
        self.set_vectors(VFIO_IRQ_SET_DATA_NONE, &[])
    }
}
