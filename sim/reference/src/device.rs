//! The device behind BAR0: registers, queues, tables and counters.
//!
//! What it does with commands is in [`commands`], what with frames in [`frames`]; events and interrupts of both are here.

mod commands;
mod frames;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{fence, Ordering};
use std::sync::Arc;

use handclasp_layout::header::MAC_BROADCAST;
use handclasp_layout::queue::{CompletionEvent, EventKind, FlowCommand, Status, ENTRY_BYTES};
use handclasp_layout::register::{
    Access, Capabilities, Control, Counter, NicStatus, CAPABILITIES, COMMAND_PRODUCER, CONTROL,
    CONTROL_REGISTERS, COUNTERS, COUNTER_BASE, EVENT_BASE_HIGH, EVENT_BASE_LOW, EVENT_CONSUMER,
    EVENT_LOG2, INTERRUPT_ARM, LAYOUT_VERSION, MAC_HIGH, MAC_LOW, MAGIC, MAGIC_VALUE,
    MODERATION_NS, QUEUES, QUEUE_ENABLE, QUEUE_REGISTERS, RING_LOG2_MAX, SLOT_BYTES_LOG2,
    SLOT_BYTES_LOG2_DEFAULT, SLOT_BYTES_LOG2_MAX, SLOT_PRODUCER, STATUS, VERSION, WIDTH,
};

use crate::io_memory::{IoFault, IoMemory};
use crate::io_space::IoSpace;
use crate::Tables;
use handclasp_wires::Wire;

/// Commands and frames that one step handles at most.
const STEP_BURST: usize = 64;

/// Width that the register WIDTH shows: there are no data paths here, so it is the smaller one.
const WIDTH_BITS: u32 = 64;

/// Whose a 4-tuple is.
#[derive(Debug, Clone, Copy)]
struct Flow {
    connection: u16,
    generation: u8,
}

/// Remote and local IPv4 address, remote and local port.
type FlowKey = (u32, u32, u16, u16);

pub(crate) struct Device {
    wire: Box<dyn Wire>,
    io: Arc<IoSpace>,
    /// Registers that read what was written, by offset.
    written: BTreeMap<u32, u32>,
    counters: [u32; COUNTERS.len()],
    ready: bool,
    /// A DMA error stopped the queue.
    stopped: bool,
    queue: Queue,
    /// By connection id; none where none is inserted.
    contexts: Vec<Option<FlowCommand>>,
    flows: BTreeMap<FlowKey, Flow>,
    /// Most `flows`.
    flows_max: usize,
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
    pub(super) fn new(wire: Box<dyn Wire>, io: Arc<IoSpace>, tables: Tables) -> Self {
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
            contexts: vec![None; tables.connections],
            flows: BTreeMap::new(),
            flows_max: tables.flows,
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
                    connections_log2: self.contexts.len().ilog2() as u8,
                    slot_bytes_log2_max: SLOT_BYTES_LOG2_MAX as u8,
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
                    busy: self.is_busy(),
                    quiesced: self.control().quiesce && !self.is_busy(),
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

    fn mac(&self) -> u64 {
        self.base(MAC_LOW.offset, MAC_HIGH.offset) & MAC_BROADCAST
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
        self.runs() && self.control().tx_enable && !self.control().quiesce
    }

    /// Commands are waiting to be fetched.
    fn is_busy(&self) -> bool {
        self.fetches() && self.queue.command_producer != self.queue.command_consumer
    }

    /// Size of a receive slot.
    fn slot_bytes(&self) -> usize {
        let log2 = self.register(SLOT_BYTES_LOG2.offset) as usize;
        let allowed = SLOT_BYTES_LOG2_DEFAULT..=SLOT_BYTES_LOG2_MAX;
        1 << if allowed.contains(&log2) {
            log2
        } else {
            SLOT_BYTES_LOG2_DEFAULT
        }
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
        event[ENTRY_BYTES - 1] = u8::from((index / entries).is_multiple_of(2));
        let (body, last_word) = event.split_at(ENTRY_BYTES - 8);
        let written = self.io.write(address, body).and_then(|()| {
            // A host that sees the new phase also sees the rest of the event, and the payload written before it.
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
}
