//! An AXI4 slave with memory, written from the AMBA specification alone: random latency and back-pressure, error ranges, and a check of every rule a
//! master must obey (section numbers of IHI 0022).
#![allow(dead_code, missing_docs)]

use handclasp_hdl::dma::{Reader, Writer};
use num_bigint::BigUint;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

const OKAY: u64 = 0;
const SLVERR: u64 = 2;
const DECERR: u64 = 3;

/// How the slave behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Chance that a ready signal is low, or a valid one late, in a cycle.
    pub stall: f64,
    /// Cycles from an address (from the last data) to the first answer.
    pub latency: u64,
}

/// Answers as soon as it can.
pub const PROMPT: Manner = Manner {
    stall: 0.0,
    latency: 0,
};

/// The byte that memory holds where nothing was written.
pub fn initial_byte(addr: u64) -> u8 {
    (addr ^ (addr >> 8) ^ (addr >> 12).wrapping_mul(37)) as u8
}

/// Little-endian bytes of a signal, lowest lane first.
pub fn bytes_of<const N: usize>(value: Bits<N>) -> Vec<u8> {
    let mut bytes = BigUint::from(value).to_bytes_le();
    bytes.resize(N / 8, 0);
    bytes
}

/// Memory, and what it refuses.
#[derive(Default)]
pub struct Memory {
    bytes: HashMap<u64, u8>,
    /// Addresses answered SLVERR.
    pub refused: Vec<Range<u64>>,
    /// Addresses answered DECERR.
    pub unmapped: Vec<Range<u64>>,
}

impl Memory {
    pub fn read(&self, addr: u64) -> u8 {
        *self.bytes.get(&addr).unwrap_or(&initial_byte(addr))
    }

    pub fn slice(&self, addr: u64, len: usize) -> Vec<u8> {
        (addr..addr + len as u64).map(|a| self.read(a)).collect()
    }

    pub fn write(&mut self, addr: u64, bytes: &[u8]) {
        for (place, byte) in (addr..).zip(bytes) {
            self.bytes.insert(place, *byte);
        }
    }

    /// All bytes that were written, and nothing else.
    pub fn written(&self) -> &HashMap<u64, u8> {
        &self.bytes
    }

    fn response(&self, beat: Range<u64>) -> u64 {
        let touches = |ranges: &[Range<u64>]| {
            ranges
                .iter()
                .any(|r| r.start < beat.end && beat.start < r.end)
        };
        if touches(&self.unmapped) {
            DECERR
        } else if touches(&self.refused) {
            SLVERR
        } else {
            OKAY
        }
    }
}

/// One address, as the master gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Burst {
    pub addr: u64,
    pub beats: usize,
}

/// What a master must never do with an address channel (A3.4.1), for beats of `lanes` bytes.
fn check_burst(addr: u64, len: u64, size: u64, kind: u64, lanes: usize) -> Burst {
    let beats = len as usize + 1;
    assert_eq!(1 << size, lanes, "whole beats");
    assert_eq!(kind, 1, "INCR");
    assert_eq!(addr % lanes as u64, 0, "beats are aligned");
    assert!(beats <= 256);
    let last = addr + (beats * lanes) as u64 - 1;
    assert_eq!(
        addr / 4096,
        last / 4096,
        "{addr:#x} + {beats} beats crosses 4 KiB"
    );
    Burst { addr, beats }
}

/// Checks that what is shown stays until it is taken (A3.2.1).
#[derive(Default)]
struct Stable(Option<Vec<BigUint>>);

impl Stable {
    fn check(&mut self, valid: bool, ready: bool, values: &[BigUint]) {
        if let Some(before) = &self.0 {
            assert!(valid, "valid was taken back");
            assert_eq!(before, values, "a payload changed while it waited");
        }
        self.0 = (valid && !ready).then(|| values.to_vec());
    }
}

/// The read side: hands out `rdata` in the order of the addresses.
pub struct ReadSlave {
    pub manner: Manner,
    /// Every burst seen.
    pub bursts: Vec<Burst>,
    waiting: VecDeque<(u64, Burst)>,
    beat: usize,
    showing: bool,
    cycle: u64,
    stable: Stable,
}

impl ReadSlave {
    pub fn new(manner: Manner) -> Self {
        Self {
            manner,
            bursts: vec![],
            waiting: VecDeque::new(),
            beat: 0,
            showing: false,
            cycle: 0,
            stable: Stable::default(),
        }
    }

    pub fn drive<const W: usize, const K: usize, const S: usize, const R: usize, const N: usize>(
        &mut self,
        m: &mut Reader<W, K, S, R, N>,
        memory: &Memory,
        rng: &mut ChaCha8Rng,
    ) {
        m.m_axi.arready.next = !rng.random_bool(self.manner.stall);
        let due = self
            .waiting
            .front()
            .is_some_and(|(due, _)| *due <= self.cycle);
        self.showing = due && (self.showing || !rng.random_bool(self.manner.stall));
        m.m_axi.rvalid.next = self.showing;
        if let (true, Some((_, burst))) = (self.showing, self.waiting.front()) {
            let addr = burst.addr + (self.beat * K) as u64;
            m.m_axi.rdata.next = BigUint::from_bytes_le(&memory.slice(addr, K)).into();
            m.m_axi.rresp.next = memory.response(addr..addr + K as u64).into();
            m.m_axi.rlast.next = self.beat + 1 == burst.beats;
        }
    }

