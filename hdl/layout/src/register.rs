//! BAR0: registers, counters and doorbells. All are 32 bits wide, at multiples of 4; unlisted offsets read 0 and
//! ignore writes.

use crate::queue::DropReason;
use crate::table::descriptor;

/// Size of BAR0 in bytes.
pub const BAR_BYTES: usize = 0x1_0000;

/// What the register [`MAGIC`] reads: "HCLP".
pub const MAGIC_VALUE: u32 = 0x4843_4c50;

/// What the register [`VERSION`] reads: version of all that this crate lays down; a driver refuses another one.
pub const LAYOUT_VERSION: u32 = 2;

/// log2 of the bytes of a receive slot, as long as SLOT_BYTES_LOG2 has not been written. A slot's size is also that of the longest frame that
/// is not an `Oversize`.
pub const SLOT_BYTES_LOG2_DEFAULT: usize = 11;

/// Largest receive slot, for jumbo frames: log2 of its bytes.
pub const SLOT_BYTES_LOG2_MAX: usize = 14;

/// Size of a receive slot in bytes, as long as SLOT_BYTES_LOG2 has not been written.
pub const SLOT_BYTES: usize = 1 << SLOT_BYTES_LOG2_DEFAULT;

/// log2 of [`CONNECTIONS`].
pub const CONNECTIONS_LOG2: usize = 10;

/// Largest value of CAPABILITIES.connections_log2: an id has 16 bits.
pub const CONNECTIONS_LOG2_MAX: usize = 16;

/// Connections the gateware is built for; ids are below it.
pub const CONNECTIONS: usize = 1 << CONNECTIONS_LOG2;

/// Queues the gateware is built with.
pub const QUEUES: usize = 1;

/// Largest ring: log2 of its entries.
pub const RING_LOG2_MAX: u32 = 15;

/// Bases of rings and slots are multiples of this many bytes, so that no burst crosses 4 KiB.
pub const RING_ALIGN_BYTES: usize = 4096;

/// Who may do what to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only; writes are ignored.
    ReadOnly,
    /// Reads give what was written.
    ReadWrite,
    /// Writes only; reads give 0.
    WriteOnly,
}

/// One register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Name, the same everywhere.
    pub name: &'static str,
    /// Offset in BAR0 (of queue 0, for a register of a queue), in bytes.
    pub offset: u32,
    /// Access.
    pub access: Access,
    /// Meaning and unit.
    pub doc: &'static str,
}

macro_rules! registers {
    ($list:ident, $list_doc:literal; $($offset:literal $name:ident $access:ident $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub const $name: Register = Register {
                name: stringify!($name),
                offset: $offset,
                access: Access::$access,
                doc: $doc,
            };
        )*
        #[doc = $list_doc]
        pub const $list: &[Register] = &[$($name),*];
    };
}

registers! {
    CONTROL_REGISTERS, "Registers of the whole NIC.";
    0x0000 MAGIC ReadOnly "0x48434c50, \"HCLP\": this is a Handclasp NIC.";
    0x0004 VERSION ReadOnly "Version of this layout.";
    0x0008 WIDTH ReadOnly "Width W of the data paths in bits, 64 or 512.";
    0x000c CAPABILITIES ReadOnly "See Capabilities.";
    0x0010 CONTROL ReadWrite "See Control. Reset value 0.";
    0x0014 STATUS ReadOnly "See NicStatus.";
    0x0018 MAC_LOW ReadWrite "Own MAC address, bits 31 to 0 of the 48-bit number.";
    0x001c MAC_HIGH ReadWrite "Own MAC address, bits 47 to 32.";
    0x0020 LOCAL_IP ReadWrite "Own IPv4 address: frames to another are an IpFilter drop.";
    0x0024 HASH_KEY_0 ReadWrite "Toeplitz key of the flow table's hash, bits 127 to 96: random, so that no peer can aim at one bucket. Set before the first FlowInsert.";
    0x0028 HASH_KEY_1 ReadWrite "Bits 95 to 64.";
    0x002c HASH_KEY_2 ReadWrite "Bits 63 to 32.";
    0x0030 HASH_KEY_3 ReadWrite "Bits 31 to 0.";
    0x0034 MULTICAST_LOW ReadWrite "Multicast filter, bits 31 to 0. A frame to a group address passes when the bit is set whose number is the upper 6 bits of the CRC-32 (IEEE 802.3 3.2.9, before its complement) over the address.";
    0x0038 MULTICAST_HIGH ReadWrite "Bits 63 to 32.";
}

/// Offset of the first queue's configuration.
pub const QUEUE_BASE: u32 = 0x0800;
/// Distance from one queue's configuration to the next.
pub const QUEUE_STRIDE: u32 = 0x0080;

