//! Carries out a verdict: writes the payload into a slot and the events into the ring, and throws the rest of the frame away.
//!
//! ```text
//!                          ┌──> Skid ──> trimmer: which bytes of the frame
//!                          ├──> Skid ──> DMA writer: where to ────────── done ─┐
//!  decoded, judged, room ──┤                                                   v
//!                          └──> next event ─┬─> waiting (Fifo) ──> has its payload been written? ─┬─> event
//!                                           └─────────────────────────────────────────────────────┘
//! ```
//!
//! Last stage of the verdict: a frame that would be delivered is dropped when the queue has stopped (`Disabled`), the ring has no room for its events (`NoEvent`), or it needs
//! a slot and there is none (`NoSlot`). Its places in the ring are promised (`rx_reserve`) when that is decided.
//!
//! The events of a frame whose payload is being written wait for the answer of the bus, so whoever sees the event may read the payload; all events behind them keep the
//! order. Nothing else waits: `2^A` events, and as many payloads, may be under way. A is sized from latency times rate: at W = 512 a shortest frame takes 6.7 ns of the
//! wire, so 300 ns of the bus and 50 ns of our own are 53 frames (A = 7, as address and SACK events take places, too); at W = 64 67 ns, so 6 (A = 4).
//!
//! An event that the ring does not take in the cycle in which it is shown joins the queue as well, and is shown again when it has come through: so whether the next frame can come
//! depends on registers alone.
//!
//! Latency: 1 cycle from `decoded_valid` to `event_valid` for a frame without payload when no event waits, else 3; 1 to the trimmer's and the
//! writer's commands; 1 from `done_valid` to `event_valid`. Throughput: one frame a cycle, one more with a slot (its payload takes the writer as long), one more with addresses and one more with SACK, if the trimmer gets rid of it as fast. One clock; reset forgets everything.
//!
//! When the bus refuses a payload, or the queue stops for another reason, the events that wait are not delivered: each frame counts as a `Disabled` drop, and so
//! do frames that come before the last one is gone. A frame of which the ring has taken an event is delivered to its end. Counters: `count_drop` with
//! its reason, one of `count_flow`, `count_listen`, `count_miss`, `count_raw`, and `count_payload`.

use crate::fields::{AddressEvent, RxEvent, SackEvent};
use crate::stream::{Fifo, Skid};
use handclasp_layout::queue;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Which event of the frame at the input is next.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
enum DispatchStep {
    /// Its first.
    First,
    /// The SACK event, behind the address event.
    Sack,
    /// The receive event, behind the others.
    Last,
}

/// To the trimmer.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct TrimCommand {
    skip_bytes: Bits<16>,
    len_bytes: Bits<16>,
}

/// To the DMA writer.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct WriteRequest {
    addr: Bits<64>,
    len_bytes: Bits<16>,
}

/// An event in its queue.
#[derive(LogicStruct, Copy, Clone, Debug, Default, PartialEq)]
struct WaitingEvent {
    event: Bits<512>,
    is_last: Bit,
    waits: Bit,
}

