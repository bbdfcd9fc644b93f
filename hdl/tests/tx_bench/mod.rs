//! Everything around a transmit path: command queue, payload reader, tables, event queue and MAC, each as slow as the traffic says.
#![allow(dead_code, missing_docs)]

use crate::bench::{beats, Clocked, Receiver, Sender};
use crate::clocked;
use handclasp_hdl::tx::TxPath;
use handclasp_layout::queue::{
    CompletionEvent, FlowCommand, ListenCommand, Opcode, SegmentCommand, Status,
};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;
use std::collections::VecDeque;

clocked! {
    [const W: usize, const K: usize, const S: usize, const A: usize, const N: usize, const J: usize, const M: usize] TxPath<W, K, S, A, N, J, M>;
}

/// How busy the surroundings are.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Chance of an idle cycle before a command or a payload beat.
    pub idle: f64,
    /// Chance of a cycle in which the MAC, the reader, a table or the event queue is not ready.
    pub stall: f64,
    pub seed: u64,
}

/// What lies in memory for a command.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    pub bytes: Vec<u8>,
    /// The bus answers with an error.
    pub error: bool,
}

impl Payload {
    pub fn good(bytes: &[u8]) -> Self {
        Payload {
            bytes: bytes.to_vec(),
            error: false,
        }
    }
}

