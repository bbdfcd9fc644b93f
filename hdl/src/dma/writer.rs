//! AXI4 write master with two clients: payloads (a stream into a receive slot) and events (one 64-byte entry each).
//!
//! ```text
//!  payload request ──> BurstSplitter ─┐
//!                                     ├─> AW register ──> m_axi_aw
//!  event (address, data) ──┬──────────┘      │
//!                          v                 ├─> data order Fifo ──┐
//!                    event register          └─> answer order Fifo │
//!                          └────────────────────────────┐          v
//!  payload stream ──────────────────────────────────────┴──> W multiplexer ──> m_axi_w
//!  payload_done, event_done, error <───── answer order <───────────────────── m_axi_b
//! ```
//!
//! Data follows in the order of the addresses, as AXI4 demands (A5.3.3), and everything has id 0, so answers come in that order as well.
//! An event goes out behind the bursts that are already under way, without waiting for their answers; events go first where both wait.
//! Neither AW nor W waits for the other (A3.3.1).
//!
//! Latency: 1 cycle from an event, 2 from a payload request, to `m_axi_awvalid`, and 1 more to `m_axi_wvalid`; 1 from `m_axi_bvalid` to
//! `payload_done_valid` or `event_done_valid`. Throughput: one beat a cycle, also from burst to burst; one event in its beats (8 at
//! W = 64, 1 at W = 512) and 2 cycles. One clock; reset forgets everything (the bus must be reset with it).
//!
//! On SLVERR and DECERR (A3.4.4) the transfer is done with an error, and `error_valid` pulses with the burst's address. Counter:
//! `WriteErrors` (`error_valid`).

use super::BurstSplitter;
use crate::stream::{Fifo, StreamSink};
use handclasp_layout::queue::ENTRY_BYTES;
use rust_hdl::prelude::*;

/// A burst whose data is still to be sent.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct WriteBurst {
    len: Bits<8>,
    is_event: Bit,
}

/// A burst whose answer is still to come.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct WriteAnswer {
    addr: Bits<64>,
    is_event: Bit,
    is_last: Bit,
}

