//! The transmit path: commands in, frames out.
//!
//! ```text
//!            ┌──────────┐ job, sums ┌───────────┐               ┌───────────┐
//!  command ─>│ executor ├──────────>│ job queue ├──────────────>│ assembler ├──> m_axis_tx
//!            └─┬──┬─┬───┘           └───────────┘               └─┬─────┬───┘
//!   tables <───┘  │ └─ request ─> reader                          │     │ done
//!         context RAM               │      ┌────────────────┐     │   ┌─┴──────────┐
//!                                   └─────>│ payload buffer ├─────┘   │ completion ├──> tx_event
//!                                          └────────────────┘         └────────────┘
//! ```
//!
//! A segment's command becomes a job, whose headers are summed on the way; its payload is read, summed and stored while earlier frames leave;
//! the assembler joins the two. Up to `2^J` jobs wait in the queue, so the payloads of later commands are on their way while a frame leaves:
//! `2^J` is at least latency times rate of the reads.
//!
//! Latency: a segment without payload: 6 cycles from the cycle in which the command is accepted to the cycle with its first beat, at
//! both widths. With payload, from the payload's last beat to the frame's first: 4 (5 if it is the only one) when the sum is in the command
//! (`has_payload_sum`), log2(W/16) + 6 otherwise. Throughput: one beat a cycle, and the next frame in the next cycle: a control segment every 8 cycles at W = 64, every cycle
//! at W = 512; 2 cycles between frames with payload. One clock, synchronous reset, which may last one cycle. Errors: see [`executor`]
//! (BadCommand) and [`assembler`] (ReadError). Counter pulses: `count_bad_command`, `count_segment`, `count_raw`, `count_frame`.

pub mod assembler;
pub mod checksum;
pub mod command_check;
pub mod completion;
pub mod context;
pub mod executor;
pub mod header;
pub mod job;
pub mod job_queue;
pub mod options;
pub mod payload_buffer;

use crate::stream::{StreamSink, StreamSource};
use assembler::Assembler;
use completion::Completion;
use context::Context;
use executor::Executor;
use job_queue::JobQueue;
use payload_buffer::PayloadBuffer;
use rust_hdl::prelude::*;

/// The transmit path at 64 bits.
pub type TxPath64 = TxPath<64, 8, 3, 10, 11, 5, 6>;
/// The transmit path at 512 bits.
pub type TxPath512 = TxPath<512, 64, 6, 9, 10, 7, 8>;

/// The transmit path: W bits (K bytes, S = log2(K)) a beat, `2^A` beats of payload buffer, `2^J` jobs that wait for their payloads; N is `A + 1`, M is
/// `J + 1`.
#[derive(LogicBlock, Default)]
pub struct TxPath<
    const W: usize,
    const K: usize,
    const S: usize,
    const A: usize,
    const N: usize,
    const J: usize,
    const M: usize,
> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// Time, for completions.
    pub now: Signal<In, Bits<64>>,
    /// A command, as it lies in the ring.
    pub command: Signal<In, Bits<512>>,
    /// Its free-running index.
    pub command_index: Signal<In, Bits<32>>,
    /// There is a command.
    pub command_valid: Signal<In, Bit>,
    /// The command is taken at this clock edge.
    pub command_ready: Signal<Out, Bit>,
    /// I/O address of a payload to read, any alignment.
    pub payload_request_addr: Signal<Out, Bits<64>>,
    /// Its length, 1 to 1518.
    pub payload_request_len_bytes: Signal<Out, Bits<16>>,
    /// There is a payload to read.
    pub payload_request_valid: Signal<Out, Bit>,
    /// The request is taken at this clock edge.
    pub payload_request_ready: Signal<In, Bit>,
    /// The payloads, in the order of the requests: byte 0 in lane 0, `tuser` where the bus answered with an error.
    pub payload: StreamSink<W, K>,
    /// A CompletionEvent, its phase 0.
    pub tx_event_data: Signal<Out, Bits<512>>,
    /// There is an event.
    pub tx_event_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub tx_event_ready: Signal<In, Bit>,
    /// Take the flow out of the flow table; else put it in.
    pub flow_remove: Signal<Out, Bit>,
    /// Remote IP, local IP, remote port, local port; remote IP at the top.
    pub flow_key: Signal<Out, Bits<96>>,
    /// The flow's connection id.
    pub flow_connection: Signal<Out, Bits<16>>,
    /// Its generation.
    pub flow_generation: Signal<Out, Bits<8>>,
    /// There is a flow to insert or remove.
    pub flow_valid: Signal<Out, Bit>,
    /// The flow table takes it at this clock edge.
    pub flow_ready: Signal<In, Bit>,
    /// The flow table has done it (one cycle, after `flow_ready`).
    pub flow_done: Signal<In, Bit>,
    /// A `Status` of the layout; valid with `flow_done`.
    pub flow_status: Signal<In, Bits<8>>,
    /// Close the port, else open it.
    pub listen_remove: Signal<Out, Bit>,
    /// The port.
    pub listen_port: Signal<Out, Bits<16>>,
    /// There is a port to open or close.
    pub listen_valid: Signal<Out, Bit>,
    /// The listener table takes it at this clock edge.
    pub listen_ready: Signal<In, Bit>,
    /// The listener table has done it (one cycle, after `listen_ready`).
    pub listen_done: Signal<In, Bit>,
    /// The frames, to the MAC; `tuser` is never set.
    pub m_axis_tx: StreamSource<W, K>,
    /// The contexts have been cleared after the reset.
    pub table_ready: Signal<Out, Bit>,
    /// A command was refused.
    pub count_bad_command: Signal<Out, Bit>,
    /// A segment has left.
    pub count_segment: Signal<Out, Bit>,
    /// A Raw frame has left.
    pub count_raw: Signal<Out, Bit>,
    /// A frame has left.
    pub count_frame: Signal<Out, Bit>,
    /// A command, frame or completion is in flight.
    pub busy: Signal<Out, Bit>,
    executor: Executor,
    contexts: Context,
    jobs: JobQueue<J, M>,
    payload_buffer: PayloadBuffer<W, K, A, N, J, M>,
    assembler: Assembler<W, K, S>,
    completion: Completion,
}

