//! The configuration space of the function: a type 0 header, and the capabilities PCI Express and MSI-X.
//!
//! ```text
//! 0x00  header: IDs, Command, BAR0/1 (registers, 64-bit), BAR2/3 (MSI-X, 64-bit), first capability
//! 0x40  PCI Express capability, version 2: an endpoint with FLR
//! 0x80  MSI-X capability
//! ```
//! All else reads 0 and ignores writes. Clauses are those of the PCI Express Base Specification.

use handclasp_layout::pci::{
    CAPABILITY_MSIX, CAPABILITY_PCIE, CLASS_CODE, COMMAND_BUS_MASTER, COMMAND_MEMORY_SPACE,
    CONFIG_BAR0, CONFIG_BYTES, CONFIG_CAPABILITIES, CONFIG_COMMAND, CONFIG_STATUS,
    CONFIG_VENDOR_ID, DEVICE_CAPABILITIES_FLR, DEVICE_CONTROL_FLR, DEVICE_ID, MSIX_BAR,
    MSIX_BAR_BYTES, MSIX_PENDING_OFFSET, MSIX_TABLE_OFFSET, MSIX_VECTORS, PCIE_DEVICE_CAPABILITIES,
    PCIE_DEVICE_CONTROL, REGISTER_BAR, REGISTER_BAR_BYTES, REVISION_ID, STATUS_CAPABILITIES,
    VENDOR_ID,
};

/// Size of a PCI Express function's space in bytes (7.2). Beyond [`CONFIG_BYTES`] there is nothing here.
pub const EXTENDED_CONFIG_BYTES: u64 = 0x1000;

/// Device ID (7.5.1.1.2).
const CONFIG_DEVICE_ID: u16 = 0x02;
/// Revision ID, and above it the class code (7.5.1.1.5, 7.5.1.1.6).
const CONFIG_REVISION: u16 = 0x08;
/// In a BAR: 64 bits wide, memory, not prefetchable (7.5.1.2.1).
const BAR_MEMORY_64: u32 = 0b100;
/// Bits of a BAR that are not address (7.5.1.2.1).
const BAR_ATTRIBUTES: u32 = 0b1111;

/// Where the PCI Express capability is.
const PCIE: u16 = 0x40;
/// In its Capabilities register: version 2, endpoint (7.5.3.2).
const PCIE_VERSION_2: u16 = 2;
/// In Device Capabilities: role-based error reporting, which every function has (7.5.3.3).
const ROLE_BASED_ERRORS: u32 = 1 << 15;
/// In Device Control: all but FLR, which reads 0 (7.5.3.4).
const DEVICE_CONTROL_WRITABLE: u16 = !DEVICE_CONTROL_FLR;
/// Link Capabilities and Link Status (7.5.3.6, 7.5.3.8).
const PCIE_LINK_CAPABILITIES: u16 = 0x0c;
const PCIE_LINK_STATUS: u16 = 0x12;
/// 8 lanes of 8.0 GT/s: more than 10 Gbit/s need.
const LINK: u16 = 8 << 4 | 3;

/// Where the MSI-X capability is, and its registers (7.7.2).
const MSIX: u16 = 0x80;
const MSIX_CONTROL: u16 = 0x02;
const MSIX_TABLE: u16 = 0x04;
const MSIX_PENDING: u16 = 0x08;
/// In its control: enable, and mask of the function.
const MSIX_CONTROL_WRITABLE: u16 = 0b11 << 14;

/// What a write asks for, beyond being stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Stored,
    /// Function Level Reset (6.6.2): the caller resets the function, this space included.
    FunctionReset,
}

/// The space.
#[derive(Debug, Clone)]
pub struct ConfigSpace {
    bytes: [u8; CONFIG_BYTES as usize],
    /// Bits that can be written.
    writable: [u8; CONFIG_BYTES as usize],
}

impl Default for ConfigSpace {
    fn default() -> Self {
        Self::new()
    }
}

