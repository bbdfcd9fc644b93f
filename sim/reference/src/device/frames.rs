//! Frames from the wire: judged, delivered or dropped.

use handclasp_layout::header::MAC_BROADCAST;
use handclasp_layout::queue::{DropReason, Status, Verdict};
use handclasp_layout::register::{
    Counter, LOCAL_IP, SLOT_BASE_HIGH, SLOT_BASE_LOW, SLOT_BYTES, SLOT_LOG2,
};

use super::Device;
use crate::decode::{decode, Decoded};
use crate::io_memory::IoMemory;

/// Entries of the event ring that are kept for completions.
const COMPLETION_ENTRIES: u32 = 4;

/// Entries that one frame needs: its Rx event, and a SACK event before it.
const FRAME_ENTRIES: u32 = 2;

impl Device {
    pub(super) fn receive(&mut self, frame: &[u8], now_ns: u64) {
        self.count(Counter::RxFrames);
        // The length that events tell ends here.
        let frame = &frame[..frame.len().min(usize::from(u16::MAX))];
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
        if usize::from(event.frame_len_bytes) > SLOT_BYTES {
            return Err(DropReason::Oversize);
        }
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
