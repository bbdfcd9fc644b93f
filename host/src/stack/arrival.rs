//! What the driver hands over, as TCP takes it.

use handclasp_driver::dma::OutOfRange;
use handclasp_driver::{DmaRegion, DriverError, Nic, Payload};
use handclasp_layout::queue::{RxEvent, ENTRY_BYTES};

use super::{Observation, Tuple};
use crate::tcp::{PayloadSource, Plain, SackBlock, Segment, SeqNumber, State};

/// A segment, and what came with it.
pub(super) struct Arrival<S = Segment> {
    /// The NIC's time when its first beat arrived.
    pub(super) device_time: u64,
    pub(super) tuple: Tuple,
    pub(super) segment: S,
    pub(super) payload: Payload,
}

impl<S> Arrival<S> {
    #[inline]
    fn with(segment: S, event: &[u8; ENTRY_BYTES], payload: Payload) -> Self {
        Self {
            device_time: RxEvent::timestamp(event),
            tuple: Tuple {
                remote_ip: RxEvent::src_ip(event),
                local_ip: RxEvent::dst_ip(event),
                remote_port: RxEvent::src_port(event),
                local_port: RxEvent::dst_port(event),
            },
            segment,
            payload,
        }
    }
}

impl<S: Into<Segment> + Copy> Arrival<S> {
    /// What an observer is told of it.
    pub(super) fn observed(
        &self,
        at_ns: u64,
        before: Option<State>,
        after: Option<State>,
    ) -> Observation {
        Observation::Arrived {
            at_ns,
            device_time: self.device_time,
            tuple: self.tuple,
            segment: self.segment.into(),
            before,
            after,
        }
    }
}

impl Arrival {
    /// What an [`RxEvent`] with the verdict Flow, Listen or Miss tells of.
    #[inline]
    pub(super) fn new(
        event: &[u8; ENTRY_BYTES],
        sack: &[handclasp_driver::SackBlock],
        payload: Payload,
    ) -> Self {
        let mut arrival = Self::with(Segment::from_event(event), event, payload);
        for block in sack {
            arrival.segment.options.sack.push(SackBlock {
                left: SeqNumber(block.left),
                right: SeqNumber(block.right),
            });
        }
        arrival
    }
}

impl Arrival<Plain> {
    /// As [`Arrival::new`] without SACK blocks, if the segment is plain.
    #[inline]
    pub(super) fn plain(event: &[u8; ENTRY_BYTES], payload: Payload) -> Option<Self> {
        Some(Self::with(Plain::from_event(event)?, event, payload))
    }
}

/// An arrived payload where it lies: the receive slot, from which it is copied once, into the connection's buffer.
pub(super) struct InSlot<'a> {
    pub(super) nic: &'a Nic,
    pub(super) payload: Payload,
}

impl PayloadSource for InSlot<'_> {
    #[inline(always)]
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
