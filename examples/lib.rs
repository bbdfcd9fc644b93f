//! Small programs over the sockets of Handclasp, and here what they share: a host, on the NIC that the command line names.
//!
//! - No arguments: two simulated NICs on a cable. The program plays both ends, so that it runs anywhere.
//! - `tap:NAME ADDRESS/PREFIX`: a simulated NIC on a TAP device, with the Linux kernel on the other end.
//! - `PCI-ADDRESS ADDRESS/PREFIX`: a card that `handclasp bind` has bound to vfio-pci.
//!
//! Each program says in its first lines what else it takes. `cargo run --release -p handclasp-examples --bin echo` runs one.
#![forbid(unsafe_code)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::{io, thread};

use anyhow::{Context, Result};
use handclasp_driver::vfio::{KernelFunction, VfioBus};
use handclasp_driver::Bus;
use handclasp_host::{Host, StackConfig, TcpListener, TcpStream};
use handclasp_sim::dut::Width;
use handclasp_sim::world::{TimeSource, World, WorldConfig};
use handclasp_wires::tap::Tap;

/// The README's Rust is compiled as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Address of the program's host on the cable.
const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Address of the other end's host.
const THERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PREFIX_LEN: u8 = 24;
/// A cable of 10 m, at two thirds of the speed of light.
const CABLE_NS: u64 = 50;

/// The program's host, and on a cable the host at its other end.
pub struct Hosts {
    /// On the NIC that the command line names.
    pub here: Host,
    /// At the other end of the cable; on a TAP device or a card somebody else is there.
    pub there: Option<Host>,
}

/// Starts the hosts that the first arguments name, and takes these arguments.
///
/// # Errors
/// An argument is wrong, or the NIC cannot be had; each says what is missing and what to do.
pub fn hosts(arguments: &mut impl Iterator<Item = String>) -> Result<Hosts> {
    let config = WorldConfig {
        time: TimeSource::Wall,
        ..WorldConfig::new(Width::W64)
    };
    let Some(nic) = arguments.next() else {
        let cable = World::cable(&config, CABLE_NS)?;
        return Ok(Hosts {
            here: start(simulated(&cable, 0)?, HERE, PREFIX_LEN)?,
            there: Some(start(simulated(&cable, 1)?, THERE, PREFIX_LEN)?),
        });
    };
    let address = arguments.next().unwrap_or_default();
    let (ip, prefix_len) = (address.split_once('/'))
        .and_then(|(ip, prefix_len)| Some((ip.parse().ok()?, prefix_len.parse().ok()?)))
        .with_context(|| format!("{address:?} is no ADDRESS/PREFIX, like 192.0.2.2/24"))?;
    let bus = match nic.strip_prefix("tap:") {
        Some(name) => {
            let tap = Tap::open(name, true)?;
            simulated(&World::new(&config, vec![Box::new(tap)])?, 0)?
        }
        None => {
            let function = KernelFunction::open(nic.parse()?)?;
            Arc::new(VfioBus::open(function)?)
        }
    };
    let here = start(bus, ip, prefix_len)?;
    Ok(Hosts { here, there: None })
}

/// Serves each connection in a thread of its own, until the NIC fails.
///
/// # Errors
/// The NIC has failed.
pub fn serve(listener: &TcpListener, connection: fn(TcpStream) -> io::Result<()>) -> Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        // What a peer does to its connection concerns nobody else.
        thread::spawn(move || connection(stream));
    }
    Ok(())
}

fn simulated(world: &World, nic: usize) -> Result<Arc<dyn Bus>> {
    world.bus(nic).context("the simulated world lacks its NIC")
}

fn start(bus: Arc<dyn Bus>, ip: Ipv4Addr, prefix_len: u8) -> Result<Host> {
    // Locally administered (IEEE 802 clause 8.4.2); the rest is the IPv4 address.
    let mac = 0x0200_0000_0000 | u64::from(ip.to_bits());
    Ok(Host::start(bus, StackConfig::new(mac, ip, prefix_len))?)
}
