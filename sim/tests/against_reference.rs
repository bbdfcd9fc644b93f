//! The gateware and the reference NIC, two readings of one datasheet, in front of the same random frames and commands: the
//! same events with the same payloads, the same frames on the wire, the same counters.

mod rig;
#[path = "rig/traffic.rs"]
mod traffic;

use std::collections::BTreeSet;

use handclasp_driver::{Command, NicConfig};
use handclasp_sim::dut::Width;
use handclasp_sim::handshake::StallConfig;
use handclasp_sim::world::WorldConfig;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rig::{golden_frames, Outcome, Rig, IP, MAC};

const FRAMES: usize = 1000;
const COMMANDS: usize = 500;
const SPOILED: usize = 1000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pair(
    width: Width,
    random: &mut ChaCha8Rng,
    config: &NicConfig,
) -> Result<[Rig; 2], Box<dyn std::error::Error>> {
    let world = WorldConfig {
        reset_seed: random.random(),
        seed: random.random(),
        stall: StallConfig {
            percent: 15,
            max_cycles: 6,
        },
        ..WorldConfig::new(width)
    };
    Ok([Rig::verilated(&world, config)?, Rig::reference(config)?])
}

fn submit(rigs: &mut [Rig; 2], command: &Command) -> Outcome {
    for rig in rigs {
        rig.nic.submit(command)?;
    }
    Ok(())
}

/// Frames of a seed to both; returns the names of the counters that have moved.
fn compare_receive(
    width: Width,
    seed: u64,
) -> Result<BTreeSet<&'static str>, Box<dyn std::error::Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let config = NicConfig {
        monitor: seed % 2 == 0,
        promiscuous: seed % 4 >= 2,
        // Small, so that they wrap and run full.
        event_log2: 5,
        slot_log2: 3,
        ..NicConfig::new(MAC, IP.into(), random.random())
    };
    let mut rigs = pair(width, &mut random, &config)?;
    for port in [80, 443] {
        submit(
            &mut rigs,
            &Command::ListenAdd {
                port,
                want_completion: false,
            },
        )?;
    }
    for number in 0..FRAMES {
        if number % 10 == 0 {
            let mut flow = traffic::flow(&mut random, 256);
            // Otherwise the reference refuses by another rule than a table that is full.
            flow.connection %= 256;
            let command = if random.random_range(0..3) < 2 {
                Command::FlowInsert(flow)
            } else {
                Command::FlowRemove(flow)
            };
            submit(&mut rigs, &command)?;
            for rig in &mut rigs {
                rig.step()?;
            }
        }
        // Usually one by one; sometimes more than the rings hold.
        let burst = if random.random_range(0..40) == 0 {
            20
        } else {
            1
        };
        let frames: Vec<Vec<u8>> = (0..burst).map(|_| traffic::frame(&mut random)).collect();
        let mut seen = Vec::new();
        for rig in &mut rigs {
            for frame in &frames {
                rig.arrive(frame);
                rig.device.settle(&rig.nic)?;
            }
            seen.push(rig.events()?);
            rig.nic.flush()?;
        }
        let counters = [rigs[0].counters()?, rigs[1].counters()?];
        if seen[0] != seen[1] || counters[0] != counters[1] {
            let difference: Vec<_> = counters[0]
                .iter()
                .zip(&counters[1])
                .filter(|(gateware, reference)| gateware != reference)
                .collect();
            let place = seen[0]
                .iter()
                .zip(&seen[1])
                .take_while(|(gateware, reference)| gateware == reference)
                .count();
            return Err(format!(
                "{width:?}, seed {seed}, frame {number}: {}\nevents: {} and {}, the first that differs is number {place}\ngateware:  {:?}\nreference: {:?}\ncounters: {difference:?}",
                frames.iter().map(|frame| hex(frame)).collect::<Vec<_>>().join("\n"),
                seen[0].len(),
                seen[1].len(),
                seen[0].get(place),
                seen[1].get(place),
            )
            .into());
        }
    }
    let counters = rigs[0].counters()?;
    Ok(counters
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, _)| name)
        .collect())
}

#[test]
fn frames_are_judged_alike() -> Outcome {
    for width in [Width::W64, Width::W512] {
        let mut moved = BTreeSet::new();
        for seed in 0..4 {
            moved.extend(compare_receive(width, seed)?);
        }
        // A comparison of nothing proves nothing: every verdict and every reason that a frame can bring about was there.
        for name in [
            "rx_flow",
            "rx_listen",
            "rx_miss",
            "rx_raw",
            "rx_payloads",
            "rx_drop_oversize",
            "rx_drop_runt",
            "rx_drop_mac_filter",
            "rx_drop_ip_header",
            "rx_drop_ip_checksum",
            "rx_drop_ip_filter",
            "rx_drop_fragment",
            "rx_drop_tcp_header",
            "rx_drop_tcp_checksum",
            "rx_drop_tcp_options",
            "rx_drop_no_slot",
            "rx_drop_no_event",
        ] {
            assert!(moved.contains(name), "{name} was never counted");
        }
    }
    Ok(())
}

