//! The receive path's blocks in Rust and in Verilator, on the same random stimulus: every output equal in every cycle.

use handclasp_hdl::fields::RxEvent;
use handclasp_hdl::rx::adder_tree::AdderTree;
use handclasp_hdl::rx::checksum::Checksum;
use handclasp_hdl::rx::decoder::Decoder;
use handclasp_hdl::rx::dispatch::Dispatch;
use handclasp_hdl::rx::flow_hash::FlowHash;
use handclasp_hdl::rx::flow_table::FlowTable;
use handclasp_hdl::rx::frame::{Frame, HeaderBlock, HeaderFlags};
use handclasp_hdl::rx::header_collector::HeaderCollector;
use handclasp_hdl::rx::ingress::Ingress;
use handclasp_hdl::rx::listener_table::ListenerTable;
use handclasp_hdl::rx::option_walker::OptionWalker;
use handclasp_hdl::rx::parser::Parser;
use handclasp_hdl::rx::verdict::Verdict;
use handclasp_hdl::stream::StreamSink;
use handclasp_verilog::equivalence::{Equivalence, Random};
use rust_hdl::prelude::*;

/// Bytes with which headers and options come about now and then, rather than never.
fn likely_bytes(random: &mut Random, count: usize) -> Vec<u8> {
    let likely = [0, 1, 2, 3, 4, 5, 8, 10, 0x40, 0x45, 0x46, 0x50, 0x81, 0xff];
    (0..count)
        .map(|_| match random.chance(3, 4) {
            true => random.pick(&likely),
            false => random.below(256) as u8,
        })
        .collect()
}

fn number<const N: usize>(bytes: &[u8]) -> Bits<N> {
    num_bigint::BigUint::from_bytes_le(bytes).into()
}

/// Bytes of a beat; where a tag would stand there is one now and then.
fn beat<const W: usize>(random: &mut Random) -> Bits<W> {
    let mut bytes = likely_bytes(random, W / 8);
    if random.chance(1, 3) {
        let at = 12 % (W / 8);
        bytes[at..at + 2].copy_from_slice(&[0x81, 0]);
    }
    number(&bytes)
}

/// A frame that is TCP over IPv4 more often than not.
fn frame(random: &mut Random) -> Frame {
    let mut bytes = likely_bytes(random, 134);
    if random.chance(7, 8) {
        bytes[12..14].copy_from_slice(&[8, 0]);
        bytes[14] = 0x40 | random.pick(&[5, 5, 6, 15, 4]);
        bytes[16..18].copy_from_slice(&(random.below(130) as u16).to_be_bytes());
        bytes[20..22].copy_from_slice(&[0x40, 0]);
        bytes[23] = random.pick(&[6, 6, 6, 17]);
    }
    bytes.reverse();
    Frame {
        header: number(&bytes),
        is_tagged: random.chance(1, 4),
        vlan_tci: random.bits(),
        len_bytes: match random.chance(15, 16) {
            true => random.below(150).into(),
            false => (2040 + random.below(20)).into(),
        },
        timestamp: random.bits(),
    }
}

/// A beat for a stream that is never stalled.
fn random_beat<const W: usize, const K: usize>(s: &mut StreamSink<W, K>, random: &mut Random) {
    s.tvalid.next = random.chance(3, 4);
    s.tdata.next = beat(random);
    s.tlast.next = random.chance(1, 6);
    s.tuser.next = random.chance(1, 8);
    s.tkeep.next = Bits::mask() >> random.below(K as u64);
}

fn adder_tree<const W: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        AdderTree::<W>::default,
        |b| &mut b.clk,
        |b, random| {
            b.words
                .iter_mut()
                .for_each(|word| word.next = random.corner());
        },
    )
}

fn header_collector<const W: usize, const K: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        HeaderCollector::<W, K>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.beat_data.next = beat(random);
            b.beat_valid.next = random.chance(3, 4);
            b.beat_last.next = random.chance(1, 12);
        },
    )
}

