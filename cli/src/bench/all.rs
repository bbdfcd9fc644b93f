//! `handclasp bench all`: everything that can be measured, simulated and modelled here, as a report.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use handclasp_benches::gateware::{Figures, Hops};
use handclasp_benches::model::parameters::Parameters;
use handclasp_benches::model::PAYLOADS_LEN_BYTES;
use handclasp_benches::report::{self, tables};
use handclasp_benches::{Plan, Study};
use indicatif::{ProgressBar, ProgressStyle};

use super::{cost, cycles};
use crate::width::Width;

/// Arguments of `handclasp bench all`.
#[derive(clap::Args)]
pub struct Args {
    /// Where run.json, report.md and report.html go
    #[arg(long, value_name = "DIR", default_value = "build/bench")]
    out: PathBuf,
    /// Measurements of each work and size by each stack
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    samples: u32,
    /// Do not count instructions: they take most of the time, and valgrind
    #[arg(long)]
    no_instructions: bool,
}

/// Measures, writes the report, and prints where it is and its first table.
pub fn run(args: &Args) -> Result<()> {
    fs::create_dir_all(&args.out)
        .with_context(|| format!("making the directory {}", args.out.display()))?;
    let bar = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template(
            "[{elapsed}] {wide_bar} {pos}/{len} {msg}",
        )?)
        .with_message("gateware, simulated");
    let (gateware, hops) = simulate()?;
    let plan = Plan {
        samples: args.samples as usize,
        ..Plan::all((!args.no_instructions).then(cost::program).transpose()?)
    };
    let run = handclasp_benches::run(&plan, &mut |progress| {
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.done as u64);
        bar.set_message(progress.now.clone());
        if bar.is_hidden() {
            eprintln!("{}/{} {}", progress.done + 1, progress.steps, progress.now);
        }
    })?;
    bar.finish_and_clear();
    let study = Study {
        run,
        gateware,
        hops,
        parameters: Parameters::default(),
    };
    study.write(&args.out.join("run.json"))?;
    let write = |name: &str, text: String| {
        let path = args.out.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        anyhow::Ok(path)
    };
    write("report.md", report::markdown(&study))?;
    let page = write("report.html", report::html(&study)?)?;
    for left_out in &study.run.left_out {
        println!("left out: {}: {}", left_out.what, left_out.reason);
    }
    println!("{}", page.display());
    print!("\n{}", tables::summary(&study).markdown());
    Ok(())
}

/// The gateware of both widths.
fn simulate() -> Result<(Vec<Figures>, Vec<Hops>)> {
    let mut figures = Vec::new();
    let mut hops = Vec::new();
    for width in Width::ALL {
        let simulating = || format!("simulating the gateware, W = {}", width.bits());
        figures.push(cycles::measure(width).with_context(simulating)?);
        for len_bytes in PAYLOADS_LEN_BYTES {
            hops.push(cycles::hops::measure(width, len_bytes).with_context(simulating)?);
        }
    }
    Ok((figures, hops))
}
