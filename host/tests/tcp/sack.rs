//! SACK: RFC 2018 as receiver, RFC 6675 as sender.

use crate::rig::{plain, Rig, S};
use handclasp_host::tcp::Config;

fn sack() -> Config {
    Config {
        sack: true,
        ..plain()
    }
}

fn receiver(config: Config, options: &str) -> Rig {
    let mut rig = Rig::connect(config, 65_536, 65_536);
    rig.all();
    rig.arrives(&format!(
        "<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1000><WND=65535>{options}"
    ));
    rig.all();
    rig
}

#[test]
fn the_newest_block_comes_first() {
    // RFC 2018 4: the block of the segment that triggered the ACK, then the most recently reported others; our NIC
    // sends at most three
    let mut rig = receiver(sack(), "<SACKOK=1>");
    let first = "<SEQ=101><ACK=301><CTL=ACK>";
    rig.arrives("<SEQ=401><ACK=101><CTL=ACK><LEN=100>");
    rig.sends(&[&format!("{first}<SACK=401-501>")]);
    rig.arrives("<SEQ=601><ACK=101><CTL=ACK><LEN=100>");
    rig.sends(&[&format!("{first}<SACK=601-701><SACK=401-501>")]);
    rig.arrives("<SEQ=801><ACK=101><CTL=ACK><LEN=100>");
    rig.sends(&[&format!(
        "{first}<SACK=801-901><SACK=601-701><SACK=401-501>"
    )]);
    rig.arrives("<SEQ=1001><ACK=101><CTL=ACK><LEN=100>");
    rig.sends(&[&format!(
        "{first}<SACK=1001-1101><SACK=801-901><SACK=601-701>"
    )]);
    // an older one grows and is the newest again
    rig.arrives("<SEQ=501><ACK=101><CTL=ACK><LEN=50>");
    rig.sends(&[&format!(
        "{first}<SACK=401-551><SACK=1001-1101><SACK=801-901>"
    )]);
    // two become one
    rig.arrives("<SEQ=701><ACK=101><CTL=ACK><LEN=100>");
    rig.sends(&[&format!(
        "{first}<SACK=601-901><SACK=401-551><SACK=1001-1101>"
    )]);
    // the first hole is filled: what is in order is no block any more
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><LEN=100>");
    rig.sends(&["<SEQ=101><ACK=551><CTL=ACK><SACK=601-901><SACK=1001-1101>"]);
    rig.arrives("<SEQ=551><ACK=101><CTL=ACK><LEN=500>");
    rig.sends(&["<SEQ=101><ACK=1101><CTL=ACK>"]);
}

#[test]
fn without_permission_no_blocks() {
    // RFC 2018 2
    for (config, options) in [(sack(), ""), (plain(), "<SACKOK=1>")] {
        let mut rig = receiver(config, options);
        rig.arrives("<SEQ=401><ACK=101><CTL=ACK><LEN=100>");
        rig.sends(&["<SEQ=101><ACK=301><CTL=ACK>"]);
    }
}

#[test]
fn data_with_blocks_and_timestamps_still_fits_the_packet() {
    // MUST-16: 12 octets of timestamps and 4 + 24 of SACK leave 1420
    let mut rig = Rig::connect(Config::default(), 65_536, 65_536);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><WND=65535><SACKOK=1><TS=1:1000000>");
    rig.all();
    for at in [0, 1, 2, 3] {
        rig.arrives(&format!(
            "<SEQ={}><ACK=101><CTL=ACK><LEN=100><TS=1:1000000>",
            401 + 200 * at
        ));
    }
    rig.all();
    rig.send(&[1; 3000]);
    let sent = rig.all();
    assert_eq!(sent[0].payload.len(), 1420);
    assert_eq!(sent[0].segment.options.len_bytes(), 40);
}

/// ESTABLISHED with `octets` to send, and cwnd 10 segments.
fn sender(octets: usize) -> Rig {
    let mut rig = Rig::connect(sack(), 262_144, 16_384);
    rig.all();
    rig.arrives("<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1000><WND=65535><SACKOK=1>");
    rig.all();
    rig.send(&vec![1; octets]);
    rig
}

