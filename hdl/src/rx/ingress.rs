//! Where frames come in: buffers each one whole, and decides at its end whether it is kept.
//!
//! ```text
//!           ┌──────┐   ┌─────────────┐   ┌───────┐
//!  s ──────>│ beat │──>│ packet FIFO │──>│ slice │──> m       the bytes
//!           └──────┘   └─────────────┘   └───────┘
//!           ┌────────┐
//!  tkeep ──>│ length │───────────────────> end, kept
//!           └────────┘
//! ```
//!
//! `s.tready` is always high: a frame that is marked bad (`tuser`, IEEE 802.3 clause 4.2.9: FCS wrong or aborted), does not fit, or is longer than a slot is
//! dropped whole, and counted once. It fits when the packet FIFO holds its bytes and less than `2^FRAMES_LOG2` frames wait that the decoder has not `taken`. The frames that are kept come out
//! at `m` in the order in which they came in.
//!
//! In monitor mode (`monitor`) a frame that is longer than a slot is counted, and passes all the same, so that an event can tell of it. Its length is right up to
//! 65534; 65535 means that or more. Of its bytes, those that fit a slot are stored, and the last beat: the trimmer throws them away.
//!
//! Latency from the last beat: 1 cycle to `kept`, 4 to `m.tvalid`. Throughput: one beat a cycle. One
//! clock; reset forgets everything. Counters: `count_frame`, `count_bad_frame`, `count_fifo_overflow`, `count_oversize`.

use crate::rx::frame::FrameEnd;
use crate::stream::{PacketFifo, RegisterSlice, StreamSink, StreamSource};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// log2 of the frames that wait between ingress and dispatcher.
pub const FRAMES_LOG2: usize = 6;

/// The ingress, with a packet FIFO of `2^A` beats. N is `A + 1`.
#[block]
pub struct Ingress<const W: usize, const K: usize, const A: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Time.
    pub now: Signal<In, Bits<64>>,
    /// Frames that are longer than a slot pass, to be told of.
    pub monitor: Signal<In, Bit>,
    /// log2 of the bytes of a slot, 11 to 14.
    pub slot_bytes_log2: Signal<In, Bits<4>>,
    /// Frames from the MAC.
    pub s: StreamSink<W, K>,
    /// Bytes of the frames that are kept.
    pub m: StreamSource<W, K>,
    /// What is known of the frame whose last beat came in the last cycle.
    pub frame_end: Signal<Out, FrameEnd>,
    /// For one cycle: there is one, and it is kept.
    pub kept: Signal<Out, Bit>,
    /// The decoder is done with the oldest frame that was kept.
    pub taken: Signal<In, Bit>,
    /// A frame ended, good or bad.
    pub count_frame: Signal<Out, Bit>,
    /// It was marked bad.
    pub count_bad_frame: Signal<Out, Bit>,
    /// It did not fit.
    pub count_fifo_overflow: Signal<Out, Bit>,
    /// It was longer than a slot.
    pub count_oversize: Signal<Out, Bit>,
    /// A frame is coming in or waits for the decoder.
    pub busy: Signal<Out, Bit>,
    packets: PacketFifo<W, K, A, N>,
    /// Block RAM answers late in its cycle: what comes out of it goes to a register first.
    slice: RegisterSlice<W, K>,
    in_frame: DFF<Bit>,
    timestamp: DFF<Bits<64>>,
    /// Beats of the frame before the next one, up to the longest frame's.
    beats: DFF<Bits<16>>,
    /// So many beats before it are one less than a slot has, and the next one is one too many.
    last_slot_beat: DFF<Bits<16>>,
    is_over: DFF<Bit>,
    /// As many frames wait as may.
    is_full: DFF<Bit>,
    waiting: DFF<Bits<16>>,
    /// The beat that arrived in the last cycle.
    beat_data: DFF<Bits<W>>,
    beat_keep: DFF<Bits<K>>,
    beat_valid: DFF<Bit>,
    beat_last: DFF<Bit>,
    beat_user: DFF<Bit>,
    last_byte: DFF<Bits<16>>,
    is_oversize: DFF<Bit>,
    /// The beat is to be stored; with the last one: the frame is not to be kept.
    stores: DFF<Bit>,
    is_bad: DFF<Bit>,
    last_lane: Signal<Local, Bits<16>>,
    ends: Signal<Local, Bit>,
    does_not_fit: Signal<Local, Bit>,
}

