//! Commands, events and slots change hands as their rings say.

use crate::scripted::{open, ScriptedBus};
use handclasp_driver::{Command, DriverError, Event};
use handclasp_layout::queue::{
    CompletionEvent, FlowCommand, RxEvent, SackEvent, SegmentCommand, Verdict,
};
use handclasp_layout::register::{
    COMMAND_BASE_HIGH, COMMAND_BASE_LOW, COMMAND_PRODUCER, EVENT_CONSUMER, INTERRUPT_ARM,
    SLOT_BASE_HIGH, SLOT_BASE_LOW, SLOT_PRODUCER,
};

fn listen(port: u16) -> Command {
    Command::ListenAdd {
        port,
        want_completion: false,
    }
}

fn completion(command_index: u32) -> [u8; 64] {
    CompletionEvent {
        opcode: 5,
        command_index,
        kind: 3,
        ..CompletionEvent::default()
    }
    .encode()
}

/// A segment of a known connection with a payload in this slot.
fn segment(slot: u16, payload_len_bytes: u16) -> RxEvent {
    RxEvent {
        verdict: 1,
        is_ipv4: true,
        is_tcp: true,
        has_slot: payload_len_bytes > 0,
        slot,
        connection: 255,
        frame_len_bytes: 54 + payload_len_bytes,
        payload_len_bytes: payload_len_bytes.into(),
        kind: 1,
        ..RxEvent::default()
    }
}

fn command(bus: &ScriptedBus, place: u64) -> [u8; 64] {
    let base = bus.base(COMMAND_BASE_LOW.offset, COMMAND_BASE_HIGH.offset);
    let mut entry = [0; 64];
    bus.read_memory(base + place * 64, &mut entry);
    entry
}

#[test]
fn commands_lie_in_the_ring_with_their_opcodes() {
    let (bus, mut nic) = open();
    let flow = FlowCommand {
        connection: 7,
        remote_ip: 0xc000_0202,
        ..FlowCommand::default()
    };
    let segment = SegmentCommand {
        connection: 7,
        seq: 0x0102_0304,
        want_completion: true,
        ..SegmentCommand::default()
    };
    let raw = Command::Raw {
        frame_addr: 0x1122_3344_5566_7788,
        frame_len_bytes: 60,
        want_completion: false,
    };
    let remove = Command::ListenRemove {
        port: 80,
        want_completion: true,
    };
    let commands = [
        Command::Segment(segment),
        raw,
        Command::FlowInsert(flow),
        Command::FlowRemove(flow),
        listen(0x1234),
        remove,
    ];
    for (index, command) in commands.iter().enumerate() {
        assert_eq!(nic.submit(command).unwrap(), index as u32);
    }
    // The two that have a short way of their own.
    assert_eq!(nic.submit_segment(&segment).unwrap(), 6);
    assert_eq!(nic.submit_flow_insert(&flow).unwrap(), 7);
    let opcodes = [0, 1, 2, 3, 4, 5, 6, 7].map(|place| command(&bus, place)[0]);
    assert_eq!(opcodes, [1, 2, 3, 4, 5, 6, 1, 3]);
    for place in [0, 6] {
        assert_eq!(command(&bus, place)[2..4], [7, 0]);
        assert_eq!(command(&bus, place)[16..20], [4, 3, 2, 1]);
    }
    let raw = command(&bus, 1);
    assert_eq!(raw[4..7], [60, 0, 0]);
    assert_eq!(raw[8..16], [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    for place in [2, 7] {
        assert_eq!(command(&bus, place)[4..8], [2, 2, 0, 0xc0]);
    }
    assert_eq!(command(&bus, 4)[2..4], [0x34, 0x12]);
    // Asked for by the caller (0, 5, 6), or by the driver because a quarter of the ring (2 of 8) has gone unasked (2, 4).
    let asked = [0, 1, 2, 3, 4, 5, 6, 7].map(|place| command(&bus, place)[1] & 1);
    assert_eq!(asked, [1, 0, 1, 0, 1, 1, 1, 0]);
}

#[test]
fn doorbells_ring_only_in_flush_and_only_when_something_moved() {
    let (bus, mut nic) = open();
    bus.take_writes();
    nic.submit(&listen(1)).unwrap();
    nic.submit(&listen(2)).unwrap();
    assert_eq!(bus.take_writes(), []);
    nic.flush().unwrap();
    assert_eq!(bus.take_writes(), [(COMMAND_PRODUCER.offset, 2)]);
    nic.flush().unwrap();
    assert_eq!(bus.take_writes(), []);
    bus.event(0, segment(0, 10).encode());
    nic.next_event().unwrap().unwrap();
    assert!(nic.next_event().unwrap().is_none());
    assert_eq!(bus.take_writes(), []);
    nic.flush().unwrap();
    assert_eq!(
        bus.take_writes(),
        [(SLOT_PRODUCER.offset, 9), (EVENT_CONSUMER.offset, 1)]
    );
    nic.arm_interrupt().unwrap();
    assert_eq!(bus.take_writes(), [(INTERRUPT_ARM.offset, 1)]);
}

#[test]
fn a_full_ring_refuses_and_loses_nothing() {
    let (bus, mut nic) = open();
    for port in 0..8 {
        assert_eq!(nic.command_room(), 8 - u32::from(port));
        nic.submit(&listen(port)).unwrap();
    }
    let before = [0, 1, 2, 3, 4, 5, 6, 7].map(|place| command(&bus, place));
    let refused = nic.submit(&listen(99));
    assert!(matches!(refused, Err(DriverError::RingFull { entries: 8 })));
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6, 7].map(|place| command(&bus, place)),
        before
    );
    nic.flush().unwrap();
    bus.event(0, completion(3));
    let Some(Event::Completion(done)) = nic.next_event().unwrap() else {
        panic!("no completion");
    };
    assert_eq!(done.command_index, 3);
    assert_eq!(
        nic.command_room(),
        4,
        "a completion stands for all commands before it"
    );
    assert_eq!(nic.submit(&listen(99)).unwrap(), 8);
    assert_eq!(command(&bus, 0)[2], 99, "index 8 is place 0");
    bus.event(1, completion(7));
    nic.next_event().unwrap().unwrap();
    assert_eq!(
        nic.command_room(),
        7,
        "command 8 has not been passed on, nor completed"
    );
}

