//! Two hosts back to back: sockets on both ends of a cable, in wall-clock time, on the reference NIC.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::time::{Duration, Instant};

use handclasp_host::{Host, Socket, TcpListener, TcpStream};
use handclasp_tests::exchange::intact_both_ways;
use handclasp_tests::pair::{hosts, SERVER};
use handclasp_tests::pattern::pattern;

const PORT: u16 = 4000;

/// A connection between the two: the server's end and the client's.
fn connection(server: &Host, client: &Host) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(server, (SERVER, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let near = TcpStream::connect(client, address).unwrap();
    let (far, peer) = listener.accept().unwrap();
    assert_eq!(peer, near.local_addr().unwrap());
    assert_eq!(far.local_addr().unwrap(), address);
    assert_eq!(near.peer_addr().unwrap(), address);
    (far, near)
}

#[test]
fn data_goes_both_ways_and_ends_with_the_stream() {
    let (server, client) = hosts();
    let (mut far, mut near) = connection(&server, &client);
    near.write_all(b"ping").unwrap();
    let mut word = [0; 4];
    far.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"ping");
    far.write_all(b"pong").unwrap();
    near.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"pong");
    drop(near);
    assert_eq!(far.read(&mut word).unwrap(), 0);
}

#[test]
fn a_megabyte_each_way_at_once_is_intact() {
    let (server, client) = hosts();
    let (far, near) = connection(&server, &client);
    intact_both_ways(near, far, 1 << 20);
}

