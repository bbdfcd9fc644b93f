//! Every program that Rust sources start, and every package that `make deps*` installs, stands in scripts/programs.txt.
//!
//! Scripts are held to that table in another way: scripts/test runs them, and everything that they start, with a PATH that
//! holds no other program.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};

/// Places that start what is no program of the table by a name that only the run knows, and what that is.
const NAMED_AT_RUN_TIME: [(&str, &str, &str); 11] = [
    (
        "cli/tests/http/main.rs",
        "HANDCLASP",
        "the command, built by cargo",
    ),
    (
        "cli/tests/parse/oracle.rs",
        "program",
        "the command or tshark or python3: what a test names",
    ),
    (
        "hdl/tests/bench/model.rs",
        "program",
        "a model that the test compiled",
    ),
    (
        "hdl/verilog/src/equivalence/model.rs",
        "model",
        "a model that the test compiled",
    ),
    (
        "sim/build/models.rs",
        "& program",
        "verilator, or what VERILATOR names",
    ),
    (
        "sim/build/models.rs",
        "& verilator . program",
        "verilator, or what VERILATOR names",
    ),
    (
        "sim/benches/speed/emission.rs",
        "std :: env :: var (\"VERILATOR\") . unwrap_or (\"verilator\" . into ())",
        "verilator, or what VERILATOR names",
    ),
    (
        "sim/benches/speed/emission.rs",
        "program",
        "a model that the bench compiled",
    ),
    (
        "tests/src/bin/guest/program.rs",
        "HANDCLASP",
        "the command, in the guest",
    ),
    (
        "tests/src/qemu.rs",
        "libraries . join (\"ld-linux-x86-64.so.2\")",
        "QEMU, fetched by scripts/guest-parts",
    ),
    (
        "tests/tests/vfio_guest/boot.rs",
        "handclasp ()",
        "the command, built by cargo",
    ),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What `scripts/programs` prints, a line each.
fn ask(arguments: &[&str]) -> Vec<String> {
    let output = Command::new("bash")
        .arg("scripts/programs")
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "scripts/programs {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The programs that a source file starts.
struct Starts {
    file: String,
    literal: Vec<String>,
    others: Vec<String>,
}

impl Starts {
    /// Whether this is the path of `std::process::Command::new`, as sources write it.
    fn is_command_new(path: &syn::Path) -> bool {
        let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
        names.next().is_some_and(|name| name == "new")
            && names.next().is_some_and(|name| name == "Command")
    }

    /// Looks into what stands in a macro's parentheses, which syn does not read.
    fn look_into(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let words: Vec<_> = tokens.iter().map(ToString::to_string).collect();
        for (at, token) in tokens.iter().enumerate() {
            let TokenTree::Group(group) = token else {
                continue;
            };
            if at >= 4 && words[at - 4..at] == ["Command", ":", ":", "new"] {
                match syn::parse2(group.stream()) {
                    Ok(argument) => self.note(&argument),
                    Err(_) => self.others.push(group.to_string()),
                }
            }
            self.look_into(group.stream());
        }
    }

    fn note(&mut self, argument: &syn::Expr) {
        match argument {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(name),
                ..
            }) => self.literal.push(name.value()),
            // A binary of the workspace.
            syn::Expr::Macro(found)
                if found.mac.path.is_ident("env")
                    && found.mac.tokens.to_string().contains("CARGO_BIN_EXE_") => {}
            other => self.others.push(other.to_token_stream().to_string()),
        }
    }
}

