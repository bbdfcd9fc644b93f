//! Hashes a flow's key twice, under a secret.
//!
//! ```text
//!  key, secret ──> round ──> round ──> half ──> round ──> round ──> first, second
//! ```
//!
//! Remote address, local address and ports go through four rounds of the shape of Xoodoo's: a parity that spreads each bit over its neighbours,
//! rotations, and the three-word step `x ^ (!y & z)`, the only part that is not linear. The secret goes into each round. A round costs two
//! levels of 6-input LUTs, and no carry chain.
//!
//! Strength: over random secrets, keys that differ in one or two bits share a set as often as any others (tested on what a peer can choose, its
//! address and port). ChaCha quarter rounds were tried in its place and are too weak. After one, a change of the port can cancel a change of the
//! address: such keys share both sets under 99 of 100 secrets. After two, addresses 128.0.128.0 apart share both sets under one secret of 130.
//! This is no cryptographic function: an attacker who can measure which of his flows share a set finds the 32 bits of the secret by trying all of
//! them. What he gains is that his flows can take all places of some new flow (`TableFull`).
//!
//! Latency: `LATENCY_CYCLES` (the outputs are combinational behind one register). Throughput: one key a cycle. One clock; no reset.

use rust_hdl::prelude::*;

/// The hash, of S bits each.
#[derive(LogicBlock, Default)]
pub struct FlowHash<const S: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Remote address, local address, remote port, local port.
    pub key: Signal<In, Bits<96>>,
    /// The secret.
    pub secret: Signal<In, Bits<32>>,
    /// Set in the first half of the table.
    pub first: Signal<Out, Bits<S>>,
    /// Set in the second half.
    pub second: Signal<Out, Bits<S>>,
    rounds: [HashRound; 4],
    half: DFF<Bits<96>>,
}

impl<const S: usize> FlowHash<S> {
    /// Cycles from `key` to `first` and `second`.
    pub const LATENCY_CYCLES: usize = 1;
}

impl<const S: usize> Logic for FlowHash<S> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, half);

        // The constants are digits of pi: they only have to differ.
        self.rounds[0].round_secret.next = self.secret.val() ^ 0x243f6a88;
        self.rounds[1].round_secret.next = self.secret.val() ^ 0x85a308d3_u64;
        self.rounds[2].round_secret.next = self.secret.val() ^ 0x13198a2e;
        self.rounds[3].round_secret.next = self.secret.val() ^ 0x03707344;

        self.rounds[0].words.next = self.key.val();
        self.rounds[1].words.next = self.rounds[0].mixed.val();
        self.half.d.next = self.rounds[1].mixed.val();
        self.rounds[2].words.next = self.half.q.val();
        self.rounds[3].words.next = self.rounds[2].mixed.val();

        self.first.next = self.rounds[3].mixed.val().get_bits::<S>(64);
        self.second.next = self.rounds[3].mixed.val().get_bits::<S>(32);
    }
}

/// One round: gates only.
#[derive(LogicBlock, Default)]
struct HashRound {
    round_secret: Signal<In, Bits<32>>,
    words: Signal<In, Bits<96>>,
    mixed: Signal<Out, Bits<96>>,
    parity: Signal<Local, Bits<32>>,
    spread: Signal<Local, Bits<32>>,
    a: Signal<Local, Bits<32>>,
    b: Signal<Local, Bits<32>>,
    c: Signal<Local, Bits<32>>,
    b_step: Signal<Local, Bits<32>>,
    c_step: Signal<Local, Bits<32>>,
    a_mixed: Signal<Local, Bits<32>>,
    b_mixed: Signal<Local, Bits<32>>,
    c_mixed: Signal<Local, Bits<32>>,
}

impl Logic for HashRound {
    #[hdl_gen]
    fn update(&mut self) {
        self.parity.next = self.words.val().get_bits::<32>(64)
            ^ self.words.val().get_bits::<32>(32)
            ^ self.words.val().get_bits::<32>(0);
        self.spread.next = ((self.parity.val() << 5) | (self.parity.val() >> 27))
            ^ ((self.parity.val() << 14) | (self.parity.val() >> 18));

        self.a.next =
            self.words.val().get_bits::<32>(64) ^ self.spread.val() ^ self.round_secret.val();
        self.b_step.next = self.words.val().get_bits::<32>(32) ^ self.spread.val();
        self.b.next = (self.b_step.val() << 1) | (self.b_step.val() >> 31);
        self.c_step.next = self.words.val().get_bits::<32>(0) ^ self.spread.val();
        self.c.next = (self.c_step.val() << 11) | (self.c_step.val() >> 21);

        self.a_mixed.next = self.a.val() ^ (!self.b.val() & self.c.val());
        self.b_mixed.next = self.b.val() ^ (!self.c.val() & self.a.val());
        self.c_mixed.next = self.c.val() ^ (!self.a.val() & self.b.val());
        self.mixed.next = (bit_cast::<96, 32>(self.a_mixed.val()) << 64)
            | (bit_cast::<96, 32>((self.b_mixed.val() << 1) | (self.b_mixed.val() >> 31)) << 32)
            | bit_cast::<96, 32>((self.c_mixed.val() << 8) | (self.c_mixed.val() >> 24));
    }
}
