//! The receive path's blocks in Rust and in Verilator, on the same random stimulus: every output equal in every cycle.

use handclasp_hdl::rx::checksum::Checksum;
use handclasp_hdl::rx::decoder::Decoder;
use handclasp_hdl::rx::dispatch::Dispatch;
use handclasp_hdl::rx::flow_hash::FlowHash;
use handclasp_hdl::rx::flow_table::FlowTable;
use handclasp_hdl::rx::frame::{FrameEnd, HeaderFlags, Headers};
use handclasp_hdl::rx::front::Front;
use handclasp_hdl::rx::ingress::Ingress;
use handclasp_hdl::rx::listener_table::ListenerTable;
use handclasp_hdl::rx::narrow_cover::NarrowCover;
use handclasp_hdl::rx::narrow_headers::NarrowHeaders;
use handclasp_hdl::rx::option_walker::OptionWalker;
use handclasp_hdl::rx::packet_rest::PacketRest;
use handclasp_hdl::rx::parser::Parser;
use handclasp_hdl::rx::usual_options::UsualOptions;
use handclasp_hdl::rx::verdict::Verdict;
use handclasp_hdl::rx::wide_cover::WideCover;
use handclasp_hdl::rx::wide_headers::WideHeaders;
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

/// Bytes of a beat; where a tag, an EtherType or the beginning of an IPv4 header could stand there is one now and then.
fn beat<const W: usize>(random: &mut Random) -> Bits<W> {
    let mut bytes = likely_bytes(random, W / 8);
    let at = |byte: usize| byte % (W / 8);
    if random.chance(1, 3) {
        bytes[at(12)..][..2].copy_from_slice(&random.pick(&[[0x81, 0], [8, 0]]));
    }
    if random.chance(1, 2) {
        bytes[at(14)] = 0x40 | random.pick(&[5, 5, 6, 7, 15]);
    }
    if random.chance(1, 3) {
        bytes[at(16)..][..2].copy_from_slice(&(random.below(300) as u16).to_be_bytes());
    }
    number(&bytes)
}

/// Headers that are TCP over IPv4 more often than not.
fn headers(random: &mut Random) -> Headers {
    let mut ip = likely_bytes(random, 20);
    if random.chance(7, 8) {
        ip[0] = 0x40 | random.pick(&[5, 5, 6, 15, 4]);
        ip[2..4].copy_from_slice(&(random.below(130) as u16).to_be_bytes());
        ip[6..8].copy_from_slice(&[0x40, 0]);
        ip[9] = random.pick(&[6, 6, 6, 17]);
    }
    let mut tcp = likely_bytes(random, 20);
    tcp[12] = random.pick(&[0x50, 0x50, 0x60, 0x80, 0xa0, 0xf0, 0x40]);
    ip.reverse();
    tcp.reverse();
    Headers {
        options: options(random),
        tcp: number(&tcp),
        ipv4: number(&ip),
        src_mac: random.bits(),
        dst_mac: (random.below(4) << 39).into(),
        vlan_tci: random.bits(),
        is_tagged: random.chance(1, 4),
        is_ip: random.chance(7, 8),
    }
}

/// Options, usual ones among them.
fn options(random: &mut Random) -> Bits<320> {
    let usual: [&[u8]; 8] = [
        &[1, 1, 8, 10],
        &[
            2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7,
        ],
        &[2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7],
        &[2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2],
        &[
            2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8,
        ],
        &[
            2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 4, 2, 0, 0,
        ],
        &[1, 1, 5, 10],
        &[],
    ];
    let mut bytes = likely_bytes(random, 40);
    let chosen = random.pick(&usual);
    bytes[..chosen.len()].copy_from_slice(chosen);
    bytes.reverse();
    number(&bytes)
}

fn end(random: &mut Random) -> FrameEnd {
    FrameEnd {
        last_byte: match random.chance(15, 16) {
            true => random.below(150).into(),
            false => (65520 + random.below(16)).into(),
        },
        is_oversize: random.chance(1, 8),
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

fn checksum<const W: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        Checksum::<W>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.ip_words.next = random.corner();
            b.tcp_words.next = random.corner();
            b.words_valid.next = random.chance(3, 4);
            b.words_last.next = random.chance(1, 3);
        },
    )
}

