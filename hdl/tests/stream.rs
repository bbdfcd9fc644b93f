//! The stream blocks in rust-hdl's simulation: every byte arrives once, in order, under any idling and back-pressure, at the promised speed.

mod bench;

use bench::{beats, packet, Beat, Clocked, Receiver, Sender};
use handclasp_hdl::stream::{Fifo, PacketFifo, RegisterSlice, Trim};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;

clocked! {
    [const W: usize, const K: usize] RegisterSlice<W, K>;
    [const W: usize, const K: usize, const A: usize, const N: usize] PacketFifo<W, K, A, N>;
    [const W: usize, const K: usize, const S: usize] Trim<W, K, S>;
    [D: Synth, const A: usize, const N: usize] Fifo<D, A, N>;
}

/// Idle and stall chances that every stream block is run under.
const TRAFFIC: [(f64, f64); 4] = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.3)];

fn connected<B: Block + Default>() -> B {
    let mut block = B::default();
    block.connect_all();
    block
}

fn register_slice<const W: usize, const K: usize>() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (idle, stall) in TRAFFIC {
        let mut uut = connected::<RegisterSlice<W, K>>();
        uut.reset();
        let sent: Vec<Beat> = (1..40)
            .flat_map(|len| beats(&packet(&mut rng, len * K / 7 + 1), K, len % 3 == 0))
            .collect();
        let (mut sender, mut receiver) = (Sender::new(sent.clone(), idle), Receiver::new(stall));
        let mut cycles = 0;
        while receiver.beats.len() < sent.len() {
            sender.drive(&mut uut.s, &mut rng);
            receiver.drive(&mut uut.m, &mut rng);
            uut.settle();
            sender.sample(&uut.s);
            receiver.sample(&uut.m);
            uut.tick();
            cycles += 1;
            assert!(cycles < 10 * sent.len(), "stuck");
        }
        assert_eq!(receiver.beats, sent);
        if idle == 0.0 && stall == 0.0 {
            assert_eq!(cycles, sent.len() + 1, "latency 1, a beat a cycle");
        }
    }
}

#[test]
fn register_slice_64() {
    register_slice::<64, 8>();
}

#[test]
fn register_slice_512() {
    register_slice::<512, 64>();
}

#[test]
fn fifo_keeps_order_and_fills_up() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (idle, stall) in TRAFFIC.into_iter().chain([(0.0, 0.9)]) {
        let mut uut = connected::<Fifo<Bits<77>, 3, 4>>();
        uut.reset();
        let words: Vec<u64> = (0..200).map(|_| rng.random()).collect();
        let (mut pushed, mut popped, mut cycles, mut most) = (0, 0, 0, 0);
        let mut showing = false;
        while popped < words.len() {
            showing = pushed < words.len() && (showing || !rng.random_bool(idle));
            uut.push_valid.next = showing;
            if showing {
                uut.push_data.next = (words[pushed]).into();
            }
            uut.pop_ready.next = !rng.random_bool(stall);
            uut.settle();
            if showing && uut.push_ready.val() {
                pushed += 1;
                showing = false;
            }
            if uut.pop_valid.val() && uut.pop_ready.val() {
                assert_eq!(
                    u64::from(uut.pop_data.val().get_bits::<64>(0)),
                    words[popped]
                );
                popped += 1;
            }
            most = most.max(pushed - popped);
            uut.tick();
            cycles += 1;
            assert!(cycles < 5000, "stuck");
        }
        if idle == 0.0 && stall == 0.0 {
            assert_eq!(cycles, words.len() + 2, "latency 2, a word a cycle");
        }
        if stall > 0.8 {
            assert_eq!(most, 8, "all of the depth is used");
        }
    }
}

#[test]
fn packet_fifo_drops_bad_and_overflowing_packets_whole() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut committed, mut overflowed, mut bad) = (0, 0, 0);
    for (idle, stall) in [(0.0, 0.0), (0.2, 0.2), (0.0, 0.7), (0.4, 0.1)] {
        // 32 beats of 8 bytes.
        let mut uut = connected::<PacketFifo<64, 8, 5, 6>>();
        uut.reset();
        let mut sent = vec![];
        for _ in 0..60 {
            let len = rng.random_range(1..300);
            sent.push((packet(&mut rng, len), rng.random_bool(0.2)));
        }
        let all = sent.iter().flat_map(|(p, user)| beats(p, 8, *user));
        let (mut sender, mut receiver) = (Sender::new(all, idle), Receiver::new(stall));
        let (mut number, mut wanted) = (0, vec![]);
        let mut quiet = 0;
        while quiet < 200 {
            sender.drive(&mut uut.s, &mut rng);
            receiver.drive(&mut uut.m, &mut rng);
            uut.settle();
            assert!(uut.s.tready.val(), "the input is never stalled");
            if uut.s.tvalid.val() && uut.s.tlast.val() {
                let (bytes, user) = &sent[number];
                number += 1;
                assert!(!(uut.committed.val() && uut.overflowed.val()));
                if uut.committed.val() {
                    assert!(!user && bytes.len() <= 256);
                    wanted.push((bytes.clone(), false));
                    committed += 1;
                } else if uut.overflowed.val() {
                    overflowed += 1;
                } else {
                    assert!(user, "a packet vanished");
                    bad += 1;
                }
            }
            let moved = sender.sample(&uut.s) | receiver.sample(&uut.m);
            uut.tick();
            quiet = if moved { 0 } else { quiet + 1 };
        }
        assert_eq!(receiver.packets(), wanted);
    }
    assert!(
        committed > 50 && overflowed > 20 && bad > 20,
        "{committed} {overflowed} {bad}"
    );
}

