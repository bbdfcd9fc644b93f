//! What the tests that cross rooms share.
//!
//! - [`kernel`]: Linux's TCP as the peer, on a TAP device in a network namespace of its own;
//! - [`pattern`]: bytes that differ wherever a piece is lost, repeated or moved.
#![forbid(unsafe_code)]

pub mod kernel;
pub mod pattern;
