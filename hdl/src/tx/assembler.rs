//! Puts header and payload together, beat by beat, pads short frames, and tells when the last beat has left.
//!
//! ```text
//!  header ──load──> ┌──────────────────┐ lowest beat  ┌─────────────┐
//!                   │ rest (1024 bits) ├─────────────>│ output beat ├──> m_axis_tx
//!  payload ─shift──>└──────────────────┘              └─────────────┘
//!                     moves down one beat a cycle
//! ```
//!
//! `rest` holds the bytes that are to leave next. The whole beats of header leave first. Then each payload beat is put behind the header's
//! last bytes; the lowest beat leaves, and the bytes above it move down. Beats behind the payload are padding: `rest` is zero there.
//!
//! Latency: 2 cycles from the frame's acceptance to its first beat. Throughput: one beat a cycle, two cycles between frames (within the
//! gap that IEEE 802.3 4.4.2 asks for in any case). Once a frame has begun, `tvalid` does not fall before its last beat, as a MAC needs: a
//! frame is offered only when its payload is stored. One clock; reset drops the frame under way. A frame with status ReadError is not sent: its
//! payload is discarded. Counter pulses: `count_segment`, `count_raw`, and `count_frame` for both, when the last beat leaves.

use crate::stream::StreamSource;
use crate::tx::header_builder::HEADER_BITS;
use crate::tx::job::Frame;
use handclasp_layout::queue::{Opcode, Status};
use rust_hdl::prelude::*;

/// What the assembler is doing.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum AssemblerState {
    /// Waits for a frame.
    Idle,
    /// Moves beats to the output.
    Emit,
    /// The last beat stands at the output.
    Leave,
    /// Throws away the payload of a frame that must not be sent.
    Discard,
    /// Hands over the completion.
    Complete,
}

/// The frame assembler: W bits (K bytes) a beat.
#[derive(LogicBlock)]
pub struct Assembler<const W: usize, const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The now input.
    pub now: Signal<In, Bits<64>>,
    /// Lengths and tag of the next frame.
    pub frame: Signal<In, Frame>,
    /// Its headers, first byte in the lowest lane, zeros behind the last.
    pub header: Signal<In, Bits<HEADER_BITS>>,
    /// There is a frame.
    pub frame_valid: Signal<In, Bit>,
    /// The frame is taken at this clock edge.
    pub frame_ready: Signal<Out, Bit>,
    /// Payload, zeros behind its last byte.
    pub payload_tdata: Signal<In, Bits<W>>,
    /// A payload beat is there.
    pub payload_tvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub payload_tready: Signal<Out, Bit>,
    /// The frame; `tuser` is never set, since a frame begins only when all of it is there.
    pub m_axis_tx: StreamSource<W, K>,
    /// The frame that has ended, for its completion.
    pub done_frame: Signal<Out, Frame>,
    /// The now input when its last beat left.
    pub done_timestamp: Signal<Out, Bits<64>>,
    /// A completion is wanted.
    pub done_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub done_ready: Signal<In, Bit>,
    /// A frame, sent or not, has ended (one cycle).
    pub frame_end: Signal<Out, Bit>,
    /// A segment has left.
    pub count_segment: Signal<Out, Bit>,
    /// A Raw frame has left.
    pub count_raw: Signal<Out, Bit>,
    /// A frame has left.
    pub count_frame: Signal<Out, Bit>,
    state: DFF<AssemblerState>,
    held: DFF<Frame>,
    timestamp: DFF<Bits<64>>,
    rest: DFF<Bits<HEADER_BITS>>,
    /// Bytes of header in the beat in which the payload begins.
    offset_bytes: DFF<Bits<7>>,
    /// Whole beats of header that have not left.
    header_beats: DFF<Bits<8>>,
    /// Payload beats that have not been taken.
    payload_beats: DFF<Bits<8>>,
    /// Beats that have not left, padding included.
    beats: DFF<Bits<8>>,
    output_data: DFF<Bits<W>>,
    output_keep: DFF<Bits<K>>,
    output_last: DFF<Bit>,
    output_valid: DFF<Bit>,
    advance: Signal<Local, Bit>,
    needs_payload: Signal<Local, Bit>,
    next_rest: Signal<Local, Bits<HEADER_BITS>>,
    missing_bytes: Signal<Local, Bits<11>>,
    left: Signal<Local, Bit>,
    ended: Signal<Local, Bit>,
    beat_bits: Constant<Bits<11>>,
    beat_bytes_log2: Constant<Bits<4>>,
    beat_mask: Constant<Bits<11>>,
    keep_all: Constant<Bits<K>>,
    zero_bytes: Constant<Bits<11>>,
    opcode_raw: Constant<Bits<8>>,
    status_ok: Constant<Bits<8>>,
}

