//! Sending and receiving: the time at one end, for each stack and size; and both ends of an echo.
//!
//! `cargo bench -p handclasp-benches`

use criterion::{criterion_group, criterion_main, Criterion};
use handclasp_benches::meter::End;
use handclasp_benches::work::SIZES_BYTES;
use handclasp_benches::Work;

mod side;

fn data(criterion: &mut Criterion) {
    for size_bytes in SIZES_BYTES {
        side::compare(criterion, "send", Work::Stream(size_bytes), End::Client);
        side::compare(criterion, "receive", Work::Stream(size_bytes), End::Server);
        side::compare(criterion, "ask", Work::Echo(size_bytes), End::Client);
        side::compare(criterion, "answer", Work::Echo(size_bytes), End::Server);
    }
}

criterion_group! {
    name = benches;
    config = side::config();
    targets = data
}
criterion_main!(benches);