fn trim<const W: usize, const K: usize, const S: usize>(rounds: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for (idle, stall) in TRAFFIC {
        let mut uut = connected::<Trim<W, K, S>>();
        uut.reset();
        let mut commands = vec![];
        for i in 0..rounds {
            let len = rng.random_range(1..8 * K);
            let skip = if i % 3 == 0 {
                0
            } else {
                rng.random_range(0..len)
            };
            let keep = if i % 4 == 0 {
                len - skip
            } else {
                rng.random_range(0..=len - skip)
            };
            commands.push((packet(&mut rng, len), skip, keep));
        }
        let all = commands.iter().flat_map(|(p, ..)| beats(p, K, false));
        let (mut sender, mut receiver) = (Sender::new(all, idle), Receiver::new(stall));
        let wanted: Vec<_> = commands
            .iter()
            .filter(|c| c.2 > 0)
            .map(|(p, skip, len)| (p[*skip..skip + len].to_vec(), false))
            .collect();
        let (mut next, mut cycles) = (0, 0);
        while receiver.packets().len() < wanted.len() || uut.busy.val() || !sender.queue.is_empty()
        {
            uut.command_valid.next = next < commands.len();
            if let Some((_, skip, len)) = commands.get(next) {
                uut.command_skip_bytes.next = skip.to_bits();
                uut.command_len_bytes.next = len.to_bits();
            }
            sender.drive(&mut uut.s, &mut rng);
            receiver.drive(&mut uut.m, &mut rng);
            uut.settle();
            next += usize::from(next < commands.len() && uut.command_ready.val());
            sender.sample(&uut.s);
            receiver.sample(&uut.m);
            uut.tick();
            cycles += 1;
            assert!(
                cycles < 60 * rounds,
                "stuck after {} packets",
                receiver.packets().len()
            );
        }
        assert_eq!(receiver.packets(), wanted);
        if idle == 0.0 && stall == 0.0 {
            let beats: usize = commands.iter().map(|(p, ..)| p.len().div_ceil(K)).sum();
            assert!(
                cycles <= beats + 2 * rounds + 1,
                "a beat a cycle and two cycles between packets"
            );
        }
    }
}

#[test]
fn trim_64() {
    trim::<64, 8, 3>(200);
}

#[test]
fn trim_512() {
    trim::<512, 64, 6>(40);
}

#[test]
fn trim_closes_a_packet_that_ends_too_early_and_reports_errors() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut uut = connected::<Trim<64, 8, 3>>();
    uut.reset();
    // Bytes in the packet, skip, len, error on the last beat.
    let commands = [
        (16, 4, 40, false),
        (8, 30, 4, false),
        (32, 8, 24, true),
        (24, 0, 24, false),
    ];
    let all: Vec<_> = commands
        .iter()
        .flat_map(|(len, .., user)| beats(&vec![7; *len], 8, *user))
        .collect();
    let (mut sender, mut receiver) = (Sender::new(all, 0.0), Receiver::new(0.0));
    let mut next = 0;
    for _ in 0..60 {
        uut.command_valid.next = next < commands.len();
        if let Some((_, skip, len, _)) = commands.get(next) {
            uut.command_skip_bytes.next = (*skip as usize).to_bits();
            uut.command_len_bytes.next = (*len as usize).to_bits();
        }
        sender.drive(&mut uut.s, &mut rng);
        receiver.drive(&mut uut.m, &mut rng);
        uut.settle();
        next += usize::from(next < commands.len() && uut.command_ready.val());
        sender.sample(&uut.s);
        receiver.sample(&uut.m);
        uut.tick();
    }
    let errors: Vec<bool> = receiver.packets().iter().map(|(_, user)| *user).collect();
    assert_eq!(errors, [true, true, true, false]);
    assert_eq!(receiver.packets()[3].0, vec![7; 24]);
    assert!(!uut.busy.val());
}
