//! The report as a page of HTML that needs nothing else: no script, no font, no picture from elsewhere.

use std::fmt::Write;

use super::table::escape;
use super::{kinds, plots, sections, tables};
use crate::study::Study;
use crate::BenchError;

/// For the screen, and for A4: black on white, no plot or row cut in two.
const STYLE: &str = "
@page { size: A4; margin: 16mm 14mm; }
body { font: 15px/1.45 'DejaVu Sans', Arial, sans-serif; color: #000; background: #fff; max-width: 62em; margin: 2em auto; padding: 0 1.2em; }
h1 { font-size: 1.6em; margin-bottom: .2em; } h2 { font-size: 1.2em; margin: 2em 0 .4em; break-after: avoid; }
p { max-width: 52em; }
table { border-collapse: collapse; margin: .8em 0; font-size: .87em; }
th, td { border-bottom: 1px solid #bbb; padding: .22em .7em .22em 0; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #000; } .number { text-align: right; padding-left: .6em; white-space: nowrap; }
tr { break-inside: avoid; } thead { display: table-header-group; }
figure { margin: 1.4em 0; break-inside: avoid; } figure svg { width: 100%; height: auto; max-width: 760px; }
figcaption { font-size: .87em; max-width: 54em; }
.summary { font-size: 1.1em; }
@media print {
  body { font-size: 9.5pt; margin: 0; padding: 0; max-width: none; }
  figure { margin: .6em 0; } figure svg { max-width: 160mm; }
  th, td { padding-right: .45em; }
}
";

/// A text with *emphasis*, for HTML.
fn paragraph(text: &str) -> String {
    let mut out = String::from("<p>");
    for (index, piece) in escape(text).split('*').enumerate() {
        if index > 0 {
            out.push_str(if index % 2 == 1 { "<em>" } else { "</em>" });
        }
        out.push_str(piece);
    }
    out + "</p>\n"
}

/// The whole page.
///
/// # Errors
/// `Plot`.
pub fn html(study: &Study) -> Result<String, BenchError> {
    let machine = &study.run.machine;
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Handclasp: latency</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>Handclasp: latency</h1>\n"
    );
    out += &paragraph(&format!(
        "{}, on {}, {} CPUs, Linux {}.",
        machine.date,
        machine.cpu.as_deref().unwrap_or("an unknown processor"),
        machine.cpus,
        machine.kernel.as_deref().unwrap_or("unknown"),
    ));
    out += &paragraph(&kinds(study));
    let _ = write!(
        out,
        "<div class=\"summary\">\n{}</div>\n",
        tables::summary(study).html()
    );
    for plot in plots::all(study)? {
        let _ = write!(
            out,
            "<figure id=\"{}\">\n{}\n<figcaption>{}</figcaption>\n</figure>\n",
            plot.id,
            plot.svg,
            escape(&plot.caption)
        );
    }
    for (heading, text, table) in sections(study) {
        if table.rows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<h2>{heading}</h2>");
        if !text.is_empty() {
            out += &paragraph(&text);
        }
        out += &table.html();
    }
    out += "</body>\n</html>\n";
    Ok(out)
}
