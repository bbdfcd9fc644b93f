//! Frames into the Verilated receive path, events and payloads out of it. What is right is what scapy reads, or written here by hand.

mod bench;

use bench::rx::{
    Received, RxBench, Traffic, CONNECTION, FLOW_PORT, GENERATION, HASH_KEY, LISTEN_PORT,
};
use bench::toeplitz::toeplitz;
use handclasp_hdl::rx::{RxPath512, RxPath64};
use handclasp_layout::queue::{
    AddressEvent, DropReason, EventKind, RxEvent, SackEvent, Status, Verdict,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// A line of `golden/frames.txt`.
struct Golden {
    name: String,
    verdict: Verdict,
    reason: DropReason,
    fields: BTreeMap<String, String>,
    frame: Vec<u8>,
}

fn code<T: TryFrom<u8>>(codes: &[handclasp_layout::table::Code], name: &str) -> T {
    let found = codes.iter().find(|code| code.name == name);
    let value = found
        .unwrap_or_else(|| panic!("no such code: {name}"))
        .value;
    T::try_from(value).unwrap_or_else(|_| panic!("no such code: {name}"))
}

fn all_golden() -> Vec<Golden> {
    let parse = |line: &str| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let (hex, more) = words
            .pop()
            .map(|hex| hex.split_once('+').unwrap_or((hex, "0")))
            .expect("a frame");
        let more: usize = more.parse().expect("a number");
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        let pair = |word: &&str| {
            word.split_once('=')
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        };
        Golden {
            name: words[0].to_owned(),
            verdict: code(Verdict::CODES, words[1]),
            reason: code(DropReason::CODES, words[2]),
            fields: words[3..].iter().filter_map(pair).collect(),
            frame: (0..hex.len())
                .step_by(2)
                .map(byte)
                .chain((0..more).map(|i| (31 * i) as u8))
                .collect(),
        }
    };
    include_str!("golden/frames.txt")
        .lines()
        .map(parse)
        .collect()
}

/// What is not as the golden line says; a field that it does not name must be zero.
fn differences(golden: &Golden, received: &Received) -> Vec<String> {
    let mut found = vec![];
    let mut compare = |what: &str, got: String, wanted: String| {
        if got != wanted {
            found.push(format!("{}: {what} is {got}, not {wanted}", golden.name));
        }
    };
    let payload_len: usize = golden
        .fields
        .get("payload_len_bytes")
        .map_or(0, |len| len.parse().expect("a number"));
    let number = |name: &str| -> u64 {
        let value = golden.fields.get(name);
        value.map_or(0, |value| value.parse().expect("a number"))
    };
    let tuple = u128::from(number("src_ip")) << 64
        | u128::from(number("dst_ip")) << 32
        | u128::from(number("src_port")) << 16
        | u128::from(number("dst_port"));
    let bytes = received.event.encode();
    for field in RxEvent::TABLE.fields {
        let value =
            handclasp_layout::table::get_little_endian(&bytes, field.offset_bits, field.width_bits);
        let wanted = match field.name {
            "verdict" => golden.verdict as u64,
            "drop_reason" => golden.reason as u64,
            "kind" => EventKind::Rx as u64,
            "timestamp" | "slot" => continue,
            "has_address" => {
                u64::from(golden.fields.contains_key("is_ipv4") && golden.verdict != Verdict::Flow)
            }
            "generation" if golden.verdict == Verdict::Flow => GENERATION.into(),
            "rss_hash" if number("is_tcp") == 1 => toeplitz(HASH_KEY, tuple).into(),
            "has_slot" => u64::from(golden.verdict != Verdict::Drop && payload_len > 0),
            other => golden
                .fields
                .get(other)
                .map_or(0, |value| value.parse().expect("a number")),
        };
        compare(field.name, value.to_string(), wanted.to_string());
    }

    let mac = |at: usize| {
        let bytes = &golden.frame[at..at + 6];
        bytes
            .iter()
            .fold(0, |mac, byte| mac << 8 | u64::from(*byte))
    };
    let address = received.event.has_address.then(|| AddressEvent {
        src_ip: number("src_ip") as u32,
        dst_ip: number("dst_ip") as u32,
        src_port: number("src_port") as u16,
        dst_port: number("dst_port") as u16,
        src_mac: mac(6),
        dst_mac: mac(0),
        kind: EventKind::Address as u8,
        ..AddressEvent::default()
    });
    compare(
        "address event",
        format!("{:?}", received.address),
        format!("{address:?}"),
    );

    let mut sack = SackEvent::default();
    if let Some(edges) = golden.fields.get("sack") {
        sack.kind = EventKind::Sack as u8;
        let places = [
            &mut sack.sack0_left,
            &mut sack.sack0_right,
            &mut sack.sack1_left,
            &mut sack.sack1_right,
            &mut sack.sack2_left,
            &mut sack.sack2_right,
            &mut sack.sack3_left,
            &mut sack.sack3_right,
        ];
        for (place, edge) in places.into_iter().zip(edges.split('/')) {
            *place = u32::from_str_radix(edge, 16).expect("hex");
        }
    }
    compare(
        "SACK event",
        format!("{:?}", received.sack.unwrap_or_default()),
        format!("{sack:?}"),
    );

    let wanted = match golden.verdict {
        Verdict::Drop => None,
        Verdict::Raw => Some(golden.frame.clone()),
        _ if payload_len == 0 => None,
        _ => {
            // Behind the headers, by the frame's own length fields.
            let ip = if golden.frame[12..14] == [0x81, 0] {
                18
            } else {
                14
            };
            let tcp = ip + 4 * usize::from(golden.frame[ip] & 15);
            let payload = tcp + 4 * usize::from(golden.frame[tcp + 12] >> 4);
            Some(golden.frame[payload..payload + payload_len].to_vec())
        }
    };
    compare(
        "payload",
        format!("{:?}", received.payload),
        format!("{wanted:?}"),
    );
    found
}

