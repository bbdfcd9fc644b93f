//! Reads a frame while it comes in: its headers, and whether its checksums are right. Here is all that depends on the width of the data path.
//!
//! ```text
//!         ┌─> headers ──> headers, key
//!  beat ──┤               │ IPv4
//!         └─> cover ──────┴─> checksum ──> ip_ok, tcp_ok
//! ```
//!
//! W = 64 sees a header in up to 18 beats: [`narrow_headers`](crate::rx::narrow_headers) and [`narrow_cover`](crate::rx::narrow_cover) pick each word as it passes. W = 512 sees it in up to
//! three: [`wide_headers`](crate::rx::wide_headers) and [`wide_cover`](crate::rx::wide_cover) take them apart at once.
//!
//! Latency from the last beat: 1 cycle to `frame_valid` at W = 64, 2 at W = 512; 3 and 5 to `ip_ok` and `tcp_ok`. Throughput: one beat a cycle. One clock; reset
//! forgets everything under way. No errors.

use crate::rx::checksum::Checksum;
use crate::rx::frame::{FrameEnd, Headers};
use crate::rx::narrow_cover::NarrowCover;
use crate::rx::narrow_headers::NarrowHeaders;
use crate::rx::wide_cover::WideCover;
use crate::rx::wide_headers::WideHeaders;
use rust_hdl::prelude::*;

/// The front; K is `W / 8`.
#[derive(LogicBlock)]
pub struct Front<const W: usize, const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// A beat of the frame, as on the stream.
    pub beat_data: Signal<In, Bits<W>>,
    /// There is a beat.
    pub beat_valid: Signal<In, Bit>,
    /// It is the frame's last.
    pub beat_last: Signal<In, Bit>,
    /// What is known of the frame whose last beat came in the last cycle.
    pub kept_end: Signal<In, FrameEnd>,
    /// There is one, and it is kept.
    pub kept: Signal<In, Bit>,
    /// The headers of a frame.
    pub headers: Signal<Out, Headers>,
    /// Its end.
    pub frame_end: Signal<Out, FrameEnd>,
    /// Both are there, and the frame is kept.
    pub frame_valid: Signal<Out, Bit>,
    /// Key for the flow table, see `FlowTable`.
    pub lookup_key: Signal<Out, Bits<96>>,
    /// Look it up, starting now.
    pub lookup_valid: Signal<Out, Bit>,
    /// With one hash unit: a lookup may come in the next four cycles.
    pub lookup_near: Signal<Out, Bit>,
    /// The IPv4 header's checksum is right.
    pub ip_ok: Signal<Out, Bit>,
    /// The TCP checksum is right.
    pub tcp_ok: Signal<Out, Bit>,
    /// A frame is under way.
    pub busy: Signal<Out, Bit>,
    narrow_headers: Vec<NarrowHeaders<W>>,
    narrow_covers: Vec<NarrowCover<W>>,
    wide_headers: Vec<WideHeaders<W, K>>,
    wide_covers: Vec<WideCover<W>>,
    checksum: Checksum<W>,
    /// Waits for wide headers.
    end_delay: Vec<DFF<FrameEnd>>,
    kept_delay: Vec<DFF<Bit>>,
    nothing: Constant<Headers>,
}

impl<const W: usize, const K: usize> Default for Front<W, K> {
    fn default() -> Self {
        const { assert!(W == 64 || W == 512) };
        let (narrow, wide) = if W == 64 { (1, 0) } else { (0, 1) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            beat_data: Default::default(),
            beat_valid: Default::default(),
            beat_last: Default::default(),
            kept_end: Default::default(),
            kept: Default::default(),
            headers: Default::default(),
            frame_end: Default::default(),
            frame_valid: Default::default(),
            lookup_key: Default::default(),
            lookup_valid: Default::default(),
            lookup_near: Default::default(),
            ip_ok: Default::default(),
            tcp_ok: Default::default(),
            busy: Default::default(),
            narrow_headers: (0..narrow).map(|_| NarrowHeaders::default()).collect(),
            narrow_covers: (0..narrow).map(|_| NarrowCover::default()).collect(),
            wide_headers: (0..wide).map(|_| WideHeaders::default()).collect(),
            wide_covers: (0..wide).map(|_| WideCover::default()).collect(),
            checksum: Default::default(),
            end_delay: (0..wide).map(|_| DFF::default()).collect(),
            kept_delay: (0..wide).map(|_| DFF::default()).collect(),
            nothing: Constant::new(Headers::default()),
        }
    }
}

