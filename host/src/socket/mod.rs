//! Sockets, shaped like those of `std::net`.
//!
//! - [`Host`]: a stack that several threads share, and what keeps it going;
//! - [`Socket`]: a descriptor that nothing is known of yet;
//! - [`TcpStream`], [`TcpListener`]: what becomes of it.
//!
//! ```no_run
//! # fn run(bus: std::sync::Arc<dyn handclasp_driver::Bus>) -> std::io::Result<()> {
//! use std::io::{Read, Write};
//! use handclasp_host::{Host, StackConfig, TcpStream};
//!
//! let config = StackConfig::new(0x02_00_00_00_00_01, [192, 0, 2, 1].into(), 24);
//! let host = Host::start(bus, config)?;
//! let mut stream = TcpStream::connect(&host, "192.0.2.2:80")?;
//! stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
//! let mut answer = Vec::new();
//! stream.read_to_end(&mut answer)?;
//! # Ok(())
//! # }
//! ```

mod drive;
mod followers;
mod host;
mod listener;
mod stream;
mod unbound;

pub use host::Host;
pub use listener::{Incoming, TcpListener};
pub use stream::TcpStream;
pub use unbound::Socket;

use std::io;
use std::net::{SocketAddr, SocketAddrV4, ToSocketAddrs};

/// Connections that wait at a listener, unless someone says otherwise: as many as `std::net::TcpListener` lets wait.
const BACKLOG: usize = 128;

/// The IPv4 addresses among those that `address` stands for.
fn ipv4_addresses(address: impl ToSocketAddrs) -> io::Result<Vec<SocketAddrV4>> {
    let addresses: Vec<_> = address
        .to_socket_addrs()?
        .filter_map(|address| match address {
            SocketAddr::V4(address) => Some(address),
            SocketAddr::V6(_) => None,
        })
        .collect();
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no IPv4 address: the NIC carries TCP over IPv4",
        ));
    }
    Ok(addresses)
}