fn check(golden: &Golden, received: &Received) {
    assert_eq!(differences(golden, received), Vec::<String>::new());
}

fn bench64(seed: u64) -> RxBench {
    RxBench::new::<RxPath64>("rx_path_w64", 8, seed)
}

fn bench512(seed: u64) -> RxBench {
    RxBench::new::<RxPath512>("rx_path_w512", 64, seed)
}

/// The golden line of that name.
fn golden(name: &str) -> Golden {
    all_golden()
        .into_iter()
        .find(|golden| golden.name == name)
        .unwrap_or_else(|| panic!("no such frame: {name}"))
}

/// The golden frame of that name.
fn frame(name: &str) -> Vec<u8> {
    golden(name).frame
}

/// Runs a test at both widths, side by side: the longest tests decide how long all take.
fn both(test: impl Fn(RxBench) + Sync) {
    std::thread::scope(|scope| {
        scope.spawn(|| test(bench64(1)));
        test(bench512(2));
    });
}

#[test]
fn golden_frames() {
    both(|mut bench| {
        for golden in all_golden() {
            let received = bench
                .receive(&golden.frame)
                .unwrap_or_else(|| panic!("{}: no event", golden.name));
            check(&golden, &received);
            assert_eq!(
                received.event.timestamp,
                *bench.first_beats.last().expect("sent"),
                "{}: timestamp",
                golden.name
            );
        }
        bench.assert_counters_add_up();
    });
}

#[test]
fn golden_frames_back_to_back_under_stalls() {
    let mut frames = all_golden();
    // Longer ones only take longer.
    frames.retain(|golden| golden.frame.len() <= 9000);
    for (idle, stall, response_cycles) in
        [(0.0, 0.0, 0), (0.3, 0.0, 3), (0.6, 0.4, 20), (0.5, 0.2, 0)]
    {
        both(|mut bench| {
            bench.traffic = Traffic {
                idle,
                stall,
                response_cycles,
            };
            let mut rng = ChaCha8Rng::seed_from_u64(3);
            let mut sent = vec![];
            for _ in 0..300 {
                let golden = &frames[rng.random_range(0..frames.len())];
                bench.send(&golden.frame, false);
                sent.push(golden);
            }
            bench.slots = u64::MAX;
            bench.run();
            bench.assert_counters_add_up();
            assert_eq!(bench.counter("rx_frames"), 300);
            let dropped = bench.counter("rx_drop_fifo_overflow");
            assert_eq!(bench.received.len() as u64 + dropped, 300);
            // What came through came in order: each event is that of the next frame that was not dropped.
            let mut sent = sent.into_iter();
            for received in &bench.received {
                let skipped = sent
                    .by_ref()
                    .position(|golden| differences(golden, received).is_empty());
                assert!(
                    skipped.is_some_and(|skipped| skipped as u64 <= dropped),
                    "{received:?}"
                );
            }
        });
    }
}

