//! The memory behind `m_axi_*`: an AXI4 slave over the NIC's I/O addresses.
//!
//! Bursts are answered in order, several may be outstanding. What is not mapped is answered with DECERR. Everything the
//! master does is held against the rules of AXI.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::dut::{Inputs, Outputs, Width};
use crate::handshake::{Stable, Stall, StallConfig, Violation};
use crate::observation::{Moment, Observation, Span};
use crate::reference::IoSpace;

/// AXI response: done.
pub const RESPONSE_OKAY: u8 = 0;
/// AXI response: nothing is there.
pub const RESPONSE_DECERR: u8 = 3;
/// AXI burst type: ascending addresses.
const BURST_INCR: u8 = 1;
/// Bursts that are accepted before the first of them is answered, each way.
const OUTSTANDING_BURSTS: usize = 16;
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

/// One burst under way.
#[derive(Debug)]
struct Burst {
    id: u8,
    address: u64,
    beats: u32,
    done_beats: u32,
    /// Worst response of a beat so far.
    response: u8,
    accepted: Moment,
    /// Not answered before this cycle.
    answer_cycle: u64,
}

impl Burst {
    /// Where the next beat lies: the first may begin in the middle of a word, the others are aligned (AXI A3.4.1).
    fn beat_address(&self, width: Width) -> u64 {
        let beat_bytes = width.bytes() as u64;
        (self.address & !(beat_bytes - 1)) + u64::from(self.done_beats) * beat_bytes
    }

    fn is_last(&self) -> bool {
        self.done_beats + 1 == self.beats
    }
}

/// One beat on the R channel.
#[derive(Debug)]
struct ReadBeat {
    data: [u64; 8],
    id: u8,
    response: u8,
    last: bool,
}

/// What the address channels carry, for the stability check.
type Address = (u64, [u8; 8]);

/// The AXI4 slave.
#[derive(Debug)]
pub struct AxiMemory {
    io: Arc<IoSpace>,
    width: Width,
    timing: MemoryTiming,

    ar_stall: Stall,
    ar_stable: Stable<Address>,
    reads: VecDeque<Burst>,
    r_stall: Stall,
    r_beat: Option<ReadBeat>,

    aw_stall: Stall,
    aw_stable: Stable<Address>,
    writes: VecDeque<Burst>,
    w_stall: Stall,
    w_stable: Stable<([u64; 8], u64, bool)>,
    b_stall: Stall,
    responses: VecDeque<Burst>,
}

impl AxiMemory {
    /// Memory at these I/O addresses.
    pub fn new(
        io: Arc<IoSpace>,
        width: Width,
        timing: MemoryTiming,
        stall: StallConfig,
        seed: u64,
    ) -> Self {
        let stall = |stream| Stall::new(stall, seed, stream);
        Self {
            io,
            width,
            timing,
            ar_stall: stall(0),
            ar_stable: Stable::new("m_axi_ar"),
            reads: VecDeque::with_capacity(OUTSTANDING_BURSTS),
            r_stall: stall(1),
            r_beat: None,
            aw_stall: stall(2),
            aw_stable: Stable::new("m_axi_aw"),
            writes: VecDeque::with_capacity(OUTSTANDING_BURSTS),
            w_stall: stall(3),
            w_stable: Stable::new("m_axi_w"),
            b_stall: stall(4),
            responses: VecDeque::with_capacity(OUTSTANDING_BURSTS),
        }
    }

    /// Whether a burst is under way.
    pub fn is_busy(&self) -> bool {
        !(self.reads.is_empty() && self.writes.is_empty() && self.responses.is_empty())
            || self.r_beat.is_some()
    }

    /// Sets the inputs of this cycle.
    pub fn drive(&self, inputs: &mut Inputs, cycle: u64) {
        inputs.m_axi_arready = self.reads.len() < OUTSTANDING_BURSTS && self.ar_stall.is_ready();
        inputs.m_axi_awready = self.writes.len() + self.responses.len() < OUTSTANDING_BURSTS
            && self.aw_stall.is_ready();
        inputs.m_axi_wready = !self.writes.is_empty() && self.w_stall.is_ready();
        inputs.m_axi_rvalid = self.r_beat.is_some();
        if let Some(beat) = &self.r_beat {
            inputs.m_axi_rdata = beat.data;
            inputs.m_axi_rid = beat.id;
            inputs.m_axi_rresp = beat.response;
            inputs.m_axi_rlast = beat.last;
        }
        inputs.m_axi_bvalid = false;
        if let Some(burst) = self.response(cycle) {
            inputs.m_axi_bvalid = true;
            inputs.m_axi_bid = burst.id;
            inputs.m_axi_bresp = burst.response;
        }
    }

