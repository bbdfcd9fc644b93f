//! The guest's only program: the kernel starts it as its first process, it puts the NIC through every scenario, says how it
//! went and switches the machine off. `tests/vfio_guest.rs` boots it.
#![forbid(unsafe_code)]

mod benches;
mod binding;
mod boot;
mod machine;
mod misfortunes;
mod nic;
mod program;
mod scenario;
mod transfers;

use std::process::ExitCode;

use handclasp_tests::guest::Line;

fn main() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!("this runs as a guest's first process: `make test-vfio` boots one");
        return ExitCode::FAILURE;
    }
    let verdict = match boot::boot().and_then(|()| machine::Machine::find()) {
        Ok(machine) => scenario::run_all(machine),
        Err(error) => Line::Fail(format!("boot: {error:#}")),
    };
    println!("{verdict}");
    boot::power_off()
}
