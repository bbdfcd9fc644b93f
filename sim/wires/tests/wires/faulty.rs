use handclasp_wires::cable::Cable;
use handclasp_wires::faulty::{FaultCounts, Faults, FaultsError, Faulty};
use handclasp_wires::Wire;

use crate::drain;

/// Frames a test sends; frame n holds n and some padding.
const FRAMES: u32 = 100_000;

/// Time between two frames.
const SPACING_NS: u64 = 1000;

fn frame(n: u32) -> [u8; 60] {
    let mut frame = [0x5a; 60];
    frame[..4].copy_from_slice(&n.to_be_bytes());
    frame
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(*frame.first_chunk().unwrap())
}

/// Sends the frames through faults at the sender; returns them as they arrive, with their times, and the counts.
fn sent_through(faults: Faults) -> (Vec<(u64, Vec<u8>)>, FaultCounts) {
    let (near, mut far) = Cable::pair(0);
    let mut faulty = Faulty::new(near, faults);
    let mut arrived = Vec::new();
    let mut now = 0;
    for n in 0..FRAMES {
        now = u64::from(n) * SPACING_NS;
        faulty.send(&frame(n), now);
        arrived.extend(drain(&mut far, now).into_iter().map(|frame| (now, frame)));
    }
    // What is still held comes when it is due, and not before.
    while let Some(deadline) = faulty.deadline() {
        assert!(deadline > now);
        assert!(!faulty.receive(&mut Vec::new(), deadline - 1));
        assert!(drain(&mut far, u64::MAX).is_empty());
        now = deadline;
        assert!(!faulty.receive(&mut Vec::new(), now));
        let due = drain(&mut far, now);
        assert!(!due.is_empty());
        arrived.extend(due.into_iter().map(|frame| (now, frame)));
    }
    (arrived, faulty.sent())
}

/// Within five standard deviations of the binomial distribution.
fn assert_rate(what: &str, count: u64, rate: f64, of: u64) {
    let (of, mean) = (of as f64, of as f64 * rate);
    let bound = 5.0 * (of * rate * (1.0 - rate)).sqrt();
    let off = (count as f64 - mean).abs();
    assert!(off <= bound, "{what}: {count} instead of {mean} +- {bound}");
}

#[test]
fn without_faults_everything_passes_at_once_and_in_order() {
    let (arrived, counts) = sent_through(Faults::default());
    for (n, (at, bytes)) in arrived.iter().enumerate() {
        assert_eq!(
            (*at, &bytes[..]),
            (n as u64 * SPACING_NS, &frame(n as u32)[..])
        );
    }
    let expected = FaultCounts {
        frames: FRAMES.into(),
        ..FaultCounts::default()
    };
    assert_eq!(counts, expected);
    assert_eq!(arrived.len(), FRAMES as usize);
}

#[test]
fn faults_come_at_their_rates() {
    let faults = Faults {
        drop: 0.02,
        dup: 0.01,
        reorder: 0.02,
        flip: 0.005,
        delay_ns: 0,
        seed: 7,
    };
    let (arrived, counts) = sent_through(faults);
    let frames = u64::from(FRAMES);
    assert_eq!(counts.frames, frames);
    assert_rate("drop", counts.dropped, 0.02, frames);
    let passed = frames - counts.dropped;
    assert_rate("dup", counts.duplicated, 0.01, passed);
    assert_rate("reorder", counts.reordered, 0.02, passed);
    assert_rate("flip", counts.flipped, 0.005, passed);
    assert_eq!(arrived.len() as u64, passed + counts.duplicated);
    // The counts are what really happened. A flip may hit the number, so it is taken from the padding.
    let flipped = arrived.iter().filter(|(_, bytes)| {
        let n = number(bytes);
        n >= FRAMES || bytes[..] != frame(n)
    });
    let flipped = flipped.count() as u64;
    // A few bits of the number turn one good frame into another.
    assert!(counts.flipped - flipped <= counts.flipped / 10, "{flipped}");
}

