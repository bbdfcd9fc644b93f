//! Works done over a NIC, one after the other, with a server elsewhere. What has been measured is kept, whatever comes then.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, Context, Result};
use handclasp_benches::distribution::Distribution;
use handclasp_benches::latency::Waiting;
use handclasp_benches::machine::Machine;
use handclasp_benches::record::{Latency, OverNic, Rate};
use handclasp_benches::Work;
use handclasp_host::{Host, TcpStream};
use indicatif::{ProgressBar, ProgressStyle};

use super::{cost, handshake, rtt, stream};
use crate::station::{Args as StationArgs, Station};

/// A server that is silent for so long does something else than it should.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// When a work has been measured often enough: at the first of both.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Measurements, after as many that do not count, but at most the warm-up of the work.
    pub samples: usize,
    /// How long, from the first one that counts.
    pub time: Option<Duration>,
}

/// The times of one work: each goes in here as soon as it is known, so that an error loses none.
pub struct Times {
    limit: Limit,
    warm_up_left: usize,
    begin: Option<Instant>,
    measured: Vec<Duration>,
    progress: ProgressBar,
}

impl Times {
    pub fn new(limit: Limit, warm_up: usize, progress: ProgressBar) -> Self {
        Self {
            limit,
            warm_up_left: warm_up.min(limit.samples),
            begin: None,
            measured: Vec::new(),
            progress,
        }
    }

    /// Whether there is more to do.
    pub fn wants_more(&mut self) -> bool {
        if self.warm_up_left > 0 {
            return true;
        }
        let progress = &self.progress;
        let begin = *self.begin.get_or_insert_with(|| {
            if progress.is_hidden() {
                eprintln!("measuring: {}", progress.message());
            }
            Instant::now()
        });
        let in_time = (self.limit.time).is_none_or(|time| begin.elapsed() < time);
        self.measured.len() < self.limit.samples && in_time
    }

    /// One more.
    pub fn push(&mut self, took: Duration) {
        if self.warm_up_left > 0 {
            self.warm_up_left -= 1;
        } else {
            self.measured.push(took);
            self.progress.inc(1);
        }
    }

    /// Those that count.
    pub fn measured(&self) -> &[Duration] {
        &self.measured
    }

    /// Since the first one that counts began.
    pub fn elapsed(&self) -> Duration {
        self.begin.map_or(Duration::ZERO, |begin| begin.elapsed())
    }
}

/// What went wrong, with advice where the server is to blame, and not the NIC.
pub fn explain(doing: &str, error: io::Error, advice: &str) -> anyhow::Error {
    match error.kind() {
        ErrorKind::WouldBlock => anyhow!("{doing}: nothing moved for {SILENCE_MAX:?}; {advice}"),
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::TimedOut => anyhow!("{doing}: {error}; {advice}"),
        _ => anyhow!("{doing}: {error}"),
    }
}

/// Connects to the server.
pub fn connect(host: &Host, server: SocketAddr) -> Result<TcpStream> {
    TcpStream::connect(host, server).map_err(|error| {
        explain(
            &format!("connecting to {server}"),
            error,
            "let a server listen there, in the network of --ip",
        )
    })
}

/// Connects to the server, for what comes over the connection: without Nagle's algorithm, and without endless waits.
pub fn connect_to_talk(host: &Host, server: SocketAddr) -> Result<TcpStream> {
    let stream = connect(host, server)?;
    let set_up = || -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))
    };
    set_up().context("setting the socket's options")?;
    Ok(stream)
}

/// Opens the NIC `nic` and measures these works with the server `peer`, each to its limit. A failure on the way is in
/// the record, beside what had been measured by then.
///
/// # Errors
/// The NIC could not be opened, so nothing was measured.
pub fn measure(
    station: &StationArgs,
    nic: String,
    (peer, server): (String, SocketAddr),
    works: &[Work],
    limit: Limit,
) -> Result<OverNic> {
    let station = Station::start(station)?;
    let mut record = OverNic {
        nic,
        peer,
        machine: Machine::here(),
        latencies: Vec::new(),
        rates: Vec::new(),
        counters: Default::default(),
        cut_short: None,
    };
    let measured = (works.iter())
        .try_for_each(|&work| measure_work(&station.host, server, work, limit, &mut record));
    // A NIC that has failed has no counters any more.
    let counters = station.host.nic_counters().unwrap_or_default();
    record.counters = (counters.into_iter())
        .map(|(counter, value)| (counter.name.to_owned(), value))
        .collect();
    let finished = station.finish();
    // What went wrong first says more.
    record.cut_short = measured.and(finished).err().map(|why| format!("{why:#}"));
    Ok(record)
}

