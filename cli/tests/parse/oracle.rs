//! tshark, an independent dissector, beside `handclasp parse`.
//!
//! What is compared is decided by what tshark says of a frame, never by what we say of it, but for the frames that only
//! the letter of a standard calls broken: those are looked at here, byte by byte.

use std::collections::BTreeMap;
use std::path::Path;
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
pub const COLUMNS: [(&str, &str); 10] = [
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

/// A row of ours, by column.
pub type Row = BTreeMap<String, String>;

/// A frame as tshark sees it, by field.
pub type Dissected = BTreeMap<&'static str, String>;

/// What a program that succeeds prints.
pub fn run(program: &str, arguments: &[&str]) -> String {
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

/// Every frame as tshark sees it.
pub fn tshark(file: &str) -> Vec<Dissected> {
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

/// Every row of ours, by column.
pub fn handclasp(file: &str, width: &str) -> Vec<Row> {
    let arguments = ["parse", file, "--width", width];
    rows(&run(env!("CARGO_BIN_EXE_handclasp"), &arguments))
}

/// The rows of a table that we have printed.
pub fn rows(table: &str) -> Vec<Row> {
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
pub fn options(frame: &Dissected) -> String {
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

/// A field of the outermost packet: ICMP errors hold another one.
pub fn first<'a>(frame: &'a Dissected, field: &str) -> &'a str {
    frame[field].split(',').next().unwrap_or_default()
}

/// What tshark says of a checksum, in our words.
pub fn status(frame: &Dissected, field: &str) -> &'static str {
    match first(frame, field) {
        "1" => "ok",
        "0" => "bad",
        // Not verified: some of it is not there.
        _ => "-",
    }
}

/// Compares every frame; returns how many had each verdict.
pub fn compare(file: &Path, width: &str) -> BTreeMap<String, usize> {
    let file = file.to_str().unwrap();
    let (theirs, ours) = (tshark(file), handclasp(file, width));
    assert_eq!(theirs.len(), ours.len(), "{file}: a row a frame");
    let mut verdicts = BTreeMap::new();
    for (tshark, row) in theirs.iter().zip(&ours) {
        let case = || format!("{file} at W = {width}:\n{row:?}\n{tshark:?}");
        assert_eq!(row["frame"], tshark["frame.number"], "{}", case());
        *verdicts.entry(row["verdict"].clone()).or_default() += 1;
        if row["vlan"] != "-" {
            assert_eq!(row["vlan"], first(tshark, "vlan.id"), "{}", case());
        }
        // Two tags are more than we decode; an address that tshark does not show is no header to it.
        if tshark["vlan.id"].contains(',')
            || tshark["ip.src"].is_empty()
            || row["verdict"] == "drop:ip_header"
        {
            continue;
        }
        for (column, field) in &COLUMNS[..3] {
            assert_eq!(row[*column], first(tshark, field), "{column}: {}", case());
        }
        let ip_checksum = status(tshark, "ip.checksum.status");
        assert_eq!(row["ip_csum"], ip_checksum, "{}", case());
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
            assert_eq!(row[*column], first(tshark, field), "{column}: {}", case());
        }
        let tcp_checksum = status(tshark, "tcp.checksum.status");
        assert_eq!(row["tcp_csum"], tcp_checksum, "{}", case());
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
