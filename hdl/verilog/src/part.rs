//! Where the bits of an expression come from: literals, bits of signals, bits of other expressions, side by side.
//!
//! A shift by a constant, a zero extension, a slice, and an AND, OR or XOR whose operands do not meet in any bit only move bits. On parts
//! that is exact: what a bit is follows from the operands' parts alone. Synthesis sees wires either way; a simulator that
//! computes wide shifts and ORs sees the difference.

use crate::design::Field;
use crate::scope::{Id, Symbol};
use crate::sized::{mask, Cut, Mention, Shape};
use num_bigint::BigUint;
use num_traits::Zero;
use rust_hdl::core::ast::VerilogOp as Op;
use std::collections::BTreeSet;
use std::rc::Rc;

/// `width` bits of `source` from `offset`.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub source: Source,
    pub offset: usize,
    pub width: usize,
}

/// What bits are taken from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A literal, of which a part is the whole.
    Known(BigUint),
    /// A `localparam`.
    Constant(Rc<Named>, BigUint),
    Signal(Rc<Named>, Id),
    Expression(Rc<Expression>),
}

/// A name that Verilog declares.
#[derive(Debug)]
pub(crate) struct Named {
    pub verilog: String,
    pub width: usize,
    pub fields: Rc<[Field]>,
}

/// An operator or a call.
#[derive(Debug)]
pub(crate) struct Expression {
    text: String,
    width: usize,
    shape: Shape,
    reads: BTreeSet<Id>,
    mentions: BTreeSet<Mention>,
}

/// A literal that an AND, OR or XOR takes apart has no more runs of equal bits than this: beyond it the operator is the shorter text.
const RUNS_MAX: usize = 4;

impl Part {
    pub(crate) fn known(value: BigUint, width: usize) -> Self {
        Part {
            source: Source::Known(value),
            offset: 0,
            width,
        }
    }

    pub(crate) fn signal(id: Id, symbol: &Symbol) -> Self {
        let named = Named {
            verilog: symbol.verilog.clone(),
            width: symbol.width,
            fields: symbol.fields.clone(),
        };
        Part {
            source: Source::Signal(Rc::new(named), id),
            offset: 0,
            width: symbol.width,
        }
    }

    pub(crate) fn constant_named(verilog: &str, value: BigUint, width: usize) -> Self {
        Part {
            source: Source::Constant(named(verilog, width), value),
            offset: 0,
            width,
        }
    }

    pub(crate) fn expression(
        text: String,
        width: usize,
        shape: Shape,
        reads: BTreeSet<Id>,
        mentions: BTreeSet<Mention>,
    ) -> Self {
        let expression = Expression {
            text,
            width,
            shape,
            reads,
            mentions,
        };
        Part {
            source: Source::Expression(Rc::new(expression)),
            offset: 0,
            width,
        }
    }

    /// The value, where it is known at emission.
    pub(crate) fn constant(&self) -> Option<BigUint> {
        match &self.source {
            Source::Known(value) | Source::Constant(_, value) => {
                Some((value >> self.offset) & mask(self.width))
            }
            _ => None,
        }
    }

    /// Whether it is some, but not all, bits of an expression without a name.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(&self.source, Source::Expression(e) if e.width != self.width)
    }

    /// The signal whose bits these are.
    pub(crate) fn signal_id(&self) -> Option<Id> {
        match self.source {
            Source::Signal(_, id) => Some(id),
            _ => None,
        }
    }

    pub(crate) fn is_expression(&self) -> bool {
        matches!(self.source, Source::Expression(_))
    }

    /// `width` bits from `offset` of this part. Constants are cut to literals: Verilog-2001 cannot slice a `localparam`.
    fn slice(&self, offset: usize, width: usize) -> Part {
        match self.constant() {
            Some(_) if width == self.width => self.clone(),
            Some(value) => Part::known((value >> offset) & mask(width), width),
            None => Part {
                source: self.source.clone(),
                offset: self.offset + offset,
                width,
            },
        }
    }

    pub(crate) fn text(&self) -> String {
        match &self.source {
            Source::Known(value) if self.width == 1 => format!("1'b{value}"),
            Source::Known(value) => format!("{}'h{value:x}", self.width),
            Source::Constant(named, _) => named.verilog.clone(),
            Source::Signal(named, _) => bits_text(
                &named.verilog,
                named.width,
                &named.fields,
                self.offset,
                self.width,
            ),
            Source::Expression(e) => match self.cut() {
                Some(cut) => format!("{}({})", cut.name(), e.text),
                None => e.text.clone(),
            },
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        match &self.source {
            Source::Constant(..) => Shape::Name,
            Source::Signal(named, _) if self.width == named.width => Shape::Name,
            Source::Expression(e) if !self.is_cut() => e.shape,
            _ => Shape::Closed,
        }
    }

    fn cut(&self) -> Option<Cut> {
        match &self.source {
            Source::Expression(e) if self.is_cut() => Some(Cut {
                of: e.width,
                offset: self.offset,
                width: self.width,
            }),
            _ => None,
        }
    }

    /// Adds what its text reads and needs declared.
    pub(crate) fn collect(&self, reads: &mut BTreeSet<Id>, mentions: &mut BTreeSet<Mention>) {
        match &self.source {
            Source::Known(_) => {}
            Source::Constant(named, value) => {
                mentions.insert(Mention::Constant {
                    verilog: named.verilog.clone(),
                    width: named.width,
                    value: value.clone(),
                });
            }
            Source::Signal(_, id) => {
                reads.insert(*id);
            }
            Source::Expression(e) => {
                reads.extend(&e.reads);
                mentions.extend(e.mentions.iter().cloned());
            }
        }
        mentions.extend(self.cut().map(Mention::Cut));
    }

    /// `self` with `high` above it as one part, if their bits are neighbours of one source.
    fn joined(&self, high: &Part) -> Option<Part> {
        let width = self.width + high.width;
        let follows = high.offset == self.offset + self.width;
        let same = match (&self.source, &high.source) {
            (Source::Known(low), Source::Known(value)) => {
                return Some(Part::known(low | (value << self.width), width))
            }
            (Source::Signal(_, a), Source::Signal(_, b)) => a == b,
            (Source::Expression(a), Source::Expression(b)) => Rc::ptr_eq(a, b),
            _ => false,
        };
        (same && follows).then(|| Part {
            width,
            ..self.clone()
        })
    }
}

