//! The receive back alone - dispatcher, trimmer, writer, event and slot queue - between a wire at line rate and a bus that answers late: nothing is
//! lost, nothing is seen before it is there, and an error stops the queue in order.

mod bench;

use bench::model::Model;
use handclasp_hdl::dma::Writer;
use handclasp_hdl::queue::{EventQueue, SlotQueue};
use handclasp_hdl::rx::dispatch::Dispatch;
use handclasp_hdl::stream::{BeatFifo, StreamSink, StreamSource, Trim, Widen};
use handclasp_layout::queue::{
    CompletionEvent, DropReason, EventKind, RxEvent, SackEvent, Status, Verdict,
};
use handclasp_layout::register::SLOT_BYTES;
use rust_hdl::prelude::*;
use std::collections::{HashMap, HashSet, VecDeque};

/// The blocks, wired as in the NIC.
#[derive(LogicBlock, Default)]
struct ReceiveBack<
    const W: usize,
    const K: usize,
    const S: usize,
    const D: usize,
    const DK: usize,
    const DS: usize,
    const EA: usize,
    const EN: usize,
    const WA: usize,
    const WN: usize,
> {
    pub clk: Signal<In, Clock>,
    pub rst: Signal<In, Bit>,
    pub queue_enable: Signal<In, Bit>,
    pub event_consumer: Signal<In, Bits<32>>,
    pub event_base: Signal<In, Bits<64>>,
    pub event_log2: Signal<In, Bits<4>>,
    pub slot_producer: Signal<In, Bits<32>>,
    pub slot_base: Signal<In, Bits<64>>,
    pub slot_log2: Signal<In, Bits<4>>,
    pub decoded_event: Signal<In, Bits<512>>,
    pub decoded_sack: Signal<In, Bits<512>>,
    pub decoded_address: Signal<In, Bits<512>>,
    pub payload_at_bytes: Signal<In, Bits<16>>,
    pub verdict: Signal<In, Bits<8>>,
    pub needs_slot: Signal<In, Bit>,
    pub decoded_valid: Signal<In, Bit>,
    pub decoded_ready: Signal<Out, Bit>,
    pub tx_event_data: Signal<In, Bits<512>>,
    pub tx_event_valid: Signal<In, Bit>,
    pub tx_event_ready: Signal<Out, Bit>,
    pub s: StreamSink<W, K>,
    pub m_axi_awaddr: Signal<Out, Bits<64>>,
    pub m_axi_awlen: Signal<Out, Bits<8>>,
    pub m_axi_awvalid: Signal<Out, Bit>,
    pub m_axi_awready: Signal<In, Bit>,
    pub m_axi_wdata: Signal<Out, Bits<D>>,
    pub m_axi_wstrb: Signal<Out, Bits<DK>>,
    pub m_axi_wlast: Signal<Out, Bit>,
    pub m_axi_wvalid: Signal<Out, Bit>,
    pub m_axi_wready: Signal<In, Bit>,
    pub m_axi_bresp: Signal<In, Bits<2>>,
    pub m_axi_bvalid: Signal<In, Bit>,
    pub events_written: Signal<Out, Bits<32>>,
    pub stopped: Signal<Out, Bit>,
    pub count_drop: Signal<Out, Bit>,
    pub count_drop_reason: Signal<Out, Bits<8>>,
    pub count_payload: Signal<Out, Bit>,
    pub busy: Signal<Out, Bit>,
    dispatch: Dispatch<EA, EN>,
    trim: Trim<W, K, S>,
    widen: Widen<W, K, D, DK>,
    payloads: BeatFifo<D, DK, 4, 5>,
    writer: Writer<D, DK, DS, WA, WN>,
    event_queue: EventQueue,
    slot_queue: SlotQueue,
}

