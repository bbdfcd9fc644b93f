//! Cuts every combinational path of a stream: registered in both directions, at full throughput.
//!
//! ```text
//!          ┌────────┐
//!  s ──┬──>│ output │──> m
//!      │   └────────┘
//!      │   ┌────────┐   ^
//!      └──>│  skid  │───┘  holds the beat that was under way when m stalled
//!          └────────┘
//! ```
//!
//! Latency: 1 cycle. Throughput: one beat a cycle. One clock; reset forgets both beats. `s.tready` and all of `m` are registers.

use crate::stream::{StreamSink, StreamSource};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// A skid buffer of two beats.
#[block]
pub struct RegisterSlice<const W: usize, const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Stream in.
    pub s: StreamSink<W, K>,
    /// Stream out.
    pub m: StreamSource<W, K>,
    output_valid: DFF<Bit>,
    output_data: DFF<Bits<W>>,
    output_keep: DFF<Bits<K>>,
    output_last: DFF<Bit>,
    output_user: DFF<Bit>,
    skid_valid: DFF<Bit>,
    skid_data: DFF<Bits<W>>,
    skid_keep: DFF<Bits<K>>,
    skid_last: DFF<Bit>,
    skid_user: DFF<Bit>,
    advance: Signal<Local, Bit>,
}

#[kernel]
impl<const W: usize, const K: usize> Logic for RegisterSlice<W, K> {
    fn update(&mut self) {
        self.m.tvalid.next = self.output_valid.q.val();
        self.m.tdata.next = self.output_data.q.val();
        self.m.tkeep.next = self.output_keep.q.val();
        self.m.tlast.next = self.output_last.q.val();
        self.m.tuser.next = self.output_user.q.val();
        self.s.tready.next = !self.skid_valid.q.val();

        self.advance.next = self.m.tready.val() | !self.output_valid.q.val();
        if self.advance.val() {
            // The skid's beat is older than the one at the input.
            if self.skid_valid.q.val() {
                self.output_data.d.next = self.skid_data.q.val();
                self.output_keep.d.next = self.skid_keep.q.val();
                self.output_last.d.next = self.skid_last.q.val();
                self.output_user.d.next = self.skid_user.q.val();
                self.output_valid.d.next = true;
            } else {
                self.output_data.d.next = self.s.tdata.val();
                self.output_keep.d.next = self.s.tkeep.val();
                self.output_last.d.next = self.s.tlast.val();
                self.output_user.d.next = self.s.tuser.val();
                self.output_valid.d.next = self.s.tvalid.val();
            }
            self.skid_valid.d.next = false;
        } else if !self.skid_valid.q.val() {
            self.skid_data.d.next = self.s.tdata.val();
            self.skid_keep.d.next = self.s.tkeep.val();
            self.skid_last.d.next = self.s.tlast.val();
            self.skid_user.d.next = self.s.tuser.val();
            self.skid_valid.d.next = self.s.tvalid.val();
        }

        if self.rst.val() {
            self.output_valid.d.next = false;
            self.skid_valid.d.next = false;
        }
    }
}
