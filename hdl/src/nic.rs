//! The whole NIC: every block, and every wire between them.
//!
//! ```text
//!                     ┌─────────────────────────────── rx ───────────────────────────────┐
//!  s_axis_rx ────────>│ ingress, parser, checksums, flow and listener tables, dispatch   │
//!                     └───┬──────────────┬─────────────────┬──────────────────^──────────┘
//!                  payload│         slot │       rx_event  │      flow, listen│
//!                         v              v                 v                  │
//!  m_axi <──────> writer, reader    slot_queue        event_queue ──> interrupt ──> msix
//!                         ^   │                            ^                  │
//!                 requests│   │payload           tx_event  │                  │
//!                     ┌───┴───v────────────────────────────┴──────────────────┴──────────┐
//!  m_axis_tx <────────│ executor, contexts, header builder, payload buffer, assembler: tx │
//!                     └──────────────────────^───────────────────────────────────────────┘
//!  s_axi_push ────> command_push, command_queue ─────────┘
//!  s_axil <──────> registers <── counters
//! ```
//!
//! No logic of its own but the counters' and `busy`'s OR-gates: latency and throughput are the blocks'. One clock, synchronous reset. The
//! gateware holds no free-running counter: with its inputs held and `busy` low, no state changes from cycle to cycle.

use crate::control::{Counters, Registers};
use crate::dma::{Reader, Writer};
use crate::queue::{CommandPush, CommandQueue, EventQueue, Interrupt, SlotQueue};
use crate::rx::RxPath;
use crate::stream::{BeatFifo, Narrow, StreamSink, StreamSource, Widen};
use crate::tx::TxPath;
use rust_hdl::prelude::*;
use thiserror::Error;

/// Name of the Verilog module.
pub const MODULE: &str = "handclasp_nic";

/// The NIC with data paths of 64 bits: 10 Gbit/s at 156.25 MHz.
pub type HandclaspNic64 = HandclaspNic<64, 8, 128, 16, 3, 4, 10, 11, 11, 12, 5, 6, 4, 5, 5, 6>;
/// The NIC with data paths of 512 bits: 100 Gbit/s at 250 MHz.
pub type HandclaspNic512 = HandclaspNic<512, 64, 512, 64, 6, 6, 9, 10, 10, 11, 7, 8, 7, 8, 8, 9>;

