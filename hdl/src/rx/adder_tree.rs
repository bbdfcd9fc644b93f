//! Adds the 16-bit words of one beat.
//!
//! ```text
//!  words ──> leaves ──> pairs ──> ... ──> sum      every arrow ends in a register
//! ```
//!
//! Node n of the heap is the sum of nodes 2n + 1 and 2n + 2; the last `W / 16` nodes are the leaves. Latency: 1 + log2(`W / 16`) cycles
//! (3 at W = 64, 6 at W = 512). Throughput: one beat a cycle. One clock; no reset, as the words only pass through.

use rust_hdl::prelude::*;

/// The tree for beats of W bits.
#[derive(LogicBlock)]
pub struct AdderTree<const W: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// The words, `W / 16` of them.
    pub words: Vec<Signal<In, Bits<16>>>,
    /// Their sum: of 32 words it has 21 bits.
    pub sum: Signal<Out, Bits<32>>,
    nodes: Vec<DFF<Bits<21>>>,
    word: Signal<Local, Bits<16>>,
}

impl<const W: usize> AdderTree<W> {
    /// Cycles from the words to their sum.
    pub const LATENCY_CYCLES: usize = 1 + (W / 16).ilog2() as usize;
}

impl<const W: usize> Default for AdderTree<W> {
    fn default() -> Self {
        const { assert!((W / 16).is_power_of_two() && W <= 512) };
        Self {
            clk: Default::default(),
            words: (0..W / 16).map(|_| Signal::default()).collect(),
            sum: Default::default(),
            nodes: (0..W / 8 - 1).map(|_| DFF::default()).collect(),
            word: Default::default(),
        }
    }
}

impl<const W: usize> Logic for AdderTree<W> {
    #[hdl_gen]
    fn update(&mut self) {
        // A loop of one turn: see the crate's documentation.
        for first_leaf in (W / 16 - 1)..(W / 16) {
            for i in 0..(W / 16) {
                self.nodes[first_leaf + i].clock.next = self.clk.val();
                self.word.next = self.words[i].val();
                self.nodes[first_leaf + i].d.next = bit_cast::<21, 16>(self.word.val());
            }
        }
        for n in 0..(W / 16 - 1) {
            self.nodes[n].clock.next = self.clk.val();
            self.nodes[n].d.next = self.nodes[2 * n + 1].q.val() + self.nodes[2 * n + 2].q.val();
        }
        self.sum.next = bit_cast::<32, 21>(self.nodes[0].q.val());
    }
}
