//! Header prediction (Jacobson, 1990): the segments that nearly all traffic of an open connection is made of.
//!
//! Most of what arrives is the next text in order, or an ACK, of a connection in ESTABLISHED in which nothing is lost.
//! For such a segment most steps of RFC 9293 3.10.7.4 have nothing to do; the few that have are called here, in the RFC's
//! order, and are the same functions as in `arrival`. In the same way most of what is sent is new text with nothing in
//! its way. Whatever is not plain is left as it is for [`Connection::segment_arrives`] and [`Connection::next_segment`],
//! which take any segment: without this file the protocol would be the same, and cost more.

use super::connection::Connection;
use super::segment::{Options, PayloadSource, Segment, SendSlice};
use super::seq::SeqNumber;
use super::state::State;
use super::timestamps::Timestamps;
use handclasp_driver::dma::DmaRegion;
use handclasp_layout::header::tcp_flags::{ACK, PSH};
use handclasp_layout::queue::{Opcode, RxEvent, SegmentCommand, ENTRY_BYTES};

/// A segment that says nothing but text and ACK: no flags but ACK and PSH, no options but timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK.
    pub ack: SeqNumber,
    /// ACK, with or without PSH.
    pub flags: u16,
    /// Window field as on the wire, not scaled.
    pub window: u16,
    /// TSval.
    pub ts_val: u32,
    /// TSecr.
    pub ts_ecr: u32,
    /// Bytes of payload.
    pub payload_len_bytes: u16,
}

impl Plain {
    /// The segment of an event, an [`RxEvent`] of a segment without SACK blocks, when it is plain.
    #[inline]
    pub fn from_event(event: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let flags = RxEvent::tcp_flags(event);
        // (MSS, window scale and SACK-permitted mean nothing without SYN.)
        let plain = flags & !PSH == ACK && RxEvent::has_timestamps(event);
        plain.then(|| Self {
            seq: SeqNumber(RxEvent::seq(event)),
            ack: SeqNumber(RxEvent::ack(event)),
            flags,
            window: RxEvent::window(event),
            ts_val: RxEvent::ts_val(event),
            ts_ecr: RxEvent::ts_ecr(event),
            payload_len_bytes: RxEvent::payload_len_bytes(event) as u16,
        })
    }
}

impl From<Plain> for Segment {
    fn from(plain: Plain) -> Self {
        Self {
            seq: plain.seq,
            ack: plain.ack,
            flags: plain.flags,
            window: plain.window,
            options: Options {
                timestamps: Some((plain.ts_val, plain.ts_ecr)),
                ..Options::default()
            },
            payload_len_bytes: plain.payload_len_bytes,
            ..Segment::default()
        }
    }
}

/// New text to send, with nothing but an ACK beside it; or a bare ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainText {
    /// Its header.
    pub header: Plain,
    /// Its payload; of a bare ACK, no bytes.
    pub payload: SendSlice,
}

impl PlainText {
    /// Nothing is left to be sent behind this text.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.header.flags & PSH != 0
    }

    /// As [`Outgoing::command`](super::Outgoing::command).
    #[inline]
    pub fn command(&self, connection: u16, send: &DmaRegion) -> SegmentCommand {
        SegmentCommand {
            opcode: Opcode::Segment as u8,
            has_timestamps: true,
            connection,
            payload_len_bytes: self.header.payload_len_bytes.into(),
            // It lies within the region, whose addresses fit.
            payload_addr: send.iova().wrapping_add(self.payload.offset as u64),
            seq: self.header.seq.0,
            ack: self.header.ack.0,
            tcp_flags: self.header.flags,
            window: self.header.window,
            ts_val: self.header.ts_val,
            ts_ecr: self.header.ts_ecr,
            ..SegmentCommand::default()
        }
    }
}

impl Connection {
    /// The connection is open in both directions, nothing is lost, and nothing but text is to be sent: then prediction works.
    /// A plain segment does not change that, so `plain` stays set. Anything else clears `plain`, until
    /// [`Connection::next_segment`] has nothing more to send and asks here again.
    pub(super) fn is_plain(&self) -> bool {
        self.state == State::Established
            && self.timestamps.is_some()
            && self.recovery.is_quiet()
            && !self.receive_buffer.has_holes()
            && !self.receive_shut
            && self.rcv.fin.is_none()
            && self.reply.is_none()
    }

    /// The short ways of this file apply now.
    #[inline]
    pub fn predicts(&self) -> bool {
        self.plain
    }

