//! The flow table against a map, and its hash against the same in software, both on their Verilated selves.

mod bench;

use bench::model::Model;
use bench::toeplitz::toeplitz;
use handclasp_hdl::rx::flow_hash::FlowHash;
use handclasp_hdl::rx::flow_table::FlowTable;
use handclasp_layout::queue::Status;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// Remote address, local address, remote port, local port.
type Key = u128;

const FLOWS: u16 = 1024;
const SETS: usize = 1024;
/// Flows that find a place if they share all indices: one in each way, and the overflow.
const PLACES: usize = 4 + 2;
/// Words of a key that are hashed in a cycle: at W = 64, at W = 512.
const UNITS: [usize; 2] = [1, 3];

/// Index of a flow in each way.
fn indices(hash: u32) -> [usize; 4] {
    let [a, b, c] = [0, 10, 20].map(|shift| (hash >> shift) as usize % SETS);
    let rotated = |x: usize, left: usize| (x << left | x >> (10 - left)) % SETS;
    [
        a ^ (rotated(b, 3) & rotated(c, 7)),
        b ^ (rotated(c, 1) & rotated(a, 5)),
        c ^ (rotated(a, 2) & rotated(b, 4)),
        a ^ b ^ c ^ (rotated(a, 1) & rotated(b, 6)),
    ]
}

fn start(units: usize, seed: u64) -> Model {
    let name = ["flow_table_w64", "flow_table_w512"][usize::from(units == 3)];
    let mut table = Model::start_with(name, seed, move || FlowTable::new(units));
    table.reset();
    table
}

fn set_secret(table: &mut Model, secret: u128) {
    table.set_bytes("hash_key", &secret.to_le_bytes());
}

/// The generation that the tests give a connection.
fn generation(connection: u16) -> u8 {
    (connection % 251) as u8
}

fn command(table: &mut Model, remove: bool, key: Key, connection: u16) -> u64 {
    table.set_bytes("flow_key", &key.to_le_bytes());
    table.set("flow_connection", connection.into());
    table.set("flow_generation", generation(connection).into());
    table.set("flow_remove", remove.into());
    table.set("flow_valid", 1);
    table.step_until("flow_ready", 20);
    table.set("flow_valid", 0);
    table.step_until("flow_done", 20);
    table.get("flow_status")
}

/// The connection of the key, if it is in the table; the answer takes its promised time.
fn look_up(table: &mut Model, units: usize, key: Key) -> Option<u16> {
    table.set_bytes("lookup_key", &key.to_le_bytes());
    // A lone hash unit takes the first word before the lookup starts.
    table.step();
    table.set("lookup_valid", 1);
    table.step();
    table.set("lookup_valid", 0);
    let cycles = table.step_until("lookup_done", 20);
    assert_eq!(cycles, FlowTable::lookup_cycles(units) as u64);
    let connection = table.get("lookup_connection") as u16;
    let wanted = if table.is_high("lookup_hit") {
        generation(connection)
    } else {
        0
    };
    assert_eq!(table.get("lookup_generation"), u64::from(wanted));
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

/// Keys of many flows: all random; one client with many ports; many clients of a server; a range of addresses and ports at once.
fn many_keys(rng: &mut ChaCha8Rng, round: u32) -> Vec<Key> {
    let (ip, port) = (rng.random::<u32>(), rng.random::<u16>());
    (0..FLOWS)
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
        .collect()
}

#[test]
fn every_connection_finds_a_place_and_only_its_own() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut table = start(3, 1);
    for round in 0..24_u32 {
        table.reset();
        set_secret(&mut table, rng.random());
        assert_eq!(
            table.step_until("table_ready", 1100),
            1025,
            "1024 indices are cleared"
        );
        let keys = many_keys(&mut rng, round);
        for (connection, key) in keys.iter().enumerate() {
            assert_eq!(
                command(&mut table, false, *key, connection as u16),
                Status::Ok as u64,
                "round {round}: {connection} does not fit"
            );
        }
        for (connection, key) in keys.iter().enumerate().step_by(7) {
            assert_eq!(look_up(&mut table, 3, *key), Some(connection as u16));
            assert_eq!(
                look_up(&mut table, 3, key ^ 1 << rng.random_range(0..96))
                    .filter(|other| *other == connection as u16),
                None
            );
        }
    }
}

