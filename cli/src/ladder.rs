//! The ladder diagram: one connection as packets between two time lines, as text and as a picture.

use std::fmt::Write;

use svg::node::element::{Definitions, Line, Marker, Path, Rectangle, Text};
use svg::Document;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that called `connect()`.
    Client,
    /// The end that called `accept()`.
    Server,
}

/// A change of a socket's state that a packet caused, where it is sent or where it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct States {
    /// Name of the state before.
    pub before: String,
    /// Name of the state after.
    pub after: String,
}

impl std::fmt::Display for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.before == self.after {
            f.write_str(&self.after)
        } else {
            write!(f, "{} -> {}", self.before, self.after)
        }
    }
}

/// Where the time between one host's decision and the other's knowledge went, in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Host code on both sides: measured on this machine's clock, not simulated.
    pub host_ns: Option<u64>,
    /// Doorbell to command in the gateware's hands, and event written to event seen: simulated.
    pub queue_ns: Option<u64>,
    /// Command to first beat out, and first beat in to event written: simulated.
    pub gateware_ns: Option<u64>,
    /// First beat out to first beat in: simulated.
    pub wire_ns: Option<u64>,
}

/// One packet of the journey.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Who sent it.
    pub from: Side,
    /// Cycle in which its first beat was on the wire, by the sender's clock.
    pub cycle: u64,
    /// The same in ns of simulated (with a kernel as peer: real) time since the journey began.
    pub at_ns: u64,
    /// When its first beat reached the other side, in ns.
    pub arrived_ns: u64,
    /// Flags, as in "SYN ACK".
    pub flags: String,
    /// Sequence number, relative to the sender's first.
    pub seq: u32,
    /// Acknowledgement number, relative to the peer's first, if the packet has one.
    pub ack: Option<u32>,
    /// Bytes of payload.
    pub payload_len_bytes: usize,
    /// Options, as in "mss=1460,ws=7".
    pub options: String,
    /// The client's socket; `None` when it is not ours.
    pub client: Option<States>,
    /// The server's socket; `None` when it is not ours.
    pub server: Option<States>,
    /// Where the time went.
    pub spent: Spent,
}

impl Packet {
    fn label(&self) -> String {
        let mut label = format!("{} seq={}", self.flags, self.seq);
        if let Some(ack) = self.ack {
            let _ = write!(label, " ack={ack}");
        }
        if self.payload_len_bytes > 0 {
            let _ = write!(label, " {} bytes", self.payload_len_bytes);
        }
        label
    }
}

fn ns(value: Option<u64>) -> String {
    value.map_or_else(|| "-".into(), |ns| ns.to_string())
}

/// Which columns of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All of them.
    All,
    /// What is the same in every run: neither what was measured on this machine, nor, to save room, the options.
    Simulated,
}

/// The ladder as text, a packet a line.
pub fn text(packets: &[Packet], columns: Columns) -> String {
    let all = columns == Columns::All;
    let line = |begin: String, [host, queue, gateware, wire]: [&str; 4], options: &str| {
        let host = if all {
            format!("{host:>6} ")
        } else {
            String::new()
        };
        let end = if all {
            format!("  {options}")
        } else {
            String::new()
        };
        format!("{begin}  {host}{queue:>6} {gateware:>6} {wire:>6}{end}\n")
    };
    let mut out = line(
        format!(
            "{:>8} {:>10}  {:<21} {:^44} {:<21}",
            "cycle", "ns", "client", "", "server"
        ),
        ["host*", "queue", "gatew.", "wire"],
        "options",
    );
    for packet in packets {
        let states = |states: &Option<States>| {
            states
                .as_ref()
                .map_or_else(|| "(kernel)".into(), |states| short(&states.to_string()))
        };
        let label = packet.label();
        let arrow = match packet.from {
            Side::Client => format!("{label:-^42}->"),
            Side::Server => format!("<-{label:-^42}"),
        };
        let spent = &packet.spent;
        let parts = [
            spent.host_ns,
            spent.queue_ns,
            spent.gateware_ns,
            spent.wire_ns,
        ]
        .map(ns);
        out += &line(
            format!(
                "{:>8} {:>10}  {:<21} {arrow} {:<21}",
                packet.cycle,
                packet.at_ns,
                states(&packet.client),
                states(&packet.server),
            ),
            parts.each_ref().map(String::as_str),
            if packet.options.is_empty() {
                "-"
            } else {
                &packet.options
            },
        );
    }
    if all {
        out.push_str(
            "time of the first beat on the wire; the last columns are ns from host to host: queue, gateware and wire are\n\
             simulated, host* is measured on this machine and is not part of the simulated time\n",
        );
    }
    out
}

/// State names short enough for a column.
fn short(states: &str) -> String {
    states
        .replace("ESTABLISHED", "ESTAB")
        .replace("SYN-RECEIVED", "SYN-RCVD")
        .replace("FIN-WAIT", "FIN-W")
        .replace("CLOSE-WAIT", "CLOSE-W")
}

const WIDTH: usize = 1180;
const CLIENT_X: usize = 330;
const SERVER_X: usize = 850;
const TOP: usize = 90;
const STEP: usize = 64;

