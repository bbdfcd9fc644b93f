//! Waiting.

use std::thread;
use std::time::{Duration, Instant};

use crate::fake::Fake;
use handclasp_driver::Bus;

const LONG_NS: u64 = 3_600_000_000_000;
const SECOND: Duration = Duration::from_secs(1);

fn timed(wait: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    wait();
    begin.elapsed()
}

#[test]
fn a_wait_ends_by_interrupt_wake_or_time() {
    let (fake, bus) = Fake::open();
    let wait = |timeout_ns| timed(|| bus.wait(timeout_ns).unwrap());
    fake.interrupt(0);
    fake.interrupt(0);
    assert!(wait(LONG_NS) < SECOND / 2);
    // It was taken: the next one sleeps.
    assert!(wait(20_000_000) >= Duration::from_millis(20));
    // Nobody waits yet; the next one knows.
    bus.wake();
    bus.wake();
    assert!(wait(LONG_NS) < SECOND / 2);
    assert!(wait(20_000_000) >= Duration::from_millis(20));
    assert!(wait(0) < SECOND / 2);
}

#[test]
fn a_wait_lasts_a_second_at_most() {
    let (_fake, bus) = Fake::open();
    let waited = timed(|| bus.wait(u64::MAX).unwrap());
    assert!(waited >= SECOND && waited < 2 * SECOND, "{waited:?}");
}

#[test]
fn another_thread_ends_a_wait() {
    let (fake, bus) = Fake::open();
    for end in [&|| bus.wake(), &|| fake.interrupt(0)] as [&(dyn Fn() + Sync); 2] {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(50));
                end();
            });
            let waited = timed(|| bus.wait(LONG_NS).unwrap());
            assert!(waited < SECOND * 9 / 10, "{waited:?}");
        });
    }
}
