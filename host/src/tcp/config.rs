//! The parameters of a connection and their defaults.

use handclasp_layout::header::MTU_BYTES;

const MILLISECOND_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MILLISECOND_NS;

/// IPv4 and TCP header without options, in bytes.
pub(super) const FIXED_HEADERS_BYTES: u16 = 40;
/// Least MSS that is believed: less than this and a peer could make us send one byte a segment (the value that
/// Linux takes for the same purpose; larger than the 40 bytes of options a segment may need).
pub(super) const MSS_MIN: u16 = 88;
/// IPv4 packets of at most this many bytes leave our NIC.
pub(super) const MTU: u16 = MTU_BYTES as u16;
const _: () = assert!(MTU_BYTES <= u16::MAX as usize);

/// Parameters of connections, which share it. `Config::default()` is what the documentation of each field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// MSS that we announce, in bytes: the longest packet our NIC takes, less 40 (RFC 9293 MUST-67). Default 1460.
    pub mss: u16,
    /// Offer timestamps (RFC 7323). Default on.
    pub timestamps: bool,
    /// Offer a window scale (RFC 7323). Default on.
    pub window_scale: bool,
    /// Offer SACK (RFC 2018). Default on.
    pub sack: bool,
    /// Send small segments at once (TCP_NODELAY, RFC 9293 MUST-17). Default off: Nagle's algorithm (SHLD-7).
    pub nodelay: bool,
    /// Retransmission time-out before the first RTT measurement. Default 1 s (RFC 6298 2.1).
    pub rto_initial_ns: u64,
    /// Least retransmission time-out. RFC 6298 2.4 says it SHOULD be 1 s; default 200 ms, as Linux has it: the
    /// RFC's reason is the coarse clocks of its time, and a second's stall after a lost last segment is what users
    /// of a fast NIC feel first.
    pub rto_min_ns: u64,
    /// Greatest retransmission time-out, 60 s or more (RFC 6298 2.5). Default 60 s.
    pub rto_max_ns: u64,
    /// R2 for SYNs: how long they are repeated. Default 3 minutes, the least that RFC 9293 MUST-23 allows.
    pub r2_syn_ns: u64,
    /// R2 for data: how long it is repeated without an answer, at least 100 s (RFC 9293 SHLD-11). Default 5 minutes
    /// (the user time-out of RFC 9293 3.10.1).
    pub r2_data_ns: u64,
    /// R1: after this many retransmissions [`Connection::is_struggling`](super::Connection::is_struggling) advises
    /// to look for another way to the peer (RFC 9293 SHLD-9, 10). Default 3.
    pub r1_retransmissions: u32,
    /// Longest delay of an ACK, less than 0.5 s (RFC 9293 MUST-40). Default 40 ms.
    pub ack_delay_ns: u64,
    /// Maximum segment lifetime. RFC 9293 3.4.2 takes 2 minutes; default 30 s, so that TIME-WAIT (2 MSL) lasts the
    /// 60 s that it lasts in Linux.
    pub msl_ns: u64,
    /// How long FIN-WAIT-2 lasts when the user has closed both directions and the peer does not. No RFC asks for
    /// a limit, but without one such a connection would never end. Default 60 s.
    pub fin_wait_2_ns: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mss: MTU - FIXED_HEADERS_BYTES,
            timestamps: true,
            window_scale: true,
            sack: true,
            nodelay: false,
            rto_initial_ns: SECOND_NS,
            rto_min_ns: 200 * MILLISECOND_NS,
            rto_max_ns: 60 * SECOND_NS,
            r2_syn_ns: 180 * SECOND_NS,
            r2_data_ns: 300 * SECOND_NS,
            r1_retransmissions: 3,
            ack_delay_ns: 40 * MILLISECOND_NS,
            msl_ns: 30 * SECOND_NS,
            fin_wait_2_ns: 60 * SECOND_NS,
        }
    }
}
