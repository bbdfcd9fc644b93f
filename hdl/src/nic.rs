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

use crate::control::{AxiLiteSlave, Counters, Registers};
use crate::dma::{AxiMaster, Reader, Writer};
use crate::queue::{CommandPush, CommandQueue, EventQueue, Interrupt, PushSlave, SlotQueue};
use crate::rx::RxPath;
use crate::stream::{BeatFifo, Narrow, StreamSink, StreamSource, Widen};
use crate::tx::TxPath;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The NIC with data paths of 64 bits: 10 Gbit/s at 156.25 MHz.
pub type HandclaspNic64 =
    HandclaspNic<64, 8, 128, 16, 3, 4, 10, 11, 4, 5, 11, 12, 5, 6, 4, 5, 5, 6>;
/// The NIC with data paths of 512 bits: 100 Gbit/s at 250 MHz.
pub type HandclaspNic512 =
    HandclaspNic<512, 64, 512, 64, 6, 6, 9, 10, 7, 8, 10, 11, 7, 8, 7, 8, 8, 9>;

/// The NIC: W bits (K bytes, S = log2(K)) a beat of a frame, D bits (DK bytes, DS = log2(DK)) a beat of the bus; the buffers of tx hold `2^TA` beats and
/// `2^J` jobs, those of rx `2^RA` beats; `2^C` reads of commands and payloads may be under way, and `2^WA` writes; `2^EA` receive events may wait for their payloads (TN = TA + 1 and so on).
#[block]
pub struct HandclaspNic<
    const W: usize,
    const K: usize,
    const D: usize,
    const DK: usize,
    const S: usize,
    const DS: usize,
    const TA: usize,
    const TN: usize,
    const J: usize,
    const JN: usize,
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
    /// AXI4-Lite slave: BAR0.
    pub s_axil: AxiLiteSlave,
    /// AXI4 slave: pushed commands.
    pub s_axi_push: PushSlave<W, K>,
    /// AXI4 master for the host's memory.
    pub m_axi: AxiMaster<D, DK>,
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
    tx: TxPath<W, K, S, TA, TN, J, JN>,
    nic_busy: Signal<Local, Bit>,
}

