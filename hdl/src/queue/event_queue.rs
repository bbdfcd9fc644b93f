//! Writes events into the host's ring: from receive and from commands, and its own when a DMA error stops the queue.
//!
//! ```text
//!  rx_event ──┐
//!  tx_event ──┼─> arbiter ── place, phase ──> Skid ────────────> Writer
//!  errors ────┘     ^                                              │
//!                   └─ room: event_consumer (doorbell)             v
//!  events_written, stopped <────────────────────────────────── event_done
//! ```
//!
//! Ownership: an entry is the NIC's until its phase bit has the value of this pass, then the host's until `event_consumer` has passed it. Nothing
//! is overwritten that the host has not read. Receive promises a frame's events (`rx_reserve`) while `rx_room` says that `RX_ROOM_ENTRIES` places are free; what
//! is promised counts as used, so a promised event always finds its place, and the last places are for completions.
//!
//! Arbitration: receive first, then a waiting completion has its turn; nothing comes between the events of one frame.
//!
//! Latency: 1 cycle from `rx_event` or `tx_event` to `event_valid`, 1 from the answer to `events_written`, 5 from `event_consumer` to `rx_room`. Throughput: one
//! event a cycle. One clock; reset and a rising `queue_enable` take the indices to 0 (after the writes under way). Without `queue_enable` events are taken and forgotten, so
//! that nobody waits for a ring that is not there. The lowest 12 bits of the base read as 0.
//!
//! Errors: the first `read_error` or `write_error` sets `stopped` and writes one QueueStopped event with the refused address behind all events taken; a
//! rising `queue_enable` clears it. When the write of an event is refused, the host, which reads in order, waits at that event's place: so the first time this happens
//! the QueueStopped event goes over the refused place, after the answers to all writes under way; `events_written` stays before that place until then. When that is refused as
//! well, nothing more is tried: the host sees STATUS.stopped. Counter: `Events` (`count_event`), when the write has been answered without error.

use super::BASE_MASK;
use crate::fields::CompletionEvent;
use crate::stream::Skid;
use handclasp_layout::frame::RX_ROOM_ENTRIES;
use handclasp_layout::queue::{EventKind, Status, ENTRY_BYTES};
use handclasp_layout::register::RING_LOG2_MAX;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// What is done about an event that the bus refused.
#[derive(LogicState, Debug, Copy, Clone, PartialEq)]
enum RetryState {
    /// None was refused.
    None,
    /// One was: waits for the answers to the others.
    Drain,
    /// The QueueStopped event over the refused place is under way.
    Answer,
    /// It has been answered; nothing is tried twice.
    Done,
}

/// An event and where it goes.
#[derive(LogicStruct, Debug, Copy, Clone, Default, PartialEq)]
struct PlacedEvent {
    addr: Bits<64>,
    data: Bits<512>,
}

/// Events that can be promised in a cycle, none counted: three of a frame and a completion.
const PROMISES: usize = 5;

/// More spare places than this need not be told apart.
const SPARE_MAX: usize = 31;

