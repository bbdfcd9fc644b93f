//! Puts header and payload together, beat by beat, pads short frames, and tells when the last beat has left.
//!
//! ```text
//!  job, sums ──> │ held │──> │ header beat │──────┐
//!                                                OR ──> │ output beat │ ──> m_axis_tx
//!  payload ──> │ word │──> rotate ──> │ rotated │─┤
//!                                                │
//!              what belongs to the next beat ──> │ carry │
//! ```
//!
//! The payload is rotated so that it begins in the lane behind the header's last byte; what is rotated beyond a beat's end waits for the next
//! beat. Beats behind the payload are padding: zero.
//!
//! Latency: 2 cycles from the job's acceptance to the first beat without payload. With payload a frame begins when its payload has been
//! stored to the last byte, since a MAC needs `tvalid` not to fall within a frame and no bus promises when it answers: 2 cycles from
//! `stored_valid` (and `sum_valid`, unless the sum was in the command) to the first beat, 3 if the payload is one beat. Throughput: one beat a cycle, the next frame in the next
//! cycle; with payload 2 cycles between frames. One clock; reset drops the frame under way. When the bus answered the payload's read with
//! an error, the frame is not sent: its payload is discarded, and the completion says ReadError. Counter pulses: `count_segment`, `count_raw`, and
//! `count_frame` for both, when the last beat leaves.

use crate::stream::{Skid, StreamSource};
use crate::tx::header::Header;
use crate::tx::job::{Done, Job};
use handclasp_layout::queue::Status;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// What the assembler is doing with the held job.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum AssemblerState {
    /// There is none.
    Idle,
    /// It has no frame.
    Without,
    /// It waits for its payload.
    Wait,
    /// Its payload is there: the frame begins with the payload's first word.
    Begin,
    /// It has no payload: the frame begins.
    Go,
    /// Beats behind the first.
    Send,
    /// Throws away the payload of a frame that must not be sent.
    Discard,
}

