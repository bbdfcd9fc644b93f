//! A host with nothing to do uses no CPU, whoever waits. Alone in its process, since it is the process that is measured.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use handclasp_host::{Host, StackConfig, TcpListener, TcpStream};
use handclasp_reference::ReferenceNic;
use handclasp_tests::OUR_MAC;
use handclasp_wires::clock::Clock;
use handclasp_wires::kernel::{what_is_missing, with_kernel, KERNEL_IP, OUR_IP};
use handclasp_wires::tap::Tap;
use libtest_mimic::{Arguments, Trial};
use nix::sys::resource::{getrusage, UsageWho};

/// How long nothing happens, and the CPU time that is little enough for it: 2 %.
const IDLE: Duration = Duration::from_secs(1);
const LITTLE: Duration = Duration::from_millis(20);

fn main() {
    let missing = what_is_missing();
    if let Some(reason) = &missing {
        eprintln!("the test against the kernel is ignored: {reason}");
    }
    let trial = Trial::test("an_idle_host_uses_no_cpu", || {
        Ok(with_kernel(an_idle_host_uses_no_cpu)?)
    });
    let trials = vec![trial.with_ignored_flag(missing.is_some())];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// CPU time of the process so far, in all threads.
fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let (user, system) = (usage.user_time(), usage.system_time());
    let us = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    Duration::from_micros(us as u64)
}

fn idle_costs_little(who_waits: &str) {
    // What was under way before comes to rest: delayed ACKs, the thread's taking over.
    std::thread::sleep(Duration::from_millis(300));
    let before = cpu_time();
    std::thread::sleep(IDLE);
    let used = cpu_time() - before;
    assert!(used < LITTLE, "{who_waits}: {used:?} of CPU in {IDLE:?}");
    println!("{who_waits}: {used:?} of CPU in {IDLE:?}");
}

fn an_idle_host_uses_no_cpu(tap: Tap) {
    let bus = Arc::new(ReferenceNic::new(Box::new(tap), Clock::wall()).unwrap());
    let host = Host::start(bus, StackConfig::new(OUR_MAC, OUR_IP, 24)).unwrap();
    let peer = std::net::TcpListener::bind((KERNEL_IP, 0)).unwrap();
    let mut ours = TcpStream::connect(&host, peer.local_addr().unwrap()).unwrap();
    let (mut theirs, _) = peer.accept().unwrap();
    ours.write_all(b"x").unwrap();
    theirs.read_exact(&mut [0]).unwrap();
    idle_costs_little("nobody waits");

    let listener = TcpListener::bind(&host, (OUR_IP, 4000)).unwrap();
    std::thread::spawn(move || listener.accept());
    let mut reader = ours.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        reader.read_exact(&mut [0]).unwrap();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
    });
    idle_costs_little("an accept and a read wait");

    theirs.write_all(b"y").unwrap();
    idle_costs_little("the read waits again");
    drop(theirs);
    reading.join().unwrap();
    idle_costs_little("only the accept waits");

    // And all is awake when it must be.
    drop(ours);
    std::net::TcpStream::connect((OUR_IP, 4000)).unwrap();
}
