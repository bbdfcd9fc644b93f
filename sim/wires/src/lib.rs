//! What a simulated NIC's MAC is plugged into.
//!
//! - [`cable`]: two NICs back to back, in memory;
//! - [`tap`]: a Linux TAP device, with the kernel's TCP behind it; [`kernel`] sets up both in a namespace of their own;
//! - [`pcap`]: replays a capture;
//! - [`capture`]: records what another wire carries, as pcapng;
//! - [`faulty`]: drops, duplicates, reorders, delays and damages what another wire carries.
//!
//! Frames are Ethernet frames without preamble and FCS. Time is in ns, and comes from whoever owns the wire ([`clock`]):
//! wires have no clock of their own, so a simulation in virtual time repeats exactly.

use std::os::fd::BorrowedFd;

pub mod cable;
pub mod capture;
pub mod clock;
pub mod faulty;
pub mod kernel;
pub mod pcap;
pub mod tap;

/// One end of a wire.
pub trait Wire: Send {
    /// Sends a frame at `at_ns`. A wire that cannot carry it loses it, as wires do.
    fn send(&mut self, frame: &[u8], at_ns: u64);

    /// Takes the next frame that has arrived by `at_ns` into `buffer` (replacing what is there); false when there is none.
    fn receive(&mut self, buffer: &mut Vec<u8>, at_ns: u64) -> bool;

    /// The time at which this wire next has something to do by itself, as far as it is known: a frame under way arrives,
    /// or is to be passed on. Then [`Wire::receive`] is to be called.
    fn deadline(&self) -> Option<u64> {
        None
    }

    /// Becomes readable when a frame arrives that [`Wire::deadline`] did not tell of; for sleeping until then.
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl<W: Wire + ?Sized> Wire for Box<W> {
    fn send(&mut self, frame: &[u8], at_ns: u64) {
        (**self).send(frame, at_ns);
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, at_ns: u64) -> bool {
        (**self).receive(buffer, at_ns)
    }

    fn deadline(&self) -> Option<u64> {
        (**self).deadline()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        (**self).poll_fd()
    }
}
