//! Fetches commands from the host's ring and hands them out one by one, in order.
//!
//! ```text
//!  command_producer (doorbell) ──┐
//!                                ├─> fetch ──> request ──> Reader (many under way)
//!  commands asked for (register)─┘                            │ beats of W bits
//!                                                             v
//!  command, command_index <── Fifo of 2^Q commands <── word of 512 bits <── beats of a push (CommandPush)
//! ```
//!
//! Ownership: entries before `command_producer` are the NIC's; the completion of a command gives it, and all before it, back to the host.
//! A fetch takes what is there, up to the next multiple of 8 entries: so it crosses neither the ring's end nor 4 KiB (the base is
//! 4 KiB aligned). Fetches do not wait for each other's entries, only for room for 8 in the Fifo.
//!
//! A push raises `command_producer` as a doorbell does, and brings a copy of the entry. The copy is taken when the queue has everything before it
//! and has room; else the entry is fetched.
//!
//! Latency: 2 cycles from doorbell register to request, 2 from the entry's last beat, be it read or pushed, to `command_valid`. Throughput: one command a cycle from
//! the Fifo; one entry in 512 / W cycles from the bus; one fetch every 2 cycles. One clock; reset and a rising `queue_enable` take the
//! indices to 0.
//!
//! Errors: an entry that the bus answered with an error, and all entries behind it, are not handed out; the error stops the queue. While
//! `stopped`, or without `queue_enable` and `tx_enable`, or with `quiesce`, nothing is fetched and nothing handed out; while stopped or disabled,
//! commands already fetched are forgotten, even one that is being shown. Counter: `Commands` (`count_command`).

use crate::stream::{Fifo, StreamSink};
use handclasp_layout::queue::ENTRY_BYTES;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

#[derive(LogicState, Debug, Copy, Clone, PartialEq)]
enum FetchState {
    Idle,
    Request,
}

/// The command queue: W bits (K bytes) a beat, room for `2^Q` commands; N is `Q + 1`.
#[block(K * 8 == W, ENTRY_BYTES * 8 == 512, K <= ENTRY_BYTES, N == Q + 1, 1 << Q > FETCH_ENTRIES)]
pub struct CommandQueue<const W: usize, const K: usize, const Q: usize, const N: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Register QUEUE_ENABLE.
    pub queue_enable: Signal<In, Bit>,
    /// Register CONTROL, field tx_enable.
    pub tx_enable: Signal<In, Bit>,
    /// Register CONTROL, field quiesce: what has been handed out goes on, nothing else begins.
    pub quiesce: Signal<In, Bit>,
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
    /// A beat of a push.
    pub push_data: Signal<In, Bits<W>>,
    /// It is there.
    pub push_beat: Signal<In, Bit>,
    /// It is the first of its push.
    pub push_first: Signal<In, Bit>,
    /// It is the last of a push: `command_producer` is one higher from the next cycle on. Not in two cycles that follow each other.
    pub push: Signal<In, Bit>,
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
    /// Commands are being fetched.
    pub fetching: Signal<Out, Bit>,
    fifo: Fifo<Bits<512>, Q, N>,
    state: DFF<FetchState>,
    was_enabled: DFF<Bit>,
    /// Index of the next entry to ask for.
    fetched: DFF<Bits<32>>,
    /// Everything before the producer has been asked for. This and `count` are a cycle late: `fetched` does not move in the cycle before they
    /// are looked at, but by a push, when there is nothing to fetch.
    is_level: DFF<Bit>,
    /// Entries of the next fetch.
    count: DFF<Bits<4>>,
    /// Entries in the Fifo, or on their way to it; one that is taken counts a cycle longer.
    held: DFF<Bits<N>>,
    popped: DFF<Bit>,
    /// The Fifo has room for a whole fetch.
    has_room: DFF<Bit>,
    /// Ring indices are taken modulo this plus one; `command_log2` does not change while the queue is enabled.
    ring_mask: DFF<Bits<32>>,
    address: DFF<Bits<64>>,
    len_bytes: DFF<Bits<16>>,
    /// Entries asked for that have not come.
    outstanding: DFF<Bits<N>>,
    /// There are some.
    waits: DFF<Bit>,
    /// So many of those that come next were asked for before the queue was stopped or disabled: they are thrown away.
    stale: DFF<Bits<N>>,
    /// There are some.
    is_stale: DFF<Bit>,
    /// The bus refused an entry: it, and those behind it, are thrown away until the queue is stopped.
    failed: DFF<Bit>,
    /// The beats of an entry that have come so far. Each enters at the top and pushes those before it down.
    word: DFF<Bits<512>>,
    word_beat: DFF<Bits<3>>,
    /// `word` has all beats of the push so far, and nothing else.
    push_whole: DFF<Bit>,
    /// Index of the Fifo's oldest command.
    next_index: DFF<Bits<32>>,
    is_running: Signal<Local, Bit>,
    flush: Signal<Local, Bit>,
    /// The producer is behind the next entry to ask for, in the same 8.
    is_near: Signal<Local, Bit>,
    fetch_end: Signal<Local, Bits<4>>,
    asked: Signal<Local, Bits<N>>,
    place: Signal<Local, Bits<64>>,
    issue: Signal<Local, Bit>,
    arrive: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    /// Nothing is being fetched.
    is_quiet: Signal<Local, Bit>,
    push_whole_now: Signal<Local, Bit>,
    take_push: Signal<Local, Bit>,
    beat: Signal<Local, Bits<W>>,
    held_now: Signal<Local, Bits<N>>,
    outstanding_now: Signal<Local, Bits<N>>,
    waits_now: Signal<Local, Bit>,
    whole: Signal<Local, Bits<512>>,
}

