//! What the stream tests share: a clock, a sender with idle cycles, a receiver with back-pressure, and a check of the AXI rules.
#![allow(dead_code, missing_docs)]

pub mod model;
pub mod rx;
pub mod toeplitz;

use handclasp_hdl::stream::{StreamSink, StreamSource};
use num_bigint::BigUint;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;

/// A block with a clock and a reset.
pub trait Clocked: Block + Sized {
    fn clk(&mut self) -> &mut Signal<In, Clock>;
    fn rst(&mut self) -> &mut Signal<In, Bit>;

    /// Lets the inputs settle.
    fn settle(&mut self) {
        assert!(simulate(self, 100), "the block does not settle");
    }

    /// One rising edge, seen with the inputs as they are; leaves the outputs settled.
    fn tick(&mut self) {
        self.settle();
        self.clk().next = true.into();
        self.settle();
        self.clk().next = false.into();
        self.settle();
    }

    fn reset(&mut self) {
        self.rst().next = true;
        self.tick();
        self.rst().next = false;
        self.settle();
    }
}

#[macro_export]
macro_rules! clocked {
    ($([$($generics:tt)*] $block:ty;)*) => {$(
        impl<$($generics)*> $crate::bench::Clocked for $block {
            fn clk(&mut self) -> &mut Signal<In, Clock> { &mut self.clk }
            fn rst(&mut self) -> &mut Signal<In, Bit> { &mut self.rst }
        }
    )*};
}

/// One beat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beat {
    pub data: Vec<u8>,
    pub last: bool,
    pub user: bool,
}

/// Cuts a packet into beats of `lanes` bytes.
pub fn beats(packet: &[u8], lanes: usize, user: bool) -> Vec<Beat> {
    let count = packet.len().div_ceil(lanes).max(1);
    (0..count)
        .map(|i| {
            let last = i + 1 == count;
            let data = packet[i * lanes..packet.len().min((i + 1) * lanes)].to_vec();
            Beat {
                data,
                last,
                user: user && last,
            }
        })
        .collect()
}

/// Puts beats on a stream, each one held until it is accepted.
pub struct Sender {
    pub queue: std::collections::VecDeque<Beat>,
    /// Chance of an idle cycle before a beat.
    pub idle: f64,
    showing: bool,
}

impl Sender {
    pub fn new(beats: impl IntoIterator<Item = Beat>, idle: f64) -> Self {
        Self {
            queue: beats.into_iter().collect(),
            idle,
            showing: false,
        }
    }

    /// Drives the stream for the coming edge.
    pub fn drive<const W: usize, const K: usize>(
        &mut self,
        s: &mut StreamSink<W, K>,
        rng: &mut ChaCha8Rng,
    ) {
        if !self.showing && !self.queue.is_empty() {
            self.showing = !rng.random_bool(self.idle);
        }
        s.tvalid.next = self.showing;
        if let (true, Some(beat)) = (self.showing, self.queue.front()) {
            s.tdata.next = BigUint::from_bytes_le(&beat.data).into();
            s.tkeep.next = BigUint::from((1_u128 << beat.data.len()) - 1).into();
            s.tlast.next = beat.last;
            s.tuser.next = beat.user;
        }
    }

    /// After the inputs settled, before the edge: whether the beat goes over at it.
    pub fn sample<const W: usize, const K: usize>(&mut self, s: &StreamSink<W, K>) -> bool {
        let accepted = self.showing && s.tready.val();
        if accepted {
            self.queue.pop_front();
            self.showing = false;
        }
        accepted
    }
}

/// Takes beats off a stream, and checks that a beat stays until it is taken.
pub struct Receiver {
    pub beats: Vec<Beat>,
    /// Chance of a cycle without `tready`.
    pub stall: f64,
    waiting: Option<Beat>,
}

impl Receiver {
    pub fn new(stall: f64) -> Self {
        Self {
            beats: vec![],
            stall,
            waiting: None,
        }
    }

    pub fn drive<const W: usize, const K: usize>(
        &mut self,
        m: &mut StreamSource<W, K>,
        rng: &mut ChaCha8Rng,
    ) {
        m.tready.next = !rng.random_bool(self.stall);
    }

    pub fn sample<const W: usize, const K: usize>(&mut self, m: &StreamSource<W, K>) -> bool {
        if !m.tvalid.val() {
            assert_eq!(self.waiting, None, "a beat was taken back");
            return false;
        }
        let lanes = (0..K).take_while(|i| m.tkeep.val().get_bit(*i)).count();
        assert!(
            (lanes..K).all(|i| !m.tkeep.val().get_bit(i)),
            "a hole in tkeep"
        );
        let data = (0..lanes)
            .map(|i| u64::from(m.tdata.val().get_bits::<8>(8 * i)) as u8)
            .collect();
        let beat = Beat {
            data,
            last: m.tlast.val(),
            user: m.tuser.val(),
        };
        if let Some(waiting) = &self.waiting {
            assert_eq!(waiting, &beat, "a beat changed while it waited");
        }
        let taken = m.tready.val();
        match taken {
            true => {
                self.beats.push(beat);
                self.waiting = None;
            }
            false => self.waiting = Some(beat),
        }
        taken
    }

    /// The whole packets so far.
    pub fn packets(&self) -> Vec<(Vec<u8>, bool)> {
        let mut packets = vec![];
        let mut open = vec![];
        for beat in &self.beats {
            open.extend_from_slice(&beat.data);
            if beat.last {
                packets.push((std::mem::take(&mut open), beat.user));
            }
        }
        packets
    }
}

/// A packet of random bytes.
pub fn packet(rng: &mut ChaCha8Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.random()).collect()
}
