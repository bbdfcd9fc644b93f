//! Sends the MSI-X message that the host has armed, not more often than moderation allows.
//!
//! ```text
//!  arm_write, arm_index ──> armed, index ─┐
//!  events_written ──────────── later? ────┤
//!  now - not_before >= 0 ─────────────────┴──> request ──> msix_vector, msix_valid
//! ```
//!
//! One arming gives at most one message (register INTERRUPT_ARM). There is no timer: when a message goes, the time of the next one is kept, and
//! while a due message waits for it, `busy` is high, so that a simulator does not skip over that time.
//!
//! Latency: 1 cycle from `events_written`, 2 from arming for an event that is already written, to `msix_valid`.
//! Throughput: one message in 2 cycles. One clock; reset and a rising `queue_enable` disarm. No errors. Counter: `Interrupts` (`count_interrupt`).

use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The interrupt of one queue.
#[block]
pub struct Interrupt {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Time, in the units of `moderation`.
    pub now: Signal<In, Bits<64>>,
    /// Register QUEUE_ENABLE.
    pub queue_enable: Signal<In, Bit>,
    /// Register MSIX_VECTOR.
    pub msix_vector_register: Signal<In, Bits<16>>,
    /// Register MODERATION_NS: shortest time between two messages.
    pub moderation: Signal<In, Bits<32>>,
    /// The doorbell INTERRUPT_ARM is written.
    pub arm_write: Signal<In, Bit>,
    /// With this value.
    pub arm_index: Signal<In, Bits<32>>,
    /// Events whose write has been answered: the index of the next one.
    pub events_written: Signal<In, Bits<32>>,
    /// Vector of the message.
    pub msix_vector: Signal<Out, Bits<16>>,
    /// A message is to be sent.
    pub msix_valid: Signal<Out, Bit>,
    /// The message is taken at this clock edge.
    pub msix_ready: Signal<In, Bit>,
    /// A message was requested; one cycle.
    pub count_interrupt: Signal<Out, Bit>,
    /// A message is requested, or due and waiting for moderation.
    pub busy: Signal<Out, Bit>,
    was_enabled: DFF<Bit>,
    armed: DFF<Bit>,
    /// The index behind the armed one: `events_written` when that event is written.
    index_behind: DFF<Bits<32>>,
    /// When the next message may go, if there was one.
    not_before: DFF<Bits<64>>,
    has_last: DFF<Bit>,
    request: DFF<Bit>,
    vector: DFF<Bits<16>>,
    distance: Signal<Local, Bits<32>>,
    is_due: Signal<Local, Bit>,
    since: Signal<Local, Bits<64>>,
    is_moderated: Signal<Local, Bit>,
}

#[kernel]
impl Logic for Interrupt {
    fn update(&mut self) {
        // Indices are free-running: `events_written` has come to `index_behind` when it is less than 2^31 ahead. So is time.
        self.distance.next = self.events_written.val() - self.index_behind.q.val();
        self.is_due.next = self.armed.q.val()
            & self.was_enabled.q.val()
            & !self.request.q.val()
            & !self.distance.val().get_bit(31);
        self.since.next = self.now.val() - self.not_before.q.val();
        self.is_moderated.next = self.has_last.q.val() & self.since.val().get_bit(63);

        self.count_interrupt.next = false;
        if self.msix_ready.val() {
            self.request.d.next = false;
        }
        if self.is_due.val() & !self.is_moderated.val() {
            self.request.d.next = true;
            self.vector.d.next = self.msix_vector_register.val();
            self.armed.d.next = false;
            self.not_before.d.next = self.now.val() + bit_cast::<64, 32>(self.moderation.val());
            self.has_last.d.next = true;
            self.count_interrupt.next = true;
        }
        if self.arm_write.val() {
            self.armed.d.next = true;
            self.index_behind.d.next = self.arm_index.val() + 1;
        }
        self.was_enabled.d.next = self.queue_enable.val();
        if self.queue_enable.val() & !self.was_enabled.q.val() {
            self.armed.d.next = false;
            self.has_last.d.next = false;
        }

        self.msix_vector.next = self.vector.q.val();
        self.msix_valid.next = self.request.q.val();
        self.busy.next = self.request.q.val() | self.is_due.val();

        if self.rst.val() {
            self.was_enabled.d.next = false;
            self.armed.d.next = false;
            self.has_last.d.next = false;
            self.request.d.next = false;
        }
    }
}
