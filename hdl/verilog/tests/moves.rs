//! What only moves bits is printed as a concatenation of slices; what computes anything is not; and both mean what they mean in Rust.

use handclasp_verilog::equivalence::{Equivalence, Random};
use handclasp_verilog::{emit, emit_operators};
use rust_hdl::prelude::*;

/// Words built up byte by byte and piece by piece, each from `a` and `b`.
#[derive(LogicBlock)]
struct Moves {
    a: Signal<In, Bits<64>>,
    b: Signal<In, Bits<64>>,
    f: Signal<In, Bit>,
    low_half: Constant<Bits<64>>,
    holes: [Constant<Bits<64>>; 8],
    one_byte: Signal<Local, Bits<8>>,
    piece: Signal<Local, Bits<32>>,
    saved: Signal<Local, Bits<64>>,
    reversed: Signal<Out, Bits<64>>,
    joined: Signal<Out, Bits<32>>,
    rotated: Signal<Out, Bits<64>>,
    masked: Signal<Out, Bits<64>>,
    masked_by_name: Signal<Out, Bits<64>>,
    set: Signal<Out, Bits<64>>,
    disjoint_xor: Signal<Out, Bits<64>>,
    bit_replaced: Signal<Out, Bits<64>>,
    gathered: Signal<Out, Bits<128>>,
    cleared: Signal<Out, Bits<64>>,
    swapped: Signal<Out, Bits<64>>,
    changed_under_way: Signal<Out, Bits<64>>,
    two_bytes: Signal<Out, Bits<64>>,
    sum: Signal<Local, Bits<64>>,
    built: Signal<Out, Bits<64>>,
    ends_swapped: Signal<Out, Bits<64>>,
    sum_shifted: Signal<Out, Bits<16>>,
}

impl Default for Moves {
    fn default() -> Self {
        Moves {
            a: Default::default(),
            b: Default::default(),
            f: Default::default(),
            low_half: Constant::new(bits(0xffff_ffff)),
            holes: std::array::from_fn(|lane| Constant::new(bits(!(0xff << (8 * lane))))),
            one_byte: Default::default(),
            piece: Default::default(),
            saved: Default::default(),
            reversed: Default::default(),
            joined: Default::default(),
            rotated: Default::default(),
            masked: Default::default(),
            masked_by_name: Default::default(),
            set: Default::default(),
            disjoint_xor: Default::default(),
            bit_replaced: Default::default(),
            gathered: Default::default(),
            cleared: Default::default(),
            swapped: Default::default(),
            changed_under_way: Default::default(),
            two_bytes: Default::default(),
            sum: Default::default(),
            built: Default::default(),
            ends_swapped: Default::default(),
            sum_shifted: Default::default(),
        }
    }
}

impl Logic for Moves {
    #[hdl_gen]
    fn update(&mut self) {
        self.reversed.next = bits::<64>(0);
        for i in 0..8 {
            self.one_byte.next = self.a.val().get_bits::<8>(8 * i);
            self.reversed.next =
                (self.reversed.val() << 8) | bit_cast::<64, 8>(self.one_byte.val());
        }
        self.joined.next = bit_cast::<32, 16>(self.a.val().get_bits::<16>(3))
            | (bit_cast::<32, 16>(self.b.val().get_bits::<16>(40)) << 16);
        self.rotated.next = (self.a.val() << 13) | (self.a.val() >> 51);
        self.masked.next = self.a.val() & 0xff_ff00;
        self.masked_by_name.next =
            (self.a.val() & self.low_half.val()) | (self.b.val() & !self.low_half.val());
        self.set.next = self.a.val() | 0xf0;
        self.disjoint_xor.next = (self.a.val() << 32) ^ (self.b.val() >> 32);
        self.bit_replaced.next = self.a.val().replace_bit(17, self.f.val());
        self.gathered.next = bits::<128>(0);
        for i in 0..4 {
            self.piece.next = self.b.val().get_bits::<32>(8 * i);
            self.gathered.next =
                (self.gathered.val() >> 32) | (bit_cast::<128, 32>(self.piece.val()) << 96);
        }
        self.cleared.next = self.a.val();
        for i in 0..8 {
            if self.b.val().get_bit(i) {
                self.cleared.next = self.cleared.val() & self.holes[i].val();
            }
        }
        // Each half reads what the other was.
        self.swapped.next = self.a.val();
        if self.f.val() {
            self.swapped.next = (self.swapped.val() << 32) | (self.swapped.val() >> 32);
        }
        // What `saved` is made of changes before `saved` is read.
        self.changed_under_way.next = self.a.val();
        self.saved.next = self.changed_under_way.val() << 8;
        self.changed_under_way.next = self.b.val();
        self.saved.next = self.saved.val() | (self.changed_under_way.val() >> 56);
        self.changed_under_way.next = self.saved.val() >> 4;
        // The same with a sum, whose bits are known by its name alone.
        self.sum.next = self.a.val() + self.b.val();
        self.built.next = self.sum.val() << 8;
        self.sum.next = self.a.val() - self.b.val();
        self.built.next = (self.built.val() & 0xffff_ffff_ffff_ff00_u64) | (self.sum.val() >> 56);
        // The middle stays, and each end reads what the other was.
        self.ends_swapped.next = self.a.val() + 3;
        if self.f.val() {
            self.ends_swapped.next = (self.ends_swapped.val() << 56)
                | (self.ends_swapped.val() >> 56)
                | (self.ends_swapped.val() & 0x00ff_ffff_ffff_ff00_u64);
        }
        // Known on one path only.
        self.two_bytes.next = self.a.val();
        if self.f.val() {
            self.two_bytes.next = self.b.val() << 8;
        }
        self.two_bytes.next = (self.two_bytes.val() << 8) | (self.b.val() >> 56);
        self.sum_shifted.next =
            bit_cast::<16, 64>((self.a.val() + self.b.val()) >> 48 | (self.a.val() << 60) << 4);
    }
}

