//! What the peers of `handclasp serve` and `handclasp get` see of them: sockets of the kernel, asked directly.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use handclasp_wires::kernel::{KERNEL_IP, OUR_IP};
use nix::sys::signal::{kill, Signal};
use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, Pid};

use super::{handclasp, text, Outcome, Running, FILE_LEN_BYTES};

/// As many connections as the NIC has ids.
const CONNECTIONS_MAX: usize = 255;
const GET_SMALL: &[u8] = b"GET /small HTTP/1.1\r\nHost: h\r\n\r\n";
const SMALL: &[u8] = b"hello\n";

/// Begins to serve the directory `www` in `dir`, with `/file` and a small one; returns when it listens.
fn serve(dir: &Path, arguments: &[&str]) -> Result<Running, Box<dyn std::error::Error>> {
    let www = dir.join("www");
    fs::write(www.join("small"), SMALL)?;
    let mut command = handclasp(&["serve", "--port", "80", "--dir", text(&www)], None);
    command.args(arguments).stdout(Stdio::piped());
    let mut serve = Running(command.spawn()?);
    let stdout = serve.0.stdout.take().ok_or("no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    match line.starts_with("serving") {
        true => Ok(serve),
        false => Err(format!("handclasp serve said {line:?}").into()),
    }
}

fn connect() -> std::io::Result<TcpStream> {
    let peer = TcpStream::connect((OUR_IP, 80))?;
    peer.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(peer)
}

/// Asks for the small file, and reads all of the answer.
fn ask(mut peer: &TcpStream) -> Outcome {
    peer.write_all(GET_SMALL)?;
    let mut answer = Vec::new();
    while !answer.ends_with(SMALL) {
        let mut chunk = [0; 4096];
        let read = peer.read(&mut chunk)?;
        if read == 0 {
            return Err("the connection ended before the answer".into());
        }
        answer.extend_from_slice(&chunk[..read]);
    }
    Ok(())
}

/// No timer, of Nagle's or of a delayed ACK, is in the way of an answer.
pub fn small_answers_wait_for_no_timer(dir: &Path) -> Outcome {
    let _serve = serve(dir, &[])?;
    let peer = connect()?;
    let mut took = Vec::new();
    for _ in 0..100 {
        let begin = Instant::now();
        ask(&peer)?;
        took.push(begin.elapsed());
    }
    took.sort();
    // 44 ms with one.
    match took[took.len() / 2] {
        median if median < Duration::from_millis(20) => Ok(()),
        median => Err(format!("a small answer takes {median:?}").into()),
    }
}

/// When idle connections have all ids, a new one waits for them to be closed.
pub fn idle_connections_keep_nobody_out(dir: &Path) -> Outcome {
    let _serve = serve(dir, &["--idle-timeout", "3"])?;
    let idle: Result<Vec<_>, _> = (0..CONNECTIONS_MAX).map(|_| connect()).collect();
    let idle = idle?;
    ask(&connect()?)?;
    // All of them have been told.
    for mut peer in &idle {
        let mut rest = [0];
        match peer.read(&mut rest) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => return Err(format!("an idle connection: {other:?}").into()),
        }
    }
    Ok(())
}

