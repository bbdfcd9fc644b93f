//! The transmission control block (RFC 9293 3.3.1): how it begins, and how it ends.

use super::acceptance::Expected;
use super::config::{Config, FIXED_HEADERS_BYTES, MSS_MIN, MTU};
use super::congestion::Congestion;
use super::delayed_ack::DelayedAck;
use super::error::ConnectionError;
use super::isn::Beginning;
use super::receive_buffer::ReceiveBuffer;
use super::recovery::Recovery;
use super::rtt::RttEstimator;
use super::segment::Segment;
use super::send_buffer::SendBuffer;
use super::seq::SeqNumber;
use super::state::State;
use super::throttle::Throttle;
use super::timer::Timers;
use super::timestamps::Timestamps;
use handclasp_driver::dma::DmaRegion;
use handclasp_layout::header::{tcp_flags, MSS_DEFAULT, WINDOW_SCALE_MAX};
use std::sync::Arc;

/// Memory of a connection. Each region is one ring; of more than 1 GiB only 1 GiB is used.
#[derive(Clone, Debug)]
pub struct Buffers {
    /// Data to send, until it is acknowledged: the NIC reads payload from it.
    pub send: DmaRegion,
    /// Data received, until the user reads it.
    pub receive: DmaRegion,
}

/// Send sequence variables (RFC 9293 3.3.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct SendVariables {
    pub(super) una: SeqNumber,
    pub(super) nxt: SeqNumber,
    /// Behind the highest octet ever sent: beyond `nxt` by the octet that probed a zero window.
    pub(super) max: SeqNumber,
    /// In octets, scaled.
    pub(super) wnd: u32,
    /// Largest `wnd` ever (MAX.SND.WND of RFC 5961 5.2, Max(SND.WND) of RFC 9293 3.8.6.2.1).
    pub(super) max_wnd: u32,
    pub(super) wl1: SeqNumber,
    pub(super) wl2: SeqNumber,
    pub(super) iss: SeqNumber,
    /// Snd.Wind.Shift (RFC 7323 2.3).
    pub(super) wind_shift: u8,
}

/// Receive sequence variables (RFC 9293 3.3.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiveVariables {
    pub(super) nxt: SeqNumber,
    /// RCV.NXT + RCV.WND: the right edge of the window as offered; it never moves back (SHLD-14).
    pub(super) edge: SeqNumber,
    pub(super) irs: SeqNumber,
    /// RCV.UP, once the peer has sent urgent data.
    pub(super) up: Option<SeqNumber>,
    /// Where the peer's FIN stands, once it is seen; it may have come before the data in front of it.
    pub(super) fin: Option<SeqNumber>,
    /// Rcv.Wind.Shift (RFC 7323 2.3).
    pub(super) wind_shift: u8,
    /// The window is offered anew when it has grown by so many octets: min(Fr * RCV.BUFF, Eff.snd.MSS) of RFC 9293 3.8.6.2.2,
    /// with Fr = 1/2.
    pub(super) step: u32,
    /// Last.ACK.sent (RFC 7323 4.3).
    pub(super) last_ack_sent: SeqNumber,
}

impl ReceiveVariables {
    /// What arriving segments are compared with.
    pub(super) fn expected(&self) -> Expected {
        Expected {
            nxt: self.nxt,
            edge: self.edge,
            last_ack_sent: self.last_ack_sent,
        }
    }
}

/// One TCP connection, from the first SYN to the end of TIME-WAIT.
///
/// It has no clock and sends nothing: `now_ns` is the time, never going back; after any call ask
/// [`Connection::next_segment`] until it has none, and call [`Connection::timeout`] when [`Connection::deadline`]
/// has come.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Arc<Config>,
    pub(super) state: State,
    /// Opened by the peer's SYN (RFC 9293 3.10.7.4: where it goes back to when the handshake fails).
    pub(super) passive: bool,
    pub(super) snd: SendVariables,
    pub(super) rcv: ReceiveVariables,
    pub(super) send_buffer: SendBuffer,
    pub(super) receive_buffer: ReceiveBuffer,
    /// It was [plain](Connection::is_plain) when it was last looked at, and nothing has happened since but plain segments.
    pub(super) plain: bool,
    /// Small segments are sent at once (RFC 9293 MUST-17).
    pub(super) nodelay: bool,
    /// The user closed the sending side: a FIN follows the data.
    pub(super) fin_queued: bool,
    /// The user will read no more.
    pub(super) receive_shut: bool,
    /// The user has closed both directions.
    pub(super) closed: bool,
    pub(super) error: Option<ConnectionError>,
    /// The network has reported a soft error.
    pub(super) unreachable: bool,
    /// SendMSS, as the peer told it, and as the path allows.
    pub(super) send_mss: u16,
    /// Negotiated, or offered while the handshake lasts.
    pub(super) timestamps: Option<Timestamps>,
    pub(super) window_scale: bool,
    pub(super) sack: bool,
    pub(super) rtt: RttEstimator,
    pub(super) congestion: Congestion,
    pub(super) recovery: Recovery,
    pub(super) ack: DelayedAck,
    pub(super) timers: Timers,
    pub(super) throttle: Throttle,
    /// A segment that is sent before all others: a RST, or an ACK that answers a segment which is not acceptable.
    pub(super) reply: Option<Segment>,
    /// The SYN, or SYN+ACK, is to be sent (again).
    pub(super) syn_due: bool,
    pub(super) retransmissions: u64,
}

