//! Faults on the wire: drops, duplicates, reorders, delays, and flips bits of what another wire carries.
//!
//! ```text
//!   send    --> [ lane: flip, dup, drop, hold ] --> inner wire
//!   receive <-- [ lane: flip, dup, drop, hold ] <-- inner wire
//! ```
//!
//! The two directions are independent, each with its own stream of random numbers from one seed: the same frames meet the
//! same faults. Delays do not reorder; only `reorder` does.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::str::FromStr;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Wire;

/// A frame picked for reordering is overtaken by 1 to this many later frames.
const OVERTAKEN_MAX: u32 = 3;

/// A frame picked for reordering waits no longer than this for frames that overtake it.
const OVERTAKEN_WAIT_NS: u64 = 2_000_000;

/// Which faults, and how often. All rates are per frame and direction, from 0 to 1.
///
/// Written as on the command line: `drop=0.02,dup=0.01,reorder=0.02,flip=0.005,delay-ms=1,seed=7`; what is left out is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// Frames that are lost.
    pub drop: f64,
    /// Frames that arrive twice.
    pub dup: f64,
    /// Frames that later ones overtake (1 to 3 of them).
    pub reorder: f64,
    /// Frames in which one bit, anywhere, is turned.
    pub flip: f64,
    /// Mean delay of every frame; each takes between half of it and one and a half. Frames stay in order.
    pub delay_ns: u64,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// What is wrong with a list of faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// Not `key=value`.
    #[error("fault {0:?} is not of the form key=value, like drop=0.02")]
    NotAPair(String),
    /// No such fault.
    #[error("there is no fault {0:?}: there are drop, dup, reorder, flip, delay-ms and seed")]
    UnknownKey(String),
    /// The value is no number, or out of range.
    #[error("fault {key} is {value:?}: it must be {expected}")]
    BadValue {
        /// The fault.
        key: String,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The fault stands there twice.
    #[error("fault {0} is given twice")]
    Twice(String),
}

impl FromStr for Faults {
    type Err = FaultsError;

    fn from_str(list: &str) -> Result<Self, FaultsError> {
        let mut faults = Faults::default();
        let mut seen = Vec::new();
        for pair in list.split(',').filter(|pair| !pair.trim().is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| FaultsError::NotAPair(pair.to_owned()))?;
            let (key, value) = (key.trim(), value.trim());
            if seen.contains(&key) {
                return Err(FaultsError::Twice(key.to_owned()));
            }
            seen.push(key);
            match key {
                "drop" => faults.drop = rate(key, value)?,
                "dup" => faults.dup = rate(key, value)?,
                "reorder" => faults.reorder = rate(key, value)?,
                "flip" => faults.flip = rate(key, value)?,
                "delay-ms" => {
                    let expected = "a number of milliseconds from 0 to 60000";
                    let ms = number(key, value, 60_000.0, expected)?;
                    faults.delay_ns = (ms * 1e6) as u64;
                }
                "seed" => {
                    faults.seed = value
                        .parse()
                        .map_err(|_| bad_value(key, value, "a whole number below 2^64"))?;
                }
                _ => return Err(FaultsError::UnknownKey(key.to_owned())),
            }
        }
        Ok(faults)
    }
}

fn rate(key: &str, value: &str) -> Result<f64, FaultsError> {
    number(key, value, 1.0, "a rate from 0 to 1")
}

fn number(key: &str, value: &str, max: f64, expected: &'static str) -> Result<f64, FaultsError> {
    match value.parse() {
        Ok(number) if (0.0..=max).contains(&number) => Ok(number),
        _ => Err(bad_value(key, value, expected)),
    }
}

fn bad_value(key: &str, value: &str, expected: &'static str) -> FaultsError {
    FaultsError::BadValue {
        key: key.to_owned(),
        value: value.to_owned(),
        expected,
    }
}

/// What happened to the frames of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Frames handed in.
    pub frames: u64,
    /// Frames lost.
    pub dropped: u64,
    /// Frames sent twice.
    pub duplicated: u64,
    /// Frames picked to be overtaken.
    pub reordered: u64,
    /// Frames with a turned bit.
    pub flipped: u64,
}

/// A wire with faults.
#[derive(Debug)]
pub struct Faulty<W> {
    inner: W,
    outgoing: Lane,
    incoming: Lane,
}

impl<W: Wire> Faulty<W> {
    /// Puts the faults on a wire.
    pub fn new(inner: W, faults: Faults) -> Self {
        Self {
            inner,
            outgoing: Lane::new(faults, 0),
            incoming: Lane::new(faults, 1),
        }
    }

    /// What happened to frames that were sent.
    pub fn sent(&self) -> FaultCounts {
        self.outgoing.counts
    }

    /// What happened to frames that were received.
    pub fn received(&self) -> FaultCounts {
        self.incoming.counts
    }

