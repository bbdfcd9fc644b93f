//! What the kernel AST does not show, and the printer therefore cannot refuse, shows in the source or as a difference.

use handclasp_verilog::equivalence::{Equivalence, EquivalenceError};
use handclasp_verilog::source::{check_kernels, SourceError};
use rust_hdl::prelude::*;
use std::path::Path;

/// Named so that rust-hdl's AST records it as a cast.
fn bits_swapped(x: Bits<8>) -> Bits<8> {
    (x << 4) | (x >> 4)
}

#[derive(LogicBlock, Default)]
struct NamedLikeACast {
    a: Signal<In, Bits<8>>,
    y: Signal<Out, Bits<8>>,
}

impl Logic for NamedLikeACast {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = bits_swapped(self.a.val());
    }
}

#[derive(LogicStruct, Debug, Copy, Clone, Default, PartialEq)]
struct Pair {
    low: Bits<4>,
    high: Bits<4>,
}

impl From<Bits<8>> for Pair {
    fn from(x: Bits<8>) -> Self {
        Pair {
            low: x.get_bits::<4>(4),
            high: x.get_bits::<4>(0),
        }
    }
}

#[derive(LogicBlock, Default)]
struct Converted {
    a: Signal<In, Bits<8>>,
    pair: Signal<Local, Pair>,
    y: Signal<Out, Bits<4>>,
}

impl Logic for Converted {
    #[hdl_gen]
    fn update(&mut self) {
        self.pair.next = self.a.val().into();
        self.y.next = self.pair.val().low;
    }
}

#[test]
fn what_the_ast_hides_differs() {
    let result = Equivalence::new("differences")
        .combinational("swapped", NamedLikeACast::default, |block, random| {
            block.a.next = random.bits()
        })
        .combinational("converted", Converted::default, |block, random| {
            block.a.next = random.bits()
        })
        .run(1, 100);
    let Err(EquivalenceError::Mismatches(found)) = result else {
        panic!("{result:?}")
    };
    let found: Vec<_> = found
        .iter()
        .map(|m| (m.case.as_str(), m.port.as_str()))
        .collect();
    assert_eq!(found, [("swapped", "y"), ("converted", "y")]);
}

#[test]
fn a_function_named_like_a_cast_is_found_in_the_source() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let here = include_str!("differences.rs");
    let place = here
        .lines()
        .position(|l| l.contains("self.y.next = bits_swapped"))
        .unwrap()
        + 1;
    for path in [tests.join("differences.rs"), tests.clone()] {
        let found = check_kernels(&path);
        let Err(SourceError::HiddenCall { line, function, .. }) = found else {
            panic!("{found:?}")
        };
        assert_eq!((line, function.as_str()), (place, "bits_swapped"));
    }
    check_kernels(&tests.join("blocks.rs")).unwrap();
    check_kernels(&tests.join("operators.rs")).unwrap();
    check_kernels(&tests.join("structure.rs")).unwrap();
}
