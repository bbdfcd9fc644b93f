//! The flow table against a map, and its hash against the same in software, both on their Verilated selves.

mod bench;

use bench::model::Model;
use handclasp_hdl::rx::flow_hash::FlowHash;
use handclasp_hdl::rx::flow_table::FlowTable;
use handclasp_layout::queue::Status;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// Remote address, local address, remote port, local port.
type Key = u128;

const SETS: usize = 512;
/// Flows that find a place if they share both sets: two ways each, and the overflow.
const PLACES: usize = 2 + 2 + 4;
/// How much longer a lookup takes that finds a command under way.
const WAIT_CYCLES: u64 = 3;

/// The key's upper word, which is all that is used of it.
fn set_hash_key(table: &mut Model, hash_key: u32) {
    let key = (u128::from(hash_key) << 96).to_le_bytes();
    table.set_bytes("hash_key", &key);
}

/// The hash once more, in software.
fn sets(hash_key: u32, key: Key) -> [usize; 2] {
    let [mut a, mut b, mut c] = [64, 32, 0].map(|shift| (key >> shift) as u32);
    for constant in [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344] {
        let parity = a ^ b ^ c;
        let spread = parity.rotate_left(5) ^ parity.rotate_left(14);
        a ^= spread ^ hash_key ^ constant;
        b = (b ^ spread).rotate_left(1);
        c = (c ^ spread).rotate_left(11);
        (a, b, c) = (a ^ (!b & c), b ^ (!c & a), c ^ (!a & b));
        (b, c) = (b.rotate_left(1), c.rotate_left(8));
    }
    [a as usize % SETS, b as usize % SETS]
}

fn command(table: &mut Model, remove: bool, key: Key, connection: u16) -> u64 {
    table.set_bytes("flow_key", &key.to_le_bytes());
    table.set("flow_connection", connection.into());
    table.set("flow_remove", remove.into());
    table.set("flow_valid", 1);
    table.step_until("flow_ready", 20);
    table.set("flow_valid", 0);
    table.step_until("flow_done", 20);
    table.get("flow_status")
}

/// The connection of the key, if it is in the table; the answer takes its promised time.
fn look_up(table: &mut Model, key: Key) -> Option<u16> {
    table.set_bytes("lookup_key", &key.to_le_bytes());
    table.set("lookup_valid", 1);
    let cycles = table.step_until("lookup_done", 20) - 1;
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
        table.reset();
        set_hash_key(&mut table, rng.random());
        assert_eq!(
            table.step_until("table_ready", 600),
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
    table.reset();
    set_hash_key(&mut table, 0xdead_beef);
    table.step_until("table_ready", 600);
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
    table.reset();
    table.step_until("table_ready", 600);
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
fn the_hash_is_the_one_in_software() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut hash = Model::start::<FlowHash<9>>("flow_hash", 4);
    for _ in 0..1000 {
        let (hash_key, key) = (rng.random(), rng.random::<u128>() >> 32);
        hash.set("secret", u64::from(hash_key));
        hash.set_bytes("key", &key.to_le_bytes());
        for _ in 0..=FlowHash::<9>::LATENCY_CYCLES {
            hash.step();
        }
        let found = ["first", "second"].map(|port| hash.get(port) as usize);
        assert_eq!(found, sets(hash_key, key), "{key:x}");
    }
}

/// What a peer can choose, its address and port, does not decide which flows share a set: the secret does.
#[test]
fn no_small_difference_collides_under_many_secrets() {
    const SECRETS: usize = 4096;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let base = key(0x0a00_0001, 0xc000_0201, 40_000, 80);
    let chosen: Vec<u32> = (16..32).chain(64..96).collect();
    let secrets: Vec<u32> = (0..SECRETS).map(|_| rng.random()).collect();
    let bases: Vec<_> = secrets.iter().map(|secret| sets(*secret, base)).collect();
    let mut both = 0;
    for (i, first) in chosen.iter().enumerate() {
        for second in &chosen[..=i] {
            // One bit, or two.
            let other = base ^ (1 << first | 1 << second);
            let mut shared = [0; 2];
            for (secret, base_sets) in secrets.iter().zip(&bases) {
                let sets = sets(*secret, other);
                shared[0] += usize::from(sets[0] == base_sets[0]);
                shared[1] += usize::from(sets[1] == base_sets[1]);
                both += usize::from(sets == *base_sets);
            }
            // 8 are expected; a Poisson variable of that mean exceeds 30 once in 10^9 times.
            assert!(shared.iter().all(|n| *n <= 30), "{other:x}: {shared:?}");
        }
    }
    // 18.4 are expected.
    assert!(both <= 50, "{both}");
}

#[test]
fn flows_that_share_both_sets_fill_them_and_the_overflow() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut table = Model::start::<FlowTable>("flow_table", 6);
    table.reset();
    table.step_until("table_ready", 600);
    let hash_key: u32 = rng.random();
    set_hash_key(&mut table, hash_key);
    let keys: Vec<Key> =
        std::iter::repeat_with(|| key(rng.random(), 0xc000_0201, rng.random(), 80))
            .filter(|key| sets(hash_key, *key) == [0, SETS - 1])
            .take(3 * PLACES / 2)
            .collect();
    let mut map: HashMap<Key, u16> = HashMap::new();
    let mut refused = 0;
    for _ in 0..2000 {
        let key = keys[rng.random_range(0..keys.len())];
        match rng.random_range(0..5) {
            0 | 1 => {
                let connection = rng.random();
                let fits = map.len() < PLACES || map.contains_key(&key);
                let status = if fits { Status::Ok } else { Status::TableFull };
                assert_eq!(command(&mut table, false, key, connection), status as u64);
                refused += usize::from(!fits);
                if fits {
                    map.insert(key, connection);
                }
            }
            2 => {
                let was_there = map.remove(&key).is_some();
                let status = if was_there {
                    Status::Ok
                } else {
                    Status::NotFound
                };
                assert_eq!(command(&mut table, true, key, 0), status as u64);
            }
            _ => assert_eq!(look_up(&mut table, key), map.get(&key).copied()),
        }
    }
    assert!(refused > 50 && map.len() > 4, "{refused}");

    // Reset empties all places.
    table.reset();
    table.step_until("table_ready", 600);
    keys.iter()
        .for_each(|key| assert_eq!(look_up(&mut table, *key), None));
}

#[test]
fn a_lookup_waits_for_no_more_than_the_command_under_way() {
    let mut table = Model::start::<FlowTable>("flow_table", 7);
    table.reset();
    table.step_until("table_ready", 600);
    let mut waited = vec![];
    for delay in 0..6 {
        // Commands without end: the lookup comes between two of them.
        table.set("flow_valid", 1);
        for _ in 0..delay {
            table.step();
        }
        table.set("lookup_valid", 1);
        let cycles = table.step_until("lookup_done", 20) - 1;
        table.set("lookup_valid", 0);
        table.set("flow_valid", 0);
        for _ in 0..10 {
            table.step();
        }
        waited.push(cycles - FlowTable::LOOKUP_CYCLES as u64);
    }
    assert_eq!(waited.iter().max(), Some(&WAIT_CYCLES), "{waited:?}");
    assert!(waited.contains(&0), "{waited:?}");
}
