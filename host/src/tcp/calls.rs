//! What the user may ask of a connection (RFC 9293 3.10.2 to 3.10.6): send, receive, close, abort, status.

use super::connection::Connection;
use super::error::{ConnectionError, SendError};
use super::seq::SeqNumber;
use super::state::State;

/// What a connection's variables are, to look at (RFC 9293 3.10.6, STATUS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variables {
    /// The state.
    pub state: State,
    /// Oldest octet that is not acknowledged.
    pub snd_una: SeqNumber,
    /// Next octet to send.
    pub snd_nxt: SeqNumber,
    /// Window that the peer offers, in bytes.
    pub snd_wnd: u32,
    /// Initial sequence number.
    pub iss: SeqNumber,
    /// Next octet expected.
    pub rcv_nxt: SeqNumber,
    /// Window that we offer, in bytes.
    pub rcv_wnd: u32,
    /// The peer's initial sequence number (0 while it is unknown).
    pub irs: SeqNumber,
    /// Congestion window, in bytes.
    pub cwnd: u32,
    /// Slow start threshold, in bytes.
    pub ssthresh: u32,
    /// Octets thought to be in the network.
    pub pipe: u32,
    /// Most payload in a segment that we send, without options, in bytes.
    pub mss: u32,
    /// Smoothed round-trip time, in ns; `None` before the first measurement.
    pub srtt_ns: Option<u64>,
    /// Retransmission time-out, in ns.
    pub rto_ns: u64,
    /// Segments that were sent again.
    pub retransmissions: u64,
}

impl Connection {
    /// Puts as much of `data` as there is room for into the send buffer; says how much (0: there is none now). Data
    /// given before the handshake is done waits for it (RFC 9293 3.10.2).
    ///
    /// # Errors
    /// [`SendError`]: the sending side is closed, or the connection failed.
    #[inline]
    pub fn send(&mut self, data: &[u8]) -> Result<usize, SendError> {
        match (self.error, self.state) {
            (Some(error), _) => Err(error.into()),
            _ if self.fin_queued => Err(SendError::Closing),
            (None, State::Closed) => Err(SendError::Closing),
            _ => Ok(self.send_buffer.push(data)),
        }
    }

    /// Takes received data out (RFC 9293 3.10.3). `Some(0)` is the end of the stream (or an empty `out`), `None`
    /// means that nothing is there yet. What had arrived before the connection failed can still be read.
    ///
    /// # Errors
    /// [`ConnectionError`], when the connection failed and all is read.
    #[inline]
    pub fn receive(&mut self, out: &mut [u8]) -> Result<Option<usize>, ConnectionError> {
        if self.receive_shut {
            return Ok(Some(0));
        }
        if out.is_empty() {
            return Ok(Some(0));
        }
        let count = self.receive_buffer.read(out);
        if count > 0 {
            self.has_read();
            return Ok(Some(count));
        }
        match self.error {
            Some(error) => Err(error),
            None if self.state.may_receive() => Ok(None),
            None => Ok(Some(0)),
        }
    }

    /// Closes the sending side: a FIN follows the data given so far (RFC 9293 3.10.4); the peer may still send
    /// (half-close).
    pub fn shutdown_write(&mut self) {
        if self.fin_queued {
            return;
        }
        self.plain = false;
        match self.state {
            // RFC 9293 3.10.4: delete the TCB.
            State::SynSent => self.end(None),
            // Queued until the handshake is done.
            State::SynReceived => self.fin_queued = true,
            State::Established => {
                self.fin_queued = true;
                self.state = State::FinWait1;
            }
            State::CloseWait => {
                self.fin_queued = true;
                self.state = State::LastAck;
            }
            _ => {}
        }
    }

    /// The user will read no more; data that still arrives is acknowledged and thrown away.
    pub fn shutdown_read(&mut self) {
        self.plain = false;
        self.receive_shut = true;
        self.drop_unread();
    }

    /// Closes both directions. When data is left unread, or arrives later, it is lost, and the peer learns it by a
    /// RST (RFC 9293 SHLD-3).
    pub fn close(&mut self, now_ns: u64) {
        if self.receive_buffer.len() > 0 && self.state != State::TimeWait {
            return self.abort();
        }
        self.shutdown_write();
        self.plain = false;
        self.receive_shut = true;
        self.closed = true;
        if self.state == State::FinWait2 {
            self.start_fin_wait_2(now_ns);
        }
    }

