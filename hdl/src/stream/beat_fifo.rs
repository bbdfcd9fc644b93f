//! A queue of `2^A` beats: a stream goes on while what is behind it waits.
//!
//! ```text
//!            ┌──────────────────┐
//!  s ───────>│ RAM of 2^A beats │───────> m
//!            └──────────────────┘
//! ```
//!
//! Latency: 2 cycles, also from a beat that leaves the full queue to `s.tready`. Throughput: one beat in and one beat out a cycle. One clock; reset empties it. It holds one beat more than the RAM, at `m`. When full, `s.tready` is low and
//! nothing is lost. `s.tready` and `m.tvalid` are registers.
//! No errors: `tuser` is not carried, `m.tuser` is always low.

use crate::stream::{StreamSink, StreamSource};
use handclasp_verilog::ApartRam;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// A FIFO of `2^A` beats. N is `A + 1`, the width of its indices.
#[block(K * 8 == W, N == A + 1)]
pub struct BeatFifo<const W: usize, const K: usize, const A: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Stream in.
    pub s: StreamSink<W, K>,
    /// Stream out.
    pub m: StreamSource<W, K>,
    /// There are beats in it.
    pub busy: Signal<Out, Bit>,
    data: ApartRam<Bits<W>, A>,
    keep: ApartRam<Bits<K>, A>,
    last: ApartRam<Bit, A>,
    write_index: DFF<Bits<N>>,
    /// `write_index` + 1: so whether the FIFO will be full is no more than a choice.
    next_write: DFF<Bits<N>>,
    /// Of the beat behind the one at `m`, as in `Fifo`.
    read_index: DFF<Bits<N>>,
    valid: DFF<Bit>,
    ready: DFF<Bit>,
    push: Signal<Local, Bit>,
    read_address: Signal<Local, Bits<A>>,
    load: Signal<Local, Bit>,
    has_more: Signal<Local, Bit>,
}

#[kernel]
impl<const W: usize, const K: usize, const A: usize, const N: usize> Logic
    for BeatFifo<W, K, A, N>
{
    fn update(&mut self) {
        let depth: Bits<N> = 1_usize << A;

        self.s.tready.next = self.ready.q.val();
        self.push.next = self.s.tvalid.val() & self.ready.q.val();
        self.data.write_address.next = bit_cast::<A, N>(self.write_index.q.val());
        self.keep.write_address.next = bit_cast::<A, N>(self.write_index.q.val());
        self.last.write_address.next = bit_cast::<A, N>(self.write_index.q.val());
        self.data.write_data.next = self.s.tdata.val();
        self.keep.write_data.next = self.s.tkeep.val();
        self.last.write_data.next = self.s.tlast.val();
        self.data.write_enable.next = self.push.val();
        self.keep.write_enable.next = self.push.val();
        self.last.write_enable.next = self.push.val();
        self.ready.d.next = (self.write_index.q.val() ^ self.read_index.q.val()) != depth;
        if self.push.val() {
            self.write_index.d.next = self.next_write.q.val();
            self.next_write.d.next = self.next_write.q.val() + 1;
            self.ready.d.next = (self.next_write.q.val() ^ self.read_index.q.val()) != depth;
        }

        self.read_address.next = bit_cast::<A, N>(self.read_index.q.val());
        self.load.next = !self.valid.q.val() | self.m.tready.val();
        self.has_more.next = self.read_index.q.val() != self.write_index.q.val();
        if self.load.val() {
            self.valid.d.next = self.has_more.val();
            if self.has_more.val() {
                self.read_index.d.next = self.read_index.q.val() + 1;
            }
        }
        self.data.read_address.next = self.read_address.val();
        self.keep.read_address.next = self.read_address.val();
        self.last.read_address.next = self.read_address.val();
        self.data.read_enable.next = self.load.val();
        self.keep.read_enable.next = self.load.val();
        self.last.read_enable.next = self.load.val();
        self.m.tdata.next = self.data.read_data.val();
        self.m.tkeep.next = self.keep.read_data.val();
        self.m.tlast.next = self.last.read_data.val();
        self.m.tuser.next = false;
        self.m.tvalid.next = self.valid.q.val();
        self.busy.next = self.valid.q.val() | self.has_more.val();

        if self.rst.val() {
            self.write_index.d.next = 0.into();
            self.next_write.d.next = 1.into();
            self.read_index.d.next = 0.into();
            self.valid.d.next = false;
            self.ready.d.next = true;
        }
    }
}
