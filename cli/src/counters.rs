//! The file of `--counters`: a line each, name and value.

use std::fmt::{Display, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// Writes it.
pub fn write(
    path: &Path,
    counters: impl IntoIterator<Item = (&'static str, impl Display)>,
) -> Result<()> {
    let mut text = String::new();
    for (name, value) in counters {
        let _ = writeln!(text, "{name} {value}");
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
