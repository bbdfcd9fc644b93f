//! Where frames come in: buffers each one whole, with its headers, length, arrival time and checksum results beside it.
//!
//! ```text
//!           ┌──────┐   ┌─────────────┐
//!  s ───┬──>│ beat │─┬>│ packet FIFO │──────────────────> m        the bytes
//!       │   └──────┘ │ └─────────────┘
//!       │            └>┌──────────┐   ┌──────────────┐
//!       │              │ checksum │──>│ result FIFO  │──> ip_ok, tcp_ok
//!       │   ┌────────┐ └──────────┘   └──────────────┘
//!       └──>│ header │──────^         ┌──────────────┐
//!           │ coll.  │───────────────>│ frame FIFO   │──> frame
//!           └────────┘                └──────────────┘
//! ```
//!
//! `s.tready` is always high: a frame that is marked bad (`tuser`, IEEE 802.3 clause 4.2.9: FCS wrong or aborted), does not fit, or is longer than a slot is
//! dropped whole, and counted once. The frames that are kept come out in the order in which they came in: their bytes at `m`, their headers at
//! `frame`, their checksum results at `result`.
//!
//! In monitor mode (`monitor`) a frame that is longer than a slot is counted, and passes all the same, so that an event can tell of it. Its headers and
//! checksum results are complete. Its length is right up to 65534; 65535 means that or more. Of its bytes, those that fit a slot are stored, and the
//! last beat: the trimmer throws them away.
//!
//! Latency from the last beat: 3 cycles to `frame_valid`, 3 to `m.tvalid`, 7 (W = 64) or 10 (W = 512) to `result_valid`. Throughput: one beat a cycle. One
//! clock; reset forgets everything. Counters: `count_frame`, `count_bad_frame`, `count_fifo_overflow`, `count_oversize`.

use crate::rx::checksum::Checksum;
use crate::rx::frame::{ChecksumResult, Frame, HeaderBlock};
use crate::rx::header_collector::HeaderCollector;
use crate::stream::{Fifo, PacketFifo, StreamSink, StreamSource};
use handclasp_layout::register::SLOT_BYTES;
use rust_hdl::prelude::*;

/// log2 of the frames that wait here.
const FRAMES_LOG2: usize = 5;
/// log2 of the results that wait here: the decoder takes a frame before its result, so there may be one more of them.
const RESULTS_LOG2: usize = FRAMES_LOG2 + 1;

/// The ingress, with a packet FIFO of `2^A` beats. N is `A + 1`.
#[derive(LogicBlock)]
pub struct Ingress<const W: usize, const K: usize, const A: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Time.
    pub now: Signal<In, Bits<64>>,
    /// Frames that are longer than a slot pass, to be told of.
    pub monitor: Signal<In, Bit>,
    /// Frames from the MAC.
    pub s: StreamSink<W, K>,
    /// Bytes of the frames that are kept.
    pub m: StreamSource<W, K>,
    /// The oldest frame that has not been taken.
    pub frame: Signal<Out, Frame>,
    /// There is one.
    pub frame_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub frame_ready: Signal<In, Bit>,
    /// Checksums of the oldest frame whose result has not been taken.
    pub result: Signal<Out, ChecksumResult>,
    /// They are known.
    pub result_valid: Signal<Out, Bit>,
    /// They are taken at this clock edge.
    pub result_ready: Signal<In, Bit>,
    /// A frame ended, good or bad.
    pub count_frame: Signal<Out, Bit>,
    /// It was marked bad.
    pub count_bad_frame: Signal<Out, Bit>,
    /// It did not fit.
    pub count_fifo_overflow: Signal<Out, Bit>,
    /// It was longer than a slot.
    pub count_oversize: Signal<Out, Bit>,
    /// A frame is coming in or waits.
    pub busy: Signal<Out, Bit>,
    collector: HeaderCollector<W, K>,
    packets: PacketFifo<W, K, A, N>,
    frames: Fifo<Frame, FRAMES_LOG2, { FRAMES_LOG2 + 1 }>,
    checksum: Checksum<W>,
    results: Fifo<ChecksumResult, RESULTS_LOG2, { RESULTS_LOG2 + 1 }>,
    in_frame: DFF<Bit>,
    timestamp: DFF<Bits<64>>,
    /// The beat that arrived in the last cycle.
    beat_data: DFF<Bits<W>>,
    beat_keep: DFF<Bits<K>>,
    beat_valid: DFF<Bit>,
    beat_last: DFF<Bit>,
    beat_user: DFF<Bit>,
    beat_bytes: DFF<Bits<16>>,
    /// Bytes of the frame before that beat.
    len_bytes: DFF<Bits<16>>,
    kept_bytes: Signal<Local, Bits<16>>,
    counted_bytes: Signal<Local, Bits<17>>,
    total_bytes: Signal<Local, Bits<16>>,
    is_oversize: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    does_not_fit: Signal<Local, Bit>,
    block: Signal<Local, HeaderBlock>,
    slot_bytes: Constant<Bits<16>>,
    most_bytes: Constant<Bits<16>>,
}

