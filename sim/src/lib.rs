//! Co-simulation: the Verilated gateware with memory, wires and time, behind the driver's [`Bus`].
//!
//! ```text
//!            host A                                             host B
//!              | Bus                                              | Bus
//!   +----------+--------------------- world ---------------------+----------+
//!   |  axil_master -- s_axil   +-----+                                      |
//!   |  axi_memory --- m_axi    | dut |   m_axis_tx -- mac -- wire -- ...    |
//!   |   (io_space)    msix     +-----+   s_axis_rx -- mac --+               |
//!   +---------------------------------------------------------------- nic --+
//! ```
//!
//! - [`world`]: one or more simulated NICs, their time, and a `Bus` for each: begin here;
//! - [`nic`]: one NIC: the model with everything around its ports;
//! - [`dut`]: the Verilated model, cycle by cycle;
//! - [`axi_memory`], [`axil_master`], [`mac`]: what its ports are connected to; [`handshake`]: the rules they check;
//! - [`observation`]: what the simulation shows of itself;
//! - [`pcie`]: one NIC as a PCI Express function, for QEMU or for the driver over a socket.
//!
//! What the MAC is plugged into, and the clock, are in `handclasp-wires`; the memory that DMA reaches is in
//! `handclasp-reference`, beside the NIC without gateware that the Verilated one is compared with. Neither needs Verilator.
//!
//! # Speed
//!
//! A cycle that is evaluated costs about 1.1 us of one core at 64 bits and 4.6 us at 512 bits (two busy cores, `cargo bench
//! -p handclasp-sim`), whether frames flow or not: some 4000 full frames a second, or 25,000 of 60 bytes at 64 bits. With
//! the waveform on, 4.5 and 7.6 us. That waveforms are compiled in costs 5 % when none is written. An idle NIC costs
//! nothing: the proof that it is idle takes 4 to 8 us, once.
//!
//! [`Bus`]: handclasp_driver::Bus

pub mod axi_memory;
pub mod axil_master;
mod bus;
pub mod dut;
pub mod handshake;
pub mod mac;
pub mod nic;
pub mod observation;
mod parking;
pub mod pcie;
mod shared;
mod simulation;
mod turns;
pub mod world;
