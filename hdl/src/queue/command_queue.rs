//! Fetches commands from the host's ring and hands them out one by one, in order.
//!
//! ```text
//!  command_producer (doorbell) ──┐
//!                                ├─> fetch state ──> request ──> Reader
//!  commands fetched (register) ──┘                                 │ beats of W bits
//!                                                                  v
//!  command, command_index <── output register <── Fifo of 16 <── word of 512 bits
//! ```
//!
//! Ownership: entries before `command_producer` are the NIC's; the completion of a command gives it, and all before it, back to the host.
//! A fetch takes what is there, up to the next multiple of 8 entries: so it crosses neither the ring's end nor 4 KiB (the base is
//! 4 KiB aligned).
//!
//! Latency: 1 cycle from doorbell register to request, 3 from the entry's last beat to `command_valid`. Throughput: one command a cycle from the Fifo; one entry in
//! 512 / W cycles from the bus. One clock; reset and a rising `queue_enable` take the indices to 0.
//!
//! Errors: an entry that the bus answered with an error, and those of its request behind it, are not handed out. While `stopped`, or
//! without `queue_enable` and `tx_enable`, nothing is fetched; while stopped or disabled commands already fetched are forgotten, but for the one
//! that is being shown. Counter: `Commands` (`count_command`).

use crate::stream::{Fifo, StreamSink};
use handclasp_layout::queue::ENTRY_BYTES;
use rust_hdl::prelude::*;

#[derive(LogicState, Debug, Copy, Clone, PartialEq)]
enum FetchState {
    Idle,
    Request,
    Receive,
}

/// The command queue.
#[derive(LogicBlock)]
pub struct CommandQueue<const W: usize, const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Register QUEUE_ENABLE.
    pub queue_enable: Signal<In, Bit>,
    /// Register CONTROL, field tx_enable.
    pub tx_enable: Signal<In, Bit>,
    /// A DMA error stopped the queue.
    pub stopped: Signal<In, Bit>,
    /// Registers COMMAND_BASE.
    pub command_base: Signal<In, Bits<64>>,
    /// Register COMMAND_LOG2.
    pub command_log2: Signal<In, Bits<4>>,
    /// Doorbell COMMAND_PRODUCER.
    pub command_producer: Signal<In, Bits<32>>,
    /// Address of the first entry to read.
    pub request_addr: Signal<Out, Bits<64>>,
    /// Bytes to read.
    pub request_len_bytes: Signal<Out, Bits<16>>,
    /// Entries are asked for.
    pub request_valid: Signal<Out, Bit>,
    /// The request is taken at this clock edge.
    pub request_ready: Signal<In, Bit>,
    /// The entries' beats; `tuser` marks those that the bus refused.
    pub entries: StreamSink<W, K>,
    /// The oldest command.
    pub command: Signal<Out, Bits<512>>,
    /// Its free-running index.
    pub command_index: Signal<Out, Bits<32>>,
    /// There is a command.
    pub command_valid: Signal<Out, Bit>,
    /// The command is taken at this clock edge.
    pub command_ready: Signal<In, Bit>,
    /// A command was fetched; one cycle.
    pub count_command: Signal<Out, Bit>,
    /// Commands are being fetched or wait to be taken.
    pub busy: Signal<Out, Bit>,
    fifo: Fifo<Bits<512>, FIFO_LOG2, { FIFO_LOG2 + 1 }>,
    state: DFF<FetchState>,
    was_enabled: DFF<Bit>,
    /// Index of the next entry to fetch.
    fetched: DFF<Bits<32>>,
    /// Entries in the Fifo, or on their way to it.
    held: DFF<Bits<5>>,
    address: DFF<Bits<64>>,
    len_bytes: DFF<Bits<16>>,
    /// The beats of an entry that have come so far. Each enters at the top and pushes those before it down.
    word: DFF<Bits<512>>,
    word_beat: DFF<Bits<3>>,
    /// Throw away the beats of this request that are still to come: an error came before them, or the queue stopped.
    discard: DFF<Bit>,
    shown: DFF<Bits<512>>,
    shown_valid: DFF<Bit>,
    shown_index: DFF<Bits<32>>,
    /// Index of the Fifo's oldest command.
    next_index: DFF<Bits<32>>,
    is_running: Signal<Local, Bit>,
    flush: Signal<Local, Bit>,
    waiting: Signal<Local, Bits<32>>,
    to_boundary: Signal<Local, Bits<32>>,
    count: Signal<Local, Bits<32>>,
    held_now: Signal<Local, Bits<5>>,
    pop: Signal<Local, Bit>,
    place: Signal<Local, Bits<64>>,
    whole: Signal<Local, Bits<512>>,
    one: Constant<Bits<32>>,
    fetch_entries: Constant<Bits<32>>,
    fetch_room: Constant<Bits<5>>,
    log2_entry_bytes: Constant<Bits<4>>,
    beat_bits: Constant<Bits<10>>,
    beat_place: Constant<Bits<10>>,
    last_beat: Constant<Bits<3>>,
}

