//! What can go wrong with a connection.

/// Why a connection ended other than by an orderly close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The peer answered our SYN with a RST.
    #[error("connection refused: no one listens on the peer's port")]
    Refused,
    /// The peer sent a RST.
    #[error("connection reset by the peer")]
    Reset,
    /// The peer did not acknowledge for the time R2 (RFC 9293 3.8.3).
    #[error("connection timed out: the peer does not answer")]
    TimedOut,
    /// The network said that the peer cannot be reached (RFC 9293 3.9.2.2, a hard error).
    #[error("the network reports the peer as unreachable")]
    Unreachable,
    /// The user aborted it, or closed it with data unread.
    #[error("connection aborted on this side")]
    Aborted,
}

/// Why [`Connection::send`](super::Connection::send) took nothing, and never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The user has closed the sending side.
    #[error("connection closing: the sending side was closed before this call")]
    Closing,
    /// The connection has failed.
    #[error(transparent)]
    Failed(#[from] ConnectionError),
}
