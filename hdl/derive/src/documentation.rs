//! Documentation of Rust sources, as text for the comments of Verilog.

use std::path::Path;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of doc comments: one line.
pub(crate) fn of(attributes: &[Attribute]) -> String {
    let mut lines = vec![];
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta {
            if let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = &pair.value
            {
                lines.push(text.value());
            }
        }
    }
    plain(&paragraphs(lines.iter().map(String::as_str)).join(" "))
}

/// What a source file says of itself (`//!`): one line a paragraph, without drawings, tables and headings.
pub(crate) fn of_file(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let head = text.lines().map_while(|line| line.strip_prefix("//!"));
    paragraphs(head).iter().map(|p| plain(p)).collect()
}

fn paragraphs<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    let mut is_drawing = false;
    for line in lines.map(str::trim) {
        let is_fence = line.starts_with("```");
        is_drawing ^= is_fence;
        let starts_anew = line.is_empty() || line.starts_with("- ") || is_fence;
        if starts_anew && paragraphs.last().is_some_and(|p| !p.is_empty()) {
            paragraphs.push(String::new());
        }
        if is_drawing || is_fence || line.starts_with('|') || line.starts_with('#') {
            continue;
        }
        if let Some(paragraph) = paragraphs.last_mut() {
            paragraph.push_str(if paragraph.is_empty() { "" } else { " " });
            paragraph.push_str(line);
        }
    }
    paragraphs.retain(|p| !p.is_empty());
    paragraphs
}

/// Without links and code marks, in ASCII: not every tool reads more.
fn plain(text: &str) -> String {
    let text = text.replace("[`", "").replace("`]", "").replace('`', "");
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '…' => plain.push_str("..."),
            '→' => plain.push_str("->"),
            '×' => plain.push('x'),
            '–' | '—' => plain.push('-'),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            c if c.is_ascii() => plain.push(c),
            _ => plain.push('?'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_links_and_other_scripts_are_left_out() {
        let lines = [
            " A [`fifo`] of `2^A`",
            " words…",
            "",
            " ```text",
            "  in ──> out",
            " ```",
            " - one",
            " - two",
            " | a | table |",
            " # Heading",
            " Latency: 1.",
        ];
        let found: Vec<_> = paragraphs(lines.into_iter())
            .iter()
            .map(|p| plain(p))
            .collect();
        assert_eq!(
            found,
            ["A fifo of 2^A words...", "- one", "- two Latency: 1."]
        );
    }
}
