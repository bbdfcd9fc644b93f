//! Sleeping on the reference NIC: until an interrupt, a wake, or the time-out; never longer, and never past an event.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp_driver::{Bus, Nic, NicConfig};
use handclasp_reference::ReferenceNic;
use handclasp_wires::clock::Clock;
use handclasp_wires::{cable::Cable, Wire};

type Outcome = Result<(), Box<dyn Error>>;

const RAW_FRAME: [u8; 14] = [0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x86, 0xdd];

/// Far beyond what a sleep takes; reached only when it does not end.
const FOREVER_NS: u64 = 20_000_000_000;

/// A NIC and the far end of its cable.
fn open_at(clock: Clock, moderation_ns: u32) -> Result<(Nic, Cable), Box<dyn Error>> {
    let (near, far) = Cable::pair(0);
    let bus = Arc::new(ReferenceNic::new(Box::new(near), clock)?);
    let config = NicConfig {
        moderation_ns,
        ..NicConfig::new(0x02_00_00_00_00_01, [192, 0, 2, 1].into(), 1)
    };
    Ok((Nic::open(bus, &config)?, far))
}

fn open() -> Result<(Nic, Cable), Box<dyn Error>> {
    open_at(Clock::wall(), 0)
}

/// How many interrupts there have been.
fn interrupts(nic: &Nic) -> Result<u32, Box<dyn Error>> {
    let counters = nic.counters()?;
    let found = counters.iter().find(|(info, _)| info.name == "interrupts");
    Ok(found.ok_or("no counter of interrupts")?.1)
}

#[test]
fn a_sleep_ends_with_the_time_out() -> Outcome {
    let (nic, _far) = open()?;
    nic.arm_interrupt()?;
    let start = Instant::now();
    nic.bus().wait(20_000_000)?;
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert!(start.elapsed() < Duration::from_secs(10));
    Ok(())
}

#[test]
fn a_sleep_ends_with_a_frame() -> Outcome {
    let (mut nic, mut far) = open()?;
    nic.arm_interrupt()?;
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(10));
        far.send(&RAW_FRAME, 0);
    });
    let start = Instant::now();
    nic.bus().wait(FOREVER_NS)?;
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(nic.next_event()?.is_some());
    sender.join().map_err(|_| "the sender panicked")?;
    Ok(())
}

#[test]
fn a_sleep_ends_with_a_wake_even_one_from_before() -> Outcome {
    let (nic, _far) = open()?;
    let start = Instant::now();
    nic.bus().wake();
    nic.bus().wait(FOREVER_NS)?;
    let bus: Arc<dyn Bus> = Arc::clone(nic.bus());
    let waker = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(10));
        bus.wake();
    });
    nic.bus().wait(FOREVER_NS)?;
    assert!(start.elapsed() < Duration::from_secs(10));
    waker.join().map_err(|_| "the waker panicked")?;
    Ok(())
}

#[test]
fn an_event_from_before_the_arming_ends_the_sleep() -> Outcome {
    let (mut nic, mut far) = open()?;
    far.send(&RAW_FRAME, 0);
    nic.bus().relax();
    nic.arm_interrupt()?;
    let start = Instant::now();
    nic.bus().wait(FOREVER_NS)?;
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(nic.next_event()?.is_some());
    Ok(())
}

#[test]
fn interrupts_come_when_armed_and_not_more_often_than_allowed() -> Outcome {
    let clock = Clock::simulated(1000);
    let (mut nic, mut far) = open_at(clock.clone(), 500)?;
    let mut frame_at = |nic: &mut Nic, ns: u64| -> Result<u32, Box<dyn Error>> {
        clock.advance_to(ns);
        far.send(&RAW_FRAME, 0);
        nic.flush()?;
        nic.bus().relax();
        while nic.next_event()?.is_some() {}
        interrupts(nic)
    };
    assert_eq!(frame_at(&mut nic, 2000)?, 0, "not armed");
    nic.arm_interrupt()?;
    assert_eq!(frame_at(&mut nic, 3000)?, 1);
    assert_eq!(frame_at(&mut nic, 4000)?, 1, "not armed again");
    nic.arm_interrupt()?;
    assert_eq!(frame_at(&mut nic, 4000)?, 2);
    nic.arm_interrupt()?;
    assert_eq!(frame_at(&mut nic, 4499)?, 2, "too early");
    clock.advance_to(4500);
    nic.flush()?;
    nic.bus().relax();
    assert_eq!(interrupts(&nic)?, 3);
    Ok(())
}
