//! Finds the connection that a segment belongs to, by all 96 bits of its 4-tuple.
//!
//! ```text
//!          ┌──────┐ 10 bits each ┌────────────────┐  ┌───────┐  ┌─────────┐
//!  key ───>│ hash │──┬──────────>│ 4 ways of 1024 │─>│ entry │─>│ compare │──┬──> hit, connection
//!  command │      │  │           └────────────────┘  └───────┘  │         │  │
//!  ──────> └──────┘  │            overflow: 2 registers ───────>│         │  └──> place to write (commands)
//!                    └──────────────────────────────────────────└─────────┘─────> hash
//! ```
//!
//! A flow may stand in any of four ways, each at an index of its own, or in the overflow. The hash is linear: flows of which only a few bits differ, as one client's ports do, can share
//! many pieces of it. The indices are therefore mixed from three pieces by ANDs of others (`FlowIndex`); over random secrets, flows then share places as random numbers would (tested).
//! 1024 flows fill a quarter of the 4096 places; one of 500 fillings needs the overflow, and one in 10^8 has more than it holds. The whole key is always compared: a wrong match is not
//! possible.
//!
//! Latency: `lookup_cycles` from `lookup_valid` to the answer, 6 with one hash unit (W = 64), 3 with three (W = 512); the answer stays until the next.
//! Throughput: one lookup in 3 cycles, or each cycle. A command goes the same way, one at a time, and no lookup ever waits for it: with three hash units it starts in a cycle without lookup, with one
//! when none comes in the next four (`lookup_near`); both the wire leaves, as a minimum frame takes it 1.68 cycles and 10.5. One clock; after reset the table
//! clears itself in 1024 cycles and then raises `table_ready`. Inserting a key that is there replaces its connection. Errors: `TableFull` when no
//! place is left, `NotFound` when there is nothing to remove.

use crate::rx::flow_hash::FlowHash;
use handclasp_layout::queue::Status;
use handclasp_verilog::ApartRam;
use rust_hdl::prelude::*;

/// log2 of the flows in each way.
const WAY_LOG2: usize = 10;
/// Places in which a flow may stand: four ways, then the overflow.
const PLACES: usize = 6;

/// One flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
struct FlowEntry {
    key: Bits<96>,
    connection: Bits<16>,
    generation: Bits<8>,
    valid: Bit,
}

/// Compares what stands in one place with the key that is looked for, word by word.
#[derive(LogicBlock, Default)]
struct FlowPlace {
    entry: Signal<In, FlowEntry>,
    key: Signal<In, Bits<96>>,
    /// The place is that of the key if all three are set.
    equal_words: Signal<Out, Bits<3>>,
    is_free: Signal<Out, Bit>,
    connection: Signal<Out, Bits<16>>,
    generation: Signal<Out, Bits<8>>,
    difference: Signal<Local, Bits<96>>,
}

impl Logic for FlowPlace {
    #[hdl_gen]
    fn update(&mut self) {
        self.difference.next = self.entry.val().key ^ self.key.val();
        self.equal_words.next = 0.into();
        for i in 0_usize..3 {
            self.equal_words.next = self.equal_words.val().replace_bit(
                i,
                self.entry.val().valid & !self.difference.val().get_bits::<32>(32 * i).any(),
            );
        }
        self.is_free.next = !self.entry.val().valid;
        self.connection.next = self.entry.val().connection;
        self.generation.next = self.entry.val().generation;
    }
}

/// Index of a flow in each way: gates only.
#[derive(LogicBlock, Default)]
struct FlowIndex {
    hash: Signal<In, Bits<32>>,
    first: Signal<Out, Bits<WAY_LOG2>>,
    second: Signal<Out, Bits<WAY_LOG2>>,
    third: Signal<Out, Bits<WAY_LOG2>>,
    fourth: Signal<Out, Bits<WAY_LOG2>>,
    a: Signal<Local, Bits<WAY_LOG2>>,
    b: Signal<Local, Bits<WAY_LOG2>>,
    c: Signal<Local, Bits<WAY_LOG2>>,
}

