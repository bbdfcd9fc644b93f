//! The whole way from one application to the other: what no machine without the card can measure, put together from parts.
//!
//! ```text
//!   application -> host, driver                    measured   on the machine of the run
//!      -> doorbell -> PCI Express -> gateware      modelled
//!      -> command by DMA [-> payload by DMA]       modelled   as often as the gateware was seen to wait
//!      -> gateware: headers, checksums             simulated  cycles, at an assumed clock
//!      -> MAC, PHY, cable, PHY, MAC                modelled
//!      -> gateware: parser, flow table             simulated
//!      -> [payload and] event by DMA               modelled
//!      -> host sees the event -> application       modelled, measured
//! ```
//!
//! Each part is a [`Range`] and says its [`Kind`]; a way's time is their sum, the lows, the typical values and the highs each
//! added up. That makes the ends of the range wider than any real quantile: all parts are never slow together.
//! [`parameters`] has the modelled numbers and where they are from.

pub mod parameters;

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::gateware::Hops;
use crate::record::Run;
use crate::stack::Library;
use crate::Work;
use parameters::Parameters;

/// How we know a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// By the clock, on the machine of the run.
    Measured,
    /// Counted in the Verilated gateware.
    Simulated,
    /// From published figures, or assumed.
    Modelled,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Measured, Kind::Simulated, Kind::Modelled];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Measured => "measured",
            Kind::Simulated => "simulated",
            Kind::Modelled => "modelled",
        }
    }
}

/// A time that is not known exactly, in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least that can be expected.
    pub low_ns: f64,
    /// What is to be expected.
    pub typical_ns: f64,
    /// What it may be on a bad machine, or on a good one now and then.
    pub high_ns: f64,
}

impl Range {
    /// From the least to the greatest.
    pub const fn new(low_ns: f64, typical_ns: f64, high_ns: f64) -> Self {
        Self {
            low_ns,
            typical_ns,
            high_ns,
        }
    }

    /// Exactly this.
    pub const fn exact(ns: f64) -> Self {
        Self::new(ns, ns, ns)
    }

    /// So many times as long.
    pub fn times(self, count: f64) -> Self {
        Self::new(
            self.low_ns * count,
            self.typical_ns * count,
            self.high_ns * count,
        )
    }

    /// A measured time: 5 % of the measurements are below the low end, 1 % above the high one.
    fn measured(time: &Distribution) -> Self {
        // Entry n is the quantile n / 200.
        let low = time.quantiles_ns.get(10).copied().unwrap_or(time.p50_ns);
        Self::new(low, time.p50_ns, time.p99_ns)
    }
}

impl std::ops::Add for Range {
    type Output = Range;

    fn add(self, other: Range) -> Range {
        Range::new(
            self.low_ns + other.low_ns,
            self.typical_ns + other.typical_ns,
            self.high_ns + other.high_ns,
        )
    }
}

impl std::iter::Sum for Range {
    fn sum<I: Iterator<Item = Range>>(parts: I) -> Range {
        parts.fold(Range::default(), |sum, part| sum + part)
    }
}

/// A part of a journey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What happens.
    pub name: String,
    /// How its time is known.
    pub kind: Kind,
    /// How long it takes, in all segments of the journey together.
    pub time: Range,
}

/// A work from end to end over the NIC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journey {
    /// What is done.
    pub what: String,
    /// Name of the work ([`Work::name`]).
    pub work: String,
    /// Its size, if it has one.
    pub size_bytes: Option<usize>,
    /// Width of the gateware.
    pub width_bits: usize,
    /// Rate of the line.
    pub line_gbit_per_s: f64,
    /// Its parts, in the order of the way.
    pub parts: Vec<Part>,
}

impl Journey {
    /// The time of the whole way.
    pub fn total(&self) -> Range {
        self.parts.iter().map(|part| part.time).sum()
    }

    /// The time of the parts that are known in this manner.
    pub fn of(&self, kind: Kind) -> Range {
        (self.parts.iter())
            .filter(|part| part.kind == kind)
            .map(|part| part.time)
            .sum()
    }
}

/// Payload of the segments whose way [`journeys`] needs: none for a handshake, 64 bytes for the echo.
pub const PAYLOADS_LEN_BYTES: [usize; 2] = [0, 64];

