//! Kernels to a small statement tree: loops unrolled, links spelt out as assignments, expressions printed and sized.

use crate::describe::describe;
use crate::design::literal_value;
use crate::error::Refusal;
use crate::expression::{mask, Expressions, Sized, Value};
use crate::names::{flat_name, integer, Loops};
use crate::scope::{Id, Role, Scope};
use crate::Moves;
use num_bigint::BigUint;
use num_traits::ToPrimitive;
use rust_hdl::core::ast::{
    VerilogBlock, VerilogBlockOrConditional as Else, VerilogConditional, VerilogExpression as E,
    VerilogLink as Link, VerilogLinkDetails, VerilogMatch, VerilogStatement as S,
};
use std::collections::BTreeSet;

/// A statement; `at` numbers statements in the order in which they run.
#[derive(Debug)]
pub(crate) enum Statement {
    Assign(Assign),
    If {
        at: usize,
        test: Sized,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    Case {
        at: usize,
        test: Sized,
        arms: Vec<(Sized, Vec<Statement>)>,
        default: Vec<Statement>,
    },
}

/// The conditions that lead to a statement: where each stands, and the signals it reads.
pub(crate) type Conditions<'a> = [(usize, &'a BTreeSet<Id>)];

/// `target[offset +: width] = value`.
#[derive(Debug)]
pub(crate) struct Assign {
    pub at: usize,
    pub target: Id,
    pub offset: usize,
    pub width: usize,
    pub value: Sized,
}

impl Assign {
    /// The bits of the target that are assigned.
    pub(crate) fn bits(&self) -> BigUint {
        mask(self.width) << self.offset
    }
}

/// Lowers the kernel of a module.
pub(crate) fn lower(
    scope: &Scope,
    kernel: &VerilogBlock,
    moves: Moves,
) -> Result<Vec<Statement>, Refusal> {
    let mut lowering = Lowering {
        scope,
        loops: vec![],
        moves,
        next: 0,
    };
    let mut statements = vec![];
    lowering.block(kernel, &mut statements)?;
    Ok(statements)
}

struct Lowering<'a> {
    scope: &'a Scope,
    loops: Loops,
    moves: Moves,
    next: usize,
}

