//! The deadlines of a connection, and what it does when one passes.

use super::connection::Connection;
use super::due::Due;
use super::state::State;

/// Bounds of the time-out that overrides silly window avoidance (RFC 9293 3.8.6.2.1: 0.1 to 1.0 s).
const OVERRIDE_NS: std::ops::RangeInclusive<u64> = 100_000_000..=1_000_000_000;

/// Timers of a connection. One serves retransmission and window probes, since never both are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timers {
    retransmit: Due,
    /// Expiries since the last progress.
    back_offs: u32,
    /// When SND.UNA moved, or the first of what is in flight was sent.
    progress_ns: u64,
    /// When the peer last sent an acceptable ACK.
    heard_ns: u64,
    /// When a segment with text was last sent.
    sent_ns: Option<u64>,
    opened_ns: u64,
    syn_retransmissions: u32,
    probe_due: bool,
    override_due: bool,
    /// End of TIME-WAIT, or of FIN-WAIT-2 after a close of both directions.
    end: Due,
}

impl Timers {
    pub(super) fn open(&mut self, now_ns: u64) {
        self.opened_ns = now_ns;
    }

    /// Something is sent that asks for an answer: the timer runs, if it did not (RFC 6298 5.1).
    pub(super) fn start(&mut self, now_ns: u64, rto_ns: u64) {
        if !self.retransmit.is_set() {
            self.progress_ns = now_ns;
            self.restart(now_ns, rto_ns);
        }
    }

    /// RFC 6298 5.3 and 5.6.
    pub(super) fn restart(&mut self, now_ns: u64, rto_ns: u64) {
        self.retransmit = Due::after(now_ns, rto_ns);
    }

    /// All is acknowledged (RFC 6298 5.2).
    pub(super) fn stop(&mut self) {
        self.retransmit = Due::NEVER;
        self.probe_due = false;
        self.override_due = false;
    }

    pub(super) fn stop_all(&mut self) {
        self.stop();
        self.end = Due::NEVER;
    }

    /// SND.UNA has moved, or a closed window has opened.
    pub(super) fn progress(&mut self, now_ns: u64) {
        self.progress_ns = now_ns;
        self.back_offs = 0;
        self.probe_due = false;
    }

    /// An acceptable ACK has come.
    pub(super) fn heard(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
    }

    pub(super) fn back_offs(&self) -> u32 {
        self.back_offs
    }

    pub(super) fn syn_retransmissions(&self) -> u32 {
        self.syn_retransmissions
    }

    /// Text was sent before, but none for longer than `rto_ns` (RFC 5681 4.1).
    pub(super) fn is_idle(&self, now_ns: u64, rto_ns: u64) -> bool {
        self.sent_ns
            .is_some_and(|sent_ns| now_ns.saturating_sub(sent_ns) > rto_ns)
    }

    /// Text is sent.
    pub(super) fn text_sent(&mut self, now_ns: u64) {
        self.sent_ns = Some(now_ns);
    }

    /// Data waits for the window to open, and nothing is in flight whose ACK could tell (RFC 9293 3.8.6.1).
    pub(super) fn wait_for_window(&mut self, now_ns: u64, closed: bool, rto_ns: u64) {
        if !self.retransmit.is_set() {
            self.heard_ns = now_ns;
            let wait_ns = if closed {
                rto_ns
            } else {
                rto_ns.clamp(*OVERRIDE_NS.start(), *OVERRIDE_NS.end())
            };
            self.restart(now_ns, wait_ns);
        }
    }

    pub(super) fn take_probe(&mut self) -> bool {
        std::mem::take(&mut self.probe_due)
    }

    pub(super) fn overrides_silly_window(&self) -> bool {
        self.override_due
    }

    /// Text was sent in spite of silly window avoidance.
    pub(super) fn overridden(&mut self) {
        self.override_due = false;
    }

    /// TIME-WAIT begins, or begins again, until `end`.
    pub(super) fn start_time_wait(&mut self, end: Due) {
        self.stop();
        self.end = end;
    }

