//! Opening checks the device before it trusts it with memory; closing and dropping stop it.

use std::sync::Arc;

use crate::scripted::{config, open, ScriptedBus, BUSY, READY};
use handclasp_driver::{Bus, BusError, DriverError, Nic, NicConfig};
use handclasp_layout::register::{
    CAPABILITIES, CONTROL, MAGIC, QUEUE_ENABLE, SLOT_PRODUCER, STATUS, VERSION, WIDTH,
};

/// Opens a device one register of which reads something else.
fn open_error(offset: u32, value: u32) -> DriverError {
    let bus = ScriptedBus::good();
    bus.set(offset, value);
    let error = Nic::open(Arc::clone(&bus) as Arc<dyn Bus>, &config()).unwrap_err();
    assert_eq!(
        bus.take_writes(),
        [],
        "a device that is refused is not touched"
    );
    assert_eq!(bus.mapped(), 0);
    error
}

#[test]
fn a_device_that_is_not_ours_is_refused() {
    use DriverError::*;
    let error = open_error(MAGIC.offset, 0x1234_5678);
    assert!(
        matches!(error, WrongMagic { found: 0x1234_5678 }),
        "{error}"
    );
    let error = open_error(MAGIC.offset, u32::MAX);
    assert!(matches!(error, Bus(BusError::Gone(_))), "{error}");
    for found in [0, 1, 3] {
        let error = open_error(VERSION.offset, found);
        assert!(
            matches!(error, WrongVersion { found: f } if f == found),
            "{error}"
        );
    }
    for found in [0, 32, 128, 65] {
        let error = open_error(WIDTH.offset, found);
        assert!(
            matches!(error, WrongWidth { found: f } if f == found),
            "{error}"
        );
    }
    // No queue; two queues; 131072 connections, whose ids would not fit.
    for found in [0x000e_0800, 0x000e_0802, 0x000e_1101] {
        let error = open_error(CAPABILITIES.offset, found);
        assert!(matches!(error, WrongCapabilities { .. }), "{error}");
    }
}

#[test]
fn a_device_in_use_is_refused() {
    let error = open_error(QUEUE_ENABLE.offset, 1);
    assert!(matches!(error, DriverError::InUse), "{error}");
}

#[test]
fn a_device_that_never_gets_ready_ends_in_an_error() {
    let error = open_error(STATUS.offset, 0);
    assert!(matches!(error, DriverError::NotReady { .. }), "{error}");
    let error = open_error(STATUS.offset, u32::MAX);
    assert!(
        matches!(error, DriverError::Bus(BusError::Gone(_))),
        "{error}"
    );
}

#[test]
fn a_bad_configuration_names_the_field() {
    let bad = |change: fn(&mut NicConfig)| {
        let mut config = config();
        change(&mut config);
        match Nic::open(ScriptedBus::good(), &config) {
            Err(DriverError::BadConfig { name, .. }) => name,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(bad(|config| config.mac = 1 << 48), "mac");
    assert_eq!(bad(|config| config.command_log2 = 2), "command_log2");
    assert_eq!(bad(|config| config.event_log2 = 16), "event_log2");
    assert_eq!(bad(|config| config.slot_log2 = u32::MAX), "slot_log2");
}

#[test]
fn the_queue_is_enabled_when_all_is_written_and_frames_flow_last() {
    let (bus, nic) = open();
    let writes = bus.take_writes();
    let at = |offset| writes.iter().position(|write| write.0 == offset).unwrap();
    let enable = at(QUEUE_ENABLE.offset);
    assert_eq!(writes[enable].1, 1);
    // Addresses, sizes and the rest (offsets by hand from the datasheet) come before; doorbells and CONTROL after.
    for offset in (0x18..=0x38)
        .step_by(4)
        .chain((0x800..=0x828).step_by(4))
        .chain([0x830])
    {
        assert!(at(offset) < enable, "register {offset:#x}");
    }
    assert!(at(SLOT_PRODUCER.offset) > enable);
    assert_eq!(bus.get(SLOT_PRODUCER.offset), 8);
    assert_eq!(*writes.last().unwrap(), (CONTROL.offset, 0b0011));
    assert_eq!(bus.get(0x18), 1);
    assert_eq!(bus.get(0x1c), 0x0200);
    assert_eq!(bus.get(0x20), 0xc000_0201);
    assert_eq!(
        [0x24, 0x28, 0x2c, 0x30].map(|at| bus.get(at)),
        [0, 0, 0, 0x5eed]
    );
    assert_eq!((bus.get(0x34), bus.get(0x38)), (0, 0), "no group is ours");
    assert_eq!(bus.get(0x830), 11, "slots of 2 KiB");
    assert_eq!(bus.get(0x804), 5, "the upper half of an address");
    assert_eq!((bus.get(0x808), bus.get(0x814), bus.get(0x820)), (3, 3, 3));
    drop(nic);
}

#[test]
fn closing_disables_the_queue_and_frees_its_memory() {
    let (bus, nic) = open();
    assert_eq!(bus.mapped(), 3);
    bus.take_writes();
    nic.close().unwrap();
    assert_eq!(
        bus.take_writes(),
        [(CONTROL.offset, 0), (QUEUE_ENABLE.offset, 0)]
    );
    assert_eq!(bus.mapped(), 0);
}

#[test]
fn dropping_disables_the_queue_as_well() {
    let (bus, nic) = open();
    bus.take_writes();
    drop(nic);
    assert_eq!(
        bus.take_writes(),
        [(CONTROL.offset, 0), (QUEUE_ENABLE.offset, 0)]
    );
    assert_eq!(bus.mapped(), 0);
}

#[test]
fn a_device_that_stays_busy_is_reported() {
    let (bus, nic) = open();
    bus.set(STATUS.offset, BUSY);
    assert!(matches!(nic.close(), Err(DriverError::StillBusy { .. })));
    let (bus, nic) = open();
    bus.set(STATUS.offset, u32::MAX);
    assert!(matches!(
        nic.close(),
        Err(DriverError::Bus(BusError::Gone(_)))
    ));
}

#[test]
fn counters_come_with_their_names_and_status_with_the_link() {
    let (bus, nic) = open();
    bus.set(0x100, 7);
    bus.set(0x174, 9);
    let counters = nic.counters().unwrap();
    assert_eq!(counters.len(), 30);
    assert_eq!((counters[0].0.name, counters[0].1), ("rx_frames", 7));
    assert_eq!((counters[29].0.name, counters[29].1), ("interrupts", 9));
    assert!(nic.link_up().unwrap());
    bus.set(STATUS.offset, READY & !2);
    assert!(!nic.link_up().unwrap());
}
