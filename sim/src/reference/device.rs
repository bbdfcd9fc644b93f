//! The device behind BAR0: registers, queues, tables and counters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{fence, Ordering};
use std::sync::Arc;

use handclasp_layout::header::{EthernetHeader, MAC_BROADCAST, MTU_BYTES};
use handclasp_layout::queue::{
    CompletionEvent, DropReason, EventKind, FlowCommand, ListenCommand, Opcode, SegmentCommand,
    Status, Verdict, ENTRY_BYTES,
};
use handclasp_layout::register::{
    Access, Capabilities, Control, Counter, NicStatus, CAPABILITIES, COMMAND_BASE_HIGH,
    COMMAND_BASE_LOW, COMMAND_LOG2, COMMAND_PRODUCER, CONNECTIONS, CONTROL, CONTROL_REGISTERS,
    COUNTERS, COUNTER_BASE, EVENT_BASE_HIGH, EVENT_BASE_LOW, EVENT_CONSUMER, EVENT_LOG2,
    INTERRUPT_ARM, LAYOUT_VERSION, LOCAL_IP, MAC_HIGH, MAC_LOW, MAGIC, MAGIC_VALUE, MODERATION_NS,
    QUEUES, QUEUE_ENABLE, QUEUE_REGISTERS, RING_LOG2_MAX, SLOT_BASE_HIGH, SLOT_BASE_LOW,
    SLOT_BYTES, SLOT_LOG2, SLOT_PRODUCER, STATUS, VERSION, WIDTH,
};

use super::build::{build, pad, tcp_header_len, Sender};
use super::decode::{decode, Decoded};
use super::io_space::{IoFault, IoSpace};
use crate::wire::Wire;

/// Commands and frames that one step handles at most.
const STEP_BURST: usize = 64;

/// Entries of the event ring that are kept for completions.
const COMPLETION_ENTRIES: u32 = 4;

/// Entries that one frame needs: its Rx event, and a SACK event before it.
const FRAME_ENTRIES: u32 = 2;

/// Longest frame that the opcode Raw sends: the MTU behind a tagged header.
const RAW_MAX_BYTES: usize = EthernetHeader::SIZE_BYTES + 4 + MTU_BYTES;

/// Width that the register WIDTH shows: there are no data paths here, so it is the smaller one.
const WIDTH_BITS: u32 = 64;

/// Remote and local IPv4 address, remote and local port.
type FlowKey = (u32, u32, u16, u16);

pub(super) struct Device {
    wire: Box<dyn Wire>,
    io: Arc<IoSpace>,
    /// Registers that read what was written, by offset.
    written: BTreeMap<u32, u32>,
    counters: [u32; COUNTERS.len()],
    ready: bool,
    /// A DMA error stopped the queue.
    stopped: bool,
    queue: Queue,
    contexts: Vec<FlowCommand>,
    flows: BTreeMap<FlowKey, u16>,
    listeners: BTreeSet<u16>,
    identification: u16,
    /// Event that an interrupt is armed for.
    armed: Option<u32>,
    /// An interrupt was sent and nobody has taken it.
    interrupt: bool,
    last_interrupt_ns: Option<u64>,
    frame: Vec<u8>,
    payload: Vec<u8>,
}

/// Indices of the queue, all free-running; a rising QUEUE_ENABLE zeroes them.
#[derive(Debug, Clone, Copy, Default)]
struct Queue {
    command_producer: u32,
    command_consumer: u32,
    event_producer: u32,
    event_consumer: u32,
    slot_producer: u32,
    slot_consumer: u32,
}

impl Device {
    pub(super) fn new(wire: Box<dyn Wire>, io: Arc<IoSpace>) -> Self {
        let written = [CONTROL_REGISTERS, QUEUE_REGISTERS]
            .concat()
            .iter()
            .filter(|register| register.access == Access::ReadWrite)
            .map(|register| (register.offset, 0))
            .collect();
        Self {
            wire,
            io,
            written,
            counters: [0; COUNTERS.len()],
            ready: false,
            stopped: false,
            queue: Queue::default(),
            contexts: vec![FlowCommand::default(); CONNECTIONS],
            flows: BTreeMap::new(),
            listeners: BTreeSet::new(),
            identification: 0,
            armed: None,
            interrupt: false,
            last_interrupt_ns: None,
            frame: Vec::new(),
            payload: Vec::new(),
        }
    }

