//! SIGINT and SIGTERM: the first one ends the command in order, the second at once.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// The status of a command that a signal ended at once: 128 and the number of SIGINT, as shells say it.
const INTERRUPTED: i32 = 130;

/// Calls `first` at the first signal, in a thread of its own; the second ends the process.
///
/// # Errors
/// The system does not let us wait for signals.
pub fn on_first(first: impl Fn() + Send + 'static) -> Result<()> {
    let seen = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            exit();
        }
        first();
    })
    .context("waiting for SIGINT and SIGTERM")
}

/// Ends the process at once.
pub fn exit() -> ! {
    process::exit(INTERRUPTED)
}