#[kernel]
impl<
        const W: usize,
        const K: usize,
        const D: usize,
        const DK: usize,
        const S: usize,
        const DS: usize,
        const TA: usize,
        const TN: usize,
        const J: usize,
        const JN: usize,
        const RA: usize,
        const RN: usize,
        const C: usize,
        const CN: usize,
        const EA: usize,
        const EN: usize,
        const WA: usize,
        const WN: usize,
    > Logic for HandclaspNic<W, K, D, DK, S, DS, TA, TN, J, JN, RA, RN, C, CN, EA, EN, WA, WN>
{
    fn update(&mut self) {
        // BAR0, pushed commands, the host's memory.
        AxiLiteSlave::link(&mut self.s_axil, &mut self.registers.s_axil);
        PushSlave::<W, K>::link(&mut self.s_axi_push, &mut self.command_push.s_axi_push);
        wire!(writer.m_axi -> self.m_axi:
            awid, awaddr, awlen, awsize, awburst, awlock, awcache, awprot, awqos, awvalid,
            wdata, wstrb, wlast, wvalid, bready);
        wire!(self.m_axi -> writer.m_axi: awready, wready, bid, bresp, bvalid);
        wire!(reader.m_axi -> self.m_axi:
            arid, araddr, arlen, arsize, arburst, arlock, arcache, arprot, arqos, arvalid, rready);
        wire!(self.m_axi -> reader.m_axi: arready, rid, rdata, rresp, rlast, rvalid);

        // Commands: ring or push, reader, executor.
        self.registers.command_push.next = self.command_push.push.val();
        wire!(command_push -> command_queue:
            beat_data as push_data, beat_valid as push_beat, beat_first as push_first, push);
        wire!(registers -> command_queue:
            queue_enable, tx_enable, command_base, command_log2, command_producer, quiesce);
        self.command_queue.stopped.next = self.event_queue.stopped.val();
        wire!(command_queue -> reader:
            request_addr as command_request_addr, request_len_bytes as command_request_len_bytes,
            request_valid as command_request_valid);
        self.command_queue.request_ready.next = self.reader.command_request_ready.val();
        StreamSource::<D, DK>::join(&mut self.reader.command, &mut self.narrow_commands.s);
        StreamSource::<W, K>::join(&mut self.narrow_commands.m, &mut self.command_queue.entries);
        wire!(command_queue -> tx: command, command_index, command_valid);
        self.command_queue.command_ready.next = self.tx.command_ready.val();

        // Transmit.
        self.tx.mac.next = self.registers.mac.val();
        self.tx.now.next = self.now.val();
        wire!(tx -> reader: payload_request_addr, payload_request_len_bytes, payload_request_valid);
        self.tx.payload_request_ready.next = self.reader.payload_request_ready.val();
        StreamSource::<D, DK>::join(&mut self.reader.payload, &mut self.narrow.s);
        StreamSource::<W, K>::join(&mut self.narrow.m, &mut self.tx.payload);
        StreamSource::<W, K>::link(&mut self.m_axis_tx, &mut self.tx.m_axis_tx);

        // Receive.
        StreamSink::<W, K>::link(&mut self.s_axis_rx, &mut self.rx.s_axis_rx);
        self.rx.now.next = self.now.val();
        self.rx.rx_enable.next = self.registers.rx_enable.val() & !self.registers.quiesce.val();
        wire!(registers -> rx: promiscuous, monitor, mac, local_ip, multicast, slot_bytes_log2, hash_key);
        self.rx.queue_runs.next =
            self.registers.queue_enable.val() & !self.event_queue.stopped.val();

        // Tables: commands change them, the receive path looks segments up in them.
        wire!(tx -> rx:
            flow_remove, flow_key, flow_connection, flow_generation, flow_valid, listen_remove,
            listen_port, listen_valid);
        wire!(rx -> tx: flow_ready, flow_done, flow_status, listen_ready, listen_done);

        // Receive slots and payloads: slot queue, receive, writer.
        wire!(registers -> slot_queue: queue_enable, slot_base, slot_log2, slot_bytes_log2, slot_producer);
        wire!(slot_queue -> rx: slot_valid, slot_number, slot_addr);
        self.slot_queue.slot_take.next = self.rx.slot_take.val();
        wire!(rx -> writer:
            request_addr as payload_request_addr, request_len_bytes as payload_request_len_bytes,
            request_valid as payload_request_valid);
        self.rx.request_ready.next = self.writer.payload_request_ready.val();
        StreamSource::<W, K>::join(&mut self.rx.payload, &mut self.widen.s);
        StreamSource::<D, DK>::join(&mut self.widen.m, &mut self.payloads.s);
        StreamSource::<D, DK>::join(&mut self.payloads.m, &mut self.writer.payload);
        wire!(writer -> rx: payload_done_valid as done_valid, payload_done_error as done_error);

        // Events: receive and transmit, event queue, writer, interrupt.
        wire!(registers -> event_queue: queue_enable, event_base, event_log2, event_consumer);
        self.event_queue.now.next = self.now.val();
        wire!(rx -> event_queue:
            event_data as rx_event_data, event_last as rx_event_last,
            event_valid as rx_event_valid);
        self.rx.event_ready.next = self.event_queue.rx_event_ready.val();
        wire!(tx -> event_queue: tx_event_data, tx_event_valid);
        self.tx.tx_event_ready.next = self.event_queue.tx_event_ready.val();
        self.rx.rx_room.next = self.event_queue.rx_room.val();
        self.event_queue.rx_reserve.next = self.rx.rx_reserve.val();
        wire!(event_queue -> writer: event_addr, event_data, event_valid);
        wire!(writer -> event_queue: event_ready, event_done_valid, event_done_error);
        wire!(reader -> event_queue:
            error_valid as read_error_valid, error_addr as read_error_addr);
        wire!(writer -> event_queue:
            error_valid as write_error_valid, error_addr as write_error_addr);
        self.interrupt.now.next = self.now.val();
        wire!(registers -> interrupt:
            queue_enable, msix_vector as msix_vector_register, moderation, arm_write, arm_index);
        self.interrupt.events_written.next = self.event_queue.events_written.val();
        wire!(interrupt -> self: msix_vector, msix_valid);
        self.interrupt.msix_ready.next = self.msix_ready.val();

        // Counters.
        wire!(rx -> counters:
            count_rx_frame, count_bad_frame, count_fifo_overflow, count_oversize, count_drop,
            count_drop_reason, count_flow, count_listen, count_miss, count_raw, count_payload);
        self.counters.count_event.next = self.event_queue.count_event.val();
        self.counters.count_command.next = self.command_queue.count_command.val();
        wire!(tx -> counters:
            count_bad_command, count_segment as count_tx_segment, count_raw as count_tx_raw,
            count_frame as count_tx_frame);
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
            | self.counters.busy.val()
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

impl<
        const W: usize,
        const K: usize,
        const S: usize,
        const A: usize,
        const N: usize,
        const EA: usize,
        const EN: usize,
    > handclasp_verilog::Clocked for RxPath<W, K, S, A, N, EA, EN>
{
    fn clock(&mut self, clk: Clock, rst: Option<Bit>) {
        self.clk.next = clk;
        self.rst.next = rst.unwrap_or_default();
    }
    fn connect_clock(&mut self) {
        self.clk.connect();
        self.rst.connect();
    }
    fn clock_statements(&self, path: &str, has_reset: bool, out: &mut handclasp_verilog::Setup) {
        out.port(path, "clk", has_reset);
        out.port(path, "rst", has_reset);
    }
}
