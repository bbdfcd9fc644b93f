//! How much may be in the network (RFC 5681).

/// Ssthresh before the first loss: no limit (RFC 5681 3.1: arbitrarily high).
const SSTHRESH_INITIAL: u32 = u32::MAX;

/// Congestion window and slow start threshold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Congestion {
    cwnd: u32,
    ssthresh: u32,
    smss: u32,
    /// Octets in the network when data was last sent.
    used: u32,
}

impl Congestion {
    /// Initial window of RFC 6928 2; one segment when the SYN or its answer was lost (RFC 5681 3.1).
    pub(super) fn new(smss: u32, syn_was_retransmitted: bool) -> Self {
        Self {
            cwnd: if syn_was_retransmitted {
                smss
            } else {
                initial_window(smss)
            },
            ssthresh: SSTHRESH_INITIAL,
            smss,
            used: 0,
        }
    }

    pub(super) fn cwnd(&self) -> u32 {
        self.cwnd
    }

    pub(super) fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    /// The path's MTU has become smaller.
    pub(super) fn set_smss(&mut self, smss: u32) {
        self.smss = smss;
        self.cwnd = self.cwnd.max(smss);
    }

    /// Data has been sent; now `pipe` octets are in the network.
    pub(super) fn sent(&mut self, pipe: u32) {
        self.used = pipe;
    }

    /// `octets` of new data are acknowledged, outside fast recovery. A window that is not even half used is not known
    /// to be too small, and stays (RFC 9293 leaves that open; RFC 7661 3 gives the reasons).
    pub(super) fn acknowledged(&mut self, octets: u32) {
        if self.used < self.cwnd / 2 {
            return;
        }
        let growth = if self.cwnd < self.ssthresh {
            // Slow start: cwnd += min(N, SMSS) (RFC 5681 3.1, equation 2).
            octets.min(self.smss)
        } else {
            // Congestion avoidance: about one SMSS a round trip (equation 3).
            let growth = u64::from(self.smss) * u64::from(self.smss) / u64::from(self.cwnd.max(1));
            (growth as u32).max(1)
        };
        self.cwnd = self.cwnd.saturating_add(growth);
    }

    /// A loss was seen with `flight` octets out; fast recovery begins (RFC 5681 3.2, equation 4).
    pub(super) fn enter_recovery(&mut self, flight: u32) {
        self.ssthresh = self.half(flight);
        self.cwnd = self.ssthresh;
    }

    /// Recovery is over: `flight` octets are still out (RFC 6582 3.2, step 3, full acknowledgment, option 1, which
    /// keeps the window from opening in one burst).
    pub(super) fn exit_recovery(&mut self, flight: u32) {
        self.cwnd = self
            .ssthresh
            .min(flight.max(self.smss).saturating_add(self.smss));
    }

    /// The retransmission timer expired with `flight` octets out (RFC 5681 3.1). When it expires again for the same
    /// octets ssthresh is held, as the RFC says, since `flight` is the same.
    pub(super) fn timed_out(&mut self, flight: u32) {
        self.ssthresh = self.half(flight);
        // The loss window: one full-sized segment.
        self.cwnd = self.smss;
    }

    /// Nothing was sent for a whole RTO: slow start from the restart window (RFC 5681 4.1).
    pub(super) fn restart_after_idle(&mut self) {
        self.cwnd = self.cwnd.min(initial_window(self.smss));
    }

    fn half(&self, flight: u32) -> u32 {
        (flight / 2).max(self.smss.saturating_mul(2))
    }
}

fn initial_window(smss: u32) -> u32 {
    smss.saturating_mul(10)
        .min(smss.saturating_mul(2).max(14_600))
}
