//! What an acceptable segment's ACK field says about what we have sent (RFC 9293 3.10.7.4, fifth, ESTABLISHED).

use super::connection::Connection;
use super::recovery::Verdict;
use super::segment::Segment;
use super::seq::SeqNumber;
use std::ops::ControlFlow::{self, Break, Continue};

/// RFC 5961 5.2: unless SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT, it draws an ACK and does nothing more.
pub(super) fn is_out_of_range(
    ack: SeqNumber,
    una: SeqNumber,
    max: SeqNumber,
    max_wnd: u32,
) -> bool {
    ack.gt(max) || ack.lt(una - max_wnd)
}

impl Connection {
    pub(super) fn acknowledge(&mut self, now_ns: u64, segment: &Segment) -> ControlFlow<()> {
        let ack = segment.ack;
        if is_out_of_range(ack, self.snd.una, self.snd.max, self.snd.max_wnd) {
            self.challenge(now_ns);
            return Break(());
        }
        if ack.lt(self.snd.una) {
            // An old ACK says nothing new; the text of its segment may.
            return Continue(());
        }
        self.timers.heard(now_ns);
        let wnd = self.scaled(segment.window);
        let duplicate = self.is_duplicate(segment, wnd);
        let smss = self.smss();
        let octets = ack.since(self.snd.una);
        if octets > 0 {
            // The octet that probed a zero window may be acknowledged before it counts as sent.
            self.snd.nxt = self.snd.nxt.max(ack);
            let ts_ecr = segment.options.timestamps.map(|(_, ts_ecr)| ts_ecr);
            self.una_moves(now_ns, ack, ts_ecr, octets);
        }
        let (una, nxt) = (self.snd.una, self.snd.nxt);
        let flight = nxt.since(una);
        let news = self
            .recovery
            .sacked(segment.options.sack.as_slice(), una, nxt, smss);
        let mut verdict = Verdict::Unchanged;
        if octets > 0 {
            verdict = self.recovery.acknowledged(una, octets, smss);
        } else if duplicate || news {
            verdict = self.recovery.duplicate_ack(una, nxt, smss, news);
        }
        match verdict {
            Verdict::Progress => self.congestion.acknowledged(octets),
            Verdict::EnterRecovery => self.congestion.enter_recovery(flight),
            Verdict::ExitRecovery => self.congestion.exit_recovery(flight),
            Verdict::Unchanged => {}
        }
        self.update_send_window(now_ns, segment.seq, ack, wnd);
        Continue(())
    }

    /// RFC 5681 2, DUPLICATE ACKNOWLEDGMENT: data is out, no text, no SYN or FIN, the same ACK, the same window.
    fn is_duplicate(&self, segment: &Segment, wnd: u32) -> bool {
        self.snd.nxt != self.snd.una
            && segment.is_empty()
            && segment.ack == self.snd.una
            && wnd == self.snd.wnd
    }

    /// SND.UNA moves by `octets` to SEG.ACK, which is not beyond SND.NXT.
    #[inline(always)]
    pub(super) fn una_moves(
        &mut self,
        now_ns: u64,
        ack: SeqNumber,
        ts_ecr: Option<u32>,
        octets: u32,
    ) {
        self.snd.una = ack;
        // The window is counted from SND.UNA: until it is updated its right edge stays.
        self.snd.wnd = self.snd.wnd.saturating_sub(octets);
        self.send_buffer.acknowledge(ack);
        let echoed_ns = || self.timestamps.as_ref()?.elapsed_ns(now_ns, ts_ecr?);
        self.rtt.acknowledged(ack, now_ns, echoed_ns);
        self.timers.progress(now_ns);
        if self.snd.nxt == ack {
            // RFC 6298 5.2: all is acknowledged.
            self.timers.stop();
        } else {
            // RFC 6298 5.3
            self.timers.restart(now_ns, self.rtt.rto_ns());
        }
    }

    /// SND.WND, unless the segment is older than the one it comes from.
    #[inline(always)]
    pub(super) fn update_send_window(
        &mut self,
        now_ns: u64,
        seq: SeqNumber,
        ack: SeqNumber,
        wnd: u32,
    ) {
        let newer = self.snd.wl1.lt(seq) || self.snd.wl1 == seq && self.snd.wl2.le(ack);
        if !newer {
            return;
        }
        let was_closed = self.snd.wnd == 0;
        self.set_send_window(wnd);
        self.snd.wl1 = seq;
        self.snd.wl2 = ack;
        if was_closed && wnd > 0 {
            // The window is open again: the RTO that the probes have backed off becomes the path's again.
            self.rtt.restore(&self.config);
            self.timers.progress(now_ns);
            self.timers.stop();
            if self.snd.nxt != self.snd.una {
                self.timers.restart(now_ns, self.rtt.rto_ns());
            }
        }
    }
}
