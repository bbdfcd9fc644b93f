//! Takes commands strictly in order, checks them, carries them out or hands them on as jobs.
//!
//! ```text
//!               ┌──────────┐  request (payload read)
//!  command ────>│          ├────────────────────────> dma reader
//!               │ executor ├──> flow table, listener table (and their answers)
//!  context <───>│          ├──> job ──> header builder
//!               └──────────┘
//! ```
//!
//! A command that cannot be carried out becomes a job with status BadCommand and no frame; nothing else of it is done.
//!
//! Latency: 1 cycle from the command's acceptance to `job_valid` for a segment without payload; with payload the job follows the cycle
//! in which the read was accepted. Throughput: a command without payload every 2 cycles. One clock; reset drops the command under way.
//! Errors: BadCommand for an unknown opcode, a connection id out of range or (Segment) never inserted, more than 40 bytes of options,
//! and lengths that the frame cannot hold. Counter pulse: `count_bad_command`.

use crate::fields::{FlowCommand, ListenCommand, SegmentCommand};
use crate::tx::command_check::CommandCheck;
use crate::tx::context::{ConnectionContext, CONNECTION_BITS};
use crate::tx::job::Job;
use handclasp_layout::queue::Status;
use rust_hdl::prelude::*;

/// What the executor is doing.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum ExecutorState {
    /// Waits for a command.
    Idle,
    /// The command is in its register, its connection's context has been read.
    Execute,
    /// Waits for the flow table to take the command.
    Flow,
    /// Waits for the flow table's answer.
    FlowAnswer,
    /// Waits for the listener table to take the command.
    Listen,
    /// Waits for the listener table's answer.
    ListenAnswer,
    /// Hands the job on.
    Hand,
}

/// The command executor.
#[derive(LogicBlock)]
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
    /// What to record for `context_connection`.
    pub new_context: Signal<Out, ConnectionContext>,
    /// Record it at this clock edge.
    pub context_write: Signal<Out, Bit>,
    /// Forget `context_connection` at this clock edge.
    pub context_forget: Signal<Out, Bit>,
    /// The command as a job.
    pub job: Signal<Out, Job>,
    /// There is a job.
    pub job_valid: Signal<Out, Bit>,
    /// The job is taken at this clock edge.
    pub job_ready: Signal<In, Bit>,
    /// A command was refused.
    pub count_bad_command: Signal<Out, Bit>,
    /// A command is being carried out.
    pub busy: Signal<Out, Bit>,
    state: DFF<ExecutorState>,
    held: DFF<Bits<512>>,
    held_index: DFF<Bits<32>>,
    status: DFF<Bits<8>>,
    is_frame: DFF<Bit>,
    check: CommandCheck,
    arriving: Signal<Local, FlowCommand>,
    segment: Signal<Local, SegmentCommand>,
    flow: Signal<Local, FlowCommand>,
    listen: Signal<Local, ListenCommand>,
    has_payload: Signal<Local, Bit>,
    status_ok: Constant<Bits<8>>,
    status_bad_command: Constant<Bits<8>>,
}

impl Default for Executor {
    fn default() -> Self {
        let status = |status: Status| Constant::new(bits(status as u64));
        Self {
            clk: Default::default(),
            rst: Default::default(),
            command: Default::default(),
            command_index: Default::default(),
            command_valid: Default::default(),
            command_ready: Default::default(),
            request_addr: Default::default(),
            request_len_bytes: Default::default(),
            request_valid: Default::default(),
            request_ready: Default::default(),
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
            context_connection: Default::default(),
            read_context: Default::default(),
            context_is_known: Default::default(),
            new_context: Default::default(),
            context_write: Default::default(),
            context_forget: Default::default(),
            job: Default::default(),
            job_valid: Default::default(),
            job_ready: Default::default(),
            count_bad_command: Default::default(),
            busy: Default::default(),
            state: Default::default(),
            held: Default::default(),
            held_index: Default::default(),
            status: Default::default(),
            is_frame: Default::default(),
            check: Default::default(),
            arriving: Default::default(),
            segment: Default::default(),
            flow: Default::default(),
            listen: Default::default(),
            has_payload: Default::default(),
            status_ok: status(Status::Ok),
            status_bad_command: status(Status::BadCommand),
        }
    }
}

