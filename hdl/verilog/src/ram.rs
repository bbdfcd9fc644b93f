//! A block RAM with one read port and one write port: the leaf that synthesis infers.
//!
//! ```text
//!  write_address ─┐            ┌─ read_address
//!  write_data ────┤  2^A words ├─ read_enable
//!  write_enable ──┘            └─ read_data (registered)
//! ```
//!
//! Latency: the address on one edge, `read_data` after it, and until the next edge with `read_enable`. Throughput: one read and one write a cycle. Reading the address that is being
//! written gives the old word (read-first), or is of no use ([`ApartRam`]). There is no reset: words are 0 in Rust and arbitrary in hardware until written, so what
//! must be known is cleared by a state machine.

use rust_hdl::prelude::*;

/// A simple dual-port block RAM of `2^A` words of type `D`.
pub type Ram<D, const A: usize> = Memory<D, A, false>;

/// A [`Ram`] for whoever makes no use of a word that was read at the edge at which it was written, as FIFOs do: synthesis is told so, and
/// builds no bypass around the block RAM. What is read then is the old word in simulation, and anything in hardware.
pub type ApartRam<D, const A: usize> = Memory<D, A, true>;

/// A [`Ram`], or an [`ApartRam`] if IS_APART.
#[derive(LogicBlock, Default)]
pub struct Memory<D: Synth, const A: usize, const IS_APART: bool> {
    /// Clock of both ports.
    pub clock: Signal<In, Clock>,
    /// Word to read on the next edge, if enabled.
    pub read_address: Signal<In, Bits<A>>,
    /// Whether to read; else `read_data` stays.
    pub read_enable: Signal<In, Bit>,
    /// The word read last.
    pub read_data: Signal<Out, D>,
    /// Word to write on the next edge, if enabled.
    pub write_address: Signal<In, Bits<A>>,
    /// What to write there.
    pub write_data: Signal<In, D>,
    /// Whether to write.
    pub write_enable: Signal<In, Bit>,
    _words: Vec<D>,
}

impl<D: Synth, const A: usize, const IS_APART: bool> Logic for Memory<D, A, IS_APART> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self._words.resize(1 << A, D::default());
            if self.read_enable.val() {
                self.read_data.next = self._words[self.read_address.val().index()];
            }
            if self.write_enable.val() {
                self._words[self.write_address.val().index()] = self.write_data.val();
            }
        }
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        let (collision, attribute) = match IS_APART {
            // yosys' name for it; other tools decide by what follows alone.
            true => ("is not used", "(* no_rw_check *) "),
            false => ("gives the old one", ""),
        };
        Verilog::Custom(format!(
            "// Block RAM: a read and a write a cycle; reading the word that is being written {collision}.\n\
             {attribute}reg [{}:0] words [0:{}];\n\
             always @(posedge clock) begin\n  \
               if (read_enable) read_data <= words[read_address];\n  \
               if (write_enable) words[write_address] <= write_data;\n\
             end",
            D::BITS - 1,
            (1_usize << A) - 1
        ))
    }

    fn timing(&self) -> Vec<TimingInfo> {
        let inputs = [
            "read_address",
            "read_enable",
            "write_address",
            "write_data",
            "write_enable",
        ];
        vec![TimingInfo {
            name: "ram".into(),
            clock: "clock".into(),
            inputs: inputs.map(String::from).to_vec(),
            outputs: vec!["read_data".into()],
        }]
    }
}
