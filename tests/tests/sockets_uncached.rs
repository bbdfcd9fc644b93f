//! Connections beyond the NIC's ids, and beyond the places of its flow table: slower, never refused.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddrV4;
use std::time::Duration;

use handclasp_host::tcp::State;
use handclasp_host::{Observation, Statistics, TcpListener, TcpStream};
use handclasp_reference::Tables;
use handclasp_tests::pattern::pattern;
use handclasp_tests::simulated::{accepted, End, Pair, Setup, CLIENT, SECOND_NS, SERVER};
use handclasp_wires::faulty::{Faults, Faulty};

/// A NIC with so many ids; one of them is for answers that belong to no connection.
fn ids(connections: usize) -> Setup {
    Setup {
        tables: Tables {
            connections,
            ..Tables::default()
        },
        ..Setup::default()
    }
}

fn pair(setup: &Setup) -> Pair {
    Pair::with(setup, |wire| Box::new(wire))
}

fn listen(end: &End, address: SocketAddrV4) -> TcpListener {
    let mut socket = end.socket();
    socket.bind(address).unwrap();
    socket.listen(1000).unwrap()
}

/// The ends of a connection from `near` to `address`, which the listener has.
fn open(pair: &Pair, near: &End, listener: &TcpListener, to: SocketAddrV4) -> [TcpStream; 2] {
    let stream = near.socket().connect(to).unwrap();
    pair.settle();
    let far = accepted(listener, &stream);
    [stream, far]
}

/// A connection from the client to the server.
fn open_one(pair: &Pair, listener: &TcpListener) -> [TcpStream; 2] {
    open(pair, &pair.client, listener, SERVER)
}

fn statistics(pair: &Pair) -> [Statistics; 2] {
    [&pair.server, &pair.client].map(|end| end.host.statistics())
}

fn uncached(pair: &Pair) -> [u64; 2] {
    statistics(pair).map(|statistics| statistics.connections_uncached)
}

/// Both ends of each connection send their own bytes, all at once, and get the other's.
fn exchange(pair: &Pair, connections: &[[TcpStream; 2]], len_bytes: usize, patience_ns: u64) {
    let seed = |connection: usize, end: usize| 2 * connection + end;
    let ends = || {
        let numbered = connections.iter().enumerate();
        numbered.flat_map(|(n, both)| both.iter().enumerate().map(move |(end, s)| (n, end, s)))
    };
    for (connection, end, mut stream) in ends() {
        let bytes = pattern(len_bytes, seed(connection, end) as u32);
        stream.write_all(&bytes).unwrap();
    }
    pair.pass(patience_ns);
    for (connection, end, mut stream) in ends() {
        let mut received = vec![0; len_bytes];
        stream.read_exact(&mut received).unwrap();
        let expected = pattern(len_bytes, seed(connection, 1 - end) as u32);
        assert!(received == expected, "connection {connection}, end {end}");
    }
}

/// Closes both ends, and lets TIME-WAIT pass.
fn close(pair: &Pair, connections: Vec<[TcpStream; 2]>) {
    drop(connections);
    pair.pass(61 * SECOND_NS);
    assert_eq!(uncached(pair), [0, 0]);
}

