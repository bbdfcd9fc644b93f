//! Carries out a verdict: writes the payload into a slot and the events into the ring, and throws the rest of the frame away.
//!
//! ```text
//!                    ┌──> trimmer: which bytes of the frame
//!  decoded, judged ──┼──> DMA writer: where to ── done ─┐
//!                    └──────────────────────────────────┴──> address, SACK and receive event
//! ```
//!
//! The receive event follows the payload's write response, so whoever sees the event may read the payload. Frames without payload use neither slot nor
//! writer. Latency: 1 cycle from `decoded_valid` to `event_valid`, with a payload as long as its write takes. Throughput without payload: one frame in 2 cycles (one
//! more with addresses, and with SACK), if the trimmer gets rid of it as fast. One clock; reset forgets the frame. When the bus refuses a payload, the frame is a `Disabled` drop: the queue
//! stops. Counters: `count_drop` with its reason, one of `count_flow`, `count_listen`, `count_miss`, `count_raw`, and `count_payload`.

use crate::fields::{AddressEvent, RxEvent, SackEvent};
use handclasp_layout::queue;
use rust_hdl::prelude::*;

/// What the dispatcher is doing.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
enum DispatchState {
    /// Takes the next frame.
    Idle,
    /// Its payload is being written.
    Payload,
    /// The address event waits for the ring.
    Address,
    /// The SACK event waits for the ring.
    Sack,
    /// The receive event waits for the ring.
    Event,
}

/// The dispatcher.
#[derive(LogicBlock)]
pub struct Dispatch {
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
    /// The frame goes into the slot that is shown.
    pub uses_slot: Signal<In, Bit>,
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
    /// Number of the next free receive slot.
    pub slot_number: Signal<In, Bits<16>>,
    /// Its I/O address.
    pub slot_addr: Signal<In, Bits<64>>,
    /// The slot that is shown is taken at this clock edge.
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
    /// For one cycle: the bytes are in memory.
    pub done_valid: Signal<In, Bit>,
    /// With `done_valid`: the bus refused them, so they are not in memory.
    pub done_error: Signal<In, Bit>,
    /// An event for the ring, phase 0.
    pub event_data: Signal<Out, Bits<512>>,
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
    state: DFF<DispatchState>,
    rx_event: DFF<RxEvent>,
    sack: DFF<SackEvent>,
    address: DFF<AddressEvent>,
    trim_skip: DFF<Bits<16>>,
    trim_len: DFF<Bits<16>>,
    trim_pending: DFF<Bit>,
    request_address: DFF<Bits<64>>,
    request_len: DFF<Bits<16>>,
    request_pending: DFF<Bit>,
    take: Signal<Local, Bit>,
    has_address: Signal<Local, Bit>,
    is_raw: Signal<Local, Bit>,
    is_drop: Signal<Local, Bit>,
    wanted_bytes: Signal<Local, Bits<16>>,
    finished: Signal<Local, Bit>,
    event_out: Signal<Local, RxEvent>,
    verdict_flow: Constant<Bits<8>>,
    verdict_listen: Constant<Bits<8>>,
    verdict_miss: Constant<Bits<8>>,
    verdict_raw: Constant<Bits<8>>,
    verdict_drop: Constant<Bits<8>>,
    reason_disabled: Constant<Bits<8>>,
    reason_oversize: Constant<Bits<8>>,
}

