//! The names one module can see: its ports, locals and constants, its children's ports, its registers, its enums.

use crate::design::{Design, Field, Module, Signal};
use crate::error::Refusal;
use crate::names::{self, verilog_name};
use num_bigint::BigUint;
use rust_hdl::core::ast::Verilog;
use rust_hdl::core::atom::AtomKind;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a signal is to the module whose kernel names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    Output,
    Local,
    Constant,
    ChildInput,
    ChildOutput,
    RegisterD,
    RegisterQ,
    RegisterClock,
}

impl Role {
    /// Whether the module's kernel drives it.
    pub(crate) fn is_driven_here(self) -> bool {
        matches!(
            self,
            Role::Output | Role::Local | Role::ChildInput | Role::RegisterD | Role::RegisterClock
        )
    }

    /// Whether a read sees what the same kernel has just written (rust-hdl's `val()` of `Out` and `Local`), rather than the settled value.
    pub(crate) fn reads_in_order(self) -> bool {
        matches!(self, Role::Output | Role::Local)
    }
}

/// A signal as the module's kernel sees it.
pub(crate) struct Symbol {
    /// Verilog name.
    pub verilog: String,
    pub role: Role,
    pub width: usize,
    pub is_clock: bool,
    pub constant: Option<BigUint>,
    /// Fields of its type, under their Verilog names.
    pub fields: Rc<[Field]>,
    /// What stands behind its declaration.
    pub comment: String,
}

/// Index of a symbol in its scope.
pub(crate) type Id = usize;

/// A DFF of the module: its three ports.
pub(crate) struct Register {
    pub d: Id,
    pub q: Id,
    pub clock: Id,
}

/// A child that is a module of its own: where it is in the design, and its ports (name in the child, symbol here).
pub(crate) struct Child {
    pub module: usize,
    pub instance: String,
    pub ports: Vec<(String, Id)>,
    /// What stands behind its name.
    pub comment: String,
}

/// Everything that a module's kernel can name.
pub(crate) struct Scope {
    pub symbols: Vec<Symbol>,
    pub registers: Vec<Register>,
    pub children: Vec<Child>,
    by_name: BTreeMap<String, Id>,
    labels: BTreeMap<String, Label>,
    /// Offsets and widths of the fields of structs, by Verilog name.
    fields: BTreeMap<String, (usize, usize)>,
}

/// An enum label.
#[derive(Clone)]
pub(crate) struct Label {
    pub verilog: String,
    pub enum_name: String,
    pub code: usize,
    /// Number of variants of the enum.
    pub variants: usize,
    /// Two enums of this name, with different variants, are visible.
    conflict: bool,
}

impl Scope {
    pub(crate) fn new(design: &Design, module: &Module) -> Result<Self, Refusal> {
        let mut scope = Scope {
            symbols: vec![],
            registers: vec![],
            children: vec![],
            by_name: BTreeMap::new(),
            labels: BTreeMap::new(),
            fields: BTreeMap::new(),
        };
        let mut taken = names::Scope::default();
        for signal in &module.signals {
            let role = match signal.kind {
                AtomKind::InputParameter => Role::Input,
                AtomKind::OutputParameter => Role::Output,
                AtomKind::LocalSignal => Role::Local,
                AtomKind::Constant => Role::Constant,
                _ => {
                    return Err(Refusal::Unsupported(format!(
                        "`{}`: inout signals have no Verilog here",
                        signal.name
                    )))
                }
            };
            let comment = module.description.behind(&signal.name);
            scope.add(signal, signal.name.clone(), role, comment, &mut taken)?;
        }
        for &index in &module.children {
            let child = &design.modules[index];
            let instance = &child.instance;
            let path = |signal: &Signal| format!("{instance}${}", signal.name);
            if is_register(child) {
                let mut port = |name: &str, role| {
                    let signal = child.signals.iter().find(|s| s.name == name);
                    let signal = signal
                        .ok_or_else(|| Refusal::UnknownName(format!("{instance}${name}"), ""))?;
                    let comment = module.description.behind(&path(signal));
                    scope.add(signal, path(signal), role, comment, &mut taken)
                };
                let (d, q) = (port("d", Role::RegisterD)?, port("q", Role::RegisterQ)?);
                let clock = port("clock", Role::RegisterClock)?;
                scope.registers.push(Register { d, q, clock });
            } else {
                let verilog = taken.take(instance)?;
                let mut ports = vec![];
                for signal in child.signals.iter().filter(|s| s.kind.is_parameter()) {
                    let role = match signal.kind {
                        AtomKind::InputParameter => Role::ChildInput,
                        AtomKind::OutputParameter => Role::ChildOutput,
                        _ => {
                            return Err(Refusal::Unsupported(format!(
                                "`{}`: inout signals have no Verilog here",
                                path(signal)
                            )))
                        }
                    };
                    let id = scope.add(signal, path(signal), role, String::new(), &mut taken)?;
                    ports.push((verilog_name(&signal.name)?, id));
                }
                scope.children.push(Child {
                    comment: module.description.behind(instance),
                    module: index,
                    instance: verilog,
                    ports,
                });
            }
        }
        for label in scope.labels.values() {
            taken.take(&label.verilog)?;
        }
        for field in scope.fields.keys() {
            taken.take(field)?;
        }
        Ok(scope)
    }