/// The frame assembler: W bits (K bytes, S = log2(K)) a beat.
#[block(K * 8 == W, 1 << S == K, S > 2)]
pub struct Assembler<const W: usize, const K: usize, const S: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// The next job.
    pub job: Signal<In, Job>,
    /// Ones' complement sum of its IPv4 header.
    pub sum_ip: Signal<In, Bits<16>>,
    /// Ones' complement sum of its segment, without the payload unless that was in the command.
    pub sum_tcp: Signal<In, Bits<16>>,
    /// There is a job.
    pub job_valid: Signal<In, Bit>,
    /// The job is taken at this clock edge.
    pub job_ready: Signal<Out, Bit>,
    /// The bus answered a read of the oldest payload with an error.
    pub stored_error: Signal<In, Bit>,
    /// The oldest payload has been stored to its end.
    pub stored_valid: Signal<In, Bit>,
    /// Ones' complement sum of it.
    pub payload_sum: Signal<In, Bits<16>>,
    /// The sum is there.
    pub payload_sum_valid: Signal<In, Bit>,
    /// The next payload is the oldest.
    pub payload_take: Signal<Out, Bit>,
    /// With `payload_take`: the sum was used.
    pub payload_take_sum: Signal<Out, Bit>,
    /// Payload, zeros behind its last byte.
    pub payload_tdata: Signal<In, Bits<W>>,
    /// A payload beat is there.
    pub payload_tvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub payload_tready: Signal<Out, Bit>,
    /// The frame; `tuser` is never set, since a frame begins only when all of it is there.
    pub m_axis_tx: StreamSource<W, K>,
    /// What the completion is to tell.
    pub done: Signal<Out, Done>,
    /// It is told when `left` comes; else at once.
    pub done_sends: Signal<Out, Bit>,
    /// A completion is wanted.
    pub done_valid: Signal<Out, Bit>,
    /// It can be taken; frames that want one do not end without.
    pub done_ready: Signal<In, Bit>,
    /// The last beat of the frame that is to be completed leaves.
    pub left: Signal<Out, Bit>,
    /// A segment has left.
    pub count_segment: Signal<Out, Bit>,
    /// A Raw frame has left.
    pub count_raw: Signal<Out, Bit>,
    /// A frame has left.
    pub count_frame: Signal<Out, Bit>,
    /// A job is held, or a beat stands at the output.
    pub busy: Signal<Out, Bit>,
    state: DFF<AssemblerState>,
    /// What the headers are made of. They are made when the last beat waits: the next job may stand here already.
    held: DFF<Job>,
    held_has_completion: DFF<Bit>,
    held_has_payload_sum: DFF<Bit>,
    held_is_segment: DFF<Bit>,
    held_header_len_bytes: DFF<Bits<7>>,
    /// Bytes that the frame's last beat lacks.
    missing: DFF<Bits<S>>,
    done_held: DFF<Done>,
    held_sum_ip: DFF<Bits<16>>,
    held_sum_tcp: DFF<Bits<16>>,
    header: Header<W, K>,
    /// Beats of the frame behind the next one.
    beats_left: DFF<Bits<8>>,
    /// Beats before the one in which the payload begins, the next one among them.
    header_beats_left: DFF<Bits<8>>,
    /// The next beat is the last.
    is_last: DFF<Bit>,
    /// The next beat has payload, if there is any left.
    in_payload: DFF<Bit>,
    /// The buffer need not wait for what the output does.
    words: Skid<Bits<W>>,
    rotated: DFF<Bits<W>>,
    rotated_valid: DFF<Bit>,
    /// Words of the held job's payload behind the next one to be rotated.
    words_left: DFF<Bits<8>>,
    /// There are more.
    has_more_words: DFF<Bit>,
    /// Lanes from the one behind the header's last byte on.
    behind_header: DFF<Bits<W>>,
    carry: DFF<Bits<W>>,
    output_data: DFF<Bits<W>>,
    output_keep: DFF<Bits<K>>,
    output_last: DFF<Bit>,
    output_valid: DFF<Bit>,
    output_is_segment: DFF<Bit>,
    output_completes: DFF<Bit>,
    /// The completion's register was free a cycle ago, and whether it has been taken since.
    was_free: DFF<Bit>,
    was_taken: DFF<Bit>,
    may_complete: Signal<Local, Bit>,
    advance: Signal<Local, Bit>,
    /// There is a beat to send.
    has_beat: Signal<Local, Bit>,
    /// It goes to the output.
    emit: Signal<Local, Bit>,
    /// A job without a frame ends.
    ends_without: Signal<Local, Bit>,
    /// The job ends, with or without a frame.
    finish: Signal<Local, Bit>,
    take_rotated: Signal<Local, Bit>,
    rotate: Signal<Local, Bit>,
    turned: Signal<Local, Bits<W>>,
    payload_now: Signal<Local, Bits<W>>,
    offset_bits: Signal<Local, Bits<10>>,
    /// `held` is not needed any more.
    is_spent: Signal<Local, Bit>,
    sum: Signal<Local, Bits<17>>,
    #[value(Bits::mask())]
    keep_all: Constant<Bits<K>>,
    #[value(Bits::mask())]
    all_lanes: Constant<Bits<W>>,
    #[value((0..Self::STAGES).map(|i| (32_usize << i).to_bits()))]
    words_bits: Vec<Constant<Bits<10>>>,
    #[value((0..Self::STAGES).map(|i| (W - (32 << i)).to_bits()))]
    words_back_bits: Vec<Constant<Bits<10>>>,
}

impl<const W: usize, const K: usize, const S: usize> Assembler<W, K, S> {
    /// Stages of the rotation by whole 32-bit words.
    const STAGES: usize = S - 2;
}

