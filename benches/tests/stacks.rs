//! Every stack really does what is measured, and the harness by itself costs less than any of them.

use std::time::Duration;

use handclasp_benches::distribution::Distribution;
use handclasp_benches::latency::{self, Waiting};
use handclasp_benches::meter::{End, Meter, Stopwatch, Unmetered};
use handclasp_benches::stack::in_memory::Ends;
use handclasp_benches::stack::{InMemory, Linux, Null, Ours, Path, Smoltcp, Stack};
use handclasp_benches::work::SIZES_BYTES;
use handclasp_benches::{work, BenchError, Work};

fn works() -> Vec<Work> {
    let mut works = vec![Work::Handshake, Work::Close];
    works.extend(SIZES_BYTES.map(Work::Echo));
    works.extend(SIZES_BYTES.map(Work::Stream));
    works
}

/// The bytes are compared within: see `WrongBytes`.
fn does_all_works(stack: &mut impl Stack) {
    for work in works() {
        let mut count = 0;
        work::measure(stack, work, 50, |_: Unmetered| count += 1)
            .unwrap_or_else(|error| panic!("{work}: {error}"));
        assert_eq!(count, 50);
    }
}

#[test]
fn ours_does_all_works() {
    does_all_works(&mut Ours::new().unwrap());
}

#[test]
fn smoltcp_does_all_works() {
    does_all_works(&mut Smoltcp::new());
}

#[test]
fn linux_does_all_works_over_loopback() {
    does_all_works(&mut Linux::new(Path::Loopback).unwrap());
}

/// Counts the sections of each end.
#[derive(Default)]
struct Sections {
    client: usize,
    server: usize,
}

impl Meter for Sections {
    fn section<R>(&mut self, end: End, work: impl FnOnce() -> R) -> R {
        match end {
            End::Client => self.client += 1,
            End::Server => self.server += 1,
        }
        work()
    }
}

/// What the null stack costs is what the harness adds to the others: so it has as many sections.
#[test]
fn a_handshake_has_as_many_sections_without_stack() {
    let sections = |stack: &mut dyn FnMut(&mut Sections)| {
        let mut sections = Sections::default();
        stack(&mut sections);
        (sections.client, sections.server)
    };
    let mut ours = Ours::new().unwrap();
    work::begin(&mut ours, Work::Handshake).unwrap();
    let with = sections(&mut |meter| ours.open(meter).unwrap());
    let mut null = Null::new();
    let without = sections(&mut |meter| null.open(meter).unwrap());
    assert_eq!(with, without);
    assert_eq!(with, (2, 2), "SYN; SYN+ACK; ACK; accept");
}

fn median(stack: &mut impl Stack, work: Work) -> f64 {
    let mut times = Vec::<Duration>::new();
    work::measure(stack, work, 2000, |watch: Stopwatch| {
        times.push(watch.spent_both());
    })
    .unwrap();
    Distribution::of(times).unwrap().p50_ns
}

#[test]
fn the_harness_alone_costs_less_than_every_stack() {
    for work in [Work::Handshake, Work::Echo(1), Work::Stream(1), Work::Close] {
        let null = median(&mut Null::new(), work);
        for (name, other) in [
            ("ours", median(&mut Ours::new().unwrap(), work)),
            ("smoltcp", median(&mut Smoltcp::new(), work)),
            (
                "linux",
                median(&mut Linux::new(Path::Loopback).unwrap(), work),
            ),
        ] {
            assert!(null < other, "{work}: null {null} ns, {name} {other} ns");
        }
    }
}

/// Passes all on, but for a byte that it changes.
struct Damaging<E>(E);

impl<E: Ends> Ends for Damaging<E> {
    const NAME: &'static str = "damaging";

    fn prepare(&mut self, now_ns: u64) -> Result<(), BenchError> {
        self.0.prepare(now_ns)
    }

    fn connect(&mut self, now_ns: u64) -> Result<(), BenchError> {
        self.0.connect(now_ns)
    }

    fn is_established(&mut self, end: End) -> Result<bool, BenchError> {
        self.0.is_established(end)
    }

    fn poll(&mut self, end: End, now_ns: u64) -> Result<(), BenchError> {
        self.0.poll(end, now_ns)
    }

    fn send(&mut self, end: End, now_ns: u64, data: &[u8]) -> Result<usize, BenchError> {
        self.0.send(end, now_ns, data)
    }

    fn receive(&mut self, end: End, out: &mut [u8]) -> Result<usize, BenchError> {
        let count = self.0.receive(end, out)?;
        if let Some(byte) = out[..count].last_mut() {
            *byte ^= 0x10;
        }
        Ok(count)
    }

    fn is_at_end(&mut self, end: End) -> Result<bool, BenchError> {
        self.0.is_at_end(end)
    }

    fn close(&mut self, end: End, now_ns: u64) -> Result<(), BenchError> {
        self.0.close(end, now_ns)
    }

    fn carry(&mut self, to: End, now_ns: u64) -> Result<bool, BenchError> {
        self.0.carry(to, now_ns)
    }
}

/// A stack that brings wrong bytes is not measured, but refused.
#[test]
fn a_changed_byte_is_noticed() {
    let ends = Damaging(Ours::ends().unwrap());
    let mut stack = InMemory::new(ends);
    stack.open(&mut Unmetered).unwrap();
    let error = stack.transfer(64, &mut Unmetered).unwrap_err();
    assert!(
        matches!(error, BenchError::WrongBytes { at: 63, .. }),
        "{error}"
    );
}

#[test]
fn linux_answers_between_threads() {
    let mut linux = Linux::new(Path::Loopback).unwrap();
    assert_eq!(latency::handshakes(&mut linux, 20).unwrap().len(), 20);
    for waiting in Waiting::BOTH {
        for size_bytes in SIZES_BYTES {
            let times = latency::echoes(&mut linux, waiting, size_bytes, 20).unwrap();
            assert_eq!(times.len(), 20);
        }
    }
}
