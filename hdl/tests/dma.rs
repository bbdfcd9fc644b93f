//! The bus masters against an AXI4 slave that knows only the specification: every byte where it belongs, every rule obeyed, errors told, and
//! at the promised speed.

mod axi;
mod bench;

use axi::{initial_byte, Burst, Manner, Memory, ReadSlave, WriteSlave, PROMPT};
use bench::{beats, packet, Clocked, Receiver, Sender};
use handclasp_hdl::dma::{Reader, Writer};
use handclasp_verilog::equivalence::Equivalence;
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;
use std::collections::{HashMap, VecDeque};

clocked! {
    [const W: usize, const K: usize, const S: usize, const R: usize, const N: usize] Reader<W, K, S, R, N>;
    [const W: usize, const K: usize, const S: usize, const A: usize, const N: usize] Writer<W, K, S, A, N>;
}

const MANNERS: [Manner; 3] = [
    PROMPT,
    Manner {
        stall: 0.3,
        latency: 7,
    },
    Manner {
        stall: 0.7,
        latency: 0,
    },
];

/// What the reader's clients want, and what they got.
struct ReadBench<const W: usize, const K: usize, const S: usize> {
    uut: Reader<W, K, S, 5, 6>,
    slave: ReadSlave,
    memory: Memory,
    rng: ChaCha8Rng,
    commands: VecDeque<(u64, usize)>,
    payloads: VecDeque<(u64, usize)>,
    command: Receiver,
    payload: Receiver,
    errors: Vec<u64>,
    cycles: usize,
}

impl<const W: usize, const K: usize, const S: usize> ReadBench<W, K, S> {
    fn new(manner: Manner, stall: f64, seed: u64) -> Self {
        let mut uut = Reader::default();
        uut.connect_all();
        uut.reset();
        Self {
            uut,
            slave: ReadSlave::new(manner),
            memory: Memory::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            commands: VecDeque::new(),
            payloads: VecDeque::new(),
            command: Receiver::new(stall),
            payload: Receiver::new(stall),
            errors: vec![],
            cycles: 0,
        }
    }

    fn cycle(&mut self) {
        let uut = &mut self.uut;
        uut.command_request_valid.next = !self.commands.is_empty();
        if let Some((addr, len)) = self.commands.front() {
            uut.command_request_addr.next = (*addr).into();
            uut.command_request_len_bytes.next = (*len as u64).into();
        }
        uut.payload_request_valid.next = !self.payloads.is_empty();
        if let Some((addr, len)) = self.payloads.front() {
            uut.payload_request_addr.next = (*addr).into();
            uut.payload_request_len_bytes.next = (*len as u64).into();
        }
        self.slave.drive(uut, &self.memory, &mut self.rng);
        self.command.drive(&mut uut.command, &mut self.rng);
        self.payload.drive(&mut uut.payload, &mut self.rng);
        uut.settle();
        self.slave.sample(uut);
        self.command.sample(&uut.command);
        self.payload.sample(&uut.payload);
        if uut.command_request_valid.val() && uut.command_request_ready.val() {
            self.commands.pop_front();
        }
        if uut.payload_request_valid.val() && uut.payload_request_ready.val() {
            self.payloads.pop_front();
        }
        if uut.error_valid.val() {
            self.errors.push(uut.error_addr.val().into());
        }
        uut.tick();
        self.cycles += 1;
    }

    /// Runs until so many commands' requests and payloads have come, and the reader is idle.
    fn run(&mut self, commands: usize, payloads: usize) {
        let limit = self.cycles + 100_000;
        while self.command.packets().len() < commands || self.payload.packets().len() < payloads {
            self.cycle();
            assert!(self.cycles < limit, "stuck");
        }
        for _ in 0..3 {
            self.cycle();
        }
        assert!(!self.uut.busy.val());
    }
}

