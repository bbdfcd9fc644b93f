//! What is lost, and what is to be sent again: fast retransmit and recovery by SACK (RFC 6675) or, with a peer that
//! knows no SACK, by NewReno (RFC 6582); and all of it after a time-out (RFC 5681).
//!
//! One estimate of what is in the network, `pipe`, serves all of them. NewReno inflates the congestion window by
//! every duplicate ACK; here the same octets are taken off the pipe, which comes to the same.

use super::ranges::Ranges;
use super::segment::SackBlock;
use super::seq::SeqNumber;

/// While nothing is lost, `lost_edge`, `high_rxt` and `recover` are moved up to SND.UNA once in 2^24 octets. That is seldom
/// enough to cost nothing, and often enough that none of them falls 2^31 octets behind, where it would compare as ahead.
const MARKS_FOLLOW_BITS: u32 = 24;

/// Duplicate ACKs, or discontiguous SACKed ranges, that mean a loss (RFC 5681 3.2, RFC 6675 2: DupThresh).
const DUP_THRESH: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is known to be lost.
    Open,
    /// Fast recovery, until `recover` is acknowledged.
    FastRecovery,
    /// The timer has expired: all that was sent before `recover` counts as lost until it is acknowledged.
    TimedOut,
}

/// What an ACK means for the congestion window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// New data is acknowledged; the window may grow.
    Progress,
    /// A loss has just been found.
    EnterRecovery,
    /// All that was out when the loss was found is acknowledged.
    ExitRecovery,
    /// None of these.
    Unchanged,
}

/// The sender's view of what the peer has, and has not.
#[derive(Debug)]
pub(super) struct Recovery {
    phase: Phase,
    /// SACK is negotiated.
    sack: bool,
    /// What the peer has SACKed beyond SND.UNA.
    scoreboard: Ranges,
    dup_acks: u32,
    /// Without SACK: octets that duplicate ACKs say have left the network.
    left_network: u32,
    /// All before it, and not SACKed, is lost (the edge up to which IsLost() of RFC 6675 4 holds).
    lost_edge: SeqNumber,
    /// Retransmitted up to here in this recovery (HighRxt of RFC 6675 2).
    high_rxt: SeqNumber,
    /// SND.NXT when the loss was found (`recover` of RFC 6582, RecoveryPoint of RFC 6675).
    recover: SeqNumber,
    /// The segment at SND.UNA is to be sent again, whatever cwnd says.
    first: bool,
    /// The tail was sent again in this recovery (RFC 6675 4, NextSeg (4)).
    rescued: bool,
}

impl Recovery {
    pub(super) fn new(iss: SeqNumber) -> Self {
        Self {
            phase: Phase::Open,
            sack: false,
            scoreboard: Ranges::new(),
            dup_acks: 0,
            left_network: 0,
            lost_edge: iss,
            high_rxt: iss,
            recover: iss,
            first: false,
            rescued: false,
        }
    }

    /// The handshake has shown whether the peer knows SACK.
    pub(super) fn set_sack(&mut self, sack: bool) {
        self.sack = sack;
    }

    /// Octets in the network: sent, and neither acknowledged, SACKed nor lost; and those sent again
    /// (RFC 6675 4, SetPipe).
    pub(super) fn pipe(&self, una: SeqNumber, nxt: SeqNumber) -> u32 {
        if self.phase == Phase::Open && self.scoreboard.is_empty() || !self.uses_scoreboard() {
            return nxt.since(una).saturating_sub(self.left_network);
        }
        let lost_edge = self.lost_edge(una);
        let mut pipe = 0;
        let mut at = una;
        let nothing_beyond = SackBlock {
            left: nxt,
            right: nxt,
        };
        let sacked = self.scoreboard.as_slice().iter().copied();
        for range in sacked.chain([nothing_beyond]) {
            // The hole `at..range.left`: what is not lost, and what is under way once more.
            pipe += range.left.since(at.max(lost_edge));
            pipe += range.left.min(self.high_rxt).since(at);
            at = range.right;
        }
        pipe
    }

    fn uses_scoreboard(&self) -> bool {
        self.sack || self.phase == Phase::TimedOut
    }

    fn lost_edge(&self, una: SeqNumber) -> SeqNumber {
        let edge = self.lost_edge.max(una);
        match self.phase {
            Phase::TimedOut => edge.max(self.recover),
            _ => edge,
        }
    }

