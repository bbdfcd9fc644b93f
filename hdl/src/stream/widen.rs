//! Hands a stream of W bits on as one of D bits: `D / W` beats, or fewer at a packet's end, become one.
//!
//! ```text
//!               ┌─────────┐
//!            ┌─>│ part 0  │─┐
//!  s (W) ────┤  ├─────────┤ ├──> m (D)
//!            └─>│ part 1  │─┘
//!               └─────────┘
//! ```
//!
//! Latency: 1 cycle from the beat that completes a wide one. Throughput: one beat of W bits a cycle. One clock; reset forgets what was
//! collected. No errors: `m.tuser` is set when one of the beats had `s.tuser`. D may be W.

use crate::stream::{StreamSink, StreamSource};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// From W bits (K bytes) to D bits (DK bytes) a beat.
#[block(DK * 8 == D, K * 8 == W, D.is_multiple_of(W), D / W <= 16, D <= 512)]
pub struct Widen<const W: usize, const K: usize, const D: usize, const DK: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Stream in.
    pub s: StreamSink<W, K>,
    /// Stream out.
    pub m: StreamSource<D, DK>,
    /// A beat is being collected, or waits at `m`.
    pub busy: Signal<Out, Bit>,
    #[len(D / W)]
    data: Vec<DFF<Bits<W>>>,
    #[len(D / W)]
    keep: Vec<DFF<Bits<K>>>,
    /// Where the next beat of W bits goes.
    part: DFF<Bits<4>>,
    full: DFF<Bit>,
    last: DFF<Bit>,
    user: DFF<Bit>,
    is_first: Signal<Local, Bit>,
    completes: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    one_data: Signal<Local, Bits<W>>,
    one_keep: Signal<Local, Bits<K>>,
    all_data: Signal<Local, Bits<D>>,
    all_keep: Signal<Local, Bits<DK>>,
}

#[kernel]
impl<const W: usize, const K: usize, const D: usize, const DK: usize> Logic for Widen<W, K, D, DK> {
    fn update(&mut self) {
        let part_bits: Bits<10> = W;
        let part_lanes: Bits<7> = K;
        let last_part: Bits<4> = D / W - 1;

        self.s.tready.next = !self.full.q.val() | self.m.tready.val();
        self.take.next = self.s.tvalid.val() & self.s.tready.val();
        self.is_first.next = self.part.q.val() == 0;
        self.completes.next = self.s.tlast.val() | (self.part.q.val() == last_part);
        if self.m.tready.val() {
            self.full.d.next = false;
        }
        for i in 0..self.data.len() {
            if self.take.val() {
                // The first part clears those behind it.
                if self.is_first.val() {
                    self.keep[i].d.next = 0.into();
                }
                if self.part.q.val() == i.to_bits() {
                    self.data[i].d.next = self.s.tdata.val();
                    self.keep[i].d.next = self.s.tkeep.val();
                }
            }
        }
        if self.take.val() {
            self.part.d.next = self.part.q.val() + 1;
            self.user.d.next = self.s.tuser.val() | (self.user.q.val() & !self.is_first.val());
            if self.completes.val() {
                self.part.d.next = 0.into();
                self.full.d.next = true;
                self.last.d.next = self.s.tlast.val();
            }
        }

        // Part 0 is the least significant. (The outer loop has one turn: see the crate's documentation.)
        self.all_data.next = 0.into();
        self.all_keep.next = 0.into();
        for end in (self.data.len() - 1)..self.data.len() {
            for i in 0..self.data.len() {
                self.one_data.next = self.data[end - i].q.val();
                self.one_keep.next = self.keep[end - i].q.val();
                self.all_data.next =
                    (self.all_data.val() << part_bits) | bit_cast::<D, W>(self.one_data.val());
                self.all_keep.next =
                    (self.all_keep.val() << part_lanes) | bit_cast::<DK, K>(self.one_keep.val());
            }
        }
        self.m.tdata.next = self.all_data.val();
        self.m.tkeep.next = self.all_keep.val();
        self.m.tvalid.next = self.full.q.val();
        self.m.tlast.next = self.last.q.val();
        self.m.tuser.next = self.user.q.val();
        self.busy.next = self.full.q.val() | !self.is_first.val();

        if self.rst.val() {
            self.part.d.next = 0.into();
            self.full.d.next = false;
        }
    }
}
