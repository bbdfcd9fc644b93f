//! Writes events into the host's ring: from receive and from commands, and its own when a DMA error stops the queue.
//!
//! ```text
//!  rx_event ──┐
//!  tx_event ──┼─> arbiter ── phase ──> event register ──> Writer
//!  errors ────┘     ^                                       │
//!                   └─ room: event_consumer (doorbell)      v
//!  events_written, stopped <─────────────────────────── event_done
//! ```
//!
//! Ownership: an entry is the NIC's until its phase bit has the value of this pass, then the host's until `event_consumer` has passed it. Nothing
//! is overwritten that the host has not read. Receive sees `rx_room` only while `RX_ROOM_ENTRIES` are free, so the last ones are for completions.
//!
//! Arbitration: receive first, then a waiting completion has its turn; nothing comes between the events of a frame.
//!
//! Latency: 1 cycle from `rx_event` or `tx_event` to `event_valid`, 1 from the answer to `events_written`. Throughput: one event a cycle. One clock; reset
//! and a rising `queue_enable` take the indices to 0 (after the writes under way). Without `queue_enable` events are taken and forgotten, so that nobody waits for a
//! ring that is not there.
//!
//! Errors: the first `read_error` or `write_error` sets `stopped` and writes one QueueStopped event with the refused address, if the ring can still be
//! written; a rising `queue_enable` clears it. Counter: `Events` (`count_event`), when the write has been answered without error.

use crate::fields::CompletionEvent;
use handclasp_layout::frame::RX_ROOM_ENTRIES;
use handclasp_layout::queue::{EventKind, Status, ENTRY_BYTES};
use handclasp_layout::register::RING_LOG2_MAX;
use rust_hdl::prelude::*;

/// The event queue.
#[derive(LogicBlock)]
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
    /// It is taken at this clock edge.
    pub rx_event_ready: Signal<Out, Bit>,
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
    /// Events whose write has been answered: the index of the next one.
    pub events_written: Signal<Out, Bits<32>>,
    /// An event was written; one cycle.
    pub count_event: Signal<Out, Bit>,
    /// An event waits to be written or answered.
    pub busy: Signal<Out, Bit>,
    was_enabled: DFF<Bit>,
    /// The queue was enabled anew, and still waits for answers from before.
    clearing: DFF<Bit>,
    produced: DFF<Bits<32>>,
    written: DFF<Bits<32>>,
    held: DFF<Bit>,
    addr: DFF<Bits<64>>,
    data: DFF<Bits<512>>,
    /// An AddressEvent or a SackEvent went; its RxEvent is next, or a SackEvent before that.
    within_frame: DFF<Bit>,
    /// The last event was receive's: a waiting completion is next.
    tx_turn: DFF<Bit>,
    has_stopped: DFF<Bit>,
    stop_waits: DFF<Bit>,
    stop_status: DFF<Bits<8>>,
    stop_addr: DFF<Bits<64>>,
    used: Signal<Local, Bits<32>>,
    size: Signal<Local, Bits<32>>,
    place: Signal<Local, Bits<64>>,
    phase: Signal<Local, Bit>,
    open: Signal<Local, Bit>,
    take_stop: Signal<Local, Bit>,
    take_rx: Signal<Local, Bit>,
    take_tx: Signal<Local, Bit>,
    /// All events have `kind` and `phase` at the same place.
    rx_event: Signal<Local, CompletionEvent>,
    chosen: Signal<Local, CompletionEvent>,
    one: Constant<Bits<32>>,
    rx_room_entries: Constant<Bits<32>>,
    log2_entry_bytes: Constant<Bits<4>>,
    sack_kind: Constant<Bits<8>>,
    address_kind: Constant<Bits<8>>,
    stopped_kind: Constant<Bits<8>>,
    read_error_status: Constant<Bits<8>>,
    write_error_status: Constant<Bits<8>>,
}

