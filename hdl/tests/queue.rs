//! Commands, events, slots and the interrupt, against a host written from the datasheet alone.

mod bench;

use bench::{packet, Clocked};
use handclasp_hdl::queue::{CommandPush, CommandQueue, EventQueue, Interrupt, SlotQueue};
use handclasp_layout::queue::{CompletionEvent, EventKind, Status};
use handclasp_verilog::equivalence::{Equivalence, Random};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;
use std::collections::VecDeque;

clocked! {
    [const W: usize, const K: usize, const Q: usize, const N: usize] CommandQueue<W, K, Q, N>;
    [const W: usize, const K: usize] CommandPush<W, K>;
    [] EventQueue;
    [] SlotQueue;
    [] Interrupt;
}

fn connected<B: Clocked + Default>() -> B {
    let mut block = B::default();
    block.connect_all();
    block.reset();
    block
}

fn bytes_of<const N: usize>(value: Bits<N>) -> Vec<u8> {
    let mut bytes = BigUint::from(value).to_bytes_le();
    bytes.resize(N / 8, 0);
    bytes
}

fn bits_of<const N: usize>(bytes: &[u8]) -> Bits<N> {
    BigUint::from_bytes_le(bytes).into()
}

/// Offsets in an event, as the datasheet has them.
const KIND: usize = 0x3e;
const PHASE: usize = 0x3f;

#[test]
fn slots_come_in_order_and_wrap() {
    for slot_bytes_log2 in 11..=14 {
        slots_of_a_size_come_in_order_and_wrap(slot_bytes_log2);
    }
}

fn slots_of_a_size_come_in_order_and_wrap(slot_bytes_log2: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(slot_bytes_log2);
    let mut uut = connected::<SlotQueue>();
    let base = 0x12_3456_7000_u64;
    uut.slot_base.next = base.into();
    uut.slot_log2.next = 3.into();
    uut.slot_bytes_log2.next = slot_bytes_log2.into();
    uut.slot_producer.next = 5.into();
    uut.settle();
    assert!(!uut.slot_valid.val(), "the queue is not enabled");
    uut.queue_enable.next = true;
    uut.tick();
    uut.tick();
    let (mut posted, mut taken) = (5_u64, 0_u64);
    for _ in 0..300 {
        uut.slot_take.next = false;
        uut.settle();
        assert_eq!(uut.slot_valid.val(), posted != taken);
        if uut.slot_valid.val() {
            assert_eq!(u64::from(uut.slot_number.val()), taken % 8);
            assert_eq!(
                u64::from(uut.slot_addr.val()),
                base + ((taken % 8) << slot_bytes_log2)
            );
            if rng.random_bool(0.6) {
                uut.slot_take.next = true;
                taken += 1;
            }
        }
        // Shown one cycle after its doorbell.
        if posted - taken < 8 && rng.random_bool(0.5) {
            posted += 1;
        }
        uut.slot_producer.next = posted.into();
        uut.tick();
    }
    assert!(taken > 100);
    // Enabling anew starts at slot 0.
    uut.slot_take.next = false;
    uut.queue_enable.next = false;
    uut.tick();
    assert!(!uut.slot_valid.val());
    uut.slot_producer.next = 2.into();
    uut.queue_enable.next = true;
    uut.tick();
    assert!(!uut.slot_valid.val(), "an old slot is shown");
    uut.tick();
    assert!(uut.slot_valid.val());
    assert_eq!(u64::from(uut.slot_number.val()), 0);
    assert_eq!(u64::from(uut.slot_addr.val()), base);
}

struct InterruptBench {
    uut: Interrupt,
    now: u64,
    messages: Vec<(u64, u64)>,
    counted: usize,
}

impl InterruptBench {
    fn new(moderation: u64) -> Self {
        let mut uut = connected::<Interrupt>();
        uut.queue_enable.next = true;
        uut.msix_vector_register.next = 0xbeef.into();
        uut.moderation.next = moderation.into();
        let mut bench = Self {
            uut,
            now: 1000,
            messages: vec![],
            counted: 0,
        };
        bench.run(2);
        bench
    }

    fn run(&mut self, cycles: usize) {
        for _ in 0..cycles {
            self.uut.now.next = self.now.into();
            self.uut.msix_ready.next = true;
            self.uut.settle();
            if self.uut.msix_valid.val() {
                self.messages
                    .push((self.now, self.uut.msix_vector.val().into()));
            }
            self.counted += usize::from(self.uut.count_interrupt.val());
            self.uut.tick();
            self.uut.arm_write.next = false;
            self.now += 4;
        }
    }

    fn arm(&mut self, index: u32) {
        self.uut.arm_write.next = true;
        self.uut.arm_index.next = u64::from(index).into();
        self.run(1);
    }

    fn written(&mut self, events: u32) {
        self.uut.events_written.next = u64::from(events).into();
    }
}

