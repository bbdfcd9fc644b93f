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
//! Latency: 0 cycles from the burst's last beat to `push`, 1 to the answer. Throughput: a push in 64 / K + 1 cycles. Data are taken in the cycle of
//! their address at the earliest. One clock; reset forgets the burst. No counters.

use handclasp_layout::queue::ENTRY_BYTES;
use rust_hdl::prelude::*;

/// The push window, W bits (K bytes) a beat.
#[derive(LogicBlock)]
pub struct CommandPush<const W: usize, const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// AXI4 write address: id, given back with the answer.
    pub s_axi_push_awid: Signal<In, Bits<1>>,
    /// Address in the window.
    pub s_axi_push_awaddr: Signal<In, Bits<12>>,
    /// Beats less one.
    pub s_axi_push_awlen: Signal<In, Bits<8>>,
    /// log2 of the bytes of a beat.
    pub s_axi_push_awsize: Signal<In, Bits<3>>,
    /// Kind of burst.
    pub s_axi_push_awburst: Signal<In, Bits<2>>,
    /// An address is there.
    pub s_axi_push_awvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub s_axi_push_awready: Signal<Out, Bit>,
    /// AXI4 write data.
    pub s_axi_push_wdata: Signal<In, Bits<W>>,
    /// Which bytes are written.
    pub s_axi_push_wstrb: Signal<In, Bits<K>>,
    /// The burst's last beat.
    pub s_axi_push_wlast: Signal<In, Bit>,
    /// A beat is there.
    pub s_axi_push_wvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub s_axi_push_wready: Signal<Out, Bit>,
    /// AXI4 write answer: id.
    pub s_axi_push_bid: Signal<Out, Bits<1>>,
    /// OKAY, or SLVERR.
    pub s_axi_push_bresp: Signal<Out, Bits<2>>,
    /// An answer is there.
    pub s_axi_push_bvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub s_axi_push_bready: Signal<In, Bit>,
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
    is_good_address: Signal<Local, Bit>,
    is_good_data: Signal<Local, Bit>,
    beats_now: Signal<Local, Bits<4>>,
    entry_mask: Constant<Bits<12>>,
    burst_len: Constant<Bits<8>>,
    burst_size: Constant<Bits<3>>,
    burst_incr: Constant<Bits<2>>,
    entry_beats: Constant<Bits<4>>,
    all_lanes: Constant<Bits<K>>,
    slverr: Constant<Bits<2>>,
}

impl<const W: usize, const K: usize> Default for CommandPush<W, K> {
    fn default() -> Self {
        const { assert!(K * 8 == W && K <= ENTRY_BYTES && ENTRY_BYTES / K < 16) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            s_axi_push_awid: Default::default(),
            s_axi_push_awaddr: Default::default(),
            s_axi_push_awlen: Default::default(),
            s_axi_push_awsize: Default::default(),
            s_axi_push_awburst: Default::default(),
            s_axi_push_awvalid: Default::default(),
            s_axi_push_awready: Default::default(),
            s_axi_push_wdata: Default::default(),
            s_axi_push_wstrb: Default::default(),
            s_axi_push_wlast: Default::default(),
            s_axi_push_wvalid: Default::default(),
            s_axi_push_wready: Default::default(),
            s_axi_push_bid: Default::default(),
            s_axi_push_bresp: Default::default(),
            s_axi_push_bvalid: Default::default(),
            s_axi_push_bready: Default::default(),
            beat_data: Default::default(),
            beat_valid: Default::default(),
            beat_first: Default::default(),
            push: Default::default(),
            busy: Default::default(),
            address_held: Default::default(),
            address_good: Default::default(),
            id: Default::default(),
            data_good: Default::default(),
            beats: Default::default(),
            answer: Default::default(),
            answer_good: Default::default(),
            take_address: Default::default(),
            take_beat: Default::default(),
            is_good_address: Default::default(),
            is_good_data: Default::default(),
            beats_now: Default::default(),
            entry_mask: Constant::new((ENTRY_BYTES - 1).to_bits()),
            burst_len: Constant::new((ENTRY_BYTES / K - 1).to_bits()),
            burst_size: Constant::new(clog2(K).to_bits()),
            burst_incr: Constant::new(bits(1)),
            entry_beats: Constant::new((ENTRY_BYTES / K).to_bits()),
            all_lanes: Constant::new(Bits::mask()),
            slverr: Constant::new(bits(2)),
        }
    }
}

impl<const W: usize, const K: usize> Logic for CommandPush<W, K> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            address_held,
            address_good,
            id,
            data_good,
            beats,
            answer,
            answer_good
        );

        // One burst at a time, until its answer has been taken; its data come with its address or behind it.
        self.s_axi_push_awready.next = !self.address_held.q.val() & !self.answer.q.val();
        self.take_address.next = self.s_axi_push_awvalid.val() & self.s_axi_push_awready.val();
        self.s_axi_push_wready.next = self.address_held.q.val() | self.take_address.val();
        self.take_beat.next = self.s_axi_push_wvalid.val() & self.s_axi_push_wready.val();

        self.is_good_address.next = self.address_good.q.val();
        if self.take_address.val() {
            self.is_good_address.next = !(self.s_axi_push_awaddr.val() & self.entry_mask.val())
                .any()
                & (self.s_axi_push_awlen.val() == self.burst_len.val())
                & (self.s_axi_push_awsize.val() == self.burst_size.val())
                & (self.s_axi_push_awburst.val() == self.burst_incr.val());
            self.address_held.d.next = true;
            self.address_good.d.next = self.is_good_address.val();
            self.id.d.next = self.s_axi_push_awid.val();
        }

        // As many beats as a command has, all of each.
        self.is_good_data.next = self.data_good.q.val();
        self.beats_now.next = self.beats.q.val();
        if self.take_beat.val() {
            self.is_good_data.next = self.data_good.q.val()
                & (self.s_axi_push_wstrb.val() == self.all_lanes.val())
                & (self.beats.q.val() != self.entry_beats.val());
            self.data_good.d.next = self.is_good_data.val();
            if self.beats.q.val() != self.entry_beats.val() {
                self.beats_now.next = self.beats.q.val() + 1;
            }
            self.beats.d.next = self.beats_now.val();
        }
        self.beat_data.next = self.s_axi_push_wdata.val();
        self.beat_valid.next = self.take_beat.val();
        self.beat_first.next = !self.beats.q.val().any();

        self.push.next = false;
        if self.s_axi_push_bready.val() {
            self.answer.d.next = false;
        }
        if self.take_beat.val() & self.s_axi_push_wlast.val() {
            self.push.next = self.is_good_address.val()
                & self.is_good_data.val()
                & (self.beats_now.val() == self.entry_beats.val());
            self.answer.d.next = true;
            self.answer_good.d.next = self.push.val();
            self.address_held.d.next = false;
            self.data_good.d.next = true;
            self.beats.d.next = 0.into();
        }
        self.s_axi_push_bid.next = self.id.q.val();
        self.s_axi_push_bresp.next = 0.into();
        if !self.answer_good.q.val() {
            self.s_axi_push_bresp.next = self.slverr.val();
        }
        self.s_axi_push_bvalid.next = self.answer.q.val();
        self.busy.next = self.address_held.q.val() | self.answer.q.val();

        if self.rst.val() {
            self.address_held.d.next = false;
            self.data_good.d.next = true;
            self.beats.d.next = 0.into();
            self.answer.d.next = false;
        }
    }
}