    /// Passes on what is due.
    fn pass_on(&mut self, at_ns: u64) {
        while let Some(frame) = self.outgoing.pop(at_ns) {
            self.inner.send(&frame, at_ns);
            self.outgoing.spare.push(frame);
        }
    }
}

impl<W: Wire> Wire for Faulty<W> {
    fn send(&mut self, frame: &[u8], at_ns: u64) {
        self.outgoing.push(frame, at_ns);
        self.pass_on(at_ns);
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, at_ns: u64) -> bool {
        self.pass_on(at_ns);
        while self.inner.receive(buffer, at_ns) {
            self.incoming.push(buffer, at_ns);
        }
        let Some(mut frame) = self.incoming.pop(at_ns) else {
            return false;
        };
        std::mem::swap(buffer, &mut frame);
        self.incoming.spare.push(frame);
        true
    }

    fn deadline(&self) -> Option<u64> {
        let ours = [self.outgoing.deadline(), self.incoming.deadline()];
        ours.into_iter()
            .chain([self.inner.deadline()])
            .flatten()
            .min()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.poll_fd()
    }
}

/// One direction.
#[derive(Debug)]
struct Lane {
    faults: Faults,
    random: ChaCha8Rng,
    counts: FaultCounts,
    /// Release time and frame. Each also waits for those before it, so delays keep the order.
    in_order: VecDeque<(u64, Vec<u8>)>,
    /// Frames that wait to be overtaken.
    overtaken: Vec<Overtaken>,
    /// Buffers for the next frames.
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Overtaken {
    /// How many frames have yet to overtake it.
    by: u32,
    /// When it stops waiting for them.
    release_ns: u64,
    frame: Vec<u8>,
}

impl Lane {
    fn new(faults: Faults, direction: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(faults.seed);
        random.set_stream(direction);
        Self {
            faults,
            random,
            counts: FaultCounts::default(),
            in_order: VecDeque::new(),
            overtaken: Vec::new(),
            spare: Vec::new(),
        }
    }

    fn push(&mut self, frame: &[u8], at_ns: u64) {
        // Every frame draws the same numbers whatever the rates are, so changing one rate leaves the other faults alone.
        let drop = self.random.random::<f64>() < self.faults.drop;
        let dup = self.random.random::<f64>() < self.faults.dup;
        let reorder = self.random.random::<f64>() < self.faults.reorder;
        let flip = self.random.random::<f64>() < self.faults.flip;
        let bit = self.random.random_range(0..(frame.len() as u64 * 8).max(1));
        let by = self.random.random_range(1..=OVERTAKEN_MAX);
        let delay = self.faults.delay_ns as f64 * self.random.random_range(0.5..1.5);

        self.counts.frames += 1;
        self.counts.dropped += u64::from(drop);
        if drop {
            return;
        }
        self.counts.duplicated += u64::from(dup);
        self.counts.reordered += u64::from(reorder);
        self.counts.flipped += u64::from(flip);
        let release_ns = at_ns.saturating_add(delay as u64);
        if dup {
            let copy = self.copy(frame);
            self.queue(copy, release_ns);
        }
        let mut copy = self.copy(frame);
        if flip {
            // A duplicate stays whole: one bit of one frame on the wire.
            if let Some(byte) = copy.get_mut((bit / 8) as usize) {
                *byte ^= 1 << (bit % 8);
            }
        }
        if reorder {
            self.overtaken.push(Overtaken {
                by,
                release_ns: release_ns.saturating_add(OVERTAKEN_WAIT_NS),
                frame: copy,
            });
        } else {
            self.queue(copy, release_ns);
        }
    }

    fn copy(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(frame);
        copy
    }

    /// Queues a frame, and behind it those that it is the last to overtake.
    fn queue(&mut self, frame: Vec<u8>, release_ns: u64) {
        self.in_order.push_back((release_ns, frame));
        let mut index = 0;
        while index < self.overtaken.len() {
            self.overtaken[index].by -= 1;
            if self.overtaken[index].by == 0 {
                let overtaken = self.overtaken.remove(index);
                self.in_order.push_back((release_ns, overtaken.frame));
            } else {
                index += 1;
            }
        }
    }

    /// The next frame that is due.
    fn pop(&mut self, at_ns: u64) -> Option<Vec<u8>> {
        if self
            .in_order
            .front()
            .is_some_and(|(release_ns, _)| *release_ns <= at_ns)
        {
            return self.in_order.pop_front().map(|(_, frame)| frame);
        }
        let waited = self
            .overtaken
            .iter()
            .position(|overtaken| overtaken.release_ns <= at_ns)?;
        Some(self.overtaken.remove(waited).frame)
    }

    fn deadline(&self) -> Option<u64> {
        let in_order = self.in_order.front().map(|(release_ns, _)| *release_ns);
        let overtaken = self.overtaken.iter().map(|overtaken| overtaken.release_ns);
        in_order.into_iter().chain(overtaken).min()
    }
}
