//! Two runs beside each other: what became slower, beyond the noise.
//!
//! Times of two runs differ also because the machine does: its clock, its load. What it did to everything is seen in the
//! stacks that we do not change (smoltcp, Linux, null): the middle of their ratios is the machine's, and ours is divided by it.
//! Their spread around that middle is noise: no smaller change of ours is believed. Instructions have neither.

use crate::distribution::Distribution;
use crate::report::table::{time, Table};
use crate::report::tables::words;
use crate::stack::Library;
use crate::study::Study;

/// A change of time that is never called a regression: code that moved in memory makes as much.
const TIME_NOISE: f64 = 1.05;
/// The same for instructions.
const INSTRUCTIONS_NOISE: f64 = 1.01;

/// One figure in both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The stack.
    pub stack: String,
    /// What it did.
    pub work: String,
    /// In the first run: ns, or instructions.
    pub before: f64,
    /// In the second.
    pub after: f64,
    /// What is compared is instructions, not ns.
    pub is_instructions: bool,
    /// The second over the first, with the machine's change taken out.
    pub ratio: f64,
    /// Where that ratio lies with the confidence of both medians.
    pub interval: [f64; 2],
    /// Worse than before, beyond the noise. Only ever said of ours.
    pub is_regression: bool,
}

/// What changed from one run to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What the machine did to stacks that did not change: the second run's times over the first's.
    pub machine: f64,
    /// How far such stacks lie apart from that: ratios up to this are noise.
    pub noise: f64,
    /// Each figure that both runs have.
    pub changes: Vec<Change>,
}

impl Comparison {
    /// Of two runs.
    pub fn of(before: &Study, after: &Study) -> Self {
        let ours = Library::Ours.name();
        let pairs: Vec<_> = (before.run.costs.iter())
            .filter_map(|old| {
                let new = after.run.costs.iter().find(|new| {
                    (&new.stack, &new.work, new.size_bytes)
                        == (&old.stack, &old.work, old.size_bytes)
                })?;
                Some((old, new))
            })
            .collect();
        let mut others: Vec<f64> = (pairs.iter())
            .filter(|(old, _)| old.stack != ours)
            .map(|(old, new)| new.both.p50_ns / old.both.p50_ns)
            .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
            .collect();
        others.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let last = others.len().saturating_sub(1) as f64;
            others.get((share * last).round() as usize).copied()
        };
        let machine = at(0.5).unwrap_or(1.0);
        // Nine of ten of what did not change are within.
        let noise = match (at(0.05), at(0.95)) {
            (Some(low), Some(high)) => (high / machine).max(machine / low).max(TIME_NOISE),
            _ => TIME_NOISE,
        };
        let mut changes: Vec<Change> = (pairs.iter())
            .map(|(old, new)| {
                let [low, high] = interval(&old.both, &new.both);
                let ratio = new.both.p50_ns / old.both.p50_ns / machine;
                let interval = [low / machine, high / machine];
                Change {
                    stack: old.stack.clone(),
                    work: words(&old.work, old.size_bytes),
                    before: old.both.p50_ns,
                    after: new.both.p50_ns,
                    is_instructions: false,
                    ratio,
                    interval,
                    is_regression: old.stack == ours && interval[0] > noise,
                }
            })
            .collect();
        for old in &before.run.instructions {
            let new = after.run.instructions.iter().find(|new| {
                (&new.stack, &new.work, new.size_bytes) == (&old.stack, &old.work, old.size_bytes)
            });
            let Some(new) = new else { continue };
            let ratio = new.both() / old.both();
            changes.push(Change {
                stack: old.stack.clone(),
                work: words(&old.work, old.size_bytes),
                before: old.both(),
                after: new.both(),
                is_instructions: true,
                ratio,
                interval: [ratio, ratio],
                is_regression: old.stack == ours && ratio > INSTRUCTIONS_NOISE,
            });
        }
        Self {
            machine,
            noise,
            changes,
        }
    }

    /// Whether anything of ours became worse.
    pub fn has_regression(&self) -> bool {
        self.changes.iter().any(|change| change.is_regression)
    }

    /// As a table: ours first, as that is what is looked for.
    pub fn table(&self) -> Table {
        let mut table = Table::new(
            2,
            &["stack", "work", "before", "after", "ratio", "95 %", ""],
        );
        let (ours, others): (Vec<_>, Vec<_>) =
            (self.changes.iter()).partition(|change| change.stack == Library::Ours.name());
        for change in ours.into_iter().chain(others) {
            let show = |value: f64| {
                if change.is_instructions {
                    format!("{value:.0} instr.")
                } else {
                    time(value)
                }
            };
            table.row([
                change.stack.clone(),
                change.work.clone(),
                show(change.before),
                show(change.after),
                format!("{:.3}", change.ratio),
                format!("{:.3} to {:.3}", change.interval[0], change.interval[1]),
                if change.is_regression {
                    "REGRESSION".into()
                } else {
                    String::new()
                },
            ]);
        }
        table
    }
}

/// The ratio of two medians is between these, if each median is within its own interval.
fn interval(before: &Distribution, after: &Distribution) -> [f64; 2] {
    [
        after.p50_ci95_ns[0] / before.p50_ci95_ns[1],
        after.p50_ci95_ns[1] / before.p50_ci95_ns[0],
    ]
}