/// Bits of a signal of `full` bits: by the name of a field, where they are one.
pub(crate) fn bits_text(
    signal: &str,
    full: usize,
    fields: &[Field],
    offset: usize,
    width: usize,
) -> String {
    let is_field = |field: &&Field| (field.offset, field.width) == (offset, width);
    match (width, fields.iter().find(is_field)) {
        (width, _) if width == full => signal.to_owned(),
        (1, Some(field)) => format!("{signal}[{}]", field.name),
        (_, Some(field)) => format!("{signal}[{} +: {width}]", field.name),
        (1, None) => format!("{signal}[{offset}]"),
        (_, None) => format!("{signal}[{}:{offset}]", offset + width - 1),
    }
}

fn named(verilog: &str, width: usize) -> Rc<Named> {
    Rc::new(Named {
        verilog: verilog.to_owned(),
        width,
        fields: Rc::new([]),
    })
}

/// Width of `parts` side by side.
pub(crate) fn width(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.width).sum()
}

/// The same bits in as few parts as can be.
pub(crate) fn join(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = vec![];
    for part in parts {
        match joined.last().and_then(|last| last.joined(&part)) {
            Some(both) => {
                joined.pop();
                joined.push(both);
            }
            None => joined.push(part),
        }
    }
    joined
}

/// `width` bits of `parts` from `offset`; bits beyond the end are left out.
pub(crate) fn slice(parts: &[Part], offset: usize, width: usize) -> Vec<Part> {
    let mut taken = vec![];
    let mut start = 0;
    for part in parts {
        let (from, to) = (offset.max(start), (offset + width).min(start + part.width));
        if from < to {
            taken.push(part.slice(from - start, to - from));
        }
        start += part.width;
    }
    taken
}

/// `parts << amount`, or `>>`, at their width; `amount` is less than that.
pub(crate) fn shift(parts: &[Part], op: &Op, amount: usize) -> Vec<Part> {
    let kept = width(parts) - amount;
    let zeros = Part::known(BigUint::zero(), amount);
    match op {
        Op::Shl => [vec![zeros], slice(parts, 0, kept)].concat(),
        _ => [slice(parts, amount, kept), vec![zeros]].concat(),
    }
}

/// `left op right` for `&`, `|` and `^`, if in every bit one operand is known and makes it the other's bit, or known as well.
pub(crate) fn combine(left: &[Part], op: &Op, right: &[Part]) -> Option<Vec<Part>> {
    let (left, right) = (runs(left)?, runs(right)?);
    let mut edges: Vec<usize> = [&left, &right]
        .iter()
        .flat_map(|parts| {
            parts.iter().scan(0, |end, part| {
                *end += part.width;
                Some(*end)
            })
        })
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let mut combined = vec![];
    let mut start = 0;
    for end in edges {
        let of = |parts: &[Part]| slice(parts, start, end - start).into_iter().next();
        let (a, b) = (of(&left)?, of(&right)?);
        combined.push(match (a.constant(), b.constant()) {
            (Some(known), _) => with_known(&known, op, &b)?,
            (_, Some(known)) => with_known(&known, op, &a)?,
            (None, None) => return None,
        });
        start = end;
    }
    Some(combined)
}

/// `known op other` where `known` is all zeros or all ones.
fn with_known(known: &BigUint, op: &Op, other: &Part) -> Option<Part> {
    let known_part = Part::known(known.clone(), other.width);
    match (op, known.is_zero()) {
        (Op::BitAnd, false) | (Op::BitOr | Op::BitXor, true) => Some(other.clone()),
        (Op::BitAnd, true) | (Op::BitOr, false) => Some(known_part),
        // The inverse of a bit is no move; of a known bit it is known.
        (Op::BitXor, false) => {
            let value = other.constant()?;
            Some(Part::known(known ^ value, other.width))
        }
        _ => None,
    }
}

/// `parts` with every constant cut into runs of equal bits.
fn runs(parts: &[Part]) -> Option<Vec<Part>> {
    let mut cut = vec![];
    for part in parts {
        let Some(value) = part.constant() else {
            cut.push(part.clone());
            continue;
        };
        let mut start = 0;
        for count in 0.. {
            if start == part.width {
                break;
            }
            if count == RUNS_MAX {
                return None;
            }
            let bit = value.bit(start as u64);
            let end = (start..part.width)
                .find(|at| value.bit(*at as u64) != bit)
                .unwrap_or(part.width);
            cut.push(part.slice(start, end - start));
            start = end;
        }
    }
    Some(cut)
}
