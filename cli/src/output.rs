//! A file that the command writes for its user.
//!
//! A regular file appears under its name, or replaces the one that is there, only when it is whole: until then its contents
//! are in a temporary file beside it. What is no regular file (a device, a FIFO) is written through and never replaced.
//! Files that grow for as long as the command runs (`--capture`) are not of this kind: they are written where they are, by
//! `File::create`, which replaces nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{fchown, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use tempfile::TempPath;

/// Links that are followed in a row, as many as Linux follows.
const LINKS_MAX: usize = 40;

/// What a new file may be used for before the umask, as by `open(2)` everywhere.
const NEW_MODE: u32 = 0o666;

/// How long the reader of a FIFO may take to open it, and how often that is looked at.
const READER_COMES: Duration = Duration::from_secs(10);
const READER_POLL: Duration = Duration::from_millis(20);

/// An output that is being written.
pub struct Output {
    writer: BufWriter<Box<dyn Write>>,
    /// What the user called it.
    path: PathBuf,
    /// Where it will be; `None` when it is written through.
    target: Option<PathBuf>,
    unfinished: Unfinished,
}

/// The temporary file of an output, if it has one: for whoever ends the command in the middle.
#[derive(Clone, Default)]
pub struct Unfinished(Arc<Mutex<Option<TempPath>>>);

impl Unfinished {
    /// Removes the temporary file; the output cannot be finished any more.
    pub fn remove(&self) {
        // It is removed when dropped.
        drop(self.take());
    }

    fn take(&self) -> Option<TempPath> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, path: TempPath) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
    }
}

/// Whether `path` stands for standard output.
pub fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Writes all of an output at once.
///
/// # Errors
/// As [`Output::create`] and [`Output::finish`].
pub fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    let mut output = Output::create(path, &Unfinished::default())?;
    let written = output.write_all(contents.as_ref());
    written.with_context(|| format!("writing {}", path.display()))?;
    output.finish()
}

impl Output {
    /// Begins to write the file `path`, or standard output if that is `-`. Its temporary file is entered in `unfinished`.
    ///
    /// # Errors
    /// It is a directory, it may not be written, or the file cannot be made.
    pub fn create(path: &Path, unfinished: &Unfinished) -> Result<Self> {
        Self::open(path, unfinished).with_context(|| format!("writing {}", path.display()))
    }

    fn open(path: &Path, unfinished: &Unfinished) -> Result<Self> {
        let output = |writer: Box<dyn Write>, target| Self {
            writer: BufWriter::new(writer),
            path: path.to_owned(),
            target,
            unfinished: unfinished.clone(),
        };
        if is_standard(path) {
            return Ok(output(Box::new(io::stdout()), None));
        }
        let there = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => bail!("it is a directory: name a file"),
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let target = followed(path)?;
        let (there, target) = match (there, target) {
            (Some(there), Some(target)) if there.is_file() => (there, target),
            (None, Some(target)) => {
                let mode = fs::Permissions::from_mode(NEW_MODE);
                let file = temporary(&target, mode, unfinished)?;
                return Ok(output(Box::new(file), Some(target)));
            }
            _ => {
                let through = open_through(path)?;
                return Ok(output(Box::new(through), None));
            }
        };
        // Not cut yet. Who may not write a file may not replace it either.
        let through = OpenOptions::new().write(true).open(path)?;
        let file = temporary(&target, there.permissions(), unfinished).and_then(|file| {
            // The umask was taken off.
            file.set_permissions(there.permissions())?;
            fchown(&file, Some(there.uid()), Some(there.gid()))?;
            Ok(file)
        });
        match file {
            Ok(file) => Ok(output(Box::new(file), Some(target))),
            // No file may be made beside it, or none with its owner: then only its contents may change.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unfinished.remove();
                through.set_len(0)?;
                Ok(output(Box::new(through), None))
            }
            Err(error) => {
                unfinished.remove();
                Err(error.into())
            }
        }
    }

    /// Brings everything to its place.
    ///
    /// # Errors
    /// It could not be written, or was given up meanwhile; then nothing is left of it.
    pub fn finish(mut self) -> Result<()> {
        let flushed = self.writer.flush();
        flushed.with_context(|| format!("writing {}", self.path.display()))?;
        let Some(target) = &self.target else {
            return Ok(());
        };
        let temporary = self
            .unfinished
            .take()
            .with_context(|| format!("{}: given up before it was whole", self.path.display()))?;
        let placed = temporary.persist(target).map_err(|error| error.error);
        placed.with_context(|| format!("bringing {} to its place", self.path.display()))
    }
}

