//! What the README shows of runs is what they give.

use std::process::Command;

#[test]
fn the_readme_is_not_stale() {
    let output = Command::new(env!("CARGO_BIN_EXE_handclasp"))
        .args(["readme", "--check", "--project"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{says}");
}
