//! What a segment carries: urgent pointer, text, FIN (RFC 9293 3.10.7.4, sixth to eighth).

use super::connection::Connection;
use super::error::ConnectionError;
use super::receive_buffer::Placed;
use super::segment::{PayloadSource, Segment};
use super::seq::SeqNumber;
use super::state::State;
use std::ops::ControlFlow::{self, Break, Continue};

impl Connection {
    /// The peer may send text in this state.
    fn takes_text(&self) -> bool {
        matches!(
            self.state,
            State::Established | State::FinWait1 | State::FinWait2
        )
    }

    /// Sixth, check the URG bit: RCV.UP <- max(RCV.UP, SEG.UP). The data itself stays in line (MUST-30..32).
    pub(super) fn check_urg(&mut self, segment: &Segment) {
        if !segment.urg() || !self.takes_text() {
            return;
        }
        let up = segment.text_seq() + u32::from(segment.urgent);
        self.rcv.up = Some(self.rcv.up.map_or(up, |known| known.max(up)));
    }

    /// Seventh, process the segment text. Break: the connection is at its end.
    pub(super) fn segment_text(
        &mut self,
        now_ns: u64,
        segment: &Segment,
        payload: &dyn PayloadSource,
    ) -> ControlFlow<()> {
        if !self.takes_text() {
            // CLOSE-WAIT and later: the peer has sent its FIN, there can be no text.
            return Continue(());
        }
        let seq = segment.text_seq();
        let end = seq + u32::from(segment.payload_len_bytes);
        // FIN takes no room in the buffer, so one directly behind the window is as good as one inside.
        if segment.fin() && end.ge(self.rcv.nxt) && end.le(self.rcv.edge) {
            self.rcv.fin = self.rcv.fin.or(Some(end));
        }
        if segment.payload_len_bytes > 0 {
            return self.place_text(now_ns, segment, payload);
        }
        if segment.fin() {
            self.ack.at_once();
        }
        Continue(())
    }

    fn place_text(
        &mut self,
        now_ns: u64,
        segment: &Segment,
        payload: &dyn PayloadSource,
    ) -> ControlFlow<()> {
        let seq = segment.text_seq();
        // Trimmed to the window, and to the FIN once that is known.
        let left = seq.max(self.rcv.nxt);
        let mut right = (seq + u32::from(segment.payload_len_bytes)).min(self.rcv.edge);
        if let Some(fin) = self.rcv.fin {
            right = right.min(fin);
        }
        if !left.lt(right) {
            self.ack.at_once();
            return Continue(());
        }
        if self.closed {
            // RFC 9293 SHLD-3: the user has closed, this data is lost, and the peer is told so.
            self.reply = Some(self.rst());
            self.end(Some(ConnectionError::Aborted));
            return Break(());
        }
        let skip = left.since(seq) as usize;
        self.place_in_window(now_ns, left, right.since(left), payload, skip);
        Continue(())
    }

    /// Takes the `len` octets of text from `left` on, which lie in the window, and `skip` bytes into the payload.
    #[inline(always)]
    pub(super) fn place_in_window<P: PayloadSource + ?Sized>(
        &mut self,
        now_ns: u64,
        left: SeqNumber,
        len: u32,
        payload: &P,
        skip: usize,
    ) {
        let placed = self
            .receive_buffer
            .place(&mut self.rcv.nxt, left, len, payload, skip);
        match placed {
            Placed::InOrder => {
                let (mss, delay_ns) = (u32::from(self.config.mss), self.config.ack_delay_ns);
                self.ack.in_order(now_ns, len, mss, delay_ns);
            }
            // RFC 5681 4.2: at once, so that the peer's fast retransmit works, and ends.
            Placed::FilledHole | Placed::OutOfOrder | Placed::Refused => self.ack.at_once(),
        }
        if self.receive_shut {
            self.drop_unread();
        }
    }

    /// Throws away what has arrived.
    pub(super) fn drop_unread(&mut self) {
        self.receive_buffer.skip_unread();
        self.has_read();
    }

    /// Eighth, check the FIN bit: once all before it has arrived.
    pub(super) fn check_fin(&mut self, now_ns: u64) {
        if self.rcv.fin != Some(self.rcv.nxt) || !self.takes_text() {
            return;
        }
        self.rcv.nxt = self.rcv.nxt + 1;
        self.rcv.edge = self.rcv.edge.max(self.rcv.nxt);
        self.ack.at_once();
        match self.state {
            State::Established => self.state = State::CloseWait,
            State::FinWait1 if self.fin_is_acknowledged() => self.enter_time_wait(now_ns),
            State::FinWait1 => self.state = State::Closing,
            _ => self.enter_time_wait(now_ns),
        }
    }
}
