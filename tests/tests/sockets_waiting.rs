//! Waiting for a connection or a listener: what ends it, and what does not.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use handclasp_host::{Host, Interest, Readiness, TcpListener, TcpStream};
use handclasp_tests::pair::{hosts, SERVER};

/// Long enough for whatever is to happen.
const LIMIT: Option<Duration> = Some(Duration::from_secs(10));
/// Long enough for what is to happen at once, on a busy machine, and shorter than what happens by a timer.
const AT_ONCE: Duration = Duration::from_millis(500);
/// How long nothing is to happen.
const SHORT: Duration = Duration::from_millis(50);

const READABLE: Readiness = Readiness {
    readable: true,
    writable: false,
};
const WRITABLE: Readiness = Readiness {
    readable: false,
    writable: true,
};
const NEITHER: Readiness = Readiness {
    readable: false,
    writable: false,
};
const BOTH: Readiness = Readiness {
    readable: true,
    writable: true,
};

/// The server's end of a connection, nonblocking, and the client's.
fn connection(listener: &TcpListener, client: &Host) -> (TcpStream, TcpStream) {
    let near = TcpStream::connect(client, listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    far.set_nonblocking(true).unwrap();
    (far, near)
}

fn listener(server: &Host) -> TcpListener {
    TcpListener::bind(server, (SERVER, 0)).unwrap()
}

#[test]
fn a_stream_is_readable_with_data_with_its_end_and_with_an_error() {
    let (server, client) = hosts();
    let listener = listener(&server);
    let (mut far, mut near) = connection(&listener, &client);
    let begin = Instant::now();
    let ready = far.wait(Interest::READABLE, Some(SHORT)).unwrap();
    assert_eq!(ready, NEITHER);
    assert!(begin.elapsed() >= SHORT);

    let writer = thread::spawn(move || {
        thread::sleep(SHORT);
        near.write_all(b"data").unwrap();
        near
    });
    assert_eq!(far.wait(Interest::READABLE, LIMIT).unwrap(), READABLE);
    let mut word = [0; 5];
    assert_eq!(far.read(&mut word).unwrap(), 4);
    assert_eq!(
        far.read(&mut word).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    let near = writer.join().unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    assert_eq!(far.wait(Interest::READABLE, LIMIT).unwrap(), READABLE);
    assert_eq!(far.read(&mut word).unwrap(), 0);

    // Unread data resets the peer.
    let (far, mut near) = connection(&listener, &client);
    near.write_all(b"nobody reads this").unwrap();
    far.wait(Interest::READABLE, LIMIT).unwrap();
    drop(far);
    assert_eq!(near.wait(Interest::READABLE, LIMIT).unwrap(), READABLE);
    assert_eq!(
        near.read(&mut word).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn a_stream_is_writable_when_there_is_room() {
    let (server, client) = hosts();
    let listener = listener(&server);
    let (mut far, mut near) = connection(&listener, &client);
    let either = Interest::READABLE | Interest::WRITABLE;
    assert_eq!(far.wait(either, LIMIT).unwrap(), WRITABLE);
    // Until both its buffer and the peer's window are full.
    let mut written = 0;
    while !far
        .wait(Interest::WRITABLE, Some(SHORT))
        .unwrap()
        .is_empty()
    {
        written += far.write(&[7; 65_536]).unwrap();
    }
    assert_eq!(far.write(&[7]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let reader = thread::spawn(move || {
        thread::sleep(SHORT);
        near.read_exact(&mut vec![0; written]).unwrap();
        near.write_all(b"x").unwrap();
        near
    });
    assert_eq!(far.wait(either, LIMIT).unwrap(), WRITABLE);
    let _near = reader.join().unwrap();
    far.wait(Interest::READABLE, LIMIT).unwrap();
    assert_eq!(far.wait(either, LIMIT).unwrap(), BOTH);
}

#[test]
fn a_listener_is_waited_for_with_a_limit() {
    let (server, client) = hosts();
    let listener = listener(&server);
    assert!(!listener.wait(Some(SHORT)).unwrap());
    assert!(!listener.wait(Some(Duration::ZERO)).unwrap());
    let address = listener.local_addr().unwrap();
    let _near = thread::spawn(move || TcpStream::connect(&client, address).unwrap());
    assert!(listener.wait(LIMIT).unwrap());
    listener.set_nonblocking(true).unwrap();
    listener.accept().unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// How often threads of this process with this name have gone to sleep of their own accord, the one that did it most often
/// left out: one of those who wait leads.
fn sleeps_but_the_leaders(name: &str) -> u64 {
    let mut sleeps: Vec<u64> = fs::read_dir("/proc/self/task")
        .unwrap()
        // A thread that has ended meanwhile has no status.
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok())
        .filter(|status| status.contains(&format!("Name:\t{name}\n")))
        .map(|status| {
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse().unwrap()
        })
        .collect();
    sleeps.sort_unstable();
    sleeps.pop();
    sleeps.iter().sum()
}

#[test]
fn an_echo_wakes_nobody_who_waits_for_something_else() {
    const IDLE: usize = 50;
    const ECHOES: usize = 200;
    const NAME: &str = "idle reader";
    let (server, client) = hosts();
    let listener = listener(&server);
    let mut readers = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..IDLE {
        let (mut far, near) = connection(&listener, &client);
        far.set_nonblocking(false).unwrap();
        let read = move || far.read(&mut [0]).unwrap();
        let thread = thread::Builder::new().name(NAME.into());
        readers.push(thread.spawn(read).unwrap());
        peers.push(near);
    }
    let (mut far, mut near) = connection(&listener, &client);
    far.set_nonblocking(false).unwrap();
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while far.read(&mut byte).unwrap() == 1 {
            far.write_all(&byte).unwrap();
        }
    });
    let echo_once = |near: &mut TcpStream| {
        near.write_all(&[7]).unwrap();
        near.read_exact(&mut [0]).unwrap();
    };
    // Until all of them have come to rest.
    thread::sleep(SHORT);
    echo_once(&mut near);
    let before = sleeps_but_the_leaders(NAME);
    for _ in 0..ECHOES {
        echo_once(&mut near);
    }
    let sleeps = sleeps_but_the_leaders(NAME) - before;
    println!("{IDLE} idle readers slept {sleeps} times during {ECHOES} echoes");
    assert!(
        sleeps < ECHOES as u64 / 4,
        "{sleeps} during {ECHOES} echoes"
    );
    // And each of them is awake when it must be.
    for (mut peer, reader) in peers.into_iter().zip(readers) {
        peer.write_all(&[7]).unwrap();
        assert_eq!(reader.join().unwrap(), 1);
    }
    drop(near);
    echo.join().unwrap();
}

#[test]
fn a_shutdown_by_another_thread_ends_a_read_and_a_wait() {
    let (server, client) = hosts();
    let listener = listener(&server);
    // The first to wait leads, the others follow it.
    let (far, peers): (Vec<_>, Vec<_>) = (0..3).map(|_| connection(&listener, &client)).unzip();
    let waiting: Vec<_> = far
        .iter()
        .map(|stream| {
            let mut stream = stream.try_clone().unwrap();
            stream.set_nonblocking(false).unwrap();
            let waiting = thread::spawn(move || {
                let ready = stream.wait(Interest::READABLE, LIMIT).unwrap();
                (ready, stream.read(&mut [0]).unwrap())
            });
            thread::sleep(SHORT);
            waiting
        })
        .collect();
    let begin = Instant::now();
    for (stream, waiting) in far.iter().zip(waiting) {
        // The peer learns nothing of this, so no answer of its can end the wait.
        stream.shutdown(Shutdown::Read).unwrap();
        assert_eq!(waiting.join().unwrap(), (READABLE, 0));
    }
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    drop(peers);
}

#[test]
fn closing_a_listener_ends_an_accept_and_a_wait() {
    let (server, _client) = hosts();
    let listener = Arc::new(listener(&server));
    let (sender, ends) = mpsc::channel();
    let waits: [fn(&TcpListener) -> io::Result<()>; 2] = [
        |listener| listener.accept().map(|_| ()),
        |listener| listener.wait(LIMIT).map(|_| ()),
    ];
    for wait in waits {
        let (listener, sender) = (Arc::clone(&listener), sender.clone());
        thread::spawn(move || sender.send(wait(&listener)));
        thread::sleep(SHORT);
    }
    listener.close();
    for _ in 0..waits.len() {
        let end = ends.recv_timeout(AT_ONCE).expect("the wait goes on");
        assert_eq!(end.unwrap_err().kind(), ErrorKind::NotConnected);
    }
}
