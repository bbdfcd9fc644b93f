//! AXI4 write master with two clients: payloads (a stream into a receive slot) and events (one 64-byte entry each).
//!
//! ```text
//!  payload request ──> BurstSplitter ─┐              ┌─> Skid ──────────────> m_axi_aw
//!                                     ├─> burst ─────┤
//!  event (address, data) ─────────────┘     │        └─> RegisterSlice ─────> m_axi_w
//!  payload stream ──────────────────────────┘ W multiplexer ──^
//!                                           │
//!                                           └─> answer Fifos
//!                                                     v
//!  payload_done, event_done, error <── decode <── B register <─────────────── m_axi_b
//! ```
//!
//! One burst at a time gives its beats to W; its address goes to AW at the same clock edge, so data follows in the order of the addresses, as AXI4
//! demands (A5.3.3). Everything has id 0, so answers come in that order as well. Nothing waits for an answer: `2^A` bursts may be without one. A
//! payload's burst begins when its first beat is there. Where both clients wait, events go first, and after an event a payload has its turn.
//! Neither AW nor W waits for the other's ready (A3.3.1); all outputs are registers, and `m_axi_bready` is always high.
//!
//! Latency: 1 cycle from an event to `m_axi_awvalid`, 2 to `m_axi_wvalid`; 3 and 4 from a payload request whose payload waits; 1 from `m_axi_bvalid` to
//! `payload_done_valid` or `event_done_valid`. Throughput: one beat a cycle, also from burst to burst: an event takes its beats (8 at D = 64, 4 at 128, 1
//! at 512). One clock; reset forgets everything (the bus must be reset with it).
//!
//! On SLVERR and DECERR (A3.4.4) the transfer is done with an error, and `error_valid` pulses with the burst's address. Counter:
//! `WriteErrors` (`error_valid`).

use super::BurstSplitter;
use crate::dma::AxiWriteMaster;
use crate::stream::{Fifo, RegisterSlice, Skid, StreamSink};
use handclasp_layout::queue::ENTRY_BYTES;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// An address on its way to AW.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct WriteAddress {
    addr: Bits<64>,
    len: Bits<8>,
}

/// What an answer that is still to come belongs to.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct WriteAnswer {
    is_event: Bit,
    is_last: Bit,
}

/// The write master: D bits a beat, S is log2(K), N is A + 1.
#[block(K * 8 == D, 1 << S == K, ENTRY_BYTES * 8 == 512, K <= ENTRY_BYTES)]
pub struct Writer<const D: usize, const K: usize, const S: usize, const A: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Address of the payload's first byte: a multiple of 64.
    pub payload_request_addr: Signal<In, Bits<64>>,
    /// Bytes of payload, at least 1.
    pub payload_request_len_bytes: Signal<In, Bits<16>>,
    /// A payload is announced.
    pub payload_request_valid: Signal<In, Bit>,
    /// The request is taken at this clock edge.
    pub payload_request_ready: Signal<Out, Bit>,
    /// The payload: as many beats as were announced; `tkeep` becomes the strobes.
    pub payload: StreamSink<D, K>,
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
    /// AXI4 write channels.
    pub m_axi: AxiWriteMaster<D, K>,
    splitter: BurstSplitter<K>,
    address: Skid<WriteAddress>,
    slice: RegisterSlice<D, K>,
    answers: Fifo<WriteAnswer, A, N>,
    /// Beside `answers`: needed for errors only.
    answer_addrs: Fifo<Bits<64>, A, N>,
    /// A burst is being sent.
    active: DFF<Bit>,
    is_event: DFF<Bit>,
    /// The next beat is the burst's last.
    is_last: DFF<Bit>,
    /// Beats behind the next one.
    beats_behind: DFF<Bits<8>>,
    /// The event being sent.
    event: DFF<Bits<512>>,
    /// Its next beat.
    event_beat: DFF<Bits<4>>,
    /// The last burst was an event: a waiting payload is next.
    payload_turn: DFF<Bit>,
    /// An answer came at the last clock edge.
    answered: DFF<Bit>,
    refused: DFF<Bit>,
    payload_error: DFF<Bit>,
    beat_valid: Signal<Local, Bit>,
    /// The burst's last beat goes at this clock edge.
    ends: Signal<Local, Bit>,
    /// The next burst can begin at this clock edge.
    open: Signal<Local, Bit>,
    payload_waits: Signal<Local, Bit>,
    /// A payload waits, and it is its turn.
    payload_first: Signal<Local, Bit>,
    picks_event: Signal<Local, Bit>,
    /// A burst begins at this clock edge, of either client.
    begins: Signal<Local, Bit>,
    take_event: Signal<Local, Bit>,
    take_payload: Signal<Local, Bit>,
    done: Signal<Local, Bit>,
    #[value(Bits::<K>::mask())]
    all_lanes: Constant<Bits<K>>,
}

