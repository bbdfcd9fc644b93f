//! Cuts `len` bytes out of a packet, from byte `skip` on, and moves them to lane 0.
//!
//! ```text
//!                  ┌──────────┐  ┌─────────────────────┐  ┌────────┐
//!  s ─────────────>│ previous │─>│ merge, rotate lanes │─>│ slice  │──> m
//!        │         └──────────┘  └─────────────────────┘  └────────┘
//!        └───────────────────────^
//! ```
//!
//! Each command takes one packet from `s`, to its `tlast`; `len` 0 gives nothing at `m`: the packet is thrown away. What becomes of a beat is decided while it
//! enters `previous`; a beat at `m` is made of `previous` and, unless that holds all that is still to come, of the beat at the input.
//!
//! Latency: 1 cycle to take a command; 2 cycles from the beat that holds byte `skip + K - 1` (or the last byte) to the first beat at `m`. Throughput: one beat a cycle, and
//! no idle cycle between packets: a packet of one beat takes one. One clock; reset forgets command and packet.
//!
//! `m.tuser` is set once an accepted beat had `s.tuser`. A packet that ends too early is closed by a last beat with `tuser`, so that
//! whoever counts on `tlast` never waits for ever. `m` comes from registers, and `m.tready` goes to registers.

use crate::stream::{RegisterSlice, StreamSink, StreamSource};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The trimmer. S is log2(K).
#[block(K * 8 == W, 1 << S == K)]
pub struct Trim<const W: usize, const K: usize, const S: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Bytes to drop at the packet's beginning.
    pub command_skip_bytes: Signal<In, Bits<16>>,
    /// Bytes to give after them.
    pub command_len_bytes: Signal<In, Bits<16>>,
    /// There is a command.
    pub command_valid: Signal<In, Bit>,
    /// The command is taken at this clock edge.
    pub command_ready: Signal<Out, Bit>,
    /// The packet.
    pub s: StreamSink<W, K>,
    /// The bytes cut out of it.
    pub m: StreamSource<W, K>,
    /// A command is being carried out, or a beat waits at `m`.
    pub busy: Signal<Out, Bit>,
    /// The next beat belongs to the command below.
    active: DFF<Bit>,
    /// Beats to drop before the next one counts, and whether there are any.
    skip_beats: DFF<Bits<16>>,
    skips: DFF<Bit>,
    /// Lane of the first byte.
    lane: DFF<Bits<S>>,
    /// Bytes to give that no beat in `previous` has been counted for, and whether there are any.
    wanted_bytes: DFF<Bits<16>>,
    wants: DFF<Bit>,
    /// The next beat is the last that bytes are counted for.
    is_last: DFF<Bit>,
    /// It holds all of them.
    suffices: DFF<Bit>,
    error: DFF<Bit>,
    previous: DFF<Bits<W>>,
    /// A beat at `m` is to be made of `previous`.
    pending: DFF<Bit>,
    /// It needs nothing of the beat at the input.
    alone: DFF<Bit>,
    /// It is the packet's last.
    completes: DFF<Bit>,
    previous_lane: DFF<Bits<S>>,
    /// The lanes from it on.
    from_previous: DFF<Bits<K>>,
    /// Its bytes.
    keep: DFF<Bits<K>>,
    previous_error: DFF<Bit>,
    /// Its registers keep the ready of whoever takes the bytes away from the packet.
    slice: RegisterSlice<W, K>,
    room: Signal<Local, Bit>,
    open: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    gives: Signal<Local, Bit>,
    load: Signal<Local, Bit>,
    command_skip_beats: Signal<Local, Bits<16>>,
    last_lanes: Signal<Local, Bits<K>>,
    one_byte: Signal<Local, Bits<8>>,
    merged: Signal<Local, Bits<W>>,
    /// `rotated[i]` is moved down by the lower i bits of the lane.
    #[len(S + 1)]
    rotated: Vec<Signal<Local, Bits<W>>>,
    #[value((0..S).map(|i| (8_usize << i).to_bits()))]
    down_bits: Vec<Constant<Bits<10>>>,
    #[value((0..S).map(|i| (W - (8 << i)).to_bits()))]
    up_bits: Vec<Constant<Bits<10>>>,
    #[value(Bits::<K>::mask())]
    all_lanes: Constant<Bits<K>>,
}

