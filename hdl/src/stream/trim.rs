//! Cuts `len` bytes out of a packet, from byte `skip` on, and moves them to lane 0.
//!
//! ```text
//!                  ┌──────────┐  ┌─────────┐  ┌────────┐
//!  s ─────────────>│ previous │─>│ shifter │─>│ output │──> m
//!        │         └──────────┘  └─────────┘  └────────┘
//!        └──────────────────────────^
//! ```
//!
//! Each command takes one packet from `s`, to its `tlast`; `len` 0 gives nothing at `m`: the packet is thrown away. Latency: 3 cycles
//! from the beat that holds byte `skip + K - 1` to the first beat at `m`. Throughput: one beat a cycle, and two cycles between packets (one to
//! take the command, one to empty `previous`). One clock; reset forgets command and packet.
//!
//! `m.tuser` is set once an accepted beat had `s.tuser`. A packet that ends too early is closed by a last beat with `tuser`, so that
//! whoever counts on `tlast` never waits for ever.

use crate::stream::{StreamSink, StreamSource};
use rust_hdl::prelude::*;

/// What the block is doing with the packet.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
pub enum TrimState {
    /// Waits for a command.
    Idle,
    /// Drops whole beats before the first byte.
    Skip,
    /// Takes the beat that holds the first byte.
    First,
    /// Gives beats.
    Run,
    /// Drops what follows the last byte.
    Drain,
}

/// The trimmer. S is log2(K).
#[derive(LogicBlock)]
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
    state: DFF<TrimState>,
    skip_beats: DFF<Bits<16>>,
    /// Lane of the first byte.
    lane: DFF<Bits<S>>,
    remaining_bytes: DFF<Bits<16>>,
    previous: DFF<Bits<W>>,
    /// `previous` was the packet's last beat.
    ended: DFF<Bit>,
    error: DFF<Bit>,
    output_data: DFF<Bits<W>>,
    output_keep: DFF<Bits<K>>,
    output_valid: DFF<Bit>,
    output_last: DFF<Bit>,
    output_user: DFF<Bit>,
    take: Signal<Local, Bit>,
    room: Signal<Local, Bit>,
    /// The next beat at `m` is the packet's last.
    completes: Signal<Local, Bit>,
    /// `previous` alone holds all that is still to come.
    suffices: Signal<Local, Bit>,
    shift_bits: Signal<Local, Bits<16>>,
    bytes_per_beat: Constant<Bits<16>>,
    bits_per_beat: Constant<Bits<16>>,
    log2_bytes_per_beat: Constant<Bits<16>>,
    all_lanes: Constant<Bits<K>>,
}

impl<const W: usize, const K: usize, const S: usize> Default for Trim<W, K, S> {
    fn default() -> Self {
        const { assert!(K * 8 == W && 1 << S == K) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            command_skip_bytes: Default::default(),
            command_len_bytes: Default::default(),
            command_valid: Default::default(),
            command_ready: Default::default(),
            s: Default::default(),
            m: Default::default(),
            busy: Default::default(),
            state: Default::default(),
            skip_beats: Default::default(),
            lane: Default::default(),
            remaining_bytes: Default::default(),
            previous: Default::default(),
            ended: Default::default(),
            error: Default::default(),
            output_data: Default::default(),
            output_keep: Default::default(),
            output_valid: Default::default(),
            output_last: Default::default(),
            output_user: Default::default(),
            take: Default::default(),
            room: Default::default(),
            completes: Default::default(),
            suffices: Default::default(),
            shift_bits: Default::default(),
            bytes_per_beat: Constant::new(K.to_bits()),
            bits_per_beat: Constant::new(W.to_bits()),
            log2_bytes_per_beat: Constant::new(S.to_bits()),
            all_lanes: Constant::new(Bits::<K>::mask()),
        }
    }
}

