//! `handclasp emit`: the gateware as Verilog.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::output;
use crate::width::Width;

/// Arguments of `handclasp emit`.
#[derive(clap::Args)]
pub struct Args {
    /// Width of the data paths in bits; both when left out
    #[arg(long)]
    width: Option<Width>,
    /// Directory to write handclasp_nic_w64.v and handclasp_nic_w512.v into
    #[arg(short, long, default_value = ".")]
    output: PathBuf,
}

/// Writes one file a width, and says so.
pub fn run(args: &Args) -> Result<()> {
    fs::create_dir_all(&args.output)
        .with_context(|| format!("creating the directory {}", args.output.display()))?;
    for width in args
        .width
        .map_or(vec![Width::W64, Width::W512], |width| vec![width])
    {
        let verilog = handclasp_hdl::emit(width.bits())
            .with_context(|| format!("printing the gateware of width {}", width.bits()))?;
        let path = args
            .output
            .join(format!("handclasp_nic_w{}.v", width.bits()));
        output::write(&path, &verilog)?;
        println!("{}: {} lines", path.display(), verilog.lines().count());
    }
    Ok(())
}
