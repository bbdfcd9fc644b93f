//! Says which bytes of a beat belong to the IPv4 packet, and which come behind it (Ethernet's padding).
//!
//! ```text
//!  bytes that are left ──> whole beats, bytes in the last one ──> covers
//! ```
//!
//! Latency: 1 cycle from `load` to the first beat's `covers`. Throughput: one beat a cycle. One clock; no reset: a frame loads it before it asks.

use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The counter for beats of K bytes; S is log2(K).
#[block(1 << S == K)]
pub struct PacketRest<const K: usize, const S: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Bytes of the packet in the beats that follow.
    pub load_bytes: Signal<In, Bits<16>>,
    /// There are none.
    pub load_none: Signal<In, Bit>,
    /// Take these two now.
    pub load: Signal<In, Bit>,
    /// This beat has passed.
    pub step: Signal<In, Bit>,
    /// Which bytes of this beat belong to the packet.
    pub covers: Signal<Out, Bits<K>>,
    beats: DFF<Bits<16>>,
    tail_bytes: DFF<Bits<S>>,
    /// This beat has `tail_bytes`; before it, beats are whole.
    is_tail: DFF<Bit>,
    /// The packet is over.
    is_over: DFF<Bit>,
}

#[kernel]
impl<const K: usize, const S: usize> Logic for PacketRest<K, S> {
    fn update(&mut self) {
        let beats_log2: Bits<16> = S;

        self.covers.next = 0.into();
        for i in 0..K {
            self.covers.next = self.covers.val().replace_bit(
                i,
                !self.is_over.q.val()
                    & (!self.is_tail.q.val() | (self.tail_bytes.q.val() > i.to_bits())),
            );
        }
        if self.step.val() {
            self.beats.d.next = self.beats.q.val() - 1;
            self.is_tail.d.next = self.beats.q.val() == 1;
            if self.is_tail.q.val() {
                self.is_over.d.next = true;
            }
        }
        if self.load.val() {
            self.beats.d.next = self.load_bytes.val() >> beats_log2;
            self.tail_bytes.d.next = bit_cast::<S, 16>(self.load_bytes.val());
            self.is_tail.d.next = (self.load_bytes.val() >> beats_log2) == 0;
            self.is_over.d.next = self.load_none.val();
        }
    }
}