impl<const W: usize, const K: usize> Default for Assembler<W, K> {
    fn default() -> Self {
        const { assert!(K * 8 == W && K.is_power_of_two() && HEADER_BITS % W == 0) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            now: Default::default(),
            frame: Default::default(),
            header: Default::default(),
            frame_valid: Default::default(),
            frame_ready: Default::default(),
            payload_tdata: Default::default(),
            payload_tvalid: Default::default(),
            payload_tready: Default::default(),
            m_axis_tx: Default::default(),
            done_frame: Default::default(),
            done_timestamp: Default::default(),
            done_valid: Default::default(),
            done_ready: Default::default(),
            frame_end: Default::default(),
            count_segment: Default::default(),
            count_raw: Default::default(),
            count_frame: Default::default(),
            state: Default::default(),
            held: Default::default(),
            timestamp: Default::default(),
            rest: Default::default(),
            offset_bytes: Default::default(),
            header_beats: Default::default(),
            payload_beats: Default::default(),
            beats: Default::default(),
            output_data: Default::default(),
            output_keep: Default::default(),
            output_last: Default::default(),
            output_valid: Default::default(),
            advance: Default::default(),
            needs_payload: Default::default(),
            next_rest: Default::default(),
            missing_bytes: Default::default(),
            left: Default::default(),
            ended: Default::default(),
            beat_bits: Constant::new(bits(W as u64)),
            beat_bytes_log2: Constant::new(bits(K.ilog2().into())),
            beat_mask: Constant::new(bits(K as u64 - 1)),
            keep_all: Constant::new(Bits::mask()),
            zero_bytes: Constant::new(bits(0)),
            opcode_raw: Constant::new(bits(Opcode::Raw as u64)),
            status_ok: Constant::new(bits(Status::Ok as u64)),
        }
    }
}