#[test]
fn frames_cut_off_anywhere() {
    // Frame, where IPv4 begins.
    for (name, ip_at) in [("longest_headers", 18), ("data_ts_31", 14), ("vlan", 18)] {
        let whole = frame(name);
        both(|mut bench| {
            let ip_end = ip_at + 4 * usize::from(whole[ip_at] & 15);
            let tcp_end = ip_end + 4 * usize::from(whole[ip_end + 12] >> 4);
            for len in 1..whole.len() {
                let received = bench
                    .receive(&whole[..len])
                    .unwrap_or_else(|| panic!("{name} cut to {len}: no event"));
                let event = received.event;
                let (verdict, reason) = match len {
                    0..14 => (Verdict::Drop, DropReason::Runt),
                    // A tag that is cut off is an EtherType that nobody knows.
                    14..18 if ip_at == 18 => (Verdict::Raw, DropReason::None),
                    _ => (Verdict::Drop, DropReason::IpHeader),
                };
                assert_eq!(
                    (event.verdict, event.drop_reason),
                    (verdict as u8, reason as u8),
                    "{name} cut to {len}"
                );
                assert_eq!(
                    (event.is_ipv4, event.is_tcp),
                    (len >= ip_end, len >= tcp_end),
                    "{name} cut to {len}"
                );
                if event.is_tcp {
                    // All that the whole frame says of its headers.
                    let mut cut = golden(name);
                    (cut.verdict, cut.reason) = (verdict, reason);
                    for (field, value) in [
                        ("frame_len_bytes", len),
                        ("connection", 0),
                        ("tcp_checksum_ok", 0),
                    ] {
                        cut.fields.insert(field.to_owned(), value.to_string());
                    }
                    check(&cut, &received);
                }
                assert_eq!(
                    event.has_vlan,
                    ip_at == 18 && len >= 18,
                    "{name} cut to {len}"
                );
                if !event.is_ipv4 {
                    let kept = RxEvent {
                        verdict: event.verdict,
                        drop_reason: event.drop_reason,
                        has_vlan: event.has_vlan,
                        vlan_tci: event.vlan_tci,
                        has_slot: event.has_slot,
                        slot: event.slot,
                        payload_len_bytes: if verdict == Verdict::Raw {
                            len as u32
                        } else {
                            0
                        },
                        frame_len_bytes: len as u16,
                        timestamp: event.timestamp,
                        kind: event.kind,
                        ..RxEvent::default()
                    };
                    assert_eq!(event, kept, "{name} cut to {len}: a field without its bit");
                }
            }
            bench.assert_counters_add_up();
        });
    }
}

#[test]
fn one_flipped_bit_is_never_delivered_as_a_segment() {
    let whole = frame("data_ts_31");
    both(|mut bench| {
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 0x80 >> (bit % 8);
            let received = bench
                .receive(&flipped)
                .unwrap_or_else(|| panic!("bit {bit}: no event"));
            let (verdict, reason) = (received.event.verdict, received.event.drop_reason);
            let wanted = match bit / 8 {
                0..6 => (Verdict::Drop, DropReason::MacFilter),
                6..12 => (Verdict::Flow, DropReason::None),
                12..14 => (Verdict::Raw, DropReason::None),
                // Version and length are looked at before the checksum.
                14 => (
                    Verdict::Drop,
                    if bit % 8 == 7 || bit % 8 == 6 || bit % 8 == 4 {
                        DropReason::IpChecksum
                    } else {
                        DropReason::IpHeader
                    },
                ),
                16..18 if received.event.drop_reason == DropReason::IpHeader as u8 => {
                    (Verdict::Drop, DropReason::IpHeader)
                }
                15..34 => (Verdict::Drop, DropReason::IpChecksum),
                46 if bit % 8 < 4 && received.event.drop_reason == DropReason::TcpHeader as u8 => {
                    (Verdict::Drop, DropReason::TcpHeader)
                }
                _ => (Verdict::Drop, DropReason::TcpChecksum),
            };
            // Five words and one bit: 4, 1, 7 or 13 words; 4 and 1 are impossible.
            if bit / 8 != 14 || bit % 8 < 4 {
                assert_eq!(
                    (verdict, reason),
                    (wanted.0 as u8, wanted.1 as u8),
                    "bit {bit}"
                );
            } else {
                assert_eq!(verdict, Verdict::Drop as u8, "bit {bit}");
            }
        }
    });
}