impl<const W: usize, const K: usize, const A: usize, const N: usize> Default
    for Ingress<W, K, A, N>
{
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            now: Default::default(),
            monitor: Default::default(),
            s: Default::default(),
            m: Default::default(),
            frame: Default::default(),
            frame_valid: Default::default(),
            frame_ready: Default::default(),
            result: Default::default(),
            result_valid: Default::default(),
            result_ready: Default::default(),
            count_frame: Default::default(),
            count_bad_frame: Default::default(),
            count_fifo_overflow: Default::default(),
            count_oversize: Default::default(),
            busy: Default::default(),
            collector: Default::default(),
            packets: Default::default(),
            frames: Default::default(),
            checksum: Default::default(),
            results: Default::default(),
            in_frame: Default::default(),
            timestamp: Default::default(),
            beat_data: Default::default(),
            beat_keep: Default::default(),
            beat_valid: Default::default(),
            beat_last: Default::default(),
            beat_user: Default::default(),
            beat_bytes: Default::default(),
            len_bytes: Default::default(),
            kept_bytes: Default::default(),
            counted_bytes: Default::default(),
            total_bytes: Default::default(),
            is_oversize: Default::default(),
            ends: Default::default(),
            does_not_fit: Default::default(),
            block: Default::default(),
            slot_bytes: Constant::new(SLOT_BYTES.to_bits()),
            most_bytes: Constant::new(Bits::<16>::mask()),
        }
    }
}

