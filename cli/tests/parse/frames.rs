//! Frames of the Linux kernel, of scapy, cut short and of garbage.

use std::path::{Path, PathBuf};

use crate::formats::{frames_of, pcap, pcap_cut, syn};
use crate::oracle::{compare, first, handclasp, options, run, status, tshark, COLUMNS};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures")
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

/// Captures are often made with a snap length: then the headers are there, and the payload is not. Here it is cut anywhere.
#[test]
fn frames_that_the_capture_cut_short_are_decoded_as_far_as_they_go() {
    let kernel = std::fs::read(captures().join("kernel.pcap")).unwrap();
    let mut frames = Vec::new();
    // Of each eighth frame all that is left of it, and half of what is left of that.
    for frame in frames_of(&kernel).into_iter().step_by(8) {
        for kept in (0..=100).step_by(3).filter(|kept| *kept <= frame.len()) {
            frames.push((frame.clone(), kept));
        }
        frames.push((frame.clone(), frame.len() - 1));
        frames.push((frame.clone(), frame.len()));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.pcap");
    std::fs::write(&path, pcap_cut(&frames)).unwrap();
    let file = path.to_str().unwrap();
    for width in ["64", "512"] {
        let (mut cut_frames, mut whole_frames) = (0, 0);
        let rows = handclasp(file, width);
        assert_eq!(rows.len(), frames.len());
        for (tshark, row) in tshark(file).iter().zip(&rows) {
            let case = || format!("W = {width}:\n{row:?}\n{tshark:?}");
            // Each header is shown when it is whole, and then as tshark shows it.
            if row["src"] != "-" {
                assert_eq!(row["src"], first(tshark, "ip.src"), "{}", case());
                assert_eq!(row["dst"], first(tshark, "ip.dst"), "{}", case());
                assert_eq!(
                    row["ip_csum"],
                    status(tshark, "ip.checksum.status"),
                    "{}",
                    case()
                );
            }
            if row["sport"] == "-" {
                assert_ne!(tshark["tcp.checksum.status"], "1", "{}", case());
                continue;
            }
            for (column, field) in COLUMNS {
                assert_eq!(row[column], tshark[field], "{column}: {}", case());
            }
            assert_eq!(row["options"], options(tshark), "{}", case());
            // Nobody can verify what is not there.
            assert_eq!(
                row["tcp_csum"],
                status(tshark, "tcp.checksum.status"),
                "{}",
                case()
            );
            match &row["tcp_csum"][..] {
                "-" => cut_frames += 1,
                _ => whole_frames += 1,
            }
        }
        assert!(
            cut_frames > 10 && whole_frames > 10,
            "{cut_frames} {whole_frames}"
        );
    }
}

/// The NIC drops frames of more than 2,048 bytes, and still says what is in them.
#[test]
fn long_frames_are_decoded_as_tshark_does_cut_or_whole() {
    // A SYN with 3,000 bytes of text, which the checksums do not cover yet.
    let mut long = [syn(0), handclasp_tests::pattern::pattern(3000, 1)].concat();
    long[16..18].copy_from_slice(&u16::to_be_bytes(3044));
    let mut right = long.clone();
    let sum = |frame: &[u8]| -> u16 {
        let sum: u32 = (frame.chunks(2))
            .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)))
            .sum();
        let folded = (sum >> 16) + (sum & 0xffff);
        !((folded >> 16) + (folded & 0xffff)) as u16
    };
    right[24..26].fill(0);
    let checksum = sum(&right[14..34]);
    right[24..26].copy_from_slice(&checksum.to_be_bytes());
    right[50..52].fill(0);
    let pseudo = [
        &right[26..34],
        &[0, 6],
        &u16::to_be_bytes(3024),
        &right[34..],
    ]
    .concat();
    let checksum = sum(&pseudo);
    right[50..52].copy_from_slice(&checksum.to_be_bytes());
    let mut damaged = right.clone();
    damaged[2500] ^= 1;
    let mut frames = Vec::new();
    for frame in [long, right, damaged] {
        for kept in [2047, 2048, 2049, 2050, 3000, frame.len() - 1, frame.len()] {
            frames.push((frame.clone(), kept));
        }
        // What follows the packet is no matter of its checksum.
        let padded = [frame.clone(), vec![0; 10]].concat();
        frames.extend([frame.len(), frame.len() + 4].map(|kept| (padded.clone(), kept)));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.pcap");
    std::fs::write(&path, pcap_cut(&frames)).unwrap();
    let file = path.to_str().unwrap();
    for width in ["64", "512"] {
        let rows = handclasp(file, width);
        assert_eq!(rows.len(), frames.len());
        let mut seen = std::collections::BTreeSet::new();
        for (tshark, row) in tshark(file).iter().zip(&rows) {
            let case = || format!("W = {width}:\n{row:?}\n{tshark:?}");
            for (column, field) in COLUMNS {
                assert_eq!(row[column], tshark[field], "{column}: {}", case());
            }
            for (column, field) in [
                ("ip_csum", "ip.checksum.status"),
                ("tcp_csum", "tcp.checksum.status"),
            ] {
                assert_eq!(row[column], status(tshark, field), "{column}: {}", case());
            }
            seen.insert((row["verdict"].clone(), row["tcp_csum"].clone()));
        }
        for (verdict, checksum) in [
            ("drop:oversize", "-"),
            ("drop:oversize", "ok"),
            ("drop:oversize", "bad"),
            ("drop:ip_header", "-"),
        ] {
            assert!(
                seen.contains(&(verdict.into(), checksum.into())),
                "{seen:?}"
            );
        }
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
