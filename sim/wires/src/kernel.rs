//! Linux's TCP as the peer: a network namespace of its own, and in it a TAP device whose other end is a wire.

use std::net::Ipv4Addr;
use std::process::Command;
use std::thread;

use nix::sched::{unshare, CloneFlags};

use super::tap::Tap;

/// Name of the TAP device; it is alone in its namespace.
pub const TAP: &str = "hc0";
/// The kernel's address (RFC 5737: for documentation, routed nowhere).
pub const KERNEL_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The address for whoever is at the wire's end, in the same network.
pub const OUR_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Length of the network's prefix in bits.
pub const PREFIX_LEN: u8 = 24;

/// Why there is no kernel to talk to.
#[derive(Debug, thiserror::Error)]
#[error("{what} ({reason}); needed: root, or CAP_NET_ADMIN and CAP_SYS_ADMIN, /dev/net/tun, and the command `ip` (Debian: iproute2)")]
pub struct NoKernel {
    what: &'static str,
    reason: String,
}

/// Runs `work` in a thread with a new network namespace, in which the kernel has [`KERNEL_IP`] on the TAP device [`TAP`], and
/// gives it the wire's end. Threads and programs that it starts are in the namespace as well; it goes with the last of
/// them. The device stays when its wire's end is dropped, so that a program can open it by name.
///
/// # Errors
/// [`NoKernel`] when the system does not let us.
///
/// # Panics
/// As `work` does.
pub fn with_kernel<T: Send>(work: impl FnOnce(Tap) -> T + Send) -> Result<T, NoKernel> {
    thread::scope(|scope| {
        scope
            .spawn(|| Ok(work(enter()?)))
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What [`with_kernel`] lacks here, if anything.
pub fn what_is_missing() -> Option<NoKernel> {
    with_kernel(drop).err()
}

/// Runs `ip` with these arguments, in the calling thread's namespace; returns what it printed.
///
/// # Errors
/// What it said.
pub fn ip(arguments: &str) -> Result<String, String> {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .map_err(|error| format!("ip {arguments}: {error}; install iproute2"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("ip {arguments}: {}", text(&output.stderr)))
    }
}

/// Gives the calling thread its namespace.
fn enter() -> Result<Tap, NoKernel> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| NoKernel {
        what: "no network namespace can be made",
        reason: errno.to_string(),
    })?;
    for arguments in [
        "link set lo up",
        &format!("tuntap add dev {TAP} mode tap"),
        &format!("addr add {KERNEL_IP}/{PREFIX_LEN} dev {TAP}"),
    ] {
        ip(arguments).map_err(|reason| NoKernel {
            what: "the TAP device cannot be set up",
            reason,
        })?;
    }
    Tap::open(TAP, true).map_err(|error| NoKernel {
        what: "no TAP device can be had",
        reason: error.to_string(),
    })
}
