//! TIME-WAIT: RFC 9293 3.6.1, RFC 6191.

use crate::notation::parse;
use crate::rig::{Rig, S};
use handclasp_host::tcp::{Config, State};

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

fn reusable(rig: &mut Rig, syn: &str) -> bool {
    let (syn, _) = parse(syn);
    rig.connection().is_reusable_by(&syn)
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
        rig.connection().reuse_iss().0,
        103,
        "larger than the largest used, 101 (the FIN), whose end is 102"
    );
}

#[test]
fn with_timestamps_a_later_one_may_reuse_it() {
    // RFC 6191 2
    let mut rig = Rig::connect(Config::default(), 16_384, 16_384);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><TS=5000:1000000>");
    rig.connection().shutdown_write();
    rig.all();
    rig.arrives("<SEQ=301><ACK=102><CTL=FIN,ACK><TS=5001:1000000>");
    assert_eq!(rig.state(), State::TimeWait);
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
fn no_other_state_is_reused() {
    for mut rig in [
        Rig::established(),
        Rig::fin_wait_2(),
        Rig::last_ack(),
        Rig::closing(),
    ] {
        assert!(!reusable(&mut rig, "<SEQ=9000><CTL=SYN>"));
    }
}
