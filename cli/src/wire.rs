//! The wire to the outside that a simulated NIC is plugged into, and what is done to its frames on the way.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::SystemTime;

use anyhow::{Context, Result};
use handclasp_wires::capture::{Capture, CaptureFile};
use handclasp_wires::faulty::{Faults, Faulty};
use handclasp_wires::tap::Tap;
use handclasp_wires::Wire;

use crate::width::Width;

/// Arguments that say which simulated NIC, on which wire.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "simulated")]
pub struct Args {
    /// What the simulated NIC is plugged into: `tap:NAME`, a Linux TAP device (made if it is not there)
    #[arg(long)]
    pub wire: WireName,
    /// Faults on the wire, like drop=0.02,dup=0.01,reorder=0.02,flip=0.005,delay-ms=1,seed=7
    #[arg(long)]
    pub fault: Option<Faults>,
    /// Width of the gateware's data paths in bits
    #[arg(long, default_value = "64")]
    pub width: Width,
    /// Write every frame on the wire to this file, as pcapng
    #[arg(long)]
    pub capture: Option<PathBuf>,
}

/// `tap:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireName {
    tap: String,
}

impl WireName {
    /// The TAP device of this name.
    pub fn tap(name: &str) -> Self {
        Self { tap: name.into() }
    }
}

impl FromStr for WireName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("tap", name)) if !name.is_empty() => Ok(Self::tap(name)),
            _ => Err(format!(
                "{text:?} is no wire: it must be tap:NAME, like tap:hc0"
            )),
        }
    }
}

/// What is written of the frames on a wire, until it is finished.
#[must_use = "a capture is whole only after it was finished"]
pub struct Recording(Option<(CaptureFile, PathBuf)>);

impl Args {
    /// Makes the wire.
    ///
    /// # Errors
    /// Each says what is missing and what to do.
    pub fn plug(&self) -> Result<(Box<dyn Wire>, Recording)> {
        let tap = Tap::open(&self.wire.tap, true)?;
        let mut wire: Box<dyn Wire> = Box::new(tap);
        if let Some(faults) = self.fault {
            wire = Box::new(Faulty::new(wire, faults));
        }
        let Some(path) = &self.capture else {
            return Ok((wire, Recording(None)));
        };
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let epoch_ns = epoch.map_or(0, |since| since.as_nanos() as u64);
        let file = CaptureFile::create(path, epoch_ns)
            .with_context(|| format!("writing the capture {}", path.display()))?;
        let wire = Box::new(Capture::new(wire, file.clone()));
        Ok((wire, Recording(Some((file, path.clone())))))
    }
}

impl Recording {
    /// Brings everything to the file.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn finish(&self) -> Result<()> {
        if let Some((file, path)) = &self.0 {
            file.finish()
                .with_context(|| format!("writing the capture {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_are_read_or_explained() {
        assert_eq!("tap:hc0".parse(), Ok(WireName::tap("hc0")));
        for bad in ["hc0", "tap:", "tun:x", ""] {
            assert!(bad.parse::<WireName>().unwrap_err().contains("tap:NAME"));
        }
    }
}
