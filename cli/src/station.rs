//! A station: a NIC with a host on it, in real time. What `serve`, `get` and the benches talk from. The NIC is simulated, on
//! a wire to the outside, or a card.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use handclasp_driver::pci::PciAddress;
use handclasp_driver::vfio::{Function, KernelFunction, VfioBus};
use handclasp_driver::Bus;
use handclasp_host::{Host, StackConfig};
use handclasp_sim::axi_memory::MemoryTiming;
use handclasp_sim::world::{TimeSource, World, WorldConfig};
use handclasp_wires::kernel;

use crate::counters;
use crate::width::Width;
use crate::wire::{self, Recording, WireName};

/// How long the connections of closed sockets may take to end, before the NIC goes: a peer that has not answered by then
/// learns it by a RST.
const CONNECTIONS_END: Duration = Duration::from_secs(1);

/// Arguments that say which NIC, with which address.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("nic").args(["wire", "device"]).required(true)))]
pub struct Args {
    #[command(flatten)]
    wire: Option<wire::Args>,
    /// Use the card at this PCI address, like 03:00.0, which `handclasp bind` has bound to vfio-pci
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["fault", "capture", "width"])]
    device: Option<PciAddress>,
    /// Our address and the length of the network's prefix, like 192.0.2.2/24
    #[arg(long)]
    pub ip: Cidr,
    /// The router to other networks
    #[arg(long)]
    pub gateway: Option<Ipv4Addr>,
    /// Write the NIC's counters to this file at exit: a line each, name and value
    #[arg(long)]
    counters: Option<PathBuf>,
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
            wire: Some(wire::Args {
                wire: WireName::tap(kernel::TAP),
                fault: None,
                width,
                capture: None,
            }),
            device: None,
            ip: Cidr {
                ip: kernel::OUR_IP,
                prefix_len: kernel::PREFIX_LEN,
            },
            gateway: None,
            counters: None,
        }
    }

    /// A station with a card, and no files.
    pub fn with_card(device: PciAddress, ip: Cidr) -> Self {
        Self {
            wire: None,
            device: Some(device),
            ip,
            gateway: None,
            counters: None,
        }
    }
}

/// Our MAC address: locally administered (IEEE 802 clause 8.4.2), the rest is the IPv4 address.
pub fn mac_of(ip: Ipv4Addr) -> u64 {
    0x0200_0000_0000 | u64::from(ip.to_bits())
}

/// The NIC of a station.
enum Nic {
    Simulated { world: World, recording: Recording },
    Card(Arc<VfioBus<KernelFunction>>),
}

impl Nic {
    /// Makes a simulated NIC and its wire.
    fn simulate(args: &wire::Args) -> Result<(Self, Arc<dyn Bus>)> {
        let (wire, recording) = args.plug()?;
        let config = WorldConfig {
            time: TimeSource::Wall,
            // In real time each cycle in which memory is waited for is computed, and no figure says how long the memory of a
            // card would take: half of a request's cycles would be spent on it.
            memory: MemoryTiming::AT_ONCE,
            ..WorldConfig::new(args.width.into())
        };
        let world = World::new(&config, vec![wire]).context("starting the simulated NIC")?;
        let bus = world.bus(0).context("the simulated world has no NIC")?;
        Ok((Self::Simulated { world, recording }, bus))
    }

    /// Opens a card.
    fn open(address: PciAddress) -> Result<(Self, Arc<dyn Bus>)> {
        let bus = Arc::new(VfioBus::open(KernelFunction::open(address)?)?);
        Ok((Self::Card(Arc::clone(&bus)), bus))
    }

    fn finish(&self) -> Result<()> {
        match self {
            Self::Simulated { world, recording } => {
                recording.finish()?;
                world.check().context("the simulated NIC stopped")
            }
            // Not left to the last user's drop: a thread that waits for a connection keeps the host, and so the bus.
            Self::Card(bus) => bus.close().context("closing the NIC"),
        }
    }
}

impl fmt::Display for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulated { .. } => f.write_str("simulated NIC"),
            Self::Card(bus) => write!(f, "NIC {}", bus.function().name()),
        }
    }
}

/// A running station.
pub struct Station {
    /// The host.
    pub host: Host,
    nic: Nic,
    counters: Option<PathBuf>,
}

impl Station {
    /// Makes or opens the NIC, and starts the host on it.
    ///
    /// # Errors
    /// Each says what is missing and what to do.
    pub fn start(args: &Args) -> Result<Self> {
        let (nic, bus) = match (&args.wire, args.device) {
            (Some(wire), _) => Nic::simulate(wire)?,
            (None, Some(address)) => Nic::open(address)?,
            (None, None) => bail!("no NIC: name one with --wire or --device"),
        };
        let mut stack = StackConfig::new(mac_of(args.ip.ip), args.ip.ip, args.ip.prefix_len);
        stack.gateway = args.gateway;
        let host = Host::start(bus, stack)
            .with_context(|| format!("starting the host {} on the {nic}", args.ip.ip))?;
        Ok(Self {
            host,
            nic,
            counters: args.counters.clone(),
        })
    }

    /// What simulates the NIC, if it is simulated.
    pub fn world(&self) -> Option<&World> {
        match &self.nic {
            Nic::Simulated { world, .. } => Some(world),
            Nic::Card(_) => None,
        }
    }

    /// Ends capture, writes the counters and closes the NIC, after what closed sockets left behind has been sent.
    ///
    /// # Errors
    /// A file cannot be written, or the NIC failed.
    pub fn finish(self) -> Result<()> {
        self.host.drain(CONNECTIONS_END);
        let written = self
            .counters
            .as_deref()
            .map_or(Ok(()), |path| write_counters(&self.host, path));
        // Whatever became of the file.
        self.nic.finish()?;
        written
    }
}

impl fmt::Display for Station {
    /// What it talks from, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nic.fmt(f)
    }
}

fn write_counters(host: &Host, path: &Path) -> Result<()> {
    let values = host.nic_counters().context("reading the NIC's counters")?;
    let named = values
        .into_iter()
        .map(|(counter, value)| (counter.name, value));
    counters::write(path, named)
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

    /// What clap makes of these arguments after `--ip 192.0.2.2/24`.
    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            station: Args,
        }
        let all = ["test", "--ip", "192.0.2.2/24"].iter().chain(arguments);
        Ok(<Command as clap::Parser>::try_parse_from(all)?.station)
    }

    #[test]
    fn a_station_is_on_a_wire_or_a_card_and_not_both() {
        let args = parse(&["--wire", "tap:hc0", "--width", "512", "--fault", "drop=0.1"]).unwrap();
        assert!(args.device.is_none());
        assert_eq!(args.wire.unwrap().wire, WireName::tap("hc0"));
        let args = parse(&["--device", "03:00.0", "--counters", "f"]).unwrap();
        assert!(args.wire.is_none());
        assert_eq!(args.device.unwrap().to_string(), "0000:03:00.0");
        for bad in [
            &[][..],
            &["--fault", "drop=0.1"],
            &["--wire", "tap:hc0", "--device", "03:00.0"],
            &["--device", "03:00.0", "--fault", "drop=0.1"],
            &["--device", "03:00.0", "--capture", "f"],
            &["--device", "03:00.0", "--width", "64"],
            &["--device", "eth0"],
        ] {
            let error = parse(bad).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("--device"), "{error}");
        }
    }
}