fn checksum<const W: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        Checksum::<W>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.beat_data.next = random.corner();
            b.beat_valid.next = random.chance(3, 4);
            b.beat_last.next = random.chance(1, 6);
            b.beat_keep.next = random.chance(3, 4);
            b.is_tagged.next = random.chance(1, 2);
            b.ipv4.next = HeaderBlock::from(frame(random).header).ipv4;
        },
    )
}

fn ingress<const W: usize, const K: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        Ingress::<W, K, 5, 6>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.now.next = random.bits();
            b.monitor.next = random.chance(1, 2);
            random_beat(&mut b.s, random);
            b.m.tready.next = random.chance(2, 3);
            b.frame_ready.next = random.chance(1, 3);
            b.result_ready.next = random.chance(1, 2);
        },
    )
}

/// These never change: the MAC side is never stalled, and packets that leave are good.
fn is_constant_by_design(output: &str) -> bool {
    output.ends_with(".s_tready") || output.ends_with(".m_tuser")
}

fn run(set: Equivalence, cycles: usize) {
    let report = set.run(1, cycles).unwrap_or_else(|error| panic!("{error}"));
    let unreached: Vec<_> = report
        .constant_outputs
        .iter()
        .filter(|output| !is_constant_by_design(output))
        .collect();
    assert!(
        unreached.is_empty(),
        "the stimulus does not reach {unreached:?}"
    );
}

#[test]
fn ingress_blocks() {
    let mut set = Equivalence::new("rx_ingress");
    set = adder_tree::<64>(set, "adder_tree_w64");
    set = adder_tree::<512>(set, "adder_tree_w512");
    set = header_collector::<64, 8>(set, "header_collector_w64");
    set = header_collector::<512, 64>(set, "header_collector_w512");
    set = checksum::<64>(set, "checksum_w64");
    set = checksum::<512>(set, "checksum_w512");
    set = ingress::<64, 8>(set, "ingress_w64");
    set = ingress::<512, 64>(set, "ingress_w512");
    // Right checksums, long frames and full FIFOs are for `rx_path`.
    let report = set.run(1, 400).unwrap_or_else(|error| panic!("{error}"));
    let is_rare = |output: &str| {
        ["_ok", ".result", ".count_fifo_overflow", ".count_oversize"]
            .iter()
            .any(|end| output.ends_with(end))
    };
    let unreached: Vec<_> = report
        .constant_outputs
        .iter()
        .filter(|output| !is_constant_by_design(output) && !is_rare(output))
        .collect();
    assert!(
        unreached.is_empty(),
        "the stimulus does not reach {unreached:?}"
    );
}

#[test]
fn header_blocks() {
    let set = Equivalence::new("rx_headers")
        .clocked(
            "parser",
            Parser::default,
            |b| &mut b.clk,
            |b, random| {
                b.frame.next = frame(random);
                b.load.next = random.chance(1, 2);
            },
        )
        .clocked(
            "option_walker",
            OptionWalker::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.options.next = number(&likely_bytes(random, 40));
                b.len_bytes.next = random.below(41).into();
                b.start.next = random.chance(1, 6);
            },
        )
        .combinational("verdict", Verdict::default, |b, random| {
            let mut event = RxEvent::from(random.bits::<512>());
            event.payload_len_bytes = random.below(2).into();
            event.ip_checksum_ok = random.chance(7, 8);
            event.tcp_checksum_ok = random.chance(7, 8);
            event.bad_options = random.chance(1, 8);
            b.rx_event.next = event;
            b.flags.next = HeaderFlags {
                is_oversize: random.chance(1, 12),
                is_runt: random.chance(1, 12),
                is_broadcast: random.chance(1, 8),
                is_ip: random.chance(7, 8),
                bad_ip_header: random.chance(1, 8),
                is_fragment: random.chance(1, 8),
                is_tcp: random.chance(7, 8),
                bad_tcp_header: random.chance(1, 8),
            };
            b.address.next.dst_ip = random.below(2).into();
            b.address.next.dst_mac = random.below(2).into();
            b.mac.next = random.below(2).into();
            b.local_ip.next = random.below(2).into();
            b.is_flow.next = random.chance(1, 2);
            b.is_listening.next = random.chance(1, 2);
            b.rx_enable.next = random.chance(15, 16);
            b.queue_runs.next = random.chance(15, 16);
            b.promiscuous.next = random.chance(1, 2);
        })
        .clocked(
            "dispatch",
            Dispatch::<3, 4>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.decoded_event.next = random.bits::<512>().into();
                b.decoded_sack.next = random.bits::<512>().into();
                b.payload_at_bytes.next = random.bits();
                b.connection.next = random.bits();
                b.verdict.next = (1 + random.below(5)).into();
                b.drop_reason.next = random.bits();
                b.needs_slot.next = random.chance(1, 2);
                b.slot_valid.next = random.chance(7, 8);
                b.decoded_valid.next = random.chance(1, 2);
                b.monitor.next = random.chance(1, 2);
                b.queue_runs.next = random.chance(7, 8);
                b.rx_room.next = random.chance(7, 8);
                b.slot_number.next = random.bits();
                b.slot_addr.next = random.bits();
                b.trim_ready.next = random.chance(1, 2);
                b.request_ready.next = random.chance(1, 2);
                b.done_valid.next = random.chance(1, 3);
                b.done_error.next = random.chance(1, 3);
                b.event_ready.next = random.chance(1, 2);
            },
        );
    run(set, 1200);
}

