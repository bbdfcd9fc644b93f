//! Both sides over the kernel's loopback, against bytes that are written by hand.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use handclasp_host::Interest;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

use super::carrier::Socket;
use super::{client, server};

const IDLE: Duration = Duration::from_millis(300);

impl Socket for TcpStream {
    fn read(&self, out: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, out)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        Write::write(&mut &*self, data)
    }

    fn wait(&self, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
        let events = match interest {
            Interest::READABLE => PollFlags::POLLIN,
            Interest::WRITABLE => PollFlags::POLLOUT,
            _ => PollFlags::POLLIN | PollFlags::POLLOUT,
        };
        let timeout = match timeout {
            Some(timeout) => PollTimeout::try_from(timeout).unwrap(),
            None => PollTimeout::NONE,
        };
        Ok(poll(&mut [PollFd::new(self.as_fd(), events)], timeout)? > 0)
    }

    fn close_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn abort(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }

    fn acknowledged(&self) -> u32 {
        0
    }
}

/// Both ends of a connection over the kernel's loopback; the first one is nonblocking.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let near = listener.accept().unwrap().0;
    near.set_nonblocking(true).unwrap();
    near.set_nodelay(true).unwrap();
    far.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    (near, far)
}

/// Begins to serve `root`, and returns the client's end.
fn served(root: &Path) -> TcpStream {
    let (near, far) = pair();
    let root = root.to_owned();
    thread::spawn(move || server::serve(near, &root, IDLE));
    far
}

/// Sends `request` (raw bytes) with a FIN after it, and returns all that is answered.
fn ask(root: &Path, request: &[u8]) -> String {
    let mut peer = served(root);
    peer.write_all(request).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    answer
}

/// The status codes of all answers to `request`.
fn statuses(root: &Path, request: &str) -> Vec<u16> {
    let answer = ask(root, request.as_bytes());
    let heads = answer.split("HTTP/1.").skip(1);
    heads.map(|head| head[2..5].parse().unwrap()).collect()
}

fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("www")).unwrap();
    fs::write(dir.path().join("secret"), "no").unwrap();
    fs::write(dir.path().join("www/a b"), "hello").unwrap();
    fs::write(dir.path().join("www/small"), "hello").unwrap();
    fs::write(dir.path().join("www/empty"), "").unwrap();
    std::os::unix::fs::symlink("../secret", dir.path().join("www/link")).unwrap();
    dir
}

#[test]
fn files_are_served_and_the_connection_is_kept() {
    let dir = directory();
    let answer = ask(
        &dir.path().join("www"),
        b"GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /a%20b HTTP/1.1\r\nHost: h\r\n\r\nGET /none HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert_eq!(answer.matches("hello").count(), 1, "{answer}");
    assert!(answer.ends_with("404 Not Found\n"), "{answer}");
    // RFC 9110 6.6.1.
    assert_eq!(answer.matches("\r\ndate: ").count(), 3, "{answer}");
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
        "/small%00.txt",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(
            statuses(&dir.path().join("www"), &request),
            [404],
            "{target}"
        );
    }
}

