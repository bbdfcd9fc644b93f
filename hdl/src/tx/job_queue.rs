//! Keeps jobs whose payloads are on their way, and gives each the sums of its headers.
//!
//! ```text
//!  job ──────────> Fifo of 2^J jobs ───────────> job
//!  sums, 2 cycles  ┌────────────────┐
//!  later ─────┬───>│ Fifo of sums   ├──┬──────> sum_ip, sum_tcp
//!             │    └────────────────┘  │
//!             └──── none waits ────────┘
//! ```
//!
//! Latency: 2 cycles from `push` to `valid`. Throughput: one job a cycle. One clock; reset empties it. `has_room` is told early: a
//! job may follow in the cycle in which it falls. No errors, no counters.

use crate::stream::Fifo;
use crate::tx::job::Job;
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The queue of `2^J` jobs; M is `J + 1`.
#[block(M == J + 1, J > 1)]
pub struct JobQueue<const J: usize, const M: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The next job.
    pub job_in: Signal<In, Job>,
    /// It is there, and taken; only after a cycle with `has_room`.
    pub push: Signal<In, Bit>,
    /// Two more jobs find room.
    pub has_room: Signal<Out, Bit>,
    /// Sum of an IPv4 header.
    pub sum_ip_in: Signal<In, Bits<16>>,
    /// Sum of a TCP segment.
    pub sum_tcp_in: Signal<In, Bits<16>>,
    /// They are there, and taken: in the order of the jobs, 2 cycles after `push`.
    pub sum_push: Signal<In, Bit>,
    /// The oldest job.
    pub job: Signal<Out, Job>,
    /// Sum of its IPv4 header.
    pub sum_ip: Signal<Out, Bits<16>>,
    /// Sum of its TCP segment.
    pub sum_tcp: Signal<Out, Bits<16>>,
    /// Job and sums are there.
    pub valid: Signal<Out, Bit>,
    /// They are taken at this clock edge.
    pub ready: Signal<In, Bit>,
    /// A job is kept.
    pub busy: Signal<Out, Bit>,
    jobs: Fifo<Job, J, M>,
    sums: Fifo<Bits<32>, J, M>,
    /// Jobs kept.
    count: DFF<Bits<M>>,
    has_room_now: DFF<Bit>,
    /// Sums in their Fifo.
    sum_count: DFF<Bits<M>>,
    /// There are some.
    sums_wait: DFF<Bit>,
    take: Signal<Local, Bit>,
    sum: Signal<Local, Bits<32>>,
}

#[kernel]
impl<const J: usize, const M: usize> Logic for JobQueue<J, M> {
    fn update(&mut self) {
        let room_max: Bits<M> = (1_usize << J) - 2;

        wire!(self -> jobs: job_in as push_data, push as push_valid);
        self.job.next = self.jobs.pop_data.val();
        self.sum.next = self.sums.pop_data.val();
        self.valid.next = self.jobs.pop_valid.val() & self.sums.pop_valid.val();
        // A sum that comes when none waits belongs to the oldest job, which has just come out of its Fifo.
        if !self.sums_wait.q.val() {
            self.sum.next = (bit_cast::<32, 16>(self.sum_ip_in.val()) << 16)
                | bit_cast::<32, 16>(self.sum_tcp_in.val());
            self.valid.next = self.jobs.pop_valid.val() & self.sum_push.val();
        }
        self.sum_ip.next = self.sum.val().get_bits::<16>(16);
        self.sum_tcp.next = self.sum.val().get_bits::<16>(0);
        self.take.next = self.valid.val() & self.ready.val();
        self.jobs.pop_ready.next = self.take.val();
        self.sums.pop_ready.next = self.take.val() & self.sums_wait.q.val();
        self.sums.push_data.next = (bit_cast::<32, 16>(self.sum_ip_in.val()) << 16)
            | bit_cast::<32, 16>(self.sum_tcp_in.val());
        self.sums.push_valid.next =
            self.sum_push.val() & (self.sums_wait.q.val() | !self.take.val());

        if self.push.val() & !self.take.val() {
            self.count.d.next = self.count.q.val() + 1;
        }
        if !self.push.val() & self.take.val() {
            self.count.d.next = self.count.q.val() - 1;
        }
        self.has_room_now.d.next = self.count.d.val() < room_max;
        if self.sums.push_valid.val() & !self.sums.pop_ready.val() {
            self.sum_count.d.next = self.sum_count.q.val() + 1;
        }
        if !self.sums.push_valid.val() & self.sums.pop_ready.val() {
            self.sum_count.d.next = self.sum_count.q.val() - 1;
        }
        self.sums_wait.d.next = self.sum_count.d.val().any();
        self.has_room.next = self.has_room_now.q.val();
        self.busy.next = self.count.q.val().any();

        if self.rst.val() {
            self.count.d.next = 0.into();
            self.has_room_now.d.next = true;
            self.sum_count.d.next = 0.into();
            self.sums_wait.d.next = false;
        }
    }
}
