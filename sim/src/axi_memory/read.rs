//! The channels AR and R.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Address, Burst, OUTSTANDING_BURSTS, RESPONSE_DECERR, RESPONSE_OKAY};
use crate::dut::{Inputs, Outputs};
use crate::handshake::{Stable, Stall, StallConfig, Violation};
use crate::observation::{Moment, Observation};
use handclasp_reference::io_memory::IoMemory;

/// One beat on R, offered until it is taken.
#[derive(Debug)]
struct Beat {
    data: [u64; 8],
    id: u8,
    response: u8,
    last: bool,
}

#[derive(Debug)]
pub(super) struct ReadChannels {
    io: Arc<dyn IoMemory>,
    beat_bytes: usize,
    latency_cycles: u32,
    ar_stall: Stall,
    ar_stable: Stable<Address>,
    r_stall: Stall,
    bursts: VecDeque<Burst>,
    beat: Option<Beat>,
}

impl ReadChannels {
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
            ar_stall: Stall::new(stall, seed, 0),
            ar_stable: Stable::new("m_axi_ar"),
            r_stall: Stall::new(stall, seed, 1),
            bursts: VecDeque::with_capacity(OUTSTANDING_BURSTS),
            beat: None,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.bursts.is_empty()
    }

    pub(super) fn drive(&self, inputs: &mut Inputs) {
        inputs.m_axi_arready = self.bursts.len() < OUTSTANDING_BURSTS && self.ar_stall.is_ready();
        inputs.m_axi_rvalid = self.beat.is_some();
        if let Some(beat) = &self.beat {
            inputs.m_axi_rdata = beat.data;
            inputs.m_axi_rid = beat.id;
            inputs.m_axi_rresp = beat.response;
            inputs.m_axi_rlast = beat.last;
        }
    }

    pub(super) fn observe(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) -> Result<(), Violation> {
        self.observe_address(inputs, outputs, at)?;
        self.observe_data(inputs, outputs, at, report);
        self.offer_beat(at);
        Ok(())
    }

    fn observe_address(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
    ) -> Result<(), Violation> {
        let (valid, ready) = (outputs.m_axi_arvalid, inputs.m_axi_arready);
        let offer = Address {
            id: outputs.m_axi_arid,
            address: outputs.m_axi_araddr,
            len: outputs.m_axi_arlen,
            size: outputs.m_axi_arsize,
            burst: outputs.m_axi_arburst,
            attributes: [
                outputs.m_axi_arlock,
                outputs.m_axi_arcache,
                outputs.m_axi_arprot,
                outputs.m_axi_arqos,
            ],
        };
        self.ar_stable.observe(valid.then_some(offer), ready)?;
        self.ar_stall.observe(valid, valid && ready);
        if valid && ready {
            let burst = Burst::accept("m_axi_ar", offer, self.beat_bytes as u64, at)?;
            self.bursts.push_back(burst);
        }
        Ok(())
    }

    fn observe_data(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) {
        if !(inputs.m_axi_rvalid && outputs.m_axi_rready) {
            return;
        }
        self.beat = None;
        let Some(burst) = self.bursts.front_mut() else {
            return;
        };
        burst.done_beats += 1;
        if burst.is_done() {
            report(&Observation::DmaRead {
                address: burst.address,
                len_bytes: burst.len_bytes(),
                span: burst.span(at),
            });
            self.bursts.pop_front();
        }
    }

    /// Puts the next beat onto R, from the next cycle on.
    fn offer_beat(&mut self, at: Moment) {
        let Some(burst) = self.bursts.front() else {
            return;
        };
        let answer_cycle = burst.accepted.cycle + u64::from(self.latency_cycles);
        let due = self.beat.is_none() && answer_cycle <= at.cycle + 1;
        let offered = due && self.r_stall.is_ready();
        self.r_stall.observe(due, offered);
        if !offered {
            return;
        }
        let mut bytes = [0; 64];
        let beat = &mut bytes[..self.beat_bytes];
        let response = match self.io.read(burst.beat_address(), beat) {
            Ok(()) => RESPONSE_OKAY,
            Err(_) => RESPONSE_DECERR,
        };
        let mut data = [0; 8];
        for (word, chunk) in data.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        }
        self.beat = Some(Beat {
            data,
            id: burst.id,
            response,
            last: burst.is_at_last(),
        });
    }
}
