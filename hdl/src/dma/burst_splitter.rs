//! Cuts a request of any alignment and length into AXI4 INCR bursts of whole beats.
//!
//! ```text
//!  request (address, bytes) ──> first beat, beats left ──> burst (address, beats, last)
//!                                   ^            │
//!                                   └── advance ─┘
//! ```
//!
//! A burst ends at the request's last beat, at a 4 KiB boundary or after 256 beats, whichever comes first (AMBA AXI4 A3.4.1).
//!
//! Latency: 1 cycle from request to first burst. Throughput: one burst a cycle, then one cycle to take the next request. One clock;
//! reset forgets the request. No errors: a request of 0 bytes at a beat boundary would be 2^16 beats, and is not made.

use super::{AXI_BOUNDARY_BYTES, AXI_BURST_BEATS_MAX};
use rust_hdl::prelude::*;

#[derive(LogicState, Debug, Copy, Clone, PartialEq)]
enum SplitState {
    Idle,
    Bursts,
}

/// The splitter, for beats of K bytes.
#[derive(LogicBlock)]
pub struct BurstSplitter<const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// First byte's address.
    pub request_addr: Signal<In, Bits<64>>,
    /// Bytes, at least 1 and at most 4096.
    pub request_len_bytes: Signal<In, Bits<16>>,
    /// There is a request.
    pub request_valid: Signal<In, Bit>,
    /// The request is taken at this clock edge.
    pub request_ready: Signal<Out, Bit>,
    /// Address of the burst's first beat: a multiple of K.
    pub burst_addr: Signal<Out, Bits<64>>,
    /// Beats less one, as AxLEN has it.
    pub burst_len: Signal<Out, Bits<8>>,
    /// The request's last burst.
    pub burst_last: Signal<Out, Bit>,
    /// There is a burst.
    pub burst_valid: Signal<Out, Bit>,
    /// The burst is taken at this clock edge.
    pub burst_ready: Signal<In, Bit>,
    state: DFF<SplitState>,
    /// Number of the next burst's first beat in the address space: the address without its low bits.
    beat: DFF<Bits<64>>,
    beats_left: DFF<Bits<16>>,
    to_boundary: Signal<Local, Bits<16>>,
    beats: Signal<Local, Bits<16>>,
    beats_less_one: Signal<Local, Bits<16>>,
    log2_beat_bytes: Constant<Bits<4>>,
    beat_mask: Constant<Bits<16>>,
    boundary_beats: Constant<Bits<16>>,
    boundary_mask: Constant<Bits<16>>,
    burst_beats_max: Constant<Bits<16>>,
}

impl<const K: usize> Default for BurstSplitter<K> {
    fn default() -> Self {
        const { assert!(K.is_power_of_two() && K > 1 && K <= AXI_BOUNDARY_BYTES) };
        let boundary_beats = AXI_BOUNDARY_BYTES / K;
        Self {
            clk: Default::default(),
            rst: Default::default(),
            request_addr: Default::default(),
            request_len_bytes: Default::default(),
            request_valid: Default::default(),
            request_ready: Default::default(),
            burst_addr: Default::default(),
            burst_len: Default::default(),
            burst_last: Default::default(),
            burst_valid: Default::default(),
            burst_ready: Default::default(),
            state: Default::default(),
            beat: Default::default(),
            beats_left: Default::default(),
            to_boundary: Default::default(),
            beats: Default::default(),
            beats_less_one: Default::default(),
            log2_beat_bytes: Constant::new(clog2(K).to_bits()),
            beat_mask: Constant::new((K - 1).to_bits()),
            boundary_beats: Constant::new(boundary_beats.to_bits()),
            boundary_mask: Constant::new((boundary_beats - 1).to_bits()),
            burst_beats_max: Constant::new(AXI_BURST_BEATS_MAX.to_bits()),
        }
    }
}

impl<const K: usize> Logic for BurstSplitter<K> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, state, beat, beats_left);

        self.to_boundary.next = self.boundary_beats.val()
            - (bit_cast::<16, 64>(self.beat.q.val()) & self.boundary_mask.val());
        self.beats.next = self.beats_left.q.val();
        if self.beats.val() > self.burst_beats_max.val() {
            self.beats.next = self.burst_beats_max.val();
        }
        if self.beats.val() > self.to_boundary.val() {
            self.beats.next = self.to_boundary.val();
        }
        self.beats_less_one.next = self.beats.val() - 1;

        self.request_ready.next = self.state.q.val() == SplitState::Idle;
        self.burst_addr.next = self.beat.q.val() << self.log2_beat_bytes.val();
        self.burst_len.next = bit_cast::<8, 16>(self.beats_less_one.val());
        self.burst_last.next = self.beats.val() == self.beats_left.q.val();
        self.burst_valid.next = self.state.q.val() == SplitState::Bursts;

        match self.state.q.val() {
            // Waits for a request.
            SplitState::Idle => {
                self.beat.d.next = self.request_addr.val() >> self.log2_beat_bytes.val();
                // Beats touched: offset in the first beat plus length, rounded up.
                self.beats_left.d.next = ((bit_cast::<16, 64>(self.request_addr.val())
                    & self.beat_mask.val())
                    + self.request_len_bytes.val()
                    + self.beat_mask.val())
                    >> self.log2_beat_bytes.val();
                if self.request_valid.val() {
                    self.state.d.next = SplitState::Bursts;
                }
            }
            // Hands out one burst after the other.
            SplitState::Bursts => {
                if self.burst_ready.val() {
                    self.beat.d.next = self.beat.q.val() + bit_cast::<64, 16>(self.beats.val());
                    self.beats_left.d.next = self.beats_left.q.val() - self.beats.val();
                    if self.burst_last.val() {
                        self.state.d.next = SplitState::Idle;
                    }
                }
            }
        }

        if self.rst.val() {
            self.state.d.next = SplitState::Idle;
        }
    }
}
