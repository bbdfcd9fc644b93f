//! Two connections over a network that loses, doubles and reorders: every byte is compared, every state is reached.

use crate::network::{pattern, Endpoint, Faults, Network, MS, S};
use crate::rig::plain;
use handclasp_host::tcp::{Config, State};

const BUFFER: usize = 65_536;
const MEBIBYTE: usize = 1 << 20;

fn open(seed: u64, faults: Faults, config: Config, buffer: usize, iss: (u32, u32)) -> Network {
    let mut network = Network::new(seed, faults);
    network.ends[0] = Some(Endpoint::connect(
        config,
        network.now,
        iss.0,
        buffer,
        buffer,
    ));
    network.passive = Some((config, iss.1, buffer, buffer));
    network
}

/// Moves `len` bytes each way in writes and reads of `chunk` bytes, then closes from both sides.
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
            }
            // 3.10.4: a close in SYN-SENT would forget the connection.
            if written[index] == len && connection.state() != State::SynSent {
                connection.shutdown_write();
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
    finish(network);
}

/// Both ends close in order.
fn finish(network: &mut Network) {
    network.run_until(400 * S, |network| {
        (0..2).all(|index| network.end(index).state() == State::Closed)
    });
    assert!((0..2).all(|index| network.end(index).error().is_none()));
}

#[test]
fn a_mebibyte_each_way_without_loss() {
    let mut network = open(1, Faults::default(), Config::default(), BUFFER, (100, 300));
    exchange(&mut network, MEBIBYTE, 10_000);
    for index in 0..2 {
        assert_eq!(
            network.end(index).variables().retransmissions,
            0,
            "nothing was lost"
        );
    }
}

#[test]
fn a_mebibyte_each_way_through_a_bad_network_over_the_wraps() {
    // 2 % lost, 1 % doubled, 2 % late; both sequence spaces wrap (2^32 and 2^31), the rings 16 times
    for seed in 0..16 {
        let faults = Faults {
            drop: 20,
            duplicate: 10,
            reorder: 20,
        };
        let config = Config {
            sack: seed % 2 == 0,
            timestamps: seed % 4 < 2,
            nodelay: seed % 8 < 4,
            ..Config::default()
        };
        let mut network = open(seed, faults, config, BUFFER, (0xfff8_0000, 0x7fff_ff00));
        let start = network.now;
        exchange(&mut network, MEBIBYTE, 30_000);
        // TIME-WAIT is 60 s of it; the transfer itself takes 0.17 s without loss
        let seconds = (network.now - start) as f64 / S as f64 - 60.0;
        assert!(seconds < 30.0, "seed {seed}: {seconds} s");
        println!(
            "seed {seed:2}, SACK {}: {} segments, {seconds:.2} s",
            config.sack, network.segments
        );
    }
}

#[test]
fn a_worse_network() {
    for (seed, drop) in [(1, 50), (2, 100), (3, 200), (4, 300)] {
        let faults = Faults {
            drop,
            duplicate: 10,
            reorder: 100,
        };
        let mut network = open(seed, faults, Config::default(), BUFFER, (0xffff_ff00, 300));
        exchange(&mut network, 100_000, 5_000);
    }
}

#[test]
fn small_buffers_and_small_writes() {
    for (seed, chunk) in [(1, 1), (2, 7), (3, 1461), (4, 4096)] {
        let faults = Faults {
            drop: 20,
            duplicate: 10,
            reorder: 20,
        };
        let mut network = open(seed, faults, Config::default(), 4096, (0xffff_ff00, 300));
        exchange(&mut network, 50_000, chunk);
    }
}

#[test]
fn a_slow_reader_closes_the_window_and_loses_nothing() {
    // The reader takes 3000 bytes every 7 s; ACKs that open the window are lost now and then.
    for seed in 0..4 {
        let faults = Faults {
            drop: 100,
            duplicate: 10,
            reorder: 20,
        };
        let mut network = open(
            seed,
            faults,
            Config::default(),
            8192,
            (0xffff_f000, 0xffff_f000),
        );
        let data = pattern(7, 60_000);
        let (mut written, mut read) = (0, Vec::new());
        let mut buffer = [0; 3000];
        let mut zero_windows = 0;
        while read.len() < data.len() {
            written += network.end(0).send(&data[written..]).expect("open");
            network.run_for(7 * S);
            assert_eq!(network.end(0).error(), None);
            if network.ends[1].is_some() {
                zero_windows += u32::from(network.end(0).variables().snd_wnd == 0);
                if let Some(count) = network.end(1).receive(&mut buffer).expect("open") {
                    read.extend_from_slice(&buffer[..count]);
                }
            }
            assert!(network.now < 5000 * S, "stalled at {}", read.len());
        }
        assert!(read == data);
        assert!(zero_windows > 5, "{zero_windows}");
    }
}

#[test]
fn an_hour_with_a_closed_window() {
    // MUST-36, MUST-37: longer than R2
    let mut network = open(1, Faults::default(), Config::default(), 4096, (100, 300));
    network.end(0).send(&[5; 4096]).expect("open");
    network.run_for(S);
    assert_eq!(network.end(0).send(&[6; 1000]), Ok(1000));
    network.run_for(3600 * S);
    assert_eq!(network.end(0).state(), State::Established);
    let mut buffer = [0; 8192];
    assert_eq!(network.end(1).receive(&mut buffer), Ok(Some(4096)));
    network.run_for(S);
    assert_eq!(network.end(1).receive(&mut buffer), Ok(Some(1000)));
}

