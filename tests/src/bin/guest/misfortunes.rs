//! What can befall a NIC in use. Each ends in an error of its own, soon, and the next to open the NIC finds it well.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{bail, ensure, Context, Result};
use handclasp_driver::vfio::Function;
use handclasp_host::TcpStream;
use handclasp_layout::pci::{COMMAND_MEMORY_SPACE, CONFIG_COMMAND};
use handclasp_layout::register::{COMMAND_BASE_HIGH, EVENT_BASE_HIGH, SLOT_BASE_HIGH};
use handclasp_tests::guest::{LONG_FILE, UNMAPPED_HIGH};
use nix::sys::signal::Signal;

use crate::machine::{Machine, HOME};
use crate::nic::{self, Bent, Waiting, NOTICE_LIMIT, UNDER_WAY_BYTES};
use crate::program::{Program, User};
use crate::transfers;

/// A ring where nothing is mapped: the IOMMU refuses the NIC's access, the queue stops, and the sockets are told.
pub fn unmapped_iova(machine: &Machine) -> Result<()> {
    for (register, word) in [
        (
            COMMAND_BASE_HIGH,
            "refused to let it read at I/O address 0x7f",
        ),
        (
            SLOT_BASE_HIGH,
            "refused to let it write at I/O address 0x7f",
        ),
        // Where the NIC would write what has gone wrong is what is not mapped.
        (EVENT_BASE_HIGH, "can no longer reach its rings"),
    ] {
        let host = nic::host(Arc::new(Bent {
            bus: nic::open(machine)?,
            register,
            value: UNMAPPED_HIGH,
        }))?;
        let error = match TcpStream::connect_timeout(&host, &nic::server(), NOTICE_LIMIT) {
            Ok(_) => bail!("a connection, although {} is not mapped", register.name),
            Err(error) => error.to_string(),
        };
        println!("    {}: {error}", register.name);
        ensure!(
            error.contains(word),
            "{} is not mapped, but the error does not say {word:?}: {error}",
            register.name
        );
    }
    transfers::get(machine, User::Root)
}

/// Bus mastering switched off under the driver's feet: the NIC can neither read nor write memory, nor interrupt.
pub fn bus_master_off(machine: &Machine) -> Result<()> {
    let bus = nic::open(machine)?;
    let host = nic::host(Arc::clone(&bus) as _)?;
    let waiting = Waiting::start(&host)?;
    bus.function()
        .config_write(CONFIG_COMMAND, &COMMAND_MEMORY_SPACE.to_le_bytes())
        .context("switching bus mastering off")?;
    waiting.all_failed_saying("bus mastering is off")?;
    drop((host, bus));
    transfers::get(machine, User::Root)
}

/// Reset (FLR) by somebody else, while files are on their way.
pub fn reset_in_mid_transfer(machine: &Machine) -> Result<()> {
    let host = nic::host(nic::open(machine)?)?;
    let waiting = Waiting::start(&host)?;
    machine.reset()?;
    waiting.all_failed_saying("was reset")?;
    drop(host);
    // And as a user sees it.
    let program = long_transfer(machine)?;
    machine.reset()?;
    program
        .finish(NOTICE_LIMIT)?
        .failed_saying(&["was reset"])?;
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
    // One that was killed leaves its part behind.
    for part in parts()? {
        fs::remove_file(&part).with_context(|| format!("removing {}", part.display()))?;
    }
    let mut program = Program::get(User::Root, machine, LONG_FILE)?;
    program.wait_until("the file arrives", |_| {
        let lengths = parts().into_iter().flatten().map(fs::metadata);
        lengths
            .flatten()
            .any(|part| part.len() >= UNDER_WAY_BYTES as u64)
    })?;
    Ok(program)
}

/// Where `handclasp get` writes until the file is whole: a name of its own beside it.
fn parts() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(HOME).with_context(|| format!("reading {HOME}"))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(LONG_FILE) && name.ends_with(".part")
        })
        .collect())
}
