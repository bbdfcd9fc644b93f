//! Initial sequence numbers.

use super::seq::SeqNumber;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// The clock of RFC 9293 MUST-8 ticks every 4 microseconds.
const TICK_NS: u64 = 4_000;

/// Makes initial sequence numbers as RFC 6528 3 says: `ISN = M + F(localip, localport, remoteip, remoteport, secret)`,
/// M a clock, F a keyed hash (SipHash-2-4), so that no one off the path can guess them (RFC 9293 SHLD-1).
#[derive(Clone)]
pub struct IsnGenerator {
    secret: [u8; 16],
}

impl IsnGenerator {
    /// `secret` comes from the system's random numbers, once a start, and is told to no one.
    pub fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// The initial sequence number of a connection opened at `now_ns`; addresses and ports are numbers.
    pub fn isn(&self, now_ns: u64, local: (u32, u16), remote: (u32, u16)) -> SeqNumber {
        // Both terms are taken modulo 2^32 on purpose: M wraps after some 4.8 hours.
        let clock = (now_ns / TICK_NS) as u32;
        SeqNumber(clock.wrapping_add(self.hash(local, remote) as u32))
    }

    /// What the timestamp clock of such a connection begins with: the same for each connection between the same
    /// ends, so that it goes on where the last one's ended (RFC 7323 7.1, RFC 6191).
    pub fn timestamp_offset(&self, local: (u32, u16), remote: (u32, u16)) -> u32 {
        (self.hash(local, remote) >> 32) as u32
    }

    fn hash(&self, local: (u32, u16), remote: (u32, u16)) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write_u32(local.0);
        hasher.write_u16(local.1);
        hasher.write_u32(remote.0);
        hasher.write_u16(remote.1);
        hasher.finish()
    }
}

impl std::fmt::Debug for IsnGenerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret is not for logs.
        f.debug_struct("IsnGenerator").finish_non_exhaustive()
    }
}
