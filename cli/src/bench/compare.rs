//! `handclasp bench compare`: two runs beside each other.

use std::path::PathBuf;

use anyhow::{bail, ensure, Result};
use handclasp_benches::compare::Comparison;
use handclasp_benches::Study;

/// Arguments of `handclasp bench compare`.
#[derive(clap::Args)]
pub struct Args {
    /// The run.json of the earlier report
    before: PathBuf,
    /// The run.json of the later report
    after: PathBuf,
    /// Fail if a figure of our stack became worse by more than the noise
    #[arg(long)]
    fail: bool,
}

/// Prints what changed.
pub fn run(args: &Args) -> Result<()> {
    let comparison = Comparison::of(&Study::read(&args.before)?, &Study::read(&args.after)?);
    ensure!(
        !comparison.changes.is_empty(),
        "the runs have no figure in common"
    );
    print!("{}", comparison.table().markdown());
    println!(
        "\nratio: after / before, of times divided by {:.3}: what the machine did to the stacks that are not ours; times up to \
         {:.3} are noise",
        comparison.machine, comparison.noise
    );
    if args.fail && comparison.has_regression() {
        bail!("something became worse");
    }
    Ok(())
}
