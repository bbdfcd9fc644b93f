//! Walks through TCP options, which stand anywhere and in any order.
//!
//! ```text
//!              ┌─────────────────────────────┐
//!  options ───>│ rest ─> NOPs off ─> option  │──> fields found
//!              │  ^                    │     │
//!              │  └── shifted by its length  │
//!              └─────────────────────────────┘
//! ```
//!
//! RFC 9293 3.1: END ends the list, NOP is one byte, every other option is kind, length, value. Known are MSS (RFC 9293 3.7.1), window scale and
//! timestamps (RFC 7323 2.2, 3.2), SACK-permitted and SACK (RFC 2018 2, 3); others are skipped by their length (MUST-6). An option whose length
//! is impossible, or not what its kind demands, ends the walk with `bad` (MUST-7); what was found before stays. An option seen twice
//! counts as it was seen last.
//!
//! Latency from `start` to `done`: 2 cycles and one for each option, with up to three NOPs before it (1 cycle without options); `done` means
//! nothing in the cycle of `start` itself. Throughput: one list at a time. One clock; reset stops the walk.

use crate::rx::frame::TcpOptions;
use crate::rx::parser::OPTIONS_BITS;
use handclasp_layout::header::tcp_option;
use rust_hdl::prelude::*;

/// The walker.
#[derive(LogicBlock)]
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
    /// Not walking: `found` is that of the list that was started last.
    pub done: Signal<Out, Bit>,
    /// What the list holds.
    pub found: Signal<Out, TcpOptions>,
    walking: DFF<Bit>,
    /// What has not been walked through.
    rest: DFF<Bits<OPTIONS_BITS>>,
    rest_bytes: DFF<Bits<6>>,
    met: DFF<TcpOptions>,
    is_nop0: Signal<Local, Bit>,
    is_nop1: Signal<Local, Bit>,
    is_nop2: Signal<Local, Bit>,
    nops: Signal<Local, Bits<6>>,
    /// The rest behind leading NOPs, and its length.
    option: Signal<Local, Bits<OPTIONS_BITS>>,
    option_room_bytes: Signal<Local, Bits<6>>,
    kind: Signal<Local, Bits<8>>,
    length: Signal<Local, Bits<8>>,
    /// The option's length is possible, and what its kind demands.
    fits: Signal<Local, Bit>,
    is_legal: Signal<Local, Bit>,
    step_bytes: Signal<Local, Bits<6>>,
    nothing: Constant<TcpOptions>,
    end_kind: Constant<Bits<8>>,
    nop_kind: Constant<Bits<8>>,
    mss_kind: Constant<Bits<8>>,
    mss_bytes: Constant<Bits<8>>,
    window_scale_kind: Constant<Bits<8>>,
    window_scale_bytes: Constant<Bits<8>>,
    sack_permitted_kind: Constant<Bits<8>>,
    sack_permitted_bytes: Constant<Bits<8>>,
    timestamps_kind: Constant<Bits<8>>,
    timestamps_bytes: Constant<Bits<8>>,
    sack_kind: Constant<Bits<8>>,
    /// Length of a SACK option with one block.
    sack_one_bytes: Constant<Bits<8>>,
    /// Length of a SACK option with four blocks.
    sack_four_bytes: Constant<Bits<8>>,
}

impl Default for OptionWalker {
    fn default() -> Self {
        let byte = |value: u8| Constant::new(u64::from(value).into());
        Self {
            clk: Default::default(),
            rst: Default::default(),
            options: Default::default(),
            len_bytes: Default::default(),
            start: Default::default(),
            done: Default::default(),
            found: Default::default(),
            walking: Default::default(),
            rest: Default::default(),
            rest_bytes: Default::default(),
            met: Default::default(),
            is_nop0: Default::default(),
            is_nop1: Default::default(),
            is_nop2: Default::default(),
            nops: Default::default(),
            option: Default::default(),
            option_room_bytes: Default::default(),
            kind: Default::default(),
            length: Default::default(),
            fits: Default::default(),
            is_legal: Default::default(),
            step_bytes: Default::default(),
            nothing: Constant::new(TcpOptions::default()),
            end_kind: byte(tcp_option::END),
            nop_kind: byte(tcp_option::NOP),
            mss_kind: byte(tcp_option::MSS),
            mss_bytes: byte(tcp_option::MSS_BYTES),
            window_scale_kind: byte(tcp_option::WINDOW_SCALE),
            window_scale_bytes: byte(tcp_option::WINDOW_SCALE_BYTES),
            sack_permitted_kind: byte(tcp_option::SACK_PERMITTED),
            sack_permitted_bytes: byte(tcp_option::SACK_PERMITTED_BYTES),
            timestamps_kind: byte(tcp_option::TIMESTAMPS),
            timestamps_bytes: byte(tcp_option::TIMESTAMPS_BYTES),
            sack_kind: byte(tcp_option::SACK),
            sack_one_bytes: byte(2 + tcp_option::SACK_BLOCK_BYTES),
            sack_four_bytes: byte(2 + 4 * tcp_option::SACK_BLOCK_BYTES),
        }
    }
}

