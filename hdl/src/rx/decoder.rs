//! Finds out all that can be known about a frame, and judges it: a pipeline from headers to the decoded event.
//!
//! ```text
//!  headers ─┬──────────────> header FIFO ─────────────────────────┬───────────────┐
//!           └─> parser ──┐                                        │ load          v
//!  key ─┬─> flow table ──┼─> verdict ─┬─> judgement FIFO ─┬─> fields, judged, option walker ──> decoded
//!       └─> listeners ───┤            └───── if empty ────┘
//!  checksums ────────────┘
//! ```
//!
//! Up to the judgement everything takes a fixed number of cycles, and nothing waits. Headers and judgements then queue; the frame that leaves them goes into the registers on the right, where
//! options that are not usual are walked through, one list at a time, from the next cycle on (what that costs: see [`usual_options`](crate::rx::usual_options)).
//!
//! Latency from `frame_valid` to `decoded_valid` with usual options and no frame before it: 4 cycles at W = 64 and W = 512. Throughput: one frame a cycle at W = 512, one in two at W = 64; a frame with rare options as
//! the walker says. One clock; reset drops every frame and clears both tables. No errors: the verdict and the event
//! say what is wrong with the frame.

use crate::fields::{AddressEvent, RxEvent, SackEvent, TcpHeader};
use crate::rx::flow_table::FlowTable;
use crate::rx::frame::{FrameEnd, HeaderFields, HeaderFlags, Headers, Judged, Parsed, TcpOptions};
use crate::rx::ingress::FRAMES_LOG2;
use crate::rx::listener_table::ListenerTable;
use crate::rx::option_walker::{OptionWalker, OPTIONS_BITS};
use crate::rx::parser::Parser;
use crate::rx::verdict::Verdict;
use crate::stream::Fifo;
use handclasp_layout::queue;
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
    /// Frames are to be received.
    pub rx_enable: Signal<In, Bit>,
    /// The queue is enabled and has not stopped.
    pub queue_runs: Signal<In, Bit>,
    /// Address filters are off.
    pub promiscuous: Signal<In, Bit>,
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// Multicast filter.
    pub multicast: Signal<In, Bits<64>>,
    /// Own IPv4 address.
    pub local_ip: Signal<In, Bits<32>>,
    /// A frame's headers.
    pub headers: Signal<In, Headers>,
    /// Its end.
    pub frame_end: Signal<In, FrameEnd>,
    /// For one cycle: both are there, and the frame is kept.
    pub frame_valid: Signal<In, Bit>,
    /// Key of the frame that is coming in, for the flow table.
    pub lookup_key: Signal<In, Bits<96>>,
    /// For one cycle: look it up, see `FlowTable`.
    pub lookup_valid: Signal<In, Bit>,
    /// See `FlowTable`.
    pub lookup_near: Signal<In, Bit>,
    /// 2 cycles after `frame_valid` (W = 512: 3): the IPv4 header's checksum is right.
    pub ip_ok: Signal<In, Bit>,
    /// At the same time: the TCP checksum is right.
    pub tcp_ok: Signal<In, Bit>,
    /// The oldest frame has left the FIFOs.
    pub taken: Signal<Out, Bit>,
    /// The event of the frame, but for verdict, drop reason, connection and slot.
    pub rx_event: Signal<Out, RxEvent>,
    /// The event before it, if `sack_count` is not 0.
    pub sack: Signal<Out, SackEvent>,
    /// The event before both, if the host does not know the addresses.
    pub address: Signal<Out, AddressEvent>,
    /// Where the TCP payload begins in the frame.
    pub payload_at_bytes: Signal<Out, Bits<16>>,
    /// The segment's connection, if the verdict is `Flow`.
    pub connection: Signal<Out, Bits<16>>,
    /// Its generation.
    pub generation: Signal<Out, Bits<8>>,
    /// A `Verdict`, room aside.
    pub verdict: Signal<Out, Bits<8>>,
    /// A `DropReason`.
    pub drop_reason: Signal<Out, Bits<8>>,
    /// The frame is to be delivered, and has something to put into a slot.
    pub needs_slot: Signal<Out, Bit>,
    /// The frame is decoded and judged: all of the outputs above are right.
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
    flows: FlowTable,
    listeners: ListenerTable,
    judge: Verdict,
    walker: OptionWalker,
    fields_queue: Fifo<HeaderFields, FRAMES_LOG2, { FRAMES_LOG2 + 1 }>,
    judged_queue: Fifo<Judged, FRAMES_LOG2, { FRAMES_LOG2 + 1 }>,
    /// Judgements in `judged_queue`, those that do not show yet included.
    judged_waiting: DFF<Bits<{ FRAMES_LOG2 + 1 }>>,
    /// There are none.
    is_direct: DFF<Bit>,
    /// The oldest of them, out of block RAM, which answers late in its cycle.
    waiting_judged: DFF<Judged>,
    waiting_valid: DFF<Bit>,
    /// At W = 64 the checksums wait for the tables as well.
    ip_ok_delay: Vec<DFF<Bit>>,
    tcp_ok_delay: Vec<DFF<Bit>>,
    ip_ok_now: Signal<Local, Bit>,
    tcp_ok_now: Signal<Local, Bit>,
    /// What the parser found waits for the tables' answers.
    flags_delay: DFF<HeaderFlags>,
    parsed_delay: DFF<Parsed>,
    done_delay: DFF<Bit>,
    fields: DFF<HeaderFields>,
    judged: DFF<Judged>,
    valid: DFF<Bit>,
    /// The frame has rare options, and the walker starts now.
    walks: DFF<Bit>,
    flags: Signal<Local, HeaderFlags>,
    parsed: Signal<Local, Parsed>,
    /// A judgement is there.
    judges: Signal<Local, Bit>,
    /// It, and the oldest.
    new_judged: Signal<Local, Judged>,
    old_judged: Signal<Local, Judged>,
    /// The registers are free, or become free.
    is_open: Signal<Local, Bit>,
    load: Signal<Local, Bit>,
    pop_judged: Signal<Local, Bit>,
    tcp: Signal<Local, TcpHeader>,
    options: Signal<Local, TcpOptions>,
    rest: Signal<Local, Bits<OPTIONS_BITS>>,
    timestamps: Signal<Local, Bits<64>>,
    edges: Signal<Local, Bits<256>>,
    len_bytes: Signal<Local, Bits<16>>,
    /// A frame may come in the cycle in which the one before it goes. W = 64 can spare that cycle, and so the wide registers wait for no other block.
    is_refilled: Constant<Bit>,
    nothing: Constant<RxEvent>,
    no_sack: Constant<SackEvent>,
    no_address: Constant<AddressEvent>,
    kind_rx: Constant<Bits<8>>,
    kind_sack: Constant<Bits<8>>,
    kind_address: Constant<Bits<8>>,
    verdict_drop: Constant<Bits<3>>,
    verdict_raw: Constant<Bits<3>>,
    reason_tcp_options: Constant<Bits<5>>,
}

