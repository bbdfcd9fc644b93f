//! `handclasp bench cycles`: the gateware's latency and throughput, counted in the simulation.
//!
//! Latencies are counted with memory that answers at once: of the gateware, and not of a bus. Rates are counted as well with memory that takes
//! its time ([`sustained`]).

pub mod hops;
pub mod sustained;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::width::Width;
use anyhow::{bail, ensure, Context, Result};
use comfy_table::Table;
use handclasp_benches::gateware::{Figures, Hops};
use handclasp_benches::model::PAYLOADS_LEN_BYTES;
use handclasp_benches::report::tables;
use handclasp_driver::{Command, Event, Nic, NicConfig};
use handclasp_layout::header::{tcp_flags, TTL_DEFAULT};
use handclasp_layout::queue::{FlowCommand, Opcode, SegmentCommand, Status, Verdict, ENTRY_BYTES};
use handclasp_sim::axi_memory::MemoryTiming;
use handclasp_sim::dut;
use handclasp_sim::observation::{Observation, Span};
use handclasp_sim::world::{World, WorldConfig};
use handclasp_wires::cable::Cable;
use serde::Serialize;

/// A pure ACK of 60 bytes, made by scapy 2.5.0: Ether(dst="02:00:c0:00:02:02", src="02:00:c0:00:02:01") /
/// IP(src="192.0.2.1", dst="192.0.2.2", id=1, flags="DF") / TCP(sport=4660, dport=80, seq=0x01020304, ack=0x05060708,
/// flags="A", window=0xfaf0), padded.
const MINIMUM_FRAME: [u8; 60] = [
    0x02, 0x00, 0xc0, 0x00, 0x02, 0x02, 0x02, 0x00, 0xc0, 0x00, 0x02, 0x01, 0x08, 0x00, 0x45, 0x00,
    0x00, 0x28, 0x00, 0x01, 0x40, 0x00, 0x40, 0x06, 0xb6, 0xcb, 0xc0, 0x00, 0x02, 0x01, 0xc0, 0x00,
    0x02, 0x02, 0x12, 0x34, 0x00, 0x50, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x50, 0x10,
    0xfa, 0xf0, 0x0e, 0x48, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
];
/// The frame's addresses, from our side.
const MAC: u64 = 0x0200_c000_0202;
const LOCAL_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const FLOW: FlowCommand = FlowCommand {
    opcode: Opcode::FlowInsert as u8,
    want_completion: true,
    lookup: true,
    has_vlan: false,
    reserved0: 0,
    connection: 1,
    remote_ip: 0xc000_0201,
    local_ip: 0xc000_0202,
    remote_port: 4660,
    local_port: 80,
    remote_mac: 0x0200_c000_0201,
    ttl: TTL_DEFAULT,
    tos: 0,
    vlan_tci: 0,
    reserved1: 0,
    is_ipv6: false,
    generation: 0,
    queue: 0,
    remote_ip6_low: 0,
    remote_ip6_high: 0,
    local_ip6_low: 0,
    local_ip6_high: 0,
};

/// Frames of a throughput measurement.
const BURST: usize = 200;

/// Relaxes that a measurement may take.
const RELAX_MAX: u32 = 10_000;

/// Arguments of `handclasp bench cycles`.
#[derive(clap::Args)]
pub struct Args {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Only rates, with memory that answers a write after W and a read after R nanoseconds
    #[arg(long, value_name = "W,R", value_parser = sustained::bus)]
    bus_ns: Option<sustained::Bus>,
    /// Frames in a row of each rate
    #[arg(long, default_value_t = sustained::FRAMES as u32, value_parser = clap::value_parser!(u32).range(2..))]
    frames: u32,
}

/// What `--json` prints; `run.json` of `handclasp bench all` has the same.
#[derive(Serialize)]
struct Report<'a> {
    gateware: &'a [Figures],
    hops: &'a [Hops],
}

