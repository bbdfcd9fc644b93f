//! More connections at once than the NIC has ids, with Linux's TCP as the peer, over a TAP device, in wall-clock time.
//!
//! Where the machine does not allow TAP devices, the tests count as ignored, and the reason is printed.

use std::io::{Read, Write};
use std::net;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp_driver::Bus;
use handclasp_host::{Host, StackConfig, TcpListener};
use handclasp_layout::register::CONNECTIONS;
use handclasp_reference::ReferenceNic;
use handclasp_sim::dut::Width;
use handclasp_sim::world::{TimeSource, World, WorldConfig};
use handclasp_tests::pattern::pattern;
use handclasp_tests::OUR_MAC;
use handclasp_wires::clock::Clock;
use handclasp_wires::kernel::{what_is_missing, with_kernel, OUR_IP};
use handclasp_wires::tap::Tap;
use libtest_mimic::{Arguments, Trial};
use nix::sys::resource::{getrlimit, setrlimit, Resource};

const PORT: u16 = 4000;
/// Connections at once.
const MANY: usize = 2000;
const _: () = assert!(MANY > CONNECTIONS, "more than the NIC has ids for");
/// Descriptors that the test needs beside one a connection.
const SPARE_DESCRIPTORS: u64 = 100;
/// Bytes of a request, and of its answer.
const REQUEST_BYTES: usize = 600;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let missing = what_is_missing()
        .map(|reason| reason.to_string())
        .or_else(too_few_descriptors);
    if let Some(reason) = &missing {
        eprintln!("the tests against the kernel are ignored: {reason}");
    }
    let trial = |name: &str, bus: fn(Tap) -> Arc<dyn Bus>| {
        Trial::test(name, move || Ok(with_kernel(|tap| serve_many(bus(tap)))?))
            .with_ignored_flag(missing.is_some())
    };
    let trials = vec![
        trial("reference", |tap| {
            Arc::new(ReferenceNic::new(Box::new(tap), Clock::wall()).unwrap())
        }),
        trial("w64", |tap| verilated(tap, Width::W64)),
        trial("w512", |tap| verilated(tap, Width::W512)),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Raises the limit of open files if it must be; why that cannot be done.
fn too_few_descriptors() -> Option<String> {
    let needed = MANY as u64 + SPARE_DESCRIPTORS;
    let limits = getrlimit(Resource::RLIMIT_NOFILE);
    let raised = limits.and_then(|(soft, hard)| {
        setrlimit(Resource::RLIMIT_NOFILE, soft.max(needed), hard.max(needed))
    });
    raised
        .err()
        .map(|errno| format!("{needed} open files are not allowed: {errno}"))
}

fn verilated(tap: Tap, width: Width) -> Arc<dyn Bus> {
    let mut config = WorldConfig::new(width);
    config.time = TimeSource::Wall;
    let world = World::new(&config, vec![Box::new(tap)]).unwrap();
    world.bus(0).unwrap()
}

/// All are open before the first sends; then all send, and get their own bytes back.
fn serve_many(bus: Arc<dyn Bus>) {
    let mut config = StackConfig::new(OUR_MAC, OUR_IP, 24);
    (config.send_buffer_bytes, config.receive_buffer_bytes) = (16 << 10, 16 << 10);
    let host = Host::start(bus, config).unwrap();
    let listener = TcpListener::bind_with_backlog(&host, (OUR_IP, PORT), MANY).unwrap();
    let start = Instant::now();
    let mut theirs: Vec<_> = (0..MANY)
        .map(|_| {
            let stream = net::TcpStream::connect_timeout(&(OUR_IP, PORT).into(), PATIENCE).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
        })
        .collect();
    let mut ours: Vec<_> = (0..MANY).map(|_| listener.accept().unwrap().0).collect();
    let opened = start.elapsed();
    let uncached = host.statistics().connections_uncached;
    assert_eq!(uncached, (MANY - (CONNECTIONS - 1)) as u64);

    for (number, stream) in (0..).zip(&mut theirs) {
        stream.write_all(&pattern(REQUEST_BYTES, number)).unwrap();
    }
    for stream in &mut ours {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = vec![0; REQUEST_BYTES];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(&request).unwrap();
    }
    for (number, stream) in (0..).zip(&mut theirs) {
        let mut answer = vec![0; REQUEST_BYTES];
        stream.read_exact(&mut answer).unwrap();
        assert!(answer == pattern(REQUEST_BYTES, number), "{number}");
    }
    let answered = start.elapsed();

    let statistics = host.statistics();
    println!("{MANY} opened in {opened:?}, {uncached} without id; answered in {answered:?}; {statistics:?}");
    assert!(statistics.flow_hits > 0 && statistics.flow_misses > 0);
    let refused = statistics.syn_dropped_no_room + statistics.syn_dropped_backlog;
    assert_eq!((refused, statistics.commands_refused), (0, 0));
    drop((theirs, ours));
    assert!(host.drain(PATIENCE), "all have ended");
    assert_eq!(host.statistics().connections_uncached, 0);
}