#[test]
fn an_armed_interrupt_comes_once_its_event_is_written() {
    let mut bench = InterruptBench::new(0);
    bench.written(5);
    bench.run(10);
    assert_eq!(bench.messages, [], "not armed");
    bench.arm(5);
    bench.run(10);
    assert_eq!(bench.messages, [], "event 5 is not written yet");
    assert!(!bench.uut.busy.val(), "waiting for an event is idle");
    bench.written(6);
    let at = bench.now;
    bench.run(10);
    assert_eq!(bench.messages, [(at + 8, 0xbeef)], "two cycles later");
    bench.written(9);
    bench.run(10);
    assert_eq!(bench.messages.len(), 1, "one arming, one message");
    // An event that is already there; and around the wrap of the index.
    bench.arm(7);
    let at = bench.now;
    bench.run(10);
    assert_eq!(bench.messages[1..], [(at + 8, 0xbeef)]);
    bench.written(0xffff_ffff);
    bench.arm(0xffff_ffff);
    bench.run(10);
    assert_eq!(bench.messages.len(), 2);
    bench.written(0);
    bench.run(10);
    assert_eq!(bench.messages.len(), 3);
    assert_eq!(bench.counted, 3);
}

#[test]
fn moderation_spaces_messages() {
    let mut bench = InterruptBench::new(1000);
    bench.written(1);
    bench.arm(0);
    bench.run(5);
    assert_eq!(bench.messages.len(), 1, "the first one comes at once");
    let first = bench.messages[0].0 - 4;
    bench.written(2);
    bench.arm(1);
    bench.run(5);
    assert_eq!(bench.messages.len(), 1);
    assert!(
        bench.uut.busy.val(),
        "what time alone will change is not idle"
    );
    bench.run(400);
    assert_eq!(bench.messages.len(), 2);
    let second = bench.messages[1].0 - 4;
    assert_eq!(second - first, 1000, "as soon as it is allowed");
    assert!(!bench.uut.busy.val());
    // A disabled queue says nothing, and one that is enabled anew is not armed.
    bench.run(400);
    bench.arm(1);
    bench.run(1);
    bench.uut.queue_enable.next = false;
    bench.run(5);
    bench.uut.queue_enable.next = true;
    bench.run(5);
    bench.written(3);
    bench.run(5);
    assert_eq!(bench.messages.len(), 3, "armed before it was disabled");
    bench.arm(9);
    bench.uut.queue_enable.next = false;
    bench.run(5);
    bench.uut.queue_enable.next = true;
    bench.run(5);
    bench.written(20);
    bench.run(5);
    assert_eq!(bench.messages.len(), 3);
}

#[test]
fn a_message_stays_until_it_is_taken() {
    let mut uut = connected::<Interrupt>();
    uut.queue_enable.next = true;
    uut.events_written.next = 1.into();
    uut.msix_vector_register.next = 3.into();
    uut.tick();
    uut.arm_write.next = true;
    uut.tick();
    uut.arm_write.next = false;
    uut.tick();
    uut.tick();
    uut.msix_vector_register.next = 4.into();
    for _ in 0..5 {
        assert!(uut.msix_valid.val() && uut.busy.val());
        assert_eq!(u64::from(uut.msix_vector.val()), 3);
        uut.tick();
    }
    uut.msix_ready.next = true;
    uut.tick();
    assert!(!uut.msix_valid.val() && !uut.busy.val());
}

/// The event queue between two producers, a bus and a host.
struct EventBench {
    uut: EventQueue,
    rng: ChaCha8Rng,
    log2: u32,
    base: u64,
    rx: VecDeque<Vec<u8>>,
    /// How many of them have been promised.
    promised: usize,
    tx: VecDeque<Vec<u8>>,
    /// Chance that the bus takes an event in a cycle; cycles until it answers.
    ready: f64,
    latency: usize,
    answers: VecDeque<(usize, bool, u64)>,
    /// Addresses whose writes fail, and how often they still will.
    refused: Vec<u64>,
    refusals: usize,
    /// Memory of the host's ring, entry by entry.
    ring: Vec<Vec<u8>>,
    /// What the host read, phase bit taken off.
    seen: Vec<Vec<u8>>,
    consumer: u32,
    /// Whether the host reads.
    reads: bool,
    held: Option<(BigUint, BigUint)>,
    counted: usize,
    cycle: usize,
}

impl EventBench {
    fn new(log2: u32, seed: u64) -> Self {
        let mut uut = connected::<EventQueue>();
        let base = 0x4000_0000_1000;
        uut.event_base.next = base.into();
        uut.event_log2.next = u64::from(log2).into();
        uut.queue_enable.next = true;
        let mut bench = Self {
            uut,
            rng: ChaCha8Rng::seed_from_u64(seed),
            log2,
            base,
            rx: VecDeque::new(),
            promised: 0,
            tx: VecDeque::new(),
            ready: 1.0,
            latency: 0,
            answers: VecDeque::new(),
            refused: vec![],
            refusals: 0,
            ring: vec![vec![0; 64]; 1 << log2],
            seen: vec![],
            consumer: 0,
            reads: true,
            held: None,
            counted: 0,
            cycle: 0,
        };
        for _ in 0..8 {
            bench.cycle();
        }
        bench
    }

    fn event(&mut self, kind: EventKind) -> Vec<u8> {
        let mut event = packet(&mut self.rng, 64);
        event[KIND] = kind as u8;
        event[PHASE] = 0;
        event
    }

