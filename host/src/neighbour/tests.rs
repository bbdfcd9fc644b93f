use super::*;

const MAC: u64 = 0x0200_0000_0001;
const IP: u32 = 0xc0a8_0001;
const PEER_MAC: u64 = 0x0200_0000_0002;
const PEER_IP: u32 = 0xc0a8_0002;
const SECOND: u64 = 1_000_000_000;

/// Written by hand from RFC 826: 192.168.0.2 at 02:00:00:00:00:02 asks who has 192.168.0.1.
const WHO_HAS_US: [u8; 28] = [
    0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 192, 168, 0, 2, 0, 0, 0, 0, 0, 0, 192, 168, 0, 1,
];
/// The same station answers 192.168.0.1 at 02:00:00:00:00:01.
const PEER_IS_AT: [u8; 28] = [
    0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 192, 168, 0, 2, 2, 0, 0, 0, 0, 1, 192, 168, 0, 1,
];

fn neighbours() -> Neighbours {
    Neighbours::new(MAC, IP)
}

fn packet(bytes: &[u8; 28]) -> ArpPacket {
    ArpPacket::decode(bytes)
}

#[test]
fn a_request_for_us_is_answered_and_its_sender_learnt() {
    let mut neighbours = neighbours();
    let reply = neighbours.packet_arrives(0, &packet(&WHO_HAS_US)).unwrap();
    let expected: [u8; 28] = [
        0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 192, 168, 0, 1, 2, 0, 0, 0, 0, 2, 192, 168, 0, 2,
    ];
    assert_eq!(reply.encode(), expected);
    assert_eq!(neighbours.lookup(PEER_IP, 0), Lookup::Found(PEER_MAC));
    assert_eq!(neighbours.next_request(0), None);
}

#[test]
fn an_unknown_address_is_asked_for_and_found() {
    let mut neighbours = neighbours();
    assert_eq!(neighbours.lookup(PEER_IP, 5), Lookup::Pending);
    let request = neighbours.next_request(5).unwrap();
    let expected: [u8; 28] = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 168, 0, 1, 0, 0, 0, 0, 0, 0, 192, 168, 0, 2,
    ];
    assert_eq!(request.packet.encode(), expected);
    assert_eq!(request.dst_mac, MAC_BROADCAST);
    assert_eq!(neighbours.next_request(5), None);
    assert_eq!(neighbours.packet_arrives(9, &packet(&PEER_IS_AT)), None);
    assert_eq!(neighbours.next_change(), Some(PEER_IP));
    assert_eq!(neighbours.lookup(PEER_IP, 9), Lookup::Found(PEER_MAC));
}

#[test]
fn requests_back_off_and_fail() {
    let mut neighbours = neighbours();
    neighbours.lookup(PEER_IP, 0);
    neighbours.retain(PEER_IP, 0);
    for at in [0, SECOND, 3 * SECOND] {
        assert_eq!(neighbours.deadline_ns(), Some(at));
        assert!(neighbours.next_request(at).is_some(), "at {at}");
        assert_eq!(neighbours.next_request(at), None);
        assert_eq!(neighbours.lookup(PEER_IP, at), Lookup::Pending);
    }
    assert_eq!(neighbours.next_request(7 * SECOND), None);
    assert_eq!(neighbours.next_change(), Some(PEER_IP));
    assert_eq!(neighbours.lookup(PEER_IP, 7 * SECOND), Lookup::Unreachable);
    // While a connection still wants it, it is asked for again after a pause.
    assert_eq!(neighbours.next_request(9 * SECOND), None);
    assert!(neighbours.next_request(10 * SECOND).is_some());
}