impl Default for EventQueue {
    fn default() -> Self {
        const { assert!(ENTRY_BYTES * 8 == 512 && RING_LOG2_MAX < 16) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            now: Default::default(),
            queue_enable: Default::default(),
            event_base: Default::default(),
            event_log2: Default::default(),
            event_consumer: Default::default(),
            rx_event_data: Default::default(),
            rx_event_valid: Default::default(),
            rx_event_ready: Default::default(),
            tx_event_data: Default::default(),
            tx_event_valid: Default::default(),
            tx_event_ready: Default::default(),
            rx_room: Default::default(),
            read_error_valid: Default::default(),
            read_error_addr: Default::default(),
            write_error_valid: Default::default(),
            write_error_addr: Default::default(),
            stopped: Default::default(),
            event_addr: Default::default(),
            event_data: Default::default(),
            event_valid: Default::default(),
            event_ready: Default::default(),
            event_done_valid: Default::default(),
            event_done_error: Default::default(),
            events_written: Default::default(),
            count_event: Default::default(),
            busy: Default::default(),
            was_enabled: Default::default(),
            clearing: Default::default(),
            produced: Default::default(),
            written: Default::default(),
            held: Default::default(),
            addr: Default::default(),
            data: Default::default(),
            within_frame: Default::default(),
            tx_turn: Default::default(),
            has_stopped: Default::default(),
            stop_waits: Default::default(),
            stop_status: Default::default(),
            stop_addr: Default::default(),
            used: Default::default(),
            size: Default::default(),
            place: Default::default(),
            phase: Default::default(),
            open: Default::default(),
            take_stop: Default::default(),
            take_rx: Default::default(),
            take_tx: Default::default(),
            rx_event: Default::default(),
            chosen: Default::default(),
            one: Constant::new(bits(1)),
            rx_room_entries: Constant::new(RX_ROOM_ENTRIES.to_bits()),
            log2_entry_bytes: Constant::new(clog2(ENTRY_BYTES).to_bits()),
            sack_kind: Constant::new((EventKind::Sack as u8).to_bits()),
            address_kind: Constant::new((EventKind::Address as u8).to_bits()),
            stopped_kind: Constant::new((EventKind::QueueStopped as u8).to_bits()),
            read_error_status: Constant::new((Status::ReadError as u8).to_bits()),
            write_error_status: Constant::new((Status::WriteError as u8).to_bits()),
        }
    }
}

