//! The command `handclasp`.

fn main() {}
