//! `handclasp sim pcie` as a process: our driver connects to its socket, and the kernel's TCP is at the other end of its wire.
//! Where TAP devices are not allowed, the tests count as ignored, and the reason is printed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use handclasp_driver::vfio::VfioBus;
use handclasp_host::{Host, StackConfig, TcpStream};
use handclasp_sim::pcie::Client;
use handclasp_tests::pattern::pattern;
use handclasp_wires::kernel::{what_is_missing, with_kernel, KERNEL_IP, OUR_IP, PREFIX_LEN, TAP};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

type Outcome = Result<(), Failed>;

fn main() {
    let missing = what_is_missing();
    if let Some(reason) = &missing {
        eprintln!("the tests against the kernel are ignored: {reason}");
    }
    let trial = |name: &str, test: fn(&Path) -> Outcome| {
        Trial::test(name, move || {
            with_kernel(|tap| {
                // The command opens the device itself.
                drop(tap);
                let dir = tempfile::tempdir()?;
                test(dir.path())
            })?
        })
        .with_ignored_flag(missing.is_some())
    };
    let trials = vec![
        trial("data_goes_through_the_socket_to_the_kernel_and_back", echo),
        trial("a_killed_server_is_replaced", killed),
        trial("an_idle_nic_takes_no_processor_time", idle),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A serving process that does not outlive the test.
struct Serving {
    process: Child,
    socket: PathBuf,
    counters: PathBuf,
    capture: PathBuf,
}

impl Serving {
    /// Returns when it says that it serves.
    fn start(dir: &Path) -> Result<Self, Failed> {
        let (socket, counters) = (dir.join("socket"), dir.join("counters"));
        let capture = dir.join("capture.pcapng");
        let mut process = Command::new(env!("CARGO_BIN_EXE_handclasp"))
            .args(["sim", "pcie", "--wire", &format!("tap:{TAP}")])
            .args(["--socket".as_ref(), socket.as_os_str()])
            .args(["--counters".as_ref(), counters.as_os_str()])
            .args(["--capture".as_ref(), capture.as_os_str()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("no stdout")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let expected = format!("serving a Handclasp NIC on {}\n", socket.display());
        let serving = Self {
            process,
            socket,
            counters,
            capture,
        };
        if line == expected {
            return Ok(serving);
        }
        Err(format!("it said {line:?}").into())
    }

    fn host(&self) -> Result<Host, Failed> {
        let bus = VfioBus::open(Client::connect(&self.socket)?)?;
        let config = StackConfig::new(0x0200_0000_0001, OUR_IP, PREFIX_LEN);
        Ok(Host::start(Arc::new(bus), config)?)
    }

    /// Sends SIGTERM, and returns the counters that it wrote before it ended well.
    fn end(mut self) -> Result<String, Failed> {
        kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM)?;
        let status = self.process.wait()?;
        if !status.success() {
            return Err(format!("it ended with {status}").into());
        }
        if self.socket.exists() {
            return Err("its socket is left".into());
        }
        Ok(fs::read_to_string(&self.counters)?)
    }

    /// User and system time that it has taken, in clock ticks.
    fn ticks(&self) -> Result<u64, Failed> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // Behind the name, which ends in a bracket: fields 14 and 15 of all (proc_pid_stat(5)).
        let fields = stat.rsplit(") ").next().ok_or("no stat")?.split(' ');
        let times = fields.skip(11).take(2).map(str::parse::<u64>);
        Ok(times.sum::<Result<u64, _>>()?)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends bytes to an echo server of the kernel.
fn exchange(host: &Host) -> Outcome {
    let listener = std::net::TcpListener::bind((KERNEL_IP, 0))?;
    let address = listener.local_addr()?;
    let echo = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut writer = stream.try_clone()?;
        std::io::copy(&mut stream, &mut writer)?;
        stream.shutdown(Shutdown::Write)
    });
    let sent = pattern(64 << 10, 1);
    let mut stream = TcpStream::connect_timeout(host, &address, Duration::from_secs(20))?;
    let mut writer = stream.try_clone()?;
    let to_send = sent.clone();
    let sender = thread::spawn(move || -> std::io::Result<()> {
        writer.write_all(&to_send)?;
        writer.shutdown(Shutdown::Write)
    });
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    sender.join().map_err(|_| "the sender panicked")??;
    echo.join().map_err(|_| "the kernel's end panicked")??;
    if received == sent {
        Ok(())
    } else {
        Err(format!("{} other bytes came back", received.len()).into())
    }
}

fn echo(dir: &Path) -> Outcome {
    let serving = Serving::start(dir)?;
    let host = serving.host()?;
    exchange(&host)?;
    host.drain(Duration::from_secs(5));
    drop(host);
    let capture = serving.capture.clone();
    let counters = serving.end()?;
    let value = |name: &str| -> Result<u64, Failed> {
        let mut lines = counters.lines().filter_map(|line| line.split_once(' '));
        let found = lines.find(|(known, _)| *known == name);
        Ok(found
            .ok_or_else(|| format!("no {name} in {counters}"))?
            .1
            .parse()?)
    };
    let is_as_expected = value("rx_flow")? > 40
        && value("tx_segments")? > 40
        && value("interrupts")? == value("pcie_msix")?
        && value("pcie_clients")? == 1
        && value("pcie_maps")? > 0
        && value("pcie_maps_left")? == 0
        && value("pcie_dma_faults")? == 0
        && value("pcie_dma_blocked")? == 0;
    if !is_as_expected {
        return Err(format!("the counters are {counters}").into());
    }
    // 64 KiB went each way.
    let captured = fs::metadata(&capture)?.len();
    if captured > 128 << 10 {
        Ok(())
    } else {
        Err(format!("the capture has {captured} bytes").into())
    }
}

fn killed(dir: &Path) -> Outcome {
    let mut first = Serving::start(dir)?;
    first.process.kill()?;
    first.process.wait()?;
    if !first.socket.exists() {
        return Err("a killed process cannot have removed its socket".into());
    }
    let second = Serving::start(dir)?;
    let again = Serving::start(dir);
    if again.is_ok() {
        return Err("two processes serve on one socket".into());
    }
    exchange(&second.host()?)
}

fn idle(dir: &Path) -> Outcome {
    let serving = Serving::start(dir)?;
    let bus = VfioBus::open(Client::connect(&serving.socket)?)?;
    thread::sleep(Duration::from_millis(200));
    let before = serving.ticks()?;
    thread::sleep(Duration::from_secs(1));
    let taken = serving.ticks()? - before;
    drop(bus);
    // A tick is 10 ms: awake, it would take a hundred.
    if taken <= 3 {
        Ok(())
    } else {
        Err(format!("{taken} ticks in a second of idleness").into())
    }
}
