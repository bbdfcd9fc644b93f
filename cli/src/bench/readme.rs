//! `handclasp bench readme`: the README's section on latency, from a stored run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use handclasp_benches::report::readme;
use handclasp_benches::Study;

use crate::output;

/// Arguments of `handclasp bench readme`.
#[derive(clap::Args)]
pub struct Args {
    /// The run, as `handclasp bench all` has written it
    run: PathBuf,
    /// The file whose section is made anew
    #[arg(long, default_value = "README.md")]
    readme: PathBuf,
}

/// Makes the section anew.
pub fn run(args: &Args) -> Result<()> {
    let study = Study::read(&args.run)?;
    let path = args.readme.display();
    let text = fs::read_to_string(&args.readme).with_context(|| format!("reading {path}"))?;
    let renewed = readme::renew(&text, &study).with_context(|| {
        format!(
            "{path} has no section on latency: it lies between the lines {} and {}",
            readme::BEGIN,
            readme::END
        )
    })?;
    output::write(&args.readme, renewed)
}
