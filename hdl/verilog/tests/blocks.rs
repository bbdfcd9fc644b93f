//! Blocks written with `#[block]` and `#[kernel]`: what the macros write, in Rust and in Verilator, and what they refuse.

use handclasp_verilog::equivalence::{Equivalence, Random};
use handclasp_verilog::{block, emit, kernel, EmitError, Ram, Refusal};
use rust_hdl::prelude::*;

/// A block without clock.
#[block]
struct Inverter {
    pub a: Signal<In, Bits<8>>,
    pub y: Signal<Out, Bits<8>>,
}

#[kernel]
impl Logic for Inverter {
    fn update(&mut self) {
        self.y.next = !self.a.val();
    }
}

/// A block with a clock and no reset.
#[block]
struct Delay<const N: usize> {
    pub clk: Signal<In, Clock>,
    pub data: Signal<In, Bits<8>>,
    pub delayed: Signal<Out, Bits<8>>,
    #[len(N)]
    stages: Vec<DFF<Bits<8>>>,
}

#[kernel]
impl<const N: usize> Logic for Delay<N> {
    fn update(&mut self) {
        self.stages[0].d.next = self.data.val();
        for i in 1..N {
            self.stages[i].d.next = self.stages[i - 1].q.val();
        }
        self.delayed.next = self.stages[N - 1].q.val();
    }
}

/// A block with reset, whose register keeps its value.
#[block]
struct Tally {
    pub clk: Signal<In, Clock>,
    pub rst: Signal<In, Bit>,
    pub add: Signal<In, Bit>,
    pub total: Signal<Out, Bits<8>>,
    sum: DFF<Bits<8>>,
}

#[kernel]
impl Logic for Tally {
    fn update(&mut self) {
        if self.add.val() {
            self.sum.d.next = self.sum.q.val() + 1;
        }
        self.total.next = self.sum.q.val();
        if self.rst.val() {
            self.sum.d.next = 0.into();
        }
    }
}

const START: u8 = 0x81;

/// Every kind of part and value: words of K bytes.
#[block(K * 8 == W, W <= 64)]
struct Everything<const W: usize, const K: usize> {
    pub clk: Signal<In, Clock>,
    pub rst: Signal<In, Bit>,
    pub data: Signal<In, Bits<8>>,
    pub wide: Signal<In, Bits<W>>,
    pub add: Signal<In, Bit>,
    pub delayed: Signal<Out, Bits<8>>,
    pub total: Signal<Out, Bits<8>>,
    pub held_total: Signal<Out, Bits<8>>,
    pub stored: Signal<Out, Bits<8>>,
    pub mixed: Signal<Out, Bits<8>>,
    pub masked: Signal<Out, Bits<W>>,
    pub shifted: Signal<Out, Bits<W>>,
    pub is_start: Signal<Out, Bit>,
    pub lane: Signal<Out, Bits<8>>,
    inverter: Inverter,
    delay: Delay<3>,
    tally: Tally,
    /// Its reset is its own: the kernel's assignment prevails.
    held_tally: Tally,
    memory: Ram<Bits<8>, 3>,
    lanes: [DFF<Bits<8>>; 40],
    #[value(Bits::<W>::mask() >> 3)]
    mask: Constant<Bits<W>>,
    #[value([1, 3, 7, 15].map(bits))]
    masks: [Constant<Bits<8>>; 4],
    #[value((0..4_u64).map(|i| bits(i * i)))]
    squares: Vec<Constant<Bits<8>>>,
}

#[kernel]
impl<const W: usize, const K: usize> Logic for Everything<W, K> {
    fn update(&mut self) {
        let start: Bits<8> = START;
        let half: Bits<7> = W / 2;
        let quarter: Bits<7> = half / 2;
        let most: Bits<64> = u64::MAX;

        wire!(self -> inverter: data as a);
        wire!(inverter -> delay: y as data);
        wire!(self -> tally: add);
        wire!(self -> held_tally: add);
        self.held_tally.rst.next = false;
        wire!(delay -> self: delayed);
        wire!(tally -> self: total);
        wire!(held_tally -> self: total as held_total);
        self.memory.read_address.next = self.data.val().get_bits::<3>(0);
        self.memory.read_enable.next = true;
        self.memory.write_address.next = self.data.val().get_bits::<3>(3);
        self.memory.write_data.next = self.data.val();
        self.memory.write_enable.next = self.add.val();
        wire!(memory -> self: read_data as stored);
        self.mixed.next = start;
        for i in 0..4 {
            if self.data.val().get_bit(i) {
                self.mixed.next = self.mixed.val() ^ self.masks[i].val() ^ self.squares[i].val();
            }
        }
        self.masked.next = self.wide.val() & self.mask.val() & bit_cast::<W, 64>(most);
        self.shifted.next = (self.wide.val() >> half) ^ (self.wide.val() >> quarter);
        self.is_start.next = (self.data.val() == start) & (!start).any();
        self.lanes[0].d.next = self.data.val();
        for i in 1..40 {
            self.lanes[i].d.next = self.lanes[i - 1].q.val();
        }
        self.lane.next = self.lanes[39].q.val();
    }
}

fn stimulus<const W: usize, const K: usize>(block: &mut Everything<W, K>, random: &mut Random) {
    block.rst.next = random.chance(1, 10);
    block.data.next = random.corner();
    block.wide.next = random.corner();
    block.add.next = random.chance(1, 2);
}

#[test]
fn what_the_macros_write_is_the_same_in_rust_and_in_verilog() {
    Equivalence::new("blocks")
        .clocked(
            "w32",
            Everything::<32, 4>::default,
            |b| &mut b.clk,
            stimulus,
        )
        .clocked(
            "w64",
            Everything::<64, 8>::default,
            |b| &mut b.clk,
            stimulus,
        )
        .run(1, 1000)
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn parts_work_in_rust() {
    let mut block = Everything::<64, 8>::default();
    block.connect_all();
    let settle = |block: &mut Everything<64, 8>| {
        for _ in 0..10 {
            block.update_all();
        }
    };
    let mut totals = vec![];
    for cycle in 0..6 {
        block.rst.next = cycle == 3;
        block.add.next = true;
        for clock in [false, true] {
            block.clk.next = Clock { clk: clock };
            settle(&mut block);
        }
        totals.push((
            u64::from(block.total.val()),
            u64::from(block.held_total.val()),
        ));
    }
    assert_eq!(totals, [(1, 1), (2, 2), (3, 3), (0, 4), (1, 5), (2, 6)]);
}

#[test]
fn numbers_are_localparams() {
    let text = emit("top", &Everything::<64, 8>::default()).unwrap();
    for line in [
        "  localparam [7:0] start = 8'h81;",
        "  assign shifted = {32'h0, wide[63:32]} ^ {16'h0, wide[63:16]};",
        "  assign masked = {3'h0, wide[60:0]};",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in:\n{text}");
    }
    assert!(!text.contains("half ="), "no text mentions `half`:\n{text}");
}

#[block]
struct Clash {
    pub a: Signal<In, Bits<8>>,
    pub y: Signal<Out, Bits<8>>,
}

#[kernel]
impl Logic for Clash {
    fn update(&mut self) {
        let a: Bits<8> = 1;
        self.y.next = self.a.val() + a;
    }
}

#[test]
fn a_number_with_the_name_of_a_signal_is_refused() {
    let Err(EmitError { refusal, .. }) = emit("top", &Clash::default()) else {
        panic!("was printed")
    };
    assert!(
        matches!(&refusal, Refusal::NameCollision(_, _, name) if name == "a"),
        "{refusal:?}"
    );
}