impl<
        const W: usize,
        const K: usize,
        const S: usize,
        const D: usize,
        const DK: usize,
        const DS: usize,
        const EA: usize,
        const EN: usize,
        const WA: usize,
        const WN: usize,
    > Logic for ReceiveBack<W, K, S, D, DK, DS, EA, EN, WA, WN>
{
    #[hdl_gen]
    fn update(&mut self) {
        self.dispatch.clk.next = self.clk.val();
        self.trim.clk.next = self.clk.val();
        self.widen.clk.next = self.clk.val();
        self.payloads.clk.next = self.clk.val();
        self.writer.clk.next = self.clk.val();
        self.event_queue.clk.next = self.clk.val();
        self.slot_queue.clk.next = self.clk.val();
        self.dispatch.rst.next = self.rst.val();
        self.trim.rst.next = self.rst.val();
        self.widen.rst.next = self.rst.val();
        self.payloads.rst.next = self.rst.val();
        self.writer.rst.next = self.rst.val();
        self.event_queue.rst.next = self.rst.val();
        self.slot_queue.rst.next = self.rst.val();

        self.dispatch.decoded_event.next = self.decoded_event.val().into();
        self.dispatch.decoded_sack.next = self.decoded_sack.val().into();
        self.dispatch.payload_at_bytes.next = self.payload_at_bytes.val();
        self.dispatch.decoded_address.next = self.decoded_address.val().into();
        self.dispatch.connection.next = 7.into();
        self.dispatch.generation.next = 9.into();
        self.dispatch.verdict.next = self.verdict.val();
        self.dispatch.drop_reason.next = 0.into();
        self.dispatch.needs_slot.next = self.needs_slot.val();
        self.dispatch.decoded_valid.next = self.decoded_valid.val();
        self.decoded_ready.next = self.dispatch.decoded_ready.val();
        self.dispatch.monitor.next = false;
        self.dispatch.queue_runs.next = self.queue_enable.val() & !self.event_queue.stopped.val();
        self.dispatch.rx_room.next = self.event_queue.rx_room.val();
        self.event_queue.rx_reserve.next = self.dispatch.rx_reserve.val();
        self.dispatch.slot_valid.next = self.slot_queue.slot_valid.val();
        self.dispatch.slot_number.next = self.slot_queue.slot_number.val();
        self.dispatch.slot_addr.next = self.slot_queue.slot_addr.val();
        self.slot_queue.slot_take.next = self.dispatch.slot_take.val();
        self.trim.command_skip_bytes.next = self.dispatch.trim_skip_bytes.val();
        self.trim.command_len_bytes.next = self.dispatch.trim_len_bytes.val();
        self.trim.command_valid.next = self.dispatch.trim_valid.val();
        self.dispatch.trim_ready.next = self.trim.command_ready.val();
        self.writer.payload_request_addr.next = self.dispatch.request_addr.val();
        self.writer.payload_request_len_bytes.next = self.dispatch.request_len_bytes.val();
        self.writer.payload_request_valid.next = self.dispatch.request_valid.val();
        self.dispatch.request_ready.next = self.writer.payload_request_ready.val();
        self.dispatch.done_valid.next = self.writer.payload_done_valid.val();
        self.dispatch.done_error.next = self.writer.payload_done_error.val();
        self.event_queue.rx_event_data.next = self.dispatch.event_data.val();
        self.event_queue.rx_event_last.next = self.dispatch.event_last.val();
        self.event_queue.rx_event_valid.next = self.dispatch.event_valid.val();
        self.dispatch.event_ready.next = self.event_queue.rx_event_ready.val();
        StreamSink::<W, K>::link(&mut self.s, &mut self.trim.s);
        StreamSource::<W, K>::join(&mut self.trim.m, &mut self.widen.s);
        StreamSource::<D, DK>::join(&mut self.widen.m, &mut self.payloads.s);
        StreamSource::<D, DK>::join(&mut self.payloads.m, &mut self.writer.payload);

        self.event_queue.queue_enable.next = self.queue_enable.val();
        self.event_queue.event_base.next = self.event_base.val();
        self.event_queue.event_log2.next = self.event_log2.val();
        self.event_queue.event_consumer.next = self.event_consumer.val();
        self.event_queue.now.next = 0.into();
        self.event_queue.tx_event_data.next = self.tx_event_data.val();
        self.event_queue.tx_event_valid.next = self.tx_event_valid.val();
        self.tx_event_ready.next = self.event_queue.tx_event_ready.val();
        self.event_queue.read_error_valid.next = false;
        self.event_queue.read_error_addr.next = 0.into();
        self.event_queue.write_error_valid.next = self.writer.error_valid.val();
        self.event_queue.write_error_addr.next = self.writer.error_addr.val();
        self.writer.event_addr.next = self.event_queue.event_addr.val();
        self.writer.event_data.next = self.event_queue.event_data.val();
        self.writer.event_valid.next = self.event_queue.event_valid.val();
        self.event_queue.event_ready.next = self.writer.event_ready.val();
        self.event_queue.event_done_valid.next = self.writer.event_done_valid.val();
        self.event_queue.event_done_error.next = self.writer.event_done_error.val();
        self.slot_queue.queue_enable.next = self.queue_enable.val();
        self.slot_queue.slot_base.next = self.slot_base.val();
        self.slot_queue.slot_log2.next = self.slot_log2.val();
        self.slot_queue.slot_bytes_log2.next = 11.into();
        self.slot_queue.slot_producer.next = self.slot_producer.val();

        self.m_axi_awaddr.next = self.writer.m_axi.awaddr.val();
        self.m_axi_awlen.next = self.writer.m_axi.awlen.val();
        self.m_axi_awvalid.next = self.writer.m_axi.awvalid.val();
        self.writer.m_axi.awready.next = self.m_axi_awready.val();
        self.m_axi_wdata.next = self.writer.m_axi.wdata.val();
        self.m_axi_wstrb.next = self.writer.m_axi.wstrb.val();
        self.m_axi_wlast.next = self.writer.m_axi.wlast.val();
        self.m_axi_wvalid.next = self.writer.m_axi.wvalid.val();
        self.writer.m_axi.wready.next = self.m_axi_wready.val();
        self.writer.m_axi.bid.next = 0.into();
        self.writer.m_axi.bresp.next = self.m_axi_bresp.val();
        self.writer.m_axi.bvalid.next = self.m_axi_bvalid.val();
        self.events_written.next = self.event_queue.events_written.val();
        self.stopped.next = self.event_queue.stopped.val();
        self.count_drop.next = self.dispatch.count_drop.val();
        self.count_drop_reason.next = self.dispatch.count_drop_reason.val();
        self.count_payload.next = self.dispatch.count_payload.val();
        self.busy.next = self.dispatch.busy.val()
            | self.trim.busy.val()
            | self.widen.busy.val()
            | self.payloads.busy.val()
            | self.writer.busy.val()
            | self.event_queue.busy.val();
    }
}

