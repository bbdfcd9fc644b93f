//! One host, and at the other end of its cable frames written by hand from the RFCs: what it must answer, and what it must
//! not.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use handclasp_driver::Bus;
use handclasp_host::tcp::State;
use handclasp_host::TcpStream;
use handclasp_tests::peer::{
    checksum, frame, said, segment, Peer, Said, ACK, FIN, OUR_IP, OUR_MAC, OUR_PORT, PEER_IP,
    PEER_MAC, RST, SYN,
};
use handclasp_wires::Wire;

#[test]
fn a_segment_that_matches_nothing_draws_the_reset_of_the_rfc() {
    let mut peer = Peer::introduced();
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
    let mut peer = Peer::introduced();
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
    let mut peer = Peer::introduced();
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
    let mut peer = Peer::introduced();
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
    let mut peer = Peer::introduced();
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
    let mut peer = Peer::introduced();
    let (mut stream, port, _) = peer.connected();
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
    let mut peer = Peer::introduced();
    let (mut stream, port, _) = peer.connected();
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
    let mut peer = Peer::introduced();
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

#[test]
fn the_end_of_a_host_leaves_no_peer_waiting() {
    let mut peer = Peer::introduced();
    // What is on the wire already, without a turn of the NIC.
    let last_flags = |peer: &mut Peer| {
        let mut frame = Vec::new();
        while peer.wire.receive(&mut frame, peer.clock.now_ns()) {}
        (!frame.is_empty()).then(|| said(&frame).flags)
    };
    // Nobody accepts this one, so its end is a RST, which must leave the NIC before the process may end.
    let listener = peer.listener();
    let heard = peer.tell(&segment(PEER_IP, OUR_PORT, SYN, 1000, 0));
    let iss = said(&heard[0]).seq;
    peer.tell(&segment(PEER_IP, OUR_PORT, ACK, 1001, iss.wrapping_add(1)));
    drop(listener);
    assert_eq!(last_flags(&mut peer), None);
    assert!(!peer.host.drain(Duration::ZERO));
    assert_eq!(last_flags(&mut peer), Some(RST | ACK));

    // This one's peer has not closed: what it sends later would have no answer.
    let (stream, port, first) = peer.connected();
    drop(stream);
    assert_eq!(said(&peer.listen()[0]).flags, FIN | ACK);
    peer.tell(&segment(PEER_IP, port, ACK, 9001, first.wrapping_add(1)));
    assert!(!peer.host.drain(Duration::ZERO));
    assert_eq!(last_flags(&mut peer), Some(RST | ACK));
    assert!(peer.host.drain(Duration::ZERO), "nothing is left");
}