registers! {
    QUEUE_REGISTERS, "Configuration of queue 0; queue n's is `n * QUEUE_STRIDE` further. Written while the queue is disabled.";
    0x0800 COMMAND_BASE_LOW ReadWrite "I/O address of the command ring, low half. A multiple of 4096.";
    0x0804 COMMAND_BASE_HIGH ReadWrite "High half.";
    0x0808 COMMAND_LOG2 ReadWrite "log2 of the command ring's entries, 3 to 15.";
    0x080c EVENT_BASE_LOW ReadWrite "I/O address of the event ring, low half. A multiple of 4096.";
    0x0810 EVENT_BASE_HIGH ReadWrite "High half.";
    0x0814 EVENT_LOG2 ReadWrite "log2 of the event ring's entries, 3 to 15.";
    0x0818 SLOT_BASE_LOW ReadWrite "I/O address of the receive slots, low half. A multiple of 4096.";
    0x081c SLOT_BASE_HIGH ReadWrite "High half.";
    0x0820 SLOT_LOG2 ReadWrite "log2 of the number of receive slots, 3 to 15.";
    0x0824 MSIX_VECTOR ReadWrite "Vector that this queue's interrupts use.";
    0x0828 MODERATION_NS ReadWrite "Shortest time between two interrupts of this queue, in units of the now input.";
    0x082c QUEUE_ENABLE ReadWrite "Bit 0: the queue runs. Setting it zeroes all indices of the queue; clearing it stops the queue after the transfers under way.";
    0x0830 SLOT_BYTES_LOG2 ReadWrite "log2 of the bytes of a receive slot, 11 to 14; anything else counts as 11. Reset value 0.";
}

/// Offset of the first queue's page of doorbells.
pub const DOORBELL_BASE: u32 = 0x4000;
/// Distance from one queue's doorbells to the next: a page, so that queues can be given to different processes.
pub const DOORBELL_STRIDE: u32 = 0x1000;

registers! {
    DOORBELLS, "Doorbells of queue 0; queue n's are `n * DOORBELL_STRIDE` further. All are free-running 32-bit indices: an entry's place is the index modulo the ring's size.";
    0x4000 COMMAND_PRODUCER WriteOnly "Commands before this index are the NIC's to fetch.";
    0x4004 EVENT_CONSUMER WriteOnly "Events before this index have been read; their places are the NIC's to write.";
    0x4008 SLOT_PRODUCER WriteOnly "Slots before this index are the NIC's to fill. Slots are used in order, and given back in order.";
    0x400c INTERRUPT_ARM WriteOnly "Send one interrupt as soon as the event with this index (or a later one) has been written. Arming anew replaces the last; without arming there are no interrupts.";
}

/// Fields of [`Control`].
#[macro_export]
macro_rules! control_fields { ($callback:ident) => { $callback! {
    /// The register CONTROL.
    Control: 4 bytes, LittleEndian, get_little_endian, set_little_endian;
    0x00 + 0 rx_enable: bool, 1, "Receive frames; without it every frame is a Disabled drop.";
    0x00 + 1 tx_enable: bool, 1, "Fetch and carry out commands.";
    0x00 + 2 promiscuous: bool, 1, "Address filters off: no MacFilter and IpFilter drops.";
    0x00 + 3 monitor: bool, 1, "Write an event (without payload) for dropped frames as well.";
    0x00 + 4 quiesce: bool, 1, "Begin nothing new: frames are Disabled drops and no command is fetched, while what is under way ends. For whoever resets the function on a board: wait for STATUS.quiesced.";
    0x00 + 5 reserved0: u32, 27, "Zero.";
} } }
/// Fields of [`NicStatus`].
#[macro_export]
macro_rules! nic_status_fields { ($callback:ident) => { $callback! {
    /// The register STATUS.
    NicStatus: 4 bytes, LittleEndian, get_little_endian, set_little_endian;
    0x00 + 0 ready: bool, 1, "The tables have been cleared after reset; before that nothing may be enabled.";
    0x00 + 1 link_up: bool, 1, "The link_up input.";
    0x00 + 2 stopped: bool, 1, "A DMA error stopped the queue.";
    0x00 + 3 busy: bool, 1, "A frame, command or transfer is in flight.";
    0x00 + 4 quiesced: bool, 1, "CONTROL.quiesce is set and nothing is in flight.";
    0x00 + 5 reserved0: u32, 27, "Zero.";
} } }
/// Fields of [`Capabilities`].
#[macro_export]
macro_rules! capabilities_fields {
    ($callback:ident) => {
        $callback! {
            /// The register CAPABILITIES.
            Capabilities: 4 bytes, LittleEndian, get_little_endian, set_little_endian;
            0x00 + 0 queues: u8, 8, "Number of queues.";
            0x01 + 0 connections_log2: u8, 8, "log2 of the number of connection ids, 0 to 16.";
            0x02 + 0 slot_bytes_log2_max: u8, 8, "Largest value of SLOT_BYTES_LOG2.";
            0x03 + 0 reserved0: u8, 8, "Zero.";
        }
    };
}

