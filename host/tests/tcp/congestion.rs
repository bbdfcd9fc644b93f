//! Congestion control: RFC 5681, RFC 6582 (NewReno), RFC 3042, without SACK.

use crate::rig::{plain, Rig, MS, S};
use handclasp_host::tcp::Config;

/// ESTABLISHED, MSS 1000, a window of 65535, and `octets` to send.
fn sending(octets: usize) -> Rig {
    let mut rig = Rig::connect(plain(), 262_144, 16_384);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1000><WND=65535>");
    rig.all();
    rig.send(&vec![1; octets]);
    rig
}

fn ack(rig: &mut Rig, ack: u32) {
    rig.arrives(&format!("<SEQ=301><ACK={ack}><CTL=ACK><WND=65535>"));
}

fn window(rig: &mut Rig) -> (u32, u32) {
    let variables = rig.connection().variables();
    (variables.cwnd, variables.ssthresh)
}

/// What is sent, as (first octet, length).
fn pieces(rig: &mut Rig) -> Vec<(u32, usize)> {
    rig.all()
        .iter()
        .map(|sent| (sent.segment.seq.0, sent.payload.len()))
        .collect()
}

#[test]
fn the_initial_window_is_ten_segments() {
    // RFC 6928 2: min(10*MSS, max(2*MSS, 14600))
    let mut rig = sending(100_000);
    assert_eq!(rig.all().len(), 10);
    let mut rig = Rig::connect(plain(), 262_144, 16_384);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><WND=65535>");
    assert_eq!(rig.connection().variables().cwnd, 14_600);
}

#[test]
fn slow_start_adds_what_is_acknowledged_up_to_a_segment_an_ack() {
    // RFC 5681 3.1, equation 2
    let mut rig = sending(100_000);
    rig.all();
    ack(&mut rig, 1101);
    assert_eq!(window(&mut rig).0, 11_000);
    assert_eq!(pieces(&mut rig).len(), 2);
    ack(&mut rig, 3101);
    assert_eq!(window(&mut rig).0, 12_000, "one ACK, one segment");
    ack(&mut rig, 3401);
    assert_eq!(window(&mut rig).0, 12_300);
}

#[test]
fn an_idle_sender_does_not_open_its_window() {
    let mut rig = sending(1000);
    rig.all();
    ack(&mut rig, 1101);
    assert_eq!(window(&mut rig).0, 10_000);
}

#[test]
fn after_an_idle_time_slow_start_begins_anew() {
    // RFC 5681 4.1: no more than the restart window after an idle RTO
    let mut rig = sending(60_000);
    let mut acked = 101;
    while acked < 60_101 {
        for (seq, len) in pieces(&mut rig) {
            acked = seq + len as u32;
            ack(&mut rig, acked);
        }
    }
    assert!(window(&mut rig).0 > 30_000);
    rig.wait(2 * S);
    rig.send(&[1; 60_000]);
    assert_eq!(rig.all().len(), 10);
}

/// Ten segments are out, the first is lost, and its loss is found.
fn first_lost() -> Rig {
    let mut rig = sending(100_000);
    assert_eq!(rig.all().len(), 10);
    // RFC 3042: on the first two duplicates one new segment each
    ack(&mut rig, 101);
    assert_eq!(pieces(&mut rig), [(10_101, 1000)]);
    ack(&mut rig, 101);
    assert_eq!(pieces(&mut rig), [(11_101, 1000)]);
    // RFC 5681 3.2: on the third the lost segment, at once. FlightSize is 12 segments.
    ack(&mut rig, 101);
    assert_eq!(pieces(&mut rig), [(101, 1000)]);
    assert_eq!(window(&mut rig), (6000, 6000));
    rig
}

#[test]
fn three_duplicate_acks_retransmit_and_halve() {
    let mut rig = first_lost();
    // RFC 6582: cwnd = ssthresh + 3*SMSS, and a segment more each; FlightSize 12: new data from the seventh on
    for duplicate in 4..=6 {
        ack(&mut rig, 101);
        assert_eq!(pieces(&mut rig), [], "duplicate {duplicate}");
    }
    ack(&mut rig, 101);
    assert_eq!(pieces(&mut rig), [(12_101, 1000)]);
    ack(&mut rig, 101);
    assert_eq!(pieces(&mut rig), [(13_101, 1000)]);
    // The full acknowledgment ends it; option 1: cwnd = min(ssthresh, max(FlightSize, SMSS) + SMSS). Segments 12, 13
    // and 14 have not been acknowledged yet, ack up to the twelfth.
    ack(&mut rig, 12_101);
    let (cwnd, ssthresh) = window(&mut rig);
    assert_eq!((cwnd, ssthresh), (3000, 6000));
}

