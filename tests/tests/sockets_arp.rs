//! What ARP packets, written by hand from RFC 826, do to answers and connections.

use std::io::Write;

use handclasp_host::TcpStream;
use handclasp_tests::peer::{
    arp, said, segment, Peer, Said, ACK, ARP_REPLY, ARP_REQUEST, OUR_IP, OUR_MAC, PEER_IP,
    PEER_MAC, RST, SYN,
};

const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 3];
const BROADCAST: [u8; 6] = [0xff; 6];
const CLOSED_PORT: u16 = 81;
const MILLISECOND_NS: u64 = 1_000_000;

/// Whom a frame asks for which address; `None` when it is no ARP request of ours.
fn asked(frame: &[u8]) -> Option<([u8; 6], [u8; 4])> {
    let head = [&OUR_MAC[..], &[8, 6, 0, 1, 8, 0, 6, 4, 0, ARP_REQUEST]].concat();
    let sender = [&OUR_MAC[..], &OUR_IP].concat();
    let is_request = frame[6..22] == head && frame[22..32] == sender;
    is_request.then(|| {
        let (to, ip) = (&frame[..6], &frame[38..42]);
        (to.try_into().unwrap(), ip.try_into().unwrap())
    })
}

/// An announcement of the peer's address by the station at `mac` (RFC 5227 2.3, RFC 826).
fn announcement(mac: [u8; 6]) -> Vec<u8> {
    arp(ARP_REQUEST, mac, PEER_IP, PEER_IP)
}

fn pass(peer: &mut Peer, ns: u64) -> Vec<Vec<u8>> {
    peer.clock.advance_to(peer.clock.now_ns() + ns);
    peer.listen()
}

/// Where a new text of one octet goes, which the peer then acknowledges.
fn goes_to(peer: &mut Peer, stream: &mut TcpStream, port: u16) -> [u8; 6] {
    stream.write_all(&[7]).unwrap();
    let heard = peer.listen();
    let text = heard.iter().find(|frame| frame[12..14] == [8, 0]).unwrap();
    let seq = u32::from_be_bytes(text[38..42].try_into().unwrap());
    peer.tell(&segment(PEER_IP, port, ACK, 9001, seq.wrapping_add(1)));
    text[..6].try_into().unwrap()
}

#[test]
fn a_peer_that_never_asks_gets_its_reset() {
    let mut peer = Peer::stranger();
    let heard = peer.tell(&segment(PEER_IP, CLOSED_PORT, SYN, 1000, 0));
    assert_eq!(heard.len(), 1);
    assert_eq!(asked(&heard[0]), Some((BROADCAST, PEER_IP)));
    assert_eq!(peer.host.statistics().resets_sent, 0);
    let heard = peer.tell(&arp(ARP_REPLY, PEER_MAC, PEER_IP, OUR_IP));
    assert_eq!(heard.len(), 1);
    let reset = Said {
        flags: RST | ACK,
        seq: 0,
        ack: 1001,
        payload_len_bytes: 0,
    };
    assert_eq!(said(&heard[0]), reset);
    // From now on at once.
    let heard = peer.tell(&segment(PEER_IP, CLOSED_PORT, SYN, 1000, 0));
    assert_eq!(said(&heard[0]), reset);
    assert_eq!(peer.host.statistics().resets_sent, 2);
    assert_eq!(peer.host.statistics().resets_withheld, 0);
}

#[test]
fn forged_sources_draw_few_requests() {
    let mut peer = Peer::stranger();
    let mut requests = 0;
    for second in 0..10 {
        for number in 10..110 {
            let src = [192, 0, 2, number];
            let heard = peer.tell(&segment(src, CLOSED_PORT, SYN, 1000, 0));
            requests += heard.iter().filter(|frame| asked(frame).is_some()).count();
        }
        assert!(second > 0 || requests == 16, "{requests}");
        requests += pass(&mut peer, 1000 * MILLISECOND_NS).len();
    }
    // Each is asked for three times in 7 s, and then makes room for another one.
    assert!((16 * 3..=16 * 6).contains(&requests), "{requests}");
    let statistics = peer.host.statistics();
    assert_eq!(statistics.resets_sent, 0);
    assert!(statistics.resets_withheld > 900, "{statistics:?}");
}

#[test]
fn a_connection_follows_its_peer_to_another_machine() {
    let mut peer = Peer::introduced();
    let (mut stream, port, _) = peer.connected();
    assert_eq!(goes_to(&mut peer, &mut stream, port), PEER_MAC);
    let begin_ns = peer.clock.now_ns();
    let heard = peer.tell(&announcement(OTHER_MAC));
    assert_eq!(heard.len(), 1);
    assert_eq!(asked(&heard[0]), Some((PEER_MAC, PEER_IP)));
    // Until the old machine has had its time to answer, all goes there.
    assert_eq!(goes_to(&mut peer, &mut stream, port), PEER_MAC);
    assert!(peer.tell(&announcement(OTHER_MAC)).is_empty());
    while goes_to(&mut peer, &mut stream, port) != OTHER_MAC {
        pass(&mut peer, 10 * MILLISECOND_NS);
    }
    let took_ns = peer.clock.now_ns() - begin_ns;
    assert!(took_ns < 400 * MILLISECOND_NS, "{took_ns}");
    // And back again. What is in flight then is sent again at once, not when its timer expires.
    pass(&mut peer, 1000 * MILLISECOND_NS);
    stream.write_all(&[7]).unwrap();
    assert_eq!(peer.listen()[0][..6], OTHER_MAC);
    peer.tell(&announcement(PEER_MAC));
    let heard = pass(&mut peer, 250 * MILLISECOND_NS);
    assert_eq!(heard[0][..6], OTHER_MAC, "its first retransmission");
    let heard = pass(&mut peer, 60 * MILLISECOND_NS);
    assert_eq!(heard.len(), 1);
    let text = said(&heard[0]);
    assert_eq!(text.payload_len_bytes, 1);
    peer.tell(&segment(PEER_IP, port, ACK, 9001, text.seq.wrapping_add(1)));
    // So it stays.
    pass(&mut peer, 5000 * MILLISECOND_NS);
    assert_eq!(goes_to(&mut peer, &mut stream, port), PEER_MAC);
}

#[test]
fn forged_packets_move_no_connection_whose_peer_answers() {
    let mut peer = Peer::introduced();
    let (mut stream, port, _) = peer.connected();
    let mut requests = 0;
    for _ in 0..100 {
        let mut heard = peer.tell(&announcement(OTHER_MAC));
        // An answer before the peer's own.
        heard.extend(peer.tell(&arp(ARP_REPLY, OTHER_MAC, PEER_IP, OUR_IP)));
        heard.extend(pass(&mut peer, 20 * MILLISECOND_NS));
        for request in heard.iter().filter_map(|frame| asked(frame)) {
            assert_eq!(request, (PEER_MAC, PEER_IP));
            requests += 1;
            peer.tell(&arp(ARP_REPLY, PEER_MAC, PEER_IP, OUR_IP));
        }
    }
    assert_eq!(goes_to(&mut peer, &mut stream, port), PEER_MAC);
    // It took 2 s.
    assert!((2..=3).contains(&requests), "{requests}");
}