impl Write for Output {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.writer.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.unfinished.remove();
    }
}

/// Opens what is there for writing. A FIFO's reader is waited for, but not for ever.
fn open_through(path: &Path) -> Result<File> {
    let begin = Instant::now();
    loop {
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path);
        match opened {
            // fifo(7): nobody has it open for reading.
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => {
                if begin.elapsed() > READER_COMES {
                    bail!("nobody has opened it for reading");
                }
                thread::sleep(READER_POLL);
            }
            opened => {
                let file = opened?;
                // Only the opening was not to wait.
                let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
                fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
                return Ok(file);
            }
        }
    }
}

/// A temporary file beside `target`.
fn temporary(target: &Path, mode: fs::Permissions, unfinished: &Unfinished) -> io::Result<File> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut prefix = name.to_owned();
    prefix.push(".");
    let (file, path) = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".part")
        .permissions(mode)
        .tempfile_in(directory_of(target))?
        .into_parts();
    unfinished.put(path);
    Ok(file)
}

/// The directory that a file is in.
fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Where the links end whose first is `path`, whether something is there or not. `None` when it is an open descriptor, like
/// /dev/stdout: others go on using the file behind it, so that may not be replaced.
fn followed(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let parent = directory_of(&path);
        if parent.canonicalize()?.starts_with("/proc") {
            return Ok(None);
        }
        match fs::read_link(&path) {
            // An absolute one takes the place of the whole path.
            Ok(to) => path = parent.join(to),
            Err(_) => return Ok(Some(path)),
        }
    }
    Err(Errno::ELOOP.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{symlink, FileTypeExt};

    use nix::sys::stat::Mode;

    use super::*;

    /// The names in a directory, in order.
    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_when_it_is_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(dir.path().join("x.part"), "a stranger's").unwrap();
        let mut output = Output::create(&path, &Unfinished::default()).unwrap();
        output.write_all(b"new").unwrap();
        assert!(!path.exists());
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        // Given up by an error, or by a signal.
        let mut output = Output::create(&path, &Unfinished::default()).unwrap();
        output.write_all(b"no").unwrap();
        drop(output);
        let unfinished = Unfinished::default();
        let mut output = Output::create(&path, &unfinished).unwrap();
        output.write_all(b"no").unwrap();
        unfinished.remove();
        assert_eq!(names(dir.path()), ["x", "x.part"]);
        assert!(format!("{:#}", output.finish().unwrap_err()).contains("given up"));
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::read(dir.path().join("x.part")).unwrap(),
            b"a stranger's"
        );
    }

    #[test]
    fn mode_and_owner_stay_and_links_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("target", dir.path().join("link")).unwrap();
        symlink("none", dir.path().join("dangling")).unwrap();
        write(&dir.path().join("link"), "new").unwrap();
        let metadata = fs::metadata(&target).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read(&target).unwrap(), b"new");
        write(&dir.path().join("dangling"), "new").unwrap();
        assert_eq!(fs::read(dir.path().join("none")).unwrap(), b"new");
        for link in ["link", "dangling"] {
            assert!(dir.path().join(link).is_symlink());
        }
        assert_eq!(names(dir.path()), ["dangling", "link", "none", "target"]);
        // A link to itself ends.
        symlink("loop", dir.path().join("loop")).unwrap();
        write(&dir.path().join("loop"), "").unwrap_err();
    }

    #[test]
    fn what_is_no_regular_file_is_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || fs::read(fifo).unwrap()
        });
        write(&fifo, "through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
        // The same through a link, and a device that has no room: a full disk's error.
        let link = dir.path().join("link");
        symlink("/dev/full", &link).unwrap();
        let error = format!("{:#}", write(&link, "x").unwrap_err());
        assert!(
            error.contains("link") && error.contains("No space"),
            "{error}"
        );
        assert!(link.is_symlink());
        // A descriptor's file is others' as well.
        let file = File::create(dir.path().join("open")).unwrap();
        let before = file.metadata().unwrap().ino();
        let descriptor = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        write(Path::new(&descriptor), "x").unwrap();
        let after = fs::metadata(dir.path().join("open")).unwrap();
        assert_eq!((after.ino(), after.len()), (before, 1));
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let error = format!("{:#}", write(dir.path(), "x").unwrap_err());
        assert!(error.contains("it is a directory"), "{error}");
        let missing = dir.path().join("missing/x");
        let error = format!("{:#}", write(&missing, "x").unwrap_err());
        assert!(error.contains("missing/x"), "{error}");
    }
}
