//! Knows the lists of TCP options that nearly all segments carry, by their constant bytes.
//!
//! ```text
//!  options, length ──> compared with each list ──> where its values stand, or that the list must be walked through
//! ```
//!
//! | list | sent by |
//! |---|---|
//! | none | segments without timestamps |
//! | NOP NOP timestamps | segments with timestamps |
//! | MSS | simple stacks' SYN |
//! | MSS, SACK-permitted, timestamps, NOP, scale | Linux' SYN |
//! | MSS, NOP NOP SACK-permitted, NOP, scale | the same without timestamps |
//! | MSS, NOP, scale, NOP NOP SACK-permitted | Windows' SYN |
//! | MSS, NOP, scale, SACK-permitted, timestamps | FreeBSD's SYN |
//! | MSS, NOP, scale, NOP NOP timestamps, SACK-permitted, END END | macOS' SYN |
//!
//! Every other list, above all one with SACK blocks, goes through the option walker, and its frame holds back those behind it: 21 cycles for timestamps and three SACK
//! blocks, 55 for the worst list that fits 40 bytes. At W = 64 such a frame takes the wire 14.75 cycles, so frames with the worst lists at line rate fill the receive FIFO, and
//! what does not fit is dropped and counted: an attacker who has the whole wire gains that of each 100 frames 73 are lost, and nothing else. At W = 512 he needs a twentieth of the wire for the same. Nothing stalls
//! the wire. Combinational: no clock, no latency.

use crate::rx::option_walker::OPTIONS_BITS;
use handclasp_layout::header::tcp_option::{
    END, MSS, MSS_BYTES, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES, TIMESTAMPS, TIMESTAMPS_BYTES,
    WINDOW_SCALE, WINDOW_SCALE_BYTES,
};
use rust_hdl::prelude::*;

/// The block that knows them.
#[derive(LogicBlock)]
pub struct UsualOptions {
    /// The options, first byte most significant.
    pub options: Signal<In, Bits<OPTIONS_BITS>>,
    /// Bytes of them.
    pub len_bytes: Signal<In, Bits<6>>,
    /// There is an MSS; it stands at byte 2.
    pub has_mss: Signal<Out, Bit>,
    /// There is a SACK-permitted option.
    pub has_sack_permitted: Signal<Out, Bit>,
    /// Where the window scale stands: 1 at byte 7, 2 at byte 11, 3 at byte 19; 0: there is none.
    pub window_scale_place: Signal<Out, Bits<2>>,
    /// Where the timestamps stand: 1 at byte 4, 2 at byte 8, 3 at byte 12; 0: there are none.
    pub timestamps_place: Signal<Out, Bits<2>>,
    word0: Signal<Local, Bits<32>>,
    word1: Signal<Local, Bits<32>>,
    word2: Signal<Local, Bits<32>>,
    word4: Signal<Local, Bits<32>>,
    word5: Signal<Local, Bits<32>>,
    begins_with_mss: Signal<Local, Bit>,
    scale_at_1: Signal<Local, Bit>,
    nop_nop_timestamps: Constant<Bits<32>>,
    permitted_timestamps: Constant<Bits<32>>,
    nop_nop_permitted: Constant<Bits<32>>,
    permitted_end_end: Constant<Bits<32>>,
    nop_scale: Constant<Bits<24>>,
    mss: Constant<Bits<16>>,
}

