//! One host in simulated time, and at the other end of its cable frames written by hand from the RFCs.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use handclasp_driver::Bus;
use handclasp_host::{Host, Socket, StackConfig, TcpListener, TcpStream};
use handclasp_reference::ReferenceNic;
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;
use handclasp_wires::Wire;

/// The host's address.
pub const OUR_IP: [u8; 4] = [192, 0, 2, 1];
/// The peer's address.
pub const PEER_IP: [u8; 4] = [192, 0, 2, 2];
/// The host's MAC address.
pub const OUR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The peer's MAC address.
pub const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// Port of [`Peer::listener`].
pub const OUR_PORT: u16 = 80;
/// The peer's port, of all its segments.
pub const PEER_PORT: u16 = 0x1234;

/// Flags of a segment (RFC 9293 3.1).
pub const SYN: u8 = 0x02;
/// See [`SYN`].
pub const FIN: u8 = 0x01;
/// See [`SYN`].
pub const RST: u8 = 0x04;
/// See [`SYN`].
pub const ACK: u8 = 0x10;

struct HostClock(Clock);

impl handclasp_host::Clock for HostClock {
    fn now_ns(&self) -> u64 {
        self.0.now_ns()
    }
}

/// A host and the bare end of its cable.
pub struct Peer {
    /// The host, in simulated time.
    pub host: Host,
    /// Its NIC.
    pub bus: Arc<ReferenceNic>,
    /// The peer's end of the cable.
    pub wire: Cable,
    /// The time of all.
    pub clock: Clock,
}

/// Operation of an ARP packet (RFC 826).
pub const ARP_REQUEST: u8 = 1;
/// See [`ARP_REQUEST`].
pub const ARP_REPLY: u8 = 2;

/// An ARP packet (RFC 826) to all, from the station at `mac` in the name of `ip`.
pub fn arp(operation: u8, mac: [u8; 6], ip: [u8; 4], target_ip: [u8; 4]) -> Vec<u8> {
    let mut arp = vec![0xff; 6];
    arp.extend(mac);
    arp.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, operation]);
    arp.extend(mac);
    arp.extend(ip);
    arp.extend([0; 6]);
    arp.extend(target_ip);
    arp
}

/// RFC 1071, as in its section 4.1.
pub fn checksum(data: &[u8]) -> [u8; 2] {
    let mut sum: u32 = 0;
    for pair in data.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// An IPv4 frame from the peer (RFC 791).
pub fn frame(src: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x45, 0];
    ip.extend((20 + payload.len() as u16).to_be_bytes());
    ip.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]);
    ip.extend(src);
    ip.extend(OUR_IP);
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    [&OUR_MAC[..], &PEER_MAC, &[8, 0], &ip, payload].concat()
}

/// A TCP segment without options (RFC 9293 3.1).
pub fn segment(src: [u8; 4], dst_port: u16, flags: u8, seq: u32, ack: u32) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(PEER_PORT.to_be_bytes());
    tcp.extend(dst_port.to_be_bytes());
    tcp.extend(seq.to_be_bytes());
    tcp.extend(ack.to_be_bytes());
    tcp.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    let pseudo = [&src[..], &OUR_IP, &[0, 6, 0, tcp.len() as u8], &tcp].concat();
    tcp[16..18].copy_from_slice(&checksum(&pseudo));
    frame(src, 6, &tcp)
}

/// What a TCP frame says: flags, sequence number, acknowledgement number, payload length.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// Its flags; [`SYN`] and others.
    pub flags: u8,
    /// Its sequence number.
    pub seq: u32,
    /// Its acknowledgement number.
    pub ack: u32,
    /// Length of its text.
    pub payload_len_bytes: usize,
}

/// What a frame to the peer says.
///
/// # Panics
/// When it is none.
pub fn said(frame: &[u8]) -> Said {
    assert_eq!(frame[..12], [PEER_MAC, OUR_MAC].concat());
    assert_eq!(
        (frame[12], frame[13], frame[23]),
        (8, 0, 6),
        "TCP over IPv4"
    );
    let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
    let total = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    Said {
        flags: frame[47],
        seq: number(38),
        ack: number(42),
        payload_len_bytes: total - 20 - usize::from(frame[46] >> 4) * 4,
    }
}

