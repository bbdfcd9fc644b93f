//! The modelled numbers, each with its range and where it is from.
//!
//! Two sources carry most of it:
//! - *pcie-bench*: Neugebauer, Antichi, Zazo, Audzevich, López-Buedo, Moore: Understanding PCIe performance for end host
//!   networking. SIGCOMM 2018, doi:10.1145/3230543.3230560. The figures are from the authors' data set
//!   (github.com/pcie-bench/data): PCIe Gen 3 x8, a NFP-6000 at 1.2 GHz that timestamps its own DMA transactions.
//! - vendors' documents for the Ethernet cores.

use serde::{Deserialize, Serialize};

use super::Range;
use crate::gateware::Hops;

/// One modelled time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// What it is.
    pub name: String,
    /// How long it takes.
    pub time: Range,
    /// Who found that out, and where it is written; or that it is assumed.
    pub source: String,
}

impl Parameter {
    fn new(name: &str, time: Range, source: &str) -> Self {
        Self {
            name: name.into(),
            time,
            source: source.into(),
        }
    }
}

/// All modelled times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// A posted write of the CPU to a register, until the card has it.
    pub doorbell: Parameter,
    /// A DMA read of 64 bytes, from request to data.
    pub dma_read: Parameter,
    /// A DMA write of 64 bytes, until a CPU could see it.
    pub dma_write: Parameter,
    /// A DMA write, until the bridge to PCI Express has taken it and answered.
    pub write_taken: Parameter,
    /// From the event in memory to the polling CPU's next load of it.
    pub seen: Parameter,
    /// First bit into one MAC to first bit out of the other, 10 Gbit/s, without the cable.
    pub mac_phy_10g: Parameter,
    /// The same at 100 Gbit/s.
    pub mac_phy_100g: Parameter,
    /// Propagation along the cable.
    pub cable: Parameter,
}

/// ns that light or a signal needs for a metre of fibre or copper.
const CABLE_NS_PER_M: f64 = 5.0;

impl Default for Parameters {
    fn default() -> Self {
        let dma_read = Range::new(373.0, 520.0, 773.0);
        Self {
            doorbell: Parameter::new(
                "posted write of a doorbell",
                dma_read.times(0.5),
                "half a DMA read, the same two passes of the link and the root complex being one here; assumed, as nobody \
                 can measure one direction alone",
            ),
            dma_read: Parameter::new(
                "DMA read of 64 bytes, there and back",
                dma_read,
                "pcie-bench data, LAT_CMD_RD, 64 bytes, warm cache, no IOMMU: typical and high are the median and P99.9 of a \
                 Xeon E5-2637 v3, low is the minimum of a Xeon E3-1226 v3 (whose P99.9 is far above our high end)",
            ),
            dma_write: Parameter::new(
                "DMA write of 64 bytes, one way",
                dma_read.times(0.5),
                "half a DMA read: Intel, Time Coordinated Computing Tools 2021.3 developer guide, Data Streams Supported, \
                 estimates it so",
            ),
            write_taken: Parameter::new(
                "DMA write, until the bridge answers",
                Range::new(20.0, 50.0, 150.0),
                "assumed: a posted write has no answer on PCI Express; the bridge gives it when it has taken the data",
            ),
            seen: Parameter::new(
                "event in memory, until the polling CPU has it",
                Range::new(20.0, 50.0, 150.0),
                "assumed: a load that misses the CPU's own caches",
            ),
            mac_phy_10g: Parameter::new(
                "MAC and PHY of both ends, 10 Gbit/s",
                Range::new(85.0, 220.0, 486.0),
                "AMD PG210 v5.1, Latency (10GE MAC + PCS, both directions: 54.4 ns at 32 bits, 188.82 ns at 64 bits) and \
                 PG056, Delay Through the GTYE3 Transceiver (32 bits: 190 + 129.5 UI, 31 ns); high: Intel 817676, Round-Trip \
                 Latency of the GTS Ethernet Hard IP (10GE, no FEC, asynchronous adapters: 486.4 ns in their simulation)",
            ),
            mac_phy_100g: Parameter::new(
                "MAC and PHY of both ends, 100 Gbit/s",
                Range::new(93.0, 220.0, 486.0),
                "no published figure found for 100 Gbit/s: low is 25GE (AMD PG210 v5.1: 80.41 ns; PG056: 319.5 UI at 25.8 \
                 Gbit/s, 12 ns), the rest that of 10 Gbit/s; RS-FEC would add to it",
            ),
            cable: Parameter::new(
                "cable",
                Range::new(
                    0.5 * CABLE_NS_PER_M,
                    2.0 * CABLE_NS_PER_M,
                    10.0 * CABLE_NS_PER_M,
                ),
                "assumed: 0.5, 2 and 10 m at 5 ns a metre, no switch",
            ),
        }
    }
}

impl Parameters {
    /// All of them, in the order of the way.
    pub fn all(&self) -> [&Parameter; 8] {
        [
            &self.doorbell,
            &self.dma_read,
            &self.mac_phy_10g,
            &self.mac_phy_100g,
            &self.cable,
            &self.write_taken,
            &self.dma_write,
            &self.seen,
        ]
    }

    /// MAC and PHY of the line that this width is for.
    pub(super) fn mac_phy(&self, width_bits: usize) -> &Parameter {
        match width_bits {
            64 => &self.mac_phy_10g,
            _ => &self.mac_phy_100g,
        }
    }
}

/// Rate of the line that this width is for.
pub(super) fn line_gbit_per_s(width_bits: usize) -> f64 {
    match width_bits {
        64 => 10.0,
        _ => 100.0,
    }
}

/// How long the line is busy with the frame until its last bit: preamble, frame, FCS (IEEE 802.3 clause 3.1.1).
pub(super) fn line_ns(hops: &Hops) -> f64 {
    let len_bytes = 8 + hops.frame_len_bytes + 4;
    8.0 * len_bytes as f64 / line_gbit_per_s(hops.width_bits)
}
