//! Files with frames in every way that the two formats have, and with everything else that may stand beside them.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::formats::{option, pcap, pcap_of, syn, Order, PcapNg, ORDERS};
use crate::oracle::{compare, handclasp, rows, tshark};

/// A folder with one file.
fn file_of(content: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, content).unwrap();
    (dir, path)
}

/// Rows equal tshark's, and all of these frames are whole SYNs.
fn is_read(name: &str, content: &[u8], frames: usize) {
    let (_dir, path) = file_of(content);
    println!("{name}");
    let verdicts = compare(&path, "64");
    assert_eq!(verdicts.get("miss"), Some(&frames), "{name}: {verdicts:?}");
    assert_eq!(verdicts.len(), 1, "{name}: {verdicts:?}");
}

fn parse(path: &std::path::Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handclasp"))
        .arg("parse")
        .arg(path)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sections follow each other in one file, and may come from machines of either order: so one run reads many cases.
#[test]
fn frames_are_read_from_every_kind_of_block() {
    let sections = ORDERS.map(|order| {
        PcapNg::new(order, &[])
            .ethernet()
            .obsolete(0, &syn(0), &[])
            .enhanced(0, &syn(1), &[])
            .simple(&syn(2), 58)
            .obsolete(0, &syn(3), &option(order, 2, &order.u32(1)))
            .enhanced(0, &syn(4), &[])
            .file
    });
    is_read("all kinds", &sections.concat(), 10);
}

#[test]
fn what_no_frame_needs_keeps_no_frame_back() {
    let sections = ORDERS.map(|order| {
        let frame = &syn(0);
        let section = || PcapNg::new(order, &[]);
        let file = || section().ethernet().enhanced(0, frame, &[]);
        let latin1 = b"Connexion r\xe9seau";
        let end = option(order, 0, &[]);
        let comment = [option(order, 1, latin1), end.clone()].concat();
        let name = [option(order, 2, latin1), end].concat();
        let host = [
            &order.u16(1)[..],
            &order.u16(8),
            &[192, 0, 2, 1],
            b"h\xe9s\0",
            &[0; 4],
        ]
        .concat();
        let statistics = [order.words(&[0, 0, 1]), option(order, 4, &[0; 4])].concat();
        [
            // Options without their end: of a section, an interface and a packet.
            PcapNg::new(order, &option(order, 4, b"app"))
                .ethernet()
                .enhanced(0, frame, &[]),
            section()
                .interface(1, 0, &option(order, 2, b"eth0"))
                .enhanced(0, frame, &[]),
            section()
                .ethernet()
                .enhanced(0, frame, &option(order, 2, &order.u32(1))),
            // Text that is not UTF-8.
            section().ethernet().enhanced(0, frame, &comment),
            section().interface(1, 0, &name).enhanced(0, frame, &[]),
            section().ethernet().block(4, &host).enhanced(0, frame, &[]),
            // A counter of the wrong length, and a block that nobody knows.
            file().block(5, &statistics),
            file().block(0x8000_1234, b"whatever"),
        ]
        .map(|section| section.file)
        .concat()
    });
    is_read("sections", &sections.concat(), 16);
}

/// Wireshark refuses some of these files and gives blocks of others numbers, so the frames are looked at here.
#[test]
fn what_wireshark_refuses_or_counts_keeps_no_frame_back_either() {
    let sections = ORDERS.map(|order| {
        let section = || PcapNg::new(order, &[]);
        let record = [&order.u16(1)[..], &order.u16(8), &[192, 0, 2, 1], b"host"].concat();
        let long = [&order.u16(2)[..], &order.u16(400), b"eth0"].concat();
        [
            // An if_MACaddr of 4 bytes, names without their end, an option that is longer than its block.
            section().interface(1, 0, &option(order, 6, &[2, 0, 0, 1])),
            section().ethernet().block(4, &record),
            section().interface(1, 0, &long),
            // Custom blocks, the second longer than 8 MB, the third longer than Wireshark takes.
            section().ethernet().block(0xbad, &order.u32(32473)),
            section().ethernet().block(0xbad, &vec![7; 9 << 20]),
            section().ethernet().block(0xbad, &vec![7; 20 << 20]),
        ]
        .map(|section| section.enhanced(0, &syn(0), &[]).file)
        .concat()
    });
    let (_dir, path) = file_of(&sections.concat());
    let rows = handclasp(path.to_str().unwrap(), "64");
    assert_eq!(rows.len(), 12);
    for row in rows {
        let seen = (&row["verdict"][..], &row["sport"][..]);
        assert_eq!(seen, ("miss", "40000"), "{row:?}");
    }
}

#[test]
fn every_kind_of_pcap_is_read() {
    for order in ORDERS {
        // Microseconds, nanoseconds, and "modified".
        for magic in [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34] {
            let file = pcap_of(order, magic, 1, &[syn(0), syn(1), syn(2)]);
            is_read(&format!("{magic:#x}"), &file, 3);
        }
    }
}

/// Files of the old versions 2.2 and 2.3 have the two lengths of a record in either order.
#[test]
fn old_versions_of_pcap_are_read() {
    let padded = |len: usize| [syn(0), vec![0; len - 58]].concat();
    for (minor, lengths) in [(2, [(100, 58), (58, 58)]), (3, [(100, 58), (58, 100)])] {
        let mut file = pcap(&[], 1);
        file[6] = minor;
        for (first, second) in lengths {
            file.extend(Order::Little.words(&[1, 0, first, second]));
            file.extend(padded(first.min(second) as usize));
        }
        is_read(&format!("2.{minor}"), &file, 2);
    }
}

/// Frames with an FCS behind them, as four places of the formats say: it is no part of the frame.
#[test]
fn a_frame_ends_before_its_fcs() {
    let with_fcs = |fcs_len: usize| {
        // Not TCP's text either, so that a wrong length shows: what tshark takes for the frame ends where the IP packet does.
        [syn(0), vec![0xee; fcs_len]].concat()
    };
    for order in ORDERS {
        // Units of 16 bits, and the bit that says that they are there.
        for (link_type, fcs_len) in [(0x2400_0001, 4), (0x4400_0001, 8), (0x2000_0001, 0)] {
            let file = pcap_of(order, 0xa1b2_c3d4, link_type, &[with_fcs(fcs_len)]);
            is_read(&format!("{link_type:#x}"), &file, 1);
        }
    }
    let sections = ORDERS.map(|order| {
        let bits = [option(order, 13, &[32]), option(order, 0, &[])].concat();
        let flags = |len: u32| option(order, 2, &order.u32(len << 5));
        let section = || PcapNg::new(order, &[]);
        let by_interface = section().interface(1, 0, &bits);
        let by_frame = section().ethernet();
        let by_both = section().interface(1, 0, &bits);
        [
            by_interface.enhanced(0, &with_fcs(4), &[]),
            by_frame.enhanced(0, &with_fcs(4), &flags(4)),
            by_both.obsolete(0, &with_fcs(2), &flags(2)),
        ]
        .map(|section| section.file)
        .concat()
    });
    is_read("pcapng", &sections.concat(), 6);
    // A file that says so of frames that end with their packet: then the packet is cut, to tshark as well.
    for link_type in [0x2400_0001, 0x4400_0001] {
        let (_dir, path) = file_of(&pcap(&[syn(0)], link_type));
        let (ours, theirs) = (
            handclasp(path.to_str().unwrap(), "64"),
            tshark(path.to_str().unwrap()),
        );
        assert_eq!(ours[0]["verdict"], "drop:ip_header");
        assert_eq!(ours[0]["src"], theirs[0]["ip.src"]);
        assert_ne!(theirs[0]["tcp.checksum.status"], "1");
    }
}

/// A simple packet block does not say how much of the frame it has.
#[test]
fn the_interface_says_how_much_a_simple_packet_has() {
    let sections = ORDERS.map(|order| {
        let section = PcapNg::new(order, &[]).interface(1, 58, &[]);
        // 2 bytes of padding follow that are no part of the frame.
        section.simple(&syn(0), 100).file
    });
    is_read("snap length", &sections.concat(), 2);
}

#[test]
fn frames_of_other_link_types_have_a_row_and_are_counted() {
    for order in ORDERS {
        let file = PcapNg::new(order, &[])
            .ethernet()
            .interface(113, 0, &[])
            .enhanced(0, &syn(0), &[])
            .enhanced(1, &[0; 60], &[])
            .obsolete(1, &[0; 60], &[])
            .enhanced(0, &syn(1), &[]);
        let (_dir, path) = file_of(&file.file);
        let output = parse(&path);
        assert!(output.status.success(), "{output:?}");
        let rows = rows(&text(&output.stdout));
        let column = |name: &str| -> Vec<&str> { rows.iter().map(|row| &row[name][..]).collect() };
        assert_eq!(column("frame"), ["1", "2", "3", "4"]);
        assert_eq!(
            column("verdict"),
            ["miss", "skip:link_type", "skip:link_type", "miss"]
        );
        assert_eq!(column("sport"), ["40000", "-", "-", "40001"]);
        assert!(text(&output.stderr).starts_with("2 frames "), "{output:?}");
    }
}

/// Cut at each byte: the frames that are whole have rows, and a status says that something is missing, unless nothing is.
#[test]
fn a_file_that_was_cut_shows_its_whole_frames() {
    let frames = [syn(0), syn(1)];
    let enhanced = PcapNg::new(Order::Little, &[])
        .ethernet()
        .enhanced(0, &frames[0], &[])
        .enhanced(0, &frames[1], &[]);
    let pcap = pcap(&frames, 1);
    // The places between records, where no reader can see that something is missing.
    for (file, between) in [(pcap, [24, 98, 172]), (enhanced.file, [48, 140, 232])] {
        assert_eq!(file.len(), between[2]);
        // Some cuts, since each starts the simulation: a little and a lot of a record's header, and of a frame.
        for len in [
            between[0],
            60,
            between[1] - 1,
            between[1],
            between[1] + 1,
            between[1] + 13,
            between[2] - 1,
        ] {
            let (_dir, path) = file_of(&file[..len]);
            let output = parse(&path);
            let whole = between[1..].iter().filter(|end| **end <= len).count();
            let rows = rows(&text(&output.stdout));
            assert_eq!(rows.len(), whole, "{len}: {output:?}");
            let error = text(&output.stderr);
            if between.contains(&len) {
                assert!(
                    output.status.success() && error.is_empty(),
                    "{len}: {output:?}"
                );
            } else {
                assert_eq!(output.status.code(), Some(1), "{len}: {output:?}");
                assert!(
                    error.contains(&format!("is cut off behind {whole} whole frames")),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn files_that_are_no_captures_of_ethernet_are_refused() {
    let cooked = PcapNg::new(Order::Little, &[])
        .interface(113, 0, &[])
        .enhanced(0, &[0; 60], &[]);
    let no_interface = PcapNg::new(Order::Little, &[]).enhanced(0, &syn(0), &[]);
    let dir = tempfile::tempdir().unwrap();
    for (name, content, said) in [
        ("empty", Vec::new(), "is no capture"),
        (
            "text",
            b"this is not a capture, whatever its name".to_vec(),
            "is no capture",
        ),
        ("zip", b"PK\x03\x04".repeat(20), "is no capture"),
        (
            "gzip",
            b"\x1f\x8b but nothing else of gzip is here".to_vec(),
            "capture",
        ),
        ("cooked", pcap(&[vec![0; 60]], 113), "link type 113"),
        ("cooked-too", cooked.file, "link type 113"),
        ("damaged", no_interface.file, "interface 0"),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let output = parse(&path);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {error}");
        assert!(
            error.contains(said) && error.contains(name),
            "{name}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{name}: {error}");
    }
}