type Back64 = ReceiveBack<64, 8, 3, 128, 16, 4, 4, 5, 5, 6>;
type Back512 = ReceiveBack<512, 64, 6, 512, 64, 6, 7, 8, 8, 9>;

const RING: u64 = 0x1000_0000_0000;
const RING_LOG2: u64 = 10;
const SLOTS: u64 = 0x20_0000_0000;
const SLOT_LOG2: u64 = 9;
/// Ethernet, IPv4 and TCP without options.
const HEADERS_BYTES: usize = 14 + 20 + 20;

/// One width, and its wire and clock.
#[derive(Clone, Copy)]
struct Shape {
    lanes: usize,
    bus_lanes: usize,
    /// What the wire brings in a cycle.
    line_bits: usize,
    clock_ns: f64,
    /// The receive FIFO.
    fifo_bytes: usize,
}

const W64: Shape = Shape {
    lanes: 8,
    bus_lanes: 16,
    line_bits: 64,
    clock_ns: 6.4,
    fifo_bytes: 16 << 10,
};
const W512: Shape = Shape {
    lanes: 64,
    bus_lanes: 64,
    line_bits: 400,
    clock_ns: 4.0,
    fifo_bytes: 64 << 10,
};

impl Shape {
    fn cycles(self, ns: u32) -> u64 {
        (f64::from(ns) / self.clock_ns).ceil() as u64
    }
}

/// A frame as the front hands it over.
#[derive(Clone)]
struct Frame {
    number: u32,
    payload_len: usize,
    sack: bool,
}

impl Frame {
    fn len(&self) -> usize {
        (HEADERS_BYTES + self.payload_len).max(60)
    }

    fn byte(&self, at: usize) -> u8 {
        (self.number as usize * 31 + at * 7 + at / 251) as u8
    }

