//! ESTABLISHED: the steps of RFC 9293 3.10.7.4.

use crate::rig::{plain, Rig, MS, S};
use handclasp_host::tcp::{ConnectionError, SendError, State};

const ACK: &str = "<SEQ=101><ACK=301><CTL=ACK>";

// First, the sequence number (table 6).

#[test]
fn segments_outside_the_window_are_answered_with_an_ack() {
    // RCV.NXT 301, RCV.WND 16384
    for text in [
        "<SEQ=300><ACK=101><CTL=ACK>",
        "<SEQ=200><ACK=101><CTL=ACK><DATA=old>",
        "<SEQ=298><ACK=101><CTL=ACK><DATA=old>",
        "<SEQ=16685><ACK=101><CTL=ACK>",
        "<SEQ=16685><ACK=101><CTL=ACK><DATA=beyond>",
        "<SEQ=2147483949><ACK=101><CTL=ACK>",
        "<SEQ=300><ACK=101><CTL=FIN,ACK>",
    ] {
        let mut rig = Rig::established();
        rig.arrives(text);
        rig.sends(&[ACK]);
        assert_eq!(rig.state(), State::Established, "{text}");
        assert_eq!(rig.read(), b"", "{text}");
    }
}

#[test]
fn segments_at_the_edges_of_the_window_are_acceptable() {
    let mut rig = Rig::established();
    rig.arrives("<SEQ=16684><ACK=101><CTL=ACK>");
    rig.sends_nothing();
    // the last octet of the window
    rig.arrives("<SEQ=16684><ACK=101><CTL=ACK><DATA=z>");
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><LEN=1000>");
    assert_eq!(rig.read().len(), 1000);
}

#[test]
fn only_what_is_new_of_a_segment_is_taken() {
    // "If a segment's contents straddle the boundary between old and new, only the new parts are processed."
    let mut rig = Rig::established();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=abc>");
    rig.arrives("<SEQ=299><ACK=101><CTL=ACK><DATA=..abcdef>");
    assert_eq!(rig.read(), b"abcdef");
}

#[test]
fn what_lies_beyond_the_window_is_cut_off() {
    let mut rig = Rig::established_with(plain(), 4096, 4096, "");
    rig.arrives("<SEQ=301><ACK=101><CTL=FIN,ACK><LEN=5000>");
    rig.sends(&["<SEQ=101><ACK=4397><CTL=ACK><WND=0>"]);
    assert_eq!(rig.state(), State::Established, "the FIN was cut off too");
    assert_eq!(rig.read().len(), 4096);
}

// Second, RST (RFC 5961 3.2).

#[test]
fn rst_at_rcv_nxt_resets() {
    let mut rig = Rig::established();
    rig.send(b"unsent");
    rig.arrives("<SEQ=301><CTL=RST>");
    rig.sends_nothing();
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.connection().error(), Some(ConnectionError::Reset));
    assert_eq!(
        rig.connection().send(b"x"),
        Err(SendError::Failed(ConnectionError::Reset))
    );
    assert_eq!(
        rig.connection().receive(&mut [0; 4]),
        Err(ConnectionError::Reset)
    );
    assert_eq!(rig.connection().deadline(), None);
}

#[test]
fn rst_may_carry_text() {
    // SHLD-2: its sequence number decides, whatever it carries
    let mut rig = Rig::established();
    rig.arrives("<SEQ=301><ACK=101><CTL=RST,ACK><DATA=because>");
    assert_eq!(rig.connection().error(), Some(ConnectionError::Reset));
}

