//! Client and server on two simulated NICs, a cable between them, in simulated time.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;

use anyhow::{bail, ensure, Context, Result};
use handclasp_host::{Clock, Host, Socket, StackConfig, TcpListener, TcpStream};
use handclasp_sim::world::{World, WorldConfig};
use handclasp_wires::cable::Cable;
use handclasp_wires::capture::{Capture, CaptureFile};
use handclasp_wires::clock::Clock as SimClock;

use super::journey::Journey;
use super::{answer, ANSWER_LEN_BYTES, REQUEST};
use crate::ladder::{self, Columns, Packet};
use crate::output;
use crate::station::mac_of;
use crate::width::Width;

const CLIENT_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 80);
/// A cable of 10 m, at two thirds of the speed of light.
const CABLE_NS: u64 = 50;
/// Where the hosts' random numbers come from, so that each demo is the same.
const SEED: u64 = 2026;
/// Rounds without anything to do before time jumps to the next timer.
const IDLE_ROUNDS: u32 = 64;
/// Rounds that a step of the demo may take.
const ROUNDS_MAX: u32 = 1_000_000;

/// The simulation's clock as a host's.
struct Simulated(SimClock);

impl Clock for Simulated {
    fn now_ns(&self) -> u64 {
        self.0.now_ns()
    }
}

struct Stage {
    world: World,
    client: Host,
    server: Host,
    journey: Journey,
}

impl Stage {
    /// Polls both hosts, and lets the world go on, until `done`.
    fn play<T>(&mut self, what: &str, mut done: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let mut idle = 0;
        for _ in 0..ROUNDS_MAX {
            let mut moved = false;
            for (nic, host) in [&self.client, &self.server].into_iter().enumerate() {
                self.journey.mark(nic);
                moved |= !host.poll()?.is_idle();
            }
            if let Some(result) = done()? {
                return Ok(result);
            }
            idle = if moved { 0 } else { idle + 1 };
            let now_ns = self.world.now_ns();
            let step_ns = if idle < IDLE_ROUNDS {
                // A host polls ten million times a second.
                now_ns + 100
            } else {
                let deadlines = [self.client.deadline_ns(), self.server.deadline_ns()];
                deadlines
                    .into_iter()
                    .flatten()
                    .min()
                    .unwrap_or(now_ns + 100)
                    .max(now_ns + 100)
            };
            self.world.advance_until(step_ns)?;
        }
        bail!("{what}: nothing came of it in {ROUNDS_MAX} rounds")
    }
}

