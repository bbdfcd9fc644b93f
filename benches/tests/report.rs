//! The report as a reader sees it: opened in a browser, and printed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use handclasp_benches::model::Kind;
use handclasp_benches::report::plots::kind_colour;
use handclasp_benches::report::{self, readme};
use handclasp_benches::Study;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The run that the README is made of.
fn stored() -> Study {
    Study::read(&repository().join("docs/bench/run.json")).unwrap()
}

/// The report on disk, gone with the value.
struct Page {
    dir: tempfile::TempDir,
}

impl Page {
    fn of(study: &Study) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("report.html"), report::html(study).unwrap()).unwrap();
        Self { dir }
    }

    /// Opens it in a browser that keeps nothing.
    fn open(&self, arguments: &[&str]) -> Output {
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-logging=stderr",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(arguments)
            .arg(self.dir.path().join("report.html"))
            .output()
            .expect("chromium shows the report to this test; install it: scripts/install chromium");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    fn file(&self, name: &str) -> (String, PathBuf) {
        let path = self.dir.path().join(name);
        (path.display().to_string(), path)
    }
}

/// What stands between `begin` and the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(begin)?.1.split_once(end)?.0)
}

#[test]
fn every_plot_has_data_and_no_script_fails() {
    let page = Page::of(&stored());
    let output = page.open(&["--dump-dom"]);
    let dom = String::from_utf8(output.stdout).unwrap();
    for id in [
        "cost-handshake",
        "cost-echo",
        "wait-handshake",
        "wait-echo",
        "per-byte-echo",
        "per-byte-stream",
    ] {
        let figure = between(&dom, &format!("<figure id=\"{id}\">"), "</figure>").expect(id);
        // A curve is a line of many points that goes up or down: its y's differ.
        let curves = figure
            .split("<polyline")
            .filter_map(|line| between(line, "points=\"", "\""))
            .filter(|points| {
                let mut heights: Vec<_> = points
                    .split_whitespace()
                    .filter_map(|point| point.split_once(','))
                    .map(|(_, y)| y)
                    .collect();
                heights.sort_unstable();
                heights.dedup();
                heights.len() >= 4
            })
            .count();
        let expected = if id.starts_with("wait") { 1 } else { 4 };
        assert!(
            curves >= expected,
            "{id} has {curves} curves, not {expected}"
        );
        assert!(figure.matches("<text").count() > 8, "{id} lacks its labels");
    }
    let way = between(&dom, "<figure id=\"way\">", "</figure>").expect("way");
    for kind in Kind::ALL {
        let colour = kind_colour(kind);
        let fill = format!("fill=\"#{:02X}{:02X}{:02X}\"", colour.0, colour.1, colour.2);
        let parts = way.matches(&fill).count();
        assert!(
            parts > 4,
            "{} has {parts} parts in the bars and the legend",
            kind.name()
        );
    }
    assert!(!dom.contains("<script"), "the page needs no script");
    for outside in ["src=\"http", "href=\"http", "@import", "url("] {
        assert!(!dom.contains(outside), "the page needs {outside}");
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(":CONSOLE"), "{said}");
}

#[test]
fn a_reader_sees_the_plots() {
    let page = Page::of(&stored());
    let (argument, path) = page.file("shot.png");
    page.open(&[
        "--hide-scrollbars",
        "--window-size=1000,4200",
        &format!("--screenshot={argument}"),
    ]);
    let mut reader = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let samples = frame.color_type.samples();
    assert_eq!((frame.width, frame.height), (1000, 4200));
    let count = |wanted: &dyn Fn(&[u8]) -> bool| {
        pixels
            .chunks_exact(samples)
            .filter(|pixel| wanted(&pixel[..3]))
            .count()
    };
    let all = pixels.len() / samples;
    let white = count(&|pixel| pixel == [255; 3]);
    assert!(
        white > all / 2 && white < all * 98 / 100,
        "{white} of {all} pixels are white"
    );
    for kind in Kind::ALL {
        let colour = kind_colour(kind);
        let seen = count(&|pixel| pixel == [colour.0, colour.1, colour.2]);
        assert!(seen > 1000, "{}: {seen} pixels", kind.name());
    }
}

#[test]
fn it_can_be_printed() {
    let page = Page::of(&stored());
    let (argument, path) = page.file("report.pdf");
    page.open(&[
        "--no-pdf-header-footer",
        &format!("--print-to-pdf={argument}"),
    ]);
    let pdf = std::fs::read(path).unwrap();
    assert!(
        pdf.starts_with(b"%PDF") && pdf.len() > 20_000,
        "{} bytes",
        pdf.len()
    );
}

#[test]
fn the_readme_is_made_of_the_stored_run() {
    let text = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let renewed = readme::renew(&text, &stored()).expect("the README has a section on latency");
    assert!(
        text == renewed,
        "the README's section on latency is stale: cargo run --release -p handclasp -- bench readme docs/bench/run.json"
    );
}

#[test]
fn the_text_has_every_table() {
    let text = report::markdown(&stored());
    for heading in [
        "## Host cost",
        "## What a client waits",
        "## From end to end",
        "## The modelled numbers",
        "## The gateware",
        "## The machine",
    ] {
        assert!(text.contains(heading), "{heading}");
    }
    assert!(text.contains("| handshake, P50 |") && text.contains("pcie-bench"));
}
