//! `handclasp parse`: what the gateware, not software, decodes of each frame of a capture.

mod row;

use std::fmt::Arguments;
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{bail, Context, Result};
use handclasp_driver::{Event, Nic, NicConfig};
use handclasp_layout::queue::DropReason;
use handclasp_layout::register::{Counter, CounterInfo, NicStatus, COUNTERS, COUNTER_BASE, STATUS};
use handclasp_sim::world::{World, WorldConfig};
use handclasp_wires::cable::Cable;
use handclasp_wires::pcap::{CaptureReader, LINKTYPE_ETHERNET};

use crate::stdout;
use crate::width::Width;
use row::Row;

/// A frame of the longest kind takes 65536 / 8 beats at the narrow width, and a look is at least three cycles apart.
const LOOKS_MAX: u32 = 100_000;

/// From one look for a frame's event to the next: three or four cycles of 64 bits, six of 512. A shortest frame takes some 25.
const LOOK_NS: u64 = 24;

/// Looks for an event between two looks at what is dropped without one, which cost register accesses.
const LOOKS_PER_CHECK: u32 = 128;

/// Room for output that is written at once.
const OUTPUT_BYTES: usize = 64 * 1024;

/// Arguments of `handclasp parse`.
#[derive(clap::Args)]
pub struct Args {
    /// A capture of Ethernet frames: pcap or pcapng, packed with gzip or not; - for standard input
    file: PathBuf,
    /// Width of the gateware's data paths in bits
    #[arg(long, default_value = "64")]
    width: Width,
}

/// Prints the header line and a row a frame.
pub fn run(args: &Args) -> Result<()> {
    let mut capture = if args.file.as_os_str() == "-" {
        CaptureReader::new("standard input", io::stdin())?
    } else {
        CaptureReader::open(&args.file)?
    };
    let mut parser = Parser::new(args.width)?;
    let mut table = Table(BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock()));
    let printed = print(&mut capture, &mut parser, &mut table);
    // The rows first: they are right, whatever comes behind them.
    table.flush();
    let left_out = printed?;
    if left_out > 0 {
        eprintln!("{left_out} frames have no Ethernet header and were left out: their rows say skip:link_type");
    }
    Ok(())
}

/// Prints a row a frame and returns how many frames the gateware cannot be given.
fn print(
    capture: &mut CaptureReader,
    parser: &mut Parser,
    table: &mut Table<impl Write>,
) -> Result<u64> {
    table.line(format_args!("{}", row::HEADER));
    let mut frame = Vec::new();
    let (mut number, mut left_out) = (0u64, 0);
    loop {
        // Whoever waits for rows has them before we wait for frames.
        if capture.is_drained() {
            table.flush();
        }
        let Some(captured) = capture.next(&mut frame)? else {
            return Ok(left_out);
        };
        number += 1;
        let row = if captured.link_type == LINKTYPE_ETHERNET {
            parser
                .parse(&frame)
                .with_context(|| format!("frame {number}"))?
        } else {
            left_out += 1;
            Row::OtherLinkType
        };
        table.line(format_args!("{number}\t{row}"));
    }
}

/// Where the rows go.
struct Table<W: Write>(W);

impl<W: Write> Table<W> {
    fn line(&mut self, line: Arguments<'_>) {
        if let Err(error) = writeln!(self.0, "{line}") {
            stdout::end(&error);
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.0.flush() {
            stdout::end(&error);
        }
    }
}

/// The Verilated receive path, with the address filter off and dropped frames reported.
struct Parser {
    world: World,
    nic: Nic,
    /// Frames that the gateware has counted. It counts each once, so that no register need be read to know.
    frames: u32,
    /// The drop counters at the last look; by drop reason.
    drops: Vec<u32>,
}

impl Parser {
    fn new(width: Width) -> Result<Self> {
        // Nothing is at the other end: frames are put into the NIC.
        let (wire, _) = Cable::pair(0);
        let world = World::new(&WorldConfig::new(width.into()), vec![Box::new(wire)])
            .context("starting the simulated NIC")?;
        let config = NicConfig {
            promiscuous: true,
            monitor: true,
            // Every run decodes the same.
            ..NicConfig::new(0x0200_0000_0001, Ipv4Addr::new(192, 0, 2, 1), 0)
        };
        let bus = world.bus(0).context("the simulated world has no NIC")?;
        let nic = Nic::open(bus, &config).context("opening the simulated NIC")?;
        let mut parser = Self {
            world,
            nic,
            frames: 0,
            drops: vec![0; DropReason::CODES.len()],
        };
        parser.risen_drop()?;
        parser.frames = parser.register(counter_offset(Counter::RxFrames))?;
        Ok(parser)
    }

    /// Sends one frame through the receive path.
    fn parse(&mut self, frame: &[u8]) -> Result<Row> {
        if frame.is_empty() {
            // No beat can carry it to the gateware; a MAC would have dropped it as a runt.
            return Ok(Row::Dropped(COUNTERS[Counter::RxDropRunt as usize]));
        }
        let frames_before = self.frames;
        self.frames = self.frames.wrapping_add(1);
        self.world.inject(0, frame, false);
        for look in 1..=LOOKS_MAX {
            self.world.advance_until(self.world.now_ns() + LOOK_NS)?;
            if let Some(row) = self.row(frame)? {
                return Ok(row);
            }
            // What is dropped at the door causes no event: then the NIC is done with the frame, and a counter has risen.
            if look % LOOKS_PER_CHECK == 0
                && self.register(counter_offset(Counter::RxFrames))? != frames_before
                && !NicStatus::decode(&self.register(STATUS.offset)?.to_le_bytes()).busy
            {
                if let Some(row) = self.row(frame)? {
                    return Ok(row);
                }
                if let Some(counter) = self.risen_drop()? {
                    return Ok(Row::Dropped(counter));
                }
            }
        }
        bail!(
            "the gateware swallowed a frame of {} bytes: neither an event nor a counter tells of it",
            frame.len()
        )
    }

    /// The row of the event that has been written of the frame, if one has.
    fn row(&mut self, frame: &[u8]) -> Result<Option<Row>> {
        let received = match self.nic.next_event()? {
            None => return Ok(None),
            Some(Event::Rx(received)) => received,
            Some(other) => bail!("the NIC wrote an event that no frame causes: {other:?}"),
        };
        // Asking for the next event gives the slot back.
        if let Some(more) = self.nic.next_event()? {
            bail!("the NIC wrote a second event for one frame: {more:?}");
        }
        self.nic.flush()?;
        if received.drop_reason != DropReason::None {
            self.risen_drop()?;
        }
        Ok(Some(Row::of(received, frame)))
    }

    fn register(&self, offset: u32) -> Result<u32> {
        Ok(self.nic.bus().read32(offset)?)
    }

    /// The drop counter that rose since the last look.
    fn risen_drop(&mut self) -> Result<Option<CounterInfo>> {
        let mut risen = None;
        for reason in 1..self.drops.len() {
            // Counter n is drop reason n.
            let value = self.register(COUNTER_BASE + 4 * reason as u32)?;
            if value != self.drops[reason] {
                self.drops[reason] = value;
                risen = COUNTERS.get(reason).copied();
            }
        }
        Ok(risen)
    }
}

fn counter_offset(counter: Counter) -> u32 {
    COUNTER_BASE + 4 * u32::from(counter as u8)
}
