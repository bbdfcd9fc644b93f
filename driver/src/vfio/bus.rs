//! [`VfioBus`]: all that is done with a PCI function, and in which order.

use std::os::fd::AsFd;
use std::sync::atomic::{fence, AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use handclasp_layout::pci::{
    CAPABILITY_MSIX, CAPABILITY_PCIE, COMMAND_BUS_MASTER, COMMAND_MEMORY_SPACE, CONFIG_BYTES,
    CONFIG_CAPABILITIES, CONFIG_COMMAND, CONFIG_STATUS, DEVICE_CAPABILITIES_FLR,
    PCIE_DEVICE_CAPABILITIES, REGISTER_BAR, STATUS_CAPABILITIES,
};
use handclasp_layout::register::{BAR_BYTES, HASH_KEY_0, MAGIC, MAGIC_VALUE, QUEUES};
use nix::errno::Errno;
use nix::poll::{ppoll, PollFd, PollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

use super::arenas::Arenas;
use super::{Function, OpenError};
use crate::bus::{register_offset, Bus, BusError};
use crate::dma::DmaRegion;
use crate::error::DriverError;

/// Longest sleep: so often the stack looks whether the device is still there, and has not been reset by someone else.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// How long a function may take to answer after its reset (PCI Express Base Specification, 6.6.1: one second).
const RESET_MAX: Duration = Duration::from_secs(1);

/// What is written into [`HASH_KEY_0`] before the reset; any value but 0, which it has after one.
const RESET_MARK: u32 = 0x5a5a_a5a5;

/// First offset at which a capability can be: behind the header.
const CAPABILITIES_BEGIN: u8 = 0x40;

/// What a register of 16 bits reads when the device has gone from the bus.
const ALL_ONES: u16 = u16::MAX;

/// A NIC on PCI Express. Dropping it (in a panic, too) leaves the function reset, without bus mastering, and reaching
/// no memory.
///
/// Regions may outlive the bus; they are then memory that no device reaches.
pub struct VfioBus<F: Function> {
    function: F,
    arenas: Arc<Arenas>,
    /// One for each queue: signalled by its MSI-X vector.
    interrupts: Vec<EventFd>,
    /// Signalled by [`Bus::wake`]; stays so until somebody waits.
    wake: EventFd,
    closed: AtomicBool,
}

impl<F: Function> VfioBus<F> {
    /// Checks that the function is a Handclasp NIC, resets it, and lets it use memory and interrupts.
    ///
    /// # Errors
    /// `BarTooSmall`, `NoCapability`, `TooFewVectors`, `NotOurs`: the function has not been reset. `NotReset`,
    /// `CommandNotHeld`, `Bus`: it is left without bus mastering.
    pub fn open(function: F) -> Result<Self, OpenError> {
        check_configuration(&function)?;
        let eventfd = || {
            let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
            EventFd::from_flags(flags).map_err(|error| OpenError::Vfio {
                function: function.name().into(),
                operation: "making an eventfd".into(),
                reason: error.to_string(),
            })
        };
        let interrupts: Vec<_> = (0..QUEUES).map(|_| eventfd()).collect::<Result<_, _>>()?;
        let wake = eventfd()?;
        // Memory space first: where it is off, touching a BAR may end this process. Bus mastering is off until the end.
        set_command(&function, COMMAND_MEMORY_SPACE)?;
        check_magic(&function)?;
        // From here on the function is ours, and dropping the bus closes it.
        let bus = Self {
            function,
            arenas: Arenas::new(),
            interrupts,
            wake,
            closed: AtomicBool::new(false),
        };
        bus.reset()?;
        let vectors: Vec<_> = bus.interrupts.iter().map(AsFd::as_fd).collect();
        bus.function
            .enable_interrupts(&vectors)
            .map_err(|error| on(&bus.function, error))?;
        set_command(&bus.function, COMMAND_MEMORY_SPACE | COMMAND_BUS_MASTER)?;
        Ok(bus)
    }

    /// The function, for tests that reset it or change its registers behind the driver's back.
    pub fn function(&self) -> &F {
        &self.function
    }

    /// Resets the function, and checks that it has happened.
    ///
    /// That bus mastering is off afterwards shows nothing: the kernel puts the register Command back. So a mark is left in
    /// the gateware, and must be gone.
    fn reset(&self) -> Result<(), OpenError> {
        let function = &self.function;
        let not_reset = |remains: String| OpenError::NotReset {
            function: function.name().into(),
            remains,
        };
        let bus = |error| on(function, error);
        function
            .write32(HASH_KEY_0.offset, RESET_MARK)
            .map_err(bus)?;
        let mark = function.read32(HASH_KEY_0.offset).map_err(bus)?;
        if mark != RESET_MARK {
            return Err(not_reset(format!(
                "register {} reads {mark:#010x} after {RESET_MARK:#010x} was written",
                HASH_KEY_0.name
            )));
        }
        function.reset().map_err(bus)?;
        let begin = Instant::now();
        let command = loop {
            let command = config_read16(function, CONFIG_COMMAND).map_err(bus)?;
            if command != ALL_ONES {
                break command;
            }
            if begin.elapsed() > RESET_MAX {
                return Err(bus(BusError::Gone(
                    "it does not answer after its reset".into(),
                )));
            }
            sleep(Duration::from_millis(1));
        };
        if command & COMMAND_BUS_MASTER != 0 {
            return Err(not_reset("bus mastering is on".into()));
        }
        set_command(function, COMMAND_MEMORY_SPACE)?;
        let mark = function.read32(HASH_KEY_0.offset).map_err(bus)?;
        if mark != 0 {
            return Err(not_reset(format!(
                "register {} reads {mark:#010x}",
                HASH_KEY_0.name
            )));
        }
        check_magic(function)
    }

    /// Takes bus mastering, interrupts and memory from the function, and resets it. Whoever uses the bus still finds a
    /// NIC that was reset. Dropping the bus does the same, but cannot say what failed.
    ///
    /// # Errors
    /// The first one; everything else has been done nevertheless.
    pub fn close(&self) -> Result<(), OpenError> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let bus = |error| on(&self.function, error);
        // In this order: with bus mastering off no DMA begins, after the reset none is under way; only then may memory go.
        [
            set_command(&self.function, COMMAND_MEMORY_SPACE),
            self.function.disable_interrupts().map_err(bus),
            self.function.reset().map_err(bus),
            self.arenas.close(&self.function).map_err(bus),
        ]
        .into_iter()
        .collect()
    }
}

impl<F: Function> Drop for VfioBus<F> {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!("closing {error}");
        }
    }
}

