//! From a kernel with nothing but our archive to one with VFIO, and the way out.

use std::ffi::CStr;
use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use handclasp_tests::guest::{MODULES, MODULES_DIR, USER_ID};
use nix::kmod::{finit_module, ModuleInitFlags};
use nix::libc::c_uint;
use nix::mount::{mount, MsFlags};
use nix::sys::reboot::{reboot, RebootMode};

use crate::machine::HOME;

/// The kernel decompresses the module itself (Linux, include/uapi/linux/module.h: `MODULE_INIT_COMPRESSED_FILE`).
const COMPRESSED_FILE: c_uint = 4;

/// Mounts what a Linux program expects to find, and loads the modules.
pub fn boot() -> Result<()> {
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        fs::create_dir_all(place).with_context(|| format!("creating {place}"))?;
        mount(
            Some(kind),
            place,
            Some(kind),
            MsFlags::empty(),
            None::<&CStr>,
        )
        .with_context(|| format!("mounting {place}"))?;
    }
    fs::create_dir_all(HOME).with_context(|| format!("creating {HOME}"))?;
    chown(HOME, Some(USER_ID), Some(USER_ID)).with_context(|| format!("giving away {HOME}"))?;
    for name in MODULES {
        let path = Path::new(MODULES_DIR).join(name);
        let module = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        let flags = ModuleInitFlags::from_bits_retain(COMPRESSED_FILE);
        finit_module(&module, c"", flags).with_context(|| format!("loading the module {name}"))?;
    }
    Ok(())
}

/// Switches the machine off. The first process must not end: that would be a panic of the kernel.
pub fn power_off() -> ExitCode {
    nix::unistd::sync();
    let Err(error) = reboot(RebootMode::RB_POWER_OFF);
    eprintln!("the machine does not switch off: {error}");
    ExitCode::FAILURE
}
