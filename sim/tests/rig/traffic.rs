//! Random frames, good and bad in every way that has a drop reason, and random commands.

use handclasp_layout::queue::{FlowCommand, SegmentCommand};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{IP, MAC};

/// Ports and addresses are few, so that flows and listeners are hit.
pub const PORTS: [u16; 4] = [80, 443, 49152, 65535];
pub const PEERS: [[u8; 4]; 3] = [[192, 0, 2, 2], [198, 51, 100, 7], [203, 0, 113, 255]];

fn chance(random: &mut ChaCha8Rng, percent: u32) -> bool {
    random.random_range(0..100) < percent
}

fn pick<T: Copy>(random: &mut ChaCha8Rng, from: &[T]) -> T {
    from[random.random_range(0..from.len())]
}

fn bytes(random: &mut ChaCha8Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.random()).collect()
}

/// RFC 1071.
fn checksum(data: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in data.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// TCP options, usually legal, at most 40 bytes and a multiple of 4.
fn options(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut options = Vec::new();
    for _ in 0..random.random_range(0..6) {
        let before = options.len();
        match random.random_range(0..9) {
            0 => options.push(1),
            1 => {
                options.extend([2, 4]);
                options.extend(bytes(random, 2));
            }
            2 => options.extend([3, 3, random.random_range(0..20)]),
            3 => options.extend([4, 2]),
            4 => {
                options.extend([8, 10]);
                options.extend(bytes(random, 8));
            }
            5 => {
                let blocks = random.random_range(1..=4);
                options.extend([5, 2 + 8 * blocks]);
                options.extend(bytes(random, 8 * usize::from(blocks)));
            }
            6 => {
                // An unknown kind is skipped by its length.
                let len = random.random_range(2..12);
                options.extend([random.random_range(9..=255), len]);
                options.extend(bytes(random, usize::from(len) - 2));
            }
            7 if chance(random, 20) => options.push(0),
            _ if chance(random, 15) => {
                // A known kind with a wrong length, or anything at all.
                options.extend([random.random_range(2..9), random.random_range(0..14)]);
            }
            _ => {}
        }
        if options.len() > 40 {
            options.truncate(if chance(random, 90) { before } else { 40 });
        }
    }
    while options.len() % 4 != 0 {
        options.push(if chance(random, 50) { 1 } else { 0 });
    }
    options
}

fn tcp(random: &mut ChaCha8Rng, src: [u8; 4], dst: [u8; 4]) -> Vec<u8> {
    let options = options(random);
    let mut data_offset = 5 + (options.len() / 4) as u8;
    if chance(random, 4) {
        data_offset = random.random_range(0..16);
    }
    let payload_len = pick(random, &[0, 0, 1, 5, 63, 64, 65, 536, 1000, 1380, 5000]);
    let flags: u16 = random.random_range(0..4096);
    let mut segment = Vec::new();
    segment.extend(pick(random, &PORTS).to_be_bytes());
    segment.extend(pick(random, &PORTS).to_be_bytes());
    segment.extend(bytes(random, 8));
    segment.extend([data_offset << 4 | (flags >> 8) as u8, flags as u8]);
    segment.extend(bytes(random, 2));
    segment.extend([0, 0]);
    segment.extend(bytes(random, 2));
    segment.extend(options);
    segment.extend(bytes(random, payload_len));
    let mut summed = [&src[..], &dst[..], &[0, 6]].concat();
    summed.extend((segment.len() as u16).to_be_bytes());
    summed.extend(&segment);
    let mut sum = checksum(&summed);
    if chance(random, 6) {
        sum ^= 1 << random.random_range(0..16);
    }
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

fn ipv4(random: &mut ChaCha8Rng) -> Vec<u8> {
    let src = pick(random, &PEERS);
    let dst = if chance(random, 94) {
        IP
    } else {
        pick(random, &PEERS)
    };
    let option_words = if chance(random, 85) {
        0
    } else {
        random.random_range(1..=10)
    };
    let mut version_ihl = 0x45 + option_words;
    if chance(random, 4) {
        version_ihl = random.random();
    }
    let protocol = if chance(random, 90) {
        6
    } else {
        random.random()
    };
    let data = match protocol {
        6 => tcp(random, src, dst),
        _ => {
            let len = random.random_range(0..200);
            bytes(random, len)
        }
    };
    let header_len = 20 + 4 * usize::from(option_words);
    let mut total_len = (header_len + data.len()) as u16;
    if chance(random, 4) {
        total_len = match random.random_range(0..3) {
            0 => random.random_range(0..80),
            1 => total_len.wrapping_sub(random.random_range(0..30)),
            _ => total_len.wrapping_add(random.random_range(0..90)),
        };
    }
    let fragment: u16 = match random.random_range(0..100) {
        0..2 => 0x2000,
        2..4 => random.random_range(1..0x2000),
        4..50 => 0x4000,
        _ => 0,
    };
    let mut packet = vec![version_ihl, random.random()];
    packet.extend(total_len.to_be_bytes());
    packet.extend(bytes(random, 2));
    packet.extend(fragment.to_be_bytes());
    packet.extend([random.random(), protocol, 0, 0]);
    packet.extend(src);
    packet.extend(dst);
    packet.extend(bytes(random, header_len - 20));
    // What the receiver takes for the header is what the sum has to be right for.
    let summed = (usize::from(version_ihl & 15) * 4).clamp(20, header_len);
    let mut sum = checksum(&packet[..summed]);
    if chance(random, 4) {
        sum ^= 1 << random.random_range(0..16);
    }
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(data);
    packet
}

/// A frame, without preamble and FCS.
pub fn frame(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mac = MAC.to_be_bytes();
    let mut frame = match random.random_range(0..100) {
        0..90 => mac[2..].to_vec(),
        90..95 => vec![0xff; 6],
        _ => bytes(random, 6),
    };
    frame.extend(bytes(random, 6));
    for _ in 0..pick(random, &[0, 0, 0, 0, 0, 0, 1, 1, 1, 2]) {
        frame.extend([0x81, 0x00]);
        frame.extend(bytes(random, 2));
    }
    match random.random_range(0..100) {
        0..92 => {
            frame.extend([0x08, 0x00]);
            frame.extend(ipv4(random));
        }
        92..94 => {
            frame.extend([0x08, 0x06]);
            frame.extend(bytes(random, 28));
        }
        _ => {
            let len = random.random_range(0..1500);
            frame.extend(bytes(random, len));
        }
    }
    // Most frames are padded to what Ethernet demands; the NIC must bear the others as well.
    if chance(random, 90) && frame.len() < 60 {
        frame.resize(60, random.random());
    }
    match random.random_range(0..100) {
        0..4 => frame.truncate(random.random_range(1..=frame.len())),
        4..8 => frame.extend(vec![0; random.random_range(1..100)]),
        8 => frame.resize(random.random_range(2040..2060), 0),
        _ => {}
    }
    frame
}

/// A flow between the ports and peers of the frames.
pub fn flow(random: &mut ChaCha8Rng, connections: u16) -> FlowCommand {
    FlowCommand {
        want_completion: chance(random, 50),
        lookup: chance(random, 90),
        has_vlan: chance(random, 20),
        connection: if chance(random, 95) {
            random.random_range(0..connections)
        } else {
            random.random()
        },
        remote_ip: u32::from_be_bytes(pick(random, &PEERS)),
        local_ip: u32::from_be_bytes(IP),
        remote_port: pick(random, &PORTS),
        local_port: pick(random, &PORTS),
        remote_mac: random.random_range(0..1 << 48),
        ttl: random.random(),
        tos: random.random(),
        vlan_tci: random.random(),
        ..FlowCommand::default()
    }
}

/// A segment whose payload lies within `memory_bytes` from `memory_addr`.
pub fn segment(
    random: &mut ChaCha8Rng,
    connections: u16,
    memory_addr: u64,
    memory_bytes: u32,
) -> SegmentCommand {
    let payload_len_bytes = match random.random_range(0..10) {
        0..3 => 0,
        3..6 => random.random_range(1..100),
        6..9 => random.random_range(1..=1460),
        _ => random.random_range(1380..1600),
    };
    SegmentCommand {
        want_completion: chance(random, 50),
        has_timestamps: chance(random, 50),
        has_mss: chance(random, 20),
        has_window_scale: chance(random, 20),
        has_sack_permitted: chance(random, 20),
        connection: if chance(random, 95) {
            random.random_range(0..connections)
        } else {
            random.random()
        },
        payload_len_bytes,
        window_scale: random.random_range(0..15),
        sack_count: pick(random, &[0, 0, 0, 0, 1, 2, 3]),
        payload_addr: memory_addr
            + u64::from(random.random_range(0..memory_bytes - payload_len_bytes)),
        seq: random.random(),
        ack: random.random(),
        tcp_flags: random.random_range(0..512),
        window: random.random(),
        mss: random.random(),
        ts_val: random.random(),
        ts_ecr: random.random(),
        sack0_left: random.random(),
        sack0_right: random.random(),
        sack1_left: random.random(),
        sack1_right: random.random(),
        sack2_left: random.random(),
        sack2_right: random.random(),
        ..SegmentCommand::default()
    }
}
