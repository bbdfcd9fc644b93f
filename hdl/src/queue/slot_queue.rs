//! The receive slots that the host has posted, shown one at a time.
//!
//! ```text
//!  slot_producer (doorbell) ──> != ──> slot_valid
//!                               ^
//!         ┌──────────┐     ┌────┴────┐
//!   ┌────>│  behind  │────>│  shown  │──> slot_number, slot_addr
//!   │     └────┬─────┘     └─────────┘
//!   └── + 1 <──┘  index, number modulo the ring, address + bytes of a slot
//! ```
//!
//! Ownership: slots before `slot_producer` are the NIC's; the event that names a slot gives it back to the host. Slots are used in order, so
//! one index is enough. Base, number and size of the slots must not change while the queue is enabled.
//!
//! Latency: the next slot is shown in the cycle after `slot_take`, a posted slot one cycle after its doorbell register, the first two after `queue_enable` rises. Throughput: one slot a
//! cycle. One clock; reset, and a rising `queue_enable`, take the index to 0. No errors, no counters. The lowest 12 bits of the base read as 0.

use super::BASE_MASK;
use handclasp_layout::register::RING_LOG2_MAX;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// A slot.
#[derive(LogicStruct, Debug, Copy, Clone, Default, PartialEq)]
struct Slot {
    index: Bits<32>,
    number: Bits<16>,
    addr: Bits<64>,
}

/// The slot queue.
#[block(RING_LOG2_MAX < 16)]
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
    /// log2 of a slot's bytes.
    pub slot_bytes_log2: Signal<In, Bits<4>>,
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
    /// The queue has just been enabled: the first slot comes.
    pub busy: Signal<Out, Bit>,
    shown: DFF<Slot>,
    behind: DFF<Slot>,
    valid: DFF<Bit>,
    /// Sizes as registers.
    last_number: DFF<Bits<16>>,
    slot_bytes: DFF<Bits<16>>,
    was_enabled: DFF<Bit>,
    /// `behind` is the first slot, and nothing is shown.
    begins: DFF<Bit>,
}

#[kernel]
impl Logic for SlotQueue {
    fn update(&mut self) {
        let one: Bits<16> = 1;
        let base_mask: Bits<64> = BASE_MASK;

        self.slot_valid.next = self.valid.q.val();
        self.slot_number.next = self.shown.q.val().number;
        self.slot_addr.next = self.shown.q.val().addr;
        self.last_number.d.next = (one << self.slot_log2.val()) - 1;
        self.slot_bytes.d.next = one << self.slot_bytes_log2.val();

        self.valid.d.next =
            self.queue_enable.val() & (self.shown.q.val().index != self.slot_producer.val());
        if self.slot_take.val() | self.begins.q.val() {
            self.shown.d.next = self.behind.q.val();
            self.valid.d.next =
                self.queue_enable.val() & (self.behind.q.val().index != self.slot_producer.val());
            self.behind.d.next.index = self.behind.q.val().index + 1;
            self.behind.d.next.number = self.behind.q.val().number + 1;
            self.behind.d.next.addr =
                self.behind.q.val().addr + bit_cast::<64, 16>(self.slot_bytes.q.val());
            if self.behind.q.val().number == self.last_number.q.val() {
                self.behind.d.next.number = 0.into();
                self.behind.d.next.addr = self.slot_base.val() & base_mask;
            }
        }
        self.was_enabled.d.next = self.queue_enable.val();
        self.begins.d.next = false;
        if self.queue_enable.val() & !self.was_enabled.q.val() {
            self.begins.d.next = true;
            self.valid.d.next = false;
            self.behind.d.next.index = 0.into();
            self.behind.d.next.number = 0.into();
            self.behind.d.next.addr = self.slot_base.val() & base_mask;
        }
        self.busy.next = self.begins.q.val();

        if self.rst.val() {
            self.valid.d.next = false;
            self.was_enabled.d.next = false;
            self.begins.d.next = false;
        }
    }
}