/// The same in software, with as many secrets as it takes to see that places do not run out.
#[test]
fn places_do_not_run_out_under_many_secrets() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let (mut overflowed, mut most) = (0, 0);
    let rounds = 2000;
    for round in 0..rounds {
        let secret: u128 = rng.random();
        let mut ways = vec![[false; 4]; SETS];
        let mut overflow = 0;
        for key in many_keys(&mut rng, round) {
            let indices = indices(toeplitz(secret, key));
            match (0..4).find(|way| !ways[indices[*way]][*way]) {
                Some(way) => ways[indices[way]][way] = true,
                None => overflow += 1,
            }
        }
        overflowed += u32::from(overflow > 0);
        most = most.max(overflow);
    }
    assert!(most <= PLACES - 4, "{most} of {overflowed}");
    assert!(overflowed < rounds / 50, "{overflowed}");
}

#[test]
fn the_flow_table_does_what_a_map_does() {
    for units in UNITS {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut table = start(units, 2);
        set_secret(&mut table, 0xdead_beef_0bad_cafe_1234_5678_9abc_def0);
        table.step_until("table_ready", 1100);
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
                _ => assert_eq!(look_up(&mut table, units, key), map.get(&key).copied()),
            }
        }
    }
}

#[test]
fn a_full_flow_table_says_so_and_keeps_what_it_has() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut table = start(3, 3);
    set_secret(&mut table, rng.random());
    table.step_until("table_ready", 1100);
    let (mut kept, mut refused) = (vec![], 0);
    for i in 0..6000_u16 {
        let key = rng.random::<u128>() >> 32;
        match command(&mut table, false, key, i) {
            status if status == Status::Ok as u64 => kept.push((key, i)),
            status => {
                assert_eq!(status, Status::TableFull as u64);
                assert_eq!(look_up(&mut table, 3, key), None);
                refused += 1;
            }
        }
    }
    assert!(
        kept.len() > 3000 && kept.len() <= 4 * SETS + 2 && refused > 0,
        "{}",
        kept.len()
    );
    for (key, connection) in kept {
        assert_eq!(look_up(&mut table, 3, key), Some(connection));
    }
}

/// Secret, remote address and port, local address and port, hash: Microsoft's vectors for TCP over IPv4. Of its 320 secret bits 96 bits of input use 127.
#[test]
fn the_hash_is_that_of_receive_side_scaling() {
    let secret = 0x6d5a_56da_255b_0ec2_4167_253d_43a3_8fb0_u128;
    let vectors = [
        (
            "66.9.149.187",
            2794,
            "161.142.100.80",
            1766,
            0x51cc_c178_u32,
        ),
        ("199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626_b0ea),
        ("24.19.198.95", 12898, "12.22.207.184", 38024, 0x5c2b_394a),
        ("38.27.205.30", 48228, "209.142.163.6", 2217, 0xafc7_327f),
        ("153.39.163.191", 44251, "202.188.127.2", 1303, 0x10e8_28a2),
    ];
    for units in UNITS {
        let name = ["flow_hash_w64", "flow_hash_w512"][usize::from(units == 3)];
        let mut hash = Model::start_with(name, 4, move || FlowHash::new(units));
        hash.reset();
        let mut hashed = |secret: u128, key: Key| {
            hash.set_bytes("secret", &secret.to_le_bytes());
            hash.set_bytes("key", &key.to_le_bytes());
            hash.step();
            hash.set("start", 1);
            hash.step();
            hash.set("start", 0);
            let mut cycles = 0;
            while !hash.is_high("done") {
                hash.step();
                cycles += 1;
            }
            assert_eq!(cycles, FlowHash::latency_cycles(units));
            hash.get("hash") as u32
        };
        for (remote, remote_port, local, local_port, wanted) in vectors {
            let ip =
                |text: &str| u32::from(text.parse::<std::net::Ipv4Addr>().expect("an address"));
            let key = key(ip(remote), ip(local), remote_port, local_port);
            assert_eq!(toeplitz(secret, key), wanted, "{remote}");
            assert_eq!(hashed(secret, key), wanted, "{remote}");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for _ in 0..500 {
            let (secret, key) = (rng.random(), rng.random::<u128>() >> 32);
            assert_eq!(hashed(secret, key), toeplitz(secret, key), "{key:x}");
        }
    }
}

/// What a peer can choose, its address and port, does not decide which flows share a place: the secret does.
#[test]
fn no_small_difference_collides_under_many_secrets() {
    const SECRETS: usize = 4096;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let base = key(0x0a00_0001, 0xc000_0201, 40_000, 80);
    let chosen: Vec<u32> = (16..32).chain(64..96).collect();
    let secrets: Vec<u128> = (0..SECRETS).map(|_| rng.random()).collect();
    let bases: Vec<_> = secrets
        .iter()
        .map(|secret| indices(toeplitz(*secret, base)))
        .collect();
    let mut two = 0;
    for (i, first) in chosen.iter().enumerate() {
        for second in &chosen[..=i] {
            // One bit, or two.
            let other = base ^ (1 << first | 1 << second);
            let mut shared = [0; 4];
            for (secret, base) in secrets.iter().zip(&bases) {
                let same: Vec<bool> = indices(toeplitz(*secret, other))
                    .iter()
                    .zip(base)
                    .map(|(one, two)| one == two)
                    .collect();
                (0..4).for_each(|way| shared[way] += usize::from(same[way]));
                two += usize::from(same[0] && same[1]);
            }
            // 4 are expected; a Poisson variable of that mean exceeds 24 once in 10^11 times.
            assert!(shared.iter().all(|n| *n <= 24), "{other:x}: {shared:?}");
        }
    }
    // 4.6 are expected.
    assert!(two <= 25, "{two}");
}

#[test]
fn flows_that_share_all_indices_fill_their_places_and_the_overflow() {
    for units in UNITS {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut table = start(units, 6);
        // The hash of everything is 0.
        set_secret(&mut table, 0);
        table.step_until("table_ready", 1100);
        let keys: Vec<Key> = (0..3 * PLACES / 2)
            .map(|_| key(rng.random(), 0xc000_0201, rng.random(), 80))
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
                _ => assert_eq!(look_up(&mut table, units, key), map.get(&key).copied()),
            }
        }
        assert!(refused > 50 && map.len() > 3, "{refused}");

        // Reset empties all places.
        table.reset();
        table.step_until("table_ready", 1100);
        keys.iter()
            .for_each(|key| assert_eq!(look_up(&mut table, units, *key), None));
    }
}

