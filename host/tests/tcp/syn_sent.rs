//! SYN-SENT: RFC 9293 3.10.7.3, and the active open (3.10.1).

use crate::rig::{plain, Rig, S};
use handclasp_host::tcp::{Config, ConnectionError, State};

#[test]
fn the_syn_offers_what_is_configured() {
    let mut rig = Rig::connect(Config::default(), 16_384, 262_144);
    // 262144 = 65536 << 2 does not fit into 16 bits at scale 2, so the scale is 3 (RFC 7323 2.3); the window of a SYN
    // is not scaled (2.2). The clock shows 1000 s in ms, and TSecr is 0 without ACK (3.2).
    rig.sends(&["<SEQ=100><CTL=SYN><WND=65535><MSS=1460><WS=3><SACKOK=1><TS=1000000:0>"]);
    assert_eq!(rig.state(), State::SynSent);
}

#[test]
fn nothing_is_offered_that_is_switched_off() {
    let mut rig = Rig::connect(plain(), 16_384, 16_384);
    let syn = rig.all().remove(0).segment;
    assert_eq!(syn.options.window_scale, None);
    assert_eq!(syn.options.timestamps, None);
    assert!(!syn.options.sack_permitted);
    assert_eq!(syn.options.mss, Some(1460));
}

#[test]
fn syn_ack_opens_the_connection() {
    // 3.5, figure 6
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK>");
    assert_eq!(rig.state(), State::Established);
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK>"]);
    assert_eq!(
        rig.connection().deadline(),
        None,
        "nothing is left to wait for"
    );
}

#[test]
fn data_written_before_goes_with_the_handshakes_ack() {
    // 3.10.2: SYN-SENT, queue the data; 3.10.7.3: data queued MAY be included
    let mut rig = Rig::syn_sent();
    rig.send(b"hello");
    rig.sends_nothing();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK>");
    rig.sends(&["<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=hello>"]);
}

#[test]
fn text_with_the_syn_ack_is_taken() {
    // 3.10.7.3, fourth: other controls or text, continue at the sixth step
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><DATA=welcome>");
    rig.sends(&["<SEQ=101><ACK=308><CTL=ACK>"]);
    assert_eq!(rig.read(), b"welcome");
}

#[test]
fn syn_ack_with_fin_closes_the_other_side_at_once() {
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,FIN,ACK>");
    rig.sends(&["<SEQ=101><ACK=302><CTL=ACK>"]);
    assert_eq!(rig.state(), State::CloseWait);
}

#[test]
fn an_unacceptable_ack_is_reset() {
    // first: SEG.ACK =< ISS or SEG.ACK > SND.NXT: <SEQ=SEG.ACK><CTL=RST>
    for ack in [100u32, 99, 102, 2_147_483_748] {
        for control in ["ACK", "SYN,ACK"] {
            let mut rig = Rig::syn_sent();
            rig.arrives(&format!("<SEQ=300><ACK={ack}><CTL={control}>"));
            rig.sends(&[&format!("<SEQ={ack}><CTL=RST>")]);
            assert_eq!(rig.state(), State::SynSent);
        }
    }
}

#[test]
fn an_unacceptable_ack_with_rst_is_dropped() {
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><ACK=100><CTL=RST,ACK>");
    rig.sends_nothing();
    assert_eq!(rig.state(), State::SynSent);
}

#[test]
fn no_ack_is_acceptable_before_the_syn_has_left() {
    let mut rig = Rig::connect(plain(), 16_384, 16_384);
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK>");
    assert_eq!(rig.state(), State::SynSent);
}

#[test]
fn rst_with_acceptable_ack_refuses() {
    // second: "connection reset", which sockets call refused here
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=0><ACK=101><CTL=RST,ACK>");
    rig.sends_nothing();
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.connection().error(), Some(ConnectionError::Refused));
    assert_eq!(
        rig.connection().receive(&mut [0; 8]),
        Err(ConnectionError::Refused)
    );
    assert!(rig.connection().send(b"x").is_err());
}

#[test]
fn rst_without_ack_is_dropped() {
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><CTL=RST>");
    rig.sends_nothing();
    assert_eq!(rig.state(), State::SynSent);
}

