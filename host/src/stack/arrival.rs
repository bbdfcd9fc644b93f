//! What the driver hands over, as TCP takes it.

use handclasp_driver::dma::OutOfRange;
use handclasp_driver::{DmaRegion, DriverError, Nic, Payload, Received};

use crate::tcp::{PayloadSource, SackBlock, Segment, SeqNumber};

/// The segment that the gateware decoded.
pub(super) fn segment(received: &Received) -> Segment {
    let mut segment = Segment::from_event(&received.event, None);
    for block in received.sack_blocks() {
        segment.options.sack.push(SackBlock {
            left: SeqNumber(block.left),
            right: SeqNumber(block.right),
        });
    }
    segment
}

/// An arrived payload where it lies: the receive slot, from which it is copied once, into the connection's buffer.
pub(super) struct InSlot<'a> {
    pub(super) nic: &'a Nic,
    pub(super) payload: Payload,
}

impl PayloadSource for InSlot<'_> {
    fn copy_to(
        &self,
        offset: usize,
        to: &DmaRegion,
        to_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange> {
        match self
            .nic
            .copy_payload(&self.payload, offset, to, to_offset, len_bytes)
        {
            Ok(()) => Ok(()),
            Err(DriverError::OutOfRange(error)) => Err(error),
            // The slot has been given back: none of it is there any more.
            Err(_) => Err(OutOfRange {
                offset,
                len_bytes,
                size_bytes: 0,
            }),
        }
    }
}
