//! Kernel expressions to Verilog text whose every operand has exactly the width of Rust's `Bits<N>`.
//!
//! Verilog computes an operator at the width of its context, Rust at the width of its operands. The two agree when both operands are
//! printed at one equal width and the result is widened by a concatenation or narrowed by a function only, since a function's argument
//! and the operands of a concatenation do not take their width from the context. That is the invariant of this file.

use crate::describe::{describe, operator};
use crate::design::{literal_value, literal_width};
use crate::error::Refusal;
use crate::names::{flat_name, loop_value, verilog_name, Loops};
use crate::part::{self, Part};
use crate::scope::Scope;
use crate::setup::NUMBER_PREFIX;
use crate::sized::shift_by;
pub(crate) use crate::sized::{mask, Mention, Shape, Sized};
use crate::Moves;
use num_bigint::BigUint;
use num_traits::{One, ToPrimitive, Zero};
use rust_hdl::core::ast::{VerilogExpression as E, VerilogOp as Op, VerilogOpUnary as Unary};

/// An expression, or a number whose width comes from its neighbour.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Sized(Sized),
    Number {
        value: BigUint,
        is_loop_variable: bool,
    },
}

/// Prints expressions in one module, inside some loops.
pub(crate) struct Expressions<'a> {
    pub scope: &'a Scope,
    pub loops: &'a Loops,
    pub moves: Moves,
}