/// The event queue.
// At one time at most 4 frames with 3 events each and 4 others are not in `spare` yet.
#[block(ENTRY_BYTES * 8 == 512, RING_LOG2_MAX < 16, RX_ROOM_ENTRIES + 16 < SPARE_MAX)]
pub struct EventQueue {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Time, for QueueStopped events.
    pub now: Signal<In, Bits<64>>,
    /// Register QUEUE_ENABLE.
    pub queue_enable: Signal<In, Bit>,
    /// Registers EVENT_BASE.
    pub event_base: Signal<In, Bits<64>>,
    /// Register EVENT_LOG2.
    pub event_log2: Signal<In, Bits<4>>,
    /// Doorbell EVENT_CONSUMER.
    pub event_consumer: Signal<In, Bits<32>>,
    /// An event of the receive path, with phase 0.
    pub rx_event_data: Signal<In, Bits<512>>,
    /// There is one.
    pub rx_event_valid: Signal<In, Bit>,
    /// The last one of a frame: nothing comes between the events of one frame.
    pub rx_event_last: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub rx_event_ready: Signal<Out, Bit>,
    /// At this clock edge receive promises so many events, for one more frame; only while `rx_room`.
    pub rx_reserve: Signal<In, Bits<2>>,
    /// A completion, with phase 0.
    pub tx_event_data: Signal<In, Bits<512>>,
    /// There is one.
    pub tx_event_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub tx_event_ready: Signal<Out, Bit>,
    /// There is room for the events of one more frame.
    pub rx_room: Signal<Out, Bit>,
    /// A bus read was answered with an error; one cycle.
    pub read_error_valid: Signal<In, Bit>,
    /// Its address.
    pub read_error_addr: Signal<In, Bits<64>>,
    /// A bus write was answered with an error; one cycle.
    pub write_error_valid: Signal<In, Bit>,
    /// Its address.
    pub write_error_addr: Signal<In, Bits<64>>,
    /// A DMA error has stopped the queue.
    pub stopped: Signal<Out, Bit>,
    /// Where the event goes.
    pub event_addr: Signal<Out, Bits<64>>,
    /// The event.
    pub event_data: Signal<Out, Bits<512>>,
    /// There is an event to write.
    pub event_valid: Signal<Out, Bit>,
    /// The event is taken at this clock edge.
    pub event_ready: Signal<In, Bit>,
    /// The oldest event's write has been answered; one cycle.
    pub event_done_valid: Signal<In, Bit>,
    /// With an error.
    pub event_done_error: Signal<In, Bit>,
    /// Events that the host can read: those before this index are in its memory.
    pub events_written: Signal<Out, Bits<32>>,
    /// An event was written; one cycle.
    pub count_event: Signal<Out, Bit>,
    /// An event waits to be written or answered.
    pub busy: Signal<Out, Bit>,
    retry: DFF<RetryState>,
    /// Nothing of this block's own stands in the way of an event.
    opens: DFF<Bit>,
    was_enabled: DFF<Bit>,
    /// The queue was enabled anew: 3 while answers from before are still to come, then down to 0 while the room is counted.
    clearing: DFF<Bits<2>>,
    /// Events taken, and promised by receive.
    promised: DFF<Bits<32>>,
    /// Doorbell and size as registers: what is computed from them is a cycle late.
    consumer: DFF<Bits<32>>,
    mask: DFF<Bits<16>>,
    /// Of the promised events those that the host has not read, a cycle ago.
    used: DFF<Bits<32>>,
    /// Free places less one, two cycles ago.
    spare_all: DFF<Bits<32>>,
    /// Three cycles ago, 31 if there are more; unless there are none.
    spare: DFF<Bits<5>>,
    is_full: DFF<Bit>,
    /// Events promised at the last clock edge, the last two, and the last three: those are not in `spare` yet.
    recent: DFF<Bits<5>>,
    recent_two: DFF<Bits<5>>,
    recent_three: DFF<Bits<5>>,
    /// Doorbell or size have changed.
    has_moved: DFF<Bit>,
    /// Cycles until that shows in the room.
    settling: DFF<Bits<3>>,
    room_rx: DFF<Bit>,
    room_tx: DFF<Bit>,
    /// Place and phase of the next event.
    place: DFF<Bits<16>>,
    phase: DFF<Bit>,
    /// The place is the ring's last.
    is_last_place: DFF<Bit>,
    /// Events taken whose writes have not been answered.
    outstanding: DFF<Bits<16>>,
    /// There were none a cycle ago.
    is_quiet: DFF<Bit>,
    /// Events whose writes have been answered.
    written: DFF<Bits<32>>,
    /// All answers have come since an event was refused.
    retry_ready: DFF<Bit>,
    /// Index of the first event that the bus refused.
    refused_index: DFF<Bits<32>>,
    /// Its registers keep the writer's ready away from receive and from the room.
    placed: Skid<PlacedEvent>,
    /// An event went that is not its frame's last: the next one of the frame follows.
    within_frame: DFF<Bit>,
    /// The last event was receive's: a waiting completion is next.
    tx_turn: DFF<Bit>,
    has_stopped: DFF<Bit>,
    stop_waits: DFF<Bit>,
    stop_status: DFF<Bits<8>>,
    stop_addr: DFF<Bits<64>>,
    mask_now: Signal<Local, Bits<32>>,
    size: Signal<Local, Bits<16>>,
    size_differs: Signal<Local, Bit>,
    promise: Signal<Local, Bits<5>>,
    /// Whether there will be room for a frame, and for a completion, by how many events are promised at this clock edge: that is known last.
    room_rx_by_promise: [Signal<Local, Bit>; PROMISES],
    room_tx_by_promise: [Signal<Local, Bit>; PROMISES],
    open: Signal<Local, Bit>,
    /// What would be taken, if the queue is open: so many bits do not wait for whether it is.
    wants_stop: Signal<Local, Bit>,
    may_tx: Signal<Local, Bit>,
    is_draining: Signal<Local, Bit>,
    take_stop: Signal<Local, Bit>,
    take_rx: Signal<Local, Bit>,
    take_tx: Signal<Local, Bit>,
    take_retry: Signal<Local, Bit>,
    /// The answer is that to the QueueStopped event over a refused place.
    is_overwritten: Signal<Local, Bit>,
    shown_place: Signal<Local, Bits<64>>,
    /// All events have `kind` and `phase` at the same place.
    chosen: Signal<Local, CompletionEvent>,
}

