//! Clients that do not keep to the protocol: the server ends them, or lets them be, and serves the next one.
//!
//! Messages are written by hand from the vfio-user specification: a header of 16 bytes (message ID, command, size, flags,
//! error), then the command's own fields.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use handclasp_sim::dut::Width;
use handclasp_sim::pcie::{PcieServer, ServeError};
use handclasp_tests::pattern::pattern;
use handclasp_wires::cable::Cable;
use nix::sys::memfd::{memfd_create, MFdFlags};
use vmm_sys_util::sock_ctrl_msg::ScmSocket;

use crate::rig::{socket_path, Rig};

const VERSION: u16 = 1;
const DMA_MAP: u16 = 2;
const DMA_UNMAP: u16 = 3;
const REGION_INFO: u16 = 5;
const IRQ_INFO: u16 = 7;
const SET_IRQS: u16 = 8;
const REGION_READ: u16 = 9;
const REGION_WRITE: u16 = 10;
const RESET: u16 = 13;

/// A message whose size is what it says, unless `size` lies.
fn message(command: u16, body: &[u8], size: Option<u32>) -> Vec<u8> {
    let size = size.unwrap_or(16 + body.len() as u32);
    let mut message = vec![7, 0];
    message.extend(command.to_le_bytes());
    message.extend(size.to_le_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A message to map or unmap: argument size, flags, then 64-bit fields.
fn dma(flags: u32, fields: &[u64]) -> Vec<u8> {
    let mut body = words(&[8 + 8 * fields.len() as u32, flags]);
    body.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
    body
}

fn access(offset: u64, region: u32, count: u32) -> Vec<u8> {
    let mut body = offset.to_le_bytes().to_vec();
    body.extend(words(&[region, count]));
    body
}

/// Sends, with descriptors, and returns the header of the reply: its flags and error; `None` when the server hung up.
fn ask(stream: &mut UnixStream, message: &[u8], fds: &[RawFd]) -> Option<[u8; 16]> {
    let sent = stream.send_with_fds(&[message], fds);
    assert!(sent.is_ok(), "{sent:?}");
    let mut header = [0; 16];
    stream.read_exact(&mut header).ok()?;
    let size = u32::from_le_bytes(header[4..8].try_into().unwrap());
    let mut rest = vec![0; (size as usize).saturating_sub(16)];
    stream.read_exact(&mut rest).ok()?;
    Some(header)
}

/// Whether the server said no.
fn is_refused(reply: Option<[u8; 16]>) -> bool {
    reply.expect("the server hung up")[8] & 1 << 5 != 0
}

fn connect(rig: &Rig) -> UnixStream {
    let stream = UnixStream::connect(&rig.socket).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

/// A client that keeps to the protocol is served, soon: the vendor and device ID, from the configuration space.
fn still_serves(rig: &Rig) {
    let reply = ask(
        &mut connect(rig),
        &message(REGION_READ, &access(0, 7, 4), None),
        &[],
    );
    assert!(!is_refused(reply));
}

#[test]
fn impossible_messages_end_the_client_or_are_refused() {
    let rig = Rig::new(Width::W64);
    let json = |text: &[u8]| {
        let mut body = vec![0, 0, 1, 0];
        body.extend(text);
        message(VERSION, &body, None)
    };
    let huge = u32::MAX;
    for (what, bytes) in [
        (
            "a version shorter than itself",
            message(VERSION, &[0; 4], Some(3)),
        ),
        ("a version without end", json(b"{}")),
        ("a version with a zero in it", json(b"{\0}\0")),
        ("a version that is no JSON", json(b"nonsense\0")),
        ("no such command", message(0x7777, &[], None)),
        ("command 0", message(0, &[], None)),
        ("DMA by message", message(11, &[0; 32], None)),
        (
            "a region that is not there",
            message(REGION_INFO, &words(&[32, 0, 99, 0, 0, 0, 0, 0]), None),
        ),
        (
            "an interrupt that is not there",
            message(IRQ_INFO, &words(&[16, 0, 99, 0]), None),
        ),
        (
            "a read of a region that is not there",
            message(REGION_READ, &access(0, 77, 4), None),
        ),
        (
            "a read of a region of no size",
            message(REGION_READ, &access(0, 6, 4), None),
        ),
        (
            "a read behind the registers",
            message(REGION_READ, &access(0x1_0000, 0, 4), None),
        ),
        (
            "a read across their end",
            message(REGION_READ, &access(0xfffe, 0, 4), None),
        ),
        (
            "a read behind the last address",
            message(REGION_READ, &access(u64::MAX, 7, 4), None),
        ),
        (
            "a read of 4 GiB",
            message(REGION_READ, &access(0, 7, huge), None),
        ),
        (
            "a write behind the configuration space",
            message(
                REGION_WRITE,
                &[&access(0x1000, 7, 4)[..], &[0; 4]].concat(),
                None,
            ),
        ),
        (
            "a write of 4 GiB",
            message(REGION_WRITE, &access(0, 0, huge), None),
        ),
        (
            "an empty mapping",
            message(DMA_MAP, &dma(3, &[0, 0x1000, 0]), None),
        ),
        (
            "a mapping beyond the last address",
            message(DMA_MAP, &dma(3, &[0, u64::MAX, 0x1000]), None),
        ),
        (
            "an unmapping beyond the last address",
            message(DMA_UNMAP, &dma(0, &[u64::MAX, 2]), None),
        ),
        (
            "more eventfds than are sent",
            message(SET_IRQS, &words(&[20, 0x24, 2, 5, huge]), None),
        ),
        (
            "interrupts of another kind",
            message(SET_IRQS, &words(&[20, 0x24, 0, 0, 1]), None),
        ),
        (
            "an interrupt by command",
            message(SET_IRQS, &words(&[20, 0x21, 2, 0, 1]), None),
        ),
        ("half a header", vec![1, 0, 9]),
    ] {
        let mut stream = connect(&rig);
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // An answer or none, but an end.
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        assert!(
            end.is_ok()
                || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
            "{what}: no end"
        );
        still_serves(&rig);
    }
    rig.stop();
}

#[test]
fn random_bytes_do_no_harm() {
    let rig = Rig::new(Width::W64);
    for seed in 1..60 {
        let mut stream = connect(&rig);
        let mut bytes = pattern(64 + 16 * seed as usize, seed);
        if seed % 2 == 0 {
            // A command that there is, so that the fields behind it are looked at; and a size that is not too big.
            bytes[2..8].copy_from_slice(&[(seed / 2 % 15) as u8, 0, 40, 0, 0, 0]);
        }
        // The server may have hung up.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    still_serves(&rig);
    rig.stop();
}

fn memfd(size: u64) -> std::fs::File {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = std::fs::File::from(memfd_create(c"test", flags).unwrap());
    file.set_len(size).unwrap();
    file
}

fn sealed(size: u64) -> std::fs::File {
    use nix::fcntl::{fcntl, FcntlArg, SealFlag};
    let file = memfd(size);
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK)).unwrap();
    file
}

#[test]
fn only_memory_that_stays_is_mapped() {
    let rig = Rig::new(Width::W64);
    let mut stream = connect(&rig);
    let mut map = |file: Option<&std::fs::File>, offset: u64, address: u64, size: u64| {
        let fds: Vec<RawFd> = file.iter().map(|file| file.as_raw_fd()).collect();
        is_refused(ask(
            &mut stream,
            &message(DMA_MAP, &dma(3, &[offset, address, size]), None),
            &fds,
        ))
    };
    let file = sealed(0x4000);
    assert!(!map(Some(&file), 0x1000, 0x10_0000, 0x2000));
    assert!(map(Some(&file), 0, 0x10_1fff, 0x1000), "overlap at its end");
    assert!(
        map(Some(&file), 0, 0xf_f000, 0x1001),
        "overlap at its begin"
    );
    assert!(!map(Some(&file), 0, 0xf_f000, 0x1000), "up to its begin");
    assert!(
        map(Some(&file), 0x3000, 0x20_0000, 0x1001),
        "more than the file"
    );
    assert!(
        map(Some(&file), u64::MAX, 0x20_0000, 0x1000),
        "beyond any file"
    );
    assert!(
        map(Some(&memfd(0x4000)), 0, 0x20_0000, 0x1000),
        "it can shrink"
    );
    assert!(map(
        Some(&std::fs::File::open("/dev/null").unwrap()),
        0,
        0x20_0000,
        0x1000
    ));
    assert!(
        !map(None, 0, 0xffff_f000, 0x1000),
        "a ROM that the client keeps"
    );
    assert_eq!(rig.server.maps(), 3);
    let mut unmap = |flags: u32, address: u64, size: u64| {
        is_refused(ask(
            &mut stream,
            &message(DMA_UNMAP, &dma(flags, &[address, size]), None),
            &[],
        ))
    };
    assert!(unmap(0, 0x10_1000, 0x1000), "half of a mapping");
    assert!(unmap(0, 0, 0x10_0001), "one and a bit");
    assert!(
        !unmap(0, 0x1_0000_0000, u64::MAX - 0x1_0000_0000),
        "nothing there"
    );
    assert_eq!(rig.server.maps(), 3);
    assert!(!unmap(0, 0xf_f000, 0x1000));
    assert_eq!(rig.server.maps(), 2);
    assert!(!unmap(1 << 2, 0, 0), "everything");
    assert_eq!(rig.server.maps(), 0);
    assert_eq!((rig.count("pcie_maps"), rig.count("pcie_unmaps")), (3, 3));
    assert_eq!(rig.count("pcie_refused_maps"), 6);
    drop(stream);
    rig.stop();
}

#[test]
fn only_eventfds_are_signalled() {
    let rig = Rig::new(Width::W64);
    let mut stream = connect(&rig);
    let (_reader, pipe): (OwnedFd, OwnedFd) = nix::unistd::pipe().unwrap();
    let event = nix::sys::eventfd::EventFd::new().unwrap();
    let mut set = |flags: u32, start: u32, count: u32, fds: &[RawFd]| {
        let body = words(&[20, flags, 2, start, count]);
        is_refused(ask(&mut stream, &message(SET_IRQS, &body, None), fds))
    };
    // Data: eventfd 1 << 2, none 1 << 0; action: trigger 1 << 5.
    assert!(
        set(0x24, 0, 1, &[pipe.as_raw_fd()]),
        "a pipe may make its writer wait"
    );
    assert!(set(0x24, 1, 1, &[event.as_raw_fd()]), "there is one vector");
    assert!(!set(0x24, 0, 1, &[event.as_raw_fd()]));
    assert!(!set(0x24, 0, 1, &[]), "none for this one any more");
    assert!(!set(0x21, 0, 0, &[]), "off");
    assert!(!is_refused(ask(
        &mut stream,
        &message(RESET, &[], None),
        &[]
    )));
    drop(stream);
    rig.stop();
}

#[test]
fn a_socket_is_taken_from_the_dead_only() {
    let serve = |path: &std::path::Path| {
        let (near, _far) = Cable::pair(0);
        PcieServer::start(
            path,
            Width::W64,
            handclasp_wires::clock::Clock::wall(),
            Box::new(near),
        )
    };
    let path = socket_path();
    let first = serve(&path).unwrap();
    assert!(matches!(serve(&path), Err(ServeError::InUse(_))));
    first.stop().unwrap();
    // Bound, and left by its process.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    serve(&path).unwrap().stop().unwrap();
    std::fs::write(&path, "a file").unwrap();
    assert!(matches!(serve(&path), Err(ServeError::NotASocket(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"a file");
    std::fs::remove_file(&path).unwrap();
    let nowhere = path.with_file_name("no/such/folder");
    assert!(matches!(serve(&nowhere), Err(ServeError::Socket { .. })));
}
