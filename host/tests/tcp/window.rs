//! Windows: silly window avoidance on both sides, Nagle's algorithm, zero windows, window scale (RFC 9293 3.8.6,
//! RFC 7323 2).

use crate::rig::{plain, Rig, MS, S};
use handclasp_host::tcp::{Config, ConnectionError, State};

const SECOND: &str = "<SEQ=101><ACK=301><CTL=ACK>";

/// ESTABLISHED with MSS 1000 and the peer's window.
fn with_window(config: Config, window: u16) -> Rig {
    let mut rig = Rig::connect(config, 65_536, 16_384);
    rig.all();
    rig.wait(100 * MS);
    rig.arrives(&format!(
        "<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1000><WND={window}>"
    ));
    rig.sends(&[SECOND]);
    rig
}

#[test]
fn small_writes_wait_for_the_ack() {
    // Nagle's algorithm, 3.7.4 (SHLD-7)
    let mut rig = with_window(plain(), 65_535);
    rig.send(b"a");
    rig.sends(&["<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=a>"]);
    rig.send(b"b");
    rig.send(b"c");
    rig.sends_nothing();
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=65535>");
    rig.sends(&["<SEQ=102><ACK=301><CTL=PSH,ACK><DATA=bc>"]);
}

#[test]
fn full_segments_do_not_wait() {
    let mut rig = with_window(plain(), 65_535);
    rig.send(b"a");
    rig.all();
    rig.send(&[1; 1500]);
    rig.sends(&["<SEQ=102><ACK=301><CTL=ACK><LEN=1000>"]);
}

#[test]
fn without_nagle_small_writes_go_at_once() {
    // MUST-17: it can be switched off for a connection
    let mut rig = with_window(plain(), 65_535);
    rig.connection().set_nodelay(true);
    rig.send(b"a");
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><DATA=a>"]);
    rig.send(b"b");
    rig.sends(&["<SEQ=102><ACK=301><CTL=ACK><DATA=b>"]);
}

#[test]
fn the_last_data_does_not_wait() {
    let mut rig = with_window(plain(), 65_535);
    rig.send(b"a");
    rig.all();
    rig.send(b"b");
    rig.sends_nothing();
    rig.connection().shutdown_write();
    rig.sends(&["<SEQ=102><ACK=301><CTL=FIN,ACK><DATA=b>"]);
}

#[test]
fn nothing_goes_beyond_the_window() {
    let mut rig = with_window(plain(), 2500);
    rig.send(&[1; 5000]);
    // 500 octets of window are left: less than a segment, and less than half of the largest window
    rig.sends(&[
        "<SEQ=101><ACK=301><CTL=ACK><LEN=1000>",
        "<SEQ=1101><ACK=301><CTL=ACK><LEN=1000>",
    ]);
    rig.arrives("<SEQ=301><ACK=1101><CTL=ACK><WND=2500>");
    rig.sends(&["<SEQ=2101><ACK=301><CTL=ACK><LEN=1000>"]);
}

#[test]
fn a_window_smaller_than_a_segment_is_used_when_it_is_half_of_the_largest() {
    // 3.8.6.2.1 (3): Fs = 1/2
    let mut rig = with_window(plain(), 600);
    rig.send(&[1; 5000]);
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><LEN=600>"]);
    rig.arrives("<SEQ=301><ACK=701><CTL=ACK><WND=300>");
    rig.sends(&["<SEQ=701><ACK=301><CTL=ACK><LEN=300>"]);
    rig.arrives("<SEQ=301><ACK=1001><CTL=ACK><WND=299>");
    rig.sends_nothing();
    // (4): the override time-out, 0.1 to 1.0 s
    let wait = rig.wait_for_deadline();
    assert!((100 * MS..=S).contains(&wait), "{wait}");
    rig.sends(&["<SEQ=1001><ACK=301><CTL=ACK><LEN=299>"]);
    // which holds for one segment
    rig.arrives("<SEQ=301><ACK=1101><CTL=ACK><WND=299>");
    rig.sends_nothing();
}

