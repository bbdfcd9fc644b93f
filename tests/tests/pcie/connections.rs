//! What an application does over the function, and what happens when it, or its driver, ends badly.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use handclasp_driver::vfio::{Function, PageSize, Pages, VfioBus};
use handclasp_host::{Host, TcpStream};
use handclasp_layout::pci::{COMMAND_BUS_MASTER, COMMAND_MEMORY_SPACE, CONFIG_COMMAND};
use handclasp_sim::dut::Width;
use handclasp_sim::pcie::Client;
use handclasp_tests::exchange::intact_both_ways;

use crate::rig::{connection, start, value, Rig, FAR};

const KIB: usize = 1 << 10;
/// I/O addresses that no driver's memory is at: its allocator begins at 4 GiB.
const ELSEWHERE: u64 = 1 << 38;

#[test]
fn a_connection_opens_carries_data_both_ways_and_closes() {
    for width in [Width::W64, Width::W512] {
        let rig = Rig::new(width);
        let host = rig.host();
        let (near, far) = connection(&host, &rig.peer, FAR);
        intact_both_ways(near, far, 64 * KIB);
        host.drain(Duration::from_secs(5));
        drop(host);
        rig.wait_for("end of the client", |rig| rig.count("pcie_resets") == 3);
        let counters = rig.stop();
        for (name, at_least) in [
            ("tx_segments", 48),
            ("rx_flow", 48),
            ("interrupts", 1),
            ("pcie_msix", 1),
            ("pcie_dma_reads", 50),
            ("pcie_dma_writes", 50),
        ] {
            assert!(value(&counters, name) >= at_least, "{name}: {counters:?}");
        }
        for (name, expected) in [
            ("read_errors", 0),
            ("write_errors", 0),
            ("pcie_dma_faults", 0),
            ("pcie_dma_blocked", 0),
            ("pcie_refused_maps", 0),
            ("pcie_maps_left", 0),
            ("pcie_clients", 1),
            ("pcie_completion_timeouts", 0),
        ] {
            assert_eq!(value(&counters, name), expected, "{name}: {counters:?}");
        }
        let (maps, unmaps) = (
            value(&counters, "pcie_maps"),
            value(&counters, "pcie_unmaps"),
        );
        assert!(maps > 0 && maps == unmaps, "{counters:?}");
    }
}

/// A host on the function, in the middle of sending without end.
struct Transfer {
    bus: Arc<VfioBus<Client>>,
    sender: thread::JoinHandle<std::io::Error>,
    _host: Host,
    _far: thread::JoinHandle<()>,
}

impl Transfer {
    fn start(rig: &Rig) -> Self {
        let bus = rig.bus();
        let host = start(Arc::clone(&bus));
        let (near, far) = connection(&host, &rig.peer, FAR);
        let received = Arc::new(AtomicUsize::new(0));
        let sender = thread::spawn(move || send_until_error(near));
        let counter = Arc::clone(&received);
        let far = thread::spawn(move || receive_until_error(far, &counter));
        let begin = Instant::now();
        while received.load(Ordering::Relaxed) < 64 * KIB {
            assert!(begin.elapsed() < Duration::from_secs(10), "nothing is sent");
            thread::sleep(Duration::from_millis(1));
        }
        Self {
            bus,
            sender,
            _host: host,
            _far: far,
        }
    }

    /// The sender's error, which must come soon.
    fn error(self) -> std::io::Error {
        let begin = Instant::now();
        while !self.sender.is_finished() {
            assert!(begin.elapsed() < Duration::from_secs(5), "no error comes");
            thread::sleep(Duration::from_millis(1));
        }
        self.sender.join().unwrap()
    }
}

fn send_until_error(mut stream: TcpStream) -> std::io::Error {
    loop {
        if let Err(error) = stream.write_all(&[0x5a; 4 * KIB]) {
            return error;
        }
    }
}

fn receive_until_error(mut stream: TcpStream, received: &AtomicUsize) {
    let mut buffer = [0; 4 * KIB];
    while let Ok(len @ 1..) = stream.read(&mut buffer) {
        received.fetch_add(len, Ordering::Relaxed);
    }
}

/// Whatever happened to the one before, the next driver finds a NIC as new.
fn next_client_works(rig: &Rig) {
    let host = rig.host();
    let (near, far) = connection(&host, &rig.peer, FAR);
    intact_both_ways(near, far, 16 * KIB);
}

fn end(rig: Rig, clients: u64) -> Vec<(&'static str, u64)> {
    rig.wait_for("end of the last client", |rig| {
        rig.server.maps() == 0 && rig.count("pcie_resets") >= 3
    });
    let counters = rig.stop();
    assert_eq!(value(&counters, "pcie_clients"), clients);
    assert_eq!(value(&counters, "pcie_completion_timeouts"), 0);
    counters
}

