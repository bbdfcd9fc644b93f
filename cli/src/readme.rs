//! `handclasp readme`: what README.md and hdl/PERFORMANCE.md show of simulated runs is made by running.
//!
//! Each section lies between the lines `<!-- made by "make readme": NAME -->` and `<!-- end of NAME -->`. All that is in it is
//! simulated, hence the same on every machine, or made of a stored run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use handclasp_benches::report::readme;
use handclasp_benches::Study;

use crate::bench::cycles::{self, sustained};
use crate::demo::cable;
use crate::ladder::{self, Columns};
use crate::output;
use crate::width::Width;

/// Arguments of `handclasp readme`.
#[derive(clap::Args)]
pub struct Args {
    /// Directory of the project: README.md, docs/ and hdl/ are in it
    #[arg(long, default_value = ".")]
    project: PathBuf,
    /// Change nothing, and fail when something is stale
    #[arg(long)]
    check: bool,
}

/// Makes all sections, and the picture that the README shows, anew.
pub fn run(args: &Args) -> Result<()> {
    let demo = tempfile::tempdir().context("making a directory for the demo's files")?;
    let packets = cable::run(Width::W64, demo.path())?;
    let (figures, hops) = cycles::simulate()?;
    let study = Study::read(&args.project.join("docs/bench/run.json"))?;
    let sections = [
        (
            "demo",
            format!(
                "```text\n{}```\n",
                ladder::text(&packets, Columns::Simulated)
            ),
        ),
        ("cycles", format!("{}\n", cycles::figures_table(&figures))),
        ("hops", format!("{}\n", cycles::hops_table(&hops))),
        ("latency", readme::section(&study)),
    ];
    let mut readme = Page::open(&args.project, "README.md")?;
    for (name, section) in sections {
        readme.renew(name, &section)?;
    }
    let rates = sustained::simulate(sustained::SLOWEST, sustained::FRAMES)?;
    let mut performance = Page::open(&args.project, "hdl/PERFORMANCE.md")?;
    let on = sustained::measured_on(sustained::SLOWEST);
    performance.renew("rates", &format!("{}\n\n{on}\n", sustained::table(&rates)))?;
    performance.renew("cycles", &format!("{}\n", cycles::figures_table(&figures)))?;
    let picture = read(&demo.path().join("demo.svg"))?;
    let files = [
        (readme.path, readme.text),
        (performance.path, performance.text),
        (args.project.join("docs/ladder.svg"), picture),
    ];
    let mut stale = Vec::new();
    for (path, text) in files {
        if read(&path)? != text {
            if !args.check {
                output::write(&path, text)?;
            }
            stale.push(path.display().to_string());
        }
    }
    match (args.check, &stale[..]) {
        (_, []) => println!("nothing is stale"),
        (false, written) => println!("made anew: {}", written.join(", ")),
        (true, stale) => bail!("stale: {}; run `make readme`", stale.join(", ")),
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// A file with sections.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn open(project: &Path, name: &str) -> Result<Self> {
        let path = project.join(name);
        let text = read(&path)?;
        Ok(Self { path, text })
    }

    /// Makes a section anew.
    fn renew(&mut self, name: &str, section: &str) -> Result<()> {
        self.text = renew(&self.text, name, section)
            .with_context(|| format!("{} has no section {name:?}", self.path.display()))?;
        Ok(())
    }
}

/// The text with a section made anew; `None` if it lacks the lines around it.
fn renew(text: &str, name: &str, section: &str) -> Option<String> {
    let begin = format!("<!-- made by \"make readme\": {name} -->\n");
    let end = format!("<!-- end of {name} -->\n");
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{section}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_nothing_else() {
        let text = "a\n<!-- made by \"make readme\": x -->\nold\n<!-- end of x -->\nb\n";
        let renewed = renew(text, "x", "new\n").unwrap();
        assert_eq!(
            renewed,
            "a\n<!-- made by \"make readme\": x -->\n\nnew\n\n<!-- end of x -->\nb\n"
        );
        assert_eq!(renew(&renewed, "x", "new\n"), Some(renewed));
        assert_eq!(renew(text, "y", ""), None);
    }
}
