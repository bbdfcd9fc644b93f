//! What the gateware takes, as the simulation counts it. `handclasp bench cycles` counts; here is only what it finds.

use serde::{Deserialize, Serialize};

/// Latency and throughput of the gateware at one width. All in clock cycles of the simulated gateware.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Width of the data paths.
    pub width_bits: usize,
    /// Length of a cycle: the board's clock as it is assumed, 156.25 or 250 MHz.
    pub assumed_period_ns: f64,
    /// First beat of a minimum TCP frame in, to the last beat of its event on AXI.
    pub rx_event_cycles: u64,
    /// Last beat of a command's fetch, to the first beat of its control segment out.
    pub tx_first_beat_cycles: u64,
    /// Cycles a minimum frame, received as fast as the line brings them.
    pub rx_cycles_per_frame: f64,
    /// What the line needs for a minimum frame with preamble, FCS and gap.
    pub line_cycles_per_frame: f64,
    /// Of the frames received as fast as the line brings them, those that were dropped.
    pub rx_dropped_frames: usize,
    /// Cycles a control segment, sent as fast as the gateware takes commands.
    pub tx_cycles_per_frame: f64,
}

/// The gateware's part of one segment's way from doorbell to event, in clock cycles. **Simulated**: every one of them was
/// counted in the Verilated gateware, with a memory that answers at once.
///
/// How long the gateware waits for memory is not in the cycles but in the two numbers of waits: each of them is one
/// latency of whatever lies between the gateware and the host's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hops {
    /// Width of the data paths, in bits.
    pub width_bits: usize,
    /// Length of a cycle, in ns. Assumed: the clock that the line's rate asks for. No synthesis has confirmed it.
    pub assumed_period_ns: f64,
    /// Bytes of payload of the segment.
    pub payload_len_bytes: usize,
    /// Bytes of the frame, without preamble and FCS.
    pub frame_len_bytes: usize,
    /// From the doorbell's write to the frame's first beat out.
    pub tx_cycles: u64,
    /// DMA reads in it that wait for one another: the command, then its payload.
    pub tx_read_waits: u32,
    /// From the frame's last beat in to the event's last beat on the bus.
    pub rx_cycles: u64,
    /// DMA writes in it that wait for the answer to the one before.
    pub rx_write_waits: u32,
}

impl Hops {
    /// Time in the sender's gateware, in ns.
    pub fn tx_ns(&self) -> f64 {
        self.tx_cycles as f64 * self.assumed_period_ns
    }

    /// Time in the receiver's gateware, in ns.
    pub fn rx_ns(&self) -> f64 {
        self.rx_cycles as f64 * self.assumed_period_ns
    }
}
