//! Two connections and a network between them, in virtual time: what is lost, doubled or late follows from a seed.
#![allow(dead_code)] // each test crate uses its part of it

use handclasp_driver::dma::DmaRegion;
use handclasp_host::tcp::{
    answer_unmatched, Beginning, Buffers, Config, Connection, Outgoing, Segment, SeqNumber, State,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub const MS: u64 = 1_000_000;
pub const S: u64 = 1_000 * MS;

pub struct Sent {
    pub segment: Segment,
    pub payload: Vec<u8>,
}

pub fn region(bytes: usize) -> DmaRegion {
    DmaRegion::heap(bytes).expect("memory")
}

fn begin(iss: u32) -> Beginning {
    Beginning {
        iss: SeqNumber(iss),
        timestamp_offset: 0,
    }
}

/// A connection with the region its payload lies in.
pub struct Endpoint {
    pub connection: Connection,
    send: DmaRegion,
}

impl Endpoint {
    pub fn connect(config: Config, now: u64, iss: u32, send: usize, receive: usize) -> Self {
        let send = region(send);
        let buffers = Buffers {
            send: send.clone(),
            receive: region(receive),
        };
        Self {
            connection: Connection::connect(config.into(), now, begin(iss), buffers),
            send,
        }
    }

    pub fn accept(
        config: Config,
        now: u64,
        iss: u32,
        send: usize,
        receive: usize,
        syn: &Segment,
    ) -> Self {
        let send = region(send);
        let buffers = Buffers {
            send: send.clone(),
            receive: region(receive),
        };
        Self {
            connection: Connection::accept(config.into(), now, begin(iss), buffers, syn),
            send,
        }
    }

    /// What the NIC would put on the wire.
    pub fn read(&self, outgoing: Outgoing) -> Sent {
        let mut payload = Vec::new();
        if let Some(slice) = outgoing.payload {
            payload.resize(slice.len_bytes, 0);
            self.send
                .read(slice.offset, &mut payload)
                .expect("payload within the region");
        }
        assert_eq!(
            payload.len(),
            usize::from(outgoing.segment.payload_len_bytes)
        );
        Sent {
            segment: outgoing.segment,
            payload,
        }
    }

    pub fn next(&mut self, now: u64) -> Option<Sent> {
        let outgoing = self.connection.next_segment(now)?;
        Some(self.read(outgoing))
    }
}

#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// Per mille.
    pub drop: u32,
    pub duplicate: u32,
    pub reorder: u32,
}

struct Flying {
    at: u64,
    order: u64,
    to: usize,
    sent: Sent,
}

/// Decides on the fate of a segment: its sender (0 or 1) and the segment; `true` lets it pass.
pub type Filter = Box<dyn FnMut(usize, &Sent) -> bool>;

pub struct Network {
    pub now: u64,
    pub ends: [Option<Endpoint>; 2],
    pub delay: u64,
    faults: Faults,
    rng: ChaCha8Rng,
    flying: Vec<Flying>,
    order: u64,
    pub passive: Option<(Config, u32, usize, usize)>,
    pub filter: Filter,
    pub segments: u64,
    /// Each state that each end has been in, in order.
    pub states: [Vec<State>; 2],
    pub trace: bool,
}

