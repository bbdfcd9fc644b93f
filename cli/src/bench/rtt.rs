//! `handclasp bench rtt` over a NIC: how long a request and its answer take.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{ensure, Result};
use handclasp_benches::record::Rate;
use handclasp_host::Host;

use super::session::{connect_to_talk, explain, Times};

/// Round trips before the first that counts.
pub const WARM_UP: usize = 200;

/// Round trips on one connection with a server that sends back what it receives. They have no rate.
pub fn ask_often(
    host: &Host,
    server: SocketAddr,
    size_bytes: usize,
    mut times: Times,
) -> (Times, Result<Option<Rate>>) {
    let outcome = connect_to_talk(host, server)
        .and_then(|stream| round_trips(&mut &stream, size_bytes, &mut times));
    (times, outcome.map(|()| None))
}

/// Times round trips, each byte of the answers compared.
fn round_trips(
    stream: &mut (impl Read + Write),
    size_bytes: usize,
    times: &mut Times,
) -> Result<()> {
    let mut question = vec![0; size_bytes];
    let mut answer = vec![0; size_bytes];
    let mut number = 0_u8;
    while times.wants_more() {
        number = number.wrapping_add(1);
        question.fill(number);
        let begin = Instant::now();
        (stream.write_all(&question))
            .and_then(|()| stream.read_exact(&mut answer))
            .map_err(|error| {
                explain(
                    "waiting for an answer",
                    error,
                    "the server must send back what it receives (`socat TCP-LISTEN:7,fork,nodelay PIPE`)",
                )
            })?;
        times.push(begin.elapsed());
        ensure!(
            answer == question,
            "the server did not send back what it received"
        );
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::bench::session::Limit;
    use handclasp_host::{StackConfig, TcpListener, TcpStream};
    use handclasp_reference::ReferenceNic;
    use handclasp_wires::cable::Cable;
    use handclasp_wires::clock::Clock;
    use handclasp_wires::Wire;
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

    /// How it went with a connection.
    pub type Served = std::io::Result<()>;

    /// Runs `client` with a host and the address of a server, on a cable to it, that serves each connection with `serve`.
    pub fn with_server<T>(
        serve: fn(&mut TcpStream) -> Served,
        client: impl FnOnce(&Host, SocketAddr) -> T,
    ) -> T {
        let clock = Clock::wall();
        let host = |wire: Box<dyn Wire>, ip: Ipv4Addr| {
            let bus = Arc::new(ReferenceNic::new(wire, clock.clone()).unwrap());
            Host::start(bus, StackConfig::new(ip.to_bits().into(), ip, 24)).unwrap()
        };
        let (near, far) = Cable::pair(500);
        let (server, near) = (host(Box::new(far), SERVER), host(Box::new(near), CLIENT));
        let listener = TcpListener::bind(&server, (SERVER, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        // Not joined: it waits for connections until the process ends.
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                // A client that goes is no concern of the server.
                thread::spawn(move || drop(serve(&mut stream)));
            }
        });
        client(&near, address)
    }

    /// Asks a server that answers each byte with `answer` of it, after a while.
    fn ask(serve: fn(&mut TcpStream) -> Served) -> (Times, Result<Option<Rate>>) {
        with_server(serve, |host, server| {
            let limit = Limit {
                samples: 10,
                time: None,
            };
            let times = Times::new(limit, 0, indicatif::ProgressBar::hidden());
            ask_often(host, server, 64, times)
        })
    }

    fn answer(stream: &mut TcpStream, answer: fn(u8) -> u8) -> Served {
        let mut data = [0; 64];
        loop {
            stream.read_exact(&mut data)?;
            thread::sleep(Duration::from_millis(2));
            stream.write_all(&data.map(answer))?;
        }
    }

    #[test]
    fn a_round_trip_is_timed_to_its_end() {
        let (times, outcome) = ask(|stream| answer(stream, |byte| byte));
        outcome.unwrap();
        assert_eq!(times.measured().len(), 10);
        let least = times.measured().iter().min();
        assert!(least.is_some_and(|time| *time >= Duration::from_millis(2)));
    }

    #[test]
    fn a_server_that_answers_something_else_is_found() {
        let (_, outcome) = ask(|stream| answer(stream, |byte| byte ^ 1));
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("did not send back"), "{error}");
    }

    #[test]
    fn what_was_measured_before_the_server_left_is_kept() {
        let (times, outcome) = ask(|stream| {
            let mut data = [0; 4 * 64];
            stream.read_exact(&mut data[..64])?;
            stream.write_all(&data[..64])?;
            stream.read_exact(&mut data[..64])?;
            stream.write_all(&data[..64])
        });
        outcome.unwrap_err();
        assert_eq!(times.measured().len(), 2);
    }
}
