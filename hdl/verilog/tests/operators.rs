//! Every operator and every expression that the stock printer gets wrong, in Rust and in Verilator on random vectors.

use handclasp_verilog::equivalence::{Equivalence, Random};
use rust_hdl::prelude::*;

/// Operators at one width; `N` must exceed 8 for the literals.
#[derive(LogicBlock, Default)]
struct Operators<const N: usize> {
    a: Signal<In, Bits<N>>,
    b: Signal<In, Bits<N>>,
    n: Signal<In, Bits<7>>,
    far: Signal<In, Bits<40>>,
    f: Signal<In, Bit>,
    g: Signal<In, Bit>,
    add: Signal<Out, Bits<N>>,
    add_literal: Signal<Out, Bits<N>>,
    literal_add: Signal<Out, Bits<N>>,
    add_bool: Signal<Out, Bits<N>>,
    sub: Signal<Out, Bits<N>>,
    literal_sub: Signal<Out, Bits<N>>,
    bit_and: Signal<Out, Bits<N>>,
    bit_or: Signal<Out, Bits<N>>,
    bit_xor: Signal<Out, Bits<N>>,
    bit_not: Signal<Out, Bits<N>>,
    shl: Signal<Out, Bits<N>>,
    shr: Signal<Out, Bits<N>>,
    shl_all: Signal<Out, Bits<N>>,
    shl_by: Signal<Out, Bits<N>>,
    shr_by: Signal<Out, Bits<N>>,
    shr_far: Signal<Out, Bits<N>>,
    eq: Signal<Out, Bit>,
    ne: Signal<Out, Bit>,
    lt: Signal<Out, Bit>,
    le: Signal<Out, Bit>,
    gt: Signal<Out, Bit>,
    ge: Signal<Out, Bit>,
    ge_zero: Signal<Out, Bit>,
    all: Signal<Out, Bit>,
    any: Signal<Out, Bit>,
    parity: Signal<Out, Bit>,
    sum_any: Signal<Out, Bit>,
    logical_and: Signal<Out, Bit>,
    logical_or: Signal<Out, Bit>,
    bool_xor: Signal<Out, Bit>,
    bool_not: Signal<Out, Bit>,
    bool_eq: Signal<Out, Bit>,
    bit_four: Signal<Out, Bit>,
    bit_at: Signal<Out, Bit>,
    slice: Signal<Out, Bits<5>>,
    slice_of_sum: Signal<Out, Bits<5>>,
    slice_at: Signal<Out, Bits<5>>,
    replaced: Signal<Out, Bits<N>>,
    replaced_at: Signal<Out, Bits<N>>,
    truncated: Signal<Out, Bits<6>>,
    sum_truncated: Signal<Out, Bits<6>>,
    extended: Signal<Out, Bits<600>>,
    // What the stock printer gets wrong.
    carry_dropped: Signal<Out, Bits<600>>,
    sum_is_zero: Signal<Out, Bit>,
    inverse_is_zero: Signal<Out, Bit>,
    sum_shifted: Signal<Out, Bits<N>>,
    difference_below: Signal<Out, Bit>,
    masked_equal: Signal<Out, Bit>,
    sums_equal: Signal<Out, Bit>,
    inverse_shifted: Signal<Out, Bits<N>>,
    precedence: Signal<Out, Bits<N>>,
}

