//! The blocks of the transmit path in Rust and their emitted Verilog in Verilator: every output equal in every cycle.

use handclasp_hdl::stream::StreamSink;
use handclasp_hdl::tx::assembler::Assembler;
use handclasp_hdl::tx::checksum::Checksum;
use handclasp_hdl::tx::command_check::CommandCheck;
use handclasp_hdl::tx::completion::Completion;
use handclasp_hdl::tx::context::Context;
use handclasp_hdl::tx::executor::Executor;
use handclasp_hdl::tx::job::Job;
use handclasp_hdl::tx::job_queue::JobQueue;
use handclasp_hdl::tx::options::Options;
use handclasp_hdl::tx::payload_buffer::PayloadBuffer;
use handclasp_hdl::tx::TxPath;
use handclasp_layout::queue::SegmentCommand;
use handclasp_verilog::equivalence::{Equivalence, Random};
use num_bigint::BigUint;
use rust_hdl::prelude::*;

/// Any command; most of them can be carried out, on few connections and with short payloads.
fn command(random: &mut Random) -> Bits<512> {
    let word: Bits<512> = random.bits();
    let mut bytes = [0; 64];
    let random_bytes = BigUint::from(word).to_bytes_le();
    bytes[..random_bytes.len()].copy_from_slice(&random_bytes);
    let mut command = SegmentCommand::decode(&bytes);
    command.opcode = random.pick(&[1, 1, 1, 1, 2, 2, 3, 3, 3, 4, 5, 6, 7]);
    if [3, 4].contains(&command.opcode) && random.chance(7, 8) {
        // Where a flow command has IPv6 and a queue, which are not built.
        command.has_window_scale = false;
        command.window &= 0xff;
    }
    command.connection = random.below(3) as u16;
    command.sack_count = random.below(5) as u8;
    command.payload_len_bytes = random.pick(&[0, 0, 1, 14, 40, 65, 100, 0x80_0000]);
    BigUint::from_bytes_le(&command.encode()).into()
}

fn random_beat<const W: usize, const K: usize>(s: &mut StreamSink<W, K>, random: &mut Random) {
    if s.tvalid.val() && !s.tready.val() {
        return;
    }
    s.tvalid.next = random.chance(3, 4);
    s.tdata.next = random.corner();
    s.tkeep.next = random.pick(&[Bits::mask(), bits(0x3f), bits(1)]);
    s.tlast.next = random.chance(1, 4);
    s.tuser.next = random.chance(1, 32);
}

/// The whole path, with payloads of random lengths: what they hold and how long they are is nothing to the comparison.
fn tx_path<const W: usize, const K: usize, const S: usize, const A: usize, const N: usize>(
    set: Equivalence,
    name: &str,
) -> Equivalence {
    set.clocked(
        name,
        TxPath::<W, K, S, A, N, 5, 6>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.mac.next = bits(0x02aa_bbcc_dd01);
            b.now.next = bits(random.cycle() as u64);
            if !b.command_valid.val() || b.command_ready.val() {
                b.command.next = command(random);
                b.command_index.next = random.bits();
                b.command_valid.next = random.chance(3, 4);
            }
            b.payload_request_ready.next = random.chance(3, 4);
            random_beat(&mut b.payload, random);
            b.tx_event_ready.next = random.chance(3, 4);
            b.flow_ready.next = random.chance(3, 4);
            b.flow_done.next = random.chance(1, 2);
            b.flow_status.next = random.pick(&[bits(0), bits(1), bits(2)]);
            b.listen_ready.next = random.chance(3, 4);
            b.listen_done.next = random.chance(1, 2);
            b.m_axis_tx.tready.next = random.chance(7, 8);
        },
    )
}

fn payload_buffer<const W: usize, const K: usize, const A: usize, const N: usize>(
    set: Equivalence,
    name: &str,
) -> Equivalence {
    set.clocked(
        name,
        PayloadBuffer::<W, K, A, N, 5, 6>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            random_beat(&mut b.s, random);
            b.m_tready.next = random.chance(1, 2);
            b.take.next = b.stored_valid.val() & random.chance(1, 2);
            b.take_sum.next = b.sum_valid.val() & random.chance(3, 4);
        },
    )
}

fn random_job(job: &mut Job, random: &mut Random) {
    job.is_frame = random.chance(7, 8);
    job.is_segment = random.chance(3, 4);
    job.has_payload = random.chance(1, 2);
    job.has_payload_sum = random.chance(1, 2);
    job.has_completion = random.chance(1, 4);
    job.context.remote_ip = random.corner();
    job.context.remote_port = random.bits();
    job.context.remote_mac = random.bits();
    job.context.ttl = random.bits();
    job.context.has_vlan = random.chance(1, 2);
    job.context.vlan_tci = random.bits();
    job.seq = random.bits();
    job.options = random.bits();
    job.total_len_bytes = random.bits();
    job.done.command_index = random.bits();
    job.header_len_bytes = random.pick(&[bits(0), bits(54), bits(66), bits(98)]);
    job.payload_last_byte = random.pick(&[bits(0), bits(63), bits(129)]);
    job.frame_last_byte = random.pick(&[bits(59), bits(63), bits(300)]);
}

