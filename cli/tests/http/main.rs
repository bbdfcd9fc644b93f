//! `handclasp serve` and `handclasp get` against real programs, curl and Python's HTTP server, in a network namespace: over
//! a good wire and over a bad one. Where TAP devices are not allowed, the tests count as ignored, and the reason is printed.

mod peers;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use handclasp_tests::pattern::pattern;
use handclasp_wires::kernel::{what_is_missing, with_kernel, KERNEL_IP, OUR_IP, PREFIX_LEN, TAP};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

const HANDCLASP: &str = env!("CARGO_BIN_EXE_handclasp");
const FILE_LEN_BYTES: usize = 8 << 20;
const FAULTS: &str = "drop=0.02,dup=0.01,reorder=0.02,flip=0.005,delay-ms=1,seed=7";
const PATIENCE: Duration = Duration::from_secs(90);

type Outcome = Result<(), Failed>;

fn main() {
    let missing = what_is_missing();
    if let Some(reason) = &missing {
        eprintln!("the tests against the kernel are ignored: {reason}");
    }
    let ignored = missing.is_some();
    let transfer = |name: &str,
                    test: fn(&Path, Option<&str>) -> Outcome,
                    faults: Option<&'static str>| {
        Trial::test(name, move || {
            beside_the_kernel(|dir| {
                test(dir, faults)?;
                let got = fs::read(dir.join("got"))?;
                if got == pattern(FILE_LEN_BYTES, 1) {
                    Ok(())
                } else {
                    Err(format!("{} bytes arrived, and they are not the file", got.len()).into())
                }
            })
        })
        .with_ignored_flag(ignored)
    };
    let peers = |name: &str, test: fn(&Path) -> Outcome| {
        Trial::test(name, move || beside_the_kernel(test)).with_ignored_flag(ignored)
    };
    let trials = vec![
        peers(
            "small_answers_wait_for_no_timer",
            peers::small_answers_wait_for_no_timer,
        ),
        peers(
            "idle_connections_keep_nobody_out",
            peers::idle_connections_keep_nobody_out,
        ),
        peers(
            "three_hundred_clients_are_all_served",
            peers::three_hundred_clients_are_all_served,
        ),
        peers(
            "a_signal_ends_connections",
            peers::a_signal_ends_connections,
        ),
        peers(
            "data_left_unread_is_a_reset_at_exit_too",
            peers::data_left_unread_is_a_reset_at_exit_too,
        ),
        peers(
            "get_writes_where_it_is_told_and_nowhere_else",
            peers::get_writes_where_it_is_told_and_nowhere_else,
        ),
        peers(
            "a_signal_leaves_no_part_of_a_file",
            peers::a_signal_leaves_no_part_of_a_file,
        ),
        transfer("curl_fetches_from_serve", curl, None),
        transfer(
            "curl_fetches_from_serve_over_a_bad_wire",
            curl,
            Some(FAULTS),
        ),
        transfer("get_fetches_from_a_real_server", get, None),
        transfer(
            "get_fetches_from_a_real_server_over_a_bad_wire",
            get,
            Some(FAULTS),
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Runs a test in a network namespace, with a directory that has `www/file`.
fn beside_the_kernel(test: impl FnOnce(&Path) -> Outcome + Send) -> Outcome {
    with_kernel(|tap| {
        // The command opens the device itself.
        drop(tap);
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join("www"))?;
        fs::write(dir.path().join("www/file"), pattern(FILE_LEN_BYTES, 1))?;
        test(dir.path())
    })?
}

/// A process that does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn handclasp(arguments: &[&str], faults: Option<&str>) -> Command {
    let mut command = Command::new(HANDCLASP);
    command.args(arguments);
    command.args([
        "--wire",
        &format!("tap:{TAP}"),
        "--ip",
        &format!("{OUR_IP}/{PREFIX_LEN}"),
    ]);
    command.args(faults.iter().flat_map(|faults| ["--fault", faults]));
    command
}

/// Runs a program to its end; it must succeed.
fn succeed(command: &mut Command) -> Outcome {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}; `make deps-test` installs it"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {said}", output.status).into())
}

fn curl(dir: &Path, faults: Option<&str>) -> Outcome {
    let counters = dir.join("counters");
    let www = dir.join("www");
    let mut serve = Running(
        handclasp(
            &[
                "serve",
                "--port",
                "80",
                "--dir",
                text(&www),
                "--counters",
                text(&counters),
            ],
            faults,
        )
        .stdout(Stdio::null())
        .spawn()?,
    );
    let url = format!("http://{OUR_IP}/file");
    let got = dir.join("got");
    succeed(Command::new("curl").args([
        "--silent",
        "--show-error",
        "--fail",
        "--retry",
        "20",
        "--retry-delay",
        "1",
        "--retry-all-errors",
        "--max-time",
        &PATIENCE.as_secs().to_string(),
        "--output",
        text(&got),
        &url,
    ]))?;
    // Told to end, it writes what its NIC has counted.
    kill(Pid::from_raw(serve.0.id() as i32), Signal::SIGTERM)?;
    let status = serve.0.wait()?;
    if !status.success() {
        return Err(format!("handclasp serve ended with {status}").into());
    }
    let counters = fs::read_to_string(&counters)?;
    let counter = |name: &str| -> u64 {
        let line = counters
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok())
            .unwrap_or_default()
    };
    // The file is at least so many full segments, and each was built by the gateware.
    if counter("tx_segments") < FILE_LEN_BYTES as u64 / 1460 || counter("rx_flow") == 0 {
        return Err(format!("the counters do not tell of the transfer:\n{counters}").into());
    }
    if faults.is_some() && counter("rx_drop_tcp_checksum") + counter("rx_drop_ip_checksum") == 0 {
        return Err(format!("no flipped bit was found:\n{counters}").into());
    }
    Ok(())
}

fn get(dir: &Path, faults: Option<&str>) -> Outcome {
    let mut server = Running(
        Command::new("python3")
            .args(["-m", "http.server", "8000"])
            .current_dir(dir.join("www"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let begin = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", 8000)).is_err() {
        if begin.elapsed() > PATIENCE || server.0.try_wait()?.is_some() {
            return Err("python3 -m http.server does not answer".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let url = format!("http://{KERNEL_IP}:8000/file");
    succeed(&mut handclasp(
        &["get", &url, "--output", text(&dir.join("got"))],
        faults,
    ))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
