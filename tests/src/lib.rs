//! What the tests that cross rooms share.
//!
//! - [`OUR_MAC`]: the tests' own MAC address, where Linux is the peer;
//! - [`pattern`]: bytes that differ wherever a piece is lost, repeated or moved.
#![forbid(unsafe_code)]

pub mod pattern;

/// MAC address of the NIC that talks to Linux.
pub const OUR_MAC: u64 = 0x0200_0000_0001;
