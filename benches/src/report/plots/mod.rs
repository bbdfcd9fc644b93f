//! The plots of a report, as SVG for a page: no script, no font of their own.

mod distribution;
mod per_byte;
mod way;

use plotters::coord::combinators::{BindKeyPoints, LogCoord, WithKeyPoints};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;

use crate::latency::Waiting;
use crate::model::{Journey, Kind};
use crate::stack::Library;
use crate::study::Study;
use crate::{BenchError, Work};
use distribution::Curve;

/// What drawing into a string can fail with.
type DrawingError = DrawingAreaErrorKind<std::io::Error>;

/// What is drawn on.
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// A logarithmic axis with labels where we want them.
type Logarithmic = WithKeyPoints<LogCoord<f64>>;

/// A plot with its name in the page and what stands below it.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its id in the page.
    pub id: String,
    /// What it shows.
    pub caption: String,
    /// The picture.
    pub svg: String,
}

const WIDTH: u32 = 760;
const HEIGHT: u32 = 340;
/// Text of axes and legends.
const TEXT: (&str, u32) = ("sans-serif", 14);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// The colour of a stack: apart from each other also for the colour-blind (Okabe, Ito), and light or dark on paper.
fn colour(stack: &str) -> RGBColor {
    match stack {
        "ours" => RGBColor(0, 0, 0),
        "smoltcp" => RGBColor(213, 94, 0),
        "linux-loopback" => RGBColor(0, 114, 178),
        "linux-veth" => RGBColor(86, 180, 233),
        _ => RGBColor(150, 150, 150),
    }
}

/// How thick the line of a stack is: ours stands out.
fn width(stack: &str) -> u32 {
    if stack == Library::Ours.name() {
        3
    } else {
        2
    }
}

/// The colour of what is measured, simulated, modelled: dark, middle, light.
pub fn kind_colour(kind: Kind) -> RGBColor {
    match kind {
        Kind::Measured => RGBColor(27, 58, 107),
        Kind::Simulated => RGBColor(224, 138, 30),
        Kind::Modelled => RGBColor(205, 205, 205),
    }
}

/// All plots of which there is data.
///
/// # Errors
/// `Plot`.
pub fn all(study: &Study) -> Result<Vec<Plot>, BenchError> {
    let mut plots = Vec::new();
    for (work, name, words) in [
        (Work::Handshake, "handshake", "a handshake"),
        (Work::Echo(64), "echo", "a 64-byte echo"),
    ] {
        let curves: Vec<Curve> = study
            .stacks()
            .into_iter()
            .filter_map(|stack| {
                let cost = study.cost(stack, work)?;
                Some(Curve {
                    name: stack.into(),
                    colour: colour(stack),
                    width: width(stack),
                    quantiles_ns: &cost.both.quantiles_ns,
                })
            })
            .collect();
        plots.extend(distribution::draw(
            &format!("cost-{name}"),
            format!(
                "Measured: host cost of {words}, both ends together, without waiting. Share of the measurements that took no \
                 longer. The slowest 2 % are not drawn; the table has P99.9."
            ),
            &curves,
            &[],
        )?);
    }
    for (work, name, words) in [
        (Work::Handshake, "handshake", "connect()"),
        (Work::Echo(64), "echo", "a 64-byte echo"),
    ] {
        let linux = (study.run.latencies.iter()).map(|latency| (latency.stack.as_str(), latency));
        let over_card = study.card.iter().flat_map(|card| &card.latencies);
        let ours = over_card.map(|latency| (Library::Ours.name(), latency));
        let curves: Vec<Curve> = linux
            .chain(ours)
            .filter(|(_, latency)| {
                latency.work == work.name() && latency.size_bytes == work.size_bytes()
            })
            .map(|(stack, latency)| Curve {
                name: format!("{}, {}", latency.stack, latency.waiting.name()),
                colour: colour(stack),
                width: match latency.waiting {
                    Waiting::Blocking => 3,
                    Waiting::BusyPoll => 1,
                },
                quantiles_ns: &latency.time.quantiles_ns,
            })
            .collect();
        let journeys: Vec<Journey> = (study.journeys().into_iter())
            .filter(|journey| {
                journey.work == work.name() && journey.size_bytes == work.size_bytes()
            })
            .collect();
        plots.extend(distribution::draw(
            &format!("wait-{name}"),
            format!(
                "How long a client waits for {words}. Lines: measured, the fastest 98 %; the Linux kernel between two threads of \
                 this machine, without any NIC{}",
                match &study.card {
                    Some(card) => format!("; ours over the {}.", card.nic),
                    None => ". Bands: modelled, ours over the NIC, from low to high with the typical value as a line.".into(),
                }
            ),
            &curves,
            &journeys,
        )?);
    }
    plots.extend(way::draw(&study.journeys())?);
    for (work, name) in [
        (Work::Echo as fn(usize) -> Work, "echo"),
        (Work::Stream as fn(usize) -> Work, "stream"),
    ] {
        plots.extend(per_byte::draw(study, work, name)?);
    }
    Ok(plots)
}

/// A plot of what `draw` draws into an area of this size.
fn plot(
    id: &str,
    caption: String,
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawingError>,
) -> Result<Plot, BenchError> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    (root.fill(&WHITE))
        .and_then(|()| draw(&root))
        .and_then(|()| root.present())
        .map_err(|error| BenchError::Plot {
            plot: id.into(),
            reason: error.to_string(),
        })?;
    drop(root);
    let svg = svg.replacen(
        "<svg ",
        &format!("<svg role=\"img\" aria-label=\"{id}\" "),
        1,
    );
    Ok(Plot {
        id: id.into(),
        caption,
        svg,
    })
}

/// A plot while it is drawn.
type Chart<'a, 'b, X, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>;

/// A line with its name in the legend.
fn line<X: Ranged<ValueType = f64>, Y: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, '_, X, Y>,
    name: &str,
    style: ShapeStyle,
    points: impl IntoIterator<Item = (f64, f64)>,
) -> Result<(), DrawingError> {
    chart
        .draw_series(LineSeries::new(points, style))?
        .label(name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    Ok(())
}

/// The legend, in front of everything that has been drawn.
fn legend<'a, 'b: 'a, X: Ranged + 'a, Y: Ranged + 'a>(
    chart: &mut Chart<'a, 'b, X, Y>,
    position: SeriesLabelPosition,
) -> Result<(), DrawingError> {
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.mix(0.9))
        .border_style(GRID)
        .label_font(TEXT)
        .draw()
}

/// A logarithmic axis with labels at 1, 2 and 5 of each decade, or at 1 where that would be too many.
fn logarithmic(low: f64, high: f64) -> Logarithmic {
    let steps: &[f64] = if high / low > 300.0 {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let points = (0..12)
        .flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)))
        .filter(|point| (low..=high).contains(point))
        .collect();
    (low..high).log_scale().with_key_points(points)
}