impl Expressions<'_> {
    /// `expr` at exactly `width` bits, as the right-hand side of `statement`.
    pub(crate) fn at_width(
        &self,
        expr: &E,
        width: usize,
        statement: &str,
    ) -> Result<Sized, Refusal> {
        match self.value(expr)? {
            Value::Number { value, .. } => fit(&value, width, statement),
            Value::Sized(sized) if sized.width == width => Ok(sized),
            Value::Sized(sized) => Err(Refusal::WidthMismatch {
                statement: statement.to_owned(),
                left: width,
                right: sized.width,
            }),
        }
    }

    /// `expr` with a width of its own.
    pub(crate) fn sized(&self, expr: &E) -> Result<Sized, Refusal> {
        match self.value(expr)? {
            Value::Sized(sized) => Ok(sized),
            Value::Number { .. } => Err(Refusal::UnknownWidth(describe(expr))),
        }
    }

    pub(crate) fn value(&self, expr: &E) -> Result<Value, Refusal> {
        Ok(Value::Sized(match expr {
            E::Paren(inner) => return self.value(inner),
            E::Signal(name) => return self.name(name),
            E::Literal(literal) => {
                let text = literal.to_string();
                let value = literal_value(&text)
                    .ok_or_else(|| Refusal::Unsupported(format!("negative number {text}")))?;
                if literal_width(&text) == Some(1) {
                    Sized::literal(&value, 1)
                } else {
                    return Ok(Value::Number {
                        value,
                        is_loop_variable: false,
                    });
                }
            }
            E::Cast(inner, width) => match self.value(inner)? {
                Value::Number { value, .. } if number_name(inner).is_some() => {
                    self.number(inner, &value, *width, &describe(expr))?
                }
                Value::Number { value, .. } => fit(&value, *width, &describe(expr))?,
                Value::Sized(sized) => sized.cast(*width),
            },
            E::Binary(left, op, right) => return self.binary(expr, left, op, right),
            E::Unary(op, inner) => {
                let inner = self.sized(inner)?;
                let (symbol, width) = match op {
                    Unary::Not => ("~", inner.width),
                    Unary::All => ("&", 1),
                    Unary::Any => ("|", 1),
                    Unary::Xor => ("^", 1),
                    Unary::Neg => {
                        return Err(Refusal::Unsupported(format!(
                            "negation in `{}`: subtract from 0",
                            describe(expr)
                        )))
                    }
                };
                // A second reduction would otherwise read as one operator (`& &a`, `~&a`).
                let text = format!("{symbol}{}", inner.operand());
                Sized::operator(text, width, Shape::Open, &[&inner])
            }
            E::Index(base, index) => self.select(expr, base, 1, index)?,
            E::Slice(base, width, offset) => self.select(expr, base, *width, offset)?,
            E::IndexReplace(base, index, bit) => self.replace_bit(expr, base, index, bit)?,
            E::Signed(_) | E::Unsigned(_) => {
                return Err(Refusal::Unsupported(format!(
                    "signed arithmetic in `{}`: use Bits<N>",
                    describe(expr)
                )))
            }
        }))
    }

    fn name(&self, name: &str) -> Result<Value, Refusal> {
        if let Some(value) = loop_value(self.loops, name) {
            return Ok(Value::Number {
                value: value.into(),
                is_loop_variable: true,
            });
        }
        let flat = flat_name(name, self.loops)?;
        if let Some(id) = self.scope.symbol(&flat) {
            let symbol = &self.scope.symbols[id];
            let part = match &symbol.constant {
                Some(value) => Part::constant_named(&symbol.verilog, value.clone(), symbol.width),
                None => Part::signal(id, symbol),
            };
            return Ok(Value::Sized(Sized::of(vec![part])));
        }
        if let Some(label) = self.scope.label(&flat)? {
            let part = Part::constant_named(&label.verilog, label.code.into(), label.width());
            return Ok(Value::Sized(Sized::of(vec![part])));
        }
        Err(Refusal::UnknownName(
            name.to_owned(),
            " (numbers come from literals, loop variables and `Constant` fields)",
        ))
    }

    /// A number of the kernel, at the width that it has everywhere.
    fn number(
        &self,
        number: &E,
        value: &BigUint,
        width: usize,
        statement: &str,
    ) -> Result<Sized, Refusal> {
        let name = verilog_name(number_name(number).unwrap_or_default())?;
        if self.scope.has_verilog_name(&name) {
            let number = format!("the number {name}");
            return Err(Refusal::NameCollision(name.clone(), number, name));
        }
        let literal = fit(value, width, statement)?;
        let value = literal.constant.unwrap_or_default();
        Ok(Sized::of(vec![Part::constant_named(&name, value, width)]))
    }

    fn binary(&self, whole: &E, left: &E, op: &Op, right: &E) -> Result<Value, Refusal> {
        let (l, r) = (self.value(left)?, self.value(right)?);
        if let (Value::Number { value: a, .. }, Value::Number { value: b, .. }) = (&l, &r) {
            let value = fold(a, op, b).ok_or_else(|| {
                Refusal::Unsupported(format!("`{}` between numbers", describe(whole)))
            })?;
            return Ok(Value::Number {
                value,
                is_loop_variable: false,
            });
        }
        if matches!(op, Op::Shl | Op::Shr) {
            return self.shift(whole, l, op, r).map(Value::Sized);
        }
        let statement = describe(whole);
        let (mut l, mut r) = match (l, r) {
            (Value::Number { value, .. }, Value::Sized(r)) => {
                (fit(&value, r.width, &statement)?, r)
            }
            (Value::Sized(l), Value::Number { value, .. }) => {
                let r = fit(&value, l.width, &statement)?;
                (l, r)
            }
            (Value::Sized(l), Value::Sized(r)) => (l, r),
            (Value::Number { .. }, Value::Number { .. }) => {
                return Err(Refusal::UnknownWidth(statement))
            }
        };
        // `Bits<N> + bool` is the one operator of rust-hdl whose operands may differ in width.
        if matches!(op, Op::Add) && r.width == 1 && l.width > 1 {
            r = r.cast(l.width);
        }
        if l.width != r.width {
            return Err(Refusal::WidthMismatch {
                statement,
                left: l.width,
                right: r.width,
            });
        }
        let boolean = matches!(op, Op::LogicalAnd | Op::LogicalOr);
        if boolean && l.width != 1 {
            return Err(Refusal::WidthMismatch {
                statement,
                left: l.width,
                right: 1,
            });
        }
        let mut width = l.width;
        if is_comparison(op) {
            if let Some(known) = limited_range(op, &l, &r) {
                return Ok(Value::Sized(Sized::literal(&u8::from(known).into(), 1)));
            }
            width = 1;
        }
        if matches!(op, Op::Mul) {
            if l.width != 16 {
                return Err(Refusal::Unsupported(format!(
                    "`{statement}`: only Bits<16> * Bits<16> multiplies"
                )));
            }
            width = 32;
            (l, r) = (l.cast(32), r.cast(32));
        }
        let symbol = operator(op);
        let text = format!("{} {symbol} {}", l.operand(), r.operand());
        let printed = Sized::operator(text, width, Shape::Open, &[&l, &r]);
        let moved = match self.moves {
            // A single bit is a condition, which reads better with its constant's name.
            Moves::Concatenations if l.width > 1 => part::combine(&l.parts, op, &r.parts),
            _ => None,
        };
        Ok(Value::Sized(match moved {
            Some(parts) => printed.known_as(parts),
            None => printed,
        }))
    }

    /// A shift by the width or more gives 0 in Rust as in Verilog.
    fn shift(&self, whole: &E, left: Value, op: &Op, right: Value) -> Result<Sized, Refusal> {
        let left = match left {
            Value::Sized(left) => left,
            Value::Number {
                is_loop_variable: true,
                ..
            } => return Err(Refusal::UnknownWidth(describe(whole))),
            // rust-hdl: a number shifted by Bits<N> is Bits<64>.
            Value::Number { value, .. } => fit(&value, 64, &describe(whole))?,
        };
        let symbol = operator(op);
        let known = match &right {
            Value::Number { value, .. } => Some(value.clone()),
            Value::Sized(amount) => amount.constant.clone(),
        };
        if known.as_ref().is_some_and(|k| *k >= left.width.into()) {
            return Ok(Sized::literal(&BigUint::zero(), left.width));
        }
        let amount = match (right, known) {
            (Value::Sized(amount), None) => amount,
            (_, Some(known)) if known.is_zero() => return Ok(left),
            (_, Some(known)) => {
                let text = format!("{} {symbol} {known}", left.operand());
                let printed = Sized::operator(text, left.width, Shape::Open, &[&left]);
                return Ok(match (self.moves, known.to_usize()) {
                    (Moves::Concatenations, Some(amount)) => {
                        printed.known_as(part::shift(&left.parts, op, amount))
                    }
                    _ => printed,
                });
            }
            (Value::Number { .. }, None) => return Err(Refusal::UnknownWidth(describe(whole))),
        };
        Ok(shift_by(&left, symbol, &amount))
    }

    /// `base.get_bits::<width>(offset)`: bits beyond the end read 0.
    fn select(&self, whole: &E, base: &E, width: usize, offset: &E) -> Result<Sized, Refusal> {
        let base = self.sized(base)?;
        let (offset, known) = match self.value(offset)? {
            Value::Number { value, .. } => (None, Some(value)),
            Value::Sized(offset) => {
                let known = offset.constant.clone();
                (Some(offset), known)
            }
        };
        let limit = base.width;
        let first = known
            .as_ref()
            .and_then(|k| k.to_usize())
            .unwrap_or(usize::from(known.is_some()) * limit);
        if width == 0 || first + width > limit {
            return Err(Refusal::OutOfRange {
                signal: describe(whole),
                width: limit,
                offset: first,
                end: first + width,
            });
        }
        match offset {
            Some(offset) if known.is_none() => {
                let always_inside = width == 1
                    && offset.width < usize::BITS as usize
                    && (1 << offset.width) <= limit;
                // Verilog-2001 cannot index a `localparam`.
                if always_inside && base.shape == Shape::Name && base.constant.is_none() {
                    let index = offset.clone().cast(clog2(limit));
                    let text = format!("{}[{}]", base.text, index.text);
                    let operands = [&base, &index];
                    return Ok(Sized::operator(text, 1, Shape::Closed, &operands));
                }
                Ok(shift_by(&base, ">>", &offset).slice(0, width))
            }
            _ => Ok(base.slice(first, width)),
        }
    }

    fn replace_bit(&self, whole: &E, base: &E, index: &E, bit: &E) -> Result<Sized, Refusal> {
        let base = self.sized(base)?;
        let bit = self.at_width(bit, 1, &describe(whole))?;
        let index = match self.value(index)? {
            Value::Sized(index) => index,
            Value::Number { value, .. } => fit(&value, 32, &describe(whole))?,
        };
        if index
            .constant
            .as_ref()
            .is_some_and(|k| *k >= base.width.into())
        {
            let offset = index
                .constant
                .as_ref()
                .and_then(|k| k.to_usize())
                .unwrap_or(usize::MAX);
            return Err(Refusal::OutOfRange {
                signal: describe(whole),
                width: base.width,
                offset,
                end: offset.saturating_add(1),
            });
        }
        if let (Moves::Concatenations, Some(at)) = (
            self.moves,
            index.constant.as_ref().and_then(|k| k.to_usize()),
        ) {
            let (below, above) = (
                part::slice(&base.parts, 0, at),
                part::slice(&base.parts, at + 1, base.width),
            );
            let parts = [below, bit.parts.clone(), above].concat();
            if !parts.iter().any(Part::is_cut) {
                return Ok(Sized::of(parts));
            }
        }
        let bit = bit.cast(base.width);
        let hole = shift_by(&Sized::literal(&BigUint::one(), base.width), "<<", &index);
        let value = shift_by(&bit, "<<", &index);
        let text = format!(
            "({} & ~{}) | {}",
            base.operand(),
            hole.operand(),
            value.operand()
        );
        let operands = [&base, &hole, &value];
        Ok(Sized::operator(text, base.width, Shape::Open, &operands))
    }
}

