//! Each block in Rust and its emitted Verilog in Verilator, on the same random stimulus: every output equal in every cycle.

use handclasp_hdl::stream::{Fifo, PacketFifo, RegisterSlice, StreamSink, Trim};
use handclasp_verilog::equivalence::{Equivalence, Random};
use rust_hdl::prelude::*;

/// Random beats; a new one only after the last was taken or while none was shown.
fn random_beat<const W: usize, const K: usize>(s: &mut StreamSink<W, K>, random: &mut Random) {
    if s.tvalid.val() && !s.tready.val() {
        return;
    }
    s.tvalid.next = random.chance(3, 4);
    s.tdata.next = random.bits();
    s.tkeep.next = random.bits();
    s.tlast.next = random.chance(1, 4);
    s.tuser.next = random.chance(1, 8);
}

fn register_slice<const W: usize, const K: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        RegisterSlice::<W, K>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            random_beat(&mut b.s, random);
            b.m.tready.next = random.chance(2, 3);
        },
    )
}

fn packet_fifo<const W: usize, const K: usize>(set: Equivalence, name: &str) -> Equivalence {
    set.clocked(
        name,
        PacketFifo::<W, K, 4, 5>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            random_beat(&mut b.s, random);
            b.m.tready.next = random.chance(1, 2);
        },
    )
}

fn trim<const W: usize, const K: usize, const S: usize>(
    set: Equivalence,
    name: &str,
) -> Equivalence {
    set.clocked(
        name,
        Trim::<W, K, S>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.command_skip_bytes.next = random.below(3 * K as u64).into();
            b.command_len_bytes.next = random.below(6 * K as u64).into();
            b.command_valid.next = random.chance(1, 2);
            random_beat(&mut b.s, random);
            b.m.tready.next = random.chance(2, 3);
        },
    )
}

#[test]
fn stream_blocks() {
    let mut set = Equivalence::new("hdl_stream").clocked(
        "fifo",
        Fifo::<Bits<77>, 3, 4>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.push_data.next = random.bits();
            b.push_valid.next = random.chance(2, 3);
            b.pop_ready.next = random.chance(1, 2);
        },
    );
    set = register_slice::<64, 8>(set, "register_slice_w64");
    set = register_slice::<512, 64>(set, "register_slice_w512");
    set = packet_fifo::<64, 8>(set, "packet_fifo_w64");
    set = packet_fifo::<512, 64>(set, "packet_fifo_w512");
    set = trim::<64, 8, 3>(set, "trim_w64");
    set = trim::<512, 64, 6>(set, "trim_w512");
    let report = set.run(1, 2000).unwrap_or_else(|error| panic!("{error}"));
    // These are constant by design.
    let constant = [
        "packet_fifo_w64.s_tready",
        "packet_fifo_w64.m_tuser",
        "packet_fifo_w512.s_tready",
        "packet_fifo_w512.m_tuser",
    ];
    assert_eq!(report.constant_outputs, constant);
}
