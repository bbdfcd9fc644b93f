//! TAP devices in a network namespace of their own, with the kernel at the other end.
//!
//! Where the machine does not allow that, the tests count as ignored, and the reason is printed.

use std::error::Error;
use std::process::Command as Program;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp_driver::{Command, Event, Nic, NicConfig};
use handclasp_layout::header::{ArpPacket, EthernetHeader, ETHERTYPE_ARP};
use handclasp_layout::queue::Verdict;
use handclasp_reference::ReferenceNic;
use handclasp_wires::clock::Clock;
use handclasp_wires::tap::{Tap, TapError};
use handclasp_wires::Wire;
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sched::{unshare, CloneFlags};

const MAC: u64 = 0x02_00_00_00_00_01;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let missing = what_is_missing();
    if let Some(reason) = &missing {
        eprintln!("the TAP tests are skipped: {reason}");
    }
    let trial = |name: &str, test: fn() -> Result<(), Box<dyn Error>>| {
        Trial::test(name, move || {
            test().map_err(|error| Failed::from(error.to_string()))
        })
        .with_ignored_flag(missing.is_some())
    };
    let trials = vec![
        trial("frames_cross_between_tap_and_kernel", frames_cross),
        trial("the_kernel_gets_its_arp_request_answered", arp_is_answered),
        trial("a_busy_interface_says_so", a_busy_interface_says_so),
        trial("another_kind_of_interface_says_so", another_kind_says_so),
        trial("frames_are_lost_while_the_interface_is_down", down_loses),
        // Needs no right.
        Trial::test("a_bad_name_says_so", || a_bad_name().map_err(Failed::from)),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Why TAP devices in a namespace cannot be had here; tried on a thread, whose namespace goes with it.
fn what_is_missing() -> Option<String> {
    std::thread::spawn(|| {
        if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET) {
            return Some(format!("no network namespace ({errno}): run as root"));
        }
        Tap::open("probe0", true)
            .err()
            .map(|error| error.to_string())
    })
    .join()
    .unwrap_or_else(|_| Some("the probe panicked".into()))
}

/// Gives the calling thread a namespace of its own; the programs that it starts are in it as well.
fn enter_namespace() -> Result<(), Box<dyn Error>> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    Ok(())
}

