//! What the guest's program and the test that boots it agree on: where things are in the guest, and what the lines on the
//! serial console mean.

use std::fmt;

/// The guest's program, which the kernel starts as its first process.
pub const INIT: &str = "/init";
/// The command `handclasp`.
pub const HANDCLASP: &str = "/bin/handclasp";
/// Kernel modules, in the order of [`MODULES`].
pub const MODULES_DIR: &str = "/modules";
/// The directory that `handclasp serve` serves, and in it the same file as the host serves.
pub const WWW_DIR: &str = "/www";
/// Name of the file that goes both ways.
pub const FILE: &str = "file";
/// Name of the file that is too long to ever arrive whole: what happens in mid-transfer happens to it.
pub const LONG_FILE: &str = "long";
/// Port of the HTTP server on the host.
pub const HOST_PORT: u16 = 8000;
/// Port of the server on the host that sends back what it receives (RFC 862).
pub const ECHO_PORT: u16 = 7;
/// Port of `handclasp serve` in the guest.
pub const GUEST_PORT: u16 = 80;
/// High half of I/O addresses that the driver never maps: it takes them from the low end.
pub const UNMAPPED_HIGH: u32 = 0x7f;
/// Name of the guest's ordinary user.
pub const USER: &str = "tester";
/// Number of the guest's ordinary user and of its group.
pub const USER_ID: u32 = 1000;

/// The modules that the guest needs, each after those it depends on: the way to VFIO, then a driver that claims nothing by
/// itself, for the test of a wrong binding.
pub const MODULES: &[&str] = &[
    "irqbypass",
    "vfio",
    "vfio_iommu_type1",
    "vfio-pci-core",
    "vfio-pci",
    "uio",
    "uio_pci_generic",
];

/// What the guest's program prints for the test; every other line is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// `handclasp serve` runs: the host may fetch [`FILE`], and must then write [`FETCHED`] or what went wrong.
    Ready,
    /// The last line: all of so many scenarios passed.
    Pass(usize),
    /// The last line: this scenario did not, and why.
    Fail(String),
}

/// What the host writes into the console when it has fetched the file from the guest.
pub const FETCHED: &str = "HOST FETCHED";

const READY: &str = "GUEST READY";
const PASS: &str = "GUEST VERDICT: PASS ";
const FAIL: &str = "GUEST VERDICT: FAIL ";

impl Line {
    /// Reads a line of the console.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if line == READY {
            Some(Self::Ready)
        } else if let Some(count) = line.strip_prefix(PASS) {
            count.parse().ok().map(Self::Pass)
        } else {
            line.strip_prefix(FAIL).map(|why| Self::Fail(why.into()))
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str(READY),
            Self::Pass(count) => write!(f, "{PASS}{count}"),
            // One line, whatever the reason looks like.
            Self::Fail(why) => write!(f, "{FAIL}{}", why.replace(['\r', '\n'], " | ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_understood_as_it_was_meant() {
        for line in [
            Line::Ready,
            Line::Pass(14),
            Line::Fail("bind: no group".into()),
        ] {
            // A serial console ends lines with a carriage return.
            assert_eq!(Line::parse(&format!("{line}\r")), Some(line));
        }
        let long = Line::Fail("one\r\ntwo".into()).to_string();
        assert_eq!(long, "GUEST VERDICT: FAIL one |  | two");
        for other in ["", "ok   bind (0.01 s)", "GUEST VERDICT: PASS", FETCHED] {
            assert_eq!(Line::parse(other), None);
        }
    }
}
