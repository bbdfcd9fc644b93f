//! Stores payloads until their frames leave, and sums each for its checksum.
//!
//! ```text
//!              ┌──────┐        ┌────────────────────┐
//!  s (reader) ─┤ mask ├─┬─────>│ FIFO of 2^A beats  │──> m (assembler)
//!              └──────┘ │      └────────────────────┘
//!                       │ ┌────────────────────┐
//!                       ├>│ FIFO of whole ones │──> stored (assembler)
//!                       │ └────────────────────┘
//!                       │ ┌────────────┐  ┌─────┐  ┌──────────────┐
//!                       └>│ adder tree ├─>│ sum ├─>│ FIFO of sums │──> sum (assembler)
//!                         └────────────┘  └─────┘  └──────────────┘
//! ```
//!
//! `stored` tells when the last beat of a payload has been stored, so a frame that begins then leaves without a gap. Its sum follows; whoever
//! has no use for it does not wait for it (`take_sum` low), and it is thrown away when it comes. Bytes beyond `tkeep` are stored as zeros: they
//! pad the last 16-bit word of the sum (RFC 1071 1) and the frame.
//!
//! Latency: `stored_valid` 2 cycles after the cycle in which the payload's last beat was accepted, `sum_valid` log2(W/16) + 4. Throughput: one
//! beat a cycle. One clock; reset forgets everything. A bus error (`s.tuser` in any beat) is reported with `stored`, and the payload is
//! stored all the same: the assembler discards it. When the FIFO is full, `s.tready` is low. No counters.

use crate::stream::{Fifo, StreamSink};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Room for payloads at least: two of the longest frames, so that one is fetched while the other leaves.
pub const PAYLOAD_BUFFER_BYTES_MIN: usize = 4096;

/// The payload buffer: W bits (K bytes) wide, `2^A` words deep, for `2^J` payloads; N is `A + 1`, M is `J + 1`.
#[block(K * 8 == W, W.is_power_of_two(), K << A >= PAYLOAD_BUFFER_BYTES_MIN)]
pub struct PayloadBuffer<
    const W: usize,
    const K: usize,
    const A: usize,
    const N: usize,
    const J: usize,
    const M: usize,
> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Payload from the bus: byte 0 in lane 0, `tuser` where the bus answered with an error.
    pub s: StreamSink<W, K>,
    /// Stored payload, zeros behind its last byte.
    pub m_tdata: Signal<Out, Bits<W>>,
    /// A word is there.
    pub m_tvalid: Signal<Out, Bit>,
    /// The word is taken at this clock edge.
    pub m_tready: Signal<In, Bit>,
    /// The bus answered a read of the oldest payload with an error.
    pub stored_error: Signal<Out, Bit>,
    /// The oldest payload has been stored to its end.
    pub stored_valid: Signal<Out, Bit>,
    /// Its sum.
    pub sum: Signal<Out, Bits<16>>,
    /// The sum is there.
    pub sum_valid: Signal<Out, Bit>,
    /// The oldest payload's frame begins: the next one is the oldest.
    pub take: Signal<In, Bit>,
    /// With `take`: its sum is there, and was used.
    pub take_sum: Signal<In, Bit>,
    /// Sums that nobody wants are still to come.
    pub busy: Signal<Out, Bit>,
    words: Fifo<Bits<W>, A, N>,
    /// Like `sums`, cannot be full: so many payloads are not asked for before the first of their jobs has taken its own.
    stored: Fifo<Bits<1>, J, M>,
    sums: Fifo<Bits<16>, J, M>,
    /// Sums still to come that nobody wants.
    unwanted: DFF<Bits<M>>,
    drop: Signal<Local, Bit>,
    /// Heap of adders: node n is node 2n+1 + node 2n+2, node 0 the root; the last W/16 nodes are the beat's 16-bit lanes.
    #[len(2 * Self::LANES - 1)]
    nodes: Vec<DFF<Bits<24>>>,
    /// Goes with each level of the heap, lanes first: this was a payload's last beat.
    #[len(Self::LEVELS + 1)]
    last: Vec<DFF<Bit>>,
    /// Sum of the payload's beats that have left the heap.
    running_sum: DFF<Bits<32>>,
    /// Sum of the whole payload, its carries not yet folded in.
    total: DFF<Bits<32>>,
    total_valid: DFF<Bit>,
    /// A beat of the payload under way had an error.
    error: DFF<Bit>,
    accepted: Signal<Local, Bit>,
    masked: Signal<Local, Bits<W>>,
    lane: Signal<Local, Bits<16>>,
    root: Signal<Local, Bits<32>>,
    folded_once: Signal<Local, Bits<32>>,
    folded: Signal<Local, Bits<32>>,
    lane_sum: Signal<Local, Bits<16>>,
    swapped: Signal<Local, Bits<16>>,
    /// Ones, but for one byte.
    #[value((0..K).map(|i| !(Bits::<W>::from(0xff) << (8 * i as u64))))]
    all_but_byte: Vec<Constant<Bits<W>>>,
}

