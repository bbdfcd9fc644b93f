//! The NIC as a PCI Express function: what its configuration space says, and where a driver finds it there.

use crate::register::{BAR_BYTES, LAYOUT_VERSION, QUEUES};

/// One number of the configuration space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Name, the same everywhere.
    pub name: &'static str,
    /// Value.
    pub value: u64,
    /// Meaning, unit and clause.
    pub doc: &'static str,
}

macro_rules! numbers {
    ($list:ident, $list_doc:literal; $($name:ident: $type:ty = $value:expr, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub const $name: $type = $value;
        )*
        #[doc = $list_doc]
        pub const $list: &[Number] = &[$(Number {
            name: stringify!($name),
            value: $value as u64,
            doc: $doc,
        }),*];
    };
}

numbers! {
    FUNCTION, "What this function is.";
    VENDOR_ID: u16 = 0x1234, "Vendor ID. PCI-SIG has assigned it to nobody; every board is built with it, for it is how the NIC is found.";
    DEVICE_ID: u16 = 0x4843, "Device ID, \"HC\".";
    CLASS_CODE: u32 = 0x02_0000, "Class code: Ethernet controller.";
    REVISION_ID: u8 = LAYOUT_VERSION as u8, "Revision ID: version of this layout, so that it can be read without touching the device.";
    REGISTER_BAR: u32 = 0, "BAR of registers, counters and doorbells; 64 bits wide, so it takes two.";
    REGISTER_BAR_BYTES: u64 = BAR_BYTES as u64, "Its size in bytes.";
    MSIX_BAR: u32 = 2, "BAR of the MSI-X table and its pending bits; 64 bits wide, so it takes two.";
    MSIX_BAR_BYTES: u64 = 0x1000, "Its size in bytes.";
    MSIX_TABLE_OFFSET: u32 = 0, "Offset of the MSI-X table in its BAR.";
    MSIX_PENDING_OFFSET: u32 = 0x800, "Offset of the pending bits in their BAR.";
    MSIX_VECTORS: u16 = QUEUES as u16, "Entries of the MSI-X table: one a queue.";
}

numbers! {
    CONFIG_SPACE, "Where things are in a configuration space (PCI Express Base Specification, 7.5 and 7.7).";
    CONFIG_BYTES: u16 = 0x100, "Size of the part that every function has, in bytes.";
    CONFIG_VENDOR_ID: u16 = 0x00, "Vendor ID, 16 bits (7.5.1.1.1). All ones: nobody answers.";
    CONFIG_COMMAND: u16 = 0x04, "Command, 16 bits (7.5.1.1.3).";
    COMMAND_MEMORY_SPACE: u16 = 1 << 1, "In Command: the BARs answer.";
    COMMAND_BUS_MASTER: u16 = 1 << 2, "In Command: the function may read and write memory, and send MSI-X messages.";
    CONFIG_STATUS: u16 = 0x06, "Status, 16 bits (7.5.1.1.4).";
    STATUS_CAPABILITIES: u16 = 1 << 4, "In Status: there is a list of capabilities.";
    CONFIG_BAR0: u16 = 0x10, "First of the six base address registers, 32 bits each (7.5.1.2.1).";
    CONFIG_CAPABILITIES: u16 = 0x34, "Offset of the first capability, 8 bits (7.5.1.1.11).";
    CAPABILITY_PCIE: u8 = 0x10, "ID of the PCI Express capability (7.5.3).";
    PCIE_DEVICE_CAPABILITIES: u16 = 0x04, "In the PCI Express capability: Device Capabilities, 32 bits.";
    DEVICE_CAPABILITIES_FLR: u32 = 1 << 28, "In Device Capabilities: Function Level Reset is there.";
    PCIE_DEVICE_CONTROL: u16 = 0x08, "In the PCI Express capability: Device Control, 16 bits.";
    DEVICE_CONTROL_FLR: u16 = 1 << 15, "In Device Control: written 1, resets the function (6.6.2).";
    CAPABILITY_MSIX: u8 = 0x11, "ID of the MSI-X capability (7.7.2).";
}

// The MSI-X table, 16 bytes an entry, ends where the pending bits begin.
const _: () = assert!(MSIX_TABLE_OFFSET + 16 * (MSIX_VECTORS as u32) <= MSIX_PENDING_OFFSET);
