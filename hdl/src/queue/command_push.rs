//! Takes commands that the host writes to the NIC itself, so that nothing has to be read before they are carried out.
//!
//! ```text
//!  s_axi_push_aw ──> checks ────────┐
//!  s_axi_push_w ──┬> checks, count ─┴─> push ──> COMMAND_PRODUCER + 1
//!                 └──────────────────> beats ──> command_queue
//!  s_axi_push_b <── answer
//! ```
//!
//! One aligned INCR burst of 64 bytes with all strobes, anywhere in the window, is a push: the host has written a command into its place in the
//! ring, and writes the same 64 bytes here. It counts as a doorbell that raises COMMAND_PRODUCER by one, and brings a copy of the entry; the
//! queue takes the copy if it has fetched all before it and has room, else it fetches the entry from memory as ever. Any other burst is taken to
//! its end, answered SLVERR, and changes nothing. There is no read channel.
//!
//! Order: pushes count in the order of their answers. A doorbell write comes by another port, which no bus orders with this one, and sets the
//! index whatever has been pushed; who does both waits for the answer of the one (or until the command has completed) before the other.
//!
//! Latency: 0 cycles from the burst's last beat to `push`, 1 to the answer. Throughput: a push in 64 / K + 2 cycles. Data are taken in the cycle behind
//! their address at the earliest, so that what is known of the address stands in a register. One clock; reset forgets the burst. No counters.

use crate::queue::PushSlave;
use handclasp_layout::queue::ENTRY_BYTES;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The push window, W bits (K bytes) a beat.
#[block(K * 8 == W, K <= ENTRY_BYTES, ENTRY_BYTES / K < 16)]
pub struct CommandPush<const W: usize, const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// AXI4 slave: pushed commands.
    pub s_axi_push: PushSlave<W, K>,
    /// A beat of a burst, lowest first.
    pub beat_data: Signal<Out, Bits<W>>,
    /// It is there.
    pub beat_valid: Signal<Out, Bit>,
    /// It is the burst's first.
    pub beat_first: Signal<Out, Bit>,
    /// The burst was a push; this is its last beat.
    pub push: Signal<Out, Bit>,
    /// A burst is under way.
    pub busy: Signal<Out, Bit>,
    address_held: DFF<Bit>,
    address_good: DFF<Bit>,
    id: DFF<Bits<1>>,
    /// All beats so far were good.
    data_good: DFF<Bit>,
    beats: DFF<Bits<4>>,
    answer: DFF<Bit>,
    answer_good: DFF<Bit>,
    take_address: Signal<Local, Bit>,
    take_beat: Signal<Local, Bit>,
    is_good_data: Signal<Local, Bit>,
    beats_now: Signal<Local, Bits<4>>,
    #[value(Bits::mask())]
    all_lanes: Constant<Bits<K>>,
}

#[kernel]
impl<const W: usize, const K: usize> Logic for CommandPush<W, K> {
    fn update(&mut self) {
        let entry_mask: Bits<12> = ENTRY_BYTES - 1;
        let burst_len: Bits<8> = ENTRY_BYTES / K - 1;
        let burst_size: Bits<3> = clog2(K);
        let burst_incr: Bits<2> = 1;
        let entry_beats: Bits<4> = ENTRY_BYTES / K;
        let slverr: Bits<2> = 2;

        // One burst at a time, until its answer has been taken; its data are taken behind its address.
        self.s_axi_push.awready.next = !self.address_held.q.val() & !self.answer.q.val();
        self.take_address.next = self.s_axi_push.awvalid.val() & self.s_axi_push.awready.val();
        self.s_axi_push.wready.next = self.address_held.q.val();
        self.take_beat.next = self.s_axi_push.wvalid.val() & self.s_axi_push.wready.val();

        if self.take_address.val() {
            self.address_good.d.next = !(self.s_axi_push.awaddr.val() & entry_mask).any()
                & (self.s_axi_push.awlen.val() == burst_len)
                & (self.s_axi_push.awsize.val() == burst_size)
                & (self.s_axi_push.awburst.val() == burst_incr);
            self.address_held.d.next = true;
            self.id.d.next = self.s_axi_push.awid.val();
        }

        // As many beats as a command has, all of each.
        self.is_good_data.next = self.data_good.q.val();
        self.beats_now.next = self.beats.q.val();
        if self.take_beat.val() {
            self.is_good_data.next = self.data_good.q.val()
                & (self.s_axi_push.wstrb.val() == self.all_lanes.val())
                & (self.beats.q.val() != entry_beats);
            self.data_good.d.next = self.is_good_data.val();
            if self.beats.q.val() != entry_beats {
                self.beats_now.next = self.beats.q.val() + 1;
            }
            self.beats.d.next = self.beats_now.val();
        }
        self.beat_data.next = self.s_axi_push.wdata.val();
        self.beat_valid.next = self.take_beat.val();
        self.beat_first.next = !self.beats.q.val().any();

        self.push.next = false;
        if self.s_axi_push.bready.val() {
            self.answer.d.next = false;
        }
        if self.take_beat.val() & self.s_axi_push.wlast.val() {
            self.push.next = self.address_good.q.val()
                & self.is_good_data.val()
                & (self.beats_now.val() == entry_beats);
            self.answer.d.next = true;
            self.answer_good.d.next = self.push.val();
            self.address_held.d.next = false;
            self.data_good.d.next = true;
            self.beats.d.next = 0.into();
        }
        self.s_axi_push.bid.next = self.id.q.val();
        self.s_axi_push.bresp.next = 0.into();
        if !self.answer_good.q.val() {
            self.s_axi_push.bresp.next = slverr;
        }
        self.s_axi_push.bvalid.next = self.answer.q.val();
        self.busy.next = self.address_held.q.val() | self.answer.q.val();

        if self.rst.val() {
            self.address_held.d.next = false;
            self.data_good.d.next = true;
            self.beats.d.next = 0.into();
            self.answer.d.next = false;
        }
    }
}
