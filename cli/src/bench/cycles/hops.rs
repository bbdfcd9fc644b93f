//! The gateware's part of a segment's way from one host to the other: a segment goes from one simulated NIC to another, and
//! the simulation tells when it passes each port.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{bail, ensure, Context, Result};
use handclasp_benches::gateware::Hops;
use handclasp_driver::{Command, Event, Nic, NicConfig};
use handclasp_layout::header::{tcp_flags, TTL_DEFAULT};
use handclasp_layout::queue::{FlowCommand, Opcode, SegmentCommand, Status, Verdict};
use handclasp_layout::register::COMMAND_PRODUCER;
use handclasp_sim::axi_memory::MemoryTiming;
use handclasp_sim::dut;
use handclasp_sim::observation::Observation;
use handclasp_sim::world::{World, WorldConfig};

use super::RELAX_MAX;
use crate::width::Width;

/// A latency of memory that no other wait can hide behind.
const SLOW_MEMORY_CYCLES: u32 = 1000;

const MACS: [u64; 2] = [0x0200_c000_0201, 0x0200_c000_0202];
const IPS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
const PORTS: [u16; 2] = [4660, 80];
const CONNECTION: u16 = 1;

/// When the segment passed a port, in cycles.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    doorbell: u64,
    first_beat_out: u64,
    first_beat_in: u64,
    last_beat_in: u64,
    event_written: u64,
    frame_len_bytes: usize,
}

/// Sends one segment with so many bytes of payload, with timestamps, as every segment of a connection with Linux has.
///
/// # Errors
/// The gateware does something else than it was told.
pub fn measure(width: Width, payload_len_bytes: usize) -> Result<Hops> {
    let at_once = send(width, payload_len_bytes, MemoryTiming::AT_ONCE)?;
    let slow_reads = send(
        width,
        payload_len_bytes,
        MemoryTiming {
            read_latency_cycles: SLOW_MEMORY_CYCLES,
            ..MemoryTiming::AT_ONCE
        },
    )?;
    let slow_writes = send(
        width,
        payload_len_bytes,
        MemoryTiming {
            write_latency_cycles: SLOW_MEMORY_CYCLES,
            ..MemoryTiming::AT_ONCE
        },
    )?;
    let tx = |passed: &Passed| passed.first_beat_out - passed.doorbell;
    let rx = |passed: &Passed| passed.event_written - passed.last_beat_in;
    Ok(Hops {
        width_bits: width.bits(),
        assumed_period_ns: dut::Width::from(width).period_ps() as f64 / 1000.0,
        payload_len_bytes,
        frame_len_bytes: at_once.frame_len_bytes,
        tx_cycles: tx(&at_once),
        tx_read_waits: waits(tx(&at_once), tx(&slow_reads))?,
        rx_cycles: rx(&at_once),
        rx_write_waits: waits(rx(&at_once), rx(&slow_writes))?,
    })
}

/// How many latencies of memory lie between two times.
fn waits(at_once: u64, slow: u64) -> Result<u32> {
    let more = slow.saturating_sub(at_once) as f64 / f64::from(SLOW_MEMORY_CYCLES);
    // A few cycles are hidden or added where the gateware does something else meanwhile.
    ensure!(
        (more - more.round()).abs() < 0.1,
        "memory slower by {SLOW_MEMORY_CYCLES} cycles costs {} cycles: no whole number of waits",
        slow - at_once
    );
    Ok(more.round() as u32)
}

