//! The timestamps option (RFC 7323).

use super::seq::SeqNumber;

/// The timestamp clock ticks every millisecond (RFC 7323 5.4: between 1 ms and 1 s).
const TICK_NS: u64 = 1_000_000;

/// TS.Recent is not trusted after 24 days: the peer's clock may have wrapped (RFC 7323 5.5).
const RECENT_VALID_NS: u64 = 24 * 24 * 3600 * 1_000_000_000;

/// Timestamps of one connection, once they are negotiated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timestamps {
    /// Our clock begins anywhere, so that it tells nothing about this machine (RFC 7323 7.1).
    offset: u32,
    recent: u32,
    recent_at_ns: u64,
    /// The SYN of the peer has given us TS.Recent.
    has_recent: bool,
}

impl Timestamps {
    pub(super) fn new(offset: u32) -> Self {
        Self {
            offset,
            recent: 0,
            recent_at_ns: 0,
            has_recent: false,
        }
    }

    /// Our clock at `now_ns`.
    fn clock(&self, now_ns: u64) -> u32 {
        // Modulo 2^32 on purpose.
        ((now_ns / TICK_NS) as u32).wrapping_add(self.offset)
    }

    /// TSval and TSecr of a segment sent now.
    pub(super) fn option(&self, now_ns: u64) -> (u32, u32) {
        (self.clock(now_ns), self.recent)
    }

    /// TS.Recent.
    pub(super) fn recent(&self) -> u32 {
        self.recent
    }

    /// PAWS (RFC 7323 5.3 R1): a TSval before TS.Recent belongs to an old duplicate.
    pub(super) fn is_old(&self, now_ns: u64, ts_val: u32) -> bool {
        SeqNumber(ts_val).lt(SeqNumber(self.recent))
            && self.has_recent
            && now_ns.saturating_sub(self.recent_at_ns) < RECENT_VALID_NS
    }

    /// An acceptable segment that covers what we acknowledged last brought `ts_val` (RFC 7323 4.3 (2), 5.3 R3).
    pub(super) fn accept(&mut self, now_ns: u64, ts_val: u32) {
        self.recent = ts_val;
        self.recent_at_ns = now_ns;
        self.has_recent = true;
    }

    /// Time since we sent the TSval that comes back as `ts_ecr` (RFC 7323 4.1); `None` when it cannot be ours.
    pub(super) fn elapsed_ns(&self, now_ns: u64, ts_ecr: u32) -> Option<u64> {
        let ticks = self.clock(now_ns).wrapping_sub(ts_ecr);
        // A negative difference, or one that no segment lives through, is nonsense.
        (ticks < 1 << 30).then(|| u64::from(ticks).max(1) * TICK_NS)
    }
}
