//! The prepared NIC: our driver's device, whose own work is done between the measured sections.
//!
//! It is the reference NIC of the simulation, which follows the datasheet, with doorbells that only remember what was
//! rung. So in a measured section a doorbell costs what it costs on a card: a barrier and a store. What the card would do
//! about it, the reference NIC does when [`PreparedNic::work`] is called.

use std::sync::atomic::{AtomicU32, Ordering};

use handclasp_driver::{Bus, BusError, DmaRegion};
use handclasp_layout::register::{
    Counter, COMMAND_PRODUCER, COUNTER_BASE, EVENT_CONSUMER, SLOT_PRODUCER,
};
use handclasp_reference::ReferenceNic;
use handclasp_wires::clock::Clock;
use handclasp_wires::Wire;

/// A NIC that does nothing until it is told to.
pub struct PreparedNic {
    nic: ReferenceNic,
    /// As last written; passed on in this order, the one in which the driver rings them.
    slot_producer: AtomicU32,
    event_consumer: AtomicU32,
    command_producer: AtomicU32,
}

impl PreparedNic {
    /// A NIC just out of reset, with this wire plugged in; the clock is its `now` input.
    ///
    /// # Errors
    /// The system's, when it has no file descriptors left.
    pub fn new(wire: Box<dyn Wire>, clock: Clock) -> std::io::Result<Self> {
        Ok(Self {
            nic: ReferenceNic::new(wire, clock)?,
            slot_producer: AtomicU32::new(0),
            event_consumer: AtomicU32::new(0),
            command_producer: AtomicU32::new(0),
        })
    }

    /// Does what the doorbells ask for, and takes what has arrived on the wire.
    ///
    /// # Errors
    /// As for [`Bus::write32`].
    pub fn work(&self) -> Result<(), BusError> {
        for (doorbell, register) in [
            (&self.slot_producer, SLOT_PRODUCER),
            (&self.event_consumer, EVENT_CONSUMER),
            (&self.command_producer, COMMAND_PRODUCER),
        ] {
            self.nic
                .write32(register.offset, doorbell.load(Ordering::Acquire))?;
        }
        self.nic.relax();
        Ok(())
    }

    /// Events that the NIC has written since its reset.
    ///
    /// # Errors
    /// As for [`Bus::read32`].
    pub fn events(&self) -> Result<u32, BusError> {
        self.nic.read32(COUNTER_BASE + 4 * Counter::Events as u32)
    }
}

impl Bus for PreparedNic {
    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        self.nic.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        let doorbell = match offset {
            offset if offset == COMMAND_PRODUCER.offset => &self.command_producer,
            offset if offset == EVENT_CONSUMER.offset => &self.event_consumer,
            offset if offset == SLOT_PRODUCER.offset => &self.slot_producer,
            _ => return self.nic.write32(offset, value),
        };
        doorbell.store(value, Ordering::Release);
        Ok(())
    }

    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError> {
        self.nic.allocate(len_bytes)
    }

    fn relax(&self) {
        self.nic.relax();
    }

    fn wait(&self, timeout_ns: u64) -> Result<(), BusError> {
        self.nic.wait(timeout_ns)
    }

    fn wake(&self) {
        self.nic.wake();
    }
}
