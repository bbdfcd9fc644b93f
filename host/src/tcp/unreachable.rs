//! What the network says about our segments: ICMP Destination Unreachable (RFC 9293 3.9.2.2).

use super::config::{FIXED_HEADERS_BYTES, MSS_MIN};
use super::connection::Connection;
use super::error::ConnectionError;
use super::seq::SeqNumber;
use super::state::State;

/// ICMP codes (RFC 792) that mean that it will never work.
const PROTOCOL_UNREACHABLE: u8 = 2;
const PORT_UNREACHABLE: u8 = 3;
/// The packet is too long for the path, and may not be cut (RFC 1191 4).
const FRAGMENTATION_NEEDED: u8 = 4;

impl Connection {
    /// An ICMP Destination Unreachable with `code` quotes a segment of this connection that began at `quoted_seq`;
    /// `mtu` is the next hop's (of code 4; 0 when the router is too old to say).
    ///
    /// A quote of nothing that is in flight is a forgery, or too late, and is ignored (RFC 5927 4.1). The hard errors
    /// end a connection that is being opened; later they count as soft ones, as RFC 5927 5.2 advises against
    /// RFC 9293 SHLD-26, since one forged packet must not end a connection. Soft errors end nothing (MUST-56).
    pub fn destination_unreachable(&mut self, code: u8, quoted_seq: SeqNumber, mtu: u16) {
        self.plain = false;
        let in_flight = self.snd.una.le(quoted_seq) && quoted_seq.lt(self.snd.max);
        if !in_flight || self.state == State::Closed {
            return;
        }
        match code {
            FRAGMENTATION_NEEDED => self.path_mtu(mtu),
            PROTOCOL_UNREACHABLE | PORT_UNREACHABLE if !self.state.is_synchronized() => {
                self.end(Some(ConnectionError::Unreachable));
            }
            _ => self.unreachable = true,
        }
    }

    /// The path takes packets of at most `mtu` bytes (RFC 1191): smaller segments from now on. What was too long is
    /// sent again when the timer expires.
    fn path_mtu(&mut self, mtu: u16) {
        let mss = mtu.saturating_sub(FIXED_HEADERS_BYTES).max(MSS_MIN);
        if mtu != 0 && mss < self.send_mss {
            self.send_mss = mss;
            self.congestion.set_smss(self.smss());
        }
    }

    /// What the user learns when R2 is over: the soft error, when there was one (RFC 9293 SHLD-25).
    pub(super) fn time_out_error(&self) -> ConnectionError {
        if self.unreachable {
            ConnectionError::Unreachable
        } else {
            ConnectionError::TimedOut
        }
    }
}