impl Logic for OptionWalker {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, walking, rest, rest_bytes, met);

        // Up to three leading NOPs are skipped together: options are aligned with them.
        self.is_nop0.next = self.rest.q.val().get_bits::<8>(312) == self.nop_kind.val();
        self.is_nop1.next = self.rest.q.val().get_bits::<8>(304) == self.nop_kind.val();
        self.is_nop2.next = self.rest.q.val().get_bits::<8>(296) == self.nop_kind.val();
        self.nops.next = 0.into();
        self.option.next = self.rest.q.val();
        if self.is_nop0.val() & self.is_nop1.val() & self.is_nop2.val() {
            self.nops.next = 3.into();
            self.option.next = self.rest.q.val() << 24;
        } else if self.is_nop0.val() & self.is_nop1.val() {
            self.nops.next = 2.into();
            self.option.next = self.rest.q.val() << 16;
        } else if self.is_nop0.val() {
            self.nops.next = 1.into();
            self.option.next = self.rest.q.val() << 8;
        }
        self.option_room_bytes.next = self.rest_bytes.q.val() - self.nops.val();
        self.kind.next = self.option.val().get_bits::<8>(312);
        self.length.next = self.option.val().get_bits::<8>(304);

        // RFC 9293 3.1: the length counts kind and length itself; MUST-7: any length may come.
        self.fits.next = (self.option_room_bytes.val() >= 2)
            & (self.length.val() >= 2)
            & (self.length.val() <= bit_cast::<8, 6>(self.option_room_bytes.val()));
        self.is_legal.next = true;
        if self.kind.val() == self.mss_kind.val() {
            self.is_legal.next = self.length.val() == self.mss_bytes.val();
        }
        if self.kind.val() == self.window_scale_kind.val() {
            self.is_legal.next = self.length.val() == self.window_scale_bytes.val();
        }
        if self.kind.val() == self.sack_permitted_kind.val() {
            self.is_legal.next = self.length.val() == self.sack_permitted_bytes.val();
        }
        if self.kind.val() == self.timestamps_kind.val() {
            self.is_legal.next = self.length.val() == self.timestamps_bytes.val();
        }
        if self.kind.val() == self.sack_kind.val() {
            // Two bytes, and eight for each of one to four blocks.
            self.is_legal.next = (self.length.val() >= self.sack_one_bytes.val())
                & (self.length.val() <= self.sack_four_bytes.val())
                & (self.length.val().get_bits::<3>(0) == 2);
        }

        self.step_bytes.next = self.nops.val();
        if self.walking.q.val() {
            if self.rest_bytes.q.val() <= self.nops.val() {
                // Nothing but NOPs was left.
                self.walking.d.next = false;
            } else if self.kind.val() == self.end_kind.val() {
                self.walking.d.next = false;
            } else if self.kind.val() == self.nop_kind.val() {
                // Here is a fourth NOP: skip the three before it, and look again in the next cycle.
                self.walking.d.next = true;
            } else if !self.fits.val() | !self.is_legal.val() {
                self.met.d.next.bad_options = true;
                self.walking.d.next = false;
            } else {
                self.step_bytes.next = self.nops.val() + bit_cast::<6, 8>(self.length.val());
                if self.kind.val() == self.mss_kind.val() {
                    self.met.d.next.has_mss = true;
                    self.met.d.next.mss = self.option.val().get_bits::<16>(288);
                }
                if self.kind.val() == self.window_scale_kind.val() {
                    self.met.d.next.has_window_scale = true;
                    self.met.d.next.window_scale = self.option.val().get_bits::<8>(296);
                }
                if self.kind.val() == self.sack_permitted_kind.val() {
                    self.met.d.next.has_sack_permitted = true;
                }
                if self.kind.val() == self.timestamps_kind.val() {
                    self.met.d.next.has_timestamps = true;
                    self.met.d.next.timestamps = self.option.val().get_bits::<64>(240);
                }
                if self.kind.val() == self.sack_kind.val() {
                    self.met.d.next.sack_count = bit_cast::<4, 8>(self.length.val() >> 3);
                    // Take the room of four blocks, and clear what lies behind the option's last block.
                    self.met.d.next.sack_edges = (self.option.val().get_bits::<256>(48)
                        >> (272 - (bit_cast::<16, 8>(self.length.val()) << 3)))
                        << (272 - (bit_cast::<16, 8>(self.length.val()) << 3));
                }
            }
            self.rest.d.next = self.rest.q.val() << (bit_cast::<16, 6>(self.step_bytes.val()) << 3);
            self.rest_bytes.d.next = self.rest_bytes.q.val() - self.step_bytes.val();
        }

        if self.start.val() {
            self.walking.d.next = self.len_bytes.val().any();
            self.rest.d.next = self.options.val();
            self.rest_bytes.d.next = self.len_bytes.val();
            self.met.d.next = self.nothing.val();
        }
        self.done.next = !self.walking.q.val();
        self.found.next = self.met.q.val();

        if self.rst.val() {
            self.walking.d.next = false;
        }
    }
}
