//! The machine that the guest runs on: QEMU, with the NIC's server as a PCI Express card behind an IOMMU.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Longest that QEMU waits for an answer of the NIC's server; missed once, the card is lost for good.
const ANSWER_TIMEOUT_MS: u32 = 120_000;
const MEMORY: &str = "512M";
/// - `panic=-1`: a kernel that panics ends QEMU, by `-no-reboot`.
/// - `reboot=force`: the IOMMU stays on when the machine is switched off. Else the kernel's last deed is to let all devices
///   reach all memory, and those mappings would be taken for left behind.
/// - The last three save time.
const KERNEL_COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 reboot=force intel_iommu=on \
     mitigations=off nokaslr cryptomgr.notests";

/// What `scripts/guest-parts` has fetched.
#[derive(Debug)]
pub struct Parts {
    qemu: PathBuf,
    kernel: PathBuf,
    modules: PathBuf,
}

impl Parts {
    /// The parts in `target/guest`.
    ///
    /// # Errors
    /// They are not there; how to get them.
    pub fn find() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guest");
        if !folder.join("versions").exists() {
            return Err(format!(
                "QEMU and the guest's kernel are not in {}: run scripts/guest-parts",
                folder.display()
            ));
        }
        let boot = folder.join("kernel/boot");
        Ok(Self {
            qemu: folder.join("qemu/usr"),
            kernel: only_one(&boot, "vmlinuz-")?,
            modules: only_one(&folder.join("kernel/usr/lib/modules"), "")?,
        })
    }

    /// The file of a kernel module, compressed as Debian ships it.
    ///
    /// # Errors
    /// This kernel has no such module.
    pub fn module(&self, name: &str) -> Result<PathBuf, String> {
        let file_name = format!("{name}.ko.xz");
        let mut folders = vec![self.modules.clone()];
        while let Some(folder) = folders.pop() {
            for path in list(&folder)? {
                if path.file_name().is_some_and(|found| *found == *file_name) {
                    return Ok(path);
                }
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        Err(format!(
            "there is no {file_name} in {}",
            self.modules.display()
        ))
    }

    /// Starts the machine with the NIC that is served on `socket`.
    ///
    /// # Errors
    /// QEMU cannot be started.
    pub fn boot(&self, initramfs: &Path, socket: &Path) -> io::Result<Machine> {
        let libraries = self.qemu.join("lib/x86_64-linux-gnu");
        // Its own loader and C library: it may be newer than this system's.
        let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(&libraries);
        command.arg(self.qemu.join("bin/qemu-system-x86_64"));
        for data in ["share/qemu", "share/seabios"] {
            command.arg("-L").arg(self.qemu.join(data));
        }
        command.args("-nodefaults -no-user-config -display none -no-reboot -cpu max".split(' '));
        command.args(machine_arguments(socket));
        command.arg("-kernel").arg(&self.kernel);
        command.arg("-initrd").arg(initramfs);
        command.args(["-append", KERNEL_COMMAND_LINE, "-serial", "stdio"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, console) = mpsc::channel();
        for stream in [
            child
                .stdout
                .take()
                .map(|out| Box::new(out) as Box<dyn io::Read + Send>),
            child
                .stderr
                .take()
                .map(|err| Box::new(err) as Box<dyn io::Read + Send>),
        ]
        .into_iter()
        .flatten()
        {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Machine { child, console })
    }
}

/// The arguments that make a machine with the NIC that is served on `socket`; the README's example has the same.
fn machine_arguments(socket: &Path) -> Vec<String> {
    let nic = serde_json::json!({
        "driver": "vfio-user-pci",
        "bus": "rp1",
        "socket": { "type": "unix", "path": socket },
        "x-msg-timeout": ANSWER_TIMEOUT_MS,
    });
    [
        // Interpreted always, never on /dev/kvm: one that is there may still not run a stock kernel.
        ("-machine", "q35,accel=tcg,memory-backend=mem0"),
        ("-m", MEMORY),
        // Shared, so that the server gets a file descriptor with each mapping; else it could not do DMA.
        (
            "-object",
            &format!("memory-backend-memfd,id=mem0,size={MEMORY},share=on"),
        ),
        // VFIO needs remapped interrupts, and QEMU's vfio-user-pci wants to hear of new mappings (caching mode). It must
        // be there before the NIC.
        ("-device", "intel-iommu,intremap=on,caching-mode=on"),
        (
            "-device",
            "pcie-root-port,id=rp1,bus=pcie.0,chassis=1,slot=1,addr=2",
        ),
        ("-device", &nic.to_string()),
    ]
    .into_iter()
    .flat_map(|(option, value)| [option.to_owned(), value.to_owned()])
    .collect()
}

/// A running machine; dropped, it is switched off.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    console: Receiver<String>,
}

impl Machine {
    /// The next line of the serial console, or of QEMU's own complaints; nothing within the time-out.
    ///
    /// # Errors
    /// There will be no more: QEMU has ended.
    pub fn line(&self, timeout: Duration) -> Result<Option<String>, Ended> {
        match self.console.recv_timeout(timeout) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Ended),
        }
    }

    /// Writes a line into the serial console.
    ///
    /// # Errors
    /// QEMU has ended.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        let console = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(console, "{line}")
    }

    /// QEMU's exit status, after [`Ended`].
    ///
    /// # Errors
    /// The system's.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// QEMU has closed its console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    entries
        .map(|entry| Ok(entry.map_err(failed)?.path()))
        .collect()
}

fn only_one(folder: &Path, prefix: &str) -> Result<PathBuf, String> {
    let mut paths = list(folder)?;
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix)
    });
    match (paths.pop(), paths.is_empty()) {
        (Some(path), true) => Ok(path),
        _ => Err(format!(
            "there is not exactly one {prefix}* in {}: remove target/guest and run scripts/guest-parts",
            folder.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value as QEMU reads it: of JSON the order of keys does not matter.
    fn value(word: &str) -> String {
        serde_json::from_str::<serde_json::Value>(word)
            .map_or_else(|_| word.to_owned(), |json| json.to_string())
    }

    #[test]
    fn the_readme_starts_the_machine_that_is_tested() {
        let readme = include_str!("../../README.md").replace("\\\n", " ");
        let line = readme
            .lines()
            .find(|line| line.starts_with("qemu-system-x86_64 "))
            .expect("the README starts QEMU");
        // What stands in quotes is one word, without blanks.
        let words: Vec<String> = line
            .split_whitespace()
            .map(|word| value(word.trim_matches('\'')))
            .collect();
        for pair in machine_arguments(Path::new("/tmp/nic")).chunks(2) {
            let [option, wanted] = pair else {
                panic!("an option without its value: {pair:?}");
            };
            let given = words.windows(2);
            assert!(
                given
                    .into_iter()
                    .any(|two| two[0] == *option && two[1] == value(wanted)),
                "the README's QEMU lacks {option} {wanted}"
            );
        }
    }
}
