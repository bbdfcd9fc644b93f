//! Expressions in Rust's spelling, for messages.

use crate::design::literal_value;
use crate::expression::number_name;
use rust_hdl::core::ast::{VerilogExpression as E, VerilogOp as Op, VerilogOpUnary as Unary};

/// The expression in Rust's spelling, for messages.
pub(crate) fn describe(expr: &E) -> String {
    if let E::Cast(number, _) = expr {
        if let Some(name) = number_name(number) {
            return name.to_owned();
        }
    }
    match expr {
        E::Signal(name) => name.replace('$', "."),
        E::Literal(literal) => match literal_value(&literal.to_string()) {
            Some(value) => value.to_string(),
            None => literal.to_string(),
        },
        E::Cast(inner, width) => format!("bit_cast::<{width}, _>({})", describe(inner)),
        E::Signed(inner) | E::Unsigned(inner) => format!("signed({})", describe(inner)),
        E::Paren(inner) => format!("({})", describe(inner)),
        E::Binary(l, op, r) => {
            let symbol = operator(op);
            format!("{} {symbol} {}", describe(l), describe(r))
        }
        E::Unary(op, inner) => match op {
            Unary::Not => format!("!{}", describe(inner)),
            Unary::Neg => format!("-{}", describe(inner)),
            Unary::All => format!("{}.all()", describe(inner)),
            Unary::Any => format!("{}.any()", describe(inner)),
            Unary::Xor => format!("{}.xor()", describe(inner)),
        },
        E::Index(base, index) => format!("{}.get_bit({})", describe(base), describe(index)),
        E::Slice(base, width, offset) => format!(
            "{}.get_bits::<{width}>({})",
            describe(base),
            describe(offset)
        ),
        E::IndexReplace(base, index, bit) => format!(
            "{}.replace_bit({}, {})",
            describe(base),
            describe(index),
            describe(bit)
        ),
    }
}

/// The operator's spelling, which Rust and Verilog share.
pub(crate) fn operator(op: &Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::LogicalAnd => "&&",
        Op::LogicalOr => "||",
        Op::BitXor => "^",
        Op::BitAnd => "&",
        Op::BitOr => "|",
        Op::Shl => "<<",
        Op::Shr => ">>",
        Op::Eq => "==",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Ne => "!=",
        Op::Ge => ">=",
        Op::Gt => ">",
    }
}