impl Decoder {
    /// A decoder for a data path of `width` bits.
    pub fn new(width: usize) -> Self {
        let hash_units = if width == 64 { 1 } else { 3 };
        let checks_delay = usize::from(width == 64);
        Self {
            clk: Default::default(),
            rst: Default::default(),
            hash_key: Default::default(),
            rx_enable: Default::default(),
            queue_runs: Default::default(),
            promiscuous: Default::default(),
            mac: Default::default(),
            multicast: Default::default(),
            local_ip: Default::default(),
            headers: Default::default(),
            frame_end: Default::default(),
            frame_valid: Default::default(),
            lookup_key: Default::default(),
            lookup_valid: Default::default(),
            lookup_near: Default::default(),
            ip_ok: Default::default(),
            tcp_ok: Default::default(),
            taken: Default::default(),
            rx_event: Default::default(),
            sack: Default::default(),
            address: Default::default(),
            payload_at_bytes: Default::default(),
            connection: Default::default(),
            generation: Default::default(),
            verdict: Default::default(),
            drop_reason: Default::default(),
            needs_slot: Default::default(),
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
            flows: FlowTable::new(hash_units),
            listeners: Default::default(),
            judge: Default::default(),
            walker: Default::default(),
            fields_queue: Default::default(),
            judged_queue: Default::default(),
            judged_waiting: Default::default(),
            waiting_judged: Default::default(),
            waiting_valid: Default::default(),
            walks: Default::default(),
            pop_judged: Default::default(),
            ip_ok_delay: (0..checks_delay).map(|_| DFF::default()).collect(),
            tcp_ok_delay: (0..checks_delay).map(|_| DFF::default()).collect(),
            ip_ok_now: Default::default(),
            tcp_ok_now: Default::default(),
            flags_delay: Default::default(),
            parsed_delay: Default::default(),
            done_delay: Default::default(),
            fields: Default::default(),
            judged: Default::default(),
            valid: Default::default(),
            flags: Default::default(),
            parsed: Default::default(),
            judges: Default::default(),
            new_judged: Default::default(),
            old_judged: Default::default(),
            is_direct: Default::default(),
            is_open: Default::default(),
            load: Default::default(),
            tcp: Default::default(),
            options: Default::default(),
            rest: Default::default(),
            timestamps: Default::default(),
            edges: Default::default(),
            len_bytes: Default::default(),
            is_refilled: Constant::new(width == 512),
            nothing: Constant::new(RxEvent::default()),
            no_sack: Constant::new(SackEvent::default()),
            no_address: Constant::new(AddressEvent::default()),
            kind_rx: Constant::new((queue::EventKind::Rx as u64).into()),
            kind_sack: Constant::new((queue::EventKind::Sack as u64).into()),
            kind_address: Constant::new((queue::EventKind::Address as u64).into()),
            verdict_drop: Constant::new((queue::Verdict::Drop as u64).into()),
            verdict_raw: Constant::new((queue::Verdict::Raw as u64).into()),
            reason_tcp_options: Constant::new((queue::DropReason::TcpOptions as u64).into()),
        }
    }
}

