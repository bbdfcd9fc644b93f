//! Finds the connection that a segment belongs to, by all 96 bits of its 4-tuple.
//!
//! ```text
//!                  first ┌────────┬────────┐
//!  key ──> hash ─┬──────>│ way 0  │ way 1  │ 512 sets ┐
//!                │       └────────┴────────┘          │
//!                │second ┌────────┬────────┐          ├─> compared with key ──> connection
//!                └──────>│ way 2  │ way 3  │ 512 sets │
//!                        └────────┴────────┘          │
//!                        overflow: 4 registers ───────┘
//! ```
//!
//! A flow may stand in any of the four ways of its two sets, or in the overflow. The NIC's connections would fill an eighth of the 2048 ways,
//! so it is as good as certain that each finds a place. The whole key is always compared: a wrong match is not possible.
//!
//! Latency: `LOOKUP_CYCLES` from `lookup_valid` to `lookup_done`, up to three more when a command is under way. Throughput: one lookup or command at
//! a time, lookups first. One clock; after reset the table clears itself in 512 cycles and then raises `table_ready`. Inserting a key that is there
//! replaces its connection. Errors: `TableFull` when no place is left, `NotFound` when there is nothing to remove.

use crate::rx::flow_hash::FlowHash;
use handclasp_layout::queue::Status;
use handclasp_verilog::Ram;
use rust_hdl::prelude::*;

/// log2 of the sets in each half of the table.
const SETS_LOG2: usize = 9;
/// Places in which a flow may stand: four ways, then the overflow.
const PLACES: usize = 8;

/// One flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
struct FlowEntry {
    key: Bits<96>,
    connection: Bits<16>,
    generation: Bits<8>,
    valid: Bit,
}

/// Compares what stands in one place with the key that is looked for.
#[derive(LogicBlock, Default)]
struct FlowPlace {
    entry: Signal<In, FlowEntry>,
    key: Signal<In, Bits<96>>,
    is_match: Signal<Out, Bit>,
    is_free: Signal<Out, Bit>,
    connection: Signal<Out, Bits<16>>,
    generation: Signal<Out, Bits<8>>,
}

impl Logic for FlowPlace {
    #[hdl_gen]
    fn update(&mut self) {
        self.is_match.next = self.entry.val().valid & (self.entry.val().key == self.key.val());
        self.is_free.next = !self.entry.val().valid;
        self.connection.next = self.entry.val().connection;
        self.generation.next = self.entry.val().generation;
    }
}

/// What the table is doing.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
enum FlowState {
    /// Empties one set a cycle.
    Clear,
    /// Takes the next lookup or command.
    Idle,
    /// The key goes through the first half of the hash.
    Hash,
    /// The sets are read.
    Read,
    /// The places are compared with the key, and changed by a command.
    Compare,
}

/// The table.
#[derive(LogicBlock)]
pub struct FlowTable {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Secret of the hash. Must not change while the table holds flows.
    pub hash_key: Signal<In, Bits<128>>,
    /// Key to look up: remote address, local address, remote port, local port.
    pub lookup_key: Signal<In, Bits<96>>,
    /// Look it up; held with the key until `lookup_done`.
    pub lookup_valid: Signal<In, Bit>,
    /// For one cycle: the answer.
    pub lookup_done: Signal<Out, Bit>,
    /// The key is in the table.
    pub lookup_hit: Signal<Out, Bit>,
    /// Its connection, else 0. All three stay until the next answer.
    pub lookup_connection: Signal<Out, Bits<16>>,
    /// Its connection's generation, else 0.
    pub lookup_generation: Signal<Out, Bits<8>>,
    /// Remove the key; else insert it.
    pub flow_remove: Signal<In, Bit>,
    /// The command's key.
    pub flow_key: Signal<In, Bits<96>>,
    /// The connection to insert.
    pub flow_connection: Signal<In, Bits<16>>,
    /// Its generation.
    pub flow_generation: Signal<In, Bits<8>>,
    /// There is a command.
    pub flow_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub flow_ready: Signal<Out, Bit>,
    /// For one cycle: the command has been carried out.
    pub flow_done: Signal<Out, Bit>,
    /// With `flow_done`: how it ended, a `Status`.
    pub flow_status: Signal<Out, Bits<8>>,
    /// The table has been cleared.
    pub table_ready: Signal<Out, Bit>,
    /// A lookup or a command is under way.
    pub busy: Signal<Out, Bit>,
    hasher: FlowHash<SETS_LOG2>,
    ways: [Ram<FlowEntry, SETS_LOG2>; 4],
    overflow: [DFF<FlowEntry>; 4],
    state: DFF<FlowState>,
    clear_set: DFF<Bits<SETS_LOG2>>,
    key: DFF<Bits<96>>,
    connection: DFF<Bits<16>>,
    generation: DFF<Bits<8>>,
    is_lookup: DFF<Bit>,
    is_remove: DFF<Bit>,
    first_set: DFF<Bits<SETS_LOG2>>,
    second_set: DFF<Bits<SETS_LOG2>>,
    lookup_done_register: DFF<Bit>,
    hit_register: DFF<Bit>,
    hit_connection_register: DFF<Bits<16>>,
    hit_generation_register: DFF<Bits<8>>,
    flow_done_register: DFF<Bit>,
    status_register: DFF<Bits<8>>,
    places: [FlowPlace; PLACES],
    /// Where a new flow goes: the first free place.
    is_target: [Signal<Local, Bit>; PLACES],
    /// Which places are written.
    writes: [Signal<Local, Bit>; PLACES],
    hit: Signal<Local, Bit>,
    hit_connection: Signal<Local, Bits<16>>,
    hit_generation: Signal<Local, Bits<8>>,
    has_room: Signal<Local, Bit>,
    is_compare: Signal<Local, Bit>,
    written: Signal<Local, FlowEntry>,
    nothing: Constant<FlowEntry>,
    last_set: Constant<Bits<SETS_LOG2>>,
    status_ok: Constant<Bits<8>>,
    status_table_full: Constant<Bits<8>>,
    status_not_found: Constant<Bits<8>>,
}

