//! The transmit path in rust-hdl's simulation, against frames that scapy built (`golden_tx/make.py`) and hand-written ones.

mod bench;
mod tx_bench;

use handclasp_hdl::tx::{TxPath, TxPath512, TxPath64};
use handclasp_layout::header::FRAME_MIN_BYTES;
use handclasp_layout::queue::{
    CompletionEvent, EventKind, FlowCommand, ListenCommand, Opcode, SegmentCommand, Status,
};
use handclasp_layout::register::CONNECTIONS;
use tx_bench::{golden, golden_contexts, Payload, Traffic, TxBench};

/// Idle and stall chances that whole runs are made under: flat out, a slow reader, a slow MAC, everything slow.
const TRAFFIC: [Traffic; 4] = [
    Traffic {
        idle: 0.0,
        stall: 0.0,
        seed: 1,
    },
    Traffic {
        idle: 0.5,
        stall: 0.0,
        seed: 2,
    },
    Traffic {
        idle: 0.0,
        stall: 0.5,
        seed: 3,
    },
    Traffic {
        idle: 0.3,
        stall: 0.3,
        seed: 4,
    },
];

fn raw(len: usize) -> SegmentCommand {
    SegmentCommand {
        opcode: Opcode::Raw as u8,
        payload_len_bytes: len as u32,
        ..Default::default()
    }
}

fn ack() -> SegmentCommand {
    SegmentCommand {
        opcode: Opcode::Segment as u8,
        connection: 3,
        ..Default::default()
    }
}

/// Commands of every golden frame, in the order in which scapy numbered them.
fn golden_frames<const W: usize, const K: usize, const A: usize, const N: usize>(traffic: Traffic) {
    let mut bench = TxBench::<W, K, A, N>::new(traffic);
    bench.flows(&golden_contexts());
    let cases = golden();
    for case in &cases {
        bench.segment(case.command, Payload::good(&case.payload));
    }
    bench.run();
    assert_eq!(bench.frames().len(), cases.len());
    for (case, frame) in cases.iter().zip(bench.frames()) {
        assert_eq!(hex(&frame), hex(&case.frame), "{} at W = {W}", case.name);
    }
    assert_eq!(bench.counts.segment, cases.len());
    assert_eq!(bench.counts.frame, cases.len());
    assert_eq!((bench.counts.raw, bench.counts.bad_command), (0, 0));
    assert!(bench.events.is_empty(), "nobody asked for completions");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn golden_frames_64() {
    for traffic in TRAFFIC {
        golden_frames::<64, 8, 9, 10>(traffic);
    }
}

#[test]
fn golden_frames_512() {
    for traffic in TRAFFIC {
        golden_frames::<512, 64, 6, 7>(traffic);
    }
}