#[kernel]
impl<const D: usize, const K: usize, const S: usize, const A: usize, const N: usize> Logic
    for Writer<D, K, S, A, N>
{
    fn update(&mut self) {
        let event_len: Bits<8> = ENTRY_BYTES / K - 1;
        let beat_size: Bits<3> = S;

        wire!(self -> splitter:
            payload_request_addr as request_addr, payload_request_len_bytes as request_len_bytes,
            payload_request_valid as request_valid);
        self.payload_request_ready.next = self.splitter.request_ready.val();

        // Beats of the burst to W.
        self.slice.s.tdata.next = self.payload.tdata.val();
        self.slice.s.tkeep.next = self.payload.tkeep.val();
        self.beat_valid.next = self.active.q.val() & self.payload.tvalid.val();
        self.payload.tready.next =
            self.active.q.val() & !self.is_event.q.val() & self.slice.s.tready.val();
        if self.is_event.q.val() {
            self.slice.s.tdata.next = 0.into();
            for bits in D..(D + 1) {
                for i in 0..(512 / D) {
                    if self.event_beat.q.val() == i.to_bits() {
                        self.slice.s.tdata.next = self.event.q.val().get_bits::<D>(bits * i);
                    }
                }
            }
            self.slice.s.tkeep.next = self.all_lanes.val();
            self.beat_valid.next = self.active.q.val();
        }
        self.slice.s.tlast.next = self.is_last.q.val();
        self.slice.s.tuser.next = false;
        self.slice.s.tvalid.next = self.beat_valid.val();
        self.ends.next = self.beat_valid.val() & self.slice.s.tready.val() & self.is_last.q.val();
        if self.beat_valid.val() & self.slice.s.tready.val() {
            self.event_beat.d.next = self.event_beat.q.val() + 1;
            self.beats_behind.d.next = self.beats_behind.q.val() - 1;
            self.is_last.d.next = self.beats_behind.q.val() == 1;
            if self.is_last.q.val() {
                self.active.d.next = false;
            }
        }
        self.m_axi.wdata.next = self.slice.m.tdata.val();
        self.m_axi.wstrb.next = self.slice.m.tkeep.val();
        self.m_axi.wlast.next = self.slice.m.tlast.val();
        self.m_axi.wvalid.next = self.slice.m.tvalid.val();
        self.slice.m.tready.next = self.m_axi.wready.val();

        // The next burst, and its address to AW.
        self.open.next = (!self.active.q.val() | self.ends.val())
            & self.address.s_ready.val()
            & self.answers.push_ready.val();
        self.payload_waits.next = self.splitter.burst_valid.val()
            & self.payload.tvalid.val()
            & (!self.active.q.val() | self.is_event.q.val());
        self.payload_first.next = self.payload_turn.q.val() & self.payload_waits.val();
        self.event_ready.next = self.open.val() & !self.payload_first.val();
        // Which of them, if one can begin: so the wide choices do not wait for whether it can.
        self.picks_event.next = self.event_valid.val() & !self.payload_first.val();
        self.begins.next = self.open.val() & (self.event_valid.val() | self.payload_waits.val());
        self.take_event.next = self.open.val() & self.picks_event.val();
        self.take_payload.next =
            self.open.val() & self.payload_waits.val() & !self.picks_event.val();
        self.splitter.burst_ready.next = self.take_payload.val();
        self.address.s_data.next.addr = self.splitter.burst_addr.val();
        self.address.s_data.next.len = self.splitter.burst_len.val();
        self.address.s_valid.next = self.begins.val();
        self.answers.push_data.next.is_event = self.picks_event.val();
        self.answers.push_data.next.is_last = self.splitter.burst_last.val();
        self.answers.push_valid.next = self.begins.val();
        self.answer_addrs.push_data.next = self.splitter.burst_addr.val();
        self.answer_addrs.push_valid.next = self.begins.val();
        if self.picks_event.val() {
            self.address.s_data.next.addr = self.event_addr.val();
            self.address.s_data.next.len = event_len;
            self.answer_addrs.push_data.next = self.event_addr.val();
        }
        // It takes what is there whenever it is free: so 512 bits do not wait for the choice.
        if !self.active.q.val()
            | !self.is_event.q.val()
            | (self.is_last.q.val() & self.slice.s.tready.val())
        {
            self.event.d.next = self.event_data.val();
        }
        if self.take_event.val() {
            self.active.d.next = true;
            self.is_event.d.next = true;
            self.is_last.d.next = event_len == 0;
            self.beats_behind.d.next = event_len;
            self.event_beat.d.next = 0.into();
            self.payload_turn.d.next = true;
        } else if self.take_payload.val() {
            self.active.d.next = true;
            self.is_event.d.next = false;
            self.is_last.d.next = self.splitter.burst_len.val() == 0;
            self.beats_behind.d.next = self.splitter.burst_len.val();
            self.payload_turn.d.next = false;
        }
        self.m_axi.awid.next = 0.into();
        self.m_axi.awaddr.next = self.address.m_data.val().addr;
        self.m_axi.awlen.next = self.address.m_data.val().len;
        self.m_axi.awsize.next = beat_size;
        self.m_axi.awburst.next = 1.into();
        self.m_axi.awlock.next = false;
        self.m_axi.awcache.next = 3.into();
        self.m_axi.awprot.next = 0.into();
        self.m_axi.awqos.next = 0.into();
        self.m_axi.awvalid.next = self.address.m_valid.val();
        self.address.m_ready.next = self.m_axi.awready.val();

        // Answers from B, to the client whose burst is the oldest without one.
        self.m_axi.bready.next = true;
        self.answered.d.next = self.m_axi.bvalid.val();
        self.refused.d.next = self.m_axi.bresp.val().get_bit(1);
        self.done.next = self.answered.q.val() & self.answers.pop_valid.val();
        self.answers.pop_ready.next = self.answered.q.val();
        self.answer_addrs.pop_ready.next = self.answered.q.val();
        self.payload_done_valid.next = self.done.val()
            & !self.answers.pop_data.val().is_event
            & self.answers.pop_data.val().is_last;
        self.payload_done_error.next = self.payload_error.q.val() | self.refused.q.val();
        self.event_done_valid.next = self.done.val() & self.answers.pop_data.val().is_event;
        self.event_done_error.next = self.refused.q.val();
        self.error_valid.next = self.done.val() & self.refused.q.val();
        self.error_addr.next = self.answer_addrs.pop_data.val();
        if self.done.val() & !self.answers.pop_data.val().is_event {
            // An error of a payload's burst is told with its last one.
            self.payload_error.d.next = (self.payload_error.q.val() | self.refused.q.val())
                & !self.answers.pop_data.val().is_last;
        }
        self.busy.next = self.splitter.busy.val()
            | self.active.q.val()
            | self.address.m_valid.val()
            | self.slice.m.tvalid.val()
            | self.answers.pop_valid.val()
            | self.answered.q.val();

        if self.rst.val() {
            self.active.d.next = false;
            self.payload_turn.d.next = false;
            self.answered.d.next = false;
            self.payload_error.d.next = false;
        }
    }
}
