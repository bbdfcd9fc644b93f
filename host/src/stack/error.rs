//! What can go wrong with a stack.

use std::io;
use std::net::Ipv4Addr;

use handclasp_driver::{DriverError, Stopped};

use crate::config::BadAddress;
use crate::tcp::ConnectionError;

/// Why the stack could not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The configuration cannot be.
    #[error(transparent)]
    BadAddress(#[from] BadAddress),
    /// The driver or the device failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A DMA error stopped the NIC's queue.
    #[error("the NIC's queue stopped: {stopped}; open the device anew")]
    Stopped {
        /// What the NIC said.
        stopped: Stopped,
    },
    /// The device failed earlier.
    #[error("the device failed earlier: {0}")]
    Failed(String),
    /// There are as many connections as [`StackConfig::connections_max`](crate::StackConfig::connections_max) allows.
    #[error("all {0} connections of this host are in use: close some")]
    NoConnection(usize),
    /// Every local port is taken.
    #[error("no local port is free for this peer")]
    NoPort,
    /// The local port is taken.
    #[error("port {0} is already in use")]
    PortInUse(u16),
    /// The address is not ours.
    #[error("{0} is not an address of this host")]
    NotOurs(Ipv4Addr),
    /// Nothing can be opened to this address.
    #[error("{0} is no other host's address: a connection goes to one other host")]
    NoHost(Ipv4Addr),
    /// No way leads to this address.
    #[error("no route to {0}: it is not in our network, and there is no gateway")]
    NoRoute(Ipv4Addr),
}

impl From<StackError> for io::Error {
    fn from(error: StackError) -> Self {
        let kind = match &error {
            StackError::BadAddress(_) => io::ErrorKind::InvalidInput,
            StackError::Driver(_) | StackError::Stopped { .. } | StackError::Failed(_) => {
                io::ErrorKind::NetworkDown
            }
            StackError::NoConnection(_) => io::ErrorKind::QuotaExceeded,
            StackError::NoPort | StackError::PortInUse(_) => io::ErrorKind::AddrInUse,
            StackError::NotOurs(_) | StackError::NoHost(_) => io::ErrorKind::AddrNotAvailable,
            StackError::NoRoute(_) => io::ErrorKind::NetworkUnreachable,
        };
        io::Error::new(kind, error)
    }
}

/// A connection's end as the error that std's sockets give for it.
pub(super) fn io_error(error: ConnectionError) -> io::Error {
    let kind = match error {
        ConnectionError::Refused => io::ErrorKind::ConnectionRefused,
        ConnectionError::Reset => io::ErrorKind::ConnectionReset,
        ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        ConnectionError::Unreachable => io::ErrorKind::HostUnreachable,
        ConnectionError::Aborted => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, error)
}
