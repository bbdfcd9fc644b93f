//! The driver on PCI Express without any kernel: sockets on `VfioBus`, its function behind a vfio-user socket, the
//! Verilated NIC behind that - and a reference NIC at the other end of the cable.
//!
//! - [`connections`]: what an application does, and what happens when it, or its driver, ends badly;
//! - [`function`]: what the function's configuration space, registers and interrupts say;
//! - [`hostile`]: clients that do not keep to the protocol;
//! - [`rig`]: a served NIC, its driver and its peer.

mod connections;
mod function;
mod hostile;
mod rig;
