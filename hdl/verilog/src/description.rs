//! What a block says of itself, on its way from the Rust source to the comments of the Verilog.
//!
//! rust-hdl shows the printer a block's statements and no more. So the description travels as comment statements before them.

use rust_hdl::core::ast::{VerilogBlock, VerilogStatement as S};
use std::collections::BTreeMap;

/// A bundle of signals.
pub trait Bundle {
    /// Names of its signals, and their documentation.
    const SIGNALS: &'static [(&'static str, &'static str)];
}

/// What a block, and each of its fields, is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    doc: String,
    file: String,
    head: Vec<String>,
    fields: BTreeMap<String, String>,
}

/// Marks a comment statement as part of a description: none that a kernel may have begins so.
const MARK: char = '\u{1}';
/// Separates name and text.
const SEPARATOR: char = '\u{2}';
/// Width of a comment above a module, in characters.
const COMMENT_WIDTH: usize = 100;

impl Description {
    /// Says what the block is: the documentation of its struct, its source file, and the paragraphs with which that begins.
    pub fn block(&mut self, doc: &str, file: &str, head: &[&str]) {
        self.doc = doc.to_owned();
        self.file = file.to_owned();
        self.head = head.iter().map(|&p| p.to_owned()).collect();
    }

    /// Says what a field is.
    pub fn field(&mut self, name: &str, doc: &str) {
        if !doc.is_empty() {
            self.fields.insert(name.to_owned(), doc.to_owned());
        }
    }

    /// Says what the signals of a bundle are.
    pub fn bundle(&mut self, name: &str, signals: &[(&str, &str)]) {
        for (signal, doc) in signals {
            self.field(&format!("{name}${signal}"), doc);
        }
    }

    /// The description as comment statements.
    pub(crate) fn comments(&self) -> VerilogBlock {
        let line = |kind: &str, text: &str| S::Comment(format!("{MARK}{kind}{SEPARATOR}{text}"));
        let mut comments = vec![line("", &self.doc), line("<file>", &self.file)];
        comments.extend(self.head.iter().map(|paragraph| line("<head>", paragraph)));
        comments.extend(self.fields.iter().map(|(name, doc)| line(name, doc)));
        comments
    }

    /// The description that `kernel` begins with, which is empty for a block without `#[kernel]`.
    pub(crate) fn read(kernel: &VerilogBlock) -> Self {
        let mut description = Self::default();
        for statement in kernel {
            let S::Comment(comment) = statement else {
                break;
            };
            let marked = comment.strip_prefix(MARK);
            let Some((kind, text)) = marked.and_then(|c| c.split_once(SEPARATOR)) else {
                break;
            };
            let text = text.to_owned();
            match kind {
                "" => description.doc = text,
                "<file>" => description.file = text,
                "<head>" => description.head.push(text),
                name => drop(description.fields.insert(name.to_owned(), text)),
            }
        }
        description
    }

    /// What stands above the module.
    pub(crate) fn above(&self) -> String {
        let mut out = String::new();
        let paragraphs = [&self.doc].into_iter().chain(&self.head);
        for paragraph in paragraphs.filter(|p| !p.is_empty()) {
            let mut line = String::from("//");
            for word in paragraph.split_whitespace() {
                if line.len() + 1 + word.len() > COMMENT_WIDTH {
                    out.push_str(&format!("{line}\n"));
                    line = String::from("//");
                }
                line.push_str(&format!(" {word}"));
            }
            out.push_str(&format!("{line}\n"));
        }
        if !self.file.is_empty() {
            out.push_str(&format!("// Source: {}\n", self.file));
        }
        out
    }

    /// What stands behind the declaration of `name`, rust-hdl's name of a signal or child.
    pub(crate) fn behind(&self, name: &str) -> String {
        match self.of(name) {
            Some(doc) => format!(" // {doc}"),
            None => String::new(),
        }
    }

    fn of(&self, name: &str) -> Option<&str> {
        if let Some(doc) = self.fields.get(name) {
            return Some(doc);
        }
        // A register's output is what the field is, and so is an array: its first element speaks for all.
        let (field, last) = name.rsplit_once('$')?;
        (last == "q" || last == "0").then(|| self.of(field))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_its_way() {
        let mut sent = Description::default();
        sent.block("A block.", "a.rs", &["First.", "Latency: 1."]);
        sent.field("state", "Where it stands.");
        sent.bundle("s", &[("tdata", "The bytes.")]);
        let read = Description::read(&[sent.comments(), vec![S::Comment("x".into())]].concat());
        assert_eq!(read, sent);
        let above = "// A block.\n// First.\n// Latency: 1.\n// Source: a.rs\n";
        assert_eq!(read.above(), above);
        for (name, behind) in [
            ("state$q", " // Where it stands."),
            ("state$0$q", " // Where it stands."),
            ("state$1$q", ""),
            ("s$tdata", " // The bytes."),
            ("other", ""),
        ] {
            assert_eq!(read.behind(name), behind);
        }
    }
}
