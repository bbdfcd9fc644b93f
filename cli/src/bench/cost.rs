//! `handclasp bench rtt` and `bench stream`: what a connection costs the host, beside smoltcp and the Linux kernel doing
//! the same. No gateware is in it, and no wire: see `handclasp-benches`. With a card they take the time of the whole way
//! instead.

use std::env;

use anyhow::{anyhow, ensure, Context, Result};
use handclasp_benches::instructions::{self, Program};
use handclasp_benches::stack::Library;
use handclasp_benches::work::SIZES_BYTES;
use handclasp_benches::{Plan, Run, Work};
use indicatif::{ProgressBar, ProgressStyle};

use super::card::Card;
use super::session::Limit;
use super::table::{self, latency_table, row, table};

/// Arguments of `handclasp bench rtt` and `bench stream`.
#[derive(clap::Args)]
pub struct Args {
    /// Length of a message in bytes; may be given more than once
    #[arg(long = "size", value_name = "BYTES", default_values_t = SIZES_BYTES, value_parser = size_bytes)]
    sizes_bytes: Vec<usize>,
    /// How often to measure each stack with each message size
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    samples: u32,
    /// Also count the instructions that each stack runs; needs valgrind
    #[arg(long)]
    instructions: bool,
    #[command(flatten)]
    card: Option<Card>,
    /// Print the result as JSON, with many quantiles, for plots
    #[arg(long)]
    json: bool,
}

/// Largest message: what any stack's buffers take whole.
const SIZE_MAX_BYTES: usize = 64 * 1024;

fn size_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size_bytes) if (1..=SIZE_MAX_BYTES).contains(&size_bytes) => Ok(size_bytes),
        _ => Err(format!("a message has 1 to {SIZE_MAX_BYTES} bytes")),
    }
}

/// Arguments of `handclasp bench workload`.
#[derive(clap::Args)]
pub struct Workload {
    /// Whose work: ours, smoltcp or null
    stack: Library,
    /// Which work: handshake, echo, stream or close
    work: String,
    /// How often it is done
    count: usize,
    /// Bytes of an echo or of a piece of the stream
    size_bytes: Option<usize>,
}

/// Measures `work` of each size and prints a table, or JSON.
pub fn run(args: &Args, work: fn(usize) -> Work) -> Result<()> {
    let works: Vec<Work> = args.sizes_bytes.iter().copied().map(work).collect();
    let samples = args.samples as usize;
    if let Some(card) = &args.card {
        ensure!(
            !args.instructions,
            "--instructions counts what a prepared device costs the host: leave --device away"
        );
        let time = None;
        return table::print(&card.measure(&works, Limit { samples, time })?, args.json);
    }
    let plan = Plan {
        works,
        samples,
        instructions: args.instructions.then(program).transpose()?,
    };
    let bar = if args.json {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(0).with_style(ProgressStyle::with_template("{pos}/{len} {msg}")?)
    };
    let run = handclasp_benches::run(&plan, &mut |progress| {
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.done as u64);
        bar.set_message(progress.now.clone());
    })?;
    bar.finish_and_clear();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&run)?);
    } else {
        print(&run);
    }
    Ok(())
}

/// This command, doing a workload.
pub(super) fn program() -> Result<Program> {
    Ok(Program {
        path: env::current_exe()
            .context("finding the path of this command, to run it under callgrind")?,
        arguments: vec!["bench".into(), "workload".into()],
    })
}

/// Does a workload.
pub fn do_workload(args: &Workload) -> Result<()> {
    let work = Work::parse(&args.work, args.size_bytes).map_err(|reason| anyhow!(reason))?;
    Ok(instructions::workload(args.stack, work, args.count)?)
}

fn print(run: &Run) {
    let mut table = table("host cost, both ends, ns");
    for cost in &run.costs {
        row(&mut table, cost.stack.clone(), cost.size_bytes, &cost.both);
    }
    println!("{table}");
    println!("null is the harness itself; mean with its 95 % confidence interval");
    if !run.latencies.is_empty() {
        let what = "round trip between two threads, ns";
        println!("\n{}", latency_table(what, &run.latencies));
    }
    if !run.instructions.is_empty() {
        println!("\n{}", instructions::table(&run.instructions));
    }
    for left_out in &run.left_out {
        println!("left out: {}: {}", left_out.what, left_out.reason);
    }
    let machine = &run.machine;
    println!(
        "{}, {} CPUs, Linux {}, load {}",
        machine.cpu.as_deref().unwrap_or("unknown CPU"),
        machine.cpus,
        machine.kernel.as_deref().unwrap_or("unknown"),
        machine
            .load
            .map_or("unknown".into(), |load| load.to_string()),
    );
}
