//! What the function's configuration space, registers and interrupts say. The numbers are those of the PCI Express Base
//! Specification, written by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp_driver::vfio::Function;
use handclasp_driver::{Bus, Nic, NicConfig};
use handclasp_host::TcpStream;
use handclasp_sim::dut::Width;
use handclasp_sim::pcie::Client;

use crate::rig::{Rig, NEAR};

fn read(client: &Client, offset: u16, bytes: usize) -> u32 {
    let mut word = [0; 4];
    client.config_read(offset, &mut word[..bytes]).unwrap();
    u32::from_le_bytes(word)
}

fn write32(client: &Client, offset: u16, value: u32) {
    client.config_write(offset, &value.to_le_bytes()).unwrap();
}

/// Offset of the capability with this ID.
fn capability(client: &Client, id: u32) -> Option<u16> {
    let mut at = read(client, 0x34, 1) as u16;
    for _ in 0..48 {
        if at == 0 {
            return None;
        }
        assert!(at >= 0x40 && at % 4 == 0, "capability at {at:#x}");
        if read(client, at, 1) == id {
            return Some(at);
        }
        at = read(client, at + 1, 1) as u16;
    }
    panic!("the capabilities go round in circles");
}

#[test]
fn the_configuration_space_is_that_of_an_endpoint_with_flr_and_msix() {
    let rig = Rig::new(Width::W64);
    let client = Client::connect(&rig.socket).unwrap();
    assert_eq!(read(&client, 0x00, 4), 0x4843_1234, "vendor and device ID");
    assert_eq!(read(&client, 0x04, 2), 0, "Command after reset");
    assert_eq!(
        read(&client, 0x06, 2),
        0x0010,
        "Status: a list of capabilities"
    );
    assert_eq!(
        read(&client, 0x08, 4),
        0x0200_0002,
        "Ethernet controller, layout 2"
    );
    assert_eq!(read(&client, 0x0e, 1), 0, "a type 0 header");
    assert_eq!(read(&client, 0x3d, 1), 0, "no INTx");

    // Sizing: all ones are written, and the bits that stay 0 tell the size. Two BARs of 64 bits.
    for (bar, low_mask) in [(0, 0xffff_0004), (2, 0xffff_f004)] {
        let (low, high) = (0x10 + 4 * bar, 0x14 + 4 * bar);
        assert_eq!(
            read(&client, low, 4),
            0x4,
            "memory, 64 bits, not prefetchable"
        );
        for offset in [low, high] {
            write32(&client, offset, u32::MAX);
        }
        assert_eq!(read(&client, low, 4), low_mask);
        assert_eq!(read(&client, high, 4), u32::MAX);
        write32(&client, low, 0xfebd_1234);
        assert_eq!(read(&client, low, 4), 0xfebd_1234 & low_mask | 4);
    }
    for offset in [0x20, 0x24, 0x30] {
        write32(&client, offset, u32::MAX);
        assert_eq!(
            read(&client, offset, 4),
            0,
            "no BAR and no ROM at {offset:#x}"
        );
    }
    let bars: Vec<u64> = (0..6).map(|bar| client.bar_bytes(bar)).collect();
    assert_eq!(bars, [0x1_0000, 0, 0x1000, 0, 0, 0]);

    let pcie = capability(&client, 0x10).expect("no PCI Express capability");
    assert_eq!(read(&client, pcie + 2, 2), 0x0002, "an endpoint, version 2");
    assert_ne!(read(&client, pcie + 4, 4) & 1 << 28, 0, "FLR");
    assert_ne!(
        read(&client, pcie + 0x12, 2) & 0x3f0,
        0,
        "a link of some width"
    );
    let msix = capability(&client, 0x11).expect("no MSI-X capability");
    assert_eq!(read(&client, msix + 2, 2), 0, "one vector, disabled");
    assert_eq!(
        read(&client, msix + 4, 4),
        0x002,
        "its table: BAR2, offset 0"
    );
    assert_eq!(
        read(&client, msix + 8, 4),
        0x802,
        "its pending bits: BAR2, offset 0x800"
    );
    client
        .config_write(msix + 2, &0xffff_u16.to_le_bytes())
        .unwrap();
    assert_eq!(
        read(&client, msix + 2, 2),
        0xc000,
        "only enable and mask are written"
    );
    assert_eq!(capability(&client, 0x05), None, "no MSI");

    // Bytes and words, and what is read-only.
    client.config_write(0x04, &[0x06]).unwrap();
    assert_eq!(
        (read(&client, 0x04, 1), read(&client, 0x04, 2)),
        (0x06, 0x0006)
    );
    write32(&client, 0x00, 0);
    write32(&client, 0x08, 0);
    assert_eq!(read(&client, 0x00, 4), 0x4843_1234);
    // Nothing beyond the first 256 bytes.
    assert_eq!(read(&client, 0x100, 4), 0);
    client.config_write(0xffc, &[0xff; 4]).unwrap();
    assert_eq!(read(&client, 0xffc, 4), 0);
    drop(client);
    rig.stop();
}

