//! Frames into the Verilated receive path, events and payloads out of it. What is right is what scapy reads, or written here by hand.

mod bench;

use bench::rx::{Received, RxBench, Traffic, CONNECTION, FLOW_PORT, LISTEN_PORT};
use handclasp_hdl::rx::{RxPath512, RxPath64};
use handclasp_layout::queue::{DropReason, EventKind, RxEvent, SackEvent, Verdict};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// A line of `golden/frames.txt`.
struct Golden {
    name: String,
    verdict: Verdict,
    reason: DropReason,
    fields: BTreeMap<String, String>,
    frame: Vec<u8>,
}

fn code<T: TryFrom<u8>>(codes: &[handclasp_layout::table::Code], name: &str) -> T {
    let found = codes.iter().find(|code| code.name == name);
    let value = found
        .unwrap_or_else(|| panic!("no such code: {name}"))
        .value;
    T::try_from(value).unwrap_or_else(|_| panic!("no such code: {name}"))
}

fn golden() -> Vec<Golden> {
    let parse = |line: &str| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let hex = words.pop().expect("a frame");
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        let pair = |word: &&str| {
            word.split_once('=')
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        };
        Golden {
            name: words[0].to_owned(),
            verdict: code(Verdict::CODES, words[1]),
            reason: code(DropReason::CODES, words[2]),
            fields: words[3..].iter().filter_map(pair).collect(),
            frame: (0..hex.len()).step_by(2).map(byte).collect(),
        }
    };
    include_str!("golden/frames.txt")
        .lines()
        .map(parse)
        .collect()
}

/// Compares every field of the event: what the golden line does not name must be zero.
fn check(golden: &Golden, received: &Received) {
    let name = &golden.name;
    let bytes = received.event.encode();
    for field in RxEvent::TABLE.fields {
        let value =
            handclasp_layout::table::get_little_endian(&bytes, field.offset_bits, field.width_bits);
        let wanted = match field.name {
            "verdict" => golden.verdict as u64,
            "drop_reason" => golden.reason as u64,
            "kind" => EventKind::Rx as u64,
            "timestamp" | "slot" => continue,
            "has_slot" => {
                let has_bytes = golden
                    .fields
                    .get("payload_len_bytes")
                    .is_some_and(|len| len != "0");
                u64::from(golden.verdict != Verdict::Drop && has_bytes)
            }
            other => golden
                .fields
                .get(other)
                .map_or(0, |value| value.parse().expect("a number")),
        };
        assert_eq!(value, wanted, "{name}: {}", field.name);
    }
    let edges = |sack: &SackEvent| {
        let all = [
            sack.sack0_left,
            sack.sack0_right,
            sack.sack1_left,
            sack.sack1_right,
            sack.sack2_left,
            sack.sack2_right,
            sack.sack3_left,
            sack.sack3_right,
        ];
        assert_eq!(
            SackEvent {
                sack0_left: 0,
                sack0_right: 0,
                sack1_left: 0,
                sack1_right: 0,
                sack2_left: 0,
                sack2_right: 0,
                sack3_left: 0,
                sack3_right: 0,
                ..*sack
            },
            SackEvent {
                kind: EventKind::Sack as u8,
                ..SackEvent::default()
            }
        );
        let count = 2 * usize::from(received.event.sack_count);
        assert!(
            all[count..].iter().all(|edge| *edge == 0),
            "{name}: edges beyond the last block"
        );
        all[..count]
            .iter()
            .map(|edge| format!("{edge:08x}"))
            .collect::<Vec<_>>()
            .join("/")
    };
    assert_eq!(
        received.sack.as_ref().map(edges).as_ref(),
        golden.fields.get("sack"),
        "{name}: SACK blocks"
    );

    let len: usize = golden
        .fields
        .get("payload_len_bytes")
        .map_or(0, |len| len.parse().expect("a number"));
    let wanted = match golden.verdict {
        Verdict::Drop => None,
        Verdict::Raw => Some(golden.frame.clone()),
        _ if len == 0 => None,
        _ => {
            // Headers before the payload, from the frame's own length fields.
            let ip = if golden.frame[12..14] == [0x81, 0] {
                18
            } else {
                14
            };
            let tcp = ip + 4 * usize::from(golden.frame[ip] & 15);
            let payload = tcp + 4 * usize::from(golden.frame[tcp + 12] >> 4);
            Some(golden.frame[payload..payload + len].to_vec())
        }
    };
    assert_eq!(received.payload, wanted, "{name}: payload");
}

fn bench64(seed: u64) -> RxBench {
    RxBench::new::<RxPath64>("rx_path_w64", 8, seed)
}

fn bench512(seed: u64) -> RxBench {
    RxBench::new::<RxPath512>("rx_path_w512", 64, seed)
}

fn golden_frames(mut bench: RxBench) {
    for golden in golden() {
        let received = bench
            .receive(&golden.frame)
            .unwrap_or_else(|| panic!("{}: no event", golden.name));
        check(&golden, &received);
        assert_eq!(
            received.event.timestamp,
            *bench.first_beats.last().expect("sent"),
            "{}: timestamp",
            golden.name
        );
    }
    bench.assert_counters_add_up();
}

#[test]
fn golden_frames_64() {
    golden_frames(bench64(1));
}

#[test]
fn golden_frames_512() {
    golden_frames(bench512(2));
}
