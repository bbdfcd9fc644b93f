//! Gets a page over HTTP/1.0 (RFC 1945) and writes it to standard output.
//!
//! `http_get` gets a page that it serves itself over a cable; `http_get tap:hc0 192.0.2.2/24 http://192.0.2.1:8000/FILE` gets one
//! from a real server, and so does a card in the place of the TAP device.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::{env, thread};

use anyhow::{ensure, Context, Result};
use handclasp_examples::hosts;
use handclasp_host::{Host, TcpListener, TcpStream};
use url::Url;

const PAGE: &str = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nOnce around the cable.\n";

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let hosts = hosts(&mut arguments)?;
    let url = match &hosts.there {
        None => arguments.next().context("which URL?")?,
        Some(there) => serve_once(there)?,
    };
    io::stdout().write_all(&get(&hosts.here, &url)?)?;
    Ok(())
}

fn get(host: &Host, url: &str) -> Result<Vec<u8>> {
    let url = Url::parse(url).with_context(|| format!("{url:?}"))?;
    let name = url.host_str().context("the URL names no host")?;
    let port = url.port_or_known_default().context("which port?")?;
    let mut stream = TcpStream::connect(host, (name, port))?;
    let request = format!("GET {} HTTP/1.0\r\nHost: {name}\r\n\r\n", url.path());
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = answer.split_off(end.context("the answer has no end of its head")? + 4);
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status == "200", "the server says {:?}", head.lines().next());
    Ok(body)
}

/// Serves the page to the first who asks for it; returns its URL.
fn serve_once(host: &Host) -> Result<String> {
    let listener = TcpListener::bind(host, (host.ip(), 80))?;
    thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        // To its end: what is left unread at the close would be a reset.
        for line in BufReader::new(&stream).lines() {
            if line?.is_empty() {
                break;
            }
        }
        stream.write_all(PAGE.as_bytes())
    });
    Ok(format!("http://{}/", host.ip()))
}
