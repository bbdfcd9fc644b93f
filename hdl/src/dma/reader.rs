//! AXI4 read master with two clients: commands (whole beats, aligned) and payloads (any alignment, moved to lane 0).
//!
//! ```text
//!  command request ──> BurstSplitter ─┐
//!                                     ├─> AR register ──> m_axi_ar
//!  payload request ─┬> BurstSplitter ─┘       │
//!                   v                         v
//!              cuts Fifo                order Fifo (whose burst comes next)
//!                   │                         │
//!  command <────────│──────────────────── R router <── RegisterSlice <── m_axi_r
//!  payload <────── Trim <─────────────────────┘
//! ```
//!
//! Up to `2^R` bursts, and as many payloads, are under way at once: latency times rate. Everything has id 0, so data comes back in the order of the
//! addresses (AMBA AXI4 A5.3.1): a client that does not take its data holds up the data behind it. This cannot end in a deadlock: the command
//! queue asks only for commands that it has room for, and the transmit path takes its payloads without waiting for further commands.
//!
//! Latency: 3 cycles from request to `m_axi_arvalid`; from `m_axi_rvalid` 1 cycle to `command.tvalid` and 3 to `payload.tvalid`.
//! Throughput: one beat and one burst a cycle. One clock; reset forgets all requests (the bus must be reset with it). `m_axi_ar*` and
//! `m_axi_rready` come from registers, and `m_axi_arready` and `m_axi_r*` go to registers.
//!
//! On SLVERR and DECERR (A3.4.4) the burst is taken to its end and the stream completes with `tuser` at `tlast`; `error_valid`
//! pulses once a burst, with the burst's address. Counter: `ReadErrors` (`error_valid`).

use super::BurstSplitter;
use crate::stream::{Fifo, RegisterSlice, StreamSource, Trim};
use rust_hdl::prelude::*;

/// A burst whose data is still to come.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct ReadBurst {
    addr: Bits<64>,
    is_command: Bit,
    is_last: Bit,
}

/// Where a payload lies in its beats.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct Cut {
    skip_bytes: Bits<16>,
    len_bytes: Bits<16>,
}

