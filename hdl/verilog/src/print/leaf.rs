//! Modules whose body was written by hand, as `Verilog::Custom` or `Verilog::Wrapper`.

use super::{port_lines, range};
use crate::design::Module;
use crate::error::Refusal;
use crate::expression::Sized;
use crate::names;
use rust_hdl::core::atom::AtomKind;

/// The text of such a module; `output` declares its outputs.
pub(super) fn leaf(
    module: &Module,
    name: &str,
    code: &str,
    output: &str,
) -> Result<String, Refusal> {
    if code
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == "initial")
    {
        let reason = "an `initial` block in hand-written Verilog: clear the memory by a state machine, and emit from a fresh instance";
        return Err(Refusal::Unsupported(reason.to_owned()));
    }
    if !module.children.is_empty() {
        return Err(Refusal::Unsupported(
            "hand-written Verilog in a block with children".to_owned(),
        ));
    }
    let mut taken = names::Scope::default();
    let mut ports = vec![];
    let mut body = format!("\n{}\n", code.trim_matches('\n'));
    for signal in &module.signals {
        let verilog = taken.take(&signal.name)?;
        body = replace_word(&body, &signal.name, &verilog);
        match signal.kind {
            AtomKind::InputParameter => {
                ports.push(format!("input wire{} {verilog}", range(signal.width)))
            }
            AtomKind::OutputParameter => {
                ports.push(format!("{output}{} {verilog}", range(signal.width)))
            }
            AtomKind::Constant => {
                let value = signal.constant.clone().unwrap_or_default();
                let literal = Sized::literal(&value, signal.width).text;
                body = format!(
                    "\nlocalparam{} {verilog} = {literal};{body}",
                    range(signal.width)
                );
            }
            AtomKind::LocalSignal => {}
            _ => {
                return Err(Refusal::Unsupported(format!(
                    "`{}`: inout signals have no Verilog here",
                    signal.name
                )))
            }
        }
    }
    let body: String = body
        .trim_end()
        .lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {line}\n")
            }
        })
        .collect();
    let ports: Vec<_> = ports.into_iter().map(|port| (port, "")).collect();
    let ports = port_lines(&ports);
    Ok(format!("module {name} (\n{ports});\n{body}endmodule\n"))
}

/// Replaces `word` where it stands alone.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let mut out = String::new();
    let mut rest = text;
    while let Some(found) = rest.find(word) {
        let end = found + word.len();
        let alone = !rest[..found].ends_with(is_part) && !rest[end..].starts_with(is_part);
        out.push_str(&rest[..found]);
        out.push_str(if alone { by } else { word });
        rest = &rest[end..];
    }
    out + rest
}