#[kernel]
impl<const W: usize, const K: usize, const S: usize> Logic for Assembler<W, K, S> {
    fn update(&mut self) {
        let beat_bytes_log2: Bits<4> = S;
        let offset_mask: Bits<7> = K - 1;
        // W less 16, and W less 32, 64, ...: rotations to the right.
        let half_word_back: Bits<10> = W - 16;
        let status_read_error: Bits<8> = Status::ReadError;

        self.m_axis_tx.tdata.next = self.output_data.q.val();
        self.m_axis_tx.tkeep.next = self.output_keep.q.val();
        self.m_axis_tx.tvalid.next = self.output_valid.q.val();
        self.m_axis_tx.tlast.next = self.output_last.q.val();
        self.m_axis_tx.tuser.next = false;
        self.advance.next = self.m_axis_tx.tready.val() | !self.output_valid.q.val();
        if self.advance.val() {
            self.output_valid.d.next = false;
        }

        // Where in the frame the next beat is.
        self.was_free.d.next = self.done_ready.val();
        self.was_taken.d.next = self.done_valid.val();
        self.may_complete.next =
            (self.was_free.q.val() & !self.was_taken.q.val()) | !self.held_has_completion.q.val();
        self.has_beat.next = false;
        self.ends_without.next = false;
        self.emit.next = false;
        self.payload_take.next = false;
        self.payload_take_sum.next = false;
        self.take_rotated.next = false;
        self.sum.next = bit_cast::<17, 16>(self.held_sum_tcp.q.val())
            + bit_cast::<17, 16>(self.payload_sum.val());

        match self.state.q.val() {
            AssemblerState::Idle => {}
            AssemblerState::Without => {
                self.ends_without.next = self.may_complete.val();
            }
            AssemblerState::Wait => {
                if self.stored_valid.val()
                    & (self.held_has_payload_sum.q.val() | self.payload_sum_valid.val())
                {
                    self.payload_take.next = true;
                    self.payload_take_sum.next = !self.held_has_payload_sum.q.val();
                    if !self.held_has_payload_sum.q.val() {
                        self.held_sum_tcp.d.next =
                            self.sum.val().get_bits::<16>(0) + self.sum.val().get_bit(16);
                    }
                    self.state.d.next = AssemblerState::Begin;
                    if self.stored_error.val() {
                        self.state.d.next = AssemblerState::Discard;
                    }
                }
            }
            AssemblerState::Begin => {
                self.has_beat.next = self.may_complete.val() & self.rotated_valid.q.val();
            }
            AssemblerState::Go => {
                self.has_beat.next = self.may_complete.val();
            }
            AssemblerState::Send => {
                self.has_beat.next = true;
            }
            AssemblerState::Discard => {
                self.take_rotated.next = true;
                if !self.rotated_valid.q.val() & !self.has_more_words.q.val() {
                    self.held_has_completion.d.next = true;
                    self.done_held.d.next.status = status_read_error;
                    self.state.d.next = AssemblerState::Without;
                }
            }
        }

        self.emit.next = self.has_beat.val() & self.advance.val();
        if self.emit.val() {
            self.state.d.next = AssemblerState::Send;
        }
        self.finish.next = self.ends_without.val() | (self.emit.val() & self.is_last.q.val());

        // The beat.
        self.header.mac.next = self.mac.val();
        self.header.job.next = self.job.val();
        self.header.job_sum_ip.next = self.sum_ip.val();
        self.header.held.next = self.held.q.val();
        self.header.sum_ip.next = self.held_sum_ip.q.val();
        self.header.sum_tcp.next = self.held_sum_tcp.q.val();
        self.header.step.next = self.emit.val();
        self.payload_now.next = 0.into();
        if self.in_payload.q.val() & self.rotated_valid.q.val() {
            self.payload_now.next = self.rotated.q.val();
        }
        if self.emit.val() {
            self.take_rotated.next = self.in_payload.q.val();
            self.output_valid.d.next = true;
            self.output_data.d.next = self.header.data.val()
                | (self.payload_now.val() & self.behind_header.q.val())
                | self.carry.q.val();
            self.output_keep.d.next = self.keep_all.val();
            self.output_last.d.next = self.is_last.q.val();
            self.output_is_segment.d.next = self.held_is_segment.q.val();
            self.output_completes.d.next = self.is_last.q.val() & self.held_has_completion.q.val();
            self.carry.d.next = self.payload_now.val() & !self.behind_header.q.val();
            self.beats_left.d.next = self.beats_left.q.val() - 1;
            self.is_last.d.next = self.beats_left.q.val() == 1;
            self.header_beats_left.d.next = self.header_beats_left.q.val() - 1;
            self.in_payload.d.next =
                self.in_payload.q.val() | (self.header_beats_left.q.val() == 1);
            if self.is_last.q.val() {
                self.output_keep.d.next = self.keep_all.val() >> self.missing.q.val();
                self.carry.d.next = 0.into();
            }
        }
        self.done.next = self.done_held.q.val();
        self.done_sends.next = !self.ends_without.val();
        self.done_valid.next = self.finish.val() & self.held_has_completion.q.val();

        // Payload: a word from the buffer, turned to where it belongs. Headers end 2 bytes behind a multiple of 4.
        self.turned.next = self.words.m_data.val();
        if self.held_is_segment.q.val() {
            self.turned.next =
                (self.words.m_data.val() << 16) | (self.words.m_data.val() >> half_word_back);
        }
        for i in 0..Self::STAGES {
            if self.held_header_len_bytes.q.val().get_bit(i + 2) {
                self.turned.next = (self.turned.val() << self.words_bits[i].val())
                    | (self.turned.val() >> self.words_back_bits[i].val());
            }
        }
        self.offset_bits.next =
            bit_cast::<10, 7>(self.held_header_len_bytes.q.val() & offset_mask) << 3;
        self.behind_header.d.next = self.all_lanes.val() << self.offset_bits.val();
        self.rotate.next = self.words.m_valid.val()
            & self.has_more_words.q.val()
            & (self.take_rotated.val() | !self.rotated_valid.q.val());
        if self.take_rotated.val() {
            self.rotated_valid.d.next = false;
        }
        if self.rotate.val() {
            self.rotated.d.next = self.turned.val();
            self.rotated_valid.d.next = true;
            self.words_left.d.next = self.words_left.q.val() - 1;
            self.has_more_words.d.next = self.words_left.q.val().any();
        }
        wire!(self -> words: payload_tdata as s_data, payload_tvalid as s_valid, rotate as m_ready);
        self.payload_tready.next = self.words.s_ready.val();

        // The next job.
        self.job_ready.next = self.finish.val() | (self.state.q.val() == AssemblerState::Idle);
        if self.job_ready.val() {
            self.state.d.next = AssemblerState::Idle;
            if self.job_valid.val() {
                self.state.d.next = AssemblerState::Go;
                if self.job.val().has_payload {
                    self.state.d.next = AssemblerState::Wait;
                }
                if !self.job.val().is_frame {
                    self.state.d.next = AssemblerState::Without;
                }
            }
            // Whether there is one or not: fewer signals decide about so many bits.
            self.held_has_completion.d.next = self.job.val().has_completion;
            self.held_has_payload_sum.d.next = self.job.val().has_payload_sum;
            self.held_is_segment.d.next = self.job.val().is_segment;
            self.held_header_len_bytes.d.next = self.job.val().header_len_bytes;
            self.missing.d.next = !bit_cast::<S, 11>(self.job.val().frame_last_byte);
            self.done_held.d.next = self.job.val().done;
            self.held_sum_tcp.d.next = self.sum_tcp.val();
            self.beats_left.d.next =
                bit_cast::<8, 11>(self.job.val().frame_last_byte >> beat_bytes_log2);
            self.header_beats_left.d.next =
                bit_cast::<8, 7>(self.job.val().header_len_bytes >> beat_bytes_log2);
            self.is_last.d.next = !(self.job.val().frame_last_byte >> beat_bytes_log2).any();
            self.in_payload.d.next = !(self.job.val().header_len_bytes >> beat_bytes_log2).any();
            self.words_left.d.next =
                bit_cast::<8, 11>(self.job.val().payload_last_byte >> beat_bytes_log2);
            self.has_more_words.d.next =
                self.job_valid.val() & self.job.val().is_frame & self.job.val().has_payload;
        }

        // So many bits follow registers, and not what the output does.
        self.is_spent.next = self.is_last.q.val()
            | (self.state.q.val() == AssemblerState::Idle)
            | (self.state.q.val() == AssemblerState::Without);
        if self.is_spent.val() {
            self.held.d.next = self.job.val();
            self.held_sum_ip.d.next = self.sum_ip.val();
        }
        self.header.load.next = self.job_ready.val();

        self.count_frame.next =
            self.output_valid.q.val() & self.output_last.q.val() & self.m_axis_tx.tready.val();
        self.count_segment.next = self.count_frame.val() & self.output_is_segment.q.val();
        self.count_raw.next = self.count_frame.val() & !self.output_is_segment.q.val();
        self.left.next = self.count_frame.val() & self.output_completes.q.val();
        self.busy.next = (self.state.q.val() != AssemblerState::Idle) | self.output_valid.q.val();

        if self.rst.val() {
            self.state.d.next = AssemblerState::Idle;
            self.was_free.d.next = false;
            self.was_taken.d.next = false;
            self.output_valid.d.next = false;
            self.rotated_valid.d.next = false;
            self.has_more_words.d.next = false;
            self.carry.d.next = 0.into();
        }
    }
}
