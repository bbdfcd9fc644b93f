//! The section on latency of the README, made from a stored study.

use super::table::{time, Table};
use super::tables;
use crate::model::Kind;
use crate::record::OverNic;
use crate::study::Study;

/// The section.
pub fn section(study: &Study) -> String {
    let machine = &study.run.machine;
    let mut out = format!(
        "*Measured* on {}, {}{} CPUs, Linux {}, load {} ({}): what a connection costs the host, both ends together, without \
         gateware, bus and wire.\n\n",
        machine.cpu.as_deref().unwrap_or("an unknown processor"),
        if machine.is_virtual { "a virtual machine with " } else { "" },
        machine.cpus,
        machine.kernel.as_deref().unwrap_or("unknown"),
        machine
            .load
            .map_or("unknown".into(), |load| format!("{load:.1}")),
        machine.date.get(..10).unwrap_or(&machine.date),
    );
    out += &tables::summary(study).markdown();
    out += &match &study.card {
        Some(card) => measured(card),
        None => modelled(study),
    };
    let all_left_out = study.left_out();
    for left_out in &all_left_out {
        out += &format!("\nLeft out: {}, {}.", left_out.what, left_out.reason);
    }
    if !all_left_out.is_empty() {
        out.push('\n');
    }
    out
}

/// What was measured over a card.
fn measured(card: &OverNic) -> String {
    format!(
        "\n*Measured* over the {}, with the server {}: the whole way from application to application and back. {}\n\n{}",
        card.nic,
        card.peer,
        tables::CARD,
        tables::card(card).markdown()
    )
}

/// What it would be over a card.
fn modelled(study: &Study) -> String {
    let mut out = String::from(
        "\n*Modelled*, since nobody here has the card: from application to application over the NIC. The host's part is \
            measured, the gateware's simulated at an assumed clock, PCI Express and the wire are modelled from published \
            figures and stated assumptions.\n\n",
    );
    let mut table = Table::new(
        1,
        &[
            "over the NIC, modelled",
            "typical",
            "low to high",
            "measured part",
            "simulated part",
            "modelled part",
        ],
    );
    for journey in study.journeys() {
        let total = journey.total();
        let mut cells = vec![
            format!("{}, {:.0} Gbit/s", journey.what, journey.line_gbit_per_s),
            time(total.typical_ns),
            format!("{} to {}", time(total.low_ns), time(total.high_ns)),
        ];
        cells.extend(Kind::ALL.map(|kind| time(journey.of(kind).typical_ns)));
        table.row(cells);
    }
    out += &table.markdown();
    out
}
