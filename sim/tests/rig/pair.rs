//! Two NICs of a world with their drivers, each of which knows one connection to the other.

use std::error::Error;

use handclasp_driver::{Command, Nic, NicConfig};
use handclasp_layout::header::tcp_flags::ACK;
use handclasp_layout::queue::{FlowCommand, SegmentCommand};
use handclasp_sim::world::World;

const MACS: [u64; 2] = [0x02_00_00_00_00_01, 0x02_00_00_00_00_02];
const IPS: [u32; 2] = [0xc000_0201, 0xc000_0202];
const PORTS: [u16; 2] = [40000, 80];
const CONNECTION: u16 = 7;

/// Opens one of the two NICs and tells it of the connection.
pub fn open(world: &World, nic: usize) -> Result<Nic, Box<dyn Error>> {
    let bus = world.bus(nic).ok_or("no such NIC")?;
    open_bus(bus, nic)
}

/// Opens the NIC of this bus and tells it of the connection.
pub fn open_bus(
    bus: std::sync::Arc<dyn handclasp_driver::Bus>,
    nic: usize,
) -> Result<Nic, Box<dyn Error>> {
    let peer = 1 - nic;
    let mut opened = Nic::open(
        bus,
        &NicConfig::new(
            MACS[nic],
            IPS[nic].into(),
            0x6d5a_56da_255b_0ec2_4167_253d_43a3_8fb0,
        ),
    )?;
    opened.submit(&Command::FlowInsert(FlowCommand {
        connection: CONNECTION,
        lookup: true,
        remote_ip: IPS[peer],
        local_ip: IPS[nic],
        remote_port: PORTS[peer],
        local_port: PORTS[nic],
        remote_mac: MACS[peer],
        ttl: 64,
        ..FlowCommand::default()
    }))?;
    opened.flush()?;
    Ok(opened)
}

/// Sends an ACK with this sequence number to the peer.
pub fn send(nic: &mut Nic, seq: u32) -> Result<(), Box<dyn Error>> {
    nic.submit(&Command::Segment(SegmentCommand {
        connection: CONNECTION,
        tcp_flags: ACK,
        seq,
        ..SegmentCommand::default()
    }))?;
    Ok(nic.flush()?)
}
