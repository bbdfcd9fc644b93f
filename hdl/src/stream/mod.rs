//! AXI4-Stream between blocks: the bundle, and the blocks that every stream path is made of.
//!
//! `tdata` holds byte 0 of a beat in its least significant lane. `tkeep` is contiguous from lane 0 and all ones but on the last beat.
//! `tvalid` never waits for `tready`, and a beat stays as it is until it is accepted (AMBA AXI4-Stream 2.2.1). W is the width of a beat
//! in bits, K in bytes (`W / 8`, which stable Rust cannot compute in a type).

pub mod beat_fifo;
pub mod bundle;
pub mod fifo;
pub mod narrow;
pub mod packet_fifo;
pub mod register_slice;
pub mod skid;
pub mod trim;
pub mod widen;

pub use beat_fifo::BeatFifo;
pub use bundle::{StreamSink, StreamSource};
pub use fifo::Fifo;
pub use narrow::Narrow;
pub use packet_fifo::PacketFifo;
pub use register_slice::RegisterSlice;
pub use skid::Skid;
pub use trim::Trim;
pub use widen::Widen;
