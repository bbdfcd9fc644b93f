//! `--width`: which gateware.

use handclasp_sim::dut;

/// Width of the gateware's data paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Width {
    /// 64 bits at 156.25 MHz: 10 Gbit/s
    #[value(name = "64")]
    W64,
    /// 512 bits at 250 MHz: 100 Gbit/s
    #[value(name = "512")]
    W512,
}

impl Width {
    /// Both, the narrow one first.
    pub const ALL: [Width; 2] = [Width::W64, Width::W512];

    /// Bits of one beat.
    pub fn bits(self) -> usize {
        dut::Width::from(self).bits()
    }
}

impl From<Width> for dut::Width {
    fn from(width: Width) -> Self {
        match width {
            Width::W64 => dut::Width::W64,
            Width::W512 => dut::Width::W512,
        }
    }
}
