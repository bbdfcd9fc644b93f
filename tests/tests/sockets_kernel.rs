//! Our sockets against Linux's TCP: over a TAP device, on the reference NIC, in wall-clock time.
//!
//! Where the machine does not allow TAP devices, the tests count as ignored, and the reason is printed.

use std::io::{ErrorKind, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp_host::{Host, StackConfig, TcpListener, TcpStream};
use handclasp_reference::ReferenceNic;
use handclasp_tests::exchange::{exchange, exchange_ours};
use handclasp_tests::pattern::pattern;
use handclasp_tests::OUR_MAC;
use handclasp_wires::clock::Clock;
use handclasp_wires::faulty::{Faults, Faulty};
use handclasp_wires::kernel::{ip, what_is_missing, with_kernel, KERNEL_IP, OUR_IP, TAP};
use handclasp_wires::tap::Tap;
use handclasp_wires::Wire;
use libtest_mimic::{Arguments, Trial};

const PORT: u16 = 4000;
const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let missing = what_is_missing();
    if let Some(reason) = &missing {
        eprintln!("the tests against the kernel are ignored: {reason}");
    }
    let trial = |name: &str, test: fn(Tap)| {
        Trial::test(name, move || Ok(with_kernel(test)?)).with_ignored_flag(missing.is_some())
    };
    let trials = vec![
        trial("eight_mebibytes_each_way_as_client", as_client),
        trial("eight_mebibytes_each_way_as_server", as_server),
        trial(
            "a_mebibyte_each_way_over_a_bad_wire_as_client",
            bad_wire_as_client,
        ),
        trial(
            "a_mebibyte_each_way_over_a_bad_wire_as_server",
            bad_wire_as_server,
        ),
        trial("a_closed_port_of_the_kernel_refuses", kernel_refuses),
        trial("a_closed_port_of_ours_refuses", we_refuse),
        trial("half_close_is_understood_both_ways", half_close),
        trial("the_kernel_resets_us", kernel_resets),
        trial("we_reset_the_kernel", we_reset),
        trial("echo_requests_are_answered", ping),
        trial("a_host_that_is_not_there_is_unreachable", nobody_there),
        trial("sequential_connections_reuse_ids", sequential),
        trial("options_are_negotiated_with_the_kernel", options),
        trial("a_changed_mac_address_is_followed", changed_mac),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn host(wire: impl Wire + 'static) -> Host {
    let bus = Arc::new(ReferenceNic::new(Box::new(wire), Clock::wall()).unwrap());
    Host::start(bus, StackConfig::new(OUR_MAC, OUR_IP, 24)).unwrap()
}

fn exchange_kernel(stream: &net::TcpStream, to_send: &[u8]) -> Vec<u8> {
    exchange(stream, to_send, |stream| {
        stream.shutdown(Shutdown::Write).unwrap()
    })
}

/// Both ends send and compare; `ours` and `kernel` are the two ends of one connection.
fn compare(ours: &TcpStream, kernel: &net::TcpStream, len_bytes: usize) {
    let (up, down) = (pattern(len_bytes, 1), pattern(len_bytes, 2));
    let start = Instant::now();
    std::thread::scope(|scope| {
        let at_kernel = scope.spawn(|| exchange_kernel(kernel, &down));
        assert!(exchange_ours(ours, &up) == down, "kernel to us");
        assert!(at_kernel.join().unwrap() == up, "we to kernel");
    });
    println!("{len_bytes} bytes each way in {:?}", start.elapsed());
}

/// A connection that we open.
fn opened_by_us(host: &Host) -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind((KERNEL_IP, 0)).unwrap();
    let ours = TcpStream::connect(host, listener.local_addr().unwrap()).unwrap();
    let (kernel, peer) = listener.accept().unwrap();
    assert_eq!(peer, ours.local_addr().unwrap());
    (ours, kernel)
}

/// A connection that the kernel opens.
fn opened_by_kernel(host: &Host) -> (TcpStream, net::TcpStream) {
    let listener = TcpListener::bind(host, (OUR_IP, PORT)).unwrap();
    let kernel = net::TcpStream::connect((OUR_IP, PORT)).unwrap();
    let (ours, peer) = listener.accept().unwrap();
    assert_eq!(peer, kernel.local_addr().unwrap());
    (ours, kernel)
}

fn as_client(tap: Tap) {
    let host = host(tap);
    let (ours, kernel) = opened_by_us(&host);
    compare(&ours, &kernel, 8 * MIB);
}

fn as_server(tap: Tap) {
    let host = host(tap);
    let (ours, kernel) = opened_by_kernel(&host);
    compare(&ours, &kernel, 8 * MIB);
}

fn bad_wire(tap: Tap) -> Host {
    let faults: Faults = "drop=0.02,dup=0.01,reorder=0.02,flip=0.005,seed=7"
        .parse()
        .unwrap();
    host(Faulty::new(tap, faults))
}

fn bad_wire_as_client(tap: Tap) {
    let host = bad_wire(tap);
    let (ours, kernel) = opened_by_us(&host);
    compare(&ours, &kernel, MIB);
    let again = ours.variables().unwrap().retransmissions;
    assert!(again > 0, "no fault on the wire: the test shows nothing");
}

fn bad_wire_as_server(tap: Tap) {
    let host = bad_wire(tap);
    let (ours, kernel) = opened_by_kernel(&host);
    compare(&ours, &kernel, MIB);
    let again = ours.variables().unwrap().retransmissions;
    assert!(again > 0, "no fault on the wire: the test shows nothing");
}

fn kernel_refuses(tap: Tap) {
    let host = host(tap);
    let error = TcpStream::connect(&host, (KERNEL_IP, PORT)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

fn we_refuse(tap: Tap) {
    let host = host(tap);
    let address = SocketAddr::from((OUR_IP, PORT));
    let error = net::TcpStream::connect_timeout(&address, PATIENCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(host.statistics().resets_sent, 1);
}

fn half_close(tap: Tap) {
    let host = host(tap);
    let (mut ours, mut kernel) = opened_by_us(&host);
    // We close first: the kernel reads the end and still answers.
    ours.write_all(b"question").unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    kernel.read_to_string(&mut text).unwrap();
    assert_eq!(text, "question");
    kernel.write_all(b"answer").unwrap();
    drop(kernel);
    text.clear();
    ours.read_to_string(&mut text).unwrap();
    assert_eq!(text, "answer");
    // The kernel closes first: we read the end and still answer.
    let (mut ours, mut kernel) = opened_by_kernel(&host);
    kernel.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ours.read(&mut [0]).unwrap(), 0);
    ours.write_all(b"still here").unwrap();
    drop(ours);
    text.clear();
    kernel.read_to_string(&mut text).unwrap();
    assert_eq!(text, "still here");
}

fn kernel_resets(tap: Tap) {
    let host = host(tap);
    let (mut ours, kernel) = opened_by_us(&host);
    ours.write_all(b"nobody reads this").unwrap();
    kernel.set_read_timeout(Some(PATIENCE)).unwrap();
    kernel.peek(&mut [0]).unwrap();
    // Linux sends a RST when a socket with unread data is closed.
    drop(kernel);
    let error = ours.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

fn we_reset(tap: Tap) {
    let host = host(tap);
    let (ours, mut kernel) = opened_by_us(&host);
    kernel.write_all(b"nobody reads this").unwrap();
    let end = Instant::now() + PATIENCE;
    while {
        let variables = ours.variables().unwrap();
        variables.rcv_nxt == variables.irs + 1
    } {
        assert!(Instant::now() < end, "the data does not arrive");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(ours);
    kernel.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = kernel.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

fn ping(tap: Tap) {
    let _host = host(tap);
    // iputils compares what comes back with what it sent.
    for size in ["0", "56", "1471", "1472"] {
        let status = Command::new("ping")
            .args(["-c", "2", "-i", "0.1", "-W", "5", "-s", size])
            .arg(OUR_IP.to_string())
            .stdout(Stdio::null())
            .status()
            .expect("ping (iputils) is needed");
        assert!(status.success(), "ping -s {size}");
    }
}

fn nobody_there(tap: Tap) {
    let host = host(tap);
    let start = Instant::now();
    let error = TcpStream::connect(&host, ("192.0.2.77", PORT)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    assert!(start.elapsed() > Duration::from_secs(6), "three requests");
    // Others are not held up meanwhile, and the id is free again.
    opened_by_us(&host);
}

fn sequential(tap: Tap) {
    let host = host(tap);
    let listener = net::TcpListener::bind((KERNEL_IP, PORT)).unwrap();
    let accept = std::thread::spawn(move || {
        for stream in listener.incoming().take(1000) {
            // Waits for our close, so that TIME-WAIT is ours.
            assert_eq!(stream.unwrap().read(&mut [0]).unwrap(), 0);
        }
    });
    let start = Instant::now();
    for _ in 0..1000 {
        drop(TcpStream::connect(&host, (KERNEL_IP, PORT)).unwrap());
    }
    let took = start.elapsed();
    accept.join().unwrap();
    println!("{:.0} connections/s", 1000.0 / took.as_secs_f64());
}

fn options(tap: Tap) {
    let host = host(tap);
    for open in [opened_by_us, opened_by_kernel] {
        let (mut ours, mut kernel) = open(&host);
        kernel.write_all(b"x").unwrap();
        ours.read_exact(&mut [0]).unwrap();
        ours.write_all(b"x").unwrap();
        kernel.read_exact(&mut [0]).unwrap();
        let port = kernel.local_addr().unwrap().port();
        let output = Command::new("ss")
            .args(["-tinH", &format!("sport = :{port}")])
            .output()
            .expect("ss (iproute2) is needed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // 256 KiB of receive buffer need a shift of 3; 1460 less the timestamps.
        assert!(text.contains(" wscale:3,"), "{text}");
        assert!(text.contains(" mss:1448 "), "{text}");
        assert_eq!(ours.variables().unwrap().mss, 1460);
    }
}

fn changed_mac(tap: Tap) {
    let host = host(tap);
    let (mut ours, mut kernel) = opened_by_us(&host);
    ours.write_all(b"before").unwrap();
    let mut text = [0; 6];
    kernel.read_exact(&mut text).unwrap();
    ip(&format!("link set {TAP} address 02:00:00:00:00:99")).unwrap();
    // The kernel announces itself; we ask, it answers, and the connection goes on.
    ip(&format!("link set {TAP} arp off")).unwrap();
    ip(&format!("link set {TAP} arp on")).unwrap();
    Command::new("ping")
        .args(["-c", "1", "-W", "5"])
        .arg(OUR_IP.to_string())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    ours.write_all(b"behind").unwrap();
    kernel.set_read_timeout(Some(PATIENCE)).unwrap();
    kernel.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"behind");
}