#[test]
fn bad_long_and_superfluous_frames_are_counted_and_gone() {
    both(|mut bench| {
        let good = frame("data_200");
        // Marked bad by the MAC: at any length, nothing of it is seen.
        for len in [1, 8, 60, 64, 65, 200] {
            bench.send(&good[..len], true);
        }
        bench.send(&[0x55; 3000], true);
        bench.run();
        assert_eq!(
            (bench.counter("rx_drop_bad_frame"), bench.received.len()),
            (7, 0)
        );
        // Longer than a slot, by one byte and by far: told of in monitor mode only.
        let mut long = frame("raw_2048");
        long.push(0);
        for (monitor, events) in [(0, 0), (1, 2)] {
            bench.model.set("monitor", monitor);
            bench.send(&long, false);
            bench.send(&vec![0xff; 70_000], false);
            bench.run();
            assert_eq!(bench.received.len(), events);
        }
        assert_eq!(bench.counter("rx_drop_oversize"), 4);
        for (received, len) in bench.received.drain(..).zip([2049, 65535]) {
            let event = received.event;
            assert_eq!(
                (event.drop_reason, event.frame_len_bytes),
                (DropReason::Oversize as u8, len)
            );
        }
        // Nobody takes events: the FIFO fills, and what does not fit is dropped whole.
        bench.traffic.stall = 1.0;
        for _ in 0..100 {
            bench.send(&good, false);
        }
        for _ in 0..5000 {
            bench.cycle();
        }
        let overflowed = bench.counter("rx_drop_fifo_overflow");
        // 64 frames of 254 bytes fill it.
        assert!((25..90).contains(&overflowed), "{overflowed}");
        bench.traffic.stall = 0.0;
        bench.slots = 100;
        bench.run();
        assert_eq!(bench.received.len() as u64, 100 - overflowed);
        assert!(bench
            .received
            .iter()
            .all(|received| received.payload.as_deref() == Some(&good[54..])));
        bench.assert_counters_add_up();
    });
}

#[test]
fn configuration_decides_in_the_datasheets_order() {
    both(|mut bench| {
        let reason = |received: Option<Received>| {
            let event = received.expect("an event").event;
            assert!(
                !event.has_slot && event.connection == 0 && event.slot == 0,
                "a drop takes nothing"
            );
            event.drop_reason
        };
        let (data, ack) = (frame("data_64"), frame("ack"));
        bench.model.set("rx_enable", 0);
        assert_eq!(reason(bench.receive(&data)), DropReason::Disabled as u8);
        assert_eq!(
            reason(bench.receive(&frame("runt_13"))),
            DropReason::Runt as u8
        );
        assert_eq!(
            reason(bench.receive(&frame("other_mac"))),
            DropReason::Disabled as u8
        );
        bench.model.set("rx_enable", 1);
        bench.model.set("queue_runs", 0);
        assert!(
            bench.receive(&data).is_none(),
            "a queue that does not run gets no event"
        );
        assert_eq!(bench.counter("rx_drop_disabled"), 3);
        bench.model.set("queue_runs", 1);

        bench.slots = 0;
        bench.send(&data, false);
        bench.send(&frame("arp"), false);
        bench.send(&ack, false);
        bench.run();
        let reasons: Vec<u8> = bench
            .received
            .iter()
            .rev()
            .take(3)
            .rev()
            .map(|received| received.event.drop_reason)
            .collect();
        assert_eq!(
            reasons,
            [DropReason::NoSlot as u8, DropReason::NoSlot as u8, 0],
            "a segment without payload needs no slot"
        );
        bench.rx_room = false;
        assert!(bench.receive(&ack).is_none() && bench.receive(&data).is_none());
        assert_eq!(
            (
                bench.counter("rx_drop_no_event"),
                bench.counter("rx_drop_no_slot")
            ),
            (2, 2)
        );
        bench.rx_room = true;

        bench.model.set("promiscuous", 1);
        for name in ["other_mac", "multicast", "other_ip", "broadcast_ip"] {
            let received = bench.receive(&frame(name)).expect("an event");
            assert_eq!(received.event.drop_reason, 0, "{name}");
        }
        assert_eq!(
            reason(bench.receive(&frame("ip_checksum"))),
            DropReason::IpChecksum as u8
        );
        bench.model.set("promiscuous", 0);

        // The number of 01:00:5e:00:00:01, by Python's zlib.crc32: complemented, its bits in reverse, the upper six.
        let group = 1_u64 << 31;
        bench.model.set("multicast", !group);
        assert_eq!(
            reason(bench.receive(&frame("multicast"))),
            DropReason::MacFilter as u8
        );
        bench.model.set("multicast", group);
        let received = bench.receive(&frame("multicast")).expect("an event");
        assert_eq!(received.event.drop_reason, 0);
        bench.model.set("multicast", 0);

        bench.model.set("monitor", 0);
        let before = bench.received.len();
        for golden in all_golden()
            .iter()
            .filter(|golden| golden.verdict == Verdict::Drop)
        {
            bench.send(&golden.frame, false);
            bench.run();
        }
        assert_eq!(
            bench.received.len(),
            before,
            "drops are silent without monitor mode"
        );
        bench.assert_counters_add_up();
    });
}