impl FlowTable {
    /// Cycles from `lookup_valid` to `lookup_done`.
    pub const LOOKUP_CYCLES: usize = 3 + FlowHash::<SETS_LOG2>::LATENCY_CYCLES;
}

impl Default for FlowTable {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            hash_key: Default::default(),
            lookup_key: Default::default(),
            lookup_valid: Default::default(),
            lookup_done: Default::default(),
            lookup_hit: Default::default(),
            lookup_connection: Default::default(),
            lookup_generation: Default::default(),
            flow_remove: Default::default(),
            flow_key: Default::default(),
            flow_connection: Default::default(),
            flow_generation: Default::default(),
            flow_valid: Default::default(),
            flow_ready: Default::default(),
            flow_done: Default::default(),
            flow_status: Default::default(),
            table_ready: Default::default(),
            busy: Default::default(),
            hasher: Default::default(),
            ways: Default::default(),
            overflow: Default::default(),
            state: Default::default(),
            clear_set: Default::default(),
            key: Default::default(),
            connection: Default::default(),
            generation: Default::default(),
            is_lookup: Default::default(),
            is_remove: Default::default(),
            first_set: Default::default(),
            second_set: Default::default(),
            lookup_done_register: Default::default(),
            hit_register: Default::default(),
            hit_connection_register: Default::default(),
            hit_generation_register: Default::default(),
            flow_done_register: Default::default(),
            status_register: Default::default(),
            places: Default::default(),
            is_target: Default::default(),
            writes: Default::default(),
            hit: Default::default(),
            hit_connection: Default::default(),
            hit_generation: Default::default(),
            has_room: Default::default(),
            is_compare: Default::default(),
            written: Default::default(),
            nothing: Constant::new(FlowEntry::default()),
            last_set: Constant::new(Bits::mask()),
            status_ok: Constant::new((Status::Ok as u64).into()),
            status_table_full: Constant::new((Status::TableFull as u64).into()),
            status_not_found: Constant::new((Status::NotFound as u64).into()),
        }
    }
}

