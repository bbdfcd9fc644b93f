//! Rings that fill and wrap, commands that cannot be carried out, and memory that is not there.

use std::sync::Arc;

use handclasp_driver::{
    Command, Completion, DmaRegion, DriverError, Event, Nic, NicConfig, Stopped,
};
use handclasp_layout::queue::{DropReason, FlowCommand, Opcode, SegmentCommand, Status, Verdict};
use handclasp_layout::register::{CONTROL, QUEUE_ENABLE, STATUS};
use handclasp_sim::reference::{Clock, ReferenceNic};
use handclasp_sim::wire::{cable::Cable, Wire};

use crate::bench::{flow, Bench, Outcome, MAC, START_NS};

/// An IPv6 frame to us: raw, whatever follows.
const RAW_FRAME: [u8; 20] = [
    0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x86, 0xdd, 1, 2, 3, 4, 5, 6,
];

fn complete(
    bench: &mut Bench,
    command: &Command,
) -> Result<Completion, Box<dyn std::error::Error>> {
    let index = bench.nic.submit(command)?;
    match bench.next()? {
        Event::Completion(completion) if completion.command_index == index => Ok(completion),
        other => Err(format!("not the completion of {index}: {other:?}").into()),
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
    let mut bench = Bench::new(|config| {
        config.event_log2 = 3;
        config.slot_log2 = 3;
    })?;
    for n in 0..1000_u16 {
        let mut frame = RAW_FRAME;
        frame[18..].copy_from_slice(&n.to_be_bytes());
        bench.far.send(&frame, 0);
        let received = bench.next_rx()?;
        let mut tail = [0; 2];
        bench.nic.read_payload(&received.payload, 18, &mut tail)?;
        assert_eq!(u16::from_be_bytes(tail), n);
    }
    assert_eq!(bench.counter("rx_payloads")?, 1000);
    assert_eq!(bench.counter("events")?, 1000);
    Ok(())
}

#[test]
fn commands_go_through_every_place_of_the_ring() -> Outcome {
    let mut bench = Bench::new(|config| config.command_log2 = 3)?;
    let buffer = bench.nic.allocate(64)?;
    for n in 0..1000_u32 {
        buffer.write(0, &n.to_be_bytes())?;
        assert_eq!(bench.nic.submit(&raw(&buffer, 60))?, n);
        bench.step()?;
        assert_eq!(bench.sent().ok_or("not sent")?[..4], n.to_be_bytes());
        while bench.nic.next_event()?.is_some() {}
    }
    // Nobody asked for a completion; the driver did, every quarter of the ring.
    assert_eq!(bench.counter("events")?, 500);
    assert_eq!(bench.counter("commands")?, 1000);
    assert_eq!(bench.counter("tx_raw")?, 1000);
    Ok(())
}

#[test]
fn frames_without_slot_or_event_are_dropped_and_counted() -> Outcome {
    let mut bench = Bench::new(|config| config.slot_log2 = 3)?;
    for _ in 0..10 {
        bench.far.send(&RAW_FRAME, 0);
    }
    bench.step()?;
    assert_eq!(bench.counter("rx_raw")?, 8);
    assert_eq!(bench.counter("rx_drop_no_slot")?, 2);

    let mut bench = Bench::new(|config| config.event_log2 = 3)?;
    for _ in 0..10 {
        bench.far.send(&RAW_FRAME, 0);
    }
    bench.step()?;
    // Of 8 entries 4 are kept for completions, and a frame may need 2.
    assert_eq!(bench.counter("rx_raw")?, 3);
    assert_eq!(bench.counter("rx_drop_no_event")?, 7);
    bench.check_the_sum_of_frames()?;
    // Read events make room again.
    for _ in 0..3 {
        bench.next_rx()?;
    }
    bench.step()?;
    bench.far.send(&RAW_FRAME, 0);
    bench.next_rx()?;
    Ok(())
}

#[test]
fn a_segment_without_slot_is_reported_as_dropped() -> Outcome {
    let mut bench = Bench::new(|config| {
        config.monitor = true;
        config.slot_log2 = 3;
    })?;
    bench.know_the_golden_flows()?;
    let frame = golden_frame("data of a flow, even length")?;
    for _ in 0..9 {
        bench.far.send(&frame, 0);
    }
    bench.step()?;
    for _ in 0..8 {
        assert_eq!(bench.next_rx()?.verdict, Verdict::Flow);
    }
    let dropped = bench.next_rx()?;
    assert_eq!(dropped.drop_reason, DropReason::NoSlot);
    // What was decoded is there; what is only true of other verdicts is not.
    assert_eq!(dropped.event.src_port, 40000);
    assert_eq!(dropped.event.payload_len_bytes, 4);
    assert_eq!(dropped.event.connection, 0);
    Ok(())
}

#[test]
fn completions_wait_for_room_and_none_is_lost() -> Outcome {
    let mut bench = Bench::new(|config| config.event_log2 = 3)?;
    let command = Command::ListenAdd {
        port: 80,
        want_completion: true,
    };
    for _ in 0..20 {
        bench.nic.submit(&command)?;
    }
    bench.step()?;
    assert_eq!(bench.counter("commands")?, 8, "the NIC waits for room");
    for index in 0..20 {
        let Event::Completion(completion) = bench.next()? else {
            return Err("not a completion".into());
        };
        assert_eq!(completion.command_index, index);
        assert_eq!(completion.opcode, Opcode::ListenAdd);
        assert_eq!(completion.connection, 80);
        assert_eq!(completion.timestamp, START_NS);
    }
    Ok(())
}

#[test]
fn commands_that_cannot_be_carried_out_are_refused_unasked() -> Outcome {
    let mut bench = Bench::new(|_| {})?;
    let buffer = bench.nic.allocate(4096)?;
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
    let bad = [
        raw(&buffer, 13),
        raw(&buffer, 1519),
        Command::Segment(segment(1461)),
        Command::Segment(SegmentCommand {
            has_timestamps: true,
            ..segment(1449)
        }),
        Command::Segment(SegmentCommand {
            connection: 256,
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
            connection: 256,
            ..FlowCommand::default()
        }),
        Command::FlowRemove(FlowCommand {
            connection: 256,
            ..FlowCommand::default()
        }),
    ];
    for command in &bad {
        let completion = complete(&mut bench, command)?;
        assert_eq!(completion.status, Status::BadCommand, "{command:?}");
        assert_eq!(bench.sent(), None, "{command:?}");
    }
    assert_eq!(bench.counter("bad_commands")?, 9);
    assert_eq!(bench.counter("tx_frames")?, 0);

    // The longest that still go.
    for (command, frame_len) in [
        (raw(&buffer, 14), 60),
        (raw(&buffer, 1518), 1518),
        (Command::Segment(segment(1460)), 1514),
        (Command::Segment(all_options), 78),
    ] {
        bench.nic.submit(&command)?;
        bench.step()?;
        let frame = bench.sent().ok_or("not sent")?;
        assert_eq!(frame.len(), frame_len, "{command:?}");
    }
    Ok(())
}

/// A frame made by scapy, from 192.0.2.2:40000 to 192.0.2.1:8080.
fn golden_frame(name: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut lines = include_str!("../golden/rx_frames.tsv").lines();
    let line = lines.find(|line| line.split('\t').next() == Some(name));
    let hex = line
        .and_then(|line| line.split('\t').nth(1))
        .ok_or("no such frame")?;
    let pairs = (0..hex.len()).step_by(2);
    Ok(pairs
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16))
        .collect::<Result<_, _>>()?)
}