fn measure_work(
    host: &Host,
    server: SocketAddr,
    work: Work,
    limit: Limit,
    record: &mut OverNic,
) -> Result<()> {
    let progress = match limit.time {
        None => ProgressBar::new(limit.samples as u64).with_style(ProgressStyle::with_template(
            "[{elapsed}] {wide_bar} {pos}/{len} {msg}",
        )?),
        Some(_) => ProgressBar::new_spinner(),
    }
    .with_message(work.to_string());
    let times = |warm_up| Times::new(limit, warm_up, progress.clone());
    let (times, rate) = match work {
        Work::Handshake => handshake::connect_often(host, server, times(handshake::WARM_UP)),
        Work::Echo(size_bytes) => rtt::ask_often(host, server, size_bytes, times(rtt::WARM_UP)),
        Work::Stream(size_bytes) => stream::send(host, server, size_bytes, times(stream::WARM_UP)),
        Work::Close => bail!("a close is not measured over a NIC"),
    };
    progress.finish_and_clear();
    let time = Distribution::of(times.measured().iter().copied());
    record.latencies.extend(time.map(|time| Latency {
        stack: record.nic.clone(),
        waiting: Waiting::Blocking,
        work: work.name().into(),
        size_bytes: work.size_bytes(),
        time,
    }));
    record.rates.extend(rate?);
    Ok(())
}

/// Prints what was measured of one kind of work: as JSON, or as a table and lines.
///
/// # Errors
/// It was cut short.
pub fn print(record: &OverNic, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(record)?);
    } else if let Some(first) = record.latencies.first() {
        let what = match first.work.as_str() {
            "handshake" => "connect()",
            "echo" => "round trip",
            _ => "write() of a piece",
        };
        let what = format!("{what}, ns; server: {}", record.peer);
        println!("{}", cost::latency_table(&what, &record.latencies));
        let cpus = thread::available_parallelism().map_or(0, usize::from);
        println!("real time; {}; {cpus} CPUs", record.nic);
        record.rates.iter().for_each(print_rate);
    }
    match &record.cut_short {
        None => Ok(()),
        Some(why) => bail!("cut short: {why}"),
    }
}

fn print_rate(rate: &Rate) {
    match rate.mb_per_s() {
        None => println!(
            "{} connections in {:.2} s, one after the other: {:.0} handshakes/s",
            rate.count,
            rate.seconds,
            rate.per_s()
        ),
        Some(mb_per_s) => println!(
            "stream, {} bytes a piece: {mb_per_s:.2} MB/s to the server{}",
            rate.size_bytes.unwrap_or_default(),
            if rate.back_bytes > 0 {
                ", which sent all of it back"
            } else {
                ""
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_does_not_count_and_is_no_longer_than_what_does() {
        for (samples, warm_up, pushes) in [(5, 200, 10), (300, 200, 500), (0, 200, 0)] {
            let limit = Limit {
                samples,
                time: None,
            };
            let mut times = Times::new(limit, warm_up, ProgressBar::hidden());
            let mut pushed = 0;
            while times.wants_more() {
                pushed += 1;
                times.push(Duration::from_nanos(pushed));
            }
            assert_eq!(pushed, pushes);
            assert_eq!(times.measured().len(), samples);
            let first = times.measured().first();
            let expected = pushes - samples as u64 + 1;
            assert!(first.is_none_or(|time| *time == Duration::from_nanos(expected)));
        }
    }

    #[test]
    fn a_limit_of_time_ends_it_as_well() {
        let limit = Limit {
            samples: usize::MAX,
            time: Some(Duration::from_millis(5)),
        };
        let mut times = Times::new(limit, 3, ProgressBar::hidden());
        while times.wants_more() {
            times.push(Duration::ZERO);
        }
        assert!(!times.measured().is_empty());
        assert!(times.elapsed() >= Duration::from_millis(5));
    }
}