impl Peer {
    /// A host that knows nobody yet.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn stranger() -> Self {
        let (near, wire) = Cable::pair(0);
        let clock = Clock::simulated(1_000_000_000);
        let bus = Arc::new(ReferenceNic::new(Box::new(near), clock.clone()).unwrap());
        let mut config = StackConfig::new(0x0200_0000_0001, Ipv4Addr::from(OUR_IP), 24);
        config.seed = Some(1);
        let host = Host::manual(bus.clone(), config, Arc::new(HostClock(clock.clone()))).unwrap();
        Self {
            host,
            bus,
            wire,
            clock,
        }
    }

    /// A host that knows the peer's MAC address.
    ///
    /// # Panics
    /// When it cannot be started, or answers no ARP request.
    pub fn introduced() -> Self {
        let mut peer = Self::stranger();
        // The peer asks who has our address (RFC 826), so we know its own.
        let answers = peer.tell(&arp(ARP_REQUEST, PEER_MAC, PEER_IP, OUR_IP));
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0][..22], {
            let head = [0, 1, 8, 0, 6, 4, 0, 2];
            [&PEER_MAC[..], &OUR_MAC, &[8, 6], &head].concat()
        });
        assert_eq!(
            answers[0][22..42],
            [&OUR_MAC[..], &OUR_IP, &PEER_MAC, &PEER_IP].concat()
        );
        peer
    }

    /// Sends a frame; gives back what the host sends then.
    pub fn tell(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.wire.send(frame, self.clock.now_ns());
        self.listen()
    }

    /// What the host sends now.
    ///
    /// # Panics
    /// When the host fails.
    pub fn listen(&mut self) -> Vec<Vec<u8>> {
        let mut heard = Vec::new();
        for _ in 0..20 {
            self.bus.relax();
            self.host.poll().unwrap();
            let mut frame = Vec::new();
            while self.wire.receive(&mut frame, self.clock.now_ns()) {
                heard.push(frame.clone());
            }
            self.clock.advance_to(self.clock.now_ns() + 1000);
        }
        heard
    }

    /// A nonblocking listener at [`OUR_PORT`].
    ///
    /// # Panics
    /// When the port is taken.
    pub fn listener(&self) -> TcpListener {
        let mut socket = Socket::new(&self.host);
        socket.set_nonblocking(true);
        socket.bind((Ipv4Addr::from(OUR_IP), OUR_PORT)).unwrap();
        socket.listen(4).unwrap()
    }

    /// An active open to the peer, up to its SYN; gives back the own port and initial sequence number.
    ///
    /// # Panics
    /// When the host sends no SYN.
    pub fn connecting(&mut self) -> (TcpStream, u16, u32) {
        let mut socket = Socket::new(&self.host);
        socket.set_nonblocking(true);
        let remote = SocketAddrV4::new(Ipv4Addr::from(PEER_IP), PEER_PORT);
        let stream = socket.connect(remote).unwrap();
        let heard = self.listen();
        assert_eq!(heard.len(), 1);
        let syn = said(&heard[0]);
        assert_eq!((syn.flags, syn.ack), (SYN, 0));
        let port = stream.local_addr().unwrap().port();
        (stream, port, syn.seq)
    }

    /// A connection to the peer, nonblocking, with the own port and the sequence number of its first octet. The peer's first
    /// one is 9001.
    ///
    /// # Panics
    /// When the host does not open it as it should.
    pub fn connected(&mut self) -> (TcpStream, u16, u32) {
        let (stream, port, iss) = self.connecting();
        let first = iss.wrapping_add(1);
        let heard = self.tell(&segment(PEER_IP, port, SYN | ACK, 9000, first));
        assert_eq!(said(&heard[0]).flags, ACK);
        (stream, port, first)
    }

    /// An ICMP error (RFC 792) about the segment with this sequence number.
    pub fn icmp(&mut self, kind: u8, code: u8, mtu: u16, port: u16, seq: u32) -> Vec<Vec<u8>> {
        let mut message = vec![kind, code, 0, 0, 0, 0];
        message.extend(mtu.to_be_bytes());
        message.extend([0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0]);
        message.extend(OUR_IP);
        message.extend(PEER_IP);
        message.extend(port.to_be_bytes());
        message.extend(PEER_PORT.to_be_bytes());
        message.extend(seq.to_be_bytes());
        let sum = checksum(&message);
        message[2..4].copy_from_slice(&sum);
        self.tell(&frame(PEER_IP, 1, &message))
    }
}
