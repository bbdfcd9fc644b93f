//! The counters of BAR0: one pulse, one count.
//!
//! ```text
//!  count_drop, count_drop_reason ── decode ──┐
//!  count_… (one pulse an event) ─────────────┴─> increments ──> 32-bit counters ──> value[n]
//! ```
//!
//! Latency: 2 cycles from pulse to value: what counts stands in a register first, so that nobody's logic ends in the adders. Throughput: every counter can count one event in every cycle. One clock; reset zeroes. Free-running:
//! they wrap, and reading changes nothing. Values are registers, so that reading them costs no logic. No errors.
//!
//! Counter n for n = 1 to 15 is drop reason n (`handclasp_layout::register::Counter`).

use handclasp_layout::register::{Counter, COUNTERS};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Number of counters.
pub const COUNTER_COUNT: usize = COUNTERS.len();

/// The block, from one line a pulse: the input, the constant with its counter's bit, the counter.
macro_rules! counters_block {
    ($($doc:literal $input:ident, $bit:ident => $counter:ident;)*) => {
        /// The counters.
        #[block]
        pub struct Counters {
            /// Clock.
            pub clk: Signal<In, Clock>,
            /// Synchronous reset.
            pub rst: Signal<In, Bit>,
            /// The receive path dropped a frame.
            pub count_drop: Signal<In, Bit>,
            /// For this `DropReason`.
            pub count_drop_reason: Signal<In, Bits<8>>,
            $(#[doc = $doc] pub $input: Signal<In, Bit>,)*
            /// A pulse has not been counted yet.
            pub busy: Signal<Out, Bit>,
            /// The counters, by their number.
            pub value: [Signal<Out, Bits<32>>; COUNTER_COUNT],
            counter: [DFF<Bits<32>>; COUNTER_COUNT],
            increments: DFF<Bits<COUNTER_COUNT>>,
            pulses: Signal<Local, Bits<COUNTER_COUNT>>,
        }

        #[kernel]
        impl Logic for Counters {
            fn update(&mut self) {
                let one: Bits<COUNTER_COUNT> = 1;
                let counter_count: Bits<8> = COUNTER_COUNT;
                $(let $bit: Bits<COUNTER_COUNT> = 1_u64 << Counter::$counter as u64;)*

                self.pulses.next = 0.into();
                if self.count_drop.val() & (self.count_drop_reason.val() < counter_count) {
                    self.pulses.next = one << self.count_drop_reason.val();
                }
                $(
                    if self.$input.val() {
                        self.pulses.next = self.pulses.val() | $bit;
                    }
                )*
                self.increments.d.next = self.pulses.val();
                self.busy.next = self.increments.q.val().any();
                if self.rst.val() {
                    self.increments.d.next = 0.into();
                }
                for i in 0..30 {
                    if self.increments.q.val().get_bit(i) {
                        self.counter[i].d.next = self.counter[i].q.val() + 1;
                    }
                    if self.rst.val() {
                        self.counter[i].d.next = 0.into();
                    }
                    self.value[i].next = self.counter[i].q.val();
                }
            }
        }
    };
}

// The loop of the kernel has this number as a literal: see the crate's documentation.
const _: () = assert!(COUNTER_COUNT == 30);

counters_block! {
    "A frame arrived from the wire, good or bad." count_rx_frame, rx_frame_bit => RxFrames;
    "Ingress dropped a bad frame." count_bad_frame, bad_frame_bit => RxDropBadFrame;
    "Ingress dropped a frame, its FIFO being full." count_fifo_overflow, fifo_overflow_bit => RxDropFifoOverflow;
    "Ingress dropped an oversize frame." count_oversize, oversize_bit => RxDropOversize;
    "A segment of a known connection was delivered." count_flow, flow_bit => RxFlow;
    "A segment to a listening port was delivered." count_listen, listen_bit => RxListen;
    "A segment that matches nothing was delivered." count_miss, miss_bit => RxMiss;
    "A frame that is not TCP was delivered." count_raw, raw_bit => RxRaw;
    "A payload was written to a slot." count_payload, payload_bit => RxPayloads;
    "An event was written." count_event, event_bit => Events;
    "A command was fetched." count_command, command_bit => Commands;
    "A command was refused." count_bad_command, bad_command_bit => BadCommands;
    "A segment was built." count_tx_segment, tx_segment_bit => TxSegments;
    "A raw frame was sent." count_tx_raw, tx_raw_bit => TxRaw;
    "A frame was handed to the MAC." count_tx_frame, tx_frame_bit => TxFrames;
    "A bus read was answered with an error." count_read_error, read_error_bit => ReadErrors;
    "A bus write was answered with an error." count_write_error, write_error_bit => WriteErrors;
    "An MSI-X message was requested." count_interrupt, interrupt_bit => Interrupts;
}
