//! Why something could not be measured.

use std::path::PathBuf;

use handclasp_driver::BusError;
use handclasp_host::StackError;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// Our stack failed.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The prepared NIC failed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A socket failed, ours or the kernel's.
    #[error("{doing}: {source}")]
    Socket {
        /// What was asked of it.
        doing: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// smoltcp refused a call.
    #[error("smoltcp, {doing}: {reason}")]
    Smoltcp {
        /// What was asked of it.
        doing: &'static str,
        /// Its answer.
        reason: String,
    },
    /// Both ends are quiet and the work is not done.
    #[error("{stack}: nothing moves any more before the {work} is done; the stack lost something")]
    Stuck {
        /// Name of the stack.
        stack: &'static str,
        /// What was being done.
        work: &'static str,
    },
    /// What arrived is not what was sent.
    #[error("{stack}: of {size_bytes} bytes sent, byte {at} arrived changed")]
    WrongBytes {
        /// Name of the stack.
        stack: &'static str,
        /// Bytes that were sent.
        size_bytes: usize,
        /// First one that differs.
        at: usize,
    },
    /// The instruction counter could not be run.
    #[error("valgrind: {0}; install it (apt: valgrind) to count instructions")]
    NoValgrind(std::io::Error),
    /// The instruction counter ran and gave no count.
    #[error("callgrind counted nothing: {0}")]
    NoCount(String),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is no study of ours.
    #[error("{path} is no result of `handclasp bench all`: {reason}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A plot could not be drawn.
    #[error("drawing {plot}: {reason}")]
    Plot {
        /// The plot.
        plot: String,
        /// What went wrong.
        reason: String,
    },
}
