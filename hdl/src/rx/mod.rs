//! The receive path: from the wire to the receive event, in data-path order.
//!
//! ```text
//!                bytes ─────────────────────────────────────────────────> trim ────> payload
//!               ┌ kept, length ┐         decoded, judged                    ^
//!  s_axis_rx ─┬─> ingress ─────┴─> decoder ─────────────────────────> dispatch ──> event
//!             │                      ^ ^                                │
//!             └─> front ─────────────┘ └── flow and listen commands     └──────> request to the DMA writer
//!                 headers, key, checksums
//! ```
//!
//! - [`ingress`] buffers whole frames, and decides which are kept;
//! - [`front`] reads headers ([`narrow_headers`], [`wide_headers`]) and checksums ([`narrow_cover`], [`wide_cover`], [`checksum`]) while a frame comes in;
//! - [`decoder`] parses them ([`parser`]), asks [`flow_table`] and [`listener_table`], judges ([`verdict`]), and reads options ([`usual_options`], [`option_walker`]);
//! - [`dispatch`] does what is to be done.
//!
//! Latency from the last beat of a frame to `decoded_valid`: 4 cycles (W = 64), 6 (W = 512); one more to its event's `event_valid` without a payload. With options that are not usual it takes
//! as long as they are walked through. Throughput up to the dispatcher: one frame a cycle with usual options, two beats or more a frame at W = 64. One clock; reset forgets every
//! frame and clears both tables, which takes 2048 cycles. What is wrong with a frame ends in one of the counters; nothing that arrives can stall or
//! wedge the path.

pub mod checksum;
pub mod decoder;
pub mod dispatch;
pub mod flow_hash;
pub mod flow_table;
pub mod frame;
pub mod front;
pub mod ingress;
pub mod listener_table;
pub mod multicast_number;
pub mod narrow_cover;
pub mod narrow_headers;
pub mod option_walker;
pub mod packet_rest;
pub mod parser;
pub mod usual_options;
pub mod verdict;
pub mod wide_cover;
pub mod wide_headers;

use crate::rx::decoder::Decoder;
use crate::rx::dispatch::Dispatch;
use crate::rx::front::Front;
use crate::rx::ingress::Ingress;
use crate::stream::{StreamSink, StreamSource, Trim};
use rust_hdl::prelude::*;

/// The receive path at 64 bits, with a FIFO of 16 KiB.
pub type RxPath64 = RxPath<64, 8, 3, 11, 12, 4, 5>;
/// The receive path at 512 bits, with a FIFO of 64 KiB.
pub type RxPath512 = RxPath<512, 64, 6, 10, 11, 7, 8>;

/// The receive path with a FIFO of `2^A` beats, and `2^EA` events that wait for their payloads. S is log2(K), N is `A + 1`, EN is `EA + 1`.
#[derive(LogicBlock)]
pub struct RxPath<
    const W: usize,
    const K: usize,
    const S: usize,
    const A: usize,
    const N: usize,
    const EA: usize,
    const EN: usize,
> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Time, for the events' timestamps.
    pub now: Signal<In, Bits<64>>,
    /// Frames from the MAC; `tuser` with `tlast` marks a bad one. `tready` is always high.
    pub s_axis_rx: StreamSink<W, K>,
    /// Frames are to be received.
    pub rx_enable: Signal<In, Bit>,
    /// The queue is enabled and has not stopped.
    pub queue_runs: Signal<In, Bit>,
    /// Address filters are off.
    pub promiscuous: Signal<In, Bit>,
    /// Dropped frames get an event as well.
    pub monitor: Signal<In, Bit>,
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// Multicast filter: which group addresses are ours, see `MulticastNumber`.
    pub multicast: Signal<In, Bits<64>>,
    /// log2 of the bytes of a receive slot, 11 to 14.
    pub slot_bytes_log2: Signal<In, Bits<4>>,
    /// Own IPv4 address.
    pub local_ip: Signal<In, Bits<32>>,
    /// Secret of the flow table's hash.
    pub hash_key: Signal<In, Bits<128>>,
    /// To the event queue: an event. Its phase bit is 0; the queue sets it.
    pub event_data: Signal<Out, Bits<512>>,
    /// It is the last of its frame.
    pub event_last: Signal<Out, Bit>,
    /// There is an event.
    pub event_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub event_ready: Signal<In, Bit>,
    /// From the event queue: the ring has room for the events of one more frame.
    pub rx_room: Signal<In, Bit>,
    /// To the event queue: at this clock edge so many places are promised to a frame's events.
    pub rx_reserve: Signal<Out, Bits<2>>,
    /// From the slot queue: there is a free receive slot.
    pub slot_valid: Signal<In, Bit>,
    /// Its number.
    pub slot_number: Signal<In, Bits<16>>,
    /// Its I/O address.
    pub slot_addr: Signal<In, Bits<64>>,
    /// It is taken at this clock edge.
    pub slot_take: Signal<Out, Bit>,
    /// To the DMA writer: I/O address to write a payload to.
    pub request_addr: Signal<Out, Bits<64>>,
    /// Its length.
    pub request_len_bytes: Signal<Out, Bits<16>>,
    /// There is a payload to write.
    pub request_valid: Signal<Out, Bit>,
    /// The request is taken at this clock edge.
    pub request_ready: Signal<In, Bit>,
    /// The payload, `request_len_bytes` from lane 0 on.
    pub payload: StreamSource<W, K>,
    /// For one cycle: the oldest payload without an answer is in memory.
    pub done_valid: Signal<In, Bit>,
    /// With `done_valid`: the bus refused it, so it is not in memory.
    pub done_error: Signal<In, Bit>,
    /// From the executor, for FlowInsert and FlowRemove: remove the flow; else insert it.
    pub flow_remove: Signal<In, Bit>,
    /// Remote address, local address, remote port, local port.
    pub flow_key: Signal<In, Bits<96>>,
    /// The connection to insert.
    pub flow_connection: Signal<In, Bits<16>>,
    /// Flow command: its generation.
    pub flow_generation: Signal<In, Bits<8>>,
    /// There is a flow command.
    pub flow_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub flow_ready: Signal<Out, Bit>,
    /// For one cycle: it has been carried out.
    pub flow_done: Signal<Out, Bit>,
    /// With `flow_done`: how it ended, a `Status`.
    pub flow_status: Signal<Out, Bits<8>>,
    /// From the executor, for ListenAdd and ListenRemove: remove the port; else add it.
    pub listen_remove: Signal<In, Bit>,
    /// The port.
    pub listen_port: Signal<In, Bits<16>>,
    /// There is a listen command.
    pub listen_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub listen_ready: Signal<Out, Bit>,
    /// For one cycle: it has been carried out.
    pub listen_done: Signal<Out, Bit>,
    /// Flow and listener table have been cleared after reset.
    pub table_ready: Signal<Out, Bit>,
    /// To the counters, as all `count_` signals, high for one cycle: a frame arrived, good or bad.
    pub count_rx_frame: Signal<Out, Bit>,
    /// It was marked bad.
    pub count_bad_frame: Signal<Out, Bit>,
    /// It did not fit into the FIFO.
    pub count_fifo_overflow: Signal<Out, Bit>,
    /// It was longer than a slot.
    pub count_oversize: Signal<Out, Bit>,
    /// A frame was dropped for another reason.
    pub count_drop: Signal<Out, Bit>,
    /// With `count_drop`: the `DropReason`.
    pub count_drop_reason: Signal<Out, Bits<8>>,
    /// A segment of a known connection was delivered.
    pub count_flow: Signal<Out, Bit>,
    /// A segment to a listening port was delivered.
    pub count_listen: Signal<Out, Bit>,
    /// A segment that matches nothing was delivered.
    pub count_miss: Signal<Out, Bit>,
    /// A frame that is not TCP was delivered.
    pub count_raw: Signal<Out, Bit>,
    /// A payload was written to a slot.
    pub count_payload: Signal<Out, Bit>,
    /// A frame or a command is under way.
    pub busy: Signal<Out, Bit>,
    ingress: Ingress<W, K, A, N>,
    front: Front<W, K>,
    decoder: Decoder,
    dispatch: Dispatch<EA, EN>,
    trim: Trim<W, K, S>,
}

