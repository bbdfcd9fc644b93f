//! How long the Linux kernel's TCP takes between two threads, as a client sees it: with a thread that sleeps until data
//! arrives, and with one that keeps asking.
//!
//! The sockets of a busy-polling thread do not block. SO_BUSY_POLL would have the kernel ask a network card for them;
//! the loopback device and veth have no queue to ask, so it would change nothing and is not set.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::pin::{self, Pinned};
use crate::stack::linux::{set_up, Linux};
use crate::BenchError;

/// Round trips or connections before the first that counts.
const WARM_UP: usize = 200;

/// Connections to one port of the server, until it is the next one's turn: TIME-WAIT keeps each client's port for a minute.
const HANDSHAKES_PER_LISTENER: usize = 4000;

/// How a thread waits for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// It sleeps in the system call.
    Blocking,
    /// It asks again and again.
    BusyPoll,
}

impl Waiting {
    /// Both.
    pub const BOTH: [Waiting; 2] = [Waiting::Blocking, Waiting::BusyPoll];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Waiting::Blocking => "blocking",
            Waiting::BusyPoll => "busy-poll",
        }
    }
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::Socket { doing, source }
}

/// Time of `connect()`, `count` times, to a server that waits for connections in another thread.
///
/// # Errors
/// The system's.
pub fn handshakes(linux: &mut Linux, count: usize) -> Result<Vec<Duration>, BenchError> {
    let mut times = Vec::with_capacity(count);
    while times.len() < count {
        let few = (count - times.len()).min(HANDSHAKES_PER_LISTENER);
        times.extend(few_handshakes(linux, few)?);
    }
    Ok(times)
}

fn few_handshakes(linux: &mut Linux, count: usize) -> Result<Vec<Duration>, BenchError> {
    let cpus = pin::allowed();
    linux.connecting(|listener, address| {
        thread::scope(|scope| {
            let accepting = scope.spawn(|| {
                pin::to(&cpus[..1]);
                for _ in 0..WARM_UP + count {
                    let (mut server, _) = listener.accept()?;
                    set_up(&server)?;
                    // The client closes first: TIME-WAIT is at its end.
                    server.read_exact(&mut [0]).or_else(unless_ended)?;
                }
                Ok(())
            });
            let _pinned = Pinned::to_last();
            let mut times = Vec::with_capacity(count);
            for number in 0..WARM_UP + count {
                let begin = Instant::now();
                let client = TcpStream::connect(address).map_err(failed("connecting"))?;
                let took = begin.elapsed();
                close_both(client).map_err(failed("closing"))?;
                if number >= WARM_UP {
                    times.push(took);
                }
            }
            join(accepting).map_err(failed("accepting"))?;
            Ok(times)
        })
    })
}

/// Closes, and waits until the server has closed: else connections would queue up there, until it refused some.
fn close_both(mut client: TcpStream) -> io::Result<()> {
    set_up(&client)?;
    client.shutdown(Shutdown::Write)?;
    client.read_exact(&mut [0]).or_else(unless_ended)
}

fn unless_ended(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::UnexpectedEof => Ok(()),
        _ => Err(error),
    }
}

/// Time of an echo of `size_bytes`, `count` times on one connection to a server in another thread.
///
/// # Errors
/// The system's; `WrongBytes`.
pub fn echoes(
    linux: &mut Linux,
    waiting: Waiting,
    size_bytes: usize,
    count: usize,
) -> Result<Vec<Duration>, BenchError> {
    let cpus = pin::allowed();
    linux.connecting(|listener, address| {
        let mut client = TcpStream::connect(address).map_err(failed("connecting"))?;
        let (mut server, _) = listener.accept().map_err(failed("accepting"))?;
        for stream in [&client, &server] {
            set_up(stream)
                .and(stream.set_nonblocking(waiting == Waiting::BusyPoll))
                .map_err(failed("setting socket options"))?;
        }
        thread::scope(|scope| {
            let answering = scope.spawn(|| {
                pin::to(&cpus[..1]);
                let mut data = vec![0; size_bytes];
                for _ in 0..WARM_UP + count {
                    receive(&mut server, waiting, &mut data)?;
                    send(&mut server, waiting, &data)?;
                }
                Ok(())
            });
            let pinned = Pinned::to_last();
            let asked = ask(&mut client, waiting, size_bytes, count);
            drop(pinned);
            // A server that still waits sees that the client has gone.
            drop(client);
            join(answering).map_err(failed("answering"))?;
            asked
        })
    })
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn ask(
    client: &mut TcpStream,
    waiting: Waiting,
    size_bytes: usize,
    count: usize,
) -> Result<Vec<Duration>, BenchError> {
    let mut times = Vec::with_capacity(count);
    let mut answer = vec![0; size_bytes];
    let mut question = vec![0; size_bytes];
    for number in 0..WARM_UP + count {
        question.fill(number as u8);
        let begin = Instant::now();
        send(client, waiting, &question)
            .and_then(|()| receive(client, waiting, &mut answer))
            .map_err(failed("asking"))?;
        let took = begin.elapsed();
        if let Some(at) = answer.iter().position(|&byte| byte != number as u8) {
            return Err(BenchError::WrongBytes {
                stack: "linux",
                size_bytes,
                at,
            });
        }
        if number >= WARM_UP {
            times.push(took);
        }
    }
    Ok(times)
}

/// A socket that does not block is asked again until it is done.
fn send(stream: &mut TcpStream, waiting: Waiting, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match stream.write(data) {
            Ok(count) => data = &data[count..],
            Err(error) if waiting == Waiting::BusyPoll && error.kind() == ErrorKind::WouldBlock => {
                std::hint::spin_loop()
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn receive(stream: &mut TcpStream, waiting: Waiting, mut out: &mut [u8]) -> io::Result<()> {
    while !out.is_empty() {
        match stream.read(out) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => out = &mut out[count..],
            Err(error) if waiting == Waiting::BusyPoll && error.kind() == ErrorKind::WouldBlock => {
                std::hint::spin_loop()
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