impl<
        const W: usize,
        const K: usize,
        const A: usize,
        const N: usize,
        const J: usize,
        const M: usize,
    > PayloadBuffer<W, K, A, N, J, M>
{
    /// 16-bit lanes of a beat.
    const LANES: usize = W / 16;
    /// Levels of adders below the lanes.
    const LEVELS: usize = Self::LANES.ilog2() as usize;
}

#[kernel]
impl<
        const W: usize,
        const K: usize,
        const A: usize,
        const N: usize,
        const J: usize,
        const M: usize,
    > Logic for PayloadBuffer<W, K, A, N, J, M>
{
    fn update(&mut self) {
        self.s.tready.next = self.words.push_ready.val();
        self.accepted.next = self.s.tvalid.val() & self.words.push_ready.val();

        self.masked.next = self.s.tdata.val();
        for i in 0..K {
            if !self.s.tkeep.val().get_bit(i) {
                self.masked.next = self.masked.val() & self.all_but_byte[i].val();
            }
        }
        self.words.push_data.next = self.masked.val();
        self.words.push_valid.next = self.s.tvalid.val();
        wire!(words -> self: pop_data as m_tdata, pop_valid as m_tvalid);
        self.words.pop_ready.next = self.m_tready.val();

        // The lanes as they lie on the bus: the sum does not depend on byte order (RFC 1071 2(B)), so it is swapped once, at the end. (The outer
        // loop has one turn: see the crate's documentation.)
        for first in (Self::LANES - 1)..Self::LANES {
            for i in 0..Self::LANES {
                self.nodes[first + i].clock.next = self.clk.val();
                self.nodes[first + i].d.next = 0.into();
                self.lane.next = self.masked.val().get_bits::<16>(16 * i);
                if self.accepted.val() {
                    self.nodes[first + i].d.next = bit_cast::<24, 16>(self.lane.val());
                }
            }
        }
        for n in 0..(Self::LANES - 1) {
            self.nodes[n].d.next = self.nodes[2 * n + 1].q.val() + self.nodes[2 * n + 2].q.val();
        }
        if self.accepted.val() {
            self.error.d.next = (self.error.q.val() | self.s.tuser.val()) & !self.s.tlast.val();
        }
        self.last[0].d.next = self.accepted.val() & self.s.tlast.val();
        for i in 0..Self::LEVELS {
            self.last[i + 1].clock.next = self.clk.val();
            self.last[i + 1].d.next = self.last[i].q.val();
        }

        self.root.next = self.running_sum.q.val() + bit_cast::<32, 24>(self.nodes[0].q.val());
        self.running_sum.d.next = self.root.val();
        self.total_valid.d.next = false;
        // The last level (a loop of one turn): the sum of a beat leaves the heap.
        for level in Self::LEVELS..(Self::LEVELS + 1) {
            if self.last[level].q.val() {
                self.total.d.next = self.root.val();
                self.total_valid.d.next = true;
                self.running_sum.d.next = 0.into();
            }
        }

        // Deferred carries are added at the low end (RFC 1071 2, 1); after two foldings there are none left.
        self.folded_once.next =
            bit_cast::<32, 16>(self.total.q.val().get_bits::<16>(0)) + (self.total.q.val() >> 16);
        self.folded.next = bit_cast::<32, 16>(self.folded_once.val().get_bits::<16>(0))
            + (self.folded_once.val() >> 16);
        self.lane_sum.next = self.folded.val().get_bits::<16>(0);
        self.swapped.next = (self.lane_sum.val() << 8) | (self.lane_sum.val() >> 8);
        self.sums.push_data.next = self.swapped.val();
        self.sums.push_valid.next = self.total_valid.q.val();
        self.sum.next = self.sums.pop_data.val();

        self.stored.push_valid.next = self.accepted.val() & self.s.tlast.val();
        self.stored.push_data.next = 0.into();
        if self.error.q.val() | self.s.tuser.val() {
            self.stored.push_data.next = 1.into();
        }
        self.stored_valid.next = self.stored.pop_valid.val();
        self.stored_error.next = self.stored.pop_data.val().any();
        self.stored.pop_ready.next = self.take.val();

        // The oldest sum is that of the oldest payload, but for those that are unwanted.
        self.sum_valid.next = self.sums.pop_valid.val() & !self.unwanted.q.val().any();
        self.drop.next = self.sums.pop_valid.val() & self.unwanted.q.val().any();
        self.sums.pop_ready.next = (self.take.val() & self.take_sum.val()) | self.drop.val();
        if self.take.val() & !self.take_sum.val() & !self.drop.val() {
            self.unwanted.d.next = self.unwanted.q.val() + 1;
        }
        if !(self.take.val() & !self.take_sum.val()) & self.drop.val() {
            self.unwanted.d.next = self.unwanted.q.val() - 1;
        }
        self.busy.next = self.unwanted.q.val().any();

        if self.rst.val() {
            self.running_sum.d.next = 0.into();
            self.total_valid.d.next = false;
            self.error.d.next = false;
            self.unwanted.d.next = 0.into();
            // Bytes of before the reset must not be in the sum of a payload of after it.
            for n in 0..(2 * Self::LANES - 1) {
                self.nodes[n].d.next = 0.into();
            }
            for i in 0..(Self::LEVELS + 1) {
                self.last[i].d.next = false;
            }
        }
    }
}