fn pieces(rig: &mut Rig) -> Vec<(u32, usize)> {
    rig.all()
        .iter()
        .map(|sent| (sent.segment.seq.0, sent.payload.len()))
        .collect()
}

#[test]
fn only_what_is_lost_is_sent_again() {
    // Segments 1, 3 and 5 of ten are lost (RFC 6675 5). No more data than that.
    let mut rig = sender(10_000);
    assert_eq!(rig.all().len(), 10);
    let ack = "<SEQ=301><ACK=101><CTL=ACK><WND=65535>";
    rig.arrives(&format!("{ack}<SACK=1101-2101>"));
    assert_eq!(pieces(&mut rig), []);
    rig.arrives(&format!("{ack}<SACK=3101-4101><SACK=1101-2101>"));
    assert_eq!(pieces(&mut rig), []);
    // Three discontiguous ranges above the first: it is lost, at once. FlightSize 10: ssthresh = cwnd = 5.
    rig.arrives(&format!(
        "{ack}<SACK=5101-6101><SACK=3101-4101><SACK=1101-2101>"
    ));
    assert_eq!(pieces(&mut rig), [(101, 1000)]);
    assert_eq!(rig.connection().variables().cwnd, 5000);
    // pipe: segments 3, 5, 7, 8, 9, 10 (not lost) and 1 (again) are 7; then each SACK takes one or more off
    rig.arrives(&format!(
        "{ack}<SACK=5101-7101><SACK=3101-4101><SACK=1101-2101>"
    ));
    rig.arrives(&format!(
        "{ack}<SACK=5101-8101><SACK=3101-4101><SACK=1101-2101>"
    ));
    rig.arrives(&format!(
        "{ack}<SACK=5101-9101><SACK=3101-4101><SACK=1101-2101>"
    ));
    rig.arrives(&format!(
        "{ack}<SACK=5101-10101><SACK=3101-4101><SACK=1101-2101>"
    ));
    // 5101-10101 are 5 segments: 3 and 5 are lost as well, pipe is 1
    assert_eq!(pieces(&mut rig), [(2101, 1000), (4101, 1000)]);
    rig.arrives("<SEQ=301><ACK=10101><CTL=ACK><WND=65535>");
    assert_eq!(pieces(&mut rig), []);
    assert_eq!(rig.connection().variables().retransmissions, 3);
    assert_eq!(rig.connection().deadline(), None);
}

#[test]
fn new_data_flows_during_recovery() {
    // RFC 6675 4, NextSeg (2): nothing lost is left, so what was never sent
    let mut rig = sender(20_000);
    assert_eq!(rig.all().len(), 10);
    let ack = "<SEQ=301><ACK=101><CTL=ACK><WND=65535>";
    // step 3: limited transmit, one a SACK while the pipe is below cwnd
    rig.arrives(&format!("{ack}<SACK=1101-2101>"));
    assert_eq!(pieces(&mut rig), [(10_101, 1000)]);
    rig.arrives(&format!("{ack}<SACK=1101-3101>"));
    assert_eq!(pieces(&mut rig), [(11_101, 1000)]);
    // more than two segments above the first: lost. FlightSize 12, cwnd 6, pipe 12 - 3 - 1 + 1 = 9
    rig.arrives(&format!("{ack}<SACK=1101-4101>"));
    assert_eq!(pieces(&mut rig), [(101, 1000)]);
    for right in [5101, 6101, 7101] {
        rig.arrives(&format!("{ack}<SACK=1101-{right}>"));
        assert_eq!(pieces(&mut rig), []);
    }
    rig.arrives(&format!("{ack}<SACK=1101-8101>"));
    assert_eq!(pieces(&mut rig), [(12_101, 1000)]);
    assert_eq!(rig.connection().variables().retransmissions, 1);
}

#[test]
fn an_ack_without_news_is_no_duplicate() {
    // RFC 6675 2: with SACK, a duplicate ACK carries SACK information that was not known
    let mut rig = sender(10_000);
    rig.all();
    for _ in 0..5 {
        rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=65535>");
        rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=65535><SACK=1101-2101>");
    }
    assert_eq!(pieces(&mut rig), []);
}