impl Logic for Executor {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, state, held, held_index, status, is_frame);

        self.arriving.next = self.command.val().into();
        // The held command, read as each of its three kinds; only that of its opcode means something.
        self.segment.next = self.held.q.val().into();
        self.flow.next = self.held.q.val().into();
        self.listen.next = self.held.q.val().into();
        self.check.command.next = self.held.q.val();
        self.check.context_is_known.next = self.context_is_known.val();
        self.flow_remove.next = self.check.is_remove.val();
        self.listen_remove.next = self.check.is_remove.val();
        self.has_payload.next = self.segment.val().payload_len_bytes.any();

        self.request_addr.next = self.segment.val().payload_addr;
        self.request_len_bytes.next = bit_cast::<16, 24>(self.segment.val().payload_len_bytes);
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
        self.context_connection.next = bit_cast::<CONNECTION_BITS, 16>(self.flow.val().connection);

        self.job.next.command = self.segment.val();
        self.job.next.command_index = self.held_index.q.val();
        self.job.next.context = self.read_context.val();
        self.job.next.option_words = self.check.option_words.val();
        self.job.next.is_frame = self.is_frame.q.val();
        self.job.next.status = self.status.q.val();

        self.command_ready.next = false;
        self.request_valid.next = false;
        self.context_write.next = false;
        self.context_forget.next = false;
        self.flow_valid.next = false;
        self.listen_valid.next = false;
        self.job_valid.next = false;
        self.count_bad_command.next = false;
        self.busy.next = true;

        match self.state.q.val() {
            // Read the context while the command goes into its register.
            ExecutorState::Idle => {
                self.busy.next = false;
                self.command_ready.next = true;
                self.held.d.next = self.command.val();
                self.held_index.d.next = self.command_index.val();
                self.context_connection.next =
                    bit_cast::<CONNECTION_BITS, 16>(self.arriving.val().connection);
                self.status.d.next = self.status_ok.val();
                self.is_frame.d.next = false;
                if self.command_valid.val() {
                    self.state.d.next = ExecutorState::Execute;
                }
            }
            ExecutorState::Execute => {
                if self.check.is_bad.val() {
                    self.count_bad_command.next = true;
                    self.status.d.next = self.status_bad_command.val();
                    self.state.d.next = ExecutorState::Hand;
                } else if self.check.is_segment.val() | self.check.is_raw.val() {
                    self.is_frame.d.next = true;
                    if self.has_payload.val() {
                        // Ask for the payload before the job is handed on, so that the payload of every job is on its way.
                        self.request_valid.next = true;
                        if self.request_ready.val() {
                            self.state.d.next = ExecutorState::Hand;
                        }
                    } else {
                        self.job.next.is_frame = true;
                        self.job_valid.next = true;
                        if self.job_ready.val() {
                            self.state.d.next = ExecutorState::Idle;
                        }
                    }
                } else if self.check.is_flow.val() {
                    // The context is written whether the flow finds a place in the flow table or not: either way it can send.
                    self.context_write.next = !self.flow_remove.val();
                    self.context_forget.next = self.flow_remove.val();
                    self.state.d.next = ExecutorState::Hand;
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
                    self.state.d.next = ExecutorState::Hand;
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
                    self.state.d.next = ExecutorState::Hand;
                }
            }
            ExecutorState::Hand => {
                self.job_valid.next = true;
                if self.job_ready.val() {
                    self.state.d.next = ExecutorState::Idle;
                }
            }
        }

        if self.rst.val() {
            self.state.d.next = ExecutorState::Idle;
        }
    }
}