impl Default for Dispatch {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            decoded_event: Default::default(),
            decoded_sack: Default::default(),
            decoded_address: Default::default(),
            payload_at_bytes: Default::default(),
            connection: Default::default(),
            generation: Default::default(),
            verdict: Default::default(),
            drop_reason: Default::default(),
            uses_slot: Default::default(),
            decoded_valid: Default::default(),
            decoded_ready: Default::default(),
            monitor: Default::default(),
            queue_runs: Default::default(),
            rx_room: Default::default(),
            slot_number: Default::default(),
            slot_addr: Default::default(),
            slot_take: Default::default(),
            trim_skip_bytes: Default::default(),
            trim_len_bytes: Default::default(),
            trim_valid: Default::default(),
            trim_ready: Default::default(),
            request_addr: Default::default(),
            request_len_bytes: Default::default(),
            request_valid: Default::default(),
            request_ready: Default::default(),
            done_valid: Default::default(),
            done_error: Default::default(),
            event_data: Default::default(),
            event_valid: Default::default(),
            event_ready: Default::default(),
            count_drop: Default::default(),
            count_drop_reason: Default::default(),
            count_flow: Default::default(),
            count_listen: Default::default(),
            count_miss: Default::default(),
            count_raw: Default::default(),
            count_payload: Default::default(),
            busy: Default::default(),
            state: Default::default(),
            rx_event: Default::default(),
            sack: Default::default(),
            address: Default::default(),
            trim_skip: Default::default(),
            trim_len: Default::default(),
            trim_pending: Default::default(),
            request_address: Default::default(),
            request_len: Default::default(),
            request_pending: Default::default(),
            take: Default::default(),
            has_address: Default::default(),
            is_raw: Default::default(),
            is_drop: Default::default(),
            wanted_bytes: Default::default(),
            finished: Default::default(),
            event_out: Default::default(),
            verdict_flow: Constant::new((queue::Verdict::Flow as u64).into()),
            verdict_listen: Constant::new((queue::Verdict::Listen as u64).into()),
            verdict_miss: Constant::new((queue::Verdict::Miss as u64).into()),
            verdict_raw: Constant::new((queue::Verdict::Raw as u64).into()),
            verdict_drop: Constant::new((queue::Verdict::Drop as u64).into()),
            reason_disabled: Constant::new((queue::DropReason::Disabled as u64).into()),
            reason_oversize: Constant::new((queue::DropReason::Oversize as u64).into()),
        }
    }
}

