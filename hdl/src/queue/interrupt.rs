//! Sends the MSI-X message that the host has armed, not more often than moderation allows.
//!
//! ```text
//!  arm_write, arm_index ──> armed, index ─┐
//!  events_written ──────────── later? ────┤
//!  now >= not_before, half by half ────────┴──> request ──> msix_vector, msix_valid
//! ```
//!
//! One arming gives at most one message (register INTERRUPT_ARM). There is no timer: when a message goes, the time of the next one is kept, and
//! while a due message waits for it, `busy` is high, so that a simulator does not skip over that time.
//!
//! Latency: 2 cycles from `events_written`, 3 from arming for an event that is already written, to `msix_valid`.
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
    /// It was armed a cycle ago as well; `events_written` had come to its index then.
    was_armed: DFF<Bit>,
    is_reached: DFF<Bit>,
    /// The next message's `not_before` in halves, a cycle late: the carry between them stands in a register.
    later_low: DFF<Bits<33>>,
    now_high: DFF<Bits<32>>,
    /// How time compares with `not_before`, half by half, a cycle late.
    low_is_early: DFF<Bit>,
    high_is_early: DFF<Bit>,
    high_is_same: DFF<Bit>,
    later_high: Signal<Local, Bits<32>>,
    distance: Signal<Local, Bits<32>>,
    is_due: Signal<Local, Bit>,
    is_moderated: Signal<Local, Bit>,
}

#[kernel]
impl Logic for Interrupt {
    fn update(&mut self) {
        let low_mask: Bits<64> = 0xffff_ffff_u64;
        let sum_mask: Bits<33> = 0xffff_ffff_u64;

        // Indices are free-running: `events_written` has come to `index_behind` when it is less than 2^31 ahead.
        self.distance.next = self.events_written.val() - self.index_behind.q.val();
        self.is_due.next = self.armed.q.val()
            & self.was_enabled.q.val()
            & !self.request.q.val()
            & self.was_armed.q.val()
            & self.is_reached.q.val();
        self.was_armed.d.next = self.armed.q.val() & !self.arm_write.val();
        self.is_reached.d.next = !self.distance.val().get_bit(31);
        // A message is no earlier for it: that `not_before` is a cycle older makes up for the comparison's cycle.
        self.low_is_early.d.next =
            bit_cast::<32, 64>(self.now.val()) < bit_cast::<32, 64>(self.not_before.q.val());
        self.high_is_early.d.next = bit_cast::<32, 64>(self.now.val() >> 32)
            < bit_cast::<32, 64>(self.not_before.q.val() >> 32);
        self.high_is_same.d.next = bit_cast::<32, 64>(self.now.val() >> 32)
            == bit_cast::<32, 64>(self.not_before.q.val() >> 32);
        self.is_moderated.next = self.has_last.q.val()
            & (self.high_is_early.q.val()
                | (self.high_is_same.q.val() & self.low_is_early.q.val()));
        self.later_low.d.next = bit_cast::<33, 64>(self.now.val() & low_mask)
            + bit_cast::<33, 32>(self.moderation.val());
        self.now_high.d.next = bit_cast::<32, 64>(self.now.val() >> 32);
        self.later_high.next =
            self.now_high.q.val() + bit_cast::<32, 33>(self.later_low.q.val() >> 32);

        self.count_interrupt.next = false;
        if self.msix_ready.val() {
            self.request.d.next = false;
        }
        if self.is_due.val() & !self.is_moderated.val() {
            self.request.d.next = true;
            self.vector.d.next = self.msix_vector_register.val();
            self.armed.d.next = false;
            self.not_before.d.next = (bit_cast::<64, 32>(self.later_high.val()) << 32)
                | bit_cast::<64, 33>(self.later_low.q.val() & sum_mask);
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
        self.busy.next = self.request.q.val()
            | self.is_due.val()
            | (self.armed.q.val() & !self.was_armed.q.val());

        if self.rst.val() {
            self.was_enabled.d.next = false;
            self.armed.d.next = false;
            self.was_armed.d.next = false;
            self.has_last.d.next = false;
            self.request.d.next = false;
        }
    }
}