/// Entries of one fetch at most: no ring is smaller.
const FETCH_ENTRIES: usize = 8;

#[kernel]
impl<const W: usize, const K: usize, const Q: usize, const N: usize> Logic
    for CommandQueue<W, K, Q, N>
{
    fn update(&mut self) {
        let one: Bits<32> = 1;
        let fetch_entries: Bits<4> = FETCH_ENTRIES;
        let fetch_room: Bits<N> = (1_usize << Q) - FETCH_ENTRIES;
        let log2_fetch_entries: Bits<3> = clog2(FETCH_ENTRIES);
        let log2_entry_bytes: Bits<4> = clog2(ENTRY_BYTES);
        let beat_bits: Bits<10> = W;
        let beat_place: Bits<10> = 512 - W;
        let last_beat: Bits<3> = ENTRY_BYTES / K - 1;

        self.flush.next = !self.queue_enable.val() | self.stopped.val();
        self.is_running.next = self.was_enabled.q.val()
            & self.queue_enable.val()
            & self.tx_enable.val()
            & !self.quiesce.val()
            & !self.stopped.val();
        self.fifo.rst.next = self.rst.val() | self.flush.val();

        // How much to fetch: what is there, up to the next multiple of FETCH_ENTRIES.
        self.is_near.next = ((self.command_producer.val() >> log2_fetch_entries)
            == (self.fetched.q.val() >> log2_fetch_entries))
            & (self.command_producer.val().get_bits::<3>(0)
                > self.fetched.q.val().get_bits::<3>(0));
        self.fetch_end.next = fetch_entries;
        if self.is_near.val() {
            self.fetch_end.next = bit_cast::<4, 3>(self.command_producer.val().get_bits::<3>(0));
        }
        self.count.d.next =
            self.fetch_end.val() - bit_cast::<4, 3>(self.fetched.q.val().get_bits::<3>(0));
        self.place.next = bit_cast::<64, 32>(self.fetched.q.val() & self.ring_mask.q.val());
        self.ring_mask.d.next = (one << self.command_log2.val()) - 1;
        self.request_addr.next = self.address.q.val();
        self.request_len_bytes.next = self.len_bytes.q.val();
        self.request_valid.next = self.state.q.val() == FetchState::Request;
        self.issue.next = false;
        self.is_level.d.next = self.command_producer.val() == self.fetched.q.val();

        match self.state.q.val() {
            // Waits for entries, and for room for a whole fetch.
            FetchState::Idle => {
                self.address.d.next =
                    self.command_base.val() + (self.place.val() << log2_entry_bytes);
                self.len_bytes.d.next = bit_cast::<16, 4>(self.count.q.val()) << log2_entry_bytes;
                if self.is_running.val()
                    & !self.is_level.q.val()
                    & self.has_room.q.val()
                    & !self.failed.q.val()
                {
                    self.issue.next = true;
                    self.state.d.next = FetchState::Request;
                }
            }
            // Asks the reader.
            FetchState::Request => {
                if self.request_ready.val() {
                    self.state.d.next = FetchState::Idle;
                }
            }
        }
        if self.issue.val() {
            self.fetched.d.next = self.fetched.q.val() + bit_cast::<32, 4>(self.count.q.val());
        }

        // Beats become words; bit 0 of the first beat is bit 0 of the command. There is room in the Fifo for all that were asked for.
        self.entries.tready.next = true;
        self.beat.next = self.push_data.val();
        if self.entries.tvalid.val() {
            self.beat.next = self.entries.tdata.val();
        }
        self.whole.next =
            (self.word.q.val() >> beat_bits) | (bit_cast::<512, W>(self.beat.val()) << beat_place);
        self.fifo.push_data.next = self.whole.val();
        self.arrive.next = self.entries.tvalid.val() & (self.word_beat.q.val() == last_beat);
        self.fifo.push_valid.next = self.arrive.val()
            & !self.is_stale.q.val()
            & !self.failed.q.val()
            & !self.entries.tuser.val();
        // A push goes the same way while nothing is fetched.
        self.is_quiet.next =
            (self.state.q.val() == FetchState::Idle) & !self.issue.val() & !self.waits.q.val();
        self.push_whole_now.next =
            self.is_quiet.val() & (self.push_first.val() | self.push_whole.q.val());
        // Nothing is asked for when everything has been.
        self.take_push.next = self.push.val()
            & (self.state.q.val() == FetchState::Idle)
            & !self.waits.q.val()
            & (self.push_first.val() | self.push_whole.q.val())
            & self.is_level.q.val()
            & self.is_running.val()
            & self.has_room.q.val()
            & !self.failed.q.val();
        if self.take_push.val() {
            self.fifo.push_valid.next = true;
            self.fetched.d.next = self.fetched.q.val() + 1;
        }
        if self.push_beat.val() & self.is_quiet.val() {
            self.word.d.next = self.whole.val();
        }
        if self.push_beat.val() | self.issue.val() {
            self.push_whole.d.next = self.push_whole_now.val();
        }
        self.count_command.next = self.fifo.push_valid.val();
        if self.entries.tvalid.val() {
            self.word.d.next = self.whole.val();
            self.word_beat.d.next = self.word_beat.q.val() + 1;
            if self.entries.tuser.val() & !self.is_stale.q.val() {
                self.failed.d.next = true;
            }
            if self.arrive.val() {
                self.word_beat.d.next = 0.into();
            }
        }

        self.command.next = self.fifo.pop_data.val();
        self.command_index.next = self.next_index.q.val();
        self.command_valid.next = self.fifo.pop_valid.val() & self.is_running.val();
        self.pop.next = self.command_valid.val() & self.command_ready.val();
        self.fifo.pop_ready.next = self.command_ready.val() & self.is_running.val();
        if self.pop.val() {
            self.next_index.d.next = self.next_index.q.val() + 1;
        }

        // What is under way, and what the Fifo has room for.
        self.asked.next = 0.into();
        if self.issue.val() {
            self.asked.next = bit_cast::<N, 4>(self.count.q.val());
        }
        self.outstanding_now.next = self.outstanding.q.val() + self.asked.val();
        // A push comes when nothing is fetched.
        if self.take_push.val() {
            self.asked.next = 1.into();
        }
        self.held_now.next = self.held.q.val() + self.asked.val();
        self.popped.d.next = self.pop.val();
        if self.popped.q.val() {
            self.held_now.next = self.held_now.val() - 1;
        }
        if self.arrive.val() {
            self.outstanding_now.next = self.outstanding_now.val() - 1;
            if self.is_stale.q.val() {
                self.stale.d.next = self.stale.q.val() - 1;
                self.is_stale.d.next = self.stale.q.val() != 1;
            }
        }
        self.waits_now.next = self.issue.val()
            | (self.waits.q.val() & !(self.arrive.val() & (self.outstanding.q.val() == 1)));
        self.waits.d.next = self.waits_now.val();
        self.held.d.next = self.held_now.val();
        self.outstanding.d.next = self.outstanding_now.val();
        // One cycle late, as is `fetched`: the next fetch is at least two cycles away.
        self.has_room.d.next = self.held.q.val() <= fetch_room;

        // Stopped or disabled: the Fifo has been emptied, and what still comes is thrown away.
        if self.flush.val() {
            self.held.d.next = 0.into();
            self.popped.d.next = false;
            self.has_room.d.next = true;
            self.stale.d.next = self.outstanding_now.val();
            self.is_stale.d.next = self.waits_now.val();
            self.failed.d.next = false;
        }
        self.was_enabled.d.next = self.queue_enable.val();
        if self.queue_enable.val() & !self.was_enabled.q.val() {
            self.fetched.d.next = 0.into();
            self.next_index.d.next = 0.into();
            self.is_level.d.next = true;
        }
        self.fetching.next = (self.state.q.val() != FetchState::Idle) | self.waits.q.val();
        // What is about to be fetched counts: nobody else knows of it any more.
        self.busy.next = self.fetching.val()
            | self.held.q.val().any()
            | (self.is_running.val() & !self.is_level.q.val() & !self.failed.q.val());

        if self.rst.val() {
            self.state.d.next = FetchState::Idle;
            self.was_enabled.d.next = false;
            self.fetched.d.next = 0.into();
            self.held.d.next = 0.into();
            self.popped.d.next = false;
            self.has_room.d.next = true;
            self.is_level.d.next = true;
            self.outstanding.d.next = 0.into();
            self.stale.d.next = 0.into();
            self.waits.d.next = false;
            self.is_stale.d.next = false;
            self.failed.d.next = false;
            self.word_beat.d.next = 0.into();
            self.next_index.d.next = 0.into();
        }
    }
}
