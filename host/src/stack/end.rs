//! Connections go: out of the NIC's table, into TIME-WAIT, out of memory.

use handclasp_driver::Command;
use handclasp_layout::queue::FlowCommand;

use super::arrival::{Arrival, InSlot};
use super::open::handshake_may_be_over;
use super::slot::{Flow, Owner, Slot};
use super::{Stack, StackError};
use crate::tcp::State;

impl Stack {
    /// Looks at what became of a connection, and takes it a step further towards its end if it is over. False when that
    /// needs room in the command ring.
    pub(super) fn settle(&mut self, now_ns: u64, id: u16) -> Result<bool, StackError> {
        let Some(Some(slot)) = self.slots.get_mut(usize::from(id)) else {
            return Ok(true);
        };
        let (tuple, before) = (slot.tuple, slot.state);
        slot.state = slot.connection.state();
        let after = slot.state;
        self.tell_changed(now_ns, tuple, Some(before), Some(after));
        let Some(Some(slot)) = self.slots.get_mut(usize::from(id)) else {
            return Ok(true);
        };
        handshake_may_be_over(&mut self.listeners, id, slot);
        let is_over = match slot.state {
            State::Closed => true,
            // A socket may still want to read; without one, the connection gives up its id and its memory now.
            State::TimeWait => slot.owner == Owner::Nobody,
            _ => false,
        };
        if !is_over {
            self.deadlines.set(id, slot.connection.deadline());
            return Ok(true);
        }
        match slot.flow {
            Flow::Unknown => {
                self.by_tuple.remove(&tuple);
                self.flow_is_gone(id);
            }
            Flow::Known(_) => {
                if self.nic.command_room() == 0 {
                    return Ok(false);
                }
                let remove = Command::FlowRemove(FlowCommand {
                    lookup: true,
                    want_completion: true,
                    ..tuple.flow_command(id)
                });
                self.submit(&remove)?;
                self.by_tuple.remove(&tuple);
                self.leave(now_ns, id);
            }
            Flow::Leaving => {}
            Flow::Gone => self.free(id),
        }
        Ok(true)
    }

    /// The order to forget the flow is given: the 4-tuple is free for another connection.
    fn leave(&mut self, now_ns: u64, id: u16) {
        let Some(Some(slot)) = self.slots.get_mut(usize::from(id)) else {
            return;
        };
        slot.flow = Flow::Leaving;
        if slot.owner != Owner::Nobody {
            return;
        }
        let Some(slot) = self.slots[usize::from(id)].take() else {
            return;
        };
        self.neighbours.release(slot.next_hop);
        self.leaving[usize::from(id)] = Some(slot.connection.buffers());
        if slot.state == State::TimeWait {
            let deadline_ns = slot.connection.deadline().unwrap_or(now_ns);
            if self.time_waits.insert(deadline_ns, slot) {
                self.statistics.time_wait_dropped += 1;
            }
        } else {
            self.recycle(slot);
        }
    }

    /// The NIC has forgotten the flow, so it no longer reads the send buffer: the id and the memory are free, unless a
    /// socket still looks at what is left.
    pub(super) fn flow_is_gone(&mut self, id: u16) {
        if let Some(buffers) = self
            .leaving
            .get_mut(usize::from(id))
            .and_then(|leaving| leaving.take())
        {
            self.spare_buffers.push(buffers);
            self.free.push(id);
        } else if let Some(slot) = self.slot_mut(id) {
            slot.flow = Flow::Gone;
            self.free(id);
        }
    }

    /// Frees a connection that nobody looks at any more.
    fn free(&mut self, id: u16) {
        let Some(place) = self.slots.get_mut(usize::from(id)) else {
            return;
        };
        let Some(slot) = place.take_if(|slot| slot.owner == Owner::Nobody) else {
            return;
        };
        self.neighbours.release(slot.next_hop);
        self.spare_buffers.push(slot.connection.buffers());
        self.free.push(id);
        self.recycle(slot);
    }

    /// Keeps the slot of a connection that is over for the next one.
    fn recycle(&mut self, slot: Box<Slot>) {
        if self.spare_slots.len() < self.slots.len() {
            self.spare_slots.push(slot);
        }
    }

    /// A segment for a connection in TIME-WAIT that the NIC no longer knows (RFC 9293 3.10.7.4).
    pub(super) fn time_wait_takes(
        &mut self,
        now_ns: u64,
        arrival: &Arrival,
    ) -> Result<(), StackError> {
        let (tuple, segment) = (&arrival.tuple, &arrival.segment);
        let Some(slot) = self.time_waits.get_mut(tuple) else {
            return Ok(());
        };
        // RFC 9293 3.6.1, MAY-2: a SYN above the old connection's numbers begins a new one.
        let listens = self.listeners.contains_key(&tuple.local_port);
        if listens && slot.connection.is_reusable_by(segment) {
            let least = slot.connection.reuse_iss();
            self.time_waits.remove(tuple);
            self.tell_changed(now_ns, *tuple, Some(State::TimeWait), None);
            return self.listener_takes(now_ns, arrival, Some(least));
        }
        let payload = InSlot {
            nic: &self.nic,
            payload: arrival.payload,
        };
        slot.connection.segment_arrives(now_ns, segment, &payload);
        let after = slot.connection.state();
        self.tell(|| arrival.observed(now_ns, Some(State::TimeWait), Some(after)));
        while let Some(answer) = self
            .time_waits
            .get_mut(tuple)
            .and_then(|slot| slot.connection.next_segment(now_ns))
        {
            self.send_without_connection(now_ns, tuple, &answer.segment, Some(after))?;
        }
        if after == State::Closed {
            self.time_waits.remove(tuple);
        }
        Ok(())
    }

    /// Forgets the connections whose TIME-WAIT is over.
    #[inline(never)]
    pub(super) fn expire_time_waits(&mut self, now_ns: u64) {
        while let Some(slot) = self.time_waits.expire(now_ns) {
            self.tell_changed(
                now_ns,
                slot.tuple,
                Some(State::TimeWait),
                Some(State::Closed),
            );
            self.recycle(slot);
        }
    }
}
