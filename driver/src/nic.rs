//! The NIC: opened, given commands, asked for events. No line here knows which bus it is on.

use std::sync::Arc;

use handclasp_layout::queue::{
    AddressEvent, CompletionEvent, EventKind, FlowCommand, RxEvent, SackEvent, SegmentCommand,
    ENTRY_BYTES,
};
use handclasp_layout::register::{
    Control, CounterInfo, COMMAND_BASE_HIGH, COMMAND_BASE_LOW, COMMAND_LOG2, CONTROL, COUNTERS,
    COUNTER_BASE, EVENT_BASE_HIGH, EVENT_BASE_LOW, EVENT_LOG2, HASH_KEY_0, HASH_KEY_1, HASH_KEY_2,
    HASH_KEY_3, INTERRUPT_ARM, LOCAL_IP, MAC_HIGH, MAC_LOW, MODERATION_NS, MSIX_VECTOR,
    MULTICAST_HIGH, MULTICAST_LOW, QUEUE_ENABLE, SLOT_BASE_HIGH, SLOT_BASE_LOW, SLOT_BYTES_LOG2,
    SLOT_BYTES_LOG2_DEFAULT, SLOT_LOG2,
};

use crate::bus::Bus;
use crate::command_ring::{Command, CommandRing};
use crate::config::NicConfig;
use crate::device::{identify, Device};
use crate::dma::DmaRegion;
use crate::error::{DriverError, Lie};
use crate::event::{self, Completion, Event, Next, Received, Stopped};
use crate::event_ring::EventRing;
use crate::slot_ring::{Payload, SlotRing};

/// Events and slots are given back to the NIC when an eighth (1 / 2^3) of the smaller ring has been read: a doorbell costs
/// more than all else that is done for an event.
const BATCH_LOG2: u32 = 3;

/// An open NIC. Dropping it disables its queue; [`Nic::close`] also says whether that worked.
#[derive(Debug)]
pub struct Nic {
    // The rings are fields after `device`: its drop disables the queue before their memory goes.
    device: Device,
    commands: CommandRing,
    events: EventRing,
    slots: SlotRing,
    /// So many events, and the slots of their payloads, are given back together.
    batch: u32,
    /// A SACK event whose segment's event has not been read yet.
    /// The address event that came last, until its frame comes.
    address: Option<AddressEvent>,
    /// The SACK event that came last, until its frame comes.
    sack: Option<SackEvent>,
    /// The event that was looked at last.
    entry: [u8; ENTRY_BYTES],
    /// The address event of the last segment of no connection.
    address_entry: [u8; ENTRY_BYTES],
    width_bits: u32,
    connections: usize,
    monitor: bool,
}

impl Nic {
    /// Checks that the device is a Handclasp NIC of this layout and idle, waits until it is ready, and enables its queue.
    ///
    /// # Errors
    /// `BadConfig`; `WrongMagic`, `WrongVersion`, `WrongWidth`, `WrongCapabilities` when it is not our device; `NotReady`;
    /// `InUse`; `Bus` when registers or memory cannot be had.
    pub fn open(bus: Arc<dyn Bus>, config: &NicConfig) -> Result<Nic, DriverError> {
        config.check()?;
        let (width_bits, capabilities) = identify(&*bus)?;
        let commands = CommandRing::new(&*bus, config.command_log2)?;
        let events = EventRing::new(&*bus, config.event_log2)?;
        let slots = SlotRing::new(&*bus, config.slot_log2)?;
        for (register, value) in [
            (MAC_LOW, config.mac as u32),
            (MAC_HIGH, (config.mac >> 32) as u32),
            (LOCAL_IP, config.local_ip.to_bits()),
            (HASH_KEY_0, (config.hash_key >> 96) as u32),
            (HASH_KEY_1, (config.hash_key >> 64) as u32),
            (HASH_KEY_2, (config.hash_key >> 32) as u32),
            (HASH_KEY_3, config.hash_key as u32),
            (MULTICAST_LOW, 0),
            (MULTICAST_HIGH, 0),
            (COMMAND_BASE_LOW, commands.iova() as u32),
            (COMMAND_BASE_HIGH, (commands.iova() >> 32) as u32),
            (COMMAND_LOG2, config.command_log2),
            (EVENT_BASE_LOW, events.iova() as u32),
            (EVENT_BASE_HIGH, (events.iova() >> 32) as u32),
            (EVENT_LOG2, config.event_log2),
            (SLOT_BASE_LOW, slots.iova() as u32),
            (SLOT_BASE_HIGH, (slots.iova() >> 32) as u32),
            (SLOT_LOG2, config.slot_log2),
            (SLOT_BYTES_LOG2, SLOT_BYTES_LOG2_DEFAULT as u32),
            (MSIX_VECTOR, config.msix_vector.into()),
            (MODERATION_NS, config.moderation_ns),
        ] {
            bus.write32(register.offset, value)?;
        }

        // From here on the queue runs, and the drop of `device` stops it.
        let mut nic = Nic {
            device: Device::new(bus),
            commands,
            events,
            slots,
            batch: 1 << (config.event_log2.min(config.slot_log2) - BATCH_LOG2),
            address: None,
            sack: None,
            entry: [0; ENTRY_BYTES],
            address_entry: [0; ENTRY_BYTES],
            width_bits,
            connections: 1 << capabilities.connections_log2,
            monitor: config.monitor,
        };
        nic.device.bus.write32(QUEUE_ENABLE.offset, 1)?;
        nic.give_back()?;
        let control = Control {
            rx_enable: true,
            tx_enable: true,
            promiscuous: config.promiscuous,
            monitor: config.monitor,
            quiesce: false,
            reserved0: 0,
        };
        nic.device
            .bus
            .write32(CONTROL.offset, u32::from_le_bytes(control.encode()))?;
        Ok(nic)
    }

