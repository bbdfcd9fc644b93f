//! A device that breaks its datasheet is an error, never a panic, and nothing it said is acted upon.

use crate::scripted::{config, open, open_with};
use handclasp_driver::{Command, DriverError, Event, Lie, Next, Nic, NicConfig};
use handclasp_layout::queue::{
    AddressEvent, CompletionEvent, DropReason, RxEvent, SackEvent, Status, Verdict,
};
use handclasp_layout::register::{EVENT_CONSUMER, SLOT_PRODUCER};

/// A true event, for the tests to spoil: a segment of connection 0 with 10 bytes in slot 0.
fn truth() -> RxEvent {
    RxEvent {
        verdict: 1,
        is_ipv4: true,
        is_tcp: true,
        has_slot: true,
        frame_len_bytes: 64,
        payload_len_bytes: 10,
        kind: 1,
        ..RxEvent::default()
    }
}

fn address() -> AddressEvent {
    AddressEvent {
        src_ip: 0xc000_0202,
        dst_port: 80,
        kind: 5,
        phase: true,
        ..AddressEvent::default()
    }
}

fn done(command_index: u32) -> CompletionEvent {
    CompletionEvent {
        opcode: 5,
        command_index,
        kind: 3,
        ..CompletionEvent::default()
    }
}

fn lie_of(nic: &mut Nic) -> Lie {
    match nic.next_event() {
        Err(DriverError::Lied { lie, .. }) => lie,
        other => panic!("believed: {other:?}"),
    }
}

/// The lie that is seen in this event; the ring must not have moved.
fn seen(entry: [u8; 64]) -> Lie {
    seen_with(&config(), entry)
}

fn seen_with(config: &NicConfig, entry: [u8; 64]) -> Lie {
    let (bus, mut nic) = open_with(config);
    bus.event(0, entry);
    let short_way = nic.next_segment().map(|next| next == Next::Other);
    let lie = lie_of(&mut nic);
    match short_way {
        Ok(left) => assert!(left, "believed by next_segment"),
        Err(DriverError::Lied { lie: same, .. }) => assert_eq!(same, lie),
        Err(other) => panic!("{other}"),
    }
    assert_eq!(lie_of(&mut nic), lie, "the event stays unread");
    nic.flush().unwrap();
    assert_eq!(bus.get(EVENT_CONSUMER.offset), 0);
    assert_eq!(bus.get(SLOT_PRODUCER.offset), 8);
    lie
}

fn spoil(change: impl FnOnce(&mut RxEvent)) -> Lie {
    let mut event = truth();
    change(&mut event);
    seen(event.encode())
}

#[test]
fn the_truth_is_believed() {
    let (bus, mut nic) = open();
    bus.event(0, truth().encode());
    assert!(matches!(nic.next_event(), Ok(Some(Event::Rx(_)))));
    let mut next = truth();
    (next.slot, next.phase) = (1, true);
    bus.event(1, next.encode());
    let Ok(Next::Segment { event, payload }) = nic.next_segment() else {
        panic!("not believed");
    };
    assert_eq!((event, payload.len_bytes()), (&next.encode(), 10));
    // Of no connection: with its addresses before it.
    for (slot, verdict) in (2..).zip([Verdict::Listen, Verdict::Miss]) {
        let at = 2 * u32::from(slot) - 2;
        bus.event(at, address().encode());
        next = RxEvent {
            verdict: verdict as u8,
            has_address: true,
            slot,
            ..next
        };
        bus.event(at + 1, next.encode());
        let Ok(Some(Event::Rx(received))) = nic.next_event() else {
            panic!("{verdict:?} not believed");
        };
        assert_eq!((received.verdict, received.event()), (verdict, next));
        assert_eq!(received.address(), Some(&address()));
    }
    assert_eq!(nic.next_segment().unwrap(), Next::Nothing);
}

/// The event of a segment of no connection, in the ring's second place.
fn stranger() -> RxEvent {
    RxEvent {
        verdict: Verdict::Listen as u8,
        has_address: true,
        ..truth()
    }
}

#[test]
fn a_segment_of_no_connection_takes_the_short_way_too() {
    for verdict in [Verdict::Listen, Verdict::Miss] {
        let (bus, mut nic) = open();
        let mut rx = stranger();
        (rx.verdict, rx.phase) = (verdict as u8, true);
        bus.event(0, address().encode());
        bus.event(1, rx.encode());
        let Ok(Next::Stranger { payload }) = nic.next_segment() else {
            panic!("{verdict:?} not believed");
        };
        assert_eq!(payload.len_bytes(), 10);
        assert_eq!(nic.last_segment(), &rx.encode());
        assert_eq!(nic.last_address(), &address().encode());
        assert_eq!(nic.next_segment().unwrap(), Next::Nothing);
    }
}

