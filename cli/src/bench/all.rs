//! `handclasp bench all`: everything that can be measured, simulated and modelled here, as a report.

use std::fs;
use std::path::PathBuf;

use anyhow::{bail, Context, Result};
use handclasp_benches::model::parameters::Parameters;
use handclasp_benches::record::OverNic;
use handclasp_benches::report::{self, tables};
use handclasp_benches::{Plan, Study, Work};
use indicatif::{ProgressBar, ProgressStyle};

use super::card::Card;
use super::session::Limit;
use super::{cost, cycles};
use crate::output;

/// Arguments of `handclasp bench all`.
#[derive(clap::Args)]
pub struct Args {
    /// Directory for run.json, report.md and report.html; with --device also for card.json
    #[arg(long, value_name = "DIR", default_value = "build/bench")]
    out: PathBuf,
    /// How often to measure each stack with each kind of work and each message size
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    samples: u32,
    /// Do not count instructions, which needs valgrind and takes most of the time
    #[arg(long)]
    no_instructions: bool,
    #[command(flatten)]
    card: Option<Card>,
}

/// Measures, writes the report, and prints where it is and its first table.
pub fn run(args: &Args) -> Result<()> {
    fs::create_dir_all(&args.out)
        .with_context(|| format!("making the directory {}", args.out.display()))?;
    let card = (args.card.as_ref())
        .map(|card| measure(card, args))
        .transpose()?;
    let bar = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template(
            "[{elapsed}] {wide_bar} {pos}/{len} {msg}",
        )?)
        .with_message("gateware, simulated");
    let (gateware, hops) = cycles::simulate()?;
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
        card,
    };
    let write = |name: &str, text: String| {
        let path = args.out.join(name);
        output::write(&path, text)?;
        anyhow::Ok(path)
    };
    write("run.json", study.json()?)?;
    write("report.md", report::markdown(&study))?;
    let page = write("report.html", report::html(&study)?)?;
    for left_out in study.left_out() {
        println!("left out: {}: {}", left_out.what, left_out.reason);
    }
    println!("{}", page.display());
    print!("\n{}", tables::summary(&study).markdown());
    match study.card.and_then(|card| card.cut_short) {
        None => Ok(()),
        Some(why) => bail!("the card's part was cut short, the rest is in the report: {why}"),
    }
}

/// Everything that is measured over a card. Kept on disk at once: what comes then takes minutes, and may fail.
fn measure(card: &Card, args: &Args) -> Result<OverNic> {
    let mut works = Plan::all(None).works;
    works.retain(|work| *work != Work::Close);
    let limit = Limit {
        samples: args.samples as usize,
        time: None,
    };
    let record = card.measure(&works, limit)?;
    let path = args.out.join("card.json");
    output::write(&path, serde_json::to_string_pretty(&record)?)?;
    Ok(record)
}
