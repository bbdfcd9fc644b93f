//! The blocks of the transmit path in Rust and their emitted Verilog in Verilator: every output equal in every cycle.

use handclasp_hdl::tx::TxPath;
use handclasp_verilog::equivalence::{Equivalence, Random};
use rust_hdl::prelude::*;

fn tx_path<const W: usize, const K: usize, const A: usize, const N: usize>(
    set: Equivalence,
    name: &str,
) -> Equivalence {
    set.clocked(
        name,
        TxPath::<W, K, A, N>::default,
        |b| &mut b.clk,
        |b, random: &mut Random| {
            b.rst.next = random.reset();
        },
    )
}

#[test]
fn blocks() {
    let set = tx_path::<64, 8, 9, 10>(Equivalence::new("hdl_tx"), "tx_path_w64");
    let set = tx_path::<512, 64, 6, 7>(set, "tx_path_w512");
    println!("{:?}", set.run(1, 200).unwrap());
}
