//! In wall time a thread that sleeps in a wait advances the world as soon as another thread gives it something to do.

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use handclasp_driver::{Bus, BusError, Nic};
use handclasp_sim::dut::Width;
use handclasp_sim::world::{TimeSource, World, WorldConfig};
use handclasp_wires::cable::Cable;
use handclasp_wires::Wire;

#[path = "rig/pair.rs"]
mod pair;

type Outcome = Result<(), Box<dyn Error>>;

/// Far longer than a round takes: a wait that ends by itself has failed.
const FOREVER_NS: u64 = 10_000_000_000;
const ROUNDS: usize = 21;

fn config() -> WorldConfig {
    WorldConfig {
        time: TimeSource::Wall,
        ..WorldConfig::new(Width::W64)
    }
}

/// Half of the rounds take less than 5 ms: a busy machine may hold a thread up now and then.
fn check(mut took: Vec<Duration>) {
    assert_eq!(took.len(), ROUNDS);
    took.sort();
    assert!(took[ROUNDS / 2] < Duration::from_millis(5), "{took:?}");
}

/// A thread that sleeps, as soon as it can be told that it does.
fn sleep_on(bus: &Arc<dyn Bus>) -> thread::JoinHandle<Result<(), BusError>> {
    let bus = Arc::clone(bus);
    let sleeper = thread::spawn(move || bus.wait(FOREVER_NS));
    thread::sleep(Duration::from_millis(20));
    sleeper
}

/// Waits until the sleeper has been woken; returns how long that took.
fn join(
    sleeper: thread::JoinHandle<Result<(), BusError>>,
    start: Instant,
) -> Result<Duration, Box<dyn Error>> {
    sleeper.join().map_err(|_| "the sleeper panicked")??;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "nobody has woken it");
    Ok(took)
}

/// Takes the NIC's events, and lets the next one interrupt.
fn arm(nic: &mut Nic) -> Outcome {
    while nic.next_event()?.is_some() {}
    nic.flush()?;
    Ok(nic.arm_interrupt()?)
}

#[test]
fn a_frame_leaves_at_once_although_the_host_sleeps_in_another_thread() -> Outcome {
    let (near, mut far) = Cable::pair(0);
    let world = World::new(&config(), vec![Box::new(near)])?;
    let mut nic = pair::open(&world, 0)?;
    let sleeper = sleep_on(nic.bus());
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        // The model is to be idle, and its stepper asleep, before each doorbell.
        thread::sleep(Duration::from_millis(10));
        let start = Instant::now();
        pair::send(&mut nic, round as u32)?;
        let mut frame = Vec::new();
        while !far.receive(&mut frame, u64::MAX) {
            assert!(start.elapsed() < Duration::from_secs(10), "no frame");
            thread::sleep(Duration::from_micros(50));
        }
        took.push(start.elapsed());
    }
    check(took);
    assert!(!sleeper.is_finished(), "nobody has woken it");
    let start = Instant::now();
    nic.bus().wake();
    join(sleeper, start).map(drop)
}

#[test]
fn what_one_host_sends_wakes_the_other_although_the_sender_does_not_wait() -> Outcome {
    let world = World::cable(&config(), 500)?;
    let (mut near, mut far) = (pair::open(&world, 0)?, pair::open(&world, 1)?);
    far.bus().wait(50_000_000)?;
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        arm(&mut far)?;
        let sleeper = sleep_on(far.bus());
        let start = Instant::now();
        pair::send(&mut near, round as u32)?;
        took.push(join(sleeper, start)?);
    }
    check(took);
    Ok(())
}

#[test]
fn an_injected_frame_wakes_the_host_that_sleeps() -> Outcome {
    let world = World::cable(&config(), 500)?;
    let mut nic = pair::open(&world, 0)?;
    nic.bus().wait(50_000_000)?;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        arm(&mut nic)?;
        let sleeper = sleep_on(nic.bus());
        let start = Instant::now();
        world.inject(
            0,
            &[0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x86, 0xdd],
            false,
        );
        took.push(join(sleeper, start)?);
    }
    check(took);
    Ok(())
}

/// The one who knows when the frame arrives leaves before that.
#[test]
fn a_sleeper_learns_of_a_frame_under_way_that_another_thread_knew_of() -> Outcome {
    let world = World::cable(&config(), 30_000_000)?;
    let (mut near, mut far) = (pair::open(&world, 0)?, pair::open(&world, 1)?);
    far.bus().wait(50_000_000)?;
    arm(&mut far)?;
    let sleeper = sleep_on(far.bus());
    let start = Instant::now();
    pair::send(&mut near, 1)?;
    near.bus().wait(10_000_000)?;
    assert!(
        start.elapsed() < Duration::from_millis(25),
        "too busy to tell"
    );
    let waited = join(sleeper, start)?;
    assert!(waited >= Duration::from_millis(30), "{waited:?}");
    Ok(())
}
