//! Register accesses: an AXI4-Lite master on `s_axil_*`, one access at a time.

use crate::dut::{Inputs, Outputs};
use crate::handshake::{Stable, Stall, StallConfig, Violation};
use crate::observation::{Moment, Observation};

/// After this many cycles without an answer the gateware is taken to hang.
const TIMEOUT_CYCLES: u64 = 10_000;
/// All four bytes of a register.
const WHOLE_WORD: u8 = 0b1111;

#[derive(Debug)]
struct Access {
    offset: u16,
    /// `None` to read.
    write: Option<u32>,
    address_taken: bool,
    data_taken: bool,
    cycles: u64,
}

/// The AXI4-Lite master.
#[derive(Debug)]
pub struct AxilMaster {
    access: Option<Access>,
    response_stall: Stall,
    b_stable: Stable<u8>,
    r_stable: Stable<(u32, u8)>,
}

impl AxilMaster {
    /// A master that lets responses wait as `stall` says.
    pub fn new(stall: StallConfig, seed: u64) -> Self {
        Self {
            access: None,
            response_stall: Stall::new(stall, seed, 8),
            b_stable: Stable::new("s_axil_b"),
            r_stable: Stable::new("s_axil_r"),
        }
    }

    /// Whether an access is under way.
    pub fn is_busy(&self) -> bool {
        self.access.is_some()
    }

    /// Begins an access, which must not be done while another is under way: a write of `write`, or a read.
    pub fn start(&mut self, offset: u16, write: Option<u32>) {
        self.access = Some(Access {
            offset,
            write,
            address_taken: false,
            data_taken: false,
            cycles: 0,
        });
    }

    /// Sets the inputs of this cycle.
    pub fn drive(&self, inputs: &mut Inputs) {
        inputs.s_axil_awvalid = false;
        inputs.s_axil_wvalid = false;
        inputs.s_axil_arvalid = false;
        inputs.s_axil_bready = self.response_stall.is_ready();
        inputs.s_axil_rready = self.response_stall.is_ready();
        let Some(access) = &self.access else {
            return;
        };
        if let Some(value) = access.write {
            inputs.s_axil_awvalid = !access.address_taken;
            inputs.s_axil_awaddr = access.offset;
            inputs.s_axil_wvalid = !access.data_taken;
            inputs.s_axil_wdata = value;
            inputs.s_axil_wstrb = WHOLE_WORD;
        } else {
            inputs.s_axil_arvalid = !access.address_taken;
            inputs.s_axil_araddr = access.offset;
        }
    }

    /// Takes what the cycle brought; the value when the access is done (of a write: what was written).
    ///
    /// # Errors
    /// [`Violation`] when there is no answer, or a bad one.
    pub fn observe(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) -> Result<Option<u32>, Violation> {
        let (bvalid, rvalid) = (outputs.s_axil_bvalid, outputs.s_axil_rvalid);
        self.b_stable
            .observe(bvalid.then_some(outputs.s_axil_bresp), inputs.s_axil_bready)?;
        self.r_stable.observe(
            rvalid.then_some((outputs.s_axil_rdata, outputs.s_axil_rresp)),
            inputs.s_axil_rready,
        )?;
        let Some(access) = &mut self.access else {
            return Ok(None);
        };
        let offset = u32::from(access.offset);
        access.cycles += 1;
        if access.cycles > TIMEOUT_CYCLES {
            return Err(Violation::NoAnswer {
                offset,
                cycles: TIMEOUT_CYCLES,
            });
        }
        let (valid, ready, value, response) = match access.write {
            Some(value) => {
                let before = access.address_taken && access.data_taken;
                access.address_taken |= outputs.s_axil_awready;
                access.data_taken |= outputs.s_axil_wready;
                if !before && access.address_taken && access.data_taken {
                    report(&Observation::RegisterWrite { offset, value, at });
                }
                (bvalid, inputs.s_axil_bready, value, outputs.s_axil_bresp)
            }
            None => {
                access.address_taken |= outputs.s_axil_arready;
                (
                    rvalid,
                    inputs.s_axil_rready,
                    outputs.s_axil_rdata,
                    outputs.s_axil_rresp,
                )
            }
        };
        self.response_stall.observe(valid, valid && ready);
        if !(valid && ready) {
            return Ok(None);
        }
        self.access = None;
        match response {
            0 => Ok(Some(value)),
            response => Err(Violation::RegisterError { offset, response }),
        }
    }
}