    pub(super) fn read32(&self, offset: u32) -> u32 {
        if offset == MAGIC.offset {
            MAGIC_VALUE
        } else if offset == VERSION.offset {
            LAYOUT_VERSION
        } else if offset == WIDTH.offset {
            WIDTH_BITS
        } else if offset == CAPABILITIES.offset {
            u32::from_le_bytes(
                Capabilities {
                    queues: QUEUES as u8,
                    connections: CONNECTIONS as u16,
                    reserved0: 0,
                }
                .encode(),
            )
        } else if offset == STATUS.offset {
            u32::from_le_bytes(
                NicStatus {
                    ready: self.ready,
                    link_up: true,
                    stopped: self.stopped,
                    busy: self.fetches()
                        && self.queue.command_producer != self.queue.command_consumer,
                    reserved0: 0,
                }
                .encode(),
            )
        } else if let Some(index) = offset.checked_sub(COUNTER_BASE).map(|bytes| bytes / 4) {
            match self.counters.get(index as usize) {
                Some(count) => *count,
                None => self.register(offset),
            }
        } else {
            self.register(offset)
        }
    }

    pub(super) fn write32(&mut self, offset: u32, value: u32) {
        let was_enabled = self.enabled();
        if let Some(register) = self.written.get_mut(&offset) {
            *register = value;
        }
        if offset == QUEUE_ENABLE.offset && !was_enabled && self.enabled() {
            self.queue = Queue::default();
            self.stopped = false;
            self.armed = None;
        } else if offset == COMMAND_PRODUCER.offset {
            self.queue.command_producer = value;
        } else if offset == EVENT_CONSUMER.offset {
            self.queue.event_consumer = value;
        } else if offset == SLOT_PRODUCER.offset {
            self.queue.slot_producer = value;
        } else if offset == INTERRUPT_ARM.offset {
            self.armed = Some(value);
        }
    }

    /// Carries out commands, then takes frames from the wire, a bounded number of each.
    pub(super) fn step(&mut self, now_ns: u64) {
        self.ready = true;
        for _ in 0..STEP_BURST {
            if !self.next_command(now_ns) {
                break;
            }
        }
        for _ in 0..STEP_BURST {
            let mut frame = std::mem::take(&mut self.frame);
            let arrived = self.wire.receive(&mut frame, now_ns);
            if arrived {
                self.receive(&frame, now_ns);
            }
            self.frame = frame;
            if !arrived {
                break;
            }
        }
        self.moderate(now_ns);
    }

