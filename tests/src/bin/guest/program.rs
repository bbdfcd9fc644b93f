//! Programs that the scenarios run: each with a time limit, and with what it says kept.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use handclasp_tests::guest::{HANDCLASP, HOST_PORT, USER_ID};
use handclasp_wires::kernel::KERNEL_IP;
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use crate::machine::{Machine, HOME};

/// Longest that a program may take for anything: under an interpreted machine with a simulated NIC, seconds are common.
pub const LIMIT: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(20);

/// Who runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// root.
    Root,
    /// The ordinary user.
    Ordinary,
}

/// A running program; dropped, it is killed.
#[derive(Debug)]
pub struct Program {
    child: Child,
    shown: String,
    said: PathBuf,
}

/// How a program ended, and all that it said.
#[derive(Debug)]
pub struct Ended {
    shown: String,
    status: ExitStatus,
    said: String,
}

impl Program {
    /// Starts `handclasp` with these arguments, separated by spaces.
    pub fn handclasp(user: User, arguments: &str) -> Result<Self> {
        let said = PathBuf::from(HOME).join("said");
        let out = File::create(&said).with_context(|| format!("creating {}", said.display()))?;
        let mut command = Command::new(HANDCLASP);
        command.args(arguments.split(' '));
        command.current_dir(HOME);
        command.stderr(out.try_clone().context("its standard error")?);
        command.stdout(out);
        if user == User::Ordinary {
            command.uid(USER_ID).gid(USER_ID);
        }
        let shown = format!("handclasp {arguments}");
        let child = command.spawn().with_context(|| shown.clone())?;
        Ok(Self { child, shown, said })
    }

    /// Starts `handclasp get` of a file of the host; it arrives in [`HOME`] under the same name.
    pub fn get(user: User, machine: &Machine, file: &str) -> Result<Self> {
        let (address, cidr) = (&machine.address, Machine::cidr());
        Self::handclasp(
            user,
            &format!("get http://{KERNEL_IP}:{HOST_PORT}/{file} --output {HOME}/{file} --device {address} --ip {cidr}"),
        )
    }

    /// Waits until `done`, as long as the program runs.
    pub fn wait_until(&mut self, what: &str, done: impl Fn(&str) -> bool) -> Result<()> {
        let begin = Instant::now();
        while !done(&fs::read_to_string(&self.said).unwrap_or_default()) {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended ({status}) before {what}: {}",
                    self.shown,
                    fs::read_to_string(&self.said).unwrap_or_default()
                );
            }
            ensure!(
                begin.elapsed() < LIMIT,
                "{}: not after {LIMIT:?}: {what}",
                self.shown
            );
            sleep(POLL);
        }
        Ok(())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.child.id() as i32), signal)
            .with_context(|| format!("sending {signal} to {}", self.shown))
    }

    /// Waits for its end, which must come within `limit`.
    pub fn finish(mut self, limit: Duration) -> Result<Ended> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(&self.said).context("what it said")?;
                let shown = self.shown.clone();
                return Ok(Ended {
                    shown,
                    status,
                    said,
                });
            }
            if begin.elapsed() > limit {
                bail!(
                    "{} hangs: it has not ended after {limit:?}; it said: {}",
                    self.shown,
                    fs::read_to_string(&self.said).unwrap_or_default()
                );
            }
            sleep(POLL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It must have succeeded; what it said.
    pub fn succeeded(self) -> Result<String> {
        ensure!(
            self.status.success(),
            "{}: {}: {}",
            self.shown,
            self.status,
            self.said
        );
        Ok(self.said)
    }

    /// It must have failed by itself, and said all of `words` in its one error.
    pub fn failed_saying(self, words: &[&str]) -> Result<()> {
        ensure!(
            self.status.code().is_some_and(|code| code != 0),
            "{} should have failed: {}: {}",
            self.shown,
            self.status,
            self.said
        );
        for word in words {
            ensure!(
                self.said.contains(word),
                "{} failed, but its error does not say {word:?}: {}",
                self.shown,
                self.said
            );
        }
        ensure!(
            !self.said.contains("panicked"),
            "{} panicked: {}",
            self.shown,
            self.said
        );
        // For the log: the errors that a user meets.
        println!("    {}", self.said.trim_end().replace('\n', "\n    "));
        Ok(())
    }

    /// It must have been killed by this signal.
    pub fn was_killed_by(self, signal: Signal) -> Result<()> {
        ensure!(
            self.status.signal() == Some(signal as i32),
            "{} was to die of {signal}: {}: {}",
            self.shown,
            self.status,
            self.said
        );
        Ok(())
    }
}
