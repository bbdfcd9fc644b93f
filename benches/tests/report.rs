//! The report as a reader sees it: opened in a browser, and printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use handclasp_benches::distribution::Distribution;
use handclasp_benches::latency::Waiting;
use handclasp_benches::model::Kind;
use handclasp_benches::record::{Latency, OverNic, Rate};
use handclasp_benches::report::plots::kind_colour;
use handclasp_benches::report::{self, readme};
use handclasp_benches::{Study, Work};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The run that the README is made of.
fn stored() -> Study {
    Study::read(&repository().join("docs/bench/run.json")).unwrap()
}

/// The same, had there been a card: a round trip of 64 bytes takes 5 to 9 µs on it, connect() 20 to 40 µs.
fn with_card() -> Study {
    let latency = |work: Work, times_us: std::ops::Range<u64>| Latency {
        stack: "card 0000:03:00.0".into(),
        waiting: Waiting::Blocking,
        work: work.name().into(),
        size_bytes: work.size_bytes(),
        time: Distribution::of(times_us.map(Duration::from_micros)).unwrap(),
    };
    let mut study = stored();
    study.card = Some(OverNic {
        nic: "card 0000:03:00.0".into(),
        peer: "192.0.2.1:7".into(),
        machine: study.run.machine.clone(),
        latencies: vec![
            latency(Work::Handshake, 20..41),
            latency(Work::Echo(64), 5..10),
            latency(Work::Stream(1460), 1..4),
        ],
        rates: vec![Rate {
            work: "stream".into(),
            size_bytes: Some(1460),
            count: 1000,
            seconds: 0.002,
            back_bytes: 0,
        }],
        counters: [("tx_segments".to_owned(), 7)].into(),
        cut_short: None,
    });
    study
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

#[test]
fn what_a_card_measured_takes_the_place_of_the_model() {
    let study = with_card();
    let text = report::markdown(&study);
    let way = between(&text, "## From end to end", "\n## ").expect("the section");
    assert!(
        way.contains("Measured over the card 0000:03:00.0, with the server 192.0.2.1:7"),
        "{way}"
    );
    for row in [
        "| handshake | 30.0 µs | 40.0 µs |",
        "| echo, 64 bytes | 7.00 µs | 9.00 µs |",
        "| stream, 1460 bytes | 2.00 µs | 3.00 µs |",
        // 1000 times 1460 bytes in 2 ms.
        " 730.00 MB/s |",
    ] {
        assert!(way.contains(row), "{row}: {way}");
    }
    let waiting = between(&text, "## What a client waits", "\n## ").expect("the section");
    assert!(
        waiting.contains("| echo, 64 bytes | card 0000:03:00.0 | measured, blocking | 7.00 µs |")
    );
    // Not even the word, but where it says so.
    assert_eq!(text.matches("modelled").count(), 1, "{text}");

    let page = report::html(&study).unwrap();
    assert!(!page.contains("id=\"way\"") && !page.contains("modelled: "));
    let shown = |page: &str, id: &str| {
        let figure = between(page, &format!("<figure id=\"{id}\">"), "</figure>").expect(id);
        figure.contains("card 0000:03:00.0, blocking")
    };
    let page_without = report::html(&stored()).unwrap();
    for id in ["wait-handshake", "wait-echo"] {
        assert!(shown(&page, id), "{id} lacks the card");
        assert!(!shown(&page_without, id));
    }

    let section = readme::section(&study);
    assert!(
        section.contains("*Measured* over the card 0000:03:00.0") && !section.contains("modelled")
    );
}

#[test]
fn a_card_that_was_cut_short_says_so_and_is_kept_on_disk() {
    let mut study = with_card();
    if let Some(card) = &mut study.card {
        card.cut_short = Some("the NIC was reset".into());
    }
    let text = report::markdown(&study);
    assert!(
        text.contains("| the rest of what the card 0000:03:00.0 was to do | the NIC was reset |")
    );
    assert!(text.contains("| echo, 64 bytes | 7.00 µs |"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.json");
    fs::write(&path, study.json().unwrap()).unwrap();
    assert!(Study::read(&path).unwrap() == study);
}