impl<
        const W: usize,
        const K: usize,
        const S: usize,
        const A: usize,
        const N: usize,
        const J: usize,
        const M: usize,
    > Logic for TxPath<W, K, S, A, N, J, M>
{
    #[hdl_gen]
    fn update(&mut self) {
        self.executor.clk.next = self.clk.val();
        self.contexts.clk.next = self.clk.val();
        self.jobs.clk.next = self.clk.val();
        self.payload_buffer.clk.next = self.clk.val();
        self.assembler.clk.next = self.clk.val();
        self.completion.clk.next = self.clk.val();
        self.executor.rst.next = self.rst.val();
        self.contexts.rst.next = self.rst.val();
        self.jobs.rst.next = self.rst.val();
        self.payload_buffer.rst.next = self.rst.val();
        self.assembler.rst.next = self.rst.val();
        self.completion.rst.next = self.rst.val();

        self.executor.command.next = self.command.val();
        self.executor.command_index.next = self.command_index.val();
        self.executor.command_valid.next = self.command_valid.val();
        self.command_ready.next = self.executor.command_ready.val();
        self.payload_request_addr.next = self.executor.request_addr.val();
        self.payload_request_len_bytes.next = self.executor.request_len_bytes.val();
        self.payload_request_valid.next = self.executor.request_valid.val();
        self.executor.request_ready.next = self.payload_request_ready.val();
        self.flow_remove.next = self.executor.flow_remove.val();
        self.flow_key.next = self.executor.flow_key.val();
        self.flow_connection.next = self.executor.flow_connection.val();
        self.flow_generation.next = self.executor.flow_generation.val();
        self.flow_valid.next = self.executor.flow_valid.val();
        self.executor.flow_ready.next = self.flow_ready.val();
        self.executor.flow_done.next = self.flow_done.val();
        self.executor.flow_status.next = self.flow_status.val();
        self.listen_remove.next = self.executor.listen_remove.val();
        self.listen_port.next = self.executor.listen_port.val();
        self.listen_valid.next = self.executor.listen_valid.val();
        self.executor.listen_ready.next = self.listen_ready.val();
        self.executor.listen_done.next = self.listen_done.val();

        self.contexts.read_connection.next = self.executor.context_connection.val();
        self.executor.read_context.next = self.contexts.read_context.val();
        self.executor.context_is_known.next = self.contexts.is_known.val();
        self.executor.context_ready.next = self.contexts.ready.val();
        self.contexts.write_context.next = self.executor.new_context.val();
        self.contexts.write.next = self.executor.context_write.val();
        self.contexts.forget.next = self.executor.context_forget.val();

        StreamSink::<W, K>::link(&mut self.payload, &mut self.payload_buffer.s);

        self.jobs.job_in.next = self.executor.job.val();
        self.jobs.push.next = self.executor.job_push.val();
        self.executor.job_room.next = self.jobs.has_room.val();
        self.jobs.sum_ip_in.next = self.executor.sum_ip.val();
        self.jobs.sum_tcp_in.next = self.executor.sum_tcp.val();
        self.jobs.sum_push.next = self.executor.sum_push.val();

        self.assembler.mac.next = self.mac.val();
        self.assembler.job.next = self.jobs.job.val();
        self.assembler.sum_ip.next = self.jobs.sum_ip.val();
        self.assembler.sum_tcp.next = self.jobs.sum_tcp.val();
        self.assembler.job_valid.next = self.jobs.valid.val();
        self.jobs.ready.next = self.assembler.job_ready.val();
        self.assembler.stored_error.next = self.payload_buffer.stored_error.val();
        self.assembler.stored_valid.next = self.payload_buffer.stored_valid.val();
        self.assembler.payload_sum.next = self.payload_buffer.sum.val();
        self.assembler.payload_sum_valid.next = self.payload_buffer.sum_valid.val();
        self.payload_buffer.take.next = self.assembler.payload_take.val();
        self.payload_buffer.take_sum.next = self.assembler.payload_take_sum.val();
        self.assembler.payload_tdata.next = self.payload_buffer.m_tdata.val();
        self.assembler.payload_tvalid.next = self.payload_buffer.m_tvalid.val();
        self.payload_buffer.m_tready.next = self.assembler.payload_tready.val();
        StreamSource::<W, K>::link(&mut self.m_axis_tx, &mut self.assembler.m_axis_tx);

        self.completion.now.next = self.now.val();
        self.completion.done.next = self.assembler.done.val();
        self.completion.done_sends.next = self.assembler.done_sends.val();
        self.completion.done_valid.next = self.assembler.done_valid.val();
        self.assembler.done_ready.next = self.completion.done_ready.val();
        self.completion.left.next = self.assembler.left.val();
        self.tx_event_data.next = self.completion.tx_event_data.val();
        self.tx_event_valid.next = self.completion.tx_event_valid.val();
        self.completion.tx_event_ready.next = self.tx_event_ready.val();

        self.table_ready.next = self.contexts.ready.val();
        self.count_bad_command.next = self.executor.count_bad_command.val();
        self.count_segment.next = self.assembler.count_segment.val();
        self.count_raw.next = self.assembler.count_raw.val();
        self.count_frame.next = self.assembler.count_frame.val();
        self.busy.next = self.executor.busy.val()
            | self.jobs.busy.val()
            | self.payload_buffer.busy.val()
            | self.assembler.busy.val()
            | self.completion.busy.val();
    }
}
