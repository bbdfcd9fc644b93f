//! Neighbours: which MAC address an IPv4 address of our network has (ARP, RFC 826).
//!
//! Sans-IO: it is told what arrived and what time it is, and says what to send. Who waits for an address waits
//! elsewhere (a connection that sends nothing yet, or an answer): nothing is queued here, so nothing here can block.
//!
//! ```text
//!              lookup                 answer                 lifetime over, in use
//!   (unknown) --------> Asking ----------------> Known ---------------------------> Checking
//!                         | 3 requests            ^  |  lifetime over, not in use      |  |
//!                         v without answer        |  +---------> (forgotten)           |  |
//!                       Failed                    +------------------------------------+  |
//!                         ^                                   answer                      |
//!                         +---------------------------------------------------------------+
//! ```
//!
//! A packet from another MAC address than the known one (a neighbour that has moved to another machine announces itself so;
//! or a forgery) does not change the address by itself, as RFC 826 would have it. It makes us ask the known address
//! (`Checking`), once a second at most. When that is silent for 300 ms (`RIVAL_NS`), the other one is taken; when it answers,
//! all stays as it was.
//!
//! What an attacker on the same link gains: as long as the neighbour answers, one request a second, and no traffic. When it
//! does not answer, the attacker can take its place, as with ARP anywhere. By answering in the neighbour's name he can keep
//! us from following it to another machine, so that its connections break.

use std::collections::BTreeMap;

use handclasp_layout::header::{ArpPacket, ETHERTYPE_IPV4, MAC_BROADCAST};

/// `operation` of a request.
pub const ARP_REQUEST: u16 = 1;
/// `operation` of a reply.
pub const ARP_REPLY: u16 = 2;

const HARDWARE_ETHERNET: u16 = 1;
const MAC_LEN_BYTES: u8 = 6;
const IP_LEN_BYTES: u8 = 4;
const MAC_GROUP_BIT: u64 = 1 << 40;

/// An address is believed this long; RFC 1122 2.3.2.1 wants a time-out "on the order of a minute".
const LIFETIME_NS: u64 = 60_000_000_000;
/// Wait after the first request, doubled after each: never more than one request a second (RFC 1122 2.3.2.1).
const RETRY_NS: u64 = 1_000_000_000;
/// Requests before an address counts as unreachable.
const REQUESTS: u8 = 3;
/// How long the known MAC address has to answer when another one speaks for the same IPv4 address: far longer than a station
/// needs, and short enough to follow a neighbour to another machine within a second.
const RIVAL_NS: u64 = 300_000_000;
/// An unreachable address is not asked for again for this long.
const HOLD_DOWN_NS: u64 = 3_000_000_000;
/// Addresses kept. Those that connections use (at most one each) are never pushed out.
const CAPACITY: usize = 4096;

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Its MAC address.
    Found(u64),
    /// It is being asked for; [`Neighbours::next_change`] will name it.
    Pending,
    /// Nobody answered.
    Unreachable,
}

/// A request to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Destination of the frame: broadcast, or the MAC address that is being checked.
    pub dst_mac: u64,
    /// The packet.
    pub packet: ArpPacket,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Requests went out, no answer yet.
    Asking { requests: u8 },
    /// Answered less than [`LIFETIME_NS`] ago.
    Known { mac: u64 },
    /// Known, but old or doubted: requests went out, the address is used meanwhile. `rival`: another MAC address that has
    /// spoken for the IPv4 address since.
    Checking {
        mac: u64,
        requests: u8,
        rival: Option<u64>,
    },
    /// Nobody answered.
    Failed,
}

