//! Hands a stream of D bits on as one of W bits: each beat is cut into `D / W` parts.
//!
//! ```text
//!  s (D bits) ──> beat register ──> m (W bits)
//!                   ^      │
//!                   └ >> W ┘
//! ```
//!
//! Parts without bytes are left out, so `m.tkeep` is all ones but on the last beat. Latency: 1 cycle. Throughput: one beat of W bits a cycle, with
//! no gap between the beats of D bits. One clock; reset forgets the beat. No errors: `tuser` of a beat goes with each of its parts. D may be W.

use crate::stream::{StreamSink, StreamSource};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// From D bits (DK bytes) to W bits (K bytes) a beat.
#[block(DK * 8 == D, K * 8 == W, D.is_multiple_of(W), D <= 512)]
pub struct Narrow<const D: usize, const DK: usize, const W: usize, const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Stream in.
    pub s: StreamSink<D, DK>,
    /// Stream out.
    pub m: StreamSource<W, K>,
    /// A beat waits at `m`.
    pub busy: Signal<Out, Bit>,
    data: DFF<Bits<D>>,
    keep: DFF<Bits<DK>>,
    valid: DFF<Bit>,
    last: DFF<Bit>,
    user: DFF<Bit>,
    keep_behind: Signal<Local, Bits<DK>>,
    is_end: Signal<Local, Bit>,
    open: Signal<Local, Bit>,
}

#[kernel]
impl<const D: usize, const DK: usize, const W: usize, const K: usize> Logic
    for Narrow<D, DK, W, K>
{
    fn update(&mut self) {
        let part_bits: Bits<10> = W;
        let part_lanes: Bits<7> = K;

        self.m.tdata.next = self.data.q.val().get_bits::<W>(0);
        self.m.tkeep.next = self.keep.q.val().get_bits::<K>(0);
        self.m.tvalid.next = self.valid.q.val();
        self.keep_behind.next = self.keep.q.val() >> part_lanes;
        self.is_end.next = !self.keep_behind.val().any();
        self.m.tlast.next = self.last.q.val() & self.is_end.val();
        self.m.tuser.next = self.user.q.val();
        self.busy.next = self.valid.q.val();

        self.open.next = !self.valid.q.val() | (self.m.tready.val() & self.is_end.val());
        self.s.tready.next = self.open.val();
        if self.open.val() {
            self.data.d.next = self.s.tdata.val();
            self.keep.d.next = self.s.tkeep.val();
            self.last.d.next = self.s.tlast.val();
            self.user.d.next = self.s.tuser.val();
            self.valid.d.next = self.s.tvalid.val();
        } else if self.m.tready.val() {
            self.data.d.next = self.data.q.val() >> part_bits;
            self.keep.d.next = self.keep_behind.val();
        }

        if self.rst.val() {
            self.valid.d.next = false;
        }
    }
}
