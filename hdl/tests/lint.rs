//! Every block has Verilog, and Verilator has nothing to say about it.

use handclasp_hdl::stream::{Fifo, PacketFifo, RegisterSlice, Trim};
use rust_hdl::prelude::*;
use std::process::Command;

/// Emits the block twice (emission is deterministic) and lints it.
fn lint<B: Block + Default>(name: &str) {
    let text = handclasp_verilog::emit(name, &B::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(
        text,
        handclasp_verilog::emit(name, &B::default()).expect("emits again"),
        "{name}"
    );
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = dir.join(format!("{name}.v"));
    std::fs::write(&file, text).expect("the target directory can be written");
    let output = Command::new("verilator")
        .args([
            "--lint-only",
            "-Wall",
            "-Wno-DECLFILENAME",
            "-Wno-UNUSED",
            "--top-module",
            name,
        ])
        .arg(&file)
        .output()
        .expect("verilator is installed");
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn stream_blocks() {
    lint::<RegisterSlice<64, 8>>("register_slice_w64");
    lint::<RegisterSlice<512, 64>>("register_slice_w512");
    lint::<Fifo<Bits<77>, 3, 4>>("fifo");
    lint::<PacketFifo<64, 8, 11, 12>>("packet_fifo_w64");
    lint::<PacketFifo<512, 64, 8, 9>>("packet_fifo_w512");
    lint::<Trim<64, 8, 3>>("trim_w64");
    lint::<Trim<512, 64, 6>>("trim_w512");
}
