//! Printed expressions that know their width.

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
    /// Constants and enum labels mentioned, by Verilog name: only these are declared.
    pub mentions: BTreeSet<String>,
    /// The value, where it is known at emission.
    pub constant: Option<BigUint>,
}

/// How an expression may be used inside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A name: may be sliced.
    Name,
    /// A literal, a call or a bracketed form: needs no parentheses.
    Closed,
    /// An operator: needs parentheses.
    Open,
}

impl Sized {
    pub(crate) fn literal(value: &BigUint, width: usize) -> Self {
        let text = match width {
            1 => format!("1'b{value}"),
            _ => format!("{width}'h{value:x}"),
        };
        Sized {
            text,
            width,
            shape: Shape::Closed,
            reads: BTreeSet::new(),
            mentions: BTreeSet::new(),
            constant: Some(value.clone()),
        }
    }

    /// The text as an operand.
    pub(crate) fn operand(&self) -> String {
        match self.shape {
            Shape::Open => format!("({})", self.text),
            _ => self.text.clone(),
        }
    }

    /// A new expression that reads what this one and `others` read.
    pub(crate) fn derive(
        &self,
        others: &[&Sized],
        text: String,
        width: usize,
        shape: Shape,
    ) -> Sized {
        let mut result = Sized {
            text,
            width,
            shape,
            constant: None,
            ..self.clone()
        };
        for other in others {
            result.reads.extend(&other.reads);
            result.mentions.extend(other.mentions.iter().cloned());
        }
        result
    }

    /// Zero-extends or truncates: rust-hdl's `bit_cast`.
    pub(crate) fn cast(self, width: usize) -> Sized {
        let text = match width.cmp(&self.width) {
            std::cmp::Ordering::Equal => return self,
            std::cmp::Ordering::Greater => format!("{{{}'h0, {}}}", width - self.width, self.text),
            std::cmp::Ordering::Less => return self.slice(0, width),
        };
        let constant = self.constant.clone();
        Sized {
            constant,
            ..self.derive(&[], text, width, Shape::Closed)
        }
    }

    /// `width` bits from `offset`, both known and in range.
    pub(crate) fn slice(self, offset: usize, width: usize) -> Sized {
        if width == self.width {
            return self;
        }
        let constant = self.constant.as_ref().map(|c| (c >> offset) & mask(width));
        let (text, shape) = match (self.shape, offset) {
            (Shape::Name, _) if width == 1 => (format!("{}[{offset}]", self.text), Shape::Closed),
            (Shape::Name, _) => (
                format!("{}[{}:{offset}]", self.text, offset + width - 1),
                Shape::Closed,
            ),
            (_, 0) => (format!("{width}'({})", self.text), Shape::Closed),
            _ => (
                format!("{width}'({} >> {offset})", self.operand()),
                Shape::Closed,
            ),
        };
        Sized {
            constant,
            ..self.derive(&[], text, width, shape)
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
        return left.derive(&[amount], shifted(amount), left.width, Shape::Open);
    }
    let low = amount.clone().slice(0, 32);
    let high = format!("({} >> 32) != {}'h0", amount.operand(), amount.width);
    let text = format!("({high}) ? {}'h0 : ({})", left.width, shifted(&low));
    left.derive(&[amount], text, left.width, Shape::Open)
}
