//! TIME-WAIT: RFC 9293 3.6.1, RFC 6191.

use crate::notation::{parse, render};
use crate::rig::{Rig, MS, S};
use handclasp_host::tcp::{Config, Reaction, State, TimeWait};

#[test]
fn it_lasts_two_msl() {
    // MUST-13; the MSL configured by default is 30 s
    let mut rig = Rig::time_wait();
    rig.wait(60 * S - 1);
    assert_eq!(rig.state(), State::TimeWait);
    rig.wait(1);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn the_peers_fin_begins_it_anew() {
    // 3.10.7.4, eighth, TIME-WAIT: restart the 2 MSL time-wait timeout
    let mut rig = Rig::time_wait();
    rig.wait(50 * S);
    rig.arrives("<SEQ=301><ACK=102><CTL=FIN,ACK>");
    rig.sends(&["<SEQ=102><ACK=302><CTL=ACK>"]);
    rig.wait(59 * S);
    assert_eq!(rig.state(), State::TimeWait);
    rig.wait(S);
    assert_eq!(rig.state(), State::Closed);
}

/// What is kept of a connection in TIME-WAIT.
fn record(rig: &mut Rig) -> TimeWait {
    rig.connection().time_wait().expect("in TIME-WAIT")
}

fn reusable(rig: &mut Rig, syn: &str) -> bool {
    let (syn, _) = parse(syn);
    record(rig).is_reusable_by(&syn)
}

/// With timestamps: TS.Recent is 5001, RCV.NXT 302, SND.NXT 102; our clock shows 1 000 000.
fn with_timestamps() -> Rig {
    let mut rig = Rig::connect(Config::default(), 16_384, 16_384);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><TS=5000:1000000>");
    rig.connection().shutdown_write();
    rig.all();
    rig.arrives("<SEQ=301><ACK=102><CTL=FIN,ACK><TS=5001:1000000>");
    assert_eq!(rig.state(), State::TimeWait);
    rig.sends(&["<SEQ=102><ACK=302><CTL=ACK><TS=1000000:5001>"]);
    rig
}

/// What the record makes of a segment that arrives at `now`.
fn reacts(record: &mut TimeWait, now: u64, text: &str) -> Reaction {
    record.segment_arrives(now, &parse(text).0, &Config::default())
}

/// What a record that is made now makes of a segment that arrives now.
fn reacts_at_once(rig: &mut Rig, text: &str) -> Reaction {
    let now = rig.now;
    reacts(&mut record(rig), now, text)
}

#[test]
fn a_syn_beyond_the_last_number_may_reuse_it() {
    // MAY-2; RFC 1122 4.2.2.13
    let mut rig = Rig::time_wait();
    assert!(reusable(&mut rig, "<SEQ=303><CTL=SYN>"));
    assert!(reusable(&mut rig, "<SEQ=2000000000><CTL=SYN>"));
    assert!(!reusable(&mut rig, "<SEQ=302><CTL=SYN>"));
    assert!(!reusable(&mut rig, "<SEQ=300><CTL=SYN>"));
    assert!(!reusable(&mut rig, "<SEQ=303><ACK=102><CTL=SYN,ACK>"));
    assert!(!reusable(&mut rig, "<SEQ=303><CTL=SYN,RST>"));
    assert_eq!(
        record(&mut rig).reuse_iss().0,
        103,
        "larger than the largest used, 101 (the FIN), whose end is 102"
    );
}

#[test]
fn with_timestamps_a_later_one_may_reuse_it() {
    // RFC 6191 2
    let mut rig = with_timestamps();
    assert!(
        reusable(&mut rig, "<SEQ=10><CTL=SYN><TS=5002:0>"),
        "whatever its number"
    );
    assert!(
        !reusable(&mut rig, "<SEQ=10><CTL=SYN><TS=5001:0>"),
        "the same time, and an old number"
    );
    assert!(
        reusable(&mut rig, "<SEQ=400><CTL=SYN><TS=5001:0>"),
        "the same time, and a later number"
    );
    assert!(!reusable(&mut rig, "<SEQ=400><CTL=SYN><TS=4999:0>"));
    assert!(
        reusable(&mut rig, "<SEQ=400><CTL=SYN>"),
        "without timestamps its number decides"
    );
}

#[test]
fn no_other_state_waits() {
    for mut rig in [
        Rig::established(),
        Rig::fin_wait_2(),
        Rig::last_ack(),
        Rig::closing(),
    ] {
        assert!(rig.connection().time_wait().is_none());
    }
}

#[test]
fn its_record_is_small() {
    // Of 16,384 connections: 1.2 MB.
    assert!(size_of::<TimeWait>() <= 72, "{}", size_of::<TimeWait>());
}

#[test]
fn the_record_acknowledges_the_peers_fin_and_begins_anew() {
    // 3.10.7.4, first, and eighth, TIME-WAIT; of the 16384 octets that the SYN offered one is the FIN
    let mut rig = Rig::time_wait();
    let mut record = record(&mut rig);
    let end = rig.now + 60 * S;
    assert_eq!(record.end_ns(), end);
    let fin = "<SEQ=301><ACK=102><CTL=FIN,ACK>";
    for _ in 0..20 {
        // A sender that has lost our ACK is answered each time.
        assert_eq!(reacts(&mut record, end - 1, fin), Reaction::Ack);
    }
    let ack = "<SEQ=102><ACK=302><CTL=ACK><WND=16383>";
    assert_eq!(render(&record.ack(end - 1), &[], ack), ack);
    assert_eq!(record.end_ns(), end - 1 + 60 * S);
}

#[test]
fn only_a_fin_that_was_seen_begins_it_anew() {
    let mut rig = Rig::time_wait();
    let mut record = record(&mut rig);
    let end = record.end_ns();
    let later = rig.now + S;
    for text in [
        "<SEQ=301><ACK=102><CTL=ACK><DATA=x>",
        "<SEQ=302><ACK=102><CTL=FIN,ACK>",
        "<SEQ=303><CTL=RST>",
        "<SEQ=400><CTL=SYN>",
    ] {
        reacts(&mut record, later, text);
        assert_eq!(record.end_ns(), end, "{text}");
    }
}

#[test]
fn the_record_answers_what_lies_outside_the_window() {
    // First: in the SYN the window was 301 to 301 + 16384 = 16685, and its edge stays there.
    let mut rig = Rig::time_wait();
    for (text, reaction) in [
        ("<SEQ=301><ACK=102><CTL=ACK>", Reaction::Ack),
        ("<SEQ=302><ACK=102><CTL=ACK>", Reaction::Silence),
        ("<SEQ=16684><ACK=102><CTL=ACK>", Reaction::Silence),
        ("<SEQ=16685><ACK=102><CTL=ACK>", Reaction::Ack),
        ("<SEQ=16685><ACK=102><CTL=ACK><DATA=x>", Reaction::Ack),
        // Seventh: text behind the FIN "should not occur. Ignore the segment text."
        ("<SEQ=302><ACK=102><CTL=ACK><DATA=x>", Reaction::Silence),
        // Fifth: without ACK it is dropped.
        ("<SEQ=302><CTL=PSH>", Reaction::Silence),
    ] {
        assert_eq!(reacts_at_once(&mut rig, text), reaction, "{text}");
    }
}

#[test]
fn the_record_challenges_an_ack_of_what_was_never_sent_or_long_ago() {
    // RFC 5961 5.2: 102 - 4096 (the largest window the peer offered) to 102
    let mut rig = Rig::time_wait();
    let oldest = 102_u32.wrapping_sub(4096);
    for (ack, reaction) in [
        (103, Reaction::Ack),
        (102, Reaction::Silence),
        (101, Reaction::Silence),
        (oldest, Reaction::Silence),
        (oldest.wrapping_sub(1), Reaction::Ack),
    ] {
        let text = format!("<SEQ=302><ACK={ack}><CTL=ACK>");
        assert_eq!(reacts_at_once(&mut rig, &text), reaction, "{text}");
    }
}

#[test]
fn the_record_ends_by_an_exact_rst_only() {
    // RFC 5961 3.2
    let mut rig = Rig::time_wait();
    for (seq, reaction) in [
        (302, Reaction::Over),
        (303, Reaction::Ack),
        (301, Reaction::Silence),
        (16_685, Reaction::Silence),
    ] {
        let text = format!("<SEQ={seq}><CTL=RST>");
        assert_eq!(reacts_at_once(&mut rig, &text), reaction, "{text}");
    }
}

#[test]
fn the_record_challenges_a_syn_ten_times_in_five_seconds() {
    // RFC 5961 4.2 and 7
    let mut rig = Rig::time_wait();
    let mut record = record(&mut rig);
    let now = rig.now;
    for syn in ["<SEQ=400><CTL=SYN>", "<SEQ=301><CTL=SYN>"] {
        for _ in 0..5 {
            assert_eq!(reacts(&mut record, now, syn), Reaction::Ack);
        }
    }
    let challenged = |record: &mut TimeWait, now, text| reacts(record, now, text) == Reaction::Ack;
    assert!(!challenged(&mut record, now, "<SEQ=400><CTL=SYN>"));
    assert!(!challenged(&mut record, now, "<SEQ=303><CTL=RST>"));
    assert!(!challenged(&mut record, now, "<SEQ=302><ACK=103><CTL=ACK>"));
    assert!(!challenged(&mut record, now, "<SEQ=301><ACK=102><CTL=ACK>"));
    let later = now + 5 * S;
    assert!(challenged(&mut record, later, "<SEQ=400><CTL=SYN>"));
}

#[test]
fn the_record_drops_old_timestamps() {
    // RFC 7323 3.2, 4.3 and 5.3
    let mut rig = with_timestamps();
    let now = rig.now + 7 * MS;
    let mut record = record(&mut rig);
    let mut reacts = |text| reacts(&mut record, now, text);
    // R1, although it lies in the window
    assert_eq!(
        reacts("<SEQ=302><ACK=102><CTL=ACK><TS=5000:1000000>"),
        Reaction::Ack
    );
    // None, though they were negotiated; a SYN is challenged all the same
    assert_eq!(reacts("<SEQ=301><ACK=102><CTL=FIN,ACK>"), Reaction::Silence);
    assert_eq!(reacts("<SEQ=302><CTL=SYN>"), Reaction::Ack);
    // 4.3 (2): remembered of what is in the window, at Last.ACK.sent; not of what is outside it, or behind a hole
    for outside in [
        "<SEQ=301><ACK=102><CTL=FIN,ACK><TS=5009:1000000>",
        "<SEQ=303><ACK=102><CTL=ACK><TS=5009:1000000>",
    ] {
        reacts(outside);
    }
    assert_eq!(
        reacts("<SEQ=302><ACK=102><CTL=ACK><TS=5003:1000000>"),
        Reaction::Silence
    );
    // R1 does not ask a RST
    assert_eq!(reacts("<SEQ=302><CTL=RST><TS=1:0>"), Reaction::Over);
    let ack = "<SEQ=102><ACK=302><CTL=ACK><TS=1000007:5003>";
    assert_eq!(render(&record.ack(now), &[], ack), ack);
}

#[test]
fn a_socket_may_read_while_it_waits() {
    // A connection that a socket still holds goes by the record's rules, and keeps what they change.
    let mut rig = Rig::fin_wait_2();
    rig.arrives("<SEQ=301><ACK=102><CTL=FIN,ACK><DATA=last>");
    rig.sends(&["<SEQ=102><ACK=306><CTL=ACK>"]);
    rig.wait(S);
    rig.arrives("<SEQ=301><ACK=102><CTL=FIN,ACK><DATA=last>");
    rig.sends(&["<SEQ=102><ACK=306><CTL=ACK>"]);
    assert_eq!(rig.read(), b"last");
    assert_eq!(rig.connection().deadline(), Some(rig.now + 60 * S));

    let mut rig = with_timestamps();
    rig.arrives("<SEQ=302><ACK=102><CTL=ACK><TS=5003:1000000>");
    for _ in 0..10 {
        rig.arrives("<SEQ=400><CTL=SYN>");
        rig.sends(&["<SEQ=102><ACK=302><CTL=ACK><TS=1000000:5003>"]);
    }
    rig.arrives("<SEQ=400><CTL=SYN>");
    rig.sends_nothing();
}
