//! What was measured over a card.

use super::{distribution_cells, words, NOTHING};
use crate::record::OverNic;
use crate::report::table::Table;

/// What the times and rates of [`card`] are.
pub const CARD: &str = "A handshake is what connect() waits for; an echo is a request and its answer; of a stream it is the write() \
    of a piece, which waits only when the send buffer is full. The rate of a stream counts from its first byte until the server, \
    which has read all of it, has closed.";

/// Each work's times and rate.
pub fn card(card: &OverNic) -> Table {
    let mut table = Table::new(
        1,
        &[
            "work",
            "P50",
            "P99",
            "P99.9",
            "mean, 95 %",
            "far out",
            "rate",
        ],
    );
    for latency in &card.latencies {
        let mut cells = vec![words(&latency.work, latency.size_bytes)];
        cells.extend(distribution_cells(&latency.time));
        let rate = (card.rates.iter())
            .find(|rate| rate.work == latency.work && rate.size_bytes == latency.size_bytes);
        cells.push(match rate.map(|rate| (rate, rate.mb_per_s())) {
            None => NOTHING.into(),
            Some((rate, None)) => format!("{:.0} /s", rate.per_s()),
            Some((rate, Some(mb_per_s))) if rate.back_bytes == 0 => format!("{mb_per_s:.2} MB/s"),
            Some((_, Some(mb_per_s))) => format!("{mb_per_s:.2} MB/s each way"),
        });
        table.row(cells);
    }
    table
}