#[test]
fn commands_change_what_frames_match() {
    both(|mut bench| {
        let verdict = |received: Option<Received>| (received.expect("an event")).event;
        let (ack, syn) = (frame("ack"), frame("syn"));
        assert_eq!(verdict(bench.receive(&ack)).connection, CONNECTION);
        assert_eq!(
            bench.flow_command(false, 200),
            Status::Ok as u64,
            "a key that is there gets its new connection"
        );
        assert_eq!(verdict(bench.receive(&ack)).connection, 200);
        assert_eq!(bench.flow_command(true, 0), Status::Ok as u64);
        assert_eq!(bench.flow_command(true, 0), Status::NotFound as u64);
        let missed = verdict(bench.receive(&ack));
        assert_eq!(
            (missed.verdict, missed.connection),
            (Verdict::Miss as u8, 0)
        );
        bench.listen_command(false, FLOW_PORT);
        assert_eq!(verdict(bench.receive(&ack)).verdict, Verdict::Listen as u8);
        bench.listen_command(true, FLOW_PORT);
        bench.listen_command(true, FLOW_PORT);
        assert_eq!(verdict(bench.receive(&ack)).verdict, Verdict::Miss as u8);
        assert_eq!(verdict(bench.receive(&syn)).verdict, Verdict::Listen as u8);
        bench.listen_command(true, LISTEN_PORT);
        assert_eq!(verdict(bench.receive(&syn)).verdict, Verdict::Miss as u8);
    });
}

/// A long frame leaves its place in the headers behind: the flow table must see the next frame's lookup come all the same, and hash no command under it.
#[test]
fn commands_never_take_a_lookup_from_a_frame() {
    both(|mut bench| {
        // Of two flows, so that no answer passes for the one before it.
        let (data, syn) = (frame("data_64"), frame("syn"));
        bench.traffic.idle = 0.05;
        bench.slots = u64::MAX;
        for _ in 0..200 {
            bench.send(&data, false);
            bench.send(&syn, false);
        }
        let mut commands = 0;
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        while bench.counter("rx_frames") < 400 {
            // At any beat of a frame.
            for _ in 0..rng.random_range(0..20) {
                bench.cycle();
            }
            assert_eq!(bench.flow_command(false, CONNECTION), Status::Ok as u64);
            commands += 1;
        }
        bench.run();
        assert!(commands > 20, "{commands}");
        let verdicts: Vec<u8> = bench.received.iter().map(|r| r.event.verdict).collect();
        assert_eq!(
            verdicts,
            [Verdict::Flow as u8, Verdict::Listen as u8].repeat(200)
        );
    });
}

#[test]
fn a_refused_payload_is_a_disabled_drop_without_event() {
    both(|mut bench| {
        bench.write_errors = 1;
        assert!(bench.receive(&frame("data_64")).is_none());
        assert_eq!(
            (
                bench.counter("rx_drop_disabled"),
                bench.counter("rx_payloads")
            ),
            (1, 0)
        );
        assert!(bench
            .receive(&frame("data_64"))
            .expect("an event")
            .payload
            .is_some());
        bench.assert_counters_add_up();
    });
}

