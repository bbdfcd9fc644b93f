//! The scenarios in the order in which they run, and their time limits.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use handclasp_tests::guest::Line;

use crate::machine::Machine;
use crate::{benches, binding, misfortunes, transfers};

/// Longest that one scenario may take; more is a hang.
const LIMIT: Duration = Duration::from_secs(90);

/// One scenario.
struct Scenario {
    name: &'static str,
    run: fn(&Machine) -> Result<()>,
}

macro_rules! scenarios {
    ($($module:ident::$name:ident)*) => {
        &[$(Scenario { name: stringify!($name), run: $module::$name }),*]
    };
}

/// In this order: a NIC that is still to be bound comes first, and the last gives it back.
const SCENARIOS: &[Scenario] = scenarios! {
    binding::not_bound
    binding::bound_to_another_driver
    binding::bind
    binding::devices
    binding::already_open
    transfers::get_as_root
    transfers::serve
    benches::benches
    transfers::ordinary_user
    transfers::little_locked_memory
    transfers::huge_pages
    misfortunes::unmapped_iova
    misfortunes::bus_master_off
    misfortunes::reset_in_mid_transfer
    benches::reset_while_measuring
    misfortunes::killed_in_mid_transfer
    transfers::reopening
    binding::unbind
};

/// Runs one after the other, a line each; the first that fails is the verdict, for the others build on it.
pub fn run_all(machine: Machine) -> Line {
    let machine = Arc::new(machine);
    for Scenario { name, run } in SCENARIOS {
        println!("...  {name}");
        let begin = Instant::now();
        let (sender, receiver) = mpsc::channel();
        let on = Arc::clone(&machine);
        // Not joined: one that hangs would never end.
        thread::spawn(move || sender.send(run(&on)));
        let why = match receiver.recv_timeout(LIMIT) {
            Ok(Ok(())) => {
                println!("ok   {name} ({:.2} s)", begin.elapsed().as_secs_f64());
                continue;
            }
            Ok(Err(error)) => format!("{error:#}"),
            Err(RecvTimeoutError::Timeout) => format!("hangs: no end after {LIMIT:?}"),
            Err(RecvTimeoutError::Disconnected) => "panicked".into(),
        };
        return Line::Fail(format!("{name}: {why}"));
    }
    Line::Pass(SCENARIOS.len())
}