#[test]
fn neither_syn_nor_rst_is_dropped() {
    // fifth
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><ACK=101><CTL=ACK><DATA=x>");
    rig.arrives("<SEQ=300><CTL=FIN>");
    rig.sends_nothing();
    assert_eq!(rig.state(), State::SynSent);
}

#[test]
fn both_open_at_once() {
    // 3.5, figure 8: simultaneous open (MUST-10)
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><CTL=SYN>");
    assert_eq!(rig.state(), State::SynReceived);
    rig.sends(&["<SEQ=100><ACK=301><CTL=SYN,ACK>"]);
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK>");
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn both_open_at_once_and_the_second_syn_is_lost() {
    // the peer goes on with an ACK of our SYN+ACK
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><CTL=SYN>");
    rig.sends(&["<SEQ=100><ACK=301><CTL=SYN,ACK>"]);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK>");
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn an_old_duplicate_syn_is_recovered_from() {
    // 3.5, figure 9, seen from A's side with a reset by B: B answers the old duplicate, A resets it
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><ACK=91><CTL=SYN,ACK>");
    rig.sends(&["<SEQ=91><CTL=RST>"]);
    rig.arrives("<SEQ=400><ACK=101><CTL=SYN,ACK>");
    rig.sends(&["<SEQ=101><ACK=401><CTL=ACK>"]);
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn close_forgets_the_connection() {
    // 3.10.4: SYN-SENT, delete the TCB
    let mut rig = Rig::syn_sent();
    let now = rig.now;
    rig.connection().close(now);
    rig.sends_nothing();
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.connection().error(), None);
}

#[test]
fn abort_sends_nothing() {
    // 3.10.5: SYN-SENT, delete the TCB
    let mut rig = Rig::syn_sent();
    rig.connection().abort();
    rig.sends_nothing();
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn the_syn_is_repeated_for_three_minutes() {
    // RFC 6298 2.1 and 5.5: after 1 s, then twice as long each time, here up to the cap of 60 s; RFC 9293 MUST-23: for
    // at least 3 minutes.
    let mut rig = Rig::syn_sent();
    let mut waits = Vec::new();
    while rig.state() == State::SynSent {
        waits.push(rig.wait_for_deadline() / S);
        if rig.state() == State::SynSent {
            rig.sends(&["<SEQ=100><CTL=SYN>"]);
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert!(waits.iter().sum::<u64>() >= 180);
    assert_eq!(rig.connection().error(), Some(ConnectionError::TimedOut));
}

#[test]
fn after_a_lost_syn_one_segment_and_three_seconds() {
    // RFC 5681 3.1: the initial window is one segment. RFC 6298 5.7: RTO 3 s, when the handshake gave no measurement.
    let mut rig = Rig::syn_sent();
    rig.wait(S);
    rig.sends(&["<SEQ=100><CTL=SYN>"]);
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1000>");
    rig.send(&[1; 5000]);
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><LEN=1000>"]);
    assert_eq!(rig.wait_for_deadline(), 3 * S);
}

#[test]
fn without_an_mss_option_the_mss_is_536() {
    // MUST-15
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK>");
    rig.all();
    rig.send(&[1; 600]);
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK><LEN=536>"]);
}

#[test]
fn an_mss_beyond_our_mtu_or_absurdly_small_is_bounded() {
    // MUST-16: the smaller of what the peer says and what the IP layer takes
    for (mss, segment) in [(9000, 1460), (1460, 1460), (0, 88), (1, 88)] {
        let mut rig = Rig::syn_sent();
        rig.arrives(&format!("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS={mss}>"));
        rig.all();
        rig.send(&[1; 2000]);
        let sent = rig.all();
        assert_eq!(sent[0].payload.len(), segment, "MSS {mss}");
    }
}

#[test]
fn the_network_says_that_no_one_is_there() {
    // 3.9.2.2, SHLD-26: protocol and port unreachable are hard errors; others are not (MUST-56)
    let mut rig = Rig::syn_sent();
    rig.connection()
        .destination_unreachable(1, handclasp_host::tcp::SeqNumber(100), 0);
    rig.connection()
        .destination_unreachable(3, handclasp_host::tcp::SeqNumber(99), 0);
    assert_eq!(rig.state(), State::SynSent, "soft, and not ours");
    rig.connection()
        .destination_unreachable(3, handclasp_host::tcp::SeqNumber(100), 0);
    assert_eq!(rig.connection().error(), Some(ConnectionError::Unreachable));
}