#[test]
fn absurd_blocks_are_ignored() {
    let mut rig = sender(10_000);
    rig.all();
    for block in [
        "50-90",
        "101-2101",
        "90-2101",
        "10101-11101",
        "9101-10102",
        "5000-5000",
        "6000-5000",
        "3000000000-1101",
        "960743147-2147493750",
        "1101-2147493750",
    ] {
        rig.arrives(&format!(
            "<SEQ=301><ACK=101><CTL=ACK><WND=65535><SACK={block}>"
        ));
    }
    assert_eq!(pieces(&mut rig), []);
    let variables = rig.connection().variables();
    assert_eq!((variables.pipe, variables.cwnd), (10_000, 10_000));
}

#[test]
fn a_time_out_forgets_what_was_sacked() {
    // RFC 2018 8: the receiver may have reneged; all is sent again unless it is SACKed anew
    let mut rig = sender(4000);
    rig.all();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=65535><SACK=1101-2101>");
    rig.wait_for_deadline();
    assert_eq!(pieces(&mut rig), [(101, 1000)]);
    rig.arrives("<SEQ=301><ACK=1101><CTL=ACK><WND=65535>");
    assert_eq!(pieces(&mut rig), [(1101, 1000), (2101, 1000)], "it reneged");
    let mut rig = sender(4000);
    rig.all();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=65535><SACK=1101-2101>");
    rig.wait_for_deadline();
    rig.all();
    rig.arrives("<SEQ=301><ACK=101><CTL=ACK><WND=65535><SACK=2101-3101>");
    rig.arrives("<SEQ=301><ACK=2101><CTL=ACK><WND=65535><SACK=2101-3101>");
    assert_eq!(pieces(&mut rig), [(3101, 1000)], "2101-3101 is SACKed anew");
}

#[test]
fn the_tail_is_rescued() {
    // RFC 6675 4, NextSeg (4): the first and the last of ten are lost; the last is sent again before the timer
    let mut rig = sender(10_000);
    rig.all();
    let ack = "<SEQ=301><ACK=101><CTL=ACK><WND=65535>";
    for right in [2101, 3101, 4101, 5101, 6101, 7101, 8101, 9101] {
        rig.arrives(&format!("{ack}<SACK=1101-{right}>"));
    }
    assert_eq!(pieces(&mut rig), [(101, 1000), (9101, 1000)]);
    rig.arrives("<SEQ=301><ACK=10101><CTL=ACK><WND=65535>");
    assert_eq!(rig.connection().deadline(), None);
    rig.wait(10 * S);
    rig.sends_nothing();
}

#[test]
fn the_rescue_hides_no_hole() {
    // NextSeg (4) leaves HighRxt alone: the first, the eighth and the tenth of ten are lost; the tenth is sent again to
    // rescue it, and when its SACK shows that the eighth is lost, that is sent again too
    let mut rig = sender(10_000);
    rig.all();
    let ack = "<SEQ=301><ACK=101><CTL=ACK><WND=65535>";
    for right in [2101, 3101, 4101, 5101, 6101, 7101] {
        rig.arrives(&format!("{ack}<SACK=1101-{right}>"));
    }
    // pipe: 8, 9, 10 and 1 once more are 4; cwnd is 5: one more, and there is nothing but the tail
    assert_eq!(pieces(&mut rig), [(101, 1000), (9101, 1000)]);
    rig.arrives(&format!("{ack}<SACK=8101-9101><SACK=1101-7101>"));
    assert_eq!(pieces(&mut rig), [(7101, 1000)], "NextSeg (3)");
    rig.arrives("<SEQ=301><ACK=7101><CTL=ACK><WND=65535><SACK=8101-10101>");
    assert_eq!(pieces(&mut rig), []);
    rig.arrives("<SEQ=301><ACK=10101><CTL=ACK><WND=65535>");
    assert_eq!(rig.connection().variables().retransmissions, 3);
}
