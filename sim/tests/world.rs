//! How time goes on in a world: when hosts wait, poll, wake each other or do nothing.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use handclasp_driver::{Bus, BusError};
use handclasp_layout::register::{BAR_BYTES, MAGIC, MAGIC_VALUE};
use handclasp_sim::dut::Width;
use handclasp_sim::world::{TimeSource, World, WorldConfig};

type Outcome = Result<(), Box<dyn Error>>;

const SECOND_NS: u64 = 1_000_000_000;

fn world(time: TimeSource) -> Result<World, Box<dyn Error>> {
    let config = WorldConfig {
        time,
        ..WorldConfig::new(Width::W64)
    };
    Ok(World::cable(&config, 500)?)
}

fn bus(world: &World, nic: usize) -> Result<Arc<dyn Bus>, Box<dyn Error>> {
    Ok(world.bus(nic).ok_or("no such NIC")?)
}

fn evaluated(world: &World) -> u64 {
    world
        .evaluation(0)
        .map_or(0, |evaluation| evaluation.evaluated_cycles)
}

#[test]
fn an_idle_hour_passes_in_no_time_and_to_the_nanosecond() -> Outcome {
    let world = world(TimeSource::Virtual)?;
    let bus = bus(&world, 0)?;
    // Tables are cleared after reset.
    bus.wait(SECOND_NS)?;
    let (before, start, start_ns) = (evaluated(&world), Instant::now(), world.now_ns());
    bus.wait(3600 * SECOND_NS)?;
    // Time goes by whole cycles of 6.4 ns.
    let waited_ns = world.now_ns() - start_ns;
    assert!((3600 * SECOND_NS..3600 * SECOND_NS + 14).contains(&waited_ns));
    assert_eq!(evaluated(&world), before, "an idle NIC costs nothing");
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(bus.read32(MAGIC.offset)?, MAGIC_VALUE);
    world.advance_until(world.now_ns() + 3600 * SECOND_NS)?;
    assert!(world.now_ns() >= 7200 * SECOND_NS);
    Ok(())
}

#[test]
fn polling_lets_time_pass() -> Outcome {
    let world = world(TimeSource::Virtual)?;
    let bus = bus(&world, 0)?;
    let start = world.cycle();
    for _ in 0..1000 {
        bus.relax();
    }
    assert_eq!(world.cycle() - start, 32 * 1000);
    Ok(())
}

#[test]
fn a_wake_ends_a_wait_and_is_not_lost() -> Outcome {
    for time in [TimeSource::Virtual, TimeSource::Wall] {
        let world = world(time)?;
        let bus = bus(&world, 0)?;
        bus.wait(SECOND_NS / 100)?;
        bus.wake();
        let start_ns = world.now_ns();
        bus.wait(SECOND_NS)?;
        assert!(
            world.now_ns() - start_ns < SECOND_NS / 2,
            "{time:?}: the wake was lost"
        );
        let start_ns = world.now_ns();
        bus.wait(SECOND_NS / 50)?;
        assert!(
            world.now_ns() - start_ns >= SECOND_NS / 50,
            "{time:?}: the wake came twice"
        );
    }
    Ok(())
}

#[test]
fn in_wall_time_a_thread_sleeps_until_another_wakes_it() -> Outcome {
    let world = world(TimeSource::Wall)?;
    let waiting = bus(&world, 0)?;
    // Tables are cleared after reset, which takes a busy machine a while.
    let mut before = 0;
    while evaluated(&world) > before {
        before = evaluated(&world);
        waiting.wait(SECOND_NS / 20)?;
    }
    let waker = Arc::clone(&waiting);
    let start = Instant::now();
    let sleepers: Vec<_> = (0..2)
        .map(|_| {
            let bus = Arc::clone(&waiting);
            thread::spawn(move || bus.wait(60 * SECOND_NS))
        })
        .collect();
    thread::sleep(Duration::from_millis(100));
    waker.wake();
    for sleeper in sleepers {
        sleeper.join().map_err(|_| "panicked")??;
    }
    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_millis(100) && waited < Duration::from_secs(10),
        "{waited:?}"
    );
    assert_eq!(evaluated(&world), before, "an idle NIC costs nothing");
    Ok(())
}

/// Two hosts in two threads, each waiting again and again: when each wait ended, in virtual time.
fn two_hosts() -> Result<Vec<(usize, u64)>, Box<dyn Error>> {
    let world = world(TimeSource::Virtual)?;
    let log = Arc::new(Mutex::new(Vec::new()));
    let buses = [bus(&world, 0)?, bus(&world, 1)?];
    let mut hosts = Vec::new();
    for (host, bus) in buses.into_iter().enumerate() {
        let (log, world) = (Arc::clone(&log), world.clone());
        let period_ns = [7_000_000, 11_000_000][host];
        hosts.push(thread::spawn(move || -> Result<(), BusError> {
            for _ in 0..50 {
                bus.wait(period_ns)?;
                if let Ok(mut log) = log.lock() {
                    log.push((host, world.now_ns()));
                }
            }
            Ok(())
        }));
    }
    for host in hosts {
        host.join().map_err(|_| "panicked")??;
    }
    let mut log = log.lock().map_err(|_| "poisoned")?.clone();
    log.sort();
    Ok(log)
}

#[test]
fn hosts_that_wait_in_threads_of_their_own_see_the_same_times_again() -> Outcome {
    let first = two_hosts()?;
    assert_eq!(first.len(), 100);
    for (host, period_ns) in [(0, 7_000_000), (1, 11_000_000)] {
        let mut last_ns = 0;
        for (_, at_ns) in first.iter().filter(|(of, _)| *of == host) {
            // From the very beginning: neither ran ahead while the other one's thread was being made.
            let waited_ns = at_ns - last_ns;
            assert!(
                (period_ns..period_ns + 200).contains(&waited_ns),
                "host {host}: {waited_ns}"
            );
            last_ns = *at_ns;
        }
    }
    assert_eq!(two_hosts()?, first);
    Ok(())
}

#[test]
fn offsets_that_are_no_register_are_refused() -> Outcome {
    let world = world(TimeSource::Virtual)?;
    let bus = bus(&world, 0)?;
    for offset in [1, 2, BAR_BYTES as u32, u32::MAX] {
        let refused = bus.read32(offset);
        assert!(
            matches!(refused, Err(BusError::BadOffset { .. })),
            "{offset:#x}"
        );
        assert!(bus.write32(offset, 0).is_err());
    }
    assert!(world.bus(2).is_none());
    Ok(())
}