#[test]
fn a_zero_window_is_probed_and_the_connection_stays_open() {
    // 3.8.6.1: MUST-35..37, SHLD-29 (first after an RTO), SHLD-30 (then doubling); the RTO is 337.5 ms
    let mut rig = with_window(plain(), 1000);
    rig.send(&[1; 2000]);
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><LEN=1000>"]);
    rig.arrives("<SEQ=301><ACK=1101><CTL=ACK><WND=0>");
    rig.sends_nothing();
    let mut waits = Vec::new();
    for _ in 0..200 {
        waits.push(rig.wait_for_deadline());
        rig.sends(&["<SEQ=1101><ACK=301><CTL=ACK><LEN=1>"]);
        rig.arrives("<SEQ=301><ACK=1101><CTL=ACK><WND=0>");
        rig.sends_nothing();
        assert_eq!(rig.state(), State::Established);
    }
    // RFC 6298 2.3 after round trips of 100 ms and 0: RTTVAR 62.5, SRTT 87.5
    assert_eq!(waits[0], 337_500_000);
    for pair in waits.windows(2) {
        assert_eq!(
            pair[1],
            (2 * pair[0]).min(60 * S),
            "doubling, up to a minute"
        );
    }
    // hours later the window opens
    rig.arrives("<SEQ=301><ACK=1101><CTL=ACK><WND=4000>");
    rig.sends(&["<SEQ=1101><ACK=301><CTL=ACK><LEN=1000>"]);
    assert!(
        rig.connection().variables().rto_ns == waits[0],
        "the probes' intervals are forgotten"
    );
}

#[test]
fn a_probe_that_is_taken_counts() {
    let mut rig = with_window(plain(), 0);
    rig.send(b"abc");
    rig.sends_nothing();
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><DATA=a>"]);
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=0>");
    rig.sends_nothing();
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=102><ACK=301><CTL=ACK><DATA=b>"]);
    rig.arrives("<SEQ=301><ACK=103><CTL=ACK><WND=100>");
    rig.sends(&["<SEQ=103><ACK=301><CTL=ACK><DATA=c>"]);
}

#[test]
fn a_fin_behind_a_zero_window_is_the_probe() {
    let mut rig = with_window(plain(), 0);
    rig.connection().shutdown_write();
    rig.sends_nothing();
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=101><ACK=301><CTL=FIN,ACK>"]);
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=0>");
    assert_eq!(rig.state(), State::FinWait2);
}

#[test]
fn a_zero_window_without_answers_times_out() {
    // MUST-37 holds as long as the peer sends ACKs
    let mut rig = with_window(plain(), 0);
    rig.send(b"abc");
    rig.all();
    while rig.state() == State::Established {
        rig.wait_for_deadline();
        rig.all();
    }
    assert_eq!(rig.connection().error(), Some(ConnectionError::TimedOut));
}

#[test]
fn a_window_taken_back_is_survived() {
    // MUST-34, SHLD-15..17: two segments are out, and the peer shrinks its window to nothing, then to one
    let mut rig = with_window(plain(), 2000);
    rig.send(&[1; 4000]);
    rig.sends(&[
        "<SEQ=101><ACK=301><CTL=ACK><LEN=1000>",
        "<SEQ=1101><ACK=301><CTL=ACK><LEN=1000>",
    ]);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=0>");
    rig.sends_nothing();
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><LEN=1>"]);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=1000>");
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><LEN=1000>"]);
    rig.arrives("<SEQ=301><ACK=1101><CTL=ACK><WND=3000>");
    let sent: usize = rig.all().iter().map(|sent| sent.payload.len()).sum();
    assert_eq!(sent, 2000, "cwnd is two segments after the time-out");
}

#[test]
fn an_old_segment_does_not_change_the_window() {
    // fifth, ESTABLISHED: SND.WL1, SND.WL2
    let mut rig = with_window(plain(), 4000);
    rig.arrives("<SEQ=305><ACK=101><CTL=ACK><WND=2000>");
    assert_eq!(rig.connection().variables().snd_wnd, 2000);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=9000>");
    assert_eq!(rig.connection().variables().snd_wnd, 2000);
    rig.arrives("<SEQ=305><ACK=101><CTL=ACK><WND=3000>");
    assert_eq!(rig.connection().variables().snd_wnd, 3000);
}

// Our own window.

#[test]
fn the_window_offered_shrinks_as_data_waits_and_its_edge_stays() {
    // SHLD-14, 3.8.6.2.2
    let mut rig = Rig::established_with(plain(), 4096, 4096, "<MSS=1000>");
    for (at, window) in [(0, 3096), (1, 2096), (2, 1096), (3, 96)] {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><LEN=1000>",
            301 + 1000 * at
        ));
        rig.wait(500 * MS);
        rig.sends(&[&format!(
            "<SEQ=101><ACK={}><CTL=ACK><WND={window}>",
            1301 + 1000 * at
        )]);
    }
}