/// The read master. S is log2(K); `2^R` bursts may be under way, N is `R + 1`.
#[derive(LogicBlock)]
pub struct Reader<const W: usize, const K: usize, const S: usize, const R: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Address of the first command: a multiple of 64.
    pub command_request_addr: Signal<In, Bits<64>>,
    /// Bytes of commands: a multiple of 64.
    pub command_request_len_bytes: Signal<In, Bits<16>>,
    /// Commands are asked for.
    pub command_request_valid: Signal<In, Bit>,
    /// The request is taken at this clock edge.
    pub command_request_ready: Signal<Out, Bit>,
    /// The commands, `tlast` on the request's last beat, `tuser` on beats that the bus answered with an error.
    pub command: StreamSource<W, K>,
    /// Address of the payload's first byte.
    pub payload_request_addr: Signal<In, Bits<64>>,
    /// Bytes of payload, 1 to 2047.
    pub payload_request_len_bytes: Signal<In, Bits<16>>,
    /// A payload is asked for.
    pub payload_request_valid: Signal<In, Bit>,
    /// The request is taken at this clock edge.
    pub payload_request_ready: Signal<Out, Bit>,
    /// The payload from lane 0 on, `tuser` at `tlast` if the bus answered any of it with an error.
    pub payload: StreamSource<W, K>,
    /// A burst ended that had an error; one cycle.
    pub error_valid: Signal<Out, Bit>,
    /// Its address.
    pub error_addr: Signal<Out, Bits<64>>,
    /// A request is under way.
    pub busy: Signal<Out, Bit>,
    /// AXI4 read address: id, always 0.
    pub m_axi_arid: Signal<Out, Bits<1>>,
    /// Address of the first beat.
    pub m_axi_araddr: Signal<Out, Bits<64>>,
    /// Beats less one.
    pub m_axi_arlen: Signal<Out, Bits<8>>,
    /// log2 of the bytes of a beat: always log2(K).
    pub m_axi_arsize: Signal<Out, Bits<3>>,
    /// Always INCR.
    pub m_axi_arburst: Signal<Out, Bits<2>>,
    /// Never.
    pub m_axi_arlock: Signal<Out, Bit>,
    /// Normal, non-cacheable, bufferable.
    pub m_axi_arcache: Signal<Out, Bits<4>>,
    /// Unprivileged, secure, data.
    pub m_axi_arprot: Signal<Out, Bits<3>>,
    /// No quality of service.
    pub m_axi_arqos: Signal<Out, Bits<4>>,
    /// An address is there.
    pub m_axi_arvalid: Signal<Out, Bit>,
    /// The address is taken at this clock edge.
    pub m_axi_arready: Signal<In, Bit>,
    /// AXI4 read data: id, not looked at, as all are 0.
    pub m_axi_rid: Signal<In, Bits<1>>,
    /// The beat.
    pub m_axi_rdata: Signal<In, Bits<W>>,
    /// OKAY, or an error in bit 1.
    pub m_axi_rresp: Signal<In, Bits<2>>,
    /// The burst's last beat.
    pub m_axi_rlast: Signal<In, Bit>,
    /// A beat is there.
    pub m_axi_rvalid: Signal<In, Bit>,
    /// The beat is taken at this clock edge.
    pub m_axi_rready: Signal<Out, Bit>,
    command_splitter: BurstSplitter<K>,
    payload_splitter: BurstSplitter<K>,
    order: Fifo<ReadBurst, R, N>,
    cuts: Fifo<Cut, R, N>,
    trim: Trim<W, K, S>,
    beats: RegisterSlice<W, K>,
    address_valid: DFF<Bit>,
    address: DFF<Bits<64>>,
    address_len: DFF<Bits<8>>,
    /// The last burst was of commands.
    payload_is_next: DFF<Bit>,
    /// The order queue has room; one cycle late, as there are two cycles between bursts.
    order_open: DFF<Bit>,
    /// Payloads asked for and not begun to be trimmed.
    cut_count: DFF<Bits<N>>,
    /// One more finds room.
    cuts_open: DFF<Bit>,
    burst_error: DFF<Bit>,
    error_pulse: DFF<Bit>,
    error_at: DFF<Bits<64>>,
    /// The address register and the order queue can take a burst.
    open: Signal<Local, Bit>,
    take_command: Signal<Local, Bit>,
    take_payload: Signal<Local, Bit>,
    payload_request_open: Signal<Local, Bit>,
    to_command: Signal<Local, Bit>,
    beat_ready: Signal<Local, Bit>,
    beat_error: Signal<Local, Bit>,
    cut_count_now: Signal<Local, Bits<N>>,
    cuts_depth: Constant<Bits<N>>,
    offset_mask: Constant<Bits<16>>,
    beat_size: Constant<Bits<3>>,
    all_lanes: Constant<Bits<K>>,
}

impl<const W: usize, const K: usize, const S: usize, const R: usize, const N: usize> Default
    for Reader<W, K, S, R, N>
{
    fn default() -> Self {
        const { assert!(K * 8 == W && 1 << S == K && N == R + 1) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            command_request_addr: Default::default(),
            command_request_len_bytes: Default::default(),
            command_request_valid: Default::default(),
            command_request_ready: Default::default(),
            command: Default::default(),
            payload_request_addr: Default::default(),
            payload_request_len_bytes: Default::default(),
            payload_request_valid: Default::default(),
            payload_request_ready: Default::default(),
            payload: Default::default(),
            error_valid: Default::default(),
            error_addr: Default::default(),
            busy: Default::default(),
            m_axi_arid: Default::default(),
            m_axi_araddr: Default::default(),
            m_axi_arlen: Default::default(),
            m_axi_arsize: Default::default(),
            m_axi_arburst: Default::default(),
            m_axi_arlock: Default::default(),
            m_axi_arcache: Default::default(),
            m_axi_arprot: Default::default(),
            m_axi_arqos: Default::default(),
            m_axi_arvalid: Default::default(),
            m_axi_arready: Default::default(),
            m_axi_rid: Default::default(),
            m_axi_rdata: Default::default(),
            m_axi_rresp: Default::default(),
            m_axi_rlast: Default::default(),
            m_axi_rvalid: Default::default(),
            m_axi_rready: Default::default(),
            command_splitter: Default::default(),
            payload_splitter: Default::default(),
            order: Default::default(),
            cuts: Default::default(),
            trim: Default::default(),
            beats: Default::default(),
            address_valid: Default::default(),
            address: Default::default(),
            address_len: Default::default(),
            payload_is_next: Default::default(),
            order_open: Default::default(),
            cut_count: Default::default(),
            cuts_open: Default::default(),
            burst_error: Default::default(),
            error_pulse: Default::default(),
            error_at: Default::default(),
            open: Default::default(),
            take_command: Default::default(),
            take_payload: Default::default(),
            payload_request_open: Default::default(),
            to_command: Default::default(),
            beat_ready: Default::default(),
            beat_error: Default::default(),
            cut_count_now: Default::default(),
            cuts_depth: Constant::new((1_usize << R).to_bits()),
            offset_mask: Constant::new((K - 1).to_bits()),
            beat_size: Constant::new(S.to_bits()),
            all_lanes: Constant::new(Bits::<K>::mask()),
        }
    }
}