impl<const W: usize, const K: usize> Logic for Front<W, K> {
    #[hdl_gen]
    fn update(&mut self) {
        self.checksum.clk.next = self.clk.val();
        self.checksum.rst.next = self.rst.val();

        // One of the two loops has no turn.
        self.headers.next = self.nothing.val();
        self.frame_end.next = self.kept_end.val();
        self.frame_valid.next = self.kept.val();
        self.lookup_key.next = 0.into();
        self.lookup_valid.next = false;
        self.lookup_near.next = false;
        self.checksum.ip_words.next = 0.into();
        self.checksum.tcp_words.next = 0.into();
        self.checksum.words_valid.next = false;
        self.checksum.words_last.next = false;
        self.busy.next = self.checksum.busy.val();
        for i in 0..self.narrow_headers.len() {
            self.narrow_headers[i].clk.next = self.clk.val();
            self.narrow_headers[i].rst.next = self.rst.val();
            self.narrow_headers[i].beat_data.next = self.beat_data.val();
            self.narrow_headers[i].beat_valid.next = self.beat_valid.val();
            self.narrow_headers[i].beat_last.next = self.beat_last.val();
            self.headers.next = self.narrow_headers[i].headers.val();
            self.lookup_key.next = self.narrow_headers[i].key.val();
            self.lookup_valid.next = self.narrow_headers[i].lookup_valid.val();
            self.lookup_near.next = self.narrow_headers[i].lookup_near.val();
            self.narrow_covers[i].clk.next = self.clk.val();
            self.narrow_covers[i].rst.next = self.rst.val();
            self.narrow_covers[i].beat_data.next = self.beat_data.val();
            self.narrow_covers[i].beat_valid.next = self.beat_valid.val();
            self.narrow_covers[i].beat_last.next = self.beat_last.val();
            self.narrow_covers[i].ip_word0.next = self.narrow_headers[i].ip_word0.val();
            self.narrow_covers[i].is_tagged.next = self.narrow_headers[i].is_tagged_now.val();
            self.checksum.ip_words.next = self.narrow_covers[i].ip_words.val();
            self.checksum.tcp_words.next = self.narrow_covers[i].tcp_words.val();
            self.checksum.words_valid.next = self.narrow_covers[i].words_valid.val();
            self.checksum.words_last.next = self.narrow_covers[i].words_last.val();
            self.busy.next = self.checksum.busy.val() | self.narrow_covers[i].words_valid.val();
        }
        for i in 0..self.wide_headers.len() {
            self.wide_headers[i].clk.next = self.clk.val();
            self.wide_headers[i].rst.next = self.rst.val();
            self.wide_headers[i].beat_data.next = self.beat_data.val();
            self.wide_headers[i].beat_valid.next = self.beat_valid.val();
            self.wide_headers[i].beat_last.next = self.beat_last.val();
            self.headers.next = self.wide_headers[i].headers.val();
            self.lookup_key.next = self.wide_headers[i].key.val();
            self.lookup_valid.next = self.wide_headers[i].lookup_valid.val();
            self.end_delay[i].clock.next = self.clk.val();
            self.end_delay[i].d.next = self.end_delay[i].q.val();
            if self.kept.val() {
                self.end_delay[i].d.next = self.kept_end.val();
            }
            self.frame_end.next = self.end_delay[i].q.val();
            self.kept_delay[i].clock.next = self.clk.val();
            self.kept_delay[i].d.next = self.kept.val() & !self.rst.val();
            self.frame_valid.next = self.kept_delay[i].q.val();
            self.wide_covers[i].clk.next = self.clk.val();
            self.wide_covers[i].rst.next = self.rst.val();
            self.wide_covers[i].beat_data.next = self.beat_data.val();
            self.wide_covers[i].beat_valid.next = self.beat_valid.val();
            self.wide_covers[i].beat_last.next = self.beat_last.val();
            self.checksum.ip_words.next = self.wide_covers[i].ip_words.val();
            self.checksum.tcp_words.next = self.wide_covers[i].tcp_words.val();
            self.checksum.words_valid.next = self.wide_covers[i].words_valid.val();
            self.checksum.words_last.next = self.wide_covers[i].words_last.val();
            self.busy.next = self.checksum.busy.val()
                | self.wide_headers[i].busy.val()
                | self.wide_covers[i].busy.val();
        }

        self.ip_ok.next = self.checksum.ip_ok.val();
        self.tcp_ok.next = self.checksum.tcp_ok.val();
    }
}