impl Network {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            now: S,
            ends: [None, None],
            delay: 5 * MS,
            faults,
            rng: ChaCha8Rng::seed_from_u64(seed),
            flying: Vec::new(),
            order: 0,
            passive: None,
            filter: Box::new(|_, _| true),
            segments: 0,
            states: [Vec::new(), Vec::new()],
            trace: std::env::var_os("TRACE").is_some(),
        }
    }

    pub fn end(&mut self, index: usize) -> &mut Connection {
        &mut self.ends[index].as_mut().expect("open").connection
    }

    fn note_state(&mut self, index: usize) {
        if let Some(end) = &self.ends[index] {
            let state = end.connection.state();
            if self.states[index].last() != Some(&state) {
                self.states[index].push(state);
            }
        }
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.rng.random_range(0..1000) < per_mille
    }

    fn transmit(&mut self, from: usize, sent: Sent) {
        self.segments += 1;
        let passes = (self.filter)(from, &sent);
        if self.trace {
            eprintln!(
                "{:>12.3} {} {} seq {:?}+{} ack {:?} flags {:02x} wnd {} sack {:?}",
                self.now as f64 / 1e6,
                if from == 0 { "A>" } else { "<B" },
                if passes { " " } else { "X" },
                sent.segment.seq,
                sent.payload.len(),
                sent.segment.ack,
                sent.segment.flags,
                sent.segment.window,
                sent.segment.options.sack.as_slice(),
            );
        }
        if !passes || self.chance(self.faults.drop) {
            return;
        }
        let late = if self.chance(self.faults.reorder) {
            self.rng.random_range(1..=4) * MS
        } else {
            0
        };
        if self.chance(self.faults.duplicate) {
            let copy = Sent {
                segment: sent.segment,
                payload: sent.payload.clone(),
            };
            self.fly(from, copy, 2 * MS);
        }
        self.fly(from, sent, late);
    }

    fn fly(&mut self, from: usize, sent: Sent, late: u64) {
        self.order += 1;
        self.flying.push(Flying {
            at: self.now + self.delay + late,
            order: self.order,
            to: 1 - from,
            sent,
        });
    }

    /// Lets both ends say all they have to say now.
    pub fn flush(&mut self) {
        for index in 0..2 {
            let mut count = 0;
            while let Some(sent) = self.ends[index].as_mut().and_then(|end| end.next(self.now)) {
                self.transmit(index, sent);
                count += 1;
                assert!(count < 100_000, "an end that never stops sending");
            }
            self.note_state(index);
        }
    }

    fn deliver(&mut self, flying: Flying) {
        let Flying { to, sent, .. } = flying;
        if let Some(end) = &mut self.ends[to] {
            end.connection
                .segment_arrives(self.now, &sent.segment, &sent.payload);
        } else if let (Some((config, iss, send, receive)), true, false) = (
            self.passive,
            sent.segment.syn(),
            sent.segment.has_ack() || sent.segment.rst(),
        ) {
            self.ends[to] = Some(Endpoint::accept(
                config,
                self.now,
                iss,
                send,
                receive,
                &sent.segment,
            ));
        } else if let Some(segment) = answer_unmatched(&sent.segment) {
            self.transmit(
                to,
                Sent {
                    segment,
                    payload: Vec::new(),
                },
            );
        }
        self.note_state(to);
    }

    /// One step: to the next arrival or deadline. `false` when nothing will ever happen.
    pub fn step(&mut self) -> bool {
        self.flush();
        let arrival = self.flying.iter().map(|flying| flying.at).min();
        let deadline = self
            .ends
            .iter()
            .flatten()
            .filter_map(|end| end.connection.deadline())
            .min();
        let Some(next) = arrival.into_iter().chain(deadline).min() else {
            return false;
        };
        self.now = self.now.max(next);
        self.flying.sort_by_key(|flying| (flying.at, flying.order));
        while self
            .flying
            .first()
            .is_some_and(|flying| flying.at <= self.now)
        {
            let flying = self.flying.remove(0);
            self.deliver(flying);
        }
        for index in 0..2 {
            if let Some(end) = &mut self.ends[index] {
                end.connection.timeout(self.now);
            }
            self.note_state(index);
        }
        self.flush();
        true
    }

    /// Steps until `done`, or panics after `limit` of virtual time.
    pub fn run_until(&mut self, limit: u64, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            let alive = self.step();
            if done(self) {
                return;
            }
            assert!(alive, "nothing will ever happen: {:#?}", self.variables());
            assert!(self.now < end, "not done in time: {:#?}", self.variables());
        }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: u64) {
        let end = self.now + time;
        loop {
            self.flush();
            let arrival = self.flying.iter().map(|flying| flying.at).min();
            let deadline = self
                .ends
                .iter()
                .flatten()
                .filter_map(|end| end.connection.deadline())
                .min();
            match arrival.into_iter().chain(deadline).min() {
                Some(next) if next <= end => {
                    self.step();
                }
                _ => break,
            }
        }
        self.now = end;
    }

    pub fn variables(&self) -> [Option<handclasp_host::tcp::Variables>; 2] {
        [0, 1].map(|index| {
            self.ends[index]
                .as_ref()
                .map(|end| end.connection.variables())
        })
    }
}

/// Bytes that tell where they stand.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ChaCha8Rng::seed_from_u64(seed).fill(&mut bytes[..]);
    bytes
}
