//! Hashes a flow's key under a secret: the Toeplitz hash of receive-side scaling, 96 bits in, 32 bits out.
//!
//! ```text
//!  key ────> word of this cycle ─> register ──┐
//!                                             AND, XOR ──> ^ ──> hash
//!  secret ─> 63 bits of it ─────> register ──┘             ^
//!                                                sum of the words before
//! ```
//!
//! Bit i of the hash is the XOR of all key bits j whose secret bit i + j is set, counted from the most significant bit (Microsoft, "RSS hashing
//! types"; its published vectors are in the test). The hash is linear, and over random secrets universal: who lacks the secret cannot choose keys that share
//! a place. The host may read the hash of each segment in its event; it must not be shown to the peers, who could solve it for the secret.
//!
//! With one unit (W = 64) the three words of the key are hashed one a cycle, each from a register that takes it in the cycle before: the remote address in the cycle before `start`, the local
//! one with `start`, the ports one cycle later. With three units (W = 512) all at once, without registers. Latency from `start` to `done`: 2 cycles with one unit, 0 with three; `hash` is
//! combinational and holds only with `done`. Throughput: a key in 3 cycles, or each cycle; `start` must not come while `running`. One clock; reset gives up the key under way.

use rust_hdl::prelude::*;

/// The hash.
#[derive(LogicBlock)]
pub struct FlowHash {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Remote address, local address, remote port, local port.
    pub key: Signal<In, Bits<96>>,
    /// The secret.
    pub secret: Signal<In, Bits<128>>,
    /// Hash the key, starting now; one unit has its first word already.
    pub start: Signal<In, Bit>,
    /// With `done`: the hash.
    pub hash: Signal<Out, Bits<32>>,
    /// In this cycle `hash` is right.
    pub done: Signal<Out, Bit>,
    /// The key's last word is taken.
    pub takes_last: Signal<Out, Bit>,
    /// A key was started in an earlier cycle and is not finished, or is finished now.
    pub running: Signal<Out, Bit>,
    units: Vec<ToeplitzUnit>,
    /// Word that is hashed in this cycle, if it is not the first.
    step: DFF<Bits<2>>,
    /// That word, and the secret for it, when there is one unit.
    word: Vec<DFF<Bits<32>>>,
    window: Vec<DFF<Bits<63>>>,
    /// Hash of the words before.
    sum: DFF<Bits<32>>,
    mixed: Signal<Local, Bits<32>>,
}

impl FlowHash {
    /// A hash that takes `units` words of the key a cycle: 1 or 3.
    pub fn new(units: usize) -> Self {
        assert!(units == 1 || units == 3);
        Self {
            clk: Default::default(),
            rst: Default::default(),
            key: Default::default(),
            secret: Default::default(),
            start: Default::default(),
            hash: Default::default(),
            done: Default::default(),
            takes_last: Default::default(),
            running: Default::default(),
            units: (0..units).map(|_| ToeplitzUnit::default()).collect(),
            step: Default::default(),
            word: (0..units % 3).map(|_| DFF::default()).collect(),
            window: (0..units % 3).map(|_| DFF::default()).collect(),
            sum: Default::default(),
            mixed: Default::default(),
        }
    }

    /// Cycles from `start` to `done`.
    pub const fn latency_cycles(units: usize) -> usize {
        if units == 1 {
            2
        } else {
            0
        }
    }
}

impl Logic for FlowHash {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, step, sum);

        // Three units take word u each, with the secret from bit 32 u on.
        for u in 0..self.units.len() {
            self.units[u].word.next = self.key.val().get_bits::<32>(64 - 32 * u);
            self.units[u].window.next = self.secret.val().get_bits::<63>(65 - 32 * u);
        }
        self.mixed.next = 0.into();
        self.takes_last.next = self.start.val();
        self.done.next = self.start.val();
        self.running.next = self.step.q.val().any();
        // A lone unit takes one word after the other.
        for i in 0..self.word.len() {
            self.word[i].clock.next = self.clk.val();
            self.window[i].clock.next = self.clk.val();
            self.word[i].d.next = self.key.val().get_bits::<32>(64);
            self.window[i].d.next = self.secret.val().get_bits::<63>(65);
            if self.start.val() {
                self.word[i].d.next = self.key.val().get_bits::<32>(32);
                self.window[i].d.next = self.secret.val().get_bits::<63>(33);
                self.step.d.next = 1.into();
            }
            if self.step.q.val() == 1 {
                self.word[i].d.next = self.key.val().get_bits::<32>(0);
                self.window[i].d.next = self.secret.val().get_bits::<63>(1);
                self.step.d.next = 2.into();
            }
            if self.step.q.val() == 2 {
                self.step.d.next = 0.into();
            }
            self.units[0].word.next = self.word[i].q.val();
            self.units[0].window.next = self.window[i].q.val();
            if self.step.q.val().any() {
                self.mixed.next = self.sum.q.val();
            }
            self.takes_last.next = self.step.q.val() == 1;
            self.done.next = self.step.q.val() == 2;
        }
        for u in 0..self.units.len() {
            self.mixed.next = self.mixed.val() ^ self.units[u].hash.val();
        }
        self.sum.d.next = self.mixed.val();
        self.hash.next = self.mixed.val();

        if self.rst.val() {
            self.step.d.next = 0.into();
        }
    }
}

/// Hashes one word: gates only.
#[derive(LogicBlock, Default)]
struct ToeplitzUnit {
    word: Signal<In, Bits<32>>,
    /// The secret, from the bit on that belongs to the word's first.
    window: Signal<In, Bits<63>>,
    hash: Signal<Out, Bits<32>>,
    chosen: Signal<Local, Bits<32>>,
}

impl Logic for ToeplitzUnit {
    #[hdl_gen]
    fn update(&mut self) {
        self.hash.next = 0.into();
        for i in 0_usize..32 {
            self.chosen.next = self.word.val() & self.window.val().get_bits::<32>(i);
            self.hash.next = self.hash.val().replace_bit(i, self.chosen.val().xor());
        }
    }
}