#[test]
fn requests_are_taken_and_refused_as_the_rfcs_say() {
    let dir = directory();
    let get = "GET /small HTTP/1.1\r\nHost: h\r\n\r\n";
    let host = "Host: h\r\n";
    for (what, request, expected) in [
        ("no HTTP", "\0\u{1}\u{2} garbage\r\n\r\n".to_owned(), &[400][..]),
        // RFC 9112 3.2.
        ("no Host", format!("GET /small HTTP/1.1\r\n\r\n{get}"), &[400]),
        ("two Hosts", format!("GET /small HTTP/1.1\r\n{host}{host}\r\n{get}"), &[400]),
        ("HTTP/1.0 needs no Host", "GET /small HTTP/1.0\r\n\r\n".into(), &[200]),
        // RFC 9112 3.2.2.
        ("absolute-form", format!("GET http://h/small HTTP/1.1\r\n{host}\r\n{get}"), &[200, 200]),
        // RFC 9112 9.3, 9.6.
        ("a list with close", format!("GET /small HTTP/1.1\r\n{host}Connection: x, close\r\n\r\n{get}"), &[200]),
        ("close in a second line", format!("GET /small HTTP/1.1\r\n{host}Connection: x\r\nConnection: Close\r\n\r\n{get}"), &[200]),
        ("HTTP/1.0 kept by a list", format!("GET /small HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n{get}"), &[200, 200]),
        ("HTTP/1.0 not kept", format!("GET /small HTTP/1.0\r\n\r\n{get}"), &[200]),
        // RFC 9112 6.3.
        ("lengths that differ", format!("GET /small HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: {}\r\n\r\n{get}", get.len()), &[400]),
        ("a length that is none", format!("GET /small HTTP/1.1\r\n{host}Content-Length: +0\r\n\r\n{get}"), &[400]),
        ("length 00", format!("GET /small HTTP/1.1\r\n{host}Content-Length: 00\r\n\r\n{get}"), &[200, 200]),
        ("a body", format!("GET /small HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello{get}"), &[200, 200]),
        ("a chunked body", format!("GET /small HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{get}"), &[200, 200]),
        ("a coding that is not chunked", format!("GET /small HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n{get}"), &[400]),
        // RFC 9112 5.1, 5.2.
        ("space before the colon", format!("GET /small HTTP/1.1\r\n{host}X : y\r\n\r\n"), &[400]),
        ("obs-fold", format!("GET /small HTTP/1.1\r\n{host}X: a\r\n b\r\n\r\n"), &[400]),
        // RFC 9112 2.2.
        ("an empty line before", format!("\r\n{get}"), &[200]),
        ("POST", format!("POST /small HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc{get}"), &[405]),
        ("OPTIONS", format!("OPTIONS * HTTP/1.1\r\n{host}\r\n{get}"), &[405, 200]),
    ] {
        assert_eq!(statuses(&dir.path().join("www"), &request), expected, "{what}");
    }
    let answer = ask(dir.path(), b"DELETE / HTTP/1.1\r\nHost: h\r\n\r\n");
    // RFC 9110 15.5.6.
    assert!(answer.contains("\r\nallow: GET, HEAD\r\n"), "{answer}");
}

/// What a client reads when it has sent all of its body before it reads, as some do. Without a FIN: the server closes.
fn ask_with_body(root: &Path, length_bytes: usize) -> io::Result<String> {
    let mut peer = served(root);
    let head = format!("GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length_bytes}\r\n\r\n");
    peer.write_all(head.as_bytes())?;
    peer.write_all(&vec![b'x'; length_bytes])?;
    let mut answer = String::new();
    peer.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_request_with_a_body_gets_its_whole_answer() {
    let dir = directory();
    let root = dir.path().join("www");
    fs::write(root.join("big"), "y".repeat(200_000)).unwrap();
    let answer = ask_with_body(&root, 100_000).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:.100}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.len(), 200_000);
    // More than is read: refused, and the refusal arrives.
    let answer = ask_with_body(&root, 4 << 20).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:.100}");
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let dir = directory();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let begin = Instant::now();
    for target in ["/fifo", "/www"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(statuses(dir.path(), &request), [404], "{target}");
    }
    assert!(begin.elapsed() < Duration::from_secs(2));
}

/// Waits until the peer has closed, and returns how long that took.
fn closed_after(mut peer: TcpStream) -> Duration {
    let begin = Instant::now();
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
    begin.elapsed()
}

#[test]
fn idle_connections_are_closed() {
    let dir = directory();
    let root = dir.path().join("www");
    let (least, most) = (IDLE / 2, IDLE + Duration::from_secs(3));
    for sent in [
        "",
        "GET /small HTT",
        "GET /small HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let peer = served(&root);
        (&peer).write_all(sent.as_bytes()).unwrap();
        let took = closed_after(peer);
        assert!(least < took && took < most, "{sent:?}: {took:?}");
    }
    // A head that never ends is no sign of life.
    let peer = served(&root);
    let mut dripping = peer.try_clone().unwrap();
    let drip = thread::spawn(move || {
        let begin = Instant::now();
        while begin.elapsed() < 10 * IDLE && dripping.write_all(b"x").is_ok() {
            thread::sleep(IDLE / 10);
        }
    });
    let begin = Instant::now();
    let _ = peer.read(&mut [0]);
    assert!(begin.elapsed() < 5 * IDLE, "{:?}", begin.elapsed());
    drip.join().unwrap();
}

