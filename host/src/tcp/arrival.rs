//! A segment arrives: the steps of RFC 9293 3.10.7.4, in its order, with the checks that RFC 5961 and RFC 7323 add.

use super::connection::Connection;
use super::error::ConnectionError;
use super::reset::answer_unmatched;
use super::segment::{PayloadSource, Segment};
use super::state::State;
use handclasp_layout::header::tcp_flags;
use std::ops::ControlFlow::{self, Break, Continue};

impl Connection {
    /// A segment of this connection arrives, with `payload_len_bytes` of payload. The NIC has verified its checksum.
    pub fn segment_arrives(&mut self, now_ns: u64, segment: &Segment, payload: &dyn PayloadSource) {
        let before = self.state;
        match before {
            State::Closed => self.reply = self.reply.or_else(|| answer_unmatched(segment)),
            State::SynSent => self.arrives_in_syn_sent(now_ns, segment, payload),
            _ => {
                // Break: the segment ends at one of the steps, as the RFC's "drop the segment and return".
                let _ = self.arrives_in_other_states(now_ns, segment, payload);
            }
        }
        // A connection that has just opened has nothing behind it that would have to be looked at.
        self.plain = !before.is_synchronized() && self.is_plain();
    }

    fn arrives_in_other_states(
        &mut self,
        now_ns: u64,
        segment: &Segment,
        payload: &dyn PayloadSource,
    ) -> ControlFlow<()> {
        let without_syn;
        let segment = if self.state == State::SynReceived && segment.syn() {
            without_syn = self.without_old_syn(now_ns, segment)?;
            &without_syn
        } else {
            segment
        };
        self.check_timestamps(now_ns, segment)?;
        self.check_sequence_number(now_ns, segment)?;
        self.check_rst(now_ns, segment)?;
        // Third, check security: no security options here (RFC 9293 A.1).
        self.check_syn(now_ns, segment)?;
        self.check_ack(now_ns, segment)?;
        self.sixth_step_and_on(now_ns, segment, payload);
        Continue(())
    }

    /// Sixth, URG; seventh, the text; eighth, FIN.
    pub(super) fn sixth_step_and_on(
        &mut self,
        now_ns: u64,
        segment: &Segment,
        payload: &dyn PayloadSource,
    ) {
        self.check_urg(segment);
        if self.segment_text(now_ns, segment, payload).is_continue() {
            self.check_fin(now_ns);
        }
    }

    /// In SYN-RECEIVED the peer's SYN may come once more, which says that our SYN+ACK did not arrive; in a
    /// simultaneous open it comes with the ACK we wait for. Then the SYN lies outside the window and is trimmed off
    /// (RFC 9293 3.10.7.4, first: "trimming off any portions that lie outside the window (including SYN and FIN)").
    fn without_old_syn(&mut self, now_ns: u64, segment: &Segment) -> ControlFlow<(), Segment> {
        if segment.seq != self.rcv.irs {
            return Continue(*segment);
        }
        if !segment.has_ack() && !segment.rst() {
            if self.throttle.allows(now_ns) {
                self.rtt.retransmitted();
                self.syn_due = true;
            }
            return Break(());
        }
        Continue(Segment {
            seq: segment.text_seq(),
            flags: segment.flags & !tcp_flags::SYN,
            ..*segment
        })
    }

    /// PAWS (RFC 7323 5.3, R1), which comes before all other checks.
    fn check_timestamps(&mut self, now_ns: u64, segment: &Segment) -> ControlFlow<()> {
        let Some(timestamps) = &self.timestamps else {
            return Continue(());
        };
        match segment.options.timestamps {
            _ if segment.rst() => Continue(()),
            // RFC 7323 3.2: once negotiated, a segment without is dropped. A SYN still draws its challenge ACK.
            None if !segment.syn() => Break(()),
            Some((ts_val, _)) if timestamps.is_old(now_ns, ts_val) => {
                self.answer_unacceptable(now_ns, segment);
                Break(())
            }
            _ => Continue(()),
        }
    }