#[kernel]
impl Logic for EventQueue {
    fn update(&mut self) {
        let one: Bits<32> = 1;
        let most: Bits<5> = SPARE_MAX;
        let rx_room_less_one: Bits<5> = RX_ROOM_ENTRIES - 1;
        let log2_entry_bytes: Bits<4> = clog2(ENTRY_BYTES);
        let base_mask: Bits<64> = BASE_MASK;
        let stopped_kind: Bits<8> = EventKind::QueueStopped as u8;
        let read_error_status: Bits<8> = Status::ReadError as u8;
        let write_error_status: Bits<8> = Status::WriteError as u8;

        self.mask_now.next = (one << self.event_log2.val()) - 1;
        self.mask.d.next = bit_cast::<16, 32>(self.mask_now.val());
        self.size_differs.next = self.mask.d.val() != self.mask.q.val();
        self.size.next = ((self.mask.q.val() << 1) | 1) ^ self.mask.q.val();

        // Whose turn it is. First what is left of a frame, then the event that says that the queue has stopped.
        self.open.next = self.opens.q.val() & self.queue_enable.val() & self.placed.s_ready.val();
        self.wants_stop.next =
            self.room_tx.q.val() & self.stop_waits.q.val() & !self.within_frame.q.val();
        self.take_stop.next = self.open.val() & self.wants_stop.val();
        self.rx_event_ready.next = self.open.val()
            & !self.take_stop.val()
            & (self.within_frame.q.val()
                | !self.tx_turn.q.val()
                | !self.tx_event_valid.val()
                | !self.room_tx.q.val());
        self.may_tx.next = self.room_tx.q.val()
            & !self.within_frame.q.val()
            & (self.tx_turn.q.val() | !self.rx_event_valid.val());
        self.tx_event_ready.next = self.open.val() & !self.take_stop.val() & self.may_tx.val();
        if !self.queue_enable.val() {
            self.rx_event_ready.next = true;
            self.tx_event_ready.next = true;
        }
        self.take_rx.next = self.rx_event_valid.val() & self.rx_event_ready.val();
        self.take_tx.next = self.tx_event_valid.val() & self.tx_event_ready.val();
        self.is_quiet.d.next = self.outstanding.q.val() == 0;
        self.is_draining.next = self.retry.q.val() == RetryState::Drain;
        self.retry_ready.d.next = self.is_draining.val() & self.is_quiet.q.val();
        self.take_retry.next =
            self.is_draining.val() & self.retry_ready.q.val() & self.queue_enable.val();

        // Room. A consumer index that is ahead of the events written, which is the host's mistake, makes the ring look full. Places that
        // are promised show in `spare` three cycles later; until then they are counted in `recent_three`.
        self.consumer.d.next = self.event_consumer.val();
        self.has_moved.d.next =
            (self.event_consumer.val() != self.consumer.q.val()) | self.size_differs.val();
        if self.has_moved.q.val() {
            self.settling.d.next = 3.into();
        } else if self.settling.q.val().any() {
            self.settling.d.next = self.settling.q.val() - 1;
        }
        self.used.d.next = self.promised.q.val() - self.consumer.q.val();
        self.spare_all.d.next = bit_cast::<32, 16>(self.mask.q.val()) - self.used.q.val();
        self.is_full.d.next = self.spare_all.q.val().get_bit(31);
        self.spare.d.next = bit_cast::<5, 32>(self.spare_all.q.val());
        if (self.spare_all.q.val() >> 5).any() {
            self.spare.d.next = most;
        }
        self.promise.next = bit_cast::<5, 2>(self.rx_reserve.val());
        if self.open.val() & (self.take_stop.val() | self.take_tx.val()) {
            self.promise.next = bit_cast::<5, 2>(self.rx_reserve.val()) + 1;
        }
        self.recent.d.next = self.promise.val();
        self.recent_two.d.next = self.promise.val() + self.recent.q.val();
        self.recent_three.d.next = self.promise.val() + self.recent_two.q.val();
        self.promised.d.next = self.promised.q.val() + bit_cast::<32, 5>(self.promise.val());
        self.room_rx.d.next = false;
        self.room_tx.d.next = false;
        for i in 0_usize..5 {
            self.room_rx_by_promise[i].next =
                self.spare.q.val() >= (rx_room_less_one + self.recent_three.q.val() + i.to_bits());
            self.room_tx_by_promise[i].next =
                self.spare.q.val() >= (self.recent_three.q.val() + i.to_bits());
            if (self.promise.val() == i.to_bits()) & !self.is_full.q.val() {
                self.room_rx.d.next = self.room_rx_by_promise[i].val();
                self.room_tx.d.next = self.room_tx_by_promise[i].val();
            }
        }
        self.rx_room.next = self.room_rx.q.val() & (self.clearing.q.val() == 0);

        // The event, its place and its phase: 1 on the first pass.
        self.chosen.next = self.rx_event_data.val().into();
        if self.may_tx.val() & self.tx_event_valid.val() {
            self.chosen.next = self.tx_event_data.val().into();
        }
        self.shown_place.next = bit_cast::<64, 16>(self.place.q.val());
        if self.wants_stop.val() | self.is_draining.val() {
            self.chosen.next = bits::<512>(0).into();
            self.chosen.next.kind = stopped_kind;
            self.chosen.next.status = self.stop_status.q.val();
            self.chosen.next.address = self.stop_addr.q.val();
            self.chosen.next.timestamp = self.now.val();
        }
        self.chosen.next.phase = self.phase.q.val();
        if self.is_draining.val() {
            self.chosen.next.phase =
                (bit_cast::<16, 32>(self.refused_index.q.val()) & self.size.val()) == 0;
            self.shown_place.next = bit_cast::<64, 16>(
                bit_cast::<16, 32>(self.refused_index.q.val()) & self.mask.q.val(),
            );
        }

        self.placed.s_data.next.addr =
            (self.event_base.val() & base_mask) + (self.shown_place.val() << log2_entry_bytes);
        self.placed.s_data.next.data = self.chosen.val().into();
        self.placed.s_valid.next = (self.open.val()
            & (self.take_stop.val() | self.take_rx.val() | self.take_tx.val()))
            | self.take_retry.val();
        if self.placed.s_valid.val() {
            self.outstanding.d.next = self.outstanding.q.val() + 1;
            if self.event_done_valid.val() {
                self.outstanding.d.next = self.outstanding.q.val();
            }
            if !self.take_retry.val() {
                self.place.d.next = self.place.q.val() + 1;
                self.is_last_place.d.next = (self.place.q.val() + 1) == self.mask.q.val();
                if self.is_last_place.q.val() {
                    self.place.d.next = 0.into();
                    self.is_last_place.d.next = self.mask.q.val() == 0;
                    self.phase.d.next = !self.phase.q.val();
                }
            }
        } else if self.event_done_valid.val() {
            self.outstanding.d.next = self.outstanding.q.val() - 1;
        }
        if self.take_stop.val() {
            self.stop_waits.d.next = false;
        }
        if self.take_rx.val() {
            self.within_frame.d.next = !self.rx_event_last.val();
            self.tx_turn.d.next = true;
        }
        if self.take_tx.val() {
            self.tx_turn.d.next = false;
        }
        self.event_addr.next = self.placed.m_data.val().addr;
        self.event_data.next = self.placed.m_data.val().data;
        self.event_valid.next = self.placed.m_valid.val();
        self.placed.m_ready.next = self.event_ready.val();

        // The first error stops the queue.
        if (self.read_error_valid.val() | self.write_error_valid.val()) & !self.has_stopped.q.val()
        {
            self.has_stopped.d.next = true;
            self.stop_waits.d.next = true;
            self.stop_status.d.next = read_error_status;
            self.stop_addr.d.next = self.read_error_addr.val();
            if self.write_error_valid.val() {
                self.stop_status.d.next = write_error_status;
                self.stop_addr.d.next = self.write_error_addr.val();
            }
        }
        self.stopped.next = self.has_stopped.q.val();

        // Answers, in the order of the writes.
        self.is_overwritten.next = self.retry.q.val() == RetryState::Answer;
        if self.event_done_valid.val() & !self.is_overwritten.val() {
            self.written.d.next = self.written.q.val() + 1;
        }
        self.count_event.next = self.event_done_valid.val() & !self.event_done_error.val();
        self.events_written.next = self.written.q.val();
        match self.retry.q.val() {
            RetryState::None => {
                if self.event_done_valid.val() & self.event_done_error.val() {
                    self.refused_index.d.next = self.written.q.val();
                    // The QueueStopped event that would go behind goes over the refused place instead.
                    self.stop_waits.d.next = false;
                    self.retry.d.next = RetryState::Drain;
                }
            }
            RetryState::Drain => {
                self.events_written.next = self.refused_index.q.val();
                if self.take_retry.val() {
                    self.retry.d.next = RetryState::Answer;
                }
                if !self.queue_enable.val() {
                    self.retry.d.next = RetryState::Done;
                }
            }
            RetryState::Answer => {
                self.events_written.next = self.refused_index.q.val();
                if self.event_done_valid.val() {
                    self.retry.d.next = RetryState::Done;
                }
            }
            RetryState::Done => {}
        }

        self.was_enabled.d.next = self.queue_enable.val();
        if (self.clearing.q.val() == 3) & self.is_quiet.q.val() {
            self.clearing.d.next = 2.into();
            self.promised.d.next = 0.into();
            self.written.d.next = 0.into();
            self.place.d.next = 0.into();
            self.is_last_place.d.next = self.mask.q.val() == 0;
            self.phase.d.next = true;
            self.within_frame.d.next = false;
            self.retry.d.next = RetryState::None;
        } else if (self.clearing.q.val() != 3) & (self.clearing.q.val() != 0) {
            self.clearing.d.next = self.clearing.q.val() - 1;
        }
        if self.queue_enable.val() & !self.was_enabled.q.val() {
            self.clearing.d.next = 3.into();
            self.has_stopped.d.next = false;
            self.stop_waits.d.next = false;
        }
        self.busy.next = !self.is_quiet.q.val()
            | self.placed.m_valid.val()
            | (self.clearing.q.val() != 0)
            | self.has_moved.q.val()
            | self.settling.q.val().any()
            | self.recent_three.q.val().any()
            | self.is_draining.val()
            | (self.stop_waits.q.val() & self.room_tx.q.val() & self.open.val());

        self.opens.d.next = self.queue_enable.val()
            & (self.clearing.d.val() == 0)
            & ((self.retry.d.val() == RetryState::None) | (self.retry.d.val() == RetryState::Done));

        if self.rst.val() {
            self.retry.d.next = RetryState::None;
            self.opens.d.next = false;
            self.was_enabled.d.next = false;
            self.clearing.d.next = 0.into();
            self.promised.d.next = 0.into();
            self.recent.d.next = 0.into();
            self.recent_two.d.next = 0.into();
            self.recent_three.d.next = 0.into();
            self.room_rx.d.next = false;
            self.room_tx.d.next = false;
            self.place.d.next = 0.into();
            self.phase.d.next = true;
            self.outstanding.d.next = 0.into();
            self.is_quiet.d.next = true;
            self.written.d.next = 0.into();
            self.within_frame.d.next = false;
            self.tx_turn.d.next = false;
            self.has_stopped.d.next = false;
            self.stop_waits.d.next = false;
        }
    }
}
