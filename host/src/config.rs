//! How a host is set up.

use std::net::Ipv4Addr;

use crate::neighbour::{is_group, is_station};
use crate::tcp;

/// Addresses, buffers and defaults of one host on one NIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackConfig {
    /// Own MAC address as a 48-bit number, the byte that is sent first on top.
    pub mac: u64,
    /// Own IPv4 address.
    pub ip: Ipv4Addr,
    /// Bits of `ip` that name the network: addresses in it are reached without the gateway.
    pub prefix_len: u8,
    /// The router to everywhere else, in our network.
    pub gateway: Option<Ipv4Addr>,
    /// Size of each connection's send buffer: the most that is sent and not yet acknowledged. Default 256 KiB.
    pub send_buffer_bytes: usize,
    /// Size of each connection's receive buffer: the largest window. Default 256 KiB.
    pub receive_buffer_bytes: usize,
    /// Most connections at once. Those beyond the NIC's ids are slower. Each has memory of the two sizes above set aside, from when
    /// there first were so many. Default 4096.
    pub connections_max: usize,
    /// What a connection starts with.
    pub tcp: tcp::Config,
    /// Where secrets and ports come from: the system's random numbers, or, for a simulation that repeats exactly, a seed.
    pub seed: Option<u64>,
}

impl StackConfig {
    /// A host at `ip` in a network of `prefix_len` bits, without gateway.
    pub fn new(mac: u64, ip: Ipv4Addr, prefix_len: u8) -> Self {
        Self {
            mac,
            ip,
            prefix_len,
            gateway: None,
            send_buffer_bytes: 256 * 1024,
            receive_buffer_bytes: 256 * 1024,
            connections_max: 4096,
            tcp: tcp::Config::default(),
            seed: None,
        }
    }

    /// What is wrong with these addresses, if something is.
    pub(crate) fn check(&self) -> Result<(), BadAddress> {
        let ip = self.ip.to_bits();
        if !is_station(self.mac) || self.mac >> 48 != 0 {
            return Err(BadAddress::Mac(self.mac));
        }
        if self.prefix_len > 32 {
            return Err(BadAddress::Prefix(self.prefix_len));
        }
        if !self.is_host(ip) {
            return Err(BadAddress::Own(self.ip));
        }
        match self.gateway {
            Some(gateway) if !self.is_local(gateway.to_bits()) || gateway == self.ip => {
                Err(BadAddress::Gateway(gateway))
            }
            _ => Ok(()),
        }
    }

    fn network_mask(&self) -> u32 {
        u32::MAX
            .checked_shl(32 - u32::from(self.prefix_len.min(32)))
            .unwrap_or(0)
    }

    fn is_local(&self, ip: u32) -> bool {
        (ip ^ self.ip.to_bits()) & self.network_mask() == 0
    }

    /// Whether one host can have this address: not 0.0.0.0/8, not 127.0.0.0/8, no group, and not the broadcast address of
    /// our network (RFC 1122 3.2.1.3; RFC 9293 MUST-46, 57, 63).
    pub(crate) fn is_host(&self, ip: u32) -> bool {
        let broadcast =
            self.prefix_len < 31 && self.is_local(ip) && ip | self.network_mask() == u32::MAX;
        !matches!(ip >> 24, 0 | 127) && !is_group(ip) && !broadcast
    }

    /// The neighbour that packets to this address are handed to; `None` when there is no way.
    pub(crate) fn next_hop(&self, ip: u32) -> Option<u32> {
        if self.is_local(ip) {
            Some(ip)
        } else {
            self.gateway.map(Ipv4Addr::to_bits)
        }
    }
}

/// An address in a [`StackConfig`] that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// The MAC address is a group's, zero, or has more than 48 bits.
    #[error("{0:#014x} cannot be a station's MAC address")]
    Mac(u64),
    /// The prefix is longer than an address.
    #[error("a prefix of {0} bits: an IPv4 address has 32")]
    Prefix(u8),
    /// Our own address cannot be one host's.
    #[error("{0} cannot be a host's address in its network")]
    Own(Ipv4Addr),
    /// The gateway is not a neighbour.
    #[error("the gateway {0} is not another host of our network")]
    Gateway(Ipv4Addr),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> StackConfig {
        let mut config = StackConfig::new(0x0200_0000_0001, Ipv4Addr::new(192, 0, 2, 1), 24);
        config.gateway = Some(Ipv4Addr::new(192, 0, 2, 254));
        config
    }

    #[test]
    fn packets_go_to_neighbours_or_to_the_gateway() {
        let mut config = config();
        assert_eq!(config.next_hop(0xc000_0263), Some(0xc000_0263));
        assert_eq!(config.next_hop(0xc000_0301), Some(0xc000_02fe));
        config.gateway = None;
        assert_eq!(config.next_hop(0xc000_0301), None);
        config.prefix_len = 0;
        assert_eq!(config.next_hop(0x0808_0808), Some(0x0808_0808));
    }

    #[test]
    fn groups_and_nobody_are_no_hosts() {
        let config = config();
        for ip in [
            [0, 0, 0, 0],
            [127, 0, 0, 1],
            [192, 0, 2, 255],
            [224, 0, 0, 1],
            [255, 255, 255, 255],
        ] {
            assert!(!config.is_host(u32::from_be_bytes(ip)), "{ip:?}");
        }
        assert!(
            config.is_host(0xc000_03ff),
            "another network's broadcast is not for us to know"
        );
    }

    #[test]
    fn impossible_addresses_are_refused() {
        assert_eq!(config().check(), Ok(()));
        let refused = |change: fn(&mut StackConfig)| {
            let mut config = config();
            change(&mut config);
            config.check().unwrap_err()
        };
        assert_eq!(
            refused(|config| config.mac = 0x0100_0000_0001),
            BadAddress::Mac(0x0100_0000_0001)
        );
        assert_eq!(
            refused(|config| config.prefix_len = 33),
            BadAddress::Prefix(33)
        );
        let broadcast = Ipv4Addr::new(192, 0, 2, 255);
        assert!(matches!(
            refused(|config| config.ip = Ipv4Addr::new(192, 0, 2, 255)),
            BadAddress::Own(ip) if ip == broadcast
        ));
        assert!(matches!(
            refused(|config| config.gateway = Some(Ipv4Addr::new(10, 0, 0, 1))),
            BadAddress::Gateway(_)
        ));
    }
}
