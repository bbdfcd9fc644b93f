//! The receive path's surroundings: a wire, a slot queue, a DMA writer, an event ring.

use super::model::Model;
use handclasp_layout::queue::{AddressEvent, EventKind, RxEvent, SackEvent};
use handclasp_layout::register::{COUNTERS, SLOT_BYTES, SLOT_BYTES_LOG2_DEFAULT};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Our addresses, and the flow that the tests talk about.
pub const MAC: u64 = 0x0200_0000_0001;
pub const LOCAL_IP: u32 = 0xc000_0201;
pub const REMOTE_IP: u32 = 0xc000_0202;
pub const REMOTE_PORT: u16 = 40000;
pub const FLOW_PORT: u16 = 5001;
pub const LISTEN_PORT: u16 = 80;
pub const CONNECTION: u16 = 7;
pub const GENERATION: u8 = 0xa5;
pub const HASH_KEY: u128 = 0x13579bdf_2468ace0_0f1e2d3c_4b5a6978;
const SLOTS: u64 = 8;

/// A receive event with what belongs to it.
#[derive(Clone, Debug)]
pub struct Received {
    pub event: RxEvent,
    pub address: Option<AddressEvent>,
    pub sack: Option<SackEvent>,
    pub payload: Option<Vec<u8>>,
    /// Cycle in which it was first shown to the ring.
    pub at: u64,
}

/// What the DMA writer is doing.
enum Writer {
    Idle,
    Write {
        slot: u64,
        len: usize,
        bytes: Vec<u8>,
    },
    Respond {
        slot: u64,
        bytes: Vec<u8>,
        wait: u32,
    },
}

/// How the surroundings behave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Chance of an idle cycle between beats.
    pub idle: f64,
    /// Chance of a cycle in which the ring, or the writer, does not take what is there.
    pub stall: f64,
    /// Longest time from a payload's last beat to its response.
    pub response_cycles: u32,
}

pub struct RxBench {
    pub model: Model,
    pub traffic: Traffic,
    /// Free receive slots.
    pub slots: u64,
    pub rx_room: bool,
    /// The next responses of the writer are errors.
    pub write_errors: usize,
    pub received: Vec<Received>,
    /// By name in the datasheet.
    pub counters: BTreeMap<&'static str, u64>,
    /// Cycle of the first beat of each frame.
    pub first_beats: Vec<u64>,
    lanes: usize,
    rng: ChaCha8Rng,
    wire: VecDeque<(Vec<u8>, usize, bool)>,
    next_slot: u64,
    memory: HashMap<u64, Vec<u8>>,
    writer: Writer,
    address: Option<AddressEvent>,
    sack: Option<SackEvent>,
    waiting_event: Option<(Vec<u8>, u64)>,
    waiting_beat: Option<Vec<Vec<u8>>>,
}