impl Connection {
    /// Active open (RFC 9293 3.10.1): a connection in SYN-SENT, with a SYN to send. `begin` comes from an
    /// [`IsnGenerator`](super::IsnGenerator).
    #[inline(always)]
    pub fn connect(config: Arc<Config>, now_ns: u64, begin: Beginning, buffers: Buffers) -> Self {
        Self::new(config, now_ns, begin, buffers, State::SynSent)
    }

    /// Passive open: what a listener makes of an arriving `syn` (RFC 9293 3.10.7.2, third): a connection in
    /// SYN-RECEIVED, with a SYN+ACK to send. Text in the SYN is left to be sent again.
    #[inline(always)]
    pub fn accept(
        config: Arc<Config>,
        now_ns: u64,
        begin: Beginning,
        buffers: Buffers,
        syn: &Segment,
    ) -> Self {
        let mut connection = Self::new(config, now_ns, begin, buffers, State::SynReceived);
        connection.passive = true;
        connection.syn_arrives(now_ns, syn);
        connection
    }

    // Inlined always, so that the connection is built where it stays instead of being copied there.
    #[inline(always)]
    fn new(
        config: Arc<Config>,
        now_ns: u64,
        begin: Beginning,
        buffers: Buffers,
        state: State,
    ) -> Self {
        let iss = begin.iss;
        let receive_buffer = ReceiveBuffer::new(buffers.receive);
        let mut timers = Timers::default();
        timers.open(now_ns);
        Self {
            state,
            passive: false,
            snd: SendVariables {
                una: iss,
                nxt: iss,
                max: iss,
                wnd: 0,
                max_wnd: 0,
                wl1: SeqNumber(0),
                wl2: SeqNumber(0),
                iss,
                wind_shift: 0,
            },
            rcv: ReceiveVariables {
                nxt: SeqNumber(0),
                edge: SeqNumber(0),
                irs: SeqNumber(0),
                up: None,
                fin: None,
                wind_shift: if config.window_scale {
                    window_shift(receive_buffer.capacity())
                } else {
                    0
                },
                // A ring has at most 2^30 bytes.
                step: (receive_buffer.capacity() as u32 / 2).min(u32::from(config.mss)),
                last_ack_sent: SeqNumber(0),
            },
            send_buffer: SendBuffer::new(buffers.send, iss + 1),
            receive_buffer,
            plain: false,
            nodelay: config.nodelay,
            fin_queued: false,
            receive_shut: false,
            closed: false,
            error: None,
            unreachable: false,
            // RFC 9293 MUST-15: 536 unless the peer says otherwise.
            send_mss: MSS_DEFAULT,
            timestamps: config
                .timestamps
                .then(|| Timestamps::new(begin.timestamp_offset)),
            window_scale: config.window_scale,
            sack: config.sack,
            rtt: RttEstimator::new(&config),
            congestion: Congestion::new(u32::from(MSS_DEFAULT), false),
            recovery: Recovery::new(iss),
            ack: DelayedAck::default(),
            timers,
            throttle: Throttle::default(),
            reply: None,
            syn_due: true,
            retransmissions: 0,
            config,
        }
    }

    /// The memory that it was given.
    pub fn buffers(&self) -> Buffers {
        Buffers {
            send: self.send_region().clone(),
            receive: self.receive_buffer.region().clone(),
        }
    }

    /// As the `send` of [`Connection::buffers`].
    #[inline]
    pub fn send_region(&self) -> &DmaRegion {
        self.send_buffer.region()
    }

