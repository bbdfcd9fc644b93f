//! A run: every stack does every work.

use crate::distribution::Distribution;
use crate::instructions::{self, Program};
use crate::latency::{self, Waiting};
use crate::machine::Machine;
use crate::meter::{End, Stopwatch};
use crate::pin::Pinned;
use crate::record::{Cost, Latency, LeftOut, Run, VERSION};
use crate::stack::{Library, Linux, Null, Ours, Path, Smoltcp, Stack};
use crate::work::{self, Work, SIZES_BYTES};
use crate::BenchError;

/// Turns that each stack has at a work: a disturbance of the machine then meets all stacks alike.
const ROUNDS: usize = 5;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The works.
    pub works: Vec<Work>,
    /// Measurements of each, by each stack.
    pub samples: usize,
    /// What to count instructions of; `None`: they are not counted.
    pub instructions: Option<Program>,
}

impl Plan {
    /// Every work, 20,000 times.
    pub fn all(instructions: Option<Program>) -> Self {
        let mut works = vec![Work::Handshake];
        works.extend(SIZES_BYTES.map(Work::Echo));
        works.extend(SIZES_BYTES.map(Work::Stream));
        works.push(Work::Close);
        Self {
            works,
            samples: 20_000,
            instructions,
        }
    }
}

/// What is to be done next.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub steps: usize,
    /// What comes now.
    pub now: String,
}

/// A step of a run.
#[derive(Clone, Copy)]
enum Step {
    Costs(Work),
    /// In this stack of `Stacks::linux`.
    Latency(usize, Work, Waiting),
    Instructions(Library, Work),
}

/// Measures everything in the plan that this machine lets us measure, and tells before each step.
///
/// # Errors
/// A stack failed. What is not allowed or not installed is no error: it is in [`Run::left_out`].
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&Progress)) -> Result<Run, BenchError> {
    let mut run = Run {
        version: VERSION,
        machine: Machine::here(),
        pinned_cpu: None,
        costs: Vec::new(),
        latencies: Vec::new(),
        instructions: Vec::new(),
        left_out: Vec::new(),
    };
    let mut stacks = Stacks::new(&mut run.left_out)?;
    let steps = steps(plan, &stacks, &mut run.left_out);
    for (done, &step) in steps.iter().enumerate() {
        progress(&Progress {
            done,
            steps: steps.len(),
            now: stacks.describe(step),
        });
        match step {
            Step::Costs(work) => {
                let pinned = Pinned::to_last();
                run.pinned_cpu = pinned.cpu;
                run.costs.extend(stacks.costs(work, plan.samples)?);
            }
            Step::Latency(index, work, waiting) => {
                let linux = &mut stacks.linux[index];
                run.latencies
                    .extend(latency(linux, work, waiting, plan.samples)?);
            }
            Step::Instructions(library, work) => {
                if let Some(program) = &plan.instructions {
                    run.instructions
                        .push(instructions::count(program, library, work)?);
                }
            }
        }
    }
    Ok(run)
}

/// All steps that are possible here; says what is not.
fn steps(plan: &Plan, stacks: &Stacks, left_out: &mut Vec<LeftOut>) -> Vec<Step> {
    let mut steps: Vec<Step> = plan.works.iter().copied().map(Step::Costs).collect();
    let can_busy_poll = crate::pin::allowed().len() > 1;
    for index in 0..stacks.linux.len() {
        for &work in &plan.works {
            match work {
                Work::Handshake => steps.push(Step::Latency(index, work, Waiting::Blocking)),
                Work::Echo(_) => {
                    steps.push(Step::Latency(index, work, Waiting::Blocking));
                    if can_busy_poll {
                        steps.push(Step::Latency(index, work, Waiting::BusyPoll));
                    }
                }
                Work::Stream(_) | Work::Close => {}
            }
        }
    }
    if !can_busy_poll {
        left_out.push(LeftOut {
            what: "busy-poll".into(),
            reason: "two threads that keep asking need two CPUs".into(),
        });
    }
    let missing = match &plan.instructions {
        None => Some("not asked for".into()),
        Some(_) => instructions::what_is_missing().map(|error| error.to_string()),
    };
    match missing {
        Some(reason) => left_out.push(LeftOut {
            what: "instructions".into(),
            reason,
        }),
        None => {
            for &work in &plan.works {
                steps.extend(Library::ALL.map(|library| Step::Instructions(library, work)));
            }
        }
    }
    steps
}

