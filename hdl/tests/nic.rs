//! The top module as its users see it: names and widths of its ports, the same text every time, nothing for a linter to say.

use handclasp_hdl::NicError;
use handclasp_layout::port::{Direction, INTERFACES};
use std::process::Command;

/// The ports in the header of the emitted module, as in `input 64 now`.
fn emitted(width: usize) -> Vec<String> {
    let text = handclasp_hdl::emit(width).unwrap();
    let (_, behind) = text.split_once("module handclasp_nic (").unwrap();
    let (header, _) = behind.split_once("\n);").unwrap();
    let port = |line: &str| {
        let words: Vec<&str> = line.trim().split(' ').collect();
        let [direction, "wire", range @ .., name] = &words[..] else {
            panic!("no port: {line}");
        };
        let bits = match range {
            [] => 1,
            [range] => {
                let high = range.trim_start_matches('[').trim_end_matches(":0]");
                high.parse::<usize>().unwrap() + 1
            }
            _ => panic!("no port: {line}"),
        };
        format!("{direction} {bits} {name}")
    };
    // A port a line, and behind it what it means.
    let declarations = header.lines().filter_map(|line| {
        let (declaration, _) = line.split_once("//").unwrap_or((line, ""));
        let declaration = declaration.trim().trim_end_matches(',');
        (!declaration.is_empty()).then_some(declaration)
    });
    declarations.map(port).collect()
}

/// The same of the datasheet's table.
fn in_the_datasheet(width: usize) -> Vec<String> {
    let ports = INTERFACES.iter().flat_map(|interface| interface.ports);
    ports
        .map(|port| {
            let direction = match port.direction {
                Direction::In => "input",
                Direction::Out => "output",
            };
            format!("{direction} {} {}", port.width.bits(width), port.name)
        })
        .collect()
}

#[test]
fn ports_are_those_of_the_datasheet() {
    for width in [64, 512] {
        assert_eq!(emitted(width), in_the_datasheet(width));
    }
}

#[test]
fn emission_is_the_same_every_time_and_clean() {
    for width in [64, 512] {
        let text = handclasp_hdl::emit(width).unwrap();
        assert_eq!(text, handclasp_hdl::emit(width).unwrap());
        let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let file = directory.join(format!("handclasp_nic_w{width}.v"));
        std::fs::write(&file, text).unwrap();
        let lint = Command::new("verilator")
            .args(["--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-UNUSED"])
            .args(["--top-module", "handclasp_nic"])
            .arg(&file)
            .output()
            .expect("verilator is installed");
        let says = String::from_utf8_lossy(&lint.stderr);
        assert!(lint.status.success() && says.is_empty(), "{says}");
    }
}

#[test]
fn other_widths_are_refused() {
    assert!(matches!(
        handclasp_hdl::emit(128),
        Err(NicError::Width(128))
    ));
}