#[test]
fn a_flip_turns_one_bit_anywhere() {
    let faults = Faults {
        flip: 1.0,
        ..Faults::default()
    };
    let (arrived, _) = sent_through(faults);
    let mut seen = [0_u32; 480];
    for (n, (_, bytes)) in arrived.iter().enumerate() {
        let good = frame(n as u32);
        let turned = bytes.iter().zip(good).map(|(byte, good)| byte ^ good);
        let mut turned = turned.enumerate().filter(|(_, bits)| *bits != 0);
        let (byte, bits) = turned.next().unwrap();
        assert!(
            bits.is_power_of_two() && turned.next().is_none(),
            "frame {n}"
        );
        seen[byte * 8 + bits.trailing_zeros() as usize] += 1;
    }
    // 208 each on average.
    assert!(
        seen.iter().all(|count| (120..320).contains(count)),
        "{seen:?}"
    );
}

#[test]
fn drops_lose_all_at_a_rate_of_one() {
    let faults = "drop=1".parse().unwrap();
    let (arrived, counts) = sent_through(faults);
    assert!(arrived.is_empty());
    assert_eq!(counts.dropped, u64::from(FRAMES));
}

#[test]
fn a_reordered_frame_is_overtaken_by_one_to_three_others() {
    let faults = Faults {
        reorder: 0.01,
        seed: 3,
        ..Faults::default()
    };
    let (arrived, counts) = sent_through(faults);
    assert_eq!(arrived.len(), FRAMES as usize, "nothing is lost");
    let mut displaced = [0_u64; 8];
    for (place, (_, bytes)) in arrived.iter().enumerate() {
        let late = place as i64 - i64::from(number(bytes));
        // Others move up by one for each frame that is held.
        assert!(
            (-3..=6).contains(&late),
            "frame {} by {late}",
            number(bytes)
        );
        displaced[late.max(0) as usize] += 1;
    }
    let late: u64 = displaced[1..].iter().sum();
    assert!(
        late * 10 >= counts.reordered * 9 && late <= counts.reordered,
        "{displaced:?}"
    );
    assert!(
        displaced[1] > 200 && displaced[2] > 200 && displaced[3] > 200,
        "{displaced:?}"
    );
}

#[test]
fn a_reordered_frame_that_nothing_overtakes_comes_after_a_while() {
    let (near, mut far) = Cable::pair(0);
    let mut faulty = Faulty::new(near, "reorder=1".parse().unwrap());
    faulty.send(b"alone", 1000);
    assert!(drain(&mut far, 1000).is_empty());
    let deadline = faulty.deadline().unwrap();
    assert!((1000..=10_000_000).contains(&deadline));
    drain(&mut faulty, deadline);
    assert_eq!(drain(&mut far, deadline), [b"alone"]);
    assert_eq!(faulty.deadline(), None);
}

#[test]
fn delays_vary_by_half_and_keep_the_order() {
    let delay_ns = 1_000_000;
    let faults = Faults {
        delay_ns,
        ..Faults::default()
    };
    // So far apart that no frame waits for the one before it.
    let (near, mut far) = Cable::pair(0);
    let mut faulty = Faulty::new(near, faults);
    let mut delays = Vec::new();
    for n in 0..2000 {
        let sent = n * 10 * delay_ns;
        faulty.send(b"frame", sent);
        let due = faulty.deadline().unwrap();
        drain(&mut faulty, due);
        assert_eq!(drain(&mut far, due).len(), 1);
        delays.push(due - sent);
    }
    let mean = delays.iter().sum::<u64>() as f64 / 2000.0;
    assert!((mean / 1e6 - 1.0).abs() < 0.05, "{mean}");
    let (min, max) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!((500_000..510_000).contains(min), "{min}");
    assert!((1_490_000..1_500_000).contains(max), "{max}");
    // So close that later frames have shorter delays than those before them.
    let (arrived, _) = sent_through(faults);
    let numbers: Vec<u32> = arrived.iter().map(|(_, bytes)| number(bytes)).collect();
    assert_eq!(numbers, (0..FRAMES).collect::<Vec<_>>());
}