#[kernel]
impl<const W: usize, const K: usize, const S: usize> Logic for Trim<W, K, S> {
    fn update(&mut self) {
        let bytes_per_beat: Bits<16> = K;
        let bytes_per_two_beats: Bits<17> = 2 * K;
        let log2_bytes_per_beat: Bits<16> = S;

        StreamSource::<W, K>::link(&mut self.m, &mut self.slice.m);
        self.busy.next = self.active.q.val() | self.pending.q.val() | self.slice.m.tvalid.val();

        // A beat goes on when `previous` is free, or becomes free: then the packet's next beat, if that is needed, is this one.
        self.room.next = self.slice.s.tready.val();
        self.open.next = self.active.q.val() & (!self.pending.q.val() | self.room.val());
        self.s.tready.next = self.open.val();
        self.take.next = self.open.val() & self.s.tvalid.val();
        self.gives.next =
            self.pending.q.val() & self.room.val() & (self.alone.q.val() | self.s.tvalid.val());

        // What becomes of the beat at the input.
        if self.gives.val() {
            self.pending.d.next = false;
        }
        // Bytes to give of a packet's last beat.
        self.last_lanes.next = 0.into();
        for i in 0..K {
            self.last_lanes.next = self
                .last_lanes
                .val()
                .replace_bit(i, self.wanted_bytes.q.val().get_bits::<7>(0) > i.to_bits());
        }
        if self.take.val() {
            self.previous.d.next = self.s.tdata.val();
            self.previous_lane.d.next = self.lane.q.val();
            // A packet that ends before the first byte that is wanted gives one beat, the last, with `tuser`.
            self.pending.d.next = self.wants.q.val() & (!self.skips.q.val() | self.s.tlast.val());
            self.alone.d.next = self.suffices.q.val() | self.s.tlast.val();
            self.completes.d.next = self.is_last.q.val() | self.s.tlast.val();
            self.keep.d.next = self.all_lanes.val();
            if self.is_last.q.val() {
                self.keep.d.next = self.last_lanes.val();
            }
            self.from_previous.d.next =
                self.all_lanes.val() << bit_cast::<16, S>(self.lane.q.val());
            self.previous_error.d.next = self.error.q.val()
                | self.s.tuser.val()
                | (self.s.tlast.val() & (self.skips.q.val() | !self.suffices.q.val()));
            self.error.d.next = self.error.q.val() | self.s.tuser.val();
            if self.skips.q.val() {
                self.skip_beats.d.next = self.skip_beats.q.val() - 1;
                self.skips.d.next = self.skip_beats.q.val() != 1;
            } else {
                self.wanted_bytes.d.next = self.wanted_bytes.q.val() - bytes_per_beat;
                self.wants.d.next = self.wants.q.val() & !self.is_last.q.val();
                self.is_last.d.next =
                    bit_cast::<17, 16>(self.wanted_bytes.q.val()) <= bytes_per_two_beats;
                self.suffices.d.next = (bit_cast::<17, 16>(self.wanted_bytes.q.val())
                    + bit_cast::<17, S>(self.lane.q.val()))
                    <= bytes_per_two_beats;
            }
            if self.s.tlast.val() {
                self.active.d.next = false;
            }
        }

        // The next command comes with the end of the packet before.
        self.load.next = !self.active.q.val() | (self.take.val() & self.s.tlast.val());
        self.command_ready.next = self.load.val();
        self.command_skip_beats.next = self.command_skip_bytes.val() >> log2_bytes_per_beat;
        if self.load.val() {
            self.active.d.next = self.command_valid.val();
            self.skip_beats.d.next = self.command_skip_beats.val();
            self.skips.d.next = self.command_skip_beats.val().any();
            self.lane.d.next = bit_cast::<S, 16>(self.command_skip_bytes.val());
            self.wanted_bytes.d.next = self.command_len_bytes.val();
            self.wants.d.next = self.command_len_bytes.val().any();
            self.is_last.d.next = self.command_len_bytes.val() <= bytes_per_beat;
            self.suffices.d.next = (bit_cast::<17, 16>(self.command_len_bytes.val())
                + bit_cast::<17, S>(bit_cast::<S, 16>(self.command_skip_bytes.val())))
                <= bit_cast::<17, 16>(bytes_per_beat);
            self.error.d.next = false;
        }

        // The upper lanes of `previous` and the lower ones of the beat at the input, turned until the first byte is in lane 0.
        self.merged.next = 0.into();
        for end in (K - 1)..K {
            for i in 0..K {
                self.one_byte.next = self.s.tdata.val().get_bits::<8>(8 * (end - i));
                if self.from_previous.q.val().get_bit(end - i) {
                    self.one_byte.next = self.previous.q.val().get_bits::<8>(8 * (end - i));
                }
                self.merged.next = (self.merged.val() << 8) | bit_cast::<W, 8>(self.one_byte.val());
            }
        }
        self.rotated[0].next = self.merged.val();
        for i in 0..S {
            self.rotated[i + 1].next = self.rotated[i].val();
            if self.previous_lane.q.val().get_bit(i) {
                self.rotated[i + 1].next = (self.rotated[i].val() >> self.down_bits[i].val())
                    | (self.rotated[i].val() << self.up_bits[i].val());
            }
        }
        self.slice.s.tvalid.next =
            self.pending.q.val() & (self.alone.q.val() | self.s.tvalid.val());
        for end in S..(S + 1) {
            self.slice.s.tdata.next = self.rotated[end].val();
        }
        self.slice.s.tkeep.next = self.keep.q.val();
        self.slice.s.tlast.next = self.completes.q.val();
        self.slice.s.tuser.next =
            self.previous_error.q.val() | (!self.alone.q.val() & self.s.tuser.val());

        if self.rst.val() {
            self.active.d.next = false;
            self.pending.d.next = false;
        }
    }
}
