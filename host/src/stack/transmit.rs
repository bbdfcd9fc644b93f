//! Segments become commands.

use handclasp_driver::Nic;
use handclasp_layout::header::TTL_DEFAULT;
use handclasp_layout::queue::{FlowCommand, SegmentCommand};

use super::nic_ids::NicIds;
use super::slot::{Flow, Headers, Slot};
use super::unresolved::Answer;
use super::{Observation, Observer, Stack, StackError, Tuple, NO_CONNECTION};
use crate::neighbour::{Lookup, Neighbours};
use crate::tcp::{ConnectionError, Outgoing, PlainText, Segment, State};

/// Whether a connection could send all that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All that it had to send is with the NIC, or waits for its neighbour.
    Done,
    /// The command ring is full: what is left stays with the connection, and is sent when there is room.
    RingFull,
    /// As many whole frames as can be are under way: the same for an uncached connection.
    FramesFull,
}

impl Stack {
    /// Gives the NIC what ports, neighbours and connections have to send, as far as the command ring has room.
    #[inline]
    pub(super) fn transmit(&mut self, now_ns: u64) -> Result<(), StackError> {
        let waiting = &self.frame_sender.waiting;
        if self.port_commands.is_empty() && self.dirty.is_empty() && waiting.is_empty() {
            return Ok(());
        }
        self.transmit_all(now_ns)
    }

    /// The user has given the connection new text. It is sent at once when it is all that there is to send; when other
    /// connections wait, or this one has more to do, it is sent in their order. If the device fails here, the next call
    /// says so.
    #[inline]
    pub(super) fn push_text(&mut self, now_ns: u64, id: u32) {
        if let Err(error) = self.try_push_text(now_ns, id) {
            self.fail(&error);
        }
    }

    #[inline(always)]
    fn try_push_text(&mut self, now_ns: u64, id: u32) -> Result<(), StackError> {
        if self.dirty.is_empty() && self.transmit_text(now_ns, id)? {
            return Ok(self.nic.flush_commands()?);
        }
        self.mark_dirty(id);
        self.push(now_ns)
    }

    /// Sends the SYN or SYN+ACK of a new connection: at once, or after the other connections that wait.
    pub(super) fn transmit_syn(&mut self, now_ns: u64, id: u32) -> Result<(), StackError> {
        if !self.dirty.is_empty() || self.transmit_connection(now_ns, id)? != Outcome::Done {
            self.mark_dirty(id);
        }
        Ok(())
    }

    #[inline(never)]
    fn transmit_all(&mut self, now_ns: u64) -> Result<(), StackError> {
        if !self.port_commands.is_empty() && !self.transmit_ports()? {
            return Ok(());
        }
        for _ in 0..self.dirty.len() {
            let Some(id) = self.dirty.pop_front() else {
                break;
            };
            let Some(slot) = self.slots.get_mut(id as usize) else {
                continue;
            };
            slot.dirty = false;
            let (predicts, is_uncached) = (slot.connection.predicts(), slot.is_uncached());
            if predicts && (self.transmit_text(now_ns, id)? || self.transmit_ack(now_ns, id)?) {
                continue;
            }
            if is_uncached && !self.frame_sender.waiting.is_empty() {
                self.wait_for_frames(id);
                continue;
            }
            match self.transmit_connection(now_ns, id)? {
                Outcome::Done => {}
                Outcome::RingFull => {
                    // Behind the others: when there is room, they are next.
                    self.mark_dirty(id);
                    return Ok(());
                }
                Outcome::FramesFull => self.wait_for_frames(id),
            }
        }
        self.transmit_frames(now_ns)
    }

    /// Opens and closes ports. False: the command ring is full.
    #[cold]
    fn transmit_ports(&mut self) -> Result<bool, StackError> {
        while let Some(command) = self.port_commands.front().copied() {
            if self.nic.command_room() == 0 {
                return Ok(false);
            }
            self.nic.submit(&command)?;
            self.port_commands.pop_front();
        }
        Ok(true)
    }

    /// Sends text with nothing in its way. False: `transmit_connection` is to look at what is left.
    #[inline(always)]
    fn transmit_text(&mut self, now_ns: u64, id: u32) -> Result<bool, StackError> {
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return Ok(true);
        };
        let Some(nic_id) = slot.introduced() else {
            return Ok(false);
        };
        while self.nic.command_room() > 0 {
            let Some(text) = slot.connection.next_plain_text(now_ns) else {
                break;
            };
            if text.is_last() {
                self.deadlines.set(id, slot.connection.deadline());
            }
            submit_plain(
                &mut self.nic,
                &mut self.observer,
                now_ns,
                nic_id,
                slot,
                &text,
            )?;
            if text.is_last() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends a bare ACK, if that is all there is to send. False: `transmit_connection` is to look at what is left.
    #[inline(never)]
    pub(super) fn transmit_ack(&mut self, now_ns: u64, id: u32) -> Result<bool, StackError> {
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return Ok(true);
        };
        let Some(nic_id) = slot.introduced().filter(|_| self.nic.command_room() > 0) else {
            return Ok(false);
        };
        let Some(ack) = slot.connection.next_plain_ack(now_ns) else {
            return Ok(false);
        };
        self.deadlines.set(id, slot.connection.deadline());
        submit_plain(
            &mut self.nic,
            &mut self.observer,
            now_ns,
            nic_id,
            slot,
            &ack,
        )?;
        Ok(true)
    }

