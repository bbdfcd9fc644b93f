//! SYN-RECEIVED: what RFC 9293 3.10.7.4 says of it, after a passive open (3.10.7.2) and a simultaneous one.

use crate::rig::{Rig, S};
use handclasp_host::tcp::{Config, ConnectionError, State};

/// By a simultaneous open; the SYN+ACK is sent.
fn simultaneous() -> Rig {
    let mut rig = Rig::syn_sent();
    rig.arrives("<SEQ=300><CTL=SYN>");
    rig.sends(&["<SEQ=100><ACK=301><CTL=SYN,ACK>"]);
    rig
}

#[test]
fn the_syn_ack_offers_only_what_the_syn_did() {
    // RFC 7323 2.2, 3.2, RFC 2018 2: options are answered, not introduced
    let mut rig = Rig::accept(Config::default(), 16_384, 262_144, "<SEQ=300><CTL=SYN>");
    rig.sends(&["<SEQ=100><ACK=301><CTL=SYN,ACK><WND=65535><MSS=1460>"]);
    let syn = "<SEQ=300><CTL=SYN><WS=7><SACKOK=1><TS=5000:0>";
    let mut rig = Rig::accept(Config::default(), 16_384, 262_144, syn);
    rig.sends(&[
        "<SEQ=100><ACK=301><CTL=SYN,ACK><WND=65535><MSS=1460><WS=3><SACKOK=1><TS=1000000:5000>",
    ]);
}

#[test]
fn the_third_segment_opens() {
    // 3.5, figure 6
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK>");
    assert_eq!(rig.state(), State::Established);
    rig.sends_nothing();
    assert_eq!(rig.connection().deadline(), None);
}

#[test]
fn the_third_segment_may_carry_text_and_fin() {
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=301><ACK=101><CTL=FIN,ACK><DATA=all>");
    assert_eq!(rig.state(), State::CloseWait);
    rig.sends(&["<SEQ=101><ACK=305><CTL=ACK>"]);
    assert_eq!(rig.read(), b"all");
}

#[test]
fn an_unacceptable_ack_is_reset() {
    // fifth: SEG.ACK not in SND.UNA < SEG.ACK =< SND.NXT: <SEQ=SEG.ACK><CTL=RST>
    for ack in [99, 100, 102] {
        let mut rig = Rig::syn_received();
        rig.arrives(&format!("<SEQ=301><ACK={ack}><CTL=ACK>"));
        rig.sends(&[&format!("<SEQ={ack}><CTL=RST>")]);
        assert_eq!(rig.state(), State::SynReceived);
    }
}

#[test]
fn a_segment_outside_the_window_is_answered_with_an_ack() {
    // first
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=200><ACK=101><CTL=ACK>");
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK>"]);
    assert_eq!(rig.state(), State::SynReceived);
}

#[test]
fn a_segment_without_ack_is_dropped() {
    // fifth: if the ACK bit is off, drop
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=301><CTL=PSH><DATA=x>");
    rig.sends_nothing();
    assert_eq!(rig.state(), State::SynReceived);
}

#[test]
fn the_syn_once_more_is_answered_once_more() {
    // our SYN+ACK did not arrive
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=300><CTL=SYN>");
    rig.sends(&["<SEQ=100><ACK=301><CTL=SYN,ACK>"]);
    assert_eq!(rig.state(), State::SynReceived);
}

#[test]
fn the_syn_ack_is_repeated_for_three_minutes() {
    // MUST-23
    let mut rig = Rig::syn_received();
    let mut waits = Vec::new();
    while rig.state() == State::SynReceived {
        waits.push(rig.wait_for_deadline() / S);
        if rig.state() == State::SynReceived {
            rig.sends(&["<SEQ=100><ACK=301><CTL=SYN,ACK>"]);
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn rst_sends_a_passive_open_back_to_listen() {
    // second: the user need not be informed (MUST-11: SYN-RECEIVED knows where it comes from)
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=301><CTL=RST>");
    rig.sends_nothing();
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.connection().error(), None);
}

#[test]
fn rst_refuses_an_active_open() {
    let mut rig = simultaneous();
    rig.arrives("<SEQ=301><CTL=RST>");
    assert_eq!(rig.connection().error(), Some(ConnectionError::Refused));
}

#[test]
fn rst_elsewhere_in_the_window_is_challenged() {
    // second, RFC 5961 3.2
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=302><CTL=RST>");
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK>"]);
    assert_eq!(rig.state(), State::SynReceived);
}

#[test]
fn a_syn_in_the_window_sends_a_passive_open_back_to_listen() {
    // fourth
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=400><CTL=SYN>");
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_syn_in_the_window_of_an_active_open_is_challenged() {
    let mut rig = simultaneous();
    rig.arrives("<SEQ=400><CTL=SYN>");
    rig.sends(&["<SEQ=101><ACK=301><CTL=ACK>"]);
    assert_eq!(rig.state(), State::SynReceived);
}

#[test]
fn close_waits_for_the_handshake() {
    // 3.10.4, SYN-RECEIVED: queue until ESTABLISHED
    let mut rig = Rig::syn_received();
    rig.send(b"bye");
    rig.connection().shutdown_write();
    rig.sends_nothing();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK>");
    assert_eq!(rig.state(), State::FinWait1);
    rig.sends(&["<SEQ=101><ACK=301><CTL=FIN,ACK><DATA=bye>"]);
}

#[test]
fn abort_resets() {
    // 3.10.5: <SEQ=SND.NXT><CTL=RST>
    let mut rig = Rig::syn_received();
    rig.connection().abort();
    rig.sends(&["<SEQ=101><ACK=301><CTL=RST,ACK>"]);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn neither_handshake_opens_the_congestion_window() {
    // RFC 5681 3.1: the SYN/ACK and its ACK MUST NOT increase the congestion window. IW10: RFC 6928 2.
    let mut rig = Rig::syn_received();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK>");
    assert_eq!(rig.connection().variables().cwnd, 10_000);
    let mut rig = Rig::established();
    assert_eq!(rig.connection().variables().cwnd, 10_000);
}
