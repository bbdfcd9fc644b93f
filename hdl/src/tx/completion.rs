//! Keeps one completion until its frame has left and the event queue takes it, so that frames go on leaving meanwhile.
//!
//! ```text
//!  done (assembler) ──> │ register │──> tx_event (event queue)
//!  now ──── left ──────>│          │
//! ```
//!
//! Latency: 1 cycle from `left` (or from a command that sends nothing) to the event. Throughput: one completion every 3 cycles. One clock;
//! reset forgets the completion. When the event ring has no room, the next command that wants a completion waits in the assembler, and the
//! commands behind it. No counters.

use crate::fields::CompletionEvent;
use crate::tx::job::Done;
use handclasp_layout::queue::{EventKind, Status};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// What the completion register holds.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum CompletionState {
    /// Nothing.
    Empty,
    /// A completion whose frame has not left.
    Wait,
    /// A completion for the event queue.
    Offer,
}

/// The completion register.
#[block]
pub struct Completion {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The now input.
    pub now: Signal<In, Bits<64>>,
    /// What to tell.
    pub done: Signal<In, Done>,
    /// It is told when `left` comes; else at once.
    pub done_sends: Signal<In, Bit>,
    /// There is something to complete.
    pub done_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub done_ready: Signal<Out, Bit>,
    /// The last beat of the frame that is to be completed leaves.
    pub left: Signal<In, Bit>,
    /// A CompletionEvent, its phase 0.
    pub tx_event_data: Signal<Out, Bits<512>>,
    /// There is an event.
    pub tx_event_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub tx_event_ready: Signal<In, Bit>,
    /// A completion is kept.
    pub busy: Signal<Out, Bit>,
    state: DFF<CompletionState>,
    held: DFF<Done>,
    timestamp: DFF<Bits<64>>,
    event_fields: Signal<Local, CompletionEvent>,
    #[value(CompletionEvent {
                kind: bits(EventKind::Completion as u64),
                ..Default::default()
            })]
    empty_completion: Constant<CompletionEvent>,
}

#[kernel]
impl Logic for Completion {
    fn update(&mut self) {
        let status_read_error: Bits<8> = Status::ReadError;

        self.done_ready.next = false;
        self.tx_event_valid.next = false;
        self.busy.next = true;
        match self.state.q.val() {
            CompletionState::Empty => {
                self.busy.next = false;
                self.done_ready.next = true;
                if self.done_valid.val() {
                    self.held.d.next = self.done.val();
                    self.timestamp.d.next = self.now.val();
                    self.state.d.next = CompletionState::Offer;
                    if self.done_sends.val() {
                        self.state.d.next = CompletionState::Wait;
                    }
                }
            }
            CompletionState::Wait => {
                if self.left.val() {
                    self.timestamp.d.next = self.now.val();
                    self.state.d.next = CompletionState::Offer;
                }
            }
            CompletionState::Offer => {
                self.tx_event_valid.next = true;
                if self.tx_event_ready.val() {
                    self.state.d.next = CompletionState::Empty;
                }
            }
        }

        self.event_fields.next = self.empty_completion.val();
        self.event_fields.next.status = self.held.q.val().status;
        self.event_fields.next.opcode = self.held.q.val().opcode;
        self.event_fields.next.connection = self.held.q.val().connection;
        self.event_fields.next.command_index = self.held.q.val().command_index;
        self.event_fields.next.timestamp = self.timestamp.q.val();
        if self.held.q.val().status == status_read_error {
            self.event_fields.next.address = self.held.q.val().payload_addr;
        }
        self.tx_event_data.next = self.event_fields.val().into();

        if self.rst.val() {
            self.state.d.next = CompletionState::Empty;
        }
    }
}
