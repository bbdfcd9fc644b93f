//! The tables against bytes written by hand, and the datasheet against the tables.

use handclasp_layout::frame::{Outcome, DELIVERY_STEPS, RECEIVE_STEPS, SENT_FIELDS};
use handclasp_layout::header::{EthernetHeader, Ipv4Header, TcpHeader, VlanTag};
use handclasp_layout::queue::{DropReason, RxEvent, SegmentCommand, Verdict};
use handclasp_layout::register::{Control, COUNTERS};
use handclasp_layout::table::{get_little_endian, get_network, set_little_endian, set_network};

/// A SYN from RFC 9293's figure, by hand: 192.0.2.1:49152 to 198.51.100.2:80.
const IP_SYN: [u8; 20] = [
    0x45, 0x02, 0x00, 0x2c, 0x12, 0x34, 0x40, 0x00, 0x40, 0x06, 0xab, 0xcd, 192, 0, 2, 1, 198, 51,
    100, 2,
];
const TCP_SYN: [u8; 20] = [
    0xc0, 0x00, 0x00, 0x50, 0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0x61, 0x02, 0xfa, 0xf0,
    0xbe, 0xef, 0x00, 0x07,
];

#[test]
fn headers_read_as_the_rfcs_draw_them() {
    let ip = Ipv4Header::decode(&IP_SYN);
    assert_eq!((ip.version, ip.ihl_words, ip.tos), (4, 5, 2));
    assert_eq!((ip.total_len_bytes, ip.identification), (44, 0x1234));
    assert!(ip.dont_fragment && !ip.more_fragments && ip.fragment_offset == 0);
    assert_eq!((ip.ttl, ip.protocol, ip.checksum), (64, 6, 0xabcd));
    assert_eq!((ip.src_ip, ip.dst_ip), (0xc000_0201, 0xc633_6402));
    let tcp = TcpHeader::decode(&TCP_SYN);
    assert_eq!((tcp.src_port, tcp.dst_port), (49152, 80));
    assert_eq!((tcp.seq, tcp.data_offset_words), (0x0102_0304, 6));
    // The ninth flag (AE) is the last bit of byte 12.
    assert_eq!(tcp.tcp_flags, 0x102);
    assert_eq!(
        (tcp.window, tcp.checksum, tcp.urgent),
        (0xfaf0, 0xbeef, 0x0007)
    );
    assert_eq!(ip.encode(), IP_SYN);
    assert_eq!(tcp.encode(), TCP_SYN);
}

#[test]
fn commands_lie_in_memory_as_the_table_says() {
    let command = SegmentCommand {
        opcode: 1,
        want_completion: true,
        has_timestamps: true,
        connection: 0x0203,
        payload_len_bytes: 0x04_0506,
        window_scale: 7,
        sack_count: 3,
        payload_addr: 0x1112_1314_1516_1718,
        seq: 0x2122_2324,
        tcp_flags: 0x118,
        window: 0x3132,
        sack2_right: 0x4142_4344,
        ..SegmentCommand::default()
    };
    let bytes = command.encode();
    assert_eq!(
        bytes[..16],
        [
            0x01, 0x03, 0x03, 0x02, 0x06, 0x05, 0x04, 0x37, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13,
            0x12, 0x11
        ]
    );
    assert_eq!(bytes[16..20], [0x24, 0x23, 0x22, 0x21]);
    assert_eq!(bytes[24..28], [0x18, 0x01, 0x32, 0x31]);
    assert_eq!(bytes[60..], [0x44, 0x43, 0x42, 0x41]);
    assert_eq!(SegmentCommand::decode(&bytes), command);
}

#[test]
fn the_phase_is_in_the_last_byte() {
    let event = RxEvent {
        phase: true,
        ..RxEvent::default()
    };
    assert_eq!(event.encode()[63], 1);
    assert_eq!(event.encode()[..63], [0; 63]);
    assert_eq!(Control::decode(&[0x05, 0, 0, 0]).encode(), [0x05, 0, 0, 0]);
}

