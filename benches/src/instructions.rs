//! Instructions of each end, counted by valgrind's callgrind.
//!
//! The binary `instructions` runs itself under callgrind, which collects only in the sections of one end
//! ([`Named`]). Two runs of different length are subtracted, so that whatever both have in common is not counted. The
//! counts are those of the machine code that ran: the same on every machine that runs the same build.
//!
//! Where they go, callgrind tells of a build with symbols of lines (`CARGO_PROFILE_RELEASE_DEBUG=1`):
//!
//! ```text
//! valgrind --tool=callgrind --callgrind-out-file=echo.out --toggle-collect='*named_server_section*' \
//!     target/release/instructions workload ours echo 1000 64
//! callgrind_annotate --inclusive=yes echo.out
//! ```

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::meter::{End, Named};
use crate::stack::{Library, Null, Ours, Smoltcp};
use crate::work::{self, Work};
use crate::BenchError;

/// Repetitions of the two runs.
const SHORT: usize = 100;
const LONG: usize = 1100;

/// Works whose instructions are counted unless others are asked for.
pub const WORKS: [Work; 5] = [
    Work::Handshake,
    Work::Echo(64),
    Work::Stream(1460),
    Work::Stream(16384),
    Work::Close,
];

/// Instructions of one work by one stack, on average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// Name of the stack.
    pub stack: String,
    /// Name of the work.
    pub work: String,
    /// Its size, if it has one.
    pub size_bytes: Option<usize>,
    /// Instructions in the client's sections.
    pub client: f64,
    /// Instructions in the server's sections.
    pub server: f64,
}

impl Count {
    /// Instructions of both ends.
    pub fn both(&self) -> f64 {
        self.client + self.server
    }
}

/// Does the work so often, in named sections: what is run under callgrind.
///
/// # Errors
/// The stack failed.
pub fn workload(library: Library, work: Work, count: usize) -> Result<(), BenchError> {
    let (meter, done) = (|| Named, |_| ());
    match library {
        Library::Ours => work::repeat(&mut Ours::new()?, work, count, meter, done),
        Library::Smoltcp => work::repeat(&mut Smoltcp::new(), work, count, meter, done),
        Library::Null => work::repeat(&mut Null::new(), work, count, meter, done),
    }
}

/// Counts the instructions of one work by one stack. `program` is the binary `instructions`.
///
/// # Errors
/// `NoValgrind` when it is not installed; `NoCount` when it failed.
pub fn count(program: &Path, library: Library, work: Work) -> Result<Count, BenchError> {
    let end = |end| {
        let short = collect(program, library, work, SHORT, end)?;
        let long = collect(program, library, work, LONG, end)?;
        Ok::<_, BenchError>((long as f64 - short as f64) / (LONG - SHORT) as f64)
    };
    Ok(Count {
        stack: library.name().to_owned(),
        work: work.name().to_owned(),
        size_bytes: work.size_bytes(),
        client: end(End::Client)?,
        server: end(End::Server)?,
    })
}

/// One run under callgrind: the instructions in one end's sections.
fn collect(
    program: &Path,
    library: Library,
    work: Work,
    repetitions: usize,
    end: End,
) -> Result<u64, BenchError> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={}", Named::pattern(end)))
        .arg(program)
        .args(["workload", library.name(), work.name()])
        .arg(repetitions.to_string());
    if let Some(size_bytes) = work.size_bytes() {
        command.arg(size_bytes.to_string());
    }
    let output = command.output().map_err(BenchError::NoValgrind)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(BenchError::NoCount(said.into_owned()));
    }
    // "==123== Collected : 456789"
    said.lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .ok_or_else(|| BenchError::NoCount(said.clone().into_owned()))
}
