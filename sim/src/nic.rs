//! One simulated NIC: the Verilated model and everything that is connected to its ports.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use handclasp_layout::port::RESET_CYCLES_MIN;
use handclasp_reference::io_memory::IoMemory;
use handclasp_wires::Wire;

use crate::axi_memory::{AxiMemory, MemoryTiming};
use crate::axil_master::AxilMaster;
use crate::dut::{Dut, Inputs, ModelError, Outputs, Width};
use crate::handshake::{Stable, Stall, StallConfig, Violation};
use crate::mac::{MacRx, MacTx};
use crate::observation::{Moment, Observation};

/// Cycles for which `rst` is high at the start, and after each reset.
pub const RESET_CYCLES: u64 = RESET_CYCLES_MIN as u64;
/// After this many cycles without activity the model is asked whether it is idle, and then after twice as many, and so on. An
/// answer costs as much as four to eight cycles, and `busy` is right nearly always; in real time each request and answer
/// over a TAP device waits for what is evaluated in vain.
const IDLE_CHECK_CYCLES: u32 = 8;
/// How often, in cycles, a wire that does not know when its next frame comes is asked.
const WIRE_POLL_CYCLES: u64 = 32;

/// Why a NIC cannot be simulated any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NicError {
    /// The model stopped.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The gateware broke a rule of its interfaces.
    #[error("a rule of the bus is broken: {0}")]
    Violation(#[from] Violation),
    /// It is the turn of the NIC's host, which does nothing.
    #[error(
        "virtual time cannot go on: for {patience:?} the NIC's host has neither used its bus nor dropped it, and the others \
         wait for it. Let a host that has ended drop its bus, and a host that has nothing to do call Bus::wait"
    )]
    HostStuck {
        /// How long that was ([`crate::world::WorldConfig::patience`]).
        patience: Duration,
    },
}

/// How often the simulation was cheap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Cycles that were evaluated; the others were skipped.
    pub evaluated_cycles: u64,
    /// How often the model was asked whether it is idle.
    pub idle_checks: u64,
    /// How often it then was not, although `busy` was 0: a NIC that forgets something in its `busy`.
    pub false_idles: u64,
}

/// Called with the vector of each MSI-X message.
pub(crate) type MsixSink = Box<dyn FnMut(u16) + Send>;

/// What a NIC is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NicConfig {
    pub(crate) width: Width,
    pub(crate) seed: u64,
    pub(crate) reset_seed: u32,
    pub(crate) memory: MemoryTiming,
    pub(crate) stall: StallConfig,
    pub(crate) skip_idle: bool,
}

/// One NIC with its surroundings.
pub(crate) struct SimNic {
    config: NicConfig,
    io: Arc<dyn IoMemory>,
    dut: Dut,
    /// Cycles for which `rst` stays high.
    reset_cycles: u64,
    /// It was high in the cycle before.
    has_been_reset: bool,
    inputs: Inputs,
    outputs: Outputs,
    ports: Ports,
    wire: Box<dyn Wire>,
    /// Frames that come before those of the wire, and whether the MAC marks them bad.
    injected: VecDeque<(Vec<u8>, bool)>,
    msix: MsixSink,
    idle_cycles: u32,
    /// Proven idle: nothing changes until an input does.
    asleep: bool,
    interrupts: u64,
    evaluation: Evaluation,
}

/// What the NIC's ports are connected to, with what is under way there.
struct Ports {
    registers: AxilMaster,
    memory: AxiMemory,
    mac_rx: MacRx,
    mac_tx: MacTx,
    msix_stall: Stall,
    msix_stable: Stable<u16>,
}

impl Ports {
    /// Nothing is under way.
    fn new(config: &NicConfig, io: &Arc<dyn IoMemory>) -> Self {
        let &NicConfig {
            width,
            seed,
            memory,
            stall,
            ..
        } = config;
        Self {
            registers: AxilMaster::new(stall, seed),
            memory: AxiMemory::new(Arc::clone(io), width.bus_bytes(), memory, stall, seed),
            mac_rx: MacRx::new(width, stall, seed),
            mac_tx: MacTx::new(width, stall, seed),
            msix_stall: Stall::new(stall, seed, 11),
            msix_stable: Stable::new("msix"),
        }
    }
}