    fn cycle(&mut self) {
        let uut = &mut self.uut;
        uut.now.next = (self.cycle as u64).into();
        uut.rx_event_data.next = bits_of(self.rx.front().map_or(&[], |e| e));
        let is_last = |event: &Vec<u8>| event[KIND] == EventKind::Rx as u8;
        uut.rx_event_last.next = self.rx.front().is_some_and(is_last);
        // Receive shows what it has promised, and promises a frame's events when there is room.
        uut.rx_event_valid.next = self.promised > 0;
        uut.settle();
        let frame = self.rx.iter().skip(self.promised);
        let len = frame.clone().position(is_last);
        let promise = match len {
            Some(len) if uut.rx_room.val() => len + 1,
            _ => 0,
        };
        uut.rx_reserve.next = promise.to_bits();
        self.promised += promise;
        uut.tx_event_valid.next = !self.tx.is_empty();
        uut.tx_event_data.next = bits_of(self.tx.front().map_or(&[], |e| e));
        uut.event_ready.next = self.rng.random_bool(self.ready);
        let answer = self.answers.front().filter(|(due, ..)| *due <= self.cycle);
        let failed = answer.is_some_and(|(_, error, _)| *error);
        uut.event_done_valid.next = answer.is_some();
        uut.event_done_error.next = failed;
        uut.write_error_valid.next = failed;
        uut.write_error_addr.next = answer.map_or(0, |(.., addr)| *addr).into();
        if answer.is_some() {
            self.answers.pop_front();
        }
        uut.event_consumer.next = u64::from(self.consumer).into();
        uut.settle();
        // A shown event stays (valid and payload).
        let shown = (
            BigUint::from(uut.event_addr.val()),
            BigUint::from(uut.event_data.val()),
        );
        if let Some(held) = &self.held {
            assert!(uut.event_valid.val(), "valid was taken back");
            assert_eq!(held, &shown, "an event changed while it waited");
        }
        let taken = uut.event_valid.val() && uut.event_ready.val();
        self.held = (uut.event_valid.val() && !taken).then_some(shown);
        if taken {
            let addr = u64::from(uut.event_addr.val());
            let place = ((addr - self.base) / 64) as usize;
            assert_eq!(addr % 64, 0);
            let failed = self.refusals > 0 && self.refused.contains(&addr);
            if failed {
                self.refusals -= 1;
            } else {
                self.ring[place] = bytes_of(uut.event_data.val());
            }
            self.answers
                .push_back((self.cycle + 1 + self.latency, failed, addr));
        }
        if uut.rx_event_valid.val() && uut.rx_event_ready.val() {
            self.rx.pop_front();
            self.promised -= 1;
        }
        if uut.tx_event_valid.val() && uut.tx_event_ready.val() {
            self.tx.pop_front();
        }
        self.counted += usize::from(uut.count_event.val());
        uut.tick();
        self.cycle += 1;
        // The host: an entry is there when its phase bit says so.
        let place = (self.consumer as usize) % self.ring.len();
        let phase = 1 - (self.consumer >> self.log2) as u8 % 2;
        if self.reads && self.ring[place][PHASE] & 1 == phase {
            let mut event = self.ring[place].clone();
            event[PHASE] &= !1;
            self.seen.push(event);
            self.consumer += 1;
        }
    }

    fn run(&mut self, events: usize) {
        for _ in 0..20_000 {
            if self.seen.len() >= events {
                return;
            }
            self.cycle();
        }
        panic!("stuck with {} events", self.seen.len());
    }
}

#[test]
fn events_arrive_in_order_whole_and_in_pairs() {
    for (seed, (ready, latency)) in [(1.0, 0), (0.3, 10), (0.6, 2)].into_iter().enumerate() {
        let mut bench = EventBench::new(3, seed as u64);
        (bench.ready, bench.latency) = (ready, latency);
        for i in 0..60 {
            if i % 3 == 0 {
                let sack = bench.event(EventKind::Sack);
                bench.rx.push_back(sack);
            }
            let event = bench.event(EventKind::Rx);
            bench.rx.push_back(event);
        }
        for _ in 0..60 {
            let event = bench.event(EventKind::Completion);
            bench.tx.push_back(event);
        }
        let (rx, tx) = (bench.rx.clone(), bench.tx.clone());
        let total = rx.len() + tx.len();
        bench.run(total);
        let is = |kind: EventKind| move |e: &&Vec<u8>| e[KIND] == kind as u8;
        let (completions, received): (Vec<_>, Vec<_>) =
            bench.seen.iter().partition(is(EventKind::Completion));
        assert!(received.into_iter().eq(&rx), "in order, unchanged");
        assert!(completions.into_iter().eq(&tx), "in order, unchanged");
        for pair in bench
            .seen
            .windows(2)
            .filter(|p| is(EventKind::Sack)(&&p[0]))
        {
            assert_eq!(pair[1][KIND], EventKind::Rx as u8, "an Rx behind its Sack");
        }
        let first_done = bench
            .seen
            .iter()
            .position(|e| is(EventKind::Completion)(&e));
        assert!(first_done < Some(4), "completions have their turn");
        for _ in 0..30 {
            bench.cycle();
        }
        assert_eq!(bench.counted, total);
        assert_eq!(u64::from(bench.uut.events_written.val()), total as u64);
        assert!(!bench.uut.busy.val());
    }
}

#[test]
fn unread_events_are_never_overwritten() {
    let mut bench = EventBench::new(3, 9);
    bench.reads = false;
    let mut rooms = vec![];
    for written in 0..=8 {
        for _ in 0..8 {
            bench.cycle();
        }
        rooms.push(bench.uut.rx_room.val());
        assert_eq!(u64::from(bench.uut.events_written.val()), written);
        let event = bench.event(EventKind::Completion);
        bench.tx.push_back(event);
    }
    // 8 entries, and room is when 7 are free.
    assert_eq!(rooms[..3], [true, true, false]);
    assert!(rooms[2..].iter().all(|room| !room));
    for _ in 0..20 {
        bench.cycle();
    }
    assert_eq!(bench.tx.len(), 1, "the ninth waits");
    bench.reads = true;
    bench.run(9);
}