impl<const W: usize, const K: usize, const S: usize, const R: usize, const N: usize> Logic
    for Reader<W, K, S, R, N>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            address_valid,
            address,
            address_len,
            payload_is_next,
            order_open,
            cut_count,
            cuts_open
        );
        dff_setup!(self, clk, burst_error, error_pulse, error_at);
        self.command_splitter.clk.next = self.clk.val();
        self.payload_splitter.clk.next = self.clk.val();
        self.order.clk.next = self.clk.val();
        self.cuts.clk.next = self.clk.val();
        self.trim.clk.next = self.clk.val();
        self.beats.clk.next = self.clk.val();
        self.command_splitter.rst.next = self.rst.val();
        self.payload_splitter.rst.next = self.rst.val();
        self.order.rst.next = self.rst.val();
        self.cuts.rst.next = self.rst.val();
        self.trim.rst.next = self.rst.val();
        self.beats.rst.next = self.rst.val();

        // Requests, as many as there is room for.
        self.command_splitter.request_addr.next = self.command_request_addr.val();
        self.command_splitter.request_len_bytes.next = self.command_request_len_bytes.val();
        self.command_splitter.request_valid.next = self.command_request_valid.val();
        self.command_request_ready.next = self.command_splitter.request_ready.val();
        self.payload_request_open.next =
            self.payload_splitter.request_ready.val() & self.cuts_open.q.val();
        self.order_open.d.next = self.order.push_ready.val();
        self.payload_request_ready.next = self.payload_request_open.val();
        self.payload_splitter.request_addr.next = self.payload_request_addr.val();
        self.payload_splitter.request_len_bytes.next = self.payload_request_len_bytes.val();
        self.payload_splitter.request_valid.next =
            self.payload_request_valid.val() & self.payload_request_open.val();
        self.cuts.push_data.next.skip_bytes =
            bit_cast::<16, 64>(self.payload_request_addr.val()) & self.offset_mask.val();
        self.cuts.push_data.next.len_bytes = self.payload_request_len_bytes.val();
        self.cuts.push_valid.next =
            self.payload_request_valid.val() & self.payload_request_open.val();
        self.trim.command_skip_bytes.next = self.cuts.pop_data.val().skip_bytes;
        self.trim.command_len_bytes.next = self.cuts.pop_data.val().len_bytes;
        self.trim.command_valid.next = self.cuts.pop_valid.val();
        self.cuts.pop_ready.next = self.trim.command_ready.val();
        self.cut_count_now.next = self.cut_count.q.val();
        if self.cuts.push_valid.val() {
            self.cut_count_now.next = self.cut_count_now.val() + 1;
        }
        if self.cuts.pop_valid.val() & self.trim.command_ready.val() {
            self.cut_count_now.next = self.cut_count_now.val() - 1;
        }
        self.cut_count.d.next = self.cut_count_now.val();
        self.cuts_open.d.next = self.cut_count_now.val() != self.cuts_depth.val();

        // Bursts to AR, in turn when both clients have some.
        self.open.next = !self.address_valid.q.val() & self.order_open.q.val();
        self.take_command.next = self.open.val()
            & self.command_splitter.burst_valid.val()
            & !(self.payload_splitter.burst_valid.val() & self.payload_is_next.q.val());
        self.take_payload.next = self.open.val()
            & self.payload_splitter.burst_valid.val()
            & !(self.command_splitter.burst_valid.val() & !self.payload_is_next.q.val());
        self.command_splitter.burst_ready.next = self.take_command.val();
        self.payload_splitter.burst_ready.next = self.take_payload.val();
        if self.take_command.val() {
            self.payload_is_next.d.next = true;
        }
        if self.take_payload.val() {
            self.payload_is_next.d.next = false;
        }
        self.order.push_valid.next = self.take_command.val() | self.take_payload.val();
        self.order.push_data.next.addr = self.payload_splitter.burst_addr.val();
        self.order.push_data.next.is_command = self.take_command.val();
        self.order.push_data.next.is_last = self.payload_splitter.burst_last.val();
        if self.take_command.val() {
            self.order.push_data.next.addr = self.command_splitter.burst_addr.val();
            self.order.push_data.next.is_last = self.command_splitter.burst_last.val();
        }
        if self.m_axi_arready.val() {
            self.address_valid.d.next = false;
        }
        if self.take_command.val() {
            self.address_valid.d.next = true;
            self.address.d.next = self.command_splitter.burst_addr.val();
            self.address_len.d.next = self.command_splitter.burst_len.val();
        } else if self.take_payload.val() {
            self.address_valid.d.next = true;
            self.address.d.next = self.payload_splitter.burst_addr.val();
            self.address_len.d.next = self.payload_splitter.burst_len.val();
        }
        self.m_axi_arid.next = 0.into();
        self.m_axi_araddr.next = self.address.q.val();
        self.m_axi_arlen.next = self.address_len.q.val();
        self.m_axi_arsize.next = self.beat_size.val();
        self.m_axi_arburst.next = 1.into();
        self.m_axi_arlock.next = false;
        self.m_axi_arcache.next = 3.into();
        self.m_axi_arprot.next = 0.into();
        self.m_axi_arqos.next = 0.into();
        self.m_axi_arvalid.next = self.address_valid.q.val();

        // Data from R to the client whose burst is the oldest.
        self.beats.s.tdata.next = self.m_axi_rdata.val();
        self.beats.s.tkeep.next = self.all_lanes.val();
        self.beats.s.tlast.next = self.m_axi_rlast.val();
        self.beats.s.tuser.next = self.m_axi_rresp.val().get_bit(1);
        self.beats.s.tvalid.next = self.m_axi_rvalid.val();
        self.m_axi_rready.next = self.beats.s.tready.val();
        self.to_command.next = self.order.pop_data.val().is_command;
        self.beat_error.next = self.beats.m.tuser.val();
        self.command.tdata.next = self.beats.m.tdata.val();
        self.command.tkeep.next = self.all_lanes.val();
        self.command.tlast.next = self.beats.m.tlast.val() & self.order.pop_data.val().is_last;
        self.command.tuser.next = self.beat_error.val();
        self.command.tvalid.next =
            self.beats.m.tvalid.val() & self.order.pop_valid.val() & self.to_command.val();
        self.trim.s.tdata.next = self.beats.m.tdata.val();
        self.trim.s.tkeep.next = self.all_lanes.val();
        self.trim.s.tlast.next = self.beats.m.tlast.val() & self.order.pop_data.val().is_last;
        self.trim.s.tuser.next = self.beat_error.val();
        self.trim.s.tvalid.next =
            self.beats.m.tvalid.val() & self.order.pop_valid.val() & !self.to_command.val();
        StreamSource::<W, K>::link(&mut self.payload, &mut self.trim.m);
        self.beat_ready.next = self.trim.s.tready.val();
        if self.to_command.val() {
            self.beat_ready.next = self.command.tready.val();
        }
        self.beats.m.tready.next = self.beat_ready.val() & self.order.pop_valid.val();
        self.order.pop_ready.next =
            self.beats.m.tvalid.val() & self.beats.m.tlast.val() & self.beat_ready.val();

        // One report a burst, when it has ended.
        self.error_pulse.d.next = false;
        if self.beats.m.tvalid.val() & self.beats.m.tready.val() {
            self.burst_error.d.next = self.burst_error.q.val() | self.beat_error.val();
            if self.beats.m.tlast.val() {
                self.burst_error.d.next = false;
                self.error_pulse.d.next = self.burst_error.q.val() | self.beat_error.val();
                self.error_at.d.next = self.order.pop_data.val().addr;
            }
        }
        self.error_valid.next = self.error_pulse.q.val();
        self.error_addr.next = self.error_at.q.val();
        self.busy.next = self.command_splitter.busy.val()
            | self.trim.busy.val()
            | self.cuts.pop_valid.val()
            | self.payload_splitter.busy.val()
            | self.address_valid.q.val()
            | self.order.pop_valid.val()
            | self.error_pulse.q.val();

        if self.rst.val() {
            self.address_valid.d.next = false;
            self.payload_is_next.d.next = false;
            self.order_open.d.next = true;
            self.cut_count.d.next = 0.into();
            self.cuts_open.d.next = true;
            self.burst_error.d.next = false;
            self.error_pulse.d.next = false;
        }
    }
}
