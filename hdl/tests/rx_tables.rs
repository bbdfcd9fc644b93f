//! The flow table against a map, and the option walker against a plain reading of RFC 9293, both on their Verilated selves.

mod bench;

use bench::model::Model;
use handclasp_hdl::rx::flow_table::FlowTable;
use handclasp_hdl::rx::listener_table::ListenerTable;
use handclasp_hdl::rx::option_walker::OptionWalker;
use handclasp_layout::queue::Status;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{HashMap, HashSet};

type Key = u128;

fn reset(model: &mut Model) {
    model.set("rst", 1);
    model.step();
    model.set("rst", 0);
}

/// Steps until `port` is high, at most `limit` times; returns the number of steps.
fn step_until(model: &mut Model, port: &str, limit: u64) -> u64 {
    for steps in 1..=limit {
        model.step();
        if model.is_high(port) {
            return steps;
        }
    }
    panic!("{port} stays low");
}

fn command(table: &mut Model, remove: bool, key: Key, connection: u16) -> u64 {
    table.set_bytes("flow_key", &key.to_le_bytes());
    table.set("flow_connection", connection.into());
    table.set("flow_remove", remove.into());
    table.set("flow_valid", 1);
    step_until(table, "flow_ready", 20);
    table.set("flow_valid", 0);
    step_until(table, "flow_done", 20);
    table.get("flow_status")
}

/// The connection of the key, if it is in the table; the answer takes its promised time.
fn look_up(table: &mut Model, key: Key) -> Option<u16> {
    table.set_bytes("lookup_key", &key.to_le_bytes());
    table.set("lookup_valid", 1);
    let cycles = step_until(table, "lookup_done", 20) - 1;
    table.set("lookup_valid", 0);
    assert_eq!(cycles, FlowTable::LOOKUP_CYCLES as u64);
    let connection = table.get("lookup_connection") as u16;
    match table.is_high("lookup_hit") {
        true => Some(connection),
        false => {
            assert_eq!(connection, 0);
            None
        }
    }
}

fn key(remote_ip: u32, local_ip: u32, remote_port: u16, local_port: u16) -> Key {
    u128::from(remote_ip) << 64
        | u128::from(local_ip) << 32
        | u128::from(remote_port) << 16
        | u128::from(local_port)
}

#[test]
fn every_connection_finds_a_place_and_only_its_own() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut table = Model::start::<FlowTable>("flow_table", 1);
    for round in 0..60_u32 {
        reset(&mut table);
        table.set("hash_key", rng.random());
        assert_eq!(
            step_until(&mut table, "table_ready", 600),
            513,
            "512 sets are cleared"
        );
        // All random; one client with many ports; many clients of a server; a range of addresses and ports at once.
        let (ip, port) = (rng.random::<u32>(), rng.random::<u16>());
        let keys: Vec<Key> = (0..256_u16)
            .map(|i| match round % 4 {
                0 => rng.random::<u128>() >> 32,
                1 => key(ip, 0xc000_0201, port.wrapping_add(i), 80),
                2 => key(ip.wrapping_add(i.into()), 0xc000_0201, port, 80),
                _ => key(
                    ip.wrapping_sub(i.into()),
                    0xc000_0201,
                    port.wrapping_add(i),
                    80,
                ),
            })
            .collect();
        for (connection, key) in keys.iter().enumerate() {
            assert_eq!(
                command(&mut table, false, *key, connection as u16),
                Status::Ok as u64,
                "round {round}: {connection} does not fit"
            );
        }
        for (connection, key) in keys.iter().enumerate().step_by(3) {
            assert_eq!(look_up(&mut table, *key), Some(connection as u16));
            assert_eq!(
                look_up(&mut table, key ^ 1 << rng.random_range(0..96))
                    .filter(|other| *other == connection as u16),
                None
            );
        }
    }
}

#[test]
fn the_flow_table_does_what_a_map_does() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut table = Model::start::<FlowTable>("flow_table", 2);
    reset(&mut table);
    table.set("hash_key", 0xdead_beef);
    step_until(&mut table, "table_ready", 600);
    let mut map: HashMap<Key, u16> = HashMap::new();
    for _ in 0..3000 {
        let key = u128::from(rng.random_range(0..300_u32)) << (rng.random_range(0..3) * 32);
        match rng.random_range(0..3) {
            0 => {
                let connection = rng.random();
                assert_eq!(
                    command(&mut table, false, key, connection),
                    Status::Ok as u64
                );
                map.insert(key, connection);
            }
            1 => {
                let status = if map.remove(&key).is_some() {
                    Status::Ok
                } else {
                    Status::NotFound
                };
                assert_eq!(command(&mut table, true, key, 0), status as u64);
            }
            _ => assert_eq!(look_up(&mut table, key), map.get(&key).copied()),
        }
    }
}

#[test]
fn a_full_flow_table_says_so_and_keeps_what_it_has() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut table = Model::start::<FlowTable>("flow_table", 3);
    reset(&mut table);
    step_until(&mut table, "table_ready", 600);
    let (mut kept, mut refused) = (vec![], 0);
    for i in 0..3000_u16 {
        let key = rng.random::<u128>() >> 32;
        match command(&mut table, false, key, i) {
            status if status == Status::Ok as u64 => kept.push((key, i)),
            status => {
                assert_eq!(status, Status::TableFull as u64);
                assert_eq!(look_up(&mut table, key), None);
                refused += 1;
            }
        }
    }
    assert!(
        kept.len() > 1024 && kept.len() <= 2048 + 4 && refused > 0,
        "{}",
        kept.len()
    );
    for (key, connection) in kept {
        assert_eq!(look_up(&mut table, key), Some(connection));
    }
}

