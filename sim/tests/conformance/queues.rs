//! Rings that fill and wrap, commands that cannot be carried out, and memory that is not there.

use std::sync::Arc;

use handclasp_driver::{
    Command, Completion, DmaRegion, DriverError, Event, Nic,
};
use handclasp_layout::queue::{DropReason, FlowCommand, Opcode, SegmentCommand, Status, Verdict};
use handclasp_layout::register::{CONNECTIONS, CONTROL, QUEUE_ENABLE, STATUS};
use handclasp_wires::Wire;

use super::open;
use crate::rig::{flow, golden_frame, nic_config, Outcome, Rig};

/// An IPv6 frame to us: raw, whatever follows.
const RAW_FRAME: [u8; 20] = [
    0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x86, 0xdd, 1, 2, 3, 4, 5, 6,
];

fn complete(
    rig: &mut Rig,
    command: &Command,
) -> Result<Completion, Box<dyn std::error::Error>> {
    let index = rig.nic.submit(command)?;
    match rig.next()? {
        Event::Completion(completion) if completion.command_index == index => Ok(completion),
        other => Err(format!("not the completion of {index}: {other:?}, then {:?}", rig.nic.next_event()).into()),
    }
}

fn raw(buffer: &DmaRegion, frame_len_bytes: u32) -> Command {
    Command::Raw {
        frame_addr: buffer.iova(),
        frame_len_bytes,
        want_completion: false,
    }
}

#[test]
fn frames_come_through_every_place_of_the_rings() -> Outcome {
    let mut rig = open(|config| {
        config.event_log2 = 3;
        config.slot_log2 = 3;
    })?;
    for n in 0..1000_u16 {
        let mut frame = RAW_FRAME;
        frame[18..].copy_from_slice(&n.to_be_bytes());
        rig.far.send(&frame, 0);
        let received = rig.next_rx()?;
        let mut tail = [0; 2];
        rig.nic.read_payload(&received.payload, 18, &mut tail)?;
        assert_eq!(u16::from_be_bytes(tail), n);
    }
    assert_eq!(rig.counter("rx_payloads")?, 1000);
    assert_eq!(rig.counter("events")?, 1000);
    Ok(())
}

#[test]
fn commands_go_through_every_place_of_the_ring() -> Outcome {
    let mut rig = open(|config| config.command_log2 = 3)?;
    let buffer = rig.nic.allocate(64)?;
    for n in 0..1000_u32 {
        buffer.write(0, &n.to_be_bytes())?;
        assert_eq!(rig.nic.submit(&raw(&buffer, 60))?, n);
        rig.step()?;
        assert_eq!(rig.sent().ok_or("not sent")?[..4], n.to_be_bytes());
        while rig.nic.next_event()?.is_some() {}
    }
    // Nobody asked for a completion; the driver did, every quarter of the ring.
    assert_eq!(rig.counter("events")?, 500);
    assert_eq!(rig.counter("commands")?, 1000);
    assert_eq!(rig.counter("tx_raw")?, 1000);
    Ok(())
}

#[test]
fn frames_without_slot_or_event_are_dropped_and_counted() -> Outcome {
    let mut rig = open(|config| config.slot_log2 = 3)?;
    for _ in 0..10 {
        rig.far.send(&RAW_FRAME, 0);
    }
    rig.step()?;
    assert_eq!(rig.counter("rx_raw")?, 8);
    assert_eq!(rig.counter("rx_drop_no_slot")?, 2);

    let mut rig = open(|config| config.event_log2 = 3)?;
    for _ in 0..10 {
        rig.far.send(&RAW_FRAME, 0);
    }
    rig.step()?;
    // Of 8 entries 4 are kept for completions, and a frame may need 3.
    assert_eq!(rig.counter("rx_raw")?, 2);
    assert_eq!(rig.counter("rx_drop_no_event")?, 8);
    rig.check_the_sum_of_frames()?;
    // Read events make room again.
    for _ in 0..2 {
        rig.next_rx()?;
    }
    rig.step()?;
    rig.far.send(&RAW_FRAME, 0);
    rig.next_rx()?;
    Ok(())
}

#[test]
fn a_segment_without_slot_is_reported_as_dropped() -> Outcome {
    let mut rig = open(|config| {
        config.monitor = true;
        config.slot_log2 = 3;
    })?;
    rig.know_the_golden_flows()?;
    let frame = golden_frame("data of a flow, even length")?;
    for _ in 0..9 {
        rig.far.send(&frame, 0);
    }
    rig.step()?;
    for _ in 0..8 {
        assert_eq!(rig.next_rx()?.verdict, Verdict::Flow);
    }
    let dropped = rig.next_rx()?;
    assert_eq!(dropped.drop_reason, DropReason::NoSlot);
    // What was decoded is there; what is only true of other verdicts is not.
    assert_eq!(dropped.address().map(|address| address.src_port), Some(40000));
    assert_eq!(dropped.event().payload_len_bytes, 4);
    assert_eq!(dropped.event().connection, 0);
    Ok(())
}

