//! What can befall a NIC in mid-transfer. Each ends in an error of its own, soon, and the next to open the NIC finds it well.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use handclasp_tests::guest::LONG_FILE;
use nix::sys::signal::Signal;

use crate::machine::{Machine, HOME};
use crate::program::{Program, User};
use crate::transfers;

/// Bytes after which a transfer is well under way.
const UNDER_WAY_BYTES: u64 = 64 << 10;
/// Longest until all sockets know that the NIC is not theirs any more.
const NOTICE_LIMIT: Duration = Duration::from_secs(10);

/// Reset (FLR) by somebody else, while a file is on its way.
pub fn reset_in_mid_transfer(machine: &Machine) -> Result<()> {
    let program = long_transfer(machine)?;
    machine.reset()?;
    program.finish(NOTICE_LIMIT)?.failed_saying(&["reset"])?;
    transfers::get(machine, User::Root)
}

/// The application is killed, and has no say: the kernel takes down its mappings, and the next one starts as from new.
pub fn killed_in_mid_transfer(machine: &Machine) -> Result<()> {
    let program = long_transfer(machine)?;
    program.signal(Signal::SIGKILL)?;
    program
        .finish(NOTICE_LIMIT)?
        .was_killed_by(Signal::SIGKILL)?;
    transfers::get(machine, User::Root)
}

/// A transfer that does not end by itself, well under way.
fn long_transfer(machine: &Machine) -> Result<Program> {
    // Where `handclasp get` writes until the file is whole.
    let part = Path::new(HOME).join(format!("{LONG_FILE}.part"));
    let _ = fs::remove_file(&part);
    let mut program = Program::get(User::Root, machine, LONG_FILE)?;
    program.wait_until("the file arrives", |_| {
        fs::metadata(&part).is_ok_and(|part| part.len() >= UNDER_WAY_BYTES)
    })?;
    Ok(program)
}