#[test]
fn a_reset_in_mid_transfer_ends_the_sockets() {
    let rig = Rig::new(Width::W64);
    let transfer = Transfer::start(&rig);
    transfer.bus.function().reset().unwrap();
    // As the kernel does after a reset that somebody asked for. In between the registers read all ones.
    let command = (COMMAND_MEMORY_SPACE | COMMAND_BUS_MASTER).to_le_bytes();
    let function = transfer.bus.function();
    function.config_write(CONFIG_COMMAND, &command).unwrap();
    let error = transfer.error().to_string();
    assert!(
        error.contains("reset") || error.contains("all ones"),
        "{error}"
    );
    next_client_works(&rig);
    let counters = end(rig, 2);
    assert_eq!(value(&counters, "pcie_maps_left"), 0);
    assert_eq!(value(&counters, "pcie_dma_faults"), 0);
}

#[test]
fn without_bus_mastering_nothing_reaches_memory_and_the_sockets_end() {
    let rig = Rig::new(Width::W64);
    let transfer = Transfer::start(&rig);
    let command = COMMAND_MEMORY_SPACE.to_le_bytes();
    transfer
        .bus
        .function()
        .config_write(CONFIG_COMMAND, &command)
        .unwrap();
    let (writes, messages) = (rig.count("pcie_dma_writes"), rig.count("pcie_msix"));
    let error = transfer.error().to_string();
    assert!(
        error.contains("stopped") || error.contains("reset"),
        "{error}"
    );
    // Bursts under way, at W = 64 up to 32, end, answered with an error.
    assert!(rig.count("pcie_dma_writes") <= writes + 32);
    assert!(rig.count("pcie_msix") <= messages);
    next_client_works(&rig);
    let counters = end(rig, 2);
    assert!(value(&counters, "pcie_dma_blocked") > 0, "{counters:?}");
    assert!(value(&counters, "read_errors") + value(&counters, "write_errors") > 0);
    assert_eq!(value(&counters, "pcie_dma_faults"), 0);
}

#[test]
fn memory_that_is_taken_away_is_never_reached_again_and_the_sockets_end() {
    let rig = Rig::new(Width::W64);
    let transfer = Transfer::start(&rig);
    transfer
        .bus
        .function()
        .unmap(0, ELSEWHERE as usize)
        .unwrap();
    assert_eq!(rig.server.maps(), 0);
    let error = transfer.error().to_string();
    assert!(
        error.contains("stopped") || error.contains("reset"),
        "{error}"
    );
    next_client_works(&rig);
    let counters = end(rig, 2);
    assert!(value(&counters, "pcie_dma_faults") > 0, "{counters:?}");
    assert!(value(&counters, "read_errors") + value(&counters, "write_errors") > 0);
    assert_eq!(value(&counters, "pcie_dma_blocked"), 0);
}

#[test]
fn a_client_that_dies_in_mid_transfer_leaves_nothing_for_the_next_one() {
    let rig = Rig::new(Width::W64);
    let transfer = Transfer::start(&rig);
    transfer.bus.function().cut();
    let error = transfer.error().to_string();
    assert!(error.contains("gone"), "{error}");
    // The mappings go first, then it is counted how many they were.
    rig.wait_for("end of the client", |rig| {
        rig.server.maps() == 0 && rig.count("pcie_maps_left") > 0
    });
    next_client_works(&rig);
    let counters = end(rig, 2);
    assert_eq!(value(&counters, "pcie_maps_left"), 0);
    // It was reset before its memory was taken away.
    assert_eq!(value(&counters, "pcie_dma_faults"), 0);
}

#[test]
fn other_memory_comes_and_goes_while_data_flows() {
    let rig = Rig::new(Width::W64);
    let bus = rig.bus();
    let host = start(Arc::clone(&bus));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mapper = scope.spawn(|| {
            let pages = Pages::new(64 * KIB, PageSize::Ordinary).unwrap();
            let mut times = 0;
            while !done.load(Ordering::Relaxed) {
                bus.function().map(ELSEWHERE, &pages).unwrap();
                bus.function().unmap(ELSEWHERE, pages.size_bytes()).unwrap();
                times += 1;
            }
            times
        });
        let (near, far) = connection(&host, &rig.peer, FAR);
        intact_both_ways(near, far, 64 * KIB);
        done.store(true, Ordering::Relaxed);
        let times = mapper.join().unwrap();
        assert!(times > 10, "only {times} mappings");
        assert!(rig.count("pcie_unmaps") >= times);
    });
    drop((host, bus));
    let counters = end(rig, 1);
    assert_eq!(value(&counters, "pcie_dma_faults"), 0);
    assert_eq!(value(&counters, "pcie_maps_left"), 0);
}

#[test]
fn a_client_that_stays_longer_than_the_server_finds_the_function_gone() {
    let rig = Rig::new(Width::W64);
    let transfer = Transfer::start(&rig);
    let left = rig.server.maps() as u64;
    let counters = rig.server.stop().unwrap();
    assert!(left > 0);
    assert_eq!(value(&counters, "pcie_maps_left"), left);
    assert_eq!(value(&counters, "pcie_dma_faults"), 0);
    assert_eq!(transfer.bus.function().read32(0).unwrap(), u32::MAX);
    transfer.error();
}
