//! One boot: the processes around the guest, and what becomes of them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use handclasp_tests::guest::{
    Line, FETCHED, FILE, GUEST_PORT, HANDCLASP, HOST_PORT, INIT, LONG_FILE, MODULES, MODULES_DIR,
    USER, USER_ID, WWW_DIR,
};
use handclasp_tests::initramfs::Initramfs;
use handclasp_tests::pattern::pattern;
use handclasp_tests::qemu::{Machine, Parts};
use handclasp_wires::kernel::{OUR_IP, TAP};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::echo::Echo;
use super::evidence;

/// Length of the file that goes both ways.
pub const FILE_LEN_BYTES: usize = 1 << 20;
/// Length of the file that never arrives whole; it has no contents, and takes no space.
const LONG_FILE_LEN_BYTES: u64 = 1 << 32;
/// Longest that a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Longest that curl may take for the file.
const CURL_LIMIT_S: &str = "60";
/// Longest that the guest may take from its first instruction to its last.
const GUEST_LIMIT: Duration = Duration::from_secs(240);
/// Longest that the NIC's server may take to write what it knows and end.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How many of the console's last lines are shown when something went wrong.
const TAIL_LINES: usize = 60;

/// Boots the guest once; what it leaves is in `folder`.
pub fn boot(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| at(folder, error))?;
    }
    fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
    // What need not be kept; and a socket's path may not be long.
    let temporary = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
    let temporary = temporary.path();
    let parts = Parts::find()?;

    let contents = pattern(FILE_LEN_BYTES, 1);
    let www = temporary.join("www");
    fs::create_dir(&www).map_err(|error| at(&www, error))?;
    write(&www.join(FILE), &contents)?;
    let long = www.join(LONG_FILE);
    File::create(&long)
        .and_then(|file| file.set_len(LONG_FILE_LEN_BYTES))
        .map_err(|error| at(&long, error))?;
    let initramfs = temporary.join("initramfs");
    write(&initramfs, &archive(&parts, &contents)?)?;

    let _http = http_server(&www)?;
    let _echo = Echo::start().map_err(|error| format!("the echo server: {error}"))?;
    let socket = temporary.join("nic");
    let mut nic = nic_server(folder, &socket)?;
    let console_log = folder.join("console");
    let machine = parts
        .boot(&initramfs, &socket)
        .map_err(|error| format!("QEMU: {error}"))?;
    let outcome = attend(machine, &mut nic, &console_log, folder).and_then(|()| {
        nic.stop()?;
        evidence::check(folder)
    });
    outcome.map_err(|why| {
        let shown = |name: &str| tail(&folder.join(name));
        format!(
            "{why}\n--- the console's end ({})\n{}\n--- the NIC's server\n{}",
            console_log.display(),
            shown("console"),
            shown("server"),
        )
    })
}

/// What the kernel unpacks into the guest's memory.
fn archive(parts: &Parts, contents: &[u8]) -> Result<Vec<u8>, String> {
    let guest = Path::new(env!("CARGO_BIN_EXE_guest"));
    let read = |path: &Path| fs::read(path).map_err(|error| at(path, error));
    let mut modules = Vec::new();
    for name in MODULES {
        modules.push((format!("{MODULES_DIR}/{name}"), read(&parts.module(name)?)?));
    }
    let fill = || {
        let mut initramfs = Initramfs::new()?;
        initramfs.program(INIT, guest)?;
        initramfs.program(HANDCLASP, &handclasp())?;
        for (path, module) in &modules {
            initramfs.file(path, module)?;
        }
        let users =
            format!("root:x:0:0::/:/bin/false\n{USER}:x:{USER_ID}:{USER_ID}::/home:/bin/false\n");
        initramfs.file("/etc/passwd", users.as_bytes())?;
        initramfs.file(&format!("{WWW_DIR}/{FILE}"), contents)?;
        initramfs.finish()
    };
    fill().map_err(|error: std::io::Error| format!("the guest's archive: {error}"))
}

/// The command, which lies beside this test's programs when the workspace has been built.
fn handclasp() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_guest")).with_file_name("handclasp")
}

