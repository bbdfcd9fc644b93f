//! The command `handclasp`: a TCP connection through gateware, simulated or on a card, to look at and to use.
#![forbid(unsafe_code)]

// First: its macros are for all modules behind it.
#[macro_use]
mod stdout;

mod bench;
mod bind;
mod counters;
mod demo;
mod devices;
mod emit;
mod get;
mod http;
mod interrupt;
mod ladder;
mod output;
mod packaging;
mod parse;
mod readme;
mod serve;
mod sim;
mod station;
mod width;
mod wire;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// What `handclasp --help` opens with.
const ABOUT: &str = "\
Use, watch and measure a network card (NIC) that does the packet work of TCP in gateware.

For those who build network hardware, and for those who want to see how TCP works on a card: the gateware runs on a card, \
or is simulated on this machine, clock cycle by clock cycle, which needs no hardware. A TCP stack with sockets runs on top.

Start with:
  handclasp demo             watch a connection between two simulated cards, packet by packet
  handclasp parse FILE       see what the gateware decodes of each frame of a capture
  handclasp bench cycles     see how many clock cycles the gateware needs for a packet";

#[derive(Parser)]
#[command(
    version,
    about = "Use, watch and measure a network card (NIC) that does the packet work of TCP in gateware",
    long_about = ABOUT
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Open, use and close a connection over the gateware, and show each packet of it
    Demo(demo::Args),
    /// Serve files over HTTP/1.1 from our sockets
    Serve(serve::Args),
    /// Get a file from an HTTP server through our sockets
    Get(get::Args),
    /// List the NICs on this machine's PCI bus
    Devices(devices::Args),
    /// Hand a NIC to user space: bind it to the kernel's vfio-pci (needs root)
    Bind(bind::BindArgs),
    /// Give a NIC back to the kernel; waits until no program uses it (needs root)
    Unbind(bind::UnbindArgs),
    /// Show what the gateware decodes of each frame of a capture
    Parse(parse::Args),
    /// Serve the simulated NIC to other programs
    Sim(sim::Args),
    /// Write the gateware as Verilog
    Emit(emit::Args),
    /// Measure the gateware, the host's part and whole connections
    Bench(bench::Args),
    /// Print a script that completes this command's arguments in a shell
    #[command(hide = true)]
    Completions(packaging::CompletionsArgs),
    /// Write a manual page for this command and for each of its subcommands
    #[command(hide = true)]
    Man(packaging::ManArgs),
    /// Make what the README shows of runs
    #[command(hide = true)]
    Readme(readme::Args),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(tracing::Level::WARN.into())
                .with_env_var("HANDCLASP_LOG")
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Bind(args) => bind::bind(&args),
        Command::Unbind(args) => bind::unbind(&args),
        Command::Parse(args) => parse::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Emit(args) => emit::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Completions(args) => packaging::completions(&args),
        Command::Man(args) => packaging::man(&args),
        Command::Readme(args) => readme::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Should standard error be gone, the status is left.
            let _ = writeln!(io::stderr(), "error: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// What failed and why, each cause once: some errors say their cause in their own text.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{anyhow, Context};
    use clap::CommandFactory;

    #[test]
    fn each_cause_of_an_error_is_said_once() {
        let says_its_cause = Err::<(), _>(anyhow!("no room")).context("writing f: no room");
        let error = says_its_cause.context("serving").unwrap_err();
        assert_eq!(one_line(&error), "serving: writing f: no room");
        let error = Err::<(), _>(anyhow!("no room"))
            .context("writing f")
            .unwrap_err();
        assert_eq!(one_line(&error), "writing f: no room");
    }

    /// Every command and argument that a user sees, by its path.
    fn walk(command: &clap::Command, path: &str, see: &mut impl FnMut(&str, &clap::Command)) {
        let path = format!("{path} {}", command.get_name());
        see(path.trim(), command);
        for command in command.get_subcommands() {
            walk(command, &path, see);
        }
    }

    #[test]
    fn every_command_and_argument_says_what_it_is_for() {
        let mut commands = 0;
        walk(&Cli::command(), "", &mut |path, command| {
            commands += 1;
            let help = command.clone().render_long_help().to_string();
            let first = help.lines().next().unwrap_or_default();
            assert!(first.split(' ').count() >= 3, "{path} opens with {first:?}");
            assert!(!first.contains("Usage:"), "{path} opens with {first:?}");
            assert!(
                !first.to_lowercase().starts_with("the command"),
                "{path} opens with {first:?}"
            );
            for argument in command.get_arguments() {
                let help = argument
                    .get_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(help.contains(' '), "{path} {}: {help:?}", argument.get_id());
            }
        });
        assert!(commands > 15, "{commands}");
    }

    #[test]
    fn the_first_help_names_three_commands_that_there_are() {
        let command = Cli::command();
        let help = command.clone().render_long_help().to_string();
        assert!(
            help.starts_with("Use, watch and measure a network card"),
            "{help}"
        );
        let examples: Vec<Vec<&str>> = (help.lines())
            .filter_map(|line| line.strip_prefix("  handclasp "))
            .map(|line| {
                line.split("   ")
                    .next()
                    .unwrap_or_default()
                    .split(' ')
                    .collect()
            })
            .collect();
        assert_eq!(examples.len(), 3, "{help}");
        for example in examples {
            let arguments = [&["handclasp"], &example[..]].concat();
            if let Err(error) = Cli::try_parse_from(&arguments) {
                panic!("{arguments:?}: {error}");
            }
        }
    }
}
