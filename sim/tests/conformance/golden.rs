//! Frames made by scapy (golden/make_frames.py): what the NIC says of them, and what it sends.

use std::collections::BTreeMap;
use std::error::Error;

use handclasp_driver::{Command, DmaRegion, Event, Nic, Received};
use handclasp_layout::queue::{DropReason, FlowCommand, RxEvent, SegmentCommand, Verdict};
use handclasp_wires::Wire;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{open, SPOILED_FRAMES};
use crate::rig::{flow, golden_frames, unhex, Outcome};

const RX_FRAMES: &str = include_str!("../golden/rx_frames.tsv");
const TX_FRAMES: &str = include_str!("../golden/tx_frames.tsv");

type Said<'a> = BTreeMap<&'a str, String>;

struct Golden {
    name: &'static str,
    frame: Vec<u8>,
    expected: Said<'static>,
}

fn golden() -> Result<Vec<Golden>, Box<dyn Error>> {
    let mut golden = Vec::new();
    for ((name, frame), line) in golden_frames()?.into_iter().zip(RX_FRAMES.lines()) {
        let said = line.split('\t').nth(2).ok_or("a column is missing")?;
        let pairs = said.split(' ').map(|pair| pair.split_once('='));
        let expected = pairs
            .map(|pair| pair.map(|(key, value)| (key, value.to_owned())))
            .collect::<Option<_>>()
            .ok_or("not key=value")?;
        // A MAC delivers no empty frames.
        if !frame.is_empty() {
            golden.push(Golden {
                name,
                frame,
                expected,
            });
        }
    }
    Ok(golden)
}

/// What an event says, in the words of the golden file.
fn said(received: &Received) -> Said<'static> {
    let event = &received.event();
    let verdict = match received.verdict {
        Verdict::Flow => "flow".into(),
        Verdict::Listen => "listen".into(),
        Verdict::Miss => "miss".into(),
        Verdict::Raw => "raw".into(),
        Verdict::Drop => format!("drop:{:?}", received.drop_reason),
    };
    let mut said = Said::from([
        ("verdict", verdict),
        ("frame_len", event.frame_len_bytes.to_string()),
    ]);
    let mut say = |key, value: u64| said.insert(key, value.to_string());
    if event.has_vlan {
        say("vlan", event.vlan_tci.into());
    }
    if let Some(address) = received.address() {
        say("src", address.src_ip.into());
        say("dst", address.dst_ip.into());
        if event.is_tcp {
            say("sport", address.src_port.into());
            say("dport", address.dst_port.into());
        }
    }
    if event.is_ipv4 {
        say("proto", event.ip_proto.into());
        say("tos", event.tos.into());
        say("ip_ok", event.ip_checksum_ok.into());
    }
    if event.is_tcp {
        say("seq", event.seq.into());
        say("ack", event.ack.into());
        say("flags", event.tcp_flags.into());
        say("window", event.window.into());
        say("urgent", event.urgent.into());
        say("tcp_ok", event.tcp_checksum_ok.into());
        say("sackok", event.has_sack_permitted.into());
        let or_dash = |has: bool, text: String| if has { text } else { "-".into() };
        said.insert("mss", or_dash(event.has_mss, event.mss.to_string()));
        let shift = event.window_scale.to_string();
        said.insert("ws", or_dash(event.has_window_scale, shift));
        let ts = format!("{}:{}", event.ts_val, event.ts_ecr);
        said.insert("ts", or_dash(event.has_timestamps, ts));
        let blocks = received.sack_blocks().iter();
        let blocks = blocks.map(|block| format!("{}-{}", block.left, block.right));
        let blocks = blocks.collect::<Vec<_>>().join(",");
        said.insert("sack", or_dash(event.sack_count > 0, blocks));
    }
    if event.is_tcp || received.verdict == Verdict::Raw {
        said.insert("payload_len", event.payload_len_bytes.to_string());
    }
    if event.bad_options {
        said.insert("bad_options", "1".into());
    }
    said
}

/// A field whose `has_` or `is_` bit is clear is zero.
fn check_zeros(name: &str, event: &RxEvent) {
    let mut zeroed = *event;
    if !event.is_ipv4 {
        (zeroed.ip_proto, zeroed.tos) = (0, 0);
        zeroed.ip_checksum_ok = false;
    }
    if !event.is_tcp {
        (zeroed.rss_hash, zeroed.seq, zeroed.ack) = (0, 0, 0);
        (zeroed.tcp_flags, zeroed.window, zeroed.urgent) = (0, 0, 0);
        (
            zeroed.tcp_checksum_ok,
            zeroed.has_mss,
            zeroed.has_window_scale,
        ) = (false, false, false);
        (zeroed.has_sack_permitted, zeroed.has_timestamps) = (false, false);
        (zeroed.bad_options, zeroed.sack_count) = (false, 0);
        if event.verdict != Verdict::Raw as u8 {
            zeroed.payload_len_bytes = 0;
        }
    }
    if !zeroed.has_mss {
        zeroed.mss = 0;
    }
    if !zeroed.has_window_scale {
        zeroed.window_scale = 0;
    }
    if !zeroed.has_timestamps {
        (zeroed.ts_val, zeroed.ts_ecr) = (0, 0);
    }
    if !zeroed.has_vlan {
        zeroed.vlan_tci = 0;
    }
    if !zeroed.has_slot {
        zeroed.slot = 0;
    }
    if event.verdict != Verdict::Flow as u8 {
        zeroed.connection = 0;
    }
    assert_eq!(*event, zeroed, "{name}");
}

