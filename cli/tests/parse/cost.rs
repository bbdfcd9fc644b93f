//! What a frame costs: the instructions of `handclasp parse`, nearly all of them the Verilated gateware's. They are the same
//! on every machine and under every load, which frames a second are not.

use std::path::Path;

use handclasp_benches::instructions::collected;

use crate::formats::{pcap, syn};

/// Most instructions for a shortest frame at 64 bits: the 302,888 that the pipeline takes and a tenth more. (243,611 before it, when a cycle had
/// fewer registers; 379,922 with chains of shifts in the model and cycles computed in vain behind each frame.)
const FRAME_INSTRUCTIONS_MAX: u64 = 333_000;

/// Instructions of the whole command for a capture of so many shortest frames.
fn instructions(dir: &Path, frames: usize) -> u64 {
    let file = dir.join(frames.to_string());
    std::fs::write(&file, pcap(&vec![syn(0); frames], 1)).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_handclasp"));
    collected([program, Path::new("parse"), &file]).unwrap()
}

#[test]
fn a_shortest_frame_costs_no_more_instructions_than_it_did() {
    let dir = tempfile::tempdir().unwrap();
    // Start and end of the command are in both.
    let frame = (instructions(dir.path(), 400) - instructions(dir.path(), 200)) / 200;
    println!("{frame} instructions for a shortest frame at W = 64");
    assert!(frame < FRAME_INSTRUCTIONS_MAX, "{frame}");
}