fn many(setup: &Setup, faults: Option<&str>, len_bytes: usize, patience_ns: u64) {
    let pair = Pair::with(setup, |wire| match faults {
        Some(faults) => Box::new(Faulty::new(wire, faults.parse::<Faults>().unwrap())),
        None => Box::new(wire),
    });
    let listeners = [listen(&pair.server, SERVER), listen(&pair.client, CLIENT)];
    let cached = (setup.tables.connections - 1).min(64) as u64;
    for round in 0..2 {
        // Half of them are opened by each end.
        let open = |near: &End, to| {
            (0..32)
                .map(|_| near.socket().connect(to).unwrap())
                .collect()
        };
        let near: [Vec<TcpStream>; 2] = [open(&pair.client, SERVER), open(&pair.server, CLIENT)];
        pair.pass(patience_ns);
        let mut connections = Vec::new();
        for (near, listener) in near.into_iter().zip(&listeners) {
            let mut far: Vec<_> = near.iter().map(|_| listener.accept().unwrap()).collect();
            for stream in near {
                stream.connected().unwrap();
                let is_its = |far: &(TcpStream, _)| far.1 == stream.local_addr().unwrap();
                let place = far.iter().position(is_its).unwrap();
                let (other, _) = far.swap_remove(place);
                other.set_nonblocking(true).unwrap();
                connections.push([stream, other]);
            }
        }
        assert_eq!(uncached(&pair), [64 - cached; 2], "round {round}");
        exchange(&pair, &connections, len_bytes, patience_ns);
        close(&pair, connections);
    }
    for statistics in statistics(&pair) {
        assert!(statistics.flow_misses > 0);
        assert_eq!(statistics.flow_hits > 0, cached > 0);
        assert_eq!(statistics.commands_refused, 0);
    }
}

#[test]
fn sixty_four_connections_through_four_ids_both_ways() {
    // More than there are places for whole frames.
    many(&ids(4), None, 40_000, 20 * SECOND_NS);
}

#[test]
fn the_same_on_a_bad_wire() {
    let faults = "drop=0.02,dup=0.01,reorder=0.02,flip=0.005,seed=7";
    many(&ids(4), Some(faults), 20_000, 100 * SECOND_NS);
}

#[test]
fn the_same_without_any_id() {
    many(&ids(1), None, 10_000, 20 * SECOND_NS);
}

#[test]
fn a_table_that_is_full_refuses_nobody() {
    let setup = Setup {
        tables: Tables {
            connections: 64,
            flows: 3,
        },
        ..Setup::default()
    };
    let pair = pair(&setup);
    let listener = listen(&pair.server, SERVER);
    let connections: Vec<_> = (0..20).map(|_| open_one(&pair, &listener)).collect();
    exchange(&pair, &connections, 40_000, 20 * SECOND_NS);
    for statistics in statistics(&pair) {
        assert_eq!(statistics.flows_not_offloaded, 17);
        assert!(statistics.flow_misses > 17 && statistics.flow_hits > 3);
        assert_eq!(statistics.commands_refused, 0);
    }
    close(&pair, connections);
    exchange(&pair, &[open_one(&pair, &listener)], 40_000, SECOND_NS);
}

#[test]
fn a_megabyte_each_way_without_an_id() {
    let pair = pair(&ids(1));
    let listener = listen(&pair.server, SERVER);
    let [mut near, mut far] = open_one(&pair, &listener);
    let data = [pattern(1 << 20, 1), pattern(1 << 20, 2)];
    let mut sent = [0, 0];
    let mut received = [Vec::new(), Vec::new()];
    let mut buffer = vec![0; 1 << 16];
    while received[0].len() < data[1].len() || received[1].len() < data[0].len() {
        for (end, stream) in [&mut near, &mut far].into_iter().enumerate() {
            sent[end] += stream.write(&data[end][sent[end]..]).unwrap_or(0);
            let count = stream.read(&mut buffer).unwrap_or(0);
            received[end].extend_from_slice(&buffer[..count]);
        }
        pair.pass(1_000_000);
    }
    let [at_near, at_far] = received;
    assert!(at_near == data[1] && at_far == data[0]);
    assert_eq!(uncached(&pair), [1, 1]);
    assert_eq!(statistics(&pair).map(|s| s.flow_hits), [0, 0]);
}