impl Lowering<'_> {
    fn expressions(&self) -> Expressions<'_> {
        Expressions {
            scope: self.scope,
            loops: &self.loops,
            moves: self.moves,
        }
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    fn nested(&mut self, block: &VerilogBlock) -> Result<Vec<Statement>, Refusal> {
        let mut statements = vec![];
        self.block(block, &mut statements)?;
        Ok(statements)
    }

    fn block(&mut self, block: &VerilogBlock, out: &mut Vec<Statement>) -> Result<(), Refusal> {
        for statement in block {
            self.statement(statement, out)?;
        }
        Ok(())
    }

    fn statement(&mut self, statement: &S, out: &mut Vec<Statement>) -> Result<(), Refusal> {
        match statement {
            S::Assignment(target, value) => out.push(self.assignment(target, None, value)?),
            S::SliceAssignment {
                base,
                width,
                offset,
                replacement,
            } => {
                let offset = match self.expressions().value(offset)? {
                    Value::Number { value, .. } => value.to_usize(),
                    Value::Sized(sized) => sized.constant.and_then(|c| c.to_usize()),
                };
                let offset = offset.ok_or_else(|| {
                    Refusal::Unsupported(format!("`{}`: assignment to a slice at a variable offset; use replace_bit or shift and mask", describe(base)))
                })?;
                out.push(self.assignment(base, Some((offset, *width)), replacement)?);
            }
            S::If(conditional) => out.push(self.conditional(conditional)?),
            S::Match(m) => out.push(self.case(m)?),
            S::Loop(l) => {
                let bound = |literal: &dyn ToString| {
                    literal_value(&literal.to_string()).and_then(|v| v.to_u128())
                };
                let (Some(from), Some(to)) = (bound(&l.from), bound(&l.to)) else {
                    return Err(Refusal::Unsupported(format!(
                        "bounds of the loop over `{}`",
                        l.index
                    )));
                };
                for value in from..to {
                    let value = usize::try_from(value)
                        .map_err(|_| Refusal::UnknownWidth(l.index.clone()))?;
                    self.loops.push((l.index.clone(), value));
                    self.block(&l.block, out)?;
                    self.loops.pop();
                }
            }
            S::Macro(block) => self.block(block, out)?,
            S::Link(links) => {
                for link in links {
                    out.push(self.link(link)?);
                }
            }
            S::Comment(_) => {}
        }
        Ok(())
    }

    fn assignment(
        &mut self,
        target: &E,
        slice: Option<(usize, usize)>,
        value: &E,
    ) -> Result<Statement, Refusal> {
        let E::Signal(name) = target else {
            return Err(Refusal::Unsupported(format!(
                "assignment to `{}`",
                describe(target)
            )));
        };
        let id = self.target(name)?;
        let full = self.scope.symbols[id].width;
        let (offset, width) = slice.unwrap_or((0, full));
        if offset + width > full {
            return Err(Refusal::OutOfRange {
                signal: describe(target),
                width: full,
                offset,
                end: offset + width,
            });
        }
        let text = format!(
            "{}.next = {}",
            describe(target).trim_end_matches(".next"),
            describe(value)
        );
        let value = self.expressions().at_width(value, width, &text)?;
        Ok(Statement::Assign(Assign {
            at: self.number(),
            target: id,
            offset,
            width,
            value,
        }))
    }

    fn target(&self, name: &str) -> Result<Id, Refusal> {
        let flat = flat_name(name, &self.loops)?;
        let id = self
            .scope
            .symbol(&flat)
            .ok_or_else(|| Refusal::UnknownName(name.replace('$', "."), ""))?;
        match self.scope.symbols[id].role.is_driven_here() {
            true => Ok(id),
            false => Err(Refusal::NotAssignable(flat.replace('$', "."))),
        }
    }

    fn conditional(&mut self, c: &VerilogConditional) -> Result<Statement, Refusal> {
        let test = self
            .expressions()
            .at_width(&c.test, 1, &format!("if {}", describe(&c.test)))?;
        let at = self.number();
        let then = self.nested(&c.then)?;
        let mut otherwise = vec![];
        match &c.otherwise {
            Else::Block(block) => self.block(block, &mut otherwise)?,
            Else::Conditional(statement) => self.statement(statement, &mut otherwise)?,
            Else::None => {}
        }
        Ok(Statement::If {
            at,
            test,
            then,
            otherwise,
        })
    }

    fn case(&mut self, m: &VerilogMatch) -> Result<Statement, Refusal> {
        let test = self.expressions().sized(&m.test)?;
        let at = self.number();
        let mut arms: Vec<(Sized, Vec<Statement>)> = vec![];
        let mut codes = BTreeSet::new();
        for case in &m.cases {
            let body = self.nested(&case.block)?;
            if case.condition == "default" {
                // What follows `_` is unreachable in Rust.
                return Ok(Statement::Case {
                    at,
                    test,
                    arms,
                    default: body,
                });
            }
            let (pattern, variants) = self.pattern(&case.condition, &test)?;
            let is_new = pattern
                .constant
                .clone()
                .is_some_and(|code| codes.insert(code));
            if is_new {
                arms.push((pattern, body));
            }
            if codes.len() == variants {
                // The last arm also takes the codes that no variant has, which Rust cannot represent: no latch, no open case.
                let default = arms.pop().map(|(_, body)| body).unwrap_or_default();
                return Ok(Statement::Case {
                    at,
                    test,
                    arms,
                    default,
                });
            }
        }
        Err(Refusal::MatchNotExhaustive(describe(&m.test)))
    }

    /// A pattern, and the number of patterns that its type has.
    fn pattern(&self, text: &str, test: &Sized) -> Result<(Sized, usize), Refusal> {
        let refused = || Refusal::MatchPattern(text.replace('$', "::"));
        if let Some(label) = self.scope.label(text)? {
            let (width, variants) = (label.width(), label.variants);
            let pattern =
                self.expressions()
                    .at_width(&E::Signal(text.to_owned()), test.width, text)?;
            return if width == test.width {
                Ok((pattern, variants))
            } else {
                Err(refused())
            };
        }
        let value = match text {
            "false" => 0,
            "true" => 1,
            _ => integer(text).ok_or_else(refused)?,
        };
        let value = BigUint::from(value);
        if value.bits() > test.width as u64 {
            return Err(Refusal::LiteralTooWide {
                value: text.to_owned(),
                width: test.width,
                statement: "match".to_owned(),
            });
        }
        let variants = 1_usize.checked_shl(test.width as u32).unwrap_or(usize::MAX);
        Ok((Sized::literal(&value, test.width), variants))
    }

    fn link(&mut self, link: &Link) -> Result<Statement, Refusal> {
        let path = |side: &str, details: &VerilogLinkDetails| {
            E::Signal(format!("{side}{}", details.my_name))
        };
        let (details, forward) = match link {
            Link::Forward(details) => (details, true),
            Link::Backward(details) => (details, false),
            Link::Bidirectional(details) => {
                return Err(Refusal::Unsupported(format!(
                    "`{}`: inout signals have no Verilog here",
                    details.owner_name
                )))
            }
        };
        let (owner, other) = (
            path(&details.owner_name, details),
            path(&details.other_name, details),
        );
        let (target, source) = if forward {
            (other, owner)
        } else {
            (owner, other)
        };
        self.assignment(&target, None, &source)
    }
}

impl Statement {
    /// Calls `visit` for each assignment, with the conditions that lead to it: the place and the signals they read.
    pub(crate) fn assigns<'a>(
        &'a self,
        path: &mut Vec<(usize, &'a BTreeSet<Id>)>,
        visit: &mut dyn FnMut(&'a Assign, &Conditions<'a>),
    ) {
        match self {
            Statement::Assign(assign) => visit(assign, path),
            Statement::If {
                at,
                test,
                then,
                otherwise,
            } => {
                path.push((*at, &test.reads));
                then.iter()
                    .chain(otherwise)
                    .for_each(|s| s.assigns(path, visit));
                path.pop();
            }
            Statement::Case {
                at,
                test,
                arms,
                default,
            } => {
                path.push((*at, &test.reads));
                arms.iter()
                    .flat_map(|(_, body)| body)
                    .chain(default)
                    .for_each(|s| s.assigns(path, visit));
                path.pop();
            }
        }
    }
}

impl Role {
    /// For messages: whether a missing assignment leaves a port of a child open.
    pub(crate) fn must_be_driven(self) -> bool {
        matches!(
            self,
            Role::Output | Role::ChildInput | Role::RegisterD | Role::RegisterClock
        )
    }
}
