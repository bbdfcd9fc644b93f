//! The NIC through our libraries instead of our command: for scenarios that do to it what no user can.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use handclasp_driver::vfio::{KernelFunction, VfioBus};
use handclasp_driver::{Bus, BusError, DmaRegion};
use handclasp_host::{Host, StackConfig, TcpListener, TcpStream};
use handclasp_layout::register::Register;
use handclasp_tests::guest::{GUEST_PORT, HOST_PORT, LONG_FILE};
use handclasp_tests::OUR_MAC;
use handclasp_wires::kernel::{KERNEL_IP, OUR_IP, PREFIX_LEN};

use crate::machine::Machine;

/// Bytes after which a transfer is well under way.
pub const UNDER_WAY_BYTES: usize = 64 << 10;
/// Longest until all sockets know that the NIC is not theirs any more.
pub const NOTICE_LIMIT: Duration = Duration::from_secs(10);

/// A bus of the kernel's VFIO.
pub type Vfio = VfioBus<KernelFunction>;

/// Opens the NIC.
pub fn open(machine: &Machine) -> Result<Arc<Vfio>> {
    let address = machine.address.parse().context("the NIC's address")?;
    let function = KernelFunction::open(address).context("opening the function")?;
    Ok(Arc::new(
        VfioBus::open(function).context("opening the bus")?,
    ))
}

/// Starts a host on a bus.
pub fn host(bus: Arc<dyn Bus>) -> Result<Host> {
    Host::start(bus, StackConfig::new(OUR_MAC, OUR_IP, PREFIX_LEN)).context("starting the host")
}

/// The host's HTTP server.
pub fn server() -> SocketAddr {
    (KERNEL_IP, HOST_PORT).into()
}

/// Sockets that wait, one of each kind: each is to end in an error.
pub struct Waiting(Vec<(&'static str, Receiver<String>)>);

impl Waiting {
    /// Two transfers well under way, a connection on which nothing arrives, and a listener to which nobody connects.
    pub fn start(host: &Host) -> Result<Self> {
        let mut waiting = Vec::new();
        for name in ["a transfer", "another transfer"] {
            let mut stream = TcpStream::connect(host, server()).context("connecting")?;
            write!(stream, "GET /{LONG_FILE} HTTP/1.0\r\n\r\n").context("sending the request")?;
            let mut begin = vec![0; UNDER_WAY_BYTES];
            stream.read_exact(&mut begin).context(name)?;
            waiting.push((name, until_error(move || read(&mut stream))));
        }
        let mut idle = TcpStream::connect(host, server()).context("connecting")?;
        waiting.push(("an idle connection", until_error(move || read(&mut idle))));
        let listener = TcpListener::bind(host, (OUR_IP, GUEST_PORT)).context("listening")?;
        let accept = move || listener.accept().map(|_| 0);
        waiting.push(("a listener", until_error(accept)));
        Ok(Self(waiting))
    }

    /// All have ended in time, and their errors say `word`.
    pub fn all_failed_saying(self, word: &str) -> Result<()> {
        for (name, errors) in self.0 {
            let Ok(error) = errors.recv_timeout(NOTICE_LIMIT) else {
                bail!("{name} hangs: no error after {NOTICE_LIMIT:?}");
            };
            ensure!(
                error.contains(word),
                "the error of {name} does not say {word:?}: {error}"
            );
            println!("    {name}: {error}");
        }
        Ok(())
    }
}

fn read(stream: &mut TcpStream) -> std::io::Result<usize> {
    stream.read(&mut [0; 4096])
}

/// Calls again and again, in a thread, until there is an error; an end without one is also told.
fn until_error(
    mut call: impl FnMut() -> std::io::Result<usize> + Send + 'static,
) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let end = loop {
            match call() {
                Ok(0) => break "no error, but an orderly end".to_owned(),
                Ok(_) => {}
                Err(error) => break error.to_string(),
            }
        };
        // The socket goes first: whoever gets the error may open the NIC anew.
        drop(call);
        let _ = sender.send(end);
    });
    receiver
}

/// A bus on which one register gets another value than the driver writes.
pub struct Bent {
    /// The real one.
    pub bus: Arc<Vfio>,
    /// Which register.
    pub register: Register,
    /// What it gets.
    pub value: u32,
}

impl Bus for Bent {
    fn read32(&self, offset: u32) -> Result<u32, BusError> {
        self.bus.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), BusError> {
        let bent = offset == self.register.offset;
        self.bus
            .write32(offset, if bent { self.value } else { value })
    }

    fn allocate(&self, len_bytes: usize) -> Result<DmaRegion, BusError> {
        self.bus.allocate(len_bytes)
    }

    fn relax(&self) {
        self.bus.relax();
    }

    fn wait(&self, timeout_ns: u64) -> Result<(), BusError> {
        self.bus.wait(timeout_ns)
    }

    fn wake(&self) {
        self.bus.wake();
    }
}
