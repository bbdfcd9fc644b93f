//! The ends of a connection: FIN-WAIT-1, FIN-WAIT-2, CLOSING, CLOSE-WAIT, LAST-ACK (RFC 9293 3.6, 3.10.4, 3.10.7.4).

use crate::rig::{Rig, S};
use handclasp_host::tcp::{ConnectionError, SendError, State};

#[test]
fn the_normal_close() {
    // figure 12, peer A
    let mut rig = Rig::established();
    rig.connection().shutdown_write();
    assert_eq!(rig.state(), State::FinWait1);
    rig.sends(&["<SEQ=101><ACK=301><CTL=FIN,ACK>"]);
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK>");
    assert_eq!(rig.state(), State::FinWait2);
    rig.arrives("<SEQ=301><ACK=102><CTL=FIN,ACK>");
    rig.sends(&["<SEQ=102><ACK=302><CTL=ACK>"]);
    assert_eq!(rig.state(), State::TimeWait);
    rig.wait(60 * S);
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.connection().error(), None);
}

#[test]
fn the_normal_close_from_the_other_side() {
    // figure 12, peer B
    let mut rig = Rig::close_wait();
    rig.connection().shutdown_write();
    assert_eq!(rig.state(), State::LastAck);
    rig.sends(&["<SEQ=101><ACK=302><CTL=FIN,ACK>"]);
    rig.arrives("<SEQ=302><ACK=102><CTL=ACK>");
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.connection().error(), None);
    assert_eq!(rig.connection().deadline(), None);
}

#[test]
fn both_close_at_once() {
    // figure 13
    let mut rig = Rig::closing();
    rig.arrives("<SEQ=302><ACK=102><CTL=ACK>");
    assert_eq!(rig.state(), State::TimeWait);
}

#[test]
fn fin_with_the_ack_of_ours_skips_a_state() {
    // FIN-WAIT-1, eighth: if our FIN has been ACKed, enter TIME-WAIT
    let mut rig = Rig::fin_wait_1();
    rig.arrives("<SEQ=301><ACK=102><CTL=FIN,ACK>");
    assert_eq!(rig.state(), State::TimeWait);
}

#[test]
fn the_fin_follows_the_data_and_is_repeated_with_it() {
    let mut rig = Rig::established();
    rig.send(b"bye");
    rig.connection().shutdown_write();
    rig.sends(&["<SEQ=101><ACK=301><CTL=FIN,ACK><DATA=bye>"]);
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=101><ACK=301><CTL=FIN,ACK><DATA=bye>"]);
    // the data is acknowledged, the FIN is not
    rig.arrives("<SEQ=301><ACK=104><CTL=ACK>");
    assert_eq!(rig.state(), State::FinWait1);
    rig.wait_for_deadline();
    rig.sends(&["<SEQ=104><ACK=301><CTL=FIN,ACK>"]);
    rig.arrives("<SEQ=301><ACK=105><CTL=ACK>");
    assert_eq!(rig.state(), State::FinWait2);
}

#[test]
fn a_lost_fin_is_repeated_in_each_state_that_waits_for_its_ack() {
    for (mut rig, fin) in [
        (Rig::fin_wait_1(), "<SEQ=101><ACK=301><CTL=FIN,ACK>"),
        (Rig::closing(), "<SEQ=101><ACK=302><CTL=FIN,ACK>"),
        (Rig::last_ack(), "<SEQ=101><ACK=302><CTL=FIN,ACK>"),
    ] {
        for _ in 0..3 {
            rig.wait_for_deadline();
            rig.sends(&[fin]);
        }
    }
}

#[test]
fn the_peer_may_go_on_after_our_close() {
    // 3.6.1: half-close
    for mut rig in [Rig::fin_wait_1(), Rig::fin_wait_2()] {
        rig.arrives("<SEQ=301><ACK=102><CTL=ACK><DATA=more>");
        assert_eq!(rig.read(), b"more");
        rig.wait_for_deadline();
        rig.sends(&["<SEQ=102><ACK=305><CTL=ACK>"]);
        assert_eq!(rig.state(), State::FinWait2);
        assert_eq!(rig.connection().send(b"no"), Err(SendError::Closing));
    }
}

#[test]
fn we_may_go_on_after_the_peers_close() {
    let mut rig = Rig::close_wait();
    rig.send(b"still here");
    rig.sends(&["<SEQ=101><ACK=302><CTL=ACK><DATA=still here>"]);
    rig.arrives("<SEQ=302><ACK=111><CTL=ACK>");
    assert_eq!(rig.connection().unacknowledged_len_bytes(), 0);
    assert_eq!(rig.state(), State::CloseWait);
    assert_eq!(
        rig.connection().receive(&mut [0; 4]),
        Ok(Some(0)),
        "the end of the stream"
    );
}

#[test]
fn a_fin_once_more_is_acknowledged_once_more() {
    for (mut rig, ack) in [
        (Rig::close_wait(), "<SEQ=101><ACK=302><CTL=ACK>"),
        (Rig::closing(), "<SEQ=102><ACK=302><CTL=ACK>"),
        (Rig::last_ack(), "<SEQ=102><ACK=302><CTL=ACK>"),
        (Rig::time_wait(), "<SEQ=102><ACK=302><CTL=ACK>"),
    ] {
        let state = rig.state();
        rig.arrives("<SEQ=301><ACK=101><CTL=FIN,ACK>");
        rig.sends(&[ack]);
        assert_eq!(rig.state(), state);
    }
}