/// The write master. S is log2(K).
#[derive(LogicBlock)]
pub struct Writer<const W: usize, const K: usize, const S: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Address of the payload's first byte: a multiple of 64.
    pub payload_request_addr: Signal<In, Bits<64>>,
    /// Bytes of payload, 1 to 2048.
    pub payload_request_len_bytes: Signal<In, Bits<16>>,
    /// A payload is announced.
    pub payload_request_valid: Signal<In, Bit>,
    /// The request is taken at this clock edge.
    pub payload_request_ready: Signal<Out, Bit>,
    /// The payload: as many beats as were announced; `tkeep` becomes the strobes.
    pub payload: StreamSink<W, K>,
    /// The payload's last burst has been answered; one cycle.
    pub payload_done_valid: Signal<Out, Bit>,
    /// One of its bursts was answered with an error.
    pub payload_done_error: Signal<Out, Bit>,
    /// Where the event goes: a multiple of 64.
    pub event_addr: Signal<In, Bits<64>>,
    /// The event.
    pub event_data: Signal<In, Bits<512>>,
    /// There is an event.
    pub event_valid: Signal<In, Bit>,
    /// The event is taken at this clock edge.
    pub event_ready: Signal<Out, Bit>,
    /// An event's write has been answered, in the order of the events; one cycle.
    pub event_done_valid: Signal<Out, Bit>,
    /// It was answered with an error.
    pub event_done_error: Signal<Out, Bit>,
    /// A burst was answered with an error; one cycle.
    pub error_valid: Signal<Out, Bit>,
    /// Its address.
    pub error_addr: Signal<Out, Bits<64>>,
    /// Something is under way.
    pub busy: Signal<Out, Bit>,
    /// AXI4 write address: id, always 0.
    pub m_axi_awid: Signal<Out, Bits<1>>,
    /// Address of the first beat.
    pub m_axi_awaddr: Signal<Out, Bits<64>>,
    /// Beats less one.
    pub m_axi_awlen: Signal<Out, Bits<8>>,
    /// log2 of the bytes of a beat: always log2(K).
    pub m_axi_awsize: Signal<Out, Bits<3>>,
    /// Always INCR.
    pub m_axi_awburst: Signal<Out, Bits<2>>,
    /// Never.
    pub m_axi_awlock: Signal<Out, Bit>,
    /// Normal, non-cacheable, bufferable.
    pub m_axi_awcache: Signal<Out, Bits<4>>,
    /// Unprivileged, secure, data.
    pub m_axi_awprot: Signal<Out, Bits<3>>,
    /// No quality of service.
    pub m_axi_awqos: Signal<Out, Bits<4>>,
    /// An address is there.
    pub m_axi_awvalid: Signal<Out, Bit>,
    /// The address is taken at this clock edge.
    pub m_axi_awready: Signal<In, Bit>,
    /// AXI4 write data: the beat.
    pub m_axi_wdata: Signal<Out, Bits<W>>,
    /// Which bytes are written.
    pub m_axi_wstrb: Signal<Out, Bits<K>>,
    /// The burst's last beat.
    pub m_axi_wlast: Signal<Out, Bit>,
    /// A beat is there.
    pub m_axi_wvalid: Signal<Out, Bit>,
    /// The beat is taken at this clock edge.
    pub m_axi_wready: Signal<In, Bit>,
    /// AXI4 write answer: id, not looked at, as all are 0.
    pub m_axi_bid: Signal<In, Bits<1>>,
    /// OKAY, or an error in bit 1.
    pub m_axi_bresp: Signal<In, Bits<2>>,
    /// An answer is there.
    pub m_axi_bvalid: Signal<In, Bit>,
    /// The answer is taken at this clock edge.
    pub m_axi_bready: Signal<Out, Bit>,
    splitter: BurstSplitter<K>,
    data_order: Fifo<WriteBurst, 3, 4>,
    answer_order: Fifo<WriteAnswer, 3, 4>,
    address_valid: DFF<Bit>,
    address: DFF<Bits<64>>,
    address_len: DFF<Bits<8>>,
    /// The event being sent; its low W bits are the next beat.
    event: DFF<Bits<512>>,
    event_held: DFF<Bit>,
    beat: DFF<Bits<8>>,
    payload_error: DFF<Bit>,
    payload_done: DFF<Bit>,
    payload_done_failed: DFF<Bit>,
    event_done: DFF<Bit>,
    event_done_failed: DFF<Bit>,
    error_pulse: DFF<Bit>,
    error_at: DFF<Bits<64>>,
    /// The address register and both order queues can take a burst.
    open: Signal<Local, Bit>,
    take_event: Signal<Local, Bit>,
    take_payload: Signal<Local, Bit>,
    sends_event: Signal<Local, Bit>,
    beat_valid: Signal<Local, Bit>,
    is_burst_end: Signal<Local, Bit>,
    answer_error: Signal<Local, Bit>,
    event_len: Constant<Bits<8>>,
    beat_bits: Constant<Bits<10>>,
    beat_size: Constant<Bits<3>>,
    all_lanes: Constant<Bits<K>>,
}

