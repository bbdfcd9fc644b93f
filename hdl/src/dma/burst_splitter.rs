//! Cuts a request of any alignment and length into AXI4 INCR bursts of whole beats.
//!
//! ```text
//!  request (address, bytes) ──> address, beats left, beats to the boundary ──> burst (address, beats, last)
//!                                   ^                                │
//!                                   └─────────── advance ────────────┘
//! ```
//!
//! A burst ends at the request's last beat or at a multiple of 4 KiB, or of 256 beats if that is less, whichever comes first (AMBA AXI4 A3.4.1).
//!
//! Latency: 2 cycles from request to first burst. Throughput: one burst a cycle, one request in two. `request_ready` is a register. One clock;
//! reset forgets the request. No errors: a request of 0 bytes at a beat boundary would be 2^16 beats, and is not made.

use super::{AXI_BOUNDARY_BYTES, AXI_BURST_BEATS_MAX};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The splitter, for beats of K bytes.
#[block(K.is_power_of_two(), K > 1, K <= AXI_BOUNDARY_BYTES)]
pub struct BurstSplitter<const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// First byte's address.
    pub request_addr: Signal<In, Bits<64>>,
    /// Bytes, at least 1.
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
    /// A request is under way.
    pub busy: Signal<Out, Bit>,
    /// What is left of a request.
    active: DFF<Bit>,
    addr: DFF<Bits<64>>,
    beats_left: DFF<Bits<16>>,
    to_boundary: DFF<Bits<16>>,
    /// The one does not exceed the other: the next burst is the request's last.
    is_last: DFF<Bit>,
    /// The burst that is shown.
    shown: DFF<Bit>,
    shown_addr: DFF<Bits<64>>,
    shown_len: DFF<Bits<8>>,
    shown_last: DFF<Bit>,
    advance: Signal<Local, Bit>,
    left_behind: Signal<Local, Bits<16>>,
    place: Signal<Local, Bits<64>>,
    end_bytes: Signal<Local, Bits<17>>,
    beats: Signal<Local, Bits<16>>,
    beats_less_one: Signal<Local, Bits<16>>,
}

/// Beats of K bytes between two addresses at which a burst ends.
const fn burst_beats_max(beat_bytes: usize) -> usize {
    if AXI_BOUNDARY_BYTES / beat_bytes < AXI_BURST_BEATS_MAX {
        return AXI_BOUNDARY_BYTES / beat_bytes;
    }
    AXI_BURST_BEATS_MAX
}

#[kernel]
impl<const K: usize> Logic for BurstSplitter<K> {
    fn update(&mut self) {
        let log2_beat_bytes: Bits<4> = clog2(K);
        let beat_mask: Bits<16> = K - 1;
        let addr_mask: Bits<64> = !(K as u64 - 1);
        let boundary_beats: Bits<16> = burst_beats_max(K);
        let boundary_mask: Bits<16> = boundary_beats - 1;
        let boundary_bytes: Bits<64> = boundary_beats * K;
        let boundary_end: Bits<17> = boundary_bytes as u64;
        let boundary_addr_mask: Bits<64> = !(boundary_bytes as u64 - 1);

        self.burst_addr.next = self.shown_addr.q.val();
        self.burst_len.next = self.shown_len.q.val();
        self.burst_last.next = self.shown_last.q.val();
        self.burst_valid.next = self.shown.q.val();
        self.busy.next = self.active.q.val() | self.shown.q.val();

        // The next burst: all that is left, or what fits before the boundary.
        self.beats.next = self.to_boundary.q.val();
        if self.is_last.q.val() {
            self.beats.next = self.beats_left.q.val();
        }
        self.beats_less_one.next = self.beats.val() - 1;
        self.advance.next = self.burst_ready.val() | !self.shown.q.val();
        if self.advance.val() {
            self.shown.d.next = self.active.q.val();
            self.shown_addr.d.next = self.addr.q.val();
            self.shown_len.d.next = bit_cast::<8, 16>(self.beats_less_one.val());
            self.shown_last.d.next = self.is_last.q.val();
        }
        self.left_behind.next = self.beats_left.q.val() - self.to_boundary.q.val();
        // Every burst but the first begins at a boundary.
        if self.advance.val() & self.active.q.val() {
            self.addr.d.next = (self.addr.q.val() & boundary_addr_mask) + boundary_bytes;
            self.beats_left.d.next = self.left_behind.val();
            self.is_last.d.next = self.left_behind.val() <= boundary_beats;
            self.to_boundary.d.next = boundary_beats;
        }

        // Whether all of it fits before the boundary is told by bytes, beside the beats and not behind them.
        self.place.next = self.request_addr.val() & !boundary_addr_mask;
        self.end_bytes.next =
            bit_cast::<17, 64>(self.place.val()) + bit_cast::<17, 16>(self.request_len_bytes.val());
        self.request_ready.next = !self.active.q.val();
        if self.active.q.val() {
            if self.advance.val() & self.is_last.q.val() {
                self.active.d.next = false;
            }
        } else {
            self.active.d.next = self.request_valid.val();
            self.addr.d.next = self.request_addr.val() & addr_mask;
            // Beats touched: offset in the first beat plus length, rounded up.
            self.beats_left.d.next = ((bit_cast::<16, 64>(self.request_addr.val()) & beat_mask)
                + self.request_len_bytes.val()
                + beat_mask)
                >> log2_beat_bytes;
            self.is_last.d.next = self.end_bytes.val() <= boundary_end;
            self.to_boundary.d.next = boundary_beats
                - (bit_cast::<16, 64>(self.request_addr.val() >> log2_beat_bytes) & boundary_mask);
        }

        if self.rst.val() {
            self.active.d.next = false;
            self.shown.d.next = false;
        }
    }
}
