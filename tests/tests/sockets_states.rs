//! Two hosts on a cable in simulated time: what depends on who is first, on timers, or on full tables, repeats exactly.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4};

use handclasp_host::tcp::State;
use handclasp_tests::pattern::pattern;
use handclasp_tests::simulated::{End, Pair, Setup, CLIENT, SECOND_NS, SERVER};

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

#[test]
fn every_state_is_reached_and_left() {
    let pair = Pair::new();
    let listener = pair.listen(8);

    // Opened and closed by the client.
    let (mut near, mut far) = pair.connection(&listener);
    near.shutdown(Shutdown::Write).unwrap();
    pair.settle();
    assert_eq!(near.variables().unwrap().state, State::FinWait2);
    assert_eq!(far.variables().unwrap().state, State::CloseWait);
    assert_eq!(far.read(&mut [0]).unwrap(), 0);
    drop(far);
    pair.settle();
    assert_eq!(near.variables().unwrap().state, State::TimeWait);
    assert_eq!(near.read(&mut [0]).unwrap(), 0);
    drop(near);
    // The 4-tuple is taken for 2 MSL, then it is free.
    assert_eq!(kind(pair.connect()), ErrorKind::AddrInUse);
    pair.pass(59 * SECOND_NS);
    assert_eq!(kind(pair.connect()), ErrorKind::AddrInUse);
    pair.pass(2 * SECOND_NS);

    // Both close before they hear of each other.
    let (near, far) = pair.connection(&listener);
    near.shutdown(Shutdown::Write).unwrap();
    far.shutdown(Shutdown::Write).unwrap();
    pair.settle();
    assert_eq!(near.variables().unwrap().state, State::TimeWait);
    assert_eq!(far.variables().unwrap().state, State::TimeWait);

    let mut reached = pair.client.states();
    reached.extend(pair.server.states());
    let all = [
        State::SynSent,
        State::SynReceived,
        State::Established,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
        State::TimeWait,
        State::Closed,
    ];
    for state in all {
        assert!(reached.contains(&state), "{state} was not reached");
    }
}

#[test]
fn both_may_open_at_the_same_time() {
    let pair = Pair::new();
    // Both know each other's MAC address, so that their SYNs cross.
    let listener = pair.listen(8);
    drop(pair.connection(&listener));
    drop(listener);
    pair.pass(61 * SECOND_NS);
    let open = |end: &End, own, other| {
        let mut socket = end.socket();
        socket.bind(own).unwrap();
        socket.connect(other).unwrap()
    };
    let mut near = open(&pair.client, CLIENT, SERVER);
    let mut far = open(&pair.server, SERVER, CLIENT);
    pair.settle();
    near.connected().unwrap();
    far.connected().unwrap();
    assert!(pair.client.states().contains(&State::SynReceived));
    near.write_all(b"hello").unwrap();
    pair.settle();
    let mut text = [0; 5];
    far.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"hello");
}

#[test]
fn a_peer_in_time_wait_takes_a_new_connection_with_higher_numbers() {
    let pair = Pair::new();
    let listener = pair.listen(8);
    let (near, far) = pair.connection(&listener);
    // The server closes first, so TIME-WAIT is its own, and the client may use its port again at once.
    drop(far);
    pair.settle();
    drop(near);
    pair.settle();
    assert!(pair.server.states().contains(&State::TimeWait));
    let (mut near, mut far) = pair.connection(&listener);
    near.write_all(b"again").unwrap();
    pair.settle();
    let mut text = [0; 5];
    far.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"again");
}

#[test]
fn a_handshake_without_answer_ends_after_three_minutes() {
    let pair = Pair::new();
    let listener = pair.listen(8);
    let (near, _far) = pair.connection(&listener);
    // The server's backlog is full for ever: no SYN is answered.
    let waiting: Vec<_> = (0..8)
        .map(|_| pair.client.socket().connect(SERVER).unwrap())
        .collect();
    pair.settle();
    let last = pair.client.socket().connect(SERVER).unwrap();
    pair.pass(170 * SECOND_NS);
    assert_eq!(kind(last.connected()), ErrorKind::WouldBlock);
    pair.pass(100 * SECOND_NS);
    assert_eq!(kind(last.connected()), ErrorKind::TimedOut);
    drop((near, waiting));
}

#[test]
fn more_connections_than_may_be_are_refused_and_none_is_lost() {
    let setup = Setup {
        connections_max: 255,
        ..Setup::default()
    };
    let pair = Pair::with(&setup, |wire| Box::new(wire));
    let listener = pair.listen(1000);
    let connect = || pair.client.socket().connect(SERVER);
    // All at once: far more commands than the ring has room for.
    let mut near: Vec<_> = (0..255).map(|_| connect().unwrap()).collect();
    assert_eq!(kind(connect()), ErrorKind::QuotaExceeded);
    pair.settle();
    let mut far = Vec::new();
    for stream in &near {
        stream.connected().unwrap();
        far.push(listener.accept().unwrap().0);
    }
    // And all send at once: 1 MiB in 255 pieces, from each end.
    let piece = pattern(4112, 9);
    for stream in near.iter_mut().chain(&mut far) {
        stream.write_all(&piece).unwrap();
    }
    // More than there are receive slots: some frames are dropped, and sent again.
    pair.pass(30 * SECOND_NS);
    for mut stream in near.into_iter().chain(far) {
        let mut received = vec![0; piece.len()];
        stream.read_exact(&mut received).unwrap();
        assert!(received == piece);
    }
    // All are closed, and the ids can be used again.
    pair.settle();
    let near = connect().unwrap();
    pair.settle();
    near.connected().unwrap();
}

#[test]
fn an_absent_neighbour_holds_up_nobody_else() {
    let pair = Pair::new();
    let listener = pair.listen(8);
    let absent = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 9), 80);
    let stuck = pair.client.socket().connect(absent).unwrap();
    let (mut near, mut far) = pair.connection(&listener);
    near.write_all(b"past it").unwrap();
    pair.settle();
    let mut text = [0; 7];
    far.read_exact(&mut text).unwrap();
    assert_eq!(kind(stuck.connected()), ErrorKind::WouldBlock);
    pair.pass(8 * SECOND_NS);
    assert_eq!(kind(stuck.connected()), ErrorKind::HostUnreachable);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let pair = Pair::new();
        let listener = pair.listen(8);
        let (mut near, mut far) = pair.connection(&listener);
        near.write_all(&pattern(100_000, 5)).unwrap();
        pair.pass(SECOND_NS);
        far.read_exact(&mut [0; 1000]).unwrap();
        drop((near, far));
        pair.pass(2 * SECOND_NS);
        let client = pair.client.log.lock().unwrap().clone();
        let server = pair.server.log.lock().unwrap().clone();
        (client, server)
    };
    let first = run();
    assert!(first.0.len() > 100);
    assert!(run() == first);
}

#[test]
fn a_closed_socket_still_sends_what_was_written() {
    let pair = Pair::new();
    let listener = pair.listen(8);
    let (mut near, mut far) = pair.connection(&listener);
    let data = pattern(200_000, 6);
    near.write_all(&data).unwrap();
    drop(near);
    pair.pass(SECOND_NS);
    let mut received = vec![0; data.len()];
    far.read_exact(&mut received).unwrap();
    assert!(received == data);
    assert_eq!(far.read(&mut [0]).unwrap(), 0);
}