fn reads_every_alignment_and_length<const W: usize, const K: usize, const S: usize>() {
    for (seed, manner) in MANNERS.into_iter().enumerate() {
        let mut bench = ReadBench::<W, K, S>::new(manner, manner.stall, seed as u64);
        let mut wanted = vec![];
        for i in 0..30_usize {
            let page = bench.rng.random_range(1..1_u64 << 40) << 12;
            // Ends of pages, first and last lanes, lengths around a beat, and the extremes.
            let offset = match i % 3 {
                0 => 4096 - bench.rng.random_range(1..2 * K as u64),
                1 => bench.rng.random_range(0..2 * K as u64),
                _ => bench.rng.random_range(0..4096),
            };
            let len = match i % 4 {
                0 => bench.rng.random_range(1..2 * K + 2),
                1 if W == 512 => 2047 - bench.rng.random_range(0..3),
                _ => bench.rng.random_range(1..300),
            };
            wanted.push((page + offset, len));
        }
        wanted.push((8 * 4096 + 7, 2047));
        bench.payloads = wanted.clone().into();
        let commands: Vec<(u64, usize)> = (0..12)
            .map(|i| (0x7_0000 + 512 * i, 64 * (1 + i as usize % 8)))
            .collect();
        bench.commands = commands.clone().into();
        bench.run(commands.len(), wanted.len());

        let bytes = |(addr, len): &(u64, usize)| -> (Vec<u8>, bool) {
            let end = addr + *len as u64;
            ((*addr..end).map(initial_byte).collect(), false)
        };
        assert_eq!(
            bench.payload.packets(),
            wanted.iter().map(bytes).collect::<Vec<_>>()
        );
        assert_eq!(
            bench.command.packets(),
            commands.iter().map(bytes).collect::<Vec<_>>()
        );
        assert_eq!(bench.errors, [0_u64; 0]);
    }
}

#[test]
fn reader_64_reads_every_alignment_and_length() {
    reads_every_alignment_and_length::<64, 8, 3>();
}

#[test]
fn reader_512_reads_every_alignment_and_length() {
    reads_every_alignment_and_length::<512, 64, 6>();
}

/// A payload of 2047 bytes from the last lane is 257 beats of 8 bytes: one more than a burst may have.
#[test]
fn reader_64_splits_after_256_beats() {
    let mut bench = ReadBench::<64, 8, 3>::new(PROMPT, 0.0, 1);
    bench.payloads.push_back((0x1_0007, 2047));
    bench.run(0, 1);
    let burst = |addr, beats| Burst { addr, beats };
    assert_eq!(
        bench.slave.bursts,
        [burst(0x1_0000, 256), burst(0x1_0800, 1)]
    );
}

fn reader_tells_errors<const W: usize, const K: usize, const S: usize>() {
    let mut bench = ReadBench::<W, K, S>::new(MANNERS[1], 0.2, 5);
    bench.memory.refused.push(0x5000..0x5040);
    bench.memory.unmapped.push(0x9000..0xa000);
    // The second half is refused, all is unmapped, then all is well again.
    bench.payloads = [(0x4ff0, 40), (0x9800, 1000), (0x6001, 99)].into();
    bench.run(0, 3);
    bench.commands = [(0x9000, 128), (0x7000, 64)].into();
    bench.run(2, 3);
    let users: Vec<bool> = bench.payload.packets().iter().map(|p| p.1).collect();
    assert_eq!(users, [true, true, false]);
    assert_eq!(bench.payload.packets()[1].0.len(), 1000, "all of it comes");
    assert_eq!(bench.payload.packets()[2].0, bench.memory.slice(0x6001, 99));
    let users: Vec<bool> = bench.command.packets().iter().map(|p| p.1).collect();
    assert_eq!(users, [true, false]);
    assert_eq!(bench.errors, [0x5000, 0x9800, 0x9000], "once a burst");
}

#[test]
fn reader_64_tells_errors() {
    reader_tells_errors::<64, 8, 3>();
}

#[test]
fn reader_512_tells_errors() {
    reader_tells_errors::<512, 64, 6>();
}

fn reader_keeps_its_promised_speed<const W: usize, const K: usize, const S: usize>() {
    let mut bench = ReadBench::<W, K, S>::new(PROMPT, 0.0, 1);
    bench.payloads = [(0x1000, 16 * K), (0x2000, 16 * K)].into();
    let (mut address, mut data, mut first) = (None, None, None);
    while bench.payload.packets().len() < 2 {
        let now = bench.cycles;
        bench.cycle();
        address = address.or((!bench.slave.bursts.is_empty()).then_some(now));
        data = data.or(bench.uut.m_axi.rvalid.val().then_some(now));
        first = first.or((!bench.payload.beats.is_empty()).then_some(now));
    }
    assert_eq!(address, Some(3), "3 cycles from request to arvalid");
    assert_eq!(data, Some(4), "the slave answers in the next cycle");
    assert_eq!(first, Some(4 + 3), "3 cycles from rvalid to tvalid");
    // The first payload's 16 beats, and without a gap the second one's 16.
    assert_eq!(bench.cycles, 7 + 16 + 16);
}

