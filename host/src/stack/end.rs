//! Connections end: the NIC forgets them, some go on in TIME-WAIT, and their ids, slots and memory become free.

use handclasp_driver::Command;
use handclasp_layout::queue::FlowCommand;

use super::arrival::Arrival;
use super::open::handshake_may_be_over;
use super::slot::{Flow, Owner, NO_GENERATION};
use super::unresolved::Answer;
use super::{Stack, StackError};
use crate::tcp::{Reaction, State};

impl Stack {
    /// Looks at what became of a connection, and takes it a step further towards its end if it is over. False when that
    /// needs room in the command ring.
    pub(super) fn settle(&mut self, now_ns: u64, id: u32) -> Result<bool, StackError> {
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return Ok(true);
        };
        let (tuple, before) = (slot.tuple, slot.state);
        slot.state = slot.connection.state();
        let after = slot.state;
        self.tell_changed(now_ns, tuple, Some(before), Some(after));
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return Ok(true);
        };
        handshake_may_be_over(&mut self.listeners, id, slot);
        slot.wake_waiters();
        if slot.owner == Owner::Nobody {
            self.lingering_waiters.wake_all();
        }
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
                self.holders.remove(&tuple);
                slot.flow = Flow::Gone;
                self.free(id);
            }
            Flow::Uncached(_) => {
                self.leave_tuple(id);
                self.frames_may_be_gone(id);
            }
            Flow::Known { nic_id, .. } => {
                if self.nic.command_room() == 0 {
                    return Ok(false);
                }
                self.nic.submit(&Command::FlowRemove(FlowCommand {
                    lookup: true,
                    want_completion: true,
                    ..tuple.flow_command(nic_id)
                }))?;
                self.leave_tuple(id);
            }
            Flow::Gone => self.free(id),
            Flow::Leaving | Flow::Free => {}
        }
        Ok(true)
    }

    /// The connection is over. The NIC carries out commands in order, so another one can have the 4-tuple from now on, unless it
    /// is kept for TIME-WAIT.
    fn leave_tuple(&mut self, id: u32) {
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return;
        };
        slot.flow = Flow::Leaving;
        match slot.connection.time_wait() {
            Some(time_wait) => {
                let dropped = self.holders.wait(slot.tuple, time_wait);
                self.statistics.time_wait_dropped += u64::from(dropped);
            }
            None => self.holders.remove(&slot.tuple),
        }
    }

    /// An uncached connection is over: so it is gone, when its frames have left.
    fn frames_may_be_gone(&mut self, id: u32) {
        if self.frame_sender.is_gone(id) {
            self.connection_is_gone(id);
        }
    }

    /// The NIC has forgotten the flow, so it no longer reads the send buffer, and its id is free.
    pub(super) fn flow_is_gone(&mut self, nic_id: u16) {
        let generation = self.nic_ids.generation(nic_id);
        let id = self.nic_ids.connection(nic_id, generation);
        if self.slot(id).is_some_and(|slot| slot.flow == Flow::Leaving) {
            self.nic_ids.give_back(nic_id);
            self.connection_is_gone(id);
        }
    }

    /// Nothing of the connection is under way any more: the id is free, unless a socket still looks at what is left.
    pub(super) fn connection_is_gone(&mut self, id: u32) {
        if let Some(slot) = self.slot_mut(id).filter(|slot| slot.flow == Flow::Leaving) {
            slot.flow = Flow::Gone;
            self.free(id);
            self.lingering_waiters.wake_all();
        }
    }

    /// Frees an id whose connection is gone, with its slot and memory for the next connection, if nobody looks at it any more.
    fn free(&mut self, id: u32) {
        let Some(slot) = self.slots.get_mut(id as usize) else {
            return;
        };
        if slot.owner == Owner::Nobody {
            slot.flow = Flow::Free;
            slot.generation = NO_GENERATION;
            self.neighbours.release(slot.next_hop);
            self.free.push(id);
        }
    }

    /// A segment for a connection in TIME-WAIT that the NIC no longer knows (RFC 9293 3.10.7.4).
    pub(super) fn time_wait_takes(
        &mut self,
        now_ns: u64,
        arrival: &Arrival,
    ) -> Result<(), StackError> {
        let (tuple, segment) = (&arrival.tuple, &arrival.segment);
        let Some(time_wait) = self.holders.time_wait_mut(tuple) else {
            return Ok(());
        };
        // RFC 9293 3.6.1, MAY-2: a SYN above the old connection's numbers begins a new one.
        let listens = self.listeners.contains_key(&tuple.local_port);
        if listens && time_wait.is_reusable_by(segment) {
            let least = time_wait.reuse_iss();
            self.holders.remove(tuple);
            self.tell_changed(now_ns, *tuple, Some(State::TimeWait), None);
            return self.listener_takes(now_ns, arrival, Some(least));
        }
        let reaction = time_wait.segment_arrives(now_ns, segment, &self.tcp);
        let ack = time_wait.ack(now_ns);
        let after = match reaction {
            Reaction::Over => State::Closed,
            Reaction::Silence | Reaction::Ack => State::TimeWait,
        };
        self.tell(|| arrival.observed(now_ns, Some(State::TimeWait), Some(after)));
        match reaction {
            Reaction::Silence => {}
            Reaction::Ack => {
                let answer = Answer {
                    tuple: *tuple,
                    segment: ack,
                    state: Some(after),
                };
                self.send_without_connection(now_ns, &answer)?;
            }
            Reaction::Over => self.holders.remove(tuple),
        }
        Ok(())
    }

    /// Forgets the connections whose TIME-WAIT is over.
    #[inline(never)]
    pub(super) fn expire_time_waits(&mut self, now_ns: u64) {
        while let Some(tuple) = self.holders.expire(now_ns) {
            let (before, after) = (Some(State::TimeWait), Some(State::Closed));
            self.tell_changed(now_ns, tuple, before, after);
        }
    }
}
