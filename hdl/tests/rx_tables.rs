//! The listener table against a set, and the option walker against a plain reading of RFC 9293, both on their Verilated selves.

mod bench;

use bench::model::Model;
use handclasp_hdl::rx::listener_table::ListenerTable;
use handclasp_hdl::rx::option_walker::OptionWalker;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

#[test]
fn the_listener_table_does_what_a_set_does() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut table = Model::start::<ListenerTable>("listener_table", 4);
    table.reset();
    assert_eq!(
        table.step_until("table_ready", 3000),
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
            table.step_until("listen_ready", 10);
            table.set("listen_valid", 0);
            table.step_until("listen_done", 10);
            let _ = if remove {
                set.remove(&port)
            } else {
                set.insert(port)
            };
        } else {
            table.set("lookup_port", port.into());
            table.set("lookup_valid", 1);
            table.step();
            table.set("lookup_valid", 0);
            assert_eq!(
                table.step_until("lookup_done", 10),
                ListenerTable::LOOKUP_CYCLES as u64
            );
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

/// Cycles from the start to the end of the walk, as the walker's datasheet says.
fn walk_cycles(list: &[u8]) -> u64 {
    let (mut cycles, mut rest) = (0, list);
    if rest.is_empty() {
        return 0;
    }
    loop {
        // One to align, one to look.
        let Some(kind) = rest.first() else {
            return cycles + 1;
        };
        cycles += 2;
        let nops = rest.iter().take(4).take_while(|byte| **byte == 1).count();
        let len = usize::from(*rest.get(1).unwrap_or(&0));
        match kind {
            0 => return cycles,
            1 => rest = &rest[nops..],
            _ if read_options(rest).0.is_empty() && read_options(rest).1 => return cycles + 1,
            8 => {
                cycles += 3;
                rest = &rest[len..];
            }
            5 => {
                cycles += 1 + (len as u64 - 2) / 4;
                rest = &rest[len..];
            }
            _ => {
                cycles += (len as u64).saturating_sub(4).div_ceil(4);
                rest = &rest[len..];
            }
        }
    }
}

#[test]
fn the_option_walker_reads_what_the_rfc_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut walker = Model::start::<OptionWalker>("option_walker", 5);
    walker.reset();
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
        walker.set("clear", 1);
        walker.step();
        walker.set("start", 0);
        walker.set("clear", 0);
        let cycles = walker.step_until("done", 80);

        let (read, is_bad) = read_options(&list);
        bad_lists += usize::from(is_bad);
        assert_eq!(cycles - 1, walk_cycles(&list), "{list:?}");
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
