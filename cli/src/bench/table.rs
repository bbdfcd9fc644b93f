//! What was measured, as tables and lines on standard output.

use std::thread;

use anyhow::{bail, Result};
use comfy_table::Table;
use handclasp_benches::distribution::Distribution;
use handclasp_benches::record::{Latency, OverNic, Rate};

/// A table with these times, which are those of `what`.
pub fn table(what: &str) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([what, "bytes", "P50", "P99", "P99.9", "mean"]);
    table
}

/// A line with these times, which are those of `name`.
pub fn row(table: &mut Table, name: String, size_bytes: Option<usize>, time: &Distribution) {
    table.add_row([
        name,
        size_bytes.map_or(String::new(), |size| size.to_string()),
        format!("{:.0}", time.p50_ns),
        format!("{:.0}", time.p99_ns),
        format!("{:.0}", time.p999_ns),
        format!(
            "{:.0} ± {:.0}",
            time.mean_ns,
            time.mean_ci95_ns[1] - time.mean_ns
        ),
    ]);
}

/// How long clients wait.
pub fn latency_table(what: &str, latencies: &[Latency]) -> Table {
    let mut table = table(what);
    for latency in latencies {
        let name = format!("{}, {}", latency.stack, latency.waiting.name());
        row(&mut table, name, latency.size_bytes, &latency.time);
    }
    table
}

/// Prints what was measured of one kind of work: as JSON, or as a table and lines.
///
/// # Errors
/// It was cut short.
pub fn print(record: &OverNic, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(record)?);
    } else if let Some(first) = record.latencies.first() {
        let what = match first.work.as_str() {
            "handshake" => "connect()",
            "echo" => "round trip",
            _ => "write() of a piece",
        };
        let what = format!("{what}, ns; server: {}", record.peer);
        println!("{}", latency_table(&what, &record.latencies));
        let cpus = thread::available_parallelism().map_or(0, usize::from);
        println!("real time; {}; {cpus} CPUs", record.nic);
        record.rates.iter().for_each(print_rate);
    }
    match &record.cut_short {
        None => Ok(()),
        Some(why) => bail!("cut short: {why}"),
    }
}

fn print_rate(rate: &Rate) {
    match rate.mb_per_s() {
        None => println!(
            "{} connections in {:.2} s, one after the other: {:.0} handshakes/s",
            rate.count,
            rate.seconds,
            rate.per_s()
        ),
        Some(mb_per_s) => println!(
            "stream, {} bytes a piece: {mb_per_s:.2} MB/s to the server{}",
            rate.size_bytes.unwrap_or_default(),
            if rate.back_bytes > 0 {
                ", which sent all of it back"
            } else {
                ""
            }
        ),
    }
}
