//! A queue of `2^A` words in block RAM; the oldest word stands at the output until it is taken (first-word fall-through).
//!
//! ```text
//!            ┌──────────────┐
//!  push ────>│ RAM of 2^A   │──> pop   (the RAM's own output register, filled when it is free)
//!            └──────────────┘
//!        write index   read index
//! ```
//!
//! Latency: 2 cycles from a push into the empty queue to `pop_valid`, 2 from a pop out of the full queue to `push_ready`. Throughput: one push and one pop a cycle. One clock; reset
//! empties it. It holds one word more than the RAM, at its output. When full, `push_ready` is low and nothing is lost. `push_ready` and `pop_valid` are registers.

use handclasp_verilog::ApartRam;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// A synchronous FIFO of `2^A` words of type `D`. N is `A + 1`, the width of its indices.
#[block(N == A + 1)]
pub struct Fifo<D: Synth, const A: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Word to append.
    pub push_data: Signal<In, D>,
    /// There is a word to append.
    pub push_valid: Signal<In, Bit>,
    /// The word is taken at this clock edge.
    pub push_ready: Signal<Out, Bit>,
    /// The oldest word.
    pub pop_data: Signal<Out, D>,
    /// There is an oldest word.
    pub pop_valid: Signal<Out, Bit>,
    /// The oldest word is taken at this clock edge.
    pub pop_ready: Signal<In, Bit>,
    ram: ApartRam<D, A>,
    /// Free-running, with one bit more than the RAM's address: full and empty differ in it.
    write_index: DFF<Bits<N>>,
    /// `write_index` + 1: so whether the FIFO will be full is no more than a choice.
    next_write: DFF<Bits<N>>,
    /// Of the word behind the one at the output: so a pop is no more than an enable, for the RAM and for this.
    read_index: DFF<Bits<N>>,
    valid: DFF<Bit>,
    ready: DFF<Bit>,
    push: Signal<Local, Bit>,
    /// The output is free, or will be.
    load: Signal<Local, Bit>,
    /// There is a word behind the one at the output.
    has_more: Signal<Local, Bit>,
}

#[kernel]
impl<D: Synth, const A: usize, const N: usize> Logic for Fifo<D, A, N> {
    fn update(&mut self) {
        let depth: Bits<N> = 1_usize << A;

        // A pop at this edge makes room that is seen a cycle later.
        self.push_ready.next = self.ready.q.val();
        self.push.next = self.push_valid.val() & self.ready.q.val();
        self.ram.write_address.next = bit_cast::<A, N>(self.write_index.q.val());
        wire!(self -> ram: push_data as write_data, push as write_enable);
        self.ready.d.next = (self.write_index.q.val() ^ self.read_index.q.val()) != depth;
        if self.push.val() {
            self.write_index.d.next = self.next_write.q.val();
            self.next_write.d.next = self.next_write.q.val() + 1;
            self.ready.d.next = (self.next_write.q.val() ^ self.read_index.q.val()) != depth;
        }

        // The word that is written at this edge cannot be read at it: it counts from the next one.
        self.load.next = !self.valid.q.val() | self.pop_ready.val();
        self.has_more.next = self.read_index.q.val() != self.write_index.q.val();
        self.ram.read_address.next = bit_cast::<A, N>(self.read_index.q.val());
        self.ram.read_enable.next = self.load.val();
        if self.load.val() {
            self.valid.d.next = self.has_more.val();
            if self.has_more.val() {
                self.read_index.d.next = self.read_index.q.val() + 1;
            }
        }
        self.pop_data.next = self.ram.read_data.val();
        self.pop_valid.next = self.valid.q.val();

        if self.rst.val() {
            self.write_index.d.next = 0.into();
            self.next_write.d.next = 1.into();
            self.read_index.d.next = 0.into();
            self.valid.d.next = false;
            self.ready.d.next = true;
        }
    }
}
