//! Sleeping on the reference NIC: until an interrupt, a wake, or the time-out; never longer, and never past an event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp_driver::{Bus, Nic, NicConfig};
use handclasp_sim::clock::Clock;
use handclasp_sim::reference::ReferenceNic;
use handclasp_sim::wire::{cable::Cable, Wire};

use rig::{nic_config, Outcome, Rig, MAC};

mod rig;

const RAW_FRAME: [u8; 14] = [0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x86, 0xdd];

/// Far beyond what a sleep takes; reached only when it does not end.
const FOREVER_NS: u64 = 20_000_000_000;

fn open() -> Result<(Nic, Cable), Box<dyn std::error::Error>> {
    let (near, far) = Cable::pair(0);
    let bus = Arc::new(ReferenceNic::new(Box::new(near), Clock::wall())?);
    let config = NicConfig::new(MAC, [192, 0, 2, 1].into(), 1);
    Ok((Nic::open(bus, &config)?, far))
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
    let mut rig = Rig::reference(&nic_config(|config| config.moderation_ns = 500))?;
    let frame_at = |rig: &mut Rig, ns: u64| -> Result<u32, Box<dyn std::error::Error>> {
        rig.advance_clock_to(ns);
        rig.far.send(&RAW_FRAME, 0);
        rig.step()?;
        while rig.nic.next_event()?.is_some() {}
        rig.counter("interrupts")
    };
    assert_eq!(frame_at(&mut rig, 2000)?, 0, "not armed");
    rig.nic.arm_interrupt()?;
    assert_eq!(frame_at(&mut rig, 3000)?, 1);
    assert_eq!(frame_at(&mut rig, 4000)?, 1, "not armed again");
    rig.nic.arm_interrupt()?;
    assert_eq!(frame_at(&mut rig, 4000)?, 2);
    rig.nic.arm_interrupt()?;
    assert_eq!(frame_at(&mut rig, 4499)?, 2, "too early");
    rig.advance_clock_to(4500);
    rig.step()?;
    assert_eq!(rig.counter("interrupts")?, 3);
    Ok(())
}
