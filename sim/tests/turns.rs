//! In virtual time, hosts in threads of their own give the same run again, however the system schedules their threads.

use std::error::Error;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use handclasp_driver::{Bus, Event, Nic};
use handclasp_layout::register::{MAGIC, MAGIC_VALUE};
use handclasp_sim::dut::Width;
use handclasp_sim::world::{World, WorldConfig};

#[path = "rig/pair.rs"]
mod pair;

type Outcome = Result<(), Box<dyn Error>>;
type Failure = Box<dyn Error + Send + Sync>;

const SECOND_NS: u64 = 1_000_000_000;
/// Segments that each host sends.
const ROUNDS: u32 = 12;
const HELD_UP: Duration = Duration::from_millis(120);

/// Where a thread is held up.
#[derive(Clone, Copy, Default)]
struct HoldUp {
    /// At its start.
    start: [bool; 2],
    /// Between two calls, in the middle of the run.
    between: [bool; 2],
    /// Before it waits.
    before_wait: [bool; 2],
    /// Whoever sees the tenth frame arrive.
    observer: bool,
}

fn hold_up(really: bool) {
    if really {
        thread::sleep(HELD_UP);
    }
}

/// A host that sends at its own pace and answers to nothing, polls now and then, and says what it sees.
fn host(
    world: &World,
    bus: Arc<dyn Bus>,
    number: usize,
    hold: HoldUp,
    say: impl Fn(String),
) -> Result<(), Failure> {
    hold_up(hold.start[number]);
    let text = |error: Box<dyn Error>| Failure::from(error.to_string());
    let mut nic = pair::open_bus(bus, number).map_err(text)?;
    let mut sent = 0;
    let mut next_ns = 0;
    while sent < ROUNDS {
        if world.now_ns() >= next_ns {
            sent += 1;
            // The two paces meet again and again: both hosts are awake in the same cycle.
            next_ns = world.now_ns() + [6_000, 9_000][number];
            pair::send(&mut nic, sent).map_err(text)?;
        }
        hold_up(sent == ROUNDS / 2 && hold.between[number]);
        while let Some(event) = nic.next_event()? {
            if let Event::Rx(received) = event {
                say(format!(
                    "host {number} {} {:?}",
                    world.now_ns(),
                    received.event()
                ));
            }
        }
        nic.flush()?;
        nic.bus().relax();
        say(format!("host {number} has polled at {}", world.now_ns()));
        nic.arm_interrupt()?;
        hold_up(sent == ROUNDS / 3 && hold.before_wait[number]);
        nic.bus().wait(next_ns.saturating_sub(world.now_ns()))?;
        say(format!("host {number} goes on at {}", world.now_ns()));
    }
    Ok(nic.close()?)
}

/// Everything that happens in a run of two hosts: in two new threads, or the first one in this thread.
fn run(new_threads: usize, hold: HoldUp) -> Result<Vec<String>, Box<dyn Error>> {
    let world = World::cable(&WorldConfig::new(Width::W64), 500)?;
    let log = Arc::new(Mutex::new(Vec::new()));
    let say = |log: &Mutex<Vec<String>>, line| {
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    };
    let observed = Arc::clone(&log);
    let mut frames = 0;
    world.observe(Box::new(move |nic, observation| {
        if matches!(
            observation,
            handclasp_sim::observation::Observation::RxFrame { .. }
        ) {
            frames += 1;
            hold_up(frames == 10 && hold.observer);
        }
        say(&observed, format!("NIC {nic}: {observation:?}"));
    }));
    let buses = [0, 1].map(|nic| world.bus(nic));
    let (mut hosts, mut here) = (Vec::new(), None);
    for (number, bus) in buses.into_iter().enumerate() {
        let bus = bus.ok_or("no such NIC")?;
        let (ours, log) = (world.clone(), Arc::clone(&log));
        let play = move || host(&ours, bus, number, hold, |line| say(&log, line));
        if number == 0 && new_threads == 1 {
            here = Some(play);
        } else {
            world.hand_over(number);
            hosts.push(thread::spawn(play));
        }
    }
    if let Some(play) = here {
        play().map_err(|error| error.to_string())?;
    }
    for host in hosts {
        host.join()
            .map_err(|_| "a host panicked")?
            .map_err(|error| error.to_string())?;
    }
    world.check()?;
    let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(log)
}

#[test]
fn a_host_that_the_system_holds_up_changes_nothing() -> Outcome {
    let smooth = run(2, HoldUp::default())?;
    let arrived = smooth.iter().filter(|line| line.contains("RxFrame"));
    assert_eq!(arrived.count(), 2 * ROUNDS as usize);
    for one in [[true, false], [false, true]] {
        for hold in [
            HoldUp {
                start: one,
                ..HoldUp::default()
            },
            HoldUp {
                between: one,
                ..HoldUp::default()
            },
            HoldUp {
                before_wait: one,
                observer: true,
                ..HoldUp::default()
            },
        ] {
            for new_threads in [1, 2] {
                let held_up = run(new_threads, hold)?;
                let differ = smooth.iter().zip(&held_up).find(|(a, b)| a != b);
                assert_eq!(differ, None);
                assert_eq!(held_up.len(), smooth.len());
            }
        }
    }
    Ok(())
}

