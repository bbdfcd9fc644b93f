//! The Verilated NIC in its world, at both widths: that a run repeats, that skipping shows nowhere, interrupts, waveforms,
//! observations. What the NIC does with frames and commands: tests/conformance.

mod rig;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use handclasp_driver::{Command, NicConfig};
use handclasp_layout::header::tcp_flags::ACK;
use handclasp_layout::queue::{SegmentCommand, Verdict};
use handclasp_layout::register::COMMAND_PRODUCER;
use handclasp_sim::dut::Width;
use handclasp_sim::handshake::StallConfig;
use handclasp_sim::observation::Observation;
use handclasp_sim::world::WorldConfig;
use handclasp_wires::Wire;
use rig::{golden_frame, nic_config, Outcome, Rig};

const STALL: StallConfig = StallConfig {
    percent: 30,
    max_cycles: 7,
};

/// Worlds that have to give the same results.
fn worlds() -> Vec<WorldConfig> {
    [Width::W64, Width::W512]
        .into_iter()
        .flat_map(|width| {
            let plain = WorldConfig::new(width);
            let stalled = WorldConfig {
                stall: STALL,
                reset_seed: 7,
                ..plain
            };
            [plain, stalled]
        })
        .collect()
}

fn open(
    world: &WorldConfig,
    change: impl FnOnce(&mut NicConfig),
) -> Result<Rig, Box<dyn std::error::Error>> {
    let mut rig = Rig::verilated(world, &nic_config(change))?;
    rig.know_the_golden_flows()?;
    Ok(rig)
}

#[test]
fn a_frame_that_the_mac_marks_bad_leaves_only_a_count() -> Outcome {
    for world in worlds() {
        let mut rig = open(&world, |config| config.monitor = true)?;
        for name in ["full size", "fin"] {
            rig.world()?.inject(0, &golden_frame(name)?, true);
        }
        rig.step()?;
        assert!(rig.nic.next_event()?.is_none());
        assert_eq!(rig.counter("rx_drop_bad_frame")?, 2);
        rig.arrive(&golden_frame("fin")?);
        assert_eq!(rig.next_rx()?.verdict, Verdict::Flow, "the next one passes");
    }
    Ok(())
}

#[test]
fn an_armed_interrupt_ends_a_wait() -> Outcome {
    for world in worlds() {
        let mut rig = open(&world, |_| {})?;
        rig.nic.arm_interrupt()?;
        rig.far.send(
            &golden_frame("data of a flow, even length")?,
            rig.now_ns() + 1_000_000,
        );
        let start_ns = rig.now_ns();
        rig.nic.bus().wait(1_000_000_000)?;
        let waited_ns = rig.now_ns() - start_ns;
        assert!((1_000_000..1_010_000).contains(&waited_ns), "{waited_ns}");
        assert!(rig.nic.next_event()?.is_some());
        // Not armed again: only the time-out ends it.
        rig.far
            .send(&golden_frame("data of a flow, even length")?, rig.now_ns());
        let start_ns = rig.now_ns();
        rig.nic.bus().wait(100_000)?;
        assert!(rig.now_ns() - start_ns >= 100_000);
        assert_eq!(rig.counter("interrupts")?, 1);
    }
    Ok(())
}

/// A run with everything in it; the observations, as text.
fn story(world: &WorldConfig) -> Result<(Vec<String>, u64), Box<dyn std::error::Error>> {
    let mut rig = open(world, |config| {
        config.monitor = true;
        config.moderation_ns = 3000;
    })?;
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&log);
    let simulated = rig.world()?;
    simulated.observe(Box::new(move |nic, observation| {
        if let Ok(mut log) = writer.lock() {
            log.push(format!("{nic}: {observation:?}"));
        }
    }));
    let names = [
        "syn to a listener",
        "full size",
        "one sack block",
        "another's mac",
        "data of a flow, odd length",
        "full size",
    ];
    for (i, name) in names.into_iter().cycle().take(30).enumerate() {
        rig.nic.arm_interrupt()?;
        // Sometimes back to back, sometimes far apart.
        let at_ns = rig.now_ns() + [0, 0, 200, 9000][i % 4];
        rig.far.send(&golden_frame(name)?, at_ns);
        rig.nic.submit(&Command::Segment(SegmentCommand {
            connection: 7,
            tcp_flags: ACK,
            seq: i as u32,
            ..SegmentCommand::default()
        }))?;
        rig.nic.flush()?;
        rig.nic.bus().wait([0, 300, 20_000][i % 3])?;
        while rig.nic.next_event()?.is_some() {}
    }
    rig.step()?;
    let simulated = rig.world()?;
    let evaluation = simulated.evaluation(0).ok_or("no NIC")?;
    assert_eq!(
        evaluation.false_idles, 0,
        "busy was 0 and the NIC was not idle"
    );
    let log = log.lock().map_err(|_| "poisoned")?.clone();
    Ok((log, evaluation.evaluated_cycles))
}

