//! Cost per byte against size.

use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;

use super::{colour, legend, line, plot, width, Plot, GRID, HEIGHT, TEXT, WIDTH};
use crate::study::Study;
use crate::work::SIZES_BYTES;
use crate::{BenchError, Work};

/// Cost per byte against size; none without data.
pub(super) fn draw(
    study: &Study,
    work: fn(usize) -> Work,
    name: &str,
) -> Result<Option<Plot>, BenchError> {
    let mut lines: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for stack in study.stacks() {
        let points: Vec<_> = SIZES_BYTES
            .into_iter()
            .filter_map(|size| {
                let cost = study.cost(stack, work(size))?;
                Some((size as f64, (cost.both.p50_ns / size as f64).max(1e-4)))
            })
            .collect();
        if points.len() > 1 {
            lines.push((stack, points));
        }
    }
    let all = || lines.iter().flat_map(|(_, points)| points);
    let low = all().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = all().map(|point| point.1).fold(0.0, f64::max);
    if high <= 0.0 {
        return Ok(None);
    }
    let id = format!("per-byte-{name}");
    let caption = match name {
        "echo" => {
            "Measured: host cost of an echo divided by its bytes each way, both ends, median."
        }
        _ => "Measured: host cost of a piece of a stream divided by its bytes, both ends, median.",
    };
    plot(&id, caption.into(), (WIDTH, HEIGHT), |root| {
        let mut chart = ChartBuilder::on(root)
            .margin(8)
            .margin_right(24)
            .x_label_area_size(42)
            .y_label_area_size(72)
            .build_cartesian_2d(
                (0.8..25_000.0)
                    .log_scale()
                    .with_key_points(SIZES_BYTES.map(|size| size as f64).to_vec()),
                (low * 0.7..high * 1.4).log_scale(),
            )?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .x_desc("bytes, logarithmic")
            .y_desc("ns a byte, logarithmic")
            .x_label_formatter(&|bytes| format!("{bytes:.0}"))
            .y_label_formatter(&|ns| format!("{ns}"))
            .label_style(TEXT)
            .draw()?;
        for (stack, points) in &lines {
            let colour = colour(stack);
            let style = colour.stroke_width(width(stack));
            line(&mut chart, stack, style, points.iter().copied())?;
            chart.draw_series(
                points
                    .iter()
                    .map(|&point| Circle::new(point, 4, colour.filled())),
            )?;
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
    .map(Some)
}
