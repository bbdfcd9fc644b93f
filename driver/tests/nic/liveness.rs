//! Before it sleeps, the driver sees whether the NIC will ever interrupt again. Bits by hand from the datasheet.

use crate::scripted::{open, BUSY, READY};
use handclasp_driver::{BusError, DriverError};
use handclasp_layout::register::{QUEUE_ENABLE, STATUS};

/// STATUS: a DMA error stopped the queue.
const STOPPED: u32 = 0b0100;

#[test]
fn a_nic_that_was_reset_is_missed() {
    let (bus, nic) = open();
    nic.arm_interrupt().unwrap();
    bus.set(QUEUE_ENABLE.offset, 0);
    let error = nic.arm_interrupt().unwrap_err();
    assert!(matches!(error, DriverError::WasReset), "{error}");
    assert!(error.to_string().contains("open it again"), "{error}");
}

#[test]
fn a_nic_that_is_gone_is_missed() {
    for register in [QUEUE_ENABLE, STATUS] {
        let (bus, nic) = open();
        bus.set(register.offset, u32::MAX);
        let error = nic.arm_interrupt().unwrap_err();
        assert!(
            matches!(error, DriverError::Bus(BusError::Gone(_))),
            "{error}"
        );
    }
}

/// With bus mastering off the NIC stops at its next event, and cannot write the one that says so.
#[test]
fn a_nic_that_stopped_without_a_word_is_missed() {
    let (bus, nic) = open();
    bus.set(STATUS.offset, READY | STOPPED);
    let error = nic.arm_interrupt().unwrap_err();
    assert!(matches!(error, DriverError::Halted), "{error}");
}

#[test]
fn a_stop_whose_event_is_there_or_on_its_way_is_left_to_that_event() {
    let (bus, nic) = open();
    bus.set(STATUS.offset, BUSY | STOPPED);
    nic.arm_interrupt().unwrap();
    bus.set(STATUS.offset, READY | STOPPED);
    bus.event(0, [0; 64]);
    nic.arm_interrupt().unwrap();
}
