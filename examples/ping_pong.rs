//! Takes the time of a message's way to an echo server and back.
//!
//! `ping_pong` asks an echo server of its own over a cable; `ping_pong tap:hc0 192.0.2.2/24 192.0.2.1:7` asks another one, and so
//! does a card in the place of the TAP device. The times are those of this machine's clock: of a simulated NIC they tell how
//! fast the simulation is, of a card how fast the card is.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result};
use handclasp_examples::hosts;
use handclasp_host::{TcpListener, TcpStream};

const MESSAGE: [u8; 64] = [0x55; 64];
const ROUNDS: usize = 1000;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let hosts = hosts(&mut arguments)?;
    let server = match hosts.there {
        None => arguments.next().context("which server, as ADDRESS:PORT?")?,
        Some(there) => {
            let listener = TcpListener::bind(&there, (there.ip(), 7))?;
            let address = listener.local_addr()?.to_string();
            thread::spawn(move || -> io::Result<u64> {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                io::copy(&mut &stream, &mut &stream)
            });
            address
        }
    };
    let mut stream = TcpStream::connect(&hosts.here, &server)?;
    stream.set_nodelay(true)?;
    let mut times = (0..ROUNDS)
        .map(|_| -> io::Result<Duration> {
            let start = Instant::now();
            stream.write_all(&MESSAGE)?;
            stream.read_exact(&mut [0; MESSAGE.len()])?;
            Ok(start.elapsed())
        })
        .collect::<io::Result<Vec<_>>>()?;
    times.sort_unstable();
    println!(
        "{} bytes to {server} and back, {ROUNDS} times: P50 {:?}, P99 {:?}, longest {:?}",
        MESSAGE.len(),
        times[ROUNDS / 2],
        times[ROUNDS * 99 / 100],
        times[ROUNDS - 1]
    );
    Ok(())
}
