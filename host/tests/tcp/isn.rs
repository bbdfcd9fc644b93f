//! Initial sequence numbers: RFC 9293 3.4.1, RFC 6528.

use handclasp_host::tcp::IsnGenerator;

const LOCAL: (u32, u16) = (0xc000_0201, 80);
const REMOTE: (u32, u16) = (0xc633_6401, 40_000);

#[test]
fn the_clock_ticks_every_four_microseconds() {
    // MUST-8
    let isn = IsnGenerator::new([7; 16]);
    let at = |now_ns| isn.begin(now_ns, LOCAL, REMOTE).iss.0;
    let first = at(1_000_000_000);
    assert_eq!(at(1_000_000_000 + 4_000).wrapping_sub(first), 1);
    assert_eq!(at(2_000_000_000).wrapping_sub(first), 250_000);
    // and wraps without a panic, years later
    at(u64::MAX);
}

#[test]
fn each_of_the_four_and_the_secret_matters() {
    // MUST-9: F(localip, localport, remoteip, remoteport, secretkey)
    let isn = IsnGenerator::new([7; 16]);
    let same = isn.begin(0, LOCAL, REMOTE).iss;
    assert_eq!(same, isn.begin(0, LOCAL, REMOTE).iss);
    assert_ne!(same, isn.begin(0, (LOCAL.0 + 1, LOCAL.1), REMOTE).iss);
    assert_ne!(same, isn.begin(0, (LOCAL.0, LOCAL.1 + 1), REMOTE).iss);
    assert_ne!(same, isn.begin(0, LOCAL, (REMOTE.0 + 1, REMOTE.1)).iss);
    assert_ne!(same, isn.begin(0, LOCAL, (REMOTE.0, REMOTE.1 + 1)).iss);
    assert_ne!(same, IsnGenerator::new([8; 16]).begin(0, LOCAL, REMOTE).iss);
}

#[test]
fn timestamps_of_the_same_ends_go_on_from_where_they_were() {
    let isn = IsnGenerator::new([7; 16]);
    let offset = isn.begin(0, LOCAL, REMOTE).timestamp_offset;
    assert_eq!(
        offset,
        isn.begin(1_000_000_000, LOCAL, REMOTE).timestamp_offset
    );
    assert_ne!(offset, isn.begin(0, REMOTE, LOCAL).timestamp_offset);
}

#[test]
fn the_hash_is_siphash_2_4() {
    // That the library computes SipHash is its own business; here the streaming half of it checks what is hashed: the
    // addresses and ports in that order.
    use std::hash::Hasher;
    let mut hasher = siphasher::sip::SipHasher24::new_with_key(&[7; 16]);
    let mut bytes = Vec::new();
    bytes.extend(LOCAL.0.to_ne_bytes());
    bytes.extend(LOCAL.1.to_ne_bytes());
    bytes.extend(REMOTE.0.to_ne_bytes());
    bytes.extend(REMOTE.1.to_ne_bytes());
    hasher.write(&bytes);
    assert_eq!(
        IsnGenerator::new([7; 16]).begin(0, LOCAL, REMOTE).iss.0,
        hasher.finish() as u32
    );
}

#[test]
fn the_secret_is_not_printed() {
    assert!(!format!("{:?}", IsnGenerator::new([0xab; 16])).contains("171"));
}