#[test]
fn completions_wait_for_room_and_none_is_lost() -> Outcome {
    let mut rig = open(|config| config.event_log2 = 3)?;
    let command = Command::ListenAdd {
        port: 80,
        want_completion: true,
    };
    for _ in 0..20 {
        rig.nic.submit(&command)?;
    }
    rig.step()?;
    assert_eq!(rig.counter("events")?, 8, "the NIC waits for room");
    let mut last = 0;
    for index in 0..20 {
        let Event::Completion(completion) = rig.next()? else {
            return Err("not a completion".into());
        };
        assert_eq!(completion.command_index, index);
        assert_eq!(completion.opcode, Opcode::ListenAdd);
        assert_eq!(completion.connection, 80);
        assert!((last..=rig.now_ns()).contains(&completion.timestamp));
        last = completion.timestamp;
    }
    Ok(())
}

#[test]
fn commands_that_cannot_be_carried_out_are_refused_unasked() -> Outcome {
    let mut rig = open(|_| {})?;
    let buffer = rig.nic.allocate(4096)?;
    let segment = |payload_len_bytes| SegmentCommand {
        payload_addr: buffer.iova(),
        payload_len_bytes,
        ..SegmentCommand::default()
    };
    let all_options = SegmentCommand {
        has_mss: true,
        has_window_scale: true,
        has_sack_permitted: true,
        has_timestamps: true,
        ..SegmentCommand::default()
    };
    rig.nic.submit(&Command::FlowInsert(flow(40000, 8080)))?;
    rig.step()?;
    let bad = [
        raw(&buffer, 13),
        raw(&buffer, 1519),
        Command::Segment(segment(1461)),
        Command::Segment(SegmentCommand {
            has_timestamps: true,
            ..segment(1449)
        }),
        Command::Segment(SegmentCommand {
            connection: CONNECTIONS as u16,
            ..segment(0)
        }),
        // Nobody has inserted it.
        Command::Segment(SegmentCommand {
            connection: 1,
            ..segment(0)
        }),
        Command::Segment(SegmentCommand {
            sack_count: 3,
            ..all_options
        }),
        Command::Segment(SegmentCommand {
            sack_count: 4,
            ..segment(0)
        }),
        Command::FlowInsert(FlowCommand {
            connection: CONNECTIONS as u16,
            ..FlowCommand::default()
        }),
        Command::FlowRemove(FlowCommand {
            connection: CONNECTIONS as u16,
            ..FlowCommand::default()
        }),
    ];
    for command in &bad {
        let completion = complete(&mut rig, command)?;
        assert_eq!(completion.status, Status::BadCommand, "{command:?}");
        assert_eq!(rig.sent(), None, "{command:?}");
    }
    assert_eq!(rig.counter("bad_commands")?, 10);
    assert_eq!(rig.counter("tx_frames")?, 0);

    // The longest that still go.
    for (command, frame_len) in [
        (raw(&buffer, 14), 60),
        (raw(&buffer, 1518), 1518),
        (Command::Segment(segment(1460)), 1514),
        (Command::Segment(all_options), 78),
    ] {
        rig.nic.submit(&command)?;
        rig.step()?;
        let frame = rig.sent().ok_or_else(|| format!("not sent: {command:?}"))?;
        assert_eq!(frame.len(), frame_len, "{command:?}");
    }
    Ok(())
}

#[test]
fn flows_and_listeners_come_and_go() -> Outcome {
    let frame = golden_frame("fin")?;
    let mut rig = open(|_| {})?;
    let verdict = |rig: &mut Rig| {
        rig.far.send(&frame, 0);
        rig
            .next_rx()
            .map(|received| (received.verdict, received.event().connection))
    };
    let flow = FlowCommand {
        connection: 255,
        lookup: true,
        want_completion: true,
        ..flow(40000, 8080)
    };
    let listen = |port| Command::ListenAdd {
        port,
        want_completion: true,
    };

    assert_eq!(verdict(&mut rig)?, (Verdict::Miss, 0));
    assert_eq!(complete(&mut rig, &listen(8080))?.status, Status::Ok);
    assert_eq!(verdict(&mut rig)?, (Verdict::Listen, 0));
    // Without lookup the connection is for sending only.
    let sending = FlowCommand {
        lookup: false,
        ..flow
    };
    complete(&mut rig, &Command::FlowInsert(sending))?;
    assert_eq!(verdict(&mut rig)?, (Verdict::Listen, 0));
    let status = complete(&mut rig, &Command::FlowInsert(flow))?.status;
    assert_eq!(status, Status::Ok);
    assert_eq!(verdict(&mut rig)?, (Verdict::Flow, 255));
    let status = complete(&mut rig, &Command::FlowRemove(flow))?.status;
    assert_eq!(status, Status::Ok);
    assert_eq!(verdict(&mut rig)?, (Verdict::Listen, 0));
    let status = complete(&mut rig, &Command::FlowRemove(flow))?.status;
    assert_eq!(status, Status::NotFound);
    let remove = Command::ListenRemove {
        port: 8080,
        want_completion: true,
    };
    assert_eq!(complete(&mut rig, &remove)?.status, Status::Ok);
    assert_eq!(verdict(&mut rig)?, (Verdict::Miss, 0));

    // There is room for as many as there are connections. When there is no place for one more it says so, and keeps what it has.
    let mut refused = 0;
    for n in 0..3000 {
        let flow = FlowCommand {
            remote_port: 40000 + n,
            ..flow
        };
        match complete(&mut rig, &Command::FlowInsert(flow))?.status {
            Status::Ok => {}
            Status::TableFull if usize::from(n) >= CONNECTIONS => refused += 1,
            other => panic!("{n}: {other:?}"),
        }
    }
    assert!(refused > 0, "no table is without end");
    let status = complete(&mut rig, &Command::FlowInsert(flow))?.status;
    assert_eq!(status, Status::Ok, "it is in the table already");
    assert_eq!(verdict(&mut rig)?, (Verdict::Flow, 255));
    Ok(())
}