    /// The write that is answered in this cycle.
    fn response(&self, cycle: u64) -> Option<&Burst> {
        self.responses
            .front()
            .filter(|burst| burst.answer_cycle <= cycle && self.b_stall.is_ready())
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
        self.observe_read_data(inputs, outputs, at, report);
        self.observe_read_address(inputs, outputs, at)?;
        self.observe_write_response(inputs, outputs, at);
        self.observe_write_data(inputs, outputs, at, report)?;
        self.observe_write_address(inputs, outputs, at)
    }

    fn observe_read_address(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
    ) -> Result<(), Violation> {
        let valid = outputs.m_axi_arvalid;
        self.ar_stable.observe(
            valid.then(|| {
                let o = outputs;
                let rest = [
                    o.m_axi_arid,
                    o.m_axi_arlen,
                    o.m_axi_arsize,
                    o.m_axi_arburst,
                    o.m_axi_arlock,
                    o.m_axi_arcache,
                    o.m_axi_arprot,
                    o.m_axi_arqos,
                ];
                (o.m_axi_araddr, rest)
            }),
            inputs.m_axi_arready,
        )?;
        let taken = valid && inputs.m_axi_arready;
        self.ar_stall.observe(valid, taken);
        if taken {
            let beats = self.check_burst(
                "m_axi_ar",
                outputs.m_axi_araddr,
                outputs.m_axi_arlen,
                outputs.m_axi_arsize,
                outputs.m_axi_arburst,
            )?;
            self.reads.push_back(Burst {
                id: outputs.m_axi_arid,
                address: outputs.m_axi_araddr,
                beats,
                done_beats: 0,
                response: RESPONSE_OKAY,
                accepted: at,
                answer_cycle: at.cycle + u64::from(self.timing.read_latency_cycles),
            });
        }
        Ok(())
    }

    fn observe_read_data(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) {
        if inputs.m_axi_rvalid && outputs.m_axi_rready {
            self.r_beat = None;
            if let Some(burst) = self.reads.front_mut() {
                burst.done_beats += 1;
                if burst.done_beats == burst.beats {
                    report(&Observation::DmaRead {
                        address: burst.address,
                        len_bytes: u64::from(burst.beats) * self.width.bytes() as u64,
                        span: Span {
                            first: burst.accepted,
                            last: at,
                        },
                    });
                    self.reads.pop_front();
                }
            }
        }
        // The next beat is offered from the next cycle on, and stays until it is taken.
        let Some(burst) = self.reads.front() else {
            return;
        };
        let due = self.r_beat.is_none() && burst.answer_cycle <= at.cycle + 1;
        let offered = due && self.r_stall.is_ready();
        self.r_stall.observe(due, offered);
        if offered {
            let mut bytes = [0; 64];
            let beat = &mut bytes[..self.width.bytes()];
            let response = match self.io.read(burst.beat_address(self.width), beat) {
                Ok(()) => RESPONSE_OKAY,
                Err(_) => RESPONSE_DECERR,
            };
            let mut data = [0; 8];
            for (word, chunk) in data.iter_mut().zip(bytes.chunks_exact(8)) {
                *word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
            }
            self.r_beat = Some(ReadBeat {
                data,
                id: burst.id,
                response,
                last: burst.is_last(),
            });
        }
    }