#[test]
fn a_segment_whose_event_comes_late_is_waited_for() {
    let (bus, mut nic) = open();
    bus.event(0, address().encode());
    assert_eq!(nic.next_segment().unwrap(), Next::Other);
    assert_eq!(nic.next_event().unwrap(), None);
    bus.event(1, stranger().encode());
    // Its address has been taken.
    assert_eq!(nic.next_segment().unwrap(), Next::Other);
    let Ok(Some(Event::Rx(received))) = nic.next_event() else {
        panic!("not believed");
    };
    assert_eq!(received.address(), Some(&address()));
    assert_eq!(nic.next_segment().unwrap(), Next::Nothing);
}

#[test]
fn lies_about_a_segment_of_no_connection_are_seen_the_short_way_too() {
    let changes: [fn(&mut RxEvent); 9] = [
        |event| event.verdict = Verdict::Flow as u8,
        |event| event.verdict = Verdict::Raw as u8,
        |event| event.has_address = false,
        |event| event.is_tcp = false,
        |event| event.is_ipv4 = false,
        |event| event.drop_reason = DropReason::NoSlot as u8,
        |event| event.frame_len_bytes = 9,
        |event| event.has_slot = false,
        |event| event.slot = 5,
    ];
    for (number, change) in changes.iter().enumerate() {
        let (bus, mut nic) = open();
        let mut rx = stranger();
        change(&mut rx);
        bus.event(0, address().encode());
        bus.event(1, rx.encode());
        match nic.next_segment() {
            Ok(next) => assert_eq!(next, Next::Other, "{number}"),
            Err(error) => assert!(matches!(error, DriverError::Lied { .. }), "{number}"),
        }
        let lie = lie_of(&mut nic);
        assert_eq!(lie_of(&mut nic), lie, "{number}: the event stays unread");
    }
}

#[test]
fn unknown_codes() {
    for kind in [0, 6, 255] {
        assert_eq!(spoil(|event| event.kind = kind), Lie::EventKind(kind));
    }
    for verdict in [0, 6, 255] {
        assert_eq!(
            spoil(|event| event.verdict = verdict),
            Lie::Verdict(verdict)
        );
    }
    assert_eq!(spoil(|event| event.drop_reason = 16), Lie::DropReason(16));
}

#[test]
fn drops_without_reason_and_reasons_without_drop() {
    let expected = Lie::VerdictAndReason {
        verdict: 1,
        drop_reason: 4,
    };
    assert_eq!(spoil(|event| event.drop_reason = 4), expected);
    let expected = Lie::VerdictAndReason {
        verdict: 5,
        drop_reason: 0,
    };
    assert_eq!(spoil(|event| event.verdict = 5), expected);
}

#[test]
fn drops_that_nobody_asked_for() {
    let drop = RxEvent {
        verdict: 5,
        drop_reason: 4,
        frame_len_bytes: 7,
        kind: 1,
        ..RxEvent::default()
    };
    assert_eq!(seen(drop.encode()), Lie::UnwantedDrop);
    let monitor = NicConfig {
        monitor: true,
        ..config()
    };
    let (bus, mut nic) = open_with(&monitor);
    bus.event(0, drop.encode());
    assert!(matches!(nic.next_event(), Ok(Some(Event::Rx(_)))));
    // Longer than a slot, and its packet is cut off: just what frames are dropped for.
    bus.event(1, address().encode());
    let impossible = RxEvent {
        has_address: true,
        is_ipv4: true,
        is_tcp: true,
        frame_len_bytes: 3000,
        payload_len_bytes: 60000,
        phase: true,
        ..drop
    };
    bus.event(2, impossible.encode());
    let believed = nic.next_event();
    assert!(
        matches!(&believed, Ok(Some(Event::Rx(received))) if received.event() == impossible),
        "{believed:?}"
    );
    // A dropped frame has no slot, and TCP lies in IPv4.
    let with_slot = RxEvent {
        has_slot: true,
        ..drop
    };
    let lie = seen_with(&monitor, with_slot.encode());
    assert!(matches!(lie, Lie::SlotAndPayload { .. }), "{lie}");
    let tcp_alone = RxEvent {
        is_tcp: true,
        ..drop
    };
    let lie = seen_with(&monitor, tcp_alone.encode());
    assert!(matches!(lie, Lie::VerdictAndHeaders { .. }), "{lie}");
}