/// The gateware of both widths: by itself, and hop by hop on the way of a segment.
pub fn simulate() -> Result<(Vec<Figures>, Vec<Hops>)> {
    let mut figures = Vec::new();
    let mut hops = Vec::new();
    for width in Width::ALL {
        let simulating = || format!("simulating the gateware, W = {}", width.bits());
        figures.push(measure(width).with_context(simulating)?);
        for len_bytes in PAYLOADS_LEN_BYTES {
            hops.push(hops::measure(width, len_bytes).with_context(simulating)?);
        }
    }
    Ok((figures, hops))
}

/// Measures both widths and prints tables, or JSON.
pub fn run(args: &Args) -> Result<()> {
    if let Some(bus) = args.bus_ns {
        return sustained::run(bus, args.frames as usize, args.json);
    }
    let (figures, hops) = simulate()?;
    if args.json {
        let report = Report {
            gateware: &figures,
            hops: &hops,
        };
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!("{}", figures_table(&figures));
    println!("ns at the assumed clocks of 156.25 MHz (W = 64) and 250 MHz (W = 512); memory answers without delay");
    println!("\n{}\n{}", hops_table(&hops), tables::HOPS);
    Ok(())
}

/// The gateware by itself, a column a width.
pub fn figures_table(figures: &[Figures]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    let mut header = vec!["simulated clock cycles".to_owned()];
    header.extend(figures.iter().map(|f| format!("W = {}", f.width_bits)));
    table.set_header(header);
    let mut row = |name: &str, cell: &dyn Fn(&Figures) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(figures.iter().map(cell));
        table.add_row(cells);
    };
    let with_ns = |cycles: u64, f: &Figures| {
        format!("{cycles} ({:.0} ns)", cycles as f64 * f.assumed_period_ns)
    };
    row(
        "minimum TCP frame: first beat in -> event written on AXI",
        &|f| with_ns(f.rx_event_cycles, f),
    );
    row("command in hand -> first beat out", &|f| {
        with_ns(f.tx_first_beat_cycles, f)
    });
    row(
        "back-to-back minimum frames, receive: cycles a frame",
        &|f| {
            format!(
                "{:.2} (line: {:.2}; {} of {BURST} dropped)",
                f.rx_cycles_per_frame, f.line_cycles_per_frame, f.rx_dropped_frames
            )
        },
    );
    row("receive: frames a cycle", &|f| {
        format!("{:.4}", 1.0 / f.rx_cycles_per_frame)
    });
    row(
        "back-to-back control segments, send: cycles a frame",
        &|f| format!("{:.2}", f.tx_cycles_per_frame),
    );
    row("send: frames a cycle", &|f| {
        format!("{:.4}", 1.0 / f.tx_cycles_per_frame)
    });
    table
}

/// The gateware's part of a segment's way.
pub fn hops_table(hops: &[Hops]) -> Table {
    let hops = tables::hops(hops);
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(hops.header);
    table.add_rows(hops.rows);
    table
}

/// What the measurements look at.
#[derive(Clone, Copy)]
enum Seen {
    RxFrame(Span),
    TxFrame(Span),
    Read { len_bytes: u64, span: Span },
    Write { len_bytes: u64, span: Span },
}

