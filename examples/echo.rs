//! An echo server (RFC 862): sends back what it receives.
//!
//! `echo` asks itself over a cable; `echo tap:hc0 192.0.2.2/24` and `echo 0000:03:00.0 192.0.2.2/24` serve whoever connects.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::{env, thread};

use anyhow::Result;
use handclasp_examples::{hosts, serve};
use handclasp_host::{Host, TcpListener, TcpStream};

const PORT: u16 = 7;

fn main() -> Result<()> {
    let hosts = hosts(&mut env::args().skip(1))?;
    let listener = TcpListener::bind(&hosts.here, (hosts.here.ip(), PORT))?;
    println!("echo server on {}", listener.local_addr()?);
    let Some(there) = hosts.there else {
        return serve(&listener, echo);
    };
    thread::spawn(move || serve(&listener, echo));
    ask(&there, &hosts.here, "Is there anybody?")
}

fn echo(stream: TcpStream) -> io::Result<()> {
    io::copy(&mut &stream, &mut &stream).map(drop)
}

/// Says something to the server, and prints what comes back.
fn ask(from: &Host, to: &Host, question: &str) -> Result<()> {
    let mut stream = TcpStream::connect(from, (to.ip(), PORT))?;
    stream.write_all(question.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("{} said {question:?} and heard {answer:?}", from.ip());
    Ok(())
}