fn ip(arguments: &str) -> Result<String, Box<dyn Error>> {
    let output = Program::new("ip").args(arguments.split(' ')).output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("ip {arguments}: {why}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn ping(address: &str) -> Result<std::process::Child, Box<dyn Error>> {
    Ok(Program::new("ping")
        .args(["-c", "1", "-W", "5", address])
        .stdout(std::process::Stdio::null())
        .spawn()?)
}

/// The next ARP request for 192.0.2.1 among whatever the kernel sends when an interface comes up.
fn arp_request(tap: &mut Tap) -> Result<(EthernetHeader, ArpPacket), Box<dyn Error>> {
    let mut frame = Vec::new();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if !tap.receive(&mut frame, 0) {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let ethernet = EthernetHeader::decode(frame.first_chunk().ok_or("a runt")?);
        if ethernet.ethertype == ETHERTYPE_ARP {
            let arp = ArpPacket::decode(frame[14..].first_chunk().ok_or("a short ARP packet")?);
            if arp.target_ip == 0xc000_0201 {
                return Ok((ethernet, arp));
            }
        }
    }
    Err("the kernel sent no ARP request".into())
}

fn frames_cross() -> Result<(), Box<dyn Error>> {
    enter_namespace()?;
    let mut tap = Tap::open("tap0", true)?;
    ip("addr add 192.0.2.2/24 dev tap0")?;
    let kernel_mac = ip("-br link show tap0")?;
    let mut child = ping("192.0.2.1")?;
    let (ethernet, arp) = arp_request(&mut tap)?;
    let hex = format!("{:012x}", ethernet.src_mac);
    let colons = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair));
    let colons = colons.collect::<Vec<_>>().join(":");
    assert!(kernel_mac.contains(&colons), "{colons} in {kernel_mac}");
    assert_eq!((arp.operation, arp.sender_ip), (1, 0xc000_0202));

    // RFC 826 by hand: 192.0.2.1 is at 02:00:00:00:00:01.
    let mac = &ethernet.src_mac.to_be_bytes()[2..];
    let mut reply = mac.to_vec();
    reply.extend([2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    reply.extend([2, 0, 0, 0, 0, 1, 192, 0, 2, 1]);
    reply.extend(mac);
    reply.extend([192, 0, 2, 2]);
    tap.send(&reply, 0);
    assert_eq!(tap.lost_frames(), 0);
    let neighbours = ip("neigh show dev tap0")?;
    child.kill()?;
    child.wait()?;
    assert!(
        neighbours.contains("192.0.2.1 lladdr 02:00:00:00:00:01"),
        "{neighbours}"
    );
    Ok(())
}

/// The whole chain: kernel, TAP, reference NIC, driver, and back.
fn arp_is_answered() -> Result<(), Box<dyn Error>> {
    enter_namespace()?;
    let tap = Tap::open("tap0", true)?;
    ip("addr add 192.0.2.2/24 dev tap0")?;
    let bus = Arc::new(ReferenceNic::new(Box::new(tap), Clock::wall())?);
    let config = NicConfig::new(MAC, [192, 0, 2, 1].into(), 0x5eed);
    let mut nic = Nic::open(bus, &config)?;
    let buffer = nic.allocate(64)?;
    let mut child = ping("192.0.2.1")?;

    let end = Instant::now() + PATIENCE;
    let mut answered = false;
    while !answered {
        if Instant::now() > end {
            return Err("no ARP request arrived".into());
        }
        while let Some(event) = nic.next_event()? {
            let Event::Rx(received) = event else { continue };
            if received.verdict != Verdict::Raw || received.payload.len_bytes() < 42 {
                continue;
            }
            let mut frame = [0; 42];
            nic.read_payload(&received.payload, 0, &mut frame)?;
            let Some(reply) = answer(&frame) else {
                continue;
            };
            buffer.write(0, &reply)?;
            nic.submit(&Command::Raw {
                frame_addr: buffer.iova(),
                frame_len_bytes: reply.len() as u32,
                want_completion: false,
            })?;
            answered = true;
        }
        nic.flush()?;
        nic.arm_interrupt()?;
        nic.bus().wait(100_000_000)?;
    }
    nic.bus().relax();
    let neighbours = ip("neigh show dev tap0")?;
    child.kill()?;
    child.wait()?;
    assert!(
        neighbours.contains("192.0.2.1 lladdr 02:00:00:00:00:01"),
        "{neighbours}"
    );
    nic.close()?;
    Ok(())
}

/// The reply to an ARP request for 192.0.2.1.
fn answer(frame: &[u8; 42]) -> Option<Vec<u8>> {
    let ethernet = EthernetHeader::decode(frame.first_chunk()?);
    let request = ArpPacket::decode(frame[14..].first_chunk()?);
    if ethernet.ethertype != ETHERTYPE_ARP || request.target_ip != 0xc000_0201 {
        return None;
    }
    let ethernet = EthernetHeader {
        dst_mac: request.sender_mac,
        src_mac: MAC,
        ethertype: ETHERTYPE_ARP,
    };
    let reply = ArpPacket {
        operation: 2,
        sender_mac: MAC,
        sender_ip: request.target_ip,
        target_mac: request.sender_mac,
        target_ip: request.sender_ip,
        ..request
    };
    Some([&ethernet.encode()[..], &reply.encode()[..]].concat())
}

fn a_busy_interface_says_so() -> Result<(), Box<dyn Error>> {
    enter_namespace()?;
    let _holder = Tap::open("tap0", true)?;
    match Tap::open("tap0", true) {
        Err(TapError::InUse(name)) if name == "tap0" => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn another_kind_says_so() -> Result<(), Box<dyn Error>> {
    enter_namespace()?;
    match Tap::open("lo", true) {
        Err(TapError::NotATap(name)) if name == "lo" => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn down_loses() -> Result<(), Box<dyn Error>> {
    enter_namespace()?;
    let mut tap = Tap::open("tap0", false)?;
    tap.send(&[0xff; 60], 0);
    assert_eq!(tap.lost_frames(), 1);
    assert!(!tap.receive(&mut Vec::new(), 0));
    Ok(())
}

fn a_bad_name() -> Result<(), String> {
    for name in ["", "a-name-of-16-chr", "a/b", "a b"] {
        match Tap::open(name, true) {
            Err(TapError::BadName(bad)) if bad == name => {}
            other => return Err(format!("{name:?}: {other:?}")),
        }
    }
    Ok(())
}