#[test]
fn a_peer_that_takes_nothing_of_its_answer_is_let_go() {
    let dir = directory();
    fs::write(dir.path().join("huge"), vec![0; 64 << 20]).unwrap();
    let (near, mut far) = pair();
    far.write_all(b"GET /huge HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    let begin = Instant::now();
    server::serve(near, dir.path(), IDLE).unwrap();
    assert!(begin.elapsed() < 10 * IDLE, "{:?}", begin.elapsed());
}

#[test]
fn a_small_answer_is_written_at_once() {
    /// Counts writes.
    struct Counting(TcpStream, std::rc::Rc<std::cell::Cell<u32>>);
    impl Socket for Counting {
        fn read(&self, out: &mut [u8]) -> io::Result<usize> {
            Socket::read(&self.0, out)
        }
        fn write(&self, data: &[u8]) -> io::Result<usize> {
            self.1.set(self.1.get() + 1);
            Socket::write(&self.0, data)
        }
        fn wait(&self, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
            self.0.wait(interest, timeout)
        }
        fn close_write(&self) -> io::Result<()> {
            self.0.close_write()
        }
        fn abort(&self) {
            self.0.abort();
        }
        fn acknowledged(&self) -> u32 {
            0
        }
    }
    let dir = directory();
    let (near, mut far) = pair();
    far.write_all(b"GET /www/small HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .unwrap();
    far.shutdown(Shutdown::Write).unwrap();
    let writes = std::rc::Rc::default();
    server::serve(
        Counting(near, std::rc::Rc::clone(&writes)),
        dir.path(),
        IDLE,
    )
    .unwrap();
    let mut answer = String::new();
    far.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert_eq!(writes.get(), 1);
}

/// Answers one request with `response`, and returns what the client makes of it.
fn answer_with(response: &[u8]) -> (anyhow::Result<u64>, Vec<u8>) {
    let (near, mut far) = pair();
    let response = response.to_owned();
    let peer = thread::spawn(move || {
        let mut request = [0; 1024];
        let read = far.read(&mut request).unwrap();
        let request = String::from_utf8_lossy(&request[..read]).into_owned();
        // The client may have seen enough.
        let _ = far.write_all(&response);
        request
    });
    let mut out = Vec::new();
    let result = client::get(near, "h:1", "/x?y", &mut out);
    let request = peer.join().unwrap();
    assert!(request.starts_with("GET /x?y HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nhost: h:1\r\n"), "{request}");
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
    assert!(format!("{:#}", result.unwrap_err()).contains("after 3 bytes"));
    let (result, _) = answer_with(b"HTTP/1.1 404 Not Found\r\n\r\n");
    assert!(format!("{:#}", result.unwrap_err()).contains("404 Not Found"));
}

/// curl 7.88.1 refuses these as well, by its exit status, but for those that are marked.
#[test]
fn answers_that_are_no_http_are_refused() {
    let chunked =
        |body: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    for (what, response) in [
        (
            "a chunk longer than its size",
            chunked("8\r\nabc\r\n3\r\nghi\r\n0\r\n\r\n"),
        ),
        (
            "no line end after a chunk",
            chunked("3\r\nabcXY3\r\nghi\r\n0\r\n\r\n"),
        ),
        ("no last chunk", chunked("3\r\nabc\r\n")),
        ("no size", chunked("zz\r\n")),
        (
            "a size over 64 bits",
            chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"),
        ),
        // Not by curl. RFC 9112 6.3: an unrecoverable error.
        (
            "lengths that differ",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello".into(),
        ),
        // Not by curl, which leaves an empty file. RFC 9112 7.4: we did not say that we take it.
        (
            "another coding",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                .into(),
        ),
        // Not by curl. RFC 9112 5.2: none may be sent.
        (
            "obs-fold",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello".into(),
        ),
        (
            "a negative length",
            "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello".into(),
        ),
        (
            "an empty line before it",
            "\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".into(),
        ),
        ("no HTTP", "hello".into()),
        ("nothing", String::new()),
    ] {
        let (result, _) = answer_with(response.as_bytes());
        assert!(result.is_err(), "{what}: {result:?}");
    }
}
