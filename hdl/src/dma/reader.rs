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
use crate::dma::AxiReadMaster;
use crate::stream::{Fifo, RegisterSlice, StreamSource, Trim};
use handclasp_verilog::{block, kernel};
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
#[block(K * 8 == W, 1 << S == K, N == R + 1)]
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
    /// AXI4 read channels.
    pub m_axi: AxiReadMaster<W, K>,
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
    #[value(Bits::<K>::mask())]
    all_lanes: Constant<Bits<K>>,
}

#[kernel]
impl<const W: usize, const K: usize, const S: usize, const R: usize, const N: usize> Logic
    for Reader<W, K, S, R, N>
{
    fn update(&mut self) {
        let offset_mask: Bits<16> = K - 1;
        let beat_size: Bits<3> = S;

        // Requests, as many as there is room for.
        wire!(self -> command_splitter:
            command_request_addr as request_addr, command_request_len_bytes as request_len_bytes,
            command_request_valid as request_valid);
        self.command_request_ready.next = self.command_splitter.request_ready.val();
        self.payload_request_open.next =
            self.payload_splitter.request_ready.val() & self.cuts.push_ready.val();
        self.payload_request_ready.next = self.payload_request_open.val();
        wire!(self -> payload_splitter:
            payload_request_addr as request_addr, payload_request_len_bytes as request_len_bytes);
        self.payload_splitter.request_valid.next =
            self.payload_request_valid.val() & self.payload_request_open.val();
        self.cuts.push_data.next.skip_bytes =
            bit_cast::<16, 64>(self.payload_request_addr.val()) & offset_mask;
        self.cuts.push_data.next.len_bytes = self.payload_request_len_bytes.val();
        self.cuts.push_valid.next =
            self.payload_request_valid.val() & self.payload_request_open.val();
        self.trim.command_skip_bytes.next = self.cuts.pop_data.val().skip_bytes;
        self.trim.command_len_bytes.next = self.cuts.pop_data.val().len_bytes;
        self.trim.command_valid.next = self.cuts.pop_valid.val();
        self.cuts.pop_ready.next = self.trim.command_ready.val();

        // Bursts to AR, in turn when both clients have some.
        self.open.next = !self.address_valid.q.val() & self.order.push_ready.val();
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
        if self.m_axi.arready.val() {
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
        self.m_axi.arid.next = 0.into();
        self.m_axi.araddr.next = self.address.q.val();
        self.m_axi.arlen.next = self.address_len.q.val();
        self.m_axi.arsize.next = beat_size;
        self.m_axi.arburst.next = 1.into();
        self.m_axi.arlock.next = false;
        self.m_axi.arcache.next = 3.into();
        self.m_axi.arprot.next = 0.into();
        self.m_axi.arqos.next = 0.into();
        self.m_axi.arvalid.next = self.address_valid.q.val();

        // Data from R to the client whose burst is the oldest.
        self.beats.s.tdata.next = self.m_axi.rdata.val();
        self.beats.s.tkeep.next = self.all_lanes.val();
        self.beats.s.tlast.next = self.m_axi.rlast.val();
        self.beats.s.tuser.next = self.m_axi.rresp.val().get_bit(1);
        self.beats.s.tvalid.next = self.m_axi.rvalid.val();
        self.m_axi.rready.next = self.beats.s.tready.val();
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
            self.burst_error.d.next = false;
            self.error_pulse.d.next = false;
        }
    }
}
