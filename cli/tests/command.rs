//! What all commands have in common: errors, standard output, completions, manual pages.

use std::fs::File;
use std::process::{Command, Output, Stdio};

fn handclasp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handclasp"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_error_is_said_once_with_its_cause() {
    let missing = "no-such-directory/no-such-file";
    for arguments in [
        &["parse", missing][..],
        &["bench", "compare", missing, missing],
        &["bench", "all", "--out", "/dev/null/x"],
        &["emit", "-o", "/dev/null/x"],
        &["demo", "-o", "/dev/null/x"],
        &["man", "/dev/null/x"],
    ] {
        let output = handclasp(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(error.starts_with("error: "), "{error}");
        for said in ["(os error ", arguments.last().unwrap()] {
            assert_eq!(
                error.matches(said).count(),
                1,
                "{arguments:?}, {said}: {error}"
            );
        }
    }
}

/// `handclasp COMMAND | true`: the status is that of a program that SIGPIPE has ended.
#[test]
fn a_reader_that_leaves_ends_every_command_in_silence() {
    for arguments in [&["devices"][..], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_handclasp"))
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(141), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

/// The kernel's device for that.
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_handclasp"))
        .arg("devices")
        .stdout(File::create("/dev/full").unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = text(&output.stderr);
    assert!(
        error.starts_with("error: writing to standard output: No space left"),
        "{error}"
    );
}

#[test]
fn completions_are_made_for_each_shell() {
    for (shell, start) in [
        ("bash", "_handclasp"),
        ("zsh", "#compdef handclasp"),
        ("fish", "complete -c handclasp"),
    ] {
        let output = handclasp(&["completions", shell]);
        assert!(output.status.success(), "{output:?}");
        let script = text(&output.stdout);
        for said in [start, "parse", "handshake", "--peer", "--width"] {
            let said = if shell == "fish" {
                said.trim_start_matches('-')
            } else {
                said
            };
            assert!(script.contains(said), "{shell}: {said}");
        }
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let output = handclasp(&["man", dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let help = text(&handclasp(&["--help"]).stdout);
    let bench = text(&handclasp(&["bench", "--help"]).stdout);
    let mut pages = vec!["handclasp.1".to_owned()];
    for (prefix, help) in [("handclasp", &help), ("handclasp-bench", &bench)] {
        let commands = help.split("Commands:\n").nth(1).unwrap();
        let commands = commands.lines().take_while(|line| line.starts_with("  "));
        let names = commands.filter_map(|line| line.split_whitespace().next());
        pages.extend(names.map(|name| format!("{prefix}-{name}.1")));
    }
    assert!(pages.len() > 15, "{pages:?}");
    for page in &pages {
        if page.ends_with("-help.1") {
            continue;
        }
        let page = std::fs::read_to_string(dir.path().join(page)).expect(page);
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{page}"
        );
    }
}