impl Logic for FlowIndex {
    #[hdl_gen]
    fn update(&mut self) {
        self.a.next = self.hash.val().get_bits::<WAY_LOG2>(0);
        self.b.next = self.hash.val().get_bits::<WAY_LOG2>(10);
        self.c.next = self.hash.val().get_bits::<WAY_LOG2>(20);
        // The rotations differ, and mean nothing.
        self.first.next = self.a.val()
            ^ (((self.b.val() << 3) | (self.b.val() >> 7))
                & ((self.c.val() << 7) | (self.c.val() >> 3)));
        self.second.next = self.b.val()
            ^ (((self.c.val() << 1) | (self.c.val() >> 9))
                & ((self.a.val() << 5) | (self.a.val() >> 5)));
        self.third.next = self.c.val()
            ^ (((self.a.val() << 2) | (self.a.val() >> 8))
                & ((self.b.val() << 4) | (self.b.val() >> 6)));
        self.fourth.next = self.a.val()
            ^ self.b.val()
            ^ self.c.val()
            ^ (((self.a.val() << 1) | (self.a.val() >> 9))
                & ((self.b.val() << 6) | (self.b.val() >> 4)));
    }
}

/// What becomes of the command that has been taken.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
enum FlowState {
    /// None: empties one index of all ways a cycle.
    Clear,
    /// There is none.
    Idle,
    /// It waits for the hash.
    Wait,
    /// Its key's first word is taken.
    Prepare,
    /// It is hashed.
    Hash,
    /// It is on its way through the table.
    Run,
    /// Its place is written in the first cycle in which no way is read: no read meets a write.
    Write,
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
    /// Key to look up: remote address, local address, remote port, local port. With one hash unit each word must be there when it is hashed, see `FlowHash`.
    pub lookup_key: Signal<In, Bits<96>>,
    /// Look it up, starting now.
    pub lookup_valid: Signal<In, Bit>,
    /// With one hash unit: a lookup may come in the next four cycles.
    pub lookup_near: Signal<In, Bit>,
    /// For one cycle: the lookup's key has been hashed. The answer comes 3 cycles later.
    pub lookup_hashed: Signal<Out, Bit>,
    /// With it: the key's local port.
    pub lookup_port: Signal<Out, Bits<16>>,
    /// For one cycle: the answer is there.
    pub lookup_done: Signal<Out, Bit>,
    /// The key is in the table. As the other three it stays until the next lookup or command is compared.
    pub lookup_hit: Signal<Out, Bit>,
    /// Its connection, else 0.
    pub lookup_connection: Signal<Out, Bits<16>>,
    /// Its connection's generation, else 0.
    pub lookup_generation: Signal<Out, Bits<8>>,
    /// The key's hash.
    pub lookup_hash: Signal<Out, Bits<32>>,
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
    hasher: FlowHash,
    ways: [ApartRam<FlowEntry, WAY_LOG2>; 4],
    overflow: [DFF<FlowEntry>; 2],
    state: DFF<FlowState>,
    clear_index: DFF<Bits<WAY_LOG2>>,
    /// The command under way.
    command_key: DFF<Bits<96>>,
    command_connection: DFF<Bits<16>>,
    command_generation: DFF<Bits<8>>,
    command_remove: DFF<Bit>,
    /// First stage, with one unit: whose key was taken.
    held_command: Vec<DFF<Bit>>,
    /// With one unit listeners are looked up a cycle later than with three.
    held_lookup: Vec<DFF<Bit>>,
    hashes_command: Signal<Local, Bit>,
    /// The hash stands in a register before it is an index.
    hash_valid: DFF<Bit>,
    hash_command: DFF<Bit>,
    hashed_key: DFF<Bits<96>>,
    hash: DFF<Bits<32>>,
    /// Second stage: the ways are read.
    read_valid: DFF<Bit>,
    read_command: DFF<Bit>,
    read_key: DFF<Bits<96>>,
    read_hash: DFF<Bits<32>>,
    /// Third stage: what was read, in registers with one unit.
    entry_valid: Vec<DFF<Bit>>,
    entry_command: Vec<DFF<Bit>>,
    entry_key: Vec<DFF<Bits<96>>>,
    entry_hash: Vec<DFF<Bits<32>>>,
    entries: Vec<DFF<FlowEntry>>,
    compare_valid: Signal<Local, Bit>,
    compare_command: Signal<Local, Bit>,
    compare_key: Signal<Local, Bits<96>>,
    compare_hash: Signal<Local, Bits<32>>,
    /// Fourth stage: which places match.
    compared_valid: DFF<Bit>,
    compared_command: DFF<Bit>,
    compared_hash: DFF<Bits<32>>,
    equal_words: [DFF<Bits<3>>; PLACES],
    is_free: [DFF<Bit>; PLACES],
    connections: [DFF<Bits<16>>; PLACES],
    generations: [DFF<Bits<8>>; PLACES],
    flow_done_register: DFF<Bit>,
    status_register: DFF<Bits<8>>,
    places: [FlowPlace; PLACES],
    /// The hash is the command's: no lookup is hashed or starts.
    is_command: Signal<Local, Bit>,
    /// Index in each way, and the same for the stage that writes.
    read_index: FlowIndex,
    write_place: FlowIndex,
    write_index: [Signal<Local, Bits<WAY_LOG2>>; 4],
    is_match: [Signal<Local, Bit>; PLACES],
    /// Where a new flow goes: the first free place.
    is_target: [Signal<Local, Bit>; PLACES],
    /// What the command found: the place that has its key, the first that is free, and its hash.
    matches: [DFF<Bit>; PLACES],
    targets: [DFF<Bit>; PLACES],
    was_hit: DFF<Bit>,
    had_room: DFF<Bit>,
    /// Which places it writes.
    writes: [Signal<Local, Bit>; PLACES],
    written_hash: DFF<Bits<32>>,
    write_enable: Signal<Local, Bit>,
    hit: Signal<Local, Bit>,
    hit_connection: Signal<Local, Bits<16>>,
    hit_generation: Signal<Local, Bits<8>>,
    has_room: Signal<Local, Bit>,
    completes: Signal<Local, Bit>,
    written: Signal<Local, FlowEntry>,
    /// A lookup may come at any time.
    lookups_may_meet: Constant<Bit>,
    nothing: Constant<FlowEntry>,
    last_index: Constant<Bits<WAY_LOG2>>,
    status_ok: Constant<Bits<8>>,
    status_table_full: Constant<Bits<8>>,
    status_not_found: Constant<Bits<8>>,
}

