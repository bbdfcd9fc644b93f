//! A Linux TAP device: the kernel's network stack at the other end.
//!
//! The only wire with `unsafe`: three ioctls that no safe crate here offers.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::socket::{socket, AddressFamily, SockFlag, SockType};

use super::Wire;

const DEVICE: &str = "/dev/net/tun";

/// Longest name of an interface; the kernel keeps a zero byte behind it.
const NAME_MAX_BYTES: usize = libc::IFNAMSIZ - 1;

/// Longer frames are cut: far beyond what a NIC takes, so it sees and counts them as oversize.
const FRAME_MAX_BYTES: usize = 16 * 1024;

/// Why there is no TAP device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapError {
    /// Not a name that an interface can have.
    #[error("{0:?} cannot be the name of an interface: it takes 1 to {NAME_MAX_BYTES} bytes without '/' and blanks")]
    BadName(String),
    /// The kernel has no TAP devices.
    #[error("{DEVICE} is not there ({0}): load the kernel module with `modprobe tun`, or give the container this device")]
    NoDriver(io::Error),
    /// The right is missing.
    #[error("TAP device {name} cannot be made ({error}): run with the capability CAP_NET_ADMIN (as root, or `setcap cap_net_admin+ep` on the program), or have root make it first: `ip tuntap add dev {name} mode tap user $USER`")]
    NoRight {
        /// The interface.
        name: String,
        /// The system's answer.
        error: io::Error,
    },
    /// Another process has it.
    #[error("TAP device {0} is in use by another process: end that one, or take another name")]
    InUse(String),
    /// The name belongs to an interface of another kind.
    #[error("interface {0} exists and is not a TAP device: take another name")]
    NotATap(String),
    /// The interface cannot be switched on.
    #[error(
        "TAP device {name} cannot be put up ({error}): do it as root: `ip link set {name} up`"
    )]
    NotUp {
        /// The interface.
        name: String,
        /// The system's answer.
        error: io::Error,
    },
    /// Something else failed.
    #[error("TAP device {name}: {call} failed: {error}")]
    System {
        /// The interface.
        name: String,
        /// What was tried.
        call: &'static str,
        /// The system's answer.
        error: io::Error,
    },
}

/// The wire's end of a TAP device. It goes when this is dropped, unless it was made persistent before.
#[derive(Debug)]
pub struct Tap {
    file: File,
    name: String,
    frame: Box<[u8]>,
    lost_frames: u64,
}

impl Tap {
    /// Takes the TAP device `name` of the calling thread's network namespace, making it if it is not there; `up` also
    /// switches the interface on, as `ip link set NAME up` does.
    ///
    /// # Errors
    /// Each says what is missing and what to do.
    pub fn open(name: &str, up: bool) -> Result<Self, TapError> {
        let named = |call, error| TapError::System {
            name: name.to_owned(),
            call,
            error,
        };
        let mut request = request(name).ok_or_else(|| TapError::BadName(name.to_owned()))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(DEVICE)
            .map_err(|error| match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => TapError::NoDriver(error),
                Some(libc::EACCES | libc::EPERM) => TapError::NoRight {
                    name: name.to_owned(),
                    error,
                },
                _ => named("open of /dev/net/tun", error),
            })?;
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
        ioctl(&file, libc::TUNSETIFF, &mut request).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::EPERM | libc::EACCES) => TapError::NoRight {
                    name: name.to_owned(),
                    error,
                },
                Some(libc::EBUSY) => TapError::InUse(name.to_owned()),
                Some(libc::EINVAL) => TapError::NotATap(name.to_owned()),
                _ => named("ioctl TUNSETIFF", error),
            }
        })?;
        if up {
            put_up(name).map_err(|error| TapError::NotUp {
                name: name.to_owned(),
                error,
            })?;
        }
        Ok(Self {
            file,
            name: name.to_owned(),
            frame: vec![0; FRAME_MAX_BYTES].into(),
            lost_frames: 0,
        })
    }

    /// Name of the interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Frames that the kernel did not take: the interface was down, or short of memory.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames
    }
}

impl Wire for Tap {
    fn send(&mut self, frame: &[u8], _at_ns: u64) {
        if self.file.write(frame).is_err() {
            self.lost_frames += 1;
        }
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, _at_ns: u64) -> bool {
        loop {
            match self.file.read(&mut self.frame) {
                // 0 and every other error (WouldBlock; EIO while the interface is down): no frame now.
                Ok(len) if len > 0 => {
                    buffer.clear();
                    buffer.extend_from_slice(&self.frame[..len]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return false,
            }
        }
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

/// A request that names the interface, all else zero.
fn request(name: &str) -> Option<libc::ifreq> {
    let bad = |byte: u8| byte == b'/' || byte == 0 || byte.is_ascii_whitespace();
    if name.is_empty() || name.len() > NAME_MAX_BYTES || name.bytes().any(bad) {
        return None;
    }
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 },
    };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Some(request)
}

fn put_up(name: &str) -> io::Result<()> {
    let mut request = request(name).ok_or(ErrorKind::InvalidInput)?;
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    ioctl(&socket, libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: SIOCGIFFLAGS has written the flags, and any bits are a valid c_short.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    if flags & libc::IFF_UP as libc::c_short != 0 {
        // Already on: an ordinary user may use it, but not switch it on again.
        return Ok(());
    }
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    ioctl(&socket, libc::SIOCSIFFLAGS, &mut request)
}

/// One of the ioctls TUNSETIFF, SIOCGIFFLAGS and SIOCSIFFLAGS.
fn ioctl(fd: &impl AsFd, call: libc::Ioctl, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the descriptor is open; these three calls read and write one ifreq, and the exclusive reference keeps it
    // whole and alive meanwhile.
    match unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), call, request as *mut libc::ifreq) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
