//! The stream blocks in rust-hdl's simulation: every byte arrives once, in order, under any idling and back-pressure, at the promised speed.

mod bench;

use bench::{beats, packet, Beat, Clocked, Receiver, Sender};
use handclasp_hdl::stream::{BeatFifo, Fifo, Narrow, PacketFifo, RegisterSlice, Skid, Trim, Widen};
use handclasp_verilog::equivalence::{Equivalence, Random};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;

clocked! {
    [const W: usize, const K: usize] RegisterSlice<W, K>;
    [const W: usize, const K: usize, const A: usize, const N: usize] PacketFifo<W, K, A, N>;
    [const W: usize, const K: usize, const S: usize] Trim<W, K, S>;
    [D: Synth, const A: usize, const N: usize] Fifo<D, A, N>;
    [D: Synth] Skid<D>;
    [const W: usize, const K: usize, const A: usize, const N: usize] BeatFifo<W, K, A, N>;
    [const D: usize, const DK: usize, const W: usize, const K: usize] Narrow<D, DK, W, K>;
    [const W: usize, const K: usize, const D: usize, const DK: usize] Widen<W, K, D, DK>;
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
            assert_eq!(most, 9, "all of the depth is used, and the output");
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
                cycles <= beats + 3,
                "a beat a cycle, no cycle between packets, 3 for the first"
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

#[test]
fn skid_keeps_order_at_full_speed() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for (idle, stall) in TRAFFIC {
        let mut uut = connected::<Skid<Bits<77>>>();
        uut.reset();
        let (mut pushed, mut popped, mut cycles) = (0_u64, 0_u64, 0);
        let (mut showing, mut waiting) = (false, None);
        while popped < 200 {
            showing = pushed < 200 && (showing || !rng.random_bool(idle));
            uut.s_valid.next = showing;
            uut.s_data.next = (pushed * 77).into();
            let ready_before = uut.s_ready.val();
            uut.m_ready.next = !rng.random_bool(stall);
            uut.settle();
            assert_eq!(uut.s_ready.val(), ready_before, "no path from m_ready");
            if showing && uut.s_ready.val() {
                pushed += 1;
                showing = false;
            }
            if uut.m_valid.val() {
                let word = u64::from(uut.m_data.val().get_bits::<64>(0));
                assert_eq!(
                    waiting.unwrap_or(word),
                    word,
                    "a word changed while it waited"
                );
                assert_eq!(word, popped * 77);
                waiting = Some(word);
                if uut.m_ready.val() {
                    popped += 1;
                    waiting = None;
                }
            } else {
                assert_eq!(waiting, None, "a word was taken back");
            }
            uut.tick();
            cycles += 1;
            assert!(cycles < 5000, "stuck");
        }
        if idle == 0.0 && stall == 0.0 {
            assert_eq!(cycles, 201, "latency 1, a word a cycle");
        }
    }
}

/// Sends packets of all lengths through, and returns what came out and the cycles.
macro_rules! pass {
    ($uut:ident, $rng:ident, $lanes:expr, $idle:expr, $stall:expr) => {{
        let sent: Vec<_> = (1..70)
            .map(|len| (packet(&mut $rng, len), len % 3 == 0))
            .collect();
        let all: Vec<Beat> = (sent.iter())
            .flat_map(|(p, user)| beats(p, $lanes, *user))
            .collect();
        let (mut sender, mut receiver) = (Sender::new(all.clone(), $idle), Receiver::new($stall));
        let mut cycles = 0;
        while receiver.packets().len() < sent.len() {
            sender.drive(&mut $uut.s, &mut $rng);
            receiver.drive(&mut $uut.m, &mut $rng);
            $uut.settle();
            sender.sample(&$uut.s);
            receiver.sample(&$uut.m);
            $uut.tick();
            cycles += 1;
            assert!(cycles < 20_000, "stuck");
        }
        assert_eq!(receiver.packets(), sent);
        assert!(!$uut.busy.val());
        (all.len(), receiver.beats.len(), cycles)
    }};
}

fn narrow<const D: usize, const DK: usize, const W: usize, const K: usize>() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for (idle, stall) in TRAFFIC {
        let mut uut = connected::<Narrow<D, DK, W, K>>();
        uut.reset();
        let (_, out, cycles) = pass!(uut, rng, DK, idle, stall);
        assert_eq!(out, (1..70_usize).map(|len| len.div_ceil(K)).sum::<usize>());
        if idle == 0.0 && stall == 0.0 {
            assert_eq!(cycles, out + 1, "latency 1, a narrow beat a cycle");
        }
    }
}

#[test]
fn narrow_cuts_beats() {
    narrow::<128, 16, 64, 8>();
    narrow::<512, 64, 64, 8>();
    narrow::<512, 64, 512, 64>();
}

