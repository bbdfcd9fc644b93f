//! A limit to the ACKs that a stranger's segments can draw from us.

use super::segment::Segment;

/// Length of one count (RFC 5961 7).
const INTERVAL_NS: u64 = 5_000_000_000;
/// Answers in one (RFC 5961 7).
const ANSWERS: u32 = 10;

/// At most 10 answers in 5 s, as RFC 5961 7 suggests; each connection has its own count, since from
/// a common one an attacker could tell what another connection has received.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Throttle {
    since_ns: u64,
    answers: u32,
}

impl Throttle {
    /// One more answer may be given at `now_ns`.
    pub(super) fn allows(&mut self, now_ns: u64) -> bool {
        if now_ns.saturating_sub(self.since_ns) >= INTERVAL_NS {
            *self = Self {
                since_ns: now_ns,
                answers: 0,
            };
        }
        if self.answers >= ANSWERS {
            return false;
        }
        self.answers += 1;
        true
    }

    /// Whether an ACK may answer a segment that is not acceptable. A segment with text or FIN is always answered: its sender
    /// repeats it because our ACK was lost. All others are limited (RFC 5961 7): two ends that disagree about the sequence
    /// numbers would otherwise answer each other without end.
    pub(super) fn allows_answer_to(&mut self, now_ns: u64, segment: &Segment) -> bool {
        let repeats_text = segment.payload_len_bytes > 0 || segment.fin();
        repeats_text && !segment.syn() || self.allows(now_ns)
    }
}
