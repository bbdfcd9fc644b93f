//! Events come out of the NIC and find what they are about.

use handclasp_driver::{Completion, Event, Next, Payload, Received};
use handclasp_layout::header::{
    ArpPacket, EthernetHeader, ETHERTYPE_ARP, ETHERTYPE_IPV4, MAC_BROADCAST,
};
use handclasp_layout::queue::{Opcode, RxEvent, Status, Verdict, ENTRY_BYTES};
use handclasp_layout::register::SLOT_BYTES;

use super::arrival::{Arrival, InSlot, PlainArrival};
use super::holders::Holder;
use super::open::handshake_may_be_over;
use super::slot::Slot;
use super::unresolved::Answer;
use super::{Observation, Stack, StackError, Tuple};
use crate::icmp::{self, Message};
use crate::tcp::{self, State};

/// Events taken in one poll at most, so that their answers are sent before more events are taken.
const EVENTS_PER_POLL: usize = 64;

/// VLAN identifier in a tag; 0 only gives a priority (IEEE 802.1Q clause 9.6).
const VLAN_ID_MASK: u16 = 0x0fff;

/// The frame belongs to a VLAN, which nobody here does.
fn is_in_vlan(event: &[u8; ENTRY_BYTES]) -> bool {
    RxEvent::has_vlan(event) && RxEvent::vlan_tci(event) & VLAN_ID_MASK != 0
}

impl Stack {
    /// Takes events; says how many.
    #[inline]
    pub(super) fn take_events(&mut self, now_ns: u64) -> Result<usize, StackError> {
        for count in 0..EVENTS_PER_POLL {
            match self.nic.next_segment()? {
                Next::Nothing => return Ok(count),
                Next::Segment { event, payload } => {
                    let is_tagged = RxEvent::has_vlan(event);
                    let plain = PlainArrival::new(event, payload).filter(|_| !is_tagged);
                    if !plain.is_some_and(|arrival| self.expected_arrives(now_ns, &arrival)) {
                        self.unexpected_arrives(now_ns, payload)?;
                    }
                }
                Next::Stranger { payload } => self.stranger_arrives(now_ns, payload)?,
                Next::Other => self.take_event(now_ns)?,
            }
        }
        Ok(EVENTS_PER_POLL)
    }

    /// Takes an event of any kind.
    #[inline(never)]
    fn take_event(&mut self, now_ns: u64) -> Result<(), StackError> {
        // By reference, where it lies: an event is the largest thing that is handed over here.
        match self.nic.next_event()? {
            None => {}
            Some(Event::Rx(ref received)) => self.frame_arrives(now_ns, received)?,
            Some(Event::Completion(done)) => self.command_done(now_ns, &done),
            Some(Event::Stopped(stopped)) => return Err(StackError::Stopped { stopped }),
        }
        Ok(())
    }

