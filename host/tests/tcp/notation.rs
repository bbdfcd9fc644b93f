//! Segments in the notation of RFC 9293: `<SEQ=100><ACK=301><CTL=SYN,ACK><MSS=1460>`.
//!
//! `DATA=text` or `LEN=n` is the payload; `WND`, `UP`, `MSS`, `WS`, `SACKOK=1`, `TS=val:ecr`, `SACK=left-right` are the
//! other fields. An arriving segment without `WND` has the window 4096.

use handclasp_host::tcp::{SackBlock, Segment, SeqNumber};
use handclasp_layout::header::tcp_flags;

const CONTROLS: [(&str, u16); 9] = [
    ("FIN", tcp_flags::FIN),
    ("SYN", tcp_flags::SYN),
    ("RST", tcp_flags::RST),
    ("PSH", tcp_flags::PSH),
    ("ACK", tcp_flags::ACK),
    ("URG", tcp_flags::URG),
    ("ECE", tcp_flags::ECE),
    ("CWR", tcp_flags::CWR),
    ("AE", tcp_flags::AE),
];

pub const WINDOW: u16 = 4096;

fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('<').skip(1).map(move |field| {
        let field = field
            .trim_end()
            .strip_suffix('>')
            .unwrap_or_else(|| panic!("no > in {text}"));
        field
            .split_once('=')
            .unwrap_or_else(|| panic!("no = in {text}"))
    })
}

fn number<T: std::str::FromStr>(value: &str) -> T {
    value
        .parse()
        .unwrap_or_else(|_| panic!("{value} is not a number that fits"))
}

fn controls(value: &str) -> u16 {
    value
        .split(',')
        .map(|name| {
            CONTROLS
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap_or_else(|| panic!("control {name}"))
                .1
        })
        .sum()
}

fn pair(value: &str, between: char) -> (u32, u32) {
    let (a, b) = value
        .split_once(between)
        .unwrap_or_else(|| panic!("{value} is no pair"));
    (number(a), number(b))
}

/// The segment, and its payload. `LEN` makes a payload of that many octets, each the low byte of its sequence number.
pub fn parse(text: &str) -> (Segment, Vec<u8>) {
    let mut segment = Segment {
        window: WINDOW,
        ..Segment::default()
    };
    let mut payload = Vec::new();
    for (key, value) in fields(text) {
        match key {
            "SEQ" => segment.seq = SeqNumber(number(value)),
            "ACK" => segment.ack = SeqNumber(number(value)),
            "CTL" => segment.flags = controls(value),
            "WND" => segment.window = number(value),
            "UP" => segment.urgent = number(value),
            "MSS" => segment.options.mss = Some(number(value)),
            "WS" => segment.options.window_scale = Some(number(value)),
            "SACKOK" => segment.options.sack_permitted = true,
            "TS" => segment.options.timestamps = Some(pair(value, ':')),
            "SACK" => {
                let (left, right) = pair(value, '-');
                segment.options.sack.push(SackBlock {
                    left: SeqNumber(left),
                    right: SeqNumber(right),
                });
            }
            "DATA" => payload = value.as_bytes().to_vec(),
            "LEN" => {
                let first = segment.seq.0;
                payload = (0..number::<u32>(value))
                    .map(|at| first.wrapping_add(at) as u8)
                    .collect();
            }
            _ => panic!("field {key}"),
        }
    }
    segment.payload_len_bytes = payload.len() as u16;
    (segment, payload)
}

/// The segment, with the fields that `like` names and all that are not in their usual state.
pub fn render(segment: &Segment, payload: &[u8], like: &str) -> String {
    let mut text = format!("<SEQ={}>", segment.seq.0);
    if segment.flags & tcp_flags::ACK != 0 {
        text += &format!("<ACK={}>", segment.ack.0);
    }
    let names: Vec<&str> = CONTROLS
        .iter()
        .filter(|(_, flag)| segment.flags & flag != 0)
        .map(|(name, _)| *name)
        .collect();
    text += &format!("<CTL={}>", names.join(","));
    let asked = |key: &str| fields(like).any(|(known, _)| known == key);
    if asked("WND") {
        text += &format!("<WND={}>", segment.window);
    }
    if let (Some(mss), true) = (segment.options.mss, asked("MSS")) {
        text += &format!("<MSS={mss}>");
    }
    if let (Some(shift), true) = (segment.options.window_scale, asked("WS")) {
        text += &format!("<WS={shift}>");
    }
    if segment.options.sack_permitted && asked("SACKOK") {
        text += "<SACKOK=1>";
    }
    if let (Some((val, ecr)), true) = (segment.options.timestamps, asked("TS")) {
        text += &format!("<TS={val}:{ecr}>");
    }
    for block in segment.options.sack.as_slice() {
        text += &format!("<SACK={}-{}>", block.left.0, block.right.0);
    }
    if asked("DATA") {
        text += &format!("<DATA={}>", String::from_utf8_lossy(payload));
    } else if !payload.is_empty() {
        text += &format!("<LEN={}>", payload.len());
    }
    text
}
