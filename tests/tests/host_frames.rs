//! The frames that the host builds, byte for byte beside those of a NIC for the same segments, and of scapy.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};

use handclasp_driver::{Bus, Command, DmaRegion, Nic, NicConfig};
use handclasp_host::frame::{headers_len_bytes, write_headers, Envelope, FRAME_MAX_BYTES};
use handclasp_host::tcp::{Options, Outgoing, SackBlock, Segment, SendSlice, SeqNumber, State};
use handclasp_host::Tuple;
use handclasp_layout::header::{tcp_flags, FRAME_MIN_BYTES, MTU_BYTES};
use handclasp_layout::queue::FlowCommand;
use handclasp_reference::{ReferenceNic, Tables};
use handclasp_tests::pattern::pattern;
use handclasp_tests::simulated::{accepted, Pair, Setup, SECOND_NS, SERVER};
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;
use handclasp_wires::faulty::{Faults, Faulty};
use handclasp_wires::Wire;
use proptest::prelude::*;

const MAC: u64 = 0x0200_0000_0001;
const PEER_MAC: u64 = 0x0200_0000_0002;
const TUPLE: Tuple = Tuple {
    remote_ip: 0xc000_0202,
    local_ip: 0xc000_0201,
    remote_port: 40_000,
    local_port: 8080,
};
const ENVELOPE: Envelope = Envelope {
    src_mac: MAC,
    dst_mac: PEER_MAC,
    tuple: TUPLE,
    ttl: 64,
    tos: 0,
    identification: 0,
};

/// The frame, padded as the NIC pads it when it sends it raw.
fn built(envelope: &Envelope, segment: &Segment, payload: &[u8]) -> Option<Vec<u8>> {
    // Whatever stood there before is overwritten.
    let mut frame = vec![0xee; headers_len_bytes(segment)];
    frame.extend(payload);
    write_headers(&mut frame, envelope, segment)?;
    frame.resize(frame.len().max(FRAME_MIN_BYTES), 0);
    Some(frame)
}

fn blocks(edges: &[(u32, u32)]) -> handclasp_host::tcp::SackBlocks {
    let block = |(left, right): &(u32, u32)| SackBlock {
        left: SeqNumber(*left),
        right: SeqNumber(*right),
    };
    edges.iter().map(block).collect()
}

fn segment(flags: u16, options: Options) -> Segment {
    Segment {
        seq: SeqNumber(5),
        ack: SeqNumber(6),
        flags,
        window: 3,
        options,
        ..Segment::default()
    }
}

/// The segments of make_frames.py, by name, without the one that has a VLAN tag: connections have none.
fn golden(name: &str) -> Option<(Segment, Vec<u8>)> {
    use tcp_flags::*;
    let timestamps = Options {
        timestamps: Some((0x0102_0304, 0xfffe_fdfc)),
        ..Options::default()
    };
    Some(match name {
        "ack" => {
            let (seq, ack, window) = (SeqNumber(1), SeqNumber(2), 0xffff);
            let ack = Segment {
                seq,
                ack,
                window,
                ..segment(ACK, Options::default())
            };
            (ack, Vec::new())
        }
        "syn" => {
            let options = Options {
                mss: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                ..timestamps
            };
            let (seq, ack, window) = (SeqNumber(0xffff_fffe), SeqNumber(0), 64240);
            let syn = Segment {
                seq,
                ack,
                window,
                ..segment(SYN, options)
            };
            (syn, Vec::new())
        }
        "data" => (segment(PSH | ACK, timestamps), (100..=200).collect()),
        "full" => {
            let payload = (0..1448).map(|i| (i * 31) as u8).collect();
            (segment(ACK, timestamps), payload)
        }
        "one block" => {
            let sack = blocks(&[(1, 2)]);
            let timestamps = None;
            (
                segment(
                    ACK,
                    Options {
                        sack,
                        timestamps,
                        ..Options::default()
                    },
                ),
                Vec::new(),
            )
        }
        "three blocks" => {
            let sack = blocks(&[(1, 2), (3, 4), (0xffff_ffff, 6)]);
            (segment(ACK, Options { sack, ..timestamps }), b"!".to_vec())
        }
        _ => return None,
    })
}