#[test]
fn flr_brings_everything_back_and_is_not_kept() {
    let rig = Rig::new(Width::W64);
    let client = Client::connect(&rig.socket).unwrap();
    let pcie = capability(&client, 0x10).unwrap();
    client.config_write(0x04, &[0x06, 0x00]).unwrap();
    write32(&client, 0x10, 0xfe00_0000);
    client.write32(0x0020, 0x0a00_0001).unwrap();
    assert_eq!(client.read32(0x0020).unwrap(), 0x0a00_0001, "LOCAL_IP");
    // Initiate Function Level Reset: bit 15 of Device Control.
    client
        .config_write(pcie + 8, &0x8000_u16.to_le_bytes())
        .unwrap();
    assert_eq!(read(&client, pcie + 8, 2), 0);
    assert_eq!(read(&client, 0x04, 2), 0);
    assert_eq!(read(&client, 0x10, 4), 0x4);
    client.config_write(0x04, &[0x02, 0x00]).unwrap();
    assert_eq!(client.read32(0x0020).unwrap(), 0);
    assert_eq!(client.read32(0x0000).unwrap(), 0x4843_4c50, "MAGIC");
    assert_eq!(rig.count("pcie_resets"), 1);
    drop(client);
    rig.stop();
}

#[test]
fn without_memory_space_the_bars_do_not_answer() {
    let rig = Rig::new(Width::W64);
    let client = Client::connect(&rig.socket).unwrap();
    assert_eq!(client.read32(0x0000).unwrap(), u32::MAX);
    client.write32(0x0020, 7).unwrap();
    client.config_write(0x04, &[0x02, 0x00]).unwrap();
    assert_eq!(client.read32(0x0000).unwrap(), 0x4843_4c50);
    assert_eq!(client.read32(0x0020).unwrap(), 0, "the write was ignored");
    client.write32(0x0020, 7).unwrap();
    // The write comes before what forbids it.
    client.config_write(0x04, &[0x00, 0x00]).unwrap();
    assert_eq!(client.read32(0x0020).unwrap(), u32::MAX);
    client.config_write(0x04, &[0x02, 0x00]).unwrap();
    assert_eq!(client.read32(0x0020).unwrap(), 7);
    drop(client);
    rig.stop();
}

#[test]
fn a_blocked_wait_ends_with_the_interrupt() {
    let rig = Rig::new(Width::W64);
    let bus = rig.bus();
    let mut config = NicConfig::new(0x0200_0000_0001, NEAR, 1);
    config.promiscuous = true;
    let mut nic = Nic::open(Arc::clone(&bus) as Arc<dyn Bus>, &config).unwrap();
    nic.arm_interrupt().unwrap();
    let begin = Instant::now();
    bus.wait(200_000_000).unwrap();
    assert!(
        begin.elapsed() >= Duration::from_millis(200),
        "an interrupt for nothing"
    );
    assert_eq!(rig.count("pcie_msix"), 0);
    let peer = &rig.peer;
    std::thread::scope(|scope| {
        // Asks by ARP for an address that nobody answers for.
        let near = (NEAR, 4000).into();
        scope.spawn(move || TcpStream::connect_timeout(peer, &near, Duration::from_millis(300)));
        let begin = Instant::now();
        bus.wait(900_000_000).unwrap();
        assert!(begin.elapsed() < Duration::from_millis(800), "no interrupt");
    });
    assert_eq!(rig.count("pcie_msix"), 1, "armed once");
    assert!(nic.next_event().unwrap().is_some());
    nic.close().unwrap();
    drop(bus);
    rig.wait_for("end of the client", |rig| rig.server.maps() == 0);
    rig.stop();
}

#[test]
fn latency_of_doorbells_and_registers() {
    let rig = Rig::new(Width::W64);
    let bus = rig.bus();
    let percentiles = |name: &str, access: &dyn Fn()| {
        let mut times: Vec<Duration> = (0..2000)
            .map(|_| {
                let begin = Instant::now();
                access();
                begin.elapsed()
            })
            .collect();
        times.sort();
        println!("{name}: p50 {:?}, p99 {:?}", times[1000], times[1980]);
        times[1000]
    };
    // The queue is off: a doorbell is taken, and nothing comes of it.
    let write = percentiles("doorbell", &|| bus.write32(0x4000, 0).unwrap());
    let read = percentiles("register read", &|| {
        bus.read32(0x0000).unwrap();
    });
    // A hundred times what is measured: it must never come near a client's time limit.
    assert!(write.max(read) < Duration::from_millis(10));
    drop(bus);
    rig.wait_for("end of the client", |rig| rig.count("pcie_resets") == 3);
    rig.stop();
}
