//! A queue of `2^A` words in block RAM; the oldest word stands at the output until it is taken (first-word fall-through).
//!
//! ```text
//!            ┌──────────────┐
//!  push ────>│ RAM of 2^A   │──> pop   (the RAM's own output register)
//!            └──────────────┘
//!        write index   read index, looked ahead by one pop
//! ```
//!
//! Latency: 2 cycles from a push into the empty queue to `pop_valid`. Throughput: one push and one pop a cycle. One clock; reset
//! empties it. When full, `push_ready` is low and nothing is lost.

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
    read_index: DFF<Bits<N>>,
    valid: DFF<Bit>,
    push: Signal<Local, Bit>,
    next_read_index: Signal<Local, Bits<N>>,
}

#[kernel]
impl<D: Synth, const A: usize, const N: usize> Logic for Fifo<D, A, N> {
    fn update(&mut self) {
        let depth: Bits<N> = 1_usize << A;

        self.push_ready.next = (self.write_index.q.val() - self.read_index.q.val()) != depth;
        self.push.next = self.push_valid.val() & self.push_ready.val();
        self.ram.write_address.next = bit_cast::<A, N>(self.write_index.q.val());
        wire!(self -> ram: push_data as write_data, push as write_enable);
        if self.push.val() {
            self.write_index.d.next = self.write_index.q.val() + 1;
        }

        self.next_read_index.next = self.read_index.q.val();
        if self.valid.q.val() & self.pop_ready.val() {
            self.next_read_index.next = self.read_index.q.val() + 1;
        }
        self.read_index.d.next = self.next_read_index.val();
        // The word that is written at this edge cannot be read at it: it counts from the next one.
        self.ram.read_address.next = bit_cast::<A, N>(self.next_read_index.val());
        self.valid.d.next = self.next_read_index.val() != self.write_index.q.val();
        self.pop_data.next = self.ram.read_data.val();
        self.pop_valid.next = self.valid.q.val();

        if self.rst.val() {
            self.write_index.d.next = 0.into();
            self.read_index.d.next = 0.into();
            self.valid.d.next = false;
        }
    }
}
