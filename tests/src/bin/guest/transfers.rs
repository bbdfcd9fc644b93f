//! Files over our sockets, through VFIO, to and from the host's kernel.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use handclasp_tests::guest::{Line, FETCHED, FILE, GUEST_PORT, USER, WWW_DIR};
use nix::sys::resource::{setrlimit, Resource};
use nix::sys::signal::Signal;

use crate::machine::{write, Machine, HOME};
use crate::nic;
use crate::program::{Program, User, LIMIT};

/// Enough for all that the driver maps.
const ENOUGH_LOCKED_BYTES: u64 = 64 << 20;
/// Enough for a ring, too little for all of them.
const LITTLE_LOCKED_BYTES: u64 = 64 << 10;
/// Huge pages to set aside, of 2 MiB.
const HUGE_PAGES: usize = 16;
/// How often the NIC is opened anew.
const REOPENINGS: usize = 5;

/// Gets the file; it must be the one that the host has.
pub fn get(machine: &Machine, user: User) -> Result<()> {
    let got = Path::new(HOME).join(FILE);
    forget(&got)?;
    let said = Program::get(user, machine, FILE)?
        .finish(LIMIT)?
        .succeeded()?;
    println!("    {}", said.trim_end());
    let expected = fs::read(Path::new(WWW_DIR).join(FILE)).context("the file to compare with")?;
    let got = fs::read(&got).with_context(|| got.display().to_string())?;
    ensure!(
        got == expected,
        "{} bytes arrived, and they are not the file",
        got.len()
    );
    Ok(())
}

/// Removes the file of a scenario before, if there is one.
fn forget(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", file.display()))
        }
        _ => Ok(()),
    }
}

/// `handclasp get` from the host's HTTP server.
pub fn get_as_root(machine: &Machine) -> Result<()> {
    get(machine, User::Root)
}

/// `handclasp serve`, and on the host curl.
pub fn serve(machine: &Machine) -> Result<()> {
    let (address, cidr) = (&machine.address, Machine::cidr());
    let mut serve = Program::handclasp(
        User::Root,
        &format!("serve --device {address} --ip {cidr} --port {GUEST_PORT} --dir {WWW_DIR}"),
    )?;
    serve.wait_until("it serves", |said| said.contains("serving"))?;
    println!("{}", Line::Ready);
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .context("reading the host's answer")?;
    ensure!(answer.trim_end() == FETCHED, "the host says: {answer}");
    serve.signal(Signal::SIGTERM)?;
    serve.finish(LIMIT)?.succeeded()?;
    Ok(())
}

/// Once bound with `--user`, the NIC is that user's: no root, no capabilities.
pub fn ordinary_user(machine: &Machine) -> Result<()> {
    // Root's, which the user may not write.
    forget(&Path::new(HOME).join(FILE))?;
    Program::get(User::Ordinary, machine, FILE)?
        .finish(LIMIT)?
        .failed_saying(&[&format!("handclasp bind {} --user", machine.address)])?;
    Program::handclasp(
        User::Root,
        &format!("bind {} --user {USER}", machine.address),
    )?
    .finish(LIMIT)?
    .succeeded()?;
    with_locked_memory(ENOUGH_LOCKED_BYTES, || get(machine, User::Ordinary))
}

/// An ordinary user may lock only so much memory; the error says how much is needed, and how to get it.
pub fn little_locked_memory(machine: &Machine) -> Result<()> {
    with_locked_memory(LITTLE_LOCKED_BYTES, || {
        Program::get(User::Ordinary, machine, FILE)?
            .finish(LIMIT)?
            .failed_saying(&["may lock 64 KiB", "ulimit -l"])
    })
}

/// With huge pages set aside, the driver's memory is made of them; without, as in the other scenarios, of ordinary ones.
pub fn huge_pages(machine: &Machine) -> Result<()> {
    const SET_ASIDE: &str = "/proc/sys/vm/nr_hugepages";
    write(Path::new(SET_ASIDE), &HUGE_PAGES.to_string())?;
    let before = free_huge_pages()?;
    ensure!(
        before == HUGE_PAGES,
        "only {before} huge pages are to be had"
    );
    let host = nic::host(nic::open(machine)?)?;
    let during = free_huge_pages()?;
    ensure!(during < before, "the host uses no huge page");
    drop(host);
    let after = free_huge_pages()?;
    ensure!(after == before, "{} huge pages are lost", before - after);
    get(machine, User::Root)?;
    write(Path::new(SET_ASIDE), "0")
}

fn free_huge_pages() -> Result<usize> {
    let text = fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
    let free = text
        .lines()
        .find_map(|line| line.strip_prefix("HugePages_Free:"));
    free.and_then(|free| free.trim().parse().ok())
        .context("/proc/meminfo has no HugePages_Free")
}

/// One after the other, in one boot: each finds a NIC as after a power-up.
pub fn reopening(machine: &Machine) -> Result<()> {
    for _ in 0..REOPENINGS {
        get(machine, User::Root)?;
    }
    Ok(())
}

/// Runs `what` with another limit on locked memory, which programs started meanwhile inherit.
fn with_locked_memory<T>(bytes: u64, what: impl FnOnce() -> Result<T>) -> Result<T> {
    let limit = |bytes| {
        setrlimit(Resource::RLIMIT_MEMLOCK, bytes, ENOUGH_LOCKED_BYTES)
            .context("setting the limit on locked memory")
    };
    limit(bytes)?;
    let outcome = what();
    limit(ENOUGH_LOCKED_BYTES)?;
    outcome
}