    /// What the peer's SYN says (RFC 9293 3.10.7.2 and 3.10.7.3): its sequence number and its options.
    pub(super) fn syn_arrives(&mut self, now_ns: u64, syn: &Segment) {
        self.rcv.irs = syn.seq;
        self.rcv.nxt = syn.seq + 1;
        self.rcv.last_ack_sent = self.rcv.nxt;
        // What the SYN offers, or has offered.
        self.rcv.edge = self.rcv.nxt + self.receive_buffer.free().min(u32::from(u16::MAX));
        // RFC 9293 MUST-15, MUST-16; never so little that the headers are most of what is sent.
        let mss = syn.options.mss.unwrap_or(MSS_DEFAULT).max(MSS_MIN);
        self.send_mss = mss.min(MTU - FIXED_HEADERS_BYTES);
        // RFC 7323 2.2: scaling, and 3.2: timestamps, only when both have sent the option in their SYN.
        match syn.options.window_scale {
            Some(shift) if self.window_scale => self.snd.wind_shift = shift.min(WINDOW_SCALE_MAX),
            _ => {
                self.window_scale = false;
                self.rcv.wind_shift = 0;
            }
        }
        match (&mut self.timestamps, syn.options.timestamps) {
            (Some(timestamps), Some((ts_val, _))) => timestamps.accept(now_ns, ts_val),
            _ => self.timestamps = None,
        }
        self.sack &= syn.options.sack_permitted;
        self.recovery.set_sack(self.sack);
        // RFC 7323 2.2: the window field of a SYN is not scaled.
        self.set_send_window(u32::from(syn.window));
        self.snd.wl1 = syn.seq;
        self.snd.wl2 = syn.ack;
    }

    /// The handshake is done: `segment` acknowledges our SYN. (That ACK opens no congestion window: RFC 5681 3.1.)
    pub(super) fn establish(&mut self, now_ns: u64, segment: &Segment) {
        let echoed_ns = || {
            let (_, ts_ecr) = segment.options.timestamps?;
            self.timestamps.as_ref()?.elapsed_ns(now_ns, ts_ecr)
        };
        self.rtt.acknowledged(segment.ack, now_ns, echoed_ns);
        let lost = self.timers.syn_retransmissions() > 0;
        if lost {
            self.rtt.syn_was_retransmitted();
        }
        self.timers.stop();
        self.timers.progress(now_ns);
        self.timers.heard(now_ns);
        self.snd.una = segment.ack;
        self.congestion = Congestion::new(self.smss(), lost);
        self.syn_due = false;
        self.state = if self.fin_queued {
            // The user has closed before: RFC 9293 3.10.4, SYN-RECEIVED, queued until now.
            State::FinWait1
        } else {
            State::Established
        };
    }

    /// SEG.WND of a segment without SYN: its window field, scaled (RFC 7323 2.3).
    pub(super) fn scaled(&self, window: u16) -> u32 {
        // By at most 14 bits, so none is lost.
        u32::from(window).wrapping_shl(self.snd.wind_shift.into())
    }

    pub(super) fn set_send_window(&mut self, wnd: u32) {
        self.snd.wnd = wnd;
        self.snd.max_wnd = self.snd.max_wnd.max(wnd);
    }

    /// Most payload of a full-sized segment: the MSS less the options that each segment carries
    /// (RFC 9293 3.7.1, Eff.snd.MSS; MUST-16).
    pub(super) fn smss(&self) -> u32 {
        u32::from(self.send_mss) - if self.timestamps.is_some() { 12 } else { 0 }
    }

    /// RCV.WND. (Nothing is taken beyond the edge but a FIN, and that takes it along.)
    pub(super) fn rcv_wnd(&self) -> u32 {
        self.rcv.edge.distance(self.rcv.nxt)
    }

    /// Our FIN is acknowledged.
    pub(super) fn fin_is_acknowledged(&self) -> bool {
        self.fin_queued && self.snd.una.gt(self.send_buffer.end())
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>`: the ACK is right as well, and some peers want it.
    pub(super) fn rst(&self) -> Segment {
        Segment {
            seq: self.snd.nxt,
            ack: self.rcv.nxt,
            flags: tcp_flags::RST | tcp_flags::ACK,
            ..Segment::default()
        }
    }

    /// Enters CLOSED; what was to be sent is forgotten (RFC 9293 3.10.7.4: queues are flushed).
    pub(super) fn end(&mut self, error: Option<ConnectionError>) {
        self.state = State::Closed;
        self.error = self.error.or(error);
        self.send_buffer.clear();
        self.syn_due = false;
        self.ack.sent();
        self.timers.stop_all();
    }
}

/// Least shift with which `capacity_bytes` fit into 16 bits (RFC 7323 2.3).
fn window_shift(capacity_bytes: usize) -> u8 {
    (0..WINDOW_SCALE_MAX)
        .find(|shift| capacity_bytes >> shift <= usize::from(u16::MAX))
        .unwrap_or(WINDOW_SCALE_MAX)
}