/// A handshake, as its `connect()` waits for it, and an echo of 64 bytes, as its client waits for it, at every width that
/// `hops` has. Both are one segment there and one back; the hosts' cost is that of the whole work, with what is done
/// after the client has what it waits for.
///
/// What the run or `hops` lacks is not there.
pub fn journeys(run: &Run, hops: &[Hops], parameters: &Parameters) -> Vec<Journey> {
    let works = [
        (Work::Handshake, "connect()", 0),
        (Work::Echo(64), "64 bytes there and back", 64),
    ];
    let mut journeys = Vec::new();
    for (work, what, payload_len_bytes) in works {
        for hops in hops {
            if hops.payload_len_bytes != payload_len_bytes {
                continue;
            }
            let Some(cost) = run.costs.iter().find(|cost| {
                cost.stack == Library::Ours.name()
                    && cost.work == work.name()
                    && cost.size_bytes == work.size_bytes()
            }) else {
                continue;
            };
            let line_gbit_per_s = parameters::line_gbit_per_s(hops.width_bits);
            let mut parts = vec![Part {
                name: "client: host, driver".into(),
                kind: Kind::Measured,
                time: Range::measured(&cost.client),
            }];
            parts.extend(one_way(hops, parameters).map(|part| Part {
                time: part.time.times(2.0),
                ..part
            }));
            // A segment without payload does not wait for one.
            parts.retain(|part| part.time.high_ns > 0.0);
            parts.push(Part {
                name: "server: host, driver".into(),
                kind: Kind::Measured,
                time: Range::measured(&cost.server),
            });
            journeys.push(Journey {
                what: what.into(),
                work: work.name().into(),
                size_bytes: work.size_bytes(),
                width_bits: hops.width_bits,
                line_gbit_per_s,
                parts,
            });
        }
    }
    journeys
}

/// A segment's way from one host's memory to the other's.
fn one_way(hops: &Hops, parameters: &Parameters) -> impl Iterator<Item = Part> {
    let part = |name: &str, kind, time| Part {
        name: name.into(),
        kind,
        time,
    };
    let modelled = |name: &str, time| part(name, Kind::Modelled, time);
    let simulated = |name: &str, ns| part(name, Kind::Simulated, Range::exact(ns));
    [
        modelled("PCIe: doorbell", parameters.doorbell.time),
        modelled(
            "PCIe: DMA reads of command, payload",
            parameters.dma_read.time.times(hops.tx_read_waits.into()),
        ),
        simulated("gateware: send", hops.tx_ns()),
        modelled("MAC, PHY", parameters.mac_phy(hops.width_bits).time),
        modelled("cable", parameters.cable.time),
        modelled(
            "line: bits of the frame",
            Range::exact(parameters::line_ns(hops)),
        ),
        simulated("gateware: receive", hops.rx_ns()),
        modelled(
            "PCIe: write of the payload taken",
            parameters
                .write_taken
                .time
                .times(hops.rx_write_waits.into()),
        ),
        modelled("PCIe: DMA write of the event", parameters.dma_write.time),
        modelled("CPU sees the event", parameters.seen.time),
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(payload_len_bytes: usize, waits: u32) -> Hops {
        Hops {
            width_bits: 64,
            assumed_period_ns: 6.4,
            payload_len_bytes,
            frame_len_bytes: 66 + payload_len_bytes,
            tx_cycles: 10,
            tx_read_waits: waits,
            rx_cycles: 20,
            rx_write_waits: waits - 1,
        }
    }

    #[test]
    fn a_way_is_the_sum_of_its_parts() {
        let parameters = Parameters::default();
        let sum = |waits| -> f64 {
            one_way(&hops(0, waits), &parameters)
                .map(|part| part.time.typical_ns)
                .sum()
        };
        // By hand, typical: doorbell 260, one read 520, 30 cycles of 6.4 ns, MAC and PHY 220, 2 m of 5 ns, 78 bytes at 10
        // Gbit/s with preamble and FCS, DMA write 260, 50 until it is seen.
        let by_hand = 260.0 + 520.0 + 192.0 + 220.0 + 10.0 + 62.4 + 260.0 + 50.0;
        assert!((sum(1) - by_hand).abs() < 1e-9, "{}", sum(1));
        // Another wait each way: a read more, and a write's answer.
        assert!((sum(2) - by_hand - 520.0 - 50.0).abs() < 1e-9, "{}", sum(2));
    }

    #[test]
    fn ranges_are_in_order() {
        for parameter in Parameters::default().all() {
            let Range {
                low_ns,
                typical_ns,
                high_ns,
            } = parameter.time;
            assert!(
                0.0 < low_ns && low_ns <= typical_ns && typical_ns <= high_ns,
                "{parameter:?}"
            );
            assert!(!parameter.source.is_empty(), "{parameter:?}");
        }
    }
}