    /// Takes the segment that its connection expects, if it is that: the way of nearly all traffic, in short. False: nothing
    /// was done.
    #[inline]
    fn expected_arrives(&mut self, now_ns: u64, arrival: &PlainArrival) -> bool {
        let id = self.nic_ids.connection(arrival.nic_id, arrival.generation);
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return false;
        };
        let payload = InSlot {
            nic: &self.nic,
            payload: arrival.payload,
        };
        let taken = slot.is_live()
            && slot
                .connection
                .expected_arrives(now_ns, &arrival.segment, &payload);
        if !taken {
            return false;
        }
        slot.wake_waiters();
        let tuple = slot.tuple;
        self.statistics.flow_hits += 1;
        if slot.connection.has_answer() {
            self.mark_dirty(id);
        } else {
            self.deadlines.set(id, slot.connection.deadline());
        }
        self.tell(|| arrival.observed(now_ns, tuple));
        true
    }

    /// Takes the segment that [`Nic::next_segment`] told of last, and that had this payload.
    #[inline(never)]
    fn unexpected_arrives(&mut self, now_ns: u64, payload: Payload) -> Result<(), StackError> {
        let event = self.nic.last_segment();
        if is_in_vlan(event) {
            self.statistics.bad_source += 1;
            return Ok(());
        }
        let Some((id, tuple)) = self.flow_of(event) else {
            self.statistics.stale_flow += 1;
            return Ok(());
        };
        let arrival = Arrival::new(event, tuple, &[], payload);
        self.segment_arrives(now_ns, Some(id), &arrival)
    }

    /// The same of a segment of no connection that the NIC knows.
    #[inline(never)]
    fn stranger_arrives(&mut self, now_ns: u64, payload: Payload) -> Result<(), StackError> {
        let event = self.nic.last_segment();
        if is_in_vlan(event) {
            self.statistics.bad_source += 1;
            return Ok(());
        }
        let tuple = Tuple::from_event(self.nic.last_address());
        let arrival = Arrival::new(event, tuple, &[], payload);
        self.segment_arrives(now_ns, None, &arrival)
    }

    /// The connection and the 4-tuple that the NIC's table had for a segment with the verdict Flow; `None` when its id is another
    /// connection's by now.
    fn flow_of(&self, event: &[u8; ENTRY_BYTES]) -> Option<(u32, Tuple)> {
        let (nic_id, generation) = (RxEvent::connection(event), RxEvent::generation(event));
        let tuple = self.nic_ids.tuple(nic_id, generation)?;
        Some((self.nic_ids.connection(nic_id, generation), tuple))
    }

    #[inline(never)]
    fn frame_arrives(&mut self, now_ns: u64, received: &Received) -> Result<(), StackError> {
        let event = received.entry();
        if is_in_vlan(event) {
            self.statistics.bad_source += 1;
            return Ok(());
        }
        match received.verdict {
            Verdict::Flow | Verdict::Listen | Verdict::Miss => {
                let found = match received.address() {
                    Some(address) => Some((None, address.into())),
                    None => self.flow_of(event).map(|(id, tuple)| (Some(id), tuple)),
                };
                let Some((id, tuple)) = found else {
                    self.statistics.stale_flow += 1;
                    return Ok(());
                };
                let sack = received.sack_blocks();
                let arrival = Arrival::new(event, tuple, sack, received.payload);
                self.segment_arrives(now_ns, id, &arrival)
            }
            Verdict::Raw => self.raw_frame_arrives(now_ns, received),
            Verdict::Drop => Ok(()),
        }
    }

    /// `found`: the connection that the NIC's table has for it.
    fn segment_arrives(
        &mut self,
        now_ns: u64,
        found: Option<u32>,
        arrival: &Arrival,
    ) -> Result<(), StackError> {
        let tuple = &arrival.tuple;
        // The NIC's answer is checked against ours: the connection may have gone since.
        let is_its = |slot: &Slot| slot.is_live() && slot.tuple == *tuple;
        if let Some(id) = found.filter(|id| self.slot(*id).is_some_and(is_its)) {
            self.statistics.flow_hits += 1;
            return self.connection_takes(now_ns, id, arrival);
        }
        // RFC 9293 MUST-57, MUST-63: nothing from or to an address that is not one host's, and nothing from ourselves.
        if tuple.local_ip != self.config.ip.to_bits()
            || tuple.remote_ip == tuple.local_ip
            || !self.config.is_host(tuple.remote_ip)
        {
            self.statistics.bad_source += 1;
            return Ok(());
        }
        // Listen and Miss may be older than a FlowInsert that waits in the queue, or the NIC's table may be full, or it has no id
        // for the connection.
        match self.holders.get(tuple) {
            Some(Holder::Connection(id)) => {
                self.statistics.flow_misses += 1;
                self.connection_takes(now_ns, id, arrival)?;
                self.offer_nic_id(id);
                Ok(())
            }
            Some(Holder::TimeWait(_)) => self.time_wait_takes(now_ns, arrival),
            None => self.listener_takes(now_ns, arrival, None),
        }
    }

    fn connection_takes(
        &mut self,
        now_ns: u64,
        id: u32,
        arrival: &Arrival,
    ) -> Result<(), StackError> {
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return Ok(());
        };
        let before = slot.state;
        let payload = InSlot {
            nic: &self.nic,
            payload: arrival.payload,
        };
        slot.connection
            .segment_arrives(now_ns, &arrival.segment, &payload);
        slot.state = slot.connection.state();
        let after = slot.state;
        handshake_may_be_over(&mut self.listeners, id, slot);
        slot.wake_waiters();
        let opened = slot.connection.predicts();
        let has_answer = !opened || slot.connection.has_answer();
        if !has_answer {
            self.deadlines.set(id, slot.connection.deadline());
        }
        self.tell(|| arrival.observed(now_ns, Some(before), Some(after)));
        let at_once = opened && self.dirty.is_empty();
        if has_answer && !(at_once && self.transmit_ack(now_ns, id)?) {
            self.mark_dirty(id);
        }
        Ok(())
    }

    /// A connection that only the stack's table knows is in use: it gets an id of the NIC, if one has become free.
    fn offer_nic_id(&mut self, id: u32) {
        let has_free = self.nic_ids.has_free();
        let wants = |slot: &&mut Slot| slot.is_uncached() && slot.state == State::Established;
        if let Some(slot) = self.slot_mut(id).filter(wants).filter(|_| has_free) {
            slot.headers_due = true;
            self.mark_dirty(id);
        }
    }

    /// A segment of no connection, to no listener (RFC 9293 3.10.7.1).
    pub(super) fn nobody_takes(
        &mut self,
        now_ns: u64,
        arrival: &Arrival,
    ) -> Result<(), StackError> {
        self.tell(|| arrival.observed(now_ns, None, None));
        match tcp::answer_unmatched(&arrival.segment) {
            Some(reset) if self.reset_limit.allows(now_ns) => {
                let answer = Answer {
                    tuple: arrival.tuple,
                    segment: reset,
                    state: None,
                };
                self.send_without_connection(now_ns, &answer)?;
            }
            Some(_) => self.statistics.resets_withheld += 1,
            None => {}
        }
        Ok(())
    }

    /// A frame that is not TCP: ARP, or ICMP. Anything else is not for us.
    fn raw_frame_arrives(&mut self, now_ns: u64, received: &Received) -> Result<(), StackError> {
        let len = received.payload.len_bytes().min(SLOT_BYTES);
        self.nic
            .read_payload(&received.payload, 0, &mut self.frame[..len])?;
        // A priority tag is taken out: behind it the frame is like any other.
        let tag = if RxEvent::has_vlan(received.entry()) {
            4
        } else {
            0
        };
        if len < EthernetHeader::SIZE_BYTES + tag {
            return Ok(());
        }
        self.frame.copy_within(12 + tag..len, 12);
        let len = len - tag;
        let Some(header) = self.frame.first_chunk() else {
            return Ok(());
        };
        match EthernetHeader::decode(header).ethertype {
            ETHERTYPE_ARP => self.arp_arrives(now_ns, len),
            ETHERTYPE_IPV4 => self.icmp_arrives(len),
            _ => Ok(()),
        }
    }

    fn arp_arrives(&mut self, now_ns: u64, len: usize) -> Result<(), StackError> {
        let packet = self.frame[..len]
            .get(EthernetHeader::SIZE_BYTES..)
            .and_then(|rest| rest.first_chunk());
        let Some(packet) = packet.map(ArpPacket::decode) else {
            return Ok(());
        };
        match self.neighbours.packet_arrives(now_ns, &packet) {
            Some(reply) => self.send_arp(reply.target_mac, &reply),
            None => Ok(()),
        }
    }

    fn icmp_arrives(&mut self, len: usize) -> Result<(), StackError> {
        match icmp::parse(&self.frame[..len], self.config.ip.to_bits()) {
            Some(Message::EchoRequest) => {
                if let Some(len) = icmp::echo_reply(&mut self.frame[..len], self.config.mac) {
                    self.send_frame(len)?;
                }
            }
            Some(Message::Error(error)) => self.icmp_error_arrives(&error),
            None => {}
        }
        Ok(())
    }

    /// Sends an ARP packet.
    pub(super) fn send_arp(&mut self, dst_mac: u64, packet: &ArpPacket) -> Result<(), StackError> {
        debug_assert!(dst_mac == MAC_BROADCAST || crate::neighbour::is_station(dst_mac));
        let header = EthernetHeader {
            dst_mac,
            src_mac: self.config.mac,
            ethertype: ETHERTYPE_ARP,
        };
        let end = EthernetHeader::SIZE_BYTES + ArpPacket::SIZE_BYTES;
        self.frame[..EthernetHeader::SIZE_BYTES].copy_from_slice(&header.encode());
        self.frame[EthernetHeader::SIZE_BYTES..end].copy_from_slice(&packet.encode());
        self.send_frame(end)
    }

    /// Sends the first `len` bytes of `self.frame`.
    fn send_frame(&mut self, len: usize) -> Result<(), StackError> {
        let sent = self.raw_frames.send(&mut self.nic, &self.frame[..len])?;
        self.statistics.raw_not_sent += u64::from(sent.is_none());
        Ok(())
    }

    /// A command, and all before it, was carried out or refused.
    fn command_done(&mut self, now_ns: u64, completion: &Completion) {
        self.raw_frames.completed(completion.command_index);
        self.frames_have_left(completion.command_index);
        self.tell(|| Observation::Left {
            at_ns: now_ns,
            device_time: completion.timestamp,
            command_index: completion.command_index,
        });
        match (completion.opcode, completion.status) {
            // NotFound: the table had been full when the flow was inserted.
            (Opcode::FlowRemove, _) => self.flow_is_gone(completion.connection),
            (Opcode::FlowInsert, Status::TableFull) => self.statistics.flows_not_offloaded += 1,
            (_, Status::Ok) => {}
            _ => self.statistics.commands_refused += 1,
        }
    }
}
