//! A study as something to read: a page with plots ([`html`]), a text with tables ([`markdown`]), the README's section
//! ([`readme`]).

mod page;
pub mod plots;
pub mod readme;
pub mod table;
pub mod tables;

pub use page::html;

use crate::study::Study;

/// What the kinds of numbers are, for the top of every report.
fn kinds(study: &Study) -> String {
    const HERE: &str =
        "*measured* is host code by the clock or in instructions, on the machine named here";
    const SIMULATED: &str = "*simulated* is gateware, in clock cycles counted in its Verilated model, as ns at an assumed clock";
    match &study.card {
        None => format!(
            "Three kinds of numbers, never mixed unseen: {HERE}; {SIMULATED}; *modelled* is what no machine here has, PCI \
             Express and the wire, with ranges and sources."
        ),
        Some(card) => format!(
            "Two kinds of numbers, never mixed unseen: {HERE}, or the whole way over the {} in it; {SIMULATED}. Nothing is \
             modelled.",
            card.nic
        ),
    }
}

/// What host costs can be compared, and what cannot.
const COMPARED: &str = "Host cost is the time in one end's code, both ends in one thread, without waiting and without what \
    carries the frames: for ours that is a prepared device, so the figures hold no gateware, no PCI Express and no wire; for \
    smoltcp a queue in memory; for Linux the system calls, whose kernel work includes the loopback device or veth. Buffers, MTU, \
    Nagle's algorithm, timestamps and congestion control are set alike; ours is compiled with overflow checks, smoltcp, as its \
    users have it, without. Times know of caches: between its sections the prepared device pushes our code out of the first one, \
    and leaves events nearer than a card would; instructions do not. On a noisy machine only the ratios inside one run mean something.";

/// A section's heading, its text and its table.
type Section = (&'static str, String, table::Table);

/// Every report has them in this order.
fn sections(study: &Study) -> Vec<Section> {
    let mut sections = vec![("Host cost", COMPARED.into(), tables::costs(study))];
    sections.extend(whole_way(study));
    sections.extend([
        (
            "Instructions",
            "Counted by callgrind in the sections of each end; the same on every machine that runs this build.".into(),
            tables::instructions(study),
        ),
        (
            "The gateware",
            "Simulated. Memory answers at once. No synthesis has confirmed the clocks.".into(),
            tables::gateware(&study.gateware),
        ),
        (
            "The gateware, hop by hop",
            format!("Simulated: {}.", tables::HOPS),
            tables::hops(&study.hops),
        ),
        ("The machine", String::new(), tables::machine(study)),
        ("Left out", String::new(), tables::left_out(study)),
    ]);
    sections
}

/// From one application to the other: measured over a card, or else modelled.
fn whole_way(study: &Study) -> Vec<Section> {
    const LINUX: &str = "Linux is measured between two threads of this machine, without a NIC";
    match &study.card {
        Some(card) => vec![
            (
                "What a client waits",
                format!(
                    "{LINUX}; ours is measured over the {}, with the server {}.",
                    card.nic, card.peer
                ),
                tables::waiting(study),
            ),
            (
                "From end to end",
                format!(
                    "Measured over the {}, with the server {}, by the application's clock. {}",
                    card.nic,
                    card.peer,
                    tables::CARD
                ),
                tables::card(card),
            ),
        ],
        None => vec![
            (
                "What a client waits",
                format!("{LINUX}; ours is modelled, with one."),
                tables::waiting(study),
            ),
            (
                "From end to end",
                "A handshake is what connect() waits for: SYN there, SYN+ACK back. An echo is one segment there and one back. \
                 The low ends are added up, and so are the high ones, so the range is wider than any real quantile."
                    .into(),
                tables::parts(study),
            ),
            (
                "The modelled numbers",
                "Each with where it is from.".into(),
                tables::parameters(study),
            ),
        ],
    }
}

/// The report as Markdown: tables only.
pub fn markdown(study: &Study) -> String {
    let mut out = format!(
        "# Handclasp: latency\n\n{}\n\n{}",
        kinds(study),
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
