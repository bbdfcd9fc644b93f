//! One host, and at the other end of its cable frames written by hand from the RFCs: what it must answer, and what it must
//! not.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use handclasp_driver::Bus;
use handclasp_host::tcp::State;
use handclasp_host::{Host, Socket, StackConfig, TcpListener, TcpStream};
use handclasp_reference::ReferenceNic;
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;
use handclasp_wires::Wire;

const OUR_IP: [u8; 4] = [192, 0, 2, 1];
const PEER_IP: [u8; 4] = [192, 0, 2, 2];
const OUR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const OUR_PORT: u16 = 80;
const PEER_PORT: u16 = 0x1234;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

struct HostClock(Clock);

impl handclasp_host::Clock for HostClock {
    fn now_ns(&self) -> u64 {
        self.0.now_ns()
    }
}

/// A host and the bare end of its cable.
struct Peer {
    host: Host,
    bus: Arc<ReferenceNic>,
    wire: Cable,
    clock: Clock,
}

/// RFC 1071, as in its section 4.1.
fn checksum(data: &[u8]) -> [u8; 2] {
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
fn frame(src: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
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
fn segment(src: [u8; 4], dst_port: u16, flags: u8, seq: u32, ack: u32) -> Vec<u8> {
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
struct Said {
    flags: u8,
    seq: u32,
    ack: u32,
    payload_len_bytes: usize,
}

fn said(frame: &[u8]) -> Said {
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
    fn new() -> Self {
        let (near, wire) = Cable::pair(0);
        let clock = Clock::simulated(1_000_000_000);
        let bus = Arc::new(ReferenceNic::new(Box::new(near), clock.clone()).unwrap());
        let mut config = StackConfig::new(0x0200_0000_0001, Ipv4Addr::from(OUR_IP), 24);
        config.seed = Some(1);
        let host = Host::manual(bus.clone(), config, Arc::new(HostClock(clock.clone()))).unwrap();
        let mut peer = Self {
            host,
            bus,
            wire,
            clock,
        };
        // The peer asks who has our address (RFC 826), so we know its own.
        let mut arp = vec![0xff; 6];
        arp.extend(PEER_MAC);
        arp.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        arp.extend(PEER_MAC);
        arp.extend(PEER_IP);
        arp.extend([0; 6]);
        arp.extend(OUR_IP);
        let answers = peer.tell(&arp);
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
    fn tell(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.wire.send(frame, self.clock.now_ns());
        self.listen()
    }

    fn listen(&mut self) -> Vec<Vec<u8>> {
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

    fn listener(&self) -> TcpListener {
        let mut socket = Socket::new(&self.host);
        socket.set_nonblocking(true);
        socket.bind((Ipv4Addr::from(OUR_IP), OUR_PORT)).unwrap();
        socket.listen(4).unwrap()
    }

    /// An active open to the peer, up to its SYN; gives back the own port and initial sequence number.
    fn connecting(&mut self) -> (TcpStream, u16, u32) {
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

    /// An ICMP error (RFC 792) about the segment with this sequence number.
    fn icmp(&mut self, kind: u8, code: u8, mtu: u16, port: u16, seq: u32) -> Vec<Vec<u8>> {
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

#[test]
fn a_segment_that_matches_nothing_draws_the_reset_of_the_rfc() {
    let mut peer = Peer::new();
    let reset = |flags, seq, ack| Said {
        flags,
        seq,
        ack,
        payload_len_bytes: 0,
    };
    // RFC 9293 3.10.7.1: without ACK, <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.
    let heard = peer.tell(&segment(PEER_IP, OUR_PORT, SYN, 1000, 0));
    assert_eq!(heard.len(), 1);
    assert_eq!(said(&heard[0]), reset(RST | ACK, 0, 1001));
    // With ACK, <SEQ=SEG.ACK><CTL=RST>; also to a listening port (3.10.7.2).
    let heard = peer.tell(&segment(PEER_IP, OUR_PORT, ACK, 1000, 77));
    assert_eq!(said(&heard[0]), reset(RST, 77, 0));
    let _listener = peer.listener();
    let heard = peer.tell(&segment(PEER_IP, OUR_PORT, ACK, 1000, 78));
    assert_eq!(said(&heard[0]), reset(RST, 78, 0));
    // A RST is never answered; nor is a segment to a listener that is neither SYN nor ACK nor RST.
    assert!(peer.tell(&segment(PEER_IP, OUR_PORT, RST, 1, 0)).is_empty());
    assert!(peer.tell(&segment(PEER_IP, 81, RST, 1, 0)).is_empty());
    assert!(peer.tell(&segment(PEER_IP, OUR_PORT, 0, 1, 0)).is_empty());
    assert_eq!(peer.host.statistics().resets_sent, 3);
}

#[test]
fn a_segment_that_overtakes_its_flow_entry_finds_its_connection() {
    let mut peer = Peer::new();
    let listener = peer.listener();
    // SYNs arrive, more than may wait, before the NIC knows the flow: for it, all are the listener's.
    let syn = segment(PEER_IP, OUR_PORT, SYN, 1000, 0);
    for _ in 0..5 {
        peer.wire.send(&syn, peer.clock.now_ns());
    }
    let heard = peer.tell(&syn);
    let answers: Vec<_> = heard.iter().map(|frame| said(frame)).collect();
    assert!(!answers.is_empty());
    assert_eq!((answers[0].flags, answers[0].ack), (SYN | ACK, 1001));
    let iss = answers[0].seq;
    assert!(answers
        .iter()
        .all(|answer| answer.seq == iss || answer.seq == iss + 1));
    peer.tell(&segment(PEER_IP, OUR_PORT, ACK, 1001, iss.wrapping_add(1)));
    listener.accept().unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let counters = peer.host.nic_counters().unwrap();
    let listens = counters.iter().find(|(info, _)| info.name == "rx_listen");
    assert_eq!(listens.unwrap().1, 6, "all came as the listener's");
    assert_eq!(peer.host.statistics().syn_dropped_backlog, 0);
}

#[test]
fn nobody_is_answered_who_cannot_be_a_host() {
    let mut peer = Peer::new();
    let _listener = peer.listener();
    // RFC 9293 MUST-63; the last is the "land" attack, our own address.
    let sources = [
        [192, 0, 2, 255],
        [255, 255, 255, 255],
        [224, 0, 0, 1],
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        OUR_IP,
    ];
    for src in sources {
        let heard = peer.tell(&segment(src, OUR_PORT, SYN, 1000, 0));
        assert!(heard.is_empty(), "SYN from {src:?}");
    }
    assert_eq!(peer.host.statistics().bad_source, 6);
    // Who is in no network that we know a way to draws neither an answer nor an ARP request.
    assert!(peer
        .tell(&segment([10, 9, 8, 7], OUR_PORT, SYN, 1, 0))
        .is_empty());
}

#[test]
fn resets_to_strangers_have_a_limit() {
    let mut peer = Peer::new();
    let clock = peer.clock.clone();
    let stray = segment(PEER_IP, 81, SYN, 1000, 0);
    let second = clock.now_ns() + 1_000_000_000;
    let mut heard = 0;
    for _ in 0..1500 {
        peer.wire.send(&stray, clock.now_ns());
        peer.bus.relax();
        peer.host.poll().unwrap();
        let mut frame = Vec::new();
        while peer.wire.receive(&mut frame, clock.now_ns()) {
            heard += 1;
        }
    }
    assert!(clock.now_ns() < second);
    assert_eq!(heard, 1000);
    assert_eq!(peer.host.statistics().resets_withheld, 500);
    clock.advance_to(second + 1_000_000_000);
    assert_eq!(peer.tell(&stray).len(), 1);
}

#[test]
fn soft_icmp_errors_end_nothing_and_hard_ones_end_an_opening() {
    let mut peer = Peer::new();
    let (stream, port, iss) = peer.connecting();
    // RFC 9293 MUST-56: soft errors; MUST-55: source quench; and hard ones about what was never sent.
    for (kind, code) in [(3, 0), (3, 1), (3, 5), (11, 0), (11, 1), (12, 0), (4, 0)] {
        peer.icmp(kind, code, 0, port, iss);
    }
    peer.icmp(3, 3, 0, port, iss.wrapping_add(50_000));
    peer.icmp(3, 3, 0, port.wrapping_add(1), iss);
    assert_eq!(
        stream.connected().unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    peer.icmp(3, 3, 0, port, iss);
    assert_eq!(
        stream.connected().unwrap_err().kind(),
        ErrorKind::HostUnreachable
    );
    assert_eq!(peer.host.statistics().icmp_ignored, 1);
}

#[test]
fn an_established_connection_survives_hard_icmp_errors_and_obeys_the_path_mtu() {
    let mut peer = Peer::new();
    let (mut stream, port, iss) = peer.connecting();
    let heard = peer.tell(&segment(
        PEER_IP,
        port,
        SYN | ACK,
        9000,
        iss.wrapping_add(1),
    ));
    assert_eq!(said(&heard[0]).flags, ACK);
    stream.write_all(&[7; 400]).unwrap();
    let heard = peer.listen();
    let data = said(&heard[0]);
    assert_eq!(data.payload_len_bytes, 400);
    peer.icmp(3, 3, 0, port, data.seq);
    peer.icmp(3, 2, 0, port, data.seq);
    assert_eq!(stream.variables().unwrap().state, State::Established);
    // RFC 1191: a link of 296 bytes carries 256 of ours.
    assert_eq!(stream.variables().unwrap().mss, 536);
    peer.icmp(3, 4, 296, port, data.seq);
    assert_eq!(stream.variables().unwrap().mss, 256);
    peer.icmp(3, 4, 1500, port, data.seq);
    assert_eq!(stream.variables().unwrap().mss, 256, "it never grows");
}

#[test]
fn time_to_live_and_type_of_service_are_the_applications_choice() {
    let mut peer = Peer::new();
    let (mut stream, port, iss) = peer.connecting();
    peer.tell(&segment(
        PEER_IP,
        port,
        SYN | ACK,
        9000,
        iss.wrapping_add(1),
    ));
    let sent = |peer: &mut Peer, stream: &mut TcpStream| {
        stream.write_all(&[7]).unwrap();
        let heard = peer.listen();
        let number = said(&heard[0]);
        peer.tell(&segment(PEER_IP, port, ACK, 9001, number.seq + 1));
        assert_eq!(checksum(&heard[0][14..34]), [0, 0]);
        (heard[0][22], heard[0][15])
    };
    assert_eq!(sent(&mut peer, &mut stream), (64, 0));
    stream.set_ttl(1).unwrap();
    stream.set_tos(0xb8).unwrap();
    assert_eq!((stream.ttl().unwrap(), stream.tos().unwrap()), (1, 0xb8));
    assert_eq!(sent(&mut peer, &mut stream), (1, 0xb8));
    for bad in [0, 256] {
        let error = stream.set_ttl(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(
        stream.set_tos(1).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn pings_are_answered_with_their_data() {
    let mut peer = Peer::new();
    let mut echo = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
    echo.extend((0..1400).map(|n| n as u8));
    let sum = checksum(&echo);
    echo[2..4].copy_from_slice(&sum);
    // More than can be under way at once, one after the other.
    let mut heard = Vec::new();
    for n in 1..=40 {
        heard.extend(peer.tell(&frame(PEER_IP, 1, &echo)));
        assert_eq!(heard.len(), n);
    }
    let reply = &heard[39];
    assert_eq!(reply[..14], [&PEER_MAC[..], &OUR_MAC, &[8, 0]].concat());
    assert_eq!(checksum(&reply[14..34]), [0, 0]);
    assert_eq!(reply[26..34], [OUR_IP, PEER_IP].concat());
    assert_eq!(checksum(&reply[34..]), [0, 0]);
    assert_eq!((reply[34], reply[35]), (0, 0));
    assert_eq!(reply[38..], echo[4..]);
}