#[test]
fn an_id_that_becomes_free_goes_to_the_next_and_to_who_is_busy() {
    let pair = pair(&ids(2));
    let listener = listen(&pair.server, SERVER);
    let first = open_one(&pair, &listener);
    let busy = open_one(&pair, &listener);
    let idle = open_one(&pair, &listener);
    assert_eq!(uncached(&pair), [2, 2]);
    drop(first);
    pair.pass(SECOND_NS);
    // TIME-WAIT has no id.
    assert!(pair.client.states().contains(&State::TimeWait));
    assert_eq!(uncached(&pair), [2, 2]);
    exchange(&pair, std::slice::from_ref(&busy), 10_000, SECOND_NS);
    assert_eq!(uncached(&pair), [1, 1]);
    let before = statistics(&pair);
    exchange(&pair, std::slice::from_ref(&busy), 10_000, SECOND_NS);
    for (before, after) in before.iter().zip(statistics(&pair)) {
        assert_eq!(before.flow_misses, after.flow_misses);
        assert!(before.flow_hits < after.flow_hits);
    }
    drop(busy);
    pair.pass(SECOND_NS);
    let next = open_one(&pair, &listener);
    assert_eq!(uncached(&pair), [1, 1]);
    exchange(&pair, &[idle, next], 10_000, SECOND_NS);
}

#[test]
fn time_wait_of_an_uncached_connection_is_kept_and_its_port_is_used_again() {
    let pair = pair(&ids(1));
    let listener = listen(&pair.server, SERVER);
    let (near, far) = pair.connection(&listener);
    drop(near);
    pair.settle();
    drop(far);
    pair.settle();
    assert!(pair.client.states().contains(&State::TimeWait));
    let taken = pair.connect().unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    pair.pass(61 * SECOND_NS);
    // And now it is the server's, which takes a new connection in its place.
    let (near, far) = pair.connection(&listener);
    drop(far);
    pair.settle();
    drop(near);
    pair.settle();
    assert!(pair.server.states().contains(&State::TimeWait));
    let (near, far) = pair.connection(&listener);
    exchange(&pair, &[[near, far]], 10_000, SECOND_NS);
}

#[test]
fn resets_and_refusals_reach_uncached_connections() {
    let pair = pair(&ids(1));
    let listener = listen(&pair.server, SERVER);
    for aborts in [0, 1] {
        let mut ends = open_one(&pair, &listener);
        ends[aborts].abort().unwrap();
        pair.settle();
        let error = ends[1 - aborts].read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    drop(listener);
    pair.settle();
    let refused = pair.client.socket().connect(SERVER).unwrap();
    pair.settle();
    let error = refused.connected().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// Command indices of the segments that an end has sent, and of those that have left.
fn sent_and_left(end: &End) -> [Vec<u32>; 2] {
    let log = end.log.lock().unwrap();
    let sent = log.iter().filter_map(|seen| match seen {
        Observation::Sent { command_index, .. } => Some(*command_index),
        _ => None,
    });
    let left = log.iter().filter_map(|seen| match seen {
        Observation::Left { command_index, .. } => Some(*command_index),
        _ => None,
    });
    [sent.collect(), left.collect()]
}

#[test]
fn observers_see_uncached_segments_and_when_they_left() {
    let pair = pair(&ids(1));
    let listener = listen(&pair.server, SERVER);
    let both = open_one(&pair, &listener);
    exchange(&pair, std::slice::from_ref(&both), 10_000, SECOND_NS);
    let [sent, left] = sent_and_left(&pair.client);
    assert!(sent.len() > 7);
    assert!(sent.iter().all(|index| left.contains(index)));
}

#[test]
fn a_host_that_ends_waits_until_the_last_frame_has_left() {
    let pair = pair(&ids(1));
    let listener = listen(&pair.server, SERVER);
    let [near, mut far] = open_one(&pair, &listener);
    let [sent_before, _] = sent_and_left(&pair.client);
    near.abort().unwrap();
    drop(near);
    assert!(pair.client.host.drain(Duration::from_secs(1)));
    let [sent, left] = sent_and_left(&pair.client);
    assert_eq!(sent.len(), sent_before.len() + 1, "the RST");
    assert!(sent.iter().all(|index| left.contains(index)));
    pair.settle();
    let error = far.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
