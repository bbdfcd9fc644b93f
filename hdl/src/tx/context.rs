//! What the NIC knows of each connection it sends on: the addresses that a FlowCommand taught it.
//!
//! ```text
//!  write (FlowInsert) ──> ┌────────────────────┐
//!                         │ RAM of CONNECTIONS │──> read_context
//!  connection ──────────> │                    │
//!                         ├────────────────────┤
//!  forget (FlowRemove) ─> │ known, a bit each  │──> is_known
//!                         └────────────────────┘
//! ```
//!
//! Latency: 1 cycle from `read_connection` to `read_context` and `is_known`. Throughput: one read a cycle; a write or a forgetting is of
//! the connection that was read last, and what is read of that one in the same cycle is of no use. One clock. Reset forgets every
//! connection by its `known` bit, in CONNECTIONS / 32 cycles in which `ready` is low; the RAM of contexts needs no clearing: a context that
//! was never written is never used.
// rust-hdl's derive writes public methods without documentation; every field here has its own.
#![allow(missing_docs)]

use handclasp_layout::register::CONNECTIONS;
use handclasp_verilog::{block, kernel, ApartRam};
use rust_hdl::prelude::*;

/// Width of an index into the contexts; a command's connection id has more bits, which the executor checks.
pub const CONNECTION_BITS: usize = CONNECTIONS.ilog2() as usize;
const _: () = assert!(1 << CONNECTION_BITS == CONNECTIONS && CONNECTIONS > KNOWN_BITS);

/// Connections whose `known` bits stand in one word.
const KNOWN_BITS: usize = 32;
const KNOWN_BITS_LOG2: usize = 5;
/// Width of an index into the words of `known` bits.
const WORD_BITS: usize = CONNECTION_BITS - KNOWN_BITS_LOG2;

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
#[block]
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
    /// What to write for the connection that was read last.
    pub write_context: Signal<In, ConnectionContext>,
    /// Write at this clock edge.
    pub write: Signal<In, Bit>,
    /// Forget the connection that was read last at this clock edge.
    pub forget: Signal<In, Bit>,
    /// Every connection has been forgotten after the reset.
    pub ready: Signal<Out, Bit>,
    ram: ApartRam<ConnectionContext, CONNECTION_BITS>,
    known: ApartRam<Bits<KNOWN_BITS>, WORD_BITS>,
    /// The connection that was read last.
    connection: DFF<Bits<CONNECTION_BITS>>,
    /// Next word of `known` to clear.
    clear_word: DFF<Bits<WORD_BITS>>,
    clearing: DFF<Bit>,
    /// Place of that connection's bit in its word of `known`.
    place: Signal<Local, Bits<KNOWN_BITS_LOG2>>,
    #[value(Bits::mask())]
    last_word: Constant<Bits<WORD_BITS>>,
}

#[kernel]
impl Logic for Context {
    fn update(&mut self) {
        let log2_known_bits: Bits<CONNECTION_BITS> = KNOWN_BITS_LOG2;

        self.ram.read_enable.next = true;
        self.ram.read_address.next = self.read_connection.val();
        self.read_context.next = self.ram.read_data.val();
        self.known.read_enable.next = true;
        self.known.read_address.next =
            bit_cast::<WORD_BITS, CONNECTION_BITS>(self.read_connection.val() >> log2_known_bits);
        self.connection.d.next = self.read_connection.val();
        self.place.next = bit_cast::<KNOWN_BITS_LOG2, CONNECTION_BITS>(self.connection.q.val());
        self.is_known.next = self.known.read_data.val().get_bit(self.place.val().index());

        self.ram.write_address.next = self.connection.q.val();
        self.ram.write_data.next = self.write_context.val();
        self.ram.write_enable.next = self.write.val();
        self.known.write_address.next =
            bit_cast::<WORD_BITS, CONNECTION_BITS>(self.connection.q.val() >> log2_known_bits);
        self.known.write_data.next = self
            .known
            .read_data
            .val()
            .replace_bit(self.place.val().index(), self.write.val());
        self.known.write_enable.next = self.write.val() | self.forget.val();
        if self.clearing.q.val() {
            self.known.write_address.next = self.clear_word.q.val();
            self.known.write_data.next = 0.into();
            self.known.write_enable.next = true;
            self.clear_word.d.next = self.clear_word.q.val() + 1;
            if self.clear_word.q.val() == self.last_word.val() {
                self.clearing.d.next = false;
            }
        }
        self.ready.next = !self.clearing.q.val();

        if self.rst.val() {
            self.clear_word.d.next = 0.into();
            self.clearing.d.next = true;
        }
    }
}