    /// The bus, for polling ([`Bus::relax`]) and waiting ([`Bus::wait`]).
    pub fn bus(&self) -> &Arc<dyn Bus> {
        &self.device.bus
    }

    /// Width of the gateware's data paths in bits, 64 or 512.
    pub fn width_bits(&self) -> u32 {
        self.width_bits
    }

    /// Number of connection ids: they are below it.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Memory that the NIC can reach; see [`Bus::allocate`].
    ///
    /// # Errors
    /// [`NoMemory`](crate::BusError::NoMemory).
    pub fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, DriverError> {
        Ok(self.device.bus.allocate(len_bytes)?)
    }

    /// Writes a command into the ring and returns its free-running index; the NIC sees it at the next [`Nic::flush`].
    ///
    /// # Errors
    /// `RingFull`: the command was not taken; nothing is lost.
    #[inline]
    pub fn submit(&mut self, command: &Command) -> Result<u32, DriverError> {
        self.commands.push(command)
    }

    /// As [`Nic::submit`] of a [`Command::Segment`], which nearly every command is.
    ///
    /// # Errors
    /// As for [`Nic::submit`].
    #[inline]
    pub fn submit_segment(&mut self, command: &SegmentCommand) -> Result<u32, DriverError> {
        self.commands.push_segment(command)
    }

    /// As [`Nic::submit`] of a [`Command::FlowInsert`].
    ///
    /// # Errors
    /// As for [`Nic::submit`].
    #[inline]
    pub fn submit_flow_insert(&mut self, command: &FlowCommand) -> Result<u32, DriverError> {
        self.commands.push_flow_insert(command)
    }

    /// Free-running number of commands submitted so far: the index of the next one.
    #[inline]
    pub fn commands(&self) -> u32 {
        self.commands.next_index()
    }

    /// Number of commands that [`Nic::submit`] takes before `RingFull`.
    #[inline]
    pub fn command_room(&self) -> u32 {
        self.commands.room()
    }

    /// Rings the doorbells of whatever moved: commands to carry out; events and slots given back, once there are enough of
    /// them to be worth it.
    ///
    /// Called after every batch of commands and events: what is not given back, the NIC cannot fill.
    ///
    /// # Errors
    /// `Bus`.
    #[inline]
    pub fn flush(&mut self) -> Result<(), DriverError> {
        if self.events.kept() >= self.batch {
            self.give_back()?;
        }
        self.flush_commands()
    }

    /// Gives events and slots back to the NIC.
    #[inline(never)]
    fn give_back(&mut self) -> Result<(), DriverError> {
        let bus = &*self.device.bus;
        // Slots first: a frame that arrives between two doorbells finds its slot.
        self.slots.ring(bus)?;
        self.events.ring(bus)
    }

