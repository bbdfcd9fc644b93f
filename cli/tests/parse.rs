//! `handclasp parse` against tshark, an independent dissector, on frames of the Linux kernel and of scapy.
//!
//! What is compared is decided by what tshark says of a frame, never by what we say of it, but for the frames that only
//! the letter of a standard calls broken: those are looked at here, byte by byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Fields that tshark is asked for, in this order.
const FIELDS: [&str; 22] = [
    "frame.number",
    "vlan.id",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.sack_perm",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
    "tcp.len",
    "ip.checksum.status",
    "tcp.checksum.status",
    "tcp.options",
];

/// Our columns whose text is that of a field of tshark's: those of IPv4, then those of TCP.
const COLUMNS: [(&str, &str); 10] = [
    ("src", "ip.src"),
    ("dst", "ip.dst"),
    ("proto", "ip.proto"),
    ("sport", "tcp.srcport"),
    ("dport", "tcp.dstport"),
    ("seq", "tcp.seq_raw"),
    ("ack", "tcp.ack_raw"),
    ("flags", "tcp.flags"),
    ("window", "tcp.window_size_value"),
    ("payload_len", "tcp.len"),
];

/// A frame as tshark sees it, by field.
type Dissected = BTreeMap<&'static str, String>;

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures")
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| {
            panic!("{program} cannot be run ({error}): `make deps-test` installs it")
        });
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn tshark(file: &str) -> Vec<Dissected> {
    let mut arguments = vec!["-r", file, "-n", "-T", "fields", "-E", "separator=/t"];
    for option in [
        "ip.check_checksum:TRUE",
        "tcp.check_checksum:TRUE",
        "ip.defragment:FALSE",
        "tcp.relative_sequence_numbers:FALSE",
        "tcp.desegment_tcp_streams:FALSE",
        "tcp.analyze_sequence_numbers:FALSE",
    ] {
        arguments.extend(["-o", option]);
    }
    for field in FIELDS {
        arguments.extend(["-e", field]);
    }
    run("tshark", &arguments)
        .lines()
        .map(|line| {
            FIELDS
                .into_iter()
                .zip(line.split('\t').map(str::to_owned))
                .collect()
        })
        .collect()
}

fn handclasp(file: &str, width: &str) -> Vec<BTreeMap<String, String>> {
    let table = run(
        env!("CARGO_BIN_EXE_handclasp"),
        &["parse", file, "--width", width],
    );
    let mut lines = table.lines();
    let names: Vec<_> = lines
        .next()
        .unwrap()
        .split('\t')
        .map(str::to_owned)
        .collect();
    assert_eq!(
        names.join(" "),
        "frame verdict vlan src dst proto sport dport seq ack flags window options payload_len ip_csum tcp_csum"
    );
    lines
        .map(|line| {
            let values: Vec<_> = line.split('\t').map(str::to_owned).collect();
            assert_eq!(values.len(), names.len(), "{line}");
            names.iter().cloned().zip(values).collect()
        })
        .collect()
}

/// Our options column out of tshark's fields.
fn options(frame: &Dissected) -> String {
    let mut items = Vec::new();
    for (field, name) in [
        ("tcp.options.mss_val", "mss"),
        ("tcp.options.wscale.shift", "ws"),
    ] {
        if !frame[field].is_empty() {
            items.push(format!("{name}={}", frame[field]));
        }
    }
    if !frame["tcp.options.sack_perm"].is_empty() {
        items.push("sackok".into());
    }
    let (value, echo) = (
        &frame["tcp.options.timestamp.tsval"],
        &frame["tcp.options.timestamp.tsecr"],
    );
    if !value.is_empty() {
        items.push(format!("ts={value}:{echo}"));
    }
    let (left, right) = (&frame["tcp.options.sack_le"], &frame["tcp.options.sack_re"]);
    if !left.is_empty() {
        let blocks = left.split(',').zip(right.split(','));
        items.extend(blocks.map(|(left, right)| format!("sack={left}-{right}")));
    }
    if items.is_empty() {
        "-".into()
    } else {
        items.join(",")
    }
}