/// The dispatcher; `2^A` events may wait. N is A + 1.
#[block]
pub struct Dispatch<const A: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The frame's event, but for verdict, drop reason, connection and slot.
    pub decoded_event: Signal<In, RxEvent>,
    /// The event before it, if `sack_count` is not 0.
    pub decoded_sack: Signal<In, SackEvent>,
    /// The event before both, if the host does not know the addresses.
    pub decoded_address: Signal<In, AddressEvent>,
    /// Where the TCP payload begins in the frame.
    pub payload_at_bytes: Signal<In, Bits<16>>,
    /// The connection, if the verdict is `Flow`.
    pub connection: Signal<In, Bits<16>>,
    /// Its generation.
    pub generation: Signal<In, Bits<8>>,
    /// A `Verdict`.
    pub verdict: Signal<In, Bits<8>>,
    /// A `DropReason`.
    pub drop_reason: Signal<In, Bits<8>>,
    /// If the frame is delivered, it has something to put into a slot.
    pub needs_slot: Signal<In, Bit>,
    /// There is a frame, decoded and judged.
    pub decoded_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub decoded_ready: Signal<Out, Bit>,
    /// Dropped frames get an event as well.
    pub monitor: Signal<In, Bit>,
    /// The queue is enabled and has not stopped.
    pub queue_runs: Signal<In, Bit>,
    /// The event ring has room for a frame's events.
    pub rx_room: Signal<In, Bit>,
    /// At this clock edge so many of its places are promised to a frame's events; 0 is none.
    pub rx_reserve: Signal<Out, Bits<2>>,
    /// There is a free receive slot.
    pub slot_valid: Signal<In, Bit>,
    /// Number of the next free receive slot.
    pub slot_number: Signal<In, Bits<16>>,
    /// Its I/O address.
    pub slot_addr: Signal<In, Bits<64>>,
    /// The slot that is shown is taken at this clock edge: a cycle after its frame was, and no frame is in between.
    pub slot_take: Signal<Out, Bit>,
    /// To the trimmer: where the frame's bytes begin that are wanted.
    pub trim_skip_bytes: Signal<Out, Bits<16>>,
    /// To the trimmer: how many are wanted; 0 throws the frame away.
    pub trim_len_bytes: Signal<Out, Bits<16>>,
    /// There is a command to the trimmer.
    pub trim_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub trim_ready: Signal<In, Bit>,
    /// To the DMA writer: I/O address of the slot.
    pub request_addr: Signal<Out, Bits<64>>,
    /// To the DMA writer: bytes that will come.
    pub request_len_bytes: Signal<Out, Bits<16>>,
    /// There is a request to the DMA writer.
    pub request_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub request_ready: Signal<In, Bit>,
    /// For one cycle: the oldest request without an answer has been answered; its bytes are in memory.
    pub done_valid: Signal<In, Bit>,
    /// With `done_valid`: the bus refused them, so they are not in memory.
    pub done_error: Signal<In, Bit>,
    /// An event for the ring, phase 0.
    pub event_data: Signal<Out, Bits<512>>,
    /// It is the last of its frame.
    pub event_last: Signal<Out, Bit>,
    /// There is an event.
    pub event_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub event_ready: Signal<In, Bit>,
    /// A frame was dropped.
    pub count_drop: Signal<Out, Bit>,
    /// With `count_drop`: why, a `DropReason`.
    pub count_drop_reason: Signal<Out, Bits<8>>,
    /// A segment of a known connection was delivered.
    pub count_flow: Signal<Out, Bit>,
    /// A segment to a listening port was delivered.
    pub count_listen: Signal<Out, Bit>,
    /// A segment that matches nothing was delivered.
    pub count_miss: Signal<Out, Bit>,
    /// A frame that is not TCP was delivered.
    pub count_raw: Signal<Out, Bit>,
    /// A payload was written to a slot.
    pub count_payload: Signal<Out, Bit>,
    /// A frame is under way.
    pub busy: Signal<Out, Bit>,
    trims: Skid<TrimCommand>,
    requests: Skid<WriteRequest>,
    /// Events behind one whose payload is being written.
    waiting: Fifo<WaitingEvent, A, N>,
    /// Events in `waiting`, and on their way through it.
    entries: DFF<Bits<N>>,
    has_entries: DFF<Bit>,
    /// There are none: the newest event is the oldest. A register of its own, as it chooses among all bits of the event.
    shows_next: DFF<Bit>,
    step: DFF<DispatchStep>,
    /// What the first step decided.
    delivers_frame: DFF<Bit>,
    frame_has_address: DFF<Bit>,
    frame_slot: DFF<Bit>,
    frame_reason: DFF<Bits<8>>,
    /// The newest event, on its way to the ring or to `waiting`.
    next_event: DFF<Bits<512>>,
    next_last: DFF<Bit>,
    next_waits: DFF<Bit>,
    next_valid: DFF<Bit>,
    /// The input of that name, a cycle late: nobody on either side of this block waits for the other's logic.
    queue_ran: DFF<Bit>,
    /// Answers of the bus that no event has used yet, and whether there are any.
    answers: DFF<Bits<N>>,
    has_answers: DFF<Bit>,
    /// Of them those that came before the first error, and whether there are any.
    good_answers: DFF<Bits<N>>,
    has_good_answers: DFF<Bit>,
    /// An error was among the answers.
    has_failed: DFF<Bit>,
    /// The queue stopped: nothing is delivered until all that was under way is gone.
    discards: DFF<Bit>,
    /// The oldest event is shown to the ring, or one of its frame's events went there.
    committed: DFF<Bit>,
    /// The slot that is shown was used in the last cycle.
    slot_pulse: DFF<Bit>,
    drop_pulse: DFF<Bit>,
    drop_pulse_reason: DFF<Bits<8>>,
    runs: Signal<Local, Bit>,
    has_address: Signal<Local, Bit>,
    has_sack: Signal<Local, Bit>,
    is_raw: Signal<Local, Bit>,
    is_first: Signal<Local, Bit>,
    fresh_reason: Signal<Local, Bits<8>>,
    fresh_delivers: Signal<Local, Bit>,
    fresh_event: Signal<Local, Bit>,
    delivers: Signal<Local, Bit>,
    uses_slot: Signal<Local, Bit>,
    reason: Signal<Local, Bits<8>>,
    has_event: Signal<Local, Bit>,
    /// `next_event` is free, or becomes free.
    next_free: Signal<Local, Bit>,
    open: Signal<Local, Bit>,
    goes: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    load: Signal<Local, Bit>,
    picks_address: Signal<Local, Bit>,
    picks_sack: Signal<Local, Bit>,
    has_more: Signal<Local, Bit>,
    loaded: Signal<Local, Bits<512>>,
    wanted_bytes: Signal<Local, Bits<16>>,
    /// The frame may have its slot, if it needs one.
    has_slot: Signal<Local, Bit>,
    event_out: Signal<Local, RxEvent>,
    push: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    /// The oldest event, as if it were a receive event, which a frame's last one is.
    head: Signal<Local, RxEvent>,
    head_bits: Signal<Local, Bits<512>>,
    head_valid: Signal<Local, Bit>,
    head_last: Signal<Local, Bit>,
    head_waits: Signal<Local, Bit>,
    head_ready: Signal<Local, Bit>,
    head_bad: Signal<Local, Bit>,
    delivered: Signal<Local, Bit>,
    discarded: Signal<Local, Bit>,
    leaves: Signal<Local, Bit>,
    consumes: Signal<Local, Bit>,
    entries_now: Signal<Local, Bits<N>>,
}