impl Default for UsualOptions {
    fn default() -> Self {
        fn number<const N: usize>(bytes: &[u8]) -> Constant<Bits<N>> {
            let value = bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte));
            Constant::new(value.into())
        }
        Self {
            options: Default::default(),
            len_bytes: Default::default(),
            has_mss: Default::default(),
            has_sack_permitted: Default::default(),
            window_scale_place: Default::default(),
            timestamps_place: Default::default(),
            word0: Default::default(),
            word1: Default::default(),
            word2: Default::default(),
            word4: Default::default(),
            word5: Default::default(),
            begins_with_mss: Default::default(),
            scale_at_1: Default::default(),
            nop_nop_timestamps: number(&[NOP, NOP, TIMESTAMPS, TIMESTAMPS_BYTES]),
            permitted_timestamps: number(&[
                SACK_PERMITTED,
                SACK_PERMITTED_BYTES,
                TIMESTAMPS,
                TIMESTAMPS_BYTES,
            ]),
            nop_nop_permitted: number(&[NOP, NOP, SACK_PERMITTED, SACK_PERMITTED_BYTES]),
            permitted_end_end: number(&[SACK_PERMITTED, SACK_PERMITTED_BYTES, END, END]),
            nop_scale: number(&[NOP, WINDOW_SCALE, WINDOW_SCALE_BYTES]),
            mss: number(&[MSS, MSS_BYTES]),
        }
    }
}

impl Logic for UsualOptions {
    #[hdl_gen]
    fn update(&mut self) {
        self.word0.next = self.options.val().get_bits::<32>(288);
        self.word1.next = self.options.val().get_bits::<32>(256);
        self.word2.next = self.options.val().get_bits::<32>(224);
        self.word4.next = self.options.val().get_bits::<32>(160);
        self.word5.next = self.options.val().get_bits::<32>(128);
        self.begins_with_mss.next = self.word0.val().get_bits::<16>(16) == self.mss.val();
        self.scale_at_1.next = self.word1.val().get_bits::<24>(8) == self.nop_scale.val();

        self.has_mss.next = false;
        self.has_sack_permitted.next = false;
        self.window_scale_place.next = 0.into();
        self.timestamps_place.next = 0.into();
        if (self.len_bytes.val() == 12) & (self.word0.val() == self.nop_nop_timestamps.val()) {
            self.timestamps_place.next = 1.into();
        }
        if (self.len_bytes.val() == 4) & self.begins_with_mss.val() {
            self.has_mss.next = true;
        }
        // Linux, with and without timestamps.
        if (self.len_bytes.val() == 20)
            & self.begins_with_mss.val()
            & (self.word1.val() == self.permitted_timestamps.val())
            & (self.word4.val().get_bits::<24>(8) == self.nop_scale.val())
        {
            self.has_mss.next = true;
            self.has_sack_permitted.next = true;
            self.window_scale_place.next = 3.into();
            self.timestamps_place.next = 2.into();
        }
        if (self.len_bytes.val() == 12)
            & self.begins_with_mss.val()
            & (self.word1.val() == self.nop_nop_permitted.val())
            & (self.word2.val().get_bits::<24>(8) == self.nop_scale.val())
        {
            self.has_mss.next = true;
            self.has_sack_permitted.next = true;
            self.window_scale_place.next = 2.into();
        }
        // Windows.
        if (self.len_bytes.val() == 12)
            & self.begins_with_mss.val()
            & self.scale_at_1.val()
            & (self.word2.val() == self.nop_nop_permitted.val())
        {
            self.has_mss.next = true;
            self.has_sack_permitted.next = true;
            self.window_scale_place.next = 1.into();
        }
        // FreeBSD.
        if (self.len_bytes.val() == 20)
            & self.begins_with_mss.val()
            & self.scale_at_1.val()
            & (self.word2.val() == self.permitted_timestamps.val())
        {
            self.has_mss.next = true;
            self.has_sack_permitted.next = true;
            self.window_scale_place.next = 1.into();
            self.timestamps_place.next = 3.into();
        }
        // macOS.
        if (self.len_bytes.val() == 24)
            & self.begins_with_mss.val()
            & self.scale_at_1.val()
            & (self.word2.val() == self.nop_nop_timestamps.val())
            & (self.word5.val() == self.permitted_end_end.val())
        {
            self.has_mss.next = true;
            self.has_sack_permitted.next = true;
            self.window_scale_place.next = 1.into();
            self.timestamps_place.next = 3.into();
        }
    }
}
