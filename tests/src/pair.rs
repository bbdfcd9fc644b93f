//! Two hosts back to back on a cable, in real time, on the reference NIC.

use std::net::Ipv4Addr;
use std::sync::Arc;

use handclasp_host::{Host, StackConfig};
use handclasp_reference::ReferenceNic;
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;

/// Address of the first host, which tests connect to.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn host(wire: Cable, clock: &Clock, ip: Ipv4Addr) -> Host {
    let bus = Arc::new(ReferenceNic::new(Box::new(wire), clock.clone()).unwrap());
    let mac = 0x0200_0000_0000 + u64::from(ip.octets()[3]);
    Host::start(bus, StackConfig::new(mac, ip, 24)).unwrap()
}

/// The host at [`SERVER`], and one that is its client.
pub fn hosts() -> (Host, Host) {
    let (near, far) = Cable::pair(500);
    let clock = Clock::wall();
    (host(near, &clock, SERVER), host(far, &clock, CLIENT))
}
