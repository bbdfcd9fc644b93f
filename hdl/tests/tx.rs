//! The transmit path in rust-hdl's simulation, against frames that scapy built (`golden_tx/make.py`) and hand-written ones.

mod bench;
mod tx_bench;

use handclasp_layout::queue::{
    CompletionEvent, EventKind, FlowCommand, ListenCommand, Opcode, SegmentCommand, Status,
};
use handclasp_layout::register::CONNECTIONS;
use tx_bench::{golden, golden_contexts, Payload, TableCommand, Traffic, TxBench};

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

const FLAT_OUT: Traffic = TRAFFIC[0];

fn raw() -> SegmentCommand {
    SegmentCommand {
        opcode: Opcode::Raw as u8,
        ..Default::default()
    }
}

fn ack() -> SegmentCommand {
    SegmentCommand {
        opcode: Opcode::Segment as u8,
        connection: 3,
        seq: 0x0102_0304,
        ack: 0x0506_0708,
        tcp_flags: 0x10,
        window: 0x1234,
        ..Default::default()
    }
}

/// Ones' complement sum of a payload, as a host computes it.
fn payload_sum(payload: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in payload.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + len) as u8).collect()
}

/// Commands of every golden frame, in the order in which scapy numbered them.
fn golden_frames<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>(
    traffic: Traffic,
) {
    let mut bench = TxBench::<W, K, S, A, N>::new(traffic);
    bench.flows(&golden_contexts());
    let cases = golden();
    for (i, case) in cases.iter().enumerate() {
        // The sum is in some commands; in the others the NIC's has to be the same.
        let command = SegmentCommand {
            has_payload_sum: i % 3 != 0,
            payload_sum: payload_sum(&case.payload),
            ..case.command
        };
        bench.segment(command, Payload::good(&case.payload));
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
        golden_frames::<64, 8, 3, 10, 11>(traffic);
    }
}

#[test]
fn golden_frames_512() {
    for traffic in TRAFFIC {
        golden_frames::<512, 64, 6, 9, 10>(traffic);
    }
}

