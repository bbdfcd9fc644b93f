//! Takes commands strictly in order, checks them, carries them out or hands them on as jobs, with the sums of their headers.
//!
//! ```text
//!               ┌─────────────────┐          ┌─────────────────┐   request (payload read)
//!  command ────>│ held: checked,  ├─advance─>│ checked: becomes├─────────────────────────> dma reader
//!  context <───>│ tables changed  │          │ a job, summed   ├─> job, then its sums ───> job queue
//!               └──┬──────────────┘          └─────────────────┘
//!                  └──> flow table, listener table (and their answers)
//! ```
//!
//! A command that cannot be carried out becomes a job with status BadCommand and no frame; nothing else of it is done.
//!
//! Latency: 2 cycles from the command's acceptance to `job_push`, 4 to its sums; one more for each of a SYN's MSS, window scale and SACK
//! permitted. Throughput: one segment or Raw frame a cycle, but for those SYNs; commands for the tables go through an FSM. One clock; reset drops the commands under way, and none is taken until the contexts have been cleared.
//! Errors: BadCommand for an unknown opcode, a connection id out of range or (Segment) never inserted, more than 40 bytes of options,
//! and lengths that the frame cannot hold. Counter pulse: `count_bad_command`.

use crate::fields::{FlowCommand, ListenCommand, SegmentCommand};
use crate::stream::Skid;
use crate::tx::checksum::Checksum;
use crate::tx::command_check::CommandCheck;
use crate::tx::context::{ConnectionContext, CONNECTION_BITS};
use crate::tx::job::{Done, Job};
use crate::tx::options::Options;
use handclasp_layout::header::{EthernetHeader, Ipv4Header, VlanTag, FRAME_MIN_BYTES};
use handclasp_layout::queue::Status;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// What the executor is doing with the held command.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum ExecutorState {
    /// Frames, and what is refused, go straight through.
    Run,
    /// A command for the tables: refused, or begun.
    Table,
    /// Waits for the flow table to take the command.
    Flow,
    /// Waits for the flow table's answer.
    FlowAnswer,
    /// Waits for the listener table to take the command.
    Listen,
    /// Waits for the listener table's answer.
    ListenAnswer,
    /// It is done, and goes on.
    Done,
}

/// A command that has been checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
struct Checked {
    seq: Bits<32>,
    ack: Bits<32>,
    tcp_flags: Bits<9>,
    window: Bits<16>,
    tcp_words: Bits<4>,
    total_len_bytes: Bits<12>,
    payload_len_bytes: Bits<11>,
    has_payload: Bit,
    has_payload_sum: Bit,
    /// It is a frame, and its payload has to be asked for.
    asks: Bit,
    is_frame: Bit,
    is_segment: Bit,
    want_completion: Bit,
}

/// A payload to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
struct PayloadRequest {
    addr: Bits<64>,
    len_bytes: Bits<11>,
}

