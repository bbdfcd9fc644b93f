//! Rates that the gateware keeps up while memory takes its time: thousands of frames in a row, so that no FIFO hides a deficit.
//!
//! Received frames come as fast as the line brings them, and the host reads each event as soon as it is there: what is lost is lost by the gateware.
//! Commands to send wait in the ring before the first is fetched.

use anyhow::{bail, ensure, Context, Result};
use comfy_table::Table;
use handclasp_driver::{Command, Event};
use handclasp_layout::header::tcp_flags;
use handclasp_layout::queue::{Opcode, SegmentCommand, Status};
use handclasp_sim::axi_memory::MemoryTiming;
use handclasp_sim::dut;
use serde::Serialize;

use super::{Seen, Setup, FLOW, MINIMUM_FRAME, RELAX_MAX};
use crate::width::Width;

/// Payloads whose rates are measured, in bytes.
const PAYLOADS_LEN_BYTES: [usize; 4] = [0, 64, 256, 1448];
/// Preamble with start delimiter 8, FCS 4, inter-packet gap 12 bytes (IEEE 802.3 clause 4.4.2).
const LINE_OVERHEAD_BYTES: usize = 24;
/// Ethernet, IPv4 and TCP header of [`MINIMUM_FRAME`], which is padded behind them.
const HEADERS_BYTES: usize = 54;
/// After so many relaxes without anything new, nothing more will come.
const QUIET_RELAXES: u32 = 200;

/// How long the bus takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bus {
    /// From a burst's last written beat to its answer.
    write_ns: u32,
    /// From a read's address to its first beat.
    read_ns: u32,
}

/// Reads "W,R".
///
/// # Errors
/// The text is not two numbers with a comma between them, or one is longer than a second.
pub fn bus(text: &str) -> Result<Bus, String> {
    let parse = |text: &str| text.trim().parse().ok().filter(|ns| *ns <= 1_000_000_000);
    let numbers = text.split_once(',').and_then(|(write, read)| {
        Some(Bus {
            write_ns: parse(write)?,
            read_ns: parse(read)?,
        })
    });
    numbers.ok_or_else(|| {
        "two whole numbers of nanoseconds, as in 150,520: for a write and for a read".into()
    })
}

/// Which ways frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ways {
    /// Only in.
    Receive,
    /// Only out.
    Send,
    /// Both at once.
    Both,
}

/// What came of one measurement. All cycles are of the simulated gateware.
#[derive(Clone, Debug, Serialize)]
pub struct Rate {
    /// Width of the data paths.
    pub width_bits: usize,
    /// Time of the bus.
    pub bus: Bus,
    /// Which ways.
    pub ways: Ways,
    /// Bytes of payload in each frame.
    pub payload_len_bytes: usize,
    /// Frames each way.
    pub frames: usize,
    /// Length of a cycle at the assumed clock.
    pub period_ns: f64,
    /// What the line needs for a frame.
    pub line_cycles_per_frame: f64,
    /// Received frames that were dropped.
    pub lost: usize,
    /// Cycles from one sent frame to the next, on average; not a number when none was sent.
    pub tx_cycles_per_frame: f64,
}

impl Rate {
    /// Sent frames as a part of what the line can carry.
    pub fn tx_share(&self) -> f64 {
        self.line_cycles_per_frame / self.tx_cycles_per_frame
    }
}

/// The slowest bus of the project's latency model; the gateware's queues are as deep as it asks for.
pub const SLOWEST: Bus = Bus {
    write_ns: 300,
    read_ns: 900,
};
/// Frames in a row of each rate, unless it is said otherwise.
pub const FRAMES: usize = 10_000;

/// All rates of both widths.
///
/// # Errors
/// The gateware does something else than it was told.
pub fn simulate(bus: Bus, frames: usize) -> Result<Vec<Rate>> {
    let mut rates = Vec::new();
    for width in Width::ALL {
        for payload_len_bytes in PAYLOADS_LEN_BYTES {
            for ways in [Ways::Receive, Ways::Send, Ways::Both] {
                eprintln!(
                    "W = {}, {payload_len_bytes} bytes of payload, {ways:?}",
                    width.bits()
                );
                rates.push(measure(width, bus, ways, payload_len_bytes, frames)?);
            }
        }
    }
    Ok(rates)
}

/// Measures all rates and prints a table, or JSON.
pub fn run(bus: Bus, frames: usize, json: bool) -> Result<()> {
    let rates = simulate(bus, frames)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&rates)?);
    } else {
        println!("{}\n{}", table(&rates), measured_on(bus));
    }
    Ok(())
}

/// What the rates are of.
pub fn measured_on(bus: Bus) -> String {
    format!(
        "Simulated cycles of the Verilated gateware, at the assumed clocks of 156.25 MHz (W = 64) and 250 MHz (W = 512); modelled bus: a write is answered after {} ns, a read after {} ns.",
        bus.write_ns, bus.read_ns
    )
}

/// A row for each width and payload.
pub fn table(rates: &[Rate]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "W",
        "payload (bytes)",
        "receive: lost",
        "send: cycles a frame (line)",
        "Mframes/s",
        "of the line",
        "both at once: lost, of the line",
    ]);
    for group in rates.chunks(3) {
        let [receive, send, both] = group else {
            continue;
        };
        table.add_row([
            receive.width_bits.to_string(),
            receive.payload_len_bytes.to_string(),
            format!("{} of {}", receive.lost, receive.frames),
            format!(
                "{:.2} ({:.2})",
                send.tx_cycles_per_frame, send.line_cycles_per_frame
            ),
            format!(
                "{:.2}",
                1000.0 / (send.tx_cycles_per_frame * send.period_ns)
            ),
            format!("{:.1} %", 100.0 * send.tx_share()),
            format!(
                "{} of {}, {:.1} %",
                both.lost,
                both.frames,
                100.0 * both.tx_share()
            ),
        ]);
    }
    table
}

