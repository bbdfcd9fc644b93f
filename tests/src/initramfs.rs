//! The guest's root file system: an archive that the kernel unpacks into memory (Linux,
//! Documentation/driver-api/early-userspace/buffer-format.rst: "newc" cpio).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use cpio::newc::{trailer, Builder, ModeFileType};

const DIRECTORY_MODE: u32 = 0o755;

/// An archive in the making.
#[derive(Debug)]
pub struct Initramfs {
    archive: Vec<u8>,
    /// What is in it: a file twice would be one too many, and directories come before what is in them.
    paths: BTreeSet<String>,
}

impl Initramfs {
    /// An archive with nothing but the root directory, which an ordinary user may enter.
    ///
    /// # Errors
    /// None that is known: it is memory that is written.
    pub fn new() -> io::Result<Self> {
        let mut initramfs = Self {
            archive: Vec::new(),
            paths: BTreeSet::new(),
        };
        initramfs.entry(".", ModeFileType::Directory, DIRECTORY_MODE, &[])?;
        Ok(initramfs)
    }

    /// A directory, with those above it.
    ///
    /// # Errors
    /// As for [`Initramfs::new`].
    pub fn directory(&mut self, path: &str) -> io::Result<()> {
        let path = path.trim_matches('/');
        let ends = path.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let directory = &path[..end];
            if !directory.is_empty() && !self.paths.contains(directory) {
                self.entry(directory, ModeFileType::Directory, DIRECTORY_MODE, &[])?;
            }
        }
        Ok(())
    }

    /// A file that everybody may read and run, with the directories above it; one that is there already stays.
    ///
    /// # Errors
    /// It is longer than 4 GiB.
    pub fn file(&mut self, path: &str, contents: &[u8]) -> io::Result<()> {
        let path = path.trim_matches('/');
        if self.paths.contains(path) {
            return Ok(());
        }
        if let Some((directory, _)) = path.rsplit_once('/') {
            self.directory(directory)?;
        }
        self.entry(path, ModeFileType::Regular, 0o755, contents)
    }

    /// A program of this machine without its symbols, with its shared libraries and their loader at the paths they have
    /// here: the guest runs what was built for the host, and nothing is built twice.
    ///
    /// # Errors
    /// `strip` or `ldd` says no, or a file cannot be read.
    pub fn program(&mut self, path: &str, program: &Path) -> io::Result<()> {
        let stripped = tempfile::NamedTempFile::new()?;
        say(Command::new("strip")
            .arg("-o")
            .arg(stripped.path())
            .arg(program))?;
        self.file(path, &fs::read(stripped.path())?)?;
        // Lines like "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)".
        for line in say(Command::new("ldd").arg(program))?.lines() {
            let library = line.split_whitespace().find(|word| word.starts_with('/'));
            if let Some(library) = library {
                self.file(library, &fs::read(library)?)?;
            } else if line.contains("not found") {
                return Err(io::Error::other(format!("{}: {line}", program.display())));
            }
        }
        Ok(())
    }

    /// The archive.
    ///
    /// # Errors
    /// As for [`Initramfs::new`].
    pub fn finish(self) -> io::Result<Vec<u8>> {
        trailer(self.archive)
    }

    fn entry(
        &mut self,
        path: &str,
        kind: ModeFileType,
        mode: u32,
        contents: &[u8],
    ) -> io::Result<()> {
        let length = u32::try_from(contents.len()).map_err(io::Error::other)?;
        // Files that share an inode number would be links to one another.
        let inode = self.paths.len() as u32 + 1;
        let builder = Builder::new(path)
            .ino(inode)
            .mode(mode)
            .set_mode_file_type(kind);
        let mut writer = builder.write(std::mem::take(&mut self.archive), length);
        io::Write::write_all(&mut writer, contents)?;
        self.archive = writer.finish()?;
        self.paths.insert(path.into());
        Ok(())
    }
}

/// What a program prints; what it complains of, if it fails.
fn say(command: &mut Command) -> io::Result<String> {
    let output = command
        .output()
        .map_err(|error| io::Error::other(format!("{command:?}: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{command:?}: {said}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
