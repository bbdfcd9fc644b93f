//! Where the time goes from end to end: a bar a journey, stacked from its parts.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{kind_colour, plot, Plot, TEXT, WIDTH};
use crate::model::{Journey, Kind};
use crate::report::table::time;
use crate::BenchError;

/// Height of a bar and of what is around it.
const BAR: i32 = 34;
const BAR_STEP: i32 = 62;
const BARS_TOP: i32 = 44;
const BARS_LEFT: i32 = 12;

/// A bar a journey, stacked from its parts.
pub(super) fn draw(journeys: &[Journey]) -> Result<Option<Plot>, BenchError> {
    let greatest = (journeys.iter())
        .map(|journey| journey.total().high_ns)
        .fold(0.0, f64::max);
    if greatest <= 0.0 {
        return Ok(None);
    }
    let id = "way";
    let height = BARS_TOP + BAR_STEP * journeys.len() as i32 + 8;
    let scale = f64::from(WIDTH as i32 - 2 * BARS_LEFT - 4) / greatest;
    let x = |ns: f64| BARS_LEFT + (ns * scale).round() as i32;
    let caption = "Where the time goes from end to end, ours over the NIC, typical values. What is measured is the host's \
                   code on this machine; what is simulated is the gateware, in cycles at an assumed clock; what is modelled \
                   is PCI Express and the wire."
        .to_owned();
    plot(id, caption, (WIDTH, height as u32), |root| {
        let text = |words: &str, at: (i32, i32), style: TextStyle<'_>| {
            root.draw(&Text::new(words.to_owned(), at, style))
        };
        let font = TEXT.into_font();
        let left = TextStyle::from(font.clone()).pos(Pos::new(HPos::Left, VPos::Center));
        let middle = TextStyle::from(font).pos(Pos::new(HPos::Center, VPos::Center));
        let mut at = BARS_LEFT;
        for kind in Kind::ALL {
            root.draw(&Rectangle::new(
                [(at, 8), (at + 16, 24)],
                kind_colour(kind).filled(),
            ))?;
            text(kind.name(), (at + 22, 16), left.clone())?;
            at += 130;
        }
        text("whisker: low to high", (at, 16), left.clone())?;
        for (index, journey) in journeys.iter().enumerate() {
            let top = BARS_TOP + BAR_STEP * index as i32;
            let total = journey.total();
            text(
                &format!(
                    "{}, {:.0} Gbit/s: {} ({} to {})",
                    journey.what,
                    journey.line_gbit_per_s,
                    time(total.typical_ns),
                    time(total.low_ns),
                    time(total.high_ns)
                ),
                (BARS_LEFT, top + 2),
                left.clone(),
            )?;
            let (top, bottom) = (top + 14, top + 14 + BAR - 8);
            let mut begin = 0.0;
            for part in &journey.parts {
                let end = begin + part.time.typical_ns;
                let corners = [(x(begin), top), (x(end), bottom)];
                let fill = kind_colour(part.kind);
                root.draw(&Rectangle::new(corners, fill.filled()))?;
                root.draw(&Rectangle::new(corners, WHITE))?;
                // A word fits in its part, or is in the table.
                let word = short(&part.name);
                if x(end) - x(begin) > 8 * word.len() as i32 + 6 {
                    let dark = part.kind == Kind::Measured;
                    let style = middle.clone().color(if dark { &WHITE } else { &BLACK });
                    text(word, ((x(begin) + x(end)) / 2, (top + bottom) / 2), style)?;
                }
                begin = end;
            }
            let y = bottom + 5;
            root.draw(&PathElement::new(
                [
                    (x(total.low_ns), y - 3),
                    (x(total.low_ns), y + 3),
                    (x(total.low_ns), y),
                    (x(total.high_ns), y),
                    (x(total.high_ns), y - 3),
                    (x(total.high_ns), y + 3),
                ],
                BLACK,
            ))?;
        }
        Ok(())
    })
    .map(Some)
}

/// A part's name for the inside of a bar.
fn short(name: &str) -> &str {
    match name.split_once(':') {
        Some(("PCIe", what)) => {
            if what.contains("reads") {
                "DMA reads"
            } else if what.contains("event") {
                "DMA write"
            } else if what.contains("doorbell") {
                "doorbell"
            } else {
                "answer"
            }
        }
        Some((who, _)) => who,
        None => name,
    }
}