impl<const W: usize, const K: usize, const S: usize> Logic for Trim<W, K, S> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            state,
            skip_beats,
            lane,
            remaining_bytes,
            previous,
            ended,
            error
        );
        dff_setup!(
            self,
            clk,
            output_data,
            output_keep,
            output_valid,
            output_last,
            output_user
        );

        self.m.tdata.next = self.output_data.q.val();
        self.m.tkeep.next = self.output_keep.q.val();
        self.m.tvalid.next = self.output_valid.q.val();
        self.m.tlast.next = self.output_last.q.val();
        self.m.tuser.next = self.output_user.q.val();
        self.busy.next = (self.state.q.val() != TrimState::Idle) | self.output_valid.q.val();
        self.command_ready.next = self.state.q.val() == TrimState::Idle;

        self.room.next = self.m.tready.val() | !self.output_valid.q.val();
        self.completes.next = self.remaining_bytes.q.val() <= self.bytes_per_beat.val();
        self.suffices.next = (self.remaining_bytes.q.val() + bit_cast::<16, S>(self.lane.q.val()))
            <= self.bytes_per_beat.val();
        self.shift_bits.next = bit_cast::<16, S>(self.lane.q.val()) << 3;
        self.take.next = false;
        if self.room.val() {
            self.output_valid.d.next = false;
        }

        match self.state.q.val() {
            TrimState::Idle => {
                self.skip_beats.d.next =
                    self.command_skip_bytes.val() >> self.log2_bytes_per_beat.val();
                self.lane.d.next = bit_cast::<S, 16>(self.command_skip_bytes.val());
                self.remaining_bytes.d.next = self.command_len_bytes.val();
                self.error.d.next = false;
                if self.command_valid.val() {
                    self.state.d.next = TrimState::First;
                    if self.command_skip_bytes.val() >= self.bytes_per_beat.val() {
                        self.state.d.next = TrimState::Skip;
                    }
                    if self.command_len_bytes.val() == 0 {
                        self.state.d.next = TrimState::Drain;
                    }
                }
            }
            // Beats that end before the first byte.
            TrimState::Skip => {
                self.take.next = true;
                if self.s.tvalid.val() {
                    self.skip_beats.d.next = self.skip_beats.q.val() - 1;
                    if self.skip_beats.q.val() == 1 {
                        self.state.d.next = TrimState::First;
                    }
                    if self.s.tlast.val() {
                        // The packet ends before the first byte that is wanted: give one beat, the last, with `tuser`.
                        self.ended.d.next = true;
                        self.error.d.next = true;
                        self.state.d.next = TrimState::Run;
                    }
                }
            }
            // The beat with the first byte is only kept: the first beat of the output may need bytes of the next one as well.
            TrimState::First => {
                self.take.next = true;
                if self.s.tvalid.val() {
                    self.previous.d.next = self.s.tdata.val();
                    self.ended.d.next = self.s.tlast.val();
                    self.state.d.next = TrimState::Run;
                }
            }
            // One beat out of `previous`, and of the beat at the input unless `previous` holds the rest.
            TrimState::Run => {
                self.take.next = self.room.val() & !self.suffices.val() & !self.ended.q.val();
                if self.room.val()
                    & (self.suffices.val() | self.ended.q.val() | self.s.tvalid.val())
                {
                    self.output_data.d.next = (self.previous.q.val() >> self.shift_bits.val())
                        | (self.s.tdata.val()
                            << (self.bits_per_beat.val() - self.shift_bits.val()));
                    self.output_keep.d.next = self.all_lanes.val();
                    self.output_last.d.next = false;
                    self.output_valid.d.next = true;
                    self.output_user.d.next =
                        self.error.q.val() | (self.take.val() & self.s.tuser.val());
                    self.remaining_bytes.d.next =
                        self.remaining_bytes.q.val() - self.bytes_per_beat.val();
                    self.previous.d.next = self.s.tdata.val();
                    self.ended.d.next = self.s.tlast.val();
                    if self.completes.val() {
                        self.output_keep.d.next = self.all_lanes.val()
                            >> (self.bytes_per_beat.val() - self.remaining_bytes.q.val());
                        self.output_last.d.next = true;
                        self.state.d.next = TrimState::Drain;
                        if (self.take.val() & self.s.tlast.val())
                            | (!self.take.val() & self.ended.q.val())
                        {
                            self.state.d.next = TrimState::Idle;
                        }
                    }
                    if self.ended.q.val() & !self.suffices.val() {
                        self.output_last.d.next = true;
                        self.output_user.d.next = true;
                        self.state.d.next = TrimState::Idle;
                    }
                }
            }
            TrimState::Drain => {
                self.take.next = true;
                if self.s.tvalid.val() & self.s.tlast.val() {
                    self.state.d.next = TrimState::Idle;
                }
            }
        }

        self.s.tready.next = self.take.val();
        if self.take.val() & self.s.tvalid.val() & self.s.tuser.val() {
            self.error.d.next = true;
        }

        if self.rst.val() {
            self.state.d.next = TrimState::Idle;
            self.output_valid.d.next = false;
        }
    }
}
