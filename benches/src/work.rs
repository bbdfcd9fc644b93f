//! The works that are measured.

use crate::meter::{Meter, Unmetered};
use crate::stack::Stack;
use crate::BenchError;

/// Bytes of an echo or of a piece of a stream: one, a small request, two of middle size (the second fills a segment
/// without options), and one of many segments.
pub const SIZES_BYTES: [usize; 5] = [1, 64, 256, 1460, 16384];

/// Connections before the first one that counts: as many as a stack remembers of those that are over, so that it forgets
/// one with each new one.
pub(crate) const WARM_UP_CONNECTIONS: usize = 700;
/// Echoes or pieces before the first that counts: the congestion window has grown.
pub(crate) const WARM_UP_TRANSFERS: usize = 200;

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

/// Begins, does a work `count` times, and ends: [`begin`], [`repeat`], [`end`].
///
/// # Errors
/// The stack failed.
pub fn measure<S: Stack, M: Meter + Default>(
    stack: &mut S,
    work: Work,
    count: usize,
    measured: impl FnMut(M),
) -> Result<(), BenchError> {
    begin(stack, work)?;
    repeat(stack, work, count, measured)?;
    end(stack, work)
}

/// Warms the stack up for a work, unmeasured; leaves a connection open if the work needs one.
///
/// # Errors
/// The stack failed.
pub fn begin<S: Stack>(stack: &mut S, work: Work) -> Result<(), BenchError> {
    let off = &mut Unmetered;
    match work {
        Work::Handshake | Work::Close => {
            for _ in 0..WARM_UP_CONNECTIONS {
                stack.open(off)?;
                stack.close(off)?;
            }
        }
        Work::Echo(size_bytes) => {
            stack.open(off)?;
            for _ in 0..WARM_UP_TRANSFERS {
                stack.echo(size_bytes, off)?;
            }
        }
        Work::Stream(size_bytes) => {
            stack.open(off)?;
            for _ in 0..WARM_UP_TRANSFERS {
                stack.transfer(size_bytes, off)?;
            }
        }
    }
    Ok(())
}

/// Does a work `count` times, each time with a new meter, which `measured` then gets. After [`begin`].
///
/// # Errors
/// The stack failed.
pub fn repeat<S: Stack, M: Meter + Default>(
    stack: &mut S,
    work: Work,
    count: usize,
    mut measured: impl FnMut(M),
) -> Result<(), BenchError> {
    for _ in 0..count {
        let mut meter = M::default();
        match work {
            Work::Handshake => {
                stack.open(&mut meter)?;
                stack.close(&mut Unmetered)?;
            }
            Work::Echo(size_bytes) => stack.echo(size_bytes, &mut meter)?,
            Work::Stream(size_bytes) => stack.transfer(size_bytes, &mut meter)?,
            Work::Close => {
                stack.open(&mut Unmetered)?;
                stack.close(&mut meter)?;
            }
        }
        measured(meter);
    }
    Ok(())
}

/// Closes the connection that [`begin`] left open.
///
/// # Errors
/// The stack failed.
pub fn end<S: Stack>(stack: &mut S, work: Work) -> Result<(), BenchError> {
    match work {
        Work::Handshake | Work::Close => Ok(()),
        Work::Echo(_) | Work::Stream(_) => stack.close(&mut Unmetered),
    }
}
