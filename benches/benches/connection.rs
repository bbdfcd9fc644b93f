//! Opening and closing a connection: the time at one end, for each stack.
//!
//! `cargo bench -p handclasp-benches`

use criterion::{criterion_group, criterion_main, Criterion};
use handclasp_benches::meter::End;
use handclasp_benches::Work;

mod side;

fn connection(criterion: &mut Criterion) {
    side::compare(criterion, "connect", Work::Handshake, End::Client);
    side::compare(criterion, "accept", Work::Handshake, End::Server);
    side::compare(criterion, "close-first", Work::Close, End::Client);
    side::compare(criterion, "close-second", Work::Close, End::Server);
}

criterion_group! {
    name = benches;
    config = side::config();
    targets = connection
}
criterion_main!(benches);