#[test]
fn an_event_takes_one_cycle_and_so_does_the_next() {
    let mut bench = EventBench::new(5, 1);
    bench.tx = (0..10).map(|i| vec![i; 62]).collect();
    let mut taken = vec![];
    for cycle in 0..12 {
        let before = bench.answers.len() + bench.seen.len();
        bench.cycle();
        if bench.answers.len() + bench.seen.len() > before {
            taken.push(cycle);
        }
    }
    assert_eq!(taken[0], 1, "1 cycle from tx_event to event_valid");
    assert_eq!(bench.tx.len(), 0, "one event a cycle");
}

#[test]
fn the_first_error_stops_the_queue_and_is_told_once() {
    let mut bench = EventBench::new(4, 1);
    bench.uut.read_error_valid.next = true;
    bench.uut.read_error_addr.next = 0x1234_5678_9abc_u64.into();
    bench.cycle();
    assert!(bench.uut.stopped.val());
    bench.uut.read_error_addr.next = 0x1.into();
    bench.cycle();
    bench.uut.read_error_valid.next = false;
    let stopped_at = bench.cycle as u64;
    bench.run(1);
    for _ in 0..20 {
        bench.cycle();
    }
    assert_eq!(bench.seen.len(), 1);
    let event = CompletionEvent::decode(bench.seen[0].as_slice().try_into().unwrap());
    assert_eq!(event.kind, EventKind::QueueStopped as u8);
    assert_eq!(event.status, Status::ReadError as u8);
    assert_eq!(event.address, 0x1234_5678_9abc);
    assert!(event.timestamp.abs_diff(stopped_at) < 3);
    assert_eq!(
        (event.opcode, event.connection, event.command_index),
        (0, 0, 0)
    );

    // A completion still gets through, and enabling anew clears it all.
    let event = bench.event(EventKind::Completion);
    bench.tx.push_back(event);
    bench.run(2);
    bench.uut.queue_enable.next = false;
    bench.cycle();
    let lost = bench.event(EventKind::Completion);
    bench.tx.push_back(lost);
    bench.cycle();
    assert!(bench.tx.is_empty(), "a disabled queue keeps nobody waiting");
    bench.uut.queue_enable.next = true;
    bench.consumer = 0;
    bench.ring.fill(vec![0; 64]);
    bench.seen.clear();
    for _ in 0..8 {
        bench.cycle();
    }
    assert!(!bench.uut.stopped.val());
    let event = bench.event(EventKind::Rx);
    bench.rx.push_back(event.clone());
    bench.run(1);
    assert_eq!(bench.seen, [event], "at the ring's beginning, phase 1");
}

/// Writes of events are refused at `refused` places: the error's report comes with the answer, as the writer gives it.
fn refuse(bench: &mut EventBench, places: &[u64], times: usize) {
    bench.refused = places.iter().map(|place| bench.base + 64 * place).collect();
    bench.refusals = times;
}

#[test]
fn a_refused_event_is_told_at_its_place() {
    for (latency, behind) in [(0, 0), (0, 6), (20, 6)] {
        let mut bench = EventBench::new(4, 1);
        bench.latency = latency;
        refuse(&mut bench, &[2], 1);
        for _ in 0..3 + behind {
            let event = bench.event(EventKind::Completion);
            bench.tx.push_back(event);
        }
        let sent = bench.tx.clone();
        for _ in 0..100 {
            bench.cycle();
            // The interrupt does not overtake what the host can read.
            let written = u64::from(bench.uut.events_written.val());
            let readable = (0..).take_while(|i| bench.ring[*i as usize % 16][PHASE] == 1);
            assert!(written <= readable.count() as u64);
        }
        assert!(bench.uut.stopped.val() && !bench.uut.busy.val());
        assert_eq!(bench.seen[..2], [sent[0].clone(), sent[1].clone()]);
        let event = CompletionEvent::decode(bench.seen[2].as_slice().try_into().unwrap());
        assert_eq!(event.kind, EventKind::QueueStopped as u8);
        assert_eq!(event.status, Status::WriteError as u8);
        assert_eq!(event.address, bench.base + 2 * 64);
        // Once, and nothing is written over what stands behind.
        assert_eq!(
            bench.seen[3..],
            sent.iter().skip(3).cloned().collect::<Vec<_>>()
        );
        assert_eq!(bench.counted, sent.len(), "what was refused is not counted");
        assert_eq!(u64::from(bench.uut.events_written.val()), sent.len() as u64);
    }
}

#[test]
fn when_that_is_refused_as_well_the_status_remains() {
    let mut bench = EventBench::new(4, 1);
    refuse(&mut bench, &[0], 2);
    let event = bench.event(EventKind::Completion);
    bench.tx.push_back(event);
    for _ in 0..60 {
        bench.cycle();
    }
    assert!(bench.uut.stopped.val() && !bench.uut.busy.val());
    assert_eq!((bench.counted, bench.seen.len()), (0, 0));
    assert!(bench.ring.iter().all(|event| event[PHASE] == 0));
    assert_eq!(bench.refusals, 0, "tried twice, not more often");
    // Enabled anew, all is well.
    bench.uut.queue_enable.next = false;
    bench.cycle();
    bench.uut.queue_enable.next = true;
    for _ in 0..8 {
        bench.cycle();
    }
    let event = bench.event(EventKind::Completion);
    bench.tx.push_back(event.clone());
    bench.run(1);
    assert_eq!(bench.seen, [event]);
    assert!(!bench.uut.stopped.val());
}