    fn payload(&self) -> Vec<u8> {
        let end = HEADERS_BYTES + self.payload_len;
        (HEADERS_BYTES..end).map(|at| self.byte(at)).collect()
    }
}

/// The host's memory behind the bus, and the host.
struct Bench {
    model: Model,
    shape: Shape,
    latency: u64,
    /// Frames to come, with the cycle in which the last byte of each has arrived.
    wire: VecDeque<(u64, Frame)>,
    wire_bits: u64,
    judged: VecDeque<Frame>,
    stream: VecDeque<(Frame, usize)>,
    backlog_bytes: usize,
    /// The largest backlog of the second half.
    most_bytes: usize,
    addresses: VecDeque<(u64, u64)>,
    data: VecDeque<Vec<(u64, Vec<u8>)>>,
    open: Vec<(u64, Vec<u8>)>,
    answers: VecDeque<(u64, u64, bool)>,
    memory: HashMap<u64, u8>,
    /// Slots that have been answered, and not been read.
    filled: HashSet<u64>,
    refused: Vec<(u64, usize)>,
    /// Frames whose events the host has read, in order; QueueStopped as None.
    seen: Vec<Option<u32>>,
    sent: HashMap<u32, Frame>,
    consumer: u64,
    /// Whether the host reads.
    reads: bool,
    slots_posted: u64,
    drops: HashMap<u64, u64>,
    first_beat: Option<u64>,
    next_number: u32,
    completions: u64,
}

