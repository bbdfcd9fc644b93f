//! Hashes a flow's key twice, under a secret.
//!
//! ```text
//!  ports ───────┐
//!  remote_ip ───┼──> half round ─> half round ─> half round ─> half round ──> first
//!  local_ip ────┤            register      register      register       └──> second
//!  secret ──────┘
//! ```
//!
//! Two ChaCha quarter rounds (RFC 8439 2.1) over ports, remote address, local address and secret. They are not linear in the secret: whoever does
//! not know it cannot name two flows that share a set whatever it is, as he could with a CRC or a Toeplitz hash of so short a key. One quarter
//! round is not enough: flows whose address falls as their port rises gather in few sets.
//!
//! Latency: `LATENCY_CYCLES`, the outputs being combinational behind the last register. Throughput: one key a cycle. One clock; no reset.

use rust_hdl::prelude::*;

/// Half a quarter round: `a += b; d = (d ^ a) <<< first; c += d; b = (b ^ c) <<< second`. Combinational.
#[derive(LogicBlock)]
struct HalfRound {
    a: Signal<In, Bits<32>>,
    b: Signal<In, Bits<32>>,
    c: Signal<In, Bits<32>>,
    d: Signal<In, Bits<32>>,
    next_a: Signal<Out, Bits<32>>,
    next_b: Signal<Out, Bits<32>>,
    next_c: Signal<Out, Bits<32>>,
    next_d: Signal<Out, Bits<32>>,
    mixed_d: Signal<Local, Bits<32>>,
    mixed_b: Signal<Local, Bits<32>>,
    d_left: Constant<Bits<6>>,
    d_right: Constant<Bits<6>>,
    b_left: Constant<Bits<6>>,
    b_right: Constant<Bits<6>>,
}

impl HalfRound {
    fn new(rotate_d: usize, rotate_b: usize) -> Self {
        Self {
            a: Default::default(),
            b: Default::default(),
            c: Default::default(),
            d: Default::default(),
            next_a: Default::default(),
            next_b: Default::default(),
            next_c: Default::default(),
            next_d: Default::default(),
            mixed_d: Default::default(),
            mixed_b: Default::default(),
            d_left: Constant::new(rotate_d.to_bits()),
            d_right: Constant::new((32 - rotate_d).to_bits()),
            b_left: Constant::new(rotate_b.to_bits()),
            b_right: Constant::new((32 - rotate_b).to_bits()),
        }
    }
}

impl Logic for HalfRound {
    #[hdl_gen]
    fn update(&mut self) {
        self.next_a.next = self.a.val() + self.b.val();
        self.mixed_d.next = self.d.val() ^ self.next_a.val();
        self.next_d.next =
            (self.mixed_d.val() << self.d_left.val()) | (self.mixed_d.val() >> self.d_right.val());
        self.next_c.next = self.c.val() + self.next_d.val();
        self.mixed_b.next = self.b.val() ^ self.next_c.val();
        self.next_b.next =
            (self.mixed_b.val() << self.b_left.val()) | (self.mixed_b.val() >> self.b_right.val());
    }
}

/// The hash, of S bits each.
#[derive(LogicBlock)]
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
    halves: Vec<HalfRound>,
    a: [DFF<Bits<32>>; 3],
    b: [DFF<Bits<32>>; 3],
    c: [DFF<Bits<32>>; 3],
    d: [DFF<Bits<32>>; 3],
}

impl<const S: usize> FlowHash<S> {
    /// Cycles from `key` to `first` and `second`.
    pub const LATENCY_CYCLES: usize = 3;
}

impl<const S: usize> Default for FlowHash<S> {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            key: Default::default(),
            secret: Default::default(),
            first: Default::default(),
            second: Default::default(),
            halves: [(16, 12), (8, 7), (16, 12), (8, 7)]
                .map(|(rotate_d, rotate_b)| HalfRound::new(rotate_d, rotate_b))
                .into(),
            a: Default::default(),
            b: Default::default(),
            c: Default::default(),
            d: Default::default(),
        }
    }
}

impl<const S: usize> Logic for FlowHash<S> {
    #[hdl_gen]
    fn update(&mut self) {
        self.halves[0].a.next = self.key.val().get_bits::<32>(0);
        self.halves[0].b.next = self.key.val().get_bits::<32>(64);
        self.halves[0].c.next = self.key.val().get_bits::<32>(32);
        self.halves[0].d.next = self.secret.val();
        for i in 0..3 {
            self.a[i].clock.next = self.clk.val();
            self.b[i].clock.next = self.clk.val();
            self.c[i].clock.next = self.clk.val();
            self.d[i].clock.next = self.clk.val();
            self.a[i].d.next = self.halves[i].next_a.val();
            self.b[i].d.next = self.halves[i].next_b.val();
            self.c[i].d.next = self.halves[i].next_c.val();
            self.d[i].d.next = self.halves[i].next_d.val();
            self.halves[i + 1].a.next = self.a[i].q.val();
            self.halves[i + 1].b.next = self.b[i].q.val();
            self.halves[i + 1].c.next = self.c[i].q.val();
            self.halves[i + 1].d.next = self.d[i].q.val();
        }
        self.first.next = bit_cast::<S, 32>(self.halves[3].next_b.val());
        self.second.next = bit_cast::<S, 32>(self.halves[3].next_d.val());
    }
}