    #[inline(never)]
    pub(super) fn transmit_connection(
        &mut self,
        now_ns: u64,
        id: u32,
    ) -> Result<Outcome, StackError> {
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return Ok(Outcome::Done);
        };
        if slot.headers_due {
            let (nic, neighbours) = (&mut self.nic, &mut self.neighbours);
            if introduce(nic, &mut self.nic_ids, neighbours, now_ns, id, slot)? == Outcome::RingFull
            {
                return Ok(Outcome::RingFull);
            }
        }
        while matches!(slot.flow, Flow::Known { .. } | Flow::Uncached(_)) {
            if self.nic.command_room() == 0 {
                return Ok(Outcome::RingFull);
            }
            if slot.is_uncached() && !self.frame_sender.has_room() {
                return Ok(Outcome::FramesFull);
            }
            let before = slot.state;
            let Some(outgoing) = &slot.connection.next_segment(now_ns) else {
                break;
            };
            slot.state = slot.connection.state();
            let (tuple, after) = (&slot.tuple, slot.state);
            let states = (Some(before), Some(after));
            let send = slot.connection.send_region();
            let (nic, observer) = (&mut self.nic, &mut self.observer);
            match slot.flow {
                Flow::Known { nic_id, .. } => {
                    let command = outgoing.command(nic_id, send);
                    let segment = outgoing.segment;
                    submit_segment(nic, observer, now_ns, tuple, segment, command, states)?;
                }
                Flow::Uncached(headers) => {
                    let frames = &mut self.frame_sender;
                    if let Some(index) = frames.send(nic, tuple, &headers, outgoing, send)? {
                        tell_sent(observer, now_ns, index, tuple, outgoing.segment, states);
                    }
                }
                _ => {}
            }
            if outgoing.segment.syn() {
                // Until the SYN is acknowledged nothing may follow it, and the connection is not over.
                self.deadlines.set(id, slot.connection.deadline());
                return Ok(Outcome::Done);
            }
        }
        self.settle(now_ns, id).map(|settled| {
            if settled {
                Outcome::Done
            } else {
                Outcome::RingFull
            }
        })
    }

    /// Sends an answer that belongs to no connection, as soon as its next hop's MAC address is known. What cannot be sent is
    /// dropped, as the network might have done.
    pub(super) fn send_without_connection(
        &mut self,
        now_ns: u64,
        answer: &Answer,
    ) -> Result<(), StackError> {
        let Some(next_hop) = self.config.next_hop(answer.tuple.remote_ip) else {
            self.withhold(answer);
            return Ok(());
        };
        if let Some(mac) = self.neighbours.cached(next_hop) {
            return self.send_answer(now_ns, answer, mac);
        }
        let is_asked = self.unresolved.has_room()
            && self.neighbours.lookup(next_hop, now_ns) == Lookup::Pending;
        if is_asked {
            self.unresolved.wait(next_hop, *answer);
        } else {
            self.withhold(answer);
        }
        Ok(())
    }

    fn send_answer(
        &mut self,
        now_ns: u64,
        answer: &Answer,
        remote_mac: u64,
    ) -> Result<(), StackError> {
        let Answer {
            tuple,
            segment,
            state,
        } = answer;
        if self.nic.command_room() < 2 {
            self.withhold(answer);
            return Ok(());
        }
        self.nic.submit_flow_insert(&FlowCommand {
            lookup: false,
            remote_mac,
            ttl: TTL_DEFAULT,
            ..tuple.flow_command(NO_CONNECTION)
        })?;
        let outgoing = Outgoing {
            segment: *segment,
            payload: None,
        };
        // Without payload the memory is not looked at.
        let command = outgoing.command(NO_CONNECTION, self.raw_frames.region());
        let (nic, observer) = (&mut self.nic, &mut self.observer);
        let states = (*state, *state);
        submit_segment(nic, observer, now_ns, tuple, *segment, command, states)?;
        self.statistics.resets_sent += u64::from(segment.rst());
        Ok(())
    }

    fn withhold(&mut self, answer: &Answer) {
        self.statistics.resets_withheld += u64::from(answer.segment.rst());
    }

    /// Sends the ARP requests that are due, and what waited for neighbours that have answered; connections look at those that
    /// changed.
    #[inline]
    pub(super) fn run_neighbours(&mut self, now_ns: u64) -> Result<(), StackError> {
        if self.neighbours.has_news(now_ns) {
            self.tell_of_neighbours(now_ns)?;
        }
        Ok(())
    }

    #[cold]
    fn tell_of_neighbours(&mut self, now_ns: u64) -> Result<(), StackError> {
        while let Some(request) = self.neighbours.next_request(now_ns) {
            self.send_arp(request.dst_mac, &request.packet)?;
        }
        while let Some(ip) = self.neighbours.next_change() {
            let mac = self.neighbours.cached(ip);
            for id in 0..self.slots.len() as u32 {
                let is_its = |slot: &&mut Slot| slot.is_live() && slot.next_hop == ip;
                if let Some(slot) = self.slot_mut(id).filter(is_its) {
                    let before = slot.next_hop_mac;
                    slot.next_hop_mac = mac.or(before);
                    slot.headers_due = true;
                    if before.is_some() && slot.next_hop_mac != before {
                        slot.connection.next_hop_changed(now_ns);
                    }
                    self.mark_dirty(id);
                }
            }
            while let Some(answer) = self.unresolved.take(ip) {
                match mac {
                    Some(mac) => self.send_answer(now_ns, &answer, mac)?,
                    None => self.withhold(&answer),
                }
            }
        }
        Ok(())
    }
}