impl State {
    fn mac(self) -> Option<u64> {
        match self {
            Self::Known { mac } | Self::Checking { mac, .. } => Some(mac),
            Self::Asking { .. } | Self::Failed => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    state: State,
    /// When `state` has to be looked at again.
    deadline_ns: u64,
    /// Connections that send to this neighbour.
    users: u32,
    /// A rival makes us ask no earlier than this.
    next_doubt_ns: u64,
}

/// The ARP cache of one interface.
#[derive(Debug)]
pub struct Neighbours {
    mac: u64,
    ip: u32,
    entries: BTreeMap<u32, Entry>,
    /// Addresses that were resolved, changed or failed, to be told to those who send there.
    changed: Vec<u32>,
    /// No entry is due before this.
    next_deadline_ns: u64,
    /// Packets from others that claim our own address.
    conflicts: u64,
}

impl Neighbours {
    /// An empty cache for the interface with these addresses.
    pub fn new(mac: u64, ip: u32) -> Self {
        Self {
            mac,
            ip,
            entries: BTreeMap::new(),
            changed: Vec::with_capacity(CAPACITY),
            next_deadline_ns: u64::MAX,
            conflicts: 0,
        }
    }

    /// How often another station claimed our IPv4 address.
    pub fn conflicts(&self) -> u64 {
        self.conflicts
    }

    /// The MAC address, if it is known: asks nobody.
    pub fn cached(&self, ip: u32) -> Option<u64> {
        self.entries.get(&ip)?.state.mac()
    }

    /// The MAC address, asking for it if it is not known.
    pub fn lookup(&mut self, ip: u32, now_ns: u64) -> Lookup {
        match self.entries.get(&ip).map(|entry| entry.state) {
            Some(State::Known { mac } | State::Checking { mac, .. }) => Lookup::Found(mac),
            Some(State::Asking { .. }) => Lookup::Pending,
            Some(State::Failed) => Lookup::Unreachable,
            None if self.insert(ip, State::Asking { requests: 0 }, now_ns) => Lookup::Pending,
            None => Lookup::Unreachable,
        }
    }

    /// A connection sends to this neighbour from now on: it is asked for its address if that is not known, kept, and checked
    /// when its lifetime is over. Returns the address, if it is known.
    pub fn retain(&mut self, ip: u32, now_ns: u64) -> Option<u64> {
        let Some(entry) = self.entries.get_mut(&ip) else {
            self.insert(ip, State::Asking { requests: 0 }, now_ns);
            self.entries.get_mut(&ip)?.users = 1;
            return None;
        };
        entry.users = entry.users.saturating_add(1);
        entry.state.mac()
    }

    /// A connection that had called [`Neighbours::retain`] is gone.
    pub fn release(&mut self, ip: u32) {
        if let Some(entry) = self.entries.get_mut(&ip) {
            entry.users = entry.users.saturating_sub(1);
        }
    }

    /// A packet arrived (RFC 826, "Packet Reception"). Returns the reply that it asks for, to be sent to
    /// `target_mac`.
    pub fn packet_arrives(&mut self, now_ns: u64, packet: &ArpPacket) -> Option<ArpPacket> {
        let known_kind = packet.hardware_type == HARDWARE_ETHERNET
            && packet.protocol_type == ETHERTYPE_IPV4
            && packet.hardware_len_bytes == MAC_LEN_BYTES
            && packet.protocol_len_bytes == IP_LEN_BYTES
            && matches!(packet.operation, ARP_REQUEST | ARP_REPLY);
        if !known_kind || !is_station(packet.sender_mac) || packet.sender_mac == self.mac {
            return None;
        }
        if packet.sender_ip == self.ip {
            self.conflicts += 1;
            return None;
        }
        let for_us = packet.target_ip == self.ip;
        // A sender of 0.0.0.0 is only probing whether the address is taken (RFC 5227 2.1.1): answered, not learnt.
        if packet.sender_ip != 0 && !is_group(packet.sender_ip) {
            self.learn(now_ns, packet, for_us);
        }
        (for_us && packet.operation == ARP_REQUEST).then_some(ArpPacket {
            operation: ARP_REPLY,
            sender_mac: self.mac,
            sender_ip: self.ip,
            target_mac: packet.sender_mac,
            target_ip: packet.sender_ip,
            ..*packet
        })
    }

    fn learn(&mut self, now_ns: u64, packet: &ArpPacket, for_us: bool) {
        let (ip, mac) = (packet.sender_ip, packet.sender_mac);
        let known = State::Known { mac };
        match self.entries.get(&ip).map(|entry| entry.state) {
            // RFC 826: who asks for us is about to talk to us. Any other stranger is not our business.
            None if for_us && packet.operation == ARP_REQUEST => {
                self.insert(ip, known, now_ns);
            }
            None => return,
            Some(State::Asking { .. } | State::Failed) => self.set(ip, known, now_ns),
            Some(State::Known { mac: old }) if old == mac => {
                if for_us {
                    self.set(ip, known, now_ns);
                }
                return;
            }
            Some(State::Checking { mac: old, .. }) if old == mac => {
                return self.set(ip, known, now_ns)
            }
            Some(State::Known { mac: old } | State::Checking { mac: old, .. }) => {
                return self.doubt(ip, old, mac, now_ns)
            }
        }
        self.mark_changed(ip);
    }

    /// Another MAC address than the known one speaks for the IPv4 address.
    fn doubt(&mut self, ip: u32, mac: u64, rival: u64, now_ns: u64) {
        let Some(entry) = self.entries.get_mut(&ip) else {
            return;
        };
        let requests = match entry.state {
            State::Checking { requests, .. } => requests,
            _ => 0,
        };
        let is_new = matches!(entry.state, State::Known { .. });
        entry.state = State::Checking {
            mac,
            requests,
            rival: Some(rival),
        };
        if is_new {
            // RFC 1122 2.3.2.1: no more than one request a second, however many speak.
            entry.deadline_ns = entry.next_doubt_ns.max(now_ns);
            entry.next_doubt_ns = entry.deadline_ns.saturating_add(RETRY_NS);
        } else if requests > 0 {
            // It has been asked already. A later rival does not put off the end.
            entry.deadline_ns = entry.deadline_ns.min(now_ns.saturating_add(RIVAL_NS));
        }
        self.next_deadline_ns = self.next_deadline_ns.min(entry.deadline_ns);
    }

    /// Whether [`Neighbours::next_request`] or [`Neighbours::next_change`] may have something.
    #[inline]
    pub fn has_news(&self, now_ns: u64) -> bool {
        now_ns >= self.next_deadline_ns || !self.changed.is_empty()
    }

    /// The next request that is due; call until `None`.
    pub fn next_request(&mut self, now_ns: u64) -> Option<Request> {
        while now_ns >= self.next_deadline_ns {
            let due = self
                .entries
                .iter()
                .find(|(_, entry)| entry.deadline_ns <= now_ns)
                .map(|(ip, entry)| (*ip, *entry));
            let Some((ip, entry)) = due else {
                self.find_next_deadline();
                break;
            };
            match entry.state {
                State::Asking { requests } if requests < REQUESTS => {
                    let requests = requests + 1;
                    self.set(ip, State::Asking { requests }, now_ns);
                    return Some(self.request(ip, MAC_BROADCAST));
                }
                // The known address has had its time to answer.
                State::Checking {
                    rival: Some(mac),
                    requests: 1..,
                    ..
                } => {
                    self.set(ip, State::Known { mac }, now_ns);
                    self.mark_changed(ip);
                }
                // The first checks go to the known address alone (RFC 1122 2.3.2.1, unicast poll), the last to all.
                State::Checking {
                    mac,
                    requests,
                    rival,
                } if requests < REQUESTS => {
                    let requests = requests + 1;
                    let checking = State::Checking {
                        mac,
                        requests,
                        rival,
                    };
                    self.set(ip, checking, now_ns);
                    let last = requests == REQUESTS;
                    return Some(self.request(ip, if last { MAC_BROADCAST } else { mac }));
                }
                State::Asking { .. } | State::Checking { .. } => {
                    self.set(ip, State::Failed, now_ns);
                    self.mark_changed(ip);
                }
                State::Known { mac } if entry.users > 0 => {
                    let checking = State::Checking {
                        mac,
                        requests: 0,
                        rival: None,
                    };
                    self.set(ip, checking, now_ns);
                }
                State::Failed if entry.users > 0 => {
                    self.set(ip, State::Asking { requests: 0 }, now_ns);
                }
                State::Known { .. } | State::Failed => {
                    self.entries.remove(&ip);
                }
            }
        }
        None
    }

    /// An address that was resolved, has another MAC address, or failed since the last call; call until `None`.
    pub fn next_change(&mut self) -> Option<u32> {
        self.changed.pop()
    }

    /// When [`Neighbours::next_request`] has something to do.
    pub fn deadline_ns(&self) -> Option<u64> {
        (self.next_deadline_ns != u64::MAX).then_some(self.next_deadline_ns)
    }

    fn request(&self, ip: u32, dst_mac: u64) -> Request {
        Request {
            dst_mac,
            packet: ArpPacket {
                hardware_type: HARDWARE_ETHERNET,
                protocol_type: ETHERTYPE_IPV4,
                hardware_len_bytes: MAC_LEN_BYTES,
                protocol_len_bytes: IP_LEN_BYTES,
                operation: ARP_REQUEST,
                sender_mac: self.mac,
                sender_ip: self.ip,
                target_mac: 0,
                target_ip: ip,
            },
        }
    }

    /// False when there is no room: connections use all the others.
    fn insert(&mut self, ip: u32, state: State, now_ns: u64) -> bool {
        if self.entries.len() >= CAPACITY {
            let oldest = self
                .entries
                .iter()
                .filter(|(_, entry)| entry.users == 0)
                .min_by_key(|(_, entry)| entry.deadline_ns)
                .map(|(ip, entry)| (*ip, entry.state));
            let Some((oldest, state)) = oldest else {
                return false;
            };
            self.entries.remove(&oldest);
            if matches!(state, State::Asking { .. }) {
                // Somebody may wait for it.
                self.mark_changed(oldest);
            }
        }
        let entry = Entry {
            state,
            deadline_ns: 0,
            users: 0,
            next_doubt_ns: 0,
        };
        self.entries.insert(ip, entry);
        self.set(ip, state, now_ns);
        true
    }

    fn set(&mut self, ip: u32, state: State, now_ns: u64) {
        let wait_ns = match state {
            State::Asking { requests: 0 } | State::Checking { requests: 0, .. } => 0,
            State::Checking { rival: Some(_), .. } => RIVAL_NS,
            State::Asking { requests } | State::Checking { requests, .. } => {
                RETRY_NS << (requests - 1)
            }
            State::Known { .. } => LIFETIME_NS,
            State::Failed => HOLD_DOWN_NS,
        };
        if let Some(entry) = self.entries.get_mut(&ip) {
            entry.state = state;
            entry.deadline_ns = now_ns.saturating_add(wait_ns);
            self.next_deadline_ns = self.next_deadline_ns.min(entry.deadline_ns);
        }
    }

    fn find_next_deadline(&mut self) {
        self.next_deadline_ns = self
            .entries
            .values()
            .map(|entry| entry.deadline_ns)
            .min()
            .unwrap_or(u64::MAX);
    }

    fn mark_changed(&mut self, ip: u32) {
        if !self.changed.contains(&ip) && self.changed.len() < CAPACITY {
            self.changed.push(ip);
        }
    }
}

/// Whether a MAC address can be one station's: neither a group's nor zero.
pub fn is_station(mac: u64) -> bool {
    mac & MAC_GROUP_BIT == 0 && mac != 0
}

/// Whether no single host can have this IPv4 address: multicast, reserved, or the limited broadcast.
pub fn is_group(ip: u32) -> bool {
    ip >= 0xe000_0000
}

#[cfg(test)]
mod tests;
