//! The tables of a report.

mod card;
mod gateware;

pub use card::{card, CARD};
pub use gateware::{gateware, hops, HOPS};

use super::table::{time, Table};
use crate::distribution::Distribution;
use crate::model::Range;
use crate::stack::Library;
use crate::study::{summary_stacks, Study, SUMMARY};
use crate::Work;

/// What was not measured.
const NOTHING: &str = "-";

/// A work in words.
pub(crate) fn words(work: &str, size_bytes: Option<usize>) -> String {
    match size_bytes {
        Some(size_bytes) => format!("{work}, {size_bytes} bytes"),
        None => work.to_owned(),
    }
}

/// Host cost of a handshake, a 64-byte round trip and 1460 bytes of a stream: ours, smoltcp, Linux. Medians, and
/// instructions where they were counted.
pub fn summary(study: &Study) -> Table {
    let mut table = Table::new(
        1,
        &[
            "host cost, both ends",
            "ours",
            "smoltcp",
            "Linux loopback",
            "smoltcp / ours",
            "Linux / ours",
        ],
    );
    let mut row = |name: String, values: [Option<f64>; 3], show: fn(f64) -> String| {
        let ratio = |value: Option<f64>| match (value, values[0]) {
            (Some(value), Some(ours)) => format!("{:.2}", value / ours),
            _ => NOTHING.into(),
        };
        let mut cells = vec![name];
        cells.extend(values.map(|value| value.map_or(NOTHING.into(), show)));
        cells.extend([ratio(values[1]), ratio(values[2])]);
        table.row(cells);
    };
    let name = |work: Work| match work {
        Work::Handshake => "handshake",
        Work::Echo(_) => "64-byte RTT",
        Work::Stream(_) => "1460-byte stream",
        Work::Close => "close",
    };
    for work in SUMMARY {
        let values = summary_stacks().map(|stack| Some(study.cost(stack, work)?.both.p50_ns));
        row(format!("{}, P50", name(work)), values, time);
    }
    if !study.run.instructions.is_empty() {
        for work in SUMMARY {
            let values = summary_stacks().map(|stack| study.instructions(stack, work));
            row(format!("{}, instructions", name(work)), values, |count| {
                format!("{count:.0}")
            });
        }
    }
    table
}

fn distribution_cells(time_of: &Distribution) -> Vec<String> {
    vec![
        time(time_of.p50_ns),
        time(time_of.p99_ns),
        time(time_of.p999_ns),
        format!(
            "{} ± {}",
            time(time_of.mean_ns),
            time(time_of.mean_ci95_ns[1] - time_of.mean_ns)
        ),
        format!("{:.1} %", 100.0 * outliers(time_of)),
    ]
}

