//! What the host reads and writes by MMIO: registers, doorbells and counters in BAR0.

pub mod counters;
pub mod registers;

pub use counters::Counters;
pub use registers::Registers;
