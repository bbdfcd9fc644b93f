//! Gateware of the Handclasp NIC, one block a file, in data-path order.
#![forbid(unsafe_code)]

pub mod control;
pub mod dma;
pub mod fields;
pub mod nic;
pub mod queue;
pub mod rx;
pub mod stream;
pub mod tx;

pub use nic::emit;