/// The command executor.
#[block]
pub struct Executor {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// A command, as it lies in the ring.
    pub command: Signal<In, Bits<512>>,
    /// Its free-running index.
    pub command_index: Signal<In, Bits<32>>,
    /// There is a command.
    pub command_valid: Signal<In, Bit>,
    /// The command is taken at this clock edge.
    pub command_ready: Signal<Out, Bit>,
    /// I/O address of a payload to read.
    pub request_addr: Signal<Out, Bits<64>>,
    /// Its length.
    pub request_len_bytes: Signal<Out, Bits<16>>,
    /// There is a payload to read.
    pub request_valid: Signal<Out, Bit>,
    /// The request is taken at this clock edge.
    pub request_ready: Signal<In, Bit>,
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
    /// The flow table has done it (one cycle).
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
    /// The listener table has done it (one cycle).
    pub listen_done: Signal<In, Bit>,
    /// Connection whose context is needed in the next cycle.
    pub context_connection: Signal<Out, Bits<CONNECTION_BITS>>,
    /// The context asked for in the last cycle.
    pub read_context: Signal<In, ConnectionContext>,
    /// It was inserted, and not removed.
    pub context_is_known: Signal<In, Bit>,
    /// The contexts have been cleared after the reset.
    pub context_ready: Signal<In, Bit>,
    /// What to record for the connection that was read last.
    pub new_context: Signal<Out, ConnectionContext>,
    /// Record it at this clock edge.
    pub context_write: Signal<Out, Bit>,
    /// Forget the connection that was read last at this clock edge.
    pub context_forget: Signal<Out, Bit>,
    /// The command as a job.
    pub job: Signal<Out, Job>,
    /// There is a job, and it is taken.
    pub job_push: Signal<Out, Bit>,
    /// A job, and one more, finds room.
    pub job_room: Signal<In, Bit>,
    /// Sum of a job's IPv4 header.
    pub sum_ip: Signal<Out, Bits<16>>,
    /// Sum of its TCP segment.
    pub sum_tcp: Signal<Out, Bits<16>>,
    /// They are there, 2 cycles after `job_push`.
    pub sum_push: Signal<Out, Bit>,
    /// A command was refused.
    pub count_bad_command: Signal<Out, Bit>,
    /// A command is being carried out.
    pub busy: Signal<Out, Bit>,
    state: DFF<ExecutorState>,
    held: DFF<Bits<512>>,
    held_index: DFF<Bits<32>>,
    held_valid: DFF<Bit>,
    status: DFF<Bits<8>>,
    checked: DFF<Checked>,
    held_context: DFF<ConnectionContext>,
    done: DFF<Done>,
    checked_valid: DFF<Bit>,
    /// Whether there is room for a request is a register's to say, and not the reader's.
    requests: Skid<PayloadRequest>,
    /// A counter of this NIC's segments (RFC 6864 4.1 would allow any value with DF set).
    identification: DFF<Bits<16>>,
    check: CommandCheck,
    options: Options,
    checksum: Checksum,
    arriving: Signal<Local, FlowCommand>,
    segment: Signal<Local, SegmentCommand>,
    flow: Signal<Local, FlowCommand>,
    listen: Signal<Local, ListenCommand>,
    /// The held command goes on into `checked`.
    advance: Signal<Local, Bit>,
    /// The checked command becomes a job.
    enter: Signal<Local, Bit>,
    asks: Signal<Local, Bit>,
    /// How the held command has ended so far.
    ended: Signal<Local, Bits<8>>,
    payload_last_byte: Signal<Local, Bits<11>>,
    header_words: Signal<Local, Bits<5>>,
    /// What is added to the packet's length for the place of the frame's last byte.
    last_place: Signal<Local, Bits<12>>,
    /// Frames below this length are padded, less what stands before the packet.
    shortest: Signal<Local, Bits<6>>,
    last_byte: Signal<Local, Bits<12>>,
    arriving_segment: Signal<Local, SegmentCommand>,
}

