//! What the datasheet promises, held against every NIC there is: the gateware at both widths, and the reference NIC.
//!
//! The same cases for all of them; each module here is one NIC.

// That the cases are loaded more than once is the point.
#![allow(clippy::duplicate_mod)]

use std::error::Error;

use handclasp_driver::NicConfig;
use rig::Rig;

#[path = "../rig/mod.rs"]
mod rig;

/// The cases, for the NIC that the module's function `open` makes.
macro_rules! cases {
    () => {
        #[path = "arp.rs"]
        mod arp;
        #[path = "golden.rs"]
        mod golden;
        #[path = "queues.rs"]
        mod queues;
    };
}

#[path = "."]
mod reference {
    use super::*;

    /// Frames that `spoiled_frames_do_no_harm` tries.
    const SPOILED_FRAMES: u32 = 200_000;

    fn open(change: impl FnOnce(&mut NicConfig)) -> Result<Rig, Box<dyn Error>> {
        Rig::reference(&rig::nic_config(change))
    }

    cases!();
}

#[path = "."]
mod verilated {
    use handclasp_sim::dut::Width;
    use handclasp_sim::handshake::StallConfig;
    use handclasp_sim::world::WorldConfig;

    use super::*;

    const SPOILED_FRAMES: u32 = 2000;

    fn open_width(
        width: Width,
        change: impl FnOnce(&mut NicConfig),
    ) -> Result<Rig, Box<dyn Error>> {
        let stall = StallConfig {
            percent: 20,
            max_cycles: 5,
        };
        let world = WorldConfig {
            stall,
            ..WorldConfig::new(width)
        };
        Rig::verilated(&world, &rig::nic_config(change))
    }

    #[path = "."]
    mod w64 {
        use super::*;

        fn open(change: impl FnOnce(&mut NicConfig)) -> Result<Rig, Box<dyn Error>> {
            open_width(Width::W64, change)
        }

        cases!();
    }

    #[path = "."]
    mod w512 {
        use super::*;

        fn open(change: impl FnOnce(&mut NicConfig)) -> Result<Rig, Box<dyn Error>> {
            open_width(Width::W512, change)
        }

        cases!();
    }
}
