//! The works that are measured.

use crate::meter::{Meter, Unmetered};
use crate::stack::Stack;
use crate::BenchError;

/// Bytes of an echo or of a piece of a stream: one, a small request, two of middle size (the second fills a segment
/// without options), and one of many segments.
pub const SIZES_BYTES: [usize; 5] = [1, 64, 256, 1460, 16384];

/// Connections before the first one that counts: as many as a stack remembers of those that are over, so that it forgets
/// one with each new one.
const WARM_UP_CONNECTIONS: usize = 700;
/// Echoes or pieces before the first that counts: the congestion window has grown.
const WARM_UP_TRANSFERS: usize = 200;

/// One piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A connection is opened.
    Handshake,
    /// A request and its answer, of so many bytes each, on an open connection.
    Echo(usize),
    /// A piece of a stream, of so many bytes, from client to server.
    Stream(usize),
    /// A connection is closed, by both ends.
    Close,
}

impl Work {
    /// Its name, without the size.
    pub fn name(self) -> &'static str {
        match self {
            Work::Handshake => "handshake",
            Work::Echo(_) => "echo",
            Work::Stream(_) => "stream",
            Work::Close => "close",
        }
    }

    /// Its size, where it has one.
    pub fn size_bytes(self) -> Option<usize> {
        match self {
            Work::Echo(size_bytes) | Work::Stream(size_bytes) => Some(size_bytes),
            Work::Handshake | Work::Close => None,
        }
    }

    /// The work of this name and size.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(name: &str, size_bytes: Option<usize>) -> Result<Self, String> {
        match (name, size_bytes) {
            ("handshake", None) => Ok(Work::Handshake),
            ("close", None) => Ok(Work::Close),
            ("echo", Some(size_bytes)) => Ok(Work::Echo(size_bytes)),
            ("stream", Some(size_bytes)) => Ok(Work::Stream(size_bytes)),
            ("handshake" | "close", Some(_)) => Err(format!("a {name} has no size")),
            ("echo" | "stream", None) => Err(format!("{name} needs a size")),
            _ => Err(format!("{name} is none of handshake, echo, stream, close")),
        }
    }
}

impl std::fmt::Display for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.size_bytes() {
            Some(size_bytes) => write!(f, "{}, {size_bytes} bytes", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

/// Does a work `count` times after a warm-up, each time with the meter that `meter` then gives.
///
/// # Errors
/// The stack failed.
pub fn repeat<S: Stack, M: Meter>(
    stack: &mut S,
    work: Work,
    count: usize,
    mut meter: impl FnMut() -> M,
    mut done: impl FnMut(M),
) -> Result<(), BenchError> {
    let mut off = Unmetered;
    match work {
        Work::Handshake | Work::Close => {
            for _ in 0..WARM_UP_CONNECTIONS {
                stack.open(&mut off)?;
                stack.close(&mut off)?;
            }
        }
        Work::Echo(size_bytes) => {
            stack.open(&mut off)?;
            for _ in 0..WARM_UP_TRANSFERS {
                stack.echo(size_bytes, &mut off)?;
            }
        }
        Work::Stream(size_bytes) => {
            stack.open(&mut off)?;
            for _ in 0..WARM_UP_TRANSFERS {
                stack.transfer(size_bytes, &mut off)?;
            }
        }
    }
    for _ in 0..count {
        let mut meter = meter();
        match work {
            Work::Handshake => {
                stack.open(&mut meter)?;
                stack.close(&mut off)?;
            }
            Work::Echo(size_bytes) => stack.echo(size_bytes, &mut meter)?,
            Work::Stream(size_bytes) => stack.transfer(size_bytes, &mut meter)?,
            Work::Close => {
                stack.open(&mut off)?;
                stack.close(&mut meter)?;
            }
        }
        done(meter);
    }
    if work.size_bytes().is_some() {
        stack.close(&mut off)?;
    }
    Ok(())
}
