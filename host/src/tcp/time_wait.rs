//! TIME-WAIT (RFC 9293 3.6.1): both sides have closed. What remains is to answer a peer that did not receive our last ACK,
//! and to keep old duplicates from a new connection with the same addresses and ports.

use super::acceptance::{Acceptance, Expected};
use super::acknowledgment::is_out_of_range;
use super::config::Config;
use super::connection::Connection;
use super::due::Due;
use super::segment::{Options, Segment};
use super::seq::SeqNumber;
use super::state::State;
use super::throttle::Throttle;
use super::timestamps::Timestamps;
use handclasp_layout::header::tcp_flags;

/// When a TIME-WAIT that begins now ends: after 2 MSL (RFC 9293 MUST-13).
pub(super) fn two_msl_from(now_ns: u64, config: &Config) -> Due {
    Due::after(now_ns, config.msl_ns.saturating_mul(2))
}

/// All that TIME-WAIT needs to know of a connection. A busy server has thousands of these, so it is small; a
/// [`Connection`] in TIME-WAIT, whose socket may still read, asks it what a segment does.
#[derive(Clone, Copy, Debug)]
pub struct TimeWait {
    /// SND.NXT, and SND.UNA and SND.MAX as well: our FIN is acknowledged.
    snd_nxt: SeqNumber,
    /// MAX.SND.WND (RFC 5961 5.2).
    snd_max_wnd: u32,
    expected: Expected,
    timestamps: Option<Timestamps>,
    throttle: Throttle,
    end: Due,
    /// Window field of its ACKs: as last offered.
    window: u16,
}

/// What a segment does to a connection in TIME-WAIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing.
    Silence,
    /// It is answered by an [ACK](TimeWait::ack).
    Ack,
    /// The connection is over.
    Over,
}

impl TimeWait {
    /// A segment arrives (RFC 9293 3.10.7.4). The NIC has verified its checksum.
    pub fn segment_arrives(&mut self, now_ns: u64, segment: &Segment, config: &Config) -> Reaction {
        match self.expected.check(now_ns, segment, &mut self.timestamps) {
            Acceptance::Acceptable => {}
            Acceptance::Dropped => return Reaction::Silence,
            Acceptance::Answered => {
                if segment.fin() {
                    // Eighth: the peer's FIN once more, so it has not seen our ACK. Restart the 2 MSL.
                    self.end = two_msl_from(now_ns, config);
                }
                return ack_if(self.throttle.allows_answer_to(now_ns, segment));
            }
        }
        // Second, check the RST bit, as RFC 5961 3.2 has it.
        if segment.rst() && segment.seq == self.expected.nxt {
            return Reaction::Over;
        }
        // Fourth, SYN (RFC 5961 4.2); fifth, an ACK of nothing that we sent (RFC 5961 5.2). All else that is in the window
        // can only be text or a FIN behind the FIN, "which should not occur".
        let (nxt, max_wnd) = (self.snd_nxt, self.snd_max_wnd);
        let says_too_much = segment.has_ack() && is_out_of_range(segment.ack, nxt, nxt, max_wnd);
        if segment.rst() || segment.syn() || says_too_much {
            return ack_if(self.throttle.allows(now_ns));
        }
        Reaction::Silence
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.
    pub fn ack(&self, now_ns: u64) -> Segment {
        Segment {
            seq: self.snd_nxt,
            ack: self.expected.nxt,
            flags: tcp_flags::ACK,
            window: self.window,
            options: Options {
                timestamps: self.timestamps.map(|timestamps| timestamps.option(now_ns)),
                ..Options::default()
            },
            ..Segment::default()
        }
    }

    /// When it is over, in ns.
    pub fn end_ns(&self) -> u64 {
        self.end.at_ns().unwrap_or(u64::MAX)
    }

    /// A new connection may take the place of this one when its SYN cannot be an old duplicate (RFC 9293 MAY-2,
    /// RFC 6191 2): the stack then drops this connection and lets the listener have the SYN. The new one's `iss` must
    /// be beyond [`TimeWait::reuse_iss`].
    pub fn is_reusable_by(&self, syn: &Segment) -> bool {
        if !syn.syn() || syn.rst() || syn.has_ack() {
            return false;
        }
        let later = syn.seq.gt(self.expected.nxt);
        match (&self.timestamps, syn.options.timestamps) {
            (Some(ours), Some((ts_val, _))) => {
                let recent = SeqNumber(ours.recent());
                SeqNumber(ts_val).gt(recent) || SeqNumber(ts_val) == recent && later
            }
            _ => later,
        }
    }

    /// The least initial sequence number that a connection between the same addresses and ports may take after this
    /// one (RFC 9293 3.6.1: larger than the largest that this one used).
    pub fn reuse_iss(&self) -> SeqNumber {
        self.snd_nxt + 1
    }
}

fn ack_if(allowed: bool) -> Reaction {
    if allowed {
        Reaction::Ack
    } else {
        Reaction::Silence
    }
}

impl Connection {
    /// Enters TIME-WAIT.
    pub(super) fn enter_time_wait(&mut self, now_ns: u64) {
        self.state = State::TimeWait;
        self.recovery.release();
        self.receive_buffer.release_holes();
        self.timers
            .start_time_wait(two_msl_from(now_ns, &self.config));
    }

    /// What is to be kept of a connection in TIME-WAIT that no socket looks at any more; `None` in other states.
    pub fn time_wait(&self) -> Option<TimeWait> {
        (self.state == State::TimeWait).then(|| TimeWait {
            snd_nxt: self.snd.nxt,
            snd_max_wnd: self.snd.max_wnd,
            expected: self.rcv.expected(),
            timestamps: self.timestamps,
            throttle: self.throttle,
            end: self.timers.end(),
            // At most 16 bits are left.
            window: (self.rcv_wnd() >> self.rcv.wind_shift).min(u16::MAX.into()) as u16,
        })
    }

    pub(super) fn arrives_in_time_wait(&mut self, now_ns: u64, segment: &Segment) {
        let Some(mut time_wait) = self.time_wait() else {
            return;
        };
        let reaction = time_wait.segment_arrives(now_ns, segment, &self.config);
        self.timestamps = time_wait.timestamps;
        self.throttle = time_wait.throttle;
        self.timers.start_time_wait(time_wait.end);
        match reaction {
            Reaction::Silence => {}
            Reaction::Ack => self.ack.at_once(),
            Reaction::Over => self.end(None),
        }
    }
}