fn payload(nic: &Nic, received: &Received) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut payload = vec![0; received.payload.len_bytes()];
    nic.read_payload(&received.payload, 0, &mut payload)?;
    Ok(payload)
}

#[test]
fn every_frame_is_decoded_as_scapy_does_and_judged_as_the_datasheet_says() -> Outcome {
    let mut rig = open(|config| config.monitor = true)?;
    rig.know_the_golden_flows()?;
    for Golden {
        name,
        frame,
        mut expected,
    } in golden()?
    {
        rig.far.send(&frame, 0);
        rig.step()?;
        let event = rig.nic.next_event()?;
        let Some(Event::Rx(received)) = event else {
            return Err(format!("{name}: {event:?}").into());
        };
        let payload_at = expected.remove("payload_at");
        let mut connection = 7;
        if expected["verdict"] == "flow" {
            // The host knows a connection's addresses by its id.
            let address = ["src", "dst", "sport", "dport"].map(|key| expected.remove(key));
            if address[3].as_deref() == Some("80") {
                connection = 8;
            }
        }
        assert_eq!(said(&received), expected, "{name}");
        let event = received.event();
        check_zeros(name, &event);
        let timestamp = event.timestamp;
        assert!(rig.is_of_last_step(timestamp), "{name}: {timestamp}");
        let bytes = match payload_at {
            Some(at) => {
                let at: usize = at.parse()?;
                &frame[at..at + event.payload_len_bytes as usize]
            }
            None => &[],
        };
        assert_eq!(payload(&rig.nic, &received)?, bytes, "{name}");
        if received.verdict == Verdict::Flow {
            assert_eq!(event.connection, connection, "{name}");
        }
        assert_eq!(rig.nic.next_event()?, None, "{name}");
    }
    rig.check_the_sum_of_frames()
}

#[test]
fn without_monitor_mode_drops_are_only_counted() -> Outcome {
    let mut rig = open(|_| {})?;
    rig.know_the_golden_flows()?;
    let mut drops = BTreeMap::new();
    for golden in golden()? {
        rig.far.send(&golden.frame, 0);
        rig.step()?;
        let event = rig.nic.next_event()?;
        match golden.expected["verdict"].split_once(':') {
            Some((_, reason)) => {
                assert_eq!(event, None, "{}", golden.name);
                *drops.entry(reason.to_owned()).or_insert(0) += 1;
            }
            None => assert!(event.is_some(), "{}", golden.name),
        }
    }
    // BadFrame, FifoOverflow, NoSlot, NoEvent and Disabled do not come from a frame's bytes.
    assert_eq!(drops.len(), 10);
    for (index, code) in DropReason::CODES.iter().enumerate().skip(1) {
        let count = rig.nic.counters()?[index].1;
        let expected = drops.get(code.name).copied().unwrap_or(0);
        assert_eq!(count, expected, "{}", code.name);
    }
    rig.check_the_sum_of_frames()
}

#[test]
fn promiscuous_mode_takes_frames_for_others() -> Outcome {
    let mut rig = open(|config| {
        config.monitor = true;
        config.promiscuous = true;
    })?;
    rig.know_the_golden_flows()?;
    let mut taken = 0;
    for golden in golden()? {
        rig.far.send(&golden.frame, 0);
        rig.step()?;
        let Some(Event::Rx(received)) = rig.nic.next_event()? else {
            continue;
        };
        let reason = received.drop_reason;
        let filtered = [DropReason::MacFilter, DropReason::IpFilter];
        assert!(!filtered.contains(&reason), "{}", golden.name);
        if ["drop:MacFilter", "drop:IpFilter"].contains(&golden.expected["verdict"].as_str()) {
            taken += 1;
            let expected = match golden.name {
                "another's mac" | "multicast" => Verdict::Flow,
                "another's ip" => Verdict::Miss,
                "another's ip and a fragment" => Verdict::Drop,
                _ => Verdict::Raw,
            };
            assert_eq!(received.verdict, expected, "{}", golden.name);
        }
    }
    assert_eq!(taken, 6);
    Ok(())
}

