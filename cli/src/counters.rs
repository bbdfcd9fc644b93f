//! The file of `--counters`: a line each, name and value.

use std::fmt::{Display, Write};
use std::path::Path;

use anyhow::Result;

use crate::output;

/// Writes it.
pub fn write(
    path: &Path,
    counters: impl IntoIterator<Item = (&'static str, impl Display)>,
) -> Result<()> {
    let mut text = String::new();
    for (name, value) in counters {
        let _ = writeln!(text, "{name} {value}");
    }
    output::write(path, text)
}