/// The name of a number of the kernel.
pub(crate) fn number_name(expr: &E) -> Option<&str> {
    match expr {
        E::Signal(name) => name.strip_prefix(NUMBER_PREFIX),
        _ => None,
    }
}

fn clog2(value: usize) -> usize {
    (usize::BITS - value.saturating_sub(1).leading_zeros()) as usize
}

fn fit(value: &BigUint, width: usize, statement: &str) -> Result<Sized, Refusal> {
    if value.bits() > width as u64 {
        return Err(Refusal::LiteralTooWide {
            value: value.to_string(),
            width,
            statement: statement.to_owned(),
        });
    }
    Ok(Sized::literal(value, width))
}

fn fold(a: &BigUint, op: &Op, b: &BigUint) -> Option<BigUint> {
    Some(match op {
        Op::Add => a + b,
        Op::Sub if a >= b => a - b,
        Op::Mul => a * b,
        Op::Shl => a << b.to_u8()?,
        Op::Shr => a >> b.to_u8()?,
        _ => return None,
    })
}

fn is_comparison(op: &Op) -> bool {
    matches!(op, Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge)
}

/// A comparison with the least or greatest number of the width may be decided by the width alone; linters object to those.
fn limited_range(op: &Op, left: &Sized, right: &Sized) -> Option<bool> {
    let most = mask(left.width);
    let is = |side: &Sized, value: &BigUint| side.constant.as_ref() == Some(value);
    let zero = BigUint::zero();
    match op {
        Op::Ge if is(right, &zero) || is(left, &most) => Some(true),
        Op::Lt if is(right, &zero) || is(left, &most) => Some(false),
        Op::Le if is(right, &most) || is(left, &zero) => Some(true),
        Op::Gt if is(right, &most) || is(left, &zero) => Some(false),
        _ => None,
    }
}