#[test]
fn rst_elsewhere_in_the_window_is_challenged() {
    let mut rig = Rig::established();
    rig.arrives("<SEQ=302><CTL=RST>");
    rig.sends(&[ACK]);
    rig.arrives("<SEQ=16684><CTL=RST>");
    rig.sends(&[ACK]);
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn rst_outside_the_window_is_dropped() {
    let mut rig = Rig::established();
    for seq in [300, 16_685, 0] {
        rig.arrives(&format!("<SEQ={seq}><CTL=RST>"));
    }
    rig.sends_nothing();
    assert_eq!(rig.state(), State::Established);
}

// Fourth, SYN (RFC 5961 4.2).

#[test]
fn a_syn_is_challenged_wherever_it_is() {
    for text in [
        "<SEQ=300><CTL=SYN>",
        "<SEQ=301><CTL=SYN>",
        "<SEQ=500><CTL=SYN>",
        "<SEQ=90000><CTL=SYN>",
        "<SEQ=301><ACK=101><CTL=SYN,ACK>",
        "<SEQ=301><ACK=101><CTL=SYN,ACK><DATA=x>",
    ] {
        let mut rig = Rig::established();
        rig.arrives(text);
        rig.sends(&[ACK]);
        assert_eq!(rig.state(), State::Established, "{text}");
        assert_eq!(rig.read(), b"");
    }
}

#[test]
fn a_repeated_syn_ack_is_acknowledged() {
    // our ACK of it was lost
    let mut rig = Rig::established();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK>");
    rig.sends(&[ACK]);
}

#[test]
fn a_half_open_peer_finds_out() {
    // 3.5.1, figure 9 (after a crash): its SYN draws an ACK, to which it answers with a RST of that number
    let mut rig = Rig::established();
    rig.arrives("<SEQ=400><CTL=SYN>");
    rig.sends(&[ACK]);
    rig.arrives("<SEQ=301><CTL=RST>");
    assert_eq!(rig.connection().error(), Some(ConnectionError::Reset));
}

#[test]
fn challenges_are_throttled() {
    // RFC 5961 7: 10 in 5 s
    let mut rig = Rig::established();
    let mut answers = 0;
    for _ in 0..100 {
        rig.arrives("<SEQ=400><CTL=SYN>");
        answers += rig.all().len();
    }
    assert_eq!(answers, 10);
    rig.wait(5 * S);
    rig.arrives("<SEQ=302><CTL=RST>");
    rig.sends(&[ACK]);
}

#[test]
fn repeated_text_is_acknowledged_each_time() {
    // first: "an acknowledgment should be sent in reply": who repeats text has lost our ACK, and may lose more
    let mut rig = Rig::established();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=once>");
    for _ in 0..50 {
        rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=once>");
        rig.sends(&["<SEQ=101><ACK=305><CTL=ACK>"]);
    }
}

// Fifth, ACK.

#[test]
fn a_segment_without_ack_is_dropped() {
    let mut rig = Rig::established();
    rig.arrives("<SEQ=301><CTL=PSH><DATA=x>");
    rig.sends_nothing();
    assert_eq!(rig.read(), b"");
}

#[test]
fn an_ack_of_what_was_never_sent_is_answered_and_dropped() {
    let mut rig = Rig::established();
    rig.arrives("<SEQ=301><ACK=102><CTL=ACK><DATA=x>");
    rig.sends(&[ACK]);
    assert_eq!(rig.read(), b"", "dropped");
}

#[test]
fn an_ack_older_than_the_largest_window_is_answered_and_dropped() {
    // RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK; the window is 4096
    let mut rig = Rig::established();
    rig.arrives(&format!(
        "<SEQ=301><ACK={}><CTL=ACK><DATA=ok>",
        101u32.wrapping_sub(4096)
    ));
    assert_eq!(rig.read(), b"ok");
    rig.all();
    rig.arrives(&format!(
        "<SEQ=303><ACK={}><CTL=ACK><DATA=no>",
        101u32.wrapping_sub(4097)
    ));
    assert_eq!(rig.read(), b"");
    rig.sends(&["<SEQ=101><ACK=303><CTL=ACK>"]);
}

#[test]
fn an_ack_frees_the_buffer() {
    let mut rig = Rig::established();
    rig.send(b"hello");
    rig.sends(&["<SEQ=101><ACK=301><CTL=PSH,ACK><DATA=hello>"]);
    rig.arrives("<SEQ=301><ACK=104><CTL=ACK>");
    assert_eq!(rig.connection().unacknowledged_len_bytes(), 2);
    rig.arrives("<SEQ=301><ACK=106><CTL=ACK>");
    assert_eq!(rig.connection().unacknowledged_len_bytes(), 0);
    assert_eq!(
        rig.connection().deadline(),
        None,
        "RFC 6298 5.2: all is acknowledged, the timer stops"
    );
}

// Sixth, URG.

#[test]
fn urgent_data_stays_in_line_and_is_announced() {
    // MUST-30..32, 62; the pointer points behind the urgent octets
    let mut rig = Rig::established();
    assert_eq!(rig.connection().urgent_len_bytes(), None);
    rig.arrives("<SEQ=301><ACK=101><CTL=URG,ACK><UP=5><DATA=abc>");
    assert_eq!(
        rig.connection().urgent_len_bytes(),
        Some(5),
        "more is to come than has arrived"
    );
    assert_eq!(rig.read(), b"abc");
    assert_eq!(rig.connection().urgent_len_bytes(), Some(2));
    rig.arrives("<SEQ=304><ACK=101><CTL=ACK><DATA=def>");
    assert_eq!(rig.read(), b"def");
    assert_eq!(rig.connection().urgent_len_bytes(), None);
}

// Seventh, text.

#[test]
fn every_second_full_segment_is_acknowledged_at_once_and_any_within_the_delay() {
    // RFC 5681 4.2, SHLD-18, SHLD-19; MUST-40: less than 0.5 s
    let mut rig = Rig::established();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><LEN=1000>");
    rig.sends_nothing();
    rig.arrives("<SEQ=1301><ACK=101><CTL=ACK><LEN=1000>");
    rig.sends(&["<SEQ=101><ACK=2301><CTL=ACK>"]);
    rig.arrives("<SEQ=2301><ACK=101><CTL=ACK><LEN=1000>");
    rig.sends_nothing();
    assert!(rig.wait_for_deadline() < 500 * MS);
    rig.sends(&["<SEQ=101><ACK=3301><CTL=ACK>"]);
    assert_eq!(rig.connection().deadline(), None);
}

#[test]
fn several_segments_share_an_ack() {
    // MUST-58, MUST-59
    let mut rig = Rig::established();
    for at in 0..6 {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><LEN=1000>",
            301 + 1000 * at
        ));
    }
    rig.sends(&["<SEQ=101><ACK=6301><CTL=ACK>"]);
}

