//! A host: a stack on a NIC, shared by its sockets.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use handclasp_driver::Bus;
use handclasp_layout::register::CounterInfo;

use super::drive::Shared;
use crate::clock::{Clock, WallClock};
use crate::config::StackConfig;
use crate::stack::{Awaited, Observer, Progress, Stack, StackError, Statistics};

/// How long the end of a host waits for closed connections to end: there is no kernel to answer for them later.
const LINGER: Duration = Duration::from_secs(2);
/// How long the RSTs of those that have not ended may take to leave the NIC.
const RESETS_LEAVE: Duration = Duration::from_millis(500);

/// One host on one NIC. Clones are the same host; it ends with the last clone and the last socket.
#[derive(Clone, Debug)]
pub struct Host {
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    /// None in manual mode.
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Opens the NIC and runs a host on it, in wall-clock time: a background thread keeps it going.
    ///
    /// # Errors
    /// The NIC cannot be opened, the configuration cannot be, or the system has no thread left.
    pub fn start(bus: Arc<dyn Bus>, config: StackConfig) -> io::Result<Self> {
        let stack = Stack::new(bus, config)?;
        let clock = Arc::new(WallClock::default());
        let shared = Arc::new(Shared::new(stack, clock, true));
        let thread = std::thread::Builder::new()
            .name("handclasp".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.run()
            })?;
        Ok(Self {
            running: Arc::new(Running {
                shared,
                thread: Some(thread),
            }),
        })
    }

    /// Opens the NIC and leaves it to the caller to keep the host going, by [`Host::poll`] or by blocking calls: without
    /// a thread, and with a clock such as a simulation's, everything repeats exactly.
    ///
    /// # Errors
    /// The NIC cannot be opened, or the configuration cannot be.
    pub fn manual(
        bus: Arc<dyn Bus>,
        config: StackConfig,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let stack = Stack::new(bus, config)?;
        Ok(Self {
            running: Arc::new(Running {
                shared: Arc::new(Shared::new(stack, clock, false)),
                thread: None,
            }),
        })
    }

    /// Does what is to be done now; says what that was.
    ///
    /// # Errors
    /// The device failed.
    pub fn poll(&self) -> Result<Progress, StackError> {
        self.shared().poll()
    }

    /// When [`Host::poll`] has something to do even if nothing arrives, by the host's clock; `None`: never.
    pub fn deadline_ns(&self) -> Option<u64> {
        self.shared().look(|stack| stack.deadline_ns())
    }

    /// The host's address.
    pub fn ip(&self) -> Ipv4Addr {
        self.shared().look(|stack| stack.config().ip)
    }

    /// Sets or removes what is told of every segment and every change of state.
    pub fn observe(&self, observer: Option<Observer>) {
        self.shared().look(|stack| stack.observe(observer));
    }

    /// What the stack did that no socket sees.
    pub fn statistics(&self) -> Statistics {
        self.shared().look(|stack| stack.statistics())
    }

    /// The NIC's counters with their names.
    ///
    /// # Errors
    /// The device failed.
    pub fn nic_counters(&self) -> Result<Vec<(CounterInfo, u32)>, StackError> {
        self.shared().look(|stack| stack.nic_counters())
    }

    /// Waits until the connections of closed sockets have ended, at most for `timeout`, then resets those that have not: no
    /// peer is to wait for a host that is gone. Says whether all had ended. To be called before the end of the process.
    pub fn drain(&self, timeout: Duration) -> bool {
        self.running.drain(timeout)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.running.shared
    }
}

impl Running {
    fn drain(&self, timeout: Duration) -> bool {
        let ended = self.connections_end(timeout);
        if !ended {
            self.shared.call(|stack, _| stack.reset_lingering());
            self.connections_end(RESETS_LEAVE);
        }
        ended
    }

    fn connections_end(&self, timeout: Duration) -> bool {
        let give_up_ns = self.shared.after(Some(timeout));
        let attempt = |stack: &mut Stack, _| match stack.lingering() {
            0 => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        };
        let ended = self
            .shared
            .wait_for(Awaited::Lingering, give_up_ns, attempt);
        ended.is_ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.drain(LINGER);
        self.shared.stop();
        // It panics only if an observer did, and then the panic has been reported.
        let _ = thread.join();
    }
}
