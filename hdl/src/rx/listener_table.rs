//! Which local ports somebody listens on: one bit a port.
//!
//! ```text
//!            ┌────────────────────┐
//!  port ─┬──>│ RAM of 2048 x 32   │──> bit ──> is_listening
//!        │   └────────────────────┘     │
//!        └── word changed and written <─┘     (commands)
//! ```
//!
//! Latency: `LOOKUP_CYCLES` from `lookup_valid` to the answer, which stays until the next. Throughput: one lookup a cycle. A command goes the same way
//! in the first cycle without a lookup, one at a time. One clock; after reset the map clears itself in 2048 cycles and then raises `table_ready`.
//! Commands cannot fail: adding a port twice or removing one that is not there changes nothing.

use handclasp_verilog::Ram;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// log2 of the words in the map.
const WORDS_LOG2: usize = 11;

/// What becomes of the command that has been taken.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
enum ListenState {
    /// There is none: empties one word a cycle.
    Clear,
    /// There is none.
    Idle,
    /// It waits for a cycle without a lookup, and reads its word.
    Wait,
    /// Its word is on the way.
    Run,
}

/// The table.
#[block]
pub struct ListenerTable {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Port to look up.
    pub lookup_port: Signal<In, Bits<16>>,
    /// Look it up.
    pub lookup_valid: Signal<In, Bit>,
    /// For one cycle: the answer is there.
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
    command_port: DFF<Bits<16>>,
    command_remove: DFF<Bit>,
    /// First stage: the word is read.
    read_valid: DFF<Bit>,
    read_command: DFF<Bit>,
    read_bit: DFF<Bits<5>>,
    /// Second stage: what was read.
    word_valid: DFF<Bit>,
    word_command: DFF<Bit>,
    word_bit: DFF<Bits<5>>,
    word: DFF<Bits<32>>,
    done_register: DFF<Bit>,
    is_listening_register: DFF<Bit>,
    listen_done_register: DFF<Bit>,
    starts_command: Signal<Local, Bit>,
    chosen_port: Signal<Local, Bits<16>>,
    #[value(Bits::mask())]
    last_word: Constant<Bits<WORDS_LOG2>>,
}

impl ListenerTable {
    /// Cycles from `lookup_valid` to the answer.
    pub const LOOKUP_CYCLES: usize = 3;
}

#[kernel]
impl Logic for ListenerTable {
    fn update(&mut self) {
        // First stage: read the word. A lookup goes first.
        self.starts_command.next =
            (self.state.q.val() == ListenState::Wait) & !self.lookup_valid.val();
        self.chosen_port.next = self.command_port.q.val();
        if self.lookup_valid.val() {
            self.chosen_port.next = self.lookup_port.val();
        }
        self.map.read_enable.next = true;
        self.map.read_address.next = bit_cast::<WORDS_LOG2, 16>(self.chosen_port.val() >> 5);
        self.read_valid.d.next = self.lookup_valid.val() | self.starts_command.val();
        if self.lookup_valid.val() | self.starts_command.val() {
            self.read_command.d.next = self.starts_command.val();
            self.read_bit.d.next = bit_cast::<5, 16>(self.chosen_port.val());
        }

        // Second stage: hold what was read.
        self.word_valid.d.next = self.read_valid.q.val();
        if self.read_valid.q.val() {
            self.word_command.d.next = self.read_command.q.val();
            self.word_bit.d.next = self.read_bit.q.val();
            self.word.d.next = self.map.read_data.val();
        }

        // Third stage: answer, or write the word back with the port's bit changed.
        self.done_register.d.next = self.word_valid.q.val() & !self.word_command.q.val();
        if self.word_valid.q.val() & !self.word_command.q.val() {
            self.is_listening_register.d.next =
                self.word.q.val().get_bit(self.word_bit.q.val().index());
        }
        self.map.write_address.next = bit_cast::<WORDS_LOG2, 16>(self.command_port.q.val() >> 5);
        self.map.write_data.next = self
            .word
            .q
            .val()
            .replace_bit(self.word_bit.q.val().index(), !self.command_remove.q.val());
        self.map.write_enable.next = self.word_valid.q.val() & self.word_command.q.val();

        self.listen_ready.next = self.state.q.val() == ListenState::Idle;
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
                if self.listen_valid.val() {
                    self.command_port.d.next = self.listen_port.val();
                    self.command_remove.d.next = self.listen_remove.val();
                    self.state.d.next = ListenState::Wait;
                }
            }
            ListenState::Wait => {
                if !self.lookup_valid.val() {
                    self.state.d.next = ListenState::Run;
                }
            }
            ListenState::Run => {
                if self.word_valid.q.val() & self.word_command.q.val() {
                    self.listen_done_register.d.next = true;
                    self.state.d.next = ListenState::Idle;
                }
            }
        }

        self.lookup_done.next = self.done_register.q.val();
        self.is_listening.next = self.is_listening_register.q.val();
        self.listen_done.next = self.listen_done_register.q.val();
        self.table_ready.next = self.state.q.val() != ListenState::Clear;
        self.busy.next = (self.state.q.val() != ListenState::Idle)
            | self.read_valid.q.val()
            | self.word_valid.q.val()
            | self.done_register.q.val()
            | self.listen_done_register.q.val();

        if self.rst.val() {
            self.state.d.next = ListenState::Clear;
            self.clear_word.d.next = 0.into();
            self.read_valid.d.next = false;
            self.word_valid.d.next = false;
            self.done_register.d.next = false;
            self.listen_done_register.d.next = false;
        }
    }
}
