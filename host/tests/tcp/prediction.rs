//! Header prediction changes nothing: two equal connections live through the same, one with it and one without, and
//! neither the peer nor the user can tell them apart.

use crate::network::Sent;
use crate::rig::{Rig, MS};
use handclasp_host::tcp::{Config, Outgoing, Plain, SackBlock, Segment, SeqNumber, State};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

const ACK: u16 = 0x10;
const PSH: u16 = 0x08;

/// What happens next. Numbers are relative to the connection's own, so that most segments fit.
#[derive(Clone, Debug)]
enum Act {
    /// The peer's next text, acknowledging so many per mille of what is in flight.
    Text {
        len: usize,
        acked: u32,
    },
    /// The same ACK so often.
    Duplicates(usize),
    /// Something else from the peer.
    Odd(Odd),
    Send(usize),
    Receive(usize),
    Wait(u64),
    Deadline,
    Transmit,
    ShutdownWrite,
    ShutdownRead,
    Close,
    Nodelay(bool),
}

/// A segment with anything wrong, or nothing.
#[derive(Clone, Debug)]
struct Odd {
    /// Octets from RCV.NXT.
    seq: i32,
    /// Octets from SND.UNA.
    ack: i32,
    flags: u16,
    window: u16,
    /// Milliseconds behind the peer's clock.
    ts_val: Option<u32>,
    sacks: bool,
    len: usize,
}

fn act() -> impl Strategy<Value = Act> {
    let len = || prop_oneof![Just(0), 1..200usize, Just(1448)];
    let odd = (
        prop_oneof![3 => Just(0), 1 => -3000..3000i32],
        prop_oneof![2 => Just(0), 2 => 0..3000i32, 1 => -3000..6000i32],
        prop_oneof![4 => Just(ACK), 2 => Just(ACK | PSH), 1 => Just(ACK | 1), 1 => 0..0x200u16],
        prop_oneof![2 => Just(64), 1 => Just(0), 1 => any::<u16>()],
        prop_oneof![4 => Just(Some(0)), 1 => Just(None), 1 => (0..5000u32).prop_map(Some)],
        prop_oneof![6 => Just(false), 1 => Just(true)],
        len(),
    );
    prop_oneof![
        12 => (len(), prop_oneof![Just(1000), 0..=1000u32])
            .prop_map(|(len, acked)| Act::Text { len, acked }),
        1 => (1..5usize).prop_map(Act::Duplicates),
        4 => odd.prop_map(|(seq, ack, flags, window, ts_val, sacks, len)| {
            Act::Odd(Odd { seq, ack, flags, window, ts_val, sacks, len })
        }),
        6 => prop_oneof![1..300usize, 1..6000usize].prop_map(Act::Send),
        6 => (0..6000usize).prop_map(Act::Receive),
        12 => Just(Act::Transmit),
        3 => (0..3 * MS).prop_map(Act::Wait),
        1 => (0..3000 * MS).prop_map(Act::Wait),
        2 => Just(Act::Deadline),
        1 => prop_oneof![
            6 => any::<bool>().prop_map(Act::Nodelay),
            2 => Just(Act::ShutdownWrite),
            1 => Just(Act::ShutdownRead),
            1 => Just(Act::Close),
        ],
    ]
}

/// How often prediction was right.
#[derive(Default)]
struct Hits {
    arrived: Cell<u32>,
    sent: Cell<u32>,
}

/// The two connections.
struct Twins<'a> {
    with: Rig,
    without: Rig,
    hits: &'a Hits,
}

impl<'a> Twins<'a> {
    /// `stray`: the answer to a stranger's segment has not left when the connection is open.
    fn new(nodelay: bool, sack: bool, stray: bool, hits: &'a Hits) -> Self {
        let rig = || {
            let config = Config {
                nodelay,
                ..Config::default()
            };
            let sack = if sack { "<SACKOK=1>" } else { "" };
            let syn_ack = format!("{sack}<WS=7><MSS=1460><WND=8192><TS=5000:1000000>");
            let mut rig = Rig::connect(config, 8192, 8192);
            rig.all();
            if stray {
                rig.arrives("<SEQ=300><ACK=50><CTL=ACK>");
            }
            rig.arrives(&format!("<SEQ=300><ACK=101><CTL=SYN,ACK>{syn_ack}"));
            if !stray {
                rig.all();
            }
            assert_eq!(rig.state(), State::Established);
            rig
        };
        Self {
            with: rig(),
            without: rig(),
            hits,
        }
    }

    fn arrives(&mut self, segment: &Segment) {
        let now = self.with.now;
        // Octets that follow from their place, as a peer would send them again.
        let octet = |at| segment.seq.0.wrapping_add(at) as u8;
        let payload: Vec<u8> = (0..segment.payload_len_bytes.into()).map(octet).collect();
        let plain = plain(segment).filter(|plain| {
            self.with
                .connection()
                .expected_arrives(now, plain, &payload)
        });
        match plain {
            Some(_) => self.hits.arrived.set(self.hits.arrived.get() + 1),
            None => self
                .with
                .connection()
                .segment_arrives(now, segment, &payload),
        }
        // What the stack relies on, when it does not ask for a segment.
        let with = self.with.connection();
        let answers = !with.predicts() || with.has_answer();
        self.without
            .connection()
            .segment_arrives(now, segment, &payload);
        if !answers {
            assert!(self.next_without().is_none(), "there was an answer");
        }
    }

