//! Initial sequence numbers, and where timestamp clocks begin.

use super::seq::SeqNumber;
use siphasher::sip::SipHasher24;

/// The clock of RFC 9293 MUST-8 ticks every 4 microseconds.
const TICK_NS: u64 = 4_000;

/// Where a connection's numbers begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The initial sequence number.
    pub iss: SeqNumber,
    /// What the timestamp clock begins with (RFC 7323 7.1).
    pub timestamp_offset: u32,
}

/// Makes initial sequence numbers as RFC 6528 3 says: `ISN = M + F(localip, localport, remoteip, remoteport, secret)`,
/// M a clock, F a keyed hash (SipHash-2-4), so that no one off the path can guess them (RFC 9293 SHLD-1). Fewer rounds would
/// save a few dozen instructions a connection, and the margin that an attacker who collects sequence numbers is up against.
#[derive(Clone)]
pub struct IsnGenerator {
    /// With the secret in it.
    hasher: SipHasher24,
}

impl IsnGenerator {
    /// `secret` comes from the system's random numbers, once a start, and is told to no one.
    pub fn new(secret: [u8; 16]) -> Self {
        Self {
            hasher: SipHasher24::new_with_key(&secret),
        }
    }

    /// What a connection opened at `now_ns` begins with: its initial sequence number, and its timestamp clock, which for the
    /// same ends goes on where that of their last connection ended (RFC 7323 7.1, RFC 6191). Addresses and ports are
    /// numbers.
    pub fn begin(&self, now_ns: u64, local: (u32, u16), remote: (u32, u16)) -> Beginning {
        let mut ends = [0; 12];
        ends[..4].copy_from_slice(&local.0.to_ne_bytes());
        ends[4..6].copy_from_slice(&local.1.to_ne_bytes());
        ends[6..10].copy_from_slice(&remote.0.to_ne_bytes());
        ends[10..].copy_from_slice(&remote.1.to_ne_bytes());
        let hash = self.hasher.hash(&ends);
        // Both terms are taken modulo 2^32 on purpose: M wraps after some 4.8 hours.
        let clock = (now_ns / TICK_NS) as u32;
        Beginning {
            iss: SeqNumber(clock.wrapping_add(hash as u32)),
            timestamp_offset: (hash >> 32) as u32,
        }
    }
}

impl std::fmt::Debug for IsnGenerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret is not for logs.
        f.debug_struct("IsnGenerator").finish_non_exhaustive()
    }
}
