//! A segment arrives: the steps of RFC 9293 3.10.7.4, in its order, with the checks that RFC 5961 and RFC 7323 add.

use super::acceptance::Acceptance;
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
            State::TimeWait => self.arrives_in_time_wait(now_ns, segment),
            _ => {
                // Break: the segment ends at one of the steps, as the RFC's "drop the segment and return".
                let _ = self.arrives_in_other_states(now_ns, segment, payload);
            }
        }
        // A connection that has just opened has nothing lost and nothing out of order, so it may be plain at once.
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
        self.check_acceptance(now_ns, segment)?;
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

    /// First, check the sequence number, and before that the timestamp. A segment that is not acceptable is answered by
    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
    fn check_acceptance(&mut self, now_ns: u64, segment: &Segment) -> ControlFlow<()> {
        let expected = self.rcv.expected();
        match expected.check(now_ns, segment, &mut self.timestamps) {
            Acceptance::Acceptable => return Continue(()),
            Acceptance::Answered if self.throttle.allows_answer_to(now_ns, segment) => {
                self.ack.at_once();
            }
            Acceptance::Answered | Acceptance::Dropped => {}
        }
        Break(())
    }

    /// A challenge ACK (RFC 5961 3.2, 4.2, 5.2): it tells a real peer our numbers, with which the peer can send a RST that is
    /// exact. Whoever forged the segment does not receive it.
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
