//! `handclasp bench rtt`: what a request and its answer cost the host; from a card, how long they take.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use handclasp_benches::distribution::Distribution;
use handclasp_benches::latency::Waiting;
use handclasp_benches::record::Latency;
use handclasp_benches::Work;
use handclasp_host::TcpStream;

use super::card::Card;
use super::cost;
use crate::station::Station;

/// Round trips before the first that counts.
const WARM_UP: usize = 200;

/// Arguments of `handclasp bench rtt`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    cost: cost::Args,
    #[command(flatten)]
    card: Option<Card>,
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<()> {
    let Some(card) = &args.card else {
        return cost::run(&args.cost, Work::Echo);
    };
    ensure!(
        !args.cost.instructions,
        "--instructions counts what a prepared device costs the host: leave --device away"
    );
    let latencies = measure(card, &args.cost.sizes_bytes, args.cost.samples as usize)?;
    if args.cost.json {
        println!("{}", serde_json::to_string_pretty(&latencies)?);
    } else {
        println!(
            "{}",
            cost::latency_table(&format!("round trip to {}, ns", card.peer), &latencies)
        );
    }
    Ok(())
}

/// Round trips to a server that sends back what it receives, one connection for each size.
fn measure(card: &Card, sizes_bytes: &[usize], samples: usize) -> Result<Vec<Latency>> {
    let station = Station::start(&card.station())?;
    let mut latencies = Vec::new();
    for &size_bytes in sizes_bytes {
        let stream = TcpStream::connect(&station.host, card.peer)
            .with_context(|| format!("connecting to {}", card.peer))?;
        stream.set_nodelay(true)?;
        round_trips(&mut &stream, size_bytes, WARM_UP)?;
        let times = round_trips(&mut &stream, size_bytes, samples)?;
        latencies.extend(Distribution::of(times).map(|time| Latency {
            stack: format!("NIC {}", card.device),
            waiting: Waiting::Blocking,
            work: Work::Echo(size_bytes).name().into(),
            size_bytes: Some(size_bytes),
            time,
        }));
    }
    station.finish()?;
    Ok(latencies)
}

/// Times of so many round trips, each byte of the answers compared.
fn round_trips(
    stream: &mut (impl Read + Write),
    size_bytes: usize,
    count: usize,
) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    let mut question = vec![0; size_bytes];
    let mut answer = vec![0; size_bytes];
    for number in 0..count {
        question.fill(number as u8);
        let begin = Instant::now();
        stream.write_all(&question).context("asking")?;
        stream
            .read_exact(&mut answer)
            .context("waiting for the answer: does the server send back what it receives?")?;
        times.push(begin.elapsed());
        ensure!(
            answer == question,
            "the server did not send back what it received"
        );
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    /// Asks a server of the standard library that answers each byte with `answer` of it.
    fn ask(answer: fn(u8) -> u8) -> Result<Vec<Duration>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut data = [0; 64];
            while stream.read_exact(&mut data).is_ok() {
                thread::sleep(Duration::from_millis(2));
                stream.write_all(&data.map(answer)).unwrap();
            }
        });
        let mut stream = TcpStream::connect(address).unwrap();
        let times = round_trips(&mut stream, 64, 10);
        drop(stream);
        server.join().unwrap();
        times
    }

    #[test]
    fn a_round_trip_is_timed_to_its_end() {
        let times = ask(|byte| byte).unwrap();
        assert_eq!(times.len(), 10);
        assert!(
            times.iter().all(|time| *time >= Duration::from_millis(2)),
            "{times:?}"
        );
    }

    #[test]
    fn a_server_that_answers_something_else_is_found() {
        let error = ask(|byte| byte ^ 1).unwrap_err().to_string();
        assert!(error.contains("did not send back"), "{error}");
    }
}
