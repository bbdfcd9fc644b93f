//! Collects a design's modules from rust-hdl: one [`Module`] a block, with its signals, children and kernel.

use crate::description::Description;
use num_bigint::BigUint;
use rust_hdl::core::ast::Verilog;
use rust_hdl::core::atom::{Atom, AtomKind};
use rust_hdl::core::block::Block;
use rust_hdl::core::probe::Probe;
use rust_hdl::core::type_descriptor::{TypeDescriptor, TypeKind};
use rust_hdl::prelude::clog2;
use std::collections::BTreeMap;

/// A signal or constant of a module, under rust-hdl's name (`s_axis$tdata`).
#[derive(Clone)]
pub(crate) struct Signal {
    pub name: String,
    pub kind: AtomKind,
    pub width: usize,
    pub is_clock: bool,
    pub is_signed: bool,
    /// The value, when the signal is a constant.
    pub constant: Option<BigUint>,
    /// The fields of the signal's type, if that is a struct.
    pub fields: Vec<Field>,
    /// The enum types that the signal's type mentions: name, and labels in the order of their codes.
    pub enums: BTreeMap<String, Vec<String>>,
}

/// A field of a struct: bits of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Struct and field: `RxEvent$flags`.
    pub name: String,
    pub offset: usize,
    pub width: usize,
}

/// A block of the design.
pub(crate) struct Module {
    /// Path from the top, joined by `$`.
    pub path: String,
    /// Name of the instance in its parent.
    pub instance: String,
    pub signals: Vec<Signal>,
    /// Indices into the design's modules, in order of declaration.
    pub children: Vec<usize>,
    pub code: Verilog,
    pub description: Description,
}

/// Every module of a design, parents before children.
#[derive(Default)]
pub(crate) struct Design {
    pub modules: Vec<Module>,
    open: Vec<(usize, Vec<String>)>,
}

impl Design {
    /// Reads the hierarchy of `block`.
    pub(crate) fn collect<B: Block>(top: &str, block: &B) -> Self {
        let mut design = Design::default();
        block.accept(top, &mut design);
        design
    }
}

impl Probe for Design {
    fn visit_start_scope(&mut self, name: &str, node: &dyn Block) {
        let index = self.modules.len();
        let path = match self.open.last() {
            Some((parent, namespace)) => {
                self.modules[*parent].children.push(index);
                let mut parts = vec![self.modules[*parent].path.clone()];
                parts.extend(namespace.iter().cloned());
                parts.push(name.to_owned());
                parts.join("$")
            }
            None => name.to_owned(),
        };
        let instance = match self.open.last() {
            Some((_, namespace)) if !namespace.is_empty() => {
                format!("{}${name}", namespace.join("$"))
            }
            _ => name.to_owned(),
        };
        let code = node.hdl();
        let description = match &code {
            Verilog::Combinatorial(kernel) => Description::read(kernel),
            _ => Description::default(),
        };
        self.modules.push(Module {
            path,
            instance,
            signals: vec![],
            children: vec![],
            code,
            description,
        });
        self.open.push((index, vec![]));
    }

    fn visit_start_namespace(&mut self, name: &str, _node: &dyn Block) {
        if let Some((_, namespace)) = self.open.last_mut() {
            namespace.push(name.to_owned());
        }
    }

    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        let Some((index, namespace)) = self.open.last() else {
            return;
        };
        let name = match namespace.is_empty() {
            true => name.to_owned(),
            false => format!("{}${name}", namespace.join("$")),
        };
        let descriptor = atom.descriptor();
        let mut enums = BTreeMap::new();
        collect_enums(&descriptor, &mut enums);
        self.modules[*index].signals.push(Signal {
            name,
            kind: atom.kind(),
            width: atom.bits(),
            is_clock: descriptor.name == "clock",
            is_signed: has_signed(&descriptor),
            constant: (atom.kind() == AtomKind::Constant)
                .then(|| literal_value(&atom.verilog().to_string()))
                .flatten(),
            fields: fields(&descriptor),
            enums,
        });
    }

    fn visit_end_namespace(&mut self, _name: &str, _node: &dyn Block) {
        if let Some((_, namespace)) = self.open.last_mut() {
            namespace.pop();
        }
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.open.pop();
    }
}

fn collect_enums(descriptor: &TypeDescriptor, enums: &mut BTreeMap<String, Vec<String>>) {
    match &descriptor.kind {
        TypeKind::Enum(labels) => {
            enums.insert(
                descriptor.name.clone(),
                labels.iter().map(|l| l.replace("::", "$")).collect(),
            );
        }
        TypeKind::Composite(fields) => fields.iter().for_each(|f| collect_enums(&f.kind, enums)),
        TypeKind::Bits(_) | TypeKind::Signed(_) => {}
    }
}

/// The fields of a struct, without those of structs in it.
fn fields(descriptor: &TypeDescriptor) -> Vec<Field> {
    let TypeKind::Composite(parts) = &descriptor.kind else {
        return vec![];
    };
    let mut offset = 0;
    let mut fields = vec![];
    for part in parts {
        let width = width(&part.kind);
        fields.push(Field {
            name: format!("{}${}", descriptor.name, part.fieldname),
            offset,
            width,
        });
        offset += width;
    }
    fields
}

fn width(descriptor: &TypeDescriptor) -> usize {
    match &descriptor.kind {
        TypeKind::Bits(width) | TypeKind::Signed(width) => *width,
        TypeKind::Enum(labels) => clog2(labels.len()),
        TypeKind::Composite(fields) => fields.iter().map(|field| width(&field.kind)).sum(),
    }
}

fn has_signed(descriptor: &TypeDescriptor) -> bool {
    match &descriptor.kind {
        TypeKind::Signed(_) => true,
        TypeKind::Composite(fields) => fields.iter().any(|f| has_signed(&f.kind)),
        TypeKind::Bits(_) | TypeKind::Enum(_) => false,
    }
}

/// The value of a literal from its text (`12'hfe`, `3'b101`): rust-hdl keeps the number private. `None` when negative.
pub(crate) fn literal_value(text: &str) -> Option<BigUint> {
    let (_, digits) = text.split_once('\'')?;
    let radix = if digits.starts_with('b') { 2 } else { 16 };
    BigUint::parse_bytes(digits.get(1..)?.as_bytes(), radix)
}

/// The width written in a literal's text.
pub(crate) fn literal_width(text: &str) -> Option<usize> {
    text.split_once('\'')?.0.parse().ok()
}