/// The ladder as a picture. Packets are evenly spaced, not to scale: their times stand beside them.
pub fn picture(title: &str, packets: &[Packet]) -> String {
    let height = TOP + STEP * (packets.len() + 1);
    let line = |x: usize| {
        Line::new()
            .set("x1", x)
            .set("x2", x)
            .set("y1", TOP - 20)
            .set("y2", height - 20)
            .set("stroke", "#555")
            .set("stroke-width", 2)
    };
    let text = |x: usize, y: usize, anchor: &str, size: usize, colour: &str, words: String| {
        Text::new(words)
            .set("x", x)
            .set("y", y)
            .set("text-anchor", anchor)
            .set("font-size", size)
            .set("fill", colour)
    };
    let arrow_head = Marker::new()
        .set("id", "head")
        .set("viewBox", "0 0 10 10")
        .set("refX", 10)
        .set("refY", 5)
        .set("markerWidth", 8)
        .set("markerHeight", 8)
        .set("orient", "auto-start-reverse")
        .add(
            Path::new()
                .set("d", "M0,0 L10,5 L0,10 z")
                .set("fill", "#1f5fa8"),
        );
    let mut picture = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .set(
            "font-family",
            "DejaVu Sans Mono, Menlo, Consolas, monospace",
        )
        .add(Definitions::new().add(arrow_head))
        .add(
            Rectangle::new()
                .set("width", "100%")
                .set("height", "100%")
                .set("fill", "white"),
        )
        .add(text(WIDTH / 2, 28, "middle", 18, "#222", title.to_owned()))
        .add(text(
            CLIENT_X,
            TOP - 30,
            "middle",
            15,
            "#222",
            "client".into(),
        ))
        .add(text(
            SERVER_X,
            TOP - 30,
            "middle",
            15,
            "#222",
            "server".into(),
        ))
        .add(line(CLIENT_X))
        .add(line(SERVER_X));
    for (index, packet) in packets.iter().enumerate() {
        let y = TOP + STEP / 2 + STEP * index;
        let (from, to) = match packet.from {
            Side::Client => (CLIENT_X, SERVER_X),
            Side::Server => (SERVER_X, CLIENT_X),
        };
        let middle = (CLIENT_X + SERVER_X) / 2;
        picture = picture
            .add(
                Line::new()
                    .set("x1", from)
                    .set("y1", y)
                    .set("x2", to)
                    .set("y2", y + STEP / 3)
                    .set("stroke", "#1f5fa8")
                    .set("stroke-width", 2)
                    .set("marker-end", "url(#head)"),
            )
            .add(text(middle, y - 2, "middle", 13, "#1f5fa8", packet.label()))
            .add(text(
                middle,
                y + 32,
                "middle",
                11,
                "#777",
                packet.options.clone(),
            ));
        let (sent_x, sent_anchor, got_x, got_anchor) = match packet.from {
            Side::Client => (CLIENT_X - 12, "end", SERVER_X + 12, "start"),
            Side::Server => (SERVER_X + 12, "start", CLIENT_X - 12, "end"),
        };
        let (sender, receiver) = match packet.from {
            Side::Client => (&packet.client, &packet.server),
            Side::Server => (&packet.server, &packet.client),
        };
        let words =
            |states: &Option<States>| states.as_ref().map_or_else(String::new, States::to_string);
        picture = picture
            .add(text(sent_x, y - 4, sent_anchor, 12, "#222", words(sender)))
            .add(text(
                sent_x,
                y + 12,
                sent_anchor,
                11,
                "#777",
                format!("{} ns", packet.at_ns),
            ))
            .add(text(
                got_x,
                y + STEP / 3,
                got_anchor,
                12,
                "#222",
                words(receiver),
            ))
            .add(text(
                got_x,
                y + STEP / 3 + 16,
                got_anchor,
                11,
                "#777",
                format!("{} ns", packet.arrived_ns),
            ));
    }
    picture.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syn() -> Packet {
        Packet {
            from: Side::Client,
            cycle: 40,
            at_ns: 256,
            arrived_ns: 300,
            flags: "SYN".into(),
            seq: 0,
            ack: None,
            payload_len_bytes: 0,
            options: "mss=1460".into(),
            client: Some(States {
                before: "CLOSED".into(),
                after: "SYN-SENT".into(),
            }),
            server: Some(States {
                before: "LISTEN".into(),
                after: "SYN-RECEIVED".into(),
            }),
            spent: Spent {
                wire_ns: Some(44),
                ..Spent::default()
            },
        }
    }

    #[test]
    fn a_packet_is_a_line_with_both_sockets() {
        let text = text(&[syn()], Columns::All);
        let line = text.lines().nth(1).unwrap();
        assert!(
            line.contains("CLOSED -> SYN-SENT") && line.contains("LISTEN -> SYN-RCVD"),
            "{line}"
        );
        assert!(
            line.contains("SYN seq=0") && line.contains("->") && line.ends_with("mss=1460"),
            "{line}"
        );
    }

    #[test]
    fn what_differs_from_run_to_run_can_be_left_out() {
        let mut packet = syn();
        packet.spent.host_ns = Some(987_654);
        let all = text(&[packet.clone()], Columns::All);
        assert!(all.contains("987654") && all.contains("host*"), "{all}");
        let simulated = text(&[packet], Columns::Simulated);
        assert!(
            !simulated.contains("987654") && !simulated.contains("host*"),
            "{simulated}"
        );
        assert!(simulated.ends_with("     44\n"), "{simulated}");
    }

    #[test]
    fn the_picture_escapes_nothing_away() {
        let picture = picture("a <b> & c", &[syn()]);
        assert!(
            picture.contains("SYN seq=0") && picture.contains("SYN-RECEIVED"),
            "{picture}"
        );
        assert!(!picture.contains("<b>"), "{picture}");
    }
}
