//! The real VFIO path: in a guest with a stock kernel our sockets and our driver run on the kernel's vfio-pci behind an
//! IOMMU; the NIC is the Verilated gateware, served to QEMU over vfio-user; its wire is a TAP device, and the peer is the TCP
//! of this machine's kernel.
//!
//! What the guest runs is in `src/bin/guest`. Believed is not only its verdict, but also QEMU's exit status, the NIC's own
//! counters, and what `tshark` reads in a capture of the wire.
//!
//! `HANDCLASP_BOOTS=20` boots so many times, one after the other. What a boot leaves (the console, captures, counters) is
//! in the folder that the summary names.

mod vfio_guest {
    pub mod boot;
    mod echo;
    pub mod evidence;
}

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use handclasp_wires::kernel::{what_is_missing, with_kernel};
use libtest_mimic::{Arguments, Trial};
use vfio_guest::boot;

fn main() -> ExitCode {
    let missing = what_is_missing();
    if let Some(reason) = &missing {
        eprintln!("the test on the real VFIO path is ignored: {reason}");
    }
    let boots: usize = match std::env::var("HANDCLASP_BOOTS").map(|boots| boots.parse()) {
        Err(_) => 1,
        Ok(Ok(boots)) => boots,
        Ok(Err(error)) => {
            eprintln!("HANDCLASP_BOOTS is not a number: {error}");
            return ExitCode::FAILURE;
        }
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vfio_guest");
    let seconds = Arc::new(Mutex::new(Vec::new()));
    let trials = (1..=boots).map(|number| {
        let folder = folder.join(number.to_string());
        let seconds = Arc::clone(&seconds);
        Trial::test(format!("boot_{number}"), move || {
            let begin = Instant::now();
            with_kernel(|tap| {
                // The NIC's server opens the device itself.
                drop(tap);
                boot::boot(&folder)
            })??;
            if let Ok(mut seconds) = seconds.lock() {
                seconds.push(begin.elapsed().as_secs_f64());
            }
            Ok(())
        })
        .with_ignored_flag(missing.is_some())
    });
    let mut arguments = Arguments::from_args();
    // A second machine beside it would only make both slower.
    arguments.test_threads = Some(1);
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if let Ok(mut seconds) = seconds.lock() {
        seconds.sort_by(f64::total_cmp);
        if let (Some(min), Some(max)) = (seconds.first(), seconds.last()) {
            println!(
                "{} of {boots} boots passed, in {min:.1} s at least, {:.1} s in the middle, {max:.1} s at most; logs in {}",
                seconds.len(),
                seconds[seconds.len() / 2],
                folder.display()
            );
        }
    }
    conclusion.exit_code()
}