    /// The blocks of an ACK; says whether the peer has more than we knew. Blocks that lie outside what is in flight
    /// (D-SACK among them, RFC 2883) say nothing here.
    pub(super) fn sacked(
        &mut self,
        blocks: &[SackBlock],
        una: SeqNumber,
        nxt: SeqNumber,
        smss: u32,
    ) -> bool {
        if !self.sack {
            return false;
        }
        let mut news = false;
        for block in blocks {
            // All comparisons are needed: sequence numbers 2^31 or more apart have no order.
            let plausible = una.lt(block.left)
                && block.left.lt(nxt)
                && block.left.lt(block.right)
                && block.right.le(nxt);
            let known = |range: SackBlock| block.right.le(range.right);
            if plausible && !self.scoreboard.containing(block.left).is_some_and(known) {
                news |= self.scoreboard.insert(block.left, block.right);
            }
        }
        if news {
            self.find_lost_edge(smss);
        }
        news
    }

    /// IsLost() of RFC 6675 4: three discontiguous ranges, or more than two segments' octets, are SACKed above.
    fn find_lost_edge(&mut self, smss: u32) {
        let mut octets = 0u32;
        for (count, range) in (1..).zip(self.scoreboard.as_slice().iter().rev()) {
            octets = octets.saturating_add(range.right.since(range.left));
            if count >= DUP_THRESH || octets > (DUP_THRESH - 1) * smss {
                self.lost_edge = self.lost_edge.max(range.left);
                return;
            }
        }
    }

    /// SND.UNA has moved by `octets` to `una`.
    pub(super) fn acknowledged(&mut self, una: SeqNumber, octets: u32, smss: u32) -> Verdict {
        self.scoreboard.remove_before(una);
        self.marks_follow(una);
        self.dup_acks = 0;
        match self.phase {
            Phase::Open => {
                self.left_network = 0;
                Verdict::Progress
            }
            Phase::FastRecovery if una.ge(self.recover) => {
                self.phase = Phase::Open;
                self.left_network = 0;
                self.first = false;
                Verdict::ExitRecovery
            }
            Phase::FastRecovery => {
                if !self.sack {
                    // RFC 6582 3.2 step 3, partial acknowledgment: the next segment is lost too; the window is
                    // deflated by what was acknowledged, less one segment.
                    self.first = true;
                    let deflate = octets.saturating_sub(if octets >= smss { smss } else { 0 });
                    self.left_network = self.left_network.saturating_sub(deflate);
                }
                Verdict::Unchanged
            }
            Phase::TimedOut => {
                self.first = false;
                if una.ge(self.recover) {
                    self.phase = Phase::Open;
                }
                Verdict::Progress
            }
        }
    }

    /// SND.UNA has moved from `old` to `una` while [`Recovery::is_quiet`]: does what [`Recovery::acknowledged`] would do, and
    /// the window may grow. The marks need not be exact then, so they are moved only now and then ([`MARKS_FOLLOW_BITS`]).
    #[inline]
    pub(super) fn acknowledged_in_quiet(&mut self, old: SeqNumber, una: SeqNumber) {
        if (old.0 ^ una.0) >> MARKS_FOLLOW_BITS != 0 {
            self.marks_follow(una);
        }
    }

    /// Moves each mark that lies behind `una` to `una`.
    fn marks_follow(&mut self, una: SeqNumber) {
        self.lost_edge = self.lost_edge.max(una);
        self.high_rxt = self.high_rxt.max(una);
        if self.phase == Phase::Open {
            self.recover = self.recover.max(una - 1);
        }
    }

    /// A duplicate ACK; `news`: it SACKed something new.
    pub(super) fn duplicate_ack(
        &mut self,
        una: SeqNumber,
        nxt: SeqNumber,
        smss: u32,
        news: bool,
    ) -> Verdict {
        if self.sack && !news {
            // RFC 6675 2: with SACK a duplicate ACK is one that brings new SACK information.
            return Verdict::Unchanged;
        }
        self.dup_acks = self.dup_acks.saturating_add(1);
        if !self.sack && self.phase != Phase::TimedOut {
            self.left_network = self
                .left_network
                .saturating_add(smss)
                .min(nxt.since(una).saturating_sub(1));
        }
        if self.phase != Phase::Open {
            return Verdict::Unchanged;
        }
        let lost = self.dup_acks >= DUP_THRESH || self.sack && self.lost_edge.gt(una);
        // RFC 6582 3.2 step 2: not once more for the window that has just been repaired.
        let repaired = !self.sack && !una.gt(self.recover);
        if !lost || repaired {
            return Verdict::Unchanged;
        }
        self.phase = Phase::FastRecovery;
        self.recover = nxt;
        self.high_rxt = una;
        self.first = true;
        self.rescued = false;
        Verdict::EnterRecovery
    }

