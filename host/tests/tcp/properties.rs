//! Whatever arrives, whatever the user does: no panic, and the variables keep their order.

use crate::network::Endpoint;
use crate::rig::{Rig, MS};
use handclasp_host::tcp::{Config, SackBlock, Segment, SeqNumber, State};
use proptest::prelude::*;

/// Anything a peer, or a stranger, can put on the wire; numbers near those in use more often than not.
fn segment() -> impl Strategy<Value = (Segment, Vec<u8>)> {
    let near = |middle: u32| {
        prop_oneof![
            4 => (0..40u32).prop_map(move |by| middle.wrapping_sub(8).wrapping_add(by)),
            3 => (0..20_000u32).prop_map(move |by| middle.wrapping_add(by)),
            1 => any::<u32>(),
        ]
    };
    let block = (near(101), near(101)).prop_map(|(left, right)| SackBlock {
        left: SeqNumber(left),
        right: SeqNumber(right),
    });
    let flags = prop_oneof![3 => Just(0x10u16), 1 => Just(0x11), 1 => Just(0x02), 1 => Just(0x12), 1 => Just(0x04), 2 => 0..0x200u16];
    let numbers = (near(301), near(101), flags, any::<u16>(), any::<u16>());
    let options = (
        proptest::option::of(any::<u16>()),
        proptest::option::of(any::<u8>()),
        any::<bool>(),
        proptest::option::weighted(0.7, (near(5000), near(1_000_000))),
        proptest::collection::vec(block, 0..=4),
    );
    let payload = prop_oneof![2 => Just(0), 2 => 0..20usize, 1 => 0..1500usize];
    (numbers, options, payload).prop_map(
        |((seq, ack, flags, window, urgent), (mss, scale, permitted, timestamps, sack), len)| {
            let mut segment = Segment {
                seq: SeqNumber(seq),
                ack: SeqNumber(ack),
                flags,
                window,
                urgent,
                ..Segment::default()
            };
            segment.options.mss = mss;
            segment.options.window_scale = scale;
            segment.options.sack_permitted = permitted;
            segment.options.timestamps = timestamps;
            segment.options.sack = sack.into_iter().collect();
            segment.payload_len_bytes = len as u16;
            (segment, vec![0x5a; len])
        },
    )
}

#[derive(Clone, Debug)]
enum Act {
    Arrive(Segment, Vec<u8>),
    Wait(u64),
    Deadline,
    Transmit,
    Send(usize),
    Receive(usize),
    ShutdownWrite,
    ShutdownRead,
    Close,
    Abort,
    Unreachable(u8, u32, u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => segment().prop_map(|(segment, payload)| Act::Arrive(segment, payload)),
        6 => Just(Act::Transmit),
        2 => (0..10_000 * MS).prop_map(Act::Wait),
        2 => Just(Act::Deadline),
        2 => (0..20_000usize).prop_map(Act::Send),
        2 => (0..20_000usize).prop_map(Act::Receive),
        1 => prop_oneof![8 => Just(Act::ShutdownWrite), 2 => Just(Act::ShutdownRead), 2 => Just(Act::Close), 1 => Just(Act::Abort)],
        1 => (0..20u8, 90..200u32, any::<u16>()).prop_map(|(code, seq, mtu)| Act::Unreachable(code, seq, mtu)),
    ]
}

fn start(state: usize, full: bool) -> Rig {
    if full {
        // with all options
        let mut rig = Rig::connect(Config::default(), 8192, 8192);
        if state > 0 {
            rig.all();
        }
        if state > 1 {
            rig.arrives(
                "<SEQ=300><ACK=101><CTL=SYN,ACK><WS=7><SACKOK=1><MSS=1460><TS=5000:1000000>",
            );
        }
        return rig;
    }
    match state {
        0 => Rig::syn_sent(),
        1 => Rig::syn_received(),
        2 => Rig::established(),
        3 => Rig::fin_wait_1(),
        4 => Rig::fin_wait_2(),
        5 => Rig::closing(),
        6 => Rig::close_wait(),
        7 => Rig::last_ack(),
        _ => Rig::time_wait(),
    }
}