fn send(width: Width, payload_len_bytes: usize, memory: MemoryTiming) -> Result<Passed> {
    let config = WorldConfig {
        memory,
        ..WorldConfig::new(width.into())
    };
    let world = World::cable(&config, 0).context("starting two simulated NICs")?;
    let mut nics = Vec::new();
    for end in 0..2 {
        let bus = world
            .bus(end)
            .context("the simulated world lacks its NIC")?;
        let config = NicConfig::new(MACS[end], IPS[end], 0);
        let mut nic = Nic::open(bus, &config).context("opening the simulated NIC")?;
        nic.submit(&Command::FlowInsert(flow(end)))?;
        nic.flush()?;
        nics.push(nic);
    }
    for nic in &mut nics {
        match next_event(&world, nic)? {
            Event::Completion(done) if done.status == Status::Ok => {}
            other => bail!("the flow was not inserted: {other:?}"),
        }
        nic.flush()?;
    }
    let payload = nics[0].allocate(payload_len_bytes.max(1))?;

    let passed = Arc::new(Mutex::new(Passed::default()));
    let recorder = Arc::clone(&passed);
    world.observe(Box::new(move |nic, observation| {
        let mut passed = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        match (nic, *observation) {
            (0, Observation::RegisterWrite { offset, at, .. })
                if offset == COMMAND_PRODUCER.offset =>
            {
                passed.doorbell = at.cycle;
            }
            (0, Observation::TxFrame { frame, span, .. }) => {
                passed.first_beat_out = span.first.cycle;
                passed.frame_len_bytes = frame.len();
            }
            (1, Observation::RxFrame { span, .. }) => {
                passed.first_beat_in = span.first.cycle;
                passed.last_beat_in = span.last.cycle;
            }
            // The event comes behind the payload.
            (1, Observation::DmaWrite { span, .. }) => passed.event_written = span.last.cycle,
            _ => {}
        }
    }));
    nics[0].submit(&Command::Segment(SegmentCommand {
        opcode: Opcode::Segment as u8,
        has_timestamps: true,
        connection: CONNECTION,
        payload_len_bytes: payload_len_bytes as u32,
        payload_addr: payload.iova(),
        tcp_flags: tcp_flags::ACK,
        ..SegmentCommand::default()
    }))?;
    nics[0].flush()?;
    match next_event(&world, &mut nics[1])? {
        Event::Rx(received)
            if received.verdict == Verdict::Flow
                && received.event().payload_len_bytes as usize == payload_len_bytes => {}
        other => bail!("the segment became {other:?}"),
    }
    world.check()?;
    let passed = *passed.lock().unwrap_or_else(PoisonError::into_inner);
    ensure!(
        passed.doorbell < passed.first_beat_out && passed.last_beat_in < passed.event_written,
        "the segment passed the ports in no order: {passed:?}"
    );
    Ok(passed)
}

fn flow(end: usize) -> FlowCommand {
    FlowCommand {
        opcode: Opcode::FlowInsert as u8,
        want_completion: true,
        lookup: true,
        connection: CONNECTION,
        remote_ip: IPS[1 - end].to_bits(),
        local_ip: IPS[end].to_bits(),
        remote_port: PORTS[1 - end],
        local_port: PORTS[end],
        remote_mac: MACS[1 - end],
        ttl: TTL_DEFAULT,
        ..FlowCommand::default()
    }
}

fn next_event(world: &World, nic: &mut Nic) -> Result<Event> {
    for _ in 0..RELAX_MAX {
        if let Some(event) = nic.next_event()? {
            return Ok(event);
        }
        nic.bus().relax();
    }
    world.check()?;
    bail!("no event came")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change here is a change of the product: the latency model of the README is made of these.
    #[test]
    fn the_way_of_a_segment_is_what_the_readme_is_made_of() {
        let cycles = |width, payload_len_bytes| {
            let hops = measure(width, payload_len_bytes).unwrap();
            // Ethernet 14, IPv4 20, TCP 20, timestamps 12.
            assert_eq!(hops.frame_len_bytes, 66 + payload_len_bytes);
            (hops.tx_cycles, hops.rx_cycles)
        };
        assert_eq!(cycles(Width::W64, 0), (26, 12));
        assert_eq!(cycles(Width::W64, 64), (46, 37));
        assert_eq!(cycles(Width::W512, 0), (19, 10));
        assert_eq!(cycles(Width::W512, 64), (35, 22));
    }

    /// A command is fetched, then its payload; an event is written when its payload is.
    #[test]
    fn a_payload_waits_once_more_for_memory() {
        for width in Width::ALL {
            let waits = |payload_len_bytes| {
                let hops = measure(width, payload_len_bytes).unwrap();
                (hops.tx_read_waits, hops.rx_write_waits)
            };
            assert_eq!(waits(0), (1, 0));
            assert_eq!(waits(64), (2, 1));
            assert_eq!(waits(1448), (2, 1));
        }
    }
}