impl RxBench {
    /// A path that is out of reset, its tables cleared, with one flow and one listener, and 8 slots.
    pub fn new<B: Block + Default + 'static>(name: &'static str, lanes: usize, seed: u64) -> Self {
        let mut bench = Self {
            model: Model::start::<B>(name, seed),
            traffic: Traffic::default(),
            slots: SLOTS,
            rx_room: true,
            write_errors: 0,
            received: vec![],
            counters: BTreeMap::new(),
            first_beats: vec![],
            lanes,
            rng: ChaCha8Rng::seed_from_u64(seed),
            wire: VecDeque::new(),
            next_slot: 0,
            memory: HashMap::new(),
            writer: Writer::Idle,
            address: None,
            sack: None,
            waiting_event: None,
            waiting_beat: None,
        };
        bench.reset();
        bench
    }

    /// Resets the path and forgets what is on the wire; then as after `new`.
    pub fn reset(&mut self) {
        self.wire.clear();
        self.writer = Writer::Idle;
        (self.address, self.sack) = (None, None);
        (self.waiting_event, self.waiting_beat) = (None, None);
        // Nobody answers while nobody asks.
        let idle = [
            "s_axis_rx_tvalid",
            "event_ready",
            "request_ready",
            "payload_tready",
            "done_valid",
            "flow_valid",
            "listen_valid",
        ];
        for name in idle {
            self.model.set(name, 0);
        }
        self.model.set("rst", 1);
        self.model.step();
        self.model.step();
        self.model.set("rst", 0);
        let settings = [
            ("rx_enable", 1),
            ("queue_runs", 1),
            ("monitor", 1),
            ("promiscuous", 0),
            ("mac", MAC),
            ("multicast", 0),
            ("slot_bytes_log2", SLOT_BYTES_LOG2_DEFAULT as u64),
            ("local_ip", LOCAL_IP.into()),
        ];
        for (name, value) in settings {
            self.model.set(name, value);
        }
        self.model.set_bytes("hash_key", &HASH_KEY.to_le_bytes());
        while !self.model.is_high("table_ready") {
            self.model.step();
        }
        assert_eq!(self.flow_command(false, CONNECTION), 0);
        self.listen_command(false, LISTEN_PORT);
    }

    /// Inserts or removes the tests' flow; returns the status.
    pub fn flow_command(&mut self, remove: bool, connection: u16) -> u64 {
        let mut key = vec![];
        key.extend(FLOW_PORT.to_le_bytes());
        key.extend(REMOTE_PORT.to_le_bytes());
        key.extend(LOCAL_IP.to_le_bytes());
        key.extend(REMOTE_IP.to_le_bytes());
        self.model.set_bytes("flow_key", &key);
        self.model.set("flow_connection", connection.into());
        self.model.set("flow_generation", GENERATION.into());
        self.model.set("flow_remove", remove.into());
        self.model.set("flow_valid", 1);
        self.cycle();
        while !self.model.is_high("flow_ready") {
            self.cycle();
        }
        self.model.set("flow_valid", 0);
        while !self.model.is_high("flow_done") {
            self.cycle();
        }
        self.model.get("flow_status")
    }

    pub fn listen_command(&mut self, remove: bool, port: u16) {
        self.model.set("listen_port", port.into());
        self.model.set("listen_remove", remove.into());
        self.model.set("listen_valid", 1);
        self.cycle();
        while !self.model.is_high("listen_ready") {
            self.cycle();
        }
        self.model.set("listen_valid", 0);
        while !self.model.is_high("listen_done") {
            self.cycle();
        }
    }

    /// Puts a frame on the wire; `bad` as the MAC marks it.
    pub fn send(&mut self, frame: &[u8], bad: bool) {
        self.wire.push_back((frame.to_vec(), 0, bad));
    }

    /// Runs until everything sent has been dealt with.
    pub fn run(&mut self) {
        let mut quiet = 0;
        for _ in 0..200_000 {
            self.cycle();
            quiet = if self.wire.is_empty() && !self.model.is_high("busy") {
                quiet + 1
            } else {
                0
            };
            if quiet == 20 {
                return;
            }
        }
        panic!("the receive path is stuck");
    }

    /// Sends one frame and waits for what becomes of it.
    pub fn receive(&mut self, frame: &[u8]) -> Option<Received> {
        let before = self.received.len();
        self.send(frame, false);
        self.run();
        self.slots = SLOTS;
        assert!(self.received.len() <= before + 1, "one event a frame");
        self.received.get(before).cloned()
    }

    pub fn counter(&self, name: &str) -> u64 {
        *self.counters.get(name).unwrap_or(&0)
    }

    fn count(&mut self, name: &'static str) {
        *self.counters.entry(name).or_default() += 1;
    }

    pub fn cycle(&mut self) {
        self.drive();
        self.model.step();
        self.watch_wire();
        self.watch_slots_and_writer();
        self.watch_events();
        self.watch_counters();
    }

    fn drive(&mut self) {
        let ready = |rng: &mut ChaCha8Rng, stall: f64| u64::from(!rng.random_bool(stall));
        self.model.set("now", self.model.cycle);
        let shows = !self.wire.is_empty() && !self.rng.random_bool(self.traffic.idle);
        self.model.set("s_axis_rx_tvalid", shows.into());
        if let (true, Some((frame, sent, bad))) = (shows, self.wire.front()) {
            let beat = &frame[*sent..frame.len().min(sent + self.lanes)];
            let is_last = sent + self.lanes >= frame.len();
            // Bytes that do not count are rubbish.
            let mut data = vec![0xa5; self.lanes];
            data[..beat.len()].copy_from_slice(beat);
            self.model.set_bytes("s_axis_rx_tdata", &data);
            self.model.set_bytes(
                "s_axis_rx_tkeep",
                &((1_u128 << beat.len()) - 1).to_le_bytes(),
            );
            self.model.set("s_axis_rx_tlast", is_last.into());
            self.model
                .set("s_axis_rx_tuser", u64::from(*bad && is_last));
        }
        self.model.set("rx_room", self.rx_room.into());
        self.model.set("slot_valid", u64::from(self.slots > 0));
        self.model.set("slot_number", self.next_slot % SLOTS);
        self.model.set(
            "slot_addr",
            0x10_0000 + self.next_slot % SLOTS * SLOT_BYTES as u64,
        );
        let stall = self.traffic.stall;
        let event_ready = ready(&mut self.rng, stall);
        self.model.set("event_ready", event_ready);
        let writer_ready = ready(&mut self.rng, stall);
        self.model.set(
            "request_ready",
            u64::from(matches!(self.writer, Writer::Idle)) & writer_ready,
        );
        self.model.set(
            "payload_tready",
            u64::from(matches!(self.writer, Writer::Write { .. })) & writer_ready,
        );
        let responds = matches!(self.writer, Writer::Respond { wait: 0, .. });
        self.model.set("done_valid", responds.into());
        self.model
            .set("done_error", u64::from(responds && self.write_errors > 0));
    }

    fn watch_wire(&mut self) {
        assert!(
            self.model.is_high("s_axis_rx_tready"),
            "the wire is never stalled"
        );
        if self.model.input("s_axis_rx_tvalid") == 0 {
            return;
        }
        if let Some((frame, sent, _)) = self.wire.front_mut() {
            if *sent == 0 {
                self.first_beats.push(self.model.cycle - 1);
            }
            *sent += self.lanes;
            if *sent >= frame.len() {
                self.wire.pop_front();
            }
        }
    }

    fn watch_slots_and_writer(&mut self) {
        if self.model.is_high("slot_take") {
            assert!(self.slots > 0, "a slot was taken that is not there");
            self.slots -= 1;
            self.next_slot += 1;
        }
        let beat: Vec<_> = ["payload_tdata", "payload_tkeep", "payload_tlast"]
            .iter()
            .map(|port| self.model.get_bytes(port))
            .collect();
        let valid = self.model.is_high("payload_tvalid");
        if let Some(waiting) = self.waiting_beat.take() {
            assert!(
                valid && waiting == beat,
                "a payload beat changed while it waited"
            );
        }
        let taken = valid && self.model.input("payload_tready") == 1;
        if valid && !taken {
            self.waiting_beat = Some(beat.clone());
        }
        self.writer = match std::mem::replace(&mut self.writer, Writer::Idle) {
            Writer::Idle
                if self.model.is_high("request_valid")
                    && self.model.input("request_ready") == 1 =>
            {
                let (address, len) = (
                    self.model.get("request_addr"),
                    self.model.get("request_len_bytes") as usize,
                );
                assert!(
                    address >= 0x10_0000
                        && address % SLOT_BYTES as u64 == 0
                        && (1..=SLOT_BYTES).contains(&len)
                );
                Writer::Write {
                    slot: (address - 0x10_0000) / SLOT_BYTES as u64,
                    len,
                    bytes: vec![],
                }
            }
            Writer::Write {
                slot,
                len,
                mut bytes,
            } if taken => {
                let lanes = beat[1].iter().map(|byte| byte.count_ones() as usize).sum();
                bytes.extend_from_slice(&beat[0][..lanes]);
                match beat[2][0] {
                    1 => {
                        assert_eq!(bytes.len(), len, "the writer got what was announced");
                        assert!(!self.model.is_high("payload_tuser"));
                        Writer::Respond {
                            slot,
                            bytes,
                            wait: self.rng.random_range(0..=self.traffic.response_cycles),
                        }
                    }
                    _ => Writer::Write { slot, len, bytes },
                }
            }
            Writer::Respond {
                slot,
                bytes,
                wait: 0,
            } => {
                match self.write_errors {
                    0 => drop(self.memory.insert(slot, bytes)),
                    _ => self.write_errors -= 1,
                }
                Writer::Idle
            }
            Writer::Respond { slot, bytes, wait } => Writer::Respond {
                slot,
                bytes,
                wait: wait - 1,
            },
            other => other,
        };
    }

    fn watch_events(&mut self) {
        if !self.model.is_high("event_valid") {
            // An event that the ring does not take at once joins the queue, and is shown again.
            return;
        }
        let bytes = self.model.get_bytes("event_data");
        let (shown, at) = self
            .waiting_event
            .take()
            .unwrap_or((bytes.clone(), self.model.cycle - 1));
        assert_eq!(shown, bytes, "an event changed while it waited");
        if self.model.input("event_ready") == 0 {
            self.waiting_event = Some((bytes, at));
            return;
        }
        let bytes: [u8; 64] = bytes.try_into().expect("an event has 64 bytes");
        if bytes[0x3e] == EventKind::Address as u8 {
            assert!(self.sack.is_none(), "addresses come before SACK blocks");
            assert!(self.address.replace(AddressEvent::decode(&bytes)).is_none());
            return;
        }
        if bytes[0x3e] == EventKind::Sack as u8 {
            assert!(self.sack.replace(SackEvent::decode(&bytes)).is_none());
            return;
        }
        let event = RxEvent::decode(&bytes);
        let payload = event.has_slot.then(|| {
            self.memory
                .remove(&event.slot.into())
                .expect("the payload is in memory before its event")
        });
        self.received.push(Received {
            event,
            address: self.address.take(),
            sack: self.sack.take(),
            payload,
            at,
        });
    }

    fn watch_counters(&mut self) {
        if self.model.is_high("count_drop") {
            self.count(COUNTERS[self.model.get("count_drop_reason") as usize].name);
        }
        let pulses = [
            ("count_rx_frame", "rx_frames"),
            ("count_bad_frame", "rx_drop_bad_frame"),
            ("count_fifo_overflow", "rx_drop_fifo_overflow"),
            ("count_oversize", "rx_drop_oversize"),
            ("count_flow", "rx_flow"),
            ("count_listen", "rx_listen"),
            ("count_miss", "rx_miss"),
            ("count_raw", "rx_raw"),
            ("count_payload", "rx_payloads"),
        ];
        for (port, name) in pulses {
            if self.model.is_high(port) {
                self.count(name);
            }
        }
    }

    /// Every frame has ended in exactly one counter.
    pub fn assert_counters_add_up(&self) {
        let parts =
            |name: &str| name.starts_with("rx_") && !["rx_frames", "rx_payloads"].contains(&name);
        let sum: u64 = self
            .counters
            .iter()
            .filter(|(name, _)| parts(name))
            .map(|(_, count)| count)
            .sum();
        assert_eq!(sum, self.counter("rx_frames"), "{:?}", self.counters);
    }
}
