//! Finds in kernel sources what rust-hdl's AST does not show.
//!
//! rust-hdl takes every function whose name starts with `bits`, `Bits` or `bit_cast` for a width conversion, so that a call of
//! `bits_reversed(x)` reaches the printer as a cast of `x`. Only the source tells them apart.

use std::path::{Path, PathBuf};
use std::{fs, io};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use thiserror::Error;

/// Why kernel sources were not accepted.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A file or directory could not be read.
    #[error("{path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// A file is not Rust.
    #[error("{path}: {error}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: syn::Error,
    },
    /// A kernel calls a function that would print as a cast.
    #[error("{path}:{line}: `{function}` would print as a width conversion, since its name starts like one: rename it and write it out in the kernel")]
    HiddenCall {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The function.
        function: String,
    },
}

/// Checks the kernels (`#[hdl_gen]` functions, functions of a `#[kernel] impl`) of `path`: a Rust file, or a directory with all Rust files below it.
///
/// # Errors
/// The first call in a kernel that would print as a width conversion and is none, or the file that could not be read.
pub fn check_kernels(path: &Path) -> Result<(), SourceError> {
    let io = |error| SourceError::Io {
        path: path.to_owned(),
        error,
    };
    if path.is_dir() {
        let mut entries = vec![];
        for entry in fs::read_dir(path).map_err(io)? {
            entries.push(entry.map_err(io)?.path());
        }
        entries.sort();
        return entries.iter().try_for_each(|entry| check_kernels(entry));
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return Ok(());
    }
    let text = fs::read_to_string(path).map_err(io)?;
    let file = syn::parse_file(&text).map_err(|error| SourceError::Parse {
        path: path.to_owned(),
        error,
    })?;
    let mut calls = Calls {
        in_kernel: false,
        hidden: None,
    };
    calls.visit_file(&file);
    match calls.hidden {
        Some((line, function)) => Err(SourceError::HiddenCall {
            path: path.to_owned(),
            line,
            function,
        }),
        None => Ok(()),
    }
}

/// The first call that looks like a conversion and is none.
struct Calls {
    in_kernel: bool,
    hidden: Option<(usize, String)>,
}

impl<'ast> Visit<'ast> for Calls {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.in_kernel = has_attribute(&item.attrs, "kernel");
        visit::visit_item_impl(self, item);
        self.in_kernel = false;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        let outside = self.in_kernel;
        self.in_kernel |= has_attribute(&function.attrs, "hdl_gen");
        visit::visit_impl_item_fn(self, function);
        self.in_kernel = outside;
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let (true, syn::Expr::Path(function)) = (self.in_kernel, call.func.as_ref()) {
            let names: Vec<_> = function
                .path
                .segments
                .iter()
                .map(|s| s.ident.to_string())
                .collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let taken_for_cast = names
                .first()
                .is_some_and(|n| n.starts_with("bit") || n.starts_with("Bits"));
            let is_cast = matches!(names[..], ["bits"] | ["bit_cast"] | ["Bits", "from"]);
            if taken_for_cast && !is_cast && self.hidden.is_none() {
                self.hidden = Some((call.span().start().line, names.join("::")));
            }
        }
        visit::visit_expr_call(self, call);
    }
}

fn has_attribute(attributes: &[syn::Attribute], name: &str) -> bool {
    let is_named = |a: &syn::Attribute| a.path().segments.last().is_some_and(|s| s.ident == name);
    attributes.iter().any(is_named)
}