#[test]
fn commands_are_carried_out_alike() -> Outcome {
    for width in [Width::W64, Width::W512] {
        let mut random = ChaCha8Rng::seed_from_u64(77);
        let config = NicConfig::new(MAC, IP.into(), 0x6d5a_56da_255b_0ec2_4167_253d_43a3_8fb0);
        let mut rigs = pair(width, &mut random, &config)?;
        const MEMORY_BYTES: u32 = 16384;
        let content: Vec<u8> = (0..MEMORY_BYTES).map(|_| random.random()).collect();
        let mut regions = Vec::new();
        for rig in &rigs {
            let region = rig.nic.allocate(MEMORY_BYTES as usize)?;
            region.write(0, &content)?;
            regions.push(region);
        }
        let (mut frames, mut refused) = (0, 0);
        for number in 0..COMMANDS {
            let mut draw = random.clone();
            for (rig, region) in rigs.iter_mut().zip(&regions) {
                // The same command but for where memory lies.
                draw = random.clone();
                // A few connections, so that most of them are known.
                let command = match draw.random_range(0..20) {
                    0..4 => Command::FlowInsert(traffic::flow(&mut draw, 8)),
                    4 => Command::FlowRemove(traffic::flow(&mut draw, 8)),
                    5..7 => {
                        let segment = traffic::segment(&mut draw, 8, region.iova(), MEMORY_BYTES);
                        Command::Raw {
                            frame_addr: segment.payload_addr,
                            frame_len_bytes: segment.payload_len_bytes,
                            want_completion: segment.want_completion,
                        }
                    }
                    _ => Command::Segment(traffic::segment(
                        &mut draw,
                        8,
                        region.iova(),
                        MEMORY_BYTES,
                    )),
                };
                rig.nic.submit(&command)?;
                rig.step()?;
            }
            random = draw;
            let [gateware, reference] = &mut rigs;
            let events = gateware.events()?;
            assert_eq!(events, reference.events()?, "command {number}");
            refused += events
                .iter()
                .filter(|(said, _)| said.starts_with("Completion") && !said.contains("status: Ok"))
                .count();
            let sent = gateware.sent();
            assert_eq!(
                sent.as_deref().map(hex),
                reference.sent().as_deref().map(hex),
                "command {number}"
            );
            frames += usize::from(sent.is_some());
            assert_eq!(
                gateware.counters()?,
                reference.counters()?,
                "command {number}"
            );
        }
        assert!(
            frames > COMMANDS / 3 && refused > COMMANDS / 20,
            "{frames}, {refused}"
        );
    }
    Ok(())
}

/// Frames made by scapy, and what spoiling them makes: closer to what a peer sends than random ones.
#[test]
fn frames_by_scapy_are_judged_alike_whole_and_spoiled() -> Outcome {
    let mut golden = golden_frames()?;
    // A MAC delivers no empty frames.
    golden.retain(|(_, frame)| !frame.is_empty());
    for width in [Width::W64, Width::W512] {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let config = NicConfig {
            monitor: true,
            ..NicConfig::new(MAC, IP.into(), 0x6d5a_56da_255b_0ec2_4167_253d_43a3_8fb0)
        };
        let mut rigs = pair(width, &mut random, &config)?;
        for rig in &mut rigs {
            rig.know_the_golden_flows()?;
        }
        for number in 0..SPOILED {
            let mut frame = golden[number % golden.len()].1.clone();
            if number >= golden.len() {
                for _ in 0..random.random_range(0..4) {
                    // Mostly headers.
                    let end = frame.len().min(100);
                    frame[random.random_range(0..end)] = random.random();
                }
                match random.random_range(0..8) {
                    0 => frame.truncate(random.random_range(1..=frame.len())),
                    1 => frame.resize(frame.len() + random.random_range(0..64), 0xa5),
                    _ => {}
                }
            }
            let mut seen = Vec::new();
            for rig in &mut rigs {
                rig.arrive(&frame);
                rig.step()?;
                seen.push(rig.events()?);
            }
            assert_eq!(seen[0], seen[1], "frame {number}: {}", hex(&frame));
        }
        assert_eq!(rigs[0].counters()?, rigs[1].counters()?);
    }
    Ok(())
}
