//! A network namespace of our own with the Linux kernel's TCP at the other end of a TAP device: the peer of demo and benches.

use std::net::Ipv4Addr;
use std::process::Command;
use std::thread;

use anyhow::{bail, Context, Result};
use handclasp_sim::wire::tap::Tap;
use nix::sched::{unshare, CloneFlags};

use crate::station::Cidr;
use crate::wire::WireName;

/// Name of the TAP device; it is alone in its namespace.
const TAP: &str = "hc0";
/// The kernel's address (RFC 5737: for documentation, routed nowhere).
pub const KERNEL_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Our address.
pub const OUR_IP: Cidr = Cidr {
    ip: Ipv4Addr::new(192, 0, 2, 2),
    prefix_len: 24,
};

/// The wire to the kernel in this namespace.
pub fn wire() -> WireName {
    WireName::tap(TAP)
}

/// Why there is no kernel to talk to.
#[derive(Debug, thiserror::Error)]
#[error("{what} ({reason}); needed: root, or CAP_NET_ADMIN and CAP_SYS_ADMIN, /dev/net/tun, and the command `ip` (Debian: iproute2)")]
pub struct NoKernel {
    what: &'static str,
    reason: String,
}

/// Runs `work` in a thread with a new network namespace, in which the kernel has [`KERNEL_IP`] on the TAP device of [`wire`].
/// Threads that it starts are in the namespace as well; when it returns, the namespace goes.
///
/// # Errors
/// [`NoKernel`] inside when the system does not let us; else what `work` says.
pub fn with_kernel_peer<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<Result<T>, NoKernel> {
    let thread = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| NoKernel {
            what: "no network namespace can be made",
            reason: errno.to_string(),
        })?;
        // Held until the end, the interface stays; the station opens it anew.
        ip(&["tuntap", "add", "dev", TAP, "mode", "tap"])?;
        ip(&["link", "set", "lo", "up"])?;
        ip(&[
            "addr",
            "add",
            &format!("{KERNEL_IP}/{}", OUR_IP.prefix_len),
            "dev",
            TAP,
        ])?;
        ip(&["link", "set", TAP, "up"])?;
        // Says early, and in its own words, if the device cannot be had.
        Tap::open(TAP, true).map_err(|error| NoKernel {
            what: "no TAP device can be had",
            reason: error.to_string(),
        })?;
        Ok(work())
    });
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn ip(arguments: &[&str]) -> Result<(), NoKernel> {
    run_ip(arguments).map_err(|error| NoKernel {
        what: "the TAP device cannot be set up",
        reason: format!("{error:#}"),
    })
}

fn run_ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .context("running `ip`")?;
    if !output.status.success() {
        bail!(
            "`ip {}`: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
