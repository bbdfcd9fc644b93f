//! Verifies the IPv4 header checksum and the TCP checksum of each frame while it streams by.
//!
//! ```text
//!  ip_words ───> sums of 4 ─> W = 512: sums of 4 ─> + sum of the beats before ─> ones? ─> ip_ok
//!  tcp_words ──> the same ────────────────────────────────────────────────────> ones? ─> tcp_ok
//! ```
//!
//! Internet checksum: ones' complement sum of 16-bit words, right when all ones (RFC 1071). The carries of the 32-bit sum are not added: low and high half
//! add up to all ones just when each bit is set in one of them, as no sum of a frame's words has a high half of all ones.
//!
//! Latency from the last words to `ip_ok` and `tcp_ok`: `LATENCY_CYCLES`, 2 at W = 64 and 3 at W = 512; they stay until the next frame's. Throughput: one beat a cycle. One clock; reset
//! forgets everything under way. No errors.

use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The verifier.
#[block(W == 64 || W == 512)]
pub struct Checksum<const W: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Words of the IPv4 header in this beat, 0 where there is none.
    pub ip_words: Signal<In, Bits<W>>,
    /// Words of the TCP sum in this beat.
    pub tcp_words: Signal<In, Bits<W>>,
    /// There is a beat.
    pub words_valid: Signal<In, Bit>,
    /// It is the frame's last.
    pub words_last: Signal<In, Bit>,
    /// The IPv4 header's checksum is right.
    pub ip_ok: Signal<Out, Bit>,
    /// The TCP checksum is right.
    pub tcp_ok: Signal<Out, Bit>,
    /// A beat is on its way.
    pub busy: Signal<Out, Bit>,
    #[len(W / 64)]
    ip_sums: Vec<DFF<Bits<20>>>,
    #[len(W / 64)]
    tcp_sums: Vec<DFF<Bits<20>>>,
    /// Sums of four sums; none at W = 64.
    #[len(W / 256)]
    ip_wide_sums: Vec<DFF<Bits<20>>>,
    #[len(W / 256)]
    tcp_wide_sums: Vec<DFF<Bits<20>>>,
    /// Which stages hold a beat, and which a frame's last: bit n, n + 1 cycles old.
    stages: DFF<Bits<2>>,
    last_stages: DFF<Bits<2>>,
    ip_sum: DFF<Bits<32>>,
    tcp_sum: DFF<Bits<32>>,
    ip_total: DFF<Bits<32>>,
    tcp_total: DFF<Bits<32>>,
    word: Signal<Local, Bits<16>>,
    sum: Signal<Local, Bits<20>>,
    ip_added: Signal<Local, Bits<20>>,
    tcp_added: Signal<Local, Bits<20>>,
    ip_next: Signal<Local, Bits<32>>,
    tcp_next: Signal<Local, Bits<32>>,
    sum_valid: Signal<Local, Bit>,
    sum_last: Signal<Local, Bit>,
}

impl<const W: usize> Checksum<W> {
    /// Cycles from the last words to the results.
    pub const LATENCY_CYCLES: usize = if W == 64 { 2 } else { 3 };
}

#[kernel]
impl<const W: usize> Logic for Checksum<W> {
    fn update(&mut self) {
        let last_stage: Bits<2> = Self::LATENCY_CYCLES - 2;

        self.word.next = 0.into();
        self.ip_added.next = 0.into();
        self.tcp_added.next = 0.into();
        self.sum.next = 0.into();
        for i in 0..self.ip_sums.len() {
            self.ip_sums[i].d.next = self.ip_sums[i].q.val();
            self.tcp_sums[i].d.next = self.tcp_sums[i].q.val();
            if self.words_valid.val() {
                self.ip_added.next = 0.into();
                self.tcp_added.next = 0.into();
                for j in 0_usize..4 {
                    self.word.next = self.ip_words.val().get_bits::<16>(64 * i + 16 * j);
                    self.ip_added.next = self.ip_added.val() + bit_cast::<20, 16>(self.word.val());
                    self.word.next = self.tcp_words.val().get_bits::<16>(64 * i + 16 * j);
                    self.tcp_added.next =
                        self.tcp_added.val() + bit_cast::<20, 16>(self.word.val());
                }
                self.ip_sums[i].d.next = self.ip_added.val();
                self.tcp_sums[i].d.next = self.tcp_added.val();
            }
        }
        for i in 0..self.ip_wide_sums.len() {
            self.ip_wide_sums[i].d.next = self.ip_wide_sums[i].q.val();
            self.tcp_wide_sums[i].d.next = self.tcp_wide_sums[i].q.val();
            if self.stages.q.val().get_bit(0) {
                self.ip_wide_sums[i].d.next = (self.ip_sums[4 * i].q.val()
                    + self.ip_sums[4 * i + 1].q.val())
                    + (self.ip_sums[4 * i + 2].q.val() + self.ip_sums[4 * i + 3].q.val());
                self.tcp_wide_sums[i].d.next = (self.tcp_sums[4 * i].q.val()
                    + self.tcp_sums[4 * i + 1].q.val())
                    + (self.tcp_sums[4 * i + 2].q.val() + self.tcp_sums[4 * i + 3].q.val());
            }
        }

        // Sum up the beats.
        self.stages.d.next = (self.stages.q.val() << 1).replace_bit(0, self.words_valid.val());
        self.last_stages.d.next =
            (self.last_stages.q.val() << 1).replace_bit(0, self.words_last.val());
        self.sum_valid.next = self.stages.q.val().get_bit(last_stage.index());
        self.sum_last.next = self.last_stages.q.val().get_bit(last_stage.index());
        self.ip_next.next = self.ip_sum.q.val();
        self.tcp_next.next = self.tcp_sum.q.val();
        if last_stage == 0 {
            self.ip_next.next = self.ip_sum.q.val() + bit_cast::<32, 20>(self.ip_sums[0].q.val());
            self.tcp_next.next =
                self.tcp_sum.q.val() + bit_cast::<32, 20>(self.tcp_sums[0].q.val());
        }
        for i in 0..self.ip_wide_sums.len() {
            self.sum.next = self.ip_wide_sums[i].q.val();
            self.ip_next.next = self.ip_next.val() + bit_cast::<32, 20>(self.sum.val());
            self.sum.next = self.tcp_wide_sums[i].q.val();
            self.tcp_next.next = self.tcp_next.val() + bit_cast::<32, 20>(self.sum.val());
        }
        if self.sum_valid.val() {
            self.ip_sum.d.next = self.ip_next.val();
            self.tcp_sum.d.next = self.tcp_next.val();
            if self.sum_last.val() {
                self.ip_sum.d.next = 0.into();
                self.tcp_sum.d.next = 0.into();
                self.ip_total.d.next = self.ip_next.val();
                self.tcp_total.d.next = self.tcp_next.val();
            }
        }

        self.ip_ok.next = (bit_cast::<16, 32>(self.ip_total.q.val())
            ^ bit_cast::<16, 32>(self.ip_total.q.val() >> 16))
        .all();
        self.tcp_ok.next = (bit_cast::<16, 32>(self.tcp_total.q.val())
            ^ bit_cast::<16, 32>(self.tcp_total.q.val() >> 16))
        .all();
        self.busy.next = self.stages.q.val().any();

        if self.rst.val() {
            self.stages.d.next = 0.into();
            self.ip_sum.d.next = 0.into();
            self.tcp_sum.d.next = 0.into();
        }
    }
}
