//! What the driver hands over, as TCP takes it.

use handclasp_driver::dma::OutOfRange;
use handclasp_driver::{DmaRegion, DriverError, Nic, Payload};
use handclasp_layout::queue::{AddressEvent, RxEvent, ENTRY_BYTES};

use super::{Observation, Tuple};
use crate::tcp::{PayloadSource, Plain, SackBlock, Segment, SeqNumber, State};

/// A segment, and what came with it.
pub(super) struct Arrival {
    /// The NIC's time when its first beat arrived.
    pub(super) device_time: u64,
    pub(super) tuple: Tuple,
    pub(super) segment: Segment,
    pub(super) payload: Payload,
}

impl Arrival {
    /// What an [`RxEvent`] with the verdict Flow, Listen or Miss tells of.
    #[inline]
    pub(super) fn new(
        event: &[u8; ENTRY_BYTES],
        tuple: Tuple,
        sack: &[handclasp_driver::SackBlock],
        payload: Payload,
    ) -> Self {
        let mut segment = Segment::from_event(event);
        for block in sack {
            segment.options.sack.push(SackBlock {
                left: SeqNumber(block.left),
                right: SeqNumber(block.right),
            });
        }
        Self {
            device_time: RxEvent::timestamp(event),
            tuple,
            segment,
            payload,
        }
    }

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
            segment: self.segment,
            before,
            after,
        }
    }
}

/// A plain segment that the NIC found the connection of, and what came with it.
pub(super) struct PlainArrival {
    device_time: u64,
    /// The NIC's id of the connection, and the generation of the id.
    pub(super) nic_id: u16,
    pub(super) generation: u8,
    pub(super) segment: Plain,
    pub(super) payload: Payload,
}

impl PlainArrival {
    /// What an [`RxEvent`] with the verdict Flow tells of, if the segment is plain.
    #[inline]
    pub(super) fn new(event: &[u8; ENTRY_BYTES], payload: Payload) -> Option<Self> {
        Some(Self {
            device_time: RxEvent::timestamp(event),
            nic_id: RxEvent::connection(event),
            generation: RxEvent::generation(event),
            segment: Plain::from_event(event)?,
            payload,
        })
    }

    /// What an observer is told of it, an established connection's.
    pub(super) fn observed(&self, at_ns: u64, tuple: Tuple) -> Observation {
        let state = Some(State::Established);
        Observation::Arrived {
            at_ns,
            device_time: self.device_time,
            tuple,
            segment: self.segment.into(),
            before: state,
            after: state,
        }
    }
}

impl Tuple {
    /// The 4-tuple of a frame that arrived, from its [`AddressEvent`].
    #[inline]
    pub(super) fn from_event(event: &[u8; ENTRY_BYTES]) -> Self {
        Self {
            remote_ip: AddressEvent::src_ip(event),
            local_ip: AddressEvent::dst_ip(event),
            remote_port: AddressEvent::src_port(event),
            local_port: AddressEvent::dst_port(event),
        }
    }
}

impl From<&AddressEvent> for Tuple {
    fn from(address: &AddressEvent) -> Self {
        Self {
            remote_ip: address.src_ip,
            local_ip: address.dst_ip,
            remote_port: address.src_port,
            local_port: address.dst_port,
        }
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