fn impatient() -> Result<World, Box<dyn Error>> {
    let config = WorldConfig {
        patience: Duration::from_millis(300),
        ..WorldConfig::new(Width::W64)
    };
    Ok(World::cable(&config, 500)?)
}

fn bus(world: &World, nic: usize) -> Result<Arc<dyn Bus>, Box<dyn Error>> {
    Ok(world.bus(nic).ok_or("no such NIC")?)
}

/// Uses the bus in a thread that ends.
fn use_elsewhere(bus: &Arc<dyn Bus>) -> Outcome {
    let bus = Arc::clone(bus);
    let magic = thread::spawn(move || bus.read32(MAGIC.offset));
    assert_eq!(magic.join().map_err(|_| "panicked")??, MAGIC_VALUE);
    Ok(())
}

#[test]
fn a_host_that_neither_ends_nor_goes_on_ends_the_world_with_its_name() -> Outcome {
    let world = impatient()?;
    let left = bus(&world, 1)?;
    use_elsewhere(&left)?;
    let waiting = bus(&world, 0)?;
    let start = Instant::now();
    let said = waiting.wait(SECOND_NS).map_err(|error| error.to_string());
    let said = said.expect_err("the world goes on without a host that is not done");
    assert!(
        said.contains("NIC 1") && said.contains("drop its bus"),
        "{said}"
    );
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(world.now_ns() < SECOND_NS / 2, "no time has passed");
    assert!(world.check().is_err());
    waiting.relax();
    assert!(waiting.read32(MAGIC.offset).is_err());
    assert!(left.read32(MAGIC.offset).is_err());
    Ok(())
}

#[test]
fn nobody_waits_for_a_host_that_has_ended_or_panicked() -> Outcome {
    let world = impatient()?;
    let ended = bus(&world, 1)?;
    use_elsewhere(&ended)?;
    let waiting = bus(&world, 0)?;
    drop(ended);
    waiting.wait(SECOND_NS)?;
    let panics = bus(&world, 1)?;
    let thread = thread::spawn(move || {
        catch_unwind(AssertUnwindSafe(move || {
            let _ = panics.read32(MAGIC.offset);
            thread::sleep(Duration::from_millis(50));
            std::panic::resume_unwind(Box::new("the host panics"));
        }))
    });
    while !thread.is_finished() {
        waiting.wait(SECOND_NS)?;
        waiting.relax();
    }
    assert!(thread.join().is_ok_and(|ended| ended.is_err()));
    waiting.wait(SECOND_NS)?;
    assert!(world.now_ns() >= 3 * SECOND_NS);
    Ok(())
}

#[test]
fn one_thread_that_drives_both_hosts_does_not_wait_for_itself() -> Outcome {
    let world = impatient()?;
    let (near, far) = (bus(&world, 0)?, bus(&world, 1)?);
    for bus in [&near, &far, &near, &near] {
        assert_eq!(bus.read32(MAGIC.offset)?, MAGIC_VALUE);
        bus.relax();
        bus.wait(SECOND_NS)?;
    }
    assert!(world.now_ns() >= 4 * SECOND_NS);
    Ok(())
}

/// Each polls until the other one has done something.
#[test]
fn hosts_that_only_poll_take_turns() -> Outcome {
    let world = impatient()?;
    let buses = [bus(&world, 0)?, bus(&world, 1)?];
    let count = Arc::new(Mutex::new(0));
    let mut hosts = Vec::new();
    for (number, bus) in buses.into_iter().enumerate() {
        let count = Arc::clone(&count);
        hosts.push(thread::spawn(move || {
            for _ in 0..100 {
                loop {
                    bus.relax();
                    let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
                    if *count % 2 == number {
                        *count += 1;
                        break;
                    }
                }
            }
        }));
    }
    for host in hosts {
        host.join().map_err(|_| "a host panicked")?;
    }
    assert_eq!(*count.lock().unwrap_or_else(PoisonError::into_inner), 200);
    world.check()?;
    Ok(())
}

/// A run in which a NIC's driver is opened before its host's thread exists.
#[test]
fn a_nic_may_be_handed_to_the_thread_of_its_host() -> Outcome {
    let world = impatient()?;
    let nics: Vec<Nic> = [pair::open(&world, 0)?, pair::open(&world, 1)?].into();
    let mut hosts = Vec::new();
    for nic in nics {
        hosts.push(thread::spawn(move || nic.bus().wait(SECOND_NS)));
    }
    for host in hosts {
        host.join().map_err(|_| "a host panicked")??;
    }
    assert!(world.now_ns() >= SECOND_NS);
    Ok(())
}