/// One rate.
///
/// # Errors
/// The gateware does something else than it was told.
pub fn measure(
    width: Width,
    bus: Bus,
    ways: Ways,
    payload_len_bytes: usize,
    frames: usize,
) -> Result<Rate> {
    let sim_width = dut::Width::from(width);
    let memory = MemoryTiming::after_ns(sim_width, bus.write_ns, bus.read_ns);
    let mut setup = Setup::with_memory(width, memory)?;
    let frame = data_frame(payload_len_bytes)?;
    let (to_receive, to_send) = match ways {
        Ways::Receive => (frames, 0),
        Ways::Send => (0, frames),
        Ways::Both => (frames, frames),
    };
    let payload = setup.nic.allocate(payload_len_bytes.max(1))?;
    let segment = |number: usize| {
        Command::Segment(SegmentCommand {
            opcode: Opcode::Segment as u8,
            // As rarely as a host asks for one, that frees the ring's places by it.
            want_completion: number % 64 == 0 || number == to_send,
            connection: FLOW.connection,
            payload_len_bytes: payload_len_bytes as u32,
            payload_addr: payload.iova(),
            tcp_flags: tcp_flags::ACK,
            ..SegmentCommand::default()
        })
    };
    for _ in 0..to_receive {
        setup.world.inject(0, &frame, false);
    }

    let (mut received, mut submitted, mut sent) = (0, 0, Vec::with_capacity(to_send));
    let mut quiet = 0;
    let mut relaxes = 0;
    while quiet < QUIET_RELAXES && (received < to_receive || sent.len() < to_send) {
        while submitted < to_send && setup.nic.command_room() > 0 {
            submitted += 1;
            setup.nic.submit(&segment(submitted))?;
        }
        while let Some(event) = setup.nic.next_event()? {
            match event {
                Event::Rx(event) => {
                    ensure!(
                        event.event().payload_len_bytes as usize == payload_len_bytes,
                        "a frame became {event:?}"
                    );
                    received += 1;
                }
                Event::Completion(done) if done.status == Status::Ok => {}
                other => bail!("instead of a frame or a completion came {other:?}"),
            }
            quiet = 0;
        }
        setup.nic.flush()?;
        setup.nic.bus().relax();
        for seen in setup.take() {
            if let Seen::TxFrame(span) = seen {
                sent.push(span.first.cycle);
                quiet = 0;
            }
        }
        quiet += 1;
        relaxes += 1;
        if relaxes % RELAX_MAX == 0 {
            setup.world.check()?;
        }
    }
    setup.world.check()?;
    ensure!(
        sent.len() == to_send,
        "{} of {to_send} frames went out",
        sent.len()
    );
    let line_bits = 8 * (frame.len() + LINE_OVERHEAD_BYTES);
    Ok(Rate {
        width_bits: width.bits(),
        bus,
        ways,
        payload_len_bytes,
        frames,
        period_ns: sim_width.period_ps() as f64 / 1000.0,
        line_cycles_per_frame: line_bits as f64 / sim_width.line_bits_per_cycle() as f64,
        lost: to_receive - received,
        tx_cycles_per_frame: super::per_frame(&sent),
    })
}

/// [`MINIMUM_FRAME`] with a payload of zeros. They add nothing to a sum, but for the lengths; so each checksum becomes less by the payload's
/// length (RFC 1624).
fn data_frame(payload_len_bytes: usize) -> Result<Vec<u8>> {
    let mut frame = MINIMUM_FRAME.to_vec();
    frame.resize(
        (HEADERS_BYTES + payload_len_bytes).max(MINIMUM_FRAME.len()),
        0,
    );
    let len = u16::try_from(payload_len_bytes).context("a payload longer than a packet")?;
    let word = |frame: &[u8], at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let total_len = word(&frame, 16) + len;
    frame[16..18].copy_from_slice(&total_len.to_be_bytes());
    for at in [24, 50] {
        let (sum, borrow) = word(&frame, at).overflowing_sub(len);
        frame[at..at + 2].copy_from_slice(&(sum - u16::from(borrow)).to_be_bytes());
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the gateware must reach on the slowest bus.
    #[test]
    fn the_line_is_held_on_the_slowest_bus() {
        for rate in simulate(SLOWEST, 2_000).unwrap() {
            let is_wide = rate.width_bits == 512;
            // At 100 Gbit/s a minimum frame's event takes the bus longer than the frame takes the line.
            let may_lose = is_wide && rate.payload_len_bytes == 0;
            assert!(rate.lost == 0 || may_lose, "{rate:?}");
            let mframes_per_s = 1000.0 / (rate.tx_cycles_per_frame * rate.period_ns);
            let holds = match (rate.ways, is_wide, rate.payload_len_bytes) {
                (Ways::Receive, ..) => true,
                (Ways::Send, true, 0 | 64) => mframes_per_s >= 60.0,
                (Ways::Send, _, 1448) | (Ways::Send, false, _) => rate.tx_share() >= 0.995,
                (Ways::Both, _, 1448) => rate.tx_share() >= 0.97,
                (Ways::Send | Ways::Both, ..) => true,
            };
            assert!(holds, "{rate:?}");
        }
    }

    #[test]
    fn a_bus_is_two_numbers() {
        assert_eq!(bus("300, 900"), Ok(SLOWEST));
        for wrong in ["", "300", "300,", "-1,5", "1,2,3", "1,9999999999"] {
            assert!(bus(wrong).is_err(), "{wrong}");
        }
    }
}