    /// First, check the sequence number (table 6), and remember the timestamp of what is acceptable.
    fn check_sequence_number(&mut self, now_ns: u64, segment: &Segment) -> ControlFlow<()> {
        let (nxt, edge) = (self.rcv.nxt, self.rcv.edge);
        let in_window = |seq| nxt.le(seq) && edge.gt(seq);
        // The length of a RST does not matter: RFC 5961 3.2 looks at its sequence number alone.
        let len = if segment.rst() { 0 } else { segment.len() };
        let acceptable = match (len, self.rcv_wnd()) {
            (0, 0) => segment.seq == nxt,
            (0, _) => in_window(segment.seq),
            // MUST-66: with a closed window ACK and URG of the next segment are still taken; its text is not.
            (_, 0) => segment.seq == nxt,
            (len, _) => in_window(segment.seq) || in_window(segment.seq + (len - 1)),
        };
        if !acceptable {
            if !segment.rst() {
                self.answer_unacceptable(now_ns, segment);
            }
            return Break(());
        }
        // RFC 7323 4.3 (2) and 5.3 R3
        if let (Some(timestamps), Some((ts_val, _))) =
            (&mut self.timestamps, segment.options.timestamps)
        {
            if segment.seq.le(self.rcv.last_ack_sent) && !timestamps.is_old(now_ns, ts_val) {
                timestamps.accept(now_ns, ts_val);
            }
        }
        Continue(())
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>` for a segment outside the window. A segment with text or FIN is
    /// answered each time, since its sender has lost our ACK; others, with which two confused ends could go on for
    /// ever, only so often (RFC 5961 7).
    fn answer_unacceptable(&mut self, now_ns: u64, segment: &Segment) {
        let repeats_text = segment.payload_len_bytes > 0 || segment.fin();
        if self.state == State::TimeWait && segment.fin() {
            // The peer's FIN once more: acknowledge it and restart the 2 MSL (RFC 9293 3.10.7.4, TIME-WAIT).
            self.enter_time_wait(now_ns);
        }
        if repeats_text && !segment.syn() || self.throttle.allows(now_ns) {
            self.ack.at_once();
        }
    }

    /// A challenge ACK (RFC 5961 3.2, 4.2, 5.2): a peer that means it, and sees our numbers, can say it right.
    pub(super) fn challenge(&mut self, now_ns: u64) {
        if self.throttle.allows(now_ns) {
            self.ack.at_once();
        }
    }

    /// Second, check the RST bit, as RFC 5961 3.2 has it.
    fn check_rst(&mut self, now_ns: u64, segment: &Segment) -> ControlFlow<()> {
        if !segment.rst() {
            return Continue(());
        }
        if segment.seq != self.rcv.nxt {
            self.challenge(now_ns);
            return Break(());
        }
        self.end(match self.state {
            // Back to LISTEN, which is the stack's: nothing to tell the user.
            State::SynReceived if self.passive => None,
            State::SynReceived => Some(ConnectionError::Refused),
            State::Established | State::FinWait1 | State::FinWait2 | State::CloseWait => {
                Some(ConnectionError::Reset)
            }
            _ => None,
        });
        Break(())
    }

    /// Fourth, check the SYN bit: whatever its sequence number, a challenge ACK (RFC 5961 4.2).
    fn check_syn(&mut self, now_ns: u64, segment: &Segment) -> ControlFlow<()> {
        if !segment.syn() {
            return Continue(());
        }
        if self.state == State::SynReceived && self.passive {
            // Back to LISTEN.
            self.end(None);
        } else {
            self.challenge(now_ns);
        }
        Break(())
    }

    /// Fifth, check the ACK field.
    fn check_ack(&mut self, now_ns: u64, segment: &Segment) -> ControlFlow<()> {
        if !segment.has_ack() {
            return Break(());
        }
        if self.state == State::SynReceived {
            let acceptable = self.snd.una.lt(segment.ack) && segment.ack.le(self.snd.nxt);
            if !acceptable {
                self.reply = answer_unmatched(segment);
                return Break(());
            }
            self.establish(now_ns, segment);
            self.set_send_window(self.scaled(segment.window));
            self.snd.wl1 = segment.seq;
            self.snd.wl2 = segment.ack;
        }
        self.acknowledge(now_ns, segment)?;
        match self.state {
            State::FinWait1 if self.fin_is_acknowledged() => {
                self.state = State::FinWait2;
                self.start_fin_wait_2(now_ns);
            }
            State::Closing if self.fin_is_acknowledged() => self.enter_time_wait(now_ns),
            State::LastAck if self.fin_is_acknowledged() => {
                self.end(None);
                return Break(());
            }
            _ => {}
        }
        Continue(())
    }
}
