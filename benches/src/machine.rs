//! The machine that measures, as far as it tells.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What a reader must know to make sense of times. What the system does not tell is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// When the run began: RFC 3339, UTC.
    pub date: String,
    /// Version of the operating system's kernel.
    pub kernel: Option<String>,
    /// The processor's name.
    pub cpu: Option<String>,
    /// Its clock when the run began.
    pub cpu_mhz: Option<f64>,
    /// Processors that the run was allowed to use.
    pub cpus: usize,
    /// Governor of the processor's frequency; none where the system does not control it.
    pub governor: Option<String>,
    /// Where the system's time comes from.
    pub clock_source: Option<String>,
    /// It is a virtual machine.
    pub is_virtual: bool,
    /// Processes that wanted a CPU in the minute before the run: more than there are CPUs is a noisy machine.
    pub load: Option<f64>,
}

impl Machine {
    /// This one, now.
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            cpuinfo.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            })
        };
        Self {
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            kernel: line_of("/proc/sys/kernel/osrelease"),
            cpu: field("model name"),
            cpu_mhz: field("cpu MHz").and_then(|mhz| mhz.parse().ok()),
            cpus: crate::pin::allowed().len(),
            governor: line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            clock_source: line_of(
                "/sys/devices/system/clocksource/clocksource0/current_clocksource",
            ),
            is_virtual: field("flags")
                .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            load: line_of("/proc/loadavg").and_then(|line| line.split(' ').next()?.parse().ok()),
        }
    }
}

fn line_of(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}
