//! Cumulative distributions of times, beside what is modelled.

use plotters::prelude::*;

use super::{kind_colour, legend, line, logarithmic, plot, Plot, GRID, HEIGHT, TEXT, WIDTH};
use crate::model::{Journey, Kind, Range};
use crate::report::table::round_time;
use crate::BenchError;

/// A measured distribution.
pub(super) struct Curve<'a> {
    pub(super) name: String,
    pub(super) colour: RGBColor,
    pub(super) width: u32,
    pub(super) quantiles_ns: &'a [f64],
}

/// The last quantile that is drawn, in steps of 1/200: what an interrupt now and then makes slow would make the rest
/// unreadable.
const RIGHT_EDGE: usize = 196;

/// Cumulative distributions, with what is modelled as bands; none without anything to show.
pub(super) fn draw(
    id: &str,
    caption: String,
    curves: &[Curve<'_>],
    bands: &[Journey],
) -> Result<Option<Plot>, BenchError> {
    let lows = curves
        .iter()
        .filter_map(|curve| curve.quantiles_ns.first().copied())
        .chain(bands.iter().map(|journey| journey.total().low_ns));
    let highs = curves
        .iter()
        .filter_map(|curve| curve.quantiles_ns.get(RIGHT_EDGE).copied())
        .chain(bands.iter().map(|journey| journey.total().high_ns));
    let low = lows.fold(f64::INFINITY, f64::min).max(1.0);
    let high = highs.fold(0.0, f64::max);
    if high <= low {
        return Ok(None);
    }
    plot(id, caption, (WIDTH, HEIGHT), |root| {
        let mut chart = ChartBuilder::on(root)
            .margin(8)
            .margin_right(24)
            .x_label_area_size(42)
            .y_label_area_size(56)
            .build_cartesian_2d(logarithmic(low * 0.85, high * 1.15), 0.0..1.0)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .x_labels(8)
            .y_labels(6)
            .x_desc("time, logarithmic")
            .x_label_formatter(&|ns| round_time(*ns))
            .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
            .label_style(TEXT)
            .draw()?;
        for (index, journey) in bands.iter().enumerate() {
            let Range {
                low_ns,
                typical_ns,
                high_ns,
            } = journey.total();
            let (bottom, top) = match index {
                0 => (0.52, 0.98),
                _ => (0.02, 0.48),
            };
            let fill = kind_colour(Kind::Modelled);
            chart.draw_series([
                Rectangle::new([(low_ns, bottom), (high_ns, top)], fill.mix(0.6).filled()),
                Rectangle::new([(low_ns, bottom), (high_ns, top)], RGBColor(130, 130, 130)),
            ])?;
            let place = match (bands.len(), index) {
                (1, _) => "",
                (_, 0) => ", upper",
                _ => ", lower",
            };
            chart
                .draw_series(LineSeries::new(
                    [(typical_ns, bottom), (typical_ns, top)],
                    BLACK.stroke_width(2),
                ))?
                .label(format!(
                    "ours, {:.0} Gbit/s, modelled{place}",
                    journey.line_gbit_per_s
                ))
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 22, y + 5)], fill.mix(0.6).filled())
                });
        }
        for curve in curves {
            let last = curve.quantiles_ns.len().saturating_sub(1).max(1) as f64;
            let points = curve
                .quantiles_ns
                .iter()
                .enumerate()
                .take(RIGHT_EDGE + 1)
                .map(|(index, &ns)| (ns.max(low), index as f64 / last));
            let style = curve.colour.stroke_width(curve.width);
            line(&mut chart, &curve.name, style, points)?;
        }
        if !(curves.is_empty() && bands.is_empty()) {
            legend(&mut chart, SeriesLabelPosition::LowerRight)?;
        }
        Ok(())
    })
    .map(Some)
}
