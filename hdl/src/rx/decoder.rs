//! Finds out all that can be known about a frame: headers, options, checksums, connection, listener.
//!
//! ```text
//!  frame ──> parser ──┬─> option walker ──┐
//!                     ├─> flow table ─────┤
//!                     └─> listener table ─┼──> decoded
//!  checksum result ───────────────────────┘
//! ```
//!
//! Latency: `LATENCY_CYCLES` from `frame_valid` to `decoded_valid`, more for frames with over two options or while a command is under way in the flow
//! table. Throughput: one frame in `LATENCY_CYCLES + 1` cycles. One clock; reset drops the frame under way. No errors: `flags` and the event
//! say what is wrong with the frame.

use crate::fields::{AddressEvent, RxEvent, SackEvent};
use crate::rx::flow_table::FlowTable;
use crate::rx::frame::{ChecksumResult, Frame, HeaderFlags, TcpOptions};
use crate::rx::listener_table::ListenerTable;
use crate::rx::option_walker::OptionWalker;
use crate::rx::parser::Parser;
use handclasp_layout::queue::EventKind;
use rust_hdl::prelude::*;

/// The decoder.
#[derive(LogicBlock)]
pub struct Decoder {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Secret of the flow table's hash.
    pub hash_key: Signal<In, Bits<128>>,
    /// The next frame.
    pub frame: Signal<In, Frame>,
    /// There is one.
    pub frame_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub frame_ready: Signal<Out, Bit>,
    /// Its checksum results; they come later than the frame.
    pub result: Signal<In, ChecksumResult>,
    /// They are known.
    pub result_valid: Signal<In, Bit>,
    /// They are taken at this clock edge.
    pub result_ready: Signal<Out, Bit>,
    /// The event of the frame, but for verdict, drop reason, connection and slot.
    pub rx_event: Signal<Out, RxEvent>,
    /// The event before it, if `sack_count` is not 0.
    pub sack: Signal<Out, SackEvent>,
    /// What is wrong with the frame, and what it is.
    pub flags: Signal<Out, HeaderFlags>,
    /// The frame's addresses.
    pub address: Signal<Out, AddressEvent>,
    /// Where the TCP payload begins in the frame.
    pub payload_at_bytes: Signal<Out, Bits<16>>,
    /// The segment's connection is known.
    pub is_flow: Signal<Out, Bit>,
    /// Which one it is, else 0.
    pub connection: Signal<Out, Bits<16>>,
    /// Its generation, else 0.
    pub generation: Signal<Out, Bits<8>>,
    /// Somebody listens on the segment's port.
    pub is_listening: Signal<Out, Bit>,
    /// The frame is decoded: all of the outputs above are right.
    pub decoded_valid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub decoded_ready: Signal<In, Bit>,
    /// Flow command: remove, else insert.
    pub flow_remove: Signal<In, Bit>,
    /// Flow command: key.
    pub flow_key: Signal<In, Bits<96>>,
    /// Flow command: connection to insert.
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
    /// Listen command: remove, else add.
    pub listen_remove: Signal<In, Bit>,
    /// Listen command: port.
    pub listen_port: Signal<In, Bits<16>>,
    /// There is a listen command.
    pub listen_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub listen_ready: Signal<Out, Bit>,
    /// For one cycle: it has been carried out.
    pub listen_done: Signal<Out, Bit>,
    /// Both tables have been cleared.
    pub table_ready: Signal<Out, Bit>,
    /// A frame or a command is under way.
    pub busy: Signal<Out, Bit>,
    parser: Parser,
    walker: OptionWalker,
    flows: FlowTable,
    listeners: ListenerTable,
    /// The parser holds a frame.
    loaded: DFF<Bit>,
    /// This is the first cycle in which it does.
    fresh: DFF<Bit>,
    flow_answered: DFF<Bit>,
    listener_answered: DFF<Bit>,
    load: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    options: Signal<Local, TcpOptions>,
    edges: Signal<Local, Bits<256>>,
    nothing: Constant<SackEvent>,
    kind_sack: Constant<Bits<8>>,
}

impl Decoder {
    /// Cycles from `frame_valid` to `decoded_valid`.
    pub const LATENCY_CYCLES: usize = 1 + FlowTable::LOOKUP_CYCLES;
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            hash_key: Default::default(),
            frame: Default::default(),
            frame_valid: Default::default(),
            frame_ready: Default::default(),
            result: Default::default(),
            result_valid: Default::default(),
            result_ready: Default::default(),
            rx_event: Default::default(),
            sack: Default::default(),
            flags: Default::default(),
            address: Default::default(),
            payload_at_bytes: Default::default(),
            is_flow: Default::default(),
            connection: Default::default(),
            generation: Default::default(),
            is_listening: Default::default(),
            decoded_valid: Default::default(),
            decoded_ready: Default::default(),
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
            busy: Default::default(),
            parser: Default::default(),
            walker: Default::default(),
            flows: Default::default(),
            listeners: Default::default(),
            loaded: Default::default(),
            fresh: Default::default(),
            flow_answered: Default::default(),
            listener_answered: Default::default(),
            load: Default::default(),
            known: Default::default(),
            options: Default::default(),
            edges: Default::default(),
            nothing: Constant::new(SackEvent::default()),
            kind_sack: Constant::new((EventKind::Sack as u64).into()),
        }
    }
}