#[kernel]
impl Logic for Executor {
    fn update(&mut self) {
        let status_ok: Bits<8> = Status::Ok;
        let status_bad_command: Bits<8> = Status::BadCommand;
        let untagged_last_place: Bits<12> = EthernetHeader::SIZE_BYTES as u64 - 1;
        let tagged_last_place: Bits<12> =
            EthernetHeader::SIZE_BYTES as u64 + VlanTag::SIZE_BYTES as u64 - 1;
        let raw_last_place: Bits<12> = 0xfff;
        let untagged_shortest: Bits<6> = FRAME_MIN_BYTES as u64 - EthernetHeader::SIZE_BYTES as u64;
        let tagged_shortest: Bits<6> =
            FRAME_MIN_BYTES as u64 - EthernetHeader::SIZE_BYTES as u64 - VlanTag::SIZE_BYTES as u64;
        let raw_shortest: Bits<6> = FRAME_MIN_BYTES;
        let frame_min_last_byte: Bits<11> = FRAME_MIN_BYTES as u64 - 1;
        // Ethernet and IPv4 headers: eight words and a half.
        let before_tcp_words: Bits<5> =
            (EthernetHeader::SIZE_BYTES as u64 + Ipv4Header::SIZE_BYTES as u64) / 4;

        // The checked command becomes a job when its payload can be asked for, so that the payload of every job is on its way.
        self.enter.next = self.checked_valid.q.val()
            & self.job_room.val()
            & self.options.is_laid_out.val()
            & (!self.checked.q.val().asks | self.requests.s_ready.val());
        self.advance.next = false;

        self.arriving.next = self.command.val().into();
        // The held command, read as each of its three kinds; only that of its opcode means something.
        self.segment.next = self.held.q.val().into();
        self.flow.next = self.held.q.val().into();
        self.listen.next = self.held.q.val().into();
        self.arriving_segment.next = self.command.val().into();
        self.check.command.next = self.command.val();
        self.check.context_is_known.next = self.context_is_known.val();
        wire!(check -> self: is_remove as flow_remove, is_remove as listen_remove);
        self.flow_key.next = (bit_cast::<96, 32>(self.flow.val().remote_ip) << 64)
            | (bit_cast::<96, 32>(self.flow.val().local_ip) << 32)
            | (bit_cast::<96, 16>(self.flow.val().remote_port) << 16)
            | bit_cast::<96, 16>(self.flow.val().local_port);
        self.flow_connection.next = self.flow.val().connection;
        self.flow_generation.next = self.flow.val().generation;
        self.listen_port.next = self.listen.val().port;
        self.new_context.next.remote_ip = self.flow.val().remote_ip;
        self.new_context.next.local_ip = self.flow.val().local_ip;
        self.new_context.next.remote_port = self.flow.val().remote_port;
        self.new_context.next.local_port = self.flow.val().local_port;
        self.new_context.next.remote_mac = self.flow.val().remote_mac;
        self.new_context.next.ttl = self.flow.val().ttl;
        self.new_context.next.tos = self.flow.val().tos;
        self.new_context.next.has_vlan = self.flow.val().has_vlan;
        self.new_context.next.vlan_tci = self.flow.val().vlan_tci;

        self.context_write.next = false;
        self.context_forget.next = false;
        self.flow_valid.next = false;
        self.listen_valid.next = false;
        self.ended.next = status_ok;

        match self.state.q.val() {
            ExecutorState::Run => {
                self.status.d.next = status_ok;
                if self.check.is_bad.val() {
                    self.ended.next = status_bad_command;
                }
                self.advance.next =
                    self.held_valid.q.val() & (!self.checked_valid.q.val() | self.enter.val());
            }
            ExecutorState::Table => {
                if self.check.is_bad_for_tables.val() {
                    self.status.d.next = status_bad_command;
                    self.state.d.next = ExecutorState::Done;
                } else if self.check.is_flow.val() {
                    // The context is written whether the flow finds a place in the flow table or not: either way it can send.
                    self.context_write.next = !self.flow_remove.val();
                    self.context_forget.next = self.flow_remove.val();
                    self.state.d.next = ExecutorState::Done;
                    if self.flow.val().lookup {
                        self.state.d.next = ExecutorState::Flow;
                    }
                } else {
                    self.state.d.next = ExecutorState::Listen;
                }
            }
            ExecutorState::Flow => {
                self.flow_valid.next = true;
                if self.flow_ready.val() {
                    self.state.d.next = ExecutorState::FlowAnswer;
                }
            }
            // TableFull and NotFound go into the completion.
            ExecutorState::FlowAnswer => {
                self.status.d.next = self.flow_status.val();
                if self.flow_done.val() {
                    self.state.d.next = ExecutorState::Done;
                }
            }
            ExecutorState::Listen => {
                self.listen_valid.next = true;
                if self.listen_ready.val() {
                    self.state.d.next = ExecutorState::ListenAnswer;
                }
            }
            ExecutorState::ListenAnswer => {
                if self.listen_done.val() {
                    self.state.d.next = ExecutorState::Done;
                }
            }
            ExecutorState::Done => {
                self.ended.next = self.status.q.val();
                self.advance.next = !self.checked_valid.q.val() | self.enter.val();
            }
        }

        // In: read the context while the command goes into its register.
        self.command_ready.next =
            (!self.held_valid.q.val() | self.advance.val()) & self.context_ready.val();
        self.context_connection.next = bit_cast::<CONNECTION_BITS, 16>(self.flow.val().connection);
        if self.command_ready.val() {
            self.held_valid.d.next = self.command_valid.val();
            self.context_connection.next =
                bit_cast::<CONNECTION_BITS, 16>(self.arriving.val().connection);
        }
        // Whether there is one or not: fewer signals decide about so many bits.
        if self.command_ready.val() {
            self.held.d.next = self.command.val();
            self.held_index.d.next = self.command_index.val();
            self.state.d.next = ExecutorState::Run;
            if self.command_valid.val() & self.check.is_for_tables.val() {
                self.state.d.next = ExecutorState::Table;
            }
        }
        self.check.take.next = self.command_ready.val();

        // From `held` to `checked`.
        if self.enter.val() {
            self.checked_valid.d.next = false;
        }
        self.options.take.next = self.command_ready.val();
        wire!(self -> options: arriving_segment as arriving, segment as command, advance);
        wire!(self -> checksum: segment as command, advance);
        if self.advance.val() {
            self.checked_valid.d.next = true;
            self.held_context.d.next = self.read_context.val();
            self.checked.d.next.seq = self.segment.val().seq;
            self.checked.d.next.ack = self.segment.val().ack;
            self.checked.d.next.tcp_flags = self.segment.val().tcp_flags;
            self.checked.d.next.window = self.segment.val().window;
            self.checked.d.next.tcp_words = self.check.tcp_words.val();
            self.checked.d.next.total_len_bytes = self.check.total_len_bytes.val();
            self.checked.d.next.payload_len_bytes =
                self.segment.val().payload_len_bytes.get_bits::<11>(0);
            self.checked.d.next.has_payload = self.check.has_payload.val();
            // A Raw frame needs none.
            self.checked.d.next.has_payload_sum =
                self.segment.val().has_payload_sum | self.check.is_raw.val();
            self.checked.d.next.is_frame =
                !self.check.is_bad.val() & (self.check.is_segment.val() | self.check.is_raw.val());
            self.checked.d.next.asks = !self.check.is_bad.val() & self.check.has_payload.val();
            self.checked.d.next.is_segment = self.check.is_segment.val();
            self.checked.d.next.want_completion = self.segment.val().want_completion;
            self.done.d.next.opcode = self.segment.val().opcode;
            self.done.d.next.connection = self.segment.val().connection;
            self.done.d.next.command_index = self.held_index.q.val();
            self.done.d.next.payload_addr = self.segment.val().payload_addr;
            self.done.d.next.status = self.ended.val();
        }

        // From `checked` to the job, and to the payload's read.
        self.asks.next = self.enter.val() & self.checked.q.val().asks;
        self.requests.s_data.next.addr = self.done.q.val().payload_addr;
        self.requests.s_data.next.len_bytes = self.checked.q.val().payload_len_bytes;
        self.requests.s_valid.next = self.asks.val();
        self.request_addr.next = self.requests.m_data.val().addr;
        self.request_len_bytes.next = bit_cast::<16, 11>(self.requests.m_data.val().len_bytes);
        wire!(requests -> self: m_valid as request_valid);
        wire!(self -> requests: request_ready as m_ready);
        self.job.next.context = self.held_context.q.val();
        self.job.next.seq = self.checked.q.val().seq;
        self.job.next.ack = self.checked.q.val().ack;
        self.job.next.tcp_flags = self.checked.q.val().tcp_flags;
        self.job.next.window = self.checked.q.val().window;
        self.job.next.tcp_words = self.checked.q.val().tcp_words;
        self.job.next.options = self.options.bytes.val();
        self.job.next.total_len_bytes = bit_cast::<16, 12>(self.checked.q.val().total_len_bytes);
        self.job.next.identification = self.identification.q.val();
        self.job.next.is_frame = self.checked.q.val().is_frame;
        self.job.next.is_segment = self.checked.q.val().is_segment;
        self.job.next.has_payload = self.checked.q.val().has_payload;
        self.job.next.has_payload_sum = self.checked.q.val().has_payload_sum;
        self.job.next.has_completion =
            self.checked.q.val().want_completion | (self.done.q.val().status != status_ok);
        self.job.next.done = self.done.q.val();
        self.payload_last_byte.next = self.checked.q.val().payload_len_bytes - 1;
        self.job.next.payload_last_byte = self.payload_last_byte.val();
        // Length and last byte of the frame; whether it is short is decided beside the sum.
        self.header_words.next =
            before_tcp_words + bit_cast::<5, 4>(self.checked.q.val().tcp_words);
        self.last_place.next = untagged_last_place;
        self.shortest.next = untagged_shortest;
        if self.held_context.q.val().has_vlan {
            self.header_words.next =
                before_tcp_words + 1 + bit_cast::<5, 4>(self.checked.q.val().tcp_words);
            self.last_place.next = tagged_last_place;
            self.shortest.next = tagged_shortest;
        }
        self.job.next.header_len_bytes = (bit_cast::<7, 5>(self.header_words.val()) << 2) | 2;
        if !self.checked.q.val().is_segment {
            self.job.next.header_len_bytes = 0.into();
            self.last_place.next = raw_last_place;
            self.shortest.next = raw_shortest;
        }
        self.last_byte.next = self.checked.q.val().total_len_bytes + self.last_place.val();
        self.job.next.frame_last_byte = bit_cast::<11, 12>(self.last_byte.val());
        // Short frames are padded (IEEE 802.3 4.2.3.3).
        if !self.checked.q.val().total_len_bytes.get_bits::<6>(6).any()
            & (self.checked.q.val().total_len_bytes.get_bits::<6>(0) < self.shortest.val())
        {
            self.job.next.frame_last_byte = frame_min_last_byte;
        }
        self.job_push.next = self.enter.val();
        if self.enter.val() & self.checked.q.val().is_frame & self.checked.q.val().is_segment {
            self.identification.d.next = self.identification.q.val() + 1;
        }
        self.checksum.connection.next = self.held_context.q.val();
        self.checksum.tcp_words.next = self.check.tcp_words.val();
        self.checksum.has_payload.next = self.check.has_payload.val();
        self.checksum.total_len_bytes.next =
            bit_cast::<16, 12>(self.checked.q.val().total_len_bytes);
        self.checksum.identification.next = self.identification.q.val();
        self.checksum.enter.next = self.enter.val();
        wire!(checksum -> self: sum_ip, sum_tcp, sum_valid as sum_push);
        self.count_bad_command.next =
            self.enter.val() & (self.done.q.val().status == status_bad_command);
        self.busy.next = self.held_valid.q.val()
            | self.checked_valid.q.val()
            | self.requests.m_valid.val()
            | !self.context_ready.val();

        if self.rst.val() {
            self.state.d.next = ExecutorState::Run;
            self.held_valid.d.next = false;
            self.checked_valid.d.next = false;
            self.identification.d.next = 0.into();
        }
    }
}