impl<const N: usize> Logic for Operators<N> {
    #[hdl_gen]
    fn update(&mut self) {
        self.add.next = self.a.val() + self.b.val();
        self.add_literal.next = self.a.val() + 1;
        self.literal_add.next = 3 + self.a.val();
        self.add_bool.next = self.a.val() + self.f.val();
        self.sub.next = self.a.val() - self.b.val();
        self.literal_sub.next = 5 - self.a.val();
        self.bit_and.next = self.a.val() & self.b.val();
        self.bit_or.next = self.a.val() | self.b.val();
        self.bit_xor.next = self.a.val() ^ self.b.val();
        self.bit_not.next = !self.a.val();
        self.shl.next = self.a.val() << 3;
        self.shr.next = self.a.val() >> 3;
        self.shl_all.next = self.a.val() << 600;
        self.shl_by.next = self.a.val() << self.n.val();
        self.shr_by.next = self.a.val() >> self.n.val();
        self.shr_far.next = self.a.val() >> self.far.val();
        self.eq.next = self.a.val() == self.b.val();
        self.ne.next = self.a.val() != self.b.val();
        self.lt.next = self.a.val() < self.b.val();
        self.le.next = self.a.val() <= self.b.val();
        self.gt.next = self.a.val() > self.b.val();
        self.ge.next = self.a.val() >= self.b.val();
        self.ge_zero.next = self.a.val() >= 0;
        self.all.next = self.a.val().all();
        self.any.next = self.a.val().any();
        self.parity.next = self.a.val().xor();
        self.sum_any.next = (self.a.val() + self.b.val()).any();
        self.logical_and.next = self.f.val() && self.g.val();
        self.logical_or.next = self.f.val() || self.g.val();
        self.bool_xor.next = self.f.val() ^ self.g.val();
        self.bool_not.next = !self.f.val();
        self.bool_eq.next = self.f.val() == self.g.val();
        self.bit_four.next = self.a.val().get_bit(4);
        self.bit_at.next = self.a.val().get_bit(bit_cast::<3, 7>(self.n.val()).index());
        self.slice.next = self.a.val().get_bits::<5>(3);
        self.slice_of_sum.next = (self.a.val() + self.b.val()).get_bits::<5>(3);
        self.slice_at.next = self
            .a
            .val()
            .get_bits::<5>(bit_cast::<3, 7>(self.n.val()).index());
        self.replaced.next = self.a.val().replace_bit(7, self.f.val());
        self.replaced_at.next = self
            .a
            .val()
            .replace_bit(bit_cast::<3, 7>(self.n.val()).index(), self.f.val());
        self.truncated.next = bit_cast::<6, N>(self.a.val());
        self.sum_truncated.next = bit_cast::<6, N>(self.a.val() + self.b.val());
        self.extended.next = bit_cast::<600, N>(self.a.val());
        self.carry_dropped.next = bit_cast::<600, N>(self.a.val() + self.b.val());
        self.sum_is_zero.next = (self.a.val() + 1) == 0;
        self.inverse_is_zero.next = !self.a.val() == 0;
        self.sum_shifted.next = (self.a.val() + 1) >> 1;
        self.difference_below.next = (self.a.val() - self.b.val()) < 0x80;
        self.masked_equal.next = self.a.val() & 0xff == 0xff;
        self.sums_equal.next = self.a.val() + self.b.val() == self.b.val() - 1;
        self.inverse_shifted.next = !self.a.val() >> 2;
        self.precedence.next = self.a.val() | self.b.val() & 0x3c ^ self.a.val() << 1;
    }
}

fn operators<const N: usize>(block: &mut Operators<N>, random: &mut Random) {
    block.a.next = random.corner();
    block.b.next = match random.chance(1, 4) {
        true => block.a.next,
        false => random.corner(),
    };
    block.n.next = random.bits();
    block.far.next = match random.chance(1, 2) {
        true => bits(random.below(64)),
        false => bits(random.pick(&[0, 1, 31, 32, 33, 1 << 32, (1 << 32) + 1, 1 << 39])),
    };
    block.f.next = random.chance(1, 2);
    block.g.next = random.chance(1, 2);
}

/// Expressions whose widths are particular.
#[derive(LogicBlock)]
struct Particular {
    a: Signal<In, Bits<16>>,
    b: Signal<In, Bits<16>>,
    f: Signal<In, Bit>,
    one: Signal<In, Bits<1>>,
    wide: Signal<In, Bits<40>>,
    at: Signal<In, Bits<6>>,
    narrow_at: Signal<In, Bits<2>>,
    five: Constant<Bits<16>>,
    most: Constant<Bits<16>>,
    lane: Constant<Bits<4>>,
    product: Signal<Out, Bits<32>>,
    sum_with_carry: Signal<Out, Bits<17>>,
    sequence_before: Signal<Out, Bit>,
    literal_shifted: Signal<Out, Bits<64>>,
    concatenated: Signal<Out, Bits<32>>,
    slice_at: Signal<Out, Bits<8>>,
    slice_whole: Signal<Out, Bits<40>>,
    bit_at: Signal<Out, Bit>,
    constant_added: Signal<Out, Bits<16>>,
    at_most: Signal<Out, Bit>,
    above_most: Signal<Out, Bit>,
    lane_slice: Signal<Out, Bits<4>>,
    from_bool: Signal<Out, Bits<1>>,
    to_bool: Signal<Out, Bit>,
    one_plus: Signal<Out, Bits<1>>,
    sized: Signal<Out, Bits<8>>,
    u64_literal: Signal<Out, Bits<40>>,
    single_slice: Signal<Out, Bits<1>>,
    true_constant: Signal<Out, Bit>,
    gathered: Signal<Out, Bits<16>>,
}

