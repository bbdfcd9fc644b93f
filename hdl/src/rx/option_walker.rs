//! Walks through TCP options, which stand anywhere and in any order: the way for lists that [`UsualOptions`](crate::rx::usual_options) does not know.
//!
//! ```text
//!            ┌──────────────────┐  4 bytes, rotated  ┌────────┐
//!  options ─>│ rest, shifted by │───────────────────>│ window │──> fields found
//!            │ words of 4 bytes │                    └────────┘
//!            └────────^─────────┘                        │
//!                     └──────── steps of 1 to 4 bytes ───┘
//! ```
//!
//! RFC 9293 3.1: END ends the list, NOP is one byte, every other option is kind, length, value. Known are MSS (RFC 9293 3.7.1), window scale and
//! timestamps (RFC 7323 2.2, 3.2), SACK-permitted and SACK (RFC 2018 2, 3); others are skipped by their length (MUST-6). An option whose length
//! is impossible, or not what its kind demands, ends the walk with `bad` (MUST-7); what was found before stays. An option seen twice
//! counts as it was seen last.
//!
//! Latency from `start` to `done`: 2 cycles, less 1 when the list ends with an END, and for each option or up to four NOPs 2; then 3 for timestamps, 1 + 2 n for n SACK
//! blocks, and one for every four bytes of any other option beyond its first four. Without options `done` stays high. Throughput: one list at a time. One clock;
//! reset stops the walk.

use crate::rx::frame::TcpOptions;
use handclasp_layout::header::tcp_option;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Bits of the longest TCP options.
pub const OPTIONS_BITS: usize = handclasp_layout::frame::OPTIONS_MAX_BYTES * 8;

/// What the walker does.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
enum WalkState {
    /// Nothing: the list that was started last has been walked through.
    Done,
    /// Rotates the next four bytes into the window.
    Align,
    /// Looks at the option in the window, or at NOPs.
    Look,
    /// Rotates the first word of a value into the window.
    First,
    /// Stores a word of timestamps or SACK edges.
    Value,
    /// Skips what is left of an option.
    Skip,
    /// Tells that an option is illegal; the walk ends.
    Illegal,
}

/// The walker.
#[block]
pub struct OptionWalker {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The options, first byte most significant.
    pub options: Signal<In, Bits<OPTIONS_BITS>>,
    /// Bytes of them.
    pub len_bytes: Signal<In, Bits<6>>,
    /// Walk through them, starting now.
    pub start: Signal<In, Bit>,
    /// Forget what the last list held.
    pub clear: Signal<In, Bit>,
    /// Not walking: `found` is that of the list that was started since `clear`, if any.
    pub done: Signal<Out, Bit>,
    /// For one cycle, before `done`: an option of the list is illegal.
    pub is_illegal: Signal<Out, Bit>,
    /// What the list holds.
    pub found: Signal<Out, TcpOptions>,
    state: DFF<WalkState>,
    rest_register: DFF<Bits<OPTIONS_BITS>>,
    /// Bytes in `rest` that have been walked through; from 4 on the first word leaves in this cycle.
    offset: DFF<Bits<3>>,
    /// Bytes of the list behind the window; behind the option, once its length is known.
    rest_bytes: DFF<Bits<6>>,
    window: DFF<Bits<32>>,
    /// Words of a value, or bytes of an option, that are still to come.
    left: DFF<Bits<6>>,
    /// The value's next word has this number.
    place: DFF<Bits<3>>,
    is_sack: DFF<Bit>,
    met: DFF<TcpOptions>,
    timestamps: [DFF<Bits<32>>; 2],
    edges: [DFF<Bits<32>>; 8],
    aligned: Signal<Local, Bits<32>>,
    kind: Signal<Local, Bits<8>>,
    length: Signal<Local, Bits<8>>,
    is_nop: [Signal<Local, Bit>; 4],
    nops: Signal<Local, Bits<3>>,
    /// Bytes of the list behind the window's NOPs.
    behind_nops: Signal<Local, Bits<6>>,
    /// The option's length is possible, and what its kind demands.
    fits: Signal<Local, Bit>,
    is_legal: Signal<Local, Bit>,
    /// Bytes to step on.
    step_bytes: Signal<Local, Bits<3>>,
    word: Signal<Local, Bits<32>>,
    edge_words: Signal<Local, Bits<256>>,
    #[value(TcpOptions::default())]
    nothing: Constant<TcpOptions>,
}

