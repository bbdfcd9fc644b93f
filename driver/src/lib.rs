//! User-space driver of the Handclasp NIC.
//!
//! - [`bus`]: the trait that VFIO and the simulator implement;
//! - [`dma`]: memory shared with the device, the only place with `unsafe` here.

pub mod bus;
pub mod dma;