fn widen<const W: usize, const K: usize, const D: usize, const DK: usize>() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for (idle, stall) in TRAFFIC {
        let mut uut = connected::<Widen<W, K, D, DK>>();
        uut.reset();
        let (sent, out, cycles) = pass!(uut, rng, K, idle, stall);
        assert_eq!(
            out,
            (1..70_usize).map(|len| len.div_ceil(DK)).sum::<usize>()
        );
        if idle == 0.0 && stall == 0.0 {
            assert_eq!(cycles, sent + 1, "latency 1, a beat in each cycle");
        }
    }
}

#[test]
fn widen_joins_beats() {
    widen::<64, 8, 128, 16>();
    widen::<64, 8, 512, 64>();
    widen::<512, 64, 512, 64>();
}

#[test]
fn beat_fifo_keeps_order() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (idle, stall) in TRAFFIC {
        let mut uut = connected::<BeatFifo<64, 8, 3, 4>>();
        uut.reset();
        let sent: Vec<Beat> = (1..70)
            .flat_map(|len| beats(&packet(&mut rng, len), 8, false))
            .collect();
        let (mut sender, mut receiver) = (Sender::new(sent.clone(), idle), Receiver::new(stall));
        let (mut cycles, mut most) = (0, 0);
        while receiver.beats.len() < sent.len() {
            sender.drive(&mut uut.s, &mut rng);
            receiver.drive(&mut uut.m, &mut rng);
            uut.settle();
            sender.sample(&uut.s);
            receiver.sample(&uut.m);
            most = most.max(sent.len() - sender.queue.len() - receiver.beats.len());
            uut.tick();
            cycles += 1;
            assert!(cycles < 10 * sent.len(), "stuck");
        }
        assert_eq!(receiver.beats, sent);
        assert!(!uut.busy.val());
        if idle == 0.0 && stall == 0.0 {
            assert_eq!(cycles, sent.len() + 2, "latency 2, a beat a cycle");
        } else if idle == 0.0 {
            assert_eq!(most, 9, "all of the depth is used, and the output");
        }
    }
}

fn trim_case<const W: usize, const K: usize, const S: usize>(
    set: Equivalence,
    name: &str,
) -> Equivalence {
    set.clocked(
        name,
        Trim::<W, K, S>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.command_skip_bytes.next = random.below(3 * K as u64).into();
            b.command_len_bytes.next = random.below(4 * K as u64).into();
            b.command_valid.next = random.chance(3, 4);
            b.s.tdata.next = random.bits();
            b.s.tvalid.next = random.chance(3, 4);
            b.s.tlast.next = random.chance(1, 3);
            b.s.tuser.next = random.chance(1, 8);
            b.m.tready.next = random.chance(3, 4);
        },
    )
}

fn stream_inputs<const W: usize, const K: usize>(
    s: &mut handclasp_hdl::stream::StreamSink<W, K>,
    random: &mut Random,
) {
    let lanes = 1 + random.below(K as u64);
    s.tdata.next = random.bits();
    s.tlast.next = random.chance(1, 3);
    s.tkeep.next = Bits::<K>::mask() >> (K as u64 - lanes);
    s.tvalid.next = random.chance(3, 4);
    s.tuser.next = random.chance(1, 8);
}

/// Rust and Verilog agree, whatever comes in.
#[test]
fn stream_blocks_equal_their_verilog() {
    let mut set = Equivalence::new("hdl_stream")
        .clocked(
            "narrow",
            Narrow::<128, 16, 64, 8>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                stream_inputs(&mut b.s, random);
                b.m.tready.next = random.chance(3, 4);
            },
        )
        .clocked(
            "narrow_same",
            Narrow::<512, 64, 512, 64>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                stream_inputs(&mut b.s, random);
                b.m.tready.next = random.chance(3, 4);
            },
        )
        .clocked(
            "widen",
            Widen::<64, 8, 128, 16>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                stream_inputs(&mut b.s, random);
                b.m.tready.next = random.chance(3, 4);
            },
        )
        .clocked(
            "widen_same",
            Widen::<512, 64, 512, 64>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                stream_inputs(&mut b.s, random);
                b.m.tready.next = random.chance(3, 4);
            },
        )
        .clocked(
            "skid",
            Skid::<Bits<77>>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.s_data.next = random.bits();
                b.s_valid.next = random.chance(3, 4);
                b.m_ready.next = random.chance(3, 4);
            },
        );
    set = trim_case::<64, 8, 3>(set, "trim_w64");
    set = trim_case::<128, 16, 4>(set, "trim_w128");
    set = trim_case::<512, 64, 6>(set, "trim_w512");
    let report = set.run(1, 1000).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.constant_outputs, [""; 0]);
}
