//! The latencies that the blocks of the transmit path promise one by one; `tx.rs` measures the whole path.

mod bench;

use bench::Clocked;
use handclasp_hdl::tx::assembler::Assembler;
use handclasp_hdl::tx::completion::Completion;
use handclasp_hdl::tx::context::Context;
use handclasp_hdl::tx::header_builder::HeaderBuilder;
use handclasp_hdl::tx::payload_buffer::PayloadBuffer;
use rust_hdl::prelude::*;

clocked! {
    [] Context;
    [] Completion;
    [] HeaderBuilder;
    [const W: usize, const K: usize] Assembler<W, K>;
    [const W: usize, const K: usize, const A: usize, const N: usize] PayloadBuffer<W, K, A, N>;
}

fn ready<B: Clocked + Default>() -> B {
    let mut block = B::default();
    block.connect_all();
    block.reset();
    block
}

/// Cycles from now until `is_there`; the inputs of the first cycle are taken back by `after_first`.
fn cycles_until<B: Clocked>(
    block: &mut B,
    after_first: impl Fn(&mut B),
    is_there: impl Fn(&B) -> bool,
) -> usize {
    block.settle();
    for cycle in 0..100 {
        if is_there(block) {
            return cycle;
        }
        block.tick();
        if cycle == 0 {
            after_first(block);
            block.settle();
        }
    }
    panic!("it never came");
}

fn payload_buffer<const W: usize, const K: usize, const A: usize, const N: usize>() -> usize {
    let mut block = ready::<PayloadBuffer<W, K, A, N>>();
    block.s.tkeep.next = bits(1);
    // The byte 0x12 and a padding zero: the word 0x1200; what tkeep leaves out does not count.
    block.s.tdata.next = bits(0x7712);
    block.s.tlast.next = true;
    block.s.tvalid.next = true;
    let latency = cycles_until(
        &mut block,
        |b| b.s.tvalid.next = false,
        |b| b.summary_valid.val(),
    );
    assert_eq!(block.summary_sum.val(), bits(0x1200));
    assert!(
        block.m_tvalid.val(),
        "the payload is there before its summary"
    );
    assert_eq!(block.m_tdata.val(), bits(0x12));
    latency
}

#[test]
fn a_summary_follows_its_payload() {
    assert_eq!(payload_buffer::<64, 8, 10, 11>(), 2 + 4);
    assert_eq!(payload_buffer::<512, 64, 9, 10>(), 5 + 4);
}

#[test]
fn a_header_takes_three_cycles() {
    let mut block = ready::<HeaderBuilder>();
    block.job_valid.next = true;
    block.settle();
    assert!(block.job_ready.val());
    let latency = cycles_until(
        &mut block,
        |b| b.job_valid.next = false,
        |b| b.frame_valid.val(),
    );
    assert_eq!(latency, 3);
}

#[test]
fn the_first_beat_takes_two_cycles() {
    let mut block = ready::<Assembler<64, 8>>();
    block.frame.next.is_frame = true;
    block.frame.next.header_len_bytes = bits(54);
    block.frame.next.frame_len_bytes = bits(60);
    block.frame_valid.next = true;
    let latency = cycles_until(
        &mut block,
        |b| b.frame_valid.next = false,
        |b| b.m_axis_tx.tvalid.val(),
    );
    assert_eq!(latency, 2);
}

#[test]
fn a_context_and_a_completion_take_one_cycle() {
    let mut contexts = ready::<Context>();
    contexts.write_connection.next = bits(5);
    contexts.write_context.next.remote_port = bits(80);
    contexts.write.next = true;
    contexts.tick();
    contexts.write.next = false;
    contexts.read_connection.next = bits(5);
    let latency = cycles_until(&mut contexts, |_| {}, |b| b.is_known.val());
    assert_eq!(latency, 1);
    assert_eq!(contexts.read_context.val().remote_port, bits(80));

    let mut completion = ready::<Completion>();
    completion.done_valid.next = true;
    let latency = cycles_until(
        &mut completion,
        |b| b.done_valid.next = false,
        |b| b.tx_event_valid.val(),
    );
    assert_eq!(latency, 1);
}
