//! One module's Verilog text.
//!
//! Registers become one `always @(posedge clk)` a clock, everything else one `assign` or `always @*` a driven signal.

mod leaf;
mod statements;

use crate::description::Description;
use crate::design::{Design, Module};
use crate::drivers::{analyse, filter, Drivers, Group};
use crate::error::Refusal;
use crate::expression::{Mention, Shape, Sized};
use crate::fold::fold;
use crate::kernel::{lower, Assign, Statement};
use crate::scope::{is_register, Id, Register, Role, Scope};
use crate::sized::Cut;
use crate::Moves;
use leaf::leaf;
use rust_hdl::core::ast::Verilog;
use statements::mentioned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The text of `module`, and the vendor cores that it needs; `module_names` are the Verilog names of the design's modules.
pub(crate) fn module_text(
    design: &Design,
    index: usize,
    module_names: &[String],
    moves: Moves,
) -> Result<(String, Option<String>), Refusal> {
    let module = &design.modules[index];
    let name = &module_names[index];
    match &module.code {
        Verilog::Combinatorial(kernel) => {
            let scope = Scope::new(design, module)?;
            let mut statements = lower(&scope, kernel, moves)?;
            // What is refused does not depend on how the kernel is printed.
            let mut drivers = analyse(&scope, &statements)?;
            if moves == Moves::Concatenations {
                statements = fold(&scope, statements);
                drivers = analyse(&scope, &statements)?;
            }
            let printer = Printer {
                scope: &scope,
                statements: &statements,
                drivers: &drivers,
                module_names,
                description: &module.description,
            };
            Ok((printer.module(name)?, None))
        }
        Verilog::Empty => {
            let scope = Scope::new(design, module)?;
            let drivers = analyse(&scope, &[])?;
            let printer = Printer {
                scope: &scope,
                statements: &[],
                drivers: &drivers,
                module_names,
                description: &module.description,
            };
            Ok((printer.module(name)?, None))
        }
        Verilog::Custom(code) => Ok((leaf(module, name, code, "output reg")?, None)),
        Verilog::Wrapper(wrapper) => Ok((
            leaf(module, name, &wrapper.code, "output wire")?,
            Some(wrapper.cores.clone()),
        )),
        Verilog::Blackbox(_) => Err(Refusal::Unsupported(
            "a Blackbox cannot be renamed: use Verilog::Wrapper".to_owned(),
        )),
    }
}

/// Declarations of ports, each with what stands behind it.
fn port_lines(ports: &[(String, &str)]) -> String {
    let line = |(n, (declaration, comment)): (usize, &(String, &str))| {
        let comma = if n + 1 < ports.len() { "," } else { "" };
        format!("  {declaration}{comma}{comment}\n")
    };
    ports.iter().enumerate().map(line).collect()
}

fn range(width: usize) -> String {
    match width {
        1 => String::new(),
        _ => format!(" [{}:0]", width - 1),
    }
}

struct Printer<'a> {
    scope: &'a Scope,
    statements: &'a [Statement],
    drivers: &'a Drivers,
    module_names: &'a [String],
    description: &'a Description,
}