#[test]
fn a_run_repeats_to_the_cycle_whatever_registers_held_before_reset_and_whatever_is_skipped(
) -> Outcome {
    for world in worlds() {
        let (log, evaluated) = story(&world)?;
        assert!(log.len() > 200, "{}", log.len());
        let doorbell = format!("offset: {}", COMMAND_PRODUCER.offset);
        assert!(log.iter().any(|line| line.contains(&doorbell)));
        assert!(log.iter().any(|line| line.contains("Interrupt")));
        let again = |changed: &WorldConfig| story(changed);
        assert_eq!(
            again(&world)?,
            (log.clone(), evaluated),
            "the same once more"
        );
        for reset_seed in [2, 3] {
            let other = again(&WorldConfig {
                reset_seed,
                ..world
            })?
            .0;
            assert_eq!(other, log, "a register without reset");
        }
        let (unskipped, all) = again(&WorldConfig {
            skip_idle: false,
            ..world
        })?;
        assert_eq!(unskipped, log, "skipping changed something");
        assert!(
            all > 2 * evaluated,
            "{all} cycles, {evaluated} of them evaluated"
        );
    }
    Ok(())
}

#[test]
fn observations_tell_of_a_frames_way() -> Outcome {
    let mut rig = open(&WorldConfig::new(Width::W64), |_| {})?;
    let seen = Arc::new(Mutex::new(BTreeMap::<&str, u64>::new()));
    let writer = Arc::clone(&seen);
    let simulated = rig.world()?;
    simulated.observe(Box::new(move |_, observation| {
        let (name, cycle) = match observation {
            Observation::RegisterWrite { offset, at, .. } if *offset == COMMAND_PRODUCER.offset => {
                ("doorbell", at.cycle)
            }
            Observation::DmaRead { span, .. } => ("fetched", span.last.cycle),
            Observation::TxFrame { frame, span, .. } => {
                assert_eq!(
                    span.last.cycle - span.first.cycle + 1,
                    frame.len().div_ceil(8) as u64
                );
                ("sent", span.last.cycle)
            }
            Observation::RxFrame { span, .. } => ("arrived", span.last.cycle),
            Observation::DmaWrite { span, .. } => ("event", span.last.cycle),
            _ => return,
        };
        if let Ok(mut seen) = writer.lock() {
            seen.insert(name, cycle);
        }
    }));
    rig.nic.submit(&Command::Segment(SegmentCommand {
        connection: 7,
        tcp_flags: ACK,
        ..SegmentCommand::default()
    }))?;
    rig.step()?;
    rig.arrive(&golden_frame("data of a flow, even length")?);
    rig.step()?;
    let seen = seen.lock().map_err(|_| "poisoned")?;
    let times: Vec<u64> = ["doorbell", "fetched", "sent", "arrived", "event"]
        .iter()
        .map(|name| seen.get(name).copied().unwrap_or(0))
        .collect();
    assert!(times[0] > 0 && times.is_sorted(), "{times:?}");
    Ok(())
}

#[test]
fn a_waveform_is_written() -> Outcome {
    let dir = std::env::temp_dir().join(format!("handclasp-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let path = dir.join("nic.fst");
    let mut rig = open(&WorldConfig::new(Width::W64), |_| {})?;
    let simulated = rig.world()?;
    simulated.open_trace(0, &path)?;
    rig.arrive(&golden_frame("full size")?);
    rig.next_rx()?;
    simulated.close_traces();
    // An FST file begins with a header block: type 0, length 329 (big-endian).
    let file = std::fs::read(&path)?;
    assert_eq!(file[..9], [0, 0, 0, 0, 0, 0, 0, 1, 0x49]);
    assert!(file.len() > 10_000, "{} bytes", file.len());
    assert!(simulated
        .open_trace(0, &dir.join("no/such/dir.fst"))
        .is_err());
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