/// Why there is no Verilog.
#[derive(Debug, Error)]
pub enum NicError {
    /// The data path has no such width.
    #[error("the NIC has no data path of {0} bits: choose 64 or 512")]
    Width(usize),
    /// The printer refused a block.
    #[error(transparent)]
    Emit(#[from] handclasp_verilog::EmitError),
}

/// The Verilog of the NIC with data paths of `width` bits; the same text every time.
///
/// # Errors
/// A width that is neither 64 nor 512; a block that cannot be printed, which would be a defect of the gateware.
pub fn emit(width: usize) -> Result<String, NicError> {
    match width {
        64 => Ok(handclasp_verilog::emit(MODULE, &HandclaspNic64::default())?),
        512 => Ok(handclasp_verilog::emit(
            MODULE,
            &HandclaspNic512::default(),
        )?),
        other => Err(NicError::Width(other)),
    }
}

/// The same NIC with the shifts and ORs of its kernels, which [`emit`] prints as concatenations: what a simulator gains by those is
/// measured against it.
///
/// # Errors
/// Those of [`emit`].
pub fn emit_operators(width: usize) -> Result<String, NicError> {
    match width {
        64 => Ok(handclasp_verilog::emit_operators(
            MODULE,
            &HandclaspNic64::default(),
        )?),
        512 => Ok(handclasp_verilog::emit_operators(
            MODULE,
            &HandclaspNic512::default(),
        )?),
        other => Err(NicError::Width(other)),
    }
}

/// The NIC: W bits (K bytes, S = log2(K)) a beat of a frame, D bits (DK bytes, DS = log2(DK)) a beat of the bus; the buffers of tx hold `2^TA` beats, those
/// of rx `2^RA`; `2^C` reads of commands and payloads may be under way, and `2^WA` writes; `2^EA` receive events may wait for their payloads (TN = TA + 1 and so on).
#[derive(LogicBlock, Default)]
pub struct HandclaspNic<
    const W: usize,
    const K: usize,
    const D: usize,
    const DK: usize,
    const S: usize,
    const DS: usize,
    const TA: usize,
    const TN: usize,
    const RA: usize,
    const RN: usize,
    const C: usize,
    const CN: usize,
    const EA: usize,
    const EN: usize,
    const WA: usize,
    const WN: usize,
> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset, active high.
    pub rst: Signal<In, Bit>,
    /// Time, from the board's clock or the simulator.
    pub now: Signal<In, Bits<64>>,
    /// The link is up.
    pub link_up: Signal<In, Bit>,
    /// Something is in flight.
    pub busy: Signal<Out, Bit>,
    /// AXI4-Lite write address: offset in BAR0.
    pub s_axil_awaddr: Signal<In, Bits<16>>,
    /// Not looked at.
    pub s_axil_awprot: Signal<In, Bits<3>>,
    /// An address is there.
    pub s_axil_awvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub s_axil_awready: Signal<Out, Bit>,
    /// AXI4-Lite write data.
    pub s_axil_wdata: Signal<In, Bits<32>>,
    /// Which bytes are written.
    pub s_axil_wstrb: Signal<In, Bits<4>>,
    /// Data is there.
    pub s_axil_wvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub s_axil_wready: Signal<Out, Bit>,
    /// AXI4-Lite write answer: always OKAY.
    pub s_axil_bresp: Signal<Out, Bits<2>>,
    /// An answer is there.
    pub s_axil_bvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub s_axil_bready: Signal<In, Bit>,
    /// AXI4-Lite read address: offset in BAR0.
    pub s_axil_araddr: Signal<In, Bits<16>>,
    /// Not looked at.
    pub s_axil_arprot: Signal<In, Bits<3>>,
    /// An address is there.
    pub s_axil_arvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub s_axil_arready: Signal<Out, Bit>,
    /// AXI4-Lite read data.
    pub s_axil_rdata: Signal<Out, Bits<32>>,
    /// Always OKAY.
    pub s_axil_rresp: Signal<Out, Bits<2>>,
    /// Data is there.
    pub s_axil_rvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub s_axil_rready: Signal<In, Bit>,
    /// AXI4 write address of a push: id, given back with the answer.
    pub s_axi_push_awid: Signal<In, Bits<1>>,
    /// Address in the window.
    pub s_axi_push_awaddr: Signal<In, Bits<12>>,
    /// Beats less one.
    pub s_axi_push_awlen: Signal<In, Bits<8>>,
    /// log2 of the bytes of a beat.
    pub s_axi_push_awsize: Signal<In, Bits<3>>,
    /// Kind of burst.
    pub s_axi_push_awburst: Signal<In, Bits<2>>,
    /// An address is there.
    pub s_axi_push_awvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub s_axi_push_awready: Signal<Out, Bit>,
    /// AXI4 write data of a push.
    pub s_axi_push_wdata: Signal<In, Bits<W>>,
    /// Which bytes are written.
    pub s_axi_push_wstrb: Signal<In, Bits<K>>,
    /// The burst's last beat.
    pub s_axi_push_wlast: Signal<In, Bit>,
    /// A beat is there.
    pub s_axi_push_wvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub s_axi_push_wready: Signal<Out, Bit>,
    /// AXI4 write answer to a push: id.
    pub s_axi_push_bid: Signal<Out, Bits<1>>,
    /// OKAY, or SLVERR for what is no push.
    pub s_axi_push_bresp: Signal<Out, Bits<2>>,
    /// An answer is there.
    pub s_axi_push_bvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub s_axi_push_bready: Signal<In, Bit>,
    /// AXI4 write address: id, always 0.
    pub m_axi_awid: Signal<Out, Bits<1>>,
    /// Address of the first beat.
    pub m_axi_awaddr: Signal<Out, Bits<64>>,
    /// Beats less one.
    pub m_axi_awlen: Signal<Out, Bits<8>>,
    /// log2(DK).
    pub m_axi_awsize: Signal<Out, Bits<3>>,
    /// INCR.
    pub m_axi_awburst: Signal<Out, Bits<2>>,
    /// Always 0: no exclusive access.
    pub m_axi_awlock: Signal<Out, Bit>,
    /// Normal, non-cacheable, bufferable.
    pub m_axi_awcache: Signal<Out, Bits<4>>,
    /// Unprivileged, secure, data.
    pub m_axi_awprot: Signal<Out, Bits<3>>,
    /// Always 0: no quality of service.
    pub m_axi_awqos: Signal<Out, Bits<4>>,
    /// An address is there.
    pub m_axi_awvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub m_axi_awready: Signal<In, Bit>,
    /// AXI4 write data.
    pub m_axi_wdata: Signal<Out, Bits<D>>,
    /// Which bytes are written.
    pub m_axi_wstrb: Signal<Out, Bits<DK>>,
    /// The burst's last beat.
    pub m_axi_wlast: Signal<Out, Bit>,
    /// A beat is there.
    pub m_axi_wvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub m_axi_wready: Signal<In, Bit>,
    /// AXI4 write answer: id, not looked at.
    pub m_axi_bid: Signal<In, Bits<1>>,
    /// OKAY, or an error.
    pub m_axi_bresp: Signal<In, Bits<2>>,
    /// An answer is there.
    pub m_axi_bvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub m_axi_bready: Signal<Out, Bit>,
    /// AXI4 read address: id, always 0.
    pub m_axi_arid: Signal<Out, Bits<1>>,
    /// Address of the first beat.
    pub m_axi_araddr: Signal<Out, Bits<64>>,
    /// Beats less one.
    pub m_axi_arlen: Signal<Out, Bits<8>>,
    /// log2(DK).
    pub m_axi_arsize: Signal<Out, Bits<3>>,
    /// INCR.
    pub m_axi_arburst: Signal<Out, Bits<2>>,
    /// Always 0: no exclusive access.
    pub m_axi_arlock: Signal<Out, Bit>,
    /// Normal, non-cacheable, bufferable.
    pub m_axi_arcache: Signal<Out, Bits<4>>,
    /// Unprivileged, secure, data.
    pub m_axi_arprot: Signal<Out, Bits<3>>,
    /// Always 0: no quality of service.
    pub m_axi_arqos: Signal<Out, Bits<4>>,
    /// An address is there.
    pub m_axi_arvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub m_axi_arready: Signal<In, Bit>,
    /// AXI4 read data: id, not looked at.
    pub m_axi_rid: Signal<In, Bits<1>>,
    /// The beat.
    pub m_axi_rdata: Signal<In, Bits<D>>,
    /// OKAY, or an error.
    pub m_axi_rresp: Signal<In, Bits<2>>,
    /// The burst's last beat.
    pub m_axi_rlast: Signal<In, Bit>,
    /// A beat is there.
    pub m_axi_rvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub m_axi_rready: Signal<Out, Bit>,
    /// Frames from the wire, without preamble and FCS; `tuser` at `tlast` marks a bad one. `tready` never falls.
    pub s_axis_rx: StreamSink<W, K>,
    /// Frames to the wire, without preamble and FCS.
    pub m_axis_tx: StreamSource<W, K>,
    /// MSI-X vector.
    pub msix_vector: Signal<Out, Bits<16>>,
    /// A message is to be sent.
    pub msix_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub msix_ready: Signal<In, Bit>,
    registers: Registers<W>,
    counters: Counters,
    command_push: CommandPush<W, K>,
    command_queue: CommandQueue<W, K, C, CN>,
    event_queue: EventQueue,
    slot_queue: SlotQueue,
    interrupt: Interrupt,
    reader: Reader<D, DK, DS, C, CN>,
    writer: Writer<D, DK, DS, WA, WN>,
    /// What was read, at the width of the frames: payloads, commands.
    narrow: Narrow<D, DK, W, K>,
    narrow_commands: Narrow<D, DK, W, K>,
    /// What is to be written, at the width of the bus.
    widen: Widen<W, K, D, DK>,
    /// While an event goes to the bus, the payload behind it goes on up to here.
    payloads: BeatFifo<D, DK, 4, 5>,
    rx: RxPath<W, K, S, RA, RN, EA, EN>,
    tx: TxPath<W, K, S, TA, TN, C, CN>,
    nic_busy: Signal<Local, Bit>,
}