    /// Rings only the doorbell of the commands: enough for a caller that has submitted commands and read no event.
    ///
    /// # Errors
    /// `Bus`.
    #[inline]
    pub fn flush_commands(&mut self) -> Result<(), DriverError> {
        self.commands.ring(&*self.device.bus)
    }

    /// The next event, if it is a segment and has no SACK blocks, as nearly all events are: a short way for these. Any other event
    /// stays unread, and [`Nic::next_event`] takes it. (That would also have taken this one, at a higher cost.)
    ///
    /// # Errors
    /// As for [`Nic::next_event`].
    #[inline]
    pub fn next_segment(&mut self) -> Result<Next<'_>, DriverError> {
        self.slots.release();
        if !self.events.peek(&mut self.entry)? {
            return Ok(Next::Nothing);
        }
        if self.is_within_frame() || !event::is_right_segment(&self.entry, self.connections) {
            return self.next_stranger();
        }
        let payload = self.accept_slot()?;
        self.events.advance();
        Ok(Next::Segment {
            event: &self.entry,
            payload,
        })
    }

    /// As [`Nic::next_segment`], when the next event is not a segment of a connection.
    #[inline(never)]
    fn next_stranger(&mut self) -> Result<Next<'_>, DriverError> {
        let kind = RxEvent::kind(&self.entry);
        if self.is_within_frame() || kind != EventKind::Address as u8 {
            return Ok(Next::Other);
        }
        self.address_entry = self.entry;
        if !self.events.peek_behind(&mut self.entry)? || !event::is_right_stranger(&self.entry) {
            return Ok(Next::Other);
        }
        let payload = self.accept_slot()?;
        self.events.advance();
        self.events.advance();
        Ok(Next::Stranger { payload })
    }

    /// The event, an [`RxEvent`], that [`Nic::next_segment`] told of last.
    #[inline]
    pub fn last_segment(&self) -> &[u8; ENTRY_BYTES] {
        &self.entry
    }

    /// The address event, an [`AddressEvent`], of the last [`Next::Stranger`].
    #[inline]
    pub fn last_address(&self) -> &[u8; ENTRY_BYTES] {
        &self.address_entry
    }

    /// The next event, if there is one. Reads memory only, no register.
    ///
    /// The payload of the event before is given back: it must have been read by now.
    ///
    /// # Errors
    /// `Lied` when the device broke its datasheet; the event stays unread, so every later call fails as well.
    pub fn next_event(&mut self) -> Result<Option<Event>, DriverError> {
        self.slots.release();
        let index = self.events.next_index();
        let lied = |lie| DriverError::Lied { index, lie };
        if !self.events.peek(&mut self.entry)? {
            return Ok(None);
        }
        let rx = RxEvent::decode(&self.entry);
        let kind = EventKind::try_from(rx.kind).map_err(|kind| lied(Lie::EventKind(kind)))?;
        if kind != EventKind::Rx {
            return self.accept_other(kind).map_err(lied)?.map_or_else(
                // What the event belongs to. A frame has two such events at most, so this goes no deeper.
                || self.next_event(),
                |event| Ok(Some(event)),
            );
        }
        let (has_address, sack) = (self.address.is_some(), self.sack.as_ref());
        let (verdict, drop_reason) =
            event::check(&rx, has_address, sack, self.connections, self.monitor).map_err(lied)?;
        let payload = self.accept_slot()?;
        let (address, sack) = (self.address.take(), self.sack.take());
        self.events.advance();
        let received = Received::new(verdict, drop_reason, &self.entry, payload, address, sack);
        Ok(Some(Event::Rx(received)))
    }

    /// Takes the slot of a frame's event.
    #[inline]
    fn accept_slot(&mut self) -> Result<Payload, DriverError> {
        let entry = &self.entry;
        if !RxEvent::has_slot(entry) {
            return Ok(Payload::NONE);
        }
        let index = self.events.next_index();
        self.slots
            .expect(RxEvent::slot(entry))
            .map_err(|lie| DriverError::Lied { index, lie })?;
        Ok(self.slots.hold(RxEvent::payload_len_bytes(entry)))
    }

    /// An event that belongs to a frame has come, and the frame's own has not.
    #[inline]
    fn is_within_frame(&self) -> bool {
        self.address.is_some() || self.sack.is_some()
    }

    /// Checks an event that is not a frame's own and takes its consequences for the rings; `None` for an address or a SACK event,
    /// which waits for its frame.
    fn accept_other(&mut self, kind: EventKind) -> Result<Option<Event>, Lie> {
        let entry = &self.entry;
        let tears = self.sack.is_some() || (self.address.is_some() && kind != EventKind::Sack);
        if tears && kind != EventKind::QueueStopped {
            return Err(Lie::FrameTorn);
        }
        let event = match kind {
            EventKind::Address => {
                self.address = Some(AddressEvent::decode(entry));
                None
            }
            EventKind::Rx | EventKind::Sack => {
                self.sack = Some(SackEvent::decode(entry));
                None
            }
            EventKind::Completion => {
                let completion = Completion::check(&CompletionEvent::decode(entry))?;
                self.commands.complete(completion.command_index)?;
                Some(Event::Completion(completion))
            }
            EventKind::QueueStopped => {
                let stopped = Stopped::check(&CompletionEvent::decode(entry))?;
                // It may stand where the bus refused one of a frame's events: then that frame is lost.
                (self.address, self.sack) = (None, None);
                Some(Event::Stopped(stopped))
            }
        };
        self.events.advance();
        Ok(event)
    }

    /// Copies bytes of the last event's payload out, from the payload's byte `offset` on.
    ///
    /// # Errors
    /// `PayloadGone` after the next event was asked for; `OutOfRange` beyond the payload's end.
    pub fn read_payload(
        &self,
        payload: &Payload,
        offset: usize,
        out: &mut [u8],
    ) -> Result<(), DriverError> {
        let (region, place) = self.slots.locate(payload, offset, out.len())?;
        Ok(region.read(place, out)?)
    }

    /// Copies bytes of the last event's payload into DMA memory, for instance a socket's receive buffer.
    ///
    /// # Errors
    /// As for [`Nic::read_payload`]; `OutOfRange` also beyond the end of `to`.
    #[inline(always)]
    pub fn copy_payload(
        &self,
        payload: &Payload,
        offset: usize,
        to: &DmaRegion,
        to_offset: usize,
        len_bytes: usize,
    ) -> Result<(), DriverError> {
        let (region, place) = self.slots.locate(payload, offset, len_bytes)?;
        Ok(to.copy_from(to_offset, region, place, len_bytes)?)
    }

    /// Asks for one interrupt as soon as there is an event that has not been read: at once, if there already is one.
    ///
    /// Called before each [`Bus::wait`], so that no event is slept through. It also reads STATUS: that is how a NIC that was
    /// reset or has stopped is noticed, which would send no interrupt. A wait lasts a second at most, so it takes no longer.
    ///
    /// # Errors
    /// `WasReset`, `Halted`; `Bus` when the NIC is gone.
    pub fn arm_interrupt(&self) -> Result<(), DriverError> {
        let bus = &*self.device.bus;
        bus.write32(INTERRUPT_ARM.offset, self.events.next_index())?;
        let status = self.device.status_while_enabled()?;
        // While it is busy, the event that says why it has stopped may be on its way.
        if status.stopped && !status.busy && !self.events.peek(&mut [0; ENTRY_BYTES])? {
            return Err(DriverError::Halted);
        }
        Ok(())
    }

    /// The NIC's counters with their names, in the order of the datasheet.
    ///
    /// # Errors
    /// `Bus`.
    pub fn counters(&self) -> Result<Vec<(CounterInfo, u32)>, DriverError> {
        (COUNTER_BASE..)
            .step_by(4)
            .zip(COUNTERS)
            .map(|(offset, info)| Ok((*info, self.device.bus.read32(offset)?)))
            .collect()
    }

    /// Whether the NIC has a link.
    ///
    /// # Errors
    /// `Bus`.
    pub fn link_up(&self) -> Result<bool, DriverError> {
        Ok(self.device.status()?.link_up)
    }

    /// Disables the queue and waits until the NIC has ended its transfers.
    ///
    /// # Errors
    /// `StillBusy` when it does not end them; `Bus`.
    pub fn close(mut self) -> Result<(), DriverError> {
        self.device.stop()
    }
}