impl Logic for FlowTable {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clk, state, clear_set, key, connection, generation, is_lookup, is_remove,
            first_set, second_set
        );
        dff_setup!(
            self,
            clk,
            lookup_done_register,
            hit_register,
            hit_connection_register,
            hit_generation_register
        );
        dff_setup!(self, clk, flow_done_register, status_register);
        for i in 0..4 {
            self.ways[i].clock.next = self.clk.val();
            self.overflow[i].clock.next = self.clk.val();
            self.overflow[i].d.next = self.overflow[i].q.val();
        }
        self.hasher.clk.next = self.clk.val();
        self.hasher.key.next = self.key.q.val();
        self.hasher.secret.next = bit_cast::<32, 128>(self.hash_key.val() >> 96);
        for i in 0..2 {
            self.ways[i].read_address.next = self.hasher.first.val();
            self.ways[i].write_address.next = self.first_set.q.val();
        }
        for i in 2..4 {
            self.ways[i].read_address.next = self.hasher.second.val();
            self.ways[i].write_address.next = self.second_set.q.val();
        }

        // Compare every place with the key.
        for i in 0..4 {
            self.places[i].entry.next = self.ways[i].read_data.val();
            self.places[i + 4].entry.next = self.overflow[i].q.val();
        }
        self.hit.next = false;
        self.hit_connection.next = 0.into();
        self.hit_generation.next = 0.into();
        self.has_room.next = false;
        for i in 0..8 {
            self.places[i].key.next = self.key.q.val();
            if self.places[i].is_match.val() {
                self.hit.next = true;
                self.hit_connection.next = self.places[i].connection.val();
                self.hit_generation.next = self.places[i].generation.val();
            }
            self.is_target[i].next = self.places[i].is_free.val() & !self.has_room.val();
            self.has_room.next = self.has_room.val() | self.places[i].is_free.val();
        }

        // A key that is there is replaced or removed where it stands; a new one goes to the first free place.
        self.is_compare.next = self.state.q.val() == FlowState::Compare;
        self.written.next.key = self.key.q.val();
        self.written.next.connection = self.connection.q.val();
        self.written.next.generation = self.generation.q.val();
        self.written.next.valid = !self.is_remove.q.val();
        for i in 0..8 {
            self.writes[i].next = self.is_compare.val()
                & !self.is_lookup.q.val()
                & (self.places[i].is_match.val()
                    | (self.is_target[i].val() & !self.hit.val() & !self.is_remove.q.val()));
        }
        if self.state.q.val() == FlowState::Clear {
            self.written.next.valid = false;
            for i in 0..4 {
                self.writes[i].next = true;
                self.ways[i].write_address.next = self.clear_set.q.val();
            }
        }
        for i in 0..4 {
            self.ways[i].write_data.next = self.written.val();
            self.ways[i].write_enable.next = self.writes[i].val();
            if self.writes[i + 4].val() {
                self.overflow[i].d.next = self.written.val();
            }
        }

        self.flow_ready.next = (self.state.q.val() == FlowState::Idle)
            & (!self.lookup_valid.val() | self.lookup_done_register.q.val());
        self.lookup_done_register.d.next = false;
        self.flow_done_register.d.next = false;
        match self.state.q.val() {
            // After power-up the RAM may hold any values: every set is emptied before the first lookup.
            FlowState::Clear => {
                self.clear_set.d.next = self.clear_set.q.val() + 1;
                if self.clear_set.q.val() == self.last_set.val() {
                    self.state.d.next = FlowState::Idle;
                }
            }
            // In the cycle of an answer `lookup_valid` is still that of the lookup that is being answered, and not a new one.
            FlowState::Idle => {
                if self.lookup_valid.val() & !self.lookup_done_register.q.val() {
                    self.key.d.next = self.lookup_key.val();
                    self.is_lookup.d.next = true;
                    self.state.d.next = FlowState::Hash;
                } else if self.flow_valid.val() {
                    self.key.d.next = self.flow_key.val();
                    self.connection.d.next = self.flow_connection.val();
                    self.generation.d.next = self.flow_generation.val();
                    self.is_lookup.d.next = false;
                    self.is_remove.d.next = self.flow_remove.val();
                    self.state.d.next = FlowState::Hash;
                }
            }
            FlowState::Hash => {
                self.state.d.next = FlowState::Read;
            }
            FlowState::Read => {
                self.first_set.d.next = self.hasher.first.val();
                self.second_set.d.next = self.hasher.second.val();
                self.state.d.next = FlowState::Compare;
            }
            FlowState::Compare => {
                self.state.d.next = FlowState::Idle;
                if self.is_lookup.q.val() {
                    self.lookup_done_register.d.next = true;
                    self.hit_register.d.next = self.hit.val();
                    self.hit_connection_register.d.next = self.hit_connection.val();
                    self.hit_generation_register.d.next = self.hit_generation.val();
                } else {
                    self.flow_done_register.d.next = true;
                    self.status_register.d.next = self.status_ok.val();
                    if self.is_remove.q.val() & !self.hit.val() {
                        self.status_register.d.next = self.status_not_found.val();
                    }
                    if !self.is_remove.q.val() & !self.hit.val() & !self.has_room.val() {
                        self.status_register.d.next = self.status_table_full.val();
                    }
                }
            }
        }

        self.lookup_done.next = self.lookup_done_register.q.val();
        self.lookup_hit.next = self.hit_register.q.val();
        self.lookup_connection.next = self.hit_connection_register.q.val();
        self.lookup_generation.next = self.hit_generation_register.q.val();
        self.flow_done.next = self.flow_done_register.q.val();
        self.flow_status.next = self.status_register.q.val();
        self.table_ready.next = self.state.q.val() != FlowState::Clear;
        self.busy.next = (self.state.q.val() != FlowState::Idle)
            | self.lookup_done_register.q.val()
            | self.flow_done_register.q.val();

        if self.rst.val() {
            self.state.d.next = FlowState::Clear;
            self.clear_set.d.next = 0.into();
            self.lookup_done_register.d.next = false;
            self.flow_done_register.d.next = false;
            for i in 0..4 {
                self.overflow[i].d.next = self.nothing.val();
            }
        }
    }
}