impl FlowTable {
    /// A table that hashes `hash_units` words of a key a cycle: 1 or 3.
    pub fn new(hash_units: usize) -> Self {
        let held = usize::from(hash_units == 1);
        Self {
            clk: Default::default(),
            rst: Default::default(),
            hash_key: Default::default(),
            lookup_key: Default::default(),
            lookup_valid: Default::default(),
            lookup_near: Default::default(),
            lookup_hashed: Default::default(),
            lookup_port: Default::default(),
            lookup_done: Default::default(),
            lookup_hit: Default::default(),
            lookup_connection: Default::default(),
            lookup_generation: Default::default(),
            lookup_hash: Default::default(),
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
            hasher: FlowHash::new(hash_units),
            ways: Default::default(),
            overflow: Default::default(),
            state: Default::default(),
            clear_index: Default::default(),
            command_key: Default::default(),
            command_connection: Default::default(),
            command_generation: Default::default(),
            command_remove: Default::default(),
            held_command: (0..held).map(|_| DFF::default()).collect(),
            held_lookup: (0..held).map(|_| DFF::default()).collect(),
            hashes_command: Default::default(),
            hash_valid: Default::default(),
            hash_command: Default::default(),
            hashed_key: Default::default(),
            read_valid: Default::default(),
            read_command: Default::default(),
            read_key: Default::default(),
            read_hash: Default::default(),
            entry_valid: (0..held).map(|_| DFF::default()).collect(),
            entry_command: (0..held).map(|_| DFF::default()).collect(),
            entry_key: (0..held).map(|_| DFF::default()).collect(),
            entry_hash: (0..held).map(|_| DFF::default()).collect(),
            entries: (0..4 * held).map(|_| DFF::default()).collect(),
            compare_valid: Default::default(),
            compare_command: Default::default(),
            compare_key: Default::default(),
            compare_hash: Default::default(),
            compared_valid: Default::default(),
            compared_command: Default::default(),
            compared_hash: Default::default(),
            equal_words: Default::default(),
            is_free: Default::default(),
            connections: Default::default(),
            generations: Default::default(),
            flow_done_register: Default::default(),
            status_register: Default::default(),
            places: Default::default(),
            is_command: Default::default(),
            read_index: Default::default(),
            write_place: Default::default(),
            write_index: Default::default(),
            hash: Default::default(),
            is_match: Default::default(),
            is_target: Default::default(),
            matches: Default::default(),
            targets: Default::default(),
            was_hit: Default::default(),
            had_room: Default::default(),
            writes: Default::default(),
            written_hash: Default::default(),
            write_enable: Default::default(),
            hit: Default::default(),
            hit_connection: Default::default(),
            hit_generation: Default::default(),
            has_room: Default::default(),
            completes: Default::default(),
            written: Default::default(),
            lookups_may_meet: Constant::new(hash_units == 3),
            nothing: Constant::new(FlowEntry::default()),
            last_index: Constant::new(Bits::mask()),
            status_ok: Constant::new((Status::Ok as u64).into()),
            status_table_full: Constant::new((Status::TableFull as u64).into()),
            status_not_found: Constant::new((Status::NotFound as u64).into()),
        }
    }

