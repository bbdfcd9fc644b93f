//! The MAC's streams against gateware played here: frames are whole and at line rate, and each bad stream is caught.

use handclasp_sim::dut::{Inputs, Outputs, Width};
use handclasp_sim::handshake::{StallConfig, Violation};
use handclasp_sim::mac::{MacRx, MacTx};
use handclasp_sim::observation::{Moment, Observation};

const NO_STALL: StallConfig = StallConfig {
    percent: 0,
    max_cycles: 0,
};

fn at(cycle: u64) -> Moment {
    Moment { cycle, now_ns: 0 }
}

/// Sends each frame through the receive stream and gives its beats to the transmit stream, as a NIC that echoes at once.
/// Returns what came out, and the cycles of first beats.
fn echo(width: Width, stall: StallConfig, frames: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<u64>) {
    let mut rx = MacRx::new(width, stall, 5);
    let mut tx = MacTx::new(width, NO_STALL, 5);
    let mut inputs = Inputs::default();
    let (mut out, mut firsts) = (Vec::new(), Vec::new());
    let mut beats = Vec::new();
    let mut waiting = frames.iter();
    let mut next = waiting.next();
    for cycle in 0..300_000 {
        if let Some(frame) = next.filter(|_| !rx.is_busy() && cycle >= rx.free_cycle()) {
            assert!(rx.load(false, |buffer| {
                buffer.clone_from(frame);
                true
            }));
            next = waiting.next();
        }
        rx.drive(&mut inputs);
        tx.drive(&mut inputs, cycle);
        let mut outputs = Outputs {
            s_axis_rx_tready: true,
            ..Outputs::default()
        };
        if inputs.s_axis_rx_tvalid {
            let last = inputs.s_axis_rx_tlast;
            beats.push((inputs.s_axis_rx_tdata, inputs.s_axis_rx_tkeep, last));
            // Whole frames only: there must be no gap on the way out.
            if last {
                let mut tx_cycle = cycle;
                for (tdata, tkeep, tlast) in beats.drain(..) {
                    outputs.m_axis_tx_tvalid = true;
                    outputs.m_axis_tx_tdata = tdata;
                    outputs.m_axis_tx_tkeep = tkeep;
                    outputs.m_axis_tx_tlast = tlast;
                    loop {
                        tx.drive(&mut inputs, tx_cycle);
                        let ready = inputs.m_axis_tx_tready;
                        tx.observe(&inputs, &outputs, at(tx_cycle), &mut |_| {}, |frame| {
                            out.push(frame.to_vec());
                        })
                        .expect("a good stream");
                        tx_cycle += 1;
                        if ready {
                            break;
                        }
                    }
                }
                outputs.m_axis_tx_tvalid = false;
            }
        }
        rx.observe(&inputs, &outputs, at(cycle), &mut |observation| {
            if let Observation::RxFrame { span, .. } = observation {
                firsts.push(span.first.cycle);
            }
        })
        .expect("a good stream");
        if next.is_none() && !rx.is_busy() {
            return (out, firsts);
        }
    }
    panic!("the frames never ended");
}

/// Offers these frames to the transmit stream as fast as it takes them. Returns the cycles of first beats.
fn send(width: Width, frames: &[Vec<u8>]) -> Vec<u64> {
    let mut tx = MacTx::new(width, NO_STALL, 5);
    let mut inputs = Inputs::default();
    let mut firsts = Vec::new();
    let mut cycle = 0;
    for frame in frames {
        let mut beats = frame.chunks(width.bytes()).peekable();
        while let Some(bytes) = beats.next() {
            let outputs = beat(u64::MAX >> (64 - bytes.len()), beats.peek().is_none());
            loop {
                tx.drive(&mut inputs, cycle);
                let mut report = |observation: &Observation| {
                    if let Observation::TxFrame { span, .. } = observation {
                        firsts.push(span.first.cycle);
                    }
                };
                tx.observe(&inputs, &outputs, at(cycle), &mut report, |_| {})
                    .expect("a good stream");
                cycle += 1;
                if inputs.m_axis_tx_tready {
                    break;
                }
            }
        }
    }
    firsts
}

#[test]
fn frames_of_every_length_pass_whole() {
    let frames: Vec<Vec<u8>> = (1..300)
        .chain([1514, 2048])
        .map(|len: usize| (0..len).map(|i| (i * 31 + len) as u8).collect())
        .collect();
    let stall = StallConfig {
        percent: 40,
        max_cycles: 3,
    };
    for width in [Width::W64, Width::W512] {
        for stall in [NO_STALL, stall] {
            assert_eq!(echo(width, stall, &frames).0, frames);
        }
    }
}

