//! When received data is acknowledged (RFC 9293 3.8.6.3, RFC 5681 4.2).

use super::due::Due;

/// Decides between an ACK now and an ACK a little later, in the hope of data to carry it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DelayedAck {
    now: bool,
    /// The latest time for an ACK.
    due: Due,
    /// Octets received since the last ACK.
    unacknowledged: u32,
    /// Longest text seen: the size of the peer's full segments.
    full_segment: u32,
}

impl DelayedAck {
    /// An ACK is to go out at once: out-of-order data, a filled hole (RFC 5681 4.2), a FIN, a challenge.
    pub(super) fn at_once(&mut self) {
        self.now = true;
    }

    /// `len_bytes` in order have arrived; `mss` is what we have announced.
    pub(super) fn in_order(&mut self, now_ns: u64, len_bytes: u32, mss: u32, delay_ns: u64) {
        self.full_segment = self.full_segment.max(len_bytes).min(mss);
        self.unacknowledged = self.unacknowledged.saturating_add(len_bytes);
        // RFC 9293 SHLD-19: at least every second full-sized segment is acknowledged.
        if self.unacknowledged >= self.full_segment.saturating_mul(2) {
            self.now = true;
        } else if !self.due.is_set() {
            // RFC 9293 MUST-40: the delay is less than 0.5 s, counted from the first unacknowledged octet.
            self.due = Due::after(now_ns, delay_ns);
        }
    }

    /// A segment with ACK is being sent, whatever for.
    pub(super) fn sent(&mut self) {
        *self = Self {
            full_segment: self.full_segment,
            ..Self::default()
        };
    }

    pub(super) fn is_due(&self) -> bool {
        self.now
    }

    pub(super) fn deadline(&self) -> Due {
        self.due
    }

    /// The time is `now_ns`.
    pub(super) fn expire(&mut self, now_ns: u64) {
        if self.due.has_come(now_ns) {
            self.due = Due::NEVER;
            self.now = true;
        }
    }
}
