//! Two endpoints over a network that loses, doubles and reorders.

use crate::network::{pattern, Endpoint, Faults, Network, S};
use handclasp_host::tcp::{Config, State};

const BUFFER: usize = 65_536;

fn open(
    seed: u64,
    faults: Faults,
    config: Config,
    buffers: (usize, usize),
    iss: (u32, u32),
) -> Network {
    let mut network = Network::new(seed, faults);
    let (send, receive) = buffers;
    network.ends[0] = Some(Endpoint::connect(config, network.now, iss.0, send, receive));
    network.passive = Some((config, iss.1, send, receive));
    network
}

/// Moves `len` bytes each way, then closes from both sides; every byte is compared.
fn exchange(network: &mut Network, len: usize, chunk: usize) {
    let sent = [pattern(1, len), pattern(2, len)];
    let mut written = [0; 2];
    let mut read = [Vec::new(), Vec::new()];
    let mut ended = [false; 2];
    let mut buffer = vec![0; chunk];
    network.run_until(4000 * S, |network| {
        for index in 0..2 {
            if network.ends[index].is_none() {
                continue;
            }
            let connection = network.end(index);
            assert_eq!(connection.error(), None);
            while written[index] < len {
                let upto = (written[index] + chunk).min(len);
                let count = connection
                    .send(&sent[index][written[index]..upto])
                    .expect("open");
                written[index] += count;
                if count == 0 {
                    break;
                }
                if written[index] == len {
                    connection.shutdown_write();
                }
            }
            loop {
                match connection.receive(&mut buffer).expect("no error") {
                    Some(0) => {
                        ended[index] = true;
                        break;
                    }
                    Some(count) => read[index].extend_from_slice(&buffer[..count]),
                    None => break,
                }
            }
        }
        ended == [true; 2]
    });
    assert!(read[0] == sent[1], "bytes from B to A differ");
    assert!(read[1] == sent[0], "bytes from A to B differ");
    network.run_until(200 * S, |network| {
        (0..2).all(|index| network.end(index).state() == State::Closed)
    });
    assert!((0..2).all(|index| network.end(index).error().is_none()));
}

#[test]
fn moves_a_mebibyte_each_way_without_loss() {
    let mut network = open(
        1,
        Faults::default(),
        Config::default(),
        (BUFFER, BUFFER),
        (100, 300),
    );
    exchange(&mut network, 1 << 20, 10_000);
    for index in 0..2 {
        assert_eq!(
            network.end(index).variables().retransmissions,
            0,
            "nothing was lost"
        );
    }
}

#[test]
fn moves_a_mebibyte_each_way_through_a_bad_network() {
    for seed in 0..8 {
        let faults = Faults {
            drop: 20,
            duplicate: 10,
            reorder: 20,
        };
        let sack = seed % 2 == 0;
        let config = Config {
            sack,
            timestamps: seed % 4 < 2,
            ..Config::default()
        };
        let mut network = open(
            seed,
            faults,
            config,
            (BUFFER, BUFFER),
            (0xffff_0000, 0x7fff_ff00),
        );
        let start = network.now;
        exchange(&mut network, 1 << 20, 30_000);
        let seconds = (network.now - start) as f64 / S as f64;
        eprintln!(
            "seed {seed} sack {sack}: {} segments, {seconds:.1} s",
            network.segments
        );
    }
}
