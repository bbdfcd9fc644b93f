//! Whether a segment is one of the connection's and no old duplicate: what RFC 9293 3.10.7.4 checks first, and PAWS
//! (RFC 7323 5.3) before that. It is the same in all states in which the peer's sequence numbers are known.

use super::segment::Segment;
use super::seq::SeqNumber;
use super::timestamps::Timestamps;

/// What the sequence numbers of arriving segments are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// RCV.NXT.
    pub(super) nxt: SeqNumber,
    /// RCV.NXT + RCV.WND.
    pub(super) edge: SeqNumber,
    /// Last.ACK.sent (RFC 7323 4.3).
    pub(super) last_ack_sent: SeqNumber,
}

/// What is to be done with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acceptance {
    /// The next steps look at it.
    Acceptable,
    /// It is dropped, and answered as far as [`Throttle::allows_answer_to`](super::throttle::Throttle) lets it.
    Answered,
    /// It is dropped.
    Dropped,
}

impl Expected {
    /// RCV.WND.
    pub(super) fn wnd(&self) -> u32 {
        self.edge.since(self.nxt)
    }

    /// Checks a segment, and remembers the timestamp of what is acceptable.
    #[inline(always)]
    pub(super) fn check(
        &self,
        now_ns: u64,
        segment: &Segment,
        timestamps: &mut Option<Timestamps>,
    ) -> Acceptance {
        if let Some(timestamps) = timestamps.as_ref().filter(|_| !segment.rst()) {
            match segment.options.timestamps {
                // RFC 7323 3.2: once negotiated, a segment without is dropped. A SYN still draws its challenge ACK.
                None if !segment.syn() => return Acceptance::Dropped,
                // PAWS (RFC 7323 5.3, R1).
                Some((ts_val, _)) if timestamps.is_old(now_ns, ts_val) => {
                    return Acceptance::Answered;
                }
                _ => {}
            }
        }
        if !self.reaches_window(segment) {
            return if segment.rst() {
                Acceptance::Dropped
            } else {
                Acceptance::Answered
            };
        }
        // RFC 7323 4.3 (2) and 5.3 R3
        if let (Some(timestamps), Some((ts_val, _))) = (timestamps, segment.options.timestamps) {
            if segment.seq.le(self.last_ack_sent) && !timestamps.is_old(now_ns, ts_val) {
                timestamps.accept(now_ns, ts_val);
            }
        }
        Acceptance::Acceptable
    }

    /// First, check the sequence number (table 6).
    fn reaches_window(&self, segment: &Segment) -> bool {
        let in_window = |seq| self.nxt.le(seq) && self.edge.gt(seq);
        // The length of a RST does not matter: RFC 5961 3.2 looks at its sequence number alone.
        let len = if segment.rst() { 0 } else { segment.len() };
        match (len, self.wnd()) {
            (0, 0) => segment.seq == self.nxt,
            (0, _) => in_window(segment.seq),
            // MUST-66: with a closed window ACK and URG of the next segment are still taken; its text is not.
            (_, 0) => segment.seq == self.nxt,
            (len, _) => in_window(segment.seq) || in_window(segment.seq + (len - 1)),
        }
    }
}