impl<const W: usize, const K: usize, const S: usize> Default for Writer<W, K, S> {
    fn default() -> Self {
        const { assert!(K * 8 == W && 1 << S == K && ENTRY_BYTES * 8 == 512 && K <= ENTRY_BYTES) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            payload_request_addr: Default::default(),
            payload_request_len_bytes: Default::default(),
            payload_request_valid: Default::default(),
            payload_request_ready: Default::default(),
            payload: Default::default(),
            payload_done_valid: Default::default(),
            payload_done_error: Default::default(),
            event_addr: Default::default(),
            event_data: Default::default(),
            event_valid: Default::default(),
            event_ready: Default::default(),
            event_done_valid: Default::default(),
            event_done_error: Default::default(),
            error_valid: Default::default(),
            error_addr: Default::default(),
            busy: Default::default(),
            m_axi_awid: Default::default(),
            m_axi_awaddr: Default::default(),
            m_axi_awlen: Default::default(),
            m_axi_awsize: Default::default(),
            m_axi_awburst: Default::default(),
            m_axi_awlock: Default::default(),
            m_axi_awcache: Default::default(),
            m_axi_awprot: Default::default(),
            m_axi_awqos: Default::default(),
            m_axi_awvalid: Default::default(),
            m_axi_awready: Default::default(),
            m_axi_wdata: Default::default(),
            m_axi_wstrb: Default::default(),
            m_axi_wlast: Default::default(),
            m_axi_wvalid: Default::default(),
            m_axi_wready: Default::default(),
            m_axi_bid: Default::default(),
            m_axi_bresp: Default::default(),
            m_axi_bvalid: Default::default(),
            m_axi_bready: Default::default(),
            splitter: Default::default(),
            data_order: Default::default(),
            answer_order: Default::default(),
            address_valid: Default::default(),
            address: Default::default(),
            address_len: Default::default(),
            event: Default::default(),
            event_held: Default::default(),
            beat: Default::default(),
            payload_error: Default::default(),
            payload_done: Default::default(),
            payload_done_failed: Default::default(),
            event_done: Default::default(),
            event_done_failed: Default::default(),
            error_pulse: Default::default(),
            error_at: Default::default(),
            open: Default::default(),
            take_event: Default::default(),
            take_payload: Default::default(),
            sends_event: Default::default(),
            beat_valid: Default::default(),
            is_burst_end: Default::default(),
            answer_error: Default::default(),
            event_len: Constant::new((ENTRY_BYTES / K - 1).to_bits()),
            beat_bits: Constant::new(W.to_bits()),
            beat_size: Constant::new(S.to_bits()),
            all_lanes: Constant::new(Bits::<K>::mask()),
        }
    }
}

