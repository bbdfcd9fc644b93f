//! What the benches measure instead of simulated gateware: a card, and a server that it can reach.

use std::net::SocketAddr;

use handclasp_driver::pci::PciAddress;

use crate::station::{Args as StationArgs, Cidr};

/// Arguments that name a card and a server. All of them, or none.
#[derive(clap::Args)]
#[group(requires_all = ["device", "ip", "peer"])]
pub struct Card {
    /// Measure the card at this PCI address, like 03:00.0
    #[arg(long, value_name = "ADDR", required = false)]
    pub device: PciAddress,
    /// Its address and the length of the network's prefix, like 192.0.2.2/24
    #[arg(long, required = false)]
    ip: Cidr,
    /// The server, like 192.0.2.1:80: it accepts connections, and for round trips sends back what it receives
    #[arg(long, value_name = "IP:PORT", required = false)]
    pub peer: SocketAddr,
}

impl Card {
    /// The station with this card.
    pub fn station(&self) -> StationArgs {
        StationArgs::with_card(self.device, self.ip)
    }
}