#[test]
fn tables() {
    // Few keys and ports, so that commands and lookups meet.
    let key = |random: &mut Random| Bits::<96>::from(random.below(16)) << 30;
    let set = Equivalence::new("rx_tables")
        .clocked(
            "flow_hash",
            FlowHash::<9>::default,
            |b| &mut b.clk,
            |b, random| {
                b.key.next = random.corner();
                b.secret.next = random.bits();
            },
        )
        .clocked(
            "flow_table",
            FlowTable::default,
            |b| &mut b.clk,
            move |b, random| {
                b.rst.next = random.cycle() < 2;
                b.hash_key.next = bits::<128>(0x1234_5678) << 96;
                if !b.lookup_valid.val() || b.lookup_done.val() {
                    b.lookup_key.next = key(random);
                    b.lookup_valid.next = random.chance(1, 3);
                }
                b.flow_key.next = key(random);
                b.flow_connection.next = random.bits();
                b.flow_generation.next = random.bits();
                b.flow_remove.next = random.chance(1, 2);
                b.flow_valid.next = random.chance(2, 3);
            },
        )
        .clocked(
            "listener_table",
            ListenerTable::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.cycle() < 2;
                if !b.lookup_valid.val() || b.lookup_done.val() {
                    b.lookup_port.next = (random.below(8) << 3).into();
                    b.lookup_valid.next = random.chance(1, 3);
                }
                b.listen_port.next = (random.below(8) << 3).into();
                b.listen_remove.next = random.chance(1, 2);
                b.listen_valid.next = random.chance(2, 3);
            },
        )
        .clocked(
            "decoder",
            Decoder::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.cycle() < 2;
                b.hash_key.next = bits::<128>(0x1234_5678) << 96;
                b.frame.next = frame(random);
                b.frame_valid.next = random.chance(1, 2);
                b.result.next.ip_ok = random.chance(3, 4);
                b.result.next.tcp_ok = random.chance(3, 4);
                b.result_valid.next = random.chance(1, 2);
                b.decoded_ready.next = random.chance(1, 2);
                b.flow_remove.next = random.chance(1, 2);
                b.flow_key.next = random.below(4).into();
                b.flow_connection.next = random.bits();
                b.flow_generation.next = random.bits();
                b.flow_valid.next = random.chance(1, 8);
                b.listen_remove.next = random.chance(1, 2);
                b.listen_port.next = random.below(4).into();
                b.listen_valid.next = random.chance(1, 8);
            },
        );
    let report = set.run(1, 2700).unwrap_or_else(|error| panic!("{error}"));
    // Random frames are of no known flow, and hardly have SACK blocks.
    let is_rare = |output: &String| {
        [
            "decoder.is_flow",
            "decoder.connection",
            "decoder.generation",
            "decoder.is_listening",
            "decoder.sack",
        ]
        .contains(&output.as_str())
    };
    assert!(
        report.constant_outputs.iter().all(is_rare),
        "{:?}",
        report.constant_outputs
    );
}