#[test]
fn verdicts_that_their_headers_contradict() {
    let no_tcp = spoil(|event| event.is_tcp = false);
    let no_ip = spoil(|event| event.is_ipv4 = false);
    let raw_tcp = spoil(|event| {
        event.verdict = 4;
        event.payload_len_bytes = event.frame_len_bytes.into();
    });
    for lie in [no_tcp, no_ip, raw_tcp] {
        assert!(matches!(lie, Lie::VerdictAndHeaders { .. }), "{lie}");
    }
}

#[test]
fn connections_that_do_not_exist() {
    for found in [256, 65535] {
        let expected = Lie::Connection {
            found,
            connections: 256,
        };
        assert_eq!(spoil(|event| event.connection = found), expected);
    }
}

#[test]
fn slots_out_of_order() {
    for found in [1, 7, 8, 65535] {
        let expected = Lie::Slot { found, expected: 0 };
        assert_eq!(spoil(|event| event.slot = found), expected);
    }
    // Slot 0 again, although it is held.
    let (bus, mut nic) = open();
    bus.event(0, truth().encode());
    bus.event(1, truth().encode());
    nic.next_event().unwrap();
    let expected = Lie::Slot {
        found: 0,
        expected: 1,
    };
    assert_eq!(lie_of(&mut nic), expected);
}

#[test]
fn lengths_beyond_the_slot_or_the_frame() {
    let too_long = spoil(|event| {
        event.frame_len_bytes = 2049;
        event.payload_len_bytes = 2048;
    });
    let payload_beyond_frame = spoil(|event| event.payload_len_bytes = 65);
    let part_of_a_raw_frame = spoil(|event| {
        event.verdict = 4;
        event.is_tcp = false;
        event.is_ipv4 = false;
        event.payload_len_bytes = 63;
    });
    for lie in [too_long, payload_beyond_frame, part_of_a_raw_frame] {
        assert!(matches!(lie, Lie::Length { .. }), "{lie}");
    }
    let no_slot = spoil(|event| event.has_slot = false);
    let no_payload = spoil(|event| event.payload_len_bytes = 0);
    for lie in [no_slot, no_payload] {
        assert!(matches!(lie, Lie::SlotAndPayload { .. }), "{lie}");
    }
}

#[test]
fn sack_events_that_do_not_fit_their_segment() {
    let without = Lie::SackCount {
        sack_count: 1,
        has_sack_event: false,
    };
    assert_eq!(spoil(|event| event.sack_count = 1), without);

    let sack = SackEvent {
        kind: 2,
        ..SackEvent::default()
    };
    for sack_count in [0, 5, 15] {
        let (bus, mut nic) = open();
        bus.event(0, sack.encode());
        let event = RxEvent {
            sack_count,
            ..truth()
        };
        bus.event(1, event.encode());
        let expected = Lie::SackCount {
            sack_count,
            has_sack_event: true,
        };
        assert_eq!(lie_of(&mut nic), expected);
    }
    for other in [sack.encode(), done(0).encode()] {
        let (bus, mut nic) = open();
        bus.event(0, sack.encode());
        bus.event(1, other);
        assert_eq!(lie_of(&mut nic), Lie::FrameTorn);
    }
}

#[test]
fn address_events_that_do_not_fit_their_frame() {
    let lie = |has_address, found| Lie::Address {
        verdict: 1,
        is_ipv4: true,
        has_address,
        found,
    };
    assert_eq!(spoil(|event| event.has_address = true), lie(true, false));
    let verdict = |verdict: Verdict| move |event: &mut RxEvent| event.verdict = verdict as u8;
    for verdict in [Verdict::Listen, Verdict::Miss].map(verdict) {
        assert!(matches!(spoil(verdict), Lie::Address { .. }));
    }
    // A connection's segment has no address event, whether it announces one or not.
    for has_address in [false, true] {
        let (bus, mut nic) = open();
        bus.event(0, address().encode());
        let event = RxEvent {
            has_address,
            ..truth()
        };
        bus.event(1, event.encode());
        assert_eq!(lie_of(&mut nic), lie(has_address, true));
    }
    for other in [address().encode(), done(0).encode()] {
        let (bus, mut nic) = open();
        bus.event(0, address().encode());
        bus.event(1, other);
        assert_eq!(lie_of(&mut nic), Lie::FrameTorn);
    }
}

#[test]
fn completions_of_commands_that_are_not_under_way() {
    let (bus, mut nic) = open();
    let listen = Command::ListenAdd {
        port: 80,
        want_completion: true,
    };
    for _ in 0..3 {
        nic.submit(&listen).unwrap();
    }
    bus.event(0, done(0).encode());
    let expected = Lie::CommandIndex {
        found: 0,
        oldest: 0,
        producer: 0,
    };
    assert_eq!(lie_of(&mut nic), expected, "the doorbell has not been rung");
    nic.flush().unwrap();
    assert!(matches!(nic.next_event(), Ok(Some(Event::Completion(_)))));
    // Twice the same; one that was not submitted; one from before the beginning.
    for found in [0, 3, u32::MAX, 1 << 31] {
        bus.event(1, done(found).encode());
        let expected = Lie::CommandIndex {
            found,
            oldest: 1,
            producer: 3,
        };
        assert_eq!(lie_of(&mut nic), expected);
    }
    assert_eq!(nic.command_room(), 6);
}