impl Printer<'_> {
    fn module(&self, name: &str) -> Result<String, Refusal> {
        let clocks = self.clocks()?;
        let direct = self.direct_connections();
        let clocked = self.clocked_registers();
        let mut body = String::new();
        let mut variables: BTreeSet<Id> = BTreeSet::new();
        let mut printed: Vec<Statement> = vec![];
        for group in &self.drivers.groups {
            let first = group.signals[0];
            let role = self.scope.symbols[first].role;
            if role == Role::RegisterClock
                || direct.contains_key(&first)
                || clocked.contains(&first)
            {
                continue;
            }
            let own = filter(self.statements, &|a| {
                group.signals.contains(&a.target) && !group.dead.contains(&a.at)
            });
            if let [Statement::Assign(a)] = &own[..] {
                self.line(
                    &mut body,
                    1,
                    &format!(
                        "assign {} = {};",
                        self.target(a, &|id| self.name(id)),
                        a.value.text
                    ),
                );
            } else {
                self.line(&mut body, 1, "always @* begin");
                self.block(&mut body, 2, &own, "=", &|id| self.name(id));
                self.line(&mut body, 1, "end");
                variables.extend(&group.signals);
            }
            printed.extend(own);
        }
        for (clock, registers) in &clocks {
            let own = self.clocked_statements(registers, &clocked);
            self.line(
                &mut body,
                1,
                &format!("always @(posedge {}) begin", self.name(*clock)),
            );
            self.block(&mut body, 2, &own, "<=", &|id| {
                self.name(self.register_output(id))
            });
            for register in registers.iter().filter(|r| !clocked.contains(&r.d)) {
                let line = format!("{} <= {};", self.name(register.q), self.name(register.d));
                self.line(&mut body, 2, &line);
            }
            self.line(&mut body, 1, "end");
            printed.extend(own);
        }
        let mut mentions = BTreeSet::new();
        printed.iter().for_each(|s| mentioned(s, &mut mentions));
        let mut out = String::new();
        out.push_str(&self.description.above());
        let _ = writeln!(out, "module {name} (\n{});", self.ports(&variables));
        self.field_names(&mut out, &body);
        self.declarations(&mut out, &mentions, &variables, &direct, &clocked);
        self.functions(&mut out, &mentions)?;
        self.instances(&mut out, &direct);
        Ok(out + &body + "endmodule\n")
    }

    fn name(&self, id: Id) -> &str {
        &self.scope.symbols[id].verilog
    }

    fn register_output(&self, d: Id) -> Id {
        self.scope
            .registers
            .iter()
            .find(|r| r.d == d)
            .map_or(d, |r| r.q)
    }

    fn line(&self, out: &mut String, depth: usize, text: &str) {
        let _ = writeln!(out, "{:1$}{text}", "", 2 * depth);
    }

    fn ports(&self, variables: &BTreeSet<Id>) -> String {
        let ports = self.scope.symbols.iter().enumerate();
        let ports = ports.filter_map(|(id, symbol)| {
            let direction = match symbol.role {
                Role::Input => "input wire",
                Role::Output if variables.contains(&id) => "output reg",
                Role::Output => "output wire",
                _ => return None,
            };
            let declaration = format!("{direction}{} {}", range(symbol.width), symbol.verilog);
            Some((declaration, symbol.comment.as_str()))
        });
        port_lines(&ports.collect::<Vec<_>>())
    }

    /// The signal that drives `id`, when that is all there is to it.
    fn alias(&self, id: Id) -> Option<Id> {
        let group = self.drivers.groups.iter().find(|g| g.signals[..] == [id])?;
        let own = filter(self.statements, &|a| {
            a.target == id && !group.dead.contains(&a.at)
        });
        match &own[..] {
            [Statement::Assign(a)] if a.value.shape == Shape::Name => {
                a.value.reads.iter().next().copied()
            }
            _ => None,
        }
    }

    fn is_clock_input(&self, id: Id) -> bool {
        self.scope.symbols[id].role == Role::Input && self.scope.symbols[id].is_clock
    }

    /// The registers of each clock.
    fn clocks(&self) -> Result<BTreeMap<Id, Vec<&Register>>, Refusal> {
        let mut clocks: BTreeMap<Id, Vec<&Register>> = BTreeMap::new();
        for register in &self.scope.registers {
            match self.alias(register.clock) {
                Some(clock) if self.is_clock_input(clock) => {
                    clocks.entry(clock).or_default().push(register)
                }
                _ => return Err(Refusal::Clock(self.scope.rust_name(register.clock))),
            }
        }
        Ok(clocks)
    }

    /// Clock inputs of children that are an input clock of the module: connected without a signal between.
    fn direct_connections(&self) -> BTreeMap<Id, Id> {
        let children = self
            .scope
            .children
            .iter()
            .flat_map(|c| &c.ports)
            .map(|(_, id)| *id);
        children
            .filter(|id| {
                self.scope.symbols[*id].role == Role::ChildInput && self.scope.symbols[*id].is_clock
            })
            .filter_map(|id| {
                Some((
                    id,
                    self.alias(id).filter(|clock| self.is_clock_input(*clock))?,
                ))
            })
            .collect()
    }

    /// Registers whose statements can stand in the clocked block itself: nothing reads their `d`.
    fn clocked_registers(&self) -> BTreeSet<Id> {
        let alone = |d: Id| {
            self.drivers
                .groups
                .iter()
                .any(|g: &Group| g.signals[..] == [d])
        };
        let registers = self.scope.registers.iter().map(|r| r.d);
        registers
            .filter(|d| alone(*d) && !self.drivers.read.contains(d))
            .collect()
    }

    /// The statements of a clock's registers; `d = q` at their start says nothing there and is left out.
    fn clocked_statements(
        &self,
        registers: &[&Register],
        clocked: &BTreeSet<Id>,
    ) -> Vec<Statement> {
        let mine: BTreeSet<Id> = registers
            .iter()
            .map(|r| r.d)
            .filter(|d| clocked.contains(d))
            .collect();
        let groups = self
            .drivers
            .groups
            .iter()
            .filter(|g| mine.contains(&g.signals[0]));
        let mut skip: BTreeSet<usize> = groups.flat_map(|g| g.dead.iter().copied()).collect();
        for d in &mine {
            let first = self.statements.iter().find_map(|s| match s {
                Statement::Assign(a) if a.target == *d && !skip.contains(&a.at) => Some(a),
                _ => None,
            });
            let holds = |a: &&Assign| {
                a.width == self.scope.symbols[*d].width
                    && a.value.text == self.name(self.register_output(*d))
            };
            let earlier = |at: usize| {
                let mut found = false;
                for statement in self.statements {
                    statement.assigns(&mut vec![], &mut |a, _| {
                        found |= a.target == *d && a.at < at && !skip.contains(&a.at)
                    });
                }
                found
            };
            if let Some(hold) = first.filter(holds).filter(|a| !earlier(a.at)) {
                skip.insert(hold.at);
            }
        }
        filter(self.statements, &|a| {
            mine.contains(&a.target) && !skip.contains(&a.at)
        })
    }

    fn declarations(
        &self,
        out: &mut String,
        mentions: &BTreeSet<Mention>,
        variables: &BTreeSet<Id>,
        direct: &BTreeMap<Id, Id>,
        clocked: &BTreeSet<Id>,
    ) {
        // In order of declaration; numbers of the kernel, which the scope does not know, come last.
        let scope = (self.scope.symbols.iter().map(|s| &s.verilog))
            .chain(self.scope.labels().map(|l| &l.verilog));
        let place: BTreeMap<&String, usize> = scope.enumerate().map(|(n, v)| (v, n)).collect();
        let mut constants: Vec<_> = mentions
            .iter()
            .filter_map(|mention| match mention {
                Mention::Constant {
                    verilog,
                    width,
                    value,
                } => Some((
                    place.get(verilog).copied().unwrap_or(usize::MAX),
                    verilog,
                    width,
                    value,
                )),
                Mention::Cut(_) => None,
            })
            .collect();
        constants.sort();
        for (_, verilog, width, value) in constants {
            let literal = Sized::literal(value, *width).text;
            let line = format!("localparam [{}:0] {verilog} = {literal};", width - 1);
            self.line(out, 1, &line);
        }
        for (id, symbol) in self.scope.symbols.iter().enumerate() {
            let driven = self.drivers.groups.iter().any(|g| g.signals.contains(&id));
            let kind = match symbol.role {
                Role::RegisterQ => "reg",
                Role::ChildOutput => "wire",
                Role::RegisterD if clocked.contains(&id) => continue,
                Role::ChildInput if direct.contains_key(&id) => continue,
                Role::RegisterD | Role::ChildInput | Role::Local if !driven => continue,
                Role::RegisterD | Role::ChildInput | Role::Local if variables.contains(&id) => {
                    "reg"
                }
                Role::RegisterD | Role::ChildInput | Role::Local => "wire",
                Role::Input | Role::Output | Role::Constant | Role::RegisterClock => continue,
            };
            self.line(
                out,
                1,
                &format!(
                    "{kind}{} {};{}",
                    range(symbol.width),
                    symbol.verilog,
                    symbol.comment
                ),
            );
        }
    }

    /// Offsets of the fields of structs that `body` names.
    fn field_names(&self, out: &mut String, body: &str) {
        for (name, offset) in self.scope.fields() {
            if body.contains(&format!("[{name}]")) || body.contains(&format!("[{name} +:")) {
                self.line(out, 1, &format!("localparam {name} = {offset};"));
            }
        }
    }

    /// The functions that cut bits out of expressions.
    fn functions(&self, out: &mut String, mentions: &BTreeSet<Mention>) -> Result<(), Refusal> {
        for mention in mentions {
            let Mention::Cut(cut) = mention else { continue };
            let name = cut.name();
            if self.scope.has_verilog_name(&name) {
                let function = "a function of the printer".to_owned();
                return Err(Refusal::NameCollision(name.clone(), function, name));
            }
            let Cut { of, offset, width } = *cut;
            self.line(out, 1, &format!("function{} {name};", range(width)));
            self.line(out, 2, &format!("input{} x;", range(of)));
            let bits = match width {
                1 => format!("[{offset}]"),
                _ => format!("[{}:{offset}]", offset + width - 1),
            };
            self.line(out, 2, &format!("{name} = x{bits};"));
            self.line(out, 1, "endfunction");
        }
        Ok(())
    }

    fn instances(&self, out: &mut String, direct: &BTreeMap<Id, Id>) {
        for child in &self.scope.children {
            let name = &self.module_names[child.module];
            let connections = child.ports.iter().map(|(port, id)| {
                let signal = direct.get(id).unwrap_or(id);
                format!(".{port}({})", self.name(*signal))
            });
            let connections: Vec<_> = connections.collect();
            self.line(
                out,
                1,
                &format!(
                    "{name} {} ({}\n    {}\n  );",
                    child.instance,
                    child.comment,
                    connections.join(",\n    ")
                ),
            );
        }
    }
}

/// Modules that are printed: all but the registers, which their parents print.
pub(crate) fn is_printed(module: &Module) -> bool {
    !is_register(module)
}
