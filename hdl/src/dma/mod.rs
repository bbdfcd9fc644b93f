//! Bus mastering: everything the NIC reads from and writes to host memory goes through these two AXI4 masters.
//!
//! ```text
//!  command_queue ──> ┌────────┐            ┌────────┐ <── rx (payloads)
//!                    │ Reader │ AR, R      │ Writer │
//!  tx (payloads) ──> └────────┘   AW, W, B └────────┘ <── event_queue
//! ```

pub mod axi;
pub mod burst_splitter;
pub mod reader;
pub mod writer;

pub use axi::{AxiMaster, AxiReadMaster, AxiWriteMaster};
pub use burst_splitter::BurstSplitter;
pub use reader::Reader;
pub use writer::Writer;

/// Bytes of the address range that no burst may cross (AMBA AXI4 A3.4.1).
pub const AXI_BOUNDARY_BYTES: usize = 4096;
/// Longest INCR burst in beats (AMBA AXI4 A3.4.1).
pub const AXI_BURST_BEATS_MAX: usize = 256;