    fn observe_write_address(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
    ) -> Result<(), Violation> {
        let valid = outputs.m_axi_awvalid;
        self.aw_stable.observe(
            valid.then(|| {
                let o = outputs;
                let rest = [
                    o.m_axi_awid,
                    o.m_axi_awlen,
                    o.m_axi_awsize,
                    o.m_axi_awburst,
                    o.m_axi_awlock,
                    o.m_axi_awcache,
                    o.m_axi_awprot,
                    o.m_axi_awqos,
                ];
                (o.m_axi_awaddr, rest)
            }),
            inputs.m_axi_awready,
        )?;
        let taken = valid && inputs.m_axi_awready;
        self.aw_stall.observe(valid, taken);
        if taken {
            let beats = self.check_burst(
                "m_axi_aw",
                outputs.m_axi_awaddr,
                outputs.m_axi_awlen,
                outputs.m_axi_awsize,
                outputs.m_axi_awburst,
            )?;
            self.writes.push_back(Burst {
                id: outputs.m_axi_awid,
                address: outputs.m_axi_awaddr,
                beats,
                done_beats: 0,
                response: RESPONSE_OKAY,
                accepted: at,
                answer_cycle: 0,
            });
        }
        Ok(())
    }

    fn observe_write_data(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) -> Result<(), Violation> {
        let valid = outputs.m_axi_wvalid;
        let offer = (
            outputs.m_axi_wdata,
            outputs.m_axi_wstrb,
            outputs.m_axi_wlast,
        );
        self.w_stable
            .observe(valid.then_some(offer), inputs.m_axi_wready)?;
        let taken = valid && inputs.m_axi_wready;
        self.w_stall.observe(valid, taken);
        let Some(burst) = self.writes.front_mut().filter(|_| taken) else {
            return Ok(());
        };
        let beat_address = burst.beat_address(self.width);
        let mut strobes = outputs.m_axi_wstrb;
        if burst.done_beats == 0 {
            let below = (1u64 << (burst.address - beat_address)) - 1;
            if strobes & below != 0 {
                return Err(Violation::StrobeBelowStart {
                    strobes,
                    address: burst.address,
                });
            }
        }
        if outputs.m_axi_wlast != burst.is_last() {
            return Err(Violation::Wlast {
                wlast: outputs.m_axi_wlast,
                beat: burst.done_beats + 1,
                beats: burst.beats,
            });
        }
        let mut bytes = [0; 64];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(outputs.m_axi_wdata) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        // One write for each run of strobes: one in all, usually.
        let mut lane = 0;
        while strobes != 0 {
            let skip = strobes.trailing_zeros();
            lane += skip as usize;
            strobes >>= skip;
            let run = strobes.trailing_ones();
            let end = lane + run as usize;
            if self
                .io
                .write(beat_address + lane as u64, &bytes[lane..end])
                .is_err()
            {
                burst.response = RESPONSE_DECERR;
            }
            lane = end;
            strobes = strobes.checked_shr(run).unwrap_or(0);
        }
        burst.done_beats += 1;
        if burst.done_beats == burst.beats {
            burst.answer_cycle = at.cycle + u64::from(self.timing.write_latency_cycles);
            report(&Observation::DmaWrite {
                address: burst.address,
                len_bytes: u64::from(burst.beats) * self.width.bytes() as u64,
                span: Span {
                    first: burst.accepted,
                    last: at,
                },
            });
            self.responses.extend(self.writes.pop_front());
        }
        Ok(())
    }

    fn observe_write_response(&mut self, inputs: &Inputs, outputs: &Outputs, at: Moment) {
        let due = self
            .responses
            .front()
            .is_some_and(|burst| burst.answer_cycle <= at.cycle);
        let taken = inputs.m_axi_bvalid && outputs.m_axi_bready;
        self.b_stall.observe(due, taken);
        if taken {
            self.responses.pop_front();
        }
    }

    /// The number of beats, if the burst is legal.
    fn check_burst(
        &self,
        channel: &'static str,
        address: u64,
        len: u8,
        size: u8,
        burst: u8,
    ) -> Result<u32, Violation> {
        let beat_bytes = self.width.bytes() as u64;
        let whole_size = beat_bytes.trailing_zeros() as u8;
        if burst != BURST_INCR || size != whole_size {
            return Err(Violation::BurstKind {
                channel,
                burst,
                size,
                whole_size,
            });
        }
        let beats = u32::from(len) + 1;
        let start = address & !(beat_bytes - 1);
        let len_bytes = u64::from(beats) * beat_bytes;
        // The last byte, not the one behind it, which may begin the next 4 KiB.
        let last = start.saturating_add(len_bytes - 1);
        if start / BOUNDARY_BYTES != last / BOUNDARY_BYTES {
            return Err(Violation::Crosses4Kib {
                channel,
                address,
                len_bytes,
            });
        }
        Ok(beats)
    }
}
