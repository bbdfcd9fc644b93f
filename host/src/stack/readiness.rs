//! What a connection can be asked for without waiting.

use std::ops::BitOr;

/// What a caller waits for, as `mio::Interest` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    readable: bool,
    writable: bool,
}

impl Interest {
    /// A read that does not wait: see [`Readiness::readable`].
    pub const READABLE: Self = Self {
        readable: true,
        writable: false,
    };
    /// A write that does not wait: see [`Readiness::writable`].
    pub const WRITABLE: Self = Self {
        readable: false,
        writable: true,
    };
}

impl BitOr for Interest {
    type Output = Self;

    /// Either of the two.
    fn bitor(self, other: Self) -> Self {
        Self {
            readable: self.readable || other.readable,
            writable: self.writable || other.writable,
        }
    }
}

/// Which calls would not wait now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A read gives data, the end of the stream, or an error.
    pub readable: bool,
    /// A write takes at least one byte, or gives an error. Never while the handshake lasts.
    pub writable: bool,
}

impl Readiness {
    /// Every call would wait.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// What of it is asked for.
    pub(crate) fn of(self, interest: Interest) -> Self {
        Self {
            readable: self.readable && interest.readable,
            writable: self.writable && interest.writable,
        }
    }
}
