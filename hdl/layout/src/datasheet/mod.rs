//! The datasheet, written from the tables.

mod chapters;

use std::fmt::Write;

use crate::header::{ArpPacket, EthernetHeader, IcmpEcho, Ipv4Header, TcpHeader, VlanTag};
use crate::pci::{Number, CONFIG_SPACE, FUNCTION};
use crate::queue::{
    AddressEvent, CompletionEvent, DropReason, EventKind, FlowCommand, ListenCommand, Opcode,
    RxEvent, SackEvent, SegmentCommand, Status, StreamCommand, Verdict,
};
use crate::register::{
    Access, Capabilities, Control, NicStatus, Register, BAR_BYTES, CONNECTIONS, CONTROL_REGISTERS,
    COUNTERS, COUNTER_BASE, DOORBELLS, QUEUES, QUEUE_REGISTERS, SLOT_BYTES,
};
use crate::table::{Code, Order, Table};

/// The whole of `DATASHEET.md`.
pub fn render() -> String {
    let mut out = String::from(
        "# Handclasp NIC: datasheet\n\n\
         Generated from the tables in `hdl/layout` by `cargo run -p handclasp-layout --bin datasheet`; do not edit.\n\n",
    );
    let _ = writeln!(
        out,
        "BAR0 is {BAR_BYTES:#x} bytes. {QUEUES} queue(s), {CONNECTIONS} connections, receive slots of {SLOT_BYTES} bytes by default. What is marked \"laid out, not built\" has its place and is not there: \
         a command that asks for it is refused, and what the NIC writes of it is zero.\n"
    );
    chapters::numbers(&mut out);
    chapters::ports(&mut out);
    out.push_str("## PCI Express function\n\n");
    numbers(&mut out, FUNCTION);
    out.push_str("### Configuration space\n\n");
    numbers(&mut out, CONFIG_SPACE);
    out.push_str("## Registers\n\n");
    registers(&mut out, CONTROL_REGISTERS);
    for table in [Control::TABLE, NicStatus::TABLE, Capabilities::TABLE] {
        fields(&mut out, &table);
    }
    out.push_str("## Queue configuration (queue 0)\n\n");
    registers(&mut out, QUEUE_REGISTERS);
    out.push_str("## Doorbells (queue 0)\n\n");
    registers(&mut out, DOORBELLS);
    chapters::operation(&mut out);
    out.push_str("## Counters\n\n| offset | name | meaning |\n|---|---|---|\n");
    for (index, counter) in COUNTERS.iter().enumerate() {
        let offset = COUNTER_BASE as usize + 4 * index;
        let _ = writeln!(
            out,
            "| {offset:#06x} | `{}` | {} |",
            counter.name, counter.doc
        );
    }
    out.push_str("\n## Commands\n\n");
    codes(&mut out, "Opcode", Opcode::CODES);
    for table in [
        SegmentCommand::TABLE,
        FlowCommand::TABLE,
        ListenCommand::TABLE,
        StreamCommand::TABLE,
    ] {
        fields(&mut out, &table);
    }
    chapters::sending(&mut out);
    out.push_str("## Events\n\n");
    codes(&mut out, "EventKind", EventKind::CODES);
    codes(&mut out, "Verdict", Verdict::CODES);
    codes(&mut out, "DropReason", DropReason::CODES);
    codes(&mut out, "Status", Status::CODES);
    for table in [
        RxEvent::TABLE,
        AddressEvent::TABLE,
        SackEvent::TABLE,
        CompletionEvent::TABLE,
    ] {
        fields(&mut out, &table);
    }
    chapters::receiving(&mut out);
    out.push_str("## Headers\n\n");
    for table in [
        EthernetHeader::TABLE,
        VlanTag::TABLE,
        ArpPacket::TABLE,
        Ipv4Header::TABLE,
        TcpHeader::TABLE,
        IcmpEcho::TABLE,
    ] {
        fields(&mut out, &table);
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn numbers(out: &mut String, list: &[Number]) {
    out.push_str("| name | value | meaning |\n|---|---|---|\n");
    for Number { name, value, doc } in list {
        let _ = writeln!(out, "| `{name}` | {value:#x} | {doc} |");
    }
    out.push('\n');
}

fn registers(out: &mut String, list: &[Register]) {
    out.push_str("| offset | name | access | meaning |\n|---|---|---|---|\n");
    for register in list {
        let access = match register.access {
            Access::ReadOnly => "ro",
            Access::ReadWrite => "rw",
            Access::WriteOnly => "wo",
        };
        let _ = writeln!(
            out,
            "| {:#06x} | `{}` | {access} | {} |",
            register.offset, register.name, register.doc
        );
    }
    out.push('\n');
}

fn codes(out: &mut String, name: &str, codes: &[Code]) {
    let _ = writeln!(
        out,
        "### {name}\n\n| value | name | meaning |\n|---|---|---|"
    );
    for code in codes {
        let _ = writeln!(out, "| {} | `{}` | {} |", code.value, code.name, code.doc);
    }
    out.push('\n');
}

fn fields(out: &mut String, table: &Table) {
    let order = match table.order {
        Order::LittleEndian => "little-endian",
        Order::Network => "network order",
    };
    let doc = table
        .doc
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    let _ = writeln!(
        out,
        "### {}\n\n{}\n\n{} bytes, {order}.\n\n| byte | bit | width | field | meaning |\n|---|---|---|---|---|",
        table.name,
        doc.trim(),
        table.size_bytes
    );
    for field in table.fields {
        let _ = writeln!(
            out,
            "| {:#04x} | {} | {} | `{}` | {} |",
            field.offset_bits / 8,
            field.offset_bits % 8,
            field.width_bits,
            field.name,
            field.doc
        );
    }
    out.push('\n');
}