#[kernel]
impl<const W: usize, const K: usize, const A: usize, const N: usize> Logic for Ingress<W, K, A, N> {
    fn update(&mut self) {
        let lanes_log2: Bits<16> = K.ilog2() as usize;
        let most_beats: Bits<16> = 0x10000 / K;
        let one: Bits<16> = 1;
        let most_frames: Bits<16> = 1_usize << FRAMES_LOG2;

        // First cycle: keep the beat, and find the number of its last byte.
        self.s.tready.next = true;
        self.last_lane.next = 0.into();
        // `tkeep` is contiguous: the last lane is the one whose next is not there.
        for i in 0..(K - 1) {
            if self.s.tkeep.val().get_bit(i) & !self.s.tkeep.val().get_bit(i + 1) {
                self.last_lane.next = self.last_lane.val() | i.to_bits();
            }
        }
        for i in (K - 1)..K {
            if self.s.tkeep.val().get_bit(i) {
                self.last_lane.next = self.last_lane.val() | i.to_bits();
            }
        }
        // A beat behind a whole slot's is one too many.
        self.last_slot_beat.d.next =
            (one << (bit_cast::<16, 4>(self.slot_bytes_log2.val()) - lanes_log2)) - 1;
        self.beat_valid.d.next = self.s.tvalid.val();
        // What does not fit a slot is never delivered: it shall not take room from other frames.
        self.stores.d.next = self.s.tvalid.val() & (!self.is_over.q.val() | self.s.tlast.val());
        self.is_bad.d.next = self.s.tuser.val() | (self.is_over.q.val() & !self.monitor.val());
        if self.s.tvalid.val() {
            self.beat_data.d.next = self.s.tdata.val();
            self.beat_keep.d.next = self.s.tkeep.val();
            self.beat_last.d.next = self.s.tlast.val();
            self.beat_user.d.next = self.s.tuser.val();
            self.last_byte.d.next = (self.beats.q.val() << lanes_log2) | self.last_lane.val();
            if self.beats.q.val() == most_beats {
                self.last_byte.d.next = 0xffff.into();
            }
            self.is_oversize.d.next = self.is_over.q.val();
            self.in_frame.d.next = !self.s.tlast.val();
            if !self.in_frame.q.val() {
                self.timestamp.d.next = self.now.val();
            }
            if self.beats.q.val() != most_beats {
                self.beats.d.next = self.beats.q.val() + 1;
            }
            self.is_over.d.next =
                self.is_over.q.val() | (self.beats.q.val() == self.last_slot_beat.q.val());
            if self.s.tlast.val() {
                self.beats.d.next = 0.into();
                self.is_over.d.next = false;
            }
        }

        // Second cycle: store the beat; with the last one decide about the frame.
        self.ends.next = self.beat_valid.q.val() & self.beat_last.q.val();
        self.does_not_fit.next = self.packets.overflowed.val() | self.is_full.q.val();
        self.packets.s.tdata.next = self.beat_data.q.val();
        self.packets.s.tkeep.next = self.beat_keep.q.val();
        self.packets.s.tlast.next = self.beat_last.q.val();
        self.packets.s.tvalid.next = self.stores.q.val();
        self.packets.s.tuser.next = self.is_bad.q.val() | self.is_full.q.val();
        self.count_frame.next = self.ends.val();
        self.count_bad_frame.next = self.ends.val() & self.beat_user.q.val();
        self.count_fifo_overflow.next =
            self.ends.val() & !self.beat_user.q.val() & self.does_not_fit.val();
        self.count_oversize.next = self.ends.val()
            & !self.beat_user.q.val()
            & !self.does_not_fit.val()
            & self.is_oversize.q.val();
        self.frame_end.next.last_byte = self.last_byte.q.val();
        self.frame_end.next.is_oversize = self.is_oversize.q.val();
        self.frame_end.next.timestamp = self.timestamp.q.val();
        self.kept.next = self.packets.committed.val();
        if self.packets.committed.val() & !self.taken.val() {
            self.waiting.d.next = self.waiting.q.val() + 1;
            self.is_full.d.next = (self.waiting.q.val() + 1) == most_frames;
        }
        if self.taken.val() & !self.packets.committed.val() {
            self.waiting.d.next = self.waiting.q.val() - 1;
            self.is_full.d.next = false;
        }

        StreamSource::<W, K>::join(&mut self.packets.m, &mut self.slice.s);
        StreamSource::<W, K>::link(&mut self.m, &mut self.slice.m);
        self.busy.next =
            self.in_frame.q.val() | self.beat_valid.q.val() | self.waiting.q.val().any();

        if self.rst.val() {
            self.in_frame.d.next = false;
            self.beat_valid.d.next = false;
            self.stores.d.next = false;
            self.beats.d.next = 0.into();
            self.is_over.d.next = false;
            self.is_full.d.next = false;
            self.waiting.d.next = 0.into();
        }
    }
}