fn front<const W: usize, const K: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        Front::<W, K>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.beat_data.next = beat(random);
            b.beat_valid.next = random.chance(3, 4);
            b.beat_last.next = random.chance(1, 12);
            b.kept_end.next = end(random);
            b.kept.next = random.chance(1, 2);
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
            b.slot_bytes_log2.next = (11 + random.below(4)).into();
            random_beat(&mut b.s, random);
            b.m.tready.next = random.chance(2, 3);
            b.taken.next = random.chance(1, 12);
        },
    )
}

fn decoder(set: Equivalence, name: &str, width: usize) -> Equivalence {
    set.clocked(
        name,
        move || Decoder::new(width),
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.cycle() < 2;
            b.hash_key.next = bits::<128>(0x9e37_79b9_7f4a_7c15) << 60;
            b.rx_enable.next = random.chance(15, 16);
            b.queue_runs.next = random.chance(15, 16);
            b.promiscuous.next = random.chance(3, 4);
            b.mac.next = (1_u64 << 39).into();
            b.multicast.next = random.bits();
            b.local_ip.next = random.bits();
            b.headers.next = headers(random);
            b.frame_end.next = end(random);
            // Fewer than are taken: the ingress sees to it that frames find room.
            b.frame_valid.next = random.chance(1, 24);
            b.lookup_key.next = random.below(4).into();
            b.lookup_valid.next = random.chance(1, 12);
            b.lookup_near.next = random.chance(1, 2);
            b.ip_ok.next = random.chance(3, 4);
            b.tcp_ok.next = random.chance(3, 4);
            b.decoded_ready.next = random.chance(3, 4);
            b.flow_remove.next = random.chance(1, 4);
            b.flow_key.next = random.below(4).into();
            b.flow_connection.next = random.bits();
            b.flow_generation.next = random.bits();
            b.flow_valid.next = random.chance(1, 8);
            b.listen_remove.next = random.chance(1, 2);
            b.listen_port.next = random.below(4).into();
            b.listen_valid.next = random.chance(1, 8);
        },
    )
}

fn flow_table(set: Equivalence, name: &str, units: usize) -> Equivalence {
    // Few keys, so that commands and lookups meet.
    let key = |random: &mut Random| {
        let number = Bits::<96>::from(random.below(16));
        (number << 30) | number
    };
    set.clocked(
        name,
        move || FlowTable::new(units),
        |b| &mut b.clk,
        move |b, random| {
            b.rst.next = random.cycle() < 2;
            b.hash_key.next = bits::<128>(0x9e37_79b9_7f4a_7c15) << 60;
            b.lookup_key.next = key(random);
            b.lookup_valid.next = random.chance(1, 6);
            b.lookup_near.next = random.chance(1, 2);
            b.flow_key.next = key(random);
            b.flow_connection.next = random.bits();
            b.flow_generation.next = random.bits();
            b.flow_remove.next = random.chance(1, 3);
            b.flow_valid.next = random.chance(2, 3);
        },
    )
}

