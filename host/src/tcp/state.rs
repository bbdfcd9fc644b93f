//! The states of a connection.

/// State of a connection (RFC 9293 3.3.2), under the RFC's names.
///
/// LISTEN has no [`Connection`](super::Connection) yet: a listener is the stack's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// SYN sent, waiting for the peer's.
    SynSent,
    /// SYN sent and received, waiting for the ACK of ours.
    SynReceived,
    /// Open: data goes both ways.
    Established,
    /// We have closed; our FIN is not acknowledged, the peer has not closed.
    FinWait1,
    /// Our FIN is acknowledged; the peer may still send.
    FinWait2,
    /// The peer has closed; we may still send.
    CloseWait,
    /// Both have closed at the same time; our FIN is not acknowledged.
    Closing,
    /// The peer had closed, then we: waiting for the ACK of our FIN.
    LastAck,
    /// Waiting until no old segment of this connection can be left in the network.
    TimeWait,
    /// Over: the stack forgets the connection, once it has sent what is left to send.
    Closed,
}

impl State {
    /// Both SYNs are acknowledged (RFC 9293 3.3.2: the synchronized states).
    pub const fn is_synchronized(self) -> bool {
        !matches!(self, Self::SynSent | Self::SynReceived | Self::Closed)
    }

    /// The peer may still send data (it has sent no FIN).
    pub(super) const fn may_receive(self) -> bool {
        matches!(
            self,
            Self::SynSent | Self::SynReceived | Self::Established | Self::FinWait1 | Self::FinWait2
        )
    }

    /// The RFC's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Closed => "CLOSED",
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
