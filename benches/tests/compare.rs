//! Comparing two runs: what is ours and worse is found, what the machine did is not held against us.

use std::path::Path;

use handclasp_benches::compare::Comparison;
use handclasp_benches::distribution::Distribution;
use handclasp_benches::Study;

fn stored() -> Study {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/bench/run.json");
    Study::read(&path).unwrap()
}

fn slow_down(time: &mut Distribution, factor: f64) {
    time.p50_ns *= factor;
    time.p50_ci95_ns = time.p50_ci95_ns.map(|ns| ns * factor);
}

#[test]
fn a_run_is_as_good_as_itself() {
    let comparison = Comparison::of(&stored(), &stored());
    assert!(!comparison.has_regression());
    assert_eq!(comparison.machine, 1.0);
    assert!(comparison.changes.len() > 50);
    assert!(comparison.changes.iter().all(|change| change.ratio == 1.0));
}

#[test]
fn a_slower_machine_is_no_regression() {
    let mut after = stored();
    for cost in &mut after.run.costs {
        slow_down(&mut cost.both, 1.7);
    }
    let comparison = Comparison::of(&stored(), &after);
    assert!((comparison.machine - 1.7).abs() < 1e-9);
    assert!(!comparison.has_regression());
}

#[test]
fn ours_slower_than_the_machine_explains_is_one() {
    let mut after = stored();
    for cost in &mut after.run.costs {
        let ours = cost.stack == "ours" && cost.work == "handshake";
        slow_down(&mut cost.both, if ours { 1.7 * 1.5 } else { 1.7 });
    }
    let comparison = Comparison::of(&stored(), &after);
    let found: Vec<_> = (comparison.changes.iter())
        .filter(|change| change.is_regression)
        .map(|change| (change.stack.as_str(), change.work.as_str()))
        .collect();
    assert_eq!(found, [("ours", "handshake")]);
    assert!(comparison.table().markdown().contains("REGRESSION"));
    // The other way round it is an improvement.
    assert!(!Comparison::of(&after, &stored()).has_regression());
}

#[test]
fn five_in_a_hundred_more_instructions_are_one() {
    let mut after = stored();
    let ours = (after.run.instructions.iter_mut())
        .find(|count| count.stack == "ours")
        .expect("the stored run has instructions");
    ours.client *= 1.05;
    ours.server *= 1.05;
    assert!(Comparison::of(&stored(), &after).has_regression());
}

#[test]
fn what_is_no_run_is_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = Study::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("Cargo.toml is no result of `handclasp bench all`"),
        "{error}"
    );
}