#[test]
fn reader_keeps_its_promised_speed_at_both_widths() {
    reader_keeps_its_promised_speed::<64, 8, 3>();
    reader_keeps_its_promised_speed::<512, 64, 6>();
}

/// Payloads that nobody takes must not keep commands from coming once their addresses are out, and the other way round.
#[test]
fn reader_clients_do_not_block_each_other_for_ever() {
    let mut bench = ReadBench::<64, 8, 3>::new(PROMPT, 0.0, 1);
    bench.payloads = [(0x1000, 1500), (0x2000, 1500)].into();
    bench.commands = (0..20).map(|i| (0x8000 + 512 * i, 512)).collect();
    bench.run(20, 2);
    let order: Vec<bool> = bench.slave.bursts.iter().map(|b| b.addr < 0x8000).collect();
    let last_payload = order.iter().rposition(|is_payload| *is_payload);
    assert!(
        last_payload < Some(8),
        "payloads have their turn: {order:?}"
    );
}

/// What the writer's clients sent, and what they were told.
struct WriteBench<const W: usize, const K: usize, const S: usize> {
    uut: Writer<W, K, S, 5, 6>,
    slave: WriteSlave,
    memory: Memory,
    rng: ChaCha8Rng,
    requests: VecDeque<(u64, usize)>,
    payload: Sender,
    events: VecDeque<(u64, Vec<u8>)>,
    payloads_done: Vec<bool>,
    events_done: Vec<bool>,
    errors: Vec<u64>,
    cycles: usize,
}

impl<const W: usize, const K: usize, const S: usize> WriteBench<W, K, S> {
    fn new(manner: Manner, idle: f64, seed: u64) -> Self {
        let mut uut = Writer::default();
        uut.connect_all();
        uut.reset();
        Self {
            uut,
            slave: WriteSlave::new(manner),
            memory: Memory::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            requests: VecDeque::new(),
            payload: Sender::new([], idle),
            events: VecDeque::new(),
            payloads_done: vec![],
            events_done: vec![],
            errors: vec![],
            cycles: 0,
        }
    }

    /// Announces a payload of random bytes, and returns them.
    fn push(&mut self, addr: u64, len: usize) -> Vec<u8> {
        let bytes = packet(&mut self.rng, len);
        self.requests.push_back((addr, len));
        self.payload.queue.extend(beats(&bytes, K, false));
        bytes
    }

    fn cycle(&mut self) {
        let uut = &mut self.uut;
        uut.payload_request_valid.next = !self.requests.is_empty();
        if let Some((addr, len)) = self.requests.front() {
            uut.payload_request_addr.next = (*addr).into();
            uut.payload_request_len_bytes.next = (*len as u64).into();
        }
        uut.event_valid.next = !self.events.is_empty();
        if let Some((addr, data)) = self.events.front() {
            uut.event_addr.next = (*addr).into();
            uut.event_data.next = BigUint::from_bytes_le(data).into();
        }
        self.payload.drive(&mut uut.payload, &mut self.rng);
        self.slave.drive(uut, &mut self.rng);
        uut.settle();
        self.slave.sample(uut, &mut self.memory);
        self.payload.sample(&uut.payload);
        if uut.payload_request_valid.val() && uut.payload_request_ready.val() {
            self.requests.pop_front();
        }
        if uut.event_valid.val() && uut.event_ready.val() {
            self.events.pop_front();
        }
        if uut.payload_done_valid.val() {
            self.payloads_done.push(uut.payload_done_error.val());
        }
        if uut.event_done_valid.val() {
            self.events_done.push(uut.event_done_error.val());
        }
        if uut.error_valid.val() {
            self.errors.push(uut.error_addr.val().into());
        }
        uut.tick();
        self.cycles += 1;
    }

    fn run(&mut self, payloads: usize, events: usize) {
        let limit = self.cycles + 100_000;
        while self.payloads_done.len() < payloads || self.events_done.len() < events {
            self.cycle();
            assert!(self.cycles < limit, "stuck");
        }
        for _ in 0..3 {
            self.cycle();
        }
        assert!(!self.uut.busy.val());
    }
}

