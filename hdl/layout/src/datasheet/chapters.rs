//! The chapters that are more than one table.

use std::fmt::Write;

use crate::frame::{
    Outcome, Step, DELIVERY_STEPS, OPTIONS_MAX_BYTES, RAW_MAX_BYTES, RAW_MIN_BYTES, RECEIVE_STEPS,
    RX_ROOM_ENTRIES, SACK_BLOCKS_MAX, SEGMENT_MAX_BYTES, SENT_FIELDS, SENT_OPTIONS,
};
use crate::header::{EthernetHeader, FRAME_MIN_BYTES, MTU_BYTES};
use crate::port::{Direction, Width, INTERFACES, RESET_CYCLES_MIN};
use crate::queue::{FlowCommand, SegmentCommand, ENTRY_BYTES};
use crate::register::{RING_ALIGN_BYTES, SLOT_BYTES};
use crate::table::Field;

/// How numbers lie in registers, in memory and on the wire.
pub(super) fn numbers(out: &mut String) {
    let mac = 0x0200_c000_0201_u64;
    let command = FlowCommand {
        remote_ip: 0xc000_0201,
        remote_port: 80,
        remote_mac: mac,
        ..FlowCommand::default()
    }
    .encode();
    let bytes = |name: &str| {
        let field = FlowCommand::TABLE.field(name);
        hex(&command[field.offset_bits / 8..][..field.width_bits / 8])
    };
    let _ = write!(
        out,
        "## Numbers\n\n\
         Registers, commands and events are little-endian: the least significant byte has the lowest address, and bit 0 of a table is the least \
         significant bit of its byte 0. Headers on the wire are in network order: bit 0 of a table is the most significant bit of its byte 0.\n\n\
         Addresses and ports are numbers, as one says them: what is sent first is the most significant byte. Only the NIC turns them into \
         network order; a driver never swaps bytes.\n\n\
         | what | number | in a register | bytes of its field in a command or event |\n|---|---|---|---|\n\
         | MAC address 02:00:c0:00:02:01 | {mac:#014x} | MAC_LOW = {:#010x}, MAC_HIGH = {:#06x} | {} |\n\
         | IPv4 address 192.0.2.1 | {:#010x} | LOCAL_IP = {:#010x} | {} |\n\
         | port 80 | 80 | - | {} |\n\n\
         All indices (doorbells, `command_index`) are 32 bits, free-running and wrap; an entry's place is the index modulo the ring's size. A \
         field named `reserved` is written as zero, and not looked at when read.\n\n",
        mac as u32,
        mac >> 32,
        bytes("remote_mac"),
        0xc000_0201_u32,
        0xc000_0201_u32,
        bytes("remote_ip"),
        bytes("remote_port"),
    );
}

/// The ports of the top module.
pub(super) fn ports(out: &mut String) {
    out.push_str(
        "## Ports\n\n\
         The module is `handclasp_nic`. W is the width of the data paths in bits: 64 or 512. D is the width of the bus to the host's memory: 128 at W = 64, 512 at W = 512. At every valid/ready pair a transfer happens in a \
         cycle in which both are high; valid never waits for ready, and with valid high everything stays as it is until ready (AMBA AXI4 A3.2.1, \
         AXI4-Stream 2.2.1).\n\n",
    );
    for interface in INTERFACES {
        let _ = writeln!(out, "### {}\n", interface.name);
        for rule in interface.rules {
            let _ = writeln!(out, "- {rule}");
        }
        out.push_str("\n| port | direction | bits | meaning |\n|---|---|---|---|\n");
        for port in interface.ports {
            let direction = match port.direction {
                Direction::In => "in",
                Direction::Out => "out",
            };
            let width = match port.width {
                Width::Bits(bits) => bits.to_string(),
                Width::Data => "W".into(),
                Width::Lanes => "W / 8".into(),
                Width::Bus => "D".into(),
                Width::BusLanes => "D / 8".into(),
            };
            let _ = writeln!(
                out,
                "| `{}` | {direction} | {width} | {} |",
                port.name, port.doc
            );
        }
        out.push('\n');
    }
}

