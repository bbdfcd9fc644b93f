//! The channels AW, W and B.

use std::collections::VecDeque;
use std::sync::atomic::{fence, Ordering};
use std::sync::Arc;

use super::{Address, Burst, OUTSTANDING_BURSTS, RESPONSE_DECERR, RESPONSE_OKAY};
use crate::dut::{Inputs, Outputs};
use crate::handshake::{Stable, Stall, StallConfig, Violation};
use crate::observation::{Moment, Observation};
use handclasp_reference::io_memory::IoMemory;

/// A burst whose data is still to come.
#[derive(Debug)]
struct Write {
    burst: Burst,
    /// DECERR as soon as one beat found no memory.
    response: u8,
}

/// What B has to say, not before a cycle.
#[derive(Debug)]
struct Answer {
    id: u8,
    response: u8,
    cycle: u64,
}

#[derive(Debug)]
pub(super) struct WriteChannels {
    io: Arc<dyn IoMemory>,
    beat_bytes: usize,
    latency_cycles: u32,
    aw_stall: Stall,
    aw_stable: Stable<Address>,
    w_stall: Stall,
    w_stable: Stable<([u64; 8], u64, bool)>,
    b_stall: Stall,
    writes: VecDeque<Write>,
    answers: VecDeque<Answer>,
}

impl WriteChannels {
    pub(super) fn new(
        io: Arc<dyn IoMemory>,
        beat_bytes: usize,
        latency_cycles: u32,
        stall: StallConfig,
        seed: u64,
    ) -> Self {
        Self {
            io,
            beat_bytes,
            latency_cycles,
            aw_stall: Stall::new(stall, seed, 2),
            aw_stable: Stable::new("m_axi_aw"),
            w_stall: Stall::new(stall, seed, 3),
            w_stable: Stable::new("m_axi_w"),
            b_stall: Stall::new(stall, seed, 4),
            writes: VecDeque::with_capacity(OUTSTANDING_BURSTS),
            answers: VecDeque::with_capacity(OUTSTANDING_BURSTS),
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        !(self.writes.is_empty() && self.answers.is_empty())
    }

    pub(super) fn drive(&self, inputs: &mut Inputs, cycle: u64) {
        let outstanding = self.writes.len() + self.answers.len();
        inputs.m_axi_awready = outstanding < OUTSTANDING_BURSTS && self.aw_stall.is_ready();
        // Data waits for its address, as a slave may demand (AXI A3.3.1).
        inputs.m_axi_wready = !self.writes.is_empty() && self.w_stall.is_ready();
        inputs.m_axi_bvalid = false;
        if let Some(answer) = self.due(cycle).filter(|_| self.b_stall.is_ready()) {
            inputs.m_axi_bvalid = true;
            inputs.m_axi_bid = answer.id;
            inputs.m_axi_bresp = answer.response;
        }
    }

    /// The answer whose time has come.
    fn due(&self, cycle: u64) -> Option<&Answer> {
        self.answers.front().filter(|answer| answer.cycle <= cycle)
    }

    pub(super) fn observe(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) -> Result<(), Violation> {
        self.observe_answer(inputs, outputs, at);
        self.observe_data(inputs, outputs, at, report)?;
        self.observe_address(inputs, outputs, at)
    }

    fn observe_address(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
    ) -> Result<(), Violation> {
        let (valid, ready) = (outputs.m_axi_awvalid, inputs.m_axi_awready);
        let offer = Address {
            id: outputs.m_axi_awid,
            address: outputs.m_axi_awaddr,
            len: outputs.m_axi_awlen,
            size: outputs.m_axi_awsize,
            burst: outputs.m_axi_awburst,
            attributes: [
                outputs.m_axi_awlock,
                outputs.m_axi_awcache,
                outputs.m_axi_awprot,
                outputs.m_axi_awqos,
            ],
        };
        self.aw_stable.observe(valid.then_some(offer), ready)?;
        self.aw_stall.observe(valid, valid && ready);
        if valid && ready {
            self.writes.push_back(Write {
                burst: Burst::accept("m_axi_aw", offer, self.beat_bytes as u64, at)?,
                response: RESPONSE_OKAY,
            });
        }
        Ok(())
    }

    fn observe_data(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) -> Result<(), Violation> {
        let (valid, ready) = (outputs.m_axi_wvalid, inputs.m_axi_wready);
        let (strobes, wlast) = (outputs.m_axi_wstrb, outputs.m_axi_wlast);
        let offer = (outputs.m_axi_wdata, strobes, wlast);
        self.w_stable.observe(valid.then_some(offer), ready)?;
        self.w_stall.observe(valid, valid && ready);
        let Some(write) = self.writes.front_mut().filter(|_| valid && ready) else {
            return Ok(());
        };
        let burst = &mut write.burst;
        let (address, beat_address) = (burst.address, burst.beat_address());
        let below = (1u64 << address.saturating_sub(beat_address)) - 1;
        if burst.done_beats == 0 && strobes & below != 0 {
            return Err(Violation::StrobeBelowStart { strobes, address });
        }
        if wlast != burst.is_at_last() {
            return Err(Violation::Wlast {
                wlast,
                beat: burst.done_beats + 1,
                beats: burst.beats,
            });
        }
        if !store(&*self.io, beat_address, &outputs.m_axi_wdata, strobes) {
            write.response = RESPONSE_DECERR;
        }
        burst.done_beats += 1;
        if burst.is_done() {
            report(&Observation::DmaWrite {
                address,
                len_bytes: burst.len_bytes(),
                span: burst.span(at),
            });
            self.answers.push_back(Answer {
                id: burst.id,
                response: write.response,
                cycle: at.cycle + u64::from(self.latency_cycles),
            });
            self.writes.pop_front();
        }
        Ok(())
    }

    fn observe_answer(&mut self, inputs: &Inputs, outputs: &Outputs, at: Moment) {
        let due = self.due(at.cycle).is_some();
        let taken = inputs.m_axi_bvalid && outputs.m_axi_bready;
        self.b_stall.observe(due, taken);
        if taken {
            self.answers.pop_front();
        }
    }
}

/// Writes the bytes that have a strobe; false when there is no memory.
fn store(io: &dyn IoMemory, address: u64, words: &[u64; 8], strobes: u64) -> bool {
    let mut bytes = [0; 64];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    // A host thread that sees this beat also sees those before it: the host polls an event's last byte.
    fence(Ordering::Release);
    // One write for each run of strobes: one in all, usually.
    let (mut strobes, mut lane, mut mapped) = (strobes, 0, true);
    while strobes != 0 {
        let skip = strobes.trailing_zeros();
        strobes >>= skip;
        let run = strobes.trailing_ones();
        strobes = strobes.checked_shr(run).unwrap_or(0);
        let start = lane + skip as usize;
        lane = start + run as usize;
        mapped &= io
            .write(address + start as u64, &bytes[start..lane])
            .is_ok();
    }
    mapped
}
