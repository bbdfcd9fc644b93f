//! Each example as a program: on a cable, where it plays both ends, and on a TAP device with the Linux kernel at the other end.
//! Where TAP devices are not allowed, those tests count as ignored, and the reason is printed.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use handclasp_wires::kernel::{what_is_missing, with_kernel, KERNEL_IP, OUR_IP, PREFIX_LEN, TAP};
use libtest_mimic::{Arguments, Failed, Trial};

const PATIENCE: Duration = Duration::from_secs(60);

/// The examples.
mod programs {
    use std::process::Command;

    pub fn echo() -> Command {
        Command::new(env!("CARGO_BIN_EXE_echo"))
    }
    pub fn chat() -> Command {
        Command::new(env!("CARGO_BIN_EXE_chat"))
    }
    pub fn http_get() -> Command {
        Command::new(env!("CARGO_BIN_EXE_http_get"))
    }
    pub fn ping_pong() -> Command {
        Command::new(env!("CARGO_BIN_EXE_ping_pong"))
    }
}

type Outcome = Result<(), Failed>;

fn main() {
    let missing = what_is_missing();
    if let Some(reason) = &missing {
        eprintln!("the tests against the kernel are ignored: {reason}");
    }
    let on_cable = |name: &str, program: fn() -> Command, check: fn(&str) -> bool| {
        Trial::test(name, move || {
            let says = output(&mut program())?;
            if check(&says) {
                Ok(())
            } else {
                Err(says.into())
            }
        })
    };
    let with_the_kernel = |name: &str, test: fn() -> Outcome| {
        Trial::test(name, move || {
            with_kernel(|tap| {
                // The program opens the device itself.
                drop(tap);
                test()
            })?
        })
        .with_ignored_flag(missing.is_some())
    };
    let trials = vec![
        on_cable("echo_on_a_cable", programs::echo, |says| {
            says.ends_with("192.0.2.1 said \"Is there anybody?\" and heard \"Is there anybody?\"\n")
        }),
        on_cable("chat_on_a_cable", programs::chat, |says| {
            says == "chat room on 192.0.2.2:4000\n\
                     Alice hears: the room: Alice is here\n\
                     Bob hears: the room: Bob is here\n\
                     Alice hears: the room: Bob is here\n\
                     Bob hears: Alice: Hello, Bob!\n\
                     Alice hears: Bob: Hello, Alice!\n"
        }),
        on_cable("http_get_on_a_cable", programs::http_get, |says| {
            says == "Once around the cable.\n"
        }),
        on_cable("ping_pong_on_a_cable", programs::ping_pong, |says| {
            says.starts_with("64 bytes to 192.0.2.1:7 and back, 1000 times: P50 ")
        }),
        with_the_kernel("echo_serves_the_kernel", echo),
        with_the_kernel("chat_serves_the_kernel", chat),
        with_the_kernel("http_get_gets_from_python", http_get),
        with_the_kernel("ping_pong_asks_the_kernel", ping_pong),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Runs a program to its end; it must succeed.
fn output(command: &mut Command) -> Result<String, Failed> {
    let output = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{}: {}", output.status, text(&output.stderr)).into())
    }
}

fn on_tap(mut command: Command) -> Command {
    command.args([format!("tap:{TAP}"), format!("{OUR_IP}/{PREFIX_LEN}")]);
    command
}

/// A process that does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server, and waits until it says that it is one.
fn serving(program: Command) -> Result<(Running, BufReader<ChildStdout>), Failed> {
    let mut child = on_tap(program).stdout(Stdio::piped()).spawn()?;
    let says = child.stdout.take().ok_or("no standard output")?;
    let running = Running(child);
    let mut says = BufReader::new(says);
    let mut line = String::new();
    says.read_line(&mut line)?;
    if !line.contains(&format!(" on {OUR_IP}:")) {
        return Err(format!("a server says {line:?}").into());
    }
    Ok((running, says))
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((OUR_IP, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn echo() -> Outcome {
    let _server = serving(programs::echo())?;
    let sent: Vec<u8> = (0..100_000_u32).map(|n| (n / 251) as u8).collect();
    let mut stream = connect(7)?;
    let mut writer = stream.try_clone()?;
    let to_send = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&to_send)?;
        writer.shutdown(Shutdown::Write)
    });
    let mut got = Vec::new();
    stream.read_to_end(&mut got)?;
    writing.join().map_err(|_| "the writer panicked")??;
    if got == sent {
        Ok(())
    } else {
        Err(format!(
            "{} bytes came back, and they are not what was sent",
            got.len()
        )
        .into())
    }
}

fn chat() -> Outcome {
    let _server = serving(programs::chat())?;
    let join = |name: &str| -> io::Result<_> {
        let mut stream = connect(4000)?;
        writeln!(stream, "{name}")?;
        Ok((BufReader::new(stream.try_clone()?), stream))
    };
    let hear = |from: &mut BufReader<TcpStream>, wanted: &str| -> Outcome {
        let mut line = String::new();
        from.read_line(&mut line)?;
        if line.trim_end() == wanted {
            Ok(())
        } else {
            Err(format!("heard {line:?}, not {wanted:?}").into())
        }
    };
    let (mut at_ann, mut ann) = join("Ann")?;
    hear(&mut at_ann, "the room: Ann is here")?;
    let (mut at_ben, ben) = join("Ben")?;
    hear(&mut at_ben, "the room: Ben is here")?;
    hear(&mut at_ann, "the room: Ben is here")?;
    writeln!(ann, "one line, and")?;
    writeln!(ann, "another")?;
    hear(&mut at_ben, "Ann: one line, and")?;
    hear(&mut at_ben, "Ann: another")?;
    drop((at_ben, ben));
    hear(&mut at_ann, "the room: Ben has left")
}

fn http_get() -> Outcome {
    let dir = tempfile::tempdir()?;
    let page: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
    fs::write(dir.path().join("page"), &page)?;
    let _server = Running(
        Command::new("python3")
            .args(["-m", "http.server", "8000", "--bind"])
            .arg(KERNEL_IP.to_string())
            .current_dir(dir.path())
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?,
    );
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect((KERNEL_IP, 8000)).is_err() {
        if Instant::now() > end {
            return Err("Python's server does not come up".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    let got = output(on_tap(programs::http_get()).arg(format!("http://{KERNEL_IP}:8000/page")))?;
    if got != page {
        return Err(format!("{} bytes came, and they are not the page", got.len()).into());
    }
    let error = output(on_tap(programs::http_get()).arg(format!("http://{KERNEL_IP}:8000/none")));
    match error {
        Err(says) if says.message().is_some_and(|says| says.contains("404")) => Ok(()),
        other => Err(format!("a page that is not there: {other:?}").into()),
    }
}

fn ping_pong() -> Outcome {
    let listener = TcpListener::bind((KERNEL_IP, 7))?;
    let echoing = thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        io::copy(&mut &stream, &mut &stream)
    });
    let says = output(on_tap(programs::ping_pong()).arg(format!("{KERNEL_IP}:7")))?;
    let echoed = echoing.join().map_err(|_| "the server panicked")??;
    if echoed == 64 * 1000 && says.contains("P50") {
        Ok(())
    } else {
        Err(format!("{echoed} bytes were echoed; {says}").into())
    }
}