impl Logic for Decoder {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, judged_waiting, is_direct, fields, judged, valid);
        dff_setup!(self, clk, waiting_judged, waiting_valid, walks);
        dff_setup!(self, clk, flags_delay, parsed_delay, done_delay);
        self.parser.clk.next = self.clk.val();
        self.parser.rst.next = self.rst.val();
        self.flows.clk.next = self.clk.val();
        self.flows.rst.next = self.rst.val();
        self.listeners.clk.next = self.clk.val();
        self.listeners.rst.next = self.rst.val();
        self.walker.clk.next = self.clk.val();
        self.walker.rst.next = self.rst.val();
        self.fields_queue.clk.next = self.clk.val();
        self.fields_queue.rst.next = self.rst.val();
        self.judged_queue.clk.next = self.clk.val();
        self.judged_queue.rst.next = self.rst.val();

        // Queue the headers (the ingress sees to it that there is room), and parse them.
        self.fields_queue.push_valid.next = self.frame_valid.val();
        self.fields_queue.push_data.next.options = self.headers.val().options;
        self.fields_queue.push_data.next.tcp = self.headers.val().tcp;
        self.fields_queue.push_data.next.tos = bit_cast::<8, 160>(self.headers.val().ipv4 >> 144);
        self.fields_queue.push_data.next.protocol =
            bit_cast::<8, 160>(self.headers.val().ipv4 >> 80);
        self.fields_queue.push_data.next.src_ip =
            bit_cast::<32, 160>(self.headers.val().ipv4 >> 32);
        self.fields_queue.push_data.next.dst_ip = bit_cast::<32, 160>(self.headers.val().ipv4);
        self.fields_queue.push_data.next.src_mac = self.headers.val().src_mac;
        self.fields_queue.push_data.next.dst_mac = self.headers.val().dst_mac;
        self.fields_queue.push_data.next.vlan_tci = self.headers.val().vlan_tci;
        self.len_bytes.next = self.frame_end.val().last_byte + 1;
        if self.frame_end.val().last_byte.all() {
            self.len_bytes.next = self.frame_end.val().last_byte;
        }
        self.fields_queue.push_data.next.len_bytes = self.len_bytes.val();
        self.fields_queue.push_data.next.timestamp = self.frame_end.val().timestamp;
        self.parser.headers.next = self.headers.val();
        self.parser.frame_end.next = self.frame_end.val();
        self.parser.load.next = self.frame_valid.val();
        self.parser.mac.next = self.mac.val();
        self.parser.multicast.next = self.multicast.val();
        self.parser.local_ip.next = self.local_ip.val();

        // Both tables answer at the same time.
        self.flows.hash_key.next = self.hash_key.val();
        self.flows.lookup_key.next = self.lookup_key.val();
        self.flows.lookup_valid.next = self.lookup_valid.val();
        self.flows.lookup_near.next = self.lookup_near.val();
        self.listeners.lookup_port.next = self.flows.lookup_port.val();
        self.listeners.lookup_valid.next = self.flows.lookup_hashed.val();

        // Judge.
        self.ip_ok_now.next = self.ip_ok.val();
        self.tcp_ok_now.next = self.tcp_ok.val();
        for i in 0..self.ip_ok_delay.len() {
            self.ip_ok_delay[i].clock.next = self.clk.val();
            self.ip_ok_delay[i].d.next = self.ip_ok.val();
            self.ip_ok_now.next = self.ip_ok_delay[i].q.val();
            self.tcp_ok_delay[i].clock.next = self.clk.val();
            self.tcp_ok_delay[i].d.next = self.tcp_ok.val();
            self.tcp_ok_now.next = self.tcp_ok_delay[i].q.val();
        }
        self.flags_delay.d.next = self.parser.flags.val();
        self.parsed_delay.d.next = self.parser.parsed.val();
        self.done_delay.d.next = self.parser.done.val();
        self.flags.next = self.flags_delay.q.val();
        self.parsed.next = self.parsed_delay.q.val();
        self.judges.next = self.done_delay.q.val();
        self.judge.flags.next = self.flags.val();
        self.judge.ip_checksum_ok.next = self.ip_ok_now.val();
        self.judge.tcp_checksum_ok.next = self.tcp_ok_now.val();
        // Options come later.
        self.judge.bad_options.next = false;
        self.judge.has_payload.next = self.parsed.val().payload_len_bytes.any();
        self.judge.is_flow.next = self.flows.lookup_hit.val();
        self.judge.is_listening.next = self.listeners.is_listening.val();
        self.judge.rx_enable.next = self.rx_enable.val();
        self.judge.queue_runs.next = self.queue_runs.val();
        self.judge.promiscuous.next = self.promiscuous.val();
        self.new_judged.next.verdict = bit_cast::<3, 8>(self.judge.verdict.val());
        self.new_judged.next.drop_reason = bit_cast::<5, 8>(self.judge.drop_reason.val());
        self.new_judged.next.needs_slot = self.judge.needs_slot.val();
        self.new_judged.next.ip_checksum_ok = self.parsed.val().has_ipv4 & self.ip_ok_now.val();
        // When the frame ends before the segment does, the checksum cannot be verified.
        self.new_judged.next.tcp_checksum_ok =
            self.parsed.val().has_tcp & !self.flags.val().bad_ip_header & self.tcp_ok_now.val();
        self.new_judged.next.connection = self.flows.lookup_connection.val();
        self.new_judged.next.generation = self.flows.lookup_generation.val();
        self.new_judged.next.rss_hash = self.flows.lookup_hash.val();
        self.new_judged.next.has_vlan = self.parsed.val().has_vlan;
        self.new_judged.next.has_ipv4 = self.parsed.val().has_ipv4;
        self.new_judged.next.has_tcp = self.parsed.val().has_tcp;
        self.new_judged.next.payload_len_bytes = self.parsed.val().payload_len_bytes;
        self.new_judged.next.payload_at_bytes = self.parsed.val().payload_at_bytes;
        self.new_judged.next.options_len_bytes = self.parsed.val().options_len_bytes;
        self.new_judged.next.has_rare_options = self.parsed.val().has_rare_options;
        self.new_judged.next.has_mss = self.parsed.val().has_mss;
        self.new_judged.next.has_sack_permitted = self.parsed.val().has_sack_permitted;
        self.new_judged.next.window_scale_place = self.parsed.val().window_scale_place;
        self.new_judged.next.timestamps_place = self.parsed.val().timestamps_place;

        // RFC 9293 MUST-7. Only segments have options, and every other reason to drop one comes first.
        if self.walker.is_illegal.val()
            & (self.judged.q.val().verdict != self.verdict_drop.val())
            & (self.judged.q.val().verdict != self.verdict_raw.val())
        {
            self.judged.d.next.verdict = self.verdict_drop.val();
            self.judged.d.next.drop_reason = self.reason_tcp_options.val();
            self.judged.d.next.needs_slot = false;
        }
        self.decoded_valid.next = self.valid.q.val() & !self.walks.q.val() & self.walker.done.val();

        // Take the oldest frame. A judgement that finds none before it need not queue.
        self.old_judged.next = self.waiting_judged.q.val();
        if self.is_direct.q.val() {
            self.old_judged.next = self.new_judged.val();
        }
        self.is_open.next = !self.valid.q.val()
            | (self.is_refilled.val() & self.decoded_valid.val() & self.decoded_ready.val());
        self.load.next = self.fields_queue.pop_valid.val()
            & (self.waiting_valid.q.val() | (self.is_direct.q.val() & self.judges.val()))
            & self.is_open.val();
        self.judged_queue.push_data.next = self.new_judged.val();
        self.judged_queue.push_valid.next =
            self.judges.val() & !(self.is_direct.q.val() & self.load.val());
        self.pop_judged.next = self.load.val() & !self.is_direct.q.val();
        self.judged_queue.pop_ready.next = self.pop_judged.val() | !self.waiting_valid.q.val();
        if self.judged_queue.pop_ready.val() {
            self.waiting_judged.d.next = self.judged_queue.pop_data.val();
            self.waiting_valid.d.next = self.judged_queue.pop_valid.val();
        }
        if self.judged_queue.push_valid.val() & !self.pop_judged.val() {
            self.judged_waiting.d.next = self.judged_waiting.q.val() + 1;
            self.is_direct.d.next = false;
        }
        if self.pop_judged.val() & !self.judged_queue.push_valid.val() {
            self.judged_waiting.d.next = self.judged_waiting.q.val() - 1;
            self.is_direct.d.next = self.judged_waiting.q.val() == 1;
        }
        self.fields_queue.pop_ready.next = self.load.val();
        self.taken.next = self.load.val();
        self.walks.d.next = self.load.val() & self.old_judged.val().has_rare_options;
        self.walker.options.next = self.fields.q.val().options;
        self.walker.len_bytes.next = self.judged.q.val().options_len_bytes;
        self.walker.start.next = self.walks.q.val();
        self.walker.clear.next = self.is_open.val();
        if self.decoded_valid.val() & self.decoded_ready.val() {
            self.valid.d.next = false;
        }
        if self.load.val() {
            self.valid.d.next = true;
        }
        // Wide registers take what is there, be it a frame or not: so they wait for less.
        if self.is_open.val() {
            self.judged.d.next = self.old_judged.val();
            self.fields.d.next = self.fields_queue.pop_data.val();
            // What is not there is zero.
            if !self.old_judged.val().has_vlan {
                self.fields.d.next.vlan_tci = 0.into();
            }
            if !self.old_judged.val().has_ipv4 {
                self.fields.d.next.tos = 0.into();
                self.fields.d.next.protocol = 0.into();
                self.fields.d.next.src_ip = 0.into();
                self.fields.d.next.dst_ip = 0.into();
            }
            if !self.old_judged.val().has_tcp {
                self.fields.d.next.tcp = 0.into();
            }
        }

        // Values of usual options stand where they came in; of rare ones, in the walker, which has none else.
        self.options.next = self.walker.found.val();
        self.rest.next = self.fields.q.val().options;
        if self.judged.q.val().has_mss {
            self.options.next.has_mss = true;
            self.options.next.mss = self.rest.val().get_bits::<16>(288);
        }
        if self.judged.q.val().has_sack_permitted {
            self.options.next.has_sack_permitted = true;
        }
        if self.judged.q.val().window_scale_place == 1 {
            self.options.next.has_window_scale = true;
            self.options.next.window_scale = self.rest.val().get_bits::<8>(256);
        }
        if self.judged.q.val().window_scale_place == 2 {
            self.options.next.has_window_scale = true;
            self.options.next.window_scale = self.rest.val().get_bits::<8>(224);
        }
        if self.judged.q.val().window_scale_place == 3 {
            self.options.next.has_window_scale = true;
            self.options.next.window_scale = self.rest.val().get_bits::<8>(160);
        }
        if self.judged.q.val().timestamps_place == 1 {
            self.options.next.has_timestamps = true;
            self.options.next.timestamps = self.rest.val().get_bits::<64>(224);
        }
        if self.judged.q.val().timestamps_place == 2 {
            self.options.next.has_timestamps = true;
            self.options.next.timestamps = self.rest.val().get_bits::<64>(192);
        }
        if self.judged.q.val().timestamps_place == 3 {
            self.options.next.has_timestamps = true;
            self.options.next.timestamps = self.rest.val().get_bits::<64>(160);
        }

        self.tcp.next = self.fields.q.val().tcp.into();
        self.timestamps.next = self.options.val().timestamps;
        self.rx_event.next = self.nothing.val();
        self.rx_event.next.kind = self.kind_rx.val();
        self.rx_event.next.timestamp = self.fields.q.val().timestamp;
        self.rx_event.next.frame_len_bytes = self.fields.q.val().len_bytes;
        self.rx_event.next.has_vlan = self.judged.q.val().has_vlan;
        self.rx_event.next.vlan_tci = self.fields.q.val().vlan_tci;
        self.rx_event.next.is_ipv4 = self.judged.q.val().has_ipv4;
        self.rx_event.next.ip_checksum_ok = self.judged.q.val().ip_checksum_ok;
        self.rx_event.next.ip_proto = self.fields.q.val().protocol;
        self.rx_event.next.tos = self.fields.q.val().tos;
        self.rx_event.next.is_tcp = self.judged.q.val().has_tcp;
        self.rx_event.next.tcp_checksum_ok = self.judged.q.val().tcp_checksum_ok;
        if self.judged.q.val().has_tcp {
            self.rx_event.next.rss_hash = self.judged.q.val().rss_hash;
        }
        self.rx_event.next.seq = self.tcp.val().seq;
        self.rx_event.next.ack = self.tcp.val().ack;
        self.rx_event.next.tcp_flags = (bit_cast::<12, 3>(self.tcp.val().reserved) << 9)
            | bit_cast::<12, 9>(self.tcp.val().tcp_flags);
        self.rx_event.next.window = self.tcp.val().window;
        self.rx_event.next.urgent = self.tcp.val().urgent;
        self.rx_event.next.payload_len_bytes =
            bit_cast::<24, 16>(self.judged.q.val().payload_len_bytes);
        self.rx_event.next.bad_options = self.options.val().bad_options;
        self.rx_event.next.has_mss = self.options.val().has_mss;
        self.rx_event.next.mss = self.options.val().mss;
        self.rx_event.next.has_window_scale = self.options.val().has_window_scale;
        self.rx_event.next.window_scale = self.options.val().window_scale;
        self.rx_event.next.has_sack_permitted = self.options.val().has_sack_permitted;
        self.rx_event.next.has_timestamps = self.options.val().has_timestamps;
        self.rx_event.next.ts_val = self.timestamps.val().get_bits::<32>(32);
        self.rx_event.next.ts_ecr = self.timestamps.val().get_bits::<32>(0);
        self.rx_event.next.sack_count = self.options.val().sack_count;
        self.address.next = self.no_address.val();
        self.address.next.kind = self.kind_address.val();
        self.address.next.src_ip = self.fields.q.val().src_ip;
        self.address.next.dst_ip = self.fields.q.val().dst_ip;
        self.address.next.src_port = self.tcp.val().src_port;
        self.address.next.dst_port = self.tcp.val().dst_port;
        self.address.next.src_mac = self.fields.q.val().src_mac;
        self.address.next.dst_mac = self.fields.q.val().dst_mac;
        self.edges.next = self.options.val().sack_edges;
        self.sack.next = self.no_sack.val();
        self.sack.next.kind = self.kind_sack.val();
        self.sack.next.sack0_left = self.edges.val().get_bits::<32>(224);
        self.sack.next.sack0_right = self.edges.val().get_bits::<32>(192);
        self.sack.next.sack1_left = self.edges.val().get_bits::<32>(160);
        self.sack.next.sack1_right = self.edges.val().get_bits::<32>(128);
        self.sack.next.sack2_left = self.edges.val().get_bits::<32>(96);
        self.sack.next.sack2_right = self.edges.val().get_bits::<32>(64);
        self.sack.next.sack3_left = self.edges.val().get_bits::<32>(32);
        self.sack.next.sack3_right = self.edges.val().get_bits::<32>(0);
        self.payload_at_bytes.next = bit_cast::<16, 8>(self.judged.q.val().payload_at_bytes);
        self.connection.next = self.judged.q.val().connection;
        self.generation.next = self.judged.q.val().generation;
        self.verdict.next = bit_cast::<8, 3>(self.judged.q.val().verdict);
        self.drop_reason.next = bit_cast::<8, 5>(self.judged.q.val().drop_reason);
        self.needs_slot.next = self.judged.q.val().needs_slot;
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
        // A frame between parser and registers is one that waits: the ingress counts those.
        self.busy.next = self.valid.q.val()
            | self.parser.busy.val()
            | self.flows.busy.val()
            | self.listeners.busy.val();

        if self.rst.val() {
            self.judged_waiting.d.next = 0.into();
            self.is_direct.d.next = true;
            self.done_delay.d.next = false;
            self.waiting_valid.d.next = false;
            self.valid.d.next = false;
            self.walks.d.next = false;
        }
    }
}