impl ConfigSpace {
    /// The space after a reset.
    pub fn new() -> Self {
        let mut space = Self {
            bytes: [0; CONFIG_BYTES as usize],
            writable: [0; CONFIG_BYTES as usize],
        };
        space.set16(CONFIG_VENDOR_ID, VENDOR_ID, 0);
        space.set16(CONFIG_DEVICE_ID, DEVICE_ID, 0);
        space.set16(CONFIG_COMMAND, 0, COMMAND_MEMORY_SPACE | COMMAND_BUS_MASTER);
        space.set16(CONFIG_STATUS, STATUS_CAPABILITIES, 0);
        space.set32(CONFIG_REVISION, CLASS_CODE << 8 | u32::from(REVISION_ID), 0);
        space.set_bar(REGISTER_BAR, REGISTER_BAR_BYTES);
        space.set_bar(MSIX_BAR, MSIX_BAR_BYTES);
        space.set16(CONFIG_CAPABILITIES, PCIE, 0);

        space.set16(PCIE, capability(CAPABILITY_PCIE, MSIX), 0);
        space.set16(PCIE + 2, PCIE_VERSION_2, 0);
        let capabilities = DEVICE_CAPABILITIES_FLR | ROLE_BASED_ERRORS;
        space.set32(PCIE + PCIE_DEVICE_CAPABILITIES, capabilities, 0);
        space.set16(PCIE + PCIE_DEVICE_CONTROL, 0, DEVICE_CONTROL_WRITABLE);
        space.set32(PCIE + PCIE_LINK_CAPABILITIES, LINK.into(), 0);
        space.set16(PCIE + PCIE_LINK_STATUS, LINK, 0);

        space.set16(MSIX, capability(CAPABILITY_MSIX, 0), 0);
        space.set16(MSIX + MSIX_CONTROL, MSIX_VECTORS - 1, MSIX_CONTROL_WRITABLE);
        // The lowest three bits of an offset say in which BAR.
        space.set32(MSIX + MSIX_TABLE, MSIX_TABLE_OFFSET | MSIX_BAR, 0);
        space.set32(MSIX + MSIX_PENDING, MSIX_PENDING_OFFSET | MSIX_BAR, 0);
        space
    }

    fn set16(&mut self, offset: u16, value: u16, writable: u16) {
        let at = usize::from(offset)..usize::from(offset) + 2;
        self.bytes[at.clone()].copy_from_slice(&value.to_le_bytes());
        self.writable[at].copy_from_slice(&writable.to_le_bytes());
    }

    fn set32(&mut self, offset: u16, value: u32, writable: u32) {
        self.set16(offset, value as u16, writable as u16);
        self.set16(offset + 2, (value >> 16) as u16, (writable >> 16) as u16);
    }

    /// A BAR pair. Address bits below the size are fixed at 0, which is how its size is found out (7.5.1.2.1).
    fn set_bar(&mut self, bar: u32, size: u64) {
        let offset = CONFIG_BAR0 + 4 * bar as u16;
        let address_bits = !(size - 1);
        self.set32(offset, BAR_MEMORY_64, address_bits as u32 & !BAR_ATTRIBUTES);
        self.set32(offset + 4, 0, (address_bits >> 32) as u32);
    }

    /// The register Command.
    pub fn command(&self) -> u16 {
        let at = usize::from(CONFIG_COMMAND);
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// Whether the BARs answer.
    pub fn has_memory_space(&self) -> bool {
        self.command() & COMMAND_MEMORY_SPACE != 0
    }

    /// Whether the function may reach memory and send messages.
    pub fn is_bus_master(&self) -> bool {
        self.command() & COMMAND_BUS_MASTER != 0
    }

    /// Reads any bytes.
    pub fn read(&self, offset: u64, out: &mut [u8]) {
        for (at, byte) in (offset..).zip(out) {
            let index = usize::try_from(at).ok();
            *byte = index
                .and_then(|at| self.bytes.get(at))
                .map_or(0, |byte| *byte);
        }
    }

    /// Writes any bytes.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Effect {
        let [_, flr_bits] = DEVICE_CONTROL_FLR.to_le_bytes();
        let flr_at = usize::from(PCIE + PCIE_DEVICE_CONTROL) + 1;
        let mut effect = Effect::Stored;
        for (at, value) in (offset..).zip(data) {
            let Some(at) = usize::try_from(at).ok().filter(|at| *at < self.bytes.len()) else {
                break;
            };
            let writable = self.writable[at];
            self.bytes[at] = self.bytes[at] & !writable | value & writable;
            if at == flr_at && value & flr_bits != 0 {
                effect = Effect::FunctionReset;
            }
        }
        effect
    }
}

/// The first half of a capability: its ID, and where the next one is.
fn capability(id: u8, next: u16) -> u16 {
    next << 8 | u16::from(id)
}
