//! The memory behind `m_axi_*`: an AXI4 slave over the NIC's I/O addresses.
//!
//! Bursts are answered in order, several may be outstanding. What is not mapped is answered with DECERR. Everything the
//! master does is held against the rules of AXI.

mod read;
mod write;

use std::sync::Arc;

use crate::dut::{Inputs, Outputs, Width};
use crate::handshake::{StallConfig, Violation};
use crate::observation::{Moment, Observation, Span};
use handclasp_reference::io_memory::IoMemory;
use read::ReadChannels;
use write::WriteChannels;

/// AXI response: done.
pub const RESPONSE_OKAY: u8 = 0;
/// AXI response: nothing is there.
pub const RESPONSE_DECERR: u8 = 3;
/// AXI burst type: ascending addresses.
const BURST_INCR: u8 = 1;
/// Bursts that are accepted before the first of them is answered, each way.
const OUTSTANDING_BURSTS: usize = 256;
/// No burst may cross a multiple of this (AXI A3.4.1).
const BOUNDARY_BYTES: u64 = 4096;

/// How long memory takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryTiming {
    /// From an accepted read address to the first beat at the earliest.
    pub read_latency_cycles: u32,
    /// From the last written beat to the response at the earliest.
    pub write_latency_cycles: u32,
}

impl MemoryTiming {
    /// Memory that answers without delay.
    pub const AT_ONCE: Self = Self {
        read_latency_cycles: 0,
        write_latency_cycles: 0,
    };

    /// Memory that answers a write after `write_ns` and a read after `read_ns`, in cycles of this width's clock.
    pub const fn after_ns(width: Width, write_ns: u32, read_ns: u32) -> Self {
        const fn cycles(width: Width, ns: u32) -> u32 {
            (ns as u64 * 1000).div_ceil(width.period_ps()) as u32
        }
        Self {
            read_latency_cycles: cycles(width, read_ns),
            write_latency_cycles: cycles(width, write_ns),
        }
    }
}

/// What an address channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    id: u8,
    address: u64,
    len: u8,
    size: u8,
    burst: u8,
    /// LOCK, CACHE, PROT and QOS: of no effect here, but stable like the rest.
    attributes: [u8; 4],
}

/// One burst under way.
#[derive(Debug)]
struct Burst {
    id: u8,
    address: u64,
    beat_bytes: u64,
    beats: u32,
    done_beats: u32,
    accepted: Moment,
}

impl Burst {
    /// The burst, if it is legal.
    fn accept(
        channel: &'static str,
        offer: Address,
        beat_bytes: u64,
        accepted: Moment,
    ) -> Result<Self, Violation> {
        let Address {
            address,
            burst,
            size,
            ..
        } = offer;
        let whole_size = beat_bytes.trailing_zeros() as u8;
        if burst != BURST_INCR || size != whole_size {
            return Err(Violation::BurstKind {
                channel,
                burst,
                size,
                whole_size,
            });
        }
        let beats = u32::from(offer.len) + 1;
        let len_bytes = u64::from(beats) * beat_bytes;
        // The last byte, not the one behind it, which may begin the next 4 KiB.
        let start = address & !(beat_bytes - 1);
        let last = start.saturating_add(len_bytes - 1);
        if start / BOUNDARY_BYTES != last / BOUNDARY_BYTES {
            return Err(Violation::Crosses4Kib {
                channel,
                address,
                len_bytes,
            });
        }
        Ok(Self {
            id: offer.id,
            address,
            beat_bytes,
            beats,
            done_beats: 0,
            accepted,
        })
    }

    /// Where the next beat lies: the first may begin in the middle of a word, the others are aligned (AXI A3.4.1).
    fn beat_address(&self) -> u64 {
        (self.address & !(self.beat_bytes - 1)) + u64::from(self.done_beats) * self.beat_bytes
    }

    /// Whether the next beat is the last.
    fn is_at_last(&self) -> bool {
        self.done_beats + 1 == self.beats
    }

    fn is_done(&self) -> bool {
        self.done_beats == self.beats
    }

    fn len_bytes(&self) -> u64 {
        u64::from(self.beats) * self.beat_bytes
    }

    /// From the accepted address to the last beat.
    fn span(&self, last: Moment) -> Span {
        let first = self.accepted;
        Span { first, last }
    }
}

/// The AXI4 slave.
#[derive(Debug)]
pub struct AxiMemory {
    reads: ReadChannels,
    writes: WriteChannels,
}

impl AxiMemory {
    /// Memory at these I/O addresses, behind a bus with beats of so many bytes.
    pub fn new(
        io: Arc<dyn IoMemory>,
        beat_bytes: usize,
        timing: MemoryTiming,
        stall: StallConfig,
        seed: u64,
    ) -> Self {
        Self {
            reads: ReadChannels::new(
                Arc::clone(&io),
                beat_bytes,
                timing.read_latency_cycles,
                stall,
                seed,
            ),
            writes: WriteChannels::new(io, beat_bytes, timing.write_latency_cycles, stall, seed),
        }
    }

    /// Whether a burst is under way.
    pub fn is_busy(&self) -> bool {
        self.reads.is_busy() || self.writes.is_busy()
    }

    /// Sets the inputs of this cycle.
    pub fn drive(&self, inputs: &mut Inputs, cycle: u64) {
        self.reads.drive(inputs);
        self.writes.drive(inputs, cycle);
    }

    /// Takes what the cycle brought.
    ///
    /// # Errors
    /// [`Violation`] of an AXI rule.
    pub fn observe(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) -> Result<(), Violation> {
        self.reads.observe(inputs, outputs, at, report)?;
        self.writes.observe(inputs, outputs, at, report)
    }
}
