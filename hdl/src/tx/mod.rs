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
//! at W = 512, but for SYNs, whose MSS, scale and SACK permitted take a cycle more each; 2 cycles between frames with payload. One clock, synchronous reset, which may last one cycle. Errors: see [`executor`]
//! (BadCommand) and [`assembler`] (ReadError). Counter pulses: `count_bad_command`, `count_segment`, `count_raw`, `count_frame`.

pub mod assembler;
pub mod checksum;
pub mod command_check;
pub mod completion;
pub mod context;
pub mod executor;
pub mod header;
pub mod header_bytes;
pub mod job;
pub mod job_queue;
pub mod options;
pub mod payload_buffer;
pub mod sum4;

use crate::stream::{StreamSink, StreamSource};
use assembler::Assembler;
use completion::Completion;
use context::Context;
use executor::Executor;
use handclasp_verilog::{block, kernel};
use job_queue::JobQueue;
use payload_buffer::PayloadBuffer;
use rust_hdl::prelude::*;

/// The transmit path at 64 bits. Its queue of jobs is as deep as LUT memory is without a multiplexer.
pub type TxPath64 = TxPath<64, 8, 3, 10, 11, 4, 5>;
/// The transmit path at 512 bits.
pub type TxPath512 = TxPath<512, 64, 6, 9, 10, 7, 8>;

/// The transmit path: W bits (K bytes, S = log2(K)) a beat, `2^A` beats of payload buffer, `2^J` jobs that wait for their payloads; N is `A + 1`, M is
/// `J + 1`.
#[block]
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

#[kernel]
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
    fn update(&mut self) {
        wire!(self -> executor: command, command_index, command_valid);
        wire!(executor -> self:
            command_ready, request_addr as payload_request_addr,
            request_len_bytes as payload_request_len_bytes,
            request_valid as payload_request_valid);
        self.executor.request_ready.next = self.payload_request_ready.val();
        wire!(executor -> self:
            flow_remove, flow_key, flow_connection, flow_generation, flow_valid);
        wire!(self -> executor: flow_ready, flow_done, flow_status);
        wire!(executor -> self: listen_remove, listen_port, listen_valid);
        wire!(self -> executor: listen_ready, listen_done);

        self.contexts.read_connection.next = self.executor.context_connection.val();
        wire!(contexts -> executor:
            read_context, is_known as context_is_known, ready as context_ready);
        wire!(executor -> contexts:
            new_context as write_context, context_write as write, context_forget as forget);

        StreamSink::<W, K>::link(&mut self.payload, &mut self.payload_buffer.s);

        wire!(executor -> jobs: job as job_in, job_push as push);
        self.executor.job_room.next = self.jobs.has_room.val();
        wire!(executor -> jobs: sum_ip as sum_ip_in, sum_tcp as sum_tcp_in, sum_push);

        self.assembler.mac.next = self.mac.val();
        wire!(jobs -> assembler: job, sum_ip, sum_tcp, valid as job_valid);
        self.jobs.ready.next = self.assembler.job_ready.val();
        wire!(payload_buffer -> assembler:
            stored_error, stored_valid, sum as payload_sum, sum_valid as payload_sum_valid);
        wire!(assembler -> payload_buffer: payload_take as take, payload_take_sum as take_sum);
        wire!(payload_buffer -> assembler: m_tdata as payload_tdata, m_tvalid as payload_tvalid);
        self.payload_buffer.m_tready.next = self.assembler.payload_tready.val();
        StreamSource::<W, K>::link(&mut self.m_axis_tx, &mut self.assembler.m_axis_tx);

        self.completion.now.next = self.now.val();
        wire!(assembler -> completion: done, done_sends, done_valid);
        self.assembler.done_ready.next = self.completion.done_ready.val();
        self.completion.left.next = self.assembler.left.val();
        wire!(completion -> self: tx_event_data, tx_event_valid);
        self.completion.tx_event_ready.next = self.tx_event_ready.val();

        self.table_ready.next = self.contexts.ready.val();
        self.count_bad_command.next = self.executor.count_bad_command.val();
        wire!(assembler -> self: count_segment, count_raw, count_frame);
        self.busy.next = self.executor.busy.val()
            | self.jobs.busy.val()
            | self.payload_buffer.busy.val()
            | self.assembler.busy.val()
            | self.completion.busy.val();
    }
}
