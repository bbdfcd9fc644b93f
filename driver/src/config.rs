//! How a NIC is opened.

use std::net::Ipv4Addr;

use handclasp_layout::register::RING_LOG2_MAX;

use crate::error::DriverError;

/// Smallest ring: log2 of its entries.
const RING_LOG2_MIN: u32 = 3;

/// How to open a NIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NicConfig {
    /// Own MAC address as a 48-bit number, the byte that is sent first on top.
    pub mac: u64,
    /// Own IPv4 address.
    pub local_ip: Ipv4Addr,
    /// Key of the flow table's hash. Random, unless a simulation is to be repeatable.
    pub hash_key: u128,
    /// log2 of the command ring's entries, 3 to 15.
    pub command_log2: u32,
    /// log2 of the event ring's entries, 3 to 15.
    pub event_log2: u32,
    /// log2 of the number of receive slots, 3 to 15.
    pub slot_log2: u32,
    /// MSI-X vector of the queue.
    pub msix_vector: u16,
    /// Shortest time between two interrupts, in units of the NIC's `now` input; 0: as they come.
    pub moderation_ns: u32,
    /// Take frames for every MAC and IP address.
    pub promiscuous: bool,
    /// Report dropped frames as events with the verdict Drop.
    pub monitor: bool,
}

impl NicConfig {
    /// Rings of 256 commands and 512 events, 256 slots (512 KiB), no moderation, own addresses only.
    pub fn new(mac: u64, local_ip: Ipv4Addr, hash_key: u128) -> Self {
        Self {
            mac,
            local_ip,
            hash_key,
            command_log2: 8,
            event_log2: 9,
            slot_log2: 8,
            msix_vector: 0,
            moderation_ns: 0,
            promiscuous: false,
            monitor: false,
        }
    }

    pub(crate) fn check(&self) -> Result<(), DriverError> {
        let (min, max) = (u64::from(RING_LOG2_MIN), u64::from(RING_LOG2_MAX));
        for (name, value, min, max) in [
            ("mac", self.mac, 0, (1 << 48) - 1),
            ("command_log2", self.command_log2.into(), min, max),
            ("event_log2", self.event_log2.into(), min, max),
            ("slot_log2", self.slot_log2.into(), min, max),
        ] {
            if !(min..=max).contains(&value) {
                return Err(DriverError::BadConfig {
                    name,
                    value,
                    min,
                    max,
                });
            }
        }
        Ok(())
    }
}
