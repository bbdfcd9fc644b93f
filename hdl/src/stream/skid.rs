//! Cuts every combinational path of a valid/ready channel: registered in both directions, at full throughput.
//!
//! ```text
//!          ┌────────┐
//!  s ──┬──>│ front  │──> m
//!      │   └────────┘
//!      │   ┌────────┐   ^
//!      └──>│  skid  │───┘  holds the word that was under way when m stalled
//!          └────────┘
//! ```
//!
//! Latency: 1 cycle. Throughput: one word a cycle. One clock; reset forgets both words. `s_ready`, `m_valid` and `m_data` are registers.

use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// A skid buffer of two words of type `D`.
#[block]
pub struct Skid<D: Synth> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Word to append.
    pub s_data: Signal<In, D>,
    /// There is a word to append.
    pub s_valid: Signal<In, Bit>,
    /// The word is taken at this clock edge.
    pub s_ready: Signal<Out, Bit>,
    /// The oldest word.
    pub m_data: Signal<Out, D>,
    /// There is an oldest word.
    pub m_valid: Signal<Out, Bit>,
    /// The oldest word is taken at this clock edge.
    pub m_ready: Signal<In, Bit>,
    front: DFF<D>,
    front_valid: DFF<Bit>,
    skid: DFF<D>,
    skid_valid: DFF<Bit>,
    advance: Signal<Local, Bit>,
}

#[kernel]
impl<D: Synth> Logic for Skid<D> {
    fn update(&mut self) {
        self.m_data.next = self.front.q.val();
        self.m_valid.next = self.front_valid.q.val();
        self.s_ready.next = !self.skid_valid.q.val();

        self.advance.next = self.m_ready.val() | !self.front_valid.q.val();
        if self.advance.val() {
            // The skid's word is older than the one at the input.
            if self.skid_valid.q.val() {
                self.front.d.next = self.skid.q.val();
                self.front_valid.d.next = true;
            } else {
                self.front.d.next = self.s_data.val();
                self.front_valid.d.next = self.s_valid.val();
            }
            self.skid_valid.d.next = false;
        } else if !self.skid_valid.q.val() {
            self.skid.d.next = self.s_data.val();
            self.skid_valid.d.next = self.s_valid.val();
        }

        if self.rst.val() {
            self.front_valid.d.next = false;
            self.skid_valid.d.next = false;
        }
    }
}