/// Whether options have an illegal length, by RFC 9293 3.1 and the RFCs of the options; read from the bytes.
fn has_illegal_length(hex: &str) -> bool {
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let mut rest = &bytes[..];
    loop {
        match rest {
            [] | [0, ..] => return false,
            [1, tail @ ..] => rest = tail,
            [_] => return true,
            [kind, len, ..] => {
                let len = usize::from(*len);
                let legal = match kind {
                    2 => len == 4,
                    3 => len == 3,
                    4 => len == 2,
                    5 => matches!(len, 10 | 18 | 26 | 34),
                    8 => len == 10,
                    _ => len >= 2,
                };
                if !legal || len > rest.len() {
                    return true;
                }
                rest = &rest[len..];
            }
        }
    }
}

/// Compares every frame; returns how many had each verdict.
fn compare(file: &Path, width: &str) -> BTreeMap<String, usize> {
    let file = file.to_str().unwrap();
    let (theirs, ours) = (tshark(file), handclasp(file, width));
    assert_eq!(theirs.len(), ours.len(), "{file}: a row a frame");
    let mut verdicts = BTreeMap::new();
    for (tshark, row) in theirs.iter().zip(&ours) {
        let case = || format!("{file} at W = {width}:\n{row:?}\n{tshark:?}");
        assert_eq!(row["frame"], tshark["frame.number"], "{}", case());
        *verdicts.entry(row["verdict"].clone()).or_default() += 1;
        let first = |field: &str| {
            tshark[field]
                .split(',')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        if row["vlan"] != "-" {
            assert_eq!(row["vlan"], first("vlan.id"), "{}", case());
        }
        // Two tags are more than we decode; an address that tshark does not show is no header to it.
        if tshark["vlan.id"].contains(',')
            || tshark["ip.src"].is_empty()
            || row["verdict"] == "drop:ip_header"
        {
            continue;
        }
        for (column, field) in &COLUMNS[..3] {
            assert_eq!(row[*column], first(field), "{column}: {}", case());
        }
        let status = |field: &str| match &first(field)[..] {
            "1" => "ok",
            "0" => "bad",
            _ => "unknown",
        };
        assert_eq!(row["ip_csum"], status("ip.checksum.status"), "{}", case());
        // tshark dissects a first fragment as far as it goes; a header that it gives up on has no flags.
        if tshark["tcp.srcport"].is_empty() || row["verdict"] == "drop:fragment" {
            continue;
        }
        // With a wrong checksum the IP header's lengths may be anything: without a length there is no segment.
        if tshark["tcp.len"].is_empty() && row["verdict"] == "drop:ip_checksum" {
            assert_eq!(row["tcp_csum"], "-", "{}", case());
            continue;
        }
        if tshark["tcp.flags"].is_empty() || row["verdict"] == "drop:tcp_header" {
            let verdicts = ["drop:tcp_header", "drop:ip_checksum"];
            assert!(verdicts.contains(&&row["verdict"][..]), "{}", case());
            assert_eq!(row["tcp_csum"], "-", "{}", case());
            continue;
        }
        for (column, field) in &COLUMNS[3..] {
            assert_eq!(row[*column], first(field), "{column}: {}", case());
        }
        assert_eq!(row["tcp_csum"], status("tcp.checksum.status"), "{}", case());
        let illegal = has_illegal_length(&tshark["tcp.options"]);
        if !illegal {
            assert_eq!(row["options"], options(tshark), "{}", case());
        }
        let expected = match (&row["ip_csum"][..], &row["tcp_csum"][..], illegal) {
            ("bad", _, _) => "drop:ip_checksum",
            (_, "bad", _) => "drop:tcp_checksum",
            (_, _, true) => "drop:tcp_options",
            _ => "miss",
        };
        assert_eq!(row["verdict"], expected, "{}", case());
    }
    verdicts
}

#[test]
fn the_kernels_frames_are_decoded_as_tshark_does() {
    for width in ["64", "512"] {
        let verdicts = compare(&captures().join("kernel.pcap"), width);
        assert_eq!(
            verdicts["miss"], 86,
            "the TCP segments in the capture: {verdicts:?}"
        );
        assert_eq!(verdicts.keys().collect::<Vec<_>>(), ["miss", "raw"]);
    }
}

/// Captures are often made with a snap length: then the headers are there, and the payload is not.
#[test]
fn frames_that_the_capture_cut_short_are_decoded_as_far_as_they_go() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut.pcap");
    let (kernel, cut) = (captures().join("kernel.pcap"), cut.to_str().unwrap());
    run(
        "editcap",
        &["-s", "100", "-F", "pcap", kernel.to_str().unwrap(), cut],
    );
    for width in ["64", "512"] {
        let mut cut_frames = 0;
        for (tshark, row) in tshark(cut).iter().zip(&handclasp(cut, width)) {
            if tshark["tcp.srcport"].is_empty() {
                continue;
            }
            for (column, field) in COLUMNS {
                assert_eq!(
                    row[column], tshark[field],
                    "{column} at W = {width}:\n{row:?}\n{tshark:?}"
                );
            }
            assert_eq!(row["options"], options(tshark), "{row:?}");
            if row["verdict"] == "drop:ip_header" {
                cut_frames += 1;
                // Nobody can verify what is not there.
                assert_eq!(
                    (&row["tcp_csum"][..], &tshark["tcp.checksum.status"][..]),
                    ("-", "2"),
                    "{row:?}"
                );
            }
        }
        assert!(cut_frames > 10, "{cut_frames} frames were cut");
    }
}