control_fields!(descriptor);
nic_status_fields!(descriptor);
capabilities_fields!(descriptor);

/// Offset of the first counter; counter n is at `COUNTER_BASE + 4 * n`.
pub const COUNTER_BASE: u32 = 0x0100;

/// One counter: free-running, 32 bits, wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterInfo {
    /// Name, the same everywhere.
    pub name: &'static str,
    /// What is counted, and what a rise means.
    pub doc: &'static str,
}

macro_rules! counters {
    ($($index:literal $variant:ident $name:literal $doc:literal;)*) => {
        /// The counters, in their order in BAR0; `Counter::X as usize` is the index.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Counter {
            $(#[doc = $doc] $variant = $index,)*
        }
        /// Name and meaning of each counter, by index.
        pub const COUNTERS: &[CounterInfo] = &[$(CounterInfo { name: $name, doc: $doc },)*];
        const _: () = {
            let mut next = 0;
            $(assert!($index == next, "counters are numbered without gaps"); next += 1;)*
            assert!(next == COUNTERS.len());
        };
    };
}

// Counter n for n = 1..=15 is drop reason n; counter 0 counts what the drops are a part of.
counters! {
    0 RxFrames "rx_frames" "Frames that arrived from the wire, good or bad: the sum of the drops and of the four verdicts.";
    1 RxDropBadFrame "rx_drop_bad_frame" "Dropped: the MAC marked the frame bad. A rise means a bad link.";
    2 RxDropFifoOverflow "rx_drop_fifo_overflow" "Dropped: the receive FIFO was full. A rise means that the host or its bus is too slow.";
    3 RxDropOversize "rx_drop_oversize" "Dropped: longer than a receive slot. A rise means jumbo frames on the wire.";
    4 RxDropRunt "rx_drop_runt" "Dropped: shorter than an Ethernet header.";
    5 RxDropMacFilter "rx_drop_mac_filter" "Dropped: not our MAC address. A switch that floods makes it rise.";
    6 RxDropIpHeader "rx_drop_ip_header" "Dropped: impossible IPv4 header.";
    7 RxDropIpChecksum "rx_drop_ip_checksum" "Dropped: IPv4 header checksum wrong. A rise means bits flip after the FCS was checked.";
    8 RxDropIpFilter "rx_drop_ip_filter" "Dropped: not our IPv4 address.";
    9 RxDropFragment "rx_drop_fragment" "Dropped: IPv4 fragment. A rise means a path with a smaller MTU.";
    10 RxDropTcpHeader "rx_drop_tcp_header" "Dropped: impossible TCP header.";
    11 RxDropTcpChecksum "rx_drop_tcp_checksum" "Dropped: TCP checksum wrong.";
    12 RxDropTcpOptions "rx_drop_tcp_options" "Dropped: a TCP option of illegal length.";
    13 RxDropNoSlot "rx_drop_no_slot" "Dropped: no free receive slot. A rise means that the host does not keep up.";
    14 RxDropNoEvent "rx_drop_no_event" "Dropped: no room in the event ring. A rise means that the host does not keep up.";
    15 RxDropDisabled "rx_drop_disabled" "Dropped: receive is off, or the queue is not enabled or has stopped.";
    16 RxFlow "rx_flow" "Delivered: segments of known connections.";
    17 RxListen "rx_listen" "Delivered: segments to listening ports.";
    18 RxMiss "rx_miss" "Delivered: TCP segments that match nothing. A rise means a port scan or stale peers.";
    19 RxRaw "rx_raw" "Delivered: frames that are not TCP.";
    20 RxPayloads "rx_payloads" "Payload transfers written to receive slots.";
    21 Events "events" "Events written, of every kind.";
    22 Commands "commands" "Commands fetched.";
    23 BadCommands "bad_commands" "Commands refused (Status::BadCommand).";
    24 TxSegments "tx_segments" "TCP segments built.";
    25 TxRaw "tx_raw" "Raw frames sent.";
    26 TxFrames "tx_frames" "Frames handed to the MAC.";
    27 ReadErrors "read_errors" "Bus reads answered with an error.";
    28 WriteErrors "write_errors" "Bus writes answered with an error.";
    29 Interrupts "interrupts" "MSI-X messages requested.";
}

impl DropReason {
    /// The counter of this reason; none for `None`.
    pub fn counter(self) -> Option<&'static CounterInfo> {
        match self {
            DropReason::None => None,
            reason => COUNTERS.get(reason as usize),
        }
    }
}