/// The QueueStopped event of another error is refused itself: it is written once more.
#[test]
fn a_refused_queue_stopped_is_written_again() {
    let mut bench = EventBench::new(4, 1);
    refuse(&mut bench, &[1], 1);
    let event = bench.event(EventKind::Completion);
    bench.tx.push_back(event.clone());
    bench.run(1);
    bench.uut.read_error_valid.next = true;
    bench.uut.read_error_addr.next = 0x77_0000.into();
    bench.cycle();
    bench.uut.read_error_valid.next = false;
    bench.run(2);
    let stopped = CompletionEvent::decode(bench.seen[1].as_slice().try_into().unwrap());
    assert_eq!(stopped.status, Status::ReadError as u8);
    assert_eq!(stopped.address, 0x77_0000, "the first error is told");
}

/// The command queue between a host's ring and an executor.
struct CommandBench<const W: usize, const K: usize> {
    uut: CommandQueue<W, K, 5, 6>,
    rng: ChaCha8Rng,
    log2: u32,
    base: u64,
    ring: Vec<Vec<u8>>,
    requests: Vec<(u64, u64)>,
    /// Beats to come, and whether the bus refuses them.
    beats: VecDeque<(Vec<u8>, bool, bool)>,
    /// The entry that the bus refuses.
    refused: Option<u64>,
    manner: f64,
    held: Option<(BigUint, u64)>,
    taken: Vec<(u64, Vec<u8>)>,
    counted: usize,
}

impl<const W: usize, const K: usize> CommandBench<W, K> {
    fn new(log2: u32, manner: f64) -> Self {
        let mut uut = connected::<CommandQueue<W, K, 5, 6>>();
        let base = 0x99_8000_u64;
        uut.command_base.next = base.into();
        uut.command_log2.next = u64::from(log2).into();
        uut.queue_enable.next = true;
        uut.tx_enable.next = true;
        uut.tick();
        let mut rng = ChaCha8Rng::seed_from_u64(log2.into());
        let ring = (0..1 << log2).map(|_| packet(&mut rng, 64)).collect();
        Self {
            uut,
            rng,
            log2,
            base,
            ring,
            requests: vec![],
            beats: VecDeque::new(),
            refused: None,
            manner,
            held: None,
            taken: vec![],
            counted: 0,
        }
    }

    fn cycle(&mut self) {
        let uut = &mut self.uut;
        uut.request_ready.next = !self.rng.random_bool(self.manner);
        uut.command_ready.next = !self.rng.random_bool(self.manner);
        let shows = uut.entries.tvalid.val() || !self.rng.random_bool(self.manner);
        uut.entries.tvalid.next = shows && !self.beats.is_empty();
        if let Some((data, last, refused)) = self.beats.front() {
            uut.entries.tdata.next = bits_of(data);
            uut.entries.tlast.next = *last;
            uut.entries.tuser.next = *refused;
        }
        uut.settle();
        if uut.entries.tvalid.val() && uut.entries.tready.val() {
            self.beats.pop_front();
        }
        if uut.request_valid.val() && uut.request_ready.val() {
            let (addr, len) = (
                u64::from(uut.request_addr.val()),
                u64::from(uut.request_len_bytes.val()),
            );
            self.requests.push((addr, len));
            assert!(len % 64 == 0 && len > 0 && len <= 512);
            let (first, count) = ((addr - self.base) / 64, len / 64);
            assert!(first + count <= 1 << self.log2, "not across the ring's end");
            assert_eq!(addr / 4096, (addr + len - 1) / 4096);
            for entry in first..first + count {
                let bytes = &self.ring[entry as usize];
                for (i, chunk) in bytes.chunks(K).enumerate() {
                    let last = entry + 1 == first + count && (i + 1) * K == 64;
                    let refused = self.refused == Some(entry);
                    self.beats.push_back((chunk.to_vec(), last, refused));
                }
            }
        }
        let shown = (
            BigUint::from(uut.command.val()),
            u64::from(uut.command_index.val()),
        );
        if let Some(held) = &self.held {
            assert!(uut.command_valid.val(), "valid was taken back");
            assert_eq!(held, &shown, "a command changed while it waited");
        }
        self.held = None;
        if uut.command_valid.val() {
            match uut.command_ready.val() {
                true => self.taken.push((shown.1, bytes_of(uut.command.val()))),
                false => self.held = Some(shown),
            }
        }
        self.counted += usize::from(uut.count_command.val());
        uut.tick();
    }

    fn cycles(&mut self, count: usize) {
        for _ in 0..count {
            self.cycle();
        }
    }

    fn ring_doorbell(&mut self, producer: u64) {
        self.uut.command_producer.next = producer.into();
    }

    fn expect(&self, indices: std::ops::Range<u64>) {
        let wanted: Vec<_> = indices
            .map(|i| (i, self.ring[(i % (1 << self.log2)) as usize].clone()))
            .collect();
        assert_eq!(self.taken, wanted);
    }
}