#[test]
fn completions_of_unknown_kinds() {
    let (bus, mut nic) = open();
    let bad_status = CompletionEvent {
        status: 6,
        ..done(0)
    };
    bus.event(0, bad_status.encode());
    assert_eq!(lie_of(&mut nic), Lie::Status(6));
    let bad_opcode = CompletionEvent {
        opcode: 8,
        ..done(0)
    };
    bus.event(0, bad_opcode.encode());
    assert_eq!(lie_of(&mut nic), Lie::Opcode(8));
    // A queue stops because of a DMA error and of nothing else.
    let stopped = CompletionEvent {
        kind: 4,
        ..CompletionEvent::default()
    };
    bus.event(0, stopped.encode());
    assert_eq!(lie_of(&mut nic), Lie::Status(0));
    let stopped = CompletionEvent {
        status: 5,
        address: 0x1234_5678_9abc,
        ..stopped
    };
    bus.event(0, stopped.encode());
    let Ok(Some(Event::Stopped(stopped))) = nic.next_event() else {
        panic!("not stopped");
    };
    assert_eq!(stopped.status, Status::WriteError);
    assert_eq!(stopped.address, 0x1234_5678_9abc);
}

/// An answer of `next_event`, to be compared.
fn said(next: &Result<Option<Event>, DriverError>) -> String {
    match next {
        Ok(Some(Event::Rx(received))) => format!(
            "{:?}, {:?}, {:?}",
            received.verdict,
            received.event(),
            received.payload
        ),
        other => format!("{other:?}"),
    }
}

/// The same of one who asks for segments first.
fn said_by_the_short_way(nic: &mut Nic) -> String {
    match nic.next_segment() {
        Ok(Next::Segment { event, payload }) => {
            let event = RxEvent::decode(event);
            let verdict = Verdict::try_from(event.verdict).unwrap();
            format!("{verdict:?}, {event:?}, {payload:?}")
        }
        Ok(Next::Stranger { payload }) => {
            let event = RxEvent::decode(nic.last_segment());
            let verdict = Verdict::try_from(event.verdict).unwrap();
            format!("{verdict:?}, {event:?}, {payload:?}")
        }
        Ok(Next::Nothing) => said(&Ok(None)),
        Ok(Next::Other) => said(&nic.next_event()),
        Err(error) => said(&Err(error)),
    }
}

/// Any bytes: an error or an event whose payload can be read, and never a panic.
#[test]
fn garbage_does_no_harm() {
    // xorshift64, seeded: every run is the same.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let monitor = NicConfig {
        monitor: true,
        ..config()
    };
    let (mut believed, mut seen_through) = (0, 0);
    for _ in 0..2000 {
        let (bus, mut nic) = open_with(&monitor);
        let (short_bus, mut short_nic) = open_with(&monitor);
        let listen = Command::ListenAdd {
            port: 80,
            want_completion: false,
        };
        for _ in 0..4 {
            nic.submit(&listen).unwrap();
            short_nic.submit(&listen).unwrap();
        }
        nic.flush().unwrap();
        short_nic.flush().unwrap();
        for index in 0..8 {
            // A true event with a few bytes spoiled gets further than noise.
            let mut entry = match random() % 3 {
                0 => truth().encode(),
                1 => done(index).encode(),
                _ => std::array::from_fn(|_| random() as u8),
            };
            for _ in 0..random() % 3 {
                entry[random() as usize % 64] = random() as u8;
            }
            bus.event(index, entry);
            short_bus.event(index, entry);
        }
        loop {
            let next = nic.next_event();
            assert_eq!(said_by_the_short_way(&mut short_nic), said(&next));
            match next {
                Ok(None) => break,
                Ok(Some(Event::Rx(received))) => {
                    let mut payload = vec![0; received.payload.len_bytes()];
                    nic.read_payload(&received.payload, 0, &mut payload)
                        .unwrap();
                    believed += 1;
                }
                Ok(Some(_)) => believed += 1,
                Err(DriverError::Lied { lie, .. }) => {
                    assert!(!lie.to_string().is_empty());
                    seen_through += 1;
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(
        believed > 500 && seen_through > 1500,
        "{believed} {seen_through}"
    );
}