/// Plays the journey, prints it, writes the three files, and returns its packets.
pub fn run(width: Width, output: &Path) -> Result<Vec<Packet>> {
    let pcapng = output.join("demo.pcapng");
    let fst = output.join("demo.fst");
    let svg = output.join("demo.svg");
    let capture =
        CaptureFile::create(&pcapng, 0).with_context(|| format!("writing {}", pcapng.display()))?;
    let (near, far) = Cable::pair(CABLE_NS);
    let world = World::new(
        &WorldConfig::new(width.into()),
        vec![Box::new(Capture::new(near, capture.clone())), Box::new(far)],
    )
    .context("starting the simulated NICs")?;
    // The writer of waveforms replaces what has the name it is given, a device as well.
    let waveform = tempfile::NamedTempFile::new_in(output)
        .with_context(|| format!("a file for the waveform in {}", output.display()))?;
    world
        .open_trace(0, waveform.path())
        .with_context(|| format!("writing {}", fst.display()))?;
    let journey = Journey::default();
    journey.watch_world(&world);
    let host = |nic: usize, ip: Ipv4Addr| -> Result<Host> {
        let mut config = StackConfig::new(mac_of(ip), ip, 24);
        config.seed = Some(SEED + nic as u64);
        let bus = world
            .bus(nic)
            .context("the simulated world has too few NICs")?;
        let host = Host::manual(bus, config, Arc::new(Simulated(world.clock())))?;
        journey.watch_host(nic, &host);
        Ok(host)
    };
    let mut stage = Stage {
        client: host(0, CLIENT_IP)?,
        server: host(1, *SERVER.ip())?,
        world: world.clone(),
        journey: journey.clone(),
    };

    println!(
        "== two simulated NICs on a cable, W = {}, simulated time\n",
        width.bits()
    );
    let listener = TcpListener::bind(&stage.server, SERVER)?;
    listener.set_nonblocking(true)?;
    println!(
        "server: bind(), listen() on port {}: its NIC learns the port",
        SERVER.port()
    );
    let mut socket = Socket::new(&stage.client);
    socket.set_nonblocking(true);
    println!("client: socket(): a descriptor; nothing recorded, nothing sent");
    journey.mark(0);
    let mut client = socket.connect(SERVER)?;
    println!("client: connect({SERVER}): buffers set aside, peer recorded, NIC told; SYN");
    let mut server = stage.play("the handshake", || {
        client.connected().or_else(would_block)?;
        match listener.accept() {
            Ok((stream, peer)) => {
                println!("server: accept() gives the connection from {peer}");
                stream.set_nonblocking(true)?;
                Ok(Some(stream))
            }
            Err(error) => would_block(error).map(|()| None),
        }
    })?;

    let request = transfer(&mut stage, 0, &mut client, &mut server, REQUEST)?;
    ensure!(request == REQUEST, "the request arrived changed");
    println!(
        "client: write() of {} bytes; server: read() gives the same",
        REQUEST.len()
    );
    let answer = answer();
    let got = transfer(&mut stage, 1, &mut server, &mut client, &answer)?;
    ensure!(got == answer, "the answer arrived changed");
    println!("server: write() of {ANSWER_LEN_BYTES} bytes; client: read() gives the same");

    journey.mark(0);
    client.shutdown(Shutdown::Write)?;
    println!("client: shutdown(Write): FIN, no more data from here");
    end_of_stream(&mut stage, &mut server)?;
    println!("server: read() gives the end of the stream; close(): FIN");
    journey.mark(1);
    drop(server);
    end_of_stream(&mut stage, &mut client)?;
    drop(client);
    println!("client: read() gives the end of the stream; close()");
    // TIME-WAIT is a minute in which nothing happens: no need to see that in the waveform.
    world.close_traces();
    let written = fs::read(waveform.path()).context("reading the waveform again")?;
    output::write(&fst, written)?;
    let closed_ns = world.now_ns();
    stage.play("the end of TIME-WAIT", || {
        Ok(journey.is_over(0).then_some(()))
    })?;
    println!(
        "client: after {:.0} s of TIME-WAIT, skipped by the simulation, the connection is forgotten\n",
        (world.now_ns() - closed_ns) as f64 / 1e9
    );
    world.check()?;
    let frames = capture
        .finish()
        .with_context(|| format!("writing {}", pcapng.display()))?;

    let packets = journey.between_nics();
    println!("{}", ladder::text(&packets, Columns::All));
    output::write(
        &svg,
        ladder::picture("A TCP connection through the gateware", &packets),
    )?;
    println!(
        "{}: {frames} frames, timestamps from the simulation",
        pcapng.display()
    );
    println!("{}: waveform of the client's NIC", fst.display());
    println!("{}: the ladder as a picture\n", svg.display());
    Ok(packets)
}

fn would_block(error: std::io::Error) -> Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock => Ok(()),
        _ => Err(error.into()),
    }
}

/// Writes all of `data` on one side and reads it on the other.
fn transfer(
    stage: &mut Stage,
    from_nic: usize,
    from: &mut TcpStream,
    to: &mut TcpStream,
    data: &[u8],
) -> Result<Vec<u8>> {
    let mut sent = 0;
    let mut got = Vec::new();
    let journey = stage.journey.clone();
    stage.play("the transfer", || {
        if sent < data.len() {
            journey.mark(from_nic);
            match from.write(&data[sent..]) {
                Ok(written) => sent += written,
                Err(error) => would_block(error)?,
            }
        }
        let mut chunk = [0; 4096];
        match to.read(&mut chunk) {
            Ok(0) => bail!(
                "the stream ended after {} of {} bytes",
                got.len(),
                data.len()
            ),
            Ok(read) => got.extend_from_slice(&chunk[..read]),
            Err(error) => would_block(error)?,
        }
        Ok((got.len() >= data.len()).then_some(()))
    })?;
    Ok(got)
}

fn end_of_stream(stage: &mut Stage, stream: &mut TcpStream) -> Result<()> {
    stage.play("the end of the stream", || {
        match stream.read(&mut [0; 16]) {
            Ok(0) => Ok(Some(())),
            Ok(_) => bail!("there was data where the stream should have ended"),
            Err(error) => would_block(error).map(|()| None),
        }
    })
}
