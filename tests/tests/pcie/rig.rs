//! A served NIC, its driver and its peer.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use handclasp_driver::vfio::VfioBus;
use handclasp_host::{Host, StackConfig, TcpListener, TcpStream};
use handclasp_reference::ReferenceNic;
use handclasp_sim::dut::Width;
use handclasp_sim::pcie::{Client, PcieServer};
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;

/// Address of the host on the served NIC.
pub const NEAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Address of its peer.
pub const FAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A NIC served on a socket, and a host on a reference NIC at the other end of its cable.
pub struct Rig {
    pub server: PcieServer,
    pub socket: PathBuf,
    pub peer: Host,
}

impl Rig {
    pub fn new(width: Width) -> Self {
        let socket = socket_path();
        let (near, far) = Cable::pair(500);
        let clock = Clock::wall();
        let server = PcieServer::start(&socket, width, clock.clone(), Box::new(near)).unwrap();
        let bus = Arc::new(ReferenceNic::new(Box::new(far), clock).unwrap());
        let peer = Host::start(bus, stack(FAR)).unwrap();
        Self {
            server,
            socket,
            peer,
        }
    }

    /// The driver's bus to the served NIC.
    pub fn bus(&self) -> Arc<VfioBus<Client>> {
        Arc::new(VfioBus::open(Client::connect(&self.socket).unwrap()).unwrap())
    }

    /// A host on the served NIC.
    pub fn host(&self) -> Host {
        start(self.bus())
    }

    /// One of the server's counters.
    pub fn count(&self, name: &str) -> u64 {
        value(&self.server.counts(), name)
    }

    /// Waits until the server has noticed something.
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            let counts = self.server.counts();
            assert!(begin.elapsed() < PATIENCE, "no {what}: {counts:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the server, checks that nothing of its clients is left, and returns all counters.
    pub fn stop(self) -> Vec<(&'static str, u64)> {
        assert_eq!(self.server.maps(), 0, "mappings are left");
        let counters = self.server.stop().expect("the gateware failed");
        assert!(!self.socket.exists(), "the socket is left");
        counters
    }
}

pub fn start(bus: Arc<VfioBus<Client>>) -> Host {
    Host::start(bus, stack(NEAR)).unwrap()
}

fn stack(ip: Ipv4Addr) -> StackConfig {
    StackConfig::new(0x0200_0000_0000 + u64::from(ip.octets()[3]), ip, 24)
}

/// A path where nothing is.
pub fn socket_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("handclasp-{}-{number}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    path
}

/// One of the counters; they are all there, by name.
pub fn value(counters: &[(&'static str, u64)], name: &str) -> u64 {
    let found = counters.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no counter {name}")).1
}

/// Connects `client` to `server`: the two ends.
pub fn connection(client: &Host, server: &Host, address: Ipv4Addr) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(server, (address, 0)).unwrap();
    let there = listener.local_addr().unwrap();
    let near = TcpStream::connect(client, there).unwrap();
    (near, listener.accept().unwrap().0)
}
