//! MSI-X messages: the gateware says a vector, and the client's eventfd of that vector is signalled.
//!
//! A client (QEMU, or the kernel's VFIO behind it) keeps the MSI-X table to itself; what reaches the function is an
//! eventfd for each vector that it wants to hear of. A message that cannot be sent - no eventfd, or bus mastering off -
//! is pending, and sent when it can be.

use std::fs::{read_link, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handclasp_layout::pci::MSIX_VECTORS;
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};

use super::counts::{count, Counts};

/// What the link of an eventfd in /proc says.
const EVENTFD_LINK: &str = "anon_inode:[eventfd]";

/// The vectors of the function.
#[derive(Debug)]
pub struct Msix {
    state: Mutex<State>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct State {
    bus_master: bool,
    vectors: [Vector; MSIX_VECTORS as usize],
}

#[derive(Debug, Default)]
struct Vector {
    event: Option<File>,
    pending: bool,
}

impl Msix {
    /// No vector has an eventfd, and bus mastering is off.
    pub fn new(counts: Arc<Counts>) -> Self {
        Self {
            state: Mutex::default(),
            counts,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the vectors from `start` on these eventfds, in place of those they had.
    ///
    /// # Errors
    /// `EINVAL` for vectors that are not there, or a descriptor that is no eventfd; then nothing changes.
    pub fn connect(&self, start: u32, events: Vec<File>) -> io::Result<()> {
        let start = usize::try_from(start).map_err(|_| Errno::EINVAL)?;
        for event in &events {
            check_eventfd(event)?;
        }
        let mut state = self.state();
        let vectors = start
            .checked_add(events.len())
            .and_then(|end| state.vectors.get_mut(start..end))
            .ok_or(Errno::EINVAL)?;
        for (vector, event) in vectors.iter_mut().zip(events) {
            vector.event = Some(event);
        }
        state.send_pending(&self.counts);
        Ok(())
    }

    /// Takes the eventfds of `number` vectors from `start` on away, as far as they are there.
    pub fn disconnect(&self, start: u32, number: u32) {
        let vectors = &mut self.state().vectors;
        for vector in vectors
            .iter_mut()
            .skip(start as usize)
            .take(number as usize)
        {
            vector.event = None;
        }
    }

    /// Takes all eventfds away.
    pub fn disconnect_all(&self) {
        self.disconnect(0, MSIX_VECTORS.into());
    }

    /// Lets messages leave the function, or not.
    pub fn set_bus_master(&self, on: bool) {
        let mut state = self.state();
        state.bus_master = on;
        state.send_pending(&self.counts);
    }

    /// Reset: nothing is pending. The eventfds stay, as VFIO's do.
    pub fn reset(&self) {
        let mut state = self.state();
        state.bus_master = false;
        for vector in &mut state.vectors {
            vector.pending = false;
        }
    }

    /// The gateware requests a message. A vector that is not there is ignored, as nothing could be pending for it.
    pub fn message(&self, vector: u16) {
        let mut state = self.state();
        if let Some(vector) = state.vectors.get_mut(usize::from(vector)) {
            vector.pending = true;
        }
        state.send_pending(&self.counts);
    }

    /// The pending bits, vector 0 lowest.
    pub fn pending_bits(&self) -> u64 {
        let state = self.state();
        let vectors = state.vectors.iter().enumerate();
        vectors.fold(0, |bits, (number, vector)| {
            bits | u64::from(vector.pending) << number
        })
    }
}

// The pending bits are one word.
const _: () = assert!(MSIX_VECTORS <= 64);

impl State {
    fn send_pending(&mut self, counts: &Counts) {
        if !self.bus_master {
            return;
        }
        for vector in &mut self.vectors {
            let Some(event) = vector.event.as_mut().filter(|_| vector.pending) else {
                continue;
            };
            // Fails only when the counter is full, and then it has been signalled already.
            let _ = event.write(&1u64.to_ne_bytes());
            vector.pending = false;
            count(&counts.msix);
        }
    }
}

/// Signalling must never make the function wait: only an eventfd is taken, and it is made non-blocking (for the client as
/// well, which shares it).
fn check_eventfd(event: &File) -> io::Result<()> {
    let link = read_link(format!("/proc/self/fd/{}", event.as_raw_fd()))?;
    if link.as_os_str() != EVENTFD_LINK {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is not an eventfd", link.display()),
        ));
    }
    let flags = OFlag::from_bits_retain(fcntl(event, FcntlArg::F_GETFL)?);
    fcntl(event, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::eventfd::{EfdFlags, EventFd};

    use super::*;

    /// An eventfd, and the client's copy.
    fn event() -> (EventFd, File) {
        let event = EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap();
        let copy = std::os::fd::AsFd::as_fd(&event).try_clone_to_owned();
        (event, copy.unwrap().into())
    }

    #[test]
    fn a_message_that_cannot_be_sent_is_pending_and_sent_once_it_can_be() {
        let msix = Msix::new(Arc::default());
        let (event, copy) = event();
        msix.message(0);
        assert_eq!(msix.pending_bits(), 1);
        msix.connect(0, vec![copy]).unwrap();
        assert_eq!(msix.pending_bits(), 1, "bus mastering is off");
        assert_eq!(event.read(), Err(Errno::EAGAIN));
        msix.set_bus_master(true);
        assert_eq!((event.read(), msix.pending_bits()), (Ok(1), 0));
        msix.message(0);
        assert_eq!(event.read(), Ok(1));
        msix.disconnect_all();
        msix.message(0);
        assert_eq!((event.read(), msix.pending_bits()), (Err(Errno::EAGAIN), 1));
        msix.reset();
        assert_eq!(msix.pending_bits(), 0);
        // Of a vector that is not there nothing is kept.
        msix.message(1);
        msix.message(u16::MAX);
        assert_eq!(msix.pending_bits(), 0);
    }

    #[test]
    fn a_reset_keeps_the_eventfds_as_vfio_does() {
        let msix = Msix::new(Arc::default());
        let (event, copy) = event();
        msix.connect(0, vec![copy]).unwrap();
        msix.reset();
        msix.set_bus_master(true);
        msix.message(0);
        assert_eq!(event.read(), Ok(1));
    }

    #[test]
    fn a_full_eventfd_makes_nobody_wait() {
        let msix = Msix::new(Arc::default());
        let event = EventFd::from_flags(EfdFlags::empty()).unwrap();
        let copy = std::os::fd::AsFd::as_fd(&event).try_clone_to_owned();
        msix.connect(0, vec![copy.unwrap().into()]).unwrap();
        msix.set_bus_master(true);
        event.write(u64::MAX - 1).unwrap();
        msix.message(0);
        assert_eq!(msix.pending_bits(), 0);
    }
}