#[test]
fn scapy_builds_the_same() {
    let mut compared = 0;
    let lines = include_str!("../../sim/tests/golden/tx_frames.tsv").lines();
    for (identification, line) in (0..).zip(lines) {
        let (name, expected) = line.split_once('\t').unwrap();
        let Some((segment, payload)) = golden(name) else {
            continue;
        };
        let envelope = Envelope {
            identification,
            ..ENVELOPE
        };
        let frame = built(&envelope, &segment, &payload).unwrap();
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 6);
}

/// A NIC and the far end of its cable.
struct Builder {
    nic: Nic,
    bus: Arc<ReferenceNic>,
    far: Cable,
    memory: DmaRegion,
}

impl Builder {
    fn new() -> Self {
        let (near, far) = Cable::pair(0);
        let bus = Arc::new(ReferenceNic::new(Box::new(near), Clock::simulated(0)).unwrap());
        let nic = Nic::open(bus.clone(), &NicConfig::new(MAC, [192, 0, 2, 1].into(), 0)).unwrap();
        let memory = nic.allocate(4096).unwrap();
        Self {
            nic,
            bus,
            far,
            memory,
        }
    }

    /// What the NIC sends for a segment, and for so many before it.
    fn sent(&mut self, envelope: &Envelope, segment: &Segment, payload: &[u8]) -> Option<Vec<u8>> {
        let tuple = &envelope.tuple;
        self.nic
            .submit_flow_insert(&FlowCommand {
                connection: 1,
                remote_ip: tuple.remote_ip,
                local_ip: tuple.local_ip,
                remote_port: tuple.remote_port,
                local_port: tuple.local_port,
                remote_mac: envelope.dst_mac,
                ttl: envelope.ttl,
                tos: envelope.tos,
                ..FlowCommand::default()
            })
            .unwrap();
        self.memory.write(1, payload).unwrap();
        let outgoing = Outgoing {
            segment: *segment,
            payload: (!payload.is_empty()).then_some(SendSlice {
                offset: 1,
                len_bytes: payload.len(),
            }),
        };
        let mut frame = Vec::new();
        for _ in 0..=envelope.identification {
            frame.clear();
            let command = Command::Segment(outgoing.command(1, &self.memory));
            self.nic.submit(&command).unwrap();
            self.nic.flush().unwrap();
            self.bus.relax();
            while self.nic.next_event().unwrap().is_some() {}
            while self.far.receive(&mut frame, 0) {}
        }
        (!frame.is_empty()).then_some(frame)
    }
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let options = (
        any::<Option<u16>>(),
        // A command has four bits for it.
        prop::option::of(0..16_u8),
        any::<bool>(),
        any::<Option<(u32, u32)>>(),
        prop::collection::vec(any::<(u32, u32)>(), 0..=3),
    );
    let options =
        options.prop_map(
            |(mss, window_scale, sack_permitted, timestamps, sack)| Options {
                mss,
                window_scale,
                sack_permitted,
                timestamps,
                sack: blocks(&sack),
            },
        );
    (
        any::<u32>(),
        any::<u32>(),
        0..1_u16 << 9,
        any::<u16>(),
        options,
    )
        .prop_map(|(seq, ack, flags, window, options)| Segment {
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            flags,
            window,
            options,
            ..Segment::default()
        })
}