    /// When [`Self::step`] is to be called although nothing arrives.
    pub(super) fn deadline(&self, now_ns: u64) -> Option<u64> {
        let interrupt = self.armed_is_written().then(|| self.interrupt_from(now_ns));
        [self.wire.deadline(), interrupt]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether an interrupt was sent since the last call.
    pub(super) fn take_interrupt(&mut self) -> bool {
        std::mem::take(&mut self.interrupt)
    }

    fn register(&self, offset: u32) -> u32 {
        self.written.get(&offset).copied().unwrap_or(0)
    }

    fn base(&self, low: u32, high: u32) -> u64 {
        u64::from(self.register(high)) << 32 | u64::from(self.register(low))
    }

    fn entries(&self, log2: u32) -> u32 {
        1 << self.register(log2).min(RING_LOG2_MAX)
    }

    fn control(&self) -> Control {
        Control::decode(&self.register(CONTROL.offset).to_le_bytes())
    }

    fn enabled(&self) -> bool {
        self.register(QUEUE_ENABLE.offset) & 1 != 0
    }

    fn runs(&self) -> bool {
        self.enabled() && !self.stopped
    }

    fn fetches(&self) -> bool {
        self.runs() && self.control().tx_enable
    }

    fn count(&mut self, counter: Counter) {
        let count = &mut self.counters[counter as usize];
        *count = count.wrapping_add(1);
    }

    // ---- Events ----

    fn event_room(&self) -> u32 {
        let unread = self
            .queue
            .event_producer
            .wrapping_sub(self.queue.event_consumer);
        self.entries(EVENT_LOG2.offset).saturating_sub(unread)
    }

    /// Writes an event whose last byte (the phase) is 0, if there is room.
    fn write_event(&mut self, mut event: [u8; ENTRY_BYTES], now_ns: u64) {
        if self.event_room() == 0 {
            return;
        }
        let entries = self.entries(EVENT_LOG2.offset);
        let index = self.queue.event_producer;
        let base = self.base(EVENT_BASE_LOW.offset, EVENT_BASE_HIGH.offset);
        let address = base + u64::from(index % entries) * ENTRY_BYTES as u64;
        event[ENTRY_BYTES - 1] = u8::from((index / entries) % 2 == 0);
        let (body, last_word) = event.split_at(ENTRY_BYTES - 8);
        let written = self.io.write(address, body).and_then(|()| {
            // Whoever sees the phase sees the rest of the event, and the payload written before it.
            fence(Ordering::Release);
            self.io.write(address + body.len() as u64, last_word)
        });
        match written {
            Ok(()) => {
                self.queue.event_producer = index.wrapping_add(1);
                self.count(Counter::Events);
            }
            Err(fault) => self.stop(Status::WriteError, fault, now_ns),
        }
    }

    /// A DMA error: nothing is fetched and delivered any more, and one last event says so.
    fn stop(&mut self, status: Status, fault: IoFault, now_ns: u64) {
        self.count(match status {
            Status::ReadError => Counter::ReadErrors,
            _ => Counter::WriteErrors,
        });
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        let event = CompletionEvent {
            status: status as u8,
            address: fault.address,
            timestamp: now_ns,
            kind: EventKind::QueueStopped as u8,
            ..CompletionEvent::default()
        };
        self.write_event(event.encode(), now_ns);
    }

    // ---- Interrupts ----

    fn armed_is_written(&self) -> bool {
        // The difference is positive up to half the index space.
        self.armed
            .is_some_and(|index| self.queue.event_producer.wrapping_sub(index) as i32 > 0)
    }

    fn interrupt_from(&self, now_ns: u64) -> u64 {
        let moderation_ns = u64::from(self.register(MODERATION_NS.offset));
        self.last_interrupt_ns
            .map_or(now_ns, |last| last.saturating_add(moderation_ns))
    }

    fn moderate(&mut self, now_ns: u64) {
        if self.armed_is_written() && now_ns >= self.interrupt_from(now_ns) {
            self.armed = None;
            self.interrupt = true;
            self.last_interrupt_ns = Some(now_ns);
            self.count(Counter::Interrupts);
        }
    }

    // ---- Commands ----

    /// Fetches and carries out one command; false when there is none, or no room for its completion.
    fn next_command(&mut self, now_ns: u64) -> bool {
        let index = self.queue.command_consumer;
        if !self.fetches() || index == self.queue.command_producer || self.event_room() == 0 {
            return false;
        }
        let place = index % self.entries(COMMAND_LOG2.offset);
        let base = self.base(COMMAND_BASE_LOW.offset, COMMAND_BASE_HIGH.offset);
        let mut entry = [0; ENTRY_BYTES];
        if let Err(fault) = self
            .io
            .read(base + u64::from(place) * ENTRY_BYTES as u64, &mut entry)
        {
            self.stop(Status::ReadError, fault, now_ns);
            return false;
        }
        self.queue.command_consumer = index.wrapping_add(1);
        self.count(Counter::Commands);

        let result = self.execute(&entry, now_ns);
        let (status, address) = match result {
            Ok(status) => (status, 0),
            Err(fault) => (Status::ReadError, fault.address),
        };
        if status == Status::BadCommand {
            self.count(Counter::BadCommands);
        }
        // Opcode, want_completion and connection (port) lie at the same place in every command.
        let common = SegmentCommand::decode(&entry);
        if common.want_completion || status != Status::Ok {
            let event = CompletionEvent {
                status: status as u8,
                opcode: common.opcode,
                connection: common.connection,
                command_index: index,
                timestamp: now_ns,
                address,
                kind: EventKind::Completion as u8,
                ..CompletionEvent::default()
            };
            self.write_event(event.encode(), now_ns);
        }
        if let Err(fault) = result {
            self.stop(Status::ReadError, fault, now_ns);
        }
        true
    }

    /// The error is a payload that could not be read.
    fn execute(&mut self, entry: &[u8; ENTRY_BYTES], now_ns: u64) -> Result<Status, IoFault> {
        Ok(match Opcode::try_from(entry[0]) {
            Ok(Opcode::Segment) => {
                return self.send_segment(&SegmentCommand::decode(entry), now_ns)
            }
            Ok(Opcode::Raw) => return self.send_raw(&SegmentCommand::decode(entry), now_ns),
            Ok(Opcode::FlowInsert) => self.insert_flow(&FlowCommand::decode(entry)),
            Ok(Opcode::FlowRemove) => self.remove_flow(&FlowCommand::decode(entry)),
            Ok(Opcode::ListenAdd) => {
                self.listeners.insert(ListenCommand::decode(entry).port);
                Status::Ok
            }
            Ok(Opcode::ListenRemove) => {
                self.listeners.remove(&ListenCommand::decode(entry).port);
                Status::Ok
            }
            Err(_) => Status::BadCommand,
        })
    }

    fn read_payload(&mut self, command: &SegmentCommand) -> Result<(), IoFault> {
        self.payload.resize(command.payload_len_bytes as usize, 0);
        if self.payload.is_empty() {
            return Ok(());
        }
        self.io.read(command.payload_addr, &mut self.payload)
    }

    fn mac(&self) -> u64 {
        self.base(MAC_LOW.offset, MAC_HIGH.offset) & MAC_BROADCAST
    }

    fn send_segment(&mut self, command: &SegmentCommand, now_ns: u64) -> Result<Status, IoFault> {
        let Some(context) = self.contexts.get(usize::from(command.connection)).copied() else {
            return Ok(Status::BadCommand);
        };
        if tcp_header_len(command).is_none() {
            return Ok(Status::BadCommand);
        }
        self.read_payload(command)?;
        let sender = Sender {
            context: &context,
            mac: self.mac(),
            identification: self.identification,
        };
        if build(&sender, command, &self.payload, &mut self.frame).is_none() {
            return Ok(Status::BadCommand);
        }
        self.identification = self.identification.wrapping_add(1);
        self.count(Counter::TxSegments);
        self.count(Counter::TxFrames);
        self.wire.send(&self.frame, now_ns);
        Ok(Status::Ok)
    }

    fn send_raw(&mut self, command: &SegmentCommand, now_ns: u64) -> Result<Status, IoFault> {
        let len = command.payload_len_bytes as usize;
        if !(EthernetHeader::SIZE_BYTES..=RAW_MAX_BYTES).contains(&len) {
            return Ok(Status::BadCommand);
        }
        self.read_payload(command)?;
        pad(&mut self.payload);
        self.count(Counter::TxRaw);
        self.count(Counter::TxFrames);
        self.wire.send(&self.payload, now_ns);
        Ok(Status::Ok)
    }

    fn insert_flow(&mut self, command: &FlowCommand) -> Status {
        let Some(context) = self.contexts.get_mut(usize::from(command.connection)) else {
            return Status::BadCommand;
        };
        *context = *command;
        if !command.lookup {
            return Status::Ok;
        }
        let key = flow_key(command);
        if self.flows.len() >= CONNECTIONS && !self.flows.contains_key(&key) {
            return Status::TableFull;
        }
        self.flows.insert(key, command.connection);
        Status::Ok
    }

    fn remove_flow(&mut self, command: &FlowCommand) -> Status {
        if usize::from(command.connection) >= CONNECTIONS {
            return Status::BadCommand;
        }
        if command.lookup && self.flows.remove(&flow_key(command)).is_none() {
            return Status::NotFound;
        }
        Status::Ok
    }

    // ---- Frames ----

    fn receive(&mut self, frame: &[u8], now_ns: u64) {
        self.count(Counter::RxFrames);
        if frame.len() > SLOT_BYTES {
            self.count(Counter::RxDropOversize);
            return;
        }
        let Some(mut decoded) = decode(frame, now_ns) else {
            let runt = Decoded::undecoded(frame.len(), now_ns);
            self.drop_frame(runt, DropReason::Runt, now_ns);
            return;
        };
        match self.judge(&mut decoded) {
            Ok(verdict) => self.deliver(frame, decoded, verdict, now_ns),
            Err(reason) => self.drop_frame(decoded, reason, now_ns),
        }
    }

    /// The verdict, or the first reason to drop; sets the connection id.
    fn judge(&self, decoded: &mut Decoded) -> Result<Verdict, DropReason> {
        let control = self.control();
        let event = &mut decoded.event;
        if !control.rx_enable || !self.runs() {
            return Err(DropReason::Disabled);
        }
        let for_us = decoded.dst_mac == self.mac() || decoded.dst_mac == MAC_BROADCAST;
        if !for_us && !control.promiscuous {
            return Err(DropReason::MacFilter);
        }
        if let Some(flaw) = decoded.flaw_before_ip_filter {
            return Err(flaw);
        }
        let for_us = !event.is_ipv4 || event.dst_ip == self.register(LOCAL_IP.offset);
        if !for_us && !control.promiscuous {
            return Err(DropReason::IpFilter);
        }
        if let Some(flaw) = decoded.flaw_after_ip_filter {
            return Err(flaw);
        }
        let verdict = if decoded.is_raw {
            Verdict::Raw
        } else {
            let key = (event.src_ip, event.dst_ip, event.src_port, event.dst_port);
            match self.flows.get(&key) {
                Some(connection) => {
                    event.connection = *connection;
                    Verdict::Flow
                }
                None if self.listeners.contains(&event.dst_port) => Verdict::Listen,
                None => Verdict::Miss,
            }
        };
        if self.event_room() < COMPLETION_ENTRIES + FRAME_ENTRIES {
            return Err(DropReason::NoEvent);
        }
        let needs_slot = verdict == Verdict::Raw || event.payload_len_bytes > 0;
        if needs_slot && self.queue.slot_producer == self.queue.slot_consumer {
            return Err(DropReason::NoSlot);
        }
        Ok(verdict)
    }

    fn deliver(&mut self, frame: &[u8], mut decoded: Decoded, verdict: Verdict, now_ns: u64) {
        let payload = if verdict == Verdict::Raw {
            decoded.event.payload_len_bytes = decoded.event.frame_len_bytes;
            frame
        } else {
            &frame[decoded.payload.clone()]
        };
        if !payload.is_empty() {
            let slot = self.queue.slot_consumer % self.entries(SLOT_LOG2.offset);
            let base = self.base(SLOT_BASE_LOW.offset, SLOT_BASE_HIGH.offset);
            let address = base + u64::from(slot) * SLOT_BYTES as u64;
            if let Err(fault) = self.io.write(address, payload) {
                self.count(Counter::RxDropDisabled);
                self.stop(Status::WriteError, fault, now_ns);
                return;
            }
            self.queue.slot_consumer = self.queue.slot_consumer.wrapping_add(1);
            self.count(Counter::RxPayloads);
            decoded.event.has_slot = true;
            decoded.event.slot = slot as u16;
        }
        decoded.event.verdict = verdict as u8;
        self.count(match verdict {
            Verdict::Flow => Counter::RxFlow,
            Verdict::Listen => Counter::RxListen,
            Verdict::Miss => Counter::RxMiss,
            Verdict::Raw => Counter::RxRaw,
            // `judge` says drop with an Err.
            Verdict::Drop => return,
        });
        self.write_frame_events(&decoded, now_ns);
    }

    fn drop_frame(&mut self, mut decoded: Decoded, reason: DropReason, now_ns: u64) {
        // Counter n is drop reason n.
        let count = &mut self.counters[reason as usize];
        *count = count.wrapping_add(1);
        let room = self.event_room() >= COMPLETION_ENTRIES + FRAME_ENTRIES;
        if self.control().monitor && self.runs() && room {
            decoded.event.connection = 0;
            decoded.event.verdict = Verdict::Drop as u8;
            decoded.event.drop_reason = reason as u8;
            self.write_frame_events(&decoded, now_ns);
        }
    }

    fn write_frame_events(&mut self, decoded: &Decoded, now_ns: u64) {
        if decoded.event.sack_count > 0 {
            self.write_event(decoded.sack.encode(), now_ns);
        }
        self.write_event(decoded.event.encode(), now_ns);
    }
}

fn flow_key(command: &FlowCommand) -> FlowKey {
    (
        command.remote_ip,
        command.local_ip,
        command.remote_port,
        command.local_port,
    )
}
