//! Commands: fetched, carried out in order, completed.

use handclasp_layout::header::{EthernetHeader, VlanTag, MTU_BYTES};
use handclasp_layout::queue::{
    CompletionEvent, EventKind, FlowCommand, ListenCommand, Opcode, SegmentCommand, Status,
    ENTRY_BYTES,
};
use handclasp_layout::register::{Counter, COMMAND_BASE_HIGH, COMMAND_BASE_LOW, COMMAND_LOG2};

use super::{Device, Flow, FlowKey};
use crate::build::{build, pad, tcp_header_len, Sender};
use crate::io_memory::{IoFault, IoMemory};

/// Longest frame that the opcode Raw sends: the MTU behind a tagged header.
const RAW_MAX_BYTES: usize = EthernetHeader::SIZE_BYTES + VlanTag::SIZE_BYTES + MTU_BYTES;

impl Device {
    /// Fetches and carries out one command; false when there is none, or no room for its completion.
    pub(super) fn next_command(&mut self, now_ns: u64) -> bool {
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
            Ok(Opcode::Stream) | Err(_) => Status::BadCommand,
        })
    }

    fn read_payload(&mut self, command: &SegmentCommand) -> Result<(), IoFault> {
        self.payload.resize(command.payload_len_bytes as usize, 0);
        if self.payload.is_empty() {
            return Ok(());
        }
        self.io.read(command.payload_addr, &mut self.payload)
    }

    fn send_segment(&mut self, command: &SegmentCommand, now_ns: u64) -> Result<Status, IoFault> {
        let context = self.contexts.get(usize::from(command.connection));
        let Some(context) = context.copied().flatten() else {
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
        if command.is_ipv6 || command.queue != 0 {
            return Status::BadCommand;
        }
        *context = Some(*command);
        if !command.lookup {
            return Status::Ok;
        }
        let key = flow_key(command);
        if self.flows.len() >= self.flows_max && !self.flows.contains_key(&key) {
            return Status::TableFull;
        }
        let flow = Flow {
            connection: command.connection,
            generation: command.generation,
        };
        self.flows.insert(key, flow);
        Status::Ok
    }

    fn remove_flow(&mut self, command: &FlowCommand) -> Status {
        let Some(context) = self.contexts.get_mut(usize::from(command.connection)) else {
            return Status::BadCommand;
        };
        if command.is_ipv6 || command.queue != 0 {
            return Status::BadCommand;
        }
        *context = None;
        if command.lookup && self.flows.remove(&flow_key(command)).is_none() {
            return Status::NotFound;
        }
        Status::Ok
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
