//! A NIC with its driver on a cable whose far end is the test's: the Verilated NIC at a width, or the reference NIC.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::error::Error;
use std::sync::Arc;

use handclasp_driver::{Command, Event, Nic, NicConfig, Received};
use handclasp_layout::queue::FlowCommand;
use handclasp_reference::io_space::IoSpace;
use handclasp_reference::ReferenceNic;
use handclasp_sim::world::{World, WorldConfig};
use handclasp_wires::clock::Clock;
use handclasp_wires::{cable::Cable, Wire};

pub type Outcome = Result<(), Box<dyn Error>>;

pub const MAC: u64 = 0x02_00_00_00_00_01;
pub const IP: [u8; 4] = [192, 0, 2, 1];

/// What the reference NIC's clock shows at the start.
const START_NS: u64 = 1000;
/// Longer than any frame or command takes in the Verilated NIC.
const SETTLE_NS: u64 = 50_000;

/// Events with their payloads.
pub type Happened = Vec<(String, Vec<u8>)>;

pub enum Device {
    Verilated(World),
    Reference(Clock),
}

impl Device {
    pub fn now_ns(&self) -> u64 {
        match self {
            Device::Verilated(world) => world.now_ns(),
            Device::Reference(clock) => clock.now_ns(),
        }
    }

    /// Lets everything that has been handed in come to its end.
    pub fn settle(&self, nic: &Nic) -> Outcome {
        match self {
            Device::Verilated(world) => world.advance_until(world.now_ns() + SETTLE_NS)?,
            Device::Reference(_) => nic.bus().relax(),
        }
        Ok(())
    }
}

pub struct Rig {
    pub nic: Nic,
    pub far: Cable,
    pub io: Arc<IoSpace>,
    pub device: Device,
    /// When the last step began.
    step_ns: u64,
}

/// The driver's configuration of all tests, but for what `change` changes.
pub fn nic_config(change: impl FnOnce(&mut NicConfig)) -> NicConfig {
    let mut config = NicConfig::new(MAC, IP.into(), 0x6d5a_56da_255b_0ec2_4167_253d_43a3_8fb0);
    change(&mut config);
    config
}

impl Rig {
    pub fn verilated(world: &WorldConfig, nic: &NicConfig) -> Result<Self, Box<dyn Error>> {
        let (near, far) = Cable::pair(0);
        let world = World::new(world, vec![Box::new(near)])?;
        let missing = "a world without a NIC";
        Ok(Self {
            nic: Nic::open(world.bus(0).ok_or(missing)?, nic)?,
            far,
            io: world.io_space(0).ok_or(missing)?,
            device: Device::Verilated(world),
            step_ns: 0,
        })
    }

    pub fn reference(nic: &NicConfig) -> Result<Self, Box<dyn Error>> {
        let (near, far) = Cable::pair(0);
        let clock = Clock::simulated(START_NS);
        let bus = Arc::new(ReferenceNic::new(Box::new(near), clock.clone())?);
        Ok(Self {
            io: Arc::clone(bus.io_space()),
            nic: Nic::open(bus, nic)?,
            far,
            device: Device::Reference(clock),
            step_ns: START_NS,
        })
    }

    /// The simulated world, of a Verilated NIC.
    pub fn world(&self) -> Result<World, Box<dyn Error>> {
        match &self.device {
            Device::Verilated(world) => Ok(world.clone()),
            Device::Reference(_) => Err("the reference NIC has no world".into()),
        }
    }

    pub fn now_ns(&self) -> u64 {
        self.device.now_ns()
    }

    /// The connections and the listener that the frames of tests/golden are made for.
    pub fn know_the_golden_flows(&mut self) -> Outcome {
        for (connection, remote_port, local_port) in [(7, 40000, 8080), (8, 40001, 80)] {
            self.nic.submit(&Command::FlowInsert(FlowCommand {
                connection,
                lookup: true,
                ..flow(remote_port, local_port)
            }))?;
        }
        self.nic.submit(&Command::ListenAdd {
            port: 80,
            want_completion: false,
        })?;
        self.step()
    }

    /// Rings the doorbells and lets the NIC work.
    pub fn step(&mut self) -> Outcome {
        self.step_ns = self.now_ns();
        self.nic.flush()?;
        self.device.settle(&self.nic)
    }

    /// Whether a NIC's timestamp lies within the last step.
    pub fn is_of_last_step(&self, timestamp: u64) -> bool {
        (self.step_ns..=self.now_ns()).contains(&timestamp)
    }