#[test]
fn fields_of_any_width_and_place_come_back() {
    for width in 1..=64 {
        for offset in 0..16 {
            let value = 0x9e37_79b9_7f4a_7c15_u64 >> (64 - width);
            let mut bytes = [0xff; 10];
            set_little_endian(&mut bytes, offset, width, value);
            assert_eq!(get_little_endian(&bytes, offset, width), value);
            assert_eq!(
                bytes.iter().map(|b| b.count_zeros()).sum::<u32>(),
                width as u32 - value.count_ones()
            );
            let mut bytes = [0xff; 10];
            set_network(&mut bytes, offset, width, value);
            assert_eq!(get_network(&bytes, offset, width), value);
            assert_eq!(
                bytes.iter().map(|b| b.count_zeros()).sum::<u32>(),
                width as u32 - value.count_ones()
            );
        }
    }
}

#[test]
fn a_field_beyond_the_bytes_is_zero_and_writes_nothing() {
    assert_eq!(get_network(&[0xff], 4, 16), 0xf000);
    assert_eq!(get_little_endian(&[0xff], 4, 16), 0x000f);
    let mut bytes = [0];
    set_network(&mut bytes, 4, 16, 0xffff);
    assert_eq!(bytes, [0x0f]);
}

#[test]
fn each_drop_reason_has_its_counter() {
    assert_eq!(DropReason::None.counter(), None);
    assert_eq!(
        DropReason::TcpChecksum.counter().map(|c| c.name),
        Some("rx_drop_tcp_checksum")
    );
    for code in &DropReason::CODES[1..] {
        let squashed = COUNTERS[code.value as usize].name.replace('_', "");
        assert_eq!(squashed, format!("rxdrop{}", code.name.to_lowercase()));
    }
}

#[test]
fn unknown_codes_are_refused() {
    assert_eq!(Verdict::try_from(5), Ok(Verdict::Drop));
    assert_eq!(Verdict::try_from(0), Err(0));
    assert_eq!(Verdict::try_from(6), Err(6));
}

#[test]
fn every_drop_reason_has_its_place_in_the_order() {
    let steps = RECEIVE_STEPS.iter().chain(DELIVERY_STEPS);
    let mut reasons: Vec<_> = steps
        .filter_map(|step| match step.outcome {
            Outcome::Drop(reason) => Some(reason as u8),
            Outcome::Deliver(_) => None,
        })
        .collect();
    reasons.sort_unstable();
    // Disabled is there twice: before the headers are looked at, and when the bus refuses the payload.
    reasons.dedup();
    let all: Vec<_> = DropReason::CODES[1..].iter().map(|c| c.value).collect();
    assert_eq!(reasons, all);
}

#[test]
fn every_field_of_a_sent_header_is_said() {
    let said = SENT_FIELDS.iter().map(|sent| (sent.header, sent.field));
    let tables = [
        EthernetHeader::TABLE,
        VlanTag::TABLE,
        Ipv4Header::TABLE,
        TcpHeader::TABLE,
    ];
    let all = tables.iter().flat_map(|table| {
        let fields = table.fields.iter();
        fields.map(|field| (table.name, field.name))
    });
    assert!(said.eq(all));
}

/// By hand: 02:00:c0:00:02:01 and 192.0.2.1, the least significant byte first.
#[test]
fn the_datasheet_shows_how_addresses_lie_in_memory() {
    let datasheet = handclasp_layout::datasheet::render();
    let mac = "| MAC_LOW = 0xc0000201, MAC_HIGH = 0x0200 | 01 02 00 c0 00 02 |";
    assert!(datasheet.contains(mac), "{mac}");
    let ip = "| LOCAL_IP = 0xc0000201 | 01 02 00 c0 |";
    assert!(datasheet.contains(ip), "{ip}");
}

#[test]
fn the_datasheet_is_not_stale() {
    assert!(
        include_str!("../../../DATASHEET.md") == handclasp_layout::datasheet::render(),
        "DATASHEET.md is stale: run `cargo run -p handclasp-layout --bin datasheet > DATASHEET.md`"
    );
}