impl<
        const W: usize,
        const K: usize,
        const S: usize,
        const A: usize,
        const N: usize,
        const EA: usize,
        const EN: usize,
    > Default for RxPath<W, K, S, A, N, EA, EN>
{
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            now: Default::default(),
            s_axis_rx: Default::default(),
            rx_enable: Default::default(),
            queue_runs: Default::default(),
            promiscuous: Default::default(),
            monitor: Default::default(),
            mac: Default::default(),
            multicast: Default::default(),
            slot_bytes_log2: Default::default(),
            local_ip: Default::default(),
            hash_key: Default::default(),
            event_data: Default::default(),
            event_last: Default::default(),
            event_valid: Default::default(),
            event_ready: Default::default(),
            rx_room: Default::default(),
            rx_reserve: Default::default(),
            slot_valid: Default::default(),
            slot_number: Default::default(),
            slot_addr: Default::default(),
            slot_take: Default::default(),
            request_addr: Default::default(),
            request_len_bytes: Default::default(),
            request_valid: Default::default(),
            request_ready: Default::default(),
            payload: Default::default(),
            done_valid: Default::default(),
            done_error: Default::default(),
            flow_remove: Default::default(),
            flow_key: Default::default(),
            flow_connection: Default::default(),
            flow_generation: Default::default(),
            flow_valid: Default::default(),
            flow_ready: Default::default(),
            flow_done: Default::default(),
            flow_status: Default::default(),
            listen_remove: Default::default(),
            listen_port: Default::default(),
            listen_valid: Default::default(),
            listen_ready: Default::default(),
            listen_done: Default::default(),
            table_ready: Default::default(),
            count_rx_frame: Default::default(),
            count_bad_frame: Default::default(),
            count_fifo_overflow: Default::default(),
            count_oversize: Default::default(),
            count_drop: Default::default(),
            count_drop_reason: Default::default(),
            count_flow: Default::default(),
            count_listen: Default::default(),
            count_miss: Default::default(),
            count_raw: Default::default(),
            count_payload: Default::default(),
            busy: Default::default(),
            ingress: Default::default(),
            front: Default::default(),
            decoder: Decoder::new(W),
            dispatch: Default::default(),
            trim: Default::default(),
        }
    }
}

