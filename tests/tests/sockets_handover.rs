//! Who polls the host after a call that was woken to do so, and found itself done instead: somebody must.
//!
//! ```text
//!   "leader"    read() --- leads, asleep in the bus ------------------> polls: both have data; done, hands over
//!   "follower"  read() ---------- waits for the leader's news --------> woken with nobody leading; done, leaves
//!   background thread ------------ parked as long as a call leads ----> must lead from here on
//! ```
//!
//! For that both reads have to end with the same poll, so the leader's sleep is held until everything is in place.

use std::fs;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use handclasp_driver::{Bus, BusError, DmaRegion};
use handclasp_host::{Host, StackConfig, TcpListener, TcpStream, WallClock};
use handclasp_reference::ReferenceNic;
use handclasp_wires::cable::Cable;
use handclasp_wires::clock::Clock;

const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Name of the thread whose sleep in the bus is held, and of the one that waits for it.
const LEADER: &str = "leader";
const FOLLOWER: &str = "follower";
/// Name of the host's background thread.
const BACKGROUND: &str = "handclasp";
/// More turns than the NIC needs for what is on the wire.
const TURNS: usize = 1000;
/// Longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(10);

fn nic(wire: Cable, clock: &Clock) -> Arc<ReferenceNic> {
    Arc::new(ReferenceNic::new(Box::new(wire), clock.clone()).unwrap())
}

fn config(ip: Ipv4Addr) -> StackConfig {
    StackConfig::new(0x0200_0000_0000 + u64::from(ip.octets()[3]), ip, 24)
}

/// A bus on which the thread [`LEADER`] sleeps until the gate is opened, and then finds all that has come meanwhile.
struct Gate {
    nic: Arc<ReferenceNic>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody is held.
    Empty,
    /// The leader is.
    Holds,
    /// Nobody is held any more.
    Open,
}

impl Gate {
    fn set(&self, state: State) {
        *self.state.lock().unwrap() = state;
        self.changed.notify_all();
    }

    fn wait_for(&self, state: State) {
        let other = |found: &mut State| *found != state;
        let found = self.state.lock().unwrap();
        let (_found, waited) = self
            .changed
            .wait_timeout_while(found, LIMIT, other)
            .unwrap();
        assert!(!waited.timed_out());
    }
}

impl Bus for Gate {
    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        self.nic.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        self.nic.write32(offset, value)
    }

    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError> {
        self.nic.allocate(len_bytes)
    }

    fn relax(&self) {
        self.nic.relax();
    }

    fn wait(&self, timeout_ns: u64) -> Result<(), BusError> {
        if thread::current().name() != Some(LEADER) {
            return self.nic.wait(timeout_ns);
        }
        self.set(State::Holds);
        self.wait_for(State::Open);
        (0..TURNS).for_each(|_| self.nic.relax());
        Ok(())
    }

    fn wake(&self) {
        self.nic.wake();
    }
}

/// Waits until the thread of this name in this process sleeps: nothing but locks and news is there to sleep for.
fn until_asleep(name: &str) {
    let begin = Instant::now();
    let is_asleep = || {
        fs::read_dir("/proc/self/task").unwrap().any(|task| {
            // Like "4711 (name) S …"; a thread that has ended meanwhile has none.
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
            stat.contains(&format!(" ({name}) S "))
        })
    };
    while !is_asleep() {
        assert!(begin.elapsed() < LIMIT, "{name} does not sleep");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Reads one byte in a thread of this name, and tells it.
fn read_in_thread(name: &str, mut stream: TcpStream) -> Receiver<u8> {
    let (sender, receiver): (Sender<u8>, _) = channel();
    let read = move || {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        sender.send(byte[0]).unwrap();
        // The stream stays: to drop it would be a call.
        thread::park();
    };
    thread::Builder::new()
        .name(name.into())
        .spawn(read)
        .unwrap();
    receiver
}

#[test]
fn a_follower_that_is_done_leaves_somebody_who_polls() {
    let (near, far) = Cable::pair(0);
    let clock = Clock::wall();
    let gate = Arc::new(Gate {
        nic: nic(near, &clock),
        state: Mutex::new(State::Empty),
        changed: Condvar::new(),
    });
    let host = Host::start(Arc::clone(&gate) as Arc<dyn Bus>, config(HOST)).unwrap();
    // Without a background thread, so that there is only one.
    let peer_nic = nic(far, &clock);
    let peer = Host::manual(
        Arc::clone(&peer_nic) as Arc<dyn Bus>,
        config(PEER),
        Arc::new(WallClock::default()),
    )
    .unwrap();
    let listener = TcpListener::bind(&host, (HOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // The peer's NIC works only when it is told to.
    let send = || (0..TURNS).for_each(|_| peer_nic.relax());
    let connection = || {
        let stream = TcpStream::connect_timeout(&peer, &address, LIMIT).unwrap();
        send();
        (stream, listener.accept().unwrap().0)
    };
    let ((mut to_leader, leaders), (mut to_follower, followers)) = (connection(), connection());

    let leader = read_in_thread(LEADER, leaders);
    gate.wait_for(State::Holds);
    until_asleep(BACKGROUND);
    let follower = read_in_thread(FOLLOWER, followers);
    until_asleep(FOLLOWER);
    for stream in [&mut to_leader, &mut to_follower] {
        stream.write_all(&[7]).unwrap();
    }
    send();
    gate.set(State::Open);
    assert_eq!(leader.recv_timeout(LIMIT), Ok(7));
    assert_eq!(follower.recv_timeout(LIMIT), Ok(7));

    // No call waits any more, and the host still answers.
    let connected = TcpStream::connect_timeout(&peer, &address, LIMIT);
    assert!(connected.is_ok(), "nobody polls the host: {connected:?}");
}