#[test]
fn events_are_read_in_order_through_several_passes() {
    let (bus, mut nic) = open();
    for index in 0..100 {
        assert!(
            nic.next_event().unwrap().is_none(),
            "event {index} is stale"
        );
        let mut event = segment((index % 8) as u16, 1);
        event.seq = index;
        bus.event(index, event.encode());
        match nic.next_event().unwrap() {
            Some(Event::Rx(received)) => assert_eq!(received.event().seq, index),
            other => panic!("{other:?}"),
        }
    }
    nic.flush().unwrap();
    assert_eq!(bus.get(EVENT_CONSUMER.offset), 100);
    // The last slot is still held.
    assert_eq!(bus.get(SLOT_PRODUCER.offset), 107);
}

#[test]
fn a_payload_can_be_read_until_the_next_event_is_asked_for() {
    let (bus, mut nic) = open();
    let slots = bus.base(SLOT_BASE_LOW.offset, SLOT_BASE_HIGH.offset);
    bus.write_memory(slots, b"handclasp");
    bus.write_memory(slots + 2048, b"second");
    bus.event(0, segment(0, 9).encode());
    bus.event(1, segment(1, 6).encode());
    let Some(Event::Rx(first)) = nic.next_event().unwrap() else {
        panic!("no frame");
    };
    let mut text = [0; 5];
    nic.read_payload(&first.payload, 4, &mut text).unwrap();
    assert_eq!(&text, b"clasp");
    let region = nic.allocate(4096).unwrap();
    nic.copy_payload(&first.payload, 0, &region, 100, 4)
        .unwrap();
    region.read(100, &mut text).unwrap();
    assert_eq!(&text, b"hand\0");
    for (offset, len) in [(5, 5), (10, 0), (usize::MAX, 1), (0, 2048)] {
        let mut out = vec![0; len];
        let beyond = nic.read_payload(&first.payload, offset, &mut out);
        assert!(
            matches!(beyond, Err(DriverError::OutOfRange(_))),
            "{offset} {len}"
        );
    }
    let beyond = nic.copy_payload(&first.payload, 0, &region, 4090, 9);
    assert!(matches!(beyond, Err(DriverError::OutOfRange(_))));

    let Some(Event::Rx(second)) = nic.next_event().unwrap() else {
        panic!("no frame");
    };
    let gone = nic.read_payload(&first.payload, 0, &mut text);
    assert!(matches!(gone, Err(DriverError::PayloadGone)));
    nic.read_payload(&second.payload, 0, &mut text).unwrap();
    assert_eq!(&text, b"secon");
    assert!(nic.next_event().unwrap().is_none());
    let gone = nic.read_payload(&second.payload, 0, &mut text);
    assert!(matches!(gone, Err(DriverError::PayloadGone)));
}

#[test]
fn sack_blocks_come_with_their_segment() {
    let (bus, mut nic) = open();
    let sack = SackEvent {
        sack0_left: 10,
        sack0_right: 20,
        sack1_left: 30,
        sack1_right: 40,
        sack2_left: 50,
        kind: 2,
        ..SackEvent::default()
    };
    bus.event(0, sack.encode());
    assert!(
        nic.next_event().unwrap().is_none(),
        "the segment is still to come"
    );
    let mut event = segment(0, 0);
    event.sack_count = 2;
    bus.event(1, event.encode());
    let Some(Event::Rx(received)) = nic.next_event().unwrap() else {
        panic!("no frame");
    };
    let blocks = received
        .sack_blocks()
        .iter()
        .map(|block| (block.left, block.right));
    assert_eq!(blocks.collect::<Vec<_>>(), [(10, 20), (30, 40)]);
    assert_eq!(received.verdict, Verdict::Flow);
    // The next segment has none.
    bus.event(2, segment(0, 0).encode());
    let Some(Event::Rx(received)) = nic.next_event().unwrap() else {
        panic!("no frame");
    };
    assert!(received.sack_blocks().is_empty() && received.payload.is_empty());
}