#[test]
fn the_seed_decides_everything() {
    let list = "drop=0.02,dup=0.01,reorder=0.02,flip=0.005,delay-ms=0.1,seed=";
    let run = |seed: &str| sent_through(format!("{list}{seed}").parse().unwrap());
    let first = run("7");
    assert_eq!(first, run("7"));
    assert_ne!(first, run("8"));
}

#[test]
fn one_fault_does_not_move_another() {
    let numbers = |list: &str| {
        let (arrived, _) = sent_through(list.parse().unwrap());
        let mut numbers: Vec<u32> = arrived.iter().map(|(_, bytes)| number(bytes)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    assert_eq!(
        numbers("drop=0.02,seed=5"),
        numbers("drop=0.02,dup=0.5,reorder=0.5,delay-ms=1,seed=5")
    );
}

#[test]
fn both_directions_have_faults_of_their_own() {
    let faults: Faults = "drop=0.1,seed=9".parse().unwrap();
    // Which frames come through the receiving side, with so many sent in between.
    let received = |sent_between: u32| {
        let (near, mut far) = Cable::pair(0);
        let mut faulty = Faulty::new(near, faults);
        let mut arrived = Vec::new();
        for n in 0..10_000 {
            far.send(&frame(n), 0);
            arrived.extend(drain(&mut faulty, 0).iter().map(|frame| number(frame)));
            for _ in 0..sent_between {
                faulty.send(b"other", 0);
            }
        }
        assert_eq!(faulty.received().frames, 10_000);
        assert_rate("drop", faulty.received().dropped, 0.1, 10_000);
        assert_eq!(faulty.sent().frames, u64::from(sent_between) * 10_000);
        arrived
    };
    let alone = received(0);
    assert_eq!(alone, received(3));
    let (sent, _) = sent_through(faults);
    let sent: Vec<u32> = sent.iter().map(|(_, bytes)| number(bytes)).collect();
    assert_ne!(
        alone,
        sent[..alone.len()],
        "not the same frames in both directions"
    );
}

#[test]
fn an_empty_frame_survives_a_flip() {
    let (near, mut far) = Cable::pair(0);
    let mut faulty = Faulty::new(near, "flip=1".parse().unwrap());
    faulty.send(b"", 0);
    assert_eq!(drain(&mut far, 0), [b""]);
}

#[test]
fn faults_are_read_from_a_list() {
    let faults: Faults = "drop=0.02,dup=0.01,reorder=0.02,flip=0.005,delay-ms=1.5,seed=7"
        .parse()
        .unwrap();
    let expected = Faults {
        drop: 0.02,
        dup: 0.01,
        reorder: 0.02,
        flip: 0.005,
        delay_ns: 1_500_000,
        seed: 7,
    };
    assert_eq!(faults, expected);
    assert_eq!("".parse(), Ok(Faults::default()));
    assert_eq!(
        " drop = 1 , ".parse(),
        Ok(Faults {
            drop: 1.0,
            ..Faults::default()
        })
    );
}

#[test]
fn bad_lists_say_what_is_wrong() {
    let error = |list: &str| list.parse::<Faults>().unwrap_err();
    assert_eq!(error("drop"), FaultsError::NotAPair("drop".into()));
    assert_eq!(error("loss=1"), FaultsError::UnknownKey("loss".into()));
    assert_eq!(
        error("drop=0.1,drop=0.2"),
        FaultsError::Twice("drop".into())
    );
    for bad in [
        "drop=1.1",
        "dup=-0.1",
        "flip=NaN",
        "reorder=2%",
        "delay-ms=-1",
        "delay-ms=inf",
        "seed=-1",
        "seed=",
    ] {
        let (key, value) = bad.split_once('=').unwrap();
        let text = error(bad).to_string();
        assert!(
            text.contains(key) && text.contains(value) && text.contains("must be"),
            "{text}"
        );
    }
}