/// Entries of one fetch at most.
const FETCH_ENTRIES: usize = 8;
/// log2 of the Fifo's commands.
const FIFO_LOG2: usize = 4;

impl<const W: usize, const K: usize> Default for CommandQueue<W, K> {
    fn default() -> Self {
        const { assert!(K * 8 == W && ENTRY_BYTES * 8 == 512 && K <= ENTRY_BYTES) };
        Self {
            clk: Default::default(),
            rst: Default::default(),
            queue_enable: Default::default(),
            tx_enable: Default::default(),
            stopped: Default::default(),
            command_base: Default::default(),
            command_log2: Default::default(),
            command_producer: Default::default(),
            request_addr: Default::default(),
            request_len_bytes: Default::default(),
            request_valid: Default::default(),
            request_ready: Default::default(),
            entries: Default::default(),
            command: Default::default(),
            command_index: Default::default(),
            command_valid: Default::default(),
            command_ready: Default::default(),
            count_command: Default::default(),
            busy: Default::default(),
            fifo: Default::default(),
            state: Default::default(),
            was_enabled: Default::default(),
            fetched: Default::default(),
            held: Default::default(),
            address: Default::default(),
            len_bytes: Default::default(),
            word: Default::default(),
            word_beat: Default::default(),
            discard: Default::default(),
            shown: Default::default(),
            shown_valid: Default::default(),
            shown_index: Default::default(),
            next_index: Default::default(),
            is_running: Default::default(),
            flush: Default::default(),
            waiting: Default::default(),
            to_boundary: Default::default(),
            count: Default::default(),
            held_now: Default::default(),
            pop: Default::default(),
            place: Default::default(),
            whole: Default::default(),
            one: Constant::new(bits(1)),
            fetch_entries: Constant::new(FETCH_ENTRIES.to_bits()),
            fetch_room: Constant::new(((1 << FIFO_LOG2) - FETCH_ENTRIES).to_bits()),
            log2_entry_bytes: Constant::new(clog2(ENTRY_BYTES).to_bits()),
            beat_bits: Constant::new(W.to_bits()),
            beat_place: Constant::new((512 - W).to_bits()),
            last_beat: Constant::new((ENTRY_BYTES / K - 1).to_bits()),
        }
    }
}

