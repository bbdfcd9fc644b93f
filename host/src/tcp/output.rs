//! The next segment to send: what is lost first, then what is new, then a bare ACK.

use super::connection::Connection;
use super::segment::{Options, Outgoing, SackBlock, SackBlocks, Segment};
use super::seq::SeqNumber;
use super::state::State;
use handclasp_layout::header::tcp_flags::{ACK, FIN, PSH, SYN};

/// SACK blocks that the NIC can put into a header; beside timestamps no more fit anyway (RFC 2018 3).
const SACK_BLOCKS_SENT: usize = 3;

impl Connection {
    /// The next segment to send at `now_ns`; call until `None`. It counts as sent: if the caller drops it, that is as if the
    /// network had lost it.
    pub fn next_segment(&mut self, now_ns: u64) -> Option<Outgoing> {
        let next = self.next_of_any_kind(now_ns);
        self.plain = next.is_none() && self.is_plain();
        next
    }

    fn next_of_any_kind(&mut self, now_ns: u64) -> Option<Outgoing> {
        if let Some(segment) = self.reply.take() {
            return Some(bare(segment));
        }
        let segment = match self.state {
            State::Closed => return None,
            State::SynSent | State::SynReceived => self.next_syn(now_ns),
            _ if self.recovery.is_active() => self
                .next_retransmission(now_ns)
                .or_else(|| self.next_new(now_ns))
                .or_else(|| self.next_doubtful(now_ns)),
            _ if self.has_new() => self.next_new(now_ns),
            _ => None,
        };
        if segment.is_some() {
            return segment;
        }
        self.next_probe(now_ns).or_else(|| self.next_ack(now_ns))
    }

    /// SYN, or SYN+ACK (RFC 9293 3.10.1, 3.10.7.2).
    fn next_syn(&mut self, now_ns: u64) -> Option<Outgoing> {
        if !std::mem::take(&mut self.syn_due) {
            return None;
        }
        let flags = match self.state {
            State::SynSent => SYN,
            _ => SYN | ACK,
        };
        let options = Options {
            // RFC 9293 MUST-14, SHLD-5, MUST-65: the MSS in a SYN, and only there.
            mss: Some(self.config.mss),
            window_scale: self.window_scale.then_some(self.rcv.wind_shift),
            sack_permitted: self.sack,
            timestamps: self.timestamps_option(now_ns),
            sack: SackBlocks::default(),
        };
        let segment = self.segment(self.snd.iss, flags, options);
        self.snd.nxt = self.snd.iss + 1;
        self.snd.max = self.snd.nxt;
        if self.timers.syn_retransmissions() == 0 {
            self.rtt.sent(self.snd.nxt, now_ns);
        } else {
            self.rtt.retransmitted();
        }
        self.timers.start(now_ns, self.rtt.rto_ns());
        Some(bare(segment))
    }

    /// What is lost.
    fn next_retransmission(&mut self, now_ns: u64) -> Option<Outgoing> {
        let (una, nxt, cwnd) = (self.snd.una, self.snd.nxt, self.congestion.cwnd());
        let piece = self.recovery.next_lost(una, nxt, cwnd, self.smss())?;
        let outgoing = self.resend(now_ns, piece)?;
        self.recovery.retransmitted(outgoing.segment.end());
        Some(outgoing)
    }

    /// What may be lost, when there is nothing better to send.
    fn next_doubtful(&mut self, now_ns: u64) -> Option<Outgoing> {
        let (una, nxt, cwnd) = (self.snd.una, self.snd.nxt, self.congestion.cwnd());
        let smss = self.smss();
        if let Some(piece) = self.recovery.next_doubtful(una, nxt, cwnd, smss) {
            let outgoing = self.resend(now_ns, piece)?;
            self.recovery.retransmitted(outgoing.segment.end());
            return Some(outgoing);
        }
        let piece = self.recovery.next_rescue(una, nxt, cwnd, smss)?;
        self.resend(now_ns, piece)
    }

    /// Sends the first segment of `piece` again.
    fn resend(&mut self, now_ns: u64, piece: SackBlock) -> Option<Outgoing> {
        // RFC 9293 SHLD-16, SHLD-17: when the peer has taken its window back, what lies beyond it waits.
        let right = piece.right.min(self.snd.una + self.snd.wnd);
        if !piece.left.lt(right) {
            return None;
        }
        let options = self.options(now_ns);
        let outgoing = self.text(options, piece.left, right)?;
        self.rtt.retransmitted();
        self.retransmissions += 1;
        if piece.left == self.snd.una {
            self.timers.restart(now_ns, self.rtt.rto_ns());
        }
        Some(outgoing)
    }