fn stimulus(block: &mut Moves, random: &mut Random) {
    block.a.next = random.bits();
    block.b.next = random.bits();
    block.f.next = random.chance(1, 2);
}

/// Operands that meet in a bit, or whose bits are computed.
#[derive(LogicBlock, Default)]
struct Meetings {
    a: Signal<In, Bits<64>>,
    b: Signal<In, Bits<64>>,
    n: Signal<In, Bits<6>>,
    overlap: Signal<Out, Bits<64>>,
    overlap_of_one: Signal<Out, Bits<64>>,
    anded: Signal<Out, Bits<64>>,
    inverted: Signal<Out, Bits<64>>,
    scattered: Signal<Out, Bits<64>>,
    by_signal: Signal<Out, Bits<64>>,
    added: Signal<Out, Bits<64>>,
}

impl Logic for Meetings {
    #[hdl_gen]
    fn update(&mut self) {
        self.overlap.next =
            (self.a.val() << 8) | bit_cast::<64, 16>(self.b.val().get_bits::<16>(0));
        self.overlap_of_one.next =
            (self.a.val() << 8) | bit_cast::<64, 9>(self.b.val().get_bits::<9>(0));
        self.anded.next = self.a.val() & (self.b.val() << 8);
        self.inverted.next = self.a.val() ^ 0xff;
        self.scattered.next = self.a.val() & 0x5555_5555;
        self.by_signal.next = (self.a.val() << self.n.val()) | (self.b.val() >> 32);
        self.added.next = (self.a.val() << 32) + (self.b.val() >> 32);
    }
}

#[test]
fn moves_are_the_same_in_verilog() {
    for equivalence in [
        Equivalence::new("moves"),
        Equivalence::new("moves_as_operators").with_operators(),
    ] {
        let report = equivalence
            .combinational("moves", Moves::default, stimulus)
            .combinational("meetings", Meetings::default, |block, random| {
                block.a.next = random.bits();
                block.b.next = random.bits();
                block.n.next = random.bits();
            })
            .run(3, 500)
            .unwrap();
        assert!(report.constant_outputs.is_empty(), "{report:?}");
    }
}

#[test]
fn moves_are_printed_as_concatenations() {
    let text = emit("moves", &Moves::default()).unwrap();
    let has = |line: &str| {
        let found = text.lines().any(|l| l.trim() == line);
        assert!(found, "`{line}` is not in:\n{text}");
    };
    has("assign reversed = {a[7:0], a[15:8], a[23:16], a[31:24], a[39:32], a[47:40], a[55:48], a[63:56]};");
    has("assign joined = {b[55:40], a[18:3]};");
    has("assign rotated = {a[50:0], a[63:51]};");
    has("assign masked = {40'h0, a[23:8], 8'h0};");
    has("assign set = {a[63:8], 4'hf, a[3:0]};");
    has("assign disjoint_xor = {a[31:0], b[63:32]};");
    has("assign bit_replaced = {a[63:18], f, a[16:0]};");
    has("assign gathered = {b[55:24], b[47:16], b[39:8], b[31:0]};");
    // The loop's Local is nowhere read any more.
    assert!(!text.contains("one_byte"), "{text}");
    // The same bytes are shifted and ORed when asked for.
    let operators = emit_operators("moves", &Moves::default()).unwrap();
    assert_eq!(operators.matches("reversed << 8").count(), 8, "{operators}");
}

#[test]
fn operands_that_meet_stay_operators() {
    let text = emit("meetings", &Meetings::default()).unwrap();
    for line in [
        "assign overlap = {a[55:0], 8'h0} | {48'h0, b[15:0]};",
        "assign overlap_of_one = {a[55:0], 8'h0} | {55'h0, b[8:0]};",
        "assign anded = a & {b[55:0], 8'h0};",
        "assign inverted = a ^ 64'hff;",
        "assign scattered = a & 64'h55555555;",
        "assign by_signal = (a << n) | {32'h0, b[63:32]};",
        "assign added = {a[31:0], 32'h0} + {32'h0, b[63:32]};",
    ] {
        assert!(text.lines().any(|l| l.trim() == line), "`{line}`:\n{text}");
    }
}

#[test]
fn a_part_that_changes_is_assigned_alone() {
    let text = emit("moves", &Moves::default()).unwrap();
    assert!(text.contains("cleared[15:8] = 8'h0;"), "{text}");
    // Both halves change, each into the other: one assignment.
    assert!(text.contains("swapped = {a[31:0], a[63:32]};"), "{text}");
}
