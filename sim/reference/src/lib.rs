//! The NIC as its datasheet describes it, in plain Rust: a stand-in for the gateware while host code is written, and the
//! other opinion that co-simulation compares the gateware with.
//!
//! It is written from `hdl/layout` alone and shares no code with the gateware. It keeps the order of verdicts, the
//! events, the counters and what goes onto the wire; it does not keep cycles: what happens, happens at once, when the
//! driver polls ([`Bus::relax`]) or waits ([`Bus::wait`]).
//!
//! ```text
//!   Bus (registers, doorbells) --> device --> build  --> Wire
//!                                    |  ^
//!   DMA memory <---- io_space -------+  +--- decode  <-- Wire
//! ```
//!
//! [`io_memory`] and [`io_space`], the memory that a NIC's DMA reaches, serve the Verilated NIC as well.

mod build;
mod decode;
mod device;
pub mod io_memory;
pub mod io_space;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handclasp_driver::bus::register_offset;
use handclasp_driver::{Bus, BusError, DmaRegion};
use handclasp_layout::register::CONNECTIONS;
use nix::errno::Errno;
use nix::poll::{ppoll, PollFd, PollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

use crate::io_space::IoSpace;
use device::Device;
use handclasp_wires::clock::Clock;
use handclasp_wires::Wire;

/// Longest sleep on a wire that has nothing to poll (another thread may send on a cable at any time).
const SLEEP_WITHOUT_FD_NS: u64 = 100_000;

/// How much a NIC has room for: by default as much as the gateware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Connection ids; they are below it. A power of two.
    pub connections: usize,
    /// 4-tuples in the flow table; one more is answered by TableFull.
    pub flows: usize,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            flows: CONNECTIONS,
        }
    }
}

/// A behavioural NIC on a wire.
///
/// ```
/// use std::sync::Arc;
/// use handclasp_driver::{Nic, NicConfig};
/// use handclasp_wires::clock::Clock;
/// use handclasp_reference::ReferenceNic;
/// use handclasp_wires::cable::Cable;
///
/// let (near, _far) = Cable::pair(500);
/// let bus = Arc::new(ReferenceNic::new(Box::new(near), Clock::simulated(0))?);
/// let config = NicConfig::new(0x02_00_00_00_00_01, [192, 0, 2, 1].into(), 0x5eed);
/// let nic = Nic::open(bus, &config)?;
/// nic.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReferenceNic {
    device: Mutex<Device>,
    io: Arc<IoSpace>,
    clock: Clock,
    /// A copy of the wire's descriptor, to sleep on without holding the device.
    wire_fd: Option<OwnedFd>,
    wake: EventFd,
}

impl ReferenceNic {
    /// A NIC just out of reset, with this wire plugged in; the clock is its `now` input.
    ///
    /// # Errors
    /// The system's, when it has no file descriptors left.
    pub fn new(wire: Box<dyn Wire>, clock: Clock) -> std::io::Result<Self> {
        Self::with_tables(wire, clock, Tables::default())
    }

    /// As [`ReferenceNic::new`], with tables of other sizes than the gateware's.
    ///
    /// # Errors
    /// As for [`ReferenceNic::new`].
    pub fn with_tables(wire: Box<dyn Wire>, clock: Clock, tables: Tables) -> std::io::Result<Self> {
        let wire_fd = wire
            .poll_fd()
            .map(|fd| fd.try_clone_to_owned())
            .transpose()?;
        let io = Arc::new(IoSpace::new());
        Ok(Self {
            device: Mutex::new(Device::new(wire, Arc::clone(&io), tables)),
            io,
            clock,
            wire_fd,
            wake: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
        })
    }

    /// The memory that the NIC can reach.
    pub fn io_space(&self) -> &Arc<IoSpace> {
        &self.io
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        // The device stays usable when a test's thread panicked with it.
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps on the wire and on `wake`, at most `timeout_ns`; true when woken by `wake`.
    fn sleep(&self, timeout_ns: u64) -> Result<bool, BusError> {
        let failed = |call: &str, errno: Errno| BusError::Gone(format!("{call} failed: {errno}"));
        let mut fds = [
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.wake.as_fd(), PollFlags::empty()),
        ];
        if let Some(fd) = &self.wire_fd {
            fds[1] = PollFd::new(fd.as_fd(), PollFlags::POLLIN);
        }
        let timeout = TimeSpec::from_duration(std::time::Duration::from_nanos(timeout_ns));
        match ppoll(&mut fds, Some(timeout), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed("ppoll", errno)),
        }
        match self.wake.read() {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(errno) => Err(failed("read of an eventfd", errno)),
        }
    }
}

impl Bus for ReferenceNic {
    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        register_offset(offset)?;
        Ok(self.device().read32(offset))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        register_offset(offset)?;
        // Taking and giving the lock orders the DMA memory written before.
        self.device().write32(offset, value);
        Ok(())
    }

    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError> {
        self.io.allocate(len_bytes)
    }

    fn relax(&self) {
        self.device().step(self.clock.now_ns());
    }

    /// Sleeps until an interrupt, in wall time. In simulated time it does not sleep: it advances the NIC once and returns.
    fn wait(&self, timeout_ns: u64) -> Result<(), BusError> {
        let end_ns = self.clock.now_ns().saturating_add(timeout_ns);
        loop {
            let now_ns = self.clock.now_ns();
            let next_ns = {
                let mut device = self.device();
                device.step(now_ns);
                if device.take_interrupt() || now_ns >= end_ns || self.clock.is_simulated() {
                    return Ok(());
                }
                device.deadline(now_ns).unwrap_or(end_ns).min(end_ns)
            };
            let mut sleep_ns = next_ns.saturating_sub(now_ns);
            if self.wire_fd.is_none() {
                sleep_ns = sleep_ns.min(SLEEP_WITHOUT_FD_NS);
            }
            if self.sleep(sleep_ns)? {
                return Ok(());
            }
        }
    }

    fn wake(&self) {
        // Fails only when the counter is full, and then the sleeper wakes anyway.
        let _ = self.wake.write(1);
    }
}