impl<
        const W: usize,
        const K: usize,
        const S: usize,
        const A: usize,
        const N: usize,
        const EA: usize,
        const EN: usize,
    > Logic for RxPath<W, K, S, A, N, EA, EN>
{
    #[hdl_gen]
    fn update(&mut self) {
        self.ingress.clk.next = self.clk.val();
        self.ingress.rst.next = self.rst.val();
        self.front.clk.next = self.clk.val();
        self.front.rst.next = self.rst.val();
        self.decoder.clk.next = self.clk.val();
        self.decoder.rst.next = self.rst.val();
        self.dispatch.clk.next = self.clk.val();
        self.dispatch.rst.next = self.rst.val();
        self.trim.clk.next = self.clk.val();
        self.trim.rst.next = self.rst.val();

        // Wire -> ingress.
        StreamSink::<W, K>::link(&mut self.s_axis_rx, &mut self.ingress.s);
        self.ingress.now.next = self.now.val();
        self.ingress.slot_bytes_log2.next = self.slot_bytes_log2.val();
        self.ingress.monitor.next = self.monitor.val();

        // Wire -> front -> decoder.
        self.front.beat_data.next = self.s_axis_rx.tdata.val();
        self.front.beat_valid.next = self.s_axis_rx.tvalid.val();
        self.front.beat_last.next = self.s_axis_rx.tlast.val();
        self.front.kept_end.next = self.ingress.frame_end.val();
        self.front.kept.next = self.ingress.kept.val();
        self.ingress.taken.next = self.decoder.taken.val();
        self.decoder.headers.next = self.front.headers.val();
        self.decoder.frame_end.next = self.front.frame_end.val();
        self.decoder.frame_valid.next = self.front.frame_valid.val();
        self.decoder.lookup_key.next = self.front.lookup_key.val();
        self.decoder.lookup_valid.next = self.front.lookup_valid.val();
        self.decoder.lookup_near.next = self.front.lookup_near.val();
        self.decoder.ip_ok.next = self.front.ip_ok.val();
        self.decoder.tcp_ok.next = self.front.tcp_ok.val();
        self.decoder.rx_enable.next = self.rx_enable.val();
        self.decoder.queue_runs.next = self.queue_runs.val();
        self.decoder.promiscuous.next = self.promiscuous.val();
        self.decoder.mac.next = self.mac.val();
        self.decoder.multicast.next = self.multicast.val();
        self.decoder.local_ip.next = self.local_ip.val();
        self.decoder.hash_key.next = self.hash_key.val();

        // Decoder -> dispatch.
        self.dispatch.decoded_event.next = self.decoder.rx_event.val();
        self.dispatch.decoded_sack.next = self.decoder.sack.val();
        self.dispatch.decoded_address.next = self.decoder.address.val();
        self.dispatch.payload_at_bytes.next = self.decoder.payload_at_bytes.val();
        self.dispatch.connection.next = self.decoder.connection.val();
        self.dispatch.generation.next = self.decoder.generation.val();
        self.dispatch.verdict.next = self.decoder.verdict.val();
        self.dispatch.drop_reason.next = self.decoder.drop_reason.val();
        self.dispatch.needs_slot.next = self.decoder.needs_slot.val();
        self.dispatch.decoded_valid.next = self.decoder.decoded_valid.val();
        self.decoder.decoded_ready.next = self.dispatch.decoded_ready.val();
        self.dispatch.monitor.next = self.monitor.val();
        self.dispatch.queue_runs.next = self.queue_runs.val();
        self.dispatch.rx_room.next = self.rx_room.val();
        self.rx_reserve.next = self.dispatch.rx_reserve.val();
        self.dispatch.slot_valid.next = self.slot_valid.val();

        // Dispatch -> slot, DMA writer, event ring.
        self.dispatch.slot_number.next = self.slot_number.val();
        self.dispatch.slot_addr.next = self.slot_addr.val();
        self.slot_take.next = self.dispatch.slot_take.val();
        self.request_addr.next = self.dispatch.request_addr.val();
        self.request_len_bytes.next = self.dispatch.request_len_bytes.val();
        self.request_valid.next = self.dispatch.request_valid.val();
        self.dispatch.request_ready.next = self.request_ready.val();
        self.dispatch.done_valid.next = self.done_valid.val();
        self.dispatch.done_error.next = self.done_error.val();
        self.event_data.next = self.dispatch.event_data.val();
        self.event_last.next = self.dispatch.event_last.val();
        self.event_valid.next = self.dispatch.event_valid.val();
        self.dispatch.event_ready.next = self.event_ready.val();

        // Ingress -> trim -> DMA writer.
        StreamSource::<W, K>::join(&mut self.ingress.m, &mut self.trim.s);
        self.trim.command_skip_bytes.next = self.dispatch.trim_skip_bytes.val();
        self.trim.command_len_bytes.next = self.dispatch.trim_len_bytes.val();
        self.trim.command_valid.next = self.dispatch.trim_valid.val();
        self.dispatch.trim_ready.next = self.trim.command_ready.val();
        StreamSource::<W, K>::link(&mut self.payload, &mut self.trim.m);

        // Commands -> tables.
        self.decoder.flow_remove.next = self.flow_remove.val();
        self.decoder.flow_key.next = self.flow_key.val();
        self.decoder.flow_connection.next = self.flow_connection.val();
        self.decoder.flow_generation.next = self.flow_generation.val();
        self.decoder.flow_valid.next = self.flow_valid.val();
        self.flow_ready.next = self.decoder.flow_ready.val();
        self.flow_done.next = self.decoder.flow_done.val();
        self.flow_status.next = self.decoder.flow_status.val();
        self.decoder.listen_remove.next = self.listen_remove.val();
        self.decoder.listen_port.next = self.listen_port.val();
        self.decoder.listen_valid.next = self.listen_valid.val();
        self.listen_ready.next = self.decoder.listen_ready.val();
        self.listen_done.next = self.decoder.listen_done.val();
        self.table_ready.next = self.decoder.table_ready.val();

        // Counters.
        self.count_rx_frame.next = self.ingress.count_frame.val();
        self.count_bad_frame.next = self.ingress.count_bad_frame.val();
        self.count_fifo_overflow.next = self.ingress.count_fifo_overflow.val();
        self.count_oversize.next = self.ingress.count_oversize.val();
        self.count_drop.next = self.dispatch.count_drop.val();
        self.count_drop_reason.next = self.dispatch.count_drop_reason.val();
        self.count_flow.next = self.dispatch.count_flow.val();
        self.count_listen.next = self.dispatch.count_listen.val();
        self.count_miss.next = self.dispatch.count_miss.val();
        self.count_raw.next = self.dispatch.count_raw.val();
        self.count_payload.next = self.dispatch.count_payload.val();
        self.busy.next = self.ingress.busy.val()
            | self.front.busy.val()
            | self.decoder.busy.val()
            | self.dispatch.busy.val()
            | self.trim.busy.val();
    }
}
