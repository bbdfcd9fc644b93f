//! `handclasp bench stream` over a NIC: pieces of a stream to a server that reads all of it, until it has closed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

use anyhow::{ensure, Context, Result};
use handclasp_benches::record::Rate;
use handclasp_benches::Work;
use handclasp_host::{Host, TcpStream};

use super::session::{connect_to_talk, explain, Times};

/// Pieces before the first that counts: the congestion window has grown.
pub const WARM_UP: usize = 200;

/// What a server sends back is read whenever so much has been written. With a piece more it is less than the receive buffer
/// takes, so a server that answers is never in the way of its own answers.
const READ_EVERY_BYTES: usize = 64 * 1024;

/// Sends a stream in pieces of `size_bytes` and times each `write()`. The server may read only, or send everything back: its
/// answers are read between the writes, outside of their times.
pub fn send(
    host: &Host,
    server: SocketAddr,
    size_bytes: usize,
    mut times: Times,
) -> (Times, Result<Option<Rate>>) {
    let rate =
        connect_to_talk(host, server).and_then(|stream| pieces(&stream, size_bytes, &mut times));
    (times, rate.map(Some))
}

fn pieces(stream: &TcpStream, size_bytes: usize, times: &mut Times) -> Result<Rate> {
    let piece = vec![0x5a; size_bytes];
    let (mut count, mut back_bytes, mut unread_bytes) = (0, 0, 0);
    let begin = Instant::now();
    while times.wants_more() {
        let begin = Instant::now();
        (&mut &*stream).write_all(&piece).map_err(|error| {
            explain(
                "writing",
                error,
                "the server must read what it gets, and stay",
            )
        })?;
        times.push(begin.elapsed());
        count += 1;
        unread_bytes += size_bytes;
        if unread_bytes >= READ_EVERY_BYTES {
            unread_bytes = 0;
            back_bytes += read_back(stream).map_err(|error| {
                explain(
                    "looking for answers",
                    error,
                    "the server must not close first",
                )
            })?;
        }
    }
    // The server's end is the proof that it has read everything.
    stream
        .shutdown(Shutdown::Write)
        .context("ending the stream")?;
    back_bytes += io::copy(&mut &*stream, &mut io::sink()).map_err(|error| {
        explain(
            "waiting for the server's end",
            error,
            "it must read everything, and then close",
        )
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let sent_bytes = (count * size_bytes) as u64;
    ensure!(
        back_bytes == 0 || back_bytes == sent_bytes,
        "the server sent back {back_bytes} of {sent_bytes} bytes: neither all nor none"
    );
    Ok(Rate {
        work: Work::Stream(size_bytes).name().into(),
        size_bytes: Some(size_bytes),
        count,
        seconds,
        back_bytes,
    })
}

/// Reads what is there, without waiting for more.
fn read_back(mut stream: &TcpStream) -> io::Result<u64> {
    stream.set_nonblocking(true)?;
    let mut back_bytes = 0;
    let outcome = loop {
        match stream.read(&mut [0; 16 * 1024]) {
            Ok(0) => break Err(ErrorKind::UnexpectedEof.into()),
            Ok(len_bytes) => back_bytes += len_bytes as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(back_bytes),
            Err(error) => break Err(error),
        }
    };
    stream.set_nonblocking(false)?;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rtt::tests::{with_server, Served};
    use crate::bench::session::Limit;

    const SIZE_BYTES: usize = 20_000;
    const SAMPLES: usize = 100;

    fn send_to(serve: fn(&mut TcpStream) -> Served) -> (Times, Result<Option<Rate>>) {
        with_server(serve, |host, server| {
            let limit = Limit {
                samples: SAMPLES,
                time: None,
            };
            let times = Times::new(limit, SAMPLES, indicatif::ProgressBar::hidden());
            send(host, server, SIZE_BYTES, times)
        })
    }

    #[test]
    fn the_server_may_only_read() {
        let (times, rate) = send_to(|stream| io::copy(stream, &mut io::sink()).map(drop));
        let rate = rate.unwrap().unwrap();
        assert_eq!((rate.count, rate.back_bytes), (2 * SAMPLES, 0));
        assert_eq!(times.measured().len(), SAMPLES);
        assert!(
            times
                .measured()
                .iter()
                .sum::<std::time::Duration>()
                .as_secs_f64()
                <= rate.seconds
        );
    }

    /// Ten times what all buffers of the way take: whoever does not read is stuck.
    #[test]
    fn the_server_may_send_everything_back() {
        let (_, rate) = send_to(|stream| {
            let mut out = stream.try_clone()?;
            io::copy(stream, &mut out).map(drop)
        });
        let rate = rate.unwrap().unwrap();
        assert_eq!(rate.back_bytes, (2 * SAMPLES * SIZE_BYTES) as u64);
    }

    #[test]
    fn a_server_that_leaves_early_is_an_error_and_the_times_are_kept() {
        let (times, rate) = send_to(|stream| {
            let mut some = vec![0; 150 * SIZE_BYTES];
            stream.read_exact(&mut some)
        });
        rate.unwrap_err();
        assert!(!times.measured().is_empty());
    }
}