struct Setup {
    world: World,
    nic: Nic,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Setup {
    fn new(width: Width) -> Result<Self> {
        Self::with_memory(width, MemoryTiming::AT_ONCE)
    }

    fn with_memory(width: Width, memory: MemoryTiming) -> Result<Self> {
        let (wire, _) = Cable::pair(0);
        let config = WorldConfig {
            memory,
            ..WorldConfig::new(width.into())
        };
        let world =
            World::new(&config, vec![Box::new(wire)]).context("starting the simulated NIC")?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let recorder = Arc::clone(&seen);
        world.observe(Box::new(move |_, observation| {
            let seen = match *observation {
                Observation::RxFrame { span, .. } => Seen::RxFrame(span),
                Observation::TxFrame { span, .. } => Seen::TxFrame(span),
                Observation::DmaRead {
                    len_bytes, span, ..
                } => Seen::Read { len_bytes, span },
                Observation::DmaWrite {
                    len_bytes, span, ..
                } => Seen::Write { len_bytes, span },
                _ => return,
            };
            recorder
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(seen);
        }));
        let config = NicConfig {
            command_log2: 10,
            event_log2: 10,
            slot_log2: 10,
            ..NicConfig::new(MAC, LOCAL_IP, 0)
        };
        let bus = world.bus(0).context("the simulated world has no NIC")?;
        let mut nic = Nic::open(bus, &config).context("opening the simulated NIC")?;
        nic.submit(&Command::FlowInsert(FLOW))?;
        nic.flush()?;
        let mut setup = Self { world, nic, seen };
        match setup.events(1)?[..] {
            [Event::Completion(done)] if done.status == Status::Ok => {}
            ref other => bail!("the flow was not inserted: {other:?}"),
        }
        setup.take();
        Ok(setup)
    }

    /// Lets the world go on until so many events have come.
    fn events(&mut self, count: usize) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        for _ in 0..RELAX_MAX {
            while let Some(event) = self.nic.next_event()? {
                events.push(event);
            }
            self.nic.flush()?;
            if events.len() >= count {
                return Ok(events);
            }
            self.nic.bus().relax();
        }
        self.world.check()?;
        bail!("{} of {count} events came", events.len())
    }