fn commands_come_in_order<const W: usize, const K: usize>() {
    for (log2, manner) in [(3, 0.0), (4, 0.5), (7, 0.2)] {
        let mut bench = CommandBench::<W, K>::new(log2, manner);
        let mut producer = 0;
        while producer < 150 {
            let free = (1 << log2) - (producer - bench.taken.len() as u64);
            producer += bench.rng.random_range(0..=free);
            bench.ring_doorbell(producer);
            let pause = bench.rng.random_range(1..60);
            bench.cycles(pause);
        }
        bench.cycles(3000);
        bench.expect(0..producer);
        assert_eq!(bench.counted, producer as usize);
        assert!(!bench.uut.busy.val());
    }
}

#[test]
fn commands_come_in_order_at_both_widths() {
    commands_come_in_order::<64, 8>();
    commands_come_in_order::<512, 64>();
}

#[test]
fn a_fetch_takes_up_to_eight_entries() {
    let mut bench = CommandBench::<64, 8>::new(5, 0.0);
    bench.ring_doorbell(3);
    bench.cycles(60);
    bench.ring_doorbell(21);
    bench.cycles(400);
    let base = bench.base;
    let at = |entry: u64, count: u64| (base + 64 * entry, 64 * count);
    // To the next multiple of 8, so that neither a page nor the ring's end is crossed.
    assert_eq!(bench.requests, [at(0, 3), at(3, 5), at(8, 8), at(16, 5)]);
    bench.expect(0..21);
}

#[test]
fn a_refused_fetch_hands_out_what_came_before_it() {
    let mut bench = CommandBench::<64, 8>::new(4, 0.0);
    bench.refused = Some(2);
    bench.ring_doorbell(6);
    bench.cycles(80);
    // What the same fetch brought behind it counts no more.
    bench.expect(0..2);
    bench.uut.stopped.next = true;
    bench.ring_doorbell(12);
    bench.cycles(200);
    bench.expect(0..2);
    assert!(!bench.uut.busy.val());
    // Enabled anew, it starts at index 0.
    bench.uut.queue_enable.next = false;
    bench.cycles(2);
    bench.refused = None;
    bench.uut.stopped.next = false;
    bench.uut.queue_enable.next = true;
    bench.ring_doorbell(0);
    bench.cycles(2);
    bench.taken.clear();
    bench.ring_doorbell(5);
    bench.cycles(100);
    bench.expect(0..5);
}

#[test]
fn nothing_is_fetched_without_tx_enable_or_after_stop() {
    let mut bench = CommandBench::<64, 8>::new(4, 0.0);
    bench.uut.tx_enable.next = false;
    bench.ring_doorbell(4);
    bench.cycles(50);
    assert_eq!((bench.requests.len(), bench.taken.len()), (0, 0));
    bench.uut.tx_enable.next = true;
    bench.cycles(60);
    bench.expect(0..4);
}

impl<const W: usize, const K: usize> CommandBench<W, K> {
    /// Pushes entry `index`, with idle cycles between its beats.
    fn push(&mut self, index: u64, idle: f64) {
        let bytes = self.ring[(index % (1 << self.log2)) as usize].clone();
        let beats = bytes.chunks(K).enumerate();
        for (i, chunk) in beats {
            while self.rng.random_bool(idle) {
                self.cycle();
            }
            self.uut.push_data.next = bits_of(chunk);
            self.uut.push_beat.next = true;
            self.uut.push_first.next = i == 0;
            self.uut.push.next = (i + 1) * K == 64;
            self.cycle();
            self.uut.push_beat.next = false;
            self.uut.push.next = false;
            // What stands on the bus between beats is nothing.
            self.uut.push_data.next = Bits::mask();
        }
        self.uut.command_producer.next = (index + 1).into();
        self.cycle();
    }
}

fn pushed_commands_are_not_fetched<const W: usize, const K: usize>() {
    let mut bench = CommandBench::<W, K>::new(3, 0.0);
    for index in 0..20 {
        bench.push(index, 0.3);
    }
    bench.cycles(10);
    bench.expect(0..20);
    assert_eq!(bench.requests, []);
    assert_eq!(bench.counted, 20);
    assert!(!bench.uut.busy.val());

    // Behind a doorbell that has not been answered, and while nothing may be handed out, they are fetched like others.
    bench.ring_doorbell(22);
    bench.cycles(2);
    bench.push(22, 0.0);
    bench.cycles(60);
    bench.expect(0..23);
    assert!(!bench.requests.is_empty());
    bench.uut.quiesce.next = true;
    bench.push(23, 0.0);
    bench.cycles(20);
    bench.expect(0..23);
    bench.uut.quiesce.next = false;
    bench.cycles(60);
    bench.expect(0..24);
}

#[test]
fn pushed_commands_are_not_fetched_at_both_widths() {
    pushed_commands_are_not_fetched::<64, 8>();
    pushed_commands_are_not_fetched::<512, 64>();
}

/// Pushes and doorbells in any mixture: every command comes once, in order, as it lies in the ring.
fn pushes_and_doorbells_keep_their_order<const W: usize, const K: usize>() {
    for (log2, manner) in [(3, 0.0), (4, 0.5), (5, 0.2)] {
        let mut bench = CommandBench::<W, K>::new(log2, manner);
        let mut producer = 0;
        while producer < 200 {
            if producer - bench.taken.len() as u64 >= 1 << log2 {
                bench.cycle();
            } else if bench.rng.random_bool(0.6) {
                bench.push(producer, 0.2);
                producer += 1;
            } else {
                producer += 1;
                bench.ring_doorbell(producer);
                let pause = bench.rng.random_range(1..80);
                bench.cycles(pause);
            }
        }
        bench.cycles(1000);
        bench.expect(0..producer);
        let fetched: u64 = bench.requests.iter().map(|(_, len)| len / 64).sum();
        assert!(fetched + 20 < producer, "some pushes were taken: {fetched}");
    }
}

