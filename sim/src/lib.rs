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
//! - [`io_memory`], [`io_space`]: what its DMA reaches; [`clock`]: its time;
//! - [`wire`]: what the MAC is plugged into;
//! - [`pcie`]: one NIC as a PCI Express function, for QEMU or for the driver over a socket;
//! - [`mod@reference`]: a NIC without gateware, written from the datasheet.
//!
//! # Speed
//!
//! A cycle that is evaluated costs about 1.1 us of one core at 64 bits and 4.6 us at 512 bits (two busy cores, `cargo bench
//! -p handclasp-sim`), whether frames flow or not: some 4000 full frames a second, or 25,000 of 60 bytes at 64 bits. With
//! the waveform on, 4.5 and 7.6 us. That waveforms are compiled in costs 5 % when none is written. An idle NIC costs
//! nothing: the proof that it is idle takes 4 to 8 us, once.
//!
//! [`Bus`]: handclasp_driver::Bus

#[cfg(feature = "verilated")]
pub mod axi_memory;
#[cfg(feature = "verilated")]
pub mod axil_master;
#[cfg(feature = "verilated")]
mod bus;
pub mod clock;
#[cfg(feature = "verilated")]
pub mod dut;
#[cfg(feature = "verilated")]
pub mod handshake;
pub mod io_memory;
pub mod io_space;
#[cfg(feature = "verilated")]
pub mod mac;
#[cfg(feature = "verilated")]
pub mod nic;
#[cfg(feature = "verilated")]
pub mod observation;
#[cfg(feature = "verilated")]
mod parking;
#[cfg(feature = "verilated")]
pub mod pcie;
pub mod reference;
#[cfg(feature = "verilated")]
mod simulation;
pub mod wire;
#[cfg(feature = "verilated")]
pub mod world;
