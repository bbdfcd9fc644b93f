//! Timestamps: RFC 7323 3 to 5. Our clock shows 1 000 000 (ms) when the connection is opened.

use crate::rig::{Rig, MS, S};
use handclasp_host::tcp::Config;

fn config() -> Config {
    Config {
        sack: false,
        window_scale: false,
        ..Config::default()
    }
}

/// ESTABLISHED, with TS.Recent 5000.
fn established() -> Rig {
    let mut rig = Rig::connect(config(), 65_536, 16_384);
    rig.sends(&["<SEQ=100><CTL=SYN><TS=1000000:0>"]);
    rig.wait(100 * MS);
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1012><WND=65535><TS=5000:1000000>");
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><TS=1000100:5000>"]);
    rig
}

#[test]
fn every_segment_carries_them_once_negotiated() {
    // 3.2
    let mut rig = established();
    rig.send(&[1; 1000]);
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><TS=1000100:5000><LEN=1000>"]);
    rig.wait(7 * MS);
    rig.arrives("<SEQ=301><ACK=1101><CTL=FIN,ACK><TS=5003:1000100>");
    rig.sends(&["<SEQ=1101><ACK=302><CTL=ACK><TS=1000107:5003>"]);
    rig.connection().shutdown_write();
    rig.sends(&["<SEQ=1101><ACK=302><CTL=FIN,ACK><TS=1000107:5003>"]);
}

#[test]
fn they_take_their_octets_from_the_segment() {
    // MUST-16: MSS 1012 less 12
    let mut rig = established();
    rig.send(&[1; 2000]);
    assert_eq!(rig.all()[0].payload.len(), 1000);
}

#[test]
fn a_segment_without_is_dropped_in_silence() {
    // 3.2: SHOULD silently drop; RST is excepted
    let mut rig = established();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=x>");
    rig.sends_nothing();
    assert_eq!(rig.read(), b"");
    rig.arrives("<SEQ=301><CTL=RST>");
    assert!(rig.connection().error().is_some());
}

#[test]
fn when_the_peer_does_not_offer_them_there_are_none() {
    let mut rig = Rig::connect(config(), 65_536, 16_384);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK>");
    let sent = rig.all();
    assert_eq!(sent[0].segment.options.timestamps, None);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=x>");
    assert_eq!(rig.read(), b"x");
}

#[test]
fn an_old_duplicate_is_acknowledged_and_dropped() {
    // PAWS, 5.3 R1: SEG.TSval < TS.Recent
    let mut rig = established();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=old><TS=4999:1000100>");
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><TS=1000100:5000>"]);
    assert_eq!(rig.read(), b"");
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=new><TS=5000:1000100>");
    assert_eq!(rig.read(), b"new");
}

#[test]
fn the_clock_may_wrap() {
    // 5.2: compared modulo 2^32
    let mut rig = Rig::connect(config(), 65_536, 16_384);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><WND=65535><TS=4294967295:1000000>");
    rig.all();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=a><TS=3:1000000>");
    rig.arrives("<SEQ=302><ACK=101><CTL=ACK><DATA=b><TS=4294967290:1000000>");
    assert_eq!(rig.read(), b"a");
}

#[test]
fn after_24_days_of_silence_it_is_not_held_against_the_peer() {
    // 5.5
    let mut rig = established();
    rig.wait(25 * 24 * 3600 * S);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=awake><TS=4000:1000100>");
    assert_eq!(rig.read(), b"awake");
}

#[test]
fn the_echo_is_of_the_segment_that_the_ack_is_about() {
    // 4.3: with delayed ACKs that of the first; beyond a hole that of the last in order; filling one that of the filler
    let mut rig = established();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><LEN=1000><TS=5001:1000100>");
    rig.arrives("<SEQ=1301><ACK=101><CTL=ACK><LEN=1000><TS=5002:1000100>");
    rig.sends(&["<SEQ=101><ACK=2301><CTL=ACK><TS=1000100:5001>"]);
    rig.arrives("<SEQ=3301><ACK=101><CTL=ACK><LEN=1000><TS=5004:1000100>");
    rig.sends(&["<SEQ=101><ACK=2301><CTL=ACK><TS=1000100:5001>"]);
    rig.arrives("<SEQ=2301><ACK=101><CTL=ACK><LEN=1000><TS=5003:1000100>");
    rig.sends(&["<SEQ=101><ACK=4301><CTL=ACK><TS=1000100:5003>"]);
}

#[test]
fn what_was_sent_twice_can_be_measured() {
    // RFC 7323 4.1: the echo tells which one was acknowledged; RFC 6298 3 allows it
    let mut rig = established();
    rig.send(b"x");
    rig.all();
    rig.wait_for_deadline();
    rig.all();
    assert_eq!(rig.connection().variables().rto_ns, 600 * MS);
    rig.wait(100 * MS);
    // TSecr of the second: sent 300 ms after the handshake
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=65535><TS=5001:1000400>");
    // RTTVAR = 3/4 * 50 + 0
    assert_eq!(rig.connection().variables().rto_ns, 250 * MS);
}

#[test]
fn an_absurd_echo_measures_nothing() {
    let mut rig = established();
    rig.send(b"x");
    rig.all();
    rig.wait_for_deadline();
    rig.all();
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=65535><TS=5001:2000000>");
    assert_eq!(rig.connection().variables().srtt_ns, Some(100 * MS));
}
