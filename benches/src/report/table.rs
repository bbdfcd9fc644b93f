//! A table that can be Markdown and HTML.

use std::fmt::Write;

/// A table; all columns but the first `text_columns` hold numbers.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Heads of the columns.
    pub header: Vec<String>,
    /// Its rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
    /// Columns on the left that hold text.
    pub text_columns: usize,
}

impl Table {
    /// A table with these columns.
    pub fn new(text_columns: usize, header: &[&str]) -> Self {
        Self {
            header: header.iter().map(|&head| head.into()).collect(),
            rows: Vec::new(),
            text_columns,
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut out = line(&self.header);
        let rules: Vec<_> = (0..self.header.len())
            .map(|column| {
                if column < self.text_columns {
                    "---"
                } else {
                    "---:"
                }
                .to_owned()
            })
            .collect();
        out += &line(&rules);
        for row in &self.rows {
            out += &line(row);
        }
        out
    }

    /// As HTML.
    pub fn html(&self) -> String {
        let line = |out: &mut String, tag: &str, cells: &[String]| {
            out.push_str("<tr>");
            for (column, cell) in cells.iter().enumerate() {
                let class = if column < self.text_columns {
                    ""
                } else {
                    " class=\"number\""
                };
                let _ = write!(out, "<{tag}{class}>{}</{tag}>", escape(cell));
            }
            out.push_str("</tr>\n");
        };
        let mut out = "<table>\n<thead>".to_owned();
        line(&mut out, "th", &self.header);
        out.push_str("</thead>\n<tbody>\n");
        for row in &self.rows {
            line(&mut out, "td", row);
        }
        out + "</tbody>\n</table>\n"
    }
}

/// Text for HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A time with three digits and its unit.
pub fn time(ns: f64) -> String {
    match ns.abs() {
        v if v < 99.5 => format!("{ns:.1} ns"),
        v if v < 999.5 => format!("{ns:.0} ns"),
        v if v < 9_995.0 => format!("{:.2} µs", ns / 1e3),
        v if v < 99_950.0 => format!("{:.1} µs", ns / 1e3),
        v if v < 999_500.0 => format!("{:.0} µs", ns / 1e3),
        v if v < 9_995_000.0 => format!("{:.2} ms", ns / 1e6),
        v if v < 99_950_000.0 => format!("{:.1} ms", ns / 1e6),
        v if v < 999_500_000.0 => format!("{:.0} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

/// A time without digits behind the point: for axes, whose times are round.
pub fn round_time(ns: f64) -> String {
    match ns {
        v if v < 1e3 => format!("{ns:.0} ns"),
        v if v < 1e6 => format!("{:.0} µs", ns / 1e3),
        v if v < 1e9 => format!("{:.0} ms", ns / 1e6),
        _ => format!("{:.0} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let times = [12.34, 123.4, 999.6, 9_996.0, 123_456.0, 1_234_567.0].map(time);
        assert_eq!(
            times,
            ["12.3 ns", "123 ns", "1.00 µs", "10.0 µs", "123 µs", "1.23 ms"]
        );
    }

    #[test]
    fn what_a_machine_calls_itself_breaks_no_table() {
        let mut table = Table::new(1, &["cpu", "ns"]);
        table.row(["<b>a|b".to_owned(), "1".to_owned()]);
        assert_eq!(
            table.markdown(),
            "| cpu | ns |\n| --- | ---: |\n| <b>a\\|b | 1 |\n"
        );
        assert!(table
            .html()
            .contains("<td>&lt;b&gt;a|b</td><td class=\"number\">1</td>"));
    }
}
