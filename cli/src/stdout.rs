//! Standard output, which may be a pipe whose reader leaves: `handclasp parse FILE | head -1`.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process;

/// Status of a command that a signal has ended, as shells show it: 128 and the signal's number, which is SIGPIPE's.
const STATUS_SIGPIPE: i32 = 128 + 13;

/// Instead of the standard library's, which panics when the reader has left.
macro_rules! println {
    () => {
        $crate::stdout::write(format_args!("\n"))
    };
    ($($arguments:tt)*) => {
        $crate::stdout::write(format_args!("{}\n", format_args!($($arguments)*)))
    };
}

/// Instead of the standard library's, which panics when the reader has left.
macro_rules! print {
    ($($arguments:tt)*) => {
        $crate::stdout::write(format_args!($($arguments)*))
    };
}

/// Writes to standard output, or ends the process.
pub fn write(text: Arguments<'_>) {
    if let Err(error) = io::stdout().write_fmt(text) {
        end(&error);
    }
}

/// Ends the process, since standard output takes no more: in silence when its reader has left, as SIGPIPE would end it.
pub fn end(error: &io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        process::exit(STATUS_SIGPIPE);
    }
    // Should standard error be gone as well, the status is left.
    let _ = writeln!(io::stderr(), "error: writing to standard output: {error}");
    process::exit(1);
}