/// A pure ACK, written by hand: with carries added, the IPv4 header sums to 0x4933, TCP and pseudo-header to 0xb6c7.
#[test]
fn hand_written_ack() {
    let mut bench = TxBench::<64, 8, 3, 10, 11>::new(FLAT_OUT);
    bench.flows(&golden_contexts());
    bench.segment(ack(), Payload::default());
    bench.run();
    #[rustfmt::skip]
    let wanted = [
        0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01, 0x08, 0x00,
        // Version 4, 5 words, TOS 0, 40 bytes, identification 0, DF, TTL 64, TCP, 192.0.2.1 to 192.0.2.2.
        0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06, 0xb6, 0xcc, 192, 0, 2, 1, 192, 0, 2, 2,
        // 49152 to 80, seq, ack, 5 words, ACK, window, checksum, urgent 0.
        0xc0, 0x00, 0x00, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x10, 0x12, 0x34, 0x49, 0x38, 0, 0,
        0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(bench.frames(), [wanted.to_vec()]);
}

fn raw_frames<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>(
    traffic: Traffic,
) {
    let mut bench = TxBench::<W, K, S, A, N>::new(traffic);
    let lengths = [
        14, 15, 42, 56, 57, 59, 60, 61, 63, 64, 65, 127, 128, 129, 1514, 1517, 1518,
    ];
    for len in lengths {
        bench.segment(raw(), Payload::good(&counting(len)));
    }
    bench.run();
    let frames = bench.frames();
    assert_eq!(frames.len(), lengths.len());
    for (len, frame) in lengths.into_iter().zip(frames) {
        let mut wanted = counting(len);
        wanted.resize(len.max(60), 0);
        assert_eq!(frame, wanted, "{len} bytes at W = {W}");
    }
    assert_eq!(
        (bench.counts.raw, bench.counts.frame, bench.counts.segment),
        (lengths.len(), lengths.len(), 0)
    );
}

#[test]
fn raw_frames_are_sent_as_they_are_and_padded() {
    for traffic in TRAFFIC {
        raw_frames::<64, 8, 3, 10, 11>(traffic);
        raw_frames::<512, 64, 6, 9, 10>(traffic);
    }
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let segment = |change: fn(&mut SegmentCommand)| {
        let mut command = ack();
        change(&mut command);
        command.encode()
    };
    let raw_of = |len| {
        SegmentCommand {
            payload_len_bytes: len,
            ..raw()
        }
        .encode()
    };
    let flow = |opcode: Opcode| {
        FlowCommand {
            opcode: opcode as u8,
            connection: CONNECTIONS as u16,
            lookup: true,
            ..Default::default()
        }
        .encode()
    };
    let bad: Vec<[u8; 64]> = vec![
        segment(|c| c.opcode = 0),
        segment(|c| c.opcode = 7),
        segment(|c| c.opcode = 0xff),
        segment(|c| c.connection = CONNECTIONS as u16),
        segment(|c| c.connection = 0xff03),
        // In range, but never inserted; inserted and removed again.
        segment(|c| c.connection = 4),
        segment(|c| c.connection = 255),
        // Four blocks fit the header, but not the command; eleven words fit neither.
        segment(|c| c.sack_count = 4),
        segment(|c| c.sack_count = 15),
        segment(|c| (c.sack_count, c.has_timestamps, c.has_mss) = (3, true, true)),
        segment(|c| c.payload_len_bytes = 1461),
        segment(|c| (c.payload_len_bytes, c.has_timestamps) = (1449, true)),
        segment(|c| c.payload_len_bytes = 0xff_ffff),
        segment(|c| c.payload_len_bytes = 0x01_0000),
        raw_of(0),
        raw_of(13),
        raw_of(1519),
        raw_of(0x01_0040),
        flow(Opcode::FlowInsert),
        flow(Opcode::FlowRemove),
    ];
    let mut bench = TxBench::<64, 8, 3, 10, 11>::new(TRAFFIC[3]);
    bench.flows(&golden_contexts());
    bench.flows(&[FlowCommand {
        opcode: Opcode::FlowRemove as u8,
        connection: 255,
        ..Default::default()
    }]);
    for command in &bad {
        bench.command(*command);
    }
    bench.segment(ack(), Payload::default());
    bench.run();
    assert_eq!(bench.counts.bad_command, bad.len());
    assert_eq!(
        (bench.counts.frame, bench.frames().len()),
        (1, 1),
        "nothing of a refused command is done"
    );
    assert_eq!(bench.tables, []);
    assert_eq!(
        bench.events.len(),
        bad.len(),
        "a refused command is completed without asking"
    );
    for (i, (event, command)) in bench.events.iter().zip(&bad).enumerate() {
        let wanted = CompletionEvent {
            status: Status::BadCommand as u8,
            opcode: command[0],
            connection: u16::from_le_bytes([command[2], command[3]]),
            command_index: TxBench::<64, 8, 3, 10, 11>::FIRST_INDEX.wrapping_add(3 + i as u32),
            timestamp: event.timestamp,
            kind: EventKind::Completion as u8,
            ..Default::default()
        };
        assert_eq!(event, &wanted, "refused command {i}");
    }
}

#[test]
fn limits_that_still_fit_are_sent() {
    let mut bench = TxBench::<512, 64, 6, 9, 10>::new(FLAT_OUT);
    bench.flows(&golden_contexts());
    bench.segment(
        SegmentCommand {
            sack_count: 3,
            has_timestamps: true,
            ..ack()
        },
        Payload::good(&counting(1420)),
    );
    bench.segment(
        SegmentCommand {
            connection: 255,
            ..ack()
        },
        Payload::good(&counting(1460)),
    );
    bench.run();
    let lengths: Vec<usize> = bench.frames().iter().map(Vec::len).collect();
    assert_eq!(lengths, [1514, 1518]);
    assert_eq!(bench.counts.bad_command, 0);
}

fn completions<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>(
    traffic: Traffic,
) {
    let mut bench = TxBench::<W, K, S, A, N>::new(traffic);
    let flow = FlowCommand {
        lookup: true,
        want_completion: true,
        ..golden_contexts()[0]
    };
    bench.flows(&golden_contexts());
    bench.segment(
        SegmentCommand {
            want_completion: true,
            ..ack()
        },
        Payload::good(&counting(700)),
    );
    bench.segment(ack(), Payload::default());
    bench.segment(
        SegmentCommand {
            want_completion: true,
            ..raw()
        },
        Payload::good(&counting(60)),
    );
    bench.flows(&[
        flow,
        FlowCommand {
            opcode: Opcode::FlowRemove as u8,
            ..flow
        },
    ]);
    bench.listen(ListenCommand {
        opcode: Opcode::ListenAdd as u8,
        want_completion: true,
        port: 8080,
        ..Default::default()
    });
    bench.listen(ListenCommand {
        opcode: Opcode::ListenRemove as u8,
        port: 8081,
        ..Default::default()
    });
    bench.segment(
        SegmentCommand {
            want_completion: true,
            connection: 255,
            ..ack()
        },
        Payload::default(),
    );
    bench.events_blocked_until = 600;
    bench.run();
    let seen: Vec<_> = bench
        .events
        .iter()
        .map(|e| {
            (
                e.command_index.wrapping_sub(bench.first_index()),
                e.opcode,
                e.connection,
                e.status,
            )
        })
        .collect();
    let ok = Status::Ok as u8;
    let wanted = [
        (2, Opcode::Segment as u8, 3, ok),
        (4, Opcode::Raw as u8, 0, ok),
        (5, Opcode::FlowInsert as u8, 3, ok),
        (6, Opcode::FlowRemove as u8, 3, ok),
        (7, Opcode::ListenAdd as u8, 8080, ok),
        (9, Opcode::Segment as u8, 255, ok),
    ];
    assert_eq!(seen, wanted);
    assert!(bench
        .events
        .iter()
        .all(|e| e.kind == EventKind::Completion as u8 && e.address == 0 && !e.phase));
    let left: Vec<u64> = [0, 2, 3]
        .map(|frame| bench.times.last_beat_taken[frame] as u64)
        .to_vec();
    let stamped: Vec<u64> = [0, 1, 5]
        .map(|event: usize| bench.events[event].timestamp)
        .to_vec();
    assert_eq!(stamped, left, "the timestamp is that of the last beat");
    let key = [192, 0, 2, 2, 192, 0, 2, 1, 0, 80, 0xc0, 0];
    let tables = [
        TableCommand::Flow {
            remove: false,
            key,
            connection: 3,
        },
        TableCommand::Flow {
            remove: true,
            key,
            connection: 3,
        },
        TableCommand::Listen {
            remove: false,
            port: 8080,
        },
        TableCommand::Listen {
            remove: true,
            port: 8081,
        },
    ];
    assert_eq!(bench.tables, tables);
}

#[test]
fn completions_come_in_order_when_asked_for() {
    for traffic in TRAFFIC {
        completions::<64, 8, 3, 10, 11>(traffic);
        completions::<512, 64, 6, 9, 10>(traffic);
    }
}

/// The tables' answers reach the host, and a connection that found no place can still be sent on.
#[test]
fn table_answers_go_into_the_completion() {
    for status in [Status::TableFull, Status::NotFound] {
        let mut bench = TxBench::<64, 8, 3, 10, 11>::new(TRAFFIC[3]);
        bench.flow_status = status;
        bench.flows(&[FlowCommand {
            lookup: true,
            ..golden_contexts()[0]
        }]);
        bench.segment(ack(), Payload::default());
        bench.run();
        assert_eq!(
            bench.events.iter().map(|e| e.status).collect::<Vec<_>>(),
            [status as u8]
        );
        assert_eq!(bench.frames().len(), 1);
        assert_eq!(bench.counts.bad_command, 0);
    }
}

fn read_errors<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>(
    traffic: Traffic,
) {
    let mut bench = TxBench::<W, K, S, A, N>::new(traffic);
    bench.flows(&golden_contexts());
    let mut wanted = vec![];
    for (i, len) in [1, 60, 64, 65, 1000, 1460, 1460, 14]
        .into_iter()
        .enumerate()
    {
        let payload = Payload {
            bytes: counting(len),
            error: i % 2 == 0,
        };
        bench.segment(if i < 6 { ack() } else { raw() }, payload);
        if i % 2 == 1 {
            wanted.push(counting(len));
        }
    }
    bench.run();
    let frames = bench.frames();
    assert_eq!(
        frames.len(),
        wanted.len(),
        "a frame whose payload could not be read is not sent"
    );
    for (frame, payload) in frames.iter().zip(&wanted) {
        let start = if payload.len() == 14 { 0 } else { 54 };
        assert_eq!(
            &frame[start..start + payload.len()],
            &payload[..],
            "payloads stay with their frames"
        );
    }
    let seen: Vec<_> = bench
        .events
        .iter()
        .map(|e| (e.command_index.wrapping_sub(bench.first_index()), e.status))
        .collect();
    assert_eq!(
        seen,
        [2, 4, 6, 8].map(|index| (index, Status::ReadError as u8))
    );
    let addresses: Vec<u64> = bench.events.iter().map(|e| e.address).collect();
    let failed: Vec<u64> = bench.addresses.iter().copied().step_by(2).collect();
    assert_eq!(addresses, failed);
    assert_eq!(bench.counts.frame, wanted.len());
}

#[test]
fn read_errors_discard_the_frame_and_only_that() {
    for traffic in TRAFFIC {
        read_errors::<64, 8, 3, 10, 11>(traffic);
        read_errors::<512, 64, 6, 9, 10>(traffic);
    }
}

/// Latency, rate of control segments, and rate of full frames, as the headers of `tx/` promise them.
fn speed<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>(
    control_period: usize,
    full_period: usize,
) {
    let mut bench = TxBench::<W, K, S, A, N>::new(FLAT_OUT);
    bench.flows(&golden_contexts());
    bench.run();
    bench.segment(ack(), Payload::default());
    bench.run();
    let latency = bench.times.first_beat_shown[0] - bench.times.command_accepted[2];
    assert_eq!(latency, 6, "from the command to the first beat at W = {W}");

    for _ in 0..20 {
        bench.segment(ack(), Payload::default());
    }
    bench.run();
    let first = &bench.times.first_beat_shown;
    assert_eq!(
        first[20] - first[10],
        10 * control_period,
        "control segments at W = {W}"
    );

    for _ in 0..8 {
        bench.segment(ack(), Payload::good(&counting(1460)));
    }
    bench.run();
    let (first, last) = (&bench.times.first_beat_shown, &bench.times.last_beat_taken);
    assert_eq!(
        last[22] - first[22] + 1,
        1514_usize.div_ceil(K),
        "a beat a cycle within a frame"
    );
    assert_eq!(
        first[28] - first[24],
        4 * full_period,
        "full frames at W = {W}, with a reader that answers at once"
    );
}

#[test]
fn speed_64() {
    speed::<64, 8, 3, 10, 11>(8, 191);
}

#[test]
fn speed_512() {
    speed::<512, 64, 6, 9, 10>(1, 25);
}

/// A payload whose sum is in the command does not wait for the adders: from its last beat to the frame's first.
fn cut_through<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>(
    len: usize,
) {
    let mut bench = TxBench::<W, K, S, A, N>::new(FLAT_OUT);
    bench.flows(&golden_contexts());
    bench.run();
    let payload = counting(len);
    for has_payload_sum in [true, false] {
        bench.segment(
            SegmentCommand {
                has_payload_sum,
                payload_sum: payload_sum(&payload),
                ..ack()
            },
            Payload::good(&payload),
        );
        bench.run();
    }
    let latency =
        |frame: usize| bench.times.first_beat_shown[frame] - bench.times.payload_end_taken[frame];
    // A payload of one beat has not been turned yet when it is known to be stored.
    let wanted = if len <= K { 5 } else { 4 };
    assert_eq!(latency(0), wanted, "{len} bytes at W = {W}, with the sum");
    let adders = (W / 16).ilog2() as usize;
    assert_eq!(latency(1), adders + 6, "{len} bytes at W = {W}");
    let frames = bench.frames();
    assert_eq!(frames[0][54..54 + len], payload);
    assert_eq!(frames[0][50..52], frames[1][50..52], "the checksum");
}

#[test]
fn a_sum_in_the_command_saves_the_adders_latency() {
    for len in [1, 7, 64, 1460] {
        cut_through::<64, 8, 3, 10, 11>(len);
        cut_through::<512, 64, 6, 9, 10>(len);
    }
}

/// The checksum is made with the sum that the command has, whatever the payload is: the host answers for it.
#[test]
fn a_sum_in_the_command_is_believed() {
    let mut bench = TxBench::<64, 8, 3, 10, 11>::new(FLAT_OUT);
    bench.flows(&golden_contexts());
    for payload_sum in [0, 1, 0xfffe] {
        let command = SegmentCommand {
            has_payload_sum: true,
            payload_sum,
            ..ack()
        };
        bench.segment(command, Payload::good(&[0; 20]));
        // Without a payload there is nothing that it could be the sum of.
        bench.segment(command, Payload::default());
    }
    bench.run();
    let checksum = |frame: &Vec<u8>| u16::from_be_bytes([frame[50], frame[51]]);
    let seen: Vec<u16> = bench.frames().iter().map(checksum).collect();
    // See `hand_written_ack`; the TCP length is 20 more.
    assert_eq!(seen, [0x4924, 0x4938, 0x4923, 0x4938, 0x4925, 0x4938]);
}

/// A reset of any length, in the middle of anything, leaves a path that works. The first frame behind it has a payload: bytes of before the
/// reset must not be in its checksum.
fn reset_at_any_time<
    const W: usize,
    const K: usize,
    const S: usize,
    const A: usize,
    const N: usize,
>() {
    for reset_cycles in 1..=20 {
        let stop = 40 + 13 * reset_cycles % 90;
        let mut bench = TxBench::<W, K, S, A, N>::new(TRAFFIC[3]);
        bench.flows(&golden_contexts());
        for len in [0, 500, 0, 90] {
            bench.segment(
                SegmentCommand {
                    want_completion: true,
                    ..ack()
                },
                Payload::good(&counting(len)),
            );
        }
        for _ in 0..stop {
            bench.step();
        }
        for _ in 0..reset_cycles {
            bench.reset();
        }
        bench.flows(&golden_contexts());
        // Each golden frame has its number as identification, and this is the first of the NIC.
        let cases = golden();
        let case = cases.iter().find(|case| !case.payload.is_empty()).unwrap();
        bench.segment(case.command, Payload::good(&case.payload));
        bench.run();
        let numbered = |mut frame: Vec<u8>| {
            frame[18..20].fill(0);
            frame[24..26].fill(0);
            frame
        };
        let frames: Vec<_> = bench.frames().into_iter().map(numbered).collect();
        assert_eq!(
            frames,
            [numbered(case.frame.clone())],
            "after a reset of {reset_cycles} cycles in cycle {stop}, at W = {W}"
        );
    }
}

#[test]
fn reset_at_any_time_at_both_widths() {
    reset_at_any_time::<64, 8, 3, 10, 11>();
    reset_at_any_time::<512, 64, 6, 9, 10>();
}

/// `busy` is high from a command's acceptance until its frame has left and its completion has been taken, and low after that.
#[test]
fn busy_while_anything_is_in_flight() {
    let mut bench = TxBench::<64, 8, 3, 10, 11>::new(FLAT_OUT);
    bench.flows(&golden_contexts());
    bench.run();
    let before = bench.busy_cycles;
    bench.segment(
        SegmentCommand {
            want_completion: true,
            ..ack()
        },
        Payload::good(&counting(100)),
    );
    bench.events_blocked_until = bench.cycle + 100;
    bench.run();
    assert_eq!(
        bench.busy_cycles - before,
        bench.events_blocked_until - bench.times.command_accepted[2]
    );
}
