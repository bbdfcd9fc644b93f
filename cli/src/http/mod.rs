//! HTTP/1.1 (RFC 9112) over any byte stream: the file server of `handclasp serve`, the client of `handclasp get`.

pub mod client;
pub mod server;

use std::io::{self, Read};

use anyhow::{bail, Context, Result};

/// Longest head (request line or status line, and fields) that is accepted, in bytes.
const HEAD_MAX_BYTES: usize = 16 * 1024;

/// Most header fields that are accepted.
const FIELDS_MAX: usize = 64;

/// Bytes read and written at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A stream with what has been read of it, but not used.
struct Buffered<S> {
    stream: S,
    unused: Vec<u8>,
}

impl<S: Read> Buffered<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            unused: Vec::new(),
        }
    }

    /// Reads until an empty line; returns the head with it. `None` when the stream ends before its first byte.
    fn head(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = find(&self.unused, b"\r\n\r\n") {
                let rest = self.unused.split_off(end + 4);
                return Ok(Some(std::mem::replace(&mut self.unused, rest)));
            }
            if self.unused.len() > HEAD_MAX_BYTES {
                bail!("the HTTP head is longer than {HEAD_MAX_BYTES} bytes");
            }
            if self.fill().context("reading the HTTP head")? == 0 {
                if self.unused.is_empty() {
                    return Ok(None);
                }
                bail!(
                    "the connection ended in the middle of the HTTP head, after {} bytes",
                    self.unused.len()
                );
            }
        }
    }

    /// Reads a line that ends in CR LF; returns it with them.
    fn line(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(end) = find(&self.unused, b"\r\n") {
                let rest = self.unused.split_off(end + 2);
                return Ok(std::mem::replace(&mut self.unused, rest));
            }
            if self.unused.len() > HEAD_MAX_BYTES {
                bail!("a line of the chunked body is longer than {HEAD_MAX_BYTES} bytes");
            }
            if self.fill().context("reading a line of the chunked body")? == 0 {
                bail!("the connection ended in the middle of the chunked body");
            }
        }
    }

    /// Reads some more; returns how much, 0 at the end.
    fn fill(&mut self) -> io::Result<usize> {
        let before = self.unused.len();
        self.unused.resize(before + 4096, 0);
        let read = loop {
            match self.stream.read(&mut self.unused[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.unused.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }
}

impl<S: Read> Read for Buffered<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.unused.is_empty() {
            return self.stream.read(out);
        }
        let take = out.len().min(self.unused.len());
        out[..take].copy_from_slice(&self.unused[..take]);
        self.unused.drain(..take);
        Ok(take)
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The value of a header field, by its name without regard to case.
fn field<'a>(fields: &'a [httparse::Header<'a>], name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case(name))
        .and_then(|field| std::str::from_utf8(field.value).ok())
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::thread;

    use super::{client, server};

    /// Runs `request` (raw bytes) against the server over the kernel's loopback, and returns all it answers.
    fn ask(root: &std::path::Path, request: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let root = root.to_owned();
        let served = thread::spawn(move || server::serve(listener.accept().unwrap().0, &root));
        let mut peer = TcpStream::connect(address).unwrap();
        peer.write_all(request).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).unwrap();
        let _ = served.join().unwrap();
        answer
    }

    fn directory() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("www")).unwrap();
        fs::write(dir.path().join("secret"), "no").unwrap();
        fs::write(dir.path().join("www/a b"), "hello").unwrap();
        std::os::unix::fs::symlink("../secret", dir.path().join("www/link")).unwrap();
        dir
    }

    #[test]
    fn files_are_served_and_the_connection_is_kept() {
        let dir = directory();
        let answer = ask(
            &dir.path().join("www"),
            b"GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /a%20b HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\n\r\n",
        );
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
        assert_eq!(answer.matches("hello").count(), 1, "{answer}");
        assert!(answer.ends_with("404 Not Found\n"), "{answer}");
    }

    #[test]
    fn nothing_outside_the_directory_is_served() {
        let dir = directory();
        for target in [
            "/../secret",
            "/%2e%2e/secret",
            "//../secret",
            "/link",
            "/./../secret",
        ] {
            let answer = ask(
                &dir.path().join("www"),
                format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes(),
            );
            assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let dir = directory();
        let answer = ask(dir.path(), b"\x00\x01\x02 garbage\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let answer = ask(
            dir.path(),
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        );
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.matches("HTTP/1.1").count() == 1);
    }

    /// Answers one request with `response`, and returns what the client makes of it.
    fn answer_with(response: &'static [u8]) -> (anyhow::Result<u64>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /x?y HTTP/1.1\r\nHost: h:1\r\n"));
            stream.write_all(response).unwrap();
        });
        let mut out = Vec::new();
        let result = client::get(
            TcpStream::connect(address).unwrap(),
            "h:1",
            "/x?y",
            &mut out,
        );
        peer.join().unwrap();
        (result, out)
    }

    #[test]
    fn bodies_end_where_they_say() {
        let (result, out) = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloX");
        assert_eq!((result.unwrap(), &out[..]), (5, &b"hello"[..]));
        let (result, out) = answer_with(b"HTTP/1.0 200 OK\r\n\r\nto the end");
        assert_eq!((result.unwrap(), &out[..]), (10, &b"to the end"[..]));
        let (result, out) = answer_with(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
        );
        assert_eq!((result.unwrap(), &out[..]), (13, &b"abc0123456789"[..]));
    }

    #[test]
    fn a_body_cut_short_is_an_error() {
        let (result, _) = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
        assert!(format!("{:#}", result.unwrap_err()).contains("after 3 of 5 bytes"));
        let (result, _) = answer_with(b"HTTP/1.1 404 Not Found\r\n\r\n");
        assert!(format!("{:#}", result.unwrap_err()).contains("404 Not Found"));
        let (result, _) =
            answer_with(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
        assert!(format!("{:#}", result.unwrap_err()).contains("chunk without a size"));
    }
}