#[test]
fn pushes_and_doorbells_keep_their_order_at_both_widths() {
    pushes_and_doorbells_keep_their_order::<64, 8>();
    pushes_and_doorbells_keep_their_order::<512, 64>();
}

/// One write burst to the push window: what came of it, and how many pushes were seen.
fn burst<const W: usize, const K: usize>(
    uut: &mut CommandPush<W, K>,
    address: (u64, u64, u64, u64),
    strobes: &[Bits<K>],
) -> (u64, usize) {
    let (addr, len, size, kind) = address;
    uut.s_axi_push.awaddr.next = addr.into();
    uut.s_axi_push.awlen.next = len.into();
    uut.s_axi_push.awsize.next = size.into();
    uut.s_axi_push.awburst.next = kind.into();
    uut.s_axi_push.awid.next = (addr >> 6 & 1).into();
    uut.s_axi_push.awvalid.next = true;
    uut.s_axi_push.bready.next = false;
    let (mut beat, mut pushes) = (0, 0);
    for _ in 0..100 {
        uut.s_axi_push.wvalid.next = beat < strobes.len();
        if let Some(strobe) = strobes.get(beat) {
            uut.s_axi_push.wstrb.next = *strobe;
            uut.s_axi_push.wlast.next = beat + 1 == strobes.len();
        }
        uut.settle();
        pushes += usize::from(uut.push.val());
        if uut.s_axi_push.bvalid.val() {
            assert!(uut.busy.val());
            assert_eq!(u64::from(uut.s_axi_push.bid.val()), addr >> 6 & 1);
            let response = uut.s_axi_push.bresp.val().into();
            uut.s_axi_push.bready.next = true;
            uut.tick();
            assert!(!uut.busy.val());
            return (response, pushes);
        }
        beat += usize::from(uut.s_axi_push.wvalid.val() && uut.s_axi_push.wready.val());
        let taken = uut.s_axi_push.awvalid.val() && uut.s_axi_push.awready.val();
        uut.tick();
        if taken {
            uut.s_axi_push.awvalid.next = false;
        }
    }
    panic!("no answer");
}

fn only_whole_aligned_bursts_are_pushes<const W: usize, const K: usize>() {
    const OKAY: u64 = 0;
    const SLVERR: u64 = 2;
    const INCR: u64 = 1;
    let mut uut = connected::<CommandPush<W, K>>();
    let (beats, size) = (64 / K, K.ilog2().into());
    let good = (0x40, beats as u64 - 1, size, INCR);
    let all = vec![Bits::<K>::mask(); beats];
    let refused = [
        (0x44, good.1, size, INCR),
        (0x60, good.1, size, INCR),
        (0x40, good.1 + 1, size, INCR),
        (0x40, good.1, size - 1, INCR),
        (0x40, good.1, size, 0),
        (0x40, good.1, size, 2),
    ];
    for address in refused {
        let beats = (address.1 + 1) as usize;
        let strobes = vec![Bits::<K>::mask(); beats];
        assert_eq!(
            burst(&mut uut, address, &strobes),
            (SLVERR, 0),
            "{address:?}"
        );
        assert_eq!(burst(&mut uut, good, &all), (OKAY, 1), "after {address:?}");
    }
    for place in [0, beats - 1] {
        for lane in [0, K - 1] {
            let mut strobes = all.clone();
            strobes[place] = strobes[place].replace_bit(lane, false);
            assert_eq!(burst(&mut uut, good, &strobes), (SLVERR, 0));
        }
    }
    // Longer than any counter here.
    let long = (0x40, 255, size, INCR);
    assert_eq!(
        burst(&mut uut, long, &[Bits::mask(); 256][..90]),
        (SLVERR, 0)
    );
    assert_eq!(
        burst(&mut uut, (0xfc0, good.1, size, INCR), &all),
        (OKAY, 1)
    );
}

#[test]
fn only_whole_aligned_bursts_are_pushes_at_both_widths() {
    only_whole_aligned_bursts_are_pushes::<64, 8>();
    only_whole_aligned_bursts_are_pushes::<512, 64>();
}

fn command_queue_keeps_its_promised_speed<const W: usize, const K: usize>() {
    let mut bench = CommandBench::<W, K>::new(4, 0.0);
    bench.ring_doorbell(8);
    let (mut request, mut last_beat, mut first) = (None, None, None);
    for cycle in 0..100 {
        bench.cycle();
        request = request.or((!bench.requests.is_empty()).then_some(cycle));
        if last_beat.is_none() && request.is_some() && bench.beats.len() == 7 * 64 / K {
            last_beat = Some(cycle);
        }
        first = first.or((!bench.taken.is_empty()).then_some(cycle));
    }
    assert_eq!(request, Some(2), "2 cycles from doorbell to request");
    let last_beat = last_beat.expect("the first entry came");
    assert_eq!(
        first,
        Some(last_beat + 2),
        "2 cycles from last beat to command"
    );
}