#[test]
fn the_window_grows_by_steps_worth_a_segment() {
    // 3.8.6.2.2, MUST-39: min(1/2 * RCV.BUFF, Eff.snd.MSS) = 1460 here
    let mut rig = Rig::established_with(plain(), 4096, 4096, "<MSS=1000>");
    for at in 0..4 {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><LEN=1000>",
            301 + 1000 * at
        ));
    }
    rig.sends(&["<SEQ=101><ACK=4301><CTL=ACK><WND=96>"]);
    let mut buffer = [0; 1000];
    assert_eq!(rig.connection().receive(&mut buffer), Ok(Some(1000)));
    rig.sends_nothing();
    rig.arrives("<SEQ=4301><ACK=101><CTL=ACK><LEN=10>");
    rig.wait(500 * MS);
    rig.sends(&["<SEQ=101><ACK=4311><CTL=ACK><WND=86>"]);
    assert_eq!(rig.connection().receive(&mut buffer), Ok(Some(1000)));
    // 2000 octets of room more: the peer, which waits, is told at once
    rig.sends(&["<SEQ=101><ACK=4311><CTL=ACK><WND=2086>"]);
}

#[test]
fn a_closed_window_still_takes_ack_urg_and_rst() {
    // MUST-66
    let full = || {
        let mut rig = Rig::established_with(plain(), 4096, 4096, "<MSS=1000>");
        rig.send(b"ours");
        rig.all();
        rig.arrives("<SEQ=301><ACK=101><CTL=ACK><LEN=4096>");
        rig.sends(&["<SEQ=105><ACK=4397><CTL=ACK><WND=0>"]);
        rig
    };
    let mut rig = full();
    rig.arrives("<SEQ=4397><ACK=105><CTL=ACK>");
    rig.sends_nothing();
    assert_eq!(rig.connection().unacknowledged_len_bytes(), 0);
    // a probe: its ACK counts, its text does not, and it is answered
    let mut rig = full();
    rig.arrives("<SEQ=4397><ACK=105><CTL=URG,ACK><UP=9><DATA=p>");
    rig.sends(&["<SEQ=105><ACK=4397><CTL=ACK><WND=0>"]);
    assert_eq!(rig.connection().unacknowledged_len_bytes(), 0);
    assert_eq!(rig.connection().urgent_len_bytes(), Some(4096 + 9));
    let mut rig = full();
    rig.arrives("<SEQ=4397><CTL=RST>");
    assert_eq!(rig.connection().error(), Some(ConnectionError::Reset));
}

#[test]
fn windows_are_scaled_after_the_syn() {
    // RFC 7323 2.2, 2.3
    let config = Config {
        timestamps: false,
        sack: false,
        ..Config::default()
    };
    let mut rig = Rig::connect(config, 65_536, 262_144);
    rig.sends(&["<SEQ=100><CTL=SYN><WND=65535><WS=3>"]);
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><WS=2><WND=1000>");
    assert_eq!(
        rig.connection().variables().snd_wnd,
        1000,
        "not scaled in a SYN"
    );
    // 262144 / 8
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><WND=32768>"]);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=1000>");
    assert_eq!(rig.connection().variables().snd_wnd, 4000);
}

#[test]
fn a_scale_above_14_is_taken_for_14() {
    // RFC 7323 2.3
    for shift in [14, 15, 255] {
        let config = Config {
            timestamps: false,
            sack: false,
            ..Config::default()
        };
        let mut rig = Rig::connect(config, 4096, 4096);
        rig.all();
        rig.arrives(&format!(
            "<SEQ=300><ACK=101><CTL=SYN,ACK><WS={shift}><WND=1>"
        ));
        rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=65535>");
        assert_eq!(rig.connection().variables().snd_wnd, 65_535 << 14);
    }
}

#[test]
fn without_the_peers_option_nothing_is_scaled() {
    let config = Config {
        timestamps: false,
        sack: false,
        ..Config::default()
    };
    let mut rig = Rig::connect(config, 65_536, 262_144);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><WND=1000>");
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><WND=65535>"]);
}

#[test]
fn segments_end_where_the_ring_wraps() {
    // 4096 octets of ring: after 3500 are acknowledged but not all, a segment of 596 and one of the rest
    let config = Config {
        nodelay: true,
        ..plain()
    };
    let mut rig = Rig::connect(config, 4096, 4096);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1000><WND=65535>");
    rig.all();
    rig.send(&[1; 3501]);
    rig.all();
    rig.arrives("<SEQ=301><ACK=3601><CTL=ACK><WND=65535>");
    let text: Vec<u8> = (0..2000u32).map(|at| at as u8).collect();
    rig.send(&text);
    let sent = rig.all();
    let joined: Vec<u8> = sent.iter().flat_map(|sent| sent.payload.clone()).collect();
    assert_eq!(joined, text);
    assert_eq!(sent[0].payload.len(), 595);
    // and once more, from the timer
    rig.arrives("<SEQ=301><ACK=3602><CTL=ACK><WND=65535>");
    rig.wait_for_deadline();
    let again = rig.all();
    assert_eq!(again[0].payload, &text[..595]);
}
