//! The gateware in a thread of its own. It gets register accesses as requests, and does DMA and sends interrupt messages
//! from this thread.
//!
//! Requests are carried out in their order. Writes are posted: the sender goes on at once, unless very many of them
//! wait. A function with nothing to do sleeps, on its requests and on the wire.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use handclasp_layout::register::{COUNTERS, COUNTER_BASE};
use nix::poll::{ppoll, PollFd, PollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

use super::counts::{count, Counts};
use super::dma_table::DmaTable;
use super::msix::Msix;
use crate::nic::{NicConfig, NicError, SimNic};
use crate::observation::{Moment, Observation};
use handclasp_wires::clock::Clock;
use handclasp_wires::Wire;

/// What a read gets when nobody answers (PCI Express Base Specification 2.3.2).
pub const ALL_ONES: u32 = u32::MAX;
/// After this time an access counts as unanswered: well below the 5 s after which QEMU gives the function up.
const COMPLETION_TIMEOUT: Duration = Duration::from_secs(2);
/// Writes that may wait for the gateware: it takes 10 to 20 us for each.
const POSTED_MAX: usize = 1024;
/// Longest sleep on a wire that has nothing to poll (another thread may send on a cable at any time).
const SLEEP_WITHOUT_FD: Duration = Duration::from_micros(100);

/// What the server asks of the gateware.
enum Request {
    Read {
        offset: u16,
        value: SyncSender<u32>,
    },
    Write {
        offset: u16,
        value: u32,
    },
    /// Says when all earlier requests have been carried out.
    Flush(SyncSender<()>),
    Reset(SyncSender<()>),
    Stop,
}

/// The gateware's counters, summed up over resets, in the order of the datasheet.
pub type Totals = [u64; COUNTERS.len()];

/// A running function.
pub struct Function {
    requests: SyncSender<Request>,
    wake: Arc<EventFd>,
    thread: Mutex<Option<JoinHandle<Result<Totals, NicError>>>>,
    counts: Arc<Counts>,
}

impl Function {
    /// Starts the gateware, which comes out of reset.
    ///
    /// # Errors
    /// The system's, or the model's, when they cannot be had.
    pub(super) fn start(
        config: &NicConfig,
        wire: Box<dyn Wire>,
        clock: Clock,
        dma: &Arc<DmaTable>,
        msix: &Arc<Msix>,
        counts: &Arc<Counts>,
    ) -> std::io::Result<Self> {
        let wire_fd = wire
            .poll_fd()
            .map(|fd| fd.try_clone_to_owned())
            .transpose()?;
        let messages = Arc::clone(msix);
        let sink = Box::new(move |vector| messages.message(vector));
        let nic =
            SimNic::new(config, Arc::clone(dma) as _, sink, wire).map_err(std::io::Error::other)?;
        let wake = Arc::new(EventFd::from_flags(
            EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC,
        )?);
        let (requests, receiver) = sync_channel(POSTED_MAX);
        let gateware = Gateware {
            nic,
            clock,
            cycle: 0,
            requests: receiver,
            wake: Arc::clone(&wake),
            wire_fd,
            counts: Arc::clone(counts),
            totals: [0; COUNTERS.len()],
            failed: None,
        };
        let thread = thread::Builder::new()
            .name("gateware".into())
            .spawn(|| gateware.run())?;
        Ok(Self {
            requests,
            wake,
            thread: Mutex::new(Some(thread)),
            counts: Arc::clone(counts),
        })
    }

    /// False when the gateware's thread has ended.
    fn send(&self, request: Request) -> bool {
        let sent = self.requests.send(request).is_ok();
        // Fails only when the counter is full, and then the thread wakes anyway.
        let _ = self.wake.write(1);
        sent
    }

    /// Sends a request that is answered; `None` when it is not, in time.
    fn ask<T>(&self, request: impl FnOnce(SyncSender<T>) -> Request) -> Option<T> {
        let (sender, answer) = sync_channel(1);
        if !self.send(request(sender)) {
            return None;
        }
        match answer.recv_timeout(COMPLETION_TIMEOUT) {
            Ok(answer) => Some(answer),
            Err(error) => {
                if error == RecvTimeoutError::Timeout {
                    count(&self.counts.completion_timeouts);
                }
                None
            }
        }
    }

    /// Reads a register, after all earlier writes; all ones when there is no answer.
    pub fn read32(&self, offset: u16) -> u32 {
        self.ask(|value| Request::Read { offset, value })
            .unwrap_or(ALL_ONES)
    }

    /// Writes a register, some time after this has returned.
    pub fn write32(&self, offset: u16, value: u32) {
        self.send(Request::Write { offset, value });
    }

    /// Waits until all writes have reached the gateware.
    pub fn flush(&self) {
        self.ask(Request::Flush);
    }

    /// Resets the gateware, whatever it is doing; its counters are added up before.
    pub fn reset(&self) {
        count(&self.counts.resets);
        self.ask(Request::Reset);
    }

    /// Ends the thread. The gateware's counters over all resets; empty the second time.
    ///
    /// # Errors
    /// [`NicError`] when the gateware had failed: from then on it answered nothing.
    pub fn stop(&self) -> Result<Vec<u64>, NicError> {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.send(Request::Stop);
        match thread.map(JoinHandle::join) {
            Some(Ok(totals)) => Ok(totals?.to_vec()),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(Vec::new()),
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.send(Request::Stop);
    }
}

/// The thread.
struct Gateware {
    nic: SimNic,
    clock: Clock,
    cycle: u64,
    requests: Receiver<Request>,
    wake: Arc<EventFd>,
    /// A copy of the wire's descriptor, to sleep on.
    wire_fd: Option<OwnedFd>,
    counts: Arc<Counts>,
    totals: Totals,
    failed: Option<NicError>,
}

impl Gateware {
    fn run(mut self) -> Result<Totals, NicError> {
        loop {
            match self.requests.try_recv() {
                Ok(Request::Read { offset, value }) => {
                    let read = self.access(offset, None);
                    // Fails when the reader has given up after COMPLETION_TIMEOUT.
                    let _ = value.try_send(read.unwrap_or(ALL_ONES));
                }
                Ok(Request::Write { offset, value }) => {
                    self.access(offset, Some(value));
                }
                Ok(Request::Flush(done)) => {
                    let _ = done.try_send(());
                }
                Ok(Request::Reset(done)) => {
                    self.reset();
                    let _ = done.try_send(());
                }
                Ok(Request::Stop) | Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    self.step();
                    if self.nic.is_asleep() || self.failed.is_some() {
                        self.sleep();
                    }
                }
            }
        }
        self.add_up_counters();
        self.failed.map_or(Ok(self.totals), Err)
    }

    /// One cycle, unless there is nothing to do. The value of a register access that ended in it.
    fn step(&mut self) -> Option<u32> {
        if self.failed.is_some() {
            return None;
        }
        let at = Moment {
            cycle: self.cycle,
            now_ns: self.clock.now_ns(),
        };
        self.cycle += 1;
        self.nic.poll_wire(at);
        if self.nic.is_asleep() {
            return None;
        }
        let counts = &self.counts;
        let mut report = |observation: &Observation| match observation {
            Observation::DmaRead { .. } => count(&counts.dma_reads),
            Observation::DmaWrite { .. } => count(&counts.dma_writes),
            _ => {}
        };
        match self.nic.step(at, &mut report) {
            Ok(value) => value,
            Err(error) => {
                tracing::error!("the gateware failed in cycle {}: {error}", at.cycle);
                self.failed = Some(error);
                None
            }
        }
    }

    /// A register access, from beginning to end; `None` when the gateware has failed.
    fn access(&mut self, offset: u16, write: Option<u32>) -> Option<u32> {
        self.nic.start_access(offset, write);
        // Ends: the master gives up on an access that takes too long.
        while self.failed.is_none() {
            if let Some(value) = self.step() {
                return Some(value);
            }
        }
        None
    }

    fn reset(&mut self) {
        self.add_up_counters();
        self.nic.reset();
        while self.nic.is_in_reset() && self.failed.is_none() {
            self.step();
        }
    }

    fn add_up_counters(&mut self) {
        for (index, offset) in (COUNTER_BASE as u16..)
            .step_by(4)
            .take(COUNTERS.len())
            .enumerate()
        {
            self.totals[index] += u64::from(self.access(offset, None).unwrap_or(0));
        }
    }

    /// Sleeps until there is a request or a frame.
    fn sleep(&mut self) {
        let now_ns = self.clock.now_ns();
        let mut timeout = None;
        if self.failed.is_none() {
            let deadline_ns = self.nic.wire_deadline(now_ns);
            timeout = deadline_ns.map(|at| Duration::from_nanos(at.saturating_sub(now_ns)));
            if self.wire_fd.is_none() {
                timeout = Some(timeout.map_or(SLEEP_WITHOUT_FD, |time| time.min(SLEEP_WITHOUT_FD)));
            }
        }
        let timeout = timeout.map(TimeSpec::from_duration);
        let wake = PollFd::new(self.wake.as_fd(), PollFlags::POLLIN);
        let wire = self.wire_fd.as_ref().filter(|_| self.failed.is_none());
        // The result does not matter: the caller asks for requests and frames anyway.
        let _ = match wire {
            Some(wire) => {
                let wire = PollFd::new(wire.as_fd(), PollFlags::POLLIN);
                ppoll(&mut [wake, wire], timeout, None)
            }
            None => ppoll(&mut [wake], timeout, None),
        };
        // Fails when nothing has been written, and then there is nothing to reset.
        let _ = self.wake.read();
    }
}
