//! Captures that are no plain files: pipes and gzip; and what reads our rows.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use flate2::write::GzEncoder;
use flate2::Compression;

use crate::formats::{pcap, syn, Order, PcapNg};
use crate::oracle::{compare, rows};

fn start(file: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_handclasp"))
        .args(["parse", file])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Both formats with two frames.
fn captures() -> [Vec<u8>; 2] {
    let pcapng = PcapNg::new(Order::Little, &[])
        .ethernet()
        .enhanced(0, &syn(0), &[])
        .enhanced(0, &syn(1), &[]);
    [pcap(&[syn(0), syn(1)], 1), pcapng.file]
}

#[test]
fn packed_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for (number, capture) in captures().iter().enumerate() {
        let path = dir.path().join(format!("{number}.gz"));
        // A file that was appended to has several members (RFC 1952 2.2).
        let (start, end) = capture.split_at(100);
        std::fs::write(&path, [gzip(start), gzip(end)].concat()).unwrap();
        assert_eq!(compare(&path, "64")["miss"], 2);
        // Cut in the middle of what is packed.
        let packed = gzip(capture);
        std::fs::write(&path, &packed[..packed.len() - 20]).unwrap();
        let output = start_and_wait(&path);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("cut off"),
            "{output:?}"
        );
    }
}

fn start_and_wait(path: &std::path::Path) -> std::process::Output {
    start(path.to_str().unwrap()).wait_with_output().unwrap()
}

/// Rows of `handclasp parse -` as they come.
fn lines_of(child: &mut Child) -> mpsc::Receiver<String> {
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// `tcpdump -w - | handclasp parse -` shows each frame when it has come, and not when the buffers are full.
#[test]
fn rows_come_as_frames_come() {
    for capture in captures() {
        let mut child = start("-");
        let mut stdin = child.stdin.take().unwrap();
        let lines = lines_of(&mut child);
        // One byte less than both frames have, in pieces that no format has.
        let (now, later) = capture.split_at(capture.len() - 1);
        for piece in now.chunks(5) {
            stdin.write_all(piece).unwrap();
            stdin.flush().unwrap();
        }
        for expected in ["frame\tverdict", "1\tmiss\t-\t192.0.2.1"] {
            let line = lines.recv_timeout(Duration::from_secs(60)).unwrap();
            assert!(line.starts_with(expected), "{line}");
        }
        assert!(lines.recv_timeout(Duration::from_millis(100)).is_err());
        stdin.write_all(later).unwrap();
        stdin.flush().unwrap();
        let line = lines.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(line.starts_with("2\tmiss"), "{line}");
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_packed_pipe_is_read() {
    let mut child = start("-");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&gzip(&captures()[0])).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(rows(&String::from_utf8(output.stdout).unwrap()).len(), 2);
}

/// A quarter of a gigabyte through a pipe, most of which no frame needs.
#[test]
fn a_long_stream_needs_no_more_memory_than_a_short_one() {
    let mut child = start("-");
    let mut stdin = child.stdin.take().unwrap();
    let lines = lines_of(&mut child);
    let file = PcapNg::new(Order::Little, &[]).ethernet();
    stdin.write_all(&file.file).unwrap();
    let piece = vec![7; 1 << 20];
    let peak = |child: &Child| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib
    };
    let mut peaks_kib = Vec::new();
    for megabytes in [1, 256] {
        let len: u32 = (megabytes << 20) + 12;
        stdin
            .write_all(&[0xbad_u32.to_le_bytes(), len.to_le_bytes()].concat())
            .unwrap();
        for _ in 0..megabytes {
            stdin.write_all(&piece).unwrap();
        }
        stdin.write_all(&len.to_le_bytes()).unwrap();
        let packet = PcapNg::new(Order::Little, &[]).enhanced(0, &syn(0), &[]);
        stdin.write_all(&packet.file[28..]).unwrap();
        // The header line and the first frame's; then the second's.
        let expected = format!("{}\tmiss", peaks_kib.len() + 1);
        loop {
            let line = lines.recv_timeout(Duration::from_secs(120)).unwrap();
            if line.starts_with(&expected) {
                break;
            }
        }
        peaks_kib.push(peak(&child));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(peaks_kib[1] < peaks_kib[0] + 2048, "{peaks_kib:?} KiB");
}

/// `handclasp parse FILE | head -1`: the status is that of a program that SIGPIPE has ended.
#[test]
fn a_reader_that_leaves_ends_it_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("many");
    // More rows than pipe and buffers hold.
    std::fs::write(&path, pcap(&vec![syn(0); 3000], 1)).unwrap();
    let mut child = start(path.to_str().unwrap());
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
