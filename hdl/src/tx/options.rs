//! Lays out the TCP options of a segment: which ones, in which order, padded with NOPs to whole 32-bit words.
//!
//! ```text
//!            ┌──────┐   ┌────────────┐   ┌────────────────┐   ┌──────────────┐   ┌─────┐
//!  command ─>│ SACK ├──>│ timestamps ├──>│ SACK permitted ├──>│ window scale ├──>│ MSS ├──> bytes
//!            └──────┘   └────────────┘   └────────────────┘   └──────────────┘   └─────┘
//!              each option that is present pushes those behind it back by its own length
//! ```
//!
//! On the wire: MSS `02 04 mm mm`, window scale `01 03 03 ss`, SACK permitted `01 01 04 02`, timestamps `01 01 08 0a` and two words, SACK
//! `01 01 05 ll` and two words a block. Options beyond ten words would be lost here; [`CommandCheck`](crate::tx::command_check) has refused
//! such commands before.
//!
//! Combinational: no clock, no reset, no errors, no counters.

use crate::fields::SegmentCommand;
use handclasp_layout::header::tcp_option::*;
use rust_hdl::prelude::*;

/// 32-bit words of TCP options that a header has room for.
const OPTION_WORDS: usize = 10;

/// The option layout.
#[derive(LogicBlock)]
pub struct Options {
    /// Which options, and their values.
    pub command: Signal<In, SegmentCommand>,
    /// The options in network order: the first byte on top, zeros behind the last.
    pub bytes: Signal<Out, Bits<320>>,
    sack: [Signal<Local, Bits<32>>; OPTION_WORDS],
    from_timestamps: [Signal<Local, Bits<32>>; OPTION_WORDS],
    from_sack_permitted: [Signal<Local, Bits<32>>; OPTION_WORDS],
    from_window_scale: [Signal<Local, Bits<32>>; OPTION_WORDS],
    from_mss: [Signal<Local, Bits<32>>; OPTION_WORDS],
    word: Signal<Local, Bits<32>>,
    mss_option: Constant<Bits<32>>,
    window_scale_option: Constant<Bits<32>>,
    sack_permitted_option: Constant<Bits<32>>,
    timestamps_option: Constant<Bits<32>>,
    sack_option: Constant<Bits<32>>,
}

/// The first 32-bit word of an option, NOPs in front.
fn option_word(bytes: [u8; 4]) -> Constant<Bits<32>> {
    Constant::new(bits(u64::from(u32::from_be_bytes(bytes))))
}

impl Default for Options {
    fn default() -> Self {
        Self {
            command: Default::default(),
            bytes: Default::default(),
            sack: Default::default(),
            from_timestamps: Default::default(),
            from_sack_permitted: Default::default(),
            from_window_scale: Default::default(),
            from_mss: Default::default(),
            word: Default::default(),
            mss_option: option_word([MSS, MSS_BYTES, 0, 0]),
            window_scale_option: option_word([NOP, WINDOW_SCALE, WINDOW_SCALE_BYTES, 0]),
            sack_permitted_option: option_word([NOP, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES]),
            timestamps_option: option_word([NOP, NOP, TIMESTAMPS, TIMESTAMPS_BYTES]),
            // Kind and length take two bytes themselves; the kernel adds the blocks.
            sack_option: option_word([NOP, NOP, SACK, 2]),
        }
    }
}

impl Logic for Options {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..OPTION_WORDS {
            self.sack[i].next = 0.into();
        }
        // SACK (RFC 2018 3).
        if self.command.val().sack_count.any() {
            self.sack[0].next =
                self.sack_option.val() + (bit_cast::<32, 4>(self.command.val().sack_count) << 3);
            self.sack[1].next = self.command.val().sack0_left;
            self.sack[2].next = self.command.val().sack0_right;
        }
        if self.command.val().sack_count > 1 {
            self.sack[3].next = self.command.val().sack1_left;
            self.sack[4].next = self.command.val().sack1_right;
        }
        if self.command.val().sack_count > 2 {
            self.sack[5].next = self.command.val().sack2_left;
            self.sack[6].next = self.command.val().sack2_right;
        }
        // Timestamps (RFC 7323 3.2, laid out as in its appendix A).
        for i in 0..OPTION_WORDS {
            self.from_timestamps[i].next = self.sack[i].val();
        }
        if self.command.val().has_timestamps {
            self.from_timestamps[0].next = self.timestamps_option.val();
            self.from_timestamps[1].next = self.command.val().ts_val;
            self.from_timestamps[2].next = self.command.val().ts_ecr;
            for i in 3..OPTION_WORDS {
                self.from_timestamps[i].next = self.sack[i - 3].val();
            }
        }
        // SACK permitted (RFC 2018 2).
        for i in 0..OPTION_WORDS {
            self.from_sack_permitted[i].next = self.from_timestamps[i].val();
        }
        if self.command.val().has_sack_permitted {
            self.from_sack_permitted[0].next = self.sack_permitted_option.val();
            for i in 1..OPTION_WORDS {
                self.from_sack_permitted[i].next = self.from_timestamps[i - 1].val();
            }
        }
        // Window scale (RFC 7323 2.2).
        for i in 0..OPTION_WORDS {
            self.from_window_scale[i].next = self.from_sack_permitted[i].val();
        }
        if self.command.val().has_window_scale {
            self.from_window_scale[0].next =
                self.window_scale_option.val() | bit_cast::<32, 4>(self.command.val().window_scale);
            for i in 1..OPTION_WORDS {
                self.from_window_scale[i].next = self.from_sack_permitted[i - 1].val();
            }
        }
        // Maximum segment size (RFC 9293 3.7.1).
        for i in 0..OPTION_WORDS {
            self.from_mss[i].next = self.from_window_scale[i].val();
        }
        if self.command.val().has_mss {
            self.from_mss[0].next =
                self.mss_option.val() | bit_cast::<32, 16>(self.command.val().mss);
            for i in 1..OPTION_WORDS {
                self.from_mss[i].next = self.from_window_scale[i - 1].val();
            }
        }

        self.bytes.next = 0.into();
        for i in 0..OPTION_WORDS {
            self.word.next = self.from_mss[i].val();
            self.bytes.next = (self.bytes.val() << 32) | bit_cast::<320, 32>(self.word.val());
        }
    }
}