#[test]
fn data_carries_the_ack() {
    let mut rig = Rig::established();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=ping>");
    rig.send(b"pong");
    rig.sends(&["<SEQ=101><ACK=305><CTL=PSH,ACK><DATA=pong>"]);
    rig.arrives("<SEQ=305><ACK=105><CTL=ACK>");
    assert_eq!(rig.connection().deadline(), None);
}

#[test]
fn data_beyond_a_hole_is_kept_and_acknowledged_at_once() {
    // SHLD-31; RFC 5681 4.2: a duplicate ACK at once, and at once when the hole is filled
    let mut rig = Rig::established();
    rig.arrives("<SEQ=304><ACK=101><CTL=ACK><DATA=def>");
    rig.sends(&[ACK]);
    rig.arrives("<SEQ=310><ACK=101><CTL=ACK><DATA=jkl>");
    rig.sends(&[ACK]);
    assert!(!rig.connection().readable());
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=abc>");
    rig.sends(&["<SEQ=101><ACK=307><CTL=ACK>"]);
    rig.arrives("<SEQ=307><ACK=101><CTL=ACK><DATA=ghi>");
    rig.sends(&["<SEQ=101><ACK=313><CTL=ACK>"]);
    assert_eq!(rig.read(), b"abcdefghijkl");
}

#[test]
fn hundreds_of_holes_are_kept() {
    let mut rig = Rig::established_with(plain(), 16_384, 65_536, "");
    let holes = 400;
    for hole in (0..holes).rev() {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><LEN=1>",
            301 + 2 * hole + 1
        ));
        rig.sends(&[ACK]);
    }
    for hole in (0..holes).rev() {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><LEN=1>",
            301 + 2 * hole
        ));
    }
    let expected: Vec<u8> = (301..301 + 2 * holes).map(|seq| seq as u8).collect();
    assert_eq!(rig.read(), expected);
}

