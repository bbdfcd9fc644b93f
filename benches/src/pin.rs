//! Keeps a thread on one CPU, so that it neither moves while it is measured nor finds cold caches.

use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;

/// The calling thread.
const SELF: Pid = Pid::from_raw(0);

/// The CPUs that the calling thread may run on.
pub fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(SELF).unwrap_or_default();
    (0..CpuSet::count())
        .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
        .collect()
}

/// The calling thread runs on these CPUs only; says whether the system agreed.
pub fn to(cpus: &[usize]) -> bool {
    let mut set = CpuSet::new();
    cpus.iter().all(|&cpu| set.set(cpu).is_ok()) && sched_setaffinity(SELF, &set).is_ok()
}

/// Keeps the calling thread on one CPU while it lives.
#[derive(Debug)]
pub struct Pinned {
    before: Vec<usize>,
    /// The CPU, if the system agreed.
    pub cpu: Option<usize>,
}

impl Pinned {
    /// To the last CPU that is allowed: the first is where most systems handle interrupts.
    pub fn to_last() -> Self {
        let before = allowed();
        let cpu = before.last().copied().filter(|&cpu| to(&[cpu]));
        Self { before, cpu }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        to(&self.before);
    }
}
