//! How fast the Verilated NIC runs: `cargo bench -p handclasp-sim`, with `-- --json` as JSON.
//!
//! First the NIC in its surroundings, then the model alone, printed with and without concatenations.

mod emission;

use std::error::Error;
use std::time::Instant;

use handclasp_driver::{Command, Event, Nic, NicConfig};
use handclasp_layout::header::tcp_flags::ACK;
use handclasp_layout::queue::{FlowCommand, SegmentCommand};
use handclasp_sim::dut::{Dut, Inputs, Outputs, Width};
use handclasp_sim::world::{World, WorldConfig};
use handclasp_wires::{cable::Cable, Wire};

/// Frames of one measurement.
const FRAMES: u32 = 2000;
/// Frames under way at once: what the receive FIFO (16 KiB) holds.
const WINDOW: u32 = 8;
/// After so many polls the frames are taken to be lost.
const POLLS_MAX: u32 = 1_000_000;
const CYCLES: u64 = 100_000;
const PAYLOAD_BYTES: u32 = 1448;

struct Row {
    width: Width,
    what: String,
    ns_per_cycle: f64,
    frames_per_s: Option<f64>,
}

struct Bench {
    world: World,
    nic: Nic,
    far: Cable,
}

impl Bench {
    fn new(width: Width, skip_idle: bool) -> Result<Self, Box<dyn Error>> {
        let (near, far) = Cable::pair(0);
        let config = WorldConfig {
            skip_idle,
            ..WorldConfig::new(width)
        };
        let world = World::new(&config, vec![Box::new(near)])?;
        let bus = world.bus(0).ok_or("no NIC")?;
        let mut nic = Nic::open(
            bus,
            &NicConfig::new(0x02_00_00_00_00_01, [192, 0, 2, 1].into(), 1),
        )?;
        nic.submit(&Command::FlowInsert(FlowCommand {
            remote_mac: 0x02_00_00_00_00_02,
            remote_ip: 0xc000_0202,
            local_ip: 0xc000_0201,
            ttl: 64,
            ..FlowCommand::default()
        }))?;
        nic.flush()?;
        Ok(Self { world, nic, far })
    }

    fn evaluated(&self) -> u64 {
        self.world
            .evaluation(0)
            .map_or(0, |evaluation| evaluation.evaluated_cycles)
    }

    /// Runs `work` and measures it.
    fn measure(
        &mut self,
        width: Width,
        what: &str,
        frames: Option<u32>,
        work: impl FnOnce(&mut Self) -> Result<(), Box<dyn Error>>,
    ) -> Result<Row, Box<dyn Error>> {
        let (start, before) = (Instant::now(), self.evaluated());
        work(self)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(Row {
            width,
            what: what.to_owned(),
            ns_per_cycle: seconds * 1e9 / (self.evaluated() - before) as f64,
            frames_per_s: frames.map(|frames| f64::from(frames) / seconds),
        })
    }

    fn send(&mut self) -> Result<(), Box<dyn Error>> {
        let memory = self.nic.allocate(4096)?;
        let (mut submitted, mut sent) = (0, 0);
        let mut frame = Vec::new();
        for _ in 0..POLLS_MAX {
            while submitted < FRAMES && submitted - sent < WINDOW {
                self.nic.submit(&Command::Segment(SegmentCommand {
                    tcp_flags: ACK,
                    payload_addr: memory.iova(),
                    payload_len_bytes: PAYLOAD_BYTES,
                    ..SegmentCommand::default()
                }))?;
                submitted += 1;
            }
            self.nic.flush()?;
            self.nic.bus().relax();
            while self.nic.next_event()?.is_some() {}
            while self.far.receive(&mut frame, u64::MAX) {
                sent += 1;
            }
            if sent == FRAMES {
                return Ok(());
            }
        }
        Err(format!("{sent} of {FRAMES} frames were sent").into())
    }

    /// Frames of an EtherType that is delivered raw: all of the receive path but the flow table.
    fn receive(&mut self, len_bytes: usize) -> Result<(), Box<dyn Error>> {
        let mut frame = vec![0xff; 12];
        frame.extend([0x88, 0xb5]); // IEEE 802's EtherType for experiments
        frame.resize(len_bytes, 0x5a);
        let (mut handed_in, mut received) = (0, 0);
        for _ in 0..POLLS_MAX {
            while handed_in < FRAMES && handed_in - received < WINDOW {
                self.far.send(&frame, 0);
                handed_in += 1;
            }
            self.nic.flush()?;
            self.nic.bus().relax();
            while let Some(event) = self.nic.next_event()? {
                received += u32::from(matches!(event, Event::Rx(_)));
            }
            if received == FRAMES {
                return Ok(());
            }
        }
        Err(format!("{received} of {FRAMES} frames arrived").into())
    }
}