/// Follows the guest until QEMU ends, and does the host's part when the guest is ready for it.
fn attend(
    mut machine: Machine,
    nic: &mut Process,
    console_log: &Path,
    folder: &Path,
) -> Result<(), String> {
    let mut log = File::create(console_log).map_err(|error| at(console_log, error))?;
    let begin = Instant::now();
    let mut verdict = None;
    let mut curl = None;
    // Until QEMU has ended; now and then there is no line.
    while let Ok(line) = machine.line(Duration::from_millis(200)) {
        if let Some(line) = line {
            println!("{:7.2}  {line}", begin.elapsed().as_secs_f64());
            writeln!(log, "{:7.2}  {line}", begin.elapsed().as_secs_f64())
                .map_err(|error| at(console_log, error))?;
            match Line::parse(&line) {
                None => {}
                Some(Line::Ready) => curl = Some(start_curl(folder)?),
                Some(last) => verdict = Some(last),
            }
        }
        let fetched = match &mut curl {
            Some(curl) => curl.status()?,
            None => None,
        };
        if let Some(status) = fetched {
            curl = None;
            let answer = match check_fetched(folder, status) {
                Ok(()) => FETCHED.to_owned(),
                Err(why) => why.replace('\n', " | "),
            };
            machine
                .write_line(&answer)
                .map_err(|error| format!("the console: {error}"))?;
        }
        // QEMU would wait for its answer, and we for QEMU.
        nic.must_run()?;
        if begin.elapsed() > GUEST_LIMIT {
            return Err(format!("the guest has not ended after {GUEST_LIMIT:?}"));
        }
    }
    let status = machine.wait().map_err(|error| format!("QEMU: {error}"))?;
    match verdict {
        None => Err(format!("the guest ended without a verdict; QEMU: {status}")),
        Some(Line::Pass(_)) if status.success() => Ok(()),
        Some(Line::Pass(_)) => Err(format!("the guest passed, but QEMU ended with {status}")),
        Some(line) => Err(line.to_string()),
    }
}

/// Begins to fetch the guest's file.
fn start_curl(folder: &Path) -> Result<Process, String> {
    let said_path = folder.join("curl");
    let said = File::create(&said_path).map_err(|error| at(&said_path, error))?;
    let url = format!("http://{OUR_IP}:{GUEST_PORT}/{FILE}");
    Process::start(
        "curl",
        Command::new("curl")
            .args(["--silent", "--show-error", "--fail"])
            .args(["--max-time", CURL_LIMIT_S, &url, "--output"])
            .arg(folder.join("fetched"))
            .stderr(said),
    )
}

/// Whether curl got the file that was put there.
fn check_fetched(folder: &Path, status: ExitStatus) -> Result<(), String> {
    if !status.success() {
        return Err(format!("curl: {status}: {}", tail(&folder.join("curl"))));
    }
    let got = folder.join("fetched");
    let bytes = fs::read(&got).map_err(|error| at(&got, error))?;
    if bytes == pattern(FILE_LEN_BYTES, 1) {
        Ok(())
    } else {
        Err(format!(
            "curl got {} bytes, and they are not the file",
            bytes.len()
        ))
    }
}

/// A process beside the guest; dropped, it is killed.
pub struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    fn start(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let child = command.spawn().map_err(|error| {
            format!("{name}: {error}; `make deps-test` installs what is missing")
        })?;
        Ok(Self { name, child })
    }

    /// How it has ended, if it has.
    fn status(&mut self) -> Result<Option<ExitStatus>, String> {
        let status = self.child.try_wait();
        status.map_err(|error| format!("{}: {error}", self.name))
    }

    fn must_run(&mut self) -> Result<(), String> {
        match self.status()? {
            None => Ok(()),
            Some(status) => Err(format!("{} has ended: {status}", self.name)),
        }
    }

    /// Waits until it can be used.
    fn until(&mut self, ready: impl Fn() -> bool) -> Result<(), String> {
        let begin = Instant::now();
        while !ready() {
            self.must_run()?;
            if begin.elapsed() > START_LIMIT {
                return Err(format!("{} is not ready after {START_LIMIT:?}", self.name));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Tells it to end, which it must, and well.
    fn stop(&mut self) -> Result<(), String> {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM)
            .map_err(|error| format!("{}: {error}", self.name))?;
        let begin = Instant::now();
        loop {
            match self.status()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{}: {status}", self.name)),
                None if begin.elapsed() < STOP_LIMIT => sleep(Duration::from_millis(20)),
                None => {
                    return Err(format!(
                        "{} still runs {STOP_LIMIT:?} after SIGTERM",
                        self.name
                    ))
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn http_server(www: &Path) -> Result<Process, String> {
    let mut server = Process::start(
        "python3 -m http.server",
        Command::new("python3")
            .args(["-m", "http.server", &HOST_PORT.to_string()])
            .current_dir(www)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    server.until(|| std::net::TcpStream::connect(("127.0.0.1", HOST_PORT)).is_ok())?;
    Ok(server)
}

fn nic_server(folder: &Path, socket: &Path) -> Result<Process, String> {
    let said_path = folder.join("server");
    let said = File::create(&said_path).map_err(|error| at(&said_path, error))?;
    let errors = said.try_clone().map_err(|error| at(&said_path, error))?;
    let mut server = Process::start(
        "handclasp sim pcie",
        Command::new(handclasp())
            .args(["sim", "pcie", "--wire"])
            .arg(format!("tap:{TAP}"))
            .arg("--socket")
            .arg(socket)
            .arg("--capture")
            .arg(folder.join("wire.pcapng"))
            .arg("--counters")
            .arg(folder.join("counters"))
            .env("HANDCLASP_LOG", "info,handclasp_sim::pcie=debug")
            .env("NO_COLOR", "1")
            .stdout(said)
            .stderr(errors),
    )?;
    server.until(|| fs::read_to_string(&said_path).is_ok_and(|said| said.contains("serving")))?;
    Ok(server)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| at(path, error))
}

fn at(path: &Path, error: std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