impl<const W: usize, const K: usize> Logic for Assembler<W, K> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            state,
            held,
            timestamp,
            rest,
            offset_bytes,
            header_beats,
            payload_beats,
            beats
        );
        dff_setup!(
            self,
            clk,
            output_data,
            output_keep,
            output_last,
            output_valid
        );

        self.m_axis_tx.tdata.next = self.output_data.q.val();
        self.m_axis_tx.tkeep.next = self.output_keep.q.val();
        self.m_axis_tx.tvalid.next = self.output_valid.q.val();
        self.m_axis_tx.tlast.next = self.output_last.q.val();
        self.m_axis_tx.tuser.next = false;
        self.done_frame.next = self.held.q.val();
        self.done_timestamp.next = self.timestamp.q.val();

        self.advance.next = self.m_axis_tx.tready.val() | !self.output_valid.q.val();
        if self.advance.val() {
            self.output_valid.d.next = false;
        }
        self.needs_payload.next =
            !self.header_beats.q.val().any() & self.payload_beats.q.val().any();
        self.next_rest.next = self.rest.q.val();
        if self.needs_payload.val() {
            self.next_rest.next = self.rest.q.val()
                | (bit_cast::<HEADER_BITS, W>(self.payload_tdata.val())
                    << (bit_cast::<10, 7>(self.offset_bytes.q.val()) << 3));
        }
        self.missing_bytes.next =
            (self.zero_bytes.val() - self.held.q.val().frame_len_bytes) & self.beat_mask.val();

        self.frame_ready.next = false;
        self.payload_tready.next = false;
        self.done_valid.next = false;
        self.left.next = false;
        self.ended.next = false;

        match self.state.q.val() {
            AssemblerState::Idle => {
                self.frame_ready.next = true;
                self.held.d.next = self.frame.val();
                self.rest.d.next = self.header.val();
                self.offset_bytes.d.next =
                    self.frame.val().header_len_bytes & bit_cast::<7, 11>(self.beat_mask.val());
                self.header_beats.d.next = bit_cast::<8, 7>(
                    self.frame.val().header_len_bytes >> self.beat_bytes_log2.val(),
                );
                self.payload_beats.d.next = bit_cast::<8, 11>(
                    (self.frame.val().payload_len_bytes + self.beat_mask.val())
                        >> self.beat_bytes_log2.val(),
                );
                self.beats.d.next = bit_cast::<8, 11>(
                    (self.frame.val().frame_len_bytes + self.beat_mask.val())
                        >> self.beat_bytes_log2.val(),
                );
                if self.frame_valid.val() {
                    if !self.frame.val().is_frame {
                        self.timestamp.d.next = self.now.val();
                        self.state.d.next = AssemblerState::Complete;
                    } else if self.frame.val().status == self.status_ok.val() {
                        self.state.d.next = AssemblerState::Emit;
                    } else {
                        self.state.d.next = AssemblerState::Discard;
                    }
                }
            }
            AssemblerState::Emit => {
                self.payload_tready.next = self.advance.val() & self.needs_payload.val();
                if self.advance.val() & (self.payload_tvalid.val() | !self.needs_payload.val()) {
                    self.output_valid.d.next = true;
                    self.output_data.d.next = self.next_rest.val().get_bits::<W>(0);
                    self.output_keep.d.next = self.keep_all.val();
                    self.output_last.d.next = false;
                    self.rest.d.next = self.next_rest.val() >> self.beat_bits.val();
                    if self.needs_payload.val() {
                        self.payload_beats.d.next = self.payload_beats.q.val() - 1;
                    }
                    if self.header_beats.q.val().any() {
                        self.header_beats.d.next = self.header_beats.q.val() - 1;
                    }
                    self.beats.d.next = self.beats.q.val() - 1;
                    if self.beats.q.val() == 1 {
                        self.output_keep.d.next = self.keep_all.val() >> self.missing_bytes.val();
                        self.output_last.d.next = true;
                        self.state.d.next = AssemblerState::Leave;
                    }
                }
            }
            AssemblerState::Leave => {
                self.timestamp.d.next = self.now.val();
                if self.m_axis_tx.tready.val() {
                    self.left.next = true;
                    if self.held.q.val().has_completion {
                        self.state.d.next = AssemblerState::Complete;
                    } else {
                        self.ended.next = true;
                        self.state.d.next = AssemblerState::Idle;
                    }
                }
            }
            AssemblerState::Discard => {
                self.timestamp.d.next = self.now.val();
                self.payload_tready.next = true;
                if self.payload_tvalid.val() {
                    self.payload_beats.d.next = self.payload_beats.q.val() - 1;
                    if self.payload_beats.q.val() == 1 {
                        self.state.d.next = AssemblerState::Complete;
                    }
                }
            }
            // A command that sends no frame passes through here even if it wants no completion.
            AssemblerState::Complete => {
                self.done_valid.next = self.held.q.val().has_completion;
                if self.done_ready.val() | !self.held.q.val().has_completion {
                    self.ended.next = true;
                    self.state.d.next = AssemblerState::Idle;
                }
            }
        }

        self.frame_end.next = self.ended.val();
        self.count_frame.next = self.left.val();
        self.count_raw.next = self.left.val() & (self.held.q.val().opcode == self.opcode_raw.val());
        self.count_segment.next =
            self.left.val() & (self.held.q.val().opcode != self.opcode_raw.val());

        if self.rst.val() {
            self.state.d.next = AssemblerState::Idle;
            self.output_valid.d.next = false;
        }
    }
}