    /// Ends the connection at once, with a RST where the peer knows of it (RFC 9293 3.10.5).
    pub fn abort(&mut self) {
        self.plain = false;
        match self.state {
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => {
                // <SEQ=SND.NXT><CTL=RST>
                self.reply = Some(self.rst());
                self.end(Some(ConnectionError::Aborted));
            }
            State::SynSent | State::Closing | State::LastAck | State::TimeWait => {
                self.end(Some(ConnectionError::Aborted));
            }
            State::Closed => {}
        }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why the connection failed, when it has.
    pub fn error(&self) -> Option<ConnectionError> {
        self.error
    }

    /// [`Connection::receive`] would not say "nothing yet": there is data, the end of the stream, or an error.
    pub fn readable(&self) -> bool {
        self.receive_shut
            || self.receive_buffer.len() > 0
            || self.error.is_some()
            || !self.state.may_receive()
    }

    /// [`Connection::send`] would take something, or fail.
    pub fn writable(&self) -> bool {
        match self.state {
            State::SynSent | State::SynReceived => false,
            _ => self.error.is_some() || self.fin_queued || self.send_buffer.room() > 0,
        }
    }

    /// Bytes that can be read now.
    pub fn received_len_bytes(&self) -> usize {
        self.receive_buffer.len()
    }

    /// Bytes given to [`Connection::send`] that the peer has not acknowledged.
    pub fn unacknowledged_len_bytes(&self) -> usize {
        self.send_buffer.len()
    }

    /// Send buffer and receive buffer, in bytes.
    pub fn capacity_bytes(&self) -> (usize, usize) {
        (self.send_buffer.capacity(), self.receive_buffer.capacity())
    }

    /// Urgent data is announced and not all of it has arrived or been read: bytes from the next one to be read up to
    /// its end (RFC 9293 MUST-32); `None` without.
    pub fn urgent_len_bytes(&self) -> Option<u32> {
        Some(self.rcv.up?.since(self.read_seq())).filter(|len_bytes| *len_bytes > 0)
    }

    /// Sequence number of the next octet that the user reads.
    fn read_seq(&self) -> SeqNumber {
        // A ring has at most 2^30 bytes.
        self.rcv.nxt - self.receive_buffer.len() as u32
    }

    /// The user has read: urgent data that is behind is none any more, and there may be room for more of the peer's.
    #[inline]
    pub(super) fn has_read(&mut self) {
        if self.rcv.up.is_some_and(|up| up.le(self.read_seq())) {
            self.rcv.up = None;
        }
        self.offer_read_room();
    }

    /// Sends small segments at once, or lets Nagle's algorithm gather them (RFC 9293 MUST-17).
    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.nodelay = nodelay;
    }

    /// Nagle's algorithm is off.
    pub fn nodelay(&self) -> bool {
        self.nodelay
    }

    /// R1 retransmissions have had no answer: another way to the peer should be looked for, e.g. its MAC address
    /// asked for anew (RFC 9293 SHLD-9).
    pub fn is_struggling(&self) -> bool {
        self.timers.back_offs() >= self.config.r1_retransmissions
    }

    /// The variables, to look at.
    pub fn variables(&self) -> Variables {
        Variables {
            state: self.state,
            snd_una: self.snd.una,
            snd_nxt: self.snd.nxt,
            snd_wnd: self.snd.wnd,
            iss: self.snd.iss,
            rcv_nxt: self.rcv.nxt,
            rcv_wnd: self.rcv_wnd(),
            irs: self.rcv.irs,
            cwnd: self.congestion.cwnd(),
            ssthresh: self.congestion.ssthresh(),
            pipe: self.recovery.pipe(self.snd.una, self.snd.nxt),
            mss: u32::from(self.send_mss),
            srtt_ns: self.rtt.srtt_ns(),
            rto_ns: self.rtt.rto_ns(),
            retransmissions: self.retransmissions,
        }
    }
}
