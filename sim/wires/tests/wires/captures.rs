//! Captures, with bytes by hand and tshark as the other opinion.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use handclasp_wires::cable::Cable;
use handclasp_wires::capture::{Capture, CaptureFile};
use handclasp_wires::pcap::{CaptureError, CaptureReader, Replay};
use handclasp_wires::Wire;

use crate::drain;

type Outcome = Result<(), Box<dyn Error>>;

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Result<Self, Box<dyn Error>> {
        let name = format!("handclasp-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn with(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.file(name);
        fs::write(&path, bytes)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The check needs tshark: without it the test fails, since its verdict would be worth nothing.
fn tshark(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Program::new("tshark")
        .args(arguments)
        .output()
        .map_err(|error| format!("tshark cannot be run ({error}): install the package tshark"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn read(path: impl AsRef<Path>) -> Result<Vec<(u64, Vec<u8>)>, CaptureError> {
    let mut reader = CaptureReader::open(path)?;
    let mut frames = Vec::new();
    let mut frame = Vec::new();
    while let Some(captured) = reader.next(&mut frame)? {
        frames.push((captured.time_ns, frame.clone()));
    }
    Ok(frames)
}

/// An Ethernet frame of this length with ethertype 0x88b5 (IEEE 802: local experiments).
fn frame(len: usize, seed: u8) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5];
    frame.extend((14..len).map(|i| (i as u8).wrapping_mul(seed)));
    frame
}

/// A pcap file of two frames, by hand: magic, version 2.4, zone, accuracy, snapshot length, link type 1; then for each
/// frame seconds, fraction, captured and original length.
fn pcap(magic: u32, order: fn(u32) -> [u8; 4], link: u32) -> Vec<u8> {
    let version = if order(1) == 1_u32.to_le_bytes() {
        [2, 0, 4, 0]
    } else {
        [0, 2, 0, 4]
    };
    let mut bytes = [
        order(magic),
        version,
        order(0),
        order(0),
        order(64),
        order(link),
    ]
    .concat();
    for (seconds, fraction, data) in [(1, 2, &b"first frame..."[..]), (3, 999_999, b"second")] {
        let len = data.len() as u32;
        for number in [seconds, fraction, len, len + 100] {
            bytes.extend(order(number));
        }
        bytes.extend(data);
    }
    bytes
}

#[test]
fn both_orders_and_both_units_of_pcap_are_read() -> Outcome {
    let folder = Folder::new("pcap")?;
    for (magic, order, unit) in [
        (0xa1b2_c3d4, u32::to_le_bytes as fn(u32) -> [u8; 4], 1000),
        (0xa1b2_c3d4, u32::to_be_bytes, 1000),
        (0xa1b2_3c4d, u32::to_le_bytes, 1),
        (0xa1b2_3c4d, u32::to_be_bytes, 1),
    ] {
        let path = folder.with("file.pcap", &pcap(magic, order, 1))?;
        let expected = [
            (1_000_000_000 + 2 * unit, b"first frame...".to_vec()),
            (3_000_000_000 + 999_999 * unit, b"second".to_vec()),
        ];
        assert_eq!(read(path)?, expected);
    }
    Ok(())
}

/// A pcapng block: type, length, body, length again.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes(), &len, body, &len].concat()
}

/// A pcapng file by hand with one frame at this many ticks; `resolution` is if_tsresol.
fn pcapng(resolution: Option<u8>, ticks: u64, link: u8) -> Vec<u8> {
    let section = [
        &0x1a2b_3c4d_u32.to_le_bytes()[..],
        &[1, 0, 0, 0],
        &[0xff; 8],
    ]
    .concat();
    let mut interface = vec![link, 0, 0, 0, 0, 0, 0, 0];
    if let Some(resolution) = resolution {
        interface.extend([9, 0, 1, 0, resolution, 0, 0, 0, 0, 0, 0, 0]);
    }
    let mut packet = vec![0, 0, 0, 0];
    packet.extend(((ticks >> 32) as u32).to_le_bytes());
    packet.extend((ticks as u32).to_le_bytes());
    packet.extend([5, 0, 0, 0, 5, 0, 0, 0]);
    packet.extend(b"frame\0\0\0");
    [
        block(0x0a0d_0d0a, &section),
        block(1, &interface),
        block(6, &packet),
    ]
    .concat()
}

#[test]
fn pcapng_times_are_read_in_every_resolution() -> Outcome {
    let folder = Folder::new("pcapng")?;
    for (resolution, ticks, expected_ns) in [
        (None, 1_500_001, 1_500_001_000),
        (Some(6), 1_500_001, 1_500_001_000),
        (
            Some(9),
            1_234_567_890_123_456_789,
            1_234_567_890_123_456_789,
        ),
        (Some(3), 2, 2_000_000),
        (Some(0), 7, 7_000_000_000),
        // Powers of 2, as hardware clocks have.
        (Some(0x80 + 10), 1024 + 256, 1_250_000_000),
        (Some(0x80 + 32), 1 << 31, 500_000_000),
        // So fine that no time is left of it.
        (Some(127), u64::MAX, 0),
        (Some(255), u64::MAX, 0),
    ] {
        let path = folder.with("file.pcapng", &pcapng(resolution, ticks, 1))?;
        assert_eq!(
            read(path)?,
            [(expected_ns, b"frame".to_vec())],
            "{resolution:?}"
        );
    }
    Ok(())
}

/// Each interface has its own unit and offset; tshark is the other opinion.
#[test]
fn pcapng_times_are_those_that_tshark_shows() -> Outcome {
    let folder = Folder::new("times")?;
    for order in [u32::to_le_bytes as fn(u32) -> [u8; 4], u32::to_be_bytes] {
        let is_big_endian = order(1) == [0, 0, 0, 1];
        let two = |first: u16, second: u16| {
            let (first, second) = (u32::from(first), u32::from(second));
            order(if is_big_endian {
                first << 16 | second
            } else {
                second << 16 | first
            })
        };
        let block = |kind: u32, body: &[u8]| {
            let len = order(body.len() as u32 + 12);
            [&order(kind), &len, body, &len].concat()
        };
        let section = [&order(0x1a2b_3c4d)[..], &two(1, 0), &[0xff; 8]].concat();
        let mut file = block(0x0a0d_0d0a, &section);
        // if_tsresol, and if_tsoffset in seconds.
        let interfaces = [
            (6_u8, 0_i64),
            (9, 1_000_000_000),
            (3, -1_000_000),
            (0x80 + 20, 1_600_000_000),
        ];
        for (resolution, offset_s) in interfaces {
            let offset = if is_big_endian {
                offset_s.to_be_bytes()
            } else {
                offset_s.to_le_bytes()
            };
            let body = [
                &two(1, 0)[..],
                &order(0),
                &two(9, 1),
                &[resolution, 0, 0, 0],
                &two(14, 8),
                &offset,
                &two(0, 0),
            ]
            .concat();
            file.extend(block(1, &body));
        }
        for interface in 0..interfaces.len() as u32 {
            for ticks in [1_u64, 1_700_000_000_123, 0x1_0000_0000] {
                let body: Vec<u8> = [interface, (ticks >> 32) as u32, ticks as u32, 16, 16]
                    .into_iter()
                    .flat_map(order)
                    .chain([0; 16])
                    .collect();
                file.extend(block(6, &body));
            }
        }
        let path = folder.with("times.pcapng", &file)?;
        let name = path.to_str().ok_or("a strange path")?;
        let theirs = tshark(&["-r", name, "-T", "fields", "-e", "frame.time_epoch"])?;
        let ours = read(&path)?;
        assert_eq!(ours.len(), 3 * interfaces.len());
        for (frame, (line, (time_ns, _))) in theirs.lines().zip(&ours).enumerate() {
            // Times before 1970 are 0 to us.
            let ns = time_ns.to_string();
            let theirs = match line.strip_prefix('-') {
                Some(_) => "0".to_owned(),
                None => line.replace('.', "").trim_start_matches('0').to_owned(),
            };
            assert_eq!(ns, theirs, "frame {}: {line}", frame + 1);
        }
    }
    Ok(())
}

#[test]
fn a_replay_passes_over_frames_that_no_nic_can_be_given() -> Outcome {
    let folder = Folder::new("mixed")?;
    // A frame of another link type between two sections' frames of Ethernet.
    let sections = [1, 101, 1].map(|link| pcapng(Some(9), 5, link));
    let mut replay = Replay::open(folder.with("mixed.pcapng", &sections.concat())?)?;
    assert_eq!(drain(&mut replay, 0), [b"frame", b"frame"]);
    assert!(replay.error().is_none());
    Ok(())
}

#[test]
fn what_is_no_capture_of_ethernet_says_so() -> Outcome {
    let folder = Folder::new("refused")?;
    for bytes in [
        pcap(0xa1b2_c3d4, u32::to_le_bytes, 101),
        pcapng(None, 0, 101),
    ] {
        let path = folder.with("raw-ip", &bytes)?;
        assert!(matches!(read(&path), Err(CaptureError::NotEthernet { .. })));
    }
    let missing = read(folder.file("missing"));
    assert!(matches!(missing, Err(CaptureError::File { .. })));
    for bytes in [
        &b""[..],
        b"abc",
        b"not a capture at all, but long enough to be one",
    ] {
        let path = folder.with("text", bytes)?;
        let error = read(&path).expect_err("no capture").to_string();
        assert!(error.contains("pcap") && error.contains("text"), "{error}");
    }
    let mut cut = pcap(0xa1b2_c3d4, u32::to_le_bytes, 1);
    cut.truncate(cut.len() - 3);
    let path = folder.with("cut", &cut)?;
    assert!(matches!(
        read(&path),
        Err(CaptureError::Cut { frames: 1, .. })
    ));
    Ok(())
}

#[test]
fn damaged_captures_end_in_errors_not_panics() -> Outcome {
    use rand::{Rng, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let folder = Folder::new("damaged")?;
    let (mut whole, mut refused) = (0, 0);
    let good = [
        pcap(0xa1b2_c3d4, u32::to_le_bytes, 1),
        pcap(0xa1b2_3c4d, u32::to_be_bytes, 1),
        pcapng(Some(9), 12345, 1),
    ];
    for _ in 0..500 {
        let mut bytes = good[random.random_range(0..good.len())].clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        if random.random_bool(0.2) {
            bytes.truncate(random.random_range(0..bytes.len()));
        }
        match read(folder.with("damaged", &bytes)?) {
            Ok(_) => whole += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(whole > 20 && refused > 20, "{whole} {refused}");
    Ok(())
}

#[test]
fn tshark_reads_what_is_captured() -> Outcome {
    let folder = Folder::new("captured")?;
    let path = folder.file("wire.pcapng");
    let (near, mut far) = Cable::pair(0);
    let file = CaptureFile::create(&path, 1_700_000_000_000_000_000)?;
    let mut wire = Capture::new(near, file.clone());
    let frames = [frame(14, 1), frame(60, 3), frame(1514, 5), frame(61, 7)];
    far.send(&frames[0], 0);
    assert_eq!(drain(&mut wire, 1), frames[..1]);
    wire.send(&frames[1], 999_999_999);
    wire.send(&frames[2], 1_000_000_001);
    far.send(&frames[3], 0);
    assert_eq!(drain(&mut wire, 2_000_000_002), frames[3..]);
    assert_eq!(
        drain(&mut far, u64::MAX),
        frames[1..3],
        "the wire still carries them"
    );
    assert_eq!(file.finish()?, 4);

    let name = path.to_str().ok_or("a strange path")?;
    let fields = [
        "frame.time_epoch",
        "frame.len",
        "frame.packet_flags_direction",
        "eth.type",
    ];
    let mut arguments = vec!["-r", name, "-T", "fields"];
    arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
    let rows = tshark(&arguments)?;
    let rows: Vec<Vec<&str>> = rows.lines().map(|row| row.split('\t').collect()).collect();
    // 1: inbound, 2: outbound.
    let expected = [
        ["1700000000.000000001", "14", "1", "0x88b5"],
        ["1700000000.999999999", "60", "2", "0x88b5"],
        ["1700000001.000000001", "1514", "2", "0x88b5"],
        ["1700000002.000000002", "61", "1", "0x88b5"],
    ];
    for (row, expected) in rows.iter().zip(expected) {
        let flags = u32::from_str_radix(row[2].trim_start_matches("0x"), 16)?.to_string();
        assert_eq!([row[0], row[1], &flags, row[3]], expected);
    }
    assert_eq!(rows.len(), 4);

    // tshark writes the same frames in other formats; each is read back the same, but for what microseconds lose.
    let times = [1, 999_999_999, 1_000_000_001, 2_000_000_002];
    for (format, unit) in [("pcapng", 1), ("nsecpcap", 1), ("pcap", 1000)] {
        let copy = folder.file(format);
        let copy = copy.to_str().ok_or("a strange path")?;
        tshark(&["-r", name, "-F", format, "-w", copy])?;
        let read = read(copy)?;
        assert_eq!(read.len(), 4);
        for ((time, frame), (read_time, read_frame)) in times.iter().zip(&frames).zip(&read) {
            let time = 1_700_000_000_000_000_000 + time;
            assert_eq!(
                (time / unit * unit, frame),
                (*read_time, read_frame),
                "{format}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_capture_that_cannot_be_written_says_so() -> Outcome {
    let folder = Folder::new("unwritable")?;
    let missing = CaptureFile::create(folder.file("no-such-folder/wire.pcapng"), 0);
    assert!(matches!(missing, Err(CaptureError::File { .. })));
    // Full: the kernel's device for that.
    let full = CaptureFile::create("/dev/full", 0)?;
    full.write(
        &frame(1000, 1),
        0,
        handclasp_wires::capture::Direction::Inbound,
    );
    assert!(matches!(full.finish(), Err(CaptureError::File { .. })));
    Ok(())
}

#[test]
fn a_replay_keeps_the_recorded_spacing() -> Outcome {
    let folder = Folder::new("replay")?;
    let path = folder.with("file.pcap", &pcap(0xa1b2_3c4d, u32::to_le_bytes, 1))?;
    let mut replay = Replay::open(path)?;
    replay.send(b"lost", 0);
    // The first frame comes when first asked for, the second 2.000999997 s later.
    assert_eq!(drain(&mut replay, 5_000), [b"first frame..."]);
    let due = 5_000 + 2_000_999_997;
    assert_eq!(replay.deadline(), Some(due));
    assert!(drain(&mut replay, due - 1).is_empty());
    assert_eq!(drain(&mut replay, due), [b"second"]);
    assert_eq!(replay.deadline(), None);
    assert!(replay.error().is_none());

    let mut cut = pcap(0xa1b2_3c4d, u32::to_le_bytes, 1);
    cut.truncate(cut.len() - 1);
    let mut replay = Replay::open(folder.with("cut.pcap", &cut)?)?;
    assert_eq!(drain(&mut replay, u64::MAX).len(), 1);
    assert!(replay.error().is_some());
    Ok(())
}