impl Bench {
    fn new<B: Block + Default + 'static>(
        name: &'static str,
        shape: Shape,
        latency_ns: u32,
    ) -> Self {
        let mut model = Model::start::<B>(name, 1);
        model.reset();
        for (port, value) in [
            ("event_base", RING),
            ("event_log2", RING_LOG2),
            ("slot_base", SLOTS),
            ("slot_log2", SLOT_LOG2),
            ("m_axi_awready", 1),
            ("m_axi_wready", 1),
        ] {
            model.set(port, value);
        }
        let mut bench = Self {
            model,
            shape,
            latency: shape.cycles(latency_ns),
            wire: VecDeque::new(),
            wire_bits: 0,
            judged: VecDeque::new(),
            stream: VecDeque::new(),
            backlog_bytes: 0,
            most_bytes: 0,
            addresses: VecDeque::new(),
            data: VecDeque::new(),
            open: vec![],
            answers: VecDeque::new(),
            memory: HashMap::new(),
            filled: HashSet::new(),
            refused: vec![],
            seen: vec![],
            sent: HashMap::new(),
            consumer: 0,
            reads: true,
            slots_posted: 0,
            drops: HashMap::new(),
            first_beat: None,
            next_number: 0,
            completions: 0,
        };
        bench.enable();
        bench
    }

    /// Enables the queue, anew when it was: the host's ring is zero then.
    fn enable(&mut self) {
        self.model.set("queue_enable", 0);
        self.cycles(8);
        assert!(!self.model.is_high("busy"));
        (self.consumer, self.slots_posted) = (0, 1 << SLOT_LOG2);
        self.memory.clear();
        self.filled.clear();
        self.seen.clear();
        self.model.set("queue_enable", 1);
        self.cycles(20);
    }

    /// Puts a frame on the wire, behind those that are on it.
    fn send(&mut self, payload_len: usize, sack: bool) {
        let number = self.next_number;
        self.next_number += 1;
        let frame = Frame {
            number,
            payload_len,
            sack,
        };
        let now_bits = self.model.cycle * self.shape.line_bits as u64;
        // FCS, preamble, gap.
        self.wire_bits = self.wire_bits.max(now_bits) + 8 * (frame.len() as u64 + 24);
        let arrived = self.wire_bits.div_ceil(self.shape.line_bits as u64);
        self.sent.insert(number, frame.clone());
        self.wire.push_back((arrived, frame));
    }

    fn cycles(&mut self, count: u64) {
        for _ in 0..count {
            self.cycle();
        }
    }

    fn cycle(&mut self) {
        let cycle = self.model.cycle;
        while self
            .wire
            .front()
            .is_some_and(|(arrived, _)| *arrived <= cycle)
        {
            let (_, frame) = self.wire.pop_front().expect("just seen");
            self.backlog_bytes += frame.len().next_multiple_of(self.shape.lanes);
            self.judged.push_back(frame.clone());
            self.stream.push_back((frame, 0));
        }
        self.drive();
        self.model.step();
        self.watch_inputs();
        self.watch_bus();
        self.host();
        if self.model.is_high("count_drop") {
            let reason = self.model.get("count_drop_reason");
            *self.drops.entry(reason).or_default() += 1;
        }
    }

    fn drive(&mut self) {
        let cycle = self.model.cycle;
        self.model
            .set("decoded_valid", (!self.judged.is_empty()).into());
        if let Some(frame) = self.judged.front() {
            let event = RxEvent {
                seq: frame.number,
                payload_len_bytes: frame.payload_len as _,
                frame_len_bytes: frame.len() as u16,
                sack_count: u8::from(frame.sack),
                kind: EventKind::Rx as u8,
                ..RxEvent::default()
            };
            let sack = SackEvent {
                sack0_left: frame.number,
                kind: EventKind::Sack as u8,
                ..SackEvent::default()
            };
            self.model.set_bytes("decoded_event", &event.encode());
            self.model.set_bytes("decoded_sack", &sack.encode());
            self.model.set("payload_at_bytes", HEADERS_BYTES as u64);
            self.model.set("verdict", Verdict::Flow as u64);
            self.model.set("needs_slot", (frame.payload_len > 0).into());
        }
        self.model.set("s_tvalid", (!self.stream.is_empty()).into());
        if let Some((frame, at)) = self.stream.front() {
            let end = frame.len().min(at + self.shape.lanes);
            let bytes: Vec<u8> = (*at..end).map(|at| frame.byte(at)).collect();
            self.model.set_bytes("s_tdata", &bytes);
            self.model.set("s_tlast", (end == frame.len()).into());
        }
        let event = CompletionEvent {
            kind: EventKind::Completion as u8,
            ..CompletionEvent::default()
        };
        self.model.set_bytes("tx_event_data", &event.encode());
        self.model
            .set("tx_event_valid", u64::from(self.completions > 0));
        let answer = self.answers.front().filter(|(due, ..)| *due <= cycle);
        self.model.set("m_axi_bvalid", answer.is_some().into());
        self.model
            .set("m_axi_bresp", 2 * u64::from(answer.is_some_and(|a| a.2)));
        self.model.set("event_consumer", self.consumer);
        self.model.set("slot_producer", self.slots_posted);
    }

    fn watch_inputs(&mut self) {
        if self.model.is_high("decoded_ready") {
            self.judged.pop_front();
        }
        if self.model.is_high("s_tready") {
            if let Some((frame, at)) = self.stream.front_mut() {
                *at += self.shape.lanes;
                self.backlog_bytes -= self.shape.lanes;
                if *at >= frame.len() {
                    self.stream.pop_front();
                }
            }
        }
        if self.wire.len() < self.sent.len() / 2 {
            self.most_bytes = self.most_bytes.max(self.backlog_bytes);
        }
        assert!(
            self.backlog_bytes <= self.shape.fifo_bytes,
            "the FIFO overflows"
        );
        if self.completions > 0 && self.model.is_high("tx_event_ready") {
            self.completions -= 1;
        }
    }

    fn watch_bus(&mut self) {
        let cycle = self.model.cycle - 1;
        if self.model.input("m_axi_bvalid") == 1 {
            let (_, addr, refused) = self.answers.pop_front().expect("an answer");
            if (SLOTS..RING).contains(&addr) && !refused {
                self.filled.insert((addr - SLOTS) / SLOT_BYTES as u64);
            }
        }
        if self.model.is_high("m_axi_awvalid") {
            let (addr, len) = (
                self.model.get("m_axi_awaddr"),
                self.model.get("m_axi_awlen"),
            );
            self.addresses.push_back((addr, len + 1));
        }
        if self.model.is_high("m_axi_wvalid") {
            let bytes = self.model.get_bytes("m_axi_wdata");
            self.open.push((self.model.get("m_axi_wstrb"), bytes));
            if self.model.is_high("m_axi_wlast") {
                self.data.push_back(std::mem::take(&mut self.open));
            }
        }
        while !self.addresses.is_empty() && !self.data.is_empty() {
            let (addr, beats) = self.addresses.pop_front().expect("checked");
            let data = self.data.pop_front().expect("checked");
            assert_eq!(data.len() as u64, beats, "wlast where awlen says");
            if addr >= RING {
                self.first_beat.get_or_insert(cycle + 1 - beats);
            }
            let refused = match self.refused.iter_mut().find(|r| r.0 == addr && r.1 > 0) {
                Some(refused) => {
                    refused.1 -= 1;
                    true
                }
                None => false,
            };
            for (beat, (strobes, bytes)) in data.iter().enumerate() {
                for (lane, byte) in bytes.iter().enumerate() {
                    if strobes >> lane & 1 == 1 && !refused {
                        let place = addr + (beat * self.shape.bus_lanes + lane) as u64;
                        self.memory.insert(place, *byte);
                    }
                }
            }
            self.answers
                .push_back((cycle + 1 + self.latency, addr, refused));
        }
    }

    /// Reads events in order, as they are in memory.
    fn host(&mut self) {
        let place = RING + self.consumer % (1 << RING_LOG2) * 64;
        let phase = 1 - (self.consumer >> RING_LOG2) as u8 % 2;
        if !self.reads || self.memory.get(&(place + 0x3f)).unwrap_or(&0) & 1 != phase {
            return;
        }
        let bytes: [u8; 64] = core::array::from_fn(|i| self.memory[&(place + i as u64)]);
        self.consumer += 1;
        if bytes[0x3e] == EventKind::QueueStopped as u8 {
            self.seen.push(None);
            return;
        }
        if bytes[0x3e] != EventKind::Rx as u8 {
            return;
        }
        let event = RxEvent::decode(&bytes);
        let frame = self.sent[&event.seq].clone();
        assert_eq!(event.payload_len_bytes as usize, frame.payload_len);
        if frame.payload_len > 0 {
            assert!(event.has_slot && self.filled.remove(&event.slot.into()));
            let at = SLOTS + u64::from(event.slot) * SLOT_BYTES as u64;
            let payload = (at..at + frame.payload_len as u64).map(|at| self.memory[&at]);
            assert!(
                payload.eq(frame.payload()),
                "frame {}: its bytes",
                event.seq
            );
            self.slots_posted += 1;
        }
        self.seen.push(Some(event.seq));
    }

    /// Runs until nothing is under way.
    fn run(&mut self) {
        let mut quiet = 0;
        while quiet < 8 {
            self.cycle();
            let idle = self.wire.is_empty() && self.judged.is_empty() && self.stream.is_empty();
            quiet = if idle && !self.model.is_high("busy") && self.answers.is_empty() {
                quiet + 1
            } else {
                0
            };
            assert!(self.model.cycle < 3_000_000, "stuck");
        }
    }
}

