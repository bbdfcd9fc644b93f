//! A block RAM with one read port and one write port: the leaf that synthesis infers.
//!
//! ```text
//!  write_address ─┐            ┌─ read_address
//!  write_data ────┤  2^A words ├
//!  write_enable ──┘            └─ read_data (registered)
//! ```
//!
//! Latency: the address on one edge, `read_data` after it. Throughput: one read and one write a cycle. Reading the address that is being
//! written gives the old word (read-first). There is no reset: words are 0 in Rust and arbitrary in hardware until written, so what
//! must be known is cleared by a state machine.

use rust_hdl::prelude::*;

/// A simple dual-port block RAM of `2^A` words of type `D`.
#[derive(LogicBlock, Default)]
pub struct Ram<D: Synth, const A: usize> {
    /// Clock of both ports.
    pub clock: Signal<In, Clock>,
    /// Word to read on the next edge.
    pub read_address: Signal<In, Bits<A>>,
    /// The word read on the last edge.
    pub read_data: Signal<Out, D>,
    /// Word to write on the next edge, if enabled.
    pub write_address: Signal<In, Bits<A>>,
    /// What to write there.
    pub write_data: Signal<In, D>,
    /// Whether to write.
    pub write_enable: Signal<In, Bit>,
    _words: Vec<D>,
}

impl<D: Synth, const A: usize> Logic for Ram<D, A> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self._words.resize(1 << A, D::default());
            self.read_data.next = self._words[self.read_address.val().index()];
            if self.write_enable.val() {
                self._words[self.write_address.val().index()] = self.write_data.val();
            }
        }
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "// Block RAM: a read and a write a cycle; reading the word that is being written gives the old one.\n\
             reg [{}:0] words [0:{}];\n\
             always @(posedge clock) begin\n  \
               read_data <= words[read_address];\n  \
               if (write_enable) words[write_address] <= write_data;\n\
             end",
            D::BITS - 1,
            (1_usize << A) - 1
        ))
    }

    fn timing(&self) -> Vec<TimingInfo> {
        let inputs = [
            "read_address",
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
