//! TCP and sockets over the Handclasp NIC.
#![forbid(unsafe_code)]

pub mod tcp;
