//! The same with the Linux kernel's TCP as peer, over a TAP device, in real time: once as client, once as server.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use anyhow::{ensure, Context, Result};
use handclasp_host::{TcpListener, TcpStream};
use handclasp_wires::kernel::{with_kernel, KERNEL_IP, OUR_IP};

use super::journey::Journey;
use super::{answer, REQUEST};
use crate::ladder::{self, Columns, Side};
use crate::station::{Args as StationArgs, Station};
use crate::width::Width;

const PORT: u16 = 80;

/// Plays both, or says what is missing.
pub fn run(width: Width) -> Result<()> {
    println!("== the Linux kernel's TCP as peer, over TAP, real time\n");
    match with_kernel(|tap| {
        // The station opens the device itself.
        drop(tap);
        play(width)
    }) {
        Ok(result) => result,
        Err(missing) => {
            println!("left out: {missing}");
            Ok(())
        }
    }
}

fn play(width: Width) -> Result<()> {
    let station = Station::start(&StationArgs::to_kernel(width))?;
    as_client(&station).context("our client, the kernel's server")?;
    as_server(&station).context("the kernel's client, our server")?;
    station.finish()
}

fn watch(station: &Station) -> Journey {
    let journey = Journey::default();
    if let Some(world) = station.world() {
        journey.watch_world(world);
    }
    journey.watch_host(0, &station.host);
    journey
}

fn show(journey: &Journey, side: Side) {
    println!("{}", ladder::text(&journey.with_kernel(side), Columns::All));
}

/// The part of the server, whoever plays it.
fn serve(mut stream: impl Read + Write) -> std::io::Result<()> {
    let mut request = vec![0; REQUEST.len()];
    stream.read_exact(&mut request)?;
    if request != REQUEST {
        return Err(std::io::Error::other("the request arrived changed"));
    }
    stream.write_all(&answer())
}

/// The part of the client, whoever plays it.
fn ask(
    mut stream: impl Read + Write,
    shutdown: impl FnOnce() -> std::io::Result<()>,
) -> Result<()> {
    stream.write_all(REQUEST)?;
    shutdown()?;
    let mut got = Vec::new();
    stream.read_to_end(&mut got)?;
    ensure!(got == answer(), "the answer arrived changed");
    Ok(())
}

fn as_client(station: &Station) -> Result<()> {
    let listener = std::net::TcpListener::bind((KERNEL_IP, PORT))?;
    let kernel = thread::spawn(move || serve(listener.accept()?.0));
    let journey = watch(station);
    let stream = TcpStream::connect(&station.host, (KERNEL_IP, PORT))?;
    let other = stream.try_clone()?;
    ask(stream, move || other.shutdown(Shutdown::Write))?;
    kernel
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    station.host.drain(std::time::Duration::from_secs(1));
    println!(
        "our client, the kernel's server: {} bytes there, {} back, compared",
        REQUEST.len(),
        answer().len()
    );
    show(&journey, Side::Client);
    Ok(())
}

fn as_server(station: &Station) -> Result<()> {
    let listener = TcpListener::bind(&station.host, (OUR_IP, PORT))?;
    let journey = watch(station);
    let kernel = thread::spawn(|| -> Result<()> {
        let stream = std::net::TcpStream::connect((OUR_IP, PORT))?;
        ask(&stream, || stream.shutdown(Shutdown::Write))
    });
    let (stream, peer) = listener.accept()?;
    serve(stream)?;
    kernel
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    station.host.drain(std::time::Duration::from_secs(1));
    println!("the kernel's client {peer}, our server: bytes compared");
    show(&journey, Side::Server);
    Ok(())
}
