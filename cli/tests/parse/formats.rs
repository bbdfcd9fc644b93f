//! Capture files by hand: pcap by draft-ietf-opsawg-pcap, pcapng by draft-ietf-opsawg-pcapng.

/// How a machine writes numbers.
#[derive(Clone, Copy)]
pub enum Order {
    Little,
    Big,
}

use Order::{Big, Little};

/// Both.
pub const ORDERS: [Order; 2] = [Little, Big];

impl Order {
    pub fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Little => number.to_le_bytes(),
            Big => number.to_be_bytes(),
        }
    }

    pub fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Little => number.to_le_bytes(),
            Big => number.to_be_bytes(),
        }
    }

    /// These numbers, one behind the other.
    pub fn words(self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|word| self.u32(*word)).collect()
    }
}

/// A SYN from 192.0.2.1 to port 80 of 192.0.2.2, from port 40000 + `number`; 58 bytes. By hand, from RFC 791 and RFC 9293.
pub fn syn(number: u16) -> Vec<u8> {
    let mut frame = vec![
        0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0x00, // Ethernet
        0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 6, 0xb6, 0xc8, 192, 0, 2, 1, 192, 0, 2, 2, // IPv4
        0, 0, 0, 80, 0, 0, 0x03, 0xe8, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff, 0, 0, 0, 0, // TCP
        2, 4, 0x05, 0xb4, // MSS
    ];
    frame[34..36].copy_from_slice(&(40000 + number).to_be_bytes());
    // 0x73aa is right for port 40000: a greater port makes the sum's complement smaller.
    frame[50..52].copy_from_slice(&(0x73aa - number).to_be_bytes());
    frame
}

/// A pcap file with these frames.
pub fn pcap(frames: &[Vec<u8>], link_type: u32) -> Vec<u8> {
    pcap_of(Little, 0xa1b2_c3d4, link_type, frames)
}

/// A pcap file of any kind with these frames; "modified" ones have 8 more bytes in each record's header.
pub fn pcap_of(order: Order, magic: u32, link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = order.u32(magic).to_vec();
    file.extend([order.u16(2), order.u16(4)].concat());
    file.extend(order.words(&[0, 0, 1 << 18, link_type]));
    for frame in frames {
        let len = frame.len() as u32;
        file.extend(order.words(&[1, 0, len, len]));
        if magic == 0xa1b2_cd34 {
            file.extend(order.words(&[1, 0x0800_0000]));
        }
        file.extend(frame);
    }
    file
}

/// A pcap file with what a capture kept of these frames: the second number of bytes of each.
pub fn pcap_cut(frames: &[(Vec<u8>, usize)]) -> Vec<u8> {
    let mut file = pcap(&[], 1);
    for (frame, kept) in frames {
        file.extend(Little.words(&[1, 0, *kept as u32, frame.len() as u32]));
        file.extend(&frame[..*kept]);
    }
    file
}

/// The frames of a pcap file that this machine has written.
pub fn frames_of(pcap: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = &pcap[24..];
    while let Some(len) = rest.get(8..12) {
        let len = u32::from_le_bytes(len.try_into().unwrap()) as usize;
        frames.push(rest[16..16 + len].to_vec());
        rest = &rest[16 + len..];
    }
    frames
}

/// A pcapng file in the making.
pub struct PcapNg {
    order: Order,
    pub file: Vec<u8>,
}

impl PcapNg {
    /// With a section header and these options in it.
    pub fn new(order: Order, options: &[u8]) -> Self {
        let mut section = order.u32(0x1a2b_3c4d).to_vec();
        section.extend([order.u16(1), order.u16(0)].concat());
        section.extend([0xff; 8]);
        section.extend(options);
        Self {
            order,
            file: Vec::new(),
        }
        .block(0x0a0d_0d0a, &section)
    }

    pub fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let body = padded(body);
        let len = body.len() as u32 + 12;
        self.file.extend(self.order.words(&[kind, len]));
        self.file.extend(body);
        self.file.extend(self.order.u32(len));
        self
    }

    /// An interface description block.
    pub fn interface(self, link_type: u16, snap_len: u32, options: &[u8]) -> Self {
        let order = self.order;
        let start = [order.u16(link_type), order.u16(0)].concat();
        let body = [&start, &order.u32(snap_len)[..], options].concat();
        self.block(1, &body)
    }

    /// An interface of Ethernet without options.
    pub fn ethernet(self) -> Self {
        self.interface(1, 0, &[])
    }

    /// An enhanced packet block.
    pub fn enhanced(self, interface: u32, frame: &[u8], options: &[u8]) -> Self {
        let len = frame.len() as u32;
        let start = self.order.words(&[interface, 0, 1, len, len]);
        self.block(6, &[&start, &padded(frame)[..], options].concat())
    }

    /// A simple packet block of a frame that had more bytes.
    pub fn simple(self, frame: &[u8], original_len: u32) -> Self {
        let len = self.order.u32(original_len);
        self.block(3, &[&len, frame].concat())
    }

    /// The obsolete packet block; no frames were lost before it.
    pub fn obsolete(self, interface: u16, frame: &[u8], options: &[u8]) -> Self {
        let order = self.order;
        let len = frame.len() as u32;
        let start = [order.u16(interface), order.u16(0)].concat();
        let numbers = order.words(&[0, 1, len, len]);
        self.block(2, &[&start, &numbers, &padded(frame)[..], options].concat())
    }
}

/// An option of a block.
pub fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let start = [order.u16(code), order.u16(value.len() as u16)].concat();
    [start, padded(value)].concat()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}