    /// There is data, or a FIN, that was never sent.
    #[inline]
    pub(super) fn has_new(&self) -> bool {
        self.send_buffer.len() > 0 && self.send_buffer.available(self.snd.nxt) > 0
            || self.has_new_fin()
    }

    fn has_new_fin(&self) -> bool {
        self.fin_queued && self.snd.nxt.le(self.send_buffer.end())
    }

    /// New data, and the FIN behind it.
    fn next_new(&mut self, now_ns: u64) -> Option<Outgoing> {
        if !self.has_new() {
            return None;
        }
        let seq = self.snd.nxt;
        let unsent = self.send_buffer.available(seq);
        let fin = self.has_new_fin();
        let usable = (self.snd.una + self.snd.wnd).since(seq);
        let options = self.options(now_ns);
        let mss = self.payload_limit(&options);
        if !self.is_worth_a_segment(unsent, usable, mss, fin) {
            if self.snd.nxt == self.snd.una {
                self.timers
                    .wait_for_window(now_ns, self.snd.wnd == 0, self.rtt.rto_ns());
            }
            return None;
        }
        if self.snd.nxt == self.snd.una && self.timers.is_idle(now_ns, self.rtt.rto_ns()) {
            self.congestion.restart_after_idle();
        }
        let pipe = self.recovery.pipe(self.snd.una, self.snd.nxt);
        let wanted = unsent.min(usable).min(mss);
        if pipe.saturating_add(wanted) > self.congestion.cwnd() && wanted > 0 {
            return None;
        }
        let outgoing = self.text(options, seq, seq + usable)?;
        let pipe = pipe.saturating_add(outgoing.segment.len());
        self.new_is_sent(now_ns, outgoing.segment.end(), pipe);
        Some(outgoing)
    }

    /// What lies between SND.NXT and `end` is being sent; then `pipe` octets are in the network.
    #[inline]
    pub(super) fn new_is_sent(&mut self, now_ns: u64, end: SeqNumber, pipe: u32) {
        self.timers.text_sent(now_ns);
        self.congestion.sent(pipe);
        if self.snd.nxt.ge(self.snd.max) {
            self.rtt.sent(end, now_ns);
        }
        self.snd.nxt = end;
        self.snd.max = self.snd.max.max(end);
        self.timers.overridden();
        self.timers.start(now_ns, self.rtt.rto_ns());
    }

    /// Silly window avoidance of the sender (RFC 9293 3.8.6.2.1, MUST-38) and Nagle's algorithm (3.7.4, SHLD-7).
    /// D is `unsent`, U is `usable`. All data counts as pushed, as the user has no PUSH (MAY-15).
    fn is_worth_a_segment(&self, unsent: u32, usable: u32, mss: u32, fin: bool) -> bool {
        let sendable = unsent.min(usable);
        let idle = self.snd.nxt == self.snd.una || self.nodelay;
        if usable == 0 {
            return false;
        }
        // (1) a full-sized segment
        sendable >= mss
            // (2) all there is, and nothing is unacknowledged (or Nagle's algorithm is off, or no more will follow)
            || unsent <= usable && (idle || fin)
            // (3) half of the largest window the peer ever offered
            || idle && sendable >= self.snd.max_wnd / 2 && sendable > 0
            // (4) the override time-out
            || self.timers.overrides_silly_window()
    }