impl<
        const W: usize,
        const K: usize,
        const D: usize,
        const DK: usize,
        const S: usize,
        const DS: usize,
        const TA: usize,
        const TN: usize,
        const RA: usize,
        const RN: usize,
        const C: usize,
        const CN: usize,
        const EA: usize,
        const EN: usize,
        const WA: usize,
        const WN: usize,
    > Logic for HandclaspNic<W, K, D, DK, S, DS, TA, TN, RA, RN, C, CN, EA, EN, WA, WN>
{
    #[hdl_gen]
    fn update(&mut self) {
        self.registers.clk.next = self.clk.val();
        self.counters.clk.next = self.clk.val();
        self.command_push.clk.next = self.clk.val();
        self.command_queue.clk.next = self.clk.val();
        self.event_queue.clk.next = self.clk.val();
        self.slot_queue.clk.next = self.clk.val();
        self.interrupt.clk.next = self.clk.val();
        self.reader.clk.next = self.clk.val();
        self.writer.clk.next = self.clk.val();
        self.narrow.clk.next = self.clk.val();
        self.narrow_commands.clk.next = self.clk.val();
        self.widen.clk.next = self.clk.val();
        self.payloads.clk.next = self.clk.val();
        self.rx.clk.next = self.clk.val();
        self.tx.clk.next = self.clk.val();
        self.registers.rst.next = self.rst.val();
        self.counters.rst.next = self.rst.val();
        self.command_push.rst.next = self.rst.val();
        self.command_queue.rst.next = self.rst.val();
        self.event_queue.rst.next = self.rst.val();
        self.slot_queue.rst.next = self.rst.val();
        self.interrupt.rst.next = self.rst.val();
        self.reader.rst.next = self.rst.val();
        self.writer.rst.next = self.rst.val();
        self.narrow.rst.next = self.rst.val();
        self.narrow_commands.rst.next = self.rst.val();
        self.widen.rst.next = self.rst.val();
        self.payloads.rst.next = self.rst.val();
        self.rx.rst.next = self.rst.val();
        self.tx.rst.next = self.rst.val();

        // BAR0.
        self.registers.s_axil.awaddr.next = self.s_axil_awaddr.val();
        self.registers.s_axil.awprot.next = self.s_axil_awprot.val();
        self.registers.s_axil.awvalid.next = self.s_axil_awvalid.val();
        self.s_axil_awready.next = self.registers.s_axil.awready.val();
        self.registers.s_axil.wdata.next = self.s_axil_wdata.val();
        self.registers.s_axil.wstrb.next = self.s_axil_wstrb.val();
        self.registers.s_axil.wvalid.next = self.s_axil_wvalid.val();
        self.s_axil_wready.next = self.registers.s_axil.wready.val();
        self.s_axil_bresp.next = self.registers.s_axil.bresp.val();
        self.s_axil_bvalid.next = self.registers.s_axil.bvalid.val();
        self.registers.s_axil.bready.next = self.s_axil_bready.val();
        self.registers.s_axil.araddr.next = self.s_axil_araddr.val();
        self.registers.s_axil.arprot.next = self.s_axil_arprot.val();
        self.registers.s_axil.arvalid.next = self.s_axil_arvalid.val();
        self.s_axil_arready.next = self.registers.s_axil.arready.val();
        self.s_axil_rdata.next = self.registers.s_axil.rdata.val();
        self.s_axil_rresp.next = self.registers.s_axil.rresp.val();
        self.s_axil_rvalid.next = self.registers.s_axil.rvalid.val();
        self.registers.s_axil.rready.next = self.s_axil_rready.val();

        // Pushed commands.
        self.command_push.s_axi_push_awid.next = self.s_axi_push_awid.val();
        self.command_push.s_axi_push_awaddr.next = self.s_axi_push_awaddr.val();
        self.command_push.s_axi_push_awlen.next = self.s_axi_push_awlen.val();
        self.command_push.s_axi_push_awsize.next = self.s_axi_push_awsize.val();
        self.command_push.s_axi_push_awburst.next = self.s_axi_push_awburst.val();
        self.command_push.s_axi_push_awvalid.next = self.s_axi_push_awvalid.val();
        self.s_axi_push_awready.next = self.command_push.s_axi_push_awready.val();
        self.command_push.s_axi_push_wdata.next = self.s_axi_push_wdata.val();
        self.command_push.s_axi_push_wstrb.next = self.s_axi_push_wstrb.val();
        self.command_push.s_axi_push_wlast.next = self.s_axi_push_wlast.val();
        self.command_push.s_axi_push_wvalid.next = self.s_axi_push_wvalid.val();
        self.s_axi_push_wready.next = self.command_push.s_axi_push_wready.val();
        self.s_axi_push_bid.next = self.command_push.s_axi_push_bid.val();
        self.s_axi_push_bresp.next = self.command_push.s_axi_push_bresp.val();
        self.s_axi_push_bvalid.next = self.command_push.s_axi_push_bvalid.val();
        self.command_push.s_axi_push_bready.next = self.s_axi_push_bready.val();
        self.registers.command_push.next = self.command_push.push.val();
        self.command_queue.push_data.next = self.command_push.beat_data.val();
        self.command_queue.push_beat.next = self.command_push.beat_valid.val();
        self.command_queue.push_first.next = self.command_push.beat_first.val();
        self.command_queue.push.next = self.command_push.push.val();

        // The host's memory.
        self.m_axi_awid.next = self.writer.m_axi_awid.val();
        self.m_axi_awaddr.next = self.writer.m_axi_awaddr.val();
        self.m_axi_awlen.next = self.writer.m_axi_awlen.val();
        self.m_axi_awsize.next = self.writer.m_axi_awsize.val();
        self.m_axi_awburst.next = self.writer.m_axi_awburst.val();
        self.m_axi_awlock.next = self.writer.m_axi_awlock.val();
        self.m_axi_awcache.next = self.writer.m_axi_awcache.val();
        self.m_axi_awprot.next = self.writer.m_axi_awprot.val();
        self.m_axi_awqos.next = self.writer.m_axi_awqos.val();
        self.m_axi_awvalid.next = self.writer.m_axi_awvalid.val();
        self.writer.m_axi_awready.next = self.m_axi_awready.val();
        self.m_axi_wdata.next = self.writer.m_axi_wdata.val();
        self.m_axi_wstrb.next = self.writer.m_axi_wstrb.val();
        self.m_axi_wlast.next = self.writer.m_axi_wlast.val();
        self.m_axi_wvalid.next = self.writer.m_axi_wvalid.val();
        self.writer.m_axi_wready.next = self.m_axi_wready.val();
        self.writer.m_axi_bid.next = self.m_axi_bid.val();
        self.writer.m_axi_bresp.next = self.m_axi_bresp.val();
        self.writer.m_axi_bvalid.next = self.m_axi_bvalid.val();
        self.m_axi_bready.next = self.writer.m_axi_bready.val();
        self.m_axi_arid.next = self.reader.m_axi_arid.val();
        self.m_axi_araddr.next = self.reader.m_axi_araddr.val();
        self.m_axi_arlen.next = self.reader.m_axi_arlen.val();
        self.m_axi_arsize.next = self.reader.m_axi_arsize.val();
        self.m_axi_arburst.next = self.reader.m_axi_arburst.val();
        self.m_axi_arlock.next = self.reader.m_axi_arlock.val();
        self.m_axi_arcache.next = self.reader.m_axi_arcache.val();
        self.m_axi_arprot.next = self.reader.m_axi_arprot.val();
        self.m_axi_arqos.next = self.reader.m_axi_arqos.val();
        self.m_axi_arvalid.next = self.reader.m_axi_arvalid.val();
        self.reader.m_axi_arready.next = self.m_axi_arready.val();
        self.reader.m_axi_rid.next = self.m_axi_rid.val();
        self.reader.m_axi_rdata.next = self.m_axi_rdata.val();
        self.reader.m_axi_rresp.next = self.m_axi_rresp.val();
        self.reader.m_axi_rlast.next = self.m_axi_rlast.val();
        self.reader.m_axi_rvalid.next = self.m_axi_rvalid.val();
        self.m_axi_rready.next = self.reader.m_axi_rready.val();

        // Commands: ring, reader, executor.
        self.command_queue.queue_enable.next = self.registers.queue_enable.val();
        self.command_queue.tx_enable.next = self.registers.tx_enable.val();
        self.command_queue.command_base.next = self.registers.command_base.val();
        self.command_queue.command_log2.next = self.registers.command_log2.val();
        self.command_queue.command_producer.next = self.registers.command_producer.val();
        self.command_queue.quiesce.next = self.registers.quiesce.val();
        self.command_queue.stopped.next = self.event_queue.stopped.val();
        self.reader.command_request_addr.next = self.command_queue.request_addr.val();
        self.reader.command_request_len_bytes.next = self.command_queue.request_len_bytes.val();
        self.reader.command_request_valid.next = self.command_queue.request_valid.val();
        self.command_queue.request_ready.next = self.reader.command_request_ready.val();
        StreamSource::<D, DK>::join(&mut self.reader.command, &mut self.narrow_commands.s);
        StreamSource::<W, K>::join(&mut self.narrow_commands.m, &mut self.command_queue.entries);
        self.tx.command.next = self.command_queue.command.val();
        self.tx.command_index.next = self.command_queue.command_index.val();
        self.tx.command_valid.next = self.command_queue.command_valid.val();
        self.command_queue.command_ready.next = self.tx.command_ready.val();

        // Transmit.
        self.tx.mac.next = self.registers.mac.val();
        self.tx.now.next = self.now.val();
        self.reader.payload_request_addr.next = self.tx.payload_request_addr.val();
        self.reader.payload_request_len_bytes.next = self.tx.payload_request_len_bytes.val();
        self.reader.payload_request_valid.next = self.tx.payload_request_valid.val();
        self.tx.payload_request_ready.next = self.reader.payload_request_ready.val();
        StreamSource::<D, DK>::join(&mut self.reader.payload, &mut self.narrow.s);
        StreamSource::<W, K>::join(&mut self.narrow.m, &mut self.tx.payload);
        StreamSource::<W, K>::link(&mut self.m_axis_tx, &mut self.tx.m_axis_tx);

        // Receive.
        StreamSink::<W, K>::link(&mut self.s_axis_rx, &mut self.rx.s_axis_rx);
        self.rx.now.next = self.now.val();
        self.rx.rx_enable.next = self.registers.rx_enable.val() & !self.registers.quiesce.val();
        self.rx.promiscuous.next = self.registers.promiscuous.val();
        self.rx.monitor.next = self.registers.monitor.val();
        self.rx.mac.next = self.registers.mac.val();
        self.rx.local_ip.next = self.registers.local_ip.val();
        self.rx.multicast.next = self.registers.multicast.val();
        self.rx.slot_bytes_log2.next = self.registers.slot_bytes_log2.val();
        self.rx.hash_key.next = self.registers.hash_key.val();
        self.rx.queue_runs.next =
            self.registers.queue_enable.val() & !self.event_queue.stopped.val();

        // Tables: commands change them, the receive path looks segments up in them.
        self.rx.flow_remove.next = self.tx.flow_remove.val();
        self.rx.flow_key.next = self.tx.flow_key.val();
        self.rx.flow_connection.next = self.tx.flow_connection.val();
        self.rx.flow_generation.next = self.tx.flow_generation.val();
        self.rx.flow_valid.next = self.tx.flow_valid.val();
        self.rx.listen_remove.next = self.tx.listen_remove.val();
        self.rx.listen_port.next = self.tx.listen_port.val();
        self.rx.listen_valid.next = self.tx.listen_valid.val();
        self.tx.flow_ready.next = self.rx.flow_ready.val();
        self.tx.flow_done.next = self.rx.flow_done.val();
        self.tx.flow_status.next = self.rx.flow_status.val();
        self.tx.listen_ready.next = self.rx.listen_ready.val();
        self.tx.listen_done.next = self.rx.listen_done.val();

        // Receive slots and payloads: slot queue, receive, writer.
        self.slot_queue.queue_enable.next = self.registers.queue_enable.val();
        self.slot_queue.slot_base.next = self.registers.slot_base.val();
        self.slot_queue.slot_log2.next = self.registers.slot_log2.val();
        self.slot_queue.slot_producer.next = self.registers.slot_producer.val();
        self.rx.slot_valid.next = self.slot_queue.slot_valid.val();
        self.rx.slot_number.next = self.slot_queue.slot_number.val();
        self.rx.slot_addr.next = self.slot_queue.slot_addr.val();
        self.slot_queue.slot_take.next = self.rx.slot_take.val();
        self.writer.payload_request_addr.next = self.rx.request_addr.val();
        self.writer.payload_request_len_bytes.next = self.rx.request_len_bytes.val();
        self.writer.payload_request_valid.next = self.rx.request_valid.val();
        self.rx.request_ready.next = self.writer.payload_request_ready.val();
        StreamSource::<W, K>::join(&mut self.rx.payload, &mut self.widen.s);
        StreamSource::<D, DK>::join(&mut self.widen.m, &mut self.payloads.s);
        StreamSource::<D, DK>::join(&mut self.payloads.m, &mut self.writer.payload);
        self.rx.done_valid.next = self.writer.payload_done_valid.val();
        self.rx.done_error.next = self.writer.payload_done_error.val();

        // Events: receive and transmit, event queue, writer, interrupt.
        self.event_queue.queue_enable.next = self.registers.queue_enable.val();
        self.event_queue.event_base.next = self.registers.event_base.val();
        self.event_queue.event_log2.next = self.registers.event_log2.val();
        self.event_queue.event_consumer.next = self.registers.event_consumer.val();
        self.event_queue.now.next = self.now.val();
        self.event_queue.rx_event_data.next = self.rx.event_data.val();
        self.event_queue.rx_event_last.next = self.rx.event_last.val();
        self.event_queue.rx_event_valid.next = self.rx.event_valid.val();
        self.rx.event_ready.next = self.event_queue.rx_event_ready.val();
        self.event_queue.tx_event_data.next = self.tx.tx_event_data.val();
        self.event_queue.tx_event_valid.next = self.tx.tx_event_valid.val();
        self.tx.tx_event_ready.next = self.event_queue.tx_event_ready.val();
        self.rx.rx_room.next = self.event_queue.rx_room.val();
        self.event_queue.rx_reserve.next = self.rx.rx_reserve.val();
        self.writer.event_addr.next = self.event_queue.event_addr.val();
        self.writer.event_data.next = self.event_queue.event_data.val();
        self.writer.event_valid.next = self.event_queue.event_valid.val();
        self.event_queue.event_ready.next = self.writer.event_ready.val();
        self.event_queue.event_done_valid.next = self.writer.event_done_valid.val();
        self.event_queue.event_done_error.next = self.writer.event_done_error.val();
        self.event_queue.read_error_valid.next = self.reader.error_valid.val();
        self.event_queue.read_error_addr.next = self.reader.error_addr.val();
        self.event_queue.write_error_valid.next = self.writer.error_valid.val();
        self.event_queue.write_error_addr.next = self.writer.error_addr.val();
        self.interrupt.now.next = self.now.val();
        self.interrupt.queue_enable.next = self.registers.queue_enable.val();
        self.interrupt.msix_vector_register.next = self.registers.msix_vector.val();
        self.interrupt.moderation.next = self.registers.moderation.val();
        self.interrupt.arm_write.next = self.registers.arm_write.val();
        self.interrupt.arm_index.next = self.registers.arm_index.val();
        self.interrupt.events_written.next = self.event_queue.events_written.val();
        self.msix_vector.next = self.interrupt.msix_vector.val();
        self.msix_valid.next = self.interrupt.msix_valid.val();
        self.interrupt.msix_ready.next = self.msix_ready.val();

        // Counters.
        self.counters.count_rx_frame.next = self.rx.count_rx_frame.val();
        self.counters.count_bad_frame.next = self.rx.count_bad_frame.val();
        self.counters.count_fifo_overflow.next = self.rx.count_fifo_overflow.val();
        self.counters.count_oversize.next = self.rx.count_oversize.val();
        self.counters.count_drop.next = self.rx.count_drop.val();
        self.counters.count_drop_reason.next = self.rx.count_drop_reason.val();
        self.counters.count_flow.next = self.rx.count_flow.val();
        self.counters.count_listen.next = self.rx.count_listen.val();
        self.counters.count_miss.next = self.rx.count_miss.val();
        self.counters.count_raw.next = self.rx.count_raw.val();
        self.counters.count_payload.next = self.rx.count_payload.val();
        self.counters.count_event.next = self.event_queue.count_event.val();
        self.counters.count_command.next = self.command_queue.count_command.val();
        self.counters.count_bad_command.next = self.tx.count_bad_command.val();
        self.counters.count_tx_segment.next = self.tx.count_segment.val();
        self.counters.count_tx_raw.next = self.tx.count_raw.val();
        self.counters.count_tx_frame.next = self.tx.count_frame.val();
        self.counters.count_read_error.next = self.reader.error_valid.val();
        self.counters.count_write_error.next = self.writer.error_valid.val();
        self.counters.count_interrupt.next = self.interrupt.count_interrupt.val();
        for i in 0..30 {
            self.registers.counter[i].next = self.counters.value[i].val();
        }

        // Status. STATUS shows `nic_busy`, without the registers' own `busy`: a read of STATUS would else always see itself.
        self.nic_busy.next = self.command_push.busy.val()
            | self.command_queue.busy.val()
            | self.event_queue.busy.val()
            | self.slot_queue.busy.val()
            | self.interrupt.busy.val()
            | self.reader.busy.val()
            | self.writer.busy.val()
            | self.narrow.busy.val()
            | self.narrow_commands.busy.val()
            | self.widen.busy.val()
            | self.payloads.busy.val()
            | self.rx.busy.val()
            | self.tx.busy.val();
        self.busy.next = self.nic_busy.val() | self.registers.busy.val();
        self.registers.ready.next = self.rx.table_ready.val() & self.tx.table_ready.val();
        self.registers.link_up.next = self.link_up.val();
        self.registers.stopped.next = self.event_queue.stopped.val();
        self.registers.nic_busy.next = self.nic_busy.val();
    }
}