/// What always holds (RFC 9293 3.3.1, 3.4).
fn check(rig: &mut Rig, before: handclasp_host::tcp::Variables) {
    let (send, receive) = rig.connection().capacity_bytes();
    let now = rig.connection().variables();
    assert!(now.snd_una.le(now.snd_nxt), "SND.UNA =< SND.NXT");
    assert!(now.iss.le(now.snd_una), "SND.UNA never moves back");
    assert!(before.snd_una.le(now.snd_una));
    assert!(before.snd_nxt.le(now.snd_nxt) || now.state == State::Closed);
    if before.state.is_synchronized() {
        assert!(before.rcv_nxt.le(now.rcv_nxt), "RCV.NXT never moves back");
        let (old, new) = (before.rcv_nxt + before.rcv_wnd, now.rcv_nxt + now.rcv_wnd);
        assert!(old.le(new), "the right edge of the window never moves back");
    }
    assert!(rig.connection().unacknowledged_len_bytes() <= send);
    let waiting = rig.connection().received_len_bytes();
    assert!(waiting <= receive);
    assert!(
        now.rcv_wnd as usize <= receive - waiting,
        "no window without room"
    );
    assert!(now.snd_nxt.since(now.snd_una) as usize <= send + 2);
    assert!(now.cwnd >= 1);
    assert!(now.pipe <= 2 * (send as u32 + 2));
    assert!(
        before.state != State::Closed || now.state == State::Closed,
        "CLOSED is final"
    );
    if now.state == State::Closed {
        assert_eq!(rig.connection().deadline(), None);
    }
}

fn transmit(rig: &mut Rig) {
    let mut count = 0;
    while let Some(sent) = rig.endpoint.next(rig.now) {
        count += 1;
        assert!(count < 1000, "never stops sending");
        let headers = 40 + usize::from(sent.segment.options.len_bytes());
        assert!(headers <= 80, "options fit into the header");
        assert!(
            headers + sent.payload.len() <= 1500,
            "a packet fits the MTU"
        );
        assert!(
            sent.segment.options.sack.as_slice().len() <= 3,
            "the NIC's three SACK blocks"
        );
    }
}

fn run(mut rig: Rig, acts: Vec<Act>) {
    for act in acts {
        let before = rig.connection().variables();
        let now = rig.now;
        match act {
            Act::Arrive(segment, payload) => {
                if let Some(mut time_wait) = rig.connection().time_wait() {
                    time_wait.is_reusable_by(&segment);
                    time_wait.segment_arrives(now, &segment, &Config::default());
                    time_wait.ack(now);
                }
                rig.connection().segment_arrives(now, &segment, &payload);
            }
            Act::Wait(time) => rig.wait(time),
            Act::Deadline => {
                if rig.connection().deadline().is_some() {
                    rig.wait_for_deadline();
                }
            }
            Act::Transmit => transmit(&mut rig),
            Act::Send(len) => {
                let _ = rig.connection().send(&vec![1; len]);
            }
            Act::Receive(len) => {
                let _ = rig.connection().receive(&mut vec![0; len]);
            }
            Act::ShutdownWrite => rig.connection().shutdown_write(),
            Act::ShutdownRead => rig.connection().shutdown_read(),
            Act::Close => rig.connection().close(now),
            Act::Abort => rig.connection().abort(),
            Act::Unreachable(code, seq, mtu) => {
                rig.connection()
                    .destination_unreachable(code, SeqNumber(seq), mtu);
            }
        }
        check(&mut rig, before);
        let connection = rig.connection();
        let _ = (
            connection.readable(),
            connection.writable(),
            connection.urgent_len_bytes(),
            connection.is_struggling(),
        );
    }
    transmit(&mut rig);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_from_the_wire_breaks_any_state(
        state in 0..9usize,
        full in any::<bool>(),
        acts in proptest::collection::vec(act(), 1..60),
    ) {
        run(start(state, full), acts);
    }

    #[test]
    fn any_syn_can_be_accepted(
        (mut syn, _) in segment(),
        acts in proptest::collection::vec(act(), 1..40),
    ) {
        syn.flags = 0x02;
        syn.seq = SeqNumber(300);
        let now = 1_000_000 * MS;
        let endpoint = Endpoint::accept(Config::default(), now, 100, 4096, 4096, &syn);
        run(Rig { endpoint, now }, acts);
    }
}
