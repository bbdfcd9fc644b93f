//! Keeps one completion until the event queue takes it, so that frames go on leaving meanwhile.
//!
//! ```text
//!  done (assembler) ──> │ register │──> tx_event (event queue)
//! ```
//!
//! Latency: 1 cycle. Throughput: one completion every 2 cycles. One clock; reset forgets the completion. When the event ring has no room,
//! the next command that wants a completion waits in the assembler, and the commands behind it. No counters.

use crate::fields::CompletionEvent;
use crate::tx::job::Frame;
use handclasp_layout::queue::{EventKind, Status};
use rust_hdl::prelude::*;

/// The completion register.
#[derive(LogicBlock)]
pub struct Completion {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The command that has ended.
    pub done_frame: Signal<In, Frame>,
    /// The now input when it ended.
    pub done_timestamp: Signal<In, Bits<64>>,
    /// There is something to complete.
    pub done_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub done_ready: Signal<Out, Bit>,
    /// A CompletionEvent, its phase 0.
    pub tx_event_data: Signal<Out, Bits<512>>,
    /// There is an event.
    pub tx_event_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub tx_event_ready: Signal<In, Bit>,
    held: DFF<Frame>,
    timestamp: DFF<Bits<64>>,
    valid: DFF<Bit>,
    event_fields: Signal<Local, CompletionEvent>,
    empty_completion: Constant<CompletionEvent>,
    status_read_error: Constant<Bits<8>>,
}

impl Default for Completion {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            done_frame: Default::default(),
            done_timestamp: Default::default(),
            done_valid: Default::default(),
            done_ready: Default::default(),
            tx_event_data: Default::default(),
            tx_event_valid: Default::default(),
            tx_event_ready: Default::default(),
            held: Default::default(),
            timestamp: Default::default(),
            valid: Default::default(),
            event_fields: Default::default(),
            empty_completion: Constant::new(CompletionEvent {
                kind: bits(EventKind::Completion as u64),
                ..Default::default()
            }),
            status_read_error: Constant::new(bits(Status::ReadError as u64)),
        }
    }
}

impl Logic for Completion {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, held, timestamp, valid);

        self.done_ready.next = !self.valid.q.val();
        if !self.valid.q.val() {
            self.valid.d.next = self.done_valid.val();
            self.held.d.next = self.done_frame.val();
            self.timestamp.d.next = self.done_timestamp.val();
        } else if self.tx_event_ready.val() {
            self.valid.d.next = false;
        }

        self.event_fields.next = self.empty_completion.val();
        self.event_fields.next.status = self.held.q.val().status;
        self.event_fields.next.opcode = self.held.q.val().opcode;
        self.event_fields.next.connection = self.held.q.val().connection;
        self.event_fields.next.command_index = self.held.q.val().command_index;
        self.event_fields.next.timestamp = self.timestamp.q.val();
        if self.held.q.val().status == self.status_read_error.val() {
            self.event_fields.next.address = self.held.q.val().payload_addr;
        }
        self.tx_event_data.next = self.event_fields.val().into();
        self.tx_event_valid.next = self.valid.q.val();

        if self.rst.val() {
            self.valid.d.next = false;
        }
    }
}