fn writes_payloads_and_events<const W: usize, const K: usize, const S: usize>() {
    for (seed, manner) in MANNERS.into_iter().enumerate() {
        let mut bench = WriteBench::<W, K, S>::new(manner, manner.stall, seed as u64);
        let mut wanted = HashMap::new();
        let mut note = |addr: u64, bytes: &[u8]| {
            for (place, byte) in (addr..).zip(bytes) {
                wanted.insert(place, *byte);
            }
        };
        for i in 0..20 {
            // Any multiple of 64, also near the end of a page.
            let addr = 0x10_0000 + 0x1000 * i + 64 * bench.rng.random_range(0..64);
            let len = match i % 5 {
                0 => 2048,
                1 => bench.rng.random_range(1..=K),
                _ => bench.rng.random_range(1..400),
            };
            let bytes = bench.push(addr, len);
            note(addr, &bytes);
        }
        for i in 0..40 {
            let event = packet(&mut bench.rng, 64);
            note(0x8000_0000 + 64 * i, &event);
            bench.events.push_back((0x8000_0000 + 64 * i, event));
        }
        bench.run(20, 40);
        assert_eq!(bench.memory.written(), &wanted, "these bytes and no others");
        assert!(bench
            .payloads_done
            .iter()
            .chain(&bench.events_done)
            .all(|e| !e));
        assert_eq!(bench.errors, [0_u64; 0]);
    }
}

#[test]
fn writer_64_writes_payloads_and_events() {
    writes_payloads_and_events::<64, 8, 3>();
}

#[test]
fn writer_128_writes_payloads_and_events() {
    writes_payloads_and_events::<128, 16, 4>();
}

#[test]
fn writer_512_writes_payloads_and_events() {
    writes_payloads_and_events::<512, 64, 6>();
}

fn writer_tells_errors<const W: usize, const K: usize, const S: usize>() {
    let mut bench = WriteBench::<W, K, S>::new(MANNERS[1], 0.2, 7);
    bench.memory.refused.push(0x5000..0x6000);
    bench.memory.unmapped.push(0x9000..0x9040);
    // Of the first payload the second burst is refused, of the third one the first; the second payload is well.
    bench.push(0x4fc0, 128);
    bench.push(0x7000, 300);
    bench.push(0x5fc0, 128);
    bench.run(3, 0);
    bench.events = [(0x9000, vec![1; 64]), (0x9040, vec![2; 64])].into();
    bench.run(3, 2);
    assert_eq!(bench.payloads_done, [true, false, true]);
    assert_eq!(bench.events_done, [true, false]);
    assert_eq!(bench.errors, [0x5000, 0x5fc0, 0x9000]);
    assert_eq!(bench.memory.slice(0x9040, 64), [2; 64]);
}

#[test]
fn writer_tells_errors_at_both_widths() {
    writer_tells_errors::<64, 8, 3>();
    writer_tells_errors::<512, 64, 6>();
}

#[test]
fn writer_64_sends_2048_bytes_as_one_burst() {
    let mut bench = WriteBench::<64, 8, 3>::new(PROMPT, 0.0, 1);
    bench.push(0x1_0800, 2048);
    bench.run(1, 0);
    let (addr, beats) = (0x1_0800, 256);
    assert_eq!(bench.slave.bursts, [Burst { addr, beats }]);
}

/// An event goes out while the answer to an earlier payload is still a long time away.
#[test]
fn events_do_not_wait_for_answers_to_payloads() {
    let slow = Manner {
        stall: 0.0,
        latency: 500,
    };
    let mut bench = WriteBench::<64, 8, 3>::new(slow, 0.0, 1);
    bench.push(0x1000, 64);
    for _ in 0..20 {
        bench.cycle();
    }
    bench.events = (0..3).map(|i| (0x2000 + 64 * i, vec![7; 64])).collect();
    for _ in 0..40 {
        bench.cycle();
    }
    assert_eq!(bench.memory.slice(0x2000, 3 * 64), [7; 3 * 64]);
    assert_eq!(bench.payloads_done, [false; 0]);
    bench.run(1, 3);
}

