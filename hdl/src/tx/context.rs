//! What the NIC knows of each connection it sends on: the addresses that a FlowCommand taught it.
//!
//! ```text
//!  write (FlowInsert) ──> ┌────────────────────┐
//!                         │ RAM of CONNECTIONS │──> read_context
//!  read_connection ─────> │                    │
//!                         ├────────────────────┤
//!  forget (FlowRemove) ─> │ known, a bit each  │──> is_known
//!                         └────────────────────┘
//! ```
//!
//! Latency: 1 cycle from `read_connection` to `read_context` and `is_known`. Throughput: one read and one write a cycle; a read of the
//! connection that is being written gives the old context. One clock; reset forgets every connection by its `known` bit, hence the RAM
//! needs no clearing: a context that was never written is never used.
// rust-hdl's derive writes public methods without documentation; every field here has its own.
#![allow(missing_docs)]

use handclasp_layout::register::CONNECTIONS;
use handclasp_verilog::Ram;
use rust_hdl::prelude::*;

/// Width of an index into the contexts; a command's connection id has more bits, which the executor checks.
pub const CONNECTION_BITS: usize = 8;
const _: () = assert!(1 << CONNECTION_BITS == CONNECTIONS);

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
#[derive(LogicBlock, Default)]
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
    ram: Ram<ConnectionContext, CONNECTION_BITS>,
    known: DFF<Bits<CONNECTIONS>>,
    known_read: DFF<Bit>,
}

impl Logic for Context {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, known, known_read);
        self.ram.clock.next = self.clk.val();

        self.ram.read_address.next = self.read_connection.val();
        self.read_context.next = self.ram.read_data.val();
        self.known_read.d.next = self
            .known
            .q
            .val()
            .get_bit(self.read_connection.val().index());
        self.is_known.next = self.known_read.q.val();

        self.ram.write_address.next = self.write_connection.val();
        self.ram.write_data.next = self.write_context.val();
        self.ram.write_enable.next = self.write.val();
        if self.write.val() | self.forget.val() {
            self.known.d.next = self
                .known
                .q
                .val()
                .replace_bit(self.write_connection.val().index(), self.write.val());
        }

        if self.rst.val() {
            self.known.d.next = 0.into();
        }
    }
}
