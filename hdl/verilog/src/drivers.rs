//! Which statements drive which signal: the kernel is cut into one block a driven signal.
//!
//! A kernel writes its children's inputs and reads their outputs side by side; one `always @*` for all of it would show simulators
//! combinational loops that are none. So each signal gets a block of the statements that reach it. Reading a signal that the kernel has
//! written gives Rust's blocking value: where that is not the final one, the two signals stay in one block, in order.

use crate::error::Refusal;
use crate::expression::{mask, Sized};
use crate::kernel::{Assign, Statement};
use crate::scope::{Id, Role, Scope};
use num_bigint::BigUint;
use num_traits::Zero;
use std::collections::{BTreeMap, BTreeSet};

/// Signals that one block drives, in order of their first assignment.
#[derive(Debug)]
pub(crate) struct Group {
    pub signals: Vec<Id>,
    /// Places of assignments that a later unconditional one overwrites.
    pub dead: BTreeSet<usize>,
}

/// All assignments of a kernel, by target, and the groups they form.
pub(crate) struct Drivers {
    pub groups: Vec<Group>,
    /// Signals read anywhere in the kernel.
    pub read: BTreeSet<Id>,
}

/// Cuts `kernel` into groups; refuses latches, undriven signals and combinational loops.
pub(crate) fn analyse(scope: &Scope, kernel: &[Statement]) -> Result<Drivers, Refusal> {
    let mut spans: BTreeMap<Id, (usize, usize)> = BTreeMap::new();
    // Target, signal read, place of the read.
    let mut reads: Vec<(Id, Id, usize)> = vec![];
    for statement in kernel {
        statement.assigns(&mut vec![], &mut |assign, path| {
            let span = spans.entry(assign.target).or_insert((assign.at, assign.at));
            span.1 = assign.at;
            reads.extend(
                assign
                    .value
                    .reads
                    .iter()
                    .map(|r| (assign.target, *r, assign.at)),
            );
            for (at, tested) in path {
                reads.extend(tested.iter().map(|r| (assign.target, *r, *at)));
            }
        });
    }
    let read: BTreeSet<Id> = reads.iter().map(|(_, r, _)| *r).collect();
    check_driven(scope, &spans, &read)?;
    check_latches(scope, kernel)?;

    let mut leader: BTreeMap<Id, Id> = spans.keys().map(|id| (*id, *id)).collect();
    for &(target, read, at) in &reads {
        let Some(&(first, last)) = spans.get(&read) else {
            continue;
        };
        if scope.symbols[read].role.reads_in_order() && first < at && at < last {
            let (a, b) = (find(&leader, target), find(&leader, read));
            leader.insert(a.max(b), a.min(b));
        }
    }
    let mut by_leader: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for id in spans.keys() {
        by_leader.entry(find(&leader, *id)).or_default().push(*id);
    }
    let mut groups: Vec<Group> = by_leader
        .into_values()
        .map(|signals| Group {
            signals,
            dead: BTreeSet::new(),
        })
        .collect();
    for group in &mut groups {
        group.signals.sort_by_key(|id| spans[id].0);
        if let [only] = group.signals[..] {
            group.dead = overwritten(kernel, only, scope.symbols[only].width);
        }
        check_order(scope, kernel, group)?;
    }
    groups.sort_by_key(|group| spans[&group.signals[0]].0);
    check_loops(scope, &groups, &reads)?;
    Ok(Drivers { groups, read })
}

fn find(leader: &BTreeMap<Id, Id>, mut id: Id) -> Id {
    while leader[&id] != id {
        id = leader[&id];
    }
    id
}

fn check_driven(
    scope: &Scope,
    spans: &BTreeMap<Id, (usize, usize)>,
    read: &BTreeSet<Id>,
) -> Result<(), Refusal> {
    for (id, symbol) in scope.symbols.iter().enumerate() {
        let needed =
            symbol.role.must_be_driven() || (symbol.role == Role::Local && read.contains(&id));
        if needed && !spans.contains_key(&id) {
            return Err(Refusal::Undriven(scope.rust_name(id)));
        }
    }
    Ok(())
}

/// Bits assigned so far, by signal.
type Assigned = BTreeMap<Id, BigUint>;

fn check_latches(scope: &Scope, kernel: &[Statement]) -> Result<(), Refusal> {
    let mut touched = BTreeSet::new();
    for statement in kernel {
        statement.assigns(&mut vec![], &mut |assign, _| {
            touched.insert(assign.target);
        });
    }
    let mut assigned = Assigned::new();
    walk(kernel, &mut assigned, &mut |_, _| Ok(()))?;
    match touched.iter().find(|id| !is_full(scope, &assigned, **id)) {
        Some(id) => Err(Refusal::Latch(scope.rust_name(*id))),
        None => Ok(()),
    }
}

fn is_full(scope: &Scope, assigned: &Assigned, id: Id) -> bool {
    assigned
        .get(&id)
        .is_some_and(|bits| *bits == mask(scope.symbols[id].width))
}

/// Within a block, a signal must have its value before the block reads it.
fn check_order(scope: &Scope, kernel: &[Statement], group: &Group) -> Result<(), Refusal> {
    let mut assigned = Assigned::new();
    let mine = |id: &Id| group.signals.contains(id);
    let own: Vec<Statement> = filter(kernel, &|assign| {
        mine(&assign.target) && !group.dead.contains(&assign.at)
    });
    walk(&own, &mut assigned, &mut |expression, assigned| {
        let early = expression
            .reads
            .iter()
            .find(|id| mine(id) && !is_full(scope, assigned, **id));
        let settled = expression
            .reads
            .iter()
            .find(|id| mine(id) && !scope.symbols[**id].role.reads_in_order());
        match early.or(settled) {
            Some(id) => Err(Refusal::CombinationalLoop(scope.rust_name(*id))),
            None => Ok(()),
        }
    })
}

