//! Linux's TCP as the peer: a network namespace of its own for each test, and in it a TAP device whose other end is our
//! wire. Both go with the threads of the test, whatever becomes of it.

use std::net::Ipv4Addr;
use std::process::Command;

use handclasp_sim::wire::tap::Tap;
use nix::sched::{unshare, CloneFlags};

/// The kernel's address on the TAP device.
pub const KERNEL_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Our address, in the same /24.
pub const OUR_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Our MAC address.
pub const OUR_MAC: u64 = 0x0200_0000_0001;

/// Why TAP devices in a namespace cannot be had here; tried on a thread, whose namespace goes with it.
pub fn what_is_missing() -> Option<String> {
    let probe = || enter().and_then(|()| tap()).err();
    std::thread::spawn(probe)
        .join()
        .unwrap_or_else(|_| Some("the probe panicked".into()))
}

/// Runs a test in a namespace of its own, with the TAP device whose kernel end has [`KERNEL_IP`]. Sockets of `std::net`
/// that the test opens, on this thread and on those that it starts, are the namespace's.
///
/// # Panics
/// The test's panic; and when the namespace cannot be had, which [`what_is_missing`] tells before.
pub fn with_kernel<T: Send>(test: impl FnOnce(Tap) -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter().expect("no namespace");
            test(tap().expect("no TAP device"))
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs `ip` with these arguments, in the calling thread's namespace.
///
/// # Errors
/// What it said.
pub fn ip(arguments: &str) -> Result<String, String> {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .map_err(|error| format!("ip {arguments}: {error}; install iproute2"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("ip {arguments}: {}", text(&output.stderr)))
    }
}

fn enter() -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|errno| format!("no network namespace ({errno}): run as root"))
}

fn tap() -> Result<Tap, String> {
    let tap = Tap::open("tap0", true).map_err(|error| error.to_string())?;
    ip(&format!("addr add {KERNEL_IP}/24 dev tap0"))?;
    Ok(tap)
}