/// The share of measurements that lie more than three interquartile ranges above the upper quartile (Tukey's far out), as
/// far as the quantiles that are kept tell.
fn outliers(time: &Distribution) -> f64 {
    let quantiles = &time.quantiles_ns;
    let at = |share: f64| {
        let last = quantiles.len().saturating_sub(1);
        quantiles
            .get((share * last as f64).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    };
    let fence = at(0.75) + 3.0 * (at(0.75) - at(0.25));
    let above = quantiles.iter().filter(|&&value| value > fence).count();
    above as f64 / quantiles.len().max(1) as f64
}

/// Every host cost: P50, P99, P99.9, mean.
pub fn costs(study: &Study) -> Table {
    let mut table = Table::new(
        2,
        &[
            "work",
            "stack",
            "P50",
            "P99",
            "P99.9",
            "mean, 95 %",
            "far out",
            "client, P50",
            "server, P50",
        ],
    );
    for cost in &study.run.costs {
        let mut cells = vec![words(&cost.work, cost.size_bytes), cost.stack.clone()];
        cells.extend(distribution_cells(&cost.both));
        cells.extend([time(cost.client.p50_ns), time(cost.server.p50_ns)]);
        table.row(cells);
    }
    table
}

/// How long a client of the Linux kernel waits, and one of ours: measured over the card, or else as long as the model says.
pub fn waiting(study: &Study) -> Table {
    let mut table = Table::new(
        3,
        &[
            "work",
            "stack",
            "how",
            "P50",
            "P99",
            "P99.9",
            "mean, 95 %",
            "far out",
        ],
    );
    let over_card = study.card.iter().flat_map(|card| &card.latencies);
    // A write() waits for room in a buffer, not for the server.
    let over_card = over_card.filter(|latency| latency.work != Work::Stream(0).name());
    for latency in study.run.latencies.iter().chain(over_card) {
        let mut cells = vec![
            words(&latency.work, latency.size_bytes),
            latency.stack.clone(),
            format!("measured, {}", latency.waiting.name()),
        ];
        cells.extend(distribution_cells(&latency.time));
        table.row(cells);
    }
    for journey in study.journeys() {
        let Range {
            low_ns,
            typical_ns,
            high_ns,
        } = journey.total();
        table.row([
            words(&journey.work, journey.size_bytes),
            Library::Ours.name().into(),
            format!(
                "modelled, {:.0} Gbit/s: {} to {}",
                journey.line_gbit_per_s,
                time(low_ns),
                time(high_ns)
            ),
            time(typical_ns),
            NOTHING.into(),
            NOTHING.into(),
            NOTHING.into(),
            NOTHING.into(),
        ]);
    }
    table
}

/// Instructions of each end.
pub fn instructions(study: &Study) -> Table {
    let mut table = Table::new(2, &["work", "stack", "client", "server", "both", "× ours"]);
    for count in &study.run.instructions {
        let ours = study.run.instructions.iter().find(|ours| {
            ours.stack == Library::Ours.name()
                && ours.work == count.work
                && ours.size_bytes == count.size_bytes
        });
        table.row([
            words(&count.work, count.size_bytes),
            count.stack.clone(),
            format!("{:.0}", count.client),
            format!("{:.0}", count.server),
            format!("{:.0}", count.both()),
            ours.map_or(NOTHING.into(), |ours| {
                format!("{:.2}", count.both() / ours.both())
            }),
        ]);
    }
    table
}

fn range_cells(range: Range) -> [String; 3] {
    [range.low_ns, range.typical_ns, range.high_ns].map(time)
}

/// The parts of every way.
pub fn parts(study: &Study) -> Table {
    let mut table = Table::new(
        3,
        &["way", "part", "how it is known", "low", "typical", "high"],
    );
    for journey in study.journeys() {
        let way = format!("{}, {:.0} Gbit/s", journey.what, journey.line_gbit_per_s);
        for part in &journey.parts {
            let mut cells = vec![way.clone(), part.name.clone(), part.kind.name().into()];
            cells.extend(range_cells(part.time));
            table.row(cells);
        }
        let mut cells = vec![way, "all".into(), "modelled".into()];
        cells.extend(range_cells(journey.total()));
        table.row(cells);
    }
    table
}

/// The modelled numbers and where they are from.
pub fn parameters(study: &Study) -> Table {
    let mut table = Table::new(2, &["modelled", "source", "low", "typical", "high"]);
    for parameter in study.parameters.all() {
        let mut cells = vec![parameter.name.clone(), parameter.source.clone()];
        cells.extend(range_cells(parameter.time));
        table.row(cells);
    }
    table
}

/// The machine and how it measured.
pub fn machine(study: &Study) -> Table {
    let machine = &study.run.machine;
    let unknown = || "the system does not tell".to_owned();
    let mut table = Table::new(2, &["", ""]);
    let mut row = |name: &str, value: String| table.row([name.into(), value]);
    row("date", machine.date.clone());
    row(
        "processor",
        format!(
            "{}{}",
            machine.cpu.clone().unwrap_or_else(unknown),
            if machine.is_virtual {
                ", in a virtual machine"
            } else {
                ""
            }
        ),
    );
    row("CPUs", machine.cpus.to_string());
    row(
        "clock of the CPU",
        machine
            .cpu_mhz
            .map_or_else(unknown, |mhz| format!("{mhz:.0} MHz when the run began")),
    );
    row(
        "governor of that clock",
        machine
            .governor
            .clone()
            .unwrap_or_else(|| "none: the system does not control it".into()),
    );
    row(
        "load",
        machine.load.map_or_else(unknown, |load| {
            let noisy = if load > 0.5 {
                ": others were at work, take ratios from it and no times"
            } else {
                ""
            };
            format!("{load:.2} in the minute before{noisy}")
        }),
    );
    row("kernel", machine.kernel.clone().unwrap_or_else(unknown));
    row(
        "clock source",
        machine.clock_source.clone().unwrap_or_else(unknown),
    );
    row(
        "pinned",
        study.run.pinned_cpu.map_or_else(
            || "no: the system did not allow it".into(),
            |cpu| format!("to CPU {cpu}"),
        ),
    );
    let samples: Vec<_> = study
        .run
        .costs
        .iter()
        .map(|cost| cost.both.samples)
        .collect();
    row(
        "measurements",
        match (samples.iter().min(), samples.iter().max()) {
            (Some(least), Some(most)) if least == most => format!("{most} of each work and stack"),
            (Some(least), Some(most)) => format!("{least} to {most} of each work and stack"),
            _ => NOTHING.into(),
        },
    );
    row(
        "warm-up",
        format!(
            "{} connections or {} transfers of each work, not counted",
            crate::work::WARM_UP_CONNECTIONS,
            crate::work::WARM_UP_TRANSFERS
        ),
    );
    row(
        "outliers",
        "all are kept; far out is more than three interquartile ranges above the upper quartile"
            .into(),
    );
    row(
        "null benchmark",
        match study.cost(Library::Null.name(), Work::Echo(64)) {
            Some(null) => format!(
                "a 64-byte echo without any stack, the harness itself: {}; it is in every host cost",
                time(null.both.p50_ns)
            ),
            None => NOTHING.into(),
        },
    );
    table
}

/// What is missing, and why.
pub fn left_out(study: &Study) -> Table {
    let mut table = Table::new(2, &["left out", "why"]);
    for left_out in study.left_out() {
        table.row([left_out.what, left_out.reason]);
    }
    table
}