#[test]
fn reset_in_the_middle_of_anything_leaves_nothing_behind() {
    both(|mut bench| {
        let data = frame("data_1460");
        for cycles in (1..120).step_by(7) {
            bench.send(&data, false);
            bench.send(&frame("syn"), false);
            for _ in 0..cycles {
                bench.cycle();
            }
            bench.reset();
            let golden = golden("data_1459");
            let before = bench.received.len();
            check(&golden, &bench.receive(&golden.frame).expect("an event"));
            assert_eq!(
                bench.received.len(),
                before + 1,
                "nothing of before the reset"
            );
        }
    });
}

#[test]
fn rubbish_neither_wedges_nor_delivers() {
    let frames = all_golden();
    both(|mut bench| {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        bench.traffic = Traffic {
            idle: 0.1,
            stall: 0.1,
            response_cycles: 4,
        };
        bench.slots = u64::MAX;
        for _ in 0..600 {
            let mut frame = frames[rng.random_range(0..frames.len())].frame.clone();
            frame.truncate(rng.random_range(1..=frame.len()));
            for _ in 0..rng.random_range(0..4) {
                let at = rng.random_range(0..frame.len().min(80));
                frame[at] = rng.random();
            }
            bench.send(&frame, rng.random_bool(0.05));
            bench.run();
        }
        bench.assert_counters_add_up();
        assert_eq!(bench.counter("rx_frames"), 600);
        for received in &bench.received {
            let (event, verdict) = (&received.event, received.event.verdict);
            let is_segment = (Verdict::Flow as u8..=Verdict::Miss as u8).contains(&verdict);
            assert!(
                !is_segment
                    || (event.is_ipv4
                        && event.is_tcp
                        && event.ip_checksum_ok
                        && event.tcp_checksum_ok
                        && !event.bad_options)
            );
            let is_flow = verdict == Verdict::Flow as u8;
            assert_eq!(event.has_address, event.is_ipv4 && !is_flow);
            assert_eq!(event.has_address, received.address.is_some());
            let address = received.address.unwrap_or_default();
            assert!(
                event.is_ipv4 || (event.ip_proto, event.tos, event.ip_checksum_ok) == (0, 0, false)
            );
            assert!(
                event.is_tcp
                    || (
                        address.src_port,
                        address.dst_port,
                        event.seq,
                        event.ack,
                        event.tcp_flags,
                        event.window
                    ) == (0, 0, 0, 0, 0, 0)
            );
            assert!(event.has_mss || event.mss == 0);
            assert!(event.has_timestamps || (event.ts_val, event.ts_ecr) == (0, 0));
            assert!(event.has_vlan || event.vlan_tci == 0);
        }
    });
}

/// Cycles from a frame's first beat to its event, and cycles a frame when frames come back to back.
fn speed(bench: &mut RxBench, frame: &[u8]) -> (u64, f64) {
    bench.traffic = Traffic::default();
    bench.slots = u64::MAX;
    let received = bench.receive(frame).expect("an event");
    let latency = received.at - bench.first_beats.last().expect("sent");
    bench.slots = u64::MAX;
    let before = bench.received.len();
    // Fewer than wait between ingress and dispatcher: the wire may be faster.
    for _ in 0..30 {
        bench.send(frame, false);
    }
    bench.run();
    let at: Vec<u64> = bench.received[before..]
        .iter()
        .map(|received| received.at)
        .collect();
    assert_eq!(at.len(), 30, "none was lost");
    (latency, (at[29] - at[9]) as f64 / 20.0)
}

#[test]
fn latency_and_throughput() {
    let padded = frame("padded");
    assert_eq!(padded.len(), 60);
    // Name; latency and cycles a frame at 64 bits, then at 512.
    let wanted = [
        ("padded", (13, 8.0), (7, 1.0)),
        ("ack", (14, 9.0), (8, 2.0)),
        ("syn", (16, 10.0), (9, 2.0)),
    ];
    let measured = wanted.map(|(name, ..)| {
        let frame = frame(name);
        (
            name,
            speed(&mut bench64(1), &frame),
            speed(&mut bench512(1), &frame),
        )
    });
    assert_eq!(measured, wanted);
}