fn writer_keeps_its_promised_speed<const W: usize, const K: usize, const S: usize>() {
    let mut bench = WriteBench::<W, K, S>::new(PROMPT, 0.0, 1);
    bench.push(0x1000, 16 * K);
    let (mut address, mut data, mut answer) = (None, None, None);
    let first = |seen: &mut Option<usize>, is_there: bool, now| {
        *seen = seen.or(is_there.then_some(now));
    };
    while bench.payloads_done.is_empty() {
        let now = bench.cycles;
        bench.cycle();
        first(&mut address, !bench.slave.bursts.is_empty(), now);
        first(&mut data, bench.payload.queue.len() < 16, now);
        first(&mut answer, bench.uut.m_axi.bvalid.val(), now);
    }
    assert_eq!(address, Some(3), "3 cycles from request to awvalid");
    assert_eq!(
        data,
        Some(3),
        "and the first beat is taken, to be at wvalid 1 later"
    );
    assert_eq!(answer, Some(4 + 16), "a beat a cycle");
    assert_eq!(bench.cycles - 1, 4 + 16 + 1, "1 cycle from answer to done");

    let mut bench = WriteBench::<W, K, S>::new(PROMPT, 0.0, 1);
    bench.events = (0..10).map(|i| (64 * i, vec![9; 64])).collect();
    let mut addresses = vec![];
    while bench.events_done.len() < 10 {
        bench.cycle();
        addresses.push(bench.slave.bursts.len());
    }
    assert_eq!(addresses[..2], [0, 1], "1 cycle from event to awvalid");
    let tenth = addresses.iter().position(|count| *count == 10);
    assert_eq!(tenth, Some(1 + 9 * (64 / K)), "an event takes its beats");
}

#[test]
fn writer_keeps_its_promised_speed_at_both_widths() {
    writer_keeps_its_promised_speed::<64, 8, 3>();
    writer_keeps_its_promised_speed::<128, 16, 4>();
    writer_keeps_its_promised_speed::<512, 64, 6>();
}

fn reader_case<const W: usize, const K: usize, const S: usize>(
    set: Equivalence,
    name: &str,
) -> Equivalence {
    set.clocked(
        name,
        Reader::<W, K, S, 5, 6>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.command_request_addr.next = random.bits::<64>() << 6;
            b.command_request_len_bytes.next = (64 * (1 + random.below(8))).into();
            b.command_request_valid.next = random.chance(1, 4);
            b.payload_request_addr.next = random.bits();
            b.payload_request_len_bytes.next = (1 + random.below(2047)).into();
            b.payload_request_valid.next = random.chance(1, 2);
            b.command.tready.next = random.chance(3, 4);
            b.payload.tready.next = random.chance(3, 4);
            b.m_axi.arready.next = random.chance(1, 2);
            b.m_axi.rdata.next = random.bits();
            b.m_axi.rresp.next = random.pick(&[0_u64, 0, 0, 2, 3]).into();
            b.m_axi.rlast.next = random.chance(1, 4);
            b.m_axi.rvalid.next = random.chance(3, 4);
        },
    )
}

fn writer_case<const W: usize, const K: usize, const S: usize>(
    set: Equivalence,
    name: &str,
) -> Equivalence {
    set.clocked(
        name,
        Writer::<W, K, S, 5, 6>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.payload_request_addr.next = random.bits::<64>() << 6;
            b.payload_request_len_bytes.next = (1 + random.below(2048)).into();
            b.payload_request_valid.next = random.chance(1, 2);
            b.payload.tdata.next = random.bits();
            b.payload.tkeep.next = random.bits();
            b.payload.tvalid.next = random.chance(3, 4);
            b.event_addr.next = random.bits::<64>() << 6;
            b.event_data.next = random.bits();
            b.event_valid.next = random.chance(1, 4);
            b.m_axi.awready.next = random.chance(1, 2);
            b.m_axi.wready.next = random.chance(7, 8);
            b.m_axi.bresp.next = random.pick(&[0_u64, 0, 2, 3]).into();
            b.m_axi.bvalid.next = random.chance(1, 2);
        },
    )
}

/// Rust and Verilog agree, whatever the clients and the bus do.
#[test]
fn dma_blocks_equal_their_verilog() {
    let mut set = Equivalence::new("hdl_dma");
    set = reader_case::<64, 8, 3>(set, "reader_w64");
    set = reader_case::<512, 64, 6>(set, "reader_w512");
    set = writer_case::<64, 8, 3>(set, "writer_w64");
    set = writer_case::<128, 16, 4>(set, "writer_w128");
    set = writer_case::<512, 64, 6>(set, "writer_w512");
    let report = set.run(1, 2000).unwrap_or_else(|error| panic!("{error}"));
    let varies = |output: &&String| {
        // Constant by design, as the AXI4 attributes of every burst are.
        let attributes = [
            "id",
            "size",
            "burst",
            "lock",
            "cache",
            "prot",
            "qos",
            "command_tkeep",
            "m_axi_bready",
        ];
        !attributes.iter().any(|end| output.ends_with(end))
    };
    let constant: Vec<_> = report.constant_outputs.iter().filter(varies).collect();
    assert_eq!(constant, [""; 0]);
}
