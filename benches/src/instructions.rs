//! Instructions of each end, counted by valgrind's callgrind.
//!
//! A program ([`Program`]) is run under callgrind, which collects only in the sections of one end
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

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use comfy_table::Table;
use serde::{Deserialize, Serialize};

use crate::meter::{End, Named};
use crate::stack::{Library, Null, Ours, Smoltcp};
use crate::work::{self, Work};
use crate::BenchError;

/// Repetitions of the two runs.
const SHORT: usize = 100;
const LONG: usize = 1100;

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
    let measured = |_: Named| ();
    match library {
        Library::Ours => work::measure(&mut Ours::new()?, work, count, measured),
        Library::Smoltcp => work::measure(&mut Smoltcp::new(), work, count, measured),
        Library::Null => work::measure(&mut Null::new(), work, count, measured),
    }
}

/// A program that calls [`workload`] when it gets these arguments, and behind them the names of the stack and of the work,
/// the count and, if it has one, the size: the binary `instructions`, or one that does the same.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its path.
    pub path: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<String>,
}

/// Why instructions cannot be counted, if they cannot.
pub fn what_is_missing() -> Option<BenchError> {
    let output = Command::new("valgrind").arg("--version").output();
    output.err().map(BenchError::NoValgrind)
}

/// Counts the instructions of one work by one stack.
///
/// # Errors
/// `NoValgrind` when it is not installed; `NoCount` when it failed.
pub fn count(program: &Program, library: Library, work: Work) -> Result<Count, BenchError> {
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
    program: &Program,
    library: Library,
    work: Work,
    repetitions: usize,
    end: End,
) -> Result<u64, BenchError> {
    let mut arguments: Vec<OsString> = vec![
        format!("--toggle-collect={}", Named::pattern(end)).into(),
        program.path.clone().into(),
    ];
    arguments.extend(program.arguments.iter().map(OsString::from));
    arguments.extend([library.name().into(), work.name().into()]);
    arguments.push(repetitions.to_string().into());
    arguments.extend(work.size_bytes().map(|size| size.to_string().into()));
    collected(arguments)
}

/// Instructions that callgrind collects in one run; `arguments` are its options, the program and that one's arguments.
///
/// # Errors
/// `NoValgrind` when it is not installed; `NoCount` when it, or the program, failed.
pub fn collected(
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<u64, BenchError> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(arguments)
        .output()
        .map_err(BenchError::NoValgrind)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(BenchError::NoCount(said.into_owned()));
    }
    // "==123== Collected : 456789"
    said.lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .ok_or_else(|| BenchError::NoCount(said.clone().into_owned()))
}

/// Counts as a table: one row a work and stack; the ratio is to ours, of both ends together.
pub fn table(counts: &[Count]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "instructions",
        "stack",
        "client",
        "server",
        "both",
        "x ours",
    ]);
    for count in counts {
        let ours = counts.iter().find(|other| {
            other.stack == Library::Ours.name()
                && (&other.work, other.size_bytes) == (&count.work, count.size_bytes)
        });
        table.add_row([
            match count.size_bytes {
                Some(size_bytes) => format!("{}, {size_bytes} bytes", count.work),
                None => count.work.clone(),
            },
            count.stack.clone(),
            format!("{:.0}", count.client),
            format!("{:.0}", count.server),
            format!("{:.0}", count.both()),
            ours.map_or(String::new(), |ours| {
                format!("{:.2}", count.both() / ours.both())
            }),
        ]);
    }
    table
}
