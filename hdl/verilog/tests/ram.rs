//! The block RAM in Rust and in Verilator.

use handclasp_verilog::equivalence::Equivalence;
use handclasp_verilog::Ram;
use rust_hdl::prelude::*;

#[test]
fn ram_is_the_same_in_verilog() {
    let report = Equivalence::new("ram")
        .clocked(
            "ram",
            Ram::<Bits<70>, 3>::default,
            |ram| &mut ram.clock,
            |ram, random| {
                ram.read_address.next = random.bits();
                ram.write_address.next = random.bits();
                ram.write_data.next = random.corner();
                ram.write_enable.next = random.chance(3, 4);
            },
        )
        .run(1, 500)
        .unwrap();
    assert!(report.constant_outputs.is_empty(), "{report:?}");
}