impl<F: Function> Bus for VfioBus<F> {
    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        register_offset(offset)?;
        let value = self.function.read32(offset)?;
        if value == u32::MAX && config_read16(&self.function, CONFIG_COMMAND)? == ALL_ONES {
            return Err(BusError::Gone(format!(
                "{} reads all ones, in its configuration space as well; check that it is plugged in and powered, and open it again",
                self.function.name()
            )));
        }
        Ok(value)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        register_offset(offset)?;
        // Descriptors and payloads, written to memory before, must be there when the device sees this write. On x86 stores
        // become visible in program order, one to an uncached BAR included: only the compiler must be held back, which
        // is what a release fence does there. Elsewhere only a full barrier orders a store to memory before one to a
        // device.
        fence(if cfg!(target_arch = "x86_64") {
            Ordering::Release
        } else {
            Ordering::SeqCst
        });
        self.function.write32(offset, value)
    }

    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError> {
        self.arenas.allocate(&self.function, len_bytes)
    }

    fn relax(&self) {
        std::hint::spin_loop();
    }

    fn wait(&self, timeout_ns: u64) -> Result<(), BusError> {
        let timeout = SLEEP_MAX.min(Duration::from_nanos(timeout_ns));
        let fds: [&EventFd; QUEUES + 1] =
            std::array::from_fn(|n| self.interrupts.get(n).unwrap_or(&self.wake));
        let mut polled = fds.map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN));
        match ppoll(&mut polled, Some(TimeSpec::from_duration(timeout)), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                return Err(BusError::Refused {
                    operation: format!("waiting for an interrupt of {}", self.function.name()),
                    reason: error.to_string(),
                })
            }
        }
        for (fd, polled) in fds.iter().zip(&polled) {
            if polled.any() == Some(true) {
                // Taken: the next wait sleeps again. Another thread may have been faster; then there is nothing to take.
                let _ = fd.read();
            }
        }
        Ok(())
    }

    fn wake(&self) {
        // Fails only when the count is full; then the waiter wakes anyway.
        let _ = self.wake.write(1);
    }
}