#[test]
fn after_a_half_close_the_other_direction_goes_on() {
    let (server, client) = hosts();
    let (mut far, mut near) = connection(&server, &client);
    near.write_all(b"question").unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    let mut question = Vec::new();
    far.read_to_end(&mut question).unwrap();
    assert_eq!(question, b"question");
    far.write_all(b"answer").unwrap();
    drop(far);
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"answer");
    let error = near.write(b"more").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_port_without_listener_refuses() {
    let (_server, client) = hosts();
    let error = TcpStream::connect(&client, (SERVER, PORT)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn closing_with_unread_data_resets_the_peer() {
    let (server, client) = hosts();
    let (far, mut near) = connection(&server, &client);
    near.write_all(b"nobody reads this").unwrap();
    while far.variables().unwrap().rcv_nxt.0 == far.variables().unwrap().irs.0.wrapping_add(1) {
        std::thread::yield_now();
    }
    drop(far);
    let error = near.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(near.read(&mut [0]).unwrap(), 0, "an error is told once");
    assert_eq!(near.write(&[0]).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_full_backlog_drops_the_next_syn() {
    let (server, client) = hosts();
    let listener = TcpListener::bind_with_backlog(&server, (SERVER, PORT), 2).unwrap();
    let connect = || {
        let address = (SERVER, PORT).into();
        TcpStream::connect_timeout(&client, &address, Duration::from_millis(300))
    };
    let first = connect().unwrap();
    let second = connect().unwrap();
    let error = connect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(server.statistics().syn_dropped_backlog >= 1);
    // The queue is served in order, and there is room again.
    assert_eq!(listener.accept().unwrap().1, first.local_addr().unwrap());
    assert_eq!(listener.accept().unwrap().1, second.local_addr().unwrap());
    connect().unwrap();
}

#[test]
fn a_closed_listener_resets_who_waits_and_frees_the_port() {
    let (server, client) = hosts();
    let listener = TcpListener::bind(&server, (SERVER, PORT)).unwrap();
    let again = TcpListener::bind(&server, (SERVER, PORT)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
    let mut waiting = TcpStream::connect(&client, (SERVER, PORT)).unwrap();
    drop(listener);
    let error = waiting.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(&client, (SERVER, PORT)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    TcpListener::bind(&server, (SERVER, PORT)).unwrap();
}

#[test]
fn waiting_has_limits() {
    let (server, client) = hosts();
    let (_far, mut near) = connection(&server, &client);
    let limit = Duration::from_millis(50);
    near.set_read_timeout(Some(limit)).unwrap();
    assert_eq!(near.read_timeout().unwrap(), Some(limit));
    let start = Instant::now();
    let error = near.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(start.elapsed() >= limit && start.elapsed() < 10 * limit);
    let zero = near.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);

    // Nobody reads: the peer's receive buffer and the own send buffer fill up.
    near.set_write_timeout(Some(limit)).unwrap();
    let error = near.write_all(&pattern(4 << 20, 3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    // Nobody answers: there is no such host.
    let address = (Ipv4Addr::new(10, 0, 0, 9), PORT).into();
    let start = Instant::now();
    let error = TcpStream::connect_timeout(&client, &address, limit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(start.elapsed() >= limit && start.elapsed() < 10 * limit);
}

#[test]
fn a_nonblocking_socket_never_waits() {
    let (server, client) = hosts();
    let listener = TcpListener::bind(&server, (SERVER, PORT)).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut socket = Socket::new(&client);
    socket.set_nonblocking(true);
    let mut near = socket.connect("10.0.0.1:4000".parse().unwrap()).unwrap();
    let would_block = |result: io::Result<()>| match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => true,
        result => {
            result.unwrap();
            false
        }
    };
    while would_block(near.connected()) {
        std::thread::yield_now();
    }
    let (mut far, _) = loop {
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            result => break result.unwrap(),
        }
    };
    assert_eq!(
        near.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    far.write_all(b"x").unwrap();
    let mut byte = [0];
    while would_block(near.read_exact(&mut byte)) {
        std::thread::yield_now();
    }
    assert_eq!(&byte, b"x");
    // Until no buffer has room.
    let chunk = pattern(64 << 10, 4);
    let error = loop {
        if let Err(error) = near.write(&chunk) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn timers_run_while_no_call_is_made() {
    let (server, client) = hosts();
    let _listener = TcpListener::bind_with_backlog(&server, (SERVER, PORT), 1).unwrap();
    let _waiting = TcpStream::connect(&client, (SERVER, PORT)).unwrap();
    let segments = || {
        let counters = client.nic_counters().unwrap();
        let sent = counters.iter().find(|(info, _)| info.name == "tx_segments");
        sent.unwrap().1
    };
    // Until the background thread has seen that the first connection needs no timer, and sleeps for long.
    std::thread::sleep(Duration::from_millis(1500));
    let before = segments();
    let mut socket = Socket::new(&client);
    socket.set_nonblocking(true);
    let _stream = socket.connect("10.0.0.1:4000".parse().unwrap()).unwrap();
    // The backlog is full: the SYN goes at once, after one second, and after three.
    std::thread::sleep(Duration::from_millis(3500));
    assert_eq!(segments() - before, 3);
}

#[test]
fn addresses_that_no_peer_can_have_are_refused_at_once() {
    let (_server, client) = hosts();
    for (address, kind) in [
        ("10.0.0.255:80", ErrorKind::AddrNotAvailable),
        ("224.0.0.1:80", ErrorKind::AddrNotAvailable),
        ("10.0.0.2:80", ErrorKind::AddrNotAvailable),
        ("10.0.0.1:0", ErrorKind::AddrNotAvailable),
        ("192.0.2.1:80", ErrorKind::NetworkUnreachable),
        ("[::1]:80", ErrorKind::InvalidInput),
    ] {
        let error = TcpStream::connect(&client, address).unwrap_err();
        assert_eq!(error.kind(), kind, "{address}");
    }
    let error = TcpListener::bind(&client, (SERVER, PORT)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn connections_one_after_the_other_use_ids_again() {
    let (server, client) = hosts();
    let listener = TcpListener::bind(&server, (SERVER, PORT)).unwrap();
    let serve = std::thread::spawn(move || {
        for stream in listener.incoming().take(600) {
            let mut stream = stream.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            stream.write_all(&byte).unwrap();
            assert_eq!(stream.read(&mut byte).unwrap(), 0);
        }
    });
    for round in 0..600_u32 {
        let mut stream = TcpStream::connect(&client, (SERVER, PORT)).unwrap();
        stream.write_all(&[round as u8]).unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [round as u8]);
    }
    serve.join().unwrap();
}
