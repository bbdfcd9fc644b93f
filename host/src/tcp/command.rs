//! Segments as the NIC's events bring them, and as its commands send them.

use super::segment::{Options, Outgoing, SackBlocks, Segment};
use super::seq::SeqNumber;
use handclasp_driver::dma::DmaRegion;
use handclasp_layout::queue::{Opcode, RxEvent, SegmentCommand, ENTRY_BYTES};

impl Segment {
    /// The segment that an event, an [`RxEvent`] with the verdict Flow, Listen or Miss, announces. Its SACK blocks are in the
    /// event before.
    #[inline]
    pub fn from_event(event: &[u8; ENTRY_BYTES]) -> Self {
        let mss = RxEvent::has_mss(event).then(|| RxEvent::mss(event));
        let window_scale = RxEvent::has_window_scale(event).then(|| RxEvent::window_scale(event));
        let timestamps = RxEvent::has_timestamps(event)
            .then(|| (RxEvent::ts_val(event), RxEvent::ts_ecr(event)));
        Self {
            seq: SeqNumber(RxEvent::seq(event)),
            ack: SeqNumber(RxEvent::ack(event)),
            flags: RxEvent::tcp_flags(event),
            window: RxEvent::window(event),
            urgent: RxEvent::urgent(event),
            options: Options {
                mss,
                window_scale,
                sack_permitted: RxEvent::has_sack_permitted(event),
                timestamps,
                sack: SackBlocks::default(),
            },
            payload_len_bytes: RxEvent::payload_len_bytes(event) as u16,
        }
    }
}

impl Outgoing {
    /// The command that sends this segment on the NIC's connection `connection`, with its payload in `send`, the
    /// region given as [`Buffers::send`](super::Buffers::send).
    pub fn command(&self, connection: u16, send: &DmaRegion) -> SegmentCommand {
        let segment = &self.segment;
        let options = &segment.options;
        let (payload_addr, payload_len_bytes) = match self.payload {
            // Both lie within the region, whose addresses and size fit.
            Some(slice) => (
                send.iova().wrapping_add(slice.offset as u64),
                slice.len_bytes as u32,
            ),
            None => (0, 0),
        };
        let (ts_val, ts_ecr) = options.timestamps.unwrap_or_default();
        let mut command = SegmentCommand {
            opcode: Opcode::Segment as u8,
            has_timestamps: options.timestamps.is_some(),
            has_mss: options.mss.is_some(),
            has_window_scale: options.window_scale.is_some(),
            has_sack_permitted: options.sack_permitted,
            connection,
            payload_len_bytes,
            window_scale: options.window_scale.unwrap_or_default(),
            payload_addr,
            seq: segment.seq.0,
            ack: segment.ack.0,
            tcp_flags: segment.flags,
            window: segment.window,
            mss: options.mss.unwrap_or_default(),
            ts_val,
            ts_ecr,
            ..SegmentCommand::default()
        };
        if let [first, rest @ ..] = options.sack.as_slice() {
            command.sack_count = 1;
            command.sack0_left = first.left.0;
            command.sack0_right = first.right.0;
            if let [second, rest @ ..] = rest {
                command.sack_count = 2;
                command.sack1_left = second.left.0;
                command.sack1_right = second.right.0;
                if let [third, ..] = rest {
                    command.sack_count = 3;
                    command.sack2_left = third.left.0;
                    command.sack2_right = third.right.0;
                }
            }
        }
        command
    }
}