fn bench64(latency_ns: u32) -> Bench {
    Bench::new::<Back64>("rx_back_w64", W64, latency_ns)
}

fn bench512(latency_ns: u32) -> Bench {
    Bench::new::<Back512>("rx_back_w512", W512, latency_ns)
}

/// At line rate, for as long as no FIFO can hide a deficit, nothing is lost, whenever the bus answers.
fn holds_the_line(bench: fn(u32) -> Bench, payload_len: usize, frames: usize, sack: bool) {
    for latency_ns in [0, 300] {
        let mut bench = bench(latency_ns);
        for i in 0..frames {
            bench.send(payload_len, sack && i % 8 == 0);
        }
        bench.run();
        assert_eq!(
            bench.drops,
            HashMap::new(),
            "{payload_len} B, {latency_ns} ns"
        );
        assert!(bench.seen.iter().copied().eq((0..frames as u32).map(Some)));
        // Two frames, and what comes in while the first one waits for its turn.
        let most = 2 * (HEADERS_BYTES + payload_len).next_multiple_of(bench.shape.lanes);
        assert!(
            bench.most_bytes <= most + 32 * bench.shape.lanes,
            "{payload_len} B, {latency_ns} ns: a backlog of {} bytes grows",
            bench.most_bytes
        );
    }
}