    /// What has been seen since the last look.
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn segment(want_completion: bool) -> Command {
    Command::Segment(SegmentCommand {
        opcode: Opcode::Segment as u8,
        want_completion,
        connection: FLOW.connection,
        tcp_flags: tcp_flags::ACK,
        ..SegmentCommand::default()
    })
}

/// Measures one width.
///
/// # Errors
/// The gateware does something else than it was told.
pub fn measure(width: Width) -> Result<Figures> {
    let (rx_event_cycles, tx_first_beat_cycles) = latencies(width)?;
    let (rx_cycles_per_frame, rx_dropped_frames) = receive_burst(width)?;
    let sim_width = dut::Width::from(width);
    // IEEE 802.3 clause 4.4.2: preamble and start 8, FCS 4, gap 12 bytes.
    let line_bits = 8 * (8 + MINIMUM_FRAME.len() + 4 + 12);
    Ok(Figures {
        width_bits: width.bits(),
        assumed_period_ns: sim_width.period_ps() as f64 / 1000.0,
        rx_event_cycles,
        tx_first_beat_cycles,
        rx_cycles_per_frame,
        line_cycles_per_frame: line_bits as f64 / sim_width.line_bits_per_cycle() as f64,
        rx_dropped_frames,
        tx_cycles_per_frame: send_burst(width)?,
    })
}

fn latencies(width: Width) -> Result<(u64, u64)> {
    let mut setup = Setup::new(width)?;
    setup.world.inject(0, &MINIMUM_FRAME, false);
    match setup.events(1)?[..] {
        [Event::Rx(received)] if received.verdict == Verdict::Flow => {}
        ref other => bail!("the minimum frame became {other:?}"),
    }
    let (mut first_beat_in, mut written) = (None, None);
    for seen in setup.take() {
        match seen {
            Seen::RxFrame(span) => first_beat_in = Some(span.first.cycle),
            Seen::Write { len_bytes, span } => {
                ensure!(
                    len_bytes == ENTRY_BYTES as u64,
                    "a write of {len_bytes} bytes is no event"
                );
                written = Some(span.last.cycle);
            }
            _ => {}
        }
    }
    let rx =
        written.context("no event was written")? - first_beat_in.context("no frame came in")?;

    setup.nic.submit(&segment(true))?;
    setup.nic.flush()?;
    setup.events(1)?;
    let (mut in_hand, mut first_beat_out) = (None, None);
    for seen in setup.take() {
        match seen {
            Seen::Read { len_bytes, span } => {
                ensure!(
                    len_bytes == ENTRY_BYTES as u64,
                    "a read of {len_bytes} bytes is no command"
                );
                in_hand = Some(span.last.cycle);
            }
            Seen::TxFrame(span) => first_beat_out = Some(span.first.cycle),
            _ => {}
        }
    }
    let tx =
        first_beat_out.context("no frame went out")? - in_hand.context("no command was fetched")?;
    Ok((rx, tx))
}

/// Cycles a frame between the events of a burst at line rate, and how many frames were dropped.
fn receive_burst(width: Width) -> Result<(f64, usize)> {
    let mut setup = Setup::new(width)?;
    for _ in 0..BURST {
        setup.world.inject(0, &MINIMUM_FRAME, false);
    }
    let mut received = 0;
    let mut quiet = 0;
    while quiet < 64 {
        quiet += 1;
        while let Some(event) = setup.nic.next_event()? {
            ensure!(matches!(event, Event::Rx(_)), "a frame became {event:?}");
            received += 1;
            quiet = 0;
        }
        setup.nic.flush()?;
        setup.nic.bus().relax();
    }
    setup.world.check()?;
    let written: Vec<u64> = (setup.take().into_iter())
        .filter_map(|seen| match seen {
            Seen::Write { span, .. } => Some(span.last.cycle),
            _ => None,
        })
        .collect();
    ensure!(
        received > 1 && written.len() == received,
        "{received} events, {} writes",
        written.len()
    );
    Ok((per_frame(&written), BURST - received))
}

/// Cycles a frame of a burst of control segments.
fn send_burst(width: Width) -> Result<f64> {
    let mut setup = Setup::new(width)?;
    for number in 1..=BURST {
        setup.nic.submit(&segment(number == BURST))?;
    }
    setup.nic.flush()?;
    let wanted =
        |event: &Event| matches!(event, Event::Completion(done) if done.status == Status::Ok);
    while !setup.events(1)?.iter().all(wanted) {}
    for _ in 0..64 {
        setup.nic.bus().relax();
    }
    setup.world.check()?;
    let sent: Vec<u64> = (setup.take().into_iter())
        .filter_map(|seen| match seen {
            Seen::TxFrame(span) => Some(span.first.cycle),
            _ => None,
        })
        .collect();
    ensure!(
        sent.len() == BURST,
        "{} of {BURST} frames went out",
        sent.len()
    );
    Ok(per_frame(&sent))
}

fn per_frame(cycles: &[u64]) -> f64 {
    match cycles {
        [first, .., last] => (last - first) as f64 / (cycles.len() - 1) as f64,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of the README. A change here is a change of the product: say so in the CHANGELOG.
    #[test]
    fn latency_and_throughput_are_what_the_readme_says() {
        let figures = measure(Width::W64).unwrap();
        assert_eq!(
            (figures.rx_event_cycles, figures.tx_first_beat_cycles),
            (19, 13)
        );
        assert_eq!(figures.line_cycles_per_frame, 10.5);
        holds_the_line(&figures);
        let figures = measure(Width::W512).unwrap();
        assert_eq!(
            (figures.rx_event_cycles, figures.tx_first_beat_cycles),
            (10, 10)
        );
        assert_eq!(figures.line_cycles_per_frame, 1.68);
        holds_the_line(&figures);
    }

    /// Line rate in both directions. A burst may end a cycle after the line, which has no whole number of cycles.
    fn holds_the_line(figures: &Figures) {
        let line = figures.line_cycles_per_frame + 1.0 / (BURST - 1) as f64;
        assert!(
            figures.rx_cycles_per_frame <= line && figures.rx_dropped_frames == 0,
            "{figures:?}"
        );
        assert!(figures.tx_cycles_per_frame <= line, "{figures:?}");
    }
}
