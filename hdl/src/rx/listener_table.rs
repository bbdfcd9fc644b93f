//! Which local ports somebody listens on: one bit a port.
//!
//! ```text
//!            ┌────────────────────┐
//!  port ─┬──>│ RAM of 2048 x 32   │──> bit ──> is_listening
//!        │   └────────────────────┘     │
//!        └── word changed and written <─┘     (commands)
//! ```
//!
//! Latency: `LOOKUP_CYCLES` from `lookup_valid` to `lookup_done`, one more when a command is under way. Throughput: one lookup or command
//! at a time, lookups first. One clock; after reset the map clears itself in 2048 cycles and then raises `table_ready`. Commands cannot fail: adding a
//! port twice or removing one that is not there changes nothing.

use handclasp_verilog::Ram;
use rust_hdl::prelude::*;

/// log2 of the words in the map.
const WORDS_LOG2: usize = 11;

/// What the table is doing.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
enum ListenState {
    /// Empties one word a cycle.
    Clear,
    /// Takes the next lookup or command and reads its word.
    Idle,
    /// Answers a lookup.
    Answer,
    /// Writes the word back with the port's bit changed.
    Change,
}

/// The table.
#[derive(LogicBlock)]
pub struct ListenerTable {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Port to look up.
    pub lookup_port: Signal<In, Bits<16>>,
    /// Look it up; held with the port until `lookup_done`.
    pub lookup_valid: Signal<In, Bit>,
    /// For one cycle: the answer.
    pub lookup_done: Signal<Out, Bit>,
    /// Somebody listens. Stays until the next answer.
    pub is_listening: Signal<Out, Bit>,
    /// Remove the port; else add it.
    pub listen_remove: Signal<In, Bit>,
    /// The command's port.
    pub listen_port: Signal<In, Bits<16>>,
    /// There is a command.
    pub listen_valid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub listen_ready: Signal<Out, Bit>,
    /// For one cycle: the command has been carried out.
    pub listen_done: Signal<Out, Bit>,
    /// The map has been cleared.
    pub table_ready: Signal<Out, Bit>,
    /// A lookup or a command is under way.
    pub busy: Signal<Out, Bit>,
    map: Ram<Bits<32>, WORDS_LOG2>,
    state: DFF<ListenState>,
    clear_word: DFF<Bits<WORDS_LOG2>>,
    port: DFF<Bits<16>>,
    is_remove: DFF<Bit>,
    lookup_done_register: DFF<Bit>,
    is_listening_register: DFF<Bit>,
    listen_done_register: DFF<Bit>,
    starts_lookup: Signal<Local, Bit>,
    chosen_port: Signal<Local, Bits<16>>,
    bit_in_word: Signal<Local, Bits<5>>,
    last_word: Constant<Bits<WORDS_LOG2>>,
}

impl ListenerTable {
    /// Cycles from `lookup_valid` to `lookup_done`.
    pub const LOOKUP_CYCLES: usize = 2;
}

impl Default for ListenerTable {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            lookup_port: Default::default(),
            lookup_valid: Default::default(),
            lookup_done: Default::default(),
            is_listening: Default::default(),
            listen_remove: Default::default(),
            listen_port: Default::default(),
            listen_valid: Default::default(),
            listen_ready: Default::default(),
            listen_done: Default::default(),
            table_ready: Default::default(),
            busy: Default::default(),
            map: Default::default(),
            state: Default::default(),
            clear_word: Default::default(),
            port: Default::default(),
            is_remove: Default::default(),
            lookup_done_register: Default::default(),
            is_listening_register: Default::default(),
            listen_done_register: Default::default(),
            starts_lookup: Default::default(),
            chosen_port: Default::default(),
            bit_in_word: Default::default(),
            last_word: Constant::new(Bits::mask()),
        }
    }
}

impl Logic for ListenerTable {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, state, clear_word, port, is_remove);
        dff_setup!(
            self,
            clk,
            lookup_done_register,
            is_listening_register,
            listen_done_register
        );
        self.map.clock.next = self.clk.val();

        // In the cycle of an answer `lookup_valid` is still that of the lookup that is being answered, and not a new one.
        self.starts_lookup.next = self.lookup_valid.val() & !self.lookup_done_register.q.val();
        self.chosen_port.next = self.listen_port.val();
        if self.starts_lookup.val() {
            self.chosen_port.next = self.lookup_port.val();
        }
        self.map.read_address.next = bit_cast::<WORDS_LOG2, 16>(self.chosen_port.val() >> 5);
        self.bit_in_word.next = bit_cast::<5, 16>(self.port.q.val());
        self.map.write_address.next = bit_cast::<WORDS_LOG2, 16>(self.port.q.val() >> 5);
        self.map.write_data.next = self
            .map
            .read_data
            .val()
            .replace_bit(self.bit_in_word.val().index(), !self.is_remove.q.val());
        self.map.write_enable.next = false;

        self.listen_ready.next =
            (self.state.q.val() == ListenState::Idle) & !self.starts_lookup.val();
        self.lookup_done_register.d.next = false;
        self.listen_done_register.d.next = false;
        match self.state.q.val() {
            // After power-up the RAM may hold any values: every word is emptied before the first lookup.
            ListenState::Clear => {
                self.map.write_address.next = self.clear_word.q.val();
                self.map.write_data.next = 0.into();
                self.map.write_enable.next = true;
                self.clear_word.d.next = self.clear_word.q.val() + 1;
                if self.clear_word.q.val() == self.last_word.val() {
                    self.state.d.next = ListenState::Idle;
                }
            }
            ListenState::Idle => {
                if self.starts_lookup.val() {
                    self.port.d.next = self.lookup_port.val();
                    self.state.d.next = ListenState::Answer;
                } else if self.listen_valid.val() {
                    self.port.d.next = self.listen_port.val();
                    self.is_remove.d.next = self.listen_remove.val();
                    self.state.d.next = ListenState::Change;
                }
            }
            ListenState::Answer => {
                self.is_listening_register.d.next = self
                    .map
                    .read_data
                    .val()
                    .get_bit(self.bit_in_word.val().index());
                self.lookup_done_register.d.next = true;
                self.state.d.next = ListenState::Idle;
            }
            ListenState::Change => {
                self.map.write_enable.next = true;
                self.listen_done_register.d.next = true;
                self.state.d.next = ListenState::Idle;
            }
        }

        self.lookup_done.next = self.lookup_done_register.q.val();
        self.is_listening.next = self.is_listening_register.q.val();
        self.listen_done.next = self.listen_done_register.q.val();
        self.table_ready.next = self.state.q.val() != ListenState::Clear;
        self.busy.next = (self.state.q.val() != ListenState::Idle)
            | self.lookup_done_register.q.val()
            | self.listen_done_register.q.val();

        if self.rst.val() {
            self.state.d.next = ListenState::Clear;
            self.clear_word.d.next = 0.into();
            self.lookup_done_register.d.next = false;
            self.listen_done_register.d.next = false;
        }
    }
}
