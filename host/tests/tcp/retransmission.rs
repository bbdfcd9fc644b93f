//! The retransmission timer: RFC 6298, Karn's algorithm, R1 and R2 (RFC 9293 3.8.1 to 3.8.3).

use crate::rig::{plain, Rig, MS, S};
use handclasp_host::tcp::{Config, ConnectionError, State};

/// ESTABLISHED after a handshake whose round trip took 100 ms.
fn rtt_100_ms(config: Config) -> Rig {
    let mut rig = Rig::connect(config, 65_536, 16_384);
    rig.all();
    rig.wait(100 * MS);
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1000><WND=65535>");
    rig.all();
    rig
}

fn rto(rig: &mut Rig) -> u64 {
    rig.connection().variables().rto_ns
}

#[test]
fn the_time_out_follows_the_measurements() {
    let mut rig = rtt_100_ms(plain());
    // RFC 6298 2.2: SRTT = 100, RTTVAR = 50, RTO = 100 + 4 * 50
    assert_eq!(rto(&mut rig), 300 * MS);
    rig.send(b"x");
    rig.all();
    rig.wait(200 * MS);
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=65535>");
    // 2.3: RTTVAR = 3/4 * 50 + 1/4 * |100 - 200| = 62.5, SRTT = 7/8 * 100 + 1/8 * 200 = 112.5
    assert_eq!(rig.connection().variables().srtt_ns, Some(112_500_000));
    assert_eq!(rto(&mut rig), 362_500_000);
}

#[test]
fn the_time_out_has_a_least_value() {
    // 2.4, with the least value that is configured: SRTT and RTTVAR sink towards an RTT of 0
    let mut rig = rtt_100_ms(plain());
    for at in 0..100 {
        rig.send(b"x");
        rig.all();
        rig.arrives(&format!("<SEQ=301><ACK={}><CTL=ACK><WND=65535>", 102 + at));
    }
    assert_eq!(rto(&mut rig), 200 * MS);
    let mut rig = rtt_100_ms(Config {
        rto_min_ns: S,
        ..plain()
    });
    assert_eq!(rto(&mut rig), S, "as the RFC would have it");
}

#[test]
fn only_one_segment_is_timed_and_no_repeated_one() {
    // RFC 6298 3, Karn's algorithm (MUST-18): the ACK of what was sent twice measures nothing
    let mut rig = rtt_100_ms(plain());
    rig.send(b"x");
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><DATA=x>"]);
    assert_eq!(rig.wait_for_deadline(), 300 * MS);
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><DATA=x>"]);
    assert_eq!(rto(&mut rig), 600 * MS, "5.5: doubled");
    rig.wait(MS);
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=65535>");
    assert_eq!(
        rto(&mut rig),
        600 * MS,
        "and kept until there is a measurement"
    );
    rig.send(b"y");
    rig.all();
    rig.wait(100 * MS);
    rig.arrives("<SEQ=301><ACK=103><CTL=ACK><WND=65535>");
    // RTTVAR = 3/4 * 50 = 37.5
    assert_eq!(rto(&mut rig), 250 * MS);
}

#[test]
fn the_timer_doubles_and_then_the_connection_is_given_up() {
    // 5.5, 5.6; MUST-20, 21: R1 (3 retransmissions) and R2 (default 5 minutes, at least 100 s: SHLD-11)
    let mut rig = rtt_100_ms(plain());
    rig.send(b"x");
    rig.all();
    let mut waits = Vec::new();
    let mut struggling_after = None;
    while rig.state() == State::Established {
        waits.push(rig.wait_for_deadline() / MS);
        if rig.connection().is_struggling() && struggling_after.is_none() {
            struggling_after = Some(waits.len());
        }
        if rig.state() == State::Established {
            rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><DATA=x>"]);
        }
    }
    assert_eq!(
        waits[..9],
        [300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 60_000]
    );
    assert!(waits[9..].iter().all(|wait| *wait == 60_000));
    assert_eq!(struggling_after, Some(3));
    let total = waits.iter().sum::<u64>();
    assert!((300_000..360_000).contains(&total), "{total}");
    assert_eq!(rig.connection().error(), Some(ConnectionError::TimedOut));
    rig.sends_nothing();
}

#[test]
fn an_ack_of_new_data_restarts_the_timer_and_of_all_stops_it() {
    // 5.2, 5.3
    let mut rig = rtt_100_ms(Config {
        nodelay: true,
        ..plain()
    });
    rig.send(b"x");
    rig.all();
    rig.wait(50 * MS);
    rig.send(b"y");
    rig.sends(&["<SEQ=102><ACK=301><CTL=ACK><DATA=y>"]);
    assert_eq!(
        rig.connection().deadline(),
        Some(rig.now + 250 * MS),
        "5.1: it runs since the first"
    );
    rig.wait(50 * MS);
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=65535>");
    let rto = rto(&mut rig);
    assert_eq!(rig.connection().deadline(), Some(rig.now + rto));
    rig.arrives("<SEQ=301><ACK=103><CTL=ACK><WND=65535>");
    assert_eq!(rig.connection().deadline(), None);
}

#[test]
fn after_a_time_out_slow_start_and_all_again() {
    // RFC 5681 3.1: ssthresh = max(FlightSize / 2, 2*SMSS), cwnd = 1 segment
    let mut rig = rtt_100_ms(plain());
    rig.send(&[1; 10_000]);
    assert_eq!(rig.all().len(), 10);
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><LEN=1000>"]);
    let variables = rig.connection().variables();
    assert_eq!((variables.cwnd, variables.ssthresh), (1000, 5000));
    rig.arrives("<SEQ=301><ACK=1101><CTL=ACK><WND=65535>");
    rig.sends(&[
        "<SEQ=1101><ACK=301><CTL=ACK><LEN=1000>",
        "<SEQ=2101><ACK=301><CTL=ACK><LEN=1000>",
    ]);
    // the peer had all but the first three
    rig.arrives("<SEQ=301><ACK=2101><CTL=ACK><WND=65535>");
    rig.sends(&[
        "<SEQ=3101><ACK=301><CTL=ACK><LEN=1000>",
        "<SEQ=4101><ACK=301><CTL=ACK><LEN=1000>",
    ]);
    rig.arrives("<SEQ=301><ACK=10101><CTL=ACK><WND=65535>");
    rig.sends_nothing();
    assert_eq!(rig.connection().deadline(), None);
}

#[test]
fn ssthresh_is_halved_once_for_a_window_that_times_out_twice() {
    // RFC 5681 3.1: ssthresh is held constant when the segment has already been retransmitted by the timer
    let mut rig = rtt_100_ms(plain());
    rig.send(&[1; 10_000]);
    rig.all();
    for _ in 0..3 {
        rig.wait_for_deadline();
        rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><LEN=1000>"]);
        assert_eq!(rig.connection().variables().ssthresh, 5000);
    }
}

#[test]
fn what_is_repeated_need_not_be_cut_as_before() {
    // The ACK may end anywhere.
    let mut rig = rtt_100_ms(plain());
    rig.send(b"abc");
    rig.all();
    rig.send(b"def");
    rig.sends_nothing();
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><DATA=abc>"]);
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><WND=65535>");
    rig.sends_nothing();
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=102><ACK=301><CTL=ACK><DATA=bc>"]);
}