impl Logic for Dispatch {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            state,
            rx_event,
            sack,
            address,
            trim_skip,
            trim_len,
            trim_pending
        );
        dff_setup!(self, clk, request_address, request_len, request_pending);

        // Commands to trimmer and writer stay until they are taken.
        self.trim_skip_bytes.next = self.trim_skip.q.val();
        self.trim_len_bytes.next = self.trim_len.q.val();
        self.trim_valid.next = self.trim_pending.q.val();
        if self.trim_ready.val() {
            self.trim_pending.d.next = false;
        }
        self.request_addr.next = self.request_address.q.val();
        self.request_len_bytes.next = self.request_len.q.val();
        self.request_valid.next = self.request_pending.q.val();
        if self.request_ready.val() {
            self.request_pending.d.next = false;
        }

        // The event of the frame that waits at the input.
        self.is_raw.next = self.verdict.val() == self.verdict_raw.val();
        self.is_drop.next = self.verdict.val() == self.verdict_drop.val();
        // The host knows the addresses of its own connections.
        self.has_address.next =
            self.decoded_event.val().is_ipv4 & (self.verdict.val() != self.verdict_flow.val());
        self.event_out.next = self.decoded_event.val();
        self.event_out.next.verdict = self.verdict.val();
        self.event_out.next.drop_reason = self.drop_reason.val();
        self.event_out.next.has_address = self.has_address.val();
        self.wanted_bytes.next = bit_cast::<16, 24>(self.decoded_event.val().payload_len_bytes);
        if self.is_raw.val() {
            self.wanted_bytes.next = self.decoded_event.val().frame_len_bytes;
        }
        self.event_out.next.payload_len_bytes = bit_cast::<24, 16>(self.wanted_bytes.val());
        if self.verdict.val() == self.verdict_flow.val() {
            self.event_out.next.connection = self.connection.val();
            self.event_out.next.generation = self.generation.val();
        }
        if self.uses_slot.val() {
            self.event_out.next.has_slot = true;
            self.event_out.next.slot = self.slot_number.val();
        }

        self.decoded_ready.next =
            (self.state.q.val() == DispatchState::Idle) & !self.trim_pending.q.val();
        self.take.next = self.decoded_ready.val() & self.decoded_valid.val();
        self.slot_take.next = self.take.val() & self.uses_slot.val();
        self.event_valid.next = false;
        self.event_data.next = self.rx_event.q.val().into();
        self.finished.next = false;
        // Oversize is not counted here: the ingress has counted it.
        self.count_drop.next = self.take.val()
            & self.is_drop.val()
            & (self.drop_reason.val() != self.reason_oversize.val());
        self.count_drop_reason.next = self.drop_reason.val();
        self.count_payload.next = false;
        match self.state.q.val() {
            // Take the frame, and a slot if it needs one. The trimmer hands the bytes that are wanted to the writer, and drops the rest.
            DispatchState::Idle => {
                if self.take.val() {
                    self.rx_event.d.next = self.event_out.val();
                    self.sack.d.next = self.decoded_sack.val();
                    self.address.d.next = self.decoded_address.val();
                    self.trim_pending.d.next = true;
                    self.trim_skip.d.next = 0.into();
                    self.trim_len.d.next = 0.into();
                    if !self.is_drop.val()
                        | (self.monitor.val() & self.queue_runs.val() & self.rx_room.val())
                    {
                        self.state.d.next = DispatchState::Event;
                        if self.decoded_event.val().sack_count.any() {
                            self.state.d.next = DispatchState::Sack;
                        }
                        if self.has_address.val() {
                            self.state.d.next = DispatchState::Address;
                        }
                    }
                    if self.uses_slot.val() {
                        if !self.is_raw.val() {
                            self.trim_skip.d.next = self.payload_at_bytes.val();
                        }
                        self.trim_len.d.next = self.wanted_bytes.val();
                        self.request_address.d.next = self.slot_addr.val();
                        self.request_len.d.next = self.wanted_bytes.val();
                        self.request_pending.d.next = true;
                        self.state.d.next = DispatchState::Payload;
                    }
                }
            }
            // The event must not be seen before the payload.
            DispatchState::Payload => {
                if self.done_valid.val() {
                    self.count_payload.next = !self.done_error.val();
                    self.state.d.next = DispatchState::Event;
                    if self.rx_event.q.val().sack_count.any() {
                        self.state.d.next = DispatchState::Sack;
                    }
                    if self.rx_event.q.val().has_address {
                        self.state.d.next = DispatchState::Address;
                    }
                    if self.done_error.val() {
                        self.count_drop.next = true;
                        self.count_drop_reason.next = self.reason_disabled.val();
                        self.state.d.next = DispatchState::Idle;
                    }
                }
            }
            // Before the SACK event, if there is one, and the receive event.
            DispatchState::Address => {
                self.event_data.next = self.address.q.val().into();
                self.event_valid.next = true;
                if self.event_ready.val() {
                    self.state.d.next = DispatchState::Event;
                    if self.rx_event.q.val().sack_count.any() {
                        self.state.d.next = DispatchState::Sack;
                    }
                }
            }
            // Directly before its receive event.
            DispatchState::Sack => {
                self.event_data.next = self.sack.q.val().into();
                self.event_valid.next = true;
                if self.event_ready.val() {
                    self.state.d.next = DispatchState::Event;
                }
            }
            DispatchState::Event => {
                self.event_valid.next = true;
                if self.event_ready.val() {
                    self.finished.next = true;
                    self.state.d.next = DispatchState::Idle;
                }
            }
        }
        self.count_flow.next =
            self.finished.val() & (self.rx_event.q.val().verdict == self.verdict_flow.val());
        self.count_listen.next =
            self.finished.val() & (self.rx_event.q.val().verdict == self.verdict_listen.val());
        self.count_miss.next =
            self.finished.val() & (self.rx_event.q.val().verdict == self.verdict_miss.val());
        self.count_raw.next =
            self.finished.val() & (self.rx_event.q.val().verdict == self.verdict_raw.val());
        self.busy.next = (self.state.q.val() != DispatchState::Idle) | self.trim_pending.q.val();

        if self.rst.val() {
            self.state.d.next = DispatchState::Idle;
            self.trim_pending.d.next = false;
            self.request_pending.d.next = false;
        }
    }
}
