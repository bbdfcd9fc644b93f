//! Numbers a group address, for the multicast filter: the upper 6 bits of its CRC-32.
//!
//! ```text
//!  address ──> XOR of those bits that count, for each of 6 bits ──> number
//! ```
//!
//! The CRC of IEEE 802.3 3.2.9 is linear: each of its bits is the XOR of some bits of the address and of a constant, which are worked out when the gateware is
//! printed. Combinational: no clock, no latency.

use rust_hdl::prelude::*;

/// The CRC's register behind the address, first byte first and each from its least significant bit, not complemented.
fn crc32(address: u64) -> u32 {
    let mut crc = u32::MAX;
    for byte in (0..6).rev().map(|i| address >> (8 * i)) {
        for bit in 0..8 {
            let feedback = (crc >> 31) as u64 ^ (byte >> bit) & 1;
            crc = crc << 1 ^ if feedback == 1 { 0x04c1_1db7 } else { 0 };
        }
    }
    crc
}

/// The block.
#[derive(LogicBlock)]
pub struct MulticastNumber {
    /// The MAC address.
    pub address: Signal<In, Bits<48>>,
    /// Its number.
    pub number: Signal<Out, Bits<6>>,
    /// Bits of the address that count for each bit of the number.
    masks: [Constant<Bits<48>>; 6],
    /// Number of the address 0.
    offset: Constant<Bits<6>>,
    chosen: Signal<Local, Bits<48>>,
}

impl Default for MulticastNumber {
    fn default() -> Self {
        let number = |address| u64::from(crc32(address) >> 26);
        let mask = |bit: usize| {
            let counts = |i: &usize| (number(1 << i) ^ number(0)) >> bit & 1 == 1;
            (0..48).filter(counts).fold(0_u64, |mask, i| mask | 1 << i)
        };
        Self {
            address: Default::default(),
            number: Default::default(),
            masks: core::array::from_fn(|bit| Constant::new(mask(bit).into())),
            offset: Constant::new(number(0).into()),
            chosen: Default::default(),
        }
    }
}

impl Logic for MulticastNumber {
    #[hdl_gen]
    fn update(&mut self) {
        self.number.next = 0.into();
        for i in 0_usize..6 {
            self.chosen.next = self.address.val() & self.masks[i].val();
            self.number.next = self.number.val().replace_bit(i, self.chosen.val().xor());
        }
        self.number.next = self.number.val() ^ self.offset.val();
    }
}