    pub fn sample<
        const W: usize,
        const K: usize,
        const S: usize,
        const R: usize,
        const N: usize,
    >(
        &mut self,
        m: &Reader<W, K, S, R, N>,
    ) {
        self.cycle += 1;
        if self.showing && m.m_axi.rready.val() {
            self.beat += 1;
            self.showing = false;
            if self
                .waiting
                .front()
                .is_some_and(|(_, b)| b.beats == self.beat)
            {
                self.waiting.pop_front();
                self.beat = 0;
            }
        }
        let (addr, len) = (m.m_axi.araddr.val(), m.m_axi.arlen.val());
        let (valid, ready) = (m.m_axi.arvalid.val(), m.m_axi.arready.val());
        self.stable.check(valid, ready, &[addr.into(), len.into()]);
        if valid && ready {
            let burst = check_burst(
                addr.into(),
                len.into(),
                m.m_axi.arsize.val().into(),
                m.m_axi.arburst.val().into(),
                K,
            );
            self.bursts.push(burst.clone());
            self.waiting
                .push_back((self.cycle + self.manner.latency, burst));
        }
    }
}

/// The write side: data in the order of the addresses (A5.3.3), answers after the last data (A3.3.1).
pub struct WriteSlave {
    pub manner: Manner,
    /// Every burst seen.
    pub bursts: Vec<Burst>,
    addresses: VecDeque<Burst>,
    /// Data bursts that have ended, as lists of data and strobes.
    data: VecDeque<Vec<(Vec<u8>, Vec<bool>)>>,
    open: Vec<(Vec<u8>, Vec<bool>)>,
    answers: VecDeque<(u64, u64)>,
    showing: bool,
    cycle: u64,
    address_stable: Stable,
    data_stable: Stable,
}

impl WriteSlave {
    pub fn new(manner: Manner) -> Self {
        Self {
            manner,
            bursts: vec![],
            addresses: VecDeque::new(),
            data: VecDeque::new(),
            open: vec![],
            answers: VecDeque::new(),
            showing: false,
            cycle: 0,
            address_stable: Stable::default(),
            data_stable: Stable::default(),
        }
    }

    pub fn drive<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>(
        &mut self,
        m: &mut Writer<W, K, S, A, N>,
        rng: &mut ChaCha8Rng,
    ) {
        m.m_axi.awready.next = !rng.random_bool(self.manner.stall);
        m.m_axi.wready.next = !rng.random_bool(self.manner.stall);
        let due = self
            .answers
            .front()
            .is_some_and(|(due, _)| *due <= self.cycle);
        self.showing = due && (self.showing || !rng.random_bool(self.manner.stall));
        m.m_axi.bvalid.next = self.showing;
        if let (true, Some((_, response))) = (self.showing, self.answers.front()) {
            m.m_axi.bresp.next = (*response).into();
        }
    }

    pub fn sample<
        const W: usize,
        const K: usize,
        const S: usize,
        const A: usize,
        const N: usize,
    >(
        &mut self,
        m: &Writer<W, K, S, A, N>,
        memory: &mut Memory,
    ) {
        self.cycle += 1;
        if self.showing && m.m_axi.bready.val() {
            self.answers.pop_front();
            self.showing = false;
        }
        let (addr, len) = (m.m_axi.awaddr.val(), m.m_axi.awlen.val());
        let (valid, ready) = (m.m_axi.awvalid.val(), m.m_axi.awready.val());
        self.address_stable
            .check(valid, ready, &[addr.into(), len.into()]);
        if valid && ready {
            let burst = check_burst(
                addr.into(),
                len.into(),
                m.m_axi.awsize.val().into(),
                m.m_axi.awburst.val().into(),
                K,
            );
            self.bursts.push(burst.clone());
            self.addresses.push_back(burst);
        }
        let (data, strobes) = (m.m_axi.wdata.val(), m.m_axi.wstrb.val());
        let (valid, ready, last) = (
            m.m_axi.wvalid.val(),
            m.m_axi.wready.val(),
            m.m_axi.wlast.val(),
        );
        let shown = [data.into(), strobes.into(), BigUint::from(u8::from(last))];
        self.data_stable.check(valid, ready, &shown);
        if valid && ready {
            let lanes = (0..K).map(|lane| strobes.get_bit(lane)).collect();
            self.open.push((bytes_of(data), lanes));
            if last {
                self.data.push_back(std::mem::take(&mut self.open));
            }
        }
        while !self.addresses.is_empty() && !self.data.is_empty() {
            let (burst, beats) = (
                self.addresses.pop_front().unwrap(),
                self.data.pop_front().unwrap(),
            );
            assert_eq!(beats.len(), burst.beats, "wlast where awlen says");
            let end = burst.addr + (burst.beats * K) as u64;
            let response = memory.response(burst.addr..end);
            for (beat, (data, strobes)) in beats.iter().enumerate() {
                for lane in (0..K).filter(|lane| strobes[*lane] && response == OKAY) {
                    memory.write(burst.addr + (beat * K + lane) as u64, &data[lane..=lane]);
                }
            }
            self.answers
                .push_back((self.cycle + self.manner.latency, response));
        }
    }
}