impl Logic for Decoder {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, loaded, fresh, flow_answered, listener_answered);
        self.parser.clk.next = self.clk.val();
        self.walker.clk.next = self.clk.val();
        self.walker.rst.next = self.rst.val();
        self.flows.clk.next = self.clk.val();
        self.flows.rst.next = self.rst.val();
        self.listeners.clk.next = self.clk.val();
        self.listeners.rst.next = self.rst.val();

        // Parse the frame; in the cycle after that start the option walker and both lookups.
        self.frame_ready.next = !self.loaded.q.val();
        self.load.next = self.frame_valid.val() & !self.loaded.q.val();
        self.fresh.d.next = self.load.val();
        self.parser.frame.next = self.frame.val();
        self.parser.load.next = self.load.val();
        self.walker.options.next = self.parser.options.val();
        self.walker.len_bytes.next = self.parser.options_len_bytes.val();
        self.walker.start.next = self.fresh.q.val();
        self.flows.hash_key.next = self.hash_key.val();
        self.flows.lookup_key.next = self.parser.key.val();
        self.flows.lookup_valid.next = self.loaded.q.val() & !self.flow_answered.q.val();
        self.listeners.lookup_port.next = self.parser.address.val().dst_port;
        self.listeners.lookup_valid.next = self.loaded.q.val() & !self.listener_answered.q.val();
        if self.flows.lookup_done.val() {
            self.flow_answered.d.next = true;
        }
        if self.listeners.lookup_done.val() {
            self.listener_answered.d.next = true;
        }
        if self.load.val() {
            self.loaded.d.next = true;
            self.flow_answered.d.next = false;
            self.listener_answered.d.next = false;
        }

        // The frame is decoded when the walker and both tables have answered, and its checksum results are there.
        self.known.next = self.loaded.q.val()
            & !self.fresh.q.val()
            & self.walker.done.val()
            & (self.flow_answered.q.val() | self.flows.lookup_done.val())
            & (self.listener_answered.q.val() | self.listeners.lookup_done.val());
        self.decoded_valid.next = self.known.val() & self.result_valid.val();
        self.result_ready.next = self.known.val() & self.decoded_ready.val();
        if self.decoded_valid.val() & self.decoded_ready.val() {
            self.loaded.d.next = false;
        }

        self.options.next = self.walker.found.val();
        self.rx_event.next = self.parser.rx_event.val();
        self.rx_event.next.ip_checksum_ok =
            self.parser.rx_event.val().is_ipv4 & self.result.val().ip_ok;
        // When the frame ends before the segment does, the checksum cannot be verified.
        self.rx_event.next.tcp_checksum_ok = self.parser.rx_event.val().is_tcp
            & !self.parser.flags.val().bad_ip_header
            & self.result.val().tcp_ok;
        self.rx_event.next.bad_options = self.options.val().bad_options;
        self.rx_event.next.has_mss = self.options.val().has_mss;
        self.rx_event.next.mss = self.options.val().mss;
        self.rx_event.next.has_window_scale = self.options.val().has_window_scale;
        self.rx_event.next.window_scale = self.options.val().window_scale;
        self.rx_event.next.has_sack_permitted = self.options.val().has_sack_permitted;
        self.rx_event.next.has_timestamps = self.options.val().has_timestamps;
        self.rx_event.next.ts_val = bit_cast::<32, 64>(self.options.val().timestamps >> 32);
        self.rx_event.next.ts_ecr = bit_cast::<32, 64>(self.options.val().timestamps);
        self.rx_event.next.sack_count = self.options.val().sack_count;
        self.edges.next = self.options.val().sack_edges;
        self.sack.next = self.nothing.val();
        self.sack.next.kind = self.kind_sack.val();
        self.sack.next.sack0_left = self.edges.val().get_bits::<32>(224);
        self.sack.next.sack0_right = self.edges.val().get_bits::<32>(192);
        self.sack.next.sack1_left = self.edges.val().get_bits::<32>(160);
        self.sack.next.sack1_right = self.edges.val().get_bits::<32>(128);
        self.sack.next.sack2_left = self.edges.val().get_bits::<32>(96);
        self.sack.next.sack2_right = self.edges.val().get_bits::<32>(64);
        self.sack.next.sack3_left = self.edges.val().get_bits::<32>(32);
        self.sack.next.sack3_right = self.edges.val().get_bits::<32>(0);
        self.flags.next = self.parser.flags.val();
        self.address.next = self.parser.address.val();
        self.payload_at_bytes.next = self.parser.payload_at_bytes.val();
        self.is_flow.next = self.flows.lookup_hit.val();
        self.connection.next = self.flows.lookup_connection.val();
        self.generation.next = self.flows.lookup_generation.val();
        self.is_listening.next = self.listeners.is_listening.val();

        self.flows.flow_remove.next = self.flow_remove.val();
        self.flows.flow_key.next = self.flow_key.val();
        self.flows.flow_connection.next = self.flow_connection.val();
        self.flows.flow_generation.next = self.flow_generation.val();
        self.flows.flow_valid.next = self.flow_valid.val();
        self.flow_ready.next = self.flows.flow_ready.val();
        self.flow_done.next = self.flows.flow_done.val();
        self.flow_status.next = self.flows.flow_status.val();
        self.listeners.listen_remove.next = self.listen_remove.val();
        self.listeners.listen_port.next = self.listen_port.val();
        self.listeners.listen_valid.next = self.listen_valid.val();
        self.listen_ready.next = self.listeners.listen_ready.val();
        self.listen_done.next = self.listeners.listen_done.val();
        self.table_ready.next = self.flows.table_ready.val() & self.listeners.table_ready.val();
        self.busy.next = self.loaded.q.val() | self.flows.busy.val() | self.listeners.busy.val();

        if self.rst.val() {
            self.loaded.d.next = false;
            self.fresh.d.next = false;
        }
    }
}