    /// The retransmission timer has expired. The peer may have dropped what it SACKed (RFC 2018 8): the scoreboard is
    /// forgotten, and all is sent again that is not SACKed anew.
    pub(super) fn timed_out(&mut self, una: SeqNumber, nxt: SeqNumber) {
        self.phase = Phase::TimedOut;
        self.scoreboard.clear();
        self.dup_acks = 0;
        self.left_network = 0;
        self.lost_edge = una;
        self.high_rxt = una;
        self.recover = nxt;
        self.first = true;
    }

    /// The octets to send again next, as far as they are in one piece: those that are lost (RFC 6675 4, NextSeg (1)).
    pub(super) fn next_lost(
        &self,
        una: SeqNumber,
        nxt: SeqNumber,
        cwnd: u32,
        smss: u32,
    ) -> Option<SackBlock> {
        if self.first {
            return self.unsacked(una, nxt);
        }
        if self.phase == Phase::Open || !self.uses_scoreboard() {
            return None;
        }
        let piece = self.unsacked(self.high_rxt.max(una), self.lost_edge(una).min(nxt))?;
        (self.pipe(una, nxt).saturating_add(smss) <= cwnd).then_some(piece)
    }

    /// When there is nothing new to send: octets below the highest SACKed one that may be lost (NextSeg (3)).
    pub(super) fn next_doubtful(
        &self,
        una: SeqNumber,
        nxt: SeqNumber,
        cwnd: u32,
        smss: u32,
    ) -> Option<SackBlock> {
        if self.phase != Phase::FastRecovery || !self.sack {
            return None;
        }
        let highest = self.scoreboard.last_right()?;
        let piece = self.unsacked(self.high_rxt.max(una), highest)?;
        (self.pipe(una, nxt).saturating_add(smss) <= cwnd).then_some(piece)
    }

    /// When there is nothing of that either: once in a recovery the last octets that were sent, so that the loss of the
    /// last segment does not cost a time-out (NextSeg (4)). `high_rxt` stays: what lies before them may still be found lost.
    pub(super) fn next_rescue(
        &mut self,
        una: SeqNumber,
        nxt: SeqNumber,
        cwnd: u32,
        smss: u32,
    ) -> Option<SackBlock> {
        let may = self.phase == Phase::FastRecovery && self.sack && !self.rescued;
        if !may || self.pipe(una, nxt).saturating_add(smss) > cwnd {
            return None;
        }
        let highest = self.scoreboard.last_right().unwrap_or(una);
        let tail = (self.recover - smss).max(una).max(highest);
        let piece = self.unsacked(tail, self.recover.min(nxt))?;
        self.rescued = true;
        Some(piece)
    }

    /// The first octets of `from..to` that are not SACKed.
    fn unsacked(&self, from: SeqNumber, to: SeqNumber) -> Option<SackBlock> {
        let mut left = from;
        let mut right = to;
        if let Some(range) = self.scoreboard.first_beyond(from) {
            if range.left.le(from) {
                left = range.right;
                right = match self.scoreboard.first_beyond(left) {
                    Some(next) => to.min(next.left),
                    None => to,
                };
            } else {
                right = to.min(range.left);
            }
        }
        left.lt(right).then_some(SackBlock { left, right })
    }

    /// Octets up to `end` have been sent again.
    pub(super) fn retransmitted(&mut self, end: SeqNumber) {
        self.first = false;
        self.high_rxt = self.high_rxt.max(end);
    }

    /// All is acknowledged, and nothing more will be sent.
    pub(super) fn release(&mut self) {
        self.scoreboard.release();
    }

    /// Nothing is lost, and nothing looks like it: all that was sent and not acknowledged is in the network.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.phase == Phase::Open
            && self.dup_acks == 0
            && self.left_network == 0
            && self.scoreboard.is_empty()
    }

    /// Recovery of any kind is under way.
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Open
    }
}