    /// End of TIME-WAIT.
    pub(super) fn end(&self) -> Due {
        self.end
    }
}

impl Connection {
    /// When [`Connection::timeout`] is to be called, in ns; `None` while no timer runs. What is to be sent at once is
    /// no deadline: ask [`Connection::next_segment`] after each call.
    #[inline]
    pub fn deadline(&self) -> Option<u64> {
        let timers = self.timers.retransmit.min(self.timers.end);
        timers.min(self.ack.deadline()).at_ns()
    }

    /// Time has passed: it is `now_ns`. Calling it early does no harm.
    pub fn timeout(&mut self, now_ns: u64) {
        self.plain = false;
        self.ack.expire(now_ns);
        if self.timers.end.has_come(now_ns) {
            // RFC 9293 3.10.8, TIME-WAIT time-out: delete the TCB.
            return self.end(None);
        }
        if self.timers.retransmit.has_come(now_ns) {
            self.timers.retransmit = Due::NEVER;
            match self.state {
                State::SynSent | State::SynReceived => self.syn_timed_out(now_ns),
                _ if self.snd.wnd == 0 => self.window_probe_due(now_ns),
                _ if self.snd.nxt != self.snd.una => self.retransmission_due(now_ns),
                _ => self.timers.override_due = true,
            }
        }
    }

    /// What is in flight went to a station that is gone. The retransmission timer expires now, so that the peer's new station
    /// has it without a further wait; the same with a SYN or a window probe.
    pub fn next_hop_changed(&mut self, now_ns: u64) {
        if self.timers.retransmit.is_set() {
            self.timers.restart(now_ns, 0);
        }
    }

    /// FIN-WAIT-2 has begun, or its user has closed: with no one left to read, it does not last for ever.
    pub(super) fn start_fin_wait_2(&mut self, now_ns: u64) {
        if self.closed {
            self.timers.end = Due::after(now_ns, self.config.fin_wait_2_ns);
        }
    }

    fn syn_timed_out(&mut self, now_ns: u64) {
        // RFC 9293 MUST-23: R2 of a SYN is at least 3 minutes.
        if now_ns.saturating_sub(self.timers.opened_ns) >= self.config.r2_syn_ns {
            return self.end(Some(self.time_out_error()));
        }
        self.rtt.back_off();
        self.timers.back_offs = self.timers.back_offs.saturating_add(1);
        self.timers.syn_retransmissions = self.timers.syn_retransmissions.saturating_add(1);
        self.retransmissions += 1;
        self.syn_due = true;
        self.timers.restart(now_ns, self.rtt.rto_ns());
    }

    /// RFC 9293 3.8.6.1: the window is probed with growing intervals, and the connection stays open as long as the
    /// peer answers (MUST-36, MUST-37).
    fn window_probe_due(&mut self, now_ns: u64) {
        let heard_ns = self.timers.heard_ns.max(self.timers.progress_ns);
        if now_ns.saturating_sub(heard_ns) >= self.config.r2_data_ns {
            return self.end(Some(self.time_out_error()));
        }
        self.timers.probe_due = true;
        // SHLD-30: the interval doubles.
        self.rtt.back_off();
        self.timers.restart(now_ns, self.rtt.rto_ns());
    }

    /// RFC 6298 5.4 to 5.6.
    fn retransmission_due(&mut self, now_ns: u64) {
        // RFC 9293 MUST-20: R2.
        if now_ns.saturating_sub(self.timers.progress_ns) >= self.config.r2_data_ns {
            return self.end(Some(self.time_out_error()));
        }
        let flight = self.snd.nxt.since(self.snd.una);
        self.congestion.timed_out(flight);
        self.recovery.timed_out(self.snd.una, self.snd.nxt);
        self.rtt.back_off();
        self.timers.back_offs = self.timers.back_offs.saturating_add(1);
        self.timers.restart(now_ns, self.rtt.rto_ns());
    }
}
