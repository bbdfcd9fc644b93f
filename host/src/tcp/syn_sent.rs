//! A segment arrives in SYN-SENT: the steps of RFC 9293 3.10.7.3, in its order.

use super::connection::Connection;
use super::error::ConnectionError;
use super::reset::answer_unmatched;
use super::segment::{PayloadSource, Segment};
use super::state::State;

impl Connection {
    pub(super) fn arrives_in_syn_sent(
        &mut self,
        now_ns: u64,
        segment: &Segment,
        payload: &dyn PayloadSource,
    ) {
        // First, check the ACK bit. (SND.NXT is ISS while the SYN has not left: no ACK is right then.)
        let acceptable = segment.ack.gt(self.snd.iss) && segment.ack.le(self.snd.nxt);
        if segment.has_ack() && !acceptable {
            // <SEQ=SEG.ACK><CTL=RST>, unless it is a RST
            self.reply = answer_unmatched(segment);
            return;
        }
        // Second, check the RST bit.
        if segment.rst() {
            if segment.has_ack() {
                self.end(Some(ConnectionError::Refused));
            }
            return;
        }
        // Third, check the security: no security options here (RFC 9293 A.1).
        // Fourth, check the SYN bit. Fifth: neither SYN nor RST.
        if !segment.syn() {
            return;
        }
        self.syn_arrives(now_ns, segment);
        if !segment.has_ack() {
            // Simultaneous open (RFC 9293 3.5, figure 8; MUST-10).
            self.state = State::SynReceived;
            self.syn_due = true;
            return;
        }
        self.establish(now_ns, segment);
        self.ack.at_once();
        // Other controls or text: continue at the sixth step.
        self.sixth_step_and_on(now_ns, segment, payload);
    }
}
