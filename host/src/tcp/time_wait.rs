//! TIME-WAIT (RFC 9293 3.6.1).

use super::connection::Connection;
use super::segment::Segment;
use super::seq::SeqNumber;
use super::state::State;

impl Connection {
    /// Enters TIME-WAIT, or begins it again, for 2 MSL (RFC 9293 MUST-13).
    pub(super) fn enter_time_wait(&mut self, now_ns: u64) {
        self.state = State::TimeWait;
        // A busy server has thousands of these.
        self.recovery.release();
        self.receive_buffer.release_holes();
        self.timers.start_time_wait(now_ns, &self.config);
    }

    /// In TIME-WAIT a new connection may take the place of this one when its SYN cannot be an old duplicate
    /// (RFC 9293 MAY-2, RFC 6191 2): the stack then drops this connection and lets the listener have the SYN. The
    /// new one's `iss` must be beyond [`Connection::reuse_iss`].
    pub fn is_reusable_by(&self, syn: &Segment) -> bool {
        if self.state != State::TimeWait || !syn.syn() || syn.rst() || syn.has_ack() {
            return false;
        }
        let later = syn.seq.gt(self.rcv.nxt);
        match (&self.timestamps, syn.options.timestamps) {
            (Some(ours), Some((ts_val, _))) => {
                let recent = SeqNumber(ours.recent());
                SeqNumber(ts_val).gt(recent) || SeqNumber(ts_val) == recent && later
            }
            _ => later,
        }
    }

    /// The least initial sequence number that a connection between the same addresses and ports may take after this
    /// one (RFC 9293 3.6.1: larger than the largest that this one used).
    pub fn reuse_iss(&self) -> SeqNumber {
        self.snd.max + 1
    }
}
