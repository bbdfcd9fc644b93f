//! What tells one connection from another.

use std::net::{Ipv4Addr, SocketAddrV4};

use handclasp_layout::queue::FlowCommand;

/// The 4-tuple of a connection, as the gateware's flow table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Peer's address.
    pub remote_ip: u32,
    /// Own address.
    pub local_ip: u32,
    /// Peer's port.
    pub remote_port: u16,
    /// Own port.
    pub local_port: u16,
}

impl Tuple {
    /// Own address and port.
    pub fn local(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from_bits(self.local_ip), self.local_port)
    }

    /// Peer's address and port.
    pub fn remote(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from_bits(self.remote_ip), self.remote_port)
    }

    /// The command that tells the NIC of this 4-tuple, or to forget it.
    pub(crate) fn flow_command(&self, connection: u16) -> FlowCommand {
        FlowCommand {
            connection,
            remote_ip: self.remote_ip,
            local_ip: self.local_ip,
            remote_port: self.remote_port,
            local_port: self.local_port,
            ..FlowCommand::default()
        }
    }
}