/// From reset to the first frame, and what a driver owes the rings.
pub(super) fn operation(out: &mut String) {
    let _ = write!(
        out,
        "## Reset and start\n\n\
         Hold `rst` high for at least one cycle ({RESET_CYCLES_MIN}).\n\n\
         1. Read MAGIC and VERSION; wait until STATUS.ready is set. The tables take some 2050 cycles to be cleared.\n\
         2. Write MAC_LOW, MAC_HIGH, LOCAL_IP and HASH_KEY_0 to HASH_KEY_3.\n\
         3. Write zeros to the event ring, so that no entry has a phase bit of 1. Write bases and sizes of the rings; a base is a multiple of \
         {RING_ALIGN_BYTES}.\n\
         4. Write 1 to QUEUE_ENABLE. This zeroes the doorbells and all indices, disarms the interrupt and forgets an error that has stopped the queue.\n\
         5. Ring SLOT_PRODUCER with the number of slots that may be filled. Set CONTROL.rx_enable and CONTROL.tx_enable.\n\n\
         To enable a queue anew, clear QUEUE_ENABLE, wait until STATUS.busy is clear, and begin at 3. Flow table, listening ports and what FlowInsert \
         recorded live on; only a reset clears them. While the queue is disabled, received frames are Disabled drops, and events are thrown away.\n\n\
         ## Rings\n\n\
         Commands and events are {ENTRY_BYTES} bytes each, receive slots 2 to the power of SLOT_BYTES_LOG2 ({SLOT_BYTES} by default).\n\n\
         - **Commands**: write the entry, then COMMAND_PRODUCER. The NIC fetches and carries them out strictly in order. A completion of command n \
         gives all entries up to n back to the driver. The payload must stay as it is until then.\n\
         - **Events**: an entry is new when its phase bit is that of the pass: 1 in the first pass through the ring, 0 in the second. Read the phase bit \
         first, the rest after it. EVENT_CONSUMER gives places back; the NIC never overwrites what has not been given back. Receive events come in the \
         order of the frames, completions in the order of the commands; between the two there is no order. The events of a frame are adjacent: \
         AddressEvent, SackEvent, RxEvent.\n\
         - **Room**: a frame is delivered only while {RX_ROOM_ENTRIES} places of the event ring are free, so that receive leaves some for completions. A \
         completion waits for a place, and the commands behind it wait with it: nothing is lost, but a ring that is never read stops the commands.\n\
         - **Slots**: slot n is at the base plus n times the size of a slot. The NIC fills them in order, and only for frames that need one; an event with has_slot \
         gives its slot to the driver, whose payload is in memory before the event is.\n\n"
    );
}

/// What becomes of a received frame.
pub(super) fn receiving(out: &mut String) {
    out.push_str("## What becomes of a received frame\n\n");
    steps(out, RECEIVE_STEPS);
    let _ = write!(
        out,
        "Of these, the first two never give an event. The others do in monitor mode, while the queue runs and the event ring has room; \
         outside monitor mode an Oversize frame is dropped before its headers are looked at.\n\n\
         A frame that is to be delivered (Raw, Flow, Listen or Miss) may still be dropped:\n\n"
    );
    steps(out, DELIVERY_STEPS);
    let _ = write!(
        out,
        "- **Lengths**: the end of a segment is the IPv4 total length's. Bytes of the frame behind it are padding, and ignored.\n\
         - **Tags**: one 802.1Q tag is looked behind. A frame with two is Raw, if its MAC address is ours.\n\
         - **Fragments**: the IPv4 fields of every fragment are decoded. Its TCP header never is, not even the first fragment's: is_tcp is clear, and \
         ports, numbers, flags, options and payload_len_bytes are zero. Fragments of every protocol are dropped.\n\
         - **Options**: END ends the list; of an option that is there twice the last one counts; unknown kinds are skipped by their length. MSS must have \
         length 4, window scale 3, SACK-permitted 2, timestamps 10, SACK 10, 18, 26 or 34.\n\
         - **Checksums** are verified as they stand: a TCP checksum of 0 is no exception.\n\
         - **Tables**: a segment meets the flow table and the ports as the commands that have been carried out by then have left them.\n\n"
    );
}