/// Runs through `statements` on all paths at once, keeping the bits that are assigned on every one.
fn walk(
    statements: &[Statement],
    assigned: &mut Assigned,
    visit: &mut dyn FnMut(&Sized, &Assigned) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    for statement in statements {
        match statement {
            Statement::Assign(assign) => {
                visit(&assign.value, assigned)?;
                *assigned.entry(assign.target).or_insert_with(BigUint::zero) |= assign.bits();
            }
            Statement::If {
                test,
                then,
                otherwise,
                ..
            } => {
                visit(test, assigned)?;
                branches(&mut [then, otherwise].into_iter(), assigned, visit)?;
            }
            Statement::Case {
                test,
                arms,
                default,
                ..
            } => {
                visit(test, assigned)?;
                branches(
                    &mut arms.iter().map(|(_, body)| body).chain([default]),
                    assigned,
                    visit,
                )?;
            }
        }
    }
    Ok(())
}

fn branches(
    bodies: &mut dyn Iterator<Item = &Vec<Statement>>,
    assigned: &mut Assigned,
    visit: &mut dyn FnMut(&Sized, &Assigned) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut joined: Option<Assigned> = None;
    for body in bodies {
        let mut after = assigned.clone();
        walk(body, &mut after, visit)?;
        joined = Some(match joined {
            None => after,
            Some(before) => before
                .into_iter()
                .filter_map(|(id, bits)| after.get(&id).map(|other| (id, bits & other)))
                .collect(),
        });
    }
    *assigned = joined.unwrap_or_default();
    Ok(())
}

/// Places of the assignments to `signal` that a later, unconditional, complete one makes pointless.
fn overwritten(kernel: &[Statement], signal: Id, width: usize) -> BTreeSet<usize> {
    let last = kernel.iter().rev().find_map(|s| match s {
        Statement::Assign(a)
            if a.target == signal && a.width == width && !a.value.reads.contains(&signal) =>
        {
            Some(a)
        }
        _ => None,
    });
    let mut dead = BTreeSet::new();
    let Some(last) = last else { return dead };
    for statement in kernel {
        statement.assigns(&mut vec![], &mut |assign, _| {
            if assign.target == signal && assign.at < last.at {
                dead.insert(assign.at);
            }
        });
    }
    dead
}

/// Blocks of one kernel must not wait for each other in a circle.
fn check_loops(scope: &Scope, groups: &[Group], reads: &[(Id, Id, usize)]) -> Result<(), Refusal> {
    let group_of: BTreeMap<Id, usize> = groups
        .iter()
        .enumerate()
        .flat_map(|(g, group)| group.signals.iter().map(move |id| (*id, g)))
        .collect();
    let mut waits: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); groups.len()];
    for (target, read, _) in reads {
        if let (Some(&t), Some(&r)) = (group_of.get(target), group_of.get(read)) {
            if t != r {
                waits[t].insert(r);
            }
        }
    }
    let mut done = vec![false; groups.len()];
    loop {
        let ready: Vec<usize> = (0..groups.len())
            .filter(|&g| !done[g] && waits[g].iter().all(|&w| done[w]))
            .collect();
        if ready.is_empty() {
            break;
        }
        ready.into_iter().for_each(|g| done[g] = true);
    }
    match done.iter().position(|d| !d) {
        Some(g) => Err(Refusal::CombinationalLoop(
            scope.rust_name(groups[g].signals[0]),
        )),
        None => Ok(()),
    }
}

/// The statements that hold an assignment that `keep` wants, with the conditions around them.
pub(crate) fn filter(statements: &[Statement], keep: &dyn Fn(&Assign) -> bool) -> Vec<Statement> {
    let mut kept = vec![];
    for statement in statements {
        match statement {
            Statement::Assign(a) if keep(a) => kept.push(Statement::Assign(Assign {
                value: a.value.clone(),
                ..*a
            })),
            Statement::Assign(_) => {}
            Statement::If {
                at,
                test,
                then,
                otherwise,
            } => {
                let (then, otherwise) = (filter(then, keep), filter(otherwise, keep));
                if !then.is_empty() || !otherwise.is_empty() {
                    kept.push(Statement::If {
                        at: *at,
                        test: test.clone(),
                        then,
                        otherwise,
                    });
                }
            }
            Statement::Case {
                at,
                test,
                arms,
                default,
            } => {
                let arms: Vec<_> = arms
                    .iter()
                    .map(|(label, body)| (label.clone(), filter(body, keep)))
                    .collect();
                let default = filter(default, keep);
                // Arms that do nothing stand only to keep their codes from the default.
                let arms = match default.is_empty() {
                    true => arms
                        .into_iter()
                        .filter(|(_, body)| !body.is_empty())
                        .collect(),
                    false => arms,
                };
                if arms.iter().any(|(_, body)| !body.is_empty()) || !default.is_empty() {
                    kept.push(Statement::Case {
                        at: *at,
                        test: test.clone(),
                        arms,
                        default,
                    });
                }
            }
        }
    }
    kept
}
