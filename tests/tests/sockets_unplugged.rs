//! A NIC that goes away, or is reset by someone else, ends every socket in an error, whoever waits for whatever; and then
//! nobody keeps asking it.

use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::Duration;

use handclasp_driver::{Bus, BusError, DmaRegion};
use handclasp_host::{Host, StackConfig, TcpListener, TcpStream};
use handclasp_layout::register::QUEUE_ENABLE;
use handclasp_reference::ReferenceNic;
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;

const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

/// Longest time until all sockets know: a sleep of a second, and some slack for a busy machine.
const SOON: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Lives,
    /// Reads are all ones, writes go nowhere, and no interrupt comes.
    Unplugged,
    /// The queue is off.
    Reset,
}

/// A NIC that meets its fate; calls from then on are counted.
struct Doomed {
    nic: ReferenceNic,
    fate: Mutex<Fate>,
    calls: AtomicU64,
}

impl Doomed {
    fn fate(&self) -> Fate {
        let fate = *self.fate.lock().unwrap();
        if fate != Fate::Lives {
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }
}

impl Bus for Doomed {
    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        match self.fate() {
            Fate::Lives => self.nic.read32(offset),
            Fate::Unplugged => Ok(u32::MAX),
            Fate::Reset if offset == QUEUE_ENABLE.offset => Ok(0),
            Fate::Reset => self.nic.read32(offset),
        }
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        match self.fate() {
            Fate::Lives => self.nic.write32(offset, value),
            _ => Ok(()),
        }
    }

    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError> {
        self.nic.allocate(len_bytes)
    }

    fn relax(&self) {
        if self.fate() == Fate::Lives {
            self.nic.relax();
        }
    }

    /// Sleeps a second at most, as on PCI Express.
    fn wait(&self, timeout_ns: u64) -> Result<(), BusError> {
        match self.fate() {
            Fate::Lives => self.nic.wait(timeout_ns.min(1_000_000_000)),
            _ => {
                thread::sleep(Duration::from_nanos(timeout_ns.min(1_000_000_000)));
                Ok(())
            }
        }
    }

    fn wake(&self) {
        self.nic.wake();
    }
}

/// All waiting calls end with an error that says `reason`; so do new ones.
fn every_socket_ends(fate: Fate, reason: &str) {
    let (near, far) = Cable::pair(500);
    let clock = Clock::wall();
    let doomed = Arc::new(Doomed {
        nic: ReferenceNic::new(Box::new(near), clock.clone()).unwrap(),
        fate: Mutex::new(Fate::Lives),
        calls: AtomicU64::new(0),
    });
    let peer = Arc::new(ReferenceNic::new(Box::new(far), clock).unwrap());
    let host = Host::start(
        Arc::clone(&doomed) as Arc<dyn Bus>,
        StackConfig::new(0x0200_0000_0001, NEAR, 24),
    )
    .unwrap();
    let peer = Host::start(peer, StackConfig::new(0x0200_0000_0002, FAR, 24)).unwrap();
    let server = TcpListener::bind(&peer, (FAR, 80)).unwrap();
    let mut reader = TcpStream::connect(&host, (FAR, 80)).unwrap();
    let _served = server.accept().unwrap();
    let listener = TcpListener::bind(&host, (NEAR, 80)).unwrap();

    let (say, ended) = mpsc::channel();
    let wait = |who: &'static str, call: Box<dyn FnOnce() -> io::Error + Send>| {
        let say = say.clone();
        thread::spawn(move || say.send((who, call())));
    };
    wait(
        "accept",
        Box::new(move || listener.accept().map(|_| ()).unwrap_err()),
    );
    wait("read", Box::new(move || reader.read(&mut [0]).unwrap_err()));
    let connecting = host.clone();
    wait(
        "connect",
        Box::new(move || {
            TcpStream::connect(&connecting, (NOBODY, 80))
                .map(|_| ())
                .unwrap_err()
        }),
    );
    thread::sleep(Duration::from_millis(100));
    *doomed.fate.lock().unwrap() = fate;
    for _ in 0..3 {
        let (who, error) = ended.recv_timeout(SOON).expect("a call still waits");
        assert!(error.to_string().contains(reason), "{who}: {error}");
    }
    let error = TcpStream::connect(&host, (FAR, 80))
        .map(|_| ())
        .unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");

    // The background thread may still be asleep; then all is quiet.
    thread::sleep(Duration::from_millis(1500));
    let before = doomed.calls.load(Ordering::Relaxed);
    thread::sleep(Duration::from_millis(500));
    let calls = doomed.calls.load(Ordering::Relaxed) - before;
    assert!(
        calls < 10,
        "{calls} calls of a NIC that has failed, in half a second"
    );
}

#[test]
fn a_nic_that_is_unplugged_ends_every_socket() {
    every_socket_ends(Fate::Unplugged, "the device is gone");
}

#[test]
fn a_nic_that_someone_resets_ends_every_socket() {
    every_socket_ends(Fate::Reset, "the NIC was reset");
}