#[test]
fn more_holes_than_that_only_cost_a_retransmission() {
    let mut rig = Rig::established_with(plain(), 16_384, 65_536, "");
    for hole in 0..2000 {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><LEN=1>",
            301 + 2 * hole + 1
        ));
    }
    rig.all();
    for seq in 0..4000 {
        rig.arrives(&format!("<SEQ={}><ACK=101><CTL=ACK><LEN=1>", 301 + seq));
    }
    let expected: Vec<u8> = (301..4301).map(|seq| seq as u8).collect();
    assert_eq!(rig.read(), expected);
}

// Eighth, FIN.

#[test]
fn fin_closes_the_peers_side() {
    // 3.6, case 2; MUST-12: the user sees an orderly end
    let mut rig = Rig::established();
    rig.arrives("<SEQ=301><ACK=101><CTL=FIN,ACK><DATA=last>");
    rig.sends(&["<SEQ=101><ACK=306><CTL=ACK>"]);
    assert_eq!(rig.state(), State::CloseWait);
    let mut buffer = [0; 10];
    assert_eq!(rig.connection().receive(&mut buffer), Ok(Some(4)));
    assert_eq!(rig.connection().receive(&mut buffer), Ok(Some(0)));
    assert_eq!(rig.connection().error(), None);
}

#[test]
fn fin_beyond_a_hole_waits() {
    let mut rig = Rig::established();
    rig.arrives("<SEQ=304><ACK=101><CTL=FIN,ACK><DATA=def>");
    rig.sends(&[ACK]);
    assert_eq!(rig.state(), State::Established);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=abc>");
    rig.sends(&["<SEQ=101><ACK=308><CTL=ACK>"]);
    assert_eq!(rig.state(), State::CloseWait);
    assert_eq!(rig.read(), b"abcdef");
}

// The user.

#[test]
fn the_buffer_bounds_what_is_taken() {
    let mut rig = Rig::established_with(plain(), 4096, 4096, "");
    assert!(rig.connection().writable());
    assert_eq!(rig.connection().send(&[7; 5000]), Ok(4096));
    assert_eq!(rig.connection().send(&[7; 1]), Ok(0));
    assert!(!rig.connection().writable());
}

#[test]
fn abort_resets() {
    // 3.10.5: <SEQ=SND.NXT><CTL=RST>
    let mut rig = Rig::established();
    rig.send(b"lost");
    rig.connection().abort();
    rig.sends(&["<SEQ=101><ACK=301><CTL=RST,ACK>"]);
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.connection().error(), Some(ConnectionError::Aborted));
}

#[test]
fn soft_network_errors_end_nothing() {
    // MUST-56; RFC 5927 5.2 for the hard ones once the connection is open
    let mut rig = Rig::established();
    rig.send(b"data");
    rig.all();
    for code in [0, 1, 2, 3, 5, 13] {
        rig.connection()
            .destination_unreachable(code, handclasp_host::tcp::SeqNumber(101), 0);
    }
    assert_eq!(rig.state(), State::Established);
}

#[test]
fn a_time_out_says_what_the_network_said() {
    // SHLD-25
    let mut rig = Rig::established();
    rig.send(b"data");
    rig.all();
    rig.connection()
        .destination_unreachable(1, handclasp_host::tcp::SeqNumber(101), 0);
    rig.wait(1000 * S);
    assert_eq!(rig.connection().error(), Some(ConnectionError::Unreachable));
}

#[test]
fn a_smaller_path_makes_smaller_segments() {
    // RFC 1191; RFC 9293 3.7.2
    let mut rig = Rig::established();
    rig.send(&[1; 3000]);
    assert_eq!(rig.all()[0].payload.len(), 1000);
    rig.connection()
        .destination_unreachable(4, handclasp_host::tcp::SeqNumber(101), 576);
    rig.wait_for_deadline();
    assert_eq!(rig.all()[0].payload.len(), 536);
}