impl<const W: usize, const K: usize, const S: usize> Logic for Writer<W, K, S> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            address_valid,
            address,
            address_len,
            event,
            event_held,
            beat
        );
        dff_setup!(self, clk, payload_error, payload_done, payload_done_failed);
        dff_setup!(
            self,
            clk,
            event_done,
            event_done_failed,
            error_pulse,
            error_at
        );
        self.splitter.clk.next = self.clk.val();
        self.data_order.clk.next = self.clk.val();
        self.answer_order.clk.next = self.clk.val();
        self.splitter.rst.next = self.rst.val();
        self.data_order.rst.next = self.rst.val();
        self.answer_order.rst.next = self.rst.val();

        self.splitter.request_addr.next = self.payload_request_addr.val();
        self.splitter.request_len_bytes.next = self.payload_request_len_bytes.val();
        self.splitter.request_valid.next = self.payload_request_valid.val();
        self.payload_request_ready.next = self.splitter.request_ready.val();

        // Bursts to AW. The event register is free when the last event's data has left.
        self.open.next = (self.m_axi_awready.val() | !self.address_valid.q.val())
            & self.data_order.push_ready.val()
            & self.answer_order.push_ready.val();
        self.event_ready.next = self.open.val() & !self.event_held.q.val();
        self.take_event.next = self.event_ready.val() & self.event_valid.val();
        self.splitter.burst_ready.next = self.open.val() & !self.take_event.val();
        self.take_payload.next = self.splitter.burst_ready.val() & self.splitter.burst_valid.val();
        if self.m_axi_awready.val() {
            self.address_valid.d.next = false;
        }
        self.data_order.push_valid.next = self.take_event.val() | self.take_payload.val();
        self.data_order.push_data.next.len = self.splitter.burst_len.val();
        self.data_order.push_data.next.is_event = self.take_event.val();
        self.answer_order.push_valid.next = self.take_event.val() | self.take_payload.val();
        self.answer_order.push_data.next.addr = self.splitter.burst_addr.val();
        self.answer_order.push_data.next.is_event = self.take_event.val();
        self.answer_order.push_data.next.is_last = self.splitter.burst_last.val();
        if self.take_event.val() {
            self.address_valid.d.next = true;
            self.address.d.next = self.event_addr.val();
            self.address_len.d.next = self.event_len.val();
            self.data_order.push_data.next.len = self.event_len.val();
            self.answer_order.push_data.next.addr = self.event_addr.val();
            self.answer_order.push_data.next.is_last = true;
            self.event.d.next = self.event_data.val();
            self.event_held.d.next = true;
        } else if self.take_payload.val() {
            self.address_valid.d.next = true;
            self.address.d.next = self.splitter.burst_addr.val();
            self.address_len.d.next = self.splitter.burst_len.val();
        }
        self.m_axi_awid.next = 0.into();
        self.m_axi_awaddr.next = self.address.q.val();
        self.m_axi_awlen.next = self.address_len.q.val();
        self.m_axi_awsize.next = self.beat_size.val();
        self.m_axi_awburst.next = 1.into();
        self.m_axi_awlock.next = false;
        self.m_axi_awcache.next = 3.into();
        self.m_axi_awprot.next = 0.into();
        self.m_axi_awqos.next = 0.into();
        self.m_axi_awvalid.next = self.address_valid.q.val();

        // Data to W, from the client whose burst is the oldest.
        self.sends_event.next = self.data_order.pop_data.val().is_event;
        self.m_axi_wdata.next = self.payload.tdata.val();
        self.m_axi_wstrb.next = self.payload.tkeep.val();
        self.beat_valid.next = self.payload.tvalid.val() & self.data_order.pop_valid.val();
        self.payload.tready.next = self.m_axi_wready.val() & self.data_order.pop_valid.val();
        if self.sends_event.val() {
            self.m_axi_wdata.next = self.event.q.val().get_bits::<W>(0);
            self.m_axi_wstrb.next = self.all_lanes.val();
            self.beat_valid.next = self.data_order.pop_valid.val();
            self.payload.tready.next = false;
        }
        self.m_axi_wvalid.next = self.beat_valid.val();
        self.is_burst_end.next = self.beat.q.val() == self.data_order.pop_data.val().len;
        self.m_axi_wlast.next = self.is_burst_end.val();
        self.data_order.pop_ready.next =
            self.beat_valid.val() & self.m_axi_wready.val() & self.is_burst_end.val();
        if self.beat_valid.val() & self.m_axi_wready.val() {
            self.beat.d.next = self.beat.q.val() + 1;
            if self.is_burst_end.val() {
                self.beat.d.next = 0.into();
            }
            if self.sends_event.val() {
                self.event.d.next = self.event.q.val() >> self.beat_bits.val();
                if self.is_burst_end.val() {
                    self.event_held.d.next = false;
                }
            }
        }

        // Answers from B, to the client whose burst is the oldest without one.
        self.m_axi_bready.next = self.answer_order.pop_valid.val();
        self.answer_order.pop_ready.next = self.m_axi_bvalid.val();
        self.answer_error.next = self.m_axi_bresp.val().get_bit(1);
        self.payload_done.d.next = false;
        self.event_done.d.next = false;
        self.error_pulse.d.next = false;
        if self.m_axi_bvalid.val() & self.answer_order.pop_valid.val() {
            self.error_pulse.d.next = self.answer_error.val();
            self.error_at.d.next = self.answer_order.pop_data.val().addr;
            if self.answer_order.pop_data.val().is_event {
                self.event_done.d.next = true;
                self.event_done_failed.d.next = self.answer_error.val();
            } else {
                self.payload_error.d.next = self.payload_error.q.val() | self.answer_error.val();
                if self.answer_order.pop_data.val().is_last {
                    self.payload_done.d.next = true;
                    self.payload_done_failed.d.next =
                        self.payload_error.q.val() | self.answer_error.val();
                    self.payload_error.d.next = false;
                }
            }
        }
        self.payload_done_valid.next = self.payload_done.q.val();
        self.payload_done_error.next = self.payload_done_failed.q.val();
        self.event_done_valid.next = self.event_done.q.val();
        self.event_done_error.next = self.event_done_failed.q.val();
        self.error_valid.next = self.error_pulse.q.val();
        self.error_addr.next = self.error_at.q.val();
        self.busy.next = self.splitter.burst_valid.val()
            | self.address_valid.q.val()
            | self.event_held.q.val()
            | self.answer_order.pop_valid.val()
            | self.payload_done.q.val()
            | self.event_done.q.val();

        if self.rst.val() {
            self.address_valid.d.next = false;
            self.event_held.d.next = false;
            self.beat.d.next = 0.into();
            self.payload_error.d.next = false;
            self.payload_done.d.next = false;
            self.event_done.d.next = false;
            self.error_pulse.d.next = false;
        }
    }
}
