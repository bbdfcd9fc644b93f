//! The latencies that the blocks of the transmit path promise one by one; `tx.rs` measures the whole path.

mod bench;

use bench::Clocked;
use handclasp_hdl::tx::assembler::Assembler;
use handclasp_hdl::tx::completion::Completion;
use handclasp_hdl::tx::context::Context;
use handclasp_hdl::tx::executor::Executor;
use handclasp_hdl::tx::job_queue::JobQueue;
use handclasp_hdl::tx::payload_buffer::PayloadBuffer;
use handclasp_layout::register::CONNECTIONS;
use rust_hdl::prelude::*;

clocked! {
    [] Context;
    [] Completion;
    [] Executor;
    [const J: usize, const M: usize] JobQueue<J, M>;
    [const W: usize, const K: usize, const S: usize] Assembler<W, K, S>;
    [const W: usize, const K: usize, const A: usize, const N: usize, const J: usize, const M: usize]
        PayloadBuffer<W, K, A, N, J, M>;
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

fn payload_buffer<
    const W: usize,
    const K: usize,
    const A: usize,
    const N: usize,
    const J: usize,
    const M: usize,
>() -> (usize, usize) {
    let whole = |stop: fn(&PayloadBuffer<W, K, A, N, J, M>) -> bool| {
        let mut block = ready::<PayloadBuffer<W, K, A, N, J, M>>();
        block.s.tkeep.next = bits(1);
        // The byte 0x12 and a padding zero: the word 0x1200; what tkeep leaves out does not count.
        block.s.tdata.next = bits(0x7712);
        block.s.tlast.next = true;
        block.s.tvalid.next = true;
        let latency = cycles_until(&mut block, |b| b.s.tvalid.next = false, stop);
        assert!(
            block.m_tvalid.val(),
            "the payload is there when it is said to be stored"
        );
        assert_eq!(block.m_tdata.val(), bits(0x12));
        (block, latency)
    };
    let (_, stored) = whole(|b| b.stored_valid.val());
    let (block, summed) = whole(|b| b.sum_valid.val());
    assert_eq!(block.sum.val(), bits(0x1200));
    (stored, summed)
}

#[test]
fn a_sum_follows_its_payload() {
    assert_eq!(payload_buffer::<64, 8, 10, 11, 5, 6>(), (2, 2 + 4));
    assert_eq!(payload_buffer::<512, 64, 9, 10, 7, 8>(), (2, 5 + 4));
}

#[test]
fn a_job_takes_two_cycles_and_its_sums_two_more() {
    let mut block = ready::<Executor>();
    block.context_ready.next = true;
    block.job_room.next = true;
    block.command_valid.next = true;
    let after_first = |b: &mut Executor| b.command_valid.next = false;
    let mut pushed = None;
    block.settle();
    for cycle in 0..10 {
        if block.job_push.val() {
            pushed = Some(cycle);
        }
        if block.sum_push.val() {
            assert_eq!((pushed, cycle), (Some(2), 4));
            return;
        }
        block.tick();
        after_first(&mut block);
        block.settle();
    }
    panic!("no sums");
}

#[test]
fn a_job_waits_two_cycles_in_its_queue() {
    let mut block = ready::<JobQueue<5, 6>>();
    block.push.next = true;
    block.settle();
    assert!(block.has_room.val());
    block.tick();
    block.push.next = false;
    block.tick();
    block.settle();
    assert!(!block.valid.val(), "its sums are not there");
    block.sum_push.next = true;
    block.sum_tcp_in.next = bits(0x1234);
    block.settle();
    assert!(block.valid.val() && block.sum_tcp.val() == bits(0x1234));
    // Not taken, the sums are kept.
    block.tick();
    block.sum_push.next = false;
    let latency = cycles_until(&mut block, |_| {}, |b| b.valid.val());
    assert_eq!(latency, 1);
    assert!(block.sum_tcp.val() == bits(0x1234) && block.busy.val());
}

#[test]
fn the_first_beat_takes_two_cycles() {
    let mut block = ready::<Assembler<64, 8, 3>>();
    block.job.next.is_frame = true;
    block.job.next.header_len_bytes = bits(54);
    block.job.next.frame_last_byte = bits(59);
    block.job_valid.next = true;
    let latency = cycles_until(
        &mut block,
        |b| b.job_valid.next = false,
        |b| b.m_axis_tx.tvalid.val(),
    );
    assert_eq!(latency, 2);
}

#[test]
fn a_context_and_a_completion_take_one_cycle() {
    let mut contexts = ready::<Context>();
    let latency = cycles_until(&mut contexts, |_| {}, |b| b.ready.val());
    assert_eq!(latency, CONNECTIONS / 32);
    contexts.read_connection.next = bits(5);
    contexts.tick();
    contexts.write_context.next.remote_port = bits(80);
    contexts.write.next = true;
    contexts.tick();
    contexts.write.next = false;
    contexts.read_connection.next = bits(37);
    contexts.tick();
    assert!(!contexts.is_known.val(), "another word of bits");
    contexts.read_connection.next = bits(4);
    contexts.tick();
    assert!(!contexts.is_known.val(), "another bit");
    contexts.read_connection.next = bits(5);
    let latency = cycles_until(&mut contexts, |_| {}, |b| b.is_known.val());
    assert_eq!(latency, 1);
    assert_eq!(contexts.read_context.val().remote_port, bits(80));
    contexts.forget.next = true;
    contexts.tick();
    contexts.forget.next = false;
    contexts.tick();
    assert!(!contexts.is_known.val());

    let mut completion = ready::<Completion>();
    completion.done_valid.next = true;
    let latency = cycles_until(
        &mut completion,
        |b| b.done_valid.next = false,
        |b| b.tx_event_valid.val(),
    );
    assert_eq!(latency, 1);
}