#[test]
fn a_payload_that_is_not_mapped_stops_the_queue() -> Outcome {
    let mut rig = open(|_| {})?;
    let buffer = rig.nic.allocate(4096)?;
    let address = buffer.iova() + 4090;
    let beyond = Command::Raw {
        frame_addr: address,
        frame_len_bytes: 60,
        want_completion: false,
    };
    rig.nic.submit(&beyond)?;
    rig.step()?;
    // The command is answered, and the queue stops: which of the two comes first is open.
    let (mut failed, mut stopped) = (None, None);
    while let Some(event) = rig.nic.next_event()? {
        match event {
            Event::Completion(completion) => failed = Some(completion),
            Event::Stopped(stop) => stopped = Some(stop),
            Event::Rx(received) => return Err(format!("{received:?}").into()),
        }
    }
    let failed = failed.ok_or("no completion")?;
    let stopped = stopped.ok_or("not stopped")?;
    let refused = address..address + 60;
    assert_eq!(failed.status, Status::ReadError);
    assert_eq!(stopped.status, Status::ReadError);
    assert!(refused.contains(&failed.address), "{:#x}", failed.address);
    assert!(refused.contains(&stopped.address), "{:#x}", stopped.address);
    assert!(rig.is_of_last_step(stopped.timestamp));
    // Nothing more is fetched or delivered.
    rig.nic.submit(&raw(&buffer, 60))?;
    rig.far.send(&RAW_FRAME, 0);
    rig.step()?;
    assert_eq!(rig.nic.next_event()?, None);
    assert_eq!(rig.counter("commands")?, 1);
    assert_eq!(rig.counter("read_errors")?, 1);
    assert_eq!(rig.counter("rx_drop_disabled")?, 1);
    let status = rig.nic.bus().read32(STATUS.offset)?;
    assert_eq!(status & 0b100, 0b100, "STATUS.stopped");
    Ok(())
}

#[test]
fn switched_off_it_drops_and_fetches_nothing() -> Outcome {
    let mut rig = open(|config| config.monitor = true)?;
    let buffer = rig.nic.allocate(64)?;
    let bus = Arc::clone(rig.nic.bus());
    // Monitor only: frames are dropped as Disabled, and reported.
    bus.write32(CONTROL.offset, 0b1000)?;
    rig.nic.submit(&raw(&buffer, 60))?;
    rig.far.send(&RAW_FRAME, 0);
    assert_eq!(rig.next_rx()?.verdict, Verdict::Drop);
    assert_eq!(rig.sent(), None);
    bus.write32(QUEUE_ENABLE.offset, 0)?;
    rig.far.send(&RAW_FRAME, 0);
    rig.step()?;
    assert_eq!(rig.nic.next_event()?, None);
    assert_eq!(rig.counter("rx_drop_disabled")?, 2);
    Ok(())
}

#[test]
fn a_nic_can_be_opened_again_even_after_an_error() -> Outcome {
    let rig = open(|_| {})?;
    let bus = Arc::clone(rig.nic.bus());
    let (device, mut far) = (rig.device, rig.far);
    rig.nic.close()?;
    let config = nic_config(|_| {});
    for _ in 0..3 {
        let mut nic = Nic::open(Arc::clone(&bus), &config)?;
        let second = Nic::open(Arc::clone(&bus), &config);
        assert!(matches!(second, Err(DriverError::InUse)));
        for _ in 0..5 {
            far.send(&RAW_FRAME, 0);
            device.settle(&nic)?;
            assert!(matches!(nic.next_event()?, Some(Event::Rx(_))));
        }
        nic.submit(&Command::Raw {
            frame_addr: 0x10,
            frame_len_bytes: 60,
            want_completion: false,
        })?;
        nic.flush()?;
        device.settle(&nic)?;
        let mut stopped = false;
        while let Some(event) = nic.next_event()? {
            stopped |= matches!(event, Event::Stopped(_));
        }
        assert!(stopped);
        nic.close()?;
    }
    Ok(())
}