#[test]
fn frames_come_at_line_rate_and_no_faster() {
    // 64 bytes with FCS and 20 bytes around it are 672 bits: 14.88 million frames a second at 10 Gbit/s.
    // 67.2 ns are 10.5 cycles of 6.4 ns; at 100 Gbit/s 6.72 ns are 1.68 cycles of 4 ns.
    let frames = vec![vec![0; 60]; 1001];
    for (width, cycles) in [(Width::W64, 10_500), (Width::W512, 1680)] {
        for firsts in [echo(width, NO_STALL, &frames).1, send(width, &frames)] {
            assert_eq!(firsts[1000] - firsts[0], cycles);
        }
    }
    // Of several lengths: 60 + 61 + 63 + 64 + 1514 bytes, and 24 around each, are 15,056 bits.
    let lengths = [60, 61, 63, 64, 1514];
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for _ in 0..1000 {
        frames.extend(lengths.map(|len| vec![0; len]));
    }
    frames.push(vec![0; 60]);
    for (width, bits_per_cycle) in [(Width::W64, 64), (Width::W512, 400)] {
        for firsts in [echo(width, NO_STALL, &frames).1, send(width, &frames)] {
            assert_eq!(firsts.len(), 5001);
            for (frames, first) in firsts.iter().enumerate().step_by(lengths.len()) {
                let bits = frames as u64 / 5 * 15_056;
                // Never before the line is free, and less than a cycle after.
                assert_eq!(first - firsts[0], bits.div_ceil(bits_per_cycle));
            }
        }
    }
}

#[test]
fn after_a_rest_a_frame_does_not_count_as_having_waited() {
    let mut tx = MacTx::new(Width::W64, NO_STALL, 5);
    let mut inputs = Inputs::default();
    let mut send = |cycle: u64| {
        for (beat_of_8, cycle) in (1..=8).zip(cycle..) {
            tx.drive(&mut inputs, cycle);
            assert!(inputs.m_axis_tx_tready, "cycle {cycle}");
            let outputs = match beat_of_8 {
                8 => beat(0x0f, true),
                _ => beat(0xff, false),
            };
            tx.observe(&inputs, &outputs, at(cycle), &mut |_| {}, |_| {})
                .expect("a good stream");
        }
        (cycle..).find(|cycle| !tx.is_busy(*cycle))
    };
    // 10.5 cycles each. The second takes up the half that is left of the first; the third comes later, and takes 11.
    assert_eq!(send(0), Some(11));
    assert_eq!(send(11), Some(21));
    assert_eq!(send(100), Some(111));
    assert_eq!(send(112), Some(123));
}

/// Gives a transmit MAC these offers, one a cycle, the first in cycle 0.
fn offer(stall: StallConfig, offers: &[Outputs]) -> Result<Vec<Vec<u8>>, Violation> {
    let mut tx = MacTx::new(Width::W64, stall, 5);
    let mut inputs = Inputs::default();
    let mut out = Vec::new();
    for (cycle, outputs) in (0..).zip(offers) {
        tx.drive(&mut inputs, cycle);
        tx.observe(&inputs, outputs, at(cycle), &mut |_| {}, |frame| {
            out.push(frame.to_vec());
        })?;
    }
    Ok(out)
}

fn beat(tkeep: u64, tlast: bool) -> Outputs {
    Outputs {
        m_axis_tx_tvalid: true,
        m_axis_tx_tkeep: tkeep,
        m_axis_tx_tlast: tlast,
        ..Outputs::default()
    }
}

#[test]
fn a_gap_in_a_frame_is_caught() {
    let gap = offer(NO_STALL, &[beat(0xff, false), Outputs::default()]);
    assert_eq!(gap, Err(Violation::TxGap { len_bytes: 8 }));
}

#[test]
fn a_tkeep_with_a_hole_is_caught() {
    for (tkeep, tlast) in [(0x7f, false), (0xfd, true), (0, true), (0xfe, true)] {
        let result = offer(NO_STALL, &[beat(tkeep, tlast)]);
        assert_eq!(result, Err(Violation::TxKeep { tkeep, tlast }));
    }
}

#[test]
fn a_beat_that_changes_while_it_waits_is_caught() {
    // The line is busy after the frame, so the second one waits.
    let mut changed = beat(0xff, true);
    changed.m_axis_tx_tdata[0] = 1;
    let result = offer(NO_STALL, &[beat(0xff, true), beat(0xff, true), changed]);
    let channel = "m_axis_tx";
    assert_eq!(result, Err(Violation::PayloadChanged { channel }));
    let result = offer(
        NO_STALL,
        &[beat(0xff, true), beat(0xff, true), Outputs::default()],
    );
    assert_eq!(result, Err(Violation::ValidFell { channel }));
}

#[test]
fn a_frame_that_the_nic_marks_bad_does_not_reach_the_wire() {
    let mut bad = beat(0xff, true);
    bad.m_axis_tx_tuser = true;
    assert_eq!(offer(NO_STALL, &[bad]), Ok(vec![]));
    assert_eq!(offer(NO_STALL, &[beat(0x1f, true)]), Ok(vec![vec![0; 5]]));
}

#[test]
fn a_nic_that_does_not_take_what_arrives_is_caught() {
    let mut rx = MacRx::new(Width::W64, NO_STALL, 5);
    rx.load(false, |buffer| {
        buffer.resize(60, 0);
        true
    });
    let mut inputs = Inputs::default();
    rx.drive(&mut inputs);
    let result = rx.observe(&inputs, &Outputs::default(), at(0), &mut |_| {});
    assert_eq!(result, Err(Violation::RxStalled));
}
