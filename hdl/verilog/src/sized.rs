//! Printed expressions that know their width, and where each of their bits comes from.

use crate::part::{self, Part};
use crate::scope::Id;
use num_bigint::BigUint;
use num_traits::One;
use std::collections::BTreeSet;

/// A printed expression of known width.
#[derive(Clone, Debug)]
pub(crate) struct Sized {
    pub text: String,
    pub width: usize,
    pub shape: Shape,
    /// Signals read.
    pub reads: BTreeSet<Id>,
    /// What the text needs to be declared.
    pub mentions: BTreeSet<Mention>,
    /// The value, where it is known at emission.
    pub constant: Option<BigUint>,
    /// The same bits, lowest first: which bits of which source they are.
    pub parts: Vec<Part>,
}

/// What a module declares only where a text needs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mention {
    /// A constant, a number or an enum label.
    Constant {
        verilog: String,
        width: usize,
        value: BigUint,
    },
    /// A function that cuts bits out of an expression.
    Cut(Cut),
}

/// Bits of an expression that has no name. Verilog-2001 slices names only, so a function names the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cut {
    /// Width of the expression.
    pub of: usize,
    pub offset: usize,
    pub width: usize,
}

impl Cut {
    /// Name of the function.
    pub(crate) fn name(&self) -> String {
        let (high, low) = (self.offset + self.width - 1, self.offset);
        format!("bits_{high}_{low}_of_{}", self.of)
    }
}

/// How an expression may be used inside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A name.
    Name,
    /// A literal, a call or a bracketed form: needs no parentheses.
    Closed,
    /// An operator: needs parentheses.
    Open,
}

impl Sized {
    pub(crate) fn literal(value: &BigUint, width: usize) -> Self {
        Self::of(vec![Part::known(value.clone(), width)])
    }

    /// What `parts` are side by side, lowest first: a name, a slice, a literal or a concatenation.
    pub(crate) fn of(parts: Vec<Part>) -> Self {
        let parts = part::join(parts);
        let (mut reads, mut mentions) = (BTreeSet::new(), BTreeSet::new());
        for part in &parts {
            part.collect(&mut reads, &mut mentions);
        }
        let (text, shape) = match &parts[..] {
            [only] => (only.text(), only.shape()),
            _ => {
                let texts: Vec<_> = parts.iter().rev().map(Part::text).collect();
                (format!("{{{}}}", texts.join(", ")), Shape::Closed)
            }
        };
        Sized {
            text,
            width: part::width(&parts),
            shape,
            reads,
            mentions,
            constant: match &parts[..] {
                [only] => only.constant(),
                _ => None,
            },
            parts,
        }
    }

    /// An operator or a call over `operands`.
    pub(crate) fn operator(text: String, width: usize, shape: Shape, operands: &[&Sized]) -> Self {
        let (mut reads, mut mentions) = (BTreeSet::new(), BTreeSet::new());
        for operand in operands {
            reads.extend(&operand.reads);
            mentions.extend(operand.mentions.iter().cloned());
        }
        Self::of(vec![Part::expression(text, width, shape, reads, mentions)])
    }

    /// The text as an operand.
    pub(crate) fn operand(&self) -> String {
        match self.shape {
            Shape::Open => format!("({})", self.text),
            _ => self.text.clone(),
        }
    }

    /// This operator or call, of which it is known that its bits are `parts`. It is printed as these only where that cuts no
    /// expression: the operator is shorter then, and evaluates the expression once.
    pub(crate) fn known_as(self, parts: Vec<Part>) -> Sized {
        match parts.iter().any(Part::is_cut) {
            true => Sized { parts, ..self },
            false => Self::of(parts),
        }
    }

    /// Zero-extends or truncates: rust-hdl's `bit_cast`.
    pub(crate) fn cast(self, width: usize) -> Sized {
        if width <= self.width {
            return self.slice(0, width);
        }
        let zeros = Part::known(BigUint::default(), width - self.width);
        let extended = Self::of([&self.whole()[..], &[zeros]].concat());
        Sized {
            constant: self.constant,
            ..extended
        }
    }

    /// The parts, where the text is made of them; else the text as one part.
    fn whole(&self) -> Vec<Part> {
        match self.parts.iter().any(Part::is_cut) && self.shape == Shape::Open {
            true => {
                let (reads, mentions) = (self.reads.clone(), self.mentions.clone());
                vec![Part::expression(
                    self.text.clone(),
                    self.width,
                    self.shape,
                    reads,
                    mentions,
                )]
            }
            false => self.parts.clone(),
        }
    }

    /// `width` bits from `offset`, both known and in range.
    pub(crate) fn slice(self, offset: usize, width: usize) -> Sized {
        if width == self.width {
            return self;
        }
        let cut = part::slice(&self.parts, offset, width);
        // An expression that would be cut twice is printed, and evaluated, once.
        match cut.iter().filter(|part| part.is_cut()).count() > 1 {
            true => Self::of(part::slice(&self.whole(), offset, width)),
            false => Self::of(cut),
        }
    }
}

/// `width` ones.
pub(crate) fn mask(width: usize) -> BigUint {
    (BigUint::one() << width) - BigUint::one()
}

/// `left << amount`; amounts of more than 32 bits, which Verilator does not shift by, are split.
pub(crate) fn shift_by(left: &Sized, symbol: &str, amount: &Sized) -> Sized {
    let shifted = |amount: &Sized| format!("{} {symbol} {}", left.operand(), amount.operand());
    if amount.width <= 32 {
        return Sized::operator(shifted(amount), left.width, Shape::Open, &[left, amount]);
    }
    let low = amount.clone().slice(0, 32);
    let high = amount.clone().slice(32, amount.width - 32);
    let text = format!(
        "({} != {}'h0) ? {}'h0 : ({})",
        high.text,
        high.width,
        left.width,
        shifted(&low)
    );
    Sized::operator(text, left.width, Shape::Open, &[left, &low, &high])
}
