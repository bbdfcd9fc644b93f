//! Waiting for a connection or a listener: what ends it, and what does not.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use handclasp_host::{Host, Interest, Readiness, StackConfig, TcpListener, TcpStream};
use handclasp_reference::ReferenceNic;
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Long enough for whatever is to happen.
const LIMIT: Option<Duration> = Some(Duration::from_secs(10));
/// How long nothing is to happen.
const SHORT: Duration = Duration::from_millis(50);

const READABLE: Readiness = Readiness {
    readable: true,
    writable: false,
};
const WRITABLE: Readiness = Readiness {
    readable: false,
    writable: true,
};
const NEITHER: Readiness = Readiness {
    readable: false,
    writable: false,
};
const BOTH: Readiness = Readiness {
    readable: true,
    writable: true,
};

fn host(wire: Cable, clock: &Clock, ip: Ipv4Addr) -> Host {
    let bus = Arc::new(ReferenceNic::new(Box::new(wire), clock.clone()).unwrap());
    let mac = 0x0200_0000_0000 + u64::from(ip.octets()[3]);
    Host::start(bus, StackConfig::new(mac, ip, 24)).unwrap()
}

/// Server and client.
fn hosts() -> (Host, Host) {
    let (near, far) = Cable::pair(500);
    let clock = Clock::wall();
    (host(near, &clock, SERVER), host(far, &clock, CLIENT))
}

/// The server's end of a connection, nonblocking, and the client's.
fn connection(listener: &TcpListener, client: &Host) -> (TcpStream, TcpStream) {
    let near = TcpStream::connect(client, listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    far.set_nonblocking(true).unwrap();
    (far, near)
}

fn listener(server: &Host) -> TcpListener {
    TcpListener::bind(server, (SERVER, 0)).unwrap()
}

#[test]
fn a_stream_is_readable_with_data_with_its_end_and_with_an_error() {
    let (server, client) = hosts();
    let listener = listener(&server);
    let (mut far, mut near) = connection(&listener, &client);
    let begin = Instant::now();
    let ready = far.wait(Interest::READABLE, Some(SHORT)).unwrap();
    assert_eq!(ready, NEITHER);
    assert!(begin.elapsed() >= SHORT);

    let writer = thread::spawn(move || {
        thread::sleep(SHORT);
        near.write_all(b"data").unwrap();
        near
    });
    assert_eq!(far.wait(Interest::READABLE, LIMIT).unwrap(), READABLE);
    let mut word = [0; 5];
    assert_eq!(far.read(&mut word).unwrap(), 4);
    assert_eq!(
        far.read(&mut word).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    let near = writer.join().unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    assert_eq!(far.wait(Interest::READABLE, LIMIT).unwrap(), READABLE);
    assert_eq!(far.read(&mut word).unwrap(), 0);

    // Unread data resets the peer.
    let (far, mut near) = connection(&listener, &client);
    near.write_all(b"nobody reads this").unwrap();
    far.wait(Interest::READABLE, LIMIT).unwrap();
    drop(far);
    assert_eq!(near.wait(Interest::READABLE, LIMIT).unwrap(), READABLE);
    assert_eq!(
        near.read(&mut word).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn a_stream_is_writable_when_there_is_room() {
    let (server, client) = hosts();
    let listener = listener(&server);
    let (mut far, mut near) = connection(&listener, &client);
    let either = Interest::READABLE | Interest::WRITABLE;
    assert_eq!(far.wait(either, LIMIT).unwrap(), WRITABLE);
    // Until both its buffer and the peer's window are full.
    let mut written = 0;
    while !far
        .wait(Interest::WRITABLE, Some(SHORT))
        .unwrap()
        .is_empty()
    {
        written += far.write(&[7; 65_536]).unwrap();
    }
    assert_eq!(far.write(&[7]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let reader = thread::spawn(move || {
        thread::sleep(SHORT);
        near.read_exact(&mut vec![0; written]).unwrap();
        near.write_all(b"x").unwrap();
        near
    });
    assert_eq!(far.wait(either, LIMIT).unwrap(), WRITABLE);
    let _near = reader.join().unwrap();
    far.wait(Interest::READABLE, LIMIT).unwrap();
    assert_eq!(far.wait(either, LIMIT).unwrap(), BOTH);
}

#[test]
fn a_listener_is_waited_for_with_a_limit() {
    let (server, client) = hosts();
    let listener = listener(&server);
    assert!(!listener.wait(Some(SHORT)).unwrap());
    assert!(!listener.wait(Some(Duration::ZERO)).unwrap());
    let address = listener.local_addr().unwrap();
    let _near = thread::spawn(move || TcpStream::connect(&client, address).unwrap());
    assert!(listener.wait(LIMIT).unwrap());
    listener.set_nonblocking(true).unwrap();
    listener.accept().unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
