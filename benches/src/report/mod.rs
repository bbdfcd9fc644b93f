//! A study as something to read: a page with plots ([`html`]), a text with tables ([`markdown`]), the README's section
//! ([`readme`]).

mod page;
pub mod plots;
pub mod readme;
pub mod table;
pub mod tables;

pub use page::html;

use crate::study::Study;

/// What the three kinds of numbers are, for the top of every report.
const KINDS: &str = "Three kinds of numbers, never mixed unseen: *measured* is host code by the clock or in instructions, on \
    the machine named here; *simulated* is gateware, in clock cycles counted in its Verilated model, as ns at an assumed clock; \
    *modelled* is what no machine here has, PCI Express and the wire, with ranges and sources.";

/// What host costs can be compared, and what cannot.
const COMPARED: &str = "Host cost is the time in one end's code, both ends in one thread, without waiting and without what \
    carries the frames: for ours that is a prepared device, so the figures hold no gateware, no PCI Express and no wire; for \
    smoltcp a queue in memory; for Linux the system calls, whose kernel work includes the loopback device or veth. Buffers, MTU, \
    Nagle's algorithm, timestamps and congestion control are set alike; ours is compiled with overflow checks, smoltcp, as its \
    users have it, without. On a noisy machine only the ratios inside one run mean something.";

/// The section's heading and its text and table; every report has them in this order.
fn sections(study: &Study) -> Vec<(&'static str, &'static str, table::Table)> {
    vec![
        ("Host cost", COMPARED, tables::costs(study)),
        (
            "What a client waits",
            "Linux is measured between two threads of this machine, without a NIC; ours is modelled, with one.",
            tables::waiting(study),
        ),
        (
            "From end to end",
            "A handshake is what connect() waits for: SYN there, SYN+ACK back. An echo is one segment there and one back. The low \
             ends are added up, and so are the high ones, so the range is wider than any real quantile.",
            tables::parts(study),
        ),
        (
            "The modelled numbers",
            "Each with where it is from.",
            tables::parameters(study),
        ),
        (
            "Instructions",
            "Counted by callgrind in the sections of each end; the same on every machine that runs this build.",
            tables::instructions(study),
        ),
        (
            "The gateware",
            "Simulated. Memory answers at once; reads and writes that wait for memory are counted, not timed. No synthesis has \
             confirmed the clocks.",
            tables::gateware(study),
        ),
        ("The machine", "", tables::machine(study)),
        ("Left out", "", tables::left_out(study)),
    ]
}

/// The report as Markdown: tables only.
pub fn markdown(study: &Study) -> String {
    let mut out = format!(
        "# Handclasp: latency\n\n{KINDS}\n\n{}",
        tables::summary(study).markdown()
    );
    for (heading, text, table) in sections(study) {
        if table.rows.is_empty() {
            continue;
        }
        out += &format!("\n## {heading}\n\n");
        if !text.is_empty() {
            out += &format!("{text}\n\n");
        }
        out += &table.markdown();
    }
    out
}