impl Logic for EventQueue {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            was_enabled,
            clearing,
            produced,
            written,
            held,
            addr,
            data
        );
        dff_setup!(
            self,
            clk,
            within_frame,
            tx_turn,
            has_stopped,
            stop_waits,
            stop_status,
            stop_addr
        );

        // Room. A consumer index that is ahead of the events written, which is the host's mistake, makes the ring look full.
        self.size.next = self.one.val() << self.event_log2.val();
        self.used.next = self.produced.q.val() - self.event_consumer.val();
        self.rx_room.next = self.used.val() <= (self.size.val() - self.rx_room_entries.val());
        self.open.next = self.was_enabled.q.val()
            & self.queue_enable.val()
            & !self.clearing.q.val()
            & (self.event_ready.val() | !self.held.q.val())
            & (self.used.val() < self.size.val());

        // Whose turn it is. First the RxEvent of a SackEvent that has gone, then the event that says that the queue has stopped.
        self.take_stop.next =
            self.open.val() & self.stop_waits.q.val() & !self.within_frame.q.val();
        self.rx_event_ready.next = self.open.val()
            & !self.take_stop.val()
            & (self.within_frame.q.val() | !self.tx_turn.q.val() | !self.tx_event_valid.val());
        self.tx_event_ready.next = self.open.val()
            & !self.take_stop.val()
            & !self.within_frame.q.val()
            & (self.tx_turn.q.val() | !self.rx_event_valid.val());
        if !self.queue_enable.val() {
            self.rx_event_ready.next = true;
            self.tx_event_ready.next = true;
        }
        self.take_rx.next = self.rx_event_valid.val() & self.rx_event_ready.val();
        self.take_tx.next = self.tx_event_valid.val() & self.tx_event_ready.val();

        // The event, its place and its phase: 1 on the first pass.
        self.place.next = bit_cast::<64, 32>(self.produced.q.val() & (self.size.val() - 1));
        self.phase.next = (self.produced.q.val() & self.size.val()) == 0;
        self.rx_event.next = self.rx_event_data.val().into();
        self.chosen.next = self.rx_event_data.val().into();
        if self.take_tx.val() {
            self.chosen.next = self.tx_event_data.val().into();
        }
        if self.take_stop.val() {
            self.chosen.next = bits::<512>(0).into();
            self.chosen.next.kind = self.stopped_kind.val();
            self.chosen.next.status = self.stop_status.q.val();
            self.chosen.next.address = self.stop_addr.q.val();
            self.chosen.next.timestamp = self.now.val();
        }
        self.chosen.next.phase = self.phase.val();

        if self.event_ready.val() {
            self.held.d.next = false;
        }
        if self.open.val() & (self.take_stop.val() | self.take_rx.val() | self.take_tx.val()) {
            self.held.d.next = true;
            self.addr.d.next =
                self.event_base.val() + (self.place.val() << self.log2_entry_bytes.val());
            self.data.d.next = self.chosen.val().into();
            self.produced.d.next = self.produced.q.val() + 1;
        }
        if self.take_stop.val() {
            self.stop_waits.d.next = false;
        }
        if self.take_rx.val() {
            self.within_frame.d.next = (self.rx_event.val().kind == self.sack_kind.val())
                | (self.rx_event.val().kind == self.address_kind.val());
            self.tx_turn.d.next = true;
        }
        if self.take_tx.val() {
            self.tx_turn.d.next = false;
        }
        self.event_addr.next = self.addr.q.val();
        self.event_data.next = self.data.q.val();
        self.event_valid.next = self.held.q.val();

        // Answers.
        if self.event_done_valid.val() {
            self.written.d.next = self.written.q.val() + 1;
        }
        self.count_event.next = self.event_done_valid.val() & !self.event_done_error.val();
        self.events_written.next = self.written.q.val();

        // The first error stops the queue.
        if (self.read_error_valid.val() | self.write_error_valid.val()) & !self.has_stopped.q.val()
        {
            self.has_stopped.d.next = true;
            self.stop_waits.d.next = true;
            self.stop_status.d.next = self.read_error_status.val();
            self.stop_addr.d.next = self.read_error_addr.val();
            if self.write_error_valid.val() {
                self.stop_status.d.next = self.write_error_status.val();
                self.stop_addr.d.next = self.write_error_addr.val();
            }
        }
        self.stopped.next = self.has_stopped.q.val();

        self.was_enabled.d.next = self.queue_enable.val();
        if self.clearing.q.val() & (self.produced.q.val() == self.written.q.val()) {
            self.clearing.d.next = false;
            self.produced.d.next = 0.into();
            self.written.d.next = 0.into();
        }
        if self.queue_enable.val() & !self.was_enabled.q.val() {
            self.clearing.d.next = true;
            self.has_stopped.d.next = false;
            self.stop_waits.d.next = false;
        }
        self.busy.next = (self.produced.q.val() != self.written.q.val())
            | self.clearing.q.val()
            | (self.stop_waits.q.val() & self.open.val());

        if self.rst.val() {
            self.was_enabled.d.next = false;
            self.clearing.d.next = false;
            self.produced.d.next = 0.into();
            self.written.d.next = 0.into();
            self.held.d.next = false;
            self.within_frame.d.next = false;
            self.tx_turn.d.next = false;
            self.has_stopped.d.next = false;
            self.stop_waits.d.next = false;
        }
    }
}