#[test]
fn an_address_in_use_is_checked_and_an_unused_one_forgotten() {
    let mut neighbours = neighbours();
    neighbours.packet_arrives(0, &packet(&WHO_HAS_US));
    neighbours.retain(PEER_IP, 0);
    let check = neighbours.next_request(60 * SECOND).unwrap();
    assert_eq!(check.dst_mac, PEER_MAC, "a check is a unicast poll");
    assert_eq!(neighbours.cached(PEER_IP), Some(PEER_MAC));
    neighbours.packet_arrives(60 * SECOND, &packet(&PEER_IS_AT));
    assert_eq!(neighbours.next_request(119 * SECOND), None);
    neighbours.release(PEER_IP);
    assert_eq!(neighbours.next_request(120 * SECOND), None);
    assert_eq!(neighbours.cached(PEER_IP), None);
    assert_eq!(neighbours.deadline_ns(), None);
}

#[test]
fn an_unasked_announcement_does_not_redirect() {
    let mut neighbours = neighbours();
    neighbours.packet_arrives(0, &packet(&WHO_HAS_US));
    while neighbours.next_change().is_some() {}
    let forged = ArpPacket {
        operation: ARP_REPLY,
        sender_mac: 0x0600_0000_0666,
        target_ip: PEER_IP,
        ..packet(&WHO_HAS_US)
    };
    neighbours.packet_arrives(1, &forged);
    assert_eq!(neighbours.lookup(PEER_IP, 1), Lookup::Found(PEER_MAC));
    assert_eq!(neighbours.next_request(1).unwrap().dst_mac, PEER_MAC);
    neighbours.packet_arrives(2, &packet(&PEER_IS_AT));
    assert_eq!(neighbours.lookup(PEER_IP, 2), Lookup::Found(PEER_MAC));
    assert_eq!(neighbours.next_change(), None);
}

#[test]
fn an_announcement_of_a_stranger_is_not_learnt() {
    let mut neighbours = neighbours();
    let announcement = ArpPacket {
        target_ip: PEER_IP,
        ..packet(&WHO_HAS_US)
    };
    assert_eq!(neighbours.packet_arrives(0, &announcement), None);
    assert_eq!(neighbours.cached(PEER_IP), None);
}

#[test]
fn what_no_station_can_send_is_ignored() {
    let good = packet(&WHO_HAS_US);
    let mut neighbours = neighbours();
    for bad in [
        ArpPacket {
            hardware_type: 6,
            ..good
        },
        ArpPacket {
            protocol_type: 0x86dd,
            ..good
        },
        ArpPacket {
            hardware_len_bytes: 8,
            ..good
        },
        ArpPacket {
            protocol_len_bytes: 16,
            ..good
        },
        ArpPacket {
            operation: 3,
            ..good
        },
        ArpPacket {
            sender_mac: MAC_BROADCAST,
            ..good
        },
        ArpPacket {
            sender_mac: 0,
            ..good
        },
        ArpPacket {
            sender_ip: IP,
            ..good
        },
    ] {
        assert_eq!(neighbours.packet_arrives(0, &bad), None, "{bad:?}");
    }
    assert_eq!(neighbours.cached(PEER_IP), None);
    assert_eq!(neighbours.conflicts(), 1);
    // A probe (RFC 5227) is answered, and 0.0.0.0 is not learnt.
    let probe = ArpPacket {
        sender_ip: 0,
        ..good
    };
    assert!(neighbours.packet_arrives(0, &probe).is_some());
    assert_eq!(neighbours.cached(0), None);
}

#[test]
fn a_flood_of_askers_pushes_out_only_what_is_not_in_use() {
    let mut neighbours = neighbours();
    neighbours.packet_arrives(0, &packet(&WHO_HAS_US));
    neighbours.retain(PEER_IP, 0);
    for n in 0..2 * CAPACITY as u32 {
        let asker = ArpPacket {
            sender_ip: 0x0a00_0000 + n,
            ..packet(&WHO_HAS_US)
        };
        neighbours.packet_arrives(1 + u64::from(n), &asker);
    }
    assert_eq!(neighbours.entries.len(), CAPACITY);
    assert_eq!(neighbours.cached(PEER_IP), Some(PEER_MAC));
}