#[test]
fn lost_fins_are_repeated() {
    let mut network = open(1, Faults::default(), Config::default(), BUFFER, (100, 300));
    let mut lost = [0; 2];
    network.filter = Box::new(move |from, sent| {
        let drop = sent.segment.fin() && lost[from] < 3;
        lost[from] += u32::from(drop);
        !drop
    });
    exchange(&mut network, 10_000, 1000);
}

#[test]
fn the_last_ack_is_lost_and_time_wait_repeats_it() {
    // B's FIN is acknowledged in vain five times: TIME-WAIT is what it is for
    let mut network = open(1, Faults::default(), Config::default(), BUFFER, (100, 300));
    network.run_for(S);
    network.end(0).shutdown_write();
    network.run_for(S);
    let mut lost = 0;
    network.filter = Box::new(move |from, _| {
        let drop = from == 0 && lost < 5;
        lost += u32::from(drop);
        !drop
    });
    network.end(1).shutdown_write();
    network.run_for(30 * S);
    assert_eq!(network.end(1).state(), State::Closed);
    assert_eq!(network.end(1).error(), None);
    assert_eq!(network.end(0).state(), State::TimeWait);
}

#[test]
fn each_end_passes_through_its_states() {
    // figures 6 and 12
    let mut network = open(1, Faults::default(), Config::default(), BUFFER, (100, 300));
    network.run_for(S);
    network.end(0).shutdown_write();
    network.run_for(S);
    network.end(1).shutdown_write();
    finish(&mut network);
    use State::*;
    assert_eq!(
        network.states[0],
        [SynSent, Established, FinWait1, FinWait2, TimeWait, Closed]
    );
    assert_eq!(
        network.states[1],
        [SynReceived, Established, CloseWait, LastAck, Closed]
    );
}

#[test]
fn both_open_and_both_close_at_once() {
    // figures 8 and 13
    use State::*;
    for config in [plain(), Config::default()] {
        let mut network = Network::new(1, Faults::default());
        for (index, iss) in [(0, 100), (1, 300)] {
            network.ends[index] = Some(Endpoint::connect(config, network.now, iss, BUFFER, BUFFER));
        }
        network.run_for(S);
        for index in 0..2 {
            assert_eq!(network.end(index).send(b"hello"), Ok(5));
        }
        network.run_for(S);
        for index in 0..2 {
            assert_eq!(network.end(index).receive(&mut [0; 10]), Ok(Some(5)));
            network.end(index).shutdown_write();
        }
        finish(&mut network);
        for index in 0..2 {
            let expected = [
                SynSent,
                SynReceived,
                Established,
                FinWait1,
                Closing,
                TimeWait,
                Closed,
            ];
            assert_eq!(network.states[index], expected);
        }
    }
}

#[test]
fn both_open_at_once_through_a_bad_network() {
    for seed in 0..32 {
        let mut network = Network::new(
            seed,
            Faults {
                drop: 200,
                duplicate: 100,
                reorder: 200,
            },
        );
        for (index, iss) in [(0, 100), (1, 300)] {
            network.ends[index] = Some(Endpoint::connect(
                Config::default(),
                network.now,
                iss,
                BUFFER,
                BUFFER,
            ));
        }
        exchange(&mut network, 20_000, 1000);
    }
}

#[test]
fn handshakes_survive_any_single_loss() {
    for lost in 0..6 {
        let mut network = open(1, Faults::default(), Config::default(), BUFFER, (100, 300));
        let mut count = 0;
        network.filter = Box::new(move |_, _| {
            count += 1;
            count - 1 != lost
        });
        exchange(&mut network, 3000, 3000);
    }
}

#[test]
fn a_half_closed_connection_carries_a_mebibyte() {
    let mut network = open(
        2,
        Faults {
            drop: 10,
            ..Faults::default()
        },
        Config::default(),
        BUFFER,
        (100, 300),
    );
    network.run_until(100 * S, |network| network.ends[1].is_some());
    network.run_for(5 * S);
    network.end(0).shutdown_write();
    let data = pattern(3, MEBIBYTE);
    let (mut written, mut read) = (0, Vec::new());
    let mut buffer = [0; 9000];
    network.run_until(1000 * S, |network| {
        written += network.end(1).send(&data[written..]).expect("open");
        while let Some(count @ 1..) = network.end(0).receive(&mut buffer).expect("open") {
            read.extend_from_slice(&buffer[..count]);
        }
        read.len() == data.len()
    });
    assert!(read == data);
    assert_eq!(network.end(0).state(), State::FinWait2);
    assert_eq!(network.end(1).state(), State::CloseWait);
}

#[test]
fn nagle_and_delayed_acks_do_not_lock_each_other() {
    // A request in two small writes waits for one delayed ACK, not longer; without Nagle for none.
    for (nodelay, limit) in [(false, 70 * MS), (true, 15 * MS)] {
        let config = Config {
            nodelay,
            ..Config::default()
        };
        let mut network = open(1, Faults::default(), config, BUFFER, (100, 300));
        network.run_for(S);
        let start = network.now;
        network.end(0).send(b"head").expect("open");
        network.flush();
        network.end(0).send(b"body").expect("open");
        network.run_until(S, |network| network.end(1).received_len_bytes() == 8);
        assert!(network.now - start <= limit, "{} ns", network.now - start);
    }
}
