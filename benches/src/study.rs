//! Everything that `handclasp bench all` finds: the measured run, the simulated gateware, the modelled parameters.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::gateware::{Figures, Hops};
use crate::model::parameters::Parameters;
use crate::model::{self, Journey};
use crate::record::{Cost, LeftOut, OverNic, Run, VERSION};
use crate::stack::linux;
use crate::stack::Library;
use crate::{BenchError, Work};

/// The file `run.json`: what is measured, what is simulated and what is modelled, apart from each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Measured: host costs, latencies of the kernel, instructions.
    pub run: Run,
    /// Simulated: latency and throughput of the gateware, one width after the other.
    pub gateware: Vec<Figures>,
    /// Simulated: what the gateware adds to the way of a segment.
    pub hops: Vec<Hops>,
    /// Modelled: what no machine without the card can measure.
    pub parameters: Parameters,
    /// Measured over a card, instead of modelled; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<OverNic>,
}

impl Study {
    /// Reads a file that holds what [`Study::json`] gives.
    ///
    /// # Errors
    /// `File` when it cannot be read; `BadFile` when it is something else, or of another version.
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        let text = fs::read_to_string(path).map_err(|source| BenchError::File {
            path: path.into(),
            source,
        })?;
        let bad = |reason| BenchError::BadFile {
            path: path.into(),
            reason,
        };
        let study: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if study.run.version != VERSION {
            let found = study.run.version;
            return Err(bad(format!(
                "it has version {found}, this program knows {VERSION}"
            )));
        }
        Ok(study)
    }

    /// It as JSON, which [`Study::read`] reads.
    ///
    /// # Errors
    /// serde_json's.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// What a work costs a stack; `None` if that was not measured.
    pub fn cost(&self, stack: &str, work: Work) -> Option<&Cost> {
        self.run.costs.iter().find(|cost| {
            cost.stack == stack && cost.work == work.name() && cost.size_bytes == work.size_bytes()
        })
    }

    /// Instructions of a work at both ends of a stack; `None` if they were not counted.
    pub fn instructions(&self, stack: &str, work: Work) -> Option<f64> {
        let count = self.run.instructions.iter().find(|count| {
            count.stack == stack
                && count.work == work.name()
                && count.size_bytes == work.size_bytes()
        })?;
        Some(count.both())
    }

    /// The whole ways over the NIC, put together from measured, simulated and modelled parts. None where a card was
    /// measured: then nobody needs a model.
    pub fn journeys(&self) -> Vec<Journey> {
        if self.card.is_some() {
            return Vec::new();
        }
        model::journeys(&self.run, &self.hops, &self.parameters)
    }

    /// What could not be measured, with what a card that was cut short left undone.
    pub fn left_out(&self) -> Vec<LeftOut> {
        let of_card = |card: &OverNic| {
            Some(LeftOut {
                what: format!("the rest of what the {} was to do", card.nic),
                reason: card.cut_short.clone()?,
            })
        };
        let mut all = self.run.left_out.clone();
        all.extend(self.card.as_ref().and_then(of_card));
        all
    }

    /// The names of the stacks that were measured, each once, in order.
    pub fn stacks(&self) -> Vec<&str> {
        let mut stacks: Vec<&str> = Vec::new();
        for cost in &self.run.costs {
            if !stacks.contains(&cost.stack.as_str()) {
                stacks.push(&cost.stack);
            }
        }
        stacks
    }
}

/// The works of the summary.
pub const SUMMARY: [Work; 3] = [Work::Handshake, Work::Echo(64), Work::Stream(1460)];

/// The stacks of the summary.
pub fn summary_stacks() -> [&'static str; 3] {
    [
        Library::Ours.name(),
        Library::Smoltcp.name(),
        linux::Path::Loopback.name(),
    ]
}
