//! Signals that a kernel builds up step by step: each step's value is put where the kernel reads it.
//!
//! ```text
//! reversed = {504'h0, word[7:0]};                        assign reversed = {word[7:0], word[15:8], ...};
//! reversed = {reversed[503:0], word[15:8]};       ->
//! ...
//! ```
//!
//! An assignment that leaves some bits of its signal as they are becomes one to the others.
//!
//! Only values that move bits are put elsewhere, and only up to an assignment to a signal whose bits they are. A value that has a
//! name of its own, which is the last one of its signal, keeps it: nothing is printed twice that is more than a slice.

use crate::drivers::filter;
use crate::expression::Sized;
use crate::kernel::{Assign, Statement};
use crate::part::{self, Part};
use crate::scope::{Id, Role, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// The kernel with intermediate values put where they are read, without the Locals that nothing reads for that.
pub(crate) fn fold(scope: &Scope, mut kernel: Vec<Statement>) -> Vec<Statement> {
    let read_before = reads(&kernel);
    let mut folding = Folding {
        scope,
        last: BTreeMap::new(),
        repeated: BTreeSet::new(),
        known: BTreeMap::new(),
        depth: 0,
    };
    for statement in &kernel {
        statement.assigns(&mut vec![], &mut |assign, _| {
            if folding.last.insert(assign.target, assign.at).is_some() {
                folding.repeated.insert(assign.target);
            }
        });
    }
    folding.block(&mut kernel);
    loop {
        let read = reads(&kernel);
        let is_needed = |id: Id| {
            scope.symbols[id].role != Role::Local
                || read.contains(&id)
                || !read_before.contains(&id)
        };
        let kept = filter(&kernel, &|assign| is_needed(assign.target));
        if reads(&kept) == read {
            return kept;
        }
        kernel = kept;
    }
}

/// All signals that `kernel` reads.
fn reads(kernel: &[Statement]) -> BTreeSet<Id> {
    let mut read = BTreeSet::new();
    for statement in kernel {
        statement.assigns(&mut vec![], &mut |assign, path| {
            read.extend(&assign.value.reads);
            path.iter().for_each(|(_, tested)| read.extend(*tested));
        });
    }
    read
}

struct Folding<'a> {
    scope: &'a Scope,
    /// Place of the last assignment to each signal.
    last: BTreeMap<Id, usize>,
    /// Signals with more than one assignment.
    repeated: BTreeSet<Id>,
    /// What signals are at this place, as bits of others.
    known: BTreeMap<Id, Vec<Part>>,
    /// Branches around this place.
    depth: usize,
}

impl Folding<'_> {
    fn block(&mut self, statements: &mut Vec<Statement>) {
        let mut folded = vec![];
        for mut statement in statements.drain(..) {
            match &mut statement {
                Statement::Assign(assign) => {
                    // On all paths a value that is known as a whole says more than what changes.
                    if self.depth == 0 {
                        assign.value = self.value(&assign.value, assign.at);
                    }
                    if let Some(changes) = self.changes(assign) {
                        for mut change in changes {
                            change.value = self.value(&change.value, change.at);
                            self.assign(&change);
                            folded.push(Statement::Assign(change));
                        }
                        continue;
                    }
                    assign.value = self.value(&assign.value, assign.at);
                    self.assign(assign);
                }
                Statement::If {
                    then, otherwise, ..
                } => self.branches(&mut [then, otherwise].into_iter()),
                Statement::Case { arms, default, .. } => {
                    let arms = arms.iter_mut().map(|(_, body)| body);
                    self.branches(&mut arms.chain([default]));
                }
            }
            folded.push(statement);
        }
        *statements = folded;
    }

    /// `x = {x[31:16], 8'h0, x[7:0]}` as what it changes: `x[15:8] = 8'h0`. Only where no change reads what another has changed.
    fn changes(&self, assign: &Assign) -> Option<Vec<Assign>> {
        let target = assign.target;
        if !self.scope.symbols[target].role.reads_in_order() {
            return None;
        }
        let mut changes: Vec<(usize, Vec<Part>)> = vec![];
        let mut offset = assign.offset;
        let mut is_kept_before = true;
        for part in &assign.value.parts {
            let is_kept = part.signal_id() == Some(target) && part.offset == offset;
            match changes.last_mut() {
                _ if is_kept => {}
                Some((_, parts)) if !is_kept_before => parts.push(part.clone()),
                _ => changes.push((offset, vec![part.clone()])),
            }
            is_kept_before = is_kept;
            offset += part.width;
        }
        let assign_of = |(offset, parts): (usize, Vec<Part>)| Assign {
            offset,
            width: part::width(&parts),
            value: Sized::of(parts),
            ..*assign
        };
        let changed: usize = changes.iter().map(|(_, parts)| part::width(parts)).sum();
        let changes: Vec<_> = changes.into_iter().map(assign_of).collect();
        let is_free = changes.iter().all(|c| !c.value.reads.contains(&target));
        (is_free && 0 < changed && changed < assign.width).then_some(changes)
    }

    /// Behind branches is known what none of them has assigned.
    fn branches(&mut self, bodies: &mut dyn Iterator<Item = &mut Vec<Statement>>) {
        let before = self.known.clone();
        self.depth += 1;
        let mut assigned = vec![];
        for body in bodies {
            self.known = before.clone();
            self.block(body);
            for statement in body {
                statement.assigns(&mut vec![], &mut |assign, _| assigned.push(assign.target));
            }
        }
        self.depth -= 1;
        self.known = before;
        assigned.into_iter().for_each(|id| self.forget(id));
    }

    fn forget(&mut self, target: Id) {
        self.known.remove(&target);
        self.known
            .retain(|_, parts| parts.iter().all(|part| part.signal_id() != Some(target)));
    }

    fn assign(&mut self, assign: &Assign) {
        let before = self.known.get(&assign.target).cloned();
        self.forget(assign.target);
        let parts = &assign.value.parts;
        let moves = parts
            .iter()
            .all(|part| !part.is_expression() && part.signal_id() != Some(assign.target));
        if !moves || !self.scope.symbols[assign.target].role.reads_in_order() {
            return;
        }
        let full = self.scope.symbols[assign.target].width;
        let whole = match before {
            _ if assign.width == full => parts.clone(),
            Some(before) => {
                let end = assign.offset + assign.width;
                let (below, above) = (
                    part::slice(&before, 0, assign.offset),
                    part::slice(&before, end, full - end),
                );
                part::join([&below[..], parts, &above[..]].concat())
            }
            None => return,
        };
        self.known.insert(assign.target, whole);
    }

    /// `value` at the place `at`, made of what is known there.
    fn value(&self, value: &Sized, at: usize) -> Sized {
        let mut parts = vec![];
        let mut is_new = false;
        for part in &value.parts {
            match self.known_bits(part, at) {
                Some(known) => {
                    parts.extend(known);
                    is_new = true;
                }
                None => parts.push(part.clone()),
            }
        }
        match is_new {
            true => Sized::of(parts),
            false => value.clone(),
        }
    }

    fn known_bits(&self, part: &Part, at: usize) -> Option<Vec<Part>> {
        let id = part.signal_id()?;
        let known = part::join(part::slice(self.known.get(&id)?, part.offset, part.width));
        let is_intermediate = self.last.get(&id).is_some_and(|last| at <= *last);
        (is_intermediate || (known.len() == 1 && self.repeated.contains(&id))).then_some(known)
    }
}