/// The commands of make_frames.py, by name.
fn command(name: &str, buffer: &DmaRegion) -> Result<SegmentCommand, Box<dyn Error>> {
    use handclasp_layout::header::tcp_flags::*;
    let with_ts = SegmentCommand {
        seq: 5,
        ack: 6,
        tcp_flags: ACK,
        window: 3,
        has_timestamps: true,
        ts_val: 0x0102_0304,
        ts_ecr: 0xfffe_fdfc,
        ..SegmentCommand::default()
    };
    let mut payload: Vec<u8> = Vec::new();
    let mut command = match name {
        "ack" => SegmentCommand {
            seq: 1,
            ack: 2,
            tcp_flags: ACK,
            window: 0xffff,
            ..SegmentCommand::default()
        },
        "syn" => SegmentCommand {
            seq: 0xffff_fffe,
            ack: 0,
            tcp_flags: SYN,
            window: 64240,
            has_mss: true,
            mss: 1460,
            has_window_scale: true,
            window_scale: 7,
            has_sack_permitted: true,
            ..with_ts
        },
        "data" => {
            payload = (100..=200).collect();
            SegmentCommand {
                tcp_flags: PSH | ACK,
                ..with_ts
            }
        }
        "full" => {
            payload = (0..1448).map(|i| (i * 31) as u8).collect();
            with_ts
        }
        "one block" => SegmentCommand {
            has_timestamps: false,
            sack_count: 1,
            sack0_left: 1,
            sack0_right: 2,
            // Not sent: there is one block only.
            sack1_left: 3,
            ..with_ts
        },
        "three blocks" => {
            payload = b"!".to_vec();
            SegmentCommand {
                sack_count: 3,
                sack0_left: 1,
                sack0_right: 2,
                sack1_left: 3,
                sack1_right: 4,
                sack2_left: 0xffff_ffff,
                sack2_right: 6,
                ..with_ts
            }
        }
        "tagged" => {
            payload = b"vlan".to_vec();
            SegmentCommand {
                connection: 1,
                has_timestamps: false,
                tcp_flags: 0x1ff,
                ..with_ts
            }
        }
        other => return Err(format!("no command {other}").into()),
    };
    // Any alignment will do.
    buffer.write(13, &payload)?;
    command.payload_addr = buffer.iova() + 13;
    command.payload_len_bytes = payload.len() as u32;
    Ok(command)
}

#[test]
fn segments_are_built_byte_for_byte_as_scapy_builds_them() -> Outcome {
    let mut rig = open(|_| {})?;
    let buffer = rig.nic.allocate(4096)?;
    rig.nic.submit(&Command::FlowInsert(flow(40000, 8080)))?;
    rig.nic.submit(&Command::FlowInsert(FlowCommand {
        connection: 1,
        has_vlan: true,
        vlan_tci: 0xb123,
        tos: 0x2e << 2,
        ttl: 1,
        ..flow(40000, 8080)
    }))?;
    for line in TX_FRAMES.lines() {
        let (name, hex) = line.split_once('\t').ok_or("a column is missing")?;
        let command = command(name, &buffer)?;
        rig.nic.submit(&Command::Segment(command))?;
        rig.step()?;
        let frame = rig.sent().ok_or_else(|| format!("{name}: not sent"))?;
        assert_eq!(frame, unhex(hex)?, "{name}");
    }
    assert_eq!(rig.counter("tx_segments")?, 7);
    assert_eq!(rig.counter("tx_frames")?, 7);
    Ok(())
}

/// Frames with bytes spoiled, cut and extended: never a panic, never an event that the driver sees through, and the
/// counters add up.
#[test]
fn spoiled_frames_do_no_harm() -> Outcome {
    let mut rig = open(|config| config.monitor = true)?;
    rig.know_the_golden_flows()?;
    let golden = golden()?;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..SPOILED_FRAMES {
        let mut frame = golden[random.random_range(0..golden.len())].frame.clone();
        for _ in 0..random.random_range(0..4) {
            if !frame.is_empty() {
                // Mostly headers.
                let end = frame.len().min(100);
                frame[random.random_range(0..end)] = random.random();
            }
        }
        match random.random_range(0..8) {
            0 => frame.truncate(random.random_range(1..=frame.len())),
            1 => frame.resize(frame.len() + random.random_range(0..64), 0xa5),
            _ => {}
        }
        rig.far.send(&frame, 0);
        rig.step()?;
        while let Some(event) = rig.nic.next_event()? {
            let Event::Rx(received) = event else {
                return Err(format!("{event:?}").into());
            };
            check_zeros("spoiled", &received.event());
            assert!(payload(&rig.nic, &received)?.len() <= frame.len());
        }
    }
    assert_eq!(rig.counter("rx_frames")?, SPOILED_FRAMES);
    rig.check_the_sum_of_frames()
}
