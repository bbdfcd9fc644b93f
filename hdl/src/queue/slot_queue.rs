//! The receive slots that the host has posted, shown one at a time.
//!
//! ```text
//!  slot_producer (doorbell) ──┐
//!                             ├─ != ─────────────────────────> slot_valid   ┐
//!  next slot's index ─────────┤                                             ├ registers
//!       ^                     └─ modulo N ─┬────────────────> slot_number   │
//!       └── + 1 ── slot_take               └ * SLOT_BYTES + base ─> slot_addr ┘
//! ```
//!
//! Ownership: slots before `slot_producer` are the NIC's; the event that names a slot gives it back to the host. Slots are used in order, so
//! one index is enough.
//!
//! Latency: the next slot is shown in the cycle after `slot_take`, a posted slot one cycle after its doorbell register. Throughput: one slot a
//! cycle. One clock; reset, and a rising `queue_enable`, take the index to 0. No errors, no counters. The lowest 12 bits of the base read as 0.

use super::BASE_MASK;
use handclasp_layout::register::{RING_LOG2_MAX, SLOT_BYTES};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The slot queue.
#[block(SLOT_BYTES.is_power_of_two(), RING_LOG2_MAX < 16)]
pub struct SlotQueue {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Register QUEUE_ENABLE.
    pub queue_enable: Signal<In, Bit>,
    /// Registers SLOT_BASE.
    pub slot_base: Signal<In, Bits<64>>,
    /// Register SLOT_LOG2.
    pub slot_log2: Signal<In, Bits<4>>,
    /// Doorbell SLOT_PRODUCER.
    pub slot_producer: Signal<In, Bits<32>>,
    /// A slot is there to be filled.
    pub slot_valid: Signal<Out, Bit>,
    /// Its number, below the number of slots.
    pub slot_number: Signal<Out, Bits<16>>,
    /// Its address.
    pub slot_addr: Signal<Out, Bits<64>>,
    /// The shown slot is taken at this clock edge; only while `slot_valid`.
    pub slot_take: Signal<In, Bit>,
    /// The size has changed: what is shown follows.
    pub busy: Signal<Out, Bit>,
    /// The index of the slot that is shown, and the one behind it.
    index: DFF<Bits<32>>,
    index_behind: DFF<Bits<32>>,
    valid: DFF<Bit>,
    /// The size as a register.
    mask: DFF<Bits<32>>,
    settling: DFF<Bit>,
    number: DFF<Bits<16>>,
    addr: DFF<Bits<64>>,
    was_enabled: DFF<Bit>,
    next_index: Signal<Local, Bits<32>>,
    next_number: Signal<Local, Bits<32>>,
}

#[kernel]
impl Logic for SlotQueue {
    fn update(&mut self) {
        let one: Bits<32> = 1;
        let log2_slot_bytes: Bits<4> = clog2(SLOT_BYTES);
        let base_mask: Bits<64> = BASE_MASK;

        self.slot_valid.next = self.valid.q.val();
        self.slot_number.next = self.number.q.val();
        self.slot_addr.next = self.addr.q.val();

        // The index to show next: both candidates are registers.
        self.next_index.next = self.index.q.val();
        if self.slot_take.val() {
            self.next_index.next = self.index_behind.q.val();
            self.index_behind.d.next = self.index_behind.q.val() + 1;
        }
        self.was_enabled.d.next = self.queue_enable.val();
        if self.queue_enable.val() & !self.was_enabled.q.val() {
            self.next_index.next = 0.into();
            self.index_behind.d.next = 1.into();
        }
        self.mask.d.next = (one << self.slot_log2.val()) - 1;
        self.settling.d.next = self.mask.d.val() != self.mask.q.val();
        self.busy.next = self.settling.q.val();
        self.next_number.next = self.next_index.val() & self.mask.q.val();
        self.index.d.next = self.next_index.val();
        self.valid.d.next =
            self.queue_enable.val() & (self.next_index.val() != self.slot_producer.val());
        self.number.d.next = bit_cast::<16, 32>(self.next_number.val());
        self.addr.d.next = (self.slot_base.val() & base_mask)
            + (bit_cast::<64, 32>(self.next_number.val()) << log2_slot_bytes);

        if self.rst.val() {
            self.index.d.next = 0.into();
            self.index_behind.d.next = 1.into();
            self.valid.d.next = false;
            self.was_enabled.d.next = false;
        }
    }
}
