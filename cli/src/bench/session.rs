//! What the works over a NIC have in common: how often they are done, their times, and a connection to the server.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{anyhow, Context, Result};
use handclasp_host::{Host, TcpStream};
use indicatif::ProgressBar;

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
