//! Lays out the TCP options of a segment: which ones, in which order, padded with NOPs to whole 32-bit words.
//!
//! ```text
//!            ┌─────────────────────────┐ base words  ┌─────────────────────┐
//!  command ─>│ timestamps, then SACK   ├────────────>│ base moved back by  ├──> bytes
//!            ├─────────────────────────┤ 0 to 3 words│ the prefix's length │
//!            │ MSS, scale, permitted   ├────────────>│                     │
//!            └─────────────────────────┘             └─────────────────────┘
//!                                registers: `advance`
//! ```
//!
//! On the wire: MSS `02 04 mm mm`, window scale `01 03 03 ss`, SACK permitted `01 01 04 02`, timestamps `01 01 08 0a` and two words, SACK
//! `01 01 05 ll` and two words a block. Options beyond ten words would be lost here; [`CommandCheck`](crate::tx::command_check) has refused
//! such commands before.
//!
//! Latency: 1 cycle, the cycle with `advance`. Throughput: one command a cycle. One clock; no reset, no errors, no counters.

use crate::fields::SegmentCommand;
use handclasp_layout::header::tcp_option::*;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The option layout.
#[block]
pub struct Options {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Which options, and their values.
    pub command: Signal<In, SegmentCommand>,
    /// Take the command at this clock edge.
    pub advance: Signal<In, Bit>,
    /// The options of the command taken last, in network order: the first byte on top, zeros behind the last.
    pub bytes: Signal<Out, Bits<320>>,
    /// Timestamps and SACK blocks, as if nothing stood before them.
    base: [DFF<Bits<32>>; 10],
    /// MSS, window scale and SACK permitted, those that are there.
    prefix: [DFF<Bits<32>>; 3],
    prefix_words: DFF<Bits<2>>,
    has_sack: Signal<Local, Bit>,
    has_sack1: Signal<Local, Bit>,
    has_sack2: Signal<Local, Bit>,
    sack_word: Signal<Local, Bits<32>>,
    mss_word: Signal<Local, Bits<32>>,
    window_scale_word: Signal<Local, Bits<32>>,
    words: [Signal<Local, Bits<32>>; 10],
    word: Signal<Local, Bits<32>>,
}

/// The first 32-bit word of an option, NOPs in front.
const fn option_word(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes)
}

#[kernel]
impl Logic for Options {
    fn update(&mut self) {
        let no_words: Bits<2> = 0;
        let mss_option: Bits<32> = option_word([MSS, MSS_BYTES, 0, 0]);
        let window_scale_option: Bits<32> = option_word([NOP, WINDOW_SCALE, WINDOW_SCALE_BYTES, 0]);
        let sack_permitted_option: Bits<32> =
            option_word([NOP, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES]);
        let timestamps_option: Bits<32> = option_word([NOP, NOP, TIMESTAMPS, TIMESTAMPS_BYTES]);
        let sack_option: Bits<32> = option_word([NOP, NOP, SACK, 2]);

        self.has_sack.next = self.command.val().sack_count.any();
        self.has_sack1.next = self.command.val().sack_count > 1;
        self.has_sack2.next = self.command.val().sack_count > 2;
        self.sack_word.next = sack_option + (bit_cast::<32, 4>(self.command.val().sack_count) << 3);
        self.mss_word.next = mss_option | bit_cast::<32, 16>(self.command.val().mss);
        self.window_scale_word.next =
            window_scale_option | bit_cast::<32, 4>(self.command.val().window_scale);

        if self.advance.val() {
            for i in 0..10 {
                self.base[i].d.next = 0.into();
            }
            // Timestamps (RFC 7323 3.2, laid out as in its appendix A), SACK behind them (RFC 2018 3).
            if self.command.val().has_timestamps {
                self.base[0].d.next = timestamps_option;
                self.base[1].d.next = self.command.val().ts_val;
                self.base[2].d.next = self.command.val().ts_ecr;
            }
            if self.command.val().has_timestamps & self.has_sack.val() {
                self.base[3].d.next = self.sack_word.val();
                self.base[4].d.next = self.command.val().sack0_left;
                self.base[5].d.next = self.command.val().sack0_right;
            }
            if self.command.val().has_timestamps & self.has_sack1.val() {
                self.base[6].d.next = self.command.val().sack1_left;
                self.base[7].d.next = self.command.val().sack1_right;
            }
            if self.command.val().has_timestamps & self.has_sack2.val() {
                self.base[8].d.next = self.command.val().sack2_left;
                self.base[9].d.next = self.command.val().sack2_right;
            }
            // SACK alone.
            if !self.command.val().has_timestamps & self.has_sack.val() {
                self.base[0].d.next = self.sack_word.val();
                self.base[1].d.next = self.command.val().sack0_left;
                self.base[2].d.next = self.command.val().sack0_right;
            }
            if !self.command.val().has_timestamps & self.has_sack1.val() {
                self.base[3].d.next = self.command.val().sack1_left;
                self.base[4].d.next = self.command.val().sack1_right;
            }
            if !self.command.val().has_timestamps & self.has_sack2.val() {
                self.base[5].d.next = self.command.val().sack2_left;
                self.base[6].d.next = self.command.val().sack2_right;
            }
            // Maximum segment size (RFC 9293 3.7.1), window scale (RFC 7323 2.2), SACK permitted (RFC 2018 2), in this order.
            self.prefix_words.d.next = no_words
                + self.command.val().has_mss
                + self.command.val().has_window_scale
                + self.command.val().has_sack_permitted;
            self.prefix[0].d.next = sack_permitted_option;
            self.prefix[1].d.next = sack_permitted_option;
            self.prefix[2].d.next = sack_permitted_option;
            if self.command.val().has_window_scale {
                self.prefix[0].d.next = self.window_scale_word.val();
            }
            if self.command.val().has_mss {
                self.prefix[0].d.next = self.mss_word.val();
                if self.command.val().has_window_scale {
                    self.prefix[1].d.next = self.window_scale_word.val();
                }
            }
        }

        for i in 0..10 {
            self.words[i].next = self.base[i].q.val();
        }
        if self.prefix_words.q.val() == 1 {
            self.words[0].next = self.prefix[0].q.val();
            for i in 1..10 {
                self.words[i].next = self.base[i - 1].q.val();
            }
        }
        if self.prefix_words.q.val() == 2 {
            self.words[0].next = self.prefix[0].q.val();
            self.words[1].next = self.prefix[1].q.val();
            for i in 2..10 {
                self.words[i].next = self.base[i - 2].q.val();
            }
        }
        if self.prefix_words.q.val() == 3 {
            for i in 0..3 {
                self.words[i].next = self.prefix[i].q.val();
            }
            for i in 3..10 {
                self.words[i].next = self.base[i - 3].q.val();
            }
        }
        self.bytes.next = 0.into();
        for i in 0..10 {
            self.word.next = self.words[i].val();
            self.bytes.next = (self.bytes.val() << 32) | bit_cast::<320, 32>(self.word.val());
        }
    }
}
