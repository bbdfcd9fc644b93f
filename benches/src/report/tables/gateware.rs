//! The simulated gateware's tables.

use super::NOTHING;
use crate::gateware::{Figures, Hops};
use crate::report::table::{time, Table};

/// What stands below the table of [`hops`].
pub const HOPS: &str = "clocks are assumed, no synthesis has confirmed them; memory answers at once: a read or a write that the \
    gateware waits for adds the latency of the bus and the memory";

fn cycles(cycles: u64, period_ns: f64) -> String {
    format!("{cycles} ({})", time(cycles as f64 * period_ns))
}

/// A table with a column a width.
fn by_width(what: &str, widths: impl IntoIterator<Item = (usize, f64)>) -> Table {
    let mut header = vec![what.to_owned()];
    header.extend(widths.into_iter().map(|(width_bits, period_ns)| {
        format!("W = {width_bits} at {:.2} MHz (assumed)", 1e3 / period_ns)
    }));
    Table {
        header,
        rows: Vec::new(),
        text_columns: 1,
    }
}

/// The gateware by itself.
pub fn gateware(figures: &[Figures]) -> Table {
    let widths = figures
        .iter()
        .map(|width| (width.width_bits, width.assumed_period_ns));
    let mut table = by_width("simulated clock cycles", widths);
    let mut row = |name: &str, cell: &dyn Fn(&Figures) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(figures.iter().map(cell));
        table.row(cells);
    };
    row("minimum frame: first beat in, to event written", &|width| {
        cycles(width.rx_event_cycles, width.assumed_period_ns)
    });
    row("command in hand, to first beat out", &|width| {
        cycles(width.tx_first_beat_cycles, width.assumed_period_ns)
    });
    row("minimum frames, receive: cycles a frame", &|width| {
        format!(
            "{:.2} (line: {:.2}; {} dropped)",
            width.rx_cycles_per_frame, width.line_cycles_per_frame, width.rx_dropped_frames
        )
    });
    row("control segments, send: cycles a frame", &|width| {
        format!("{:.2}", width.tx_cycles_per_frame)
    });
    table
}

/// The gateware's two hops on a segment's way, for each length of payload.
pub fn hops(all: &[Hops]) -> Table {
    let mut widths: Vec<(usize, f64)> = Vec::new();
    let mut lens_bytes = Vec::new();
    for hops in all {
        if !widths.iter().any(|(bits, _)| *bits == hops.width_bits) {
            widths.push((hops.width_bits, hops.assumed_period_ns));
        }
        if !lens_bytes.contains(&hops.payload_len_bytes) {
            lens_bytes.push(hops.payload_len_bytes);
        }
    }
    let mut table = by_width(
        "latency of each hop, simulated clock cycles",
        widths.clone(),
    );
    let mut row = |len_bytes: usize, hop: &str, cell: &dyn Fn(&Hops) -> String| {
        let mut cells = vec![format!("{len_bytes} bytes of payload: {hop}")];
        cells.extend(widths.iter().map(|(width_bits, _)| {
            let found = all
                .iter()
                .find(|hops| hops.width_bits == *width_bits && hops.payload_len_bytes == len_bytes);
            found.map_or(NOTHING.into(), cell)
        }));
        table.row(cells);
    };
    let waits = |count: u32, what: &str| match count {
        0 => String::new(),
        1 => format!(" + 1 {what}"),
        _ => format!(" + {count} {what}s"),
    };
    for len_bytes in lens_bytes {
        row(len_bytes, "doorbell to first beat out", &|hops| {
            cycles(hops.tx_cycles, hops.assumed_period_ns) + &waits(hops.tx_read_waits, "read")
        });
        row(len_bytes, "last beat in to event written", &|hops| {
            cycles(hops.rx_cycles, hops.assumed_period_ns) + &waits(hops.rx_write_waits, "write")
        });
    }
    table
}