#[test]
fn the_listener_table_does_what_a_set_does() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut table = Model::start::<ListenerTable>("listener_table", 4);
    reset(&mut table);
    assert_eq!(
        step_until(&mut table, "table_ready", 3000),
        2049,
        "2048 words are cleared"
    );
    let ports: Vec<u16> = [0, 1, 31, 32, 33, 80, 65535, 65504]
        .into_iter()
        .chain((0..40).map(|_| rng.random()))
        .collect();
    let mut set = HashSet::new();
    for _ in 0..3000 {
        let port = ports[rng.random_range(0..ports.len())];
        if rng.random_bool(0.5) {
            let remove = rng.random_bool(0.4);
            table.set("listen_port", port.into());
            table.set("listen_remove", remove.into());
            table.set("listen_valid", 1);
            step_until(&mut table, "listen_ready", 10);
            table.set("listen_valid", 0);
            step_until(&mut table, "listen_done", 10);
            let _ = if remove {
                set.remove(&port)
            } else {
                set.insert(port)
            };
        } else {
            table.set("lookup_port", port.into());
            table.set("lookup_valid", 1);
            assert_eq!(
                step_until(&mut table, "lookup_done", 10) - 1,
                ListenerTable::LOOKUP_CYCLES as u64
            );
            table.set("lookup_valid", 0);
            assert_eq!(table.is_high("is_listening"), set.contains(&port));
        }
    }
}

/// What RFC 9293 3.1 says about a list of options: those before the first illegal one, and whether there is one.
fn read_options(mut list: &[u8]) -> (Vec<(u8, Vec<u8>)>, bool) {
    let mut read = vec![];
    while let Some(kind) = list.first() {
        if *kind == 0 {
            break;
        }
        if *kind == 1 {
            list = &list[1..];
            continue;
        }
        let len = usize::from(*list.get(1).unwrap_or(&0));
        let wanted: &[usize] = match kind {
            2 => &[4],
            3 => &[3],
            4 => &[2],
            5 => &[10, 18, 26, 34],
            8 => &[10],
            _ => &[],
        };
        if len < 2 || len > list.len() || (!wanted.is_empty() && !wanted.contains(&len)) {
            return (read, true);
        }
        read.push((*kind, list[2..len].to_vec()));
        list = &list[len..];
    }
    (read, false)
}

#[test]
fn the_option_walker_reads_what_the_rfc_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut walker = Model::start::<OptionWalker>("option_walker", 5);
    reset(&mut walker);
    let mut bad_lists = 0;
    for _ in 0..6000 {
        let len = 4 * rng.random_range(0..=10);
        let mut list: Vec<u8> = vec![];
        while list.len() < len {
            let (kind, good) = [
                (0, 1),
                (1, 1),
                (1, 1),
                (1, 1),
                (2, 4),
                (3, 3),
                (4, 2),
                (5, 10),
                (5, 18),
                (5, 34),
                (8, 10),
                (30, 5),
                (254, 2),
            ][rng.random_range(0..13)];
            list.push(kind);
            if kind > 1 {
                list.push(if rng.random_bool(0.05) {
                    rng.random_range(0..12)
                } else {
                    good
                });
                list.extend((2..good).map(|_| rng.random::<u8>()));
            }
            if kind == 0 && rng.random_bool(0.7) {
                list.pop();
            }
        }
        // An option may be cut off by the header's end; what lies beyond is rubbish.
        let mut bytes = list.clone();
        list.truncate(len);
        bytes.resize_with(40, || rng.random_range(0..9));
        bytes.reverse();
        walker.set_bytes("options", &bytes);
        walker.set("len_bytes", len as u64);
        walker.set("start", 1);
        walker.step();
        walker.set("start", 0);
        let cycles = step_until(&mut walker, "done", 50);

        let (read, is_bad) = read_options(&list);
        bad_lists += usize::from(is_bad);
        assert!(
            cycles as usize
                <= 2 + read.len() + list.iter().filter(|byte| **byte == 1).count() / 3 + 1,
            "{list:?}: {cycles}"
        );
        let last = |kind: u8| {
            read.iter()
                .rev()
                .find(|(k, _)| *k == kind)
                .map(|(_, value)| value.clone())
        };
        let be = |value: &[u8]| {
            value
                .iter()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        // In the order of `TcpOptions`, least significant first.
        let found = walker.get_bytes("found");
        let field = |offset: usize, width: usize| {
            handclasp_layout::table::get_little_endian(&found, offset, width)
        };
        assert_eq!(field(0, 1) == 1, is_bad, "{list:?}");
        assert_eq!(
            (field(1, 1) == 1, field(2, 16)),
            (last(2).is_some(), last(2).map_or(0, |v| be(&v))),
            "{list:?}"
        );
        assert_eq!(
            (field(18, 1) == 1, field(19, 8)),
            (last(3).is_some(), last(3).map_or(0, |v| be(&v))),
            "{list:?}"
        );
        assert_eq!(field(27, 1) == 1, last(4).is_some(), "{list:?}");
        assert_eq!(
            (field(28, 1) == 1, field(29, 64)),
            (last(8).is_some(), last(8).map_or(0, |v| be(&v))),
            "{list:?}"
        );
        let sack = last(5).unwrap_or_default();
        assert_eq!(field(93, 4) as usize, sack.len() / 8, "{list:?}");
        let mut edges: Vec<u8> = (0..32).map(|i| field(97 + 8 * i, 8) as u8).collect();
        edges.reverse();
        assert!(
            edges.starts_with(&sack) && edges[sack.len()..].iter().all(|byte| *byte == 0),
            "{list:?}: {edges:?}"
        );
    }
    assert!(bad_lists > 500 && bad_lists < 5000, "{bad_lists}");
}
