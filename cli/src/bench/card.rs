//! What the benches measure instead of simulated gateware and models: a card, and a server that it can reach.

use std::net::SocketAddr;

use anyhow::Result;
use handclasp_benches::record::OverNic;
use handclasp_benches::Work;
use handclasp_driver::pci::PciAddress;

use super::over_nic;
use super::session::Limit;
use crate::station::{Args as StationArgs, Cidr};

/// Arguments that name a card and a server. All of them, or none.
#[derive(clap::Args)]
#[group(requires_all = ["device", "ip", "peer"])]
pub struct Card {
    /// Measure over the card at this PCI address, like 03:00.0, with the server that --peer names
    #[arg(long, value_name = "ADDR", required = false)]
    device: PciAddress,
    /// The card's IP address and the length of the network's prefix, like 192.0.2.2/24
    #[arg(long, required = false)]
    ip: Cidr,
    /// Address and port of the server that the card connects to, like 192.0.2.1:7
    ///
    /// The server must accept one connection after another, read everything, and close a connection when we have closed it.
    /// For `bench rtt` and `bench all` it must also send back what it receives, as an echo server does. `bench stream` is
    /// fastest with a server that only reads.
    #[arg(long, value_name = "IP:PORT", required = false)]
    peer: SocketAddr,
}

impl Card {
    /// Measures these works over the card, each to its limit.
    ///
    /// # Errors
    /// The card could not be opened. What goes wrong later is in the record.
    pub fn measure(&self, works: &[Work], limit: Limit) -> Result<OverNic> {
        over_nic::measure(
            &StationArgs::with_card(self.device, self.ip),
            format!("card {}", self.device),
            (self.peer.to_string(), self.peer),
            works,
            limit,
        )
    }
}
