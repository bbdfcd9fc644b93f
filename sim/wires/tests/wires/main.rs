//! Wires: what they carry, what they lose, what they record.

mod cable;
mod captures;
mod faulty;

use handclasp_wires::Wire;

/// All frames that have arrived by then.
fn drain(wire: &mut impl Wire, at_ns: u64) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut frame = Vec::new();
    while wire.receive(&mut frame, at_ns) {
        frames.push(frame.clone());
    }
    frames
}