#[kernel]
impl<const A: usize, const N: usize> Logic for Dispatch<A, N> {
    fn update(&mut self) {
        let verdict_flow: Bits<8> = queue::Verdict::Flow;
        let verdict_listen: Bits<8> = queue::Verdict::Listen;
        let verdict_miss: Bits<8> = queue::Verdict::Miss;
        let verdict_raw: Bits<8> = queue::Verdict::Raw;
        let verdict_drop: Bits<8> = queue::Verdict::Drop;
        let reason_none: Bits<8> = queue::DropReason::None;
        let reason_disabled: Bits<8> = queue::DropReason::Disabled;
        let reason_oversize: Bits<8> = queue::DropReason::Oversize;
        let reason_no_event: Bits<8> = queue::DropReason::NoEvent;
        let reason_no_slot: Bits<8> = queue::DropReason::NoSlot;

        // What becomes of the frame at the input. It is decided in its first step.
        self.queue_ran.d.next = self.queue_runs.val();
        self.runs.next = self.queue_ran.q.val() & !self.discards.q.val();
        self.is_raw.next = self.verdict.val() == verdict_raw;
        self.has_sack.next = self.decoded_event.val().sack_count.any();
        self.has_slot.next = !self.needs_slot.val() | self.slot_valid.val();
        self.fresh_delivers.next = (self.verdict.val() != verdict_drop)
            & self.runs.val()
            & self.rx_room.val()
            & self.has_slot.val();
        self.fresh_reason.next = reason_none;
        if self.verdict.val() == verdict_drop {
            self.fresh_reason.next = self.drop_reason.val();
        } else if !self.runs.val() {
            self.fresh_reason.next = reason_disabled;
        } else if !self.rx_room.val() {
            self.fresh_reason.next = reason_no_event;
        } else if !self.has_slot.val() {
            self.fresh_reason.next = reason_no_slot;
        }
        self.fresh_event.next =
            self.runs.val() & self.rx_room.val() & (self.fresh_delivers.val() | self.monitor.val());
        self.is_first.next = self.step.q.val() == DispatchStep::First;
        self.delivers.next = self.fresh_delivers.val();
        self.uses_slot.next = self.fresh_delivers.val() & self.needs_slot.val();
        self.reason.next = self.fresh_reason.val();
        self.has_event.next = self.fresh_event.val();
        // The host knows the addresses of its own connections. Whether a frame with an event is delivered depends on its slot alone.
        self.has_address.next = self.decoded_event.val().is_ipv4
            & !((self.verdict.val() == verdict_flow) & self.has_slot.val());
        if !self.is_first.val() {
            self.has_address.next = self.frame_has_address.q.val();
            self.delivers.next = self.delivers_frame.q.val();
            self.uses_slot.next = self.frame_slot.q.val();
            self.reason.next = self.frame_reason.q.val();
            self.has_event.next = true;
        }

        // Its receive event.
        self.event_out.next = self.decoded_event.val();
        self.event_out.next.has_address = self.has_address.val();
        self.event_out.next.verdict = verdict_drop;
        self.event_out.next.drop_reason = self.reason.val();
        self.wanted_bytes.next = bit_cast::<16, 24>(self.decoded_event.val().payload_len_bytes);
        if self.is_raw.val() {
            self.wanted_bytes.next = self.decoded_event.val().frame_len_bytes;
        }
        if self.delivers.val() {
            self.event_out.next.verdict = self.verdict.val();
            self.event_out.next.payload_len_bytes = bit_cast::<24, 16>(self.wanted_bytes.val());
            if self.verdict.val() == verdict_flow {
                self.event_out.next.connection = self.connection.val();
                self.event_out.next.generation = self.generation.val();
            }
        }
        if self.uses_slot.val() {
            self.event_out.next.has_slot = true;
            self.event_out.next.slot = self.slot_number.val();
        }

        // The oldest event: that of `waiting`, or the newest when nothing is before it.
        self.head_bits.next = self.waiting.pop_data.val().event;
        self.head_last.next = self.waiting.pop_data.val().is_last;
        self.head_waits.next = self.waiting.pop_data.val().waits;
        self.head_valid.next = self.waiting.pop_valid.val();
        if !self.has_entries.q.val() {
            self.head_last.next = self.next_last.q.val();
            self.head_waits.next = false;
            self.head_valid.next = self.next_valid.q.val() & !self.next_waits.q.val();
        }
        if self.shows_next.q.val() {
            self.head_bits.next = self.next_event.q.val();
        }
        self.head.next = self.head_bits.val().into();
        self.head_ready.next =
            self.head_valid.val() & (!self.head_waits.val() | self.has_answers.q.val());
        self.head_bad.next =
            !self.runs.val() | (self.head_waits.val() & !self.has_good_answers.q.val());
        self.event_data.next = self.head_bits.val();
        self.event_last.next = self.head_last.val();
        self.event_valid.next =
            self.head_ready.val() & (self.committed.q.val() | !self.head_bad.val());
        self.delivered.next = self.event_valid.val() & self.event_ready.val();
        // One drop is counted in a cycle, that of a frame from the input first.
        self.discarded.next = self.head_ready.val()
            & !self.committed.q.val()
            & self.head_bad.val()
            & !self.drop_pulse.q.val();
        if self.event_valid.val() {
            self.committed.d.next = !(self.event_ready.val() & self.head_last.val());
        }
        self.leaves.next = self.delivered.val() | self.discarded.val();
        self.pop.next = self.leaves.val() & self.has_entries.q.val();
        self.waiting.pop_ready.next = self.pop.val();
        // The newest event goes to the ring at once or joins the queue: so whether the next frame can come does not hang on the ring.
        self.push.next = self.next_valid.q.val()
            & (self.has_entries.q.val() | !self.leaves.val())
            & self.waiting.push_ready.val();
        self.waiting.push_data.next.event = self.next_event.q.val();
        self.waiting.push_data.next.is_last = self.next_last.q.val();
        self.waiting.push_data.next.waits = self.next_waits.q.val();
        self.waiting.push_valid.next = self.push.val();
        self.next_free.next = !self.next_valid.q.val() | self.waiting.push_ready.val();
        self.entries_now.next = self.entries.q.val();
        if self.push.val() & !self.pop.val() {
            self.entries_now.next = self.entries.q.val() + 1;
        }
        if self.pop.val() & !self.push.val() {
            self.entries_now.next = self.entries.q.val() - 1;
        }
        self.entries.d.next = self.entries_now.val();
        self.has_entries.d.next = self.push.val()
            | (self.has_entries.q.val() & !(self.pop.val() & (self.entries.q.val() == 1)));
        self.shows_next.d.next = !self.has_entries.d.val();

        // Whether it goes on at this clock edge.
        self.open.next = self.next_free.val()
            & self.trims.s_ready.val()
            & self.requests.s_ready.val()
            & !self.slot_pulse.q.val();
        self.goes.next = self.open.val() & self.decoded_valid.val();
        self.rx_reserve.next = 0.into();
        // The event to load: one choice for all its bits, made as if there were one.
        self.picks_address.next = self.is_first.val() & self.has_address.val();
        self.picks_sack.next = (self.step.q.val() == DispatchStep::Sack)
            | (self.is_first.val() & !self.has_address.val() & self.has_sack.val());
        // More events follow it; told anew, as the choice above has hundreds of bits to carry.
        self.has_more.next = self.is_first.val() & (self.has_address.val() | self.has_sack.val());
        if self.step.q.val() == DispatchStep::Sack {
            self.has_more.next = true;
        }
        self.loaded.next = self.event_out.val().into();
        if self.picks_address.val() {
            self.loaded.next = self.decoded_address.val().into();
        }
        if self.picks_sack.val() {
            self.loaded.next = self.decoded_sack.val().into();
        }
        if self.next_free.val() {
            self.next_valid.d.next = false;
            self.next_event.d.next = self.loaded.val();
        }
        self.load.next = self.goes.val() & self.has_event.val();
        self.decoded_ready.next = self.open.val() & !(self.has_event.val() & self.has_more.val());
        match self.step.q.val() {
            // A frame with neither addresses nor SACK goes in one step.
            DispatchStep::First => {
                if self.load.val() {
                    self.rx_reserve.next = 1.into();
                    if self.has_address.val() & self.has_sack.val() {
                        self.rx_reserve.next = 3.into();
                        self.step.d.next = DispatchStep::Sack;
                    } else if self.has_address.val() | self.has_sack.val() {
                        self.rx_reserve.next = 2.into();
                        self.step.d.next = DispatchStep::Last;
                    }
                    self.delivers_frame.d.next = self.fresh_delivers.val();
                    self.frame_has_address.d.next = self.has_address.val();
                    self.frame_slot.d.next = self.uses_slot.val();
                    self.frame_reason.d.next = self.fresh_reason.val();
                }
            }
            DispatchStep::Sack => {
                if self.goes.val() {
                    self.step.d.next = DispatchStep::Last;
                }
            }
            DispatchStep::Last => {
                if self.goes.val() {
                    self.step.d.next = DispatchStep::First;
                }
            }
        }
        self.take.next = self.decoded_ready.val() & self.decoded_valid.val();
        if self.load.val() {
            self.next_valid.d.next = true;
            self.next_last.d.next = self.take.val();
            // The frame's first event waits, those behind it keep the order.
            self.next_waits.d.next = self.uses_slot.val() & self.is_first.val();
        }

        // Slot, writer and trimmer: the trimmer hands the bytes that are wanted to the writer, and drops the rest.
        self.requests.s_data.next.addr = self.slot_addr.val();
        self.requests.s_data.next.len_bytes = self.wanted_bytes.val();
        self.requests.s_valid.next = self.take.val() & self.uses_slot.val();
        self.slot_pulse.d.next = self.requests.s_valid.val();
        self.slot_take.next = self.slot_pulse.q.val();
        self.trims.s_data.next.skip_bytes = self.payload_at_bytes.val();
        if self.is_raw.val() {
            self.trims.s_data.next.skip_bytes = 0.into();
        }
        self.trims.s_data.next.len_bytes = 0.into();
        if self.uses_slot.val() {
            self.trims.s_data.next.len_bytes = self.wanted_bytes.val();
        }
        self.trims.s_valid.next = self.take.val();
        self.trim_skip_bytes.next = self.trims.m_data.val().skip_bytes;
        self.trim_len_bytes.next = self.trims.m_data.val().len_bytes;
        self.trim_valid.next = self.trims.m_valid.val();
        self.trims.m_ready.next = self.trim_ready.val();
        self.request_addr.next = self.requests.m_data.val().addr;
        self.request_len_bytes.next = self.requests.m_data.val().len_bytes;
        self.request_valid.next = self.requests.m_valid.val();
        self.requests.m_ready.next = self.request_ready.val();

        // Answers of the bus come in the order of the requests, so each is for the oldest event that waits.
        self.consumes.next = self.leaves.val() & self.head_waits.val();
        if self.done_valid.val() & !self.consumes.val() {
            self.answers.d.next = self.answers.q.val() + 1;
            self.has_answers.d.next = true;
        }
        if self.consumes.val() & !self.done_valid.val() {
            self.answers.d.next = self.answers.q.val() - 1;
            self.has_answers.d.next = self.answers.q.val() != 1;
        }
        if self.done_valid.val() & self.done_error.val() {
            self.has_failed.d.next = true;
        }
        if self.done_valid.val() & !self.done_error.val() & !self.has_failed.q.val() {
            if !(self.consumes.val() & self.has_good_answers.q.val()) {
                self.good_answers.d.next = self.good_answers.q.val() + 1;
                self.has_good_answers.d.next = true;
            }
        } else if self.consumes.val() & self.has_good_answers.q.val() {
            self.good_answers.d.next = self.good_answers.q.val() - 1;
            self.has_good_answers.d.next = self.good_answers.q.val() != 1;
        }
        if self.discarded.val() | !self.queue_ran.q.val() {
            self.discards.d.next = true;
        } else if !self.has_entries.q.val()
            & !self.next_valid.q.val()
            & (self.step.q.val() == DispatchStep::First)
        {
            self.discards.d.next = false;
            self.has_failed.d.next = false;
        }

        // Counters. Oversize is not counted here: the ingress has counted it.
        self.drop_pulse.d.next =
            self.take.val() & !self.delivers.val() & (self.reason.val() != reason_oversize);
        self.drop_pulse_reason.d.next = self.reason.val();
        self.count_drop.next = self.drop_pulse.q.val();
        self.count_drop_reason.next = self.drop_pulse_reason.q.val();
        if self.discarded.val() {
            self.count_drop.next = self.head_last.val() & (self.head.val().verdict != verdict_drop);
            self.count_drop_reason.next = reason_disabled;
        }
        self.count_payload.next = self.delivered.val() & self.head_waits.val();
        self.count_flow.next =
            self.delivered.val() & self.head_last.val() & (self.head.val().verdict == verdict_flow);
        self.count_listen.next = self.delivered.val()
            & self.head_last.val()
            & (self.head.val().verdict == verdict_listen);
        self.count_miss.next =
            self.delivered.val() & self.head_last.val() & (self.head.val().verdict == verdict_miss);
        self.count_raw.next =
            self.delivered.val() & self.head_last.val() & (self.head.val().verdict == verdict_raw);
        self.busy.next = self.next_valid.q.val()
            | self.has_entries.q.val()
            | (self.step.q.val() != DispatchStep::First)
            | self.trims.m_valid.val()
            | self.requests.m_valid.val()
            | self.slot_pulse.q.val()
            | self.drop_pulse.q.val();

        if self.rst.val() {
            self.entries.d.next = 0.into();
            self.has_entries.d.next = false;
            self.shows_next.d.next = true;
            self.step.d.next = DispatchStep::First;
            self.next_valid.d.next = false;
            self.answers.d.next = 0.into();
            self.has_answers.d.next = false;
            self.good_answers.d.next = 0.into();
            self.has_good_answers.d.next = false;
            self.has_failed.d.next = false;
            self.discards.d.next = true;
            self.committed.d.next = false;
            self.slot_pulse.d.next = false;
            self.drop_pulse.d.next = false;
        }
    }
}
