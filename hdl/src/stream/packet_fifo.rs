//! A queue of whole packets that never stalls its input: a packet leaves only after its last beat came in good, or not at all.
//!
//! ```text
//!            ┌──────────────────┐
//!  s ───────>│ RAM of 2^A beats │───────> m
//!            └──────────────────┘
//!        write, commit        read index
//! ```
//!
//! Latency: 2 cycles from the last beat to the first beat at `m`. Throughput: one beat in and one beat out a cycle. One clock; reset
//! empties it. `s.tready` is always high. A packet whose last beat carries `tuser`, or that did not fit, is forgotten whole;
//! `committed` and `overflowed` tell, with the last beat, what became of it. A beat that leaves makes room from the second cycle after on. `m.tuser` is always low.

use crate::stream::{StreamSink, StreamSource};
use handclasp_verilog::ApartRam;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// A packet FIFO of `2^A` beats. N is `A + 1`, the width of its indices.
#[block(K * 8 == W, N == A + 1)]
pub struct PacketFifo<const W: usize, const K: usize, const A: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Stream in; `tuser` with `tlast` forgets the packet.
    pub s: StreamSink<W, K>,
    /// Stream out: good packets.
    pub m: StreamSource<W, K>,
    /// This cycle's beat is the last of a packet that was kept.
    pub committed: Signal<Out, Bit>,
    /// This cycle's beat is the last of a packet that did not fit.
    pub overflowed: Signal<Out, Bit>,
    data: ApartRam<Bits<W>, A>,
    keep: ApartRam<Bits<K>, A>,
    last: ApartRam<Bit, A>,
    write_index: DFF<Bits<N>>,
    /// `write_index` + 1, as in `Fifo`.
    next_write: DFF<Bits<N>>,
    /// Where the packet that is coming in began: beats before it may leave.
    commit_index: DFF<Bits<N>>,
    /// Of the beat behind the one at `m`, as in `Fifo`.
    read_index: DFF<Bits<N>>,
    is_full: DFF<Bit>,
    /// A beat of the packet that is coming in did not fit.
    cut: DFF<Bit>,
    valid: DFF<Bit>,
    fits: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    read_address: Signal<Local, Bits<A>>,
    load: Signal<Local, Bit>,
    has_more: Signal<Local, Bit>,
}

#[kernel]
impl<const W: usize, const K: usize, const A: usize, const N: usize> Logic
    for PacketFifo<W, K, A, N>
{
    fn update(&mut self) {
        let depth: Bits<N> = 1_usize << A;

        // In: beats are written behind the last good packet, and count when the packet turns out good.
        self.s.tready.next = true;
        self.fits.next = !self.is_full.q.val() & !self.cut.q.val();
        self.ends.next = self.s.tvalid.val() & self.s.tlast.val();
        self.committed.next = self.ends.val() & self.fits.val() & !self.s.tuser.val();
        self.overflowed.next = self.ends.val() & !self.fits.val();

        self.data.write_address.next = bit_cast::<A, N>(self.write_index.q.val());
        self.keep.write_address.next = bit_cast::<A, N>(self.write_index.q.val());
        self.last.write_address.next = bit_cast::<A, N>(self.write_index.q.val());
        self.data.write_data.next = self.s.tdata.val();
        self.keep.write_data.next = self.s.tkeep.val();
        self.last.write_data.next = self.s.tlast.val();
        self.data.write_enable.next = self.s.tvalid.val() & self.fits.val();
        self.keep.write_enable.next = self.s.tvalid.val() & self.fits.val();
        self.last.write_enable.next = self.s.tvalid.val() & self.fits.val();

        self.is_full.d.next = (self.write_index.q.val() ^ self.read_index.q.val()) == depth;
        if self.s.tvalid.val() & self.fits.val() {
            self.write_index.d.next = self.next_write.q.val();
            self.next_write.d.next = self.next_write.q.val() + 1;
            self.is_full.d.next = (self.next_write.q.val() ^ self.read_index.q.val()) == depth;
        }
        if self.s.tvalid.val() & !self.fits.val() {
            self.cut.d.next = true;
        }
        if self.ends.val() {
            self.cut.d.next = false;
            if self.committed.val() {
                self.commit_index.d.next = self.next_write.q.val();
            } else {
                self.write_index.d.next = self.commit_index.q.val();
                self.next_write.d.next = self.commit_index.q.val() + 1;
                self.is_full.d.next =
                    (self.commit_index.q.val() ^ self.read_index.q.val()) == depth;
            }
        }

        // Out: as in `Fifo`, but only up to the last good packet.
        self.read_address.next = bit_cast::<A, N>(self.read_index.q.val());
        self.load.next = !self.valid.q.val() | self.m.tready.val();
        self.has_more.next = self.read_index.q.val() != self.commit_index.q.val();
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

        if self.rst.val() {
            self.write_index.d.next = 0.into();
            self.next_write.d.next = 1.into();
            self.commit_index.d.next = 0.into();
            self.read_index.d.next = 0.into();
            self.is_full.d.next = false;
            self.cut.d.next = false;
            self.valid.d.next = false;
        }
    }
}
