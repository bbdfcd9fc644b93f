//! The device behind the bus: whether it is one of ours and still there, and that it is stopped in the end.

use std::sync::Arc;

use handclasp_layout::register::{
    Capabilities, NicStatus, CAPABILITIES, CONNECTIONS_LOG2_MAX, CONTROL, LAYOUT_VERSION, MAGIC,
    MAGIC_VALUE, QUEUES, QUEUE_ENABLE, STATUS, VERSION, WIDTH,
};

use crate::bus::{Bus, BusError};
use crate::error::DriverError;

/// How often STATUS is read before the driver gives up. On PCIe a read takes about a microsecond, so this is a second;
/// a simulated NIC advances with each.
const STATUS_POLLS_MAX: u32 = 1_000_000;

/// What a register reads when the device has gone from the bus.
const ALL_ONES: u32 = u32::MAX;

/// The device while its queue is enabled: stopped when dropped, whatever happened.
pub(crate) struct Device {
    pub(crate) bus: Arc<dyn Bus>,
    closed: bool,
}

impl Device {
    pub(crate) fn new(bus: Arc<dyn Bus>) -> Self {
        Self { bus, closed: false }
    }

    /// STATUS.
    ///
    /// # Errors
    /// `Bus` when the NIC is gone.
    pub(crate) fn status(&self) -> Result<NicStatus, DriverError> {
        read_status(&*self.bus)
    }

    /// STATUS of a NIC whose queue is still enabled, as we left it.
    ///
    /// # Errors
    /// `WasReset`; `Bus` when the NIC is gone.
    pub(crate) fn status_while_enabled(&self) -> Result<NicStatus, DriverError> {
        match self.bus.read32(QUEUE_ENABLE.offset)? {
            ALL_ONES => Err(gone("QUEUE_ENABLE")),
            enable if enable & 1 == 0 => Err(DriverError::WasReset),
            _ => self.status(),
        }
    }

    /// Disables the queue and waits until the NIC has ended its transfers.
    ///
    /// # Errors
    /// `StillBusy` when it does not end them; `Bus`.
    pub(crate) fn stop(&mut self) -> Result<(), DriverError> {
        if self.closed {
            return Ok(());
        }
        self.closed = true;
        self.bus.write32(CONTROL.offset, 0)?;
        self.bus.write32(QUEUE_ENABLE.offset, 0)?;
        poll_status(&*self.bus, |status| !status.busy)?
            .map_err(|polls| DriverError::StillBusy { polls })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Nobody is left to tell; `Nic::close` is for those who want to know. The bus takes the mappings down anyway.
        let _ = self.stop();
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// Width and capabilities of the device, when it is one of ours that nobody uses, and is ready.
///
/// # Errors
/// `WrongMagic`, `WrongVersion`, `WrongWidth`, `WrongCapabilities`; `InUse`; `NotReady`; `Bus`.
pub(crate) fn identify(bus: &dyn Bus) -> Result<(u32, Capabilities), DriverError> {
    let found = bus.read32(MAGIC.offset)?;
    if found == ALL_ONES {
        return Err(gone("MAGIC"));
    }
    if found != MAGIC_VALUE {
        return Err(DriverError::WrongMagic { found });
    }
    let found = bus.read32(VERSION.offset)?;
    if found != LAYOUT_VERSION {
        return Err(DriverError::WrongVersion { found });
    }
    let width_bits = bus.read32(WIDTH.offset)?;
    if !matches!(width_bits, 64 | 512) {
        return Err(DriverError::WrongWidth { found: width_bits });
    }
    let capabilities = Capabilities::decode(&bus.read32(CAPABILITIES.offset)?.to_le_bytes());
    let Capabilities {
        queues,
        connections_log2,
        ..
    } = capabilities;
    let possible = (1..=QUEUES).contains(&usize::from(queues))
        && usize::from(connections_log2) <= CONNECTIONS_LOG2_MAX;
    if !possible {
        return Err(DriverError::WrongCapabilities {
            queues,
            connections_log2,
        });
    }
    if bus.read32(QUEUE_ENABLE.offset)? & 1 != 0 {
        return Err(DriverError::InUse);
    }
    poll_status(bus, |status| status.ready)?.map_err(|polls| DriverError::NotReady { polls })?;
    Ok((width_bits, capabilities))
}

fn gone(register: &str) -> DriverError {
    BusError::Gone(format!(
        "register {register} reads all ones; check that it is plugged in and powered, and open it again"
    ))
    .into()
}

fn read_status(bus: &dyn Bus) -> Result<NicStatus, DriverError> {
    match bus.read32(STATUS.offset)? {
        ALL_ONES => Err(gone("STATUS")),
        status => Ok(NicStatus::decode(&status.to_le_bytes())),
    }
}

/// Reads STATUS until `done`; the inner error is the number of reads that were in vain.
fn poll_status(
    bus: &dyn Bus,
    done: impl Fn(&NicStatus) -> bool,
) -> Result<Result<(), u32>, DriverError> {
    for _ in 0..STATUS_POLLS_MAX {
        if done(&read_status(bus)?) {
            return Ok(Ok(()));
        }
        bus.relax();
    }
    Ok(Err(STATUS_POLLS_MAX))
}
