//! The retransmission time-out (RFC 6298).

use super::config::Config;
use super::seq::SeqNumber;

/// Clock granularity G of RFC 6298 2: time is given in nanoseconds, timestamps count milliseconds.
const GRANULARITY_NS: u64 = 1_000_000;

/// RTO when data begins after a SYN that timed out (RFC 6298 5.7).
const RTO_AFTER_SYN_TIMEOUT_NS: u64 = 3_000_000_000;

/// Round-trip time and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RttEstimator {
    srtt_ns: Option<u64>,
    /// Four times RTTVAR: so RFC 6298 2.3 uses it, and Jacobson (1988, appendix A) keeps it.
    variation_ns: u64,
    rto_ns: u64,
    min_ns: u64,
    max_ns: u64,
    /// The segment being timed: the ACK of this number ends the measurement that began at this time.
    timed: Option<(SeqNumber, u64)>,
}

impl RttEstimator {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            srtt_ns: None,
            variation_ns: 0,
            // RFC 6298 2.1: 1 s until there is a measurement.
            rto_ns: config.rto_initial_ns.min(config.rto_max_ns),
            min_ns: config.rto_min_ns,
            max_ns: config.rto_max_ns,
            timed: None,
        }
    }

    pub(super) fn rto_ns(&self) -> u64 {
        self.rto_ns
    }

    /// Smoothed round-trip time; `None` before the first measurement.
    pub(super) fn srtt_ns(&self) -> Option<u64> {
        self.srtt_ns
    }

    /// A segment that ends at `end` is sent for the first time; it is timed unless another one is.
    pub(super) fn sent(&mut self, end: SeqNumber, now_ns: u64) {
        if self.timed.is_none() {
            self.timed = Some((end, now_ns));
        }
    }

    /// Something is sent again: its ACK would be ambiguous (Karn's algorithm, RFC 6298 3, RFC 9293 MUST-18).
    pub(super) fn retransmitted(&mut self) {
        self.timed = None;
    }

    /// SND.UNA moves to `ack`; `echoed_ns` is what the timestamps say about the round trip (RFC 7323 4.1).
    #[inline(always)]
    pub(super) fn acknowledged(
        &mut self,
        ack: SeqNumber,
        now_ns: u64,
        echoed_ns: impl FnOnce() -> Option<u64>,
    ) {
        let rtt_ns = match self.timed {
            Some((end, sent_ns)) if end.le(ack) => {
                self.timed = None;
                Some(now_ns.saturating_sub(sent_ns))
            }
            Some(_) => None,
            // Timestamps measure even what was sent again: their echo is not ambiguous.
            None => echoed_ns(),
        };
        if let Some(rtt_ns) = rtt_ns {
            self.sample(rtt_ns);
        }
    }

    #[inline]
    fn sample(&mut self, rtt_ns: u64) {
        let srtt_ns = match self.srtt_ns {
            None => {
                // RFC 6298 2.2
                self.variation_ns = rtt_ns.saturating_mul(2);
                rtt_ns
            }
            Some(srtt_ns) => {
                // RFC 6298 2.3, alpha = 1/8 and beta = 1/4; RTTVAR first, with the old SRTT.
                let kept_ns = self.variation_ns - self.variation_ns / 4;
                self.variation_ns = kept_ns.saturating_add(srtt_ns.abs_diff(rtt_ns));
                srtt_ns - srtt_ns / 8 + rtt_ns / 8
            }
        };
        self.srtt_ns = Some(srtt_ns);
        self.rto_ns = self.measured_rto_ns(srtt_ns);
    }

    /// The RTO of RFC 6298 2.3, between its least (2.4) and its greatest (2.5).
    #[inline]
    fn measured_rto_ns(&self, srtt_ns: u64) -> u64 {
        srtt_ns
            .saturating_add(self.variation_ns.max(GRANULARITY_NS))
            .max(self.min_ns)
            .min(self.max_ns)
    }

    /// The timer has expired: the RTO doubles (RFC 6298 5.5), up to its maximum.
    pub(super) fn back_off(&mut self) {
        self.rto_ns = self.rto_ns.saturating_mul(2).min(self.max_ns);
    }

    /// The probes of a zero window, or the retransmissions of a SYN, are over and the backed-off RTO with them.
    pub(super) fn restore(&mut self, config: &Config) {
        self.rto_ns = match self.srtt_ns {
            Some(srtt_ns) => self.measured_rto_ns(srtt_ns),
            None => config.rto_initial_ns.min(self.max_ns),
        };
    }

    /// The handshake is done, and a SYN had to be sent again: without a measurement the RTO starts at 3 s
    /// (RFC 6298 5.7).
    pub(super) fn syn_was_retransmitted(&mut self) {
        if self.srtt_ns.is_none() {
            self.rto_ns = RTO_AFTER_SYN_TIMEOUT_NS.min(self.max_ns);
        }
    }
}
