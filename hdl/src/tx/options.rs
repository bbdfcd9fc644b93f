//! Lays out the TCP options of a segment: which ones, in which order, padded with NOPs to whole 32-bit words.
//!
//! ```text
//!                                  base words
//!  command ─> timestamps, then SACK ────────> │ ten words │──> bytes
//!          └> MSS, scale, permitted ────────> │  shifted  │    (is_laid_out)
//!                                  one a cycle
//! ```
//!
//! On the wire: MSS `02 04 mm mm`, window scale `01 03 03 ss`, SACK permitted `01 01 04 02`, timestamps `01 01 08 0a` and two words, SACK
//! `01 01 05 ll` and two words a block. Options beyond ten words would be lost here; [`CommandCheck`](crate::tx::command_check) has refused
//! such commands before.
//!
//! Timestamps and SACK blocks, which established connections send, are laid out at once. What stands before them belongs to SYNs: it is pushed in from the
//! front, the last one first, so the words move by one and not by up to three, which would take three times as many multiplexers.
//!
//! Latency: 1 cycle, the cycle with `advance`, and one more for each of MSS, scale and permitted. Throughput: one command a cycle; a SYN
//! with all three takes four. One clock; no errors, no counters. Reset ends the layout under way.

use crate::fields::SegmentCommand;
use handclasp_layout::header::tcp_option::*;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The option layout.
#[block]
pub struct Options {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The command that `command` will be in the next cycle, if `take`.
    pub arriving: Signal<In, SegmentCommand>,
    /// `arriving` becomes `command` at this clock edge.
    pub take: Signal<In, Bit>,
    /// Which options, and their values.
    pub command: Signal<In, SegmentCommand>,
    /// Lay out the command from this clock edge on; only when `is_laid_out`.
    pub advance: Signal<In, Bit>,
    /// The options of the command taken last, in network order: the first byte on top, zeros behind the last.
    pub bytes: Signal<Out, Bits<320>>,
    /// They are complete.
    pub is_laid_out: Signal<Out, Bit>,
    /// `command` has timestamps.
    has_stamps: DFF<Bit>,
    /// `command` has timestamps and at least so many SACK blocks; no timestamps, and so many.
    behind: [DFF<Bit>; 3],
    alone: [DFF<Bit>; 3],
    words: [DFF<Bits<32>>; 10],
    /// Still to be pushed in.
    permitted_waits: DFF<Bit>,
    scale_waits: DFF<Bit>,
    mss_waits: DFF<Bit>,
    /// Any of them.
    is_open: DFF<Bit>,
    mss: DFF<Bits<16>>,
    window_scale: DFF<Bits<4>>,
    sack_word: Signal<Local, Bits<32>>,
    prefix: Signal<Local, Bits<32>>,
    word: Signal<Local, Bits<32>>,
}

/// The first 32-bit word of an option, NOPs in front.
const fn option_word(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes)
}

#[kernel]
impl Logic for Options {
    fn update(&mut self) {
        let mss_option: Bits<32> = option_word([MSS, MSS_BYTES, 0, 0]);
        let window_scale_option: Bits<32> = option_word([NOP, WINDOW_SCALE, WINDOW_SCALE_BYTES, 0]);
        let sack_permitted_option: Bits<32> =
            option_word([NOP, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES]);
        let timestamps_option: Bits<32> = option_word([NOP, NOP, TIMESTAMPS, TIMESTAMPS_BYTES]);
        let sack_option: Bits<32> = option_word([NOP, NOP, SACK, 2]);

        if self.take.val() {
            self.has_stamps.d.next = self.arriving.val().has_timestamps;
            for i in 0..3 {
                self.behind[i].d.next = self.arriving.val().has_timestamps
                    & (self.arriving.val().sack_count > i.to_bits::<4>());
                self.alone[i].d.next = !self.arriving.val().has_timestamps
                    & (self.arriving.val().sack_count > i.to_bits::<4>());
            }
        }
        self.sack_word.next = sack_option + (bit_cast::<32, 4>(self.command.val().sack_count) << 3);

        // Maximum segment size (RFC 9293 3.7.1), window scale (RFC 7323 2.2), SACK permitted (RFC 2018 2): in this order, so pushed in in the other.
        self.prefix.next = mss_option | bit_cast::<32, 16>(self.mss.q.val());
        self.mss_waits.d.next = false;
        if self.scale_waits.q.val() {
            self.prefix.next = window_scale_option | bit_cast::<32, 4>(self.window_scale.q.val());
            self.mss_waits.d.next = self.mss_waits.q.val();
        }
        self.scale_waits.d.next = false;
        if self.permitted_waits.q.val() {
            self.prefix.next = sack_permitted_option;
            self.mss_waits.d.next = self.mss_waits.q.val();
            self.scale_waits.d.next = self.scale_waits.q.val();
        }
        self.permitted_waits.d.next = false;
        self.is_open.d.next = (self.permitted_waits.q.val()
            & (self.scale_waits.q.val() | self.mss_waits.q.val()))
            | (self.scale_waits.q.val() & self.mss_waits.q.val());
        if self.is_open.q.val() {
            self.words[0].d.next = self.prefix.val();
            for i in 1..10 {
                self.words[i].d.next = self.words[i - 1].q.val();
            }
        }

        if self.advance.val() {
            self.permitted_waits.d.next = self.command.val().has_sack_permitted;
            self.scale_waits.d.next = self.command.val().has_window_scale;
            self.mss_waits.d.next = self.command.val().has_mss;
            self.is_open.d.next = self.command.val().has_sack_permitted
                | self.command.val().has_window_scale
                | self.command.val().has_mss;
            self.mss.d.next = self.command.val().mss;
            self.window_scale.d.next = self.command.val().window_scale;
            for i in 0..10 {
                self.words[i].d.next = 0.into();
            }
            // Timestamps (RFC 7323 3.2, laid out as in its appendix A), SACK behind them (RFC 2018 3).
            if self.has_stamps.q.val() {
                self.words[0].d.next = timestamps_option;
                self.words[1].d.next = self.command.val().ts_val;
                self.words[2].d.next = self.command.val().ts_ecr;
            }
            if self.behind[0].q.val() {
                self.words[3].d.next = self.sack_word.val();
                self.words[4].d.next = self.command.val().sack0_left;
                self.words[5].d.next = self.command.val().sack0_right;
            }
            if self.behind[1].q.val() {
                self.words[6].d.next = self.command.val().sack1_left;
                self.words[7].d.next = self.command.val().sack1_right;
            }
            if self.behind[2].q.val() {
                self.words[8].d.next = self.command.val().sack2_left;
                self.words[9].d.next = self.command.val().sack2_right;
            }
            // SACK alone.
            if self.alone[0].q.val() {
                self.words[0].d.next = self.sack_word.val();
                self.words[1].d.next = self.command.val().sack0_left;
                self.words[2].d.next = self.command.val().sack0_right;
            }
            if self.alone[1].q.val() {
                self.words[3].d.next = self.command.val().sack1_left;
                self.words[4].d.next = self.command.val().sack1_right;
            }
            if self.alone[2].q.val() {
                self.words[5].d.next = self.command.val().sack2_left;
                self.words[6].d.next = self.command.val().sack2_right;
            }
        }

        self.bytes.next = 0.into();
        for i in 0..10 {
            self.word.next = self.words[i].q.val();
            self.bytes.next = (self.bytes.val() << 32) | bit_cast::<320, 32>(self.word.val());
        }
        self.is_laid_out.next = !self.is_open.q.val();

        if self.rst.val() {
            self.is_open.d.next = false;
        }
    }
}