impl Default for Particular {
    fn default() -> Self {
        Particular {
            a: Default::default(),
            b: Default::default(),
            f: Default::default(),
            one: Default::default(),
            wide: Default::default(),
            at: Default::default(),
            narrow_at: Default::default(),
            five: Constant::new(bits(5)),
            most: Constant::new(bits(0xffff)),
            lane: Constant::new(bits(8)),
            product: Default::default(),
            sum_with_carry: Default::default(),
            sequence_before: Default::default(),
            literal_shifted: Default::default(),
            concatenated: Default::default(),
            slice_at: Default::default(),
            slice_whole: Default::default(),
            bit_at: Default::default(),
            constant_added: Default::default(),
            at_most: Default::default(),
            above_most: Default::default(),
            lane_slice: Default::default(),
            from_bool: Default::default(),
            to_bool: Default::default(),
            one_plus: Default::default(),
            sized: Default::default(),
            u64_literal: Default::default(),
            single_slice: Default::default(),
            true_constant: Default::default(),
            gathered: Default::default(),
        }
    }
}

impl Logic for Particular {
    #[hdl_gen]
    fn update(&mut self) {
        self.product.next = self.a.val() * self.b.val();
        self.sum_with_carry.next =
            bit_cast::<17, 16>(self.a.val()) + bit_cast::<17, 16>(self.b.val());
        self.sequence_before.next = (self.a.val() - self.b.val()) < 0x8000;
        self.literal_shifted.next = 3 << self.at.val();
        self.concatenated.next =
            bit_cast::<32, 16>(self.a.val()) | (bit_cast::<32, 16>(self.b.val()) << 16);
        self.slice_at.next = self.wide.val().get_bits::<8>(self.at.val().index());
        self.slice_whole.next = self.wide.val().get_bits::<40>(self.at.val().index());
        self.bit_at.next = self.a.val().get_bit(self.narrow_at.val().index());
        self.constant_added.next = self.a.val() + self.five.val();
        self.at_most.next = self.a.val() <= self.most.val();
        self.above_most.next = self.a.val() > self.most.val();
        self.lane_slice.next = self.a.val().get_bits::<4>(self.lane.val().index());
        self.from_bool.next = self.f.val().into();
        self.to_bool.next = self.one.val().into();
        self.one_plus.next = self.one.val() + 1;
        self.sized.next = bits::<8>(0x5a) ^ bit_cast::<8, 16>(self.a.val());
        self.u64_literal.next = self.wide.val() ^ 0xfe_dcba_9876_u64;
        self.single_slice.next = self.one.val().get_bits::<1>(0);
        self.true_constant.next = true;
        self.gathered.next = bits::<16>(0);
        for i in 0..4 {
            for j in 0..4 {
                if self.a.val().get_bit(i * 4 + j) & self.b.val().get_bit(j * 4 + i) {
                    self.gathered.next =
                        self.gathered.val() + i.to_bits::<16>() + bits::<16>(1) + j.to_bits::<16>();
                }
            }
        }
    }
}

#[test]
fn operators_are_the_same_in_verilog() {
    check(Equivalence::new("operators"));
}

#[test]
fn operators_printed_as_such_are_the_same_in_verilog() {
    check(Equivalence::new("operators_as_such").with_operators());
}

fn check(equivalence: Equivalence) {
    let report = equivalence
        .combinational("width9", Operators::<9>::default, operators)
        .combinational("width32", Operators::<32>::default, operators)
        .combinational("width33", Operators::<33>::default, operators)
        .combinational("width64", Operators::<64>::default, operators)
        .combinational("width65", Operators::<65>::default, operators)
        .combinational("width512", Operators::<512>::default, operators)
        .combinational("particular", Particular::default, |block, random| {
            block.a.next = random.corner();
            block.b.next = random.corner();
            block.f.next = random.chance(1, 2);
            block.one.next = random.bits();
            block.wide.next = random.corner();
            // rust-hdl panics on a slice that starts beyond the end.
            block.at.next = bits(random.below(41));
            block.narrow_at.next = random.bits();
        })
        .run(1, 400)
        .unwrap();
    let (always, rare): (Vec<_>, Vec<_>) = report.constant_outputs.into_iter().partition(|o| {
        [
            "shl_all",
            "ge_zero",
            "at_most",
            "above_most",
            "true_constant",
        ]
        .iter()
        .any(|c| o.ends_with(c))
    });
    assert_eq!(always.len(), 2 * 6 + 3);
    assert!(rare.is_empty(), "never exercised: {rare:?}");
}