/// Lookups as dense as the wire brings them, and commands all the time: each lookup is answered in time and right, and commands are carried out.
#[test]
fn lookups_and_commands_take_turns() {
    for units in UNITS {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut table = start(units, 7);
        set_secret(&mut table, rng.random());
        table.step_until("table_ready", 1100);
        let keys: Vec<Key> = (0..40).map(|_| rng.random::<u128>() >> 32).collect();
        // Half of the flows come and go under commands; the others stay.
        for (connection, key) in keys[..20].iter().enumerate() {
            command(&mut table, false, *key, connection as u16);
        }
        let latency = FlowTable::lookup_cycles(units) as u64;
        let (mut asked, mut answered, mut commands) = (vec![], 0, 0);
        // When the next lookup comes: a minimum frame has 8 beats at W = 64.
        let mut next_lookup = table.cycle + 4;
        let mut chosen = 0;
        table.set("flow_valid", 1);
        for _ in 0..5000 {
            let now = table.cycle;
            let looks_up = now >= next_lookup;
            table.set("lookup_valid", looks_up.into());
            table.set(
                "lookup_near",
                u64::from(units == 1 && next_lookup - now <= 4),
            );
            // A lone hash unit takes the first word in the cycle before, and the last in the cycle behind.
            if now + u64::from(units == 1) == next_lookup {
                chosen = rng.random_range(0..20);
                table.set_bytes("lookup_key", &keys[chosen].to_le_bytes());
            }
            if looks_up {
                asked.push((now + latency, chosen));
                next_lookup = now + if units == 1 { 8 } else { 1 } + rng.random_range(0..2);
            }
            table.step();
            if table.is_high("flow_ready") {
                let key = keys[20 + rng.random_range(0..20)];
                table.set_bytes("flow_key", &key.to_le_bytes());
                table.set("flow_connection", 0xffff);
                table.set("flow_remove", rng.random_range(0..2));
            }
            commands += u32::from(table.is_high("flow_done"));
            if table.is_high("lookup_done") {
                let (at, chosen) = asked[answered];
                assert_eq!((now, table.get("lookup_connection")), (at, chosen as u64));
                assert!(table.is_high("lookup_hit"));
                answered += 1;
            }
        }
        assert!(asked.len() - answered <= latency as usize, "{answered}");
        assert!(answered > 400 && commands > 100, "{answered}, {commands}");
    }
}