    fn next_with(&mut self) -> Option<Sent> {
        let now = self.with.now;
        let with = self.with.connection();
        let text = with.next_plain_text(now);
        // Behind a bare ACK there is nothing either.
        let is_last = text.is_none_or(|text| text.is_last());
        let Some(text) = text.or_else(|| with.next_plain_ack(now)) else {
            return self.with.endpoint.next(now);
        };
        self.hits.sent.set(self.hits.sent.get() + 1);
        let sent = self.with.endpoint.read(Outgoing {
            segment: text.header.into(),
            payload: Some(text.payload),
        });
        if is_last {
            assert!(
                self.with.endpoint.next(now).is_none(),
                "it was not the last"
            );
        }
        Some(sent)
    }

    fn next_without(&mut self) -> Option<Sent> {
        self.without.endpoint.next(self.without.now)
    }

    fn transmit(&mut self) {
        loop {
            let (with, without) = (self.next_with(), self.next_without());
            let said = |sent: &Option<Sent>| sent.as_ref().map(|sent| sent.segment);
            assert_eq!(said(&with), said(&without));
            let (Some(with), Some(without)) = (with, without) else {
                break;
            };
            assert_eq!(with.payload, without.payload);
        }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Text { len, acked } => {
                let now = self.with.connection().variables();
                let flight = now.snd_nxt.since(now.snd_una);
                let segment = self.segment(now.rcv_nxt, now.snd_una + flight * acked / 1000, len);
                self.arrives(&segment);
            }
            Act::Duplicates(count) => {
                let now = self.with.connection().variables();
                let segment = self.segment(now.rcv_nxt, now.snd_una, 0);
                (0..count).for_each(|_| self.arrives(&segment));
            }
            Act::Odd(ref odd) => {
                let now = self.with.connection().variables();
                let moved = |from: SeqNumber, by: i32| SeqNumber(from.0.wrapping_add_signed(by));
                let ack = moved(now.snd_una, odd.ack);
                let mut segment = self.segment(moved(now.rcv_nxt, odd.seq), ack, odd.len);
                segment.flags = odd.flags;
                segment.window = odd.window;
                let (ts_val, ts_ecr) = segment.options.timestamps.unwrap_or_default();
                segment.options.timestamps = odd.ts_val.map(|by| (ts_val.wrapping_sub(by), ts_ecr));
                if odd.sacks {
                    segment.options.sack.push(SackBlock {
                        left: ack + 100,
                        right: ack + 1500,
                    });
                }
                self.arrives(&segment);
            }
            Act::Transmit => self.transmit(),
            _ => {
                let with = user(&mut self.with, act);
                assert_eq!(with, user(&mut self.without, act));
            }
        }
        let (with, without) = (&mut self.with, &mut self.without);
        let (with, without) = (with.connection(), without.connection());
        assert_eq!(with.variables(), without.variables());
        assert_eq!(with.deadline(), without.deadline());
        assert_eq!(with.received_len_bytes(), without.received_len_bytes());
        assert_eq!(with.error(), without.error());
    }

    /// A segment of the peer, whose clock ticks with ours.
    fn segment(&self, seq: SeqNumber, ack: SeqNumber, len: usize) -> Segment {
        let mut segment = Segment {
            seq,
            ack,
            flags: ACK,
            window: 64,
            payload_len_bytes: len as u16,
            ..Segment::default()
        };
        let ts_val = (self.with.now / MS) as u32;
        segment.options.timestamps = Some((ts_val, 1_000_000));
        segment
    }
}

/// As the stack tells plain segments from others, by the event's fields.
fn plain(segment: &Segment) -> Option<Plain> {
    let (ts_val, ts_ecr) = segment.options.timestamps?;
    let plain = Plain {
        seq: segment.seq,
        ack: segment.ack,
        flags: segment.flags,
        window: segment.window,
        ts_val,
        ts_ecr,
        payload_len_bytes: segment.payload_len_bytes,
    };
    let says_no_more = segment.flags & !PSH == ACK && Segment::from(plain) == *segment;
    says_no_more.then_some(plain)
}

/// What the user, or time, does; what comes of it.
fn user(rig: &mut Rig, act: &Act) -> Vec<u8> {
    let now = rig.now;
    match *act {
        Act::Send(len) => {
            let sent = rig.connection().send(&vec![len as u8; len]);
            return format!("{sent:?}").into_bytes();
        }
        Act::Receive(len) => {
            let mut data = vec![0; len];
            let received = rig.connection().receive(&mut data);
            data.extend_from_slice(format!("{received:?}").as_bytes());
            return data;
        }
        Act::Wait(time) => rig.wait(time),
        Act::Deadline if rig.connection().deadline().is_some() => {
            rig.wait_for_deadline();
        }
        Act::ShutdownWrite => rig.connection().shutdown_write(),
        Act::ShutdownRead => rig.connection().shutdown_read(),
        Act::Close => rig.connection().close(now),
        Act::Nodelay(nodelay) => rig.connection().set_nodelay(nodelay),
        _ => {}
    }
    Vec::new()
}

#[test]
fn a_connection_with_prediction_is_like_one_without() {
    let hits = Hits::default();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 3072,
        ..ProptestConfig::default()
    });
    let begin = (any::<bool>(), any::<bool>(), any::<bool>());
    let lives = (begin, proptest::collection::vec(act(), 1..150));
    let result = runner.run(&lives, |((nodelay, sack, stray), acts)| {
        let mut twins = Twins::new(nodelay, sack, stray, &hits);
        for act in &acts {
            twins.act(act);
        }
        twins.transmit();
        Ok(())
    });
    result.unwrap();
    // Else nothing was compared.
    let (arrived, sent) = (hits.arrived.get(), hits.sent.get());
    assert!(arrived > 10_000, "{arrived} segments were expected");
    assert!(sent > 5_000, "{sent} segments were plain");
}
