//! A server of the host's kernel that sends back what it receives: what the guest's benches talk to.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use handclasp_tests::guest::ECHO_PORT;
use handclasp_wires::kernel::KERNEL_IP;

/// A client that is silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The server; dropped, it takes no more connections.
pub struct Echo {
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Echo {
    /// Starts it, in the namespace of the calling thread.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((KERNEL_IP, ECHO_PORT))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // That a client is reset in mid-stream is what some scenarios are about.
                thread::spawn(move || drop(answer(&stream)));
            }
        });
        Ok(Self {
            stop,
            accepting: Some(accepting),
        })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // One more connection ends the wait for one.
        let woken = TcpStream::connect((KERNEL_IP, ECHO_PORT)).is_ok();
        if let (true, Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

fn answer(stream: &TcpStream) -> io::Result<u64> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    io::copy(&mut &*stream, &mut &*stream)
}