    pub fn arrive(&mut self, frame: &[u8]) {
        let now_ns = self.now_ns();
        self.far.send(frame, now_ns);
    }

    /// The next event; steps when there is none yet.
    pub fn next(&mut self) -> Result<Event, Box<dyn Error>> {
        if let Some(event) = self.nic.next_event()? {
            return Ok(event);
        }
        self.step()?;
        self.nic.next_event()?.ok_or_else(|| "no event".into())
    }

    pub fn next_rx(&mut self) -> Result<Received, Box<dyn Error>> {
        match self.next()? {
            Event::Rx(received) => Ok(received),
            other => Err(format!("not a frame: {other:?}").into()),
        }
    }

    /// The next frame that the NIC has sent.
    pub fn sent(&mut self) -> Option<Vec<u8>> {
        let mut frame = Vec::new();
        let now_ns = self.now_ns();
        self.far.receive(&mut frame, now_ns).then_some(frame)
    }

    /// Everything that has happened, with payloads, and without times (which differ between devices).
    pub fn events(&mut self) -> Result<Happened, Box<dyn Error>> {
        let mut events = Vec::new();
        while let Some(mut event) = self.nic.next_event()? {
            let mut payload = Vec::new();
            let said = match &mut event {
                Event::Rx(received) => {
                    payload.resize(received.payload.len_bytes(), 0);
                    self.nic.read_payload(&received.payload, 0, &mut payload)?;
                    let mut rx = received.event();
                    rx.timestamp = 0;
                    let (verdict, reason) = (received.verdict, received.drop_reason);
                    format!("{verdict:?} {reason:?} {rx:?} {:?}", received.sack_blocks())
                }
                Event::Completion(completion) => {
                    completion.timestamp = 0;
                    format!("{completion:?}")
                }
                Event::Stopped(stopped) => {
                    stopped.timestamp = 0;
                    format!("{stopped:?}")
                }
            };
            events.push((said, payload));
        }
        Ok(events)
    }

    pub fn counters(&self) -> Result<Vec<(&'static str, u32)>, Box<dyn Error>> {
        let counters = self.nic.counters()?;
        let named = counters.iter().map(|(info, count)| (info.name, *count));
        Ok(named.collect())
    }

    pub fn counter(&self, name: &str) -> Result<u32, Box<dyn Error>> {
        let counters = self.counters()?;
        let found = counters.iter().find(|(found, _)| *found == name);
        Ok(found.ok_or_else(|| format!("no counter {name}"))?.1)
    }

    /// Every frame is counted once: as dropped for one reason, or with one verdict.
    pub fn check_the_sum_of_frames(&self) -> Outcome {
        let counters = self.counters()?;
        let parts = counters.iter().filter(|(name, _)| {
            name.starts_with("rx_drop_")
                || ["rx_flow", "rx_listen", "rx_miss", "rx_raw"].contains(name)
        });
        let sum: u32 = parts.map(|(_, count)| count).sum();
        assert_eq!(sum, self.counter("rx_frames")?);
        Ok(())
    }
}

/// A connection with the peer of the golden frames.
pub fn flow(remote_port: u16, local_port: u16) -> FlowCommand {
    FlowCommand {
        remote_ip: 0xc000_0202,
        local_ip: u32::from_be_bytes(IP),
        remote_port,
        local_port,
        remote_mac: 0x02_00_00_00_00_02,
        ttl: 64,
        ..FlowCommand::default()
    }
}

pub fn unhex(hex: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pairs = (0..hex.len()).step_by(2);
    Ok(pairs
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16))
        .collect::<Result<_, _>>()?)
}

/// Frames with their names.
pub type Frames = Vec<(&'static str, Vec<u8>)>;

/// The frames that scapy made (tests/golden/make_frames.py) for the NIC to receive.
pub fn golden_frames() -> Result<Frames, Box<dyn Error>> {
    let lines = include_str!("../golden/rx_frames.tsv").lines();
    let frames = lines
        .map(|line| {
            let mut columns = line.split('\t');
            let name = columns.next().unwrap_or_default();
            Ok((name, unhex(columns.next().ok_or("a column is missing")?)?))
        })
        .collect::<Result<Frames, Box<dyn Error>>>()?;
    assert!(frames.len() > 70, "the file is cut");
    Ok(frames)
}

/// One of them: from 192.0.2.2:40000 to 192.0.2.1:8080.
pub fn golden_frame(name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let found = golden_frames()?
        .into_iter()
        .find(|(found, _)| *found == name);
    Ok(found.ok_or_else(|| format!("no golden frame {name}"))?.1)
}