impl<const W: usize, const K: usize, const A: usize, const N: usize> Logic for Ingress<W, K, A, N> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, in_frame, timestamp, len_bytes);
        dff_setup!(self, clk, beat_data, beat_keep, beat_valid, beat_last, beat_user, beat_bytes);
        self.collector.clk.next = self.clk.val();
        self.collector.rst.next = self.rst.val();
        self.packets.clk.next = self.clk.val();
        self.packets.rst.next = self.rst.val();
        self.frames.clk.next = self.clk.val();
        self.frames.rst.next = self.rst.val();
        self.checksum.clk.next = self.clk.val();
        self.checksum.rst.next = self.rst.val();
        self.results.clk.next = self.clk.val();
        self.results.rst.next = self.rst.val();

        // First cycle: register the beat, count its bytes, collect its headers.
        self.s.tready.next = true;
        self.kept_bytes.next = 0.into();
        for i in 0..K {
            if self.s.tkeep.val().get_bit(i) {
                self.kept_bytes.next = (i + 1).to_bits();
            }
        }
        self.beat_valid.d.next = self.s.tvalid.val();
        if self.s.tvalid.val() {
            self.beat_data.d.next = self.s.tdata.val();
            self.beat_keep.d.next = self.s.tkeep.val();
            self.beat_last.d.next = self.s.tlast.val();
            self.beat_user.d.next = self.s.tuser.val();
            self.beat_bytes.d.next = self.kept_bytes.val();
            self.in_frame.d.next = !self.s.tlast.val();
            if !self.in_frame.q.val() {
                self.timestamp.d.next = self.now.val();
            }
        }
        self.collector.beat_data.next = self.s.tdata.val();
        self.collector.beat_valid.next = self.s.tvalid.val();
        self.collector.beat_last.next = self.s.tlast.val();

        // Second cycle: store the beat; with the last one decide about the frame.
        self.counted_bytes.next = bit_cast::<17, 16>(self.len_bytes.q.val())
            + bit_cast::<17, 16>(self.beat_bytes.q.val());
        self.total_bytes.next = bit_cast::<16, 17>(self.counted_bytes.val());
        if self.counted_bytes.val().get_bit(16) {
            self.total_bytes.next = self.most_bytes.val();
        }
        self.is_oversize.next = self.total_bytes.val() > self.slot_bytes.val();
        self.ends.next = self.beat_valid.q.val() & self.beat_last.q.val();
        self.does_not_fit.next = self.packets.overflowed.val() | !self.frames.push_ready.val();
        if self.beat_valid.q.val() {
            if self.beat_last.q.val() {
                self.len_bytes.d.next = 0.into();
            } else {
                self.len_bytes.d.next = self.total_bytes.val();
            }
        }
        self.packets.s.tdata.next = self.beat_data.q.val();
        self.packets.s.tkeep.next = self.beat_keep.q.val();
        self.packets.s.tlast.next = self.beat_last.q.val();
        // What does not fit a slot is never delivered: it shall not take room from other frames.
        self.packets.s.tvalid.next =
            self.beat_valid.q.val() & (!self.is_oversize.val() | self.beat_last.q.val());
        self.packets.s.tuser.next = self.beat_user.q.val()
            | (self.is_oversize.val() & !self.monitor.val())
            | !self.frames.push_ready.val();
        self.count_frame.next = self.ends.val();
        self.count_bad_frame.next = self.ends.val() & self.beat_user.q.val();
        self.count_fifo_overflow.next =
            self.ends.val() & !self.beat_user.q.val() & self.does_not_fit.val();
        self.count_oversize.next = self.ends.val()
            & !self.beat_user.q.val()
            & !self.does_not_fit.val()
            & self.is_oversize.val();

        self.frames.push_valid.next = self.packets.committed.val();
        self.frames.push_data.next.header = self.collector.header.val();
        self.frames.push_data.next.is_tagged = self.collector.is_tagged.val();
        self.frames.push_data.next.vlan_tci = self.collector.vlan_tci.val();
        self.frames.push_data.next.len_bytes = self.total_bytes.val();
        self.frames.push_data.next.timestamp = self.timestamp.q.val();

        self.block.next = self.collector.header.val().into();
        self.checksum.beat_data.next = self.beat_data.q.val();
        self.checksum.beat_valid.next = self.beat_valid.q.val();
        self.checksum.beat_last.next = self.beat_last.q.val();
        self.checksum.beat_keep.next = self.packets.committed.val();
        self.checksum.ipv4.next = self.block.val().ipv4;
        self.checksum.is_tagged.next = self.collector.is_tagged.val();
        // There is always room, see `RESULTS_LOG2`.
        self.results.push_valid.next = self.checksum.result_valid.val();
        self.results.push_data.next.ip_ok = self.checksum.ip_ok.val();
        self.results.push_data.next.tcp_ok = self.checksum.tcp_ok.val();

        self.m.tdata.next = self.packets.m.tdata.val();
        self.m.tkeep.next = self.packets.m.tkeep.val();
        self.m.tvalid.next = self.packets.m.tvalid.val();
        self.m.tlast.next = self.packets.m.tlast.val();
        self.m.tuser.next = self.packets.m.tuser.val();
        self.packets.m.tready.next = self.m.tready.val();
        self.frame.next = self.frames.pop_data.val();
        self.frame_valid.next = self.frames.pop_valid.val();
        self.frames.pop_ready.next = self.frame_ready.val();
        self.result.next = self.results.pop_data.val();
        self.result_valid.next = self.results.pop_valid.val();
        self.results.pop_ready.next = self.result_ready.val();
        // From its first beat until the decoder has taken its result, a kept frame is in one of these places.
        self.busy.next = self.in_frame.q.val()
            | self.beat_valid.q.val()
            | self.checksum.busy.val()
            | self.frames.pop_valid.val()
            | self.results.pop_valid.val();

        if self.rst.val() {
            self.in_frame.d.next = false;
            self.beat_valid.d.next = false;
            self.len_bytes.d.next = 0.into();
        }
    }
}