fn any_envelope() -> impl Strategy<Value = Envelope> {
    let addresses = any::<(u32, u32, u16, u16)>();
    (
        addresses,
        0..1_u64 << 48,
        any::<u8>(),
        any::<u8>(),
        0..3_u16,
    )
        .prop_map(
            |(
                (remote_ip, local_ip, remote_port, local_port),
                dst_mac,
                ttl,
                tos,
                identification,
            )| {
                Envelope {
                    dst_mac,
                    tuple: Tuple {
                        remote_ip,
                        local_ip,
                        remote_port,
                        local_port,
                    },
                    ttl,
                    tos,
                    identification,
                    ..ENVELOPE
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the segment and its payload: the same frame, or none from either.
    #[test]
    fn the_nic_builds_the_same(
        envelope in any_envelope(),
        segment in any_segment(),
        payload in prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..100),
            1 => prop::collection::vec(any::<u8>(), 1390..1500),
        ],
    ) {
        let by_nic = Builder::new().sent(&envelope, &segment, &payload);
        prop_assert_eq!(built(&envelope, &segment, &payload), by_nic);
    }

    /// The checksum's folding has rare cases: words that add up to all ones.
    #[test]
    fn the_nic_builds_the_same_of_ones_and_zeros(
        segment in any_segment(),
        payload in prop::collection::vec(prop_oneof![Just(0_u8), Just(0xff)], 0..1400),
    ) {
        let by_nic = Builder::new().sent(&ENVELOPE, &segment, &payload);
        prop_assert_eq!(built(&ENVELOPE, &segment, &payload), by_nic);
    }

    /// No length of the place, right or wrong, is a panic.
    #[test]
    fn a_place_that_is_too_short_or_too_long_is_refused(segment in any_segment(), len in 0..1700_usize) {
        let done = write_headers(&mut vec![0; len], &ENVELOPE, &segment);
        let options = usize::from(segment.options.len_bytes());
        let fits = headers_len_bytes(&segment) <= len && len <= FRAME_MAX_BYTES && options <= 40;
        prop_assert_eq!(done.is_some(), fits);
        prop_assert_eq!(FRAME_MAX_BYTES, 14 + MTU_BYTES);
    }
}

/// Notes what is sent.
struct Recorder<W>(W, Arc<Mutex<Vec<Vec<u8>>>>);

impl<W: Wire> Wire for Recorder<W> {
    fn send(&mut self, frame: &[u8], at_ns: u64) {
        self.1.lock().unwrap().push(frame.to_vec());
        self.0.send(frame, at_ns);
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, at_ns: u64) -> bool {
        self.0.receive(buffer, at_ns)
    }

    fn deadline(&self) -> Option<u64> {
        self.0.deadline()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.poll_fd()
    }
}

/// All frames of both ends of a connection's life, in the order in which they were sent.
fn life(connections: usize, faults: Faults) -> Vec<Vec<u8>> {
    let setup = Setup {
        tables: Tables {
            connections,
            ..Tables::default()
        },
        ..Setup::default()
    };
    let frames = Arc::new(Mutex::new(Vec::new()));
    let pair = Pair::with(&setup, |wire| {
        Box::new(Recorder(Faulty::new(wire, faults), Arc::clone(&frames)))
    });
    let listener = pair.listen(8);
    let mut near = pair.client.socket().connect(SERVER).unwrap();
    pair.pass(20 * SECOND_NS);
    let mut far = accepted(&listener, &near);
    for round in 0..20 {
        near.set_ttl(64 + round).unwrap();
        far.set_tos(round as u8 * 4).unwrap();
        near.write_all(&pattern(5000, round)).unwrap();
        far.write_all(&pattern(77, round)).unwrap();
        pair.pass(3 * SECOND_NS);
        for (stream, len) in [(&mut near, 77), (&mut far, 5000)] {
            let mut received = vec![0; len];
            stream.read_exact(&mut received).unwrap();
            assert!(received == pattern(len, round));
        }
    }
    // A socket that is kept also keeps the connection: what answers from TIME-WAIT without one is another path.
    near.shutdown(Shutdown::Write).unwrap();
    pair.pass(5 * SECOND_NS);
    drop(far);
    pair.pass(70 * SECOND_NS);
    assert_eq!(near.variables().unwrap().state, State::Closed);
    for end in [&pair.server, &pair.client] {
        let statistics = end.host.statistics();
        assert_eq!(statistics.flow_hits == 0, connections == 1);
    }
    let frames = std::mem::take(&mut *frames.lock().unwrap());
    frames
}

#[test]
fn a_peer_cannot_tell_who_built_the_frames() {
    for faults in ["", "drop=0.05,dup=0.02,reorder=0.05,seed=3"] {
        let faults: Faults = faults.parse().unwrap();
        let (by_nic, by_host) = (life(Tables::default().connections, faults), life(1, faults));
        assert!(by_nic.len() > 150, "{}", by_nic.len());
        for (number, (by_nic, by_host)) in by_nic.iter().zip(&by_host).enumerate() {
            assert_eq!(by_nic, by_host, "frame {number}");
        }
        assert_eq!(by_nic.len(), by_host.len());
    }
}
