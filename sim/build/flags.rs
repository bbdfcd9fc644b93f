//! How Verilator is called: for the models of the crate, and for those that its bench compares.

/// Flags of every model.
pub const VERILATOR_FLAGS: &[&str] = &[
    "-O3",
    // Random values in registers without reset, so that a missing reset shows.
    "--x-assign",
    "unique",
    "--x-initial",
    "unique",
    "--assert",
    "--trace-fst",
    // Several files, so that both cores compile.
    "--output-split",
    "10000",
    "-Wno-fatal",
];
