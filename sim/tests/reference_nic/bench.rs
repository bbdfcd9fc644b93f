//! The bench that the other tests work on: a NIC, a cable, and a connection known to the NIC.

use std::error::Error;
use std::sync::Arc;

use handclasp_driver::{Command, Event, Nic, NicConfig, Received};
use handclasp_layout::queue::FlowCommand;
use handclasp_sim::reference::{Clock, IoSpace, ReferenceNic};
use handclasp_sim::wire::cable::Cable;
use handclasp_sim::wire::Wire;

pub type Outcome = Result<(), Box<dyn Error>>;

pub const MAC: u64 = 0x02_00_00_00_00_01;

/// What the simulated clock shows at the start.
pub const START_NS: u64 = 1000;

pub struct Bench {
    pub nic: Nic,
    pub far: Cable,
    pub clock: Clock,
    pub io: Arc<IoSpace>,
}

impl Bench {
    pub fn new(change: impl FnOnce(&mut NicConfig)) -> Result<Self, Box<dyn Error>> {
        let (near, far) = Cable::pair(0);
        let clock = Clock::simulated(START_NS);
        let bus = Arc::new(ReferenceNic::new(Box::new(near), clock.clone())?);
        let io = Arc::clone(bus.io_space());
        let mut config = NicConfig::new(MAC, [192, 0, 2, 1].into(), 0x5eed);
        change(&mut config);
        Ok(Self {
            nic: Nic::open(bus, &config)?,
            far,
            clock,
            io,
        })
    }

    /// The connections and the listener that the golden frames are made for.
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
        self.nic.flush()?;
        self.nic.bus().relax();
        Ok(())
    }

    pub fn next(&mut self) -> Result<Event, Box<dyn Error>> {
        self.step()?;
        self.nic.next_event()?.ok_or_else(|| "no event".into())
    }

    pub fn next_rx(&mut self) -> Result<Received, Box<dyn Error>> {
        match self.next()? {
            Event::Rx(received) => Ok(received),
            other => Err(format!("not a frame: {other:?}").into()),
        }
    }

    /// What the NIC has sent.
    pub fn sent(&mut self) -> Option<Vec<u8>> {
        let mut frame = Vec::new();
        self.far
            .receive(&mut frame, self.clock.now_ns())
            .then_some(frame)
    }

    pub fn counter(&self, name: &str) -> Result<u32, Box<dyn Error>> {
        let counters = self.nic.counters()?;
        let found = counters.iter().find(|(info, _)| info.name == name);
        Ok(found.ok_or("no such counter")?.1)
    }

    /// Every frame is counted once: as dropped for one reason, or with one verdict.
    pub fn check_the_sum_of_frames(&self) -> Outcome {
        let counters = self.nic.counters()?;
        let parts = counters.iter().filter(|(info, _)| {
            info.name.starts_with("rx_drop_")
                || ["rx_flow", "rx_listen", "rx_miss", "rx_raw"].contains(&info.name)
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
        local_ip: 0xc000_0201,
        remote_port,
        local_port,
        remote_mac: 0x02_00_00_00_00_02,
        ttl: 64,
        ..FlowCommand::default()
    }
}
