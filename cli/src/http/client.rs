//! A client that gets one resource.

use std::cell::Cell;
use std::future::{poll_fn, Future};
use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use bytes::Bytes;
use handclasp_host::Interest;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{handshake, SendRequest};
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, TRANSFER_ENCODING, USER_AGENT};
use hyper::{Request, StatusCode};

use super::carrier::{Carrier, Socket};

/// Gets `target` (path and query) of `host` and writes the body to `out`; returns its length in bytes.
///
/// # Errors
/// When the connection fails, the response is not HTTP/1.1, its status is not 200, or the body ends early.
pub fn get<S: Socket>(socket: S, host: &str, target: &str, out: &mut impl Write) -> Result<u64> {
    let begun = Cell::new(false);
    let carrier = Carrier::new(Answers { socket, begun });
    let exchanged = async {
        let (sender, connection) = handshake(carrier.io()).await.context("starting HTTP")?;
        let mut connection = pin!(connection);
        let mut exchange = pin!(exchange(sender, host, target, out));
        let mut connected = true;
        poll_fn(|context| {
            // It brings the exchange on. Its error is the exchange's as well.
            if connected && connection.as_mut().poll(context).is_ready() {
                connected = false;
            }
            exchange.as_mut().poll(context)
        })
        .await
    };
    carrier.run(exchanged, None)?
}

async fn exchange(
    mut sender: SendRequest<Empty<Bytes>>,
    host: &str,
    target: &str,
    out: &mut impl Write,
) -> Result<u64> {
    let request = Request::get(target)
        .header(HOST, host)
        .header(USER_AGENT, concat!("handclasp/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .with_context(|| format!("asking for {target}"))?;
    let response = sender
        .send_request(request)
        .await
        .with_context(|| format!("{host} did not answer with an HTTP response"))?;
    let status = response.status();
    if status != StatusCode::OK {
        let to = response.headers().get(LOCATION);
        let to = to.map(|to| String::from_utf8_lossy(to.as_bytes()));
        bail!(
            "{host} answered {status} for {target}{}",
            to.map(|to| format!("; it redirects to {to}: get that"))
                .unwrap_or_default()
        );
    }
    // We asked for none (RFC 9112 7.4), and what a coding left would not be the file.
    for coding in response.headers().get_all(TRANSFER_ENCODING) {
        ensure!(
            coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
            "{host} sent the transfer coding {coding:?}, which was not asked for"
        );
    }
    let mut body = response.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.with_context(|| format!("the body ended early, after {length} bytes"))?;
        if let Some(data) = frame.data_ref() {
            out.write_all(data).context("writing the file")?;
            length += data.len() as u64;
        }
    }
    Ok(length)
}

/// The socket, of which the first byte is looked at: hyper passes over empty lines before a status line, where there may be
/// none (RFC 9112 2.2 allows them before a request only).
struct Answers<S> {
    socket: S,
    /// The first byte has come.
    begun: Cell<bool>,
}

impl<S: Socket> Socket for Answers<S> {
    fn read(&self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.socket.read(out)?;
        if length > 0 && !self.begun.replace(true) && matches!(out.first(), Some(b'\r' | b'\n')) {
            let why = "it begins with an empty line";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(length)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        self.socket.write(data)
    }

    fn wait(&self, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
        self.socket.wait(interest, timeout)
    }

    fn close_write(&self) -> io::Result<()> {
        self.socket.close_write()
    }

    fn abort(&self) {
        self.socket.abort();
    }

    fn acknowledged(&self) -> u32 {
        self.socket.acknowledged()
    }
}