#[kernel]
impl Logic for OptionWalker {
    fn update(&mut self) {
        let end_kind: Bits<8> = tcp_option::END;
        let nop_kind: Bits<8> = tcp_option::NOP;
        let mss_kind: Bits<8> = tcp_option::MSS;
        let mss_bytes: Bits<8> = tcp_option::MSS_BYTES;
        let window_scale_kind: Bits<8> = tcp_option::WINDOW_SCALE;
        let window_scale_bytes: Bits<8> = tcp_option::WINDOW_SCALE_BYTES;
        let sack_permitted_kind: Bits<8> = tcp_option::SACK_PERMITTED;
        let sack_permitted_bytes: Bits<8> = tcp_option::SACK_PERMITTED_BYTES;
        let timestamps_kind: Bits<8> = tcp_option::TIMESTAMPS;
        let timestamps_bytes: Bits<8> = tcp_option::TIMESTAMPS_BYTES;
        let sack_kind: Bits<8> = tcp_option::SACK;
        // Length of a SACK option with one block.
        let sack_one_bytes: Bits<8> = 2 + tcp_option::SACK_BLOCK_BYTES;
        // Length of a SACK option with four blocks.
        let sack_four_bytes: Bits<8> = 2 + 4 * tcp_option::SACK_BLOCK_BYTES;

        self.aligned.next = 0.into();
        for i in 0_usize..8 {
            if self.offset.q.val() == i.to_bits() {
                self.aligned.next = self.rest_register.q.val().get_bits::<32>(288 - 8 * i);
            }
        }

        // What stands in the window.
        self.kind.next = self.window.q.val().get_bits::<8>(24);
        self.length.next = self.window.q.val().get_bits::<8>(16);
        for i in 0..4 {
            self.is_nop[i].next = self.window.q.val().get_bits::<8>(24 - 8 * i) == nop_kind;
        }
        // The list may end before the NOPs do: what looks like more of them is no part of it.
        self.nops.next = 1.into();
        self.behind_nops.next = self.rest_bytes.q.val() - 1;
        if self.is_nop[1].val() {
            self.nops.next = 2.into();
            self.behind_nops.next = self.rest_bytes.q.val() - 2;
            if self.rest_bytes.q.val() < 2 {
                self.behind_nops.next = 0.into();
            }
        }
        if self.is_nop[1].val() & self.is_nop[2].val() {
            self.nops.next = 3.into();
            self.behind_nops.next = self.rest_bytes.q.val() - 3;
            if self.rest_bytes.q.val() < 3 {
                self.behind_nops.next = 0.into();
            }
        }
        if self.is_nop[1].val() & self.is_nop[2].val() & self.is_nop[3].val() {
            self.nops.next = 4.into();
            self.behind_nops.next = self.rest_bytes.q.val() - 4;
            if self.rest_bytes.q.val() < 4 {
                self.behind_nops.next = 0.into();
            }
        }
        // RFC 9293 3.1: the length counts kind and length itself; MUST-7: any length may come.
        self.fits.next = (self.length.val() >= 2)
            & (self.length.val() <= bit_cast::<8, 6>(self.rest_bytes.q.val()));
        self.is_legal.next = true;
        if self.kind.val() == mss_kind {
            self.is_legal.next = self.length.val() == mss_bytes;
        }
        if self.kind.val() == window_scale_kind {
            self.is_legal.next = self.length.val() == window_scale_bytes;
        }
        if self.kind.val() == sack_permitted_kind {
            self.is_legal.next = self.length.val() == sack_permitted_bytes;
        }
        if self.kind.val() == timestamps_kind {
            self.is_legal.next = self.length.val() == timestamps_bytes;
        }
        if self.kind.val() == sack_kind {
            // Two bytes, and eight for each of one to four blocks.
            self.is_legal.next = (self.length.val() >= sack_one_bytes)
                & (self.length.val() <= sack_four_bytes)
                & (self.length.val().get_bits::<3>(0) == 2);
        }

        self.step_bytes.next = 0.into();
        match self.state.q.val() {
            WalkState::Done => {
                self.state.d.next = WalkState::Done;
            }
            WalkState::Align => {
                self.window.d.next = self.aligned.val();
                self.state.d.next = WalkState::Look;
                if !self.rest_bytes.q.val().any() {
                    self.state.d.next = WalkState::Done;
                }
            }
            WalkState::Look => {
                self.place.d.next = 0.into();
                self.is_sack.d.next = self.kind.val() == sack_kind;
                self.state.d.next = WalkState::Align;
                // Where to go on: over NOPs, to an option's value, or over the option, four bytes of it first. When the walk ends here this means nothing, so what decides that need not
                // be waited for.
                self.rest_bytes.d.next =
                    self.rest_bytes.q.val() - bit_cast::<6, 8>(self.length.val());
                self.step_bytes.next = bit_cast::<3, 8>(self.length.val());
                self.left.d.next = bit_cast::<6, 8>(self.length.val()) - 4;
                if self.length.val() > 4 {
                    self.step_bytes.next = 4.into();
                }
                if self.kind.val() == timestamps_kind {
                    self.step_bytes.next = 2.into();
                    self.left.d.next = 2.into();
                }
                if self.kind.val() == sack_kind {
                    self.step_bytes.next = 2.into();
                    self.left.d.next = bit_cast::<6, 8>((self.length.val() >> 3) << 1);
                }
                if self.is_nop[0].val() {
                    self.step_bytes.next = self.nops.val();
                    self.rest_bytes.d.next = self.behind_nops.val();
                }
                // What it is.
                if self.kind.val() == end_kind {
                    self.state.d.next = WalkState::Done;
                } else if !self.is_nop[0].val() {
                    if !self.fits.val() | !self.is_legal.val() {
                        self.met.d.next.bad_options = true;
                        self.state.d.next = WalkState::Illegal;
                    } else {
                        if self.length.val() > 4 {
                            self.state.d.next = WalkState::Skip;
                        }
                        if self.kind.val() == mss_kind {
                            self.met.d.next.has_mss = true;
                            self.met.d.next.mss = self.window.q.val().get_bits::<16>(0);
                        }
                        if self.kind.val() == window_scale_kind {
                            self.met.d.next.has_window_scale = true;
                            self.met.d.next.window_scale = self.window.q.val().get_bits::<8>(8);
                        }
                        if self.kind.val() == sack_permitted_kind {
                            self.met.d.next.has_sack_permitted = true;
                        }
                        if self.kind.val() == timestamps_kind {
                            self.met.d.next.has_timestamps = true;
                            self.state.d.next = WalkState::First;
                        }
                        if self.kind.val() == sack_kind {
                            self.met.d.next.sack_count = bit_cast::<4, 8>(self.length.val() >> 3);
                            self.state.d.next = WalkState::First;
                        }
                    }
                }
            }
            WalkState::Illegal => {
                self.state.d.next = WalkState::Done;
            }
            WalkState::First => {
                self.window.d.next = self.aligned.val();
                self.step_bytes.next = 4.into();
                self.state.d.next = WalkState::Value;
            }
            // The next word enters the window as this one leaves it.
            WalkState::Value => {
                self.window.d.next = self.aligned.val();
                self.place.d.next = self.place.q.val() + 1;
                self.left.d.next = self.left.q.val() - 1;
                self.step_bytes.next = 4.into();
                if self.left.q.val() == 1 {
                    self.step_bytes.next = 0.into();
                    self.state.d.next = WalkState::Align;
                }
            }
            WalkState::Skip => {
                self.left.d.next = self.left.q.val() - 4;
                self.step_bytes.next = 4.into();
                if self.left.q.val() <= 4 {
                    self.step_bytes.next = bit_cast::<3, 6>(self.left.q.val());
                    self.state.d.next = WalkState::Align;
                }
            }
        }
        if self.state.q.val() == WalkState::Value {
            for i in 0..2 {
                if !self.is_sack.q.val() & (self.place.q.val() == i.to_bits()) {
                    self.timestamps[i].d.next = self.window.q.val();
                }
            }
            for i in 0..8 {
                if self.is_sack.q.val() & (self.place.q.val() == i.to_bits()) {
                    self.edges[i].d.next = self.window.q.val();
                }
            }
        }
        if self.clear.val() | ((self.state.q.val() == WalkState::First) & self.is_sack.q.val()) {
            for i in 0..8 {
                self.edges[i].d.next = 0.into();
            }
        }
        // The step is taken in the next cycle, when it stands in a register: what it moves is wide.
        self.offset.d.next = self.offset.q.val() + self.step_bytes.val();
        if self.offset.q.val().get_bit(2) {
            self.offset.d.next = (self.offset.q.val() ^ 4) + self.step_bytes.val();
            self.rest_register.d.next = self.rest_register.q.val() << 32;
        }

        if self.start.val() {
            self.state.d.next = WalkState::Align;
            if !self.len_bytes.val().any() {
                self.state.d.next = WalkState::Done;
            }
            self.rest_register.d.next = self.options.val();
            self.rest_bytes.d.next = self.len_bytes.val();
            self.offset.d.next = 0.into();
        }
        if self.clear.val() {
            self.met.d.next = self.nothing.val();
            for i in 0..2 {
                self.timestamps[i].d.next = 0.into();
            }
        }

        self.is_illegal.next = self.state.q.val() == WalkState::Illegal;
        self.done.next = self.state.q.val() == WalkState::Done;
        self.found.next = self.met.q.val();
        self.found.next.timestamps = (bit_cast::<64, 32>(self.timestamps[0].q.val()) << 32)
            | bit_cast::<64, 32>(self.timestamps[1].q.val());
        // The first edge is the most significant.
        self.edge_words.next = 0.into();
        for i in 0..8 {
            self.word.next = self.edges[i].q.val();
            self.edge_words.next =
                (self.edge_words.val() << 32) | bit_cast::<256, 32>(self.word.val());
        }
        self.found.next.sack_edges = self.edge_words.val();

        if self.rst.val() {
            self.state.d.next = WalkState::Done;
        }
    }
}