/// The configuration space, without changing it: BAR0, FLR and MSI-X are there.
fn check_configuration(function: &dyn Function) -> Result<(), OpenError> {
    let name = || function.name().to_owned();
    let bus = |error| on(function, error);
    if config_read16(function, CONFIG_COMMAND).map_err(bus)? == ALL_ONES {
        return Err(bus(BusError::Gone(
            "its configuration space reads all ones; check that it is plugged in and powered"
                .into(),
        )));
    }
    check_bar(function.name(), function.bar_bytes(REGISTER_BAR))?;
    let missing = |capability| OpenError::NoCapability {
        function: name(),
        capability,
    };
    let pcie = find_capability(function, CAPABILITY_PCIE)
        .map_err(bus)?
        .ok_or_else(|| missing("PCI Express capability"))?;
    let mut capabilities = [0; 4];
    function
        .config_read(
            u16::from(pcie) + PCIE_DEVICE_CAPABILITIES,
            &mut capabilities,
        )
        .map_err(bus)?;
    if u32::from_le_bytes(capabilities) & DEVICE_CAPABILITIES_FLR == 0 {
        return Err(missing("Function Level Reset"));
    }
    find_capability(function, CAPABILITY_MSIX)
        .map_err(bus)?
        .ok_or_else(|| missing("MSI-X capability"))?;
    let found = function.vectors();
    if (found as usize) < QUEUES {
        return Err(OpenError::TooFewVectors {
            function: name(),
            found,
            needed: QUEUES,
        });
    }
    Ok(())
}

/// Refuses a BAR0 that does not hold all registers.
pub(super) fn check_bar(function: &str, bar_bytes: u64) -> Result<(), OpenError> {
    if bar_bytes >= BAR_BYTES as u64 {
        return Ok(());
    }
    Err(OpenError::BarTooSmall {
        function: function.into(),
        bar_bytes,
    })
}

/// Offset of a capability: 8 bits of ID, 8 bits of the next one's offset, and so on until that is 0 (7.5.1.1.11).
fn find_capability(function: &dyn Function, id: u8) -> Result<Option<u8>, BusError> {
    if config_read16(function, CONFIG_STATUS)? & STATUS_CAPABILITIES == 0 {
        return Ok(None);
    }
    let [mut at, _] = config_read16(function, CONFIG_CAPABILITIES)?.to_le_bytes();
    // A chain longer than there is room is a loop.
    for _ in 0..CONFIG_BYTES / 4 {
        // The two lowest bits are reserved.
        at &= !0b11;
        if at < CAPABILITIES_BEGIN {
            return Ok(None);
        }
        let [found, next] = config_read16(function, at.into())?.to_le_bytes();
        if found == id {
            return Ok(Some(at));
        }
        at = next;
    }
    Ok(None)
}

/// Refuses, by its first register, what is no Handclasp NIC. [`crate::Nic::open`] checks the rest.
fn check_magic(function: &dyn Function) -> Result<(), OpenError> {
    let found = function
        .read32(MAGIC.offset)
        .map_err(|error| on(function, error))?;
    if found == MAGIC_VALUE {
        Ok(())
    } else {
        Err(OpenError::NotOurs {
            function: function.name().into(),
            reason: DriverError::WrongMagic { found },
        })
    }
}

/// Switches memory space and bus mastering on or off, and checks by reading back.
fn set_command(function: &dyn Function, bits: u16) -> Result<(), OpenError> {
    const OURS: u16 = COMMAND_MEMORY_SPACE | COMMAND_BUS_MASTER;
    let bus = |error| on(function, error);
    let wanted = config_read16(function, CONFIG_COMMAND).map_err(bus)? & !OURS | bits;
    function
        .config_write(CONFIG_COMMAND, &wanted.to_le_bytes())
        .map_err(bus)?;
    let found = config_read16(function, CONFIG_COMMAND).map_err(bus)?;
    if found & OURS == bits {
        return Ok(());
    }
    Err(OpenError::CommandNotHeld {
        function: function.name().into(),
        wanted,
        found,
    })
}

fn config_read16(function: &dyn Function, offset: u16) -> Result<u16, BusError> {
    let mut bytes = [0; 2];
    function.config_read(offset, &mut bytes)?;
    Ok(u16::from_le_bytes(bytes))
}

fn on(function: &dyn Function, reason: BusError) -> OpenError {
    OpenError::Bus {
        function: function.name().into(),
        reason,
    }
}