    /// One octet into a closed window (RFC 9293 3.8.6.1, MUST-35): the answer tells the window.
    fn next_probe(&mut self, now_ns: u64) -> Option<Outgoing> {
        if !self.timers.take_probe() {
            return None;
        }
        let una = self.snd.una;
        let outgoing = self.text(self.options(now_ns), una, una + 1)?;
        self.snd.max = self.snd.max.max(una + 1);
        self.rtt.retransmitted();
        Some(outgoing)
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, when one is due.
    fn next_ack(&mut self, now_ns: u64) -> Option<Outgoing> {
        if !self.ack.is_due() {
            return None;
        }
        let options = self.options(now_ns);
        Some(bare(self.segment(self.snd.nxt, ACK, options)))
    }

    /// A segment with the text (and FIN) of `seq..end`, as much as fits into one.
    fn text(&mut self, options: Options, seq: SeqNumber, end: SeqNumber) -> Option<Outgoing> {
        let len = end.since(seq).min(self.payload_limit(&options));
        let slice = self.send_buffer.slice(seq, len);
        let len = slice.map_or(0, |slice| slice.len_bytes);
        let text_end = seq + len as u32;
        let all = text_end == self.send_buffer.end();
        let fin = self.fin_queued && all && text_end.lt(end);
        if len == 0 && !fin {
            return None;
        }
        let mut flags = ACK;
        if len > 0 && all {
            // RFC 9293 MUST-61: PSH on the last of what is buffered.
            flags |= PSH;
        }
        if fin {
            flags |= FIN;
        }
        let mut segment = self.segment(seq, flags, options);
        // At most the MSS.
        segment.payload_len_bytes = len as u16;
        Some(Outgoing {
            segment,
            payload: slice,
        })
    }

    /// A segment without text; its ACK acknowledges all that has arrived.
    fn segment(&mut self, seq: SeqNumber, flags: u16, options: Options) -> Segment {
        let window = self.offer_window(flags & SYN != 0);
        let mut ack = SeqNumber(0);
        if flags & ACK != 0 {
            ack = self.acknowledge_all();
        }
        Segment {
            seq,
            ack,
            flags,
            window,
            urgent: 0,
            options,
            payload_len_bytes: 0,
        }
    }

    /// SEG.ACK of a segment being sent: all that has arrived.
    #[inline]
    pub(super) fn acknowledge_all(&mut self) -> SeqNumber {
        self.rcv.last_ack_sent = self.rcv.nxt;
        self.ack.sent();
        self.rcv.nxt
    }

    /// The options of a segment after the SYN.
    fn options(&self, now_ns: u64) -> Options {
        Options {
            timestamps: self.timestamps_option(now_ns),
            sack: if self.sack {
                self.receive_buffer.sack_blocks(SACK_BLOCKS_SENT)
            } else {
                SackBlocks::default()
            },
            ..Options::default()
        }
    }

    /// RFC 7323 3.2: on every segment, once negotiated; and offered in the SYN.
    fn timestamps_option(&self, now_ns: u64) -> Option<(u32, u32)> {
        self.timestamps.map(|timestamps| timestamps.option(now_ns))
    }

    /// Most payload beside these options (RFC 9293 MUST-16; RFC 6691 for options that vary).
    fn payload_limit(&self, options: &Options) -> u32 {
        u32::from(self.send_mss.saturating_sub(options.len_bytes()).max(1))
    }

    /// The window field to send; the window offered grows by steps worth a segment only (RFC 9293 3.8.6.2.2,
    /// MUST-39), and its right edge never moves back (SHLD-14).
    #[inline(always)]
    pub(super) fn offer_window(&mut self, syn: bool) -> u16 {
        let free = self.receive_buffer.free();
        if syn {
            // RFC 7323 2.2: not scaled in a SYN.
            let field = free.min(u32::from(u16::MAX));
            self.rcv.edge = self.rcv.edge.max(self.rcv.nxt + field);
            return field as u16;
        }
        // At most 14 (RFC 7323 2.3), and the window at most 2^30: nothing is lost by shifting.
        let shift = u32::from(self.rcv.wind_shift);
        let offered = self.rcv_wnd();
        let wnd = if free.saturating_sub(offered) >= self.rcv.step {
            free
        } else {
            offered
        };
        // Rounding down would take back a part of what was offered. Where there is no room to round up, it does
        // so by less than one unit (RFC 7323 2.4), and what was offered is still accepted.
        let unit = 1_u32.wrapping_shl(shift);
        let rounded_up = wnd.wrapping_add(unit - 1) & unit.wrapping_neg();
        let wnd = if rounded_up <= free { rounded_up } else { wnd };
        let field = wnd.wrapping_shr(shift).min(u32::from(u16::MAX));
        let edge = self.rcv.nxt + field.wrapping_shl(shift);
        self.rcv.edge = self.rcv.edge.max(edge);
        field as u16
    }

    /// The user has read: a window that was closed, or has much more room now, is offered anew at once.
    #[inline]
    pub(super) fn offer_read_room(&mut self) {
        let offered = self.rcv_wnd();
        let growth = self.receive_buffer.free().saturating_sub(offered);
        if growth < self.rcv.step || !self.state.is_synchronized() || !self.state.may_receive() {
            return;
        }
        let half = self.receive_buffer.capacity() as u32 / 2;
        if growth >= half || offered < self.rcv.step {
            self.ack.at_once();
        }
    }
}

fn bare(segment: Segment) -> Outgoing {
    Outgoing {
        segment,
        payload: None,
    }
}
