//! No connection: RFC 9293 3.10.7.1 (CLOSED), 3.10.7.2 (LISTEN).

use crate::notation::{parse, render};
use crate::rig::Rig;
use handclasp_host::tcp::{answer_unmatched, State};

fn answer(text: &str) -> Option<String> {
    answer_unmatched(&parse(text).0).map(|segment| render(&segment, &[], ""))
}

#[test]
fn a_segment_with_ack_is_reset_with_the_number_it_acknowledges() {
    // 3.10.7.1: <SEQ=SEG.ACK><CTL=RST>
    assert_eq!(
        answer("<SEQ=7><ACK=4000000000><CTL=ACK><DATA=x>").as_deref(),
        Some("<SEQ=4000000000><CTL=RST>")
    );
}

#[test]
fn a_segment_without_ack_is_reset_with_an_ack_of_all_of_it() {
    // 3.10.7.1: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>; SYN and FIN count
    assert_eq!(
        answer("<SEQ=4294967295><CTL=SYN>").as_deref(),
        Some("<SEQ=0><ACK=0><CTL=RST,ACK>")
    );
    assert_eq!(
        answer("<SEQ=10><CTL=SYN,FIN><DATA=abc>").as_deref(),
        Some("<SEQ=0><ACK=15><CTL=RST,ACK>")
    );
}

#[test]
fn a_reset_is_never_answered() {
    assert_eq!(answer("<SEQ=7><CTL=RST>"), None);
    assert_eq!(answer("<SEQ=7><ACK=9><CTL=RST,ACK>"), None);
}

#[test]
fn what_reaches_a_connection_that_is_over_is_reset() {
    let mut rig = Rig::established();
    rig.connection().abort();
    rig.all();
    assert_eq!(rig.state(), State::Closed);
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><DATA=late>");
    rig.sends(&["<SEQ=101><CTL=RST>"]);
}