/// More clients at once than the NIC has connections.
pub fn three_hundred_clients_are_all_served(dir: &Path) -> Outcome {
    let _serve = serve(dir, &[])?;
    let clients: Vec<_> = (0..300)
        .map(|_| thread::spawn(|| ask(&connect()?).map_err(|error| format!("{error:?}").into())))
        .collect();
    for client in clients {
        let asked: Result<(), Box<dyn std::error::Error + Send + Sync>> =
            client.join().map_err(|_| "a client panicked")?;
        asked.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// SIGINT: peers see the end within a second or so, in the middle of a download and idle, and `serve` ends well.
pub fn a_signal_ends_connections(dir: &Path) -> Outcome {
    let mut serve = serve(dir, &[])?;
    let idle = connect()?;
    ask(&idle)?;
    let mut loading = connect()?;
    loading.write_all(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n")?;
    loading.read_exact(&mut [0; 65536])?;
    kill(Pid::from_raw(serve.0.id() as i32), Signal::SIGINT)?;
    let begin = Instant::now();
    for mut peer in [idle, loading] {
        let mut length = 0;
        let mut chunk = vec![0; 65536];
        loop {
            match peer.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error.into()),
            }
        }
        if length >= FILE_LEN_BYTES {
            return Err("the whole file came: nothing was seen".into());
        }
    }
    let status = serve.0.wait()?;
    let took = begin.elapsed();
    if took > Duration::from_secs(5) || !status.success() {
        return Err(format!("it ended with {status} after {took:?}").into());
    }
    Ok(())
}

/// Answers each connection with `answer`, in a thread, and says how it ended: by a RST (true) or not.
fn answering(answer: Vec<u8>, rounds: usize) -> std::io::Result<thread::JoinHandle<Vec<bool>>> {
    let listener = TcpListener::bind((KERNEL_IP, 8000))?;
    Ok(thread::spawn(move || {
        let mut resets = Vec::new();
        for _ in 0..rounds {
            let ended = listener.accept().and_then(|(mut peer, _)| {
                peer.set_read_timeout(Some(Duration::from_secs(10)))?;
                // The request, in one piece or more: nobody looks at it.
                let _ = peer.read(&mut [0; 4096])?;
                peer.write_all(&answer)?;
                while peer.read(&mut [0; 4096])? > 0 {}
                Ok(())
            });
            let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
            resets.push(ended.is_err_and(|error| kinds.contains(&error.kind())));
        }
        resets
    }))
}

fn get(dir: &Path, output: &str) -> std::process::Command {
    let url = format!("http://{KERNEL_IP}:8000/x");
    handclasp(&["get", &url, "--output", text(&dir.join(output))], None)
}

/// A client that leaves data unread resets the connection, even when the process ends right then (RFC 2525 2.17).
pub fn data_left_unread_is_a_reset_at_exit_too(dir: &Path) -> Outcome {
    const ROUNDS: usize = 10;
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
    answer.resize(answer.len() + 200_100, b'x');
    let server = answering(answer, ROUNDS)?;
    for _ in 0..ROUNDS {
        super::succeed(&mut get(dir, "got"))?;
    }
    let resets = server.join().map_err(|_| "the server panicked")?;
    match resets.iter().all(|reset| *reset) {
        true => Ok(()),
        false => Err(format!("which ended with a RST: {resets:?}").into()),
    }
}

/// What is no file is written through, a link stays, standard output is `-`, and what is refused leaves nothing.
pub fn get_writes_where_it_is_told_and_nowhere_else(dir: &Path) -> Outcome {
    let good = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec();
    let server = answering(good, 3)?;
    let fifo = dir.join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU)?;
    let reader = thread::spawn({
        let fifo = fifo.clone();
        move || fs::read(fifo)
    });
    super::succeed(&mut get(dir, "fifo"))?;
    if !fs::symlink_metadata(&fifo)?.file_type().is_fifo() {
        return Err("the FIFO is one no more, and its reader waits for ever".into());
    }
    let through = reader.join().map_err(|_| "the reader panicked")??;
    fs::write(dir.join("target"), "old")?;
    std::os::unix::fs::symlink("target", dir.join("link"))?;
    super::succeed(&mut get(dir, "link"))?;
    let url = format!("http://{KERNEL_IP}:8000/x");
    let printed = handclasp(&["get", &url, "--output", "-"], None).output()?;
    let _ = server.join();
    let kept = dir.join("link").is_symlink();
    let target = fs::read(dir.join("target"))?;
    for content in [&through, &target, &printed.stdout] {
        if content != b"hello" || !kept {
            return Err(format!("{content:?}, kept: {kept}").into());
        }
    }
    // A body cut short, beside a stranger's file.
    let server = answering(b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec(), 1)?;
    fs::write(dir.join("x.part"), "a stranger's")?;
    let refused = get(dir, "x").output()?;
    let _ = server.join();
    if refused.status.success() || dir.join("x").exists() || !dir.join("x.part").exists() {
        return Err(format!("after a 404: {refused:?}").into());
    }
    Ok(())
}

/// SIGTERM in the middle of a download leaves no part of the file, and the server sees the end.
pub fn a_signal_leaves_no_part_of_a_file(dir: &Path) -> Outcome {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello".to_vec();
    let server = answering(head, 1)?;
    let into = dir.join("into");
    fs::create_dir(&into)?;
    let mut get = Running(get(&into, "x").spawn()?);
    let begin = Instant::now();
    while fs::read_dir(&into)?.next().is_none() {
        if begin.elapsed() > Duration::from_secs(20) {
            return Err("no temporary file appears".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(500));
    kill(Pid::from_raw(get.0.id() as i32), Signal::SIGTERM)?;
    let begin = Instant::now();
    let status = get.0.wait()?;
    let took = begin.elapsed();
    let _ = server.join();
    if status.success() || took > Duration::from_secs(5) || fs::read_dir(&into)?.next().is_some() {
        return Err(format!("it ended with {status} after {took:?}, or left a file").into());
    }
    Ok(())
}
