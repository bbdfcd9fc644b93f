//! The order of things when a function is opened and closed, and what is refused.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

use crate::fake::{Fake, State, MASTER, MEMORY, MSIX, PCIE};
use handclasp_driver::vfio::{OpenError, VfioBus};
use handclasp_driver::{Bus, BusError, DriverError};

/// HASH_KEY holds the mark that a reset must clear.
const OPENING: [&str; 11] = [
    "command memory",
    "read 0x0",
    "write 0x24",
    "read 0x24",
    "reset",
    "command memory",
    "read 0x24",
    "read 0x0",
    "interrupts on: 1",
    "command memory+master",
    "opened",
];
const CLOSING: [&str; 3] = ["command memory", "interrupts off", "reset"];

#[test]
fn bus_mastering_is_on_last_and_off_first() {
    let (fake, bus) = Fake::open();
    fake.state().calls.push("opened".into());
    assert_eq!(fake.take_calls(), OPENING);
    drop(bus);
    assert_eq!(fake.take_calls(), CLOSING);
}

/// By specification a reset switches memory space off; through the kernel it does not.
#[test]
fn a_reset_may_clear_the_register_command() {
    let fake = Fake::with(|state| state.command_after_reset = Some(0));
    let bus = VfioBus::open(fake.clone()).unwrap();
    fake.state().calls.push("opened".into());
    assert_eq!(fake.take_calls(), OPENING);
    drop(bus);
}

#[test]
fn a_function_may_take_its_time_after_a_reset() {
    let fake = Fake::with(|state| state.silent_reads = 5);
    assert!(VfioBus::open(fake.clone()).is_ok());
    assert_eq!(fake.state().silent_reads, 0);
}

#[test]
fn memory_is_unmapped_after_the_reset_even_while_it_is_in_use() {
    let (fake, bus) = Fake::open();
    let region = bus.allocate(8192).unwrap();
    fake.take_calls();
    drop(bus);
    let calls = fake.take_calls();
    assert_eq!(calls[..3], CLOSING);
    assert!(
        calls[3].starts_with("unmap ") && calls.len() == 4,
        "{calls:?}"
    );
    assert!(fake.state().maps.is_empty());
    // What the application still holds is memory like any other.
    region.write(8000, &[7; 192]).unwrap();
    let mut bytes = [0; 192];
    region.read(8000, &mut bytes).unwrap();
    assert_eq!(bytes, [7; 192]);
}

#[test]
fn a_panic_closes_as_well() {
    let fake = Fake::good();
    let bus: Arc<dyn Bus> = Arc::new(VfioBus::open(fake.clone()).unwrap());
    let result = catch_unwind(AssertUnwindSafe({
        let fake = fake.clone();
        move || {
            let _region = bus.allocate(4096).unwrap();
            fake.take_calls();
            let _clone = Arc::clone(&bus);
            panic!("the application's bug");
        }
    }));
    assert!(result.is_err());
    assert_eq!(fake.take_calls()[..3], CLOSING);
    assert!(fake.state().maps.is_empty());
}

#[test]
fn closing_is_done_once_whatever_fails_and_says_what_did() {
    let (fake, bus) = Fake::open();
    let _region = bus.allocate(4096).unwrap();
    fake.take_calls();
    fake.state().unmap_fails = true;
    let error = bus.close().unwrap_err().to_string();
    assert!(
        error.contains("0000:03:00.0") && error.contains("unmap fails"),
        "{error}"
    );
    assert_eq!(fake.take_calls().len(), 4);
    bus.close().unwrap();
    drop(bus);
    assert_eq!(fake.take_calls(), [""; 0]);
}

/// Opening fails; the calls that were made come with the error.
fn refused(change: impl FnOnce(&mut State)) -> (OpenError, Vec<String>) {
    let fake = Fake::with(change);
    let error = VfioBus::open(fake.clone()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("0000:03:00.0"), "{error}");
    let command = fake.state().command();
    assert_eq!(command & MASTER, 0, "left without bus mastering");
    (error, fake.take_calls())
}

#[track_caller]
fn assert_gone(error: &OpenError) {
    let gone = matches!(
        error,
        OpenError::Bus {
            reason: BusError::Gone(_),
            ..
        }
    );
    assert!(gone, "{error}");
}

