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
use rust_hdl::prelude::*;

/// From W bits (K bytes) to D bits (DK bytes) a beat.
#[derive(LogicBlock)]
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
    data: Vec<DFF<Bits<W>>>,
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
    part_bits: Constant<Bits<10>>,
    part_lanes: Constant<Bits<7>>,
    last_part: Constant<Bits<4>>,
}

impl<const W: usize, const K: usize, const D: usize, const DK: usize> Default
    for Widen<W, K, D, DK>
{
    fn default() -> Self {
        const { assert!(DK * 8 == D && K * 8 == W && D % W == 0 && D / W <= 16 && D <= 512) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            s: Default::default(),
            m: Default::default(),
            busy: Default::default(),
            data: (0..D / W).map(|_| DFF::default()).collect(),
            keep: (0..D / W).map(|_| DFF::default()).collect(),
            part: Default::default(),
            full: Default::default(),
            last: Default::default(),
            user: Default::default(),
            is_first: Default::default(),
            completes: Default::default(),
            take: Default::default(),
            one_data: Default::default(),
            one_keep: Default::default(),
            all_data: Default::default(),
            all_keep: Default::default(),
            part_bits: Constant::new(W.to_bits()),
            part_lanes: Constant::new(K.to_bits()),
            last_part: Constant::new((D / W - 1).to_bits()),
        }
    }
}

impl<const W: usize, const K: usize, const D: usize, const DK: usize> Logic for Widen<W, K, D, DK> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, part, full, last, user);

        self.s.tready.next = !self.full.q.val() | self.m.tready.val();
        self.take.next = self.s.tvalid.val() & self.s.tready.val();
        self.is_first.next = self.part.q.val() == 0;
        self.completes.next = self.s.tlast.val() | (self.part.q.val() == self.last_part.val());
        if self.m.tready.val() {
            self.full.d.next = false;
        }
        for i in 0..self.data.len() {
            self.data[i].clock.next = self.clk.val();
            self.keep[i].clock.next = self.clk.val();
            self.data[i].d.next = self.data[i].q.val();
            self.keep[i].d.next = self.keep[i].q.val();
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
                self.all_data.next = (self.all_data.val() << self.part_bits.val())
                    | bit_cast::<D, W>(self.one_data.val());
                self.all_keep.next = (self.all_keep.val() << self.part_lanes.val())
                    | bit_cast::<DK, K>(self.one_keep.val());
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