/// The stacks of a run.
struct Stacks {
    libraries: Vec<Box<dyn Subject>>,
    linux: Vec<Linux>,
}

impl Stacks {
    fn new(left_out: &mut Vec<LeftOut>) -> Result<Self, BenchError> {
        let mut linux = Vec::new();
        for path in Path::BOTH {
            match Linux::new(path) {
                Ok(stack) => linux.push(stack),
                Err(reason) => left_out.push(LeftOut {
                    what: path.name().into(),
                    reason,
                }),
            }
        }
        Ok(Self {
            libraries: vec![
                Box::new(Ours::new()?),
                Box::new(Smoltcp::new()),
                Box::new(Null::new()),
            ],
            linux,
        })
    }

    fn describe(&self, step: Step) -> String {
        match step {
            Step::Costs(work) => format!("host cost of {work}"),
            Step::Latency(index, work, waiting) => format!(
                "latency of {work}, {}, {}",
                Stack::name(&self.linux[index]),
                waiting.name()
            ),
            Step::Instructions(library, work) => {
                format!("instructions of {work}, {}", library.name())
            }
        }
    }

    /// What a work costs each stack.
    fn costs(&mut self, work: Work, samples: usize) -> Result<Vec<Cost>, BenchError> {
        let libraries = self.libraries.iter_mut().map(|subject| &mut **subject);
        let linux = self.linux.iter_mut().map(|linux| linux as &mut dyn Subject);
        let mut measured: Vec<(&mut dyn Subject, Vec<Stopwatch>)> = libraries
            .chain(linux)
            .map(|subject| (subject, Vec::with_capacity(samples)))
            .collect();
        for _ in 0..ROUNDS {
            for (subject, times) in &mut measured {
                subject.measure(work, samples.div_ceil(ROUNDS), times)?;
            }
        }
        Ok(measured
            .iter()
            .filter_map(|(subject, times)| cost(subject.name(), work, times))
            .collect())
    }
}

/// None when nothing was measured.
fn cost(stack: &str, work: Work, times: &[Stopwatch]) -> Option<Cost> {
    let of = |end| Distribution::of(times.iter().map(|watch| watch.spent(end)));
    Some(Cost {
        stack: stack.into(),
        work: work.name().into(),
        size_bytes: work.size_bytes(),
        client: of(End::Client)?,
        server: of(End::Server)?,
        both: Distribution::of(times.iter().map(Stopwatch::spent_both))?,
    })
}

/// None when nothing was measured.
fn latency(
    linux: &mut Linux,
    work: Work,
    waiting: Waiting,
    samples: usize,
) -> Result<Option<Latency>, BenchError> {
    let times = match work.size_bytes() {
        Some(size_bytes) => latency::echoes(linux, waiting, size_bytes, samples)?,
        None => latency::handshakes(linux, samples)?,
    };
    Ok(Distribution::of(times).map(|time| Latency {
        stack: Stack::name(linux).into(),
        waiting,
        work: work.name().into(),
        size_bytes: work.size_bytes(),
        time,
    }))
}

/// A stack of any kind, so that all can be in one list.
trait Subject {
    fn name(&self) -> &'static str;

    /// Does a work `count` times and adds how long client and server took each time.
    fn measure(
        &mut self,
        work: Work,
        count: usize,
        times: &mut Vec<Stopwatch>,
    ) -> Result<(), BenchError>;
}

impl<S: Stack> Subject for S {
    fn name(&self) -> &'static str {
        Stack::name(self)
    }

    fn measure(
        &mut self,
        work: Work,
        count: usize,
        times: &mut Vec<Stopwatch>,
    ) -> Result<(), BenchError> {
        work::measure(self, work, count, |watch| times.push(watch))
    }
}
