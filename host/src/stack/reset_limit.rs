//! A limit to the RSTs that strangers can draw from us.

/// RSTs a second, so that a flood with forged sources is not reflected at full rate.
const PER_SECOND: u64 = 1000;
const SECOND_NS: u64 = 1_000_000_000;

/// At most [`PER_SECOND`] in each second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResetLimit {
    since_ns: u64,
    sent: u64,
}

impl ResetLimit {
    /// One more may be sent.
    pub(super) fn allows(&mut self, now_ns: u64) -> bool {
        if now_ns.saturating_sub(self.since_ns) >= SECOND_NS {
            (self.since_ns, self.sent) = (now_ns, 0);
        }
        self.sent += 1;
        self.sent <= PER_SECOND
    }
}