/// Tells the NIC the connection's headers: as soon as the neighbour's address is known, and again when one changes. Without an id
/// of the NIC, software keeps them.
fn introduce(
    nic: &mut Nic,
    nic_ids: &mut NicIds,
    neighbours: &mut Neighbours,
    now_ns: u64,
    id: u32,
    slot: &mut Slot,
) -> Result<Outcome, StackError> {
    if !slot.is_live() {
        return Ok(Outcome::Done);
    }
    let Some(mac) = slot.next_hop_mac else {
        if neighbours.lookup(slot.next_hop, now_ns) == Lookup::Unreachable {
            slot.fail(ConnectionError::Unreachable);
        }
        return Ok(Outcome::Done);
    };
    let headers = Headers {
        mac,
        ttl: slot.ttl,
        tos: slot.tos,
    };
    if nic.command_room() == 0 {
        return Ok(Outcome::RingFull);
    }
    // The NIC's id, and whether it has it from now on. Else its 4-tuple already stands in the NIC's table.
    let (nic_id, lookup) = match slot.flow {
        Flow::Known { nic_id, .. } => (Some(nic_id), false),
        _ => (nic_ids.take(id, slot.tuple), true),
    };
    let flow = match nic_id {
        Some(nic_id) => Flow::Known { nic_id, headers },
        None => Flow::Uncached(headers),
    };
    if let Some(nic_id) = nic_id.filter(|_| slot.flow != flow) {
        nic.submit_flow_insert(&FlowCommand {
            lookup,
            remote_mac: headers.mac,
            ttl: headers.ttl,
            tos: headers.tos,
            generation: nic_ids.generation(nic_id),
            ..slot.tuple.flow_command(nic_id)
        })?;
    }
    slot.flow = flow;
    slot.headers_due = false;
    Ok(Outcome::Done)
}

/// Gives the NIC a plain segment of a connection, which stays in ESTABLISHED.
#[inline(always)]
fn submit_plain(
    nic: &mut Nic,
    observer: &mut Option<Observer>,
    now_ns: u64,
    nic_id: u16,
    slot: &Slot,
    plain: &PlainText,
) -> Result<(), StackError> {
    let command = plain.command(nic_id, slot.connection.send_region());
    let (tuple, state) = (&slot.tuple, Some(State::Established));
    submit_segment(
        nic,
        observer,
        now_ns,
        tuple,
        plain.header,
        command,
        (state, state),
    )
}

/// Gives the NIC a segment, and tells who watches. `states`: the connection's before and after, for the observer.
#[inline(always)]
fn submit_segment(
    nic: &mut Nic,
    observer: &mut Option<Observer>,
    at_ns: u64,
    tuple: &Tuple,
    segment: impl Into<Segment>,
    mut command: SegmentCommand,
    states: (Option<State>, Option<State>),
) -> Result<(), StackError> {
    // An observer is told when the frame has left. Without one, the completion would be an event for nothing.
    command.want_completion = observer.is_some();
    let command_index = nic.submit_segment(&command)?;
    tell_sent(observer, at_ns, command_index, tuple, segment, states);
    Ok(())
}

/// Tells who watches that the NIC has been given a segment.
#[inline(always)]
fn tell_sent(
    observer: &mut Option<Observer>,
    at_ns: u64,
    command_index: u32,
    tuple: &Tuple,
    segment: impl Into<Segment>,
    (before, after): (Option<State>, Option<State>),
) {
    if let Some(observer) = observer {
        observer(&Observation::Sent {
            at_ns,
            command_index,
            tuple: *tuple,
            segment: segment.into(),
            before,
            after,
        });
    }
}