#[test]
fn frames_never_seen_are_decoded_as_tshark_does() {
    let script = captures().join("crafted.py");
    // A new mix on every run; what failed can be made again by its seed.
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for (seed, width) in [(seed, "64"), (seed ^ 1, "512")] {
        println!("crafted.py {seed} 2000");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("crafted.pcap");
        // Debian's python, which has Debian's scapy.
        run(
            "/usr/bin/python3",
            &[
                script.to_str().unwrap(),
                &seed.to_string(),
                "2000",
                file.to_str().unwrap(),
            ],
        );
        let verdicts = compare(&file, width);
        println!("{verdicts:?}");
        for reason in [
            "miss",
            "raw",
            "drop:ip_header",
            "drop:ip_checksum",
            "drop:fragment",
            "drop:tcp_header",
            "drop:tcp_checksum",
            "drop:tcp_options",
        ] {
            assert!(
                verdicts.contains_key(reason),
                "seed {seed}: no frame was {reason}: {verdicts:?}"
            );
        }
    }
}

/// A pcap file (libpcap's format 2.4) with these frames.
fn pcap(frames: &[Vec<u8>], link_type: u32) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, link_type] {
        file.extend(u32::to_le_bytes(word));
    }
    for frame in frames {
        for word in [1, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

#[test]
fn garbage_in_frames_is_a_row_a_frame() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("garbage.pcap");
    let lengths: Vec<usize> = (0..140)
        .chain([1514, 1518, 2047, 2048, 2049, 9000, 65535, 1])
        .collect();
    let frames: Vec<_> = (lengths.iter().enumerate())
        .map(|(seed, len)| {
            let mut frame = handclasp_tests::pattern::pattern(*len, seed as u32 + 1);
            // Every other frame says that it is IPv4.
            if let (0, Some(ethertype)) = (seed % 2, frame.get_mut(12..15)) {
                ethertype.copy_from_slice(&[0x08, 0x00, 0x45]);
            }
            frame
        })
        .collect();
    std::fs::write(&path, pcap(&frames, 1)).unwrap();
    for width in ["64", "512"] {
        let rows = handclasp(path.to_str().unwrap(), width);
        assert_eq!(rows.len(), frames.len());
        for (row, frame) in rows.iter().zip(&frames) {
            let verdict = &row["verdict"][..];
            match frame.len() {
                0..14 => assert_eq!(verdict, "drop:runt"),
                2049.. => assert_eq!(verdict, "drop:oversize"),
                _ => assert!(
                    ["raw", "drop:ip_header", "drop:ip_checksum"].contains(&verdict),
                    "{row:?}"
                ),
            }
        }
    }
}

#[test]
fn files_that_are_no_captures_of_ethernet_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let whole = pcap(&[vec![0; 60]], 1);
    for (name, content, said) in [
        ("empty", &[][..], "must be a pcap or pcapng file"),
        (
            "text",
            b"this is not a capture, whatever its name".as_slice(),
            "must be a pcap or pcapng file",
        ),
        (
            "cut",
            &whole[..whole.len() - 30],
            "must be a pcap or pcapng file",
        ),
        ("cooked", &pcap(&[vec![0; 60]], 113), "Ethernet"),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_handclasp"))
            .arg("parse")
            .arg(&path)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name}: {error}");
        assert!(
            error.contains(said) && error.contains(name),
            "{name}: {error}"
        );
    }
}