    /// As [`Connection::segment_arrives`], when the segment is the expected one. False: nothing was done, and
    /// `segment_arrives` is to have it.
    #[inline(always)]
    pub fn expected_arrives(
        &mut self,
        now_ns: u64,
        segment: &Plain,
        payload: &impl PayloadSource,
    ) -> bool {
        let Some(timestamps) = &self.timestamps else {
            return false;
        };
        let len = u32::from(segment.payload_len_bytes);
        let octets = segment.ack.distance(self.snd.una);
        let expected = segment.seq == self.rcv.nxt
            && !timestamps.is_old(now_ns, segment.ts_val)
            && len <= self.rcv_wnd()
            // SND.UNA =< SEG.ACK =< SND.NXT
            && octets <= self.snd.nxt.distance(self.snd.una)
            // Else a duplicate ACK, or a window update.
            && (len > 0 || octets > 0);
        if !expected || !self.plain {
            return false;
        }
        // First (RFC 7323 4.3 (2)): all before it is acknowledged, or this is no news of the peer's clock.
        if segment.seq == self.rcv.last_ack_sent {
            if let Some(timestamps) = &mut self.timestamps {
                timestamps.accept(now_ns, segment.ts_val);
            }
        }
        // Fifth.
        self.timers.heard(now_ns);
        if octets > 0 {
            self.recovery
                .acknowledged_in_quiet(self.snd.una, segment.ack);
            self.una_moves(now_ns, segment.ack, Some(segment.ts_ecr), octets);
            self.congestion.acknowledged(octets);
        }
        let wnd = self.scaled(segment.window);
        self.update_send_window(now_ns, segment.seq, segment.ack, wnd);
        // Seventh.
        if len > 0 {
            self.place_in_window(now_ns, segment.seq, len, payload, 0);
        }
        true
    }

    /// [`Connection::next_segment`] may have something to send, while the connection [predicts](Connection::predicts).
    #[inline(always)]
    pub fn has_answer(&self) -> bool {
        self.owes_ack() || self.has_new()
    }

    /// An ACK is to be sent at once: [`Connection::next_segment`] has one, or what carries it.
    #[inline]
    pub fn owes_ack(&self) -> bool {
        self.ack.is_due()
    }

    /// As [`Connection::next_segment`], when the next one is new text with nothing in its way.
    #[inline(always)]
    pub fn next_plain_text(&mut self, now_ns: u64) -> Option<PlainText> {
        let timestamps = self.timestamps.filter(|_| self.plain)?;
        let (una, seq) = (self.snd.una, self.snd.nxt);
        let (mut payload, unsent) = self.send_buffer.rest(seq);
        let mss = self.smss();
        let pipe = seq.distance(una);
        // All there is, or a full segment; into the window, and at once.
        let wanted = unsent.min(mss);
        let at_once = pipe == 0 || self.nodelay || wanted == mss;
        let sent = pipe.saturating_add(wanted);
        if wanted == 0 || !at_once || sent > self.snd.wnd {
            return None;
        }
        if pipe == 0 && self.timers.is_idle(now_ns, self.rtt.rto_ns()) {
            self.congestion.restart_after_idle();
        }
        if sent > self.congestion.cwnd() {
            return None;
        }
        payload.len_bytes = payload.len_bytes.min(wanted as usize);
        let len = payload.len_bytes as u32;
        // RFC 9293 MUST-61: PSH on the last of what is buffered.
        let flags = if len == unsent { ACK | PSH } else { ACK };
        let header = self.plain_header(now_ns, timestamps, flags, len);
        self.new_is_sent(now_ns, seq + len, pipe.saturating_add(len));
        Some(PlainText { header, payload })
    }

    /// As [`Connection::next_segment`], when all that there is to send is an ACK.
    #[inline]
    pub fn next_plain_ack(&mut self, now_ns: u64) -> Option<PlainText> {
        let timestamps = self.timestamps.filter(|_| self.plain)?;
        if !self.owes_ack() || self.has_new() {
            return None;
        }
        let payload = SendSlice {
            offset: 0,
            len_bytes: 0,
        };
        let header = self.plain_header(now_ns, timestamps, ACK, 0);
        Some(PlainText { header, payload })
    }

    /// The header of a segment at SND.NXT with `len` octets of text; its ACK acknowledges all that has arrived.
    #[inline(always)]
    fn plain_header(&mut self, now_ns: u64, timestamps: Timestamps, flags: u16, len: u32) -> Plain {
        let window = self.offer_window(false);
        let (ts_val, ts_ecr) = timestamps.option(now_ns);
        Plain {
            seq: self.snd.nxt,
            ack: self.acknowledge_all(),
            flags,
            window,
            ts_val,
            ts_ecr,
            // At most the MSS.
            payload_len_bytes: len as u16,
        }
    }
}