impl SimNic {
    pub(crate) fn new(
        config: &NicConfig,
        io: Arc<dyn IoMemory>,
        msix: MsixSink,
        wire: Box<dyn Wire>,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            config: *config,
            ports: Ports::new(config, &io),
            io,
            dut: Dut::new(config.width, config.reset_seed)?,
            reset_cycles: RESET_CYCLES,
            has_been_reset: false,
            inputs: Inputs::default(),
            outputs: Outputs::default(),
            wire,
            injected: VecDeque::new(),
            msix,
            idle_cycles: 0,
            asleep: false,
            interrupts: 0,
            evaluation: Evaluation::default(),
        })
    }

    /// Resets the NIC, whatever it is doing: transfers, frames and accesses under way are forgotten on both sides of its
    /// ports. The wire stays, with the frames that have not begun to arrive. Takes [`RESET_CYCLES`] cycles.
    pub(crate) fn reset(&mut self) {
        self.reset_cycles = RESET_CYCLES;
        self.inputs = Inputs::default();
        self.ports = Ports::new(&self.config, &self.io);
        self.asleep = false;
        self.idle_cycles = 0;
    }

    /// Whether `rst` is still high.
    pub(crate) fn is_in_reset(&self) -> bool {
        self.reset_cycles > 0
    }

    pub(crate) fn dut(&mut self) -> &mut Dut {
        &mut self.dut
    }

    pub(crate) fn evaluation(&self) -> Evaluation {
        self.evaluation
    }

    pub(crate) fn inject(&mut self, frame: &[u8], bad: bool) {
        self.injected.push_back((frame.to_vec(), bad));
    }

    /// Interrupts so far.
    pub(crate) fn interrupts(&self) -> u64 {
        self.interrupts
    }

    pub(crate) fn start_access(&mut self, offset: u16, write: Option<u32>) {
        self.ports.registers.start(offset, write);
        self.asleep = false;
        self.idle_cycles = 0;
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// When the wire next has something for this NIC, as far as it is known.
    pub(crate) fn wire_deadline(&self, now_ns: u64) -> Option<u64> {
        if self.injected.is_empty() {
            self.wire.deadline()
        } else {
            Some(now_ns)
        }
    }

    /// The first cycle in which the line can carry another frame to this NIC.
    pub(crate) fn line_free_cycle(&self) -> u64 {
        self.ports.mac_rx.free_cycle()
    }

    /// Begins to receive what has arrived.
    pub(crate) fn poll_wire(&mut self, at: Moment) {
        if self.ports.mac_rx.is_busy()
            || at.cycle < self.ports.mac_rx.free_cycle()
            || self.is_in_reset()
        {
            return;
        }
        let loaded = if let Some((frame, bad)) = self.injected.pop_front() {
            self.ports.mac_rx.load(bad, |buffer| {
                *buffer = frame;
                true
            })
        } else {
            let due = self
                .wire
                .deadline()
                .is_some_and(|deadline| deadline <= at.now_ns);
            let poll = self.asleep || at.cycle % WIRE_POLL_CYCLES == 0;
            if !(due || (poll && self.wire.poll_fd().is_some())) {
                return;
            }
            let wire = &mut self.wire;
            self.ports
                .mac_rx
                .load(false, |buffer| wire.receive(buffer, at.now_ns))
        };
        if loaded {
            self.asleep = false;
            self.idle_cycles = 0;
        }
    }

    /// One clock cycle. Returns the value of a register access that ended in it.
    pub(crate) fn step(
        &mut self,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) -> Result<Option<u32>, NicError> {
        let inputs = &mut self.inputs;
        inputs.now = at.now_ns;
        inputs.rst = self.reset_cycles > 0;
        inputs.link_up = true;
        inputs.msix_ready = self.ports.msix_stall.is_ready();
        self.ports.registers.drive(inputs);
        self.ports.memory.drive(inputs, at.cycle);
        self.ports.mac_rx.drive(inputs);
        self.ports.mac_tx.drive(inputs, at.cycle);

        let time_ps = at.cycle * self.dut.width().period_ps();
        self.dut.cycle(inputs, &mut self.outputs, time_ps)?;
        self.evaluation.evaluated_cycles += 1;

        let (inputs, outputs) = (&self.inputs, &self.outputs);
        if inputs.rst {
            self.reset_cycles -= 1;
            self.has_been_reset = true;
            return Ok(None);
        }
        if std::mem::take(&mut self.has_been_reset) {
            check_reset(outputs)?;
        }
        self.ports.memory.observe(inputs, outputs, at, report)?;
        self.ports.mac_rx.observe(inputs, outputs, at, report)?;
        let wire = &mut self.wire;
        self.ports
            .mac_tx
            .observe(inputs, outputs, at, report, |frame| {
                wire.send(frame, at.now_ns)
            })?;
        let value = self.ports.registers.observe(inputs, outputs, at, report)?;

        let vector = outputs.msix_vector;
        let interrupt = outputs.msix_valid;
        self.ports
            .msix_stable
            .observe(interrupt.then_some(vector), inputs.msix_ready)?;
        let taken = interrupt && inputs.msix_ready;
        self.ports.msix_stall.observe(interrupt, taken);
        if taken {
            report(&Observation::Interrupt { vector, at });
            self.interrupts += 1;
            (self.msix)(vector);
        }
        self.look_for_sleep(at)?;
        Ok(value)
    }

    /// Counts the cycles in which nothing moves; after enough of them, asks the model.
    fn look_for_sleep(&mut self, at: Moment) -> Result<(), ModelError> {
        let active = self.outputs.busy
            || self.ports.registers.is_busy()
            || self.ports.memory.is_busy()
            || self.ports.mac_rx.is_busy()
            // The gap after a frame holds tready low: an input that is going to change.
            || self.ports.mac_tx.is_busy(at.cycle + 1)
            || self.ports.mac_tx.is_busy(at.cycle)
            || self.outputs.msix_valid;
        if active {
            self.idle_cycles = 0;
            return Ok(());
        }
        self.idle_cycles += 1;
        let is_due = self.idle_cycles >= IDLE_CHECK_CYCLES && self.idle_cycles.is_power_of_two();
        if self.config.skip_idle && is_due {
            self.evaluation.idle_checks += 1;
            self.asleep = self.dut.is_idle()?;
            self.evaluation.false_idles += u64::from(!self.asleep);
        }
        Ok(())
    }
}

/// The clock edge in reset takes back what any channel offered; in the cycle behind it nothing can have been offered anew.
fn check_reset(outputs: &Outputs) -> Result<(), Violation> {
    let valids = [
        ("m_axi_aw", outputs.m_axi_awvalid),
        ("m_axi_w", outputs.m_axi_wvalid),
        ("m_axi_ar", outputs.m_axi_arvalid),
        ("m_axis_tx", outputs.m_axis_tx_tvalid),
        ("s_axil_b", outputs.s_axil_bvalid),
        ("s_axil_r", outputs.s_axil_rvalid),
        ("msix", outputs.msix_valid),
    ];
    match valids.into_iter().find(|(_, valid)| *valid) {
        Some((channel, _)) => Err(Violation::ValidInReset { channel }),
        None => Ok(()),
    }
}