#[test]
fn text_after_the_fin_is_ignored() {
    // CLOSE-WAIT and later, seventh: "This should not occur ... Ignore the segment text."
    for mut rig in [
        Rig::close_wait(),
        Rig::closing(),
        Rig::last_ack(),
        Rig::time_wait(),
    ] {
        rig.arrives("<SEQ=302><ACK=101><CTL=ACK><DATA=impossible>");
        assert_eq!(rig.connection().received_len_bytes(), 0);
        assert_eq!(rig.connection().variables().rcv_nxt.0, 302);
    }
}

#[test]
fn rst_ends_every_state() {
    // second: CLOSING, LAST-ACK, TIME-WAIT: no error; the others: "connection reset"
    for (mut rig, seq, error) in [
        (Rig::fin_wait_1(), 301, Some(ConnectionError::Reset)),
        (Rig::fin_wait_2(), 301, Some(ConnectionError::Reset)),
        (Rig::close_wait(), 302, Some(ConnectionError::Reset)),
        (Rig::closing(), 302, None),
        (Rig::last_ack(), 302, None),
        (Rig::time_wait(), 302, None),
    ] {
        rig.arrives(&format!("<SEQ={}><CTL=RST>", seq + 1));
        assert_ne!(rig.state(), State::Closed, "inexact");
        rig.all();
        rig.arrives(&format!("<SEQ={seq}><CTL=RST>"));
        assert_eq!(rig.state(), State::Closed);
        assert_eq!(rig.connection().error(), error);
        rig.sends_nothing();
    }
}

#[test]
fn a_syn_is_challenged_in_every_state() {
    for (mut rig, ack) in [
        (Rig::fin_wait_1(), "<SEQ=102><ACK=301><CTL=ACK>"),
        (Rig::fin_wait_2(), "<SEQ=102><ACK=301><CTL=ACK>"),
        (Rig::close_wait(), "<SEQ=101><ACK=302><CTL=ACK>"),
        (Rig::closing(), "<SEQ=102><ACK=302><CTL=ACK>"),
        (Rig::last_ack(), "<SEQ=102><ACK=302><CTL=ACK>"),
        (Rig::time_wait(), "<SEQ=102><ACK=302><CTL=ACK>"),
    ] {
        let state = rig.state();
        rig.arrives("<SEQ=400><CTL=SYN>");
        rig.sends(&[ack]);
        assert_eq!(rig.state(), state);
    }
}

#[test]
fn close_with_unread_data_resets() {
    // SHLD-3
    for rig in [Rig::established(), Rig::fin_wait_2()] {
        let mut rig = rig;
        let seq = rig.connection().variables().snd_nxt.0;
        rig.arrives(&format!("<SEQ=301><ACK={seq}><CTL=ACK><DATA=unread>"));
        let now = rig.now;
        rig.connection().close(now);
        rig.sends(&[&format!("<SEQ={seq}><ACK=307><CTL=RST,ACK>")]);
        assert_eq!(rig.state(), State::Closed);
    }
}

#[test]
fn data_after_close_resets() {
    // SHLD-3: "or if new data is received after CLOSE is called"
    let mut rig = Rig::established();
    let now = rig.now;
    rig.connection().close(now);
    rig.sends(&["<SEQ=101><ACK=301><CTL=FIN,ACK>"]);
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><DATA=late>");
    rig.sends(&["<SEQ=102><ACK=301><CTL=RST,ACK>"]);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn after_shutdown_read_data_is_swallowed() {
    let mut rig = Rig::established();
    rig.connection().shutdown_read();
    for at in 0..100 {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><LEN=1000>",
            301 + 1000 * at
        ));
        rig.all();
    }
    assert_eq!(
        rig.connection().variables().rcv_nxt.0,
        100_301,
        "the window never closes"
    );
    assert_eq!(rig.connection().receive(&mut [0; 4]), Ok(Some(0)));
}

#[test]
fn a_closed_fin_wait_2_does_not_last_for_ever() {
    let mut rig = Rig::fin_wait_2();
    assert_eq!(rig.connection().deadline(), None, "half-closed it may");
    let now = rig.now;
    rig.connection().close(now);
    rig.wait(60 * S);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn abort_resets_where_the_peer_may_still_send() {
    // 3.10.5: FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT: RST; CLOSING, LAST-ACK, TIME-WAIT: none
    for mut rig in [Rig::fin_wait_1(), Rig::fin_wait_2(), Rig::close_wait()] {
        rig.connection().abort();
        let sent = rig.all();
        assert!(sent.len() == 1 && sent[0].segment.rst());
        assert_eq!(rig.state(), State::Closed);
    }
    for mut rig in [Rig::closing(), Rig::last_ack(), Rig::time_wait()] {
        rig.connection().abort();
        rig.sends_nothing();
        assert_eq!(rig.state(), State::Closed);
    }
}