impl<const W: usize, const K: usize> Logic for CommandQueue<W, K> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            state,
            was_enabled,
            fetched,
            held,
            address,
            len_bytes
        );
        dff_setup!(self, clk, word, word_beat, discard);
        dff_setup!(self, clk, shown, shown_valid, shown_index, next_index);
        self.fifo.clk.next = self.clk.val();

        self.flush.next = !self.queue_enable.val() | self.stopped.val();
        self.is_running.next = self.was_enabled.q.val()
            & self.queue_enable.val()
            & self.tx_enable.val()
            & !self.stopped.val();
        self.fifo.rst.next = self.rst.val() | self.flush.val();

        // How much to fetch: what is there, up to the next multiple of FETCH_ENTRIES.
        self.waiting.next = self.command_producer.val() - self.fetched.q.val();
        self.to_boundary.next =
            self.fetch_entries.val() - (self.fetched.q.val() & (self.fetch_entries.val() - 1));
        self.count.next = self.waiting.val();
        if self.waiting.val() > self.to_boundary.val() {
            self.count.next = self.to_boundary.val();
        }
        self.place.next = bit_cast::<64, 32>(
            self.fetched.q.val() & ((self.one.val() << self.command_log2.val()) - 1),
        );

        // The command being shown stays, whatever happens, until it is taken.
        self.pop.next = (self.command_ready.val() | !self.shown_valid.q.val())
            & self.is_running.val()
            & self.fifo.pop_valid.val();
        self.fifo.pop_ready.next = self.pop.val();
        if self.command_ready.val() {
            self.shown_valid.d.next = false;
        }
        self.held_now.next = self.held.q.val();
        if self.pop.val() {
            self.shown_valid.d.next = true;
            self.shown.d.next = self.fifo.pop_data.val();
            self.shown_index.d.next = self.next_index.q.val();
            self.next_index.d.next = self.next_index.q.val() + 1;
            self.held_now.next = self.held.q.val() - 1;
        }
        self.held.d.next = self.held_now.val();
        self.command.next = self.shown.q.val();
        self.command_index.next = self.shown_index.q.val();
        self.command_valid.next = self.shown_valid.q.val();

        // Beats become words; bit 0 of the first beat is bit 0 of the command.
        self.whole.next = (self.word.q.val() >> self.beat_bits.val())
            | (bit_cast::<512, W>(self.entries.tdata.val()) << self.beat_place.val());
        self.fifo.push_data.next = self.whole.val();
        self.fifo.push_valid.next = false;
        self.entries.tready.next = self.state.q.val() == FetchState::Receive;
        self.request_addr.next = self.address.q.val();
        self.request_len_bytes.next = self.len_bytes.q.val();
        self.request_valid.next = self.state.q.val() == FetchState::Request;
        if self.flush.val() {
            self.discard.d.next = true;
        }

        match self.state.q.val() {
            // Waits for entries, and for room for a whole fetch.
            FetchState::Idle => {
                self.address.d.next =
                    self.command_base.val() + (self.place.val() << self.log2_entry_bytes.val());
                self.len_bytes.d.next =
                    bit_cast::<16, 32>(self.count.val()) << self.log2_entry_bytes.val();
                self.word_beat.d.next = 0.into();
                if self.is_running.val()
                    & (self.waiting.val() != 0)
                    & (self.held.q.val() <= self.fetch_room.val())
                {
                    self.discard.d.next = false;
                    self.fetched.d.next = self.fetched.q.val() + self.count.val();
                    self.held.d.next = self.held_now.val() + bit_cast::<5, 32>(self.count.val());
                    self.state.d.next = FetchState::Request;
                }
            }
            // Asks the reader.
            FetchState::Request => {
                if self.request_ready.val() {
                    self.state.d.next = FetchState::Receive;
                }
            }
            // Takes the entries. There is room in the Fifo for all of them.
            FetchState::Receive => {
                if self.entries.tvalid.val() {
                    self.word.d.next = self.whole.val();
                    self.word_beat.d.next = self.word_beat.q.val() + 1;
                    if self.entries.tuser.val() {
                        self.discard.d.next = true;
                    }
                    if self.word_beat.q.val() == self.last_beat.val() {
                        self.word_beat.d.next = 0.into();
                        self.fifo.push_valid.next =
                            !self.discard.q.val() & !self.entries.tuser.val();
                    }
                    if self.entries.tlast.val() {
                        self.state.d.next = FetchState::Idle;
                    }
                }
            }
        }
        self.count_command.next = self.fifo.push_valid.val();

        // Stopped or disabled: the Fifo has been emptied.
        if self.flush.val() {
            self.held.d.next = 0.into();
        }
        self.was_enabled.d.next = self.queue_enable.val();
        if self.queue_enable.val() & !self.was_enabled.q.val() {
            self.fetched.d.next = 0.into();
            self.next_index.d.next = 0.into();
        }
        self.busy.next = (self.state.q.val() != FetchState::Idle)
            | (self.held.q.val() != 0)
            | self.shown_valid.q.val();

        if self.rst.val() {
            self.state.d.next = FetchState::Idle;
            self.was_enabled.d.next = false;
            self.fetched.d.next = 0.into();
            self.held.d.next = 0.into();
            self.discard.d.next = false;
            self.shown_valid.d.next = false;
            self.next_index.d.next = 0.into();
        }
    }
}