    /// Cycles from `lookup_valid` to the answer.
    pub const fn lookup_cycles(hash_units: usize) -> usize {
        FlowHash::latency_cycles(hash_units) + 3 + (hash_units == 1) as usize
    }
}

impl Logic for FlowTable {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, state, clear_index);
        dff_setup!(
            self,
            clk,
            command_key,
            command_connection,
            command_generation,
            command_remove
        );
        dff_setup!(self, clk, read_valid, read_command, read_key, read_hash);
        dff_setup!(self, clk, compared_valid, compared_command, compared_hash);
        dff_setup!(self, clk, flow_done_register, status_register, written_hash);
        dff_setup!(self, clk, was_hit, had_room);
        dff_setup!(self, clk, hash_valid, hash_command, hashed_key, hash);
        for i in 0..4 {
            self.ways[i].clock.next = self.clk.val();
        }
        for i in 0..2 {
            self.overflow[i].clock.next = self.clk.val();
            self.overflow[i].d.next = self.overflow[i].q.val();
        }
        for i in 0..6 {
            self.matches[i].clock.next = self.clk.val();
            self.matches[i].d.next = self.matches[i].q.val();
            self.targets[i].clock.next = self.clk.val();
            self.targets[i].d.next = self.targets[i].q.val();
            self.equal_words[i].clock.next = self.clk.val();
            self.equal_words[i].d.next = self.equal_words[i].q.val();
            self.is_free[i].clock.next = self.clk.val();
            self.is_free[i].d.next = self.is_free[i].q.val();
            self.connections[i].clock.next = self.clk.val();
            self.connections[i].d.next = self.connections[i].q.val();
            self.generations[i].clock.next = self.clk.val();
            self.generations[i].d.next = self.generations[i].q.val();
        }

        // Hash: a lookup always goes first.
        self.hasher.clk.next = self.clk.val();
        self.hasher.rst.next = self.rst.val();
        self.hasher.secret.next = self.hash_key.val();
        // With one unit none comes while the command is hashed, so the state alone chooses the key.
        self.is_command.next = ((self.state.q.val() == FlowState::Prepare)
            | (self.state.q.val() == FlowState::Hash))
            & !(self.lookup_valid.val() & self.lookups_may_meet.val());
        self.hasher.start.next = self.lookup_valid.val()
            | ((self.state.q.val() == FlowState::Hash) & !self.hasher.running.val());
        self.hasher.key.next = self.lookup_key.val();
        if self.is_command.val() {
            self.hasher.key.next = self.command_key.q.val();
        }
        self.hashes_command.next = self.is_command.val();
        self.lookup_hashed.next = self.hasher.done.val() & !self.is_command.val();
        self.lookup_port.next = self.lookup_key.val().get_bits::<16>(0);
        for i in 0..self.held_command.len() {
            self.held_command[i].clock.next = self.clk.val();
            self.held_command[i].d.next = self.held_command[i].q.val();
            if self.hasher.takes_last.val() {
                self.held_command[i].d.next = self.is_command.val();
            }
            self.hashes_command.next = self.held_command[i].q.val();
            self.held_lookup[i].clock.next = self.clk.val();
            self.held_lookup[i].d.next =
                self.hasher.done.val() & !self.held_command[i].q.val() & !self.rst.val();
            self.lookup_hashed.next = self.held_lookup[i].q.val();
            self.lookup_port.next = self.hashed_key.q.val().get_bits::<16>(0);
        }
        self.hash_valid.d.next = self.hasher.done.val();
        self.hash_command.d.next = self.hashes_command.val();
        self.hashed_key.d.next = self.lookup_key.val();
        if self.hashes_command.val() {
            self.hashed_key.d.next = self.command_key.q.val();
        }
        self.hash.d.next = self.hasher.hash.val();

        // Read each way.
        self.read_valid.d.next = self.hash_valid.q.val();
        if self.hash_valid.q.val() {
            self.read_command.d.next = self.hash_command.q.val();
            self.read_key.d.next = self.hashed_key.q.val();
            self.read_hash.d.next = self.hash.q.val();
        }
        self.read_index.hash.next = self.hash.q.val();
        self.ways[0].read_address.next = self.read_index.first.val();
        self.ways[1].read_address.next = self.read_index.second.val();
        self.ways[2].read_address.next = self.read_index.third.val();
        self.ways[3].read_address.next = self.read_index.fourth.val();
        for i in 0..4 {
            self.ways[i].read_enable.next = true;
        }

        // With one unit what was read is held first: block RAM of the devices for W = 64 answers late in its cycle. With three it was the hash that was held.
        self.compare_valid.next = self.read_valid.q.val();
        self.compare_command.next = self.read_command.q.val();
        self.compare_key.next = self.read_key.q.val();
        self.compare_hash.next = self.read_hash.q.val();
        for i in 0..4 {
            self.places[i].entry.next = self.ways[i].read_data.val();
        }
        for i in 0..self.entry_valid.len() {
            self.entry_valid[i].clock.next = self.clk.val();
            self.entry_valid[i].d.next = self.read_valid.q.val() & !self.rst.val();
            self.entry_command[i].clock.next = self.clk.val();
            self.entry_command[i].d.next = self.read_command.q.val();
            self.entry_key[i].clock.next = self.clk.val();
            self.entry_key[i].d.next = self.read_key.q.val();
            self.entry_hash[i].clock.next = self.clk.val();
            self.entry_hash[i].d.next = self.read_hash.q.val();
            self.compare_valid.next = self.entry_valid[i].q.val();
            self.compare_command.next = self.entry_command[i].q.val();
            self.compare_key.next = self.entry_key[i].q.val();
            self.compare_hash.next = self.entry_hash[i].q.val();
        }
        for i in 0..self.entries.len() {
            self.entries[i].clock.next = self.clk.val();
            self.entries[i].d.next = self.ways[i].read_data.val();
            self.places[i].entry.next = self.entries[i].q.val();
        }

        // Compare every place with the key.
        self.compared_valid.d.next = self.compare_valid.val();
        for i in 0..2 {
            self.places[i + 4].entry.next = self.overflow[i].q.val();
        }
        for i in 0..6 {
            self.places[i].key.next = self.compare_key.val();
            if self.compare_valid.val() {
                self.equal_words[i].d.next = self.places[i].equal_words.val();
                // What stands in a table that is not cleared is nothing.
                if self.state.q.val() == FlowState::Clear {
                    self.equal_words[i].d.next = 0.into();
                }
                self.is_free[i].d.next = self.places[i].is_free.val();
                self.connections[i].d.next = self.places[i].connection.val();
                self.generations[i].d.next = self.places[i].generation.val();
            }
        }
        if self.compare_valid.val() {
            self.compared_command.d.next = self.compare_command.val();
            self.compared_hash.d.next = self.compare_hash.val();
        }

        // The answer. A key stands in no more than one place.
        self.hit.next = false;
        self.hit_connection.next = 0.into();
        self.hit_generation.next = 0.into();
        self.has_room.next = false;
        for i in 0..6 {
            self.is_match[i].next = self.equal_words[i].q.val().all();
            if self.is_match[i].val() {
                self.hit.next = true;
                self.hit_connection.next = self.hit_connection.val() | self.connections[i].q.val();
                self.hit_generation.next = self.hit_generation.val() | self.generations[i].q.val();
            }
            self.is_target[i].next = self.is_free[i].q.val() & !self.has_room.val();
            self.has_room.next = self.has_room.val() | self.is_free[i].q.val();
        }
        self.lookup_done.next = self.compared_valid.q.val() & !self.compared_command.q.val();
        self.lookup_hit.next = self.hit.val();
        self.lookup_connection.next = self.hit_connection.val();
        self.lookup_generation.next = self.hit_generation.val();
        self.lookup_hash.next = self.compared_hash.q.val();

        // A key that is there is replaced or removed where it stands; a new one goes to the first free place.
        self.completes.next = self.compared_valid.q.val() & self.compared_command.q.val();
        self.written.next.key = self.command_key.q.val();
        self.written.next.connection = self.command_connection.q.val();
        self.written.next.generation = self.command_generation.q.val();
        self.written.next.valid = !self.command_remove.q.val();
        if self.completes.val() {
            self.written_hash.d.next = self.compared_hash.q.val();
            self.was_hit.d.next = self.hit.val();
            self.had_room.d.next = self.has_room.val();
            for i in 0..6 {
                self.matches[i].d.next = self.is_match[i].val();
                self.targets[i].d.next = self.is_target[i].val();
            }
        }
        for i in 0..6 {
            self.writes[i].next = self.matches[i].q.val()
                | (self.targets[i].q.val() & !self.was_hit.q.val() & !self.command_remove.q.val());
        }
        self.write_enable.next =
            (self.state.q.val() == FlowState::Write) & !self.hash_valid.q.val();
        self.write_place.hash.next = self.written_hash.q.val();
        self.write_index[0].next = self.write_place.first.val();
        self.write_index[1].next = self.write_place.second.val();
        self.write_index[2].next = self.write_place.third.val();
        self.write_index[3].next = self.write_place.fourth.val();
        for i in 0..4 {
            self.ways[i].write_enable.next = self.write_enable.val() & self.writes[i].val();
        }
        if self.state.q.val() == FlowState::Clear {
            self.written.next.valid = false;
            for i in 0..4 {
                self.ways[i].write_enable.next = true;
                self.write_index[i].next = self.clear_index.q.val();
            }
        }
        for i in 0..4 {
            self.ways[i].write_address.next = self.write_index[i].val();
            self.ways[i].write_data.next = self.written.val();
        }
        for i in 0..2 {
            if self.write_enable.val() & self.writes[i + 4].val() {
                self.overflow[i].d.next = self.written.val();
            }
        }

        self.flow_ready.next = self.state.q.val() == FlowState::Idle;
        self.flow_done_register.d.next = false;
        match self.state.q.val() {
            // After power-up the RAM may hold any values: every index is emptied before the first lookup.
            FlowState::Clear => {
                self.clear_index.d.next = self.clear_index.q.val() + 1;
                if self.clear_index.q.val() == self.last_index.val() {
                    self.state.d.next = FlowState::Idle;
                }
            }
            FlowState::Idle => {
                if self.flow_valid.val() {
                    self.command_key.d.next = self.flow_key.val();
                    self.command_connection.d.next = self.flow_connection.val();
                    self.command_generation.d.next = self.flow_generation.val();
                    self.command_remove.d.next = self.flow_remove.val();
                    self.state.d.next = FlowState::Wait;
                }
            }
            FlowState::Wait => {
                if !self.lookup_near.val() & !self.hasher.running.val() {
                    self.state.d.next = FlowState::Prepare;
                }
            }
            // A lone hash unit takes the key's first word.
            FlowState::Prepare => {
                self.state.d.next = FlowState::Hash;
            }
            // A lookup goes first, which comes here with three hash units only.
            FlowState::Hash => {
                if self.is_command.val() & self.hasher.takes_last.val() {
                    self.state.d.next = FlowState::Run;
                }
            }
            FlowState::Run => {
                if self.completes.val() {
                    self.state.d.next = FlowState::Write;
                }
            }
            FlowState::Write => {
                self.status_register.d.next = self.status_ok.val();
                if self.command_remove.q.val() & !self.was_hit.q.val() {
                    self.status_register.d.next = self.status_not_found.val();
                }
                if !self.command_remove.q.val() & !self.was_hit.q.val() & !self.had_room.q.val() {
                    self.status_register.d.next = self.status_table_full.val();
                }
                if self.write_enable.val() {
                    self.flow_done_register.d.next = true;
                    self.state.d.next = FlowState::Idle;
                }
            }
        }

        self.flow_done.next = self.flow_done_register.q.val();
        self.flow_status.next = self.status_register.q.val();
        self.table_ready.next = self.state.q.val() != FlowState::Clear;
        self.busy.next = (self.state.q.val() != FlowState::Idle)
            | self.hasher.running.val()
            | self.hash_valid.q.val()
            | self.read_valid.q.val()
            | self.compare_valid.val()
            | self.compared_valid.q.val()
            | self.flow_done_register.q.val();

        if self.rst.val() {
            self.state.d.next = FlowState::Clear;
            self.clear_index.d.next = 0.into();
            self.hash_valid.d.next = false;
            self.read_valid.d.next = false;
            self.compared_valid.d.next = false;
            self.flow_done_register.d.next = false;
            for i in 0..2 {
                self.overflow[i].d.next = self.nothing.val();
            }
        }
    }
}
