//! The sum of four numbers.
//!
//! ```text
//!  a ─┬─ + ──> left ──┬──> upper bits changed over ──> + ──> sum
//!  b ─┘               │
//!  c ─┬─ + ──> right ─┘
//!  d ─┘
//! ```
//!
//! The two halves' bits from 16 on change places before they are added, which changes nothing in the sum. But synthesis no longer sees one adder of four numbers,
//! which it would build of twice as many LUTs as the three carry chains have.
//!
//! Combinational: no clock, no reset. What does not fit into N bits is lost.

use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The sum of four numbers of N bits.
#[block(N > 16, N < 64)]
pub struct Sum4<const N: usize> {
    /// A number.
    pub a: Signal<In, Bits<N>>,
    /// The second.
    pub b: Signal<In, Bits<N>>,
    /// The third.
    pub c: Signal<In, Bits<N>>,
    /// The last.
    pub d: Signal<In, Bits<N>>,
    /// Their sum.
    pub sum: Signal<Out, Bits<N>>,
    left: Signal<Local, Bits<N>>,
    right: Signal<Local, Bits<N>>,
}

#[kernel]
impl<const N: usize> Logic for Sum4<N> {
    fn update(&mut self) {
        let lower: Bits<N> = 0xffff;
        let upper: Bits<N> = (1_u64 << N) - 0x1_0000;

        self.left.next = self.a.val() + self.b.val();
        self.right.next = self.c.val() + self.d.val();
        self.sum.next = ((self.left.val() & lower) | (self.right.val() & upper))
            + ((self.right.val() & lower) | (self.left.val() & upper));
    }
}
