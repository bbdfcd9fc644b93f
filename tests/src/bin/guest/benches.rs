//! `handclasp bench` with a card: what it says it measured must be what it was told to, and what the NIC counted.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use handclasp_tests::guest::ECHO_PORT;
use handclasp_wires::kernel::KERNEL_IP;
use serde_json::Value;

use crate::machine::Machine;
use crate::nic::NOTICE_LIMIT;
use crate::program::{Program, User, LIMIT};

/// Measurements of each work. As many come before that do not count, or the benches' own lesser number.
const SAMPLES: u64 = 40;
const WARM_UP: u64 = 20;
const SIZES_BYTES: [u64; 2] = [64, 1460];
/// Longest payload of a segment on an Ethernet wire with timestamps.
const MSS_BYTES: u64 = 1448;
/// How long a bench that does not end by itself measures.
const UNDER_WAY: Duration = Duration::from_millis(300);

/// Handshakes, round trips and streams with a server on the host.
pub fn benches(machine: &Machine) -> Result<()> {
    let handshakes = Measured::by(machine, "handshake --seconds 30")?;
    handshakes.has("handshake", None)?;
    // At least SYN, ACK and FIN there, SYN+ACK and FIN+ACK back, of each connection.
    let connections = SAMPLES + WARM_UP;
    handshakes.counted("tx_segments", 3 * connections)?;
    handshakes.counted("rx_flow", 2 * connections)?;
    let rate = &handshakes.0["rates"][0];
    ensure!(
        rate["count"] == SAMPLES && rate["seconds"].as_f64().is_some_and(|s| s > 0.0),
        "{rate}"
    );

    let sizes = SIZES_BYTES.map(|size_bytes| format!(" --size {size_bytes}"));
    let round_trips = Measured::by(machine, &format!("rtt{}", sizes.concat()))?;
    for size_bytes in SIZES_BYTES {
        round_trips.has("echo", Some(size_bytes))?;
    }
    let questions = 2 * SAMPLES * SIZES_BYTES.len() as u64;
    round_trips.counted("tx_segments", questions)?;
    round_trips.counted("rx_payloads", questions)?;

    let stream = Measured::by(machine, &format!("stream{}", sizes.concat()))?;
    let mut bytes = 0;
    for (index, size_bytes) in SIZES_BYTES.into_iter().enumerate() {
        stream.has("stream", Some(size_bytes))?;
        let sent_bytes = 2 * SAMPLES * size_bytes;
        let rate = &stream.0["rates"][index];
        ensure!(
            rate["count"] == 2 * SAMPLES && rate["back_bytes"] == sent_bytes,
            "{rate}"
        );
        bytes += sent_bytes;
    }
    stream.counted("tx_segments", bytes / MSS_BYTES)?;
    stream.counted("rx_payloads", bytes / MSS_BYTES)
}

/// A reset (FLR) by somebody else in mid-measurement is told, and what had been measured is not lost.
pub fn reset_while_measuring(machine: &Machine) -> Result<()> {
    let (address, cidr) = (&machine.address, Machine::cidr());
    let mut program = Program::handclasp(
        User::Root,
        &format!("bench rtt --size 64 --samples 10000000 --device {address} --ip {cidr} --peer {KERNEL_IP}:{ECHO_PORT}"),
    )?;
    program.wait_until("it measures", |said| {
        said.contains("measuring: echo, 64 bytes")
    })?;
    sleep(UNDER_WAY);
    machine.reset()?;
    let row = format!("| card {address}, blocking ");
    program
        .finish(NOTICE_LIMIT)?
        .failed_saying(&[&row, "cut short", "was reset"])
}

/// What a bench has printed.
struct Measured(Value);

impl Measured {
    /// Runs a bench.
    fn by(machine: &Machine, bench: &str) -> Result<Self> {
        let (address, cidr) = (&machine.address, Machine::cidr());
        let said = Program::handclasp(
            User::Root,
            &format!("bench {bench} --samples {SAMPLES} --json --device {address} --ip {cidr} --peer {KERNEL_IP}:{ECHO_PORT}"),
        )?
        .finish(LIMIT)?
        .succeeded()?;
        // Its progress comes before.
        let begin = said.find('{').with_context(|| format!("no JSON: {said}"))?;
        let found: Value = serde_json::from_str(&said[begin..])
            .with_context(|| format!("what `bench {bench}` printed: {said}"))?;
        ensure!(
            found["nic"] == format!("card {address}") && found["cut_short"].is_null(),
            "{bench}: {} {}",
            found["nic"],
            found["cut_short"]
        );
        Ok(Self(found))
    }

    /// It has this distribution, of so many measurements, and it looks like one.
    fn has(&self, work: &str, size_bytes: Option<u64>) -> Result<()> {
        let latencies = self.0["latencies"].as_array().context("no latencies")?;
        let latency = latencies
            .iter()
            .find(|latency| latency["work"] == work && latency["size_bytes"].as_u64() == size_bytes)
            .with_context(|| format!("no latency of {work}, {size_bytes:?}"))?;
        let time = &latency["time"];
        let ns = |name: &str| time[name].as_f64().unwrap_or(f64::NAN);
        let quantiles: Option<Vec<f64>> = (time["quantiles_ns"].as_array())
            .and_then(|all| all.iter().map(Value::as_f64).collect());
        let quantiles = quantiles.context("no quantiles")?;
        println!(
            "    {work}, {size_bytes:?} bytes: P50 {:.1} us, P99 {:.1} us",
            ns("p50_ns") / 1e3,
            ns("p99_ns") / 1e3
        );
        ensure!(
            time["samples"] == SAMPLES,
            "{} samples of {work}, not {SAMPLES}",
            time["samples"]
        );
        let (least, most) = (quantiles[0], quantiles[quantiles.len() - 1]);
        ensure!(
            least > 0.0
                && least < most
                && quantiles.is_sorted()
                && [least, ns("p50_ns"), ns("p99_ns"), most].is_sorted()
                && most < LIMIT.as_nanos() as f64,
            "no distribution of {work}: {time}"
        );
        Ok(())
    }

    /// The NIC has counted at least so many.
    fn counted(&self, counter: &str, least: u64) -> Result<()> {
        let found = &self.0["counters"][counter];
        ensure!(
            found.as_u64().is_some_and(|count| count >= least),
            "counter {counter} is {found}, expected at least {least}: {}",
            self.0["counters"]
        );
        Ok(())
    }
}