fn assembler<const W: usize, const K: usize, const S: usize>(
    set: Equivalence,
    name: &str,
) -> Equivalence {
    set.clocked(
        name,
        Assembler::<W, K, S>::default,
        |b| &mut b.clk,
        |b, random| {
            b.rst.next = random.reset();
            b.mac.next = random.bits();
            let mut job = Job::default();
            random_job(&mut job, random);
            b.job.next = job;
            b.sum_ip.next = random.corner();
            b.sum_tcp.next = random.corner();
            b.job_valid.next = random.chance(1, 2);
            b.stored_error.next = random.chance(1, 8);
            b.stored_valid.next = random.chance(1, 2);
            b.payload_sum.next = random.corner();
            b.payload_sum_valid.next = random.chance(1, 2);
            b.payload_tdata.next = random.bits();
            b.payload_tvalid.next = random.chance(3, 4);
            b.m_axis_tx.tready.next = random.chance(3, 4);
            b.done_ready.next = random.chance(1, 2);
        },
    )
}

#[test]
fn tx_paths() {
    let set = tx_path::<64, 8, 3, 10, 11>(Equivalence::new("hdl_tx_path"), "tx_path_w64");
    let set = tx_path::<512, 64, 6, 9, 10>(set, "tx_path_w512");
    let report = set.run(21, 1500).unwrap();
    let constant: Vec<_> = report.constant_outputs.iter().map(String::as_str).collect();
    assert_eq!(
        constant,
        [
            "tx_path_w64.m_axis_tx_tuser",
            "tx_path_w512.m_axis_tx_tuser"
        ],
        "tuser never changes"
    );
}

#[test]
fn tx_blocks() {
    let set = Equivalence::new("hdl_tx_blocks")
        .clocked(
            "tx_command_check",
            CommandCheck::default,
            |b| &mut b.clk,
            |b, random| {
                b.command.next = command(random);
                b.take.next = random.chance(3, 4);
                b.context_is_known.next = random.chance(3, 4);
            },
        )
        .clocked(
            "tx_options",
            Options::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.arriving.next = command(random).into();
                b.take.next = random.chance(3, 4);
                b.command.next = command(random).into();
                b.advance.next = b.is_laid_out.val() & random.chance(3, 4);
            },
        )
        .clocked(
            "tx_checksum",
            Checksum::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.command.next = command(random).into();
                b.advance.next = random.chance(3, 4);
                b.connection.next.remote_ip = random.corner();
                b.connection.next.local_ip = random.corner();
                b.connection.next.remote_port = random.corner();
                b.connection.next.local_port = random.corner();
                b.connection.next.tos = random.bits();
                b.connection.next.ttl = random.bits();
                b.tcp_words.next = random.bits();
                b.total_len_bytes.next = random.corner();
                b.identification.next = random.corner();
                b.enter.next = random.chance(1, 2);
            },
        )
        .clocked(
            "tx_context",
            Context::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.read_connection.next = bits(random.below(40));
                b.write_context.next.remote_ip = random.bits();
                b.write_context.next.remote_mac = random.bits();
                b.write_context.next.vlan_tci = random.bits();
                b.write.next = random.chance(1, 4);
                b.forget.next = random.chance(1, 8);
            },
        )
        .clocked(
            "tx_executor",
            Executor::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.command.next = command(random);
                b.command_index.next = random.bits();
                b.command_valid.next = random.chance(3, 4);
                b.request_ready.next = random.chance(3, 4);
                b.flow_ready.next = random.chance(1, 2);
                b.flow_done.next = random.chance(1, 2);
                b.flow_status.next = random.bits();
                b.listen_ready.next = random.chance(1, 2);
                b.listen_done.next = random.chance(1, 2);
                b.read_context.next.remote_ip = random.bits();
                b.context_is_known.next = random.chance(7, 8);
                b.context_ready.next = random.chance(15, 16);
                b.job_room.next = random.chance(3, 4);
            },
        )
        .clocked(
            "tx_job_queue",
            JobQueue::<5, 6>::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                let mut job = Job::default();
                random_job(&mut job, random);
                b.job_in.next = job;
                b.push.next = b.has_room.val() & random.chance(3, 4);
                b.sum_ip_in.next = random.bits();
                b.sum_tcp_in.next = random.bits();
                b.sum_push.next = random.chance(3, 4);
                b.ready.next = random.chance(1, 2);
            },
        )
        .clocked(
            "tx_completion",
            Completion::default,
            |b| &mut b.clk,
            |b, random| {
                b.rst.next = random.reset();
                b.now.next = random.bits();
                b.done.next.status = random.pick(&[bits(0), bits(4)]);
                b.done.next.opcode = random.bits();
                b.done.next.connection = random.bits();
                b.done.next.command_index = random.bits();
                b.done.next.payload_addr = random.bits();
                b.done_sends.next = random.chance(1, 2);
                b.done_valid.next = random.chance(1, 2);
                b.left.next = random.chance(1, 2);
                b.tx_event_ready.next = random.chance(1, 2);
            },
        );
    let set = payload_buffer::<64, 8, 10, 11>(set, "tx_payload_buffer_w64");
    let set = payload_buffer::<512, 64, 9, 10>(set, "tx_payload_buffer_w512");
    let set = assembler::<64, 8, 3>(set, "tx_assembler_w64");
    let set = assembler::<512, 64, 6>(set, "tx_assembler_w512");
    let report = set.run(22, 1500).unwrap();
    let constant: Vec<_> = report.constant_outputs.iter().map(String::as_str).collect();
    assert_eq!(
        constant,
        [
            "tx_assembler_w64.m_axis_tx_tuser",
            "tx_assembler_w512.m_axis_tx_tuser"
        ],
        "every other output changes"
    );
}