#[test]
fn command_queue_keeps_its_promised_speed_at_both_widths() {
    command_queue_keeps_its_promised_speed::<64, 8>();
    command_queue_keeps_its_promised_speed::<512, 64>();
}

fn command_case<const W: usize, const K: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        CommandQueue::<W, K, 5, 6>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.queue_enable.next = random.chance(63, 64);
            b.tx_enable.next = random.chance(15, 16);
            b.quiesce.next = random.chance(1, 32);
            b.stopped.next = random.chance(1, 64);
            if random.chance(1, 64) {
                b.command_base.next = random.bits::<64>() << 12;
                b.command_log2.next = (3 + random.below(4)).into();
            }
            let producer = b.command_producer.val() + random.below(4);
            b.command_producer.next = producer;
            b.request_ready.next = random.chance(1, 2);
            b.entries.tdata.next = random.bits();
            b.entries.tkeep.next = random.bits();
            b.entries.tvalid.next = b.fetching.val() & random.chance(7, 8);
            b.push_data.next = random.bits();
            b.push_beat.next = random.chance(1, 2);
            b.push_first.next = random.chance(1, 8);
            b.push.next = b.push_beat.val() & random.chance(1, 8);
            b.entries.tlast.next = random.chance(1, 32);
            b.entries.tuser.next = random.chance(1, 32);
            b.command_ready.next = random.chance(1, 2);
        },
    )
}

fn push_case<const W: usize, const K: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        CommandPush::<W, K>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.s_axi_push.awid.next = random.bits();
            b.s_axi_push.awaddr.next = random.pick(&[bits(0), bits(64), bits(65)]);
            b.s_axi_push.awlen.next = (64 / K as u64 - 1 + random.below(8) / 7).into();
            b.s_axi_push.awsize.next = u64::from(K.ilog2()).into();
            b.s_axi_push.awburst.next = random.pick(&[bits(1), bits(1), bits(1), bits(2)]);
            b.s_axi_push.awvalid.next = random.chance(1, 2);
            b.s_axi_push.wdata.next = random.bits();
            b.s_axi_push.wstrb.next = Bits::mask();
            if random.chance(1, 32) {
                b.s_axi_push.wstrb.next = random.bits();
            }
            b.s_axi_push.wlast.next = random.chance(K as u64, 64);
            b.s_axi_push.wvalid.next = random.chance(3, 4);
            b.s_axi_push.bready.next = random.chance(1, 2);
        },
    )
}

fn drive_event_queue(b: &mut EventQueue, random: &mut Random) {
    b.rst.next = random.reset();
    b.now.next = random.bits();
    b.queue_enable.next = random.chance(63, 64);
    if random.chance(1, 64) {
        b.event_base.next = random.bits::<64>() << 12;
        b.event_log2.next = (3 + random.below(3)).into();
    }
    b.event_consumer.next = b.events_written.val();
    b.rx_event_data.next = random.bits();
    b.rx_event_valid.next = random.chance(1, 2);
    b.rx_event_last.next = random.chance(3, 4);
    b.rx_reserve.next = random.below(3).into();
    b.tx_event_data.next = random.bits();
    b.tx_event_valid.next = random.chance(1, 2);
    b.read_error_valid.next = random.chance(1, 128);
    b.read_error_addr.next = random.bits();
    b.write_error_valid.next = random.chance(1, 128);
    b.write_error_addr.next = random.bits();
    b.event_ready.next = random.chance(3, 4);
    b.event_done_valid.next = random.chance(1, 3);
    b.event_done_error.next = random.chance(1, 16);
}

/// Rust and Verilog agree, whatever the host, the bus and the other blocks do.
#[test]
fn queue_blocks_equal_their_verilog() {
    let mut set = Equivalence::new("hdl_queue")
        .clocked(
            "event_queue",
            EventQueue::default,
            |b| &mut b.clk,
            drive_event_queue,
        )
        .clocked(
            "slot_queue",
            SlotQueue::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.queue_enable.next = random.chance(31, 32);
                b.slot_base.next = random.bits();
                b.slot_log2.next = random.bits();
                b.slot_bytes_log2.next = random.bits();
                b.slot_producer.next = random.below(16).into();
                b.slot_take.next = random.chance(1, 2);
            },
        )
        .clocked(
            "interrupt",
            Interrupt::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.now.next = b.now.val() + random.below(50);
                b.queue_enable.next = random.chance(63, 64);
                b.msix_vector_register.next = random.bits();
                b.moderation.next = random.below(200).into();
                b.arm_write.next = random.chance(1, 8);
                b.arm_index.next = b.events_written.val() + random.below(5);
                b.events_written.next = b.events_written.val() + random.below(2);
                b.msix_ready.next = random.chance(1, 3);
            },
        );
    set = push_case::<64, 8>(set, "command_push_w64");
    set = push_case::<512, 64>(set, "command_push_w512");
    set = command_case::<64, 8>(set, "command_queue_w64");
    set = command_case::<512, 64>(set, "command_queue_w512");
    let report = set.run(1, 3000).unwrap_or_else(|error| panic!("{error}"));
    let constant: Vec<_> = report.constant_outputs.iter().map(String::as_str).collect();
    // There is always room for what was asked for.
    let wanted = [
        // Each burst of one beat begins with its first.
        "command_push_w512.beat_first",
        "command_queue_w64.entries_tready",
        "command_queue_w512.entries_tready",
    ];
    assert_eq!(constant, wanted);
}
