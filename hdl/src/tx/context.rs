//! What the NIC knows of each connection it sends on: the addresses that a FlowCommand taught it.
//!
//! ```text
//!  write (FlowInsert) ──┐
//!  forget (FlowRemove) ─┼─> ┌────────────────────┐
//!  clear (after reset) ─┘   │ RAM of CONNECTIONS │──> read_context, is_known
//!  read_connection ───────> └────────────────────┘
//! ```
//!
//! Latency: 1 cycle from `read_connection` to `read_context` and `is_known`. Throughput: one read and one write a cycle; a read of the
//! connection that is being written gives the old context. One clock; after reset the table forgets one connection a cycle, and then raises `ready`: nothing
//! may be written before.
// rust-hdl's derive writes public methods without documentation; every field here has its own.
#![allow(missing_docs)]

use handclasp_layout::register::CONNECTIONS_LOG2;
use handclasp_verilog::Ram;
use rust_hdl::prelude::*;

/// Width of an index into the contexts; a command's connection id has more bits, which the executor checks.
pub const CONNECTION_BITS: usize = CONNECTIONS_LOG2;

/// What stands in the headers of every segment of one connection; the fields are [`FlowCommand`](crate::fields::FlowCommand)'s.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
pub struct ConnectionContext {
    /// Peer's IPv4 address.
    pub remote_ip: Bits<32>,
    /// Own IPv4 address.
    pub local_ip: Bits<32>,
    /// Peer's port.
    pub remote_port: Bits<16>,
    /// Own port.
    pub local_port: Bits<16>,
    /// MAC address of the next hop.
    pub remote_mac: Bits<48>,
    /// Time to live.
    pub ttl: Bits<8>,
    /// DSCP and ECN.
    pub tos: Bits<8>,
    /// Frames carry an 802.1Q tag.
    pub has_vlan: Bit,
    /// Tag control information.
    pub vlan_tci: Bits<16>,
}

/// The table of connection contexts.
#[derive(LogicBlock)]
pub struct Context {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Connection to read.
    pub read_connection: Signal<In, Bits<CONNECTION_BITS>>,
    /// Its context, one cycle later.
    pub read_context: Signal<Out, ConnectionContext>,
    /// It has been written and not been forgotten since; goes with `read_context`.
    pub is_known: Signal<Out, Bit>,
    /// Connection to write or to forget.
    pub write_connection: Signal<In, Bits<CONNECTION_BITS>>,
    /// What to write.
    pub write_context: Signal<In, ConnectionContext>,
    /// Write at this clock edge.
    pub write: Signal<In, Bit>,
    /// Forget at this clock edge.
    pub forget: Signal<In, Bit>,
    /// All connections have been forgotten after the reset.
    pub ready: Signal<Out, Bit>,
    contexts: Ram<ConnectionContext, CONNECTION_BITS>,
    known: Ram<Bit, CONNECTION_BITS>,
    cleared: DFF<Bit>,
    clear_connection: DFF<Bits<CONNECTION_BITS>>,
    last_connection: Constant<Bits<CONNECTION_BITS>>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            read_connection: Default::default(),
            read_context: Default::default(),
            is_known: Default::default(),
            write_connection: Default::default(),
            write_context: Default::default(),
            write: Default::default(),
            forget: Default::default(),
            ready: Default::default(),
            contexts: Default::default(),
            known: Default::default(),
            cleared: Default::default(),
            clear_connection: Default::default(),
            last_connection: Constant::new(Bits::mask()),
        }
    }
}

impl Logic for Context {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, cleared, clear_connection);
        self.contexts.clock.next = self.clk.val();
        self.known.clock.next = self.clk.val();

        self.contexts.read_address.next = self.read_connection.val();
        self.read_context.next = self.contexts.read_data.val();
        self.known.read_address.next = self.read_connection.val();
        self.is_known.next = self.known.read_data.val();

        self.contexts.write_address.next = self.write_connection.val();
        self.contexts.write_data.next = self.write_context.val();
        self.contexts.write_enable.next = self.write.val();
        self.known.write_address.next = self.write_connection.val();
        self.known.write_data.next = self.write.val();
        self.known.write_enable.next = self.write.val() | self.forget.val();

        // After power-up the RAM may hold any values.
        if !self.cleared.q.val() {
            self.known.write_address.next = self.clear_connection.q.val();
            self.known.write_data.next = false;
            self.known.write_enable.next = true;
            self.clear_connection.d.next = self.clear_connection.q.val() + 1;
            self.cleared.d.next = self.clear_connection.q.val() == self.last_connection.val();
        }
        self.ready.next = self.cleared.q.val();

        if self.rst.val() {
            self.cleared.d.next = false;
            self.clear_connection.d.next = 0.into();
        }
    }
}
