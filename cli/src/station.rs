//! A station: a simulated NIC on a wire to the outside, in real time, with a host on it. What `serve`, `get` and the benches
//! talk from.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use handclasp_host::{Host, StackConfig};
use handclasp_sim::wire::kernel;
use handclasp_sim::world::{TimeSource, World, WorldConfig};

use crate::width::Width;
use crate::wire::{self, Recording, WireName};

/// Arguments that say which NIC, on which wire, with which address.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    pub wire: wire::Args,
    /// Our address and the length of the network's prefix, like 192.0.2.2/24
    #[arg(long)]
    pub ip: Cidr,
    /// The router to other networks
    #[arg(long)]
    pub gateway: Option<Ipv4Addr>,
    /// Write the NIC's counters to this file at exit: a line each, name and value
    #[arg(long)]
    pub counters: Option<PathBuf>,
}

/// An address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// The address.
    pub ip: Ipv4Addr,
    /// Bits that name the network, 0 to 32.
    pub prefix_len: u8,
}

impl FromStr for Cidr {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("{text:?} is not ADDRESS/PREFIX, like 192.0.2.2/24");
        let (ip, prefix_len) = text.split_once('/').ok_or_else(expected)?;
        let cidr = Self {
            ip: ip.parse().map_err(|_| expected())?,
            prefix_len: prefix_len.parse().map_err(|_| expected())?,
        };
        if cidr.prefix_len > 32 {
            return Err(format!("{text:?}: an IPv4 address has 32 bits"));
        }
        Ok(cidr)
    }
}

impl Args {
    /// A station on the wire of [`kernel::with_kernel`], with no faults and no files.
    pub fn to_kernel(width: Width) -> Self {
        Self {
            wire: wire::Args {
                wire: WireName::tap(kernel::TAP),
                fault: None,
                width,
                capture: None,
            },
            ip: Cidr {
                ip: kernel::OUR_IP,
                prefix_len: kernel::PREFIX_LEN,
            },
            gateway: None,
            counters: None,
        }
    }
}

/// Our MAC address: locally administered (IEEE 802 clause 8.4.2), the rest is the IPv4 address.
pub fn mac_of(ip: Ipv4Addr) -> u64 {
    0x0200_0000_0000 | u64::from(ip.to_bits())
}

/// A running station.
pub struct Station {
    /// The host.
    pub host: Host,
    /// The simulated NIC.
    pub world: World,
    recording: Recording,
    counters: Option<PathBuf>,
}

impl Station {
    /// Makes the wire, the NIC and the host.
    ///
    /// # Errors
    /// Each says what is missing and what to do.
    pub fn start(args: &Args) -> Result<Self> {
        let (wire, recording) = args.wire.plug()?;
        let config = WorldConfig {
            time: TimeSource::Wall,
            ..WorldConfig::new(args.wire.width.into())
        };
        let world = World::new(&config, vec![wire]).context("starting the simulated NIC")?;
        let bus = world.bus(0).context("the simulated world has no NIC")?;
        let mut stack = StackConfig::new(mac_of(args.ip.ip), args.ip.ip, args.ip.prefix_len);
        stack.gateway = args.gateway;
        let host = Host::start(bus, stack)
            .with_context(|| format!("starting the host {} on the NIC", args.ip.ip))?;
        Ok(Self {
            host,
            world,
            recording,
            counters: args.counters.clone(),
        })
    }

    /// Ends capture and writes the counters, after what closed sockets left behind has been sent.
    ///
    /// # Errors
    /// A file cannot be written, or the NIC failed.
    pub fn finish(self) -> Result<()> {
        self.host.drain(std::time::Duration::from_secs(5));
        if let Some(path) = &self.counters {
            write_counters(&self.host, path)?;
        }
        self.recording.finish()?;
        self.world.check().context("the simulated NIC stopped")
    }
}

fn write_counters(host: &Host, path: &Path) -> Result<()> {
    let mut text = String::new();
    for (counter, value) in host.nic_counters().context("reading the NIC's counters")? {
        let _ = writeln!(text, "{} {value}", counter.name);
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_explained() {
        let cidr: Cidr = "192.0.2.2/24".parse().unwrap();
        assert_eq!(
            (cidr.ip, cidr.prefix_len),
            (Ipv4Addr::new(192, 0, 2, 2), 24)
        );
        for bad in [
            "192.0.2.2",
            "192.0.2/24",
            "192.0.2.2/33",
            "192.0.2.2/x",
            "/",
        ] {
            assert!(bad.parse::<Cidr>().unwrap_err().contains(bad));
        }
    }
}
