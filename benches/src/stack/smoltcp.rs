//! smoltcp, set up for the same work: each end an interface with one socket that sends timestamps and runs Reno.
//!
//! The device between them costs the stack next to nothing: frames are built in buffers that were there before, are never
//! copied, and change queues outside of all sections.

use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv4Address};

use super::in_memory::{Ends, InMemory};
use super::BUFFER_BYTES;
use crate::meter::End;
use crate::BenchError;

pub(super) const NAME: &str = "smoltcp";

const CLIENT: Ipv4Address = Ipv4Address::new(192, 0, 2, 1);
const SERVER: Ipv4Address = Ipv4Address::new(192, 0, 2, 2);
const SERVER_PORT: u16 = 7;
const EPHEMERAL_PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;
const PREFIX_LEN: u8 = 24;
/// The timestamp of every segment (RFC 7323): smoltcp measures round trips without it.
const TS_VAL: u32 = 1;
/// Ethernet frame without FCS, for an MTU of 1500.
const FRAME_MAX_BYTES: usize = 1514;

/// Two interfaces.
pub struct Smoltcp {
    client: Host,
    server: Host,
    client_port: u16,
}

struct Host {
    interface: Interface,
    device: Queues,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

fn instant(now_ns: u64) -> Instant {
    Instant::from_micros((now_ns / 1000) as i64)
}

impl Host {
    fn new(ip: Ipv4Address) -> Self {
        let mut device = Queues::default();
        let mac = EthernetAddress([2, 0, 0, 0, 0, ip.octets()[3]]);
        let mut config = Config::new(mac.into());
        config.random_seed = u64::from(ip.to_bits());
        let mut interface = Interface::new(config, &mut device, instant(0));
        interface.update_ip_addrs(|addresses| {
            // One of the few that it has room for.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(ip), PREFIX_LEN));
        });
        let buffer = || SocketBuffer::new(vec![0; BUFFER_BYTES]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        // What ours does as well. Its clock costs nothing: all of it is virtual time here.
        socket.set_tsval_generator(Some(|| TS_VAL));
        socket.set_congestion_control(CongestionControl::Reno);
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        Self {
            interface,
            device,
            sockets,
            handle,
        }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn push(&mut self, now_ns: u64) {
        self.interface
            .poll_egress(instant(now_ns), &mut self.device, &mut self.sockets);
    }
}

impl Smoltcp {
    /// Two interfaces with a socket each.
    pub fn new() -> InMemory<Self> {
        InMemory::new(Self {
            client: Host::new(CLIENT),
            server: Host::new(SERVER),
            client_port: *EPHEMERAL_PORTS.start(),
        })
    }

    fn host(&mut self, end: End) -> &mut Host {
        match end {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        }
    }
}

fn refused(doing: &'static str) -> impl Fn(&dyn std::fmt::Display) -> BenchError {
    move |reason| BenchError::Smoltcp {
        doing,
        reason: reason.to_string(),
    }
}

impl Ends for Smoltcp {
    const NAME: &'static str = NAME;

    /// Its server listens with the socket that becomes the connection.
    fn prepare(&mut self, _: u64) -> Result<(), BenchError> {
        let listened = self.server.socket().listen(SERVER_PORT);
        listened.map_err(|error| refused("listening")(&error))
    }

    fn connect(&mut self, now_ns: u64) -> Result<(), BenchError> {
        self.client_port = match self.client_port {
            port if port == *EPHEMERAL_PORTS.end() => *EPHEMERAL_PORTS.start(),
            port => port + 1,
        };
        let (port, client) = (self.client_port, &mut self.client);
        let socket = client.sockets.get_mut::<Socket>(client.handle);
        socket
            .connect(client.interface.context(), (SERVER, SERVER_PORT), port)
            .map_err(|error| refused("connecting")(&error))?;
        client.push(now_ns);
        Ok(())
    }

    fn is_established(&mut self, end: End) -> Result<bool, BenchError> {
        Ok(self.host(end).socket().state() == State::Established)
    }

    fn poll(&mut self, end: End, now_ns: u64) -> Result<(), BenchError> {
        let host = self.host(end);
        host.interface
            .poll(instant(now_ns), &mut host.device, &mut host.sockets);
        Ok(())
    }

    fn send(&mut self, end: End, now_ns: u64, data: &[u8]) -> Result<usize, BenchError> {
        let host = self.host(end);
        let sent = host.socket().send_slice(data);
        let count = sent.map_err(|error| refused("sending")(&error))?;
        host.push(now_ns);
        Ok(count)
    }

    fn receive(&mut self, end: End, out: &mut [u8]) -> Result<usize, BenchError> {
        let received = self.host(end).socket().recv_slice(out);
        received.map_err(|error| refused("receiving")(&error))
    }

    fn is_at_end(&mut self, end: End) -> Result<bool, BenchError> {
        Ok(!self.host(end).socket().may_recv())
    }

    fn close(&mut self, end: End, now_ns: u64) -> Result<(), BenchError> {
        let host = self.host(end);
        host.socket().close();
        host.push(now_ns);
        Ok(())
    }

    fn carry(&mut self, to: End, _: u64) -> Result<bool, BenchError> {
        let (sender, receiver) = match to {
            End::Client => (&mut self.server.device, &mut self.client.device),
            End::Server => (&mut self.client.device, &mut self.server.device),
        };
        // Buffers go back to where they came from.
        sender.spare.append(&mut receiver.seen);
        receiver.arrived.append(&mut sender.sent);
        Ok(!receiver.arrived.is_empty())
    }
}

/// A frame in a buffer that any frame fits into.
struct Frame {
    bytes: Box<[u8; FRAME_MAX_BYTES]>,
    len_bytes: usize,
}

/// The device of one end.
#[derive(Default)]
struct Queues {
    arrived: VecDeque<Frame>,
    sent: VecDeque<Frame>,
    /// Frames that the stack has looked at.
    seen: Vec<Frame>,
    /// Buffers for frames to send.
    spare: Vec<Frame>,
}

impl Device for Queues {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, ToSend<'_>)> {
        self.seen.push(self.arrived.pop_front()?);
        let frame = self.seen.last()?;
        Some((
            Received(&frame.bytes[..frame.len_bytes]),
            ToSend {
                sent: &mut self.sent,
                spare: &mut self.spare,
            },
        ))
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_>> {
        Some(ToSend {
            sent: &mut self.sent,
            spare: &mut self.spare,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME_MAX_BYTES;
        capabilities
    }
}

struct Received<'a>(&'a [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

struct ToSend<'a> {
    sent: &'a mut VecDeque<Frame>,
    spare: &'a mut Vec<Frame>,
}

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len_bytes: usize, build: F) -> R {
        let mut frame = self.spare.pop().unwrap_or_else(|| Frame {
            bytes: Box::new([0; FRAME_MAX_BYTES]),
            len_bytes: 0,
        });
        frame.len_bytes = len_bytes;
        let result = build(&mut frame.bytes[..len_bytes]);
        self.sent.push_back(frame);
        result
    }
}
