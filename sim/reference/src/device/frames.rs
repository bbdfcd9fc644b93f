//! Frames from the wire: judged, delivered or dropped.

use handclasp_layout::header::MAC_BROADCAST;
use handclasp_layout::queue::{AddressEvent, DropReason, Status, Verdict};
use handclasp_layout::register::{
    Counter, HASH_KEY_0, HASH_KEY_1, HASH_KEY_2, HASH_KEY_3, LOCAL_IP, MULTICAST_HIGH,
    MULTICAST_LOW, SLOT_BASE_HIGH, SLOT_BASE_LOW, SLOT_LOG2,
};

use super::Device;
use crate::decode::{decode, Decoded};
use crate::io_memory::IoMemory;

/// Entries of the event ring that are kept for completions.
const COMPLETION_ENTRIES: u32 = 4;

/// Entries that one frame needs: its Rx event, and an address and a SACK event before it.
const FRAME_ENTRIES: u32 = 3;

/// A MAC address with this bit is a group's (IEEE 802.3 3.2.3).
const GROUP_BIT: u64 = 1 << 40;

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
        if event.is_tcp {
            event.rss_hash = toeplitz(self.hash_key(), &decoded.address);
        }
        if usize::from(event.frame_len_bytes) > self.slot_bytes() {
            return Err(DropReason::Oversize);
        }
        if !control.rx_enable || control.quiesce || !self.runs() {
            return Err(DropReason::Disabled);
        }
        let address = &decoded.address;
        let for_us = address.dst_mac == self.mac()
            || address.dst_mac == MAC_BROADCAST
            || self.is_our_group(address.dst_mac);
        if !for_us && !control.promiscuous {
            return Err(DropReason::MacFilter);
        }
        if let Some(flaw) = decoded.flaw_before_ip_filter {
            return Err(flaw);
        }
        let for_us = !event.is_ipv4 || address.dst_ip == self.register(LOCAL_IP.offset);
        if !for_us && !control.promiscuous {
            return Err(DropReason::IpFilter);
        }
        if let Some(flaw) = decoded.flaw_after_ip_filter {
            return Err(flaw);
        }
        let verdict = if decoded.is_raw {
            Verdict::Raw
        } else {
            let key = (
                address.src_ip,
                address.dst_ip,
                address.src_port,
                address.dst_port,
            );
            match self.flows.get(&key) {
                Some(flow) => {
                    event.connection = flow.connection;
                    event.generation = flow.generation;
                    Verdict::Flow
                }
                None if self.listeners.contains(&address.dst_port) => Verdict::Listen,
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
            decoded.event.payload_len_bytes = decoded.event.frame_len_bytes.into();
            frame
        } else {
            &frame[decoded.payload.clone()]
        };
        if !payload.is_empty() {
            let slot = self.queue.slot_consumer % self.entries(SLOT_LOG2.offset);
            let base = self.base(SLOT_BASE_LOW.offset, SLOT_BASE_HIGH.offset);
            let address = base + u64::from(slot) * self.slot_bytes() as u64;
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
        decoded.event.has_address = decoded.event.is_ipv4 && verdict != Verdict::Flow;
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
            decoded.event.generation = 0;
            decoded.event.verdict = Verdict::Drop as u8;
            decoded.event.drop_reason = reason as u8;
            decoded.event.has_address = decoded.event.is_ipv4;
            self.write_frame_events(&decoded, now_ns);
        }
    }

    /// Key of the flow table's hash.
    fn hash_key(&self) -> u128 {
        [HASH_KEY_0, HASH_KEY_1, HASH_KEY_2, HASH_KEY_3]
            .iter()
            .fold(0, |key, word| {
                key << 32 | u128::from(self.register(word.offset))
            })
    }

    /// Whether the multicast filter lets frames to this address pass.
    fn is_our_group(&self, mac: u64) -> bool {
        let bit = crc32(&mac.to_be_bytes()[2..]) >> 26;
        let filter = u64::from(self.register(MULTICAST_LOW.offset))
            | u64::from(self.register(MULTICAST_HIGH.offset)) << 32;
        mac & GROUP_BIT != 0 && filter >> bit & 1 != 0
    }

    fn write_frame_events(&mut self, decoded: &Decoded, now_ns: u64) {
        if decoded.event.has_address {
            self.write_event(decoded.address.encode(), now_ns);
        }
        if decoded.event.sack_count > 0 {
            self.write_event(decoded.sack.encode(), now_ns);
        }
        self.write_event(decoded.event.encode(), now_ns);
    }
}

/// Toeplitz hash of a 4-tuple, its bytes as they stand in the headers: for each bit that is set, the 32 bits of the key from that bit's place on.
fn toeplitz(key: u128, address: &AddressEvent) -> u32 {
    let tuple = u128::from(address.src_ip) << 64
        | u128::from(address.dst_ip) << 32
        | u128::from(address.src_port) << 16
        | u128::from(address.dst_port);
    (0..96)
        .filter(|place| tuple >> (95 - place) & 1 != 0)
        .fold(0, |hash, place| hash ^ (key << place >> 96) as u32)
}

/// CRC-32 of IEEE 802.3 3.2.9, without the complement at its end, its bits in the order in which they are sent: the first is the most significant.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    let mut crc = u32::MAX;
    for byte in bytes {
        for bit in 0..8 {
            let feedback = crc >> 31 ^ u32::from(byte >> bit & 1);
            crc = crc << 1 ^ if feedback != 0 { POLYNOMIAL } else { 0 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microsoft's vectors for "IPv4 with TCP" (Verifying the RSS Hash Calculation); the key's first 128 bits are all that 96 bits of input meet.
    #[test]
    fn the_hash_is_that_of_rss() {
        let key = 0x6d5a_56da_255b_0ec2_4167_253d_43a3_8fb0;
        for (src_ip, src_port, dst_ip, dst_port, hash) in [
            (
                [66, 9, 149, 187],
                2794,
                [161, 142, 100, 80],
                1766,
                0x51cc_c178,
            ),
            (
                [199, 92, 111, 2],
                14230,
                [65, 69, 140, 83],
                4739,
                0xc626_b0ea,
            ),
            (
                [24, 19, 198, 95],
                12898,
                [12, 22, 207, 184],
                38024,
                0x5c2b_394a,
            ),
        ] {
            let address = AddressEvent {
                src_ip: u32::from_be_bytes(src_ip),
                src_port,
                dst_ip: u32::from_be_bytes(dst_ip),
                dst_port,
                ..AddressEvent::default()
            };
            assert_eq!(toeplitz(key, &address), hash);
        }
    }

    /// The check value of CRC-32 is that of the nine digits.
    #[test]
    fn the_crc_is_that_of_ethernet() {
        assert_eq!(!crc32(b"123456789").reverse_bits(), 0xcbf4_3926);
    }
}