impl Visit<'_> for Starts {
    fn visit_expr_call(&mut self, call: &syn::ExprCall) {
        if let syn::Expr::Path(function) = &*call.func {
            if Self::is_command_new(&function.path) {
                call.args.iter().for_each(|argument| self.note(argument));
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, found: &syn::Macro) {
        self.look_into(found.tokens.clone());
    }
}

fn starts(file: &str, text: &str) -> Starts {
    let mut starts = Starts {
        file: file.into(),
        literal: Vec::new(),
        others: Vec::new(),
    };
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    starts.visit_file(&parsed);
    starts
}

/// All Rust sources of the workspace.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "build" {
                sources(&path, found);
            }
            // The build scripts' folder is named like what `make emit` writes.
            if name == "build" && path.join("main.rs").exists() {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_program_that_rust_starts_is_in_the_table() {
    let purposes = ["machine", "build", "demo", "test", "bench"];
    let table: BTreeSet<_> = ask(&[&["list"][..], &purposes].concat())
        .into_iter()
        .collect();
    let mut files = Vec::new();
    sources(root(), &mut files);
    let (mut faults, mut seen, mut named) = (Vec::new(), 0, BTreeSet::new());
    for path in files {
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        let starts = starts(&file, &fs::read_to_string(&path).unwrap());
        for program in &starts.literal {
            seen += 1;
            let name = Path::new(program).file_name().unwrap().to_string_lossy();
            if !table.contains(&*name) {
                faults.push(format!("{}: {program:?}", starts.file));
            }
        }
        for expression in &starts.others {
            let listed = NAMED_AT_RUN_TIME
                .iter()
                .find(|(place, text, _)| *place == file && text == expression);
            match listed {
                Some(listed) => drop(named.insert(listed)),
                None => faults.push(format!(
                    "{file}: {expression}, a name that only the run knows"
                )),
            }
        }
    }
    assert!(
        faults.is_empty(),
        "not in scripts/programs.txt:\n{}",
        faults.join("\n")
    );
    let stale: Vec<_> = NAMED_AT_RUN_TIME
        .iter()
        .filter(|place| !named.contains(place))
        .collect();
    assert!(stale.is_empty(), "no longer there: {stale:?}");
    assert!(seen > 10, "only {seen} programs were found");
}

#[test]
fn a_program_is_found_however_it_is_written() {
    let text = r#"
        fn f() {
            let child = std::process::Command::new("one").spawn();
            assert!(Command::new("two").arg("x").status().is_ok(), "{:?}", [Command::new("three")]);
            Command::new(&name);
            Command::new(env!("CARGO_BIN_EXE_ours"));
            Segment::new("four");
        }
    "#;
    let starts = starts("text", text);
    assert_eq!(starts.literal, ["one", "two", "three"]);
    assert_eq!(starts.others, ["& name"]);
}

#[test]
fn a_package_has_one_line_and_a_program_one_package() {
    let text = fs::read_to_string(root().join("scripts/programs.txt")).unwrap();
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        assert!(words.len() >= 3, "{line:?} is not PACKAGE FOR PROGRAM...");
        assert!(names.insert(("package", words[0])), "{line:?}: twice");
        for program in words[2..].iter().filter(|program| **program != "-") {
            assert!(names.insert(("program", program)), "{program}: twice");
        }
    }
}

/// Runs scripts/install with an apt-get that says `fails` times that another one has the lock, as apt 2.6 says it.
fn install_with(fails: u32, patience_s: u32) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let (path, count) = (folder.path(), folder.path().join("count"));
    let write = |name: &str, text: &str| {
        let file = path.join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    };
    // Nothing is installed, so that everything is missing; and nobody needs sudo.
    write("dpkg-query", "#!/bin/sh\nexit 1\n");
    write("id", "#!/bin/sh\necho 0\n");
    write(
        "apt-get",
        &format!(
            "#!/bin/sh\necho x >>{count}\n[ $(wc -l <{count}) -gt {fails} ] || {{\n\
             echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 17 (apt-get)'\nexit 100\n}}\n",
            count = count.display()
        ),
    );
    let found = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["scripts/install", "demo"])
        .current_dir(root())
        .env("PATH", format!("{}:{found}", path.display()))
        .env("HANDCLASP_APT_PATIENCE", patience_s.to_string())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.success(), said)
}

#[test]
fn install_waits_for_another_apt() {
    let (ok, said) = install_with(1, 60);
    assert!(ok, "{said}");
    assert!(
        said.contains("another apt holds the lock; waiting"),
        "{said}"
    );
    let (ok, said) = install_with(1000, 1);
    assert!(!ok, "{said}");
    assert!(said.contains("held by process 17"), "{said}");
}