#[test]
fn w64_holds_the_line() {
    for (payload_len, frames) in [
        (0, 10_000),
        (6, 10_000),
        (64, 6000),
        (256, 3000),
        (1448, 800),
    ] {
        holds_the_line(bench64, payload_len, frames, false);
    }
    holds_the_line(bench64, 64, 2000, true);
}

#[test]
fn w512_holds_the_line() {
    // A frame with less payload takes less of the wire than its two beats of payload and event take of the bus.
    for (payload_len, frames) in [(0, 10_000), (64, 10_000), (256, 6000), (1448, 2000)] {
        holds_the_line(bench512, payload_len, frames, false);
    }
    holds_the_line(bench512, 64, 4000, true);
}

#[test]
fn a_judged_frame_is_on_the_bus_after_four_cycles() {
    for mut bench in [bench64(0), bench512(0)] {
        bench.send(0, false);
        bench.run();
        let judged = bench.wire_bits.div_ceil(bench.shape.line_bits as u64);
        assert_eq!(bench.first_beat, Some(judged + 4));
    }
}

/// The bus refuses one payload among many: the events before it come, then QueueStopped, and nothing behind it, until the queue is enabled anew.
#[test]
fn a_refused_payload_stops_the_queue_in_order() {
    for mut bench in [bench64(300), bench512(300)] {
        for refused in [0, 3, 7] {
            bench.enable();
            let first = bench.next_number;
            bench.drops.clear();
            bench.refused = vec![(SLOTS + refused * SLOT_BYTES as u64, 1)];
            for i in 0..20 {
                bench.send(if i % 5 == 4 { 0 } else { 100 }, i % 3 == 0);
            }
            bench.run();
            // A frame in five has no slot.
            let failed = first + refused as u32 + refused as u32 / 4;
            let wanted: Vec<_> = (first..failed).map(Some).chain([None]).collect();
            assert_eq!(bench.seen, wanted);
            let disabled = bench.drops.remove(&(DropReason::Disabled as u64));
            assert_eq!(disabled, Some(20 - u64::from(failed - first)));
            assert_eq!(bench.drops, HashMap::new());
            assert!(bench.model.is_high("stopped"));
            // While it is stopped, frames are drops.
            bench.send(100, false);
            bench.run();
            assert_eq!(bench.drops.remove(&(DropReason::Disabled as u64)), Some(1));
        }
        bench.refused.clear();
        bench.enable();
        let first = bench.next_number;
        for _ in 0..20 {
            bench.send(100, true);
        }
        bench.run();
        assert!(bench.seen.iter().copied().eq((first..first + 20).map(Some)));
    }
}

/// The bus refuses an event: the host, which reads in order, finds QueueStopped at its place.
#[test]
fn a_refused_event_is_told_in_order() {
    for mut bench in [bench64(300), bench512(300)] {
        bench.enable();
        bench.refused = vec![(RING + 2 * 64, 1)];
        for _ in 0..20 {
            bench.send(0, false);
        }
        bench.run();
        assert_eq!(bench.seen[..3], [Some(0), Some(1), None]);
        let place = RING + 2 * 64;
        let bytes = core::array::from_fn(|i| bench.memory[&(place + i as u64)]);
        let event = CompletionEvent::decode(&bytes);
        assert_eq!(
            (event.status, event.address),
            (Status::WriteError as u8, place)
        );
        assert!(bench.model.is_high("stopped"));
        // Refused twice: only `stopped` tells.
        bench.enable();
        bench.refused = vec![(RING, 2)];
        bench.send(0, false);
        bench.run();
        assert_eq!(bench.seen, []);
        assert!(bench.model.is_high("stopped"));
    }
}

/// A ring that is almost full: a frame that would not find its places is a NoEvent drop, promised ones count, and completions still come through.
#[test]
fn promised_places_count() {
    for mut bench in [bench64(300), bench512(300)] {
        bench.model.set("event_log2", 3);
        bench.enable();
        bench.reads = false;
        for _ in 0..10 {
            bench.send(10, false);
        }
        bench.run();
        let written = bench.model.get("events_written");
        assert_eq!(written, 2, "while 7 of 8 are free");
        assert_eq!(bench.drops[&(DropReason::NoEvent as u64)], 8);
    }
}