#[test]
fn a_fast_retransmit_has_its_own_time() {
    // RFC 6298 5.1 in spirit, RFC 6675 5 (4.3) and 6582 4: the timer is armed for what is sent again
    let mut rig = sending(10_000);
    rig.all();
    rig.wait(150 * MS);
    for _ in 0..3 {
        ack(&mut rig, 101);
    }
    assert_eq!(pieces(&mut rig)[0], (101, 1000));
    let rto = rig.connection().variables().rto_ns;
    assert_eq!(rig.connection().deadline(), Some(rig.now + rto));
}

#[test]
fn a_partial_ack_retransmits_the_next_hole() {
    // RFC 6582 3.2, step 3
    let mut rig = first_lost();
    for _ in 4..=9 {
        ack(&mut rig, 101);
    }
    rig.all();
    ack(&mut rig, 4101);
    assert_eq!(
        pieces(&mut rig)[0],
        (4101, 1000),
        "the first that is not acknowledged"
    );
    ack(&mut rig, 7101);
    assert_eq!(pieces(&mut rig)[0], (7101, 1000));
    assert_eq!(window(&mut rig).1, 6000, "halved once");
}

#[test]
fn a_partial_ack_deflates_the_window() {
    // RFC 6582 3.2, step 3: ssthresh 6 and 9 duplicates make 15, less 4 acknowledged, and 1 back: 12. 15 were out, 11
    // are: the lost one again, and one new.
    let mut rig = first_lost();
    for _ in 4..=9 {
        ack(&mut rig, 101);
    }
    assert_eq!(
        pieces(&mut rig),
        [(12_101, 1000), (13_101, 1000), (14_101, 1000)]
    );
    ack(&mut rig, 4101);
    assert_eq!(pieces(&mut rig), [(4101, 1000), (15_101, 1000)]);
}

#[test]
fn fast_retransmit_works_again_after_a_time_out() {
    let mut rig = sending(10_000);
    rig.all();
    rig.wait_for_deadline();
    rig.all();
    ack(&mut rig, 10_101);
    rig.send(&[1; 4000]);
    while rig.connection().variables().snd_nxt.0 < 12_101 {
        assert!(!rig.all().is_empty());
    }
    // RFC 6582 4: beyond what was out when the timer expired
    ack(&mut rig, 11_101);
    rig.all();
    for _ in 0..3 {
        ack(&mut rig, 11_101);
    }
    assert_eq!(pieces(&mut rig)[0], (11_101, 1000));
}

#[test]
fn the_repaired_window_is_not_repaired_again() {
    // RFC 6582 3.2 step 2: only when the ACK covers more than recover
    let mut rig = first_lost();
    for _ in 0..3 {
        ack(&mut rig, 101);
        rig.all();
    }
    let recover = rig.connection().variables().snd_nxt.0;
    ack(&mut rig, 12_101.max(recover));
    let after = window(&mut rig).1;
    rig.all();
    for _ in 0..3 {
        ack(&mut rig, 12_101.max(recover));
    }
    assert!(
        rig.all().iter().all(|sent| sent.segment.seq.0 >= recover),
        "nothing below recover"
    );
    assert_eq!(window(&mut rig).1, after);
}

#[test]
fn what_is_no_duplicate_ack_starts_nothing() {
    // RFC 5681 2: text, another window, or nothing outstanding
    let mut rig = sending(10_000);
    rig.all();
    for at in 0..5 {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><WND=65535><DATA=x>",
            301 + at
        ));
    }
    for window in 60_000..60_005 {
        rig.arrives(&format!("<SEQ=306><ACK=101><CTL=ACK><WND={window}>"));
    }
    assert!(rig.all().iter().all(|sent| sent.payload.is_empty()));
}

#[test]
fn congestion_avoidance_adds_a_segment_a_round_trip() {
    // RFC 5681 3.1, equation 3: SMSS*SMSS/cwnd an ACK
    let mut rig = first_lost();
    for _ in 4..=11 {
        ack(&mut rig, 101);
        rig.all();
    }
    let nxt = rig.connection().variables().snd_nxt.0;
    ack(&mut rig, nxt);
    // after the full acknowledgment slow start up to ssthresh, then avoidance
    while window(&mut rig).0 < 6000 {
        for (seq, len) in pieces(&mut rig) {
            ack(&mut rig, seq + len as u32);
        }
    }
    let before = window(&mut rig).0;
    let sent = pieces(&mut rig);
    for (seq, len) in &sent {
        ack(&mut rig, seq + *len as u32);
    }
    let growth = window(&mut rig).0 - before;
    assert!(
        (700..=1100).contains(&growth),
        "{growth} in a round trip of {} segments",
        sent.len()
    );
}

#[test]
fn nodelay_changes_nothing_about_congestion() {
    let mut rig = Rig::connect(
        Config {
            nodelay: true,
            ..plain()
        },
        262_144,
        16_384,
    );
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1000><WND=65535>");
    rig.all();
    rig.send(&vec![1; 100_000]);
    assert_eq!(rig.all().len(), 10);
}
