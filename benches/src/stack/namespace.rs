//! Two network namespaces with a veth cable between them: the kernel's TCP talks to itself through a device driver.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process;

use handclasp_wires::kernel::ip;
use nix::sched::{setns, unshare, CloneFlags};

/// The server's address (RFC 5737: for documentation, routed nowhere).
pub const SERVER_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

const THREAD_NAMESPACE: &str = "/proc/thread-self/ns/net";

/// Two namespaces, and the one that the thread came from. They go with the last socket in them.
#[derive(Debug)]
pub struct Namespaces {
    home: File,
    client: File,
    server: File,
}

/// Where a thread is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where it came from.
    Home,
    /// In the client's namespace.
    Client,
    /// In the server's namespace.
    Server,
}

impl Namespaces {
    /// Makes both and plugs in the cable; the thread is back where it was then.
    ///
    /// # Errors
    /// What the system does not let us do, and what is needed.
    pub fn new() -> Result<Self, String> {
        let home = current()?;
        let made = Self::make(home);
        made.map_err(|reason| {
            format!("{reason}; needed: root, or CAP_NET_ADMIN and CAP_SYS_ADMIN, and the command `ip` (Debian: iproute2)")
        })
    }

    fn make(home: File) -> Result<Self, String> {
        let fresh = || {
            unshare(CloneFlags::CLONE_NEWNET)
                .map_err(|errno| format!("no network namespace can be made ({errno})"))?;
            current()
        };
        let server = fresh()?;
        let namespaces = Self {
            home,
            client: fresh()?,
            server,
        };
        let plugged = namespaces.plug();
        namespaces.enter(Place::Home)?;
        plugged.map(|()| namespaces)
    }

    fn plug(&self) -> Result<(), String> {
        let server = format!("/proc/{}/fd/{}", process::id(), self.server.as_raw_fd());
        ip(&format!(
            "link add hcc type veth peer name hcs netns {server}"
        ))?;
        ip("addr add 192.0.2.1/24 dev hcc")?;
        ip("link set hcc up")?;
        self.enter(Place::Server)?;
        ip(&format!("addr add {SERVER_IP}/24 dev hcs"))?;
        ip("link set hcs up")?;
        Ok(())
    }

    /// Moves the calling thread; sockets that it has made stay where they are.
    ///
    /// # Errors
    /// The system's.
    pub fn enter(&self, place: Place) -> Result<(), String> {
        let namespace = match place {
            Place::Home => &self.home,
            Place::Client => &self.client,
            Place::Server => &self.server,
        };
        setns(namespace, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| format!("the network namespace cannot be entered ({errno})"))
    }
}

fn current() -> Result<File, String> {
    File::open(THREAD_NAMESPACE).map_err(|error| format!("{THREAD_NAMESPACE}: {error}"))
}