/// One golden frame.
pub struct Golden {
    pub name: String,
    pub command: SegmentCommand,
    pub payload: Vec<u8>,
    pub frame: Vec<u8>,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

/// The cases of `golden_tx/frames.txt`.
pub fn golden() -> Vec<Golden> {
    include_str!("../golden_tx/frames.txt")
        .lines()
        .map(case)
        .collect()
}

fn case(line: &str) -> Golden {
    let mut words = line.split(' ');
    let name = words.next().unwrap().to_owned();
    let mut command = SegmentCommand {
        opcode: Opcode::Segment as u8,
        ..Default::default()
    };
    let (mut payload, mut frame) = (vec![], vec![]);
    for word in words {
        let (key, value) = word.split_once('=').unwrap();
        let numbers: Vec<u32> = value.split(',').filter_map(|n| n.parse().ok()).collect();
        match key {
            "connection" => command.connection = numbers[0] as u16,
            "seq" => command.seq = numbers[0],
            "ack" => command.ack = numbers[0],
            "tcp_flags" => command.tcp_flags = numbers[0] as u16,
            "window" => command.window = numbers[0] as u16,
            "mss" => (command.has_mss, command.mss) = (true, numbers[0] as u16),
            "window_scale" => {
                (command.has_window_scale, command.window_scale) = (true, numbers[0] as u8)
            }
            "sack_permitted" => command.has_sack_permitted = true,
            "ts_val" => (command.has_timestamps, command.ts_val) = (true, numbers[0]),
            "ts_ecr" => command.ts_ecr = numbers[0],
            "sack" => {
                command.sack_count = (numbers.len() / 2) as u8;
                let mut edges = numbers.into_iter();
                // Blocks beyond the count hold what must not reach the wire.
                let mut edge = || edges.next().unwrap_or(0xdead_beef);
                (command.sack0_left, command.sack0_right) = (edge(), edge());
                (command.sack1_left, command.sack1_right) = (edge(), edge());
                (command.sack2_left, command.sack2_right) = (edge(), edge());
            }
            "payload" => payload = bytes(value),
            "frame" => frame = bytes(value),
            other => panic!("unknown key {other}"),
        }
    }
    Golden {
        name,
        command,
        payload,
        frame,
    }
}

/// The two connections of `golden_tx/make.py`.
pub fn golden_contexts() -> [FlowCommand; 2] {
    let plain = FlowCommand {
        opcode: Opcode::FlowInsert as u8,
        connection: 3,
        remote_ip: 0xc000_0202,
        local_ip: 0xc000_0201,
        remote_port: 80,
        local_port: 49152,
        remote_mac: 0x0211_2233_4455,
        ttl: 64,
        ..Default::default()
    };
    let tagged = FlowCommand {
        connection: 255,
        remote_ip: 0x0a01_feff,
        local_ip: 0x0aff_0001,
        remote_port: 65535,
        local_port: 1,
        remote_mac: 0xfedc_ba98_7654,
        ttl: 255,
        tos: 0xb9,
        has_vlan: true,
        vlan_tci: 0x6abc,
        ..plain
    };
    [plain, tagged]
}

/// Pulses seen.
#[derive(Debug, Default, PartialEq)]
pub struct Counts {
    pub bad_command: usize,
    pub segment: usize,
    pub raw: usize,
    pub frame: usize,
}

/// When things happened, in cycles.
#[derive(Debug, Default)]
pub struct Times {
    pub command_accepted: Vec<usize>,
    pub payload_end_taken: Vec<usize>,
    pub first_beat_shown: Vec<usize>,
    pub last_beat_taken: Vec<usize>,
}

/// What the path asked of the flow or listener table.
#[derive(Clone, Debug, PartialEq)]
pub enum TableCommand {
    Flow {
        remove: bool,
        key: [u8; 12],
        connection: u16,
    },
    Listen {
        remove: bool,
        port: u16,
    },
}

pub struct TxBench<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize> {
    pub uut: TxPath<W, K, S, A, N, 5, 6>,
    pub counts: Counts,
    pub times: Times,
    pub events: Vec<CompletionEvent>,
    pub tables: Vec<TableCommand>,
    /// What the flow table answers.
    pub flow_status: Status,
    /// Cycles in which the event queue takes nothing.
    pub events_blocked_until: usize,
    pub cycle: usize,
    /// Addresses of the payloads that were asked for.
    pub addresses: Vec<u64>,
    pub busy_cycles: usize,
    traffic: Traffic,
    rng: ChaCha8Rng,
    commands: VecDeque<[u8; 64]>,
    command_index: u32,
    command_shown: bool,
    payloads: VecDeque<(u64, Payload)>,
    sender: Sender,
    receiver: Receiver,
    answer: Option<TableCommand>,
    in_frame: bool,
}

impl<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>
    TxBench<W, K, S, A, N>
{
    pub fn new(traffic: Traffic) -> Self {
        let mut uut = TxPath::<W, K, S, A, N, 5, 6>::default();
        uut.connect_all();
        uut.mac.next = 0x02aa_bbcc_dd01.into();
        uut.payload.tkeep.next = Bits::mask();
        uut.reset();
        TxBench {
            uut,
            counts: Counts::default(),
            times: Times::default(),
            events: vec![],
            tables: vec![],
            flow_status: Status::Ok,
            events_blocked_until: 0,
            cycle: 0,
            addresses: vec![],
            busy_cycles: 0,
            traffic,
            rng: ChaCha8Rng::seed_from_u64(traffic.seed),
            commands: VecDeque::new(),
            command_index: Self::FIRST_INDEX,
            command_shown: false,
            payloads: VecDeque::new(),
            sender: Sender::new([], traffic.idle),
            receiver: Receiver::new(traffic.stall),
            answer: None,
            in_frame: false,
        }
    }

    pub fn flows(&mut self, flows: &[FlowCommand]) {
        self.commands.extend(flows.iter().map(|f| f.encode()));
    }

    pub fn listen(&mut self, listen: ListenCommand) {
        self.commands.push_back(listen.encode());
    }

    /// A Segment or Raw with its payload, whose address and length the bench fills in.
    pub fn segment(&mut self, mut command: SegmentCommand, payload: Payload) {
        command.payload_len_bytes = payload.bytes.len() as u32;
        command.payload_addr = self.rng.random();
        if !payload.bytes.is_empty() {
            self.payloads.push_back((command.payload_addr, payload));
        }
        self.command(command.encode());
    }

    /// A command as it is: one for which nothing is read.
    pub fn command(&mut self, command: [u8; 64]) {
        self.commands.push_back(command);
    }

    /// Index of the bench's first command: it wraps within a few commands.
    pub const FIRST_INDEX: u32 = 0xffff_fffe;

    pub fn first_index(&self) -> u32 {
        Self::FIRST_INDEX
    }

    /// Resets the path, and forgets everything around it.
    pub fn reset(&mut self) {
        self.uut.command_valid.next = false;
        self.uut.payload.tvalid.next = false;
        self.uut.flow_done.next = false;
        self.uut.listen_done.next = false;
        self.uut.reset();
        self.commands.clear();
        self.command_shown = false;
        self.payloads.clear();
        self.sender = Sender::new([], self.traffic.idle);
        self.receiver = Receiver::new(self.traffic.stall);
        self.answer = None;
        self.in_frame = false;
    }

    fn stalled(&mut self) -> bool {
        self.rng.random_bool(self.traffic.stall)
    }

    /// Runs until everything has been accepted and has ended.
    pub fn run(&mut self) {
        let mut quiet = 0;
        while quiet < 4 {
            let done = self.commands.is_empty() && !self.uut.busy.val();
            quiet = if done { quiet + 1 } else { 0 };
            self.step();
            assert!(self.cycle < 200_000, "stuck");
        }
        assert!(self.payloads.is_empty(), "a payload was not asked for");
        assert!(self.sender.queue.is_empty(), "a payload was not taken");
    }

    pub fn step(&mut self) {
        if !self.command_shown && !self.commands.is_empty() {
            self.command_shown = !self.rng.random_bool(self.traffic.idle);
        }
        self.uut.command_valid.next = self.command_shown;
        if let Some(command) = self.commands.front().filter(|_| self.command_shown) {
            self.uut.command.next = BigUint::from_bytes_le(command).into();
            self.uut.command_index.next = u64::from(self.command_index).into();
        }
        self.sender.drive(&mut self.uut.payload, &mut self.rng);
        // What lies behind the payload in memory must not reach the wire.
        let kept = self.sender.queue.front().map_or(K, |beat| beat.data.len());
        if kept < K {
            let garbage = Bits::<W>::mask() << (8 * kept as u64);
            self.uut.payload.tdata.next = self.uut.payload.tdata.next | garbage;
        }
        self.receiver.drive(&mut self.uut.m_axis_tx, &mut self.rng);
        // The reader has one request under way, as `dma::Reader`.
        self.uut.payload_request_ready.next = self.sender.queue.is_empty() && !self.stalled();
        self.uut.flow_ready.next = !self.stalled();
        self.uut.listen_ready.next = !self.stalled();
        self.uut.tx_event_ready.next = self.cycle >= self.events_blocked_until && !self.stalled();
        let answer = if self.stalled() {
            None
        } else {
            self.answer.take()
        };
        self.uut.flow_done.next = matches!(answer, Some(TableCommand::Flow { .. }));
        self.uut.flow_status.next = (self.flow_status as u64).into();
        self.uut.listen_done.next = matches!(answer, Some(TableCommand::Listen { .. }));
        self.uut.now.next = (self.cycle as u64).into();
        self.uut.settle();
        self.sample();
        self.uut.tick();
        self.cycle += 1;
    }

    fn sample(&mut self) {
        if self.command_shown && self.uut.command_ready.val() {
            self.commands.pop_front();
            self.command_index = self.command_index.wrapping_add(1);
            self.command_shown = false;
            self.times.command_accepted.push(self.cycle);
        }
        self.busy_cycles += usize::from(self.uut.busy.val());
        let tvalid = self.uut.m_axis_tx.tvalid.val();
        assert!(
            !self.in_frame || tvalid,
            "cycle {}: a gap within a frame: the MAC underruns",
            self.cycle
        );
        if tvalid && !self.in_frame {
            self.times.first_beat_shown.push(self.cycle);
            self.in_frame = true;
        }
        if self.receiver.sample(&self.uut.m_axis_tx) && self.uut.m_axis_tx.tlast.val() {
            self.times.last_beat_taken.push(self.cycle);
            self.in_frame = false;
        }
        if self.sender.sample(&self.uut.payload) && self.uut.payload.tlast.val() {
            self.times.payload_end_taken.push(self.cycle);
        }
        self.sample_request();
        self.sample_tables();
        if self.uut.tx_event_valid.val() && self.uut.tx_event_ready.val() {
            let data = BigUint::from(self.uut.tx_event_data.val()).to_bytes_le();
            let mut event = [0; 64];
            event[..data.len()].copy_from_slice(&data);
            self.events.push(CompletionEvent::decode(&event));
        }
        let counts = &mut self.counts;
        counts.bad_command += usize::from(self.uut.count_bad_command.val());
        counts.segment += usize::from(self.uut.count_segment.val());
        counts.raw += usize::from(self.uut.count_raw.val());
        counts.frame += usize::from(self.uut.count_frame.val());
    }

    fn sample_request(&mut self) {
        if !(self.uut.payload_request_valid.val() && self.uut.payload_request_ready.val()) {
            return;
        }
        let (addr, payload) = self
            .payloads
            .pop_front()
            .expect("a payload that no command has");
        assert_eq!(u64::from(self.uut.payload_request_addr.val()), addr);
        assert_eq!(
            u64::from(self.uut.payload_request_len_bytes.val()) as usize,
            payload.bytes.len()
        );
        self.addresses.push(addr);
        self.sender
            .queue
            .extend(beats(&payload.bytes, K, payload.error));
    }

    fn sample_tables(&mut self) {
        let uut = &self.uut;
        if uut.flow_valid.val() && uut.flow_ready.val() {
            let key = BigUint::from(uut.flow_key.val()).to_bytes_be();
            let mut padded_key = [0; 12];
            padded_key[12 - key.len()..].copy_from_slice(&key);
            self.answer = Some(TableCommand::Flow {
                remove: uut.flow_remove.val(),
                key: padded_key,
                connection: u64::from(uut.flow_connection.val()) as u16,
            });
            self.tables.extend(self.answer.clone());
        }
        if uut.listen_valid.val() && uut.listen_ready.val() {
            self.answer = Some(TableCommand::Listen {
                remove: uut.listen_remove.val(),
                port: u64::from(uut.listen_port.val()) as u16,
            });
            self.tables.extend(self.answer.clone());
        }
    }

    /// The frames that have left whole.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        self.receiver
            .packets()
            .into_iter()
            .map(|(frame, bad)| {
                assert!(!bad, "tuser is never set");
                frame
            })
            .collect()
    }
}
