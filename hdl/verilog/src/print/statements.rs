//! Statements as text.

use super::Printer;
use crate::kernel::{Assign, Statement};
use crate::part::bits_text;
use crate::scope::Id;
use crate::sized::Mention;
use std::collections::BTreeSet;

impl Printer<'_> {
    pub(super) fn target<'b>(&self, assign: &Assign, name: &dyn Fn(Id) -> &'b str) -> String {
        let symbol = &self.scope.symbols[assign.target];
        let (name, fields) = (name(assign.target), &symbol.fields);
        bits_text(name, symbol.width, fields, assign.offset, assign.width)
    }

    pub(super) fn block<'b>(
        &self,
        out: &mut String,
        depth: usize,
        block: &[Statement],
        operator: &str,
        name: &dyn Fn(Id) -> &'b str,
    ) {
        for statement in block {
            match statement {
                Statement::Assign(a) => {
                    self.line(
                        out,
                        depth,
                        &format!("{} {operator} {};", self.target(a, name), a.value.text),
                    );
                }
                Statement::If { .. } => self.conditional(out, depth, "", statement, operator, name),
                Statement::Case {
                    test,
                    arms,
                    default,
                    ..
                } => {
                    self.line(out, depth, &format!("case ({})", test.text));
                    for (label, body) in arms {
                        self.arm(out, depth + 1, &label.text, body, operator, name);
                    }
                    self.arm(out, depth + 1, "default", default, operator, name);
                    self.line(out, depth, "endcase");
                }
            }
        }
    }

    fn arm<'b>(
        &self,
        out: &mut String,
        depth: usize,
        label: &str,
        body: &[Statement],
        operator: &str,
        name: &dyn Fn(Id) -> &'b str,
    ) {
        if body.is_empty() {
            return self.line(out, depth, &format!("{label}: ;"));
        }
        self.line(out, depth, &format!("{label}: begin"));
        self.block(out, depth + 1, body, operator, name);
        self.line(out, depth, "end");
    }

    fn conditional<'b>(
        &self,
        out: &mut String,
        depth: usize,
        lead: &str,
        statement: &Statement,
        operator: &str,
        name: &dyn Fn(Id) -> &'b str,
    ) {
        let Statement::If {
            test,
            then,
            otherwise,
            ..
        } = statement
        else {
            return;
        };
        let (test, then, otherwise) = match then.is_empty() {
            true => (format!("!({})", test.text), otherwise, then),
            false => (test.text.clone(), then, otherwise),
        };
        self.line(out, depth, &format!("{lead}if ({test}) begin"));
        self.block(out, depth + 1, then, operator, name);
        match &otherwise[..] {
            [] => self.line(out, depth, "end"),
            [nested @ Statement::If { .. }] => {
                self.conditional(out, depth, "end else ", nested, operator, name)
            }
            _ => {
                self.line(out, depth, "end else begin");
                self.block(out, depth + 1, otherwise, operator, name);
                self.line(out, depth, "end");
            }
        }
    }
}

/// What a statement needs declared.
pub(super) fn mentioned(statement: &Statement, names: &mut BTreeSet<Mention>) {
    match statement {
        Statement::Assign(a) => names.extend(a.value.mentions.iter().cloned()),
        Statement::If {
            test,
            then,
            otherwise,
            ..
        } => {
            names.extend(test.mentions.iter().cloned());
            then.iter()
                .chain(otherwise)
                .for_each(|s| mentioned(s, names));
        }
        Statement::Case {
            test,
            arms,
            default,
            ..
        } => {
            names.extend(test.mentions.iter().cloned());
            for (label, body) in arms {
                names.extend(label.mentions.iter().cloned());
                body.iter().for_each(|s| mentioned(s, names));
            }
            default.iter().for_each(|s| mentioned(s, names));
        }
    }
}