#[test]
fn what_is_no_nic_of_ours_is_not_even_written_to() {
    let untouched = |change: fn(&mut State)| {
        let (error, calls) = refused(change);
        assert_eq!(calls, [""; 0], "{error}");
        error
    };
    let error = untouched(|state| state.gone = true);
    assert_gone(&error);
    let error = untouched(|state| state.bar_bytes = 0xffff);
    assert!(
        matches!(
            error,
            OpenError::BarTooSmall {
                bar_bytes: 0xffff,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("65535") && error.to_string().contains("65536"));
    let missing = |change| match untouched(change) {
        OpenError::NoCapability { capability, .. } => capability,
        other => panic!("{other}"),
    };
    assert_eq!(
        missing(|state| state.config[6] = 0),
        "PCI Express capability"
    );
    assert_eq!(
        missing(|state| state.config[0x34] = 0),
        "PCI Express capability"
    );
    assert_eq!(
        missing(|state| state.config[usize::from(PCIE) + 7] = 0),
        "Function Level Reset"
    );
    assert_eq!(
        missing(|state| state.config[usize::from(PCIE) + 1] = 0),
        "MSI-X capability"
    );
    // Two capabilities of no interest that point at each other.
    assert_eq!(
        missing(|state| {
            state.config[0x34] = 0x50;
            state.config[0x50..0x52].copy_from_slice(&[0x01, 0x60]);
            state.config[0x60..0x62].copy_from_slice(&[0x05, 0x50]);
        }),
        "PCI Express capability"
    );
    let error = untouched(|state| state.vectors = 0);
    assert!(
        matches!(error, OpenError::TooFewVectors { found: 0, .. }),
        "{error}"
    );
}

#[test]
fn capabilities_are_found_in_any_order_past_others() {
    let fake = Fake::with(|state| {
        state.config[0x34] = MSIX;
        state.config[usize::from(MSIX) + 1] = 0xc3; // The two lowest bits mean nothing.
        state.config[0xc0..0xc2].copy_from_slice(&[0x01, PCIE]);
        state.config[usize::from(PCIE) + 1] = 0;
    });
    assert!(VfioBus::open(fake).is_ok());
}

#[test]
fn a_stranger_is_not_reset() {
    let (error, calls) = refused(|state| {
        state.registers.insert(0, 0x1234_5678);
    });
    let wrong = DriverError::WrongMagic { found: 0x1234_5678 };
    assert!(error.to_string().contains(&wrong.to_string()), "{error}");
    assert_eq!(calls, ["command memory", "read 0x0"]);
}

#[test]
fn a_reset_that_does_not_happen_is_noticed() {
    let (error, _) = refused(|state| state.never_resets = true);
    assert!(matches!(error, OpenError::NotReset { .. }), "{error}");
    assert!(error.to_string().contains("HASH_KEY"), "{error}");
    // A bridge that answers for the function, but clears nothing there.
    let (error, _) = refused(|state| state.command_after_reset = Some(MEMORY | MASTER));
    assert!(matches!(error, OpenError::NotReset { .. }), "{error}");
    let (error, _) = refused(|state| state.silent_reads = u32::MAX);
    assert_gone(&error);
}

#[test]
fn a_command_register_that_holds_nothing_is_noticed() {
    for (fixed, calls) in [(MEMORY, 1), (MASTER, 10 + CLOSING.len())] {
        let (error, made) = refused(|state| state.command_fixed = fixed);
        assert!(matches!(error, OpenError::CommandNotHeld { .. }), "{error}");
        assert_eq!(made.len(), calls, "{made:?}");
    }
}

#[test]
fn all_ones_are_a_value_as_long_as_the_function_is_there() {
    let (fake, bus) = Fake::open();
    fake.state().registers.insert(0x20, u32::MAX);
    assert_eq!(bus.read32(0x20).unwrap(), u32::MAX);
    fake.state().gone = true;
    let error = bus.read32(0x20).unwrap_err();
    assert!(matches!(error, BusError::Gone(_)), "{error}");
    assert!(error.to_string().contains("0000:03:00.0"), "{error}");
    // Closing what is gone ends, too.
    bus.close().unwrap_err();
    assert!(fake.state().maps.is_empty());
}

#[test]
fn only_registers_are_accessed() {
    let (fake, bus) = Fake::open();
    fake.take_calls();
    for offset in [1, 2, 3, 0x1_0000, u32::MAX, u32::MAX - 3] {
        assert!(matches!(
            bus.read32(offset),
            Err(BusError::BadOffset { .. })
        ));
        assert!(matches!(
            bus.write32(offset, 0),
            Err(BusError::BadOffset { .. })
        ));
    }
    assert_eq!(fake.take_calls(), [""; 0]);
    bus.write32(0xfffc, 9).unwrap();
    assert_eq!(bus.read32(0xfffc).unwrap(), 9);
}