fn rows(width: Width) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    let mut bench = Bench::new(width, false)?;
    rows.push(bench.measure(width, "idle, not skipped", None, |bench| {
        let period_ps = width.period_ps();
        let until_ns = bench.world.now_ns() + CYCLES * period_ps / 1000;
        Ok(bench.world.advance_until(until_ns)?)
    })?);
    let mut bench = Bench::new(width, true)?;
    for len_bytes in [60, 1514] {
        let what = format!("receive frames of {len_bytes} bytes");
        rows.push(bench.measure(width, &what, Some(FRAMES), |bench| bench.receive(len_bytes))?);
    }
    let what = format!("send segments of {PAYLOAD_BYTES} bytes");
    rows.push(bench.measure(width, &what, Some(FRAMES), Bench::send)?);
    let path = std::env::temp_dir().join(format!("handclasp-speed-{}.fst", std::process::id()));
    bench.world.open_trace(0, &path)?;
    rows.push(bench.measure(width, "the same, waveform on", Some(FRAMES), Bench::send)?);
    bench.world.close_traces();
    std::fs::remove_file(&path)?;

    let mut dut = Dut::new(width, 1)?;
    let mut inputs = Inputs {
        rst: true,
        ..Inputs::default()
    };
    let mut outputs = Outputs::default();
    for cycle in 0..10_000 {
        inputs.rst = cycle < 16;
        dut.cycle(&inputs, &mut outputs, 0)?;
    }
    let start = Instant::now();
    let checks = 1000;
    for _ in 0..checks {
        if !dut.is_idle()? {
            return Err("a NIC that nobody touches is not idle".into());
        }
    }
    rows.push(Row {
        width,
        what: format!("one idle check ({} KiB of state)", dut.state_bytes() / 1024),
        ns_per_cycle: start.elapsed().as_secs_f64() * 1e9 / f64::from(checks),
        frames_per_s: None,
    });
    Ok(rows)
}

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args().any(|argument| argument == "--json");
    let mut rows_of_both = rows(Width::W64)?;
    rows_of_both.extend(rows(Width::W512)?);
    let mut comparisons = emission::compare(Width::W64)?;
    comparisons.extend(emission::compare(Width::W512)?);
    if json {
        let rows: Vec<_> = rows_of_both
            .iter()
            .map(|row| {
                serde_json::json!({
                    "width_bits": row.width.bits(),
                    "what": row.what,
                    "ns_per_cycle": row.ns_per_cycle,
                    "frames_per_s": row.frames_per_s,
                })
            })
            .collect();
        let emission: Vec<_> = comparisons
            .iter()
            .map(|row| {
                serde_json::json!({
                    "width_bits": row.width.bits(),
                    "what": row.what,
                    "operators_ns_per_cycle": row.operators_ns,
                    "concatenations_ns_per_cycle": row.concatenations_ns,
                    "ratio": row.ratio(),
                })
            })
            .collect();
        let both = serde_json::json!({ "nic": rows, "emission": emission });
        println!("{}", serde_json::to_string_pretty(&both)?);
        return Ok(());
    }
    println!(
        "{:>5}  {:<40} {:>12} {:>12}",
        "width", "what", "ns a cycle", "frames/s"
    );
    for row in rows_of_both {
        let frames = row
            .frames_per_s
            .map_or("-".into(), |rate| format!("{rate:.0}"));
        println!(
            "{:>5}  {:<40} {:>12.0} {frames:>12}",
            row.width.bits(),
            row.what,
            row.ns_per_cycle
        );
    }
    println!(
        "\n{:>5}  {:<40} {:>12} {:>12} {:>6}",
        "width", "model alone, ns a cycle", "shifts, ORs", "concatenated", "ratio"
    );
    for row in comparisons {
        println!(
            "{:>5}  {:<40} {:>12.0} {:>12.0} {:>6.2}",
            row.width.bits(),
            row.what,
            row.operators_ns,
            row.concatenations_ns,
            row.ratio()
        );
    }
    Ok(())
}