/// These never change: the MAC side is never stalled, packets that leave are good, and only W = 64 says that a lookup is near.
fn is_constant_by_design(output: &str) -> bool {
    output.ends_with(".s_tready")
        || output.ends_with(".m_tuser")
        || output == "front_w512.lookup_near"
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
    set = set
        .clocked(
            "narrow_headers",
            NarrowHeaders::<64>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.beat_data.next = beat(random);
                b.beat_valid.next = random.chance(3, 4);
                b.beat_last.next = random.chance(1, 20);
            },
        )
        .clocked(
            "wide_headers",
            WideHeaders::<512, 64>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.beat_data.next = beat(random);
                b.beat_valid.next = random.chance(3, 4);
                b.beat_last.next = random.chance(1, 3);
            },
        )
        .clocked(
            "packet_rest",
            PacketRest::<8, 3>::default,
            |b| &mut b.clk,
            |b, random| {
                b.load_bytes.next = random.below(40).into();
                b.load_none.next = random.chance(1, 8);
                b.load.next = random.chance(1, 6);
                b.step.next = random.chance(1, 2);
            },
        )
        .clocked(
            "narrow_cover",
            NarrowCover::<64>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.beat_data.next = beat(random);
                b.beat_valid.next = random.chance(3, 4);
                b.beat_last.next = random.chance(1, 12);
                b.ip_word0.next = headers(random).ipv4.get_bits(128);
                b.is_tagged.next = random.chance(1, 2);
            },
        )
        .clocked(
            "wide_cover",
            WideCover::<512>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.beat_data.next = beat(random);
                b.beat_valid.next = random.chance(3, 4);
                b.beat_last.next = random.chance(1, 3);
            },
        );
    set = checksum::<64>(set, "checksum_w64");
    set = checksum::<512>(set, "checksum_w512");
    set = front::<64, 8>(set, "front_w64");
    set = front::<512, 64>(set, "front_w512");
    set = ingress::<64, 8>(set, "ingress_w64");
    set = ingress::<512, 64>(set, "ingress_w512");
    // Right checksums, long frames and full FIFOs are for `rx_path`.
    let report = set.run(1, 400).unwrap_or_else(|error| panic!("{error}"));
    let is_rare = |output: &str| {
        ["_ok", ".count_fifo_overflow", ".count_oversize"]
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
                b.rst.next = random.reset();
                b.headers.next = headers(random);
                b.frame_end.next = end(random);
                b.load.next = random.chance(1, 2);
                b.mac.next = (1_u64 << 39).into();
                b.multicast.next = random.bits();
                b.local_ip.next = b.headers.val().ipv4.get_bits(0);
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
                b.start.next = random.chance(1, 20);
                b.clear.next = random.chance(1, 20);
            },
        )
        .combinational("usual_options", UsualOptions::default, |b, random| {
            b.options.next = options(random);
            b.len_bytes.next = (4 * random.below(8)).into();
        })
        .combinational("verdict", Verdict::default, |b, random| {
            b.flags.next = HeaderFlags {
                is_oversize: random.chance(1, 12),
                is_runt: random.chance(1, 12),
                is_ours: random.chance(7, 8),
                is_ip: random.chance(7, 8),
                bad_ip_header: random.chance(1, 8),
                is_our_ip: random.chance(7, 8),
                is_fragment: random.chance(1, 8),
                is_tcp: random.chance(7, 8),
                bad_tcp_header: random.chance(1, 8),
            };
            b.ip_checksum_ok.next = random.chance(7, 8);
            b.tcp_checksum_ok.next = random.chance(7, 8);
            b.bad_options.next = random.chance(1, 8);
            b.has_payload.next = random.chance(1, 2);
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
                b.decoded_address.next = random.bits::<512>().into();
                b.generation.next = random.bits();
                b.payload_at_bytes.next = random.bits();
                b.connection.next = random.bits();
                b.verdict.next = (1 + random.below(5)).into();
                b.drop_reason.next = random.bits();
                b.needs_slot.next = random.chance(1, 2);
                b.decoded_valid.next = random.chance(1, 2);
                b.monitor.next = random.chance(1, 2);
                b.queue_runs.next = random.chance(7, 8);
                b.rx_room.next = random.chance(7, 8);
                b.slot_valid.next = random.chance(7, 8);
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
    let mut set = Equivalence::new("rx_tables");
    for (units, name) in [(1, "flow_hash_w64"), (3, "flow_hash_w512")] {
        set = set.clocked(
            name,
            move || FlowHash::new(units),
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.key.next = random.corner();
                b.secret.next = random.bits();
                b.start.next = !b.running.val() && random.chance(1, 3);
            },
        );
    }
    set = flow_table(set, "flow_table_w64", 1);
    set = flow_table(set, "flow_table_w512", 3);
    set = set.clocked(
        "listener_table",
        ListenerTable::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.cycle() < 2;
            b.lookup_port.next = (random.below(8) << 3).into();
            b.lookup_valid.next = random.chance(1, 3);
            b.listen_port.next = (random.below(8) << 3).into();
            b.listen_remove.next = random.chance(1, 2);
            b.listen_valid.next = random.chance(2, 3);
        },
    );
    set = decoder(set, "decoder_w64", 64);
    set = decoder(set, "decoder_w512", 512);
    let report = set.run(1, 4000).unwrap_or_else(|error| panic!("{error}"));
    // Three hash units finish at once; random options hardly have SACK blocks.
    let rare = [
        "flow_hash_w512.running",
        "decoder_w64.sack",
        "decoder_w512.sack",
    ];
    let unreached: Vec<_> = report
        .constant_outputs
        .iter()
        .filter(|output| !rare.contains(&output.as_str()))
        .collect();
    assert!(
        unreached.is_empty(),
        "the stimulus does not reach {unreached:?}"
    );
}
