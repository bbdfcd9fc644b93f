//! What the NIC itself and the wire say about a boot: a guest that only claims to have done it is found out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use handclasp_driver::dma::PAGE_BYTES;
use handclasp_tests::guest::{GUEST_PORT, HOST_PORT, UNMAPPED_HIGH};

use super::boot::FILE_LEN_BYTES;

/// Longest payload of a segment on an Ethernet wire: 1500 bytes less IPv4's and TCP's headers.
const MSS_BYTES: u64 = 1460;

/// What is asked of each segment, in this order.
const FIELDS: &[&str] = &[
    "tcp.stream",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "tcp.len",
];

/// Looks at all there is.
pub fn check(folder: &Path) -> Result<(), String> {
    let refused = counters(&folder.join("counters"))?;
    faults(&folder.join("server"), refused)?;
    wire(&folder.join("wire.pcapng"))
}

/// The counters of gateware and PCI Express function, summed over all resets; returns the number of refused accesses.
fn counters(path: &Path) -> Result<u64, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let counters: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
        .collect();
    let value = |name: &str| {
        let value = counters.get(name).copied();
        value.ok_or_else(|| format!("there is no counter {name}:\n{text}"))
    };
    let expect = |name: &str, fits: &dyn Fn(u64) -> bool, expected: &str| match value(name)? {
        found if fits(found) => Ok(()),
        found => Err(format!(
            "counter {name} is {found}, expected {expected}:\n{text}"
        )),
    };
    let segments = FILE_LEN_BYTES as u64 / MSS_BYTES;
    expect("rx_listen", &|n| n >= 1, "the SYN of curl's connection")?;
    expect("rx_flow", &|n| n >= segments, "the segments of a file")?;
    expect("tx_segments", &|n| n >= segments, "the segments of a file")?;
    expect("rx_payloads", &|n| n >= segments, "the payloads of a file")?;
    // What waits in the guest is woken by the kernel's eventfds.
    expect("pcie_msix", &|n| n >= 1, "interrupts")?;
    expect("pcie_clients", &|n| n == 1, "QEMU alone")?;
    expect("pcie_dma_blocked", &|n| n >= 1, "what bus_master_off does")?;
    expect("pcie_refused_maps", &|n| n == 0, "0")?;
    expect(
        "pcie_completion_timeouts",
        &|n| n == 0,
        "0: every register answers in time",
    )?;
    expect("pcie_maps_left", &|n| n == 0, "0: every mapping taken down")?;
    value("pcie_dma_faults")
}

/// All that was refused is what the guest's scenario `unmapped_iova` provokes: the first page of each of the three rings that it
/// puts where nothing is mapped. Anything else would be an access to memory that the NIC was not lent, or not any more.
fn faults(path: &Path, expected: u64) -> Result<(), String> {
    const WORDS: &str = "nothing is mapped for this access at I/O address 0x";
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut accesses = 0;
    let mut pages = BTreeSet::new();
    for line in text.lines() {
        if let Some((_, digits)) = line.split_once(WORDS) {
            let address = u64::from_str_radix(digits, 16)
                .map_err(|error| format!("{}: {line:?}: {error}", path.display()))?;
            accesses += 1;
            pages.insert(address / PAGE_BYTES as u64 * PAGE_BYTES as u64);
        }
    }
    if accesses != expected {
        return Err(format!(
            "the NIC's server tells of {accesses} refused accesses, and counts {expected}"
        ));
    }
    let provoked = |page: &u64| page >> 32 == u64::from(UNMAPPED_HIGH);
    if pages.len() != 3 || !pages.iter().all(provoked) {
        return Err(format!(
            "the NIC was refused access to the pages {pages:#x?}, not to three pages from {UNMAPPED_HIGH:#x}00000000 on"
        ));
    }
    Ok(())
}

/// What is to be seen of one connection.
#[derive(Default)]
struct Connection {
    syn: bool,
    syn_ack: bool,
    fins: u32,
    /// Bytes that the server sent, retransmissions included.
    server_bytes: u64,
}

/// Both files' connections, as `tshark` sees them: handshake, data, close.
fn wire(path: &Path) -> Result<(), String> {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(path)
        .args(["-Y", "tcp", "-T", "fields"])
        .args(FIELDS.iter().flat_map(|field| ["-e", field]))
        .output()
        .map_err(|error| format!("tshark: {error}; `make deps-test` installs it"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("tshark: {}: {said}", output.status));
    }
    let mut connections: BTreeMap<(u64, u16), Connection> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let odd = || format!("tshark says {line:?}");
        let mut fields = line
            .split('\t')
            .map(|field| match field.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok(),
                None => field.parse().ok(),
            });
        let mut next = || fields.next().flatten().ok_or_else(odd);
        let (stream, from, to, flags, len) = (next()?, next()?, next()?, next()?, next()?);
        let servers = [HOST_PORT, GUEST_PORT];
        let Some(port) = servers
            .into_iter()
            .find(|port| [from, to].contains(&(*port).into()))
        else {
            continue;
        };
        let connection = connections.entry((stream, port)).or_default();
        let (fin, syn, ack) = (flags & 1 != 0, flags & 2 != 0, flags & 0x10 != 0);
        connection.syn |= syn && !ack;
        connection.syn_ack |= syn && ack;
        connection.fins += u32::from(fin);
        if from == u64::from(port) {
            connection.server_bytes += len;
        }
    }
    for (port, who) in [(HOST_PORT, "handclasp get"), (GUEST_PORT, "curl")] {
        let whole = |connection: &Connection| {
            connection.syn
                && connection.syn_ack
                && connection.fins >= 2
                && connection.server_bytes >= FILE_LEN_BYTES as u64
        };
        let of_port = connections.iter().filter(|((_, found), _)| *found == port);
        if !of_port.map(|(_, connection)| connection).any(whole) {
            return Err(format!(
                "{}: no connection of {who} has handshake, the file and both FINs",
                path.display()
            ));
        }
    }
    Ok(())
}
