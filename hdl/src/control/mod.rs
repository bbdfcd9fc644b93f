//! What the host reads and writes by MMIO: registers, doorbells and counters in BAR0.

pub mod axi_lite;
pub mod counters;
pub mod registers;

pub use axi_lite::AxiLiteSlave;
pub use counters::Counters;
pub use registers::Registers;
