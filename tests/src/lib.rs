//! What the tests that cross rooms share.
//!
//! - [`OUR_MAC`]: the tests' own MAC address, where Linux is the peer;
//! - [`mod@exchange`]: bytes both ways at once;
//! - [`guest`], [`initramfs`], [`qemu`]: a guest with a stock kernel, in which the NIC is a PCI Express card;
//! - [`mod@pair`]: two hosts back to back on a cable;
//! - [`mod@peer`]: a host, and frames written by hand at the other end of its cable;
//! - [`mod@simulated`]: two hosts on a cable in simulated time;
//! - [`pattern`]: bytes that differ wherever a piece is lost, repeated or moved.
#![forbid(unsafe_code)]

pub mod exchange;
pub mod guest;
pub mod initramfs;
pub mod pair;
pub mod pattern;
pub mod peer;
pub mod qemu;
pub mod simulated;

/// MAC address of the NIC that talks to Linux.
pub const OUR_MAC: u64 = 0x0200_0000_0001;
