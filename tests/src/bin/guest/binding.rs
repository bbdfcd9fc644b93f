//! From a NIC that no driver has to one that an application can open, by the command that a user has for it.

use std::fs;

use anyhow::{ensure, Result};
use handclasp_tests::guest::FILE;

use crate::machine::Machine;
use crate::nic;
use crate::program::{Program, User, LIMIT};

/// A NIC without driver cannot be opened; the error says what to do.
pub fn not_bound(machine: &Machine) -> Result<()> {
    ensure!(
        machine.driver().is_none(),
        "a kernel's own driver has taken the NIC"
    );
    refused(machine, &[])
}

/// Nor can one that another driver has; the error names it.
pub fn bound_to_another_driver(machine: &Machine) -> Result<()> {
    machine.bind_to("uio_pci_generic")?;
    refused(machine, &["uio_pci_generic"])
}

fn refused(machine: &Machine, words: &[&str]) -> Result<()> {
    let advice = format!("handclasp bind {}", machine.address);
    let words: Vec<&str> = words.iter().copied().chain([&*advice]).collect();
    Program::get(User::Root, machine, FILE)?
        .finish(LIMIT)?
        .failed_saying(&words)
}

/// `handclasp bind` gives the NIC to vfio-pci, from whichever driver has it.
pub fn bind(machine: &Machine) -> Result<()> {
    let said = Program::handclasp(User::Root, &format!("bind {}", machine.address))?
        .finish(LIMIT)?
        .succeeded()?;
    ensure!(
        machine.driver().as_deref() == Some("vfio-pci"),
        "the NIC is bound to {:?} after: {said}",
        machine.driver()
    );
    let group = machine.group()?;
    ensure!(group.exists(), "there is no {}", group.display());
    Ok(())
}

/// `handclasp devices` knows the NIC, its driver and its group.
pub fn devices(machine: &Machine) -> Result<()> {
    let said = Program::handclasp(User::Root, "devices")?
        .finish(LIMIT)?
        .succeeded()?;
    println!("    {}", said.trim_end().replace('\n', "\n    "));
    for word in [&*machine.address, "vfio-pci"] {
        ensure!(said.contains(word), "no {word} in: {said}");
    }
    Ok(())
}

/// A NIC has one user at a time; the second is told so, and how to find the first.
pub fn already_open(machine: &Machine) -> Result<()> {
    let first = nic::open(machine)?;
    Program::get(User::Root, machine, FILE)?
        .finish(LIMIT)?
        .failed_saying(&["another process", "fuser"])?;
    drop(first);
    Ok(())
}

/// `handclasp unbind` gives the NIC back to the driver that had it, and keeps no hold on it.
pub fn unbind(machine: &Machine) -> Result<()> {
    Program::handclasp(User::Root, &format!("unbind {}", machine.address))?
        .finish(LIMIT)?
        .succeeded()?;
    ensure!(
        machine.driver().as_deref() != Some("vfio-pci"),
        "vfio-pci still has the NIC"
    );
    let group = machine.group()?;
    ensure!(!group.exists(), "{} is still there", group.display());
    let driver_override = fs::read_to_string(machine.sysfs("driver_override"))?;
    ensure!(
        driver_override.trim() == "(null)",
        "driver_override is still {driver_override:?}"
    );
    refused(machine, &[])
}
