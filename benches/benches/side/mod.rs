//! One end of every stack at the same work.
//!
//! Criterion is given the time in the end's sections only, so it takes longer than that time says: what the prepared NIC
//! does between them is not in it.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use handclasp_benches::meter::{End, Stopwatch};
use handclasp_benches::pin::Pinned;
use handclasp_benches::stack::{Linux, Null, Ours, Path, Smoltcp, Stack};
use handclasp_benches::{work, Work};

/// Short, for there are many.
pub fn config() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
}

/// Measures the time at `end` while each stack does `work`.
///
/// # Panics
/// When a stack fails: there is nothing to compare then.
pub fn compare(criterion: &mut Criterion, name: &str, work: Work, end: End) {
    let _pinned = Pinned::to_last();
    measure(
        criterion,
        name,
        &mut Ours::new().expect("our stack starts"),
        work,
        end,
    );
    measure(criterion, name, &mut Smoltcp::new(), work, end);
    measure(criterion, name, &mut Null::new(), work, end);
    for path in Path::BOTH {
        match Linux::new(path) {
            Ok(mut linux) => measure(criterion, name, &mut linux, work, end),
            Err(reason) => println!("{name}/{}: left out: {reason}", path.name()),
        }
    }
}

fn measure(criterion: &mut Criterion, name: &str, stack: &mut impl Stack, work: Work, end: End) {
    let id = match work.size_bytes() {
        Some(size_bytes) => BenchmarkId::new(stack.name(), size_bytes),
        None => BenchmarkId::from_parameter(stack.name()),
    };
    let mut begun = false;
    let mut group = criterion.benchmark_group(name);
    group.bench_function(id, |bencher| {
        // Not before: the benchmark may be filtered out.
        if !begun {
            work::begin(stack, work).expect("the stack warms up");
            begun = true;
        }
        bencher.iter_custom(|count| {
            let mut spent = Duration::ZERO;
            let count = usize::try_from(count).expect("so many repetitions can be counted");
            work::repeat(stack, work, count, |watch: Stopwatch| {
                spent += watch.spent(end)
            })
            .expect("the stack does its work");
            spent
        });
    });
    group.finish();
    if begun {
        work::end(stack, work).expect("the stack closes the connection");
    }
}
