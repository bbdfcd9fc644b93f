//! The rings that host and NIC share: commands in, events out, receive slots, and the interrupt that wakes the host.

pub mod command_push;
pub mod command_queue;
pub mod event_queue;
pub mod interrupt;
pub mod push_slave;
pub mod slot_queue;

pub use command_push::CommandPush;
pub use command_queue::CommandQueue;
pub use event_queue::EventQueue;
pub use interrupt::Interrupt;
pub use push_slave::PushSlave;
pub use slot_queue::SlotQueue;

/// The bits of a ring's base that count: the lowest 12 read as 0, as bases are multiples of 4 KiB.
const BASE_MASK: u64 = !(handclasp_layout::register::RING_ALIGN_BYTES as u64 - 1);
