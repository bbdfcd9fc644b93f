//! A client that gets one resource.

use std::io::{Read, Write};

use anyhow::{bail, Context, Result};

use super::{field, Buffered, CHUNK_BYTES, FIELDS_MAX};

/// How the response's body ends (RFC 9112 section 6.3).
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// Gets `target` (path and query) of `host` and writes the body to `out`; returns its length in bytes.
///
/// # Errors
/// When the connection fails, the response is not HTTP/1.1, its status is not 200, or the body ends early.
pub fn get<S: Read + Write>(
    mut stream: S,
    host: &str,
    target: &str,
    out: &mut impl Write,
) -> Result<u64> {
    // In one piece: written bit by bit, each bit would be a segment.
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: handclasp/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream
        .write_all(request.as_bytes())
        .context("sending the request")?;
    stream.flush().context("sending the request")?;

    let mut buffered = Buffered::new(stream);
    let framing = loop {
        let Some(head) = buffered.head()? else {
            bail!("{host} closed the connection without a response");
        };
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {}
            other => bail!("{host} did not answer with an HTTP response: {other:?}"),
        }
        match response.code {
            Some(200) => {}
            // Interim responses come before the final one (RFC 9110 section 15.2).
            Some(100..=199) => continue,
            Some(code) => bail!(
                "{host} answered {code} {} for {target}{}",
                response.reason.unwrap_or_default(),
                field(response.headers, "location")
                    .map(|to| format!("; it redirects to {to}: get that"))
                    .unwrap_or_default()
            ),
            None => bail!("{host} answered without a status"),
        }
        if field(response.headers, "transfer-encoding").is_some() {
            break Framing::Chunked;
        }
        break match field(response.headers, "content-length") {
            Some(length) => Framing::Length(
                length
                    .parse()
                    .with_context(|| format!("{host} sent Content-Length {length:?}"))?,
            ),
            None => Framing::UntilClose,
        };
    };
    match framing {
        Framing::Length(length) => copy(&mut buffered, out, Some(length)),
        Framing::UntilClose => copy(&mut buffered, out, None),
        Framing::Chunked => {
            let mut total = 0;
            loop {
                let line = buffered.line()?;
                let size = match httparse::parse_chunk_size(&line) {
                    Ok(httparse::Status::Complete((_, size))) => size,
                    _ => bail!("{host} sent a chunk without a size"),
                };
                if size == 0 {
                    return Ok(total);
                }
                total += copy(&mut buffered, out, Some(size))?;
                buffered.line()?;
            }
        }
    }
}

/// Copies `length` bytes (all there are, when `None`); fewer are an error.
fn copy(from: &mut impl Read, to: &mut impl Write, length: Option<u64>) -> Result<u64> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut done = 0;
    while length.is_none_or(|length| done < length) {
        let left = length.map_or(u64::MAX, |length| length - done);
        let want = chunk
            .len()
            .min(usize::try_from(left).unwrap_or(chunk.len()));
        let read = match from.read(&mut chunk[..want]) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(error).context(format!("reading the body after {done} bytes"))
            }
        };
        if read == 0 {
            if let Some(length) = length {
                bail!("the body ended after {done} of {length} bytes");
            }
            break;
        }
        to.write_all(&chunk[..read]).context("writing the file")?;
        done += read as u64;
    }
    Ok(done)
}
