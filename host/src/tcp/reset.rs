//! The answer to a segment that belongs to no connection.

use super::segment::Segment;
use super::seq::SeqNumber;
use handclasp_layout::header::tcp_flags::{ACK, RST};

/// The RST to send for a segment to a port where no one listens and no connection is (RFC 9293 3.10.7.1), or for an
/// ACK that reaches a listener (3.10.7.2, second); `None` for a RST, which is never answered.
pub fn answer_unmatched(segment: &Segment) -> Option<Segment> {
    if segment.rst() {
        return None;
    }
    Some(if segment.has_ack() {
        // <SEQ=SEG.ACK><CTL=RST>
        Segment {
            seq: segment.ack,
            flags: RST,
            ..Segment::default()
        }
    } else {
        // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
        Segment {
            seq: SeqNumber(0),
            ack: segment.seq + segment.len(),
            flags: RST | ACK,
            ..Segment::default()
        }
    })
}