#[test]
fn flows_and_listeners_come_and_go() -> Outcome {
    let frame = golden_frame("fin")?;
    let mut bench = Bench::new(|_| {})?;
    let verdict = |bench: &mut Bench| {
        bench.far.send(&frame, 0);
        bench
            .next_rx()
            .map(|received| (received.verdict, received.event.connection))
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

    assert_eq!(verdict(&mut bench)?, (Verdict::Miss, 0));
    assert_eq!(complete(&mut bench, &listen(8080))?.status, Status::Ok);
    assert_eq!(verdict(&mut bench)?, (Verdict::Listen, 0));
    // Without lookup the connection is for sending only.
    let sending = FlowCommand {
        lookup: false,
        ..flow
    };
    complete(&mut bench, &Command::FlowInsert(sending))?;
    assert_eq!(verdict(&mut bench)?, (Verdict::Listen, 0));
    let status = complete(&mut bench, &Command::FlowInsert(flow))?.status;
    assert_eq!(status, Status::Ok);
    assert_eq!(verdict(&mut bench)?, (Verdict::Flow, 255));
    let status = complete(&mut bench, &Command::FlowRemove(flow))?.status;
    assert_eq!(status, Status::Ok);
    assert_eq!(verdict(&mut bench)?, (Verdict::Listen, 0));
    let status = complete(&mut bench, &Command::FlowRemove(flow))?.status;
    assert_eq!(status, Status::NotFound);
    let remove = Command::ListenRemove {
        port: 8080,
        want_completion: true,
    };
    assert_eq!(complete(&mut bench, &remove)?.status, Status::Ok);
    assert_eq!(verdict(&mut bench)?, (Verdict::Miss, 0));

    // A full table says so, and keeps what it has.
    for n in 0..256 {
        let flow = FlowCommand {
            remote_port: 40000 + n,
            ..flow
        };
        let status = complete(&mut bench, &Command::FlowInsert(flow))?.status;
        assert_eq!(status, Status::Ok, "{n}");
    }
    let one_more = FlowCommand {
        remote_port: 1,
        ..flow
    };
    let status = complete(&mut bench, &Command::FlowInsert(one_more))?.status;
    assert_eq!(status, Status::TableFull);
    let status = complete(&mut bench, &Command::FlowInsert(flow))?.status;
    assert_eq!(status, Status::Ok, "it is in the table already");
    assert_eq!(verdict(&mut bench)?, (Verdict::Flow, 255));
    Ok(())
}

#[test]
fn a_payload_that_is_not_mapped_stops_the_queue() -> Outcome {
    let mut bench = Bench::new(|_| {})?;
    let buffer = bench.nic.allocate(4096)?;
    let address = buffer.iova() + 4090;
    let beyond = Command::Raw {
        frame_addr: address,
        frame_len_bytes: 60,
        want_completion: false,
    };
    let completion = complete(&mut bench, &beyond)?;
    assert_eq!(
        (completion.status, completion.address),
        (Status::ReadError, address)
    );
    let Some(Event::Stopped(stopped)) = bench.nic.next_event()? else {
        return Err("not stopped".into());
    };
    let expected = Stopped {
        status: Status::ReadError,
        address,
        timestamp: START_NS,
    };
    assert_eq!(stopped, expected);
    // Nothing more is fetched or delivered.
    bench.nic.submit(&raw(&buffer, 60))?;
    bench.far.send(&RAW_FRAME, 0);
    bench.step()?;
    assert_eq!(bench.nic.next_event()?, None);
    assert_eq!(bench.counter("commands")?, 1);
    assert_eq!(bench.counter("read_errors")?, 1);
    assert_eq!(bench.counter("rx_drop_disabled")?, 1);
    let status = bench.nic.bus().read32(STATUS.offset)?;
    assert_eq!(status & 0b100, 0b100, "STATUS.stopped");
    Ok(())
}

#[test]
fn switched_off_it_drops_and_fetches_nothing() -> Outcome {
    let mut bench = Bench::new(|config| config.monitor = true)?;
    let buffer = bench.nic.allocate(64)?;
    let bus = Arc::clone(bench.nic.bus());
    // Monitor only: frames are dropped as Disabled, and reported.
    bus.write32(CONTROL.offset, 0b1000)?;
    bench.nic.submit(&raw(&buffer, 60))?;
    bench.far.send(&RAW_FRAME, 0);
    assert_eq!(bench.next_rx()?.verdict, Verdict::Drop);
    assert_eq!(bench.sent(), None);
    bus.write32(QUEUE_ENABLE.offset, 0)?;
    bench.far.send(&RAW_FRAME, 0);
    bench.step()?;
    assert_eq!(bench.nic.next_event()?, None);
    assert_eq!(bench.counter("rx_drop_disabled")?, 2);
    Ok(())
}

#[test]
fn a_nic_can_be_opened_again_even_after_an_error() -> Outcome {
    let (near, mut far) = Cable::pair(0);
    let bus = Arc::new(ReferenceNic::new(Box::new(near), Clock::simulated(0))?);
    let config = NicConfig::new(MAC, [192, 0, 2, 1].into(), 1);
    for _ in 0..3 {
        let mut nic = Nic::open(bus.clone(), &config)?;
        let second = Nic::open(bus.clone(), &config);
        assert!(matches!(second, Err(DriverError::InUse)));
        for _ in 0..5 {
            far.send(&RAW_FRAME, 0);
            nic.bus().relax();
            assert!(matches!(nic.next_event()?, Some(Event::Rx(_))));
        }
        nic.submit(&Command::Raw {
            frame_addr: 0x10,
            frame_len_bytes: 60,
            want_completion: false,
        })?;
        nic.flush()?;
        nic.bus().relax();
        assert!(matches!(nic.next_event()?, Some(Event::Completion(_))));
        assert!(matches!(nic.next_event()?, Some(Event::Stopped(_))));
        nic.close()?;
    }
    Ok(())
}
