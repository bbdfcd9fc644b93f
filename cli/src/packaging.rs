//! `handclasp completions` and `handclasp man`: what a package of this command has beside the program.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::Cli;

/// Arguments of `handclasp completions`.
#[derive(clap::Args)]
pub struct CompletionsArgs {
    /// The shell that the script is for
    shell: Shell,
}

/// Arguments of `handclasp man`.
#[derive(clap::Args)]
pub struct ManArgs {
    /// Directory to write the pages into, like /usr/local/share/man/man1 (made if it is not there)
    directory: PathBuf,
}

/// Prints the script.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "handclasp", &mut script);
    let script = String::from_utf8(script).context("the script is no text")?;
    print!("{script}");
    Ok(())
}

/// Writes handclasp.1, handclasp-demo.1 and so on.
pub fn man(args: &ManArgs) -> Result<()> {
    let directory = args.directory.display();
    fs::create_dir_all(&args.directory)
        .with_context(|| format!("making the directory {directory}"))?;
    clap_mangen::generate_to(Cli::command(), &args.directory)
        .with_context(|| format!("writing manual pages into {directory}"))
}