    fn add(
        &mut self,
        signal: &Signal,
        path: String,
        role: Role,
        comment: String,
        taken: &mut names::Scope,
    ) -> Result<Id, Refusal> {
        if signal.is_signed {
            return Err(Refusal::Unsupported(format!(
                "`{path}`: Signed<N> has no Verilog here; use Bits<N> and two's complement"
            )));
        }
        if signal.width == 0 {
            return Err(Refusal::Unsupported(format!(
                "`{path}` has no bits (an enum needs two variants)"
            )));
        }
        for (name, labels) in &signal.enums {
            self.add_enum(name, labels)?;
        }
        let symbol = Symbol {
            verilog: taken.take(&path)?,
            role,
            width: signal.width,
            is_clock: signal.is_clock,
            constant: signal.constant.clone(),
            fields: self.take_fields(signal)?,
            comment,
        };
        self.symbols.push(symbol);
        self.by_name.insert(path, self.symbols.len() - 1);
        Ok(self.symbols.len() - 1)
    }

    /// The fields of `signal` that have one place in all structs of their name, under their Verilog names.
    fn take_fields(&mut self, signal: &Signal) -> Result<Rc<[Field]>, Refusal> {
        let mut fields = vec![];
        for field in &signal.fields {
            let (name, place) = (verilog_name(&field.name)?, (field.offset, field.width));
            if *self.fields.entry(name.clone()).or_insert(place) == place {
                fields.push(Field {
                    name,
                    ..field.clone()
                });
            }
        }
        Ok(fields.into())
    }

    fn add_enum(&mut self, enum_name: &str, labels: &[String]) -> Result<(), Refusal> {
        let known: Vec<_> = self
            .labels
            .iter()
            .filter(|(_, l)| l.enum_name == enum_name)
            .collect();
        let same = known.len() == labels.len()
            && known
                .iter()
                .all(|(name, l)| labels.get(l.code) == Some(name));
        let conflict = !known.is_empty() && !same;
        for (code, label) in labels.iter().enumerate() {
            let verilog = verilog_name(label)?;
            let entry = Label {
                verilog,
                enum_name: enum_name.to_owned(),
                code,
                variants: labels.len(),
                conflict,
            };
            self.labels.entry(label.clone()).or_insert(entry);
        }
        if conflict {
            self.labels
                .values_mut()
                .filter(|l| l.enum_name == enum_name)
                .for_each(|l| l.conflict = true);
        }
        Ok(())
    }

    pub(crate) fn symbol(&self, flat: &str) -> Option<Id> {
        self.by_name.get(flat).copied()
    }

    /// The rust-hdl name of a symbol, for messages.
    pub(crate) fn rust_name(&self, id: Id) -> String {
        let name = self
            .by_name
            .iter()
            .find(|(_, &i)| i == id)
            .map(|(n, _)| n.as_str());
        name.unwrap_or_default().replace('$', ".")
    }

    pub(crate) fn label(&self, flat: &str) -> Result<Option<&Label>, Refusal> {
        match self.labels.get(flat) {
            Some(label) if label.conflict => Err(Refusal::EnumConflict(label.enum_name.clone())),
            label => Ok(label),
        }
    }

    /// Whether a signal, constant, label or instance has this name.
    pub(crate) fn has_verilog_name(&self, name: &str) -> bool {
        self.symbols.iter().any(|symbol| symbol.verilog == name)
            || self.labels.values().any(|label| label.verilog == name)
            || self.children.iter().any(|child| child.instance == name)
    }

    /// The fields of structs that have names: name and offset.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, usize)> {
        self.fields
            .iter()
            .map(|(name, place)| (name.as_str(), place.0))
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &Label> {
        self.labels.values()
    }
}

/// Whether a module is rust-hdl's `DFF`, which becomes a register of its parent.
pub(crate) fn is_register(module: &Module) -> bool {
    let Verilog::Custom(code) = &module.code else {
        return false;
    };
    let names: Vec<_> = module.signals.iter().map(|s| s.name.as_str()).collect();
    let words: Vec<_> = code.split_whitespace().collect();
    names == ["d", "q", "clock"]
        && words.starts_with(&["initial", "begin", "q", "="])
        && words.ends_with(&[
            "end",
            "always",
            "@(posedge",
            "clock)",
            "begin",
            "q",
            "<=",
            "d;",
            "end",
        ])
}

impl Label {
    /// Width of the enum, in bits.
    pub(crate) fn width(&self) -> usize {
        (usize::BITS - (self.variants - 1).leading_zeros()) as usize
    }
}