fn steps(out: &mut String, steps: &[Step]) {
    out.push_str("| step | outcome | when |\n|---|---|---|\n");
    for (index, step) in steps.iter().enumerate() {
        let outcome = match step.outcome {
            Outcome::Drop(reason) => format!("dropped: `{reason:?}`"),
            Outcome::Deliver(verdict) => format!("`{verdict:?}`"),
        };
        let _ = writeln!(out, "| {} | {outcome} | {} |", index + 1, step.when);
    }
    out.push('\n');
}

/// What stands in a sent frame, and what cannot be sent.
pub(super) fn sending(out: &mut String) {
    out.push_str(
        "## What a sent frame looks like\n\n\
         A Segment command becomes one frame: Ethernet header, tag if the connection has one, IPv4 header, TCP header with options, payload.\n\n\
         | header | field | value |\n|---|---|---|\n",
    );
    for sent in SENT_FIELDS {
        let _ = writeln!(
            out,
            "| {} | `{}` | {} |",
            sent.header, sent.field, sent.value
        );
    }
    out.push_str(
        "\nTCP options follow in this order, each if it is asked for. NOPs (01) stand before an option, never behind it, so that each takes whole \
         32-bit words and no padding is left at the end.\n\n\
         | asked for by | bytes | then |\n|---|---|---|\n",
    );
    for option in SENT_OPTIONS {
        let bits = |name: &&&str| SegmentCommand::TABLE.field(name).width_bits;
        let value: Vec<String> = option
            .value
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let then = match option.value {
            [] => "nothing".to_owned(),
            ["sack0_left", ..] => {
                "a byte with 2 + 8 * `sack_count`; left and right edge of `sack_count` blocks, 4 bytes each".to_owned()
            }
            names => {
                let bytes = names.iter().map(|name| bits(&name).div_ceil(8));
                let sizes: Vec<String> = bytes.map(|bytes| bytes.to_string()).collect();
                format!("{}, {} byte(s)", value.join(", "), sizes.join(" and "))
            }
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {then} |",
            option.asked_by,
            hex(option.begins)
        );
    }
    let least = SEGMENT_MAX_BYTES - OPTIONS_MAX_BYTES;
    let _ = write!(
        out,
        "\nValues of options that are not asked for are ignored, whatever they hold.\n\n\
         A frame shorter than {FRAME_MIN_BYTES} bytes is filled up with zero bytes behind its end; this holds for Raw as well. The padding is in no length \
         and no checksum. The FCS is the MAC's.\n\n\
         A command is refused (Status::BadCommand), and nothing of it done, when\n\n\
         - its opcode is none;\n\
         - **Segment, FlowInsert, FlowRemove**: its connection id is not below CAPABILITIES.connections;\n\
         - **FlowInsert, FlowRemove**: is_ipv6 is set, or queue is not 0;\n\
         - **Segment**: FlowInsert has not recorded the connection, or FlowRemove has forgotten it;\n\
         - **Segment**: sack_count is above {SACK_BLOCKS_MAX}, or the options with their NOPs take more than {OPTIONS_MAX_BYTES} bytes;\n\
         - **Segment**: options and payload together take more than {SEGMENT_MAX_BYTES} bytes, since IPv4 header, TCP header, options and payload must fit \
         {MTU_BYTES} (so without options at most {SEGMENT_MAX_BYTES} bytes of payload, with {OPTIONS_MAX_BYTES} bytes of options {least}; a tag does not count);\n\
         - **Raw**: its payload is shorter than {RAW_MIN_BYTES} bytes (an Ethernet header) or longer than {RAW_MAX_BYTES} (an MTU with Ethernet header of {} \
         bytes and tag).\n\n\
         FlowInsert records the addresses of its connection id in place of what was recorded before, and, with lookup, enters the 4-tuple into the flow \
         table; a 4-tuple that is there already gets the new connection id. With TableFull the addresses are recorded all the same. FlowRemove forgets the \
         id's addresses, and, with lookup, takes the 4-tuple that it names out of the flow table. ListenAdd and ListenRemove always succeed.\n\n",
        EthernetHeader::SIZE_BYTES
    );
}

/// Bytes as in `01 02`.
fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

impl crate::table::Table {
    /// The field of this name, which is there: the datasheet's own tables name it.
    fn field(&self, name: &str) -> Field {
        let found = self.fields.iter().find(|field| field.name == name);
        *found.unwrap_or_else(|| panic!("{} has no field {name}", self.name))
    }
}
