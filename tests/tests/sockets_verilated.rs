//! Our sockets on the Verilated gateware against Linux's TCP, over a TAP device, in wall-clock time.
//!
//! Where the machine does not allow TAP devices, the tests count as ignored, and the reason is printed.

use std::io::{ErrorKind, Read, Write};
use std::net::{self, Shutdown};
use std::time::Instant;

use handclasp_host::{Host, StackConfig, TcpListener, TcpStream};
use handclasp_sim::dut::Width;
use handclasp_sim::world::{TimeSource, World, WorldConfig};
use handclasp_tests::pattern::pattern;
use handclasp_tests::OUR_MAC;
use handclasp_wires::faulty::{Faults, Faulty};
use handclasp_wires::kernel::{what_is_missing, with_kernel, KERNEL_IP, OUR_IP};
use handclasp_wires::Wire;
use libtest_mimic::{Arguments, Trial};

const PORT: u16 = 4000;

fn main() {
    let missing = what_is_missing();
    if let Some(reason) = &missing {
        eprintln!("the tests against the kernel are ignored: {reason}");
    }
    let trial = |name: &str, width: Width, faults: Option<&str>, test: fn(&Host)| {
        let faults: Option<Faults> = faults.map(|faults| faults.parse().unwrap());
        Trial::test(name, move || {
            Ok(with_kernel(|tap| match faults {
                None => test(&host(tap, width)),
                Some(faults) => test(&host(Faulty::new(tap, faults), width)),
            })?)
        })
        .with_ignored_flag(missing.is_some())
    };
    let mut trials = Vec::new();
    for (name, width) in [("w64", Width::W64), ("w512", Width::W512)] {
        let named = |test: &str| format!("{name}_{test}");
        trials.push(trial(&named("as_client"), width, None, as_client));
        trials.push(trial(&named("as_server"), width, None, as_server));
        trials.push(trial(&named("refused"), width, None, refused));
        trials.push(trial(&named("sequential"), width, None, sequential));
        let faults = Some("drop=0.02,dup=0.01,reorder=0.02,flip=0.005,seed=7");
        let test = named("as_client_on_a_bad_wire");
        trials.push(trial(&test, width, faults, as_client));
        let test = named("as_server_on_a_bad_wire");
        trials.push(trial(&test, width, faults, as_server));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn host(wire: impl Wire + 'static, width: Width) -> Host {
    let mut config = WorldConfig::new(width);
    config.time = TimeSource::Wall;
    let world = World::new(&config, vec![Box::new(wire)]).unwrap();
    let bus = world.bus(0).unwrap();
    Host::start(bus, StackConfig::new(OUR_MAC, OUR_IP, 24)).unwrap()
}

/// Both ends send at the same time, and compare.
fn compare(ours: TcpStream, kernel: net::TcpStream) {
    let (up, down) = (pattern(1 << 20, 1), pattern(1 << 20, 2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&kernel).write_all(&down).unwrap();
            kernel.shutdown(Shutdown::Write).unwrap();
        });
        scope.spawn(|| {
            (&ours).write_all(&up).unwrap();
            ours.shutdown(Shutdown::Write).unwrap();
        });
        let at_kernel = scope.spawn(|| {
            let mut received = Vec::new();
            (&kernel).read_to_end(&mut received).unwrap();
            received
        });
        let mut received = Vec::new();
        (&ours).read_to_end(&mut received).unwrap();
        assert!(received == down, "kernel to us");
        assert!(at_kernel.join().unwrap() == up, "we to kernel");
    });
}

fn as_client(host: &Host) {
    let listener = net::TcpListener::bind((KERNEL_IP, PORT)).unwrap();
    let ours = TcpStream::connect(host, (KERNEL_IP, PORT)).unwrap();
    compare(ours, listener.accept().unwrap().0);
}

fn as_server(host: &Host) {
    let listener = TcpListener::bind(host, (OUR_IP, PORT)).unwrap();
    let kernel = net::TcpStream::connect((OUR_IP, PORT)).unwrap();
    compare(listener.accept().unwrap().0, kernel);
}

fn refused(host: &Host) {
    let error = TcpStream::connect(host, (KERNEL_IP, PORT)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let error = net::TcpStream::connect((OUR_IP, PORT)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

fn sequential(host: &Host) {
    let listener = net::TcpListener::bind((KERNEL_IP, PORT)).unwrap();
    let accept = std::thread::spawn(move || {
        for stream in listener.incoming().take(100) {
            assert_eq!(stream.unwrap().read(&mut [0]).unwrap(), 0);
        }
    });
    let start = Instant::now();
    for _ in 0..100 {
        drop(TcpStream::connect(host, (KERNEL_IP, PORT)).unwrap());
    }
    let rate = 100.0 / start.elapsed().as_secs_f64();
    accept.join().unwrap();
    println!("{rate:.0} connections/s");
}
