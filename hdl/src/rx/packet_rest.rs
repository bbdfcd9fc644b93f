//! Says which bytes of a beat belong to the IPv4 packet, and which come behind it (Ethernet's padding).
//!
//! ```text
//!  bytes that are left ──> whole beats, bytes in the last one ──> covers
//! ```
//!
//! Latency: 1 cycle from `load` to the first beat's `covers`. Throughput: one beat a cycle. One clock; no reset: a frame loads it before it asks.

use rust_hdl::prelude::*;

/// The counter for beats of K bytes; S is log2(K).
#[derive(LogicBlock)]
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
    beats_log2: Constant<Bits<16>>,
}

impl<const K: usize, const S: usize> Default for PacketRest<K, S> {
    fn default() -> Self {
        const { assert!(1 << S == K) };
        Self {
            clk: Default::default(),
            load_bytes: Default::default(),
            load_none: Default::default(),
            load: Default::default(),
            step: Default::default(),
            covers: Default::default(),
            beats: Default::default(),
            tail_bytes: Default::default(),
            is_tail: Default::default(),
            is_over: Default::default(),
            beats_log2: Constant::new(S.to_bits()),
        }
    }
}

impl<const K: usize, const S: usize> Logic for PacketRest<K, S> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, beats, tail_bytes, is_tail, is_over);

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
            self.beats.d.next = self.load_bytes.val() >> self.beats_log2.val();
            self.tail_bytes.d.next = bit_cast::<S, 16>(self.load_bytes.val());
            self.is_tail.d.next = (self.load_bytes.val() >> self.beats_log2.val()) == 0;
            self.is_over.d.next = self.load_none.val();
        }
    }
}
